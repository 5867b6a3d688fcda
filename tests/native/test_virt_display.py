# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: screens of domains. What hvd says of them is said here by a stand-in
between the two, so that pictures may be as large, and answers as bad, as a test
wants."""
# pylint: disable=redefined-outer-name

import contextlib
import json
import os
import pathlib
import socket
import struct
import threading
import xml.etree.ElementTree as ET

import libvirt
import pytest

from test_hvd import wait
from test_virt_event import follow
from virt import SECONDS, Virt, Wire, built, machine, string, virt  # noqa: F401

pytestmark = built
SCREENSHOT, LOOKUP, SEND_KEY, HOSTNAME = 211, 23, 226, 59
CAPABILITIES, OPEN_GRAPHICS, OPEN_GRAPHICS_FD = 7, 249, 343
REPLY, STREAM, CALL_WITH_FDS, REPLY_WITH_FDS = 1, 3, 4, 5
OK, ERROR, CONTINUE = 0, 1, 2
RPC, INVALID_ARG, INVALID, DENIED, UNSUPPORTED = 39, 8, 55, 29, 84
NO_SUPPORT, FAILED = 3, 9
INVALID_STATE = 3  # hvd's
SOCKET_ROOM = 256 << 10  # more than a socket holds
PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture"
SCREEN = [{"type": "gpu", "vnc": {"port": "auto"}},
          {"type": "input", "kind": "keyboard"}]


def send(client, line):
    try:
        client.sendall(line)
    except OSError:
        pass  # it has gone


class Stand:
    """In front of hvd: answers display.*, and passes on the rest."""

    def __init__(self, machine, folder):
        self.machine = machine
        self.folder = folder
        self.answers = {}  # by method: what is called with the parameters
        self.asked = []
        self.subscribers = []
        folder.mkdir()
        self.listeners = []
        for name in ("hvd.sock", "hvd-ro.sock"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / name))
            listener.listen(64)
            self.listeners.append(listener)
            threading.Thread(target=self.accept, daemon=True,
                             args=(listener, machine.run_dir / name)).start()

    def accept(self, listener, to):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(to))
            for target in (self.requests, self.replies):
                threading.Thread(target=target, args=(client, server),
                                 daemon=True).start()

    def requests(self, client, server):
        with client.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                if "subscribe" in request["method"]:
                    self.subscribers.append(client)
                answer = self.answers.get(request["method"])
                if not answer:
                    server.sendall(line)
                    continue
                self.asked.append((request["method"], request["params"]))
                answer = answer(request["params"])
                if answer is not None:
                    send(client, json.dumps(
                        {"jsonrpc": "2.0", "id": request["id"]}
                        | answer).encode() + b"\n")
        server.shutdown(socket.SHUT_RDWR)

    def replies(self, client, server):
        with server.makefile("rb") as lines:
            for line in lines:
                send(client, line)
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def tell(self, zone, event, seq):
        """An event of kind "display", to all who want to hear some."""
        for client in self.subscribers:
            send(client, json.dumps({
                "jsonrpc": "2.0", "method": "event", "params": {
                    "seq": seq, "time": 1.0, "kind": "display",
                    "zone": zone["name"], "uuid": zone["uuid"], "id":
                    zone["id"], "device": "gpu0", "event": event,
                    "viewers": 1}}).encode() + b"\n")

    def close(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def pictures(self, data):
        """hvd makes a file, never over another one."""
        def shoot(params):
            with open(params["path"], "xb") as f:
                f.write(data)
            return {"result": {}}
        self.answers["display.screenshot"] = shoot

    def shows(self, **head):
        self.answers["display.get"] = lambda params: {"result": {
            "device": "gpu0", "viewers": 0, "heads": [
                {"head": 0, "width": 640, "height": 480, "socket":
                 "/run/hvd/vnc/z1-0.sock", "address": None, "port": None}
                | head]}}

    def refuses(self, method, code=-32003, message="no"):
        self.answers[method] = lambda params: {
            "error": {"code": code, "message": message}}


@pytest.fixture
def front(machine):  # noqa: F811
    machine.start().close()
    stand = Stand(machine, machine.tmp / "front")
    virt = Virt(machine)
    virt.stand = stand
    virt.start("--hvd-dir", stand.folder)
    yield virt
    if virt.process.poll() is None:
        virt.stop()
    stand.close()
    for sign in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
        assert sign not in virt.text(), virt.text()
    assert not list(virt.folder.glob("virthvdd-??????"))


@pytest.fixture
def zone(front):
    hvd = front.machine.client()
    hvd.call("zone.define", definition=front.machine.definition(devices=SCREEN))
    yield hvd
    hvd.close()


@pytest.fixture
def wire(front):
    client = Wire(front.socket)
    client.open()
    yield client
    client.close()


def domain(client, name="z1"):
    return client.call(LOOKUP, string(name))


class Shot:
    """A screenshot as packets."""

    def __init__(self, client, head=0, flags=0):
        body = domain(client) + struct.pack(">II", head, flags)
        self.client = client
        self.answer = client.call(SCREENSHOT, body)
        self.serial = client.serial

    def send(self, data=b"", status=CONTINUE):
        self.client.send(SCREENSHOT, data, kind=STREAM, status=status,
                         serial=self.serial)

    def packet(self):
        header, body = self.client.receive()
        assert header[2:5] == (SCREENSHOT, STREAM, self.serial), header
        return header[5], body

    def read(self):
        data = b""
        while True:
            status, body = self.packet()
            assert status == CONTINUE
            if not body:
                return data
            data += body


# ------------------------------------------------------------------ documents


def live(front):
    return ET.fromstring(front.virsh("dumpxml", "z1")).find("devices/graphics")


def test_the_port_that_is_used(front, zone):
    front.stand.shows(port=5907, address="127.0.0.1")
    assert live(front).get("port") == "-1"
    assert not front.stand.asked
    zone.call("zone.start", name="z1")
    assert live(front).get("port") == "5907"
    assert live(front).get("autoport") == "yes"
    assert front.virsh("vncdisplay", "z1") == "127.0.0.1:7"
    assert front.virsh("domdisplay", "z1") == "vnc://127.0.0.1:7"
    inactive = ET.fromstring(front.virsh("dumpxml", "--inactive", "z1"))
    assert inactive.find("devices/graphics").get("port") == "-1"
    # it ends meanwhile
    front.stand.refuses("display.get")
    assert live(front).get("port") == "-1"


def test_socket_alone(front, zone, tmp_path):
    zone.call("zone.define", definition=front.machine.definition(
        devices=[{"type": "gpu"}]))
    front.stand.shows()
    zone.call("zone.start", name="z1")
    listen = live(front).find("listen")
    assert listen.attrib == {"type": "socket",
                             "socket": "/run/hvd/vnc/z1-0.sock"}
    assert front.virsh("domdisplay", "z1") == \
        "vnc+unix:///run/hvd/vnc/z1-0.sock"
    before = zone.call("zone.get", name="z1")["definition"]
    path = tmp_path / "z1.xml"
    path.write_text(front.virsh("dumpxml", "z1"))
    front.virsh("define", path)
    assert zone.call("zone.get", name="z1")["definition"] == before


def test_no_screen_no_question(front, zone):
    zone.call("zone.define", definition=front.machine.definition(devices=[]))
    front.stand.shows()
    zone.call("zone.start", name="z1")
    assert live(front) is None
    assert not front.stand.asked


def test_another_resolution(front, zone, tmp_path):
    """<video> says nothing of <graphics>, which stays."""
    path = tmp_path / "video.xml"
    path.write_text("<video><model type='virtio'><resolution x='1024' y='768'/>"
                    "</model></video>")
    front.virsh("update-device", "z1", path, "--config")
    gpu, _ = zone.call("zone.get", name="z1")["definition"]["devices"]
    assert (gpu["width"], gpu["height"]) == (1024, 768)
    assert gpu["vnc"]["port"] == "auto"
    front.stand.answers["device.set"] = lambda params: {"result": {}}
    zone.call("zone.start", name="z1")
    path.write_text("<video><model type='virtio'><resolution x='800' y='600'/>"
                    "</model></video>")
    front.virsh("update-device", "z1", path, "--live")
    (_, params), = front.stand.asked
    assert params == {"name": zone.call("zone.get", name="z1")["uuid"],
                      "device": gpu["name"], "width": 800, "height": 600}
    path.write_text("<video><model type='virtio' heads='2'/></video>")
    assert "cannot change 'heads'" in front.virsh(
        "update-device", "z1", path, "--live", status=1)
    path.write_text("<video><model type='virtio'/></video>")
    front.virsh("update-device", "z1", path, "--live")
    assert len(front.stand.asked) == 1
    path.write_text("<graphics type='vnc' port='5950'/>")
    assert "<video>, which is its device" in front.virsh(
        "update-device", "z1", path, "--config", status=1)


def test_input_by_its_kind(front, zone, tmp_path):
    path = tmp_path / "input.xml"

    def kinds():
        return [device.get("kind") for device in
                zone.call("zone.get", name="z1")["definition"]["devices"]]

    path.write_text("<input type='tablet' bus='usb'/>")
    front.virsh("attach-device", "z1", path, "--config")
    assert kinds() == [None, "keyboard", "tablet"]
    path.write_text("<input type='keyboard' bus='virtio'/>")
    front.virsh("detach-device", "z1", path, "--config")
    assert kinds() == [None, "tablet"]
    assert "found" in front.virsh("detach-device", "z1", path, "--config",
                                  status=1)


def test_viewers_come_and_go(front, zone):
    zone.call("zone.start", name="z1")
    lines = follow(front, "--all")
    of = zone.call("zone.get", name="z1")
    for seq, (event, text) in enumerate((("connected", "connect"),
                                         ("counted", None),
                                         ("disconnected", "disconnect"))):
        front.stand.tell(of, event, 1000000 + seq)
        if text:
            lines.expect(f"'graphics' for domain 'z1': {text} local[unix  ] "
                         "remote[unix  ]")
    lines.end()


# ---------------------------------------------------------------- screenshots


def test_virsh_screenshot(front, zone, tmp_path):
    front.stand.pictures(PICTURE)
    zone.call("zone.start", name="z1")
    path = tmp_path / "picture"
    front.virsh("screenshot", "z1", path, "--screen", 1)
    assert path.read_bytes() == PICTURE
    (_, params), = front.stand.asked
    assert params["head"] == 1
    assert params["name"] == zone.call("zone.get", name="z1")["uuid"]
    assert pathlib.Path(params["path"]).parent.parent == front.folder
    assert not os.path.exists(params["path"])


def test_a_large_picture_waits_for_its_reader(front, zone, wire):
    picture = PICTURE + os.urandom(8 << 20)
    front.stand.pictures(picture)
    zone.call("zone.start", name="z1")
    shot = Shot(wire)
    # "image/png", behind a flag
    assert shot.answer == b"\0\0\0\1" + string("image/png")
    # what is not read is not taken from the file, and other calls are served
    other = Wire(front.socket)
    other.open()
    assert other.call(HOSTNAME)
    other.close()
    assert shot.read() == picture
    shot.send(status=OK)
    assert shot.packet() == (OK, b"")
    # and through libvirt's own streams
    connection = front.connect()
    stream = connection.newStream()
    assert connection.lookupByName("z1").screenshot(stream, 0) == "image/png"
    data = []
    stream.recvAll(lambda stream, chunk, opaque: data.append(chunk), None)
    stream.finish()
    assert b"".join(data) == picture
    connection.close()


def test_early_ends(front, zone, wire):
    front.stand.pictures(bytes(4 << 20))
    zone.call("zone.start", name="z1")
    for how in (OK, ERROR):
        shot = Shot(wire)
        shot.send(status=how)
        while True:
            status, body = shot.packet()
            if status != CONTINUE:
                break
        assert (status, body) == (OK, b"")
    # what is sent to a picture
    shot = Shot(wire)
    shot.send(b"x")
    while True:
        status, body = shot.packet()
        if status != CONTINUE:
            break
    assert status == ERROR and b"can only be read" in body
    # a client that goes
    assert Shot(wire).answer[:4] == b"\0\0\0\1"
    wire.close()
    assert front.virsh("domstate", "z1") == "running"


def ask_for_picture(front, zone, shoot):
    """The client that waits for what shoot() makes."""
    front.stand.answers["display.screenshot"] = shoot
    zone.call("zone.start", name="z1")
    client = Wire(front.socket)
    client.open()
    client.send(SCREENSHOT, domain(client) + bytes(8))
    return client


def test_a_client_that_goes_while_the_picture_is_made(front, zone):
    began = threading.Event()
    late = threading.Event()
    made = []

    def shoot(params):
        began.set()
        late.wait(20)
        try:
            pathlib.Path(params["path"]).write_bytes(PICTURE)
        except FileNotFoundError:
            made.append("its folder has gone")
        return {"result": {}}

    client = ask_for_picture(front, zone, shoot)
    assert began.wait(20)
    client.close()
    wait(lambda: not list(front.folder.glob("virthvdd-??????")))
    late.set()
    wait(lambda: made)


@pytest.mark.parametrize("finished", [False, True])
def test_what_a_killed_process_left_is_removed(front, zone, finished):
    began = threading.Event()
    ends = threading.Event()

    def shoot(params):
        if finished:
            pathlib.Path(params["path"]).write_bytes(PICTURE)
        began.set()
        ends.wait(20)
        return {"result": {}}

    client = ask_for_picture(front, zone, shoot)
    assert began.wait(20)
    front.kill()
    client.close()
    ends.set()
    left, = front.folder.glob("virthvdd-??????")
    assert len(list(left.iterdir())) == finished
    (front.folder / "virthvdd-mine").mkdir()
    front.start("--hvd-dir", front.stand.folder)
    assert not left.exists() and (front.folder / "virthvdd-mine").exists()
    (front.folder / "virthvdd-mine").rmdir()


def test_no_picture(front, zone, wire):
    front.stand.refuses("display.screenshot", -32003, "z1 is not running")
    assert front.virsh("screenshot", "z1", "/dev/null", status=1).endswith(
        "z1 is not running")
    # hvd says that it is there, and it is not
    front.stand.answers["display.screenshot"] = lambda params: {"result": {}}
    code, text = Shot(wire).answer
    assert code == libvirt.VIR_ERR_OPERATION_FAILED and "No such file" in text
    assert Shot(wire, flags=1).answer[0] == INVALID_ARG
    assert wire.call(SCREENSHOT, domain(wire))[0] == RPC
    reader = Wire(front.readonly)
    reader.open(1)
    assert Shot(reader).answer[0] == DENIED
    reader.close()


# ----------------------------------------------------------------------- keys


@pytest.mark.parametrize("words,keys,hold", [
    (["KEY_LEFTCTRL", "KEY_LEFTALT", "KEY_DELETE"], [29, 56, 111], 100),
    (["--holdtime", 250, "30"], [30], 250),
    (["--codeset", "usb", "0xe0", "0x04", "0x4c"], [29, 30, 111], 100),
    (["--codeset", "xt", "0x1e", "0x58"], [30, 88], 100),
])
def test_send_key(front, zone, words, keys, hold):
    front.stand.answers["display.send_keys"] = lambda params: {"result": {}}
    front.virsh("send-key", "z1", *words)
    (_, params), = front.stand.asked
    assert params == {"name": zone.call("zone.get", name="z1")["uuid"],
                      "keys": keys, "hold_ms": hold}


def test_keys_that_are_none(front, zone, wire):
    front.stand.answers["display.send_keys"] = lambda params: {"result": {}}
    for words, part in ((["--codeset", "win32", "65"], "code set 8 is not"),
                        (["--codeset", "atset1", "0xe01d"], "code 57373 of"),
                        (["--codeset", "usb", "3"], "key code 3 of this"),
                        (["0"], "key code 0 of this")):
        assert part in front.virsh("send-key", "z1", *words, status=1)
    body = domain(wire)
    assert wire.call(SEND_KEY, body)[0] == RPC
    for count in (17, 1 << 30):
        assert wire.call(SEND_KEY, body + struct.pack(">III", 0, 0, count)
                         + bytes(4 * 17) + bytes(4))[0] == RPC
    assert wire.call(SEND_KEY, body + struct.pack(">IIIII", 0, 0, 1, 30, 1)
                     )[0] == INVALID_ARG
    assert not front.stand.asked
    front.stand.refuses("display.send_keys", -32602, "hold_ms is too long")
    code, text = wire.call(SEND_KEY, body + struct.pack(
        ">IIIII", 0, 0xffffffff, 1, 30, 0))
    assert code == INVALID_ARG and "too long" in text
    assert front.stand.asked[-1][1]["hold_ms"] == 0xffffffff
    reader = Wire(front.readonly)
    reader.open(1)
    assert reader.call(SEND_KEY, domain(reader) + struct.pack(
        ">IIIII", 0, 0, 1, 30, 0))[0] == DENIED
    reader.close()


# ------------------------------------------------------------- for viewers


@contextlib.contextmanager
def head(front, number=0, backlog=8):
    """The socket of who shows it."""
    path = front.stand.folder / f"head-{number}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(backlog)
        front.stand.shows(socket=str(path))
        yield listener
    path.unlink()


def graphics(client, index=0, flags=0):
    return domain(client) + struct.pack(">II", index, flags)


def receive_fd(client):
    """A packet, then a byte with a file descriptor; a socket of that."""
    header, body = client.receive()
    assert header[2:4] == (OPEN_GRAPHICS_FD, REPLY_WITH_FDS), (header, body)
    assert header[5] == OK and body == struct.pack(">I", 1)
    byte, fds, _, _ = socket.recv_fds(client.socket, 1, 4)
    assert byte == b"\0" and len(fds) == 1
    assert os.get_blocking(fds[0])
    return socket.socket(fileno=fds[0])


def talk(viewer, listener):
    with viewer, listener.accept()[0] as shower:
        viewer.settimeout(SECONDS)
        shower.sendall(b"RFB 003.008\n")
        assert viewer.recv(100) == b"RFB 003.008\n"
        viewer.sendall(b"hello")
        assert shower.recv(100) == b"hello"
        viewer.close()
        # nobody else has it
        assert shower.recv(100) == b""


def test_a_connection_for_a_viewer(front, zone, wire):
    zone.call("zone.start", name="z1")
    with head(front) as listener:
        for flags in 0, libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH:
            wire.send(OPEN_GRAPHICS_FD, graphics(wire, flags=flags))
            talk(receive_fd(wire), listener)
        connection = front.connect()
        fd = connection.lookupByName("z1").openGraphicsFD(0, 0)
        talk(socket.socket(fileno=fd), listener)
        connection.close()
        assert wire.call(HOSTNAME)
    assert "DomainOpenGraphicsFD uuid" in front.text()


def test_connections_in_their_order(front, zone, wire):
    """A client that reads late: they are sent where they belong among answers."""
    zone.call("zone.start", name="z1")
    body = graphics(wire)
    size = len(wire.call(CAPABILITIES))
    kinds = [CAPABILITIES] * (SOCKET_ROOM // size) + [
        OPEN_GRAPHICS_FD, CAPABILITIES, OPEN_GRAPHICS_FD, OPEN_GRAPHICS_FD]
    with head(front) as listener:
        for kind in kinds:
            wire.send(kind, body if kind == OPEN_GRAPHICS_FD else b"")
        # by then more has been answered than the socket holds
        showers = [listener.accept()[0] for _ in range(3)]
        seen = []
        for _ in kinds:
            header, answer = wire.receive()
            seen.append(header[2])
            if header[2] == OPEN_GRAPHICS_FD:
                assert header[3] == REPLY_WITH_FDS and header[5] == OK
                byte, fds, _, _ = socket.recv_fds(wire.socket, 1, 4)
                assert byte == b"\0"
                os.close(*fds)
            else:
                assert header[5] == OK and len(answer) == size
        assert sorted(seen) == sorted(kinds)
        for shower in showers:
            with shower:
                shower.settimeout(SECONDS)
                assert shower.recv(1) == b""


def test_clients_that_leave_their_connections(front, zone):
    """They go before they have read them: nothing is kept open."""
    zone.call("zone.start", name="z1")
    with head(front, backlog=64) as listener:
        client = Wire(front.socket)
        client.open()
        body = graphics(client)
        for _ in range(8):
            client.send(OPEN_GRAPHICS_FD, body)
        showers = [listener.accept()[0] for _ in range(8)]
        client.close()
        for shower in showers:
            shower.settimeout(SECONDS)
            assert shower.recv(1) == b""
            shower.close()


def test_no_connection(front, zone, wire):
    front.stand.refuses("display.get", INVALID_STATE, "z1 is not running")
    assert wire.call(OPEN_GRAPHICS_FD, graphics(wire))[0] == INVALID
    with head(front):
        code, text = wire.call(OPEN_GRAPHICS_FD, graphics(wire, 1))
        assert code == INVALID_ARG and "index 1" in text
        assert wire.call(OPEN_GRAPHICS_FD,
                         graphics(wire, 0xffffffff))[0] == INVALID_ARG
        assert wire.call(OPEN_GRAPHICS_FD,
                         graphics(wire, 0, 2))[0] == INVALID_ARG
        assert wire.call(OPEN_GRAPHICS_FD, domain(wire))[0] == RPC
    code, text = wire.call(OPEN_GRAPHICS_FD, graphics(wire))
    assert code == FAILED and "No such file" in text
    for path, part in ("/" + "x" * 200, "too long"), ("", "No such file"), \
            ("z1-0.sock", "No such file"):
        front.stand.shows(socket=path)
        code, text = wire.call(OPEN_GRAPHICS_FD, graphics(wire))
        assert code == FAILED and part in text
    front.stand.answers["display.get"] = lambda params: {"result": {
        "heads": 7}}
    assert wire.call(OPEN_GRAPHICS_FD, graphics(wire))[0] == INVALID_ARG
    reader = Wire(front.readonly)
    reader.open(1)
    assert reader.call(OPEN_GRAPHICS_FD, graphics(reader))[0] == DENIED
    reader.close()


def test_too_many_viewers_wait(front, zone, wire):
    """Nobody waits for who does not take them."""
    with head(front, backlog=0):
        codes = []
        while len(codes) < 100 and FAILED not in codes:
            wire.send(OPEN_GRAPHICS_FD, graphics(wire))
            header, body = wire.receive()
            if header[3] == REPLY_WITH_FDS:
                _, fds, _, _ = socket.recv_fds(wire.socket, 1, 4)
                os.close(fds[0])
                codes.append(OK)
            else:
                codes.append(struct.unpack_from(">i", body)[0])
                assert b"try again" in body
        assert codes[-1] == FAILED
        assert wire.call(HOSTNAME)


def test_fds_from_clients(front, zone, wire):
    """They are closed, the bytes that come with them are no packet."""
    mine, other = socket.socketpair()
    body = graphics(wire)
    for count in 1, 3, 32:
        serial = wire.send(OPEN_GRAPHICS, struct.pack(">I", count) + body,
                           kind=CALL_WITH_FDS)
        for _ in range(count):
            socket.send_fds(wire.socket, [b"\0"], [other.fileno()])
        header, answer = wire.receive()
        assert header[2:6] == (OPEN_GRAPHICS, REPLY, serial, ERROR)
        assert struct.unpack_from(">i", answer)[0] == NO_SUPPORT
        assert wire.call(HOSTNAME)
    other.close()
    mine.settimeout(SECONDS)
    assert mine.recv(1) == b""
    mine.close()
    # libvirt's own, which stays connected
    connection = front.connect()
    with socket.socketpair()[0] as end, pytest.raises(
            libvirt.libvirtError) as info:
        connection.lookupByName("z1").openGraphics(0, end.fileno(), 0)
    assert info.value.get_error_code() == NO_SUPPORT
    assert connection.getHostname()
    connection.close()
    for count in 33, 0xffffffff:
        client = Wire(front.socket)
        client.open()
        client.send(OPEN_GRAPHICS, struct.pack(">I", count),
                    kind=CALL_WITH_FDS)
        assert client.is_closed()
        client.close()
    wire.send(OPEN_GRAPHICS, b"", kind=CALL_WITH_FDS)
    assert wire.is_closed()


# ------------------------------------------------------------- with hvd itself


@pytest.fixture
def hvd(virt):  # noqa: F811
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=SCREEN + [{"type": "input", "kind": "tablet"}]))
    yield client
    client.close()


def test_as_hvd_has_it(virt, hvd, tmp_path):  # noqa: F811
    lines = follow(virt, "--all")
    hvd.call("zone.start", name="z1")
    lines.expect("'z1': Started Booted")
    head = hvd.call("display.get", name="z1")["heads"][0]
    assert virt.virsh("domdisplay", "z1") == \
        f"vnc://127.0.0.1:{head['port'] - 5900}"
    assert live(virt).get("port") == str(head["port"])
    # nobody else can have this one, as another test can have the port
    viewer = socket.socket(socket.AF_UNIX)
    viewer.connect(head["socket"])
    lines.expect("'graphics' for domain 'z1': connect")
    viewer.close()
    lines.expect("'graphics' for domain 'z1': disconnect")
    connection = virt.connect()
    viewer = connection.lookupByName("z1").openGraphicsFD(0, 0)
    lines.expect("'graphics' for domain 'z1': connect")
    os.close(viewer)
    lines.expect("'graphics' for domain 'z1': disconnect")
    connection.close()
    lines.end()
    path = tmp_path / "z1.png"
    virt.virsh("screenshot", "z1", path)
    assert path.read_bytes() == b"\x89PNG of head 0"
    virt.virsh("send-key", "z1", "KEY_LEFTALT", "KEY_F2", "--holdtime", 20)
    keys, = [m for m in virt.machine.io_log("z1") if m.get("cmd") == "keys"]
    assert keys["keys"] == [56, 60] and keys["hold-ms"] == 20
    video = tmp_path / "video.xml"
    video.write_text("<video><model type='virtio'><resolution x='800' y='600'/>"
                     "</model></video>")
    virt.virsh("update-device", "z1", video, "--live")
    gpu = hvd.call("zone.get", name="z1")["definition"]["devices"][0]
    assert (gpu["width"], gpu["height"]) == (800, 600)
    assert not list(virt.folder.glob("virthvdd-??????"))


def test_as_hvd_refuses_it(virt, hvd):  # noqa: F811
    connection = virt.connect()
    domain = connection.lookupByName("z1")

    def refused(code, call, *args):
        with pytest.raises(libvirt.libvirtError) as info:
            call(*args)
        assert info.value.get_error_code() == code, info.value
        return str(info.value)

    for call in (lambda: domain.screenshot(connection.newStream(), 0),
                 lambda: domain.sendKey(0, 0, [30], 1, 0),
                 lambda: domain.openGraphicsFD(0, 0)):
        refused(INVALID, call)
    hvd.call("zone.start", name="z1")
    refused(INVALID_ARG, lambda: domain.screenshot(connection.newStream(), 4))
    refused(INVALID_ARG, domain.openGraphicsFD, 1, 0)
    refused(INVALID_ARG, domain.sendKey, 0, 0x7fffffff, [30], 1, 0)
    zone0 = connection.lookupByName("zone0")
    refused(UNSUPPORTED, lambda: zone0.screenshot(connection.newStream(), 0))
    refused(UNSUPPORTED, zone0.openGraphicsFD, 0, 0)
    refused(UNSUPPORTED, zone0.sendKey, 0, 0, [30], 1, 0)
    assert connection.lookupByName("zone0").XMLDesc()
    connection.close()
    assert not list(virt.folder.glob("virthvdd-??????"))
