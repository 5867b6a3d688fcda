# SPDX-License-Identifier: BSD-2-Clause
"""hvd-io in its sandbox, system call filter included, over a zone that is a
socket (hvd_io_fake.c).  The program is $HVD_IO_FAKE, else the one in build.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HVD_IO = pathlib.Path(os.environ.get(
    "HVD_IO_FAKE", TOP / "build/host/native/hvd_io_fake/hvd_io_fake"))

pytestmark = pytest.mark.skipif(not HVD_IO.exists(),
                                reason=f"{HVD_IO} is not built: make native")
needs_nbdkit = pytest.mark.skipif(not shutil.which("nbdkit"),
                                  reason="needs nbdkit")
root_only = pytest.mark.skipif(os.geteuid() != 0,
                               reason="only root has something to give up")

NOBODY, SOMEBODY = 65534, 12345
NOTHING = "0" * 16
CONFIG = {
    "cmd": "config", "zone": "z1", "vcpus": 1,
    "ram": [{"gpa": 0x40000000, "size": 16 << 20}],
    "uart": {"shadow": 0}, "rtc": {"shadow": 1}, "gpio": {"shadow": 2},
    "devices": [{"type": "console", "name": "console0", "slot": 0,
                 "shadow": 3, "offset": 0, "intid": 48, "doorbell": 0,
                 "queues": 2}],
}
ACCESS, POSTED = 2, 3


class Process:
    """A started hvd-io; the other ends of what it was given."""

    def __init__(self, tmp, prefix=(), files=()):
        self.log = tmp / "hvd-io.log"
        self.console = str(tmp / "console.sock")
        self.control, control = socket.socketpair()
        self.zone, zone = socket.socketpair(socket.AF_UNIX,
                                            socket.SOCK_SEQPACKET)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.console)
        listener.listen()
        self.control.settimeout(20)
        self.lines = self.control.makefile("r")
        given = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)
                 for s in (control, zone, listener, *files)]
        actions = [(os.POSIX_SPAWN_OPEN, 2, str(self.log),
                    os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + i)
                    for i, fd in enumerate(given)]
        command = [*prefix, str(HVD_IO)]
        self.pid = os.posix_spawnp(command[0], command, os.environ,
                                   file_actions=actions)
        for fd in given:
            os.close(fd)
        for end in (control, zone, listener):
            end.close()

    def tell(self, **message):
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def hear(self):
        return json.loads(self.lines.readline())

    def serve(self, **more):
        """Returns what it says before it is ready."""
        self.tell(**{**CONFIG, **more})
        said = []
        while True:
            event = self.hear()
            if event == {"event": "ready"}:
                return said
            assert event["event"] != "fatal", event
            said.append(event)

    def event(self, kind, addr, value=0, write=0, seq=1):
        self.zone.send(struct.pack("<IIIIQQBB6x", kind, 0, addr, seq, value, 0,
                                   4, write))

    def status(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return {key: value.strip() for key, _, value in
                (line.partition(":") for line in text.splitlines())}

    def text(self):
        return self.log.read_text()

    def end(self):
        status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self.end()
        self.lines.close()
        self.control.close()
        self.zone.close()


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(*prefix, files=()):
        started.append(Process(tmp_path, prefix, files))
        return started[-1]

    yield begin
    for process in started:
        process.close()


def attach(process, device):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(process.console)
    client.sendall(json.dumps({"device": device, "from": "start",
                               "write": True}).encode() + b"\n")
    lines = client.makefile("rb")
    assert json.loads(lines.readline())["ok"]
    return client, lines


def check_sandbox(status):
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert status[name] == NOTHING, name


def check_left_root(process, uid):
    status = process.status()
    check_sandbox(status)
    assert status["CapBnd"] == NOTHING
    assert status["Uid"].split() == status["Gid"].split() == [str(uid)] * 4
    assert status["Groups"] == ""
    assert f"runs as uid {uid}, gid {uid}\n" in process.text()
    for space in "mnt", "net", "ipc", "uts":
        assert os.readlink(f"/proc/{process.pid}/ns/{space}") != \
            os.readlink(f"/proc/self/ns/{space}")
    assert os.listdir(f"/proc/{process.pid}/root") == []


@root_only
def test_root_becomes_the_user_it_is_told(start):
    process = start()
    process.serve(uid=SOMEBODY, gid=SOMEBODY)
    check_left_root(process, SOMEBODY)


@root_only
def test_root_becomes_nobody_when_told_no_user(start):
    process = start()
    process.serve()
    check_left_root(process, NOBODY)


def without_root():
    """The command that runs another as somebody who is not root."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv (util-linux)")
    return ("setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}",
            "--clear-groups")


@root_only
@pytest.mark.skipif(shutil.which("setpriv") is None,
                    reason="no setpriv (util-linux)")
def test_the_unit_leaves_it_what_it_takes_to_give_up(start):
    """hvd.service bounds capabilities: it can still change user and root."""
    unit = (TOP / "toolstack/systemd/hvd.service.in").read_text()
    kept = " ".join(re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.M))
    bound = ",".join(["-all"] + [f"+{name.removeprefix('CAP_').lower()}"
                                 for name in kept.split()])
    process = start("setpriv", "--no-new-privs", f"--bounding-set={bound}")
    process.serve(uid=SOMEBODY, gid=SOMEBODY)
    check_left_root(process, SOMEBODY)


def test_others_stay_who_they_are(start):
    prefix = without_root()
    process = start(*prefix)
    process.serve()
    status = process.status()
    check_sandbox(status)
    uid = SOMEBODY if prefix else os.geteuid()
    assert status["Uid"].split() == [str(uid)] * 4


def test_a_user_that_cannot_be_had_is_fatal(start):
    process = start(*without_root())
    process.tell(**CONFIG, uid=SOMEBODY + 1, gid=SOMEBODY + 1)
    event = process.hear()
    assert event["event"] == "fatal"
    assert event["error"].startswith("changing to another user and group: ")
    assert process.end() == 1


def test_everything_it_does_passes_the_filter(start):
    """All of libuv's and the C library's calls, not only our own."""
    process = start()
    process.serve()
    client, lines = attach(process, "uart0")
    process.event(POSTED, 0, ord("x"))
    assert lines.read(1) == b"x"
    client.sendall(b"typed" * 2000)
    process.event(ACCESS, 0x18)
    late = socket.socket(socket.AF_UNIX)
    late.connect(process.console)
    late.sendall(b"no hello\n")
    late.settimeout(20)
    assert b'"ok":false' in late.recv(200)
    process.tell(cmd="powerkey")
    process.tell(cmd="nonsense")
    process.tell(cmd="reset")
    assert process.hear() == {"event": "reset-done"}
    client.close()
    attach(process, "console0")[0].close()
    process.tell(cmd="stop")
    assert process.end() == 0
    assert "not permitted" not in process.text()
    assert "command ignored" in process.text()


def test_goes_on_without_hvd_and_ends_with_its_zone(start):
    process = start()
    process.serve()
    process.control.shutdown(socket.SHUT_RDWR)
    client, lines = attach(process, "uart0")
    process.event(POSTED, 0, ord("y"))
    assert lines.read(1) == b"y"
    client.close()
    process.zone.close()  # read() gives 0: replaced
    assert process.end() == 0


def device(kind, slot, /, **more):
    return {"type": kind, "name": f"{kind}{slot}", "slot": slot,
            "shadow": 3, "offset": slot * 512, "intid": 48 + slot,
            "doorbell": slot * 32, "queues": 1, **more}


def disk(slot, **more):
    return device("disk", slot, **{
        "readonly": False, "writeback": True, "discard": True, "serial": "s",
        "on-error": "report", **more})


@pytest.fixture
def image(tmp_path):
    with open(tmp_path / "image", "w+b") as file:
        file.truncate(1 << 20)
        yield file


def fatal(process, **config):
    process.tell(**{**CONFIG, **config})
    event = process.hear()
    assert event["event"] == "fatal", event
    assert process.end() == 1
    return event


def open_fds(process):
    fds = pathlib.Path(f"/proc/{process.pid}/fd")
    return {int(path.name): os.readlink(path) for path in fds.iterdir()}


def test_devices_work_inside_the_sandbox(start, image):
    """A disk has its ring by then; no other can be made."""
    with open("/dev/urandom", "rb") as random:
        process = start(files=(random, image))
    said = process.serve(devices=[device("rng", 0, fd=6),
                                  disk(1, fd=7, queues=8)])
    assert said == [{"event": "device", "device": "disk1", "state": "ok",
                     "size": 1 << 20}]
    check_sandbox(process.status())
    process.tell(cmd="resize", device="disk1")
    assert process.hear() == {"event": "resized", "device": "disk1",
                              "size": 1 << 20}
    image.truncate((5 << 20) + 100)
    process.tell(cmd="resize", device="disk1")
    assert process.hear() == {"event": "resized", "device": "disk1",
                              "size": 5 << 20}
    for name in "rng0", "disk9":
        process.tell(cmd="resize", device=name)
        event = process.hear()
        assert event["event"] == "refused" and event["device"] == name
    process.tell(cmd="counters", device="disk1")
    event = process.hear()
    none = {"sum-ns": 0, "buckets": []}
    assert event["counters"]["reads"] == 0
    assert event["counters"]["latency"] == {"read": none, "write": none,
                                            "flush": none}
    process.tell(cmd="counters", device="rng0")
    assert process.hear()["counters"] == {"bytes": 0}
    process.tell(cmd="resume", device="disk1")
    assert process.hear()["state"] == "ok"
    process.tell(cmd="reset")
    assert process.hear() == {"event": "reset-done"}
    process.tell(cmd="stop")
    assert process.end() == 0


def test_a_disk_that_its_driver_broke_stays_broken(start, image):
    """Only the driver, or a reset of the zone, can mend it."""
    process = start(files=(image,))
    process.serve(devices=[disk(0, fd=6)])
    # a queue whose rings are in no memory
    for seq, (register, value) in enumerate([
            (0x70, 3), (0x24, 1), (0x20, 1), (0x70, 0xb), (0x38, 128),
            (0x44, 1), (0x70, 0xf)], start=2):
        process.event(ACCESS, 3 * 4096 + register, value, 1, seq)
    event = process.hear()
    assert event["device"] == "disk0" and event["state"] == "broken"
    process.tell(cmd="resume", device="disk0")
    process.tell(cmd="set", device="disk0", limits={})
    assert process.hear() == {"event": "set", "device": "disk0"}
    process.tell(cmd="reset")
    assert process.hear() == {"event": "reset-done"}
    process.tell(cmd="resume", device="disk0")
    assert process.hear()["state"] == "ok"


@needs_nbdkit
def test_a_disk_of_an_nbd_server(start):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(files=(ours,))
        server = subprocess.Popen(
            ["nbdkit", "-s", "--log=null", "--filter=exportname", "memory",
             "3M", "exportname-strict=true", "exportname=good"],
            stdin=theirs, stdout=theirs)
    try:
        said = process.serve(devices=[disk(0, fd=6, store="nbd",
                                           export="good")])
        assert said == [{"event": "device", "device": "disk0", "state": "ok",
                         "size": 3 << 20}]
        status = process.status()
        check_sandbox(status)
        process.tell(cmd="resize", device="disk0")
        event = process.hear()
        assert event["event"] == "refused" and event["device"] == "disk0"
    finally:
        server.kill()
        server.wait()
    event = process.hear()
    gone = {"event": "device", "device": "disk0", "lost": True,
            "error": "the NBD server is gone", "size": 3 << 20}
    assert event == {**gone, "state": "error"}
    # That is no help, and nothing that it could answer.
    process.tell(cmd="resume", device="disk0")
    process.tell(cmd="reset")
    assert process.hear() == {"event": "reset-done"}
    process.tell(cmd="stop")
    assert process.end() == 0


@needs_nbdkit
def test_a_successor_without_the_nbd_server(start, tmp_path, monkeypatch):
    """It serves the disk that the guest knows, though nothing can be read."""
    area = tmp_path / "area"
    area.write_bytes(bytes(2 << 20))
    monkeypatch.setenv("HVD_IO_FAKE_STATE", str(area))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(files=(ours,))
        server = subprocess.Popen(["nbdkit", "-s", "--log=null", "memory",
                                   "3M"], stdin=theirs, stdout=theirs)
    try:
        process.serve(devices=[disk(0, fd=6, store="nbd")])
        os.kill(process.pid, signal.SIGKILL)
        process.end()
    finally:
        server.kill()
        server.wait()
    ended, other = socket.socketpair()
    other.close()
    with ended:
        os.unlink(process.console)
        successor = start(files=(ended,))
        said = successor.serve(devices=[disk(0, fd=6, store="nbd"),
                                        device("console", 1, queues=2)])
        assert said == [{"event": "device", "device": "disk0", "lost": True,
                         "state": "error", "size": 3 << 20,
                         "error": "the NBD server is gone"}]
        check_sandbox(successor.status())
        os.kill(successor.pid, signal.SIGKILL)
        successor.end()
        # A note that no disk can have made is not used.
        note = 0x25000 + 8
        data = bytearray(area.read_bytes())
        assert data[note:note + 8] == (3 << 20).to_bytes(8, "little")
        data[note + 8] = 1
        area.write_bytes(data)
        os.unlink(process.console)
        event = fatal(start(files=(ended,)),
                      devices=[disk(0, fd=6, store="nbd")])
        assert event["error"].startswith("device disk0")


@needs_nbdkit
def test_a_disk_over_tcp(start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(["nbdkit", "-f", "--log=null", "-i",
                               "127.0.0.1", "-p", str(port), "memory", "3M"])
    try:
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                ours = socket.create_connection(("127.0.0.1", port))
                break
            assert server.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        with ours:
            process = start(files=(ours,))
        said = process.serve(devices=[disk(0, fd=6, store="nbd")])
        assert said[0]["size"] == 3 << 20
        check_sandbox(process.status())
    finally:
        server.kill()
        server.wait()
    event = process.hear()
    assert event["lost"] is True and event["state"] == "error"
    process.tell(cmd="stop")
    assert process.end() == 0


def test_a_disk_of_no_nbd_server(start):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(files=(ours,))
        theirs.sendall(b"220 mail.example.org ESMTP\r\n")
        event = fatal(process, devices=[disk(0, fd=6, store="nbd")])
    assert event["device"] == "disk0"
    assert "device disk0: what is there speaks no NBD" in event["error"]
    assert "NBD server" in event["hint"]


@needs_nbdkit
@pytest.mark.parametrize("args, wanted, says", [
    (["-r"], {}, "does not let the export be written"),
    (["--filter=exportname"], {"export": "bad"}, "no such export"),
])
def test_a_disk_that_an_nbd_server_refuses(start, args, wanted, says):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(files=(ours,))
        filtered = ["exportname-strict=true", "exportname=good"]
        server = subprocess.Popen(
            ["nbdkit", "-s", "--log=null", *args, "memory", "3M",
             *(filtered if "--filter=exportname" in args else [])],
            stdin=theirs, stdout=theirs)
    try:
        event = fatal(process,
                      devices=[disk(0, fd=6, store="nbd", **wanted)])
    finally:
        server.kill()
        server.wait()
    assert event["device"] == "disk0" and says in event["error"]
    assert event["hint"]


def test_fds_that_nobody_named_are_closed(start, image):
    process = start(files=(image, image, image))
    process.serve(devices=[disk(0, fd=7)])
    fds = open_fds(process)
    assert fds[7] == image.name
    assert list(fds.values()).count(image.name) == 1


def test_fds_that_were_not_given(start, image):
    process = start(files=(image,))
    assert "fds" in fatal(process, devices=[disk(0, fd=7)])["error"]


def test_what_is_no_disk(start):
    with open("/dev/zero", "r+b") as zero:
        process = start(files=(zero,))
    assert "disk0" in fatal(process, devices=[disk(0, fd=6)])["error"]


def test_as_many_disks_as_there_can_be(start, tmp_path):
    files = []
    for i in range(32):
        file = open(tmp_path / f"image{i}", "w+b")
        file.truncate(4096)
        files.append(file)
    process = start(files=files)
    for file in files:
        file.close()
    said = process.serve(devices=[
        disk(i, fd=6 + i, queues=8, shadow=3 + i // 8, offset=i % 8 * 512)
        for i in range(32)])
    assert len(said) == 32
    client, lines = attach(process, "uart0")
    client.close()
    process.tell(cmd="stop")
    assert process.end() == 0


# ------------------------------------------------------------------ network

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x2, 0x1000
IFF_MULTI_QUEUE, IFF_VNET_HDR = 0x100, 0x4000


def in_namespace(tap, *command):
    return subprocess.run(["ip", "netns", "exec", tap.space, *command],
                          check=True, capture_output=True, text=True).stdout


class Tap:
    """A TAP device in a network namespace of its own."""

    def __init__(self, queues):
        self.space = f"zvio{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.space], check=True)
        self.files = []
        # Only a thread changes its namespace, and this is the only one.
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.space}", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            assert libc.setns(there, 0) == 0
            for _ in range(queues):
                self.files.append(self.queue(queues > 1))
        finally:
            assert libc.setns(here, 0) == 0
            os.close(here)
            os.close(there)

    @staticmethod
    def queue(multi):
        file = open("/dev/net/tun", "r+b", buffering=0)
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        flags |= IFF_MULTI_QUEUE if multi else 0
        fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", b"tap0", flags))
        os.set_blocking(file.fileno(), False)
        return file

    def let_go(self):
        for file in self.files:
            file.close()

    def carrier(self):
        in_namespace(self, "ip", "link", "set", "tap0", "up")
        return "NO-CARRIER" not in in_namespace(self, "ip", "-o", "link",
                                                "show", "tap0")

    def close(self):
        self.let_go()
        subprocess.run(["ip", "netns", "del", self.space], check=True)


@pytest.fixture
def tap():
    """A function that makes one with that many queues."""
    if os.geteuid() != 0 or shutil.which("ip") is None or \
            not os.path.exists("/dev/net/tun"):
        pytest.skip("no right or no means to make a TAP device")
    with contextlib.ExitStack() as made:
        def make(queues):
            made.enter_context(contextlib.closing(device := Tap(queues)))
            return device

        yield make


def net(slot, pairs, **more):
    return device("net", slot, **{
        "queues": 2 * pairs + 1, "mac": "5a:00:00:00:00:01", "mtu": 1500,
        "link": True, **more})


@pytest.mark.parametrize("pairs", [1, 3])
def test_a_network_device_inside_the_sandbox(start, tap, pairs):
    """What it may still do to its TAP is what a running zone needs."""
    wire = tap(pairs)
    process = start(files=wire.files)
    process.serve(devices=[net(0, pairs, fd=6), device("console", 1,
                                                       queues=2)])
    check_sandbox(process.status())
    fds = open_fds(process)
    assert [fds[6 + i] for i in range(pairs)] == ["/dev/net/tun"] * pairs
    assert wire.carrier()
    for message in ({"link": False}, {"mtu": 1400, "limits": {}},
                    {"limits": {"rx-bytes-sec": 1000}}):
        process.tell(cmd="set", device="net0", **message)
        assert process.hear() == {"event": "set", "device": "net0"}
        assert not wire.carrier()
    process.tell(cmd="set", device="net0", link=True)
    assert process.hear()["event"] == "set"
    assert wire.carrier()
    for name, message in (("net0", {"link": 1}), ("net0", {}),
                          ("net0", {"mtu": 1, "link": False}),
                          ("net9", {"link": True}),
                          ("console1", {"limits": {}})):
        process.tell(cmd="set", device=name, **message)
        answer = process.hear()
        assert (answer["event"], answer["device"]) == ("refused", name)
    assert wire.carrier()
    process.tell(cmd="stop")
    assert process.end() == 0
    assert "not permitted" not in process.text()


def test_the_cable_is_out_at_first(start, tap):
    wire = tap(1)
    process = start(files=wire.files)
    process.serve(devices=[net(0, 1, fd=6, link=False)])
    assert not wire.carrier()


def test_what_is_no_tap(start, image):
    process = start(files=(image,))
    assert "net0" in fatal(process, devices=[net(0, 1, fd=6)])["error"]


def stream(blocking=False):
    """hvd-io's end, and the other one."""
    mine, other = socket.socketpair()
    mine.setblocking(blocking)
    return mine, other


def test_a_stream_inside_the_sandbox(start):
    """It needs no right that a process without networks does not have."""
    mine, other = stream()
    with mine, other:
        process = start(files=(mine,))
        process.serve(devices=[net(0, 1, fd=6, via="stream")])
        check_sandbox(process.status())
        assert open_fds(process)[6].startswith("socket:")
        for message in ({"link": False}, {"mtu": 1400, "limits": {}},
                        {"link": True, "limits": {"rx-packets-sec": 1000}}):
            process.tell(cmd="set", device="net0", **message)
            assert process.hear() == {"event": "set", "device": "net0"}
        process.tell(cmd="stop")
        assert process.end() == 0
        assert "not permitted" not in process.text()


@pytest.mark.parametrize("what", ["an image", "a socket that blocks"])
def test_what_is_no_stream(start, image, what):
    mine, other = stream(blocking=True)
    with mine, other:
        process = start(files=(image if what == "an image" else mine,))
        assert "net0" in fatal(process, devices=[
            net(0, 1, fd=6, via="stream")])["error"]


def test_what_is_no_vhost_net(start, tap, image):
    process = start(files=(*tap(1).files, image))
    assert "net0" in fatal(process, devices=[net(0, 1, fd=6,
                                                 vhost=True)])["error"]


def test_a_vhost_net_inside_the_sandbox(start, tap):
    """The kernel's threads are there before a process cannot make any."""
    if not os.path.exists("/dev/vhost-net"):
        pytest.skip("this machine's kernel has no vhost-net")
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(open("/dev/vhost-net", "r+b", 0))
                 for _ in range(2)]
        process = start(files=(*tap(2).files, *files))
    process.serve(devices=[net(0, 2, fd=6, vhost=True)])
    check_sandbox(process.status())
    fds = open_fds(process)
    assert [fds[8 + i] for i in range(2)] == ["/dev/vhost-net"] * 2
    assert len(os.listdir(f"/proc/{process.pid}/task")) == 3
    process.tell(cmd="stop")
    assert process.end() == 0


def test_limits_of_others(start, image):
    with open("/dev/urandom", "rb") as random:
        process = start(files=(random, image))
    process.serve(devices=[device("rng", 0, fd=6), disk(1, fd=7)])
    for name, limits in (("rng0", {"total-bytes-sec": 5}),
                         ("disk1", {"read-iops-sec": 5})):
        process.tell(cmd="set", device=name, limits=limits)
        assert process.hear() == {"event": "set", "device": name}
        process.tell(cmd="set", device=name, link=True)
        assert process.hear()["event"] == "refused"
