# SPDX-License-Identifier: BSD-2-Clause
"""Zones with screens and keys: hvd between fake_io.py and fake_display.py."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import stat
import time

import pytest

from test_hvd import (HVD, Machine, fails, hvd, machine, started,  # noqa: F401
                      wait)

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")
MIB = 1 << 20
KEYBOARD = {"type": "input", "kind": "keyboard"}


def gpu_of(**more):
    return {"type": "gpu", **more}


def start_with(machine, hvd, *devices, name="z1"):
    return started(machine, hvd, name, devices=list(devices))


def does_not_start(code, machine, hvd, *devices, name="z1"):
    hvd.call("zone.define",
             definition=machine.definition(name, devices=list(devices)))
    return fails(code, hvd, "zone.start", name=name)


def said(machine, zone="z1"):
    """What its hvd-display was told and has seen, of all its starts."""
    path = machine.fake / f"display-{zone}.log"
    return [json.loads(line) for line in path.read_text().splitlines()] \
        if path.exists() else []


def commands(machine, what, zone="z1"):
    return [m for m in said(machine, zone) if m.get("cmd") == what]


def hellos(machine, zone="z1"):
    return [m["device"] for m in said(machine, zone) if m.get("device")]


def display(hvd, zone="z1"):
    return hvd.call("display.get", name=zone)


def new_pid(hvd, old, zone="z1"):
    return wait(lambda: (display(hvd, zone).get("pid") or old) != old and
                display(hvd, zone)["pid"])


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


@contextlib.contextmanager
def listening(port=0, address="127.0.0.1"):
    with socket.socket() as taken:
        taken.bind((address, port))
        taken.listen()
        yield taken.getsockname()[1]


def free_port():
    with listening() as port:
        return port


def own_address():
    """Where nobody else's test listens, or connects."""
    pid = os.getpid()
    return f"127.{pid >> 16 & 255}.{pid >> 8 & 255}.{pid & 255 or 1}"


def connect(where):
    client = socket.socket(socket.AF_UNIX if isinstance(where, str)
                           else socket.AF_INET)
    client.settimeout(20)
    client.connect(where)
    return client


# ------------------------------------------------------------ start and end

def test_what_each_gets(machine, hvd):
    start_with(machine, hvd, KEYBOARD, gpu_of(
        heads=2, width=1024, height=768, memory="7M"))
    config = machine.io_log("z1")[0]
    keys, gpu = config["devices"]
    assert keys["type"] == "input" and keys["kind"] == "keyboard"
    assert keys["queues"] == 2 and "fd" not in keys
    assert gpu["type"] == "gpu" and gpu["queues"] == 2 and gpu["fd"] == 6
    assert [gpu[k] for k in ("heads", "width", "height")] == [2, 1024, 768]
    video = machine.run_dir / "video/z1"
    given = machine.io_fds("z1")
    assert [f["fd"] for f in given] == [6, 7]
    assert given[0]["path"] == str(video)
    assert given[0]["flags"] & os.O_ACCMODE == os.O_RDWR
    assert given[1]["path"].startswith("socket:")
    assert given[1]["flags"] & os.O_NONBLOCK
    info = video.stat()
    assert info.st_size == 7 * MIB and info.st_blocks * 512 >= 7 * MIB
    assert stat.S_IMODE(info.st_mode) == 0o600
    assert stat.S_IMODE(video.parent.stat().st_mode) == 0o700
    config = wait(lambda: said(machine))[0]
    assert config["cmd"] == "config" and config["zone"] == "z1"
    assert config["heads"] == 2 and config["memory"] == 7 * MIB
    assert config["listen"] == [{"head": 0, "fd": 5}, {"head": 1, "fd": 6}]
    assert "password" not in config
    wait(lambda: hellos(machine) == ["hello"])
    assert said(machine)[1] == {"fd": 4, "size": 7 * MIB,
                                "flags": os.O_RDONLY}
    told = display(hvd)
    assert told["device"] == "gpu0" and told["viewers"] == 0
    assert told["restarts"] == 0 and told["password"] is False
    assert [h["socket"] for h in told["heads"]] == \
        [str(machine.run_dir / f"vnc/z1-{head}.sock") for head in (0, 1)]
    assert all(h["width"] is h["height"] is None for h in told["heads"])
    assert all("port" not in h for h in told["heads"])
    sockets = list((machine.run_dir / "vnc").iterdir())
    assert len(sockets) == 2
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o660 for p in sockets)


def test_nothing_is_left_of_it(machine, hvd):
    start_with(machine, hvd, gpu_of(vnc={"address": own_address()}))
    pid = wait(lambda: display(hvd).get("pid"))
    where = display(hvd)["heads"][0]
    hvd.call("zone.destroy", name="z1")
    wait(lambda: is_gone(pid))
    assert list((machine.run_dir / "vnc").iterdir()) == []
    assert list((machine.run_dir / "video").iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        connect((where["address"], where["port"]))
    error = fails("INVALID_STATE", hvd, "display.get", name="z1")
    assert "start it first" in error.hint


def test_one_that_does_not_end_is_killed(machine, hvd):
    machine.inject("display-z1", "ignore-end")
    start_with(machine, hvd, gpu_of())
    pid = wait(lambda: display(hvd).get("pid"))
    wait(lambda: hellos(machine))
    hvd.call("zone.destroy", name="z1")
    wait(lambda: is_gone(pid))


def test_each_start_begins_with_black(machine, hvd):
    start_with(machine, hvd, gpu_of())
    video = machine.run_dir / "video/z1"
    video.write_bytes(b"x" * 100)  # of a wrong size, too
    hvd.call("zone.destroy", name="z1")
    video.write_bytes(b"stale")
    hvd.call("zone.start", name="z1")
    assert video.stat().st_size == 16 * MIB
    assert video.read_bytes() == bytes(16 * MIB)


def test_a_zone_without_a_screen(machine, hvd):
    start_with(machine, hvd, {"type": "rng"})
    assert said(machine) == []
    error = fails("UNSUPPORTED", hvd, "display.get", name="z1")
    assert "no screen" in str(error) and "gpu" in error.hint
    fails("UNSUPPORTED", hvd, "display.screenshot", name="z1", path="/x")
    error = fails("UNSUPPORTED", hvd, "display.send_keys", name="z1", keys=[1])
    assert "no keyboard" in str(error) and "keyboard" in error.hint


def test_without_the_program(machine):
    client = machine.start("--display-program", "/nowhere/hvd-display")
    error = does_not_start("UNSUPPORTED", machine, client, {"type": "rng"},
                           gpu_of())
    assert error.path == "$.devices[1]" and "install" in error.hint
    client.call("zone.define", definition=machine.definition("z2"))
    client.call("zone.start", name="z2")  # needs none
    client.close()


def test_without_room_for_video_memory(machine):
    """On a tmpfs that is too small; who lives on is asked for all of it."""
    (machine.run_dir / "video").mkdir(parents=True)
    machine.prefix = ["unshare", "-rm", "sh", "-c",
                      f"mount -t tmpfs -o size=24M none "
                      f"{machine.run_dir}/video && exec \"$@\"", "sh"]
    client = machine.start()
    start_with(machine, client, gpu_of(memory="16M"))
    error = does_not_start("NO_MEMORY", machine, client, {"type": "rng"},
                           gpu_of(memory="16M"), name="z2")
    assert error.path == "$.devices[1].memory"
    assert "lacks 8M" in str(error) and "less memory" in error.hint
    client.call("zone.destroy", name="z1")
    client.call("zone.start", name="z2")
    client.close()


def test_video_memory_cannot_be_made(machine, hvd):
    (machine.run_dir / "video/z1").mkdir()
    error = does_not_start("IO_ERROR", machine, hvd, gpu_of())
    assert "directory" in str(error)


def test_video_memory_is_not_written_by_two(machine, hvd):
    machine.inject("io-z1", "linger")
    pid = start_with(machine, hvd, gpu_of())["io"]["pid"]
    machine.clear("io-z1")
    wait(lambda: hellos(machine) == ["hello"])
    os.kill(pid, signal.SIGKILL)
    wait(lambda: "z1: its I/O process waits: " in machine.text())
    assert "pid" not in hvd.call("zone.get", name="z1")["io"]
    machine.clear("linger-z1")
    hvd.event("z1", "io-restarted")
    wait(lambda: hellos(machine) == ["hello"] * 2)


# ----------------------------------------------------------------- restarts

def test_display_is_killed(machine, hvd):
    io = start_with(machine, hvd, gpu_of(
        vnc={"address": own_address()}))["io"]["pid"]
    before = display(hvd)
    wait(lambda: hellos(machine) == ["hello"])
    os.kill(before["pid"], signal.SIGKILL)
    assert new_pid(hvd, before["pid"])
    wait(lambda: hellos(machine) == ["hello", "hello again"])
    after = display(hvd)
    assert after["restarts"] == 1 and after["heads"] == before["heads"]
    assert hvd.call("zone.get", name="z1")["io"]["pid"] == io
    assert [m for m in machine.io_log("z1") if m["cmd"] == "display"] == \
        [{"cmd": "display", "device": "gpu0"}]
    assert "killed by signal 9" in machine.text()
    connect((after["heads"][0]["address"], after["heads"][0]["port"])).close()


def test_who_connects_meanwhile_waits(machine, hvd):
    start_with(machine, hvd, gpu_of())
    wait(lambda: hellos(machine))
    machine.inject("display-z1", "exit-at-start")
    os.kill(display(hvd)["pid"], signal.SIGKILL)
    wait(lambda: display(hvd)["restarts"] >= 3)
    viewer = connect(display(hvd)["heads"][0]["socket"])
    machine.clear("display-z1")
    assert hvd.event("z1", "connected")["viewers"] == 1
    assert "ended with status 3" in machine.text()
    viewer.close()


def test_io_process_is_killed(machine, hvd):
    io = start_with(machine, hvd, gpu_of())["io"]["pid"]
    wait(lambda: hellos(machine) == ["hello"])
    pid = display(hvd)["pid"]
    inode = (machine.run_dir / "video/z1").stat().st_ino
    os.kill(io, signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    wait(lambda: hellos(machine) == ["hello"] * 2)
    told = display(hvd)
    assert told["pid"] == pid and told["restarts"] == 0
    assert len(commands(machine, "device")) == 2
    assert (machine.run_dir / "video/z1").stat().st_ino == inode


def test_both_are_killed(machine, hvd):
    io = start_with(machine, hvd, gpu_of())["io"]["pid"]
    wait(lambda: hellos(machine) == ["hello"])
    for rounds in range(2, 6):
        pid = display(hvd)["pid"]
        os.kill(io, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        new_pid(hvd, pid)
        hvd.event("z1", "io-restarted")
        wait(lambda: len(hellos(machine)) >= rounds)
        io = hvd.call("zone.get", name="z1")["io"]["pid"]


def test_display_dies_while_the_io_process_starts(machine, hvd):
    """Nobody can give it a socket before the other one is ready."""
    io = start_with(machine, hvd, gpu_of())["io"]["pid"]
    wait(lambda: hellos(machine) == ["hello"])
    machine.inject("io-z1", "slow")
    os.kill(io, signal.SIGKILL)
    wait(lambda: hellos(machine) == ["hello"] * 2)
    pid = display(hvd)["pid"]
    os.kill(pid, signal.SIGKILL)
    new_pid(hvd, pid)
    machine.clear("io-z1")
    # it is too slow, and replaced
    wait(lambda: hvd.call("zone.get", name="z1")["io"]["restarts"] == 2)
    wait(lambda: len(hellos(machine)) >= 3)


def test_daemon_is_killed(machine, hvd):
    """The picture is the same, and so is the place where viewers find it."""
    with listening(5900) if can_listen(5900) else contextlib.nullcontext():
        start_with(machine, hvd, gpu_of(vnc={"port": "auto"}))
    before = display(hvd)
    assert before["heads"][0]["port"] > 5900
    video = machine.run_dir / "video/z1"
    with open(video, "r+b") as file:
        file.write(b"picture")
    inode = video.stat().st_ino
    note = machine.run_dir / "vnc/z1.port"
    noted = note.stat().st_mtime_ns
    wait(lambda: hellos(machine) == ["hello"])
    machine.kill()
    wait(lambda: is_gone(before["pid"]))
    client = machine.start()
    wait(lambda: hellos(machine) == ["hello"] * 2)
    after = display(client)
    assert after["heads"] == before["heads"]
    assert after["pid"] != before["pid"]
    assert video.stat().st_ino == inode
    assert video.read_bytes()[:7] == b"picture"
    # not written anew, which another kill could have cut short
    assert note.stat().st_mtime_ns == noted
    client.call("zone.destroy", name="z1")
    assert not video.exists() and not note.exists()
    client.close()


def test_adopted_without_its_port(machine, hvd):
    """Nobody's guest stops because another program was quicker."""
    port = free_port()
    start_with(machine, hvd, gpu_of(vnc={"port": port}))
    pid = display(hvd)["pid"]
    machine.kill()
    wait(lambda: is_gone(pid) and can_listen(port))
    with listening(port):
        client = machine.start()
        wait(lambda: display(client).get("pid"))
        assert "port" not in display(client)["heads"][0]
        assert f"port {port} is taken" in machine.text()
    client.close()


def test_adopted_without_the_program(machine, hvd):
    start_with(machine, hvd, gpu_of())
    machine.kill()
    client = machine.start("--display-program", "/nowhere")
    wait(lambda: client.call("zone.get", name="z1")["io"].get("pid"))
    assert "nobody can see its screens" in machine.text()
    error = fails("INVALID_STATE", client, "display.get", name="z1")
    assert "shows nothing" in str(error)
    client.close()


@pytest.mark.parametrize("word, why", [
    ("fatal", "no library"), ("garbage", "not a message"),
    ("flood", "line without end"), ("noisy", "too much at a time"),
    ('nonsense={"event":"viewers","count":-1}', "nonsense of viewers"),
    ('nonsense={"event":"viewers","count":"1"}', "nonsense of viewers"),
    ('nonsense={"event":"shows","head":1,"width":1,"height":1}',
     "nonsense of a head"),
    ('nonsense={"event":"shows","head":0,"width":16385,"height":1}',
     "nonsense of a head"),
    ('nonsense={"event":"monitor","head":1,"connector":"x","width":1,'
     '"height":1,"refresh":60}', "nonsense of a monitor"),
    ('nonsense={"event":"monitor","head":0,"connector":"x","width":1,'
     '"height":1}', "nonsense of a monitor"),
    ('nonsense={"event":"screenshot"}', "nonsense of a picture"),
    ('nonsense={"event":"refused","id":-1}', "nonsense of a picture"),
    ("nonsense=[]", "not a message")])
def test_one_that_misbehaves_is_replaced(machine, hvd, word, why):
    machine.inject("display-z1", word)
    start_with(machine, hvd, gpu_of())
    wait(lambda: display(hvd)["restarts"] >= 2)
    assert why in machine.text()
    machine.clear("display-z1")
    wait(lambda: hellos(machine))
    assert hvd.call("zone.get", name="z1")["state"] == "running"
    assert hvd.call("zone.get", name="z1")["io"]["restarts"] == 0


def test_one_that_the_device_does_not_understand_is_replaced(machine, hvd):
    """hvd-io has closed the socket to it, and says so."""
    machine.inject("io-z1", "gpu-error")
    io = start_with(machine, hvd, gpu_of())["io"]["pid"]
    hvd.event("z1", "error")
    wait(lambda: hellos(machine)[-1:] == ["hello again"])
    hvd.event("z1", "ok")
    assert display(hvd)["restarts"] == 1
    assert "not understood" in machine.text()
    assert hvd.call("zone.get", name="z1")["io"]["pid"] == io


def test_one_that_says_nothing_is_replaced(machine, hvd):
    machine.inject("display-z1", "silent")
    start_with(machine, hvd, gpu_of())
    pid = display(hvd)["pid"]
    wait(lambda: hellos(machine))
    machine.clear("display-z1")
    assert new_pid(hvd, pid)
    assert "did not get ready in time" in machine.text()


def test_what_is_unknown_is_skipped(machine, hvd):
    machine.inject("display-z1", 'nonsense={"event":"weather"} '
                                 'nonsense={"event":"refused","id":99} '
                                 'nonsense={"event":"screenshot","id":99}')
    start_with(machine, hvd, gpu_of())
    wait(lambda: hellos(machine))
    assert display(hvd)["restarts"] == 0


# -------------------------------------------------------------------- ports

def can_listen(port):
    try:
        with listening(port):
            return True
    except OSError:
        return False


def test_ports_of_all_heads(machine, hvd):
    port = wait(lambda: (lambda p: p if can_listen(p + 1) else 0)(free_port()))
    start_with(machine, hvd, gpu_of(heads=2, width=640, height=480,
                                    vnc={"port": port, "address": "0.0.0.0"}))
    heads = display(hvd)["heads"]
    assert [(h["address"], h["port"]) for h in heads] == \
        [("0.0.0.0", port), ("0.0.0.0", port + 1)]
    wait(lambda: said(machine))
    assert [i["head"] for i in said(machine)[0]["listen"]] == [0, 1, 0, 1]
    viewer = connect(("127.0.0.1", port + 1))
    assert hvd.event("z1", "connected")["viewers"] == 1
    viewer.close()


def test_port_of_another_zone(machine, hvd):
    port = free_port()
    start_with(machine, hvd, gpu_of(vnc={"port": port}))
    for address in "127.0.0.1", "0.0.0.0", "::":
        error = does_not_start("BUSY", machine, hvd, {"type": "rng"}, gpu_of(
            vnc={"port": port, "address": address}), name="z2")
        assert str(error).endswith(f"port {port} is taken by zone z1")
        assert error.path == "$.devices[1].vnc.port" and "auto" in error.hint
    start_with(machine, hvd, gpu_of(vnc={
        "port": port, "address": "127.0.0.2"}), name="z2")
    hvd.call("zone.destroy", name="z1")
    start_with(machine, hvd, gpu_of(vnc={"port": port}), name="z3")


def test_port_of_another_program(machine, hvd):
    with listening() as port:
        error = does_not_start("BUSY", machine, hvd, gpu_of(
            vnc={"port": port}))
    assert str(error).endswith(f"port {port} is taken by another program")
    assert "auto" in error.hint and "ss -lntp" in error.hint
    machine.inject("display-z1", "ignore-end")
    hvd.call("zone.start", name="z1")
    wait(lambda: hellos(machine))
    # the hvd-display of a moment ago still has it
    hvd.call("zone.destroy", name="z1")
    hvd.call("zone.start", name="z1")
    assert display(hvd)["heads"][0]["port"] == port
    # nor does it help another one to share it
    (machine.tmp / "other").mkdir()
    other = Machine(machine.tmp / "other")
    client = other.start()
    error = does_not_start("BUSY", other, client, gpu_of(vnc={"port": port}))
    assert "another program" in str(error)
    client.close()
    other.stop()


def test_port_is_chosen(machine, hvd):
    ports = set()
    for name in "z1", "z2", "z3":
        start_with(machine, hvd, gpu_of(heads=2, width=640, height=480,
                                        vnc={}), name=name)
        ports |= {h["port"] for h in display(hvd, name)["heads"]}
    assert len(ports) == 6 and all(5900 <= p < 6900 for p in ports)


def test_ipv6(machine, hvd):
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    start_with(machine, hvd, gpu_of(vnc={"address": "::1", "port": port}))
    head = display(hvd)["heads"][0]
    assert head["address"] == "::1"
    with socket.socket(socket.AF_INET6) as viewer:
        viewer.connect(("::1", head["port"]))
        hvd.event("z1", "connected")


def test_address_that_is_not_there(machine, hvd):
    error = does_not_start("IO_ERROR", machine, hvd, gpu_of(
        vnc={"address": "192.0.2.1"}))
    assert error.path == "$.devices[0].vnc.address"
    assert "no address of zone0" in str(error) and "ip address" in error.hint


def test_sockets_cannot_be_made(machine, hvd):
    name = "z" * 63
    deep = machine.run_dir / "vnc" / f"{name}-0.sock"
    deep.mkdir()
    error = does_not_start("IO_ERROR", machine, hvd, gpu_of(), name=name)
    assert "viewers' socket" in str(error) or "console socket" in str(error)


def test_clone_gets_another_port(machine, hvd):
    port = free_port()
    start_with(machine, hvd, gpu_of(vnc={"port": port, "address": "0.0.0.0"}))
    hvd.call("zone.clone", name="z1", new_name="z2")
    hvd.call("zone.start", name="z2")
    vnc = hvd.call("zone.get", name="z2")["definition"]["devices"][0]["vnc"]
    assert vnc == {"port": "auto", "address": "0.0.0.0"}
    assert display(hvd, "z2")["heads"][0]["port"] != port
    hvd.call("zone.clone", name="z1", new_name="z3",
             devices={"gpu0": {"vnc": {"port": port}}})
    vnc = hvd.call("zone.get", name="z3")["definition"]["devices"][0]["vnc"]
    assert vnc["port"] == port


# --------------------------------------------------------------------- card

def test_card_that_is_none(machine, hvd):
    """The zone does not start; tests/system/test_card.py has one."""
    file = machine.tmp / "card"
    nodes = {"missing": lambda: None, "file": file.touch,
             "fifo": lambda: os.mkfifo(file),
             "folder": file.mkdir,
             "other": lambda: os.symlink("/dev/null", file),
             "link": lambda: os.symlink("card", file)}
    says = {"missing": "zone0 has no", "link": "cannot be opened"}
    for what, make in nodes.items():
        make()
        error = does_not_start("IO_ERROR", machine, hvd,
                               gpu_of(card=str(file)))
        assert says.get(what, "is no graphics card") in str(error), what
        assert error.path == "$.devices[0].card"
        assert error.hint or what == "link"
        if file.is_dir():
            file.rmdir()
        else:
            file.unlink(missing_ok=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_card_without_a_driver(machine, hvd):
    """A device that nobody has, and one that draws but shows nothing."""
    for minor, says in ((63, "zone0 has no"), (128, "is no graphics card")):
        node = machine.tmp / f"card{minor}"
        try:
            os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(226, minor))
        except PermissionError:
            pytest.skip("this root makes no devices")
        error = does_not_start("IO_ERROR", machine, hvd,
                               gpu_of(card=str(node)))
        assert says in str(error) or "may not open" in str(error)


def test_clone_has_no_card(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(
        "z1", devices=[gpu_of(card="/dev/dri/card0")]))
    hvd.call("zone.clone", name="z1", new_name="z2")
    hvd.call("zone.clone", name="z1", new_name="z3",
             devices={"gpu0": {"card": "/dev/dri/card1"}})
    cards = [hvd.call("zone.get", name=name)["definition"]["devices"][0]
             .get("card") for name in ("z1", "z2", "z3")]
    assert cards == ["/dev/dri/card0", None, "/dev/dri/card1"]


# ----------------------------------------------------------------- password

def test_password(machine, hvd):
    file = machine.tmp / "password"
    file.write_text("secret-and-more\nanother\n")
    file.chmod(0o600)
    start_with(machine, hvd, gpu_of(vnc={"password-file": str(file)}))
    assert wait(lambda: said(machine))[0]["password"] == "secret-a"
    assert display(hvd)["password"] is True
    assert "others than its owner" not in machine.text()
    assert "secret" not in machine.text()
    file.chmod(0o644)
    hvd.call("zone.destroy", name="z1")
    hvd.call("zone.start", name="z1")
    assert "others than its owner" in machine.text()


def test_password_cannot_be_read(machine, hvd):
    file = machine.tmp / "password"
    gpu = gpu_of(vnc={"password-file": str(file)})
    for make, says in ((lambda: None, "No such file"),
                       (lambda: file.mkdir(), "Invalid"),
                       (lambda: (file.rmdir(), os.mkfifo(file)), "Invalid"),
                       (lambda: (file.unlink(), file.write_text("\nx")),
                        "no password in its first line")):
        make()
        error = does_not_start("IO_ERROR", machine, hvd, gpu)
        assert error.path == "$.devices[0].vnc.password-file"
        assert says in str(error) and "one line" in error.hint


@pytest.mark.parametrize("text", ["geheim\u00df".encode("latin-1"),
                                  "passwoo\u00f6".encode(), b"a\tb",
                                  b"\xef\xbb\xbfsecret"])
def test_password_that_no_two_viewers_send_alike(machine, hvd, text):
    file = machine.tmp / "password"
    file.write_bytes(text + b"\n")
    error = does_not_start("IO_ERROR", machine, hvd,
                           gpu_of(vnc={"password-file": str(file)}))
    assert error.path == "$.devices[0].vnc.password-file"
    assert "not of ASCII" in str(error) and "letters" in error.hint
    assert not said(machine)
    file.write_bytes(b" ~secret\r\n")
    hvd.call("zone.start", name="z1")
    assert wait(lambda: said(machine))[0]["password"] == " ~secret"


# ------------------------------------------------------------------ viewers

def test_viewers(machine, hvd):
    machine.inject("display-z1", "shows=0:800x600")
    start_with(machine, hvd, gpu_of())
    path = display(hvd)["heads"][0]["socket"]
    first = connect(path)
    event = hvd.event("z1", "connected")
    assert event["kind"] == "display" and event["viewers"] == 1
    second = connect(path)
    assert hvd.event("z1", "connected")["viewers"] == 2
    head = wait(lambda: display(hvd)["heads"][0]["width"] and
                display(hvd)["heads"][0])
    assert (head["width"], head["height"]) == (800, 600)
    assert display(hvd)["viewers"] == 2
    first.close()
    second.close()
    assert hvd.event("z1", "disconnected")["viewers"] < 2
    wait(lambda: display(hvd)["viewers"] == 0)
    third = connect(path)
    hvd.event("z1", "connected")
    hvd.call("zone.destroy", name="z1")
    assert hvd.event("z1", "disconnected")["viewers"] == 0
    assert third.recv(1) == b""


def test_viewers_that_are_gone_are_noticed(machine, hvd):
    """Their machine is off: nobody closes the connection."""
    start_with(machine, hvd, gpu_of(vnc={"address": own_address()}))
    head = display(hvd)["heads"][0]
    with connect((head["address"], head["port"])):
        hvd.event("z1", "connected")
        assert [m["viewer"] for m in said(machine) if "viewer" in m] == [60]


def test_viewers_in_a_hurry_make_few_events(machine, hvd):
    start_with(machine, hvd, gpu_of())
    path = display(hvd)["heads"][0]["socket"]
    begun = time.monotonic()
    for _ in range(100):
        with socket.socket(socket.AF_UNIX) as viewer:
            viewer.connect(path)
    wait(lambda: display(hvd)["viewers"] == 0)
    took = time.monotonic() - begun
    hvd.call("zone.destroy", name="z1")
    hvd.event("z1", "stopped")
    events = machine.text().count("viewer connected")
    assert events <= took + 2, machine.text()


def test_what_is_shown_is_forgotten(machine, hvd):
    machine.inject("display-z1", "shows=0:800x600")
    start_with(machine, hvd, gpu_of())
    wait(lambda: display(hvd)["heads"][0]["width"] == 800)
    machine.inject("display-z1", "silent")
    os.kill(display(hvd)["pid"], signal.SIGKILL)
    wait(lambda: display(hvd)["heads"][0]["width"] is None)


# -------------------------------------------------------------- screenshots

def shoot(hvd, path, **more):
    return hvd.call("display.screenshot", name="z1", path=str(path), **more)


def test_screenshot(machine, hvd):
    start_with(machine, hvd, gpu_of(heads=2, width=640, height=480))
    file = machine.tmp / "shot.png"
    assert shoot(hvd, file) == {}
    assert file.read_bytes() == b"\x89PNG of head 0"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    error = fails("IO_ERROR", hvd, "display.screenshot", name="z1",
                  path=str(file))
    assert error.path == "$.path" and "--force" in error.hint
    shoot(hvd, file, head=1, force=True)
    assert file.read_bytes() == b"\x89PNG of head 1"
    error = fails("INVALID_PARAMS", hvd, "display.screenshot", name="z1",
                  path=str(file), head=2, force=True)
    assert error.path == "$.head" and "2 heads" in str(error)
    assert file.read_bytes() == b"\x89PNG of head 1"
    error = fails("IO_ERROR", hvd, "display.screenshot", name="z1",
                  path="/nowhere/shot.png")
    assert "zone0" in error.hint
    error = fails("IO_ERROR", hvd, "display.screenshot", name="z1",
                  path=str(machine.tmp), force=True)
    assert "no regular file" in str(error) and error.hint
    hvd.call("zone.destroy", name="z1")
    fails("INVALID_STATE", hvd, "display.screenshot", name="z1", path="/x")


def test_many_screenshots(machine, hvd):
    machine.inject("display-z1", "ignore-shots")
    start_with(machine, hvd, gpu_of())
    wait(lambda: hellos(machine))
    for number in range(8):
        hvd.begin("display.screenshot", name="z1",
                  path=f"{machine.tmp}/{number}.png")
    wait(lambda: len(commands(machine, "screenshot")) == 8)
    other = machine.client()
    error = fails("BUSY", other, "display.screenshot", name="z1",
                  path=f"{machine.tmp}/9.png")
    assert "8 pictures" in str(error) and "wait" in error.hint
    assert not (machine.tmp / "9.png").exists()
    ids = [m["id"] for m in commands(machine, "screenshot")]
    assert len(set(ids)) == 8
    other.call("zone.destroy", name="z1")
    assert list(machine.tmp.glob("*.png")) == []
    other.close()


def test_each_screenshot_has_its_time(machine, hvd):
    """Three that take longer together than one may."""
    machine.inject("display-z1", "slow-shots")
    start_with(machine, hvd, gpu_of())
    wait(lambda: hellos(machine))
    files = [machine.tmp / f"{number}.png" for number in range(3)]
    clients = [machine.client() for _ in files]
    requests = [client.begin("display.screenshot", name="z1", path=str(file))
                for client, file in zip(clients, files)]
    for client, request in zip(clients, requests):
        client.sock.settimeout(120)  # they come in any order
        assert client.finish(request) == {}
        client.close()
    assert all(file.exists() for file in files)
    assert display(hvd)["restarts"] == 0


def test_screenshot_is_refused(machine, hvd):
    machine.inject("display-z1", "refuse")
    start_with(machine, hvd, gpu_of())
    file = machine.tmp / "shot.png"
    error = fails("IO_ERROR", hvd, "display.screenshot", name="z1",
                  path=str(file))
    assert "head 0 shows nothing" in str(error)
    assert not file.exists()
    # What it was to replace is still there, and it alone.
    file.write_text("old")
    fails("IO_ERROR", hvd, "display.screenshot", name="z1", path=str(file),
          force=True)
    assert file.read_text() == "old"
    assert [p for p in machine.tmp.iterdir() if "shot" in p.name] == [file]


def test_screenshot_of_what_cannot_be_replaced(machine, hvd):
    """Meanwhile it has become a folder."""
    file = machine.tmp / "shot.png"
    machine.inject("display-z1", f"spoil={file}")
    start_with(machine, hvd, gpu_of())
    file.write_text("old")
    error = fails("IO_ERROR", hvd, "display.screenshot", name="z1",
                  path=str(file), force=True)
    assert "no regular file" in str(error)
    assert [p for p in machine.tmp.iterdir() if "shot" in p.name] == [file]


def test_screenshot_of_one_that_dies(machine, hvd):
    machine.inject("display-z1", "ignore-shots")
    start_with(machine, hvd, gpu_of())
    file = machine.tmp / "shot.png"
    request = hvd.begin("display.screenshot", name="z1", path=str(file))
    wait(lambda: commands(machine, "screenshot"))
    machine.inject("display-z1", "exit-at-start")
    other = machine.client()
    os.kill(display(other)["pid"], signal.SIGKILL)
    with pytest.raises(Exception, match="ended meanwhile") as error:
        hvd.finish(request)
    assert "again" in error.value.hint
    assert not file.exists()
    wait(lambda: display(other)["restarts"] > 4)  # it waits between them now
    error = fails("BUSY", other, "display.screenshot", name="z1",
                  path=str(file))
    assert "is being started" in str(error) and not file.exists()
    other.close()


def test_screenshot_of_a_zone_that_ends(machine, hvd):
    machine.inject("display-z1", "ignore-shots")
    start_with(machine, hvd, gpu_of())
    file = machine.tmp / "shot.png"
    request = hvd.begin("display.screenshot", name="z1", path=str(file))
    wait(lambda: commands(machine, "screenshot"))
    other = machine.client()
    other.call("zone.destroy", name="z1")
    with pytest.raises(Exception, match="it was stopped"):
        hvd.finish(request)
    assert not file.exists()
    other.close()


def test_daemon_ends_during_a_screenshot(machine, hvd):
    machine.inject("display-z1", "ignore-shots")
    start_with(machine, hvd, gpu_of())
    hvd.begin("display.screenshot", name="z1", path=f"{machine.tmp}/a.png")
    wait(lambda: commands(machine, "screenshot"))
    machine.stop()
    assert not (machine.tmp / "a.png").exists()


# --------------------------------------------------------------------- keys

def press(hvd, keys, **more):
    return hvd.call("display.send_keys", name="z1", keys=keys, **more)


def test_keys(machine, hvd):
    start_with(machine, hvd, {"type": "input", "kind": "tablet"},
               {**KEYBOARD, "name": "kbd"}, KEYBOARD)
    assert press(hvd, [29, 56, 111]) == {}
    press(hvd, [0x2ff] * 16, hold_ms=10000)
    assert [m for m in machine.io_log("z1") if m["cmd"] == "keys"] == [
        {"cmd": "keys", "device": "kbd", "keys": [29, 56, 111],
         "hold-ms": 100},
        {"cmd": "keys", "device": "kbd", "keys": [0x2ff] * 16,
         "hold-ms": 10000}]
    for keys, path in (([], "$.keys"), ([1] * 17, "$.keys"),
                       ([1, 0], "$.keys[1]"), ([0x300], "$.keys[0]"),
                       (["1"], "$.keys[0]")):
        error = fails("INVALID_PARAMS", hvd, "display.send_keys", name="z1",
                      keys=keys)
        assert error.path == path and error.hint
    hvd.call("zone.destroy", name="z1")
    error = fails("INVALID_STATE", hvd, "display.send_keys", name="z1",
                  keys=[1])
    assert "start it first" in error.hint


def test_keys_are_refused(machine, hvd):
    machine.inject("io-z1", "refuse-keys")
    start_with(machine, hvd, {"type": "rng"}, KEYBOARD)
    error = fails("IO_ERROR", hvd, "display.send_keys", name="z1", keys=[1])
    assert "input0: for a test" in str(error)


def test_keys_without_an_answer(machine, hvd):
    machine.inject("io-z1", "ignore-keys")
    pid = start_with(machine, hvd, KEYBOARD)["io"]["pid"]
    request = hvd.begin("display.send_keys", name="z1", keys=[1])
    other = machine.client()
    wait(lambda: len(machine.io_log("z1")) == 2)
    error = fails("BUSY", other, "display.send_keys", name="z1", keys=[1])
    assert "being pressed" in str(error) and "again" in error.hint
    other.call("event.subscribe")
    with pytest.raises(Exception, match="does not answer") as error:
        hvd.finish(request)
    assert error.value.code == "TIMEOUT" and "replaced" in error.value.hint
    # Its answer might come yet, and is not that of others.
    other.event("z1", "io-restarted")
    assert is_gone(pid) and "did not let go of keys in time" in machine.text()
    pid = hvd.call("zone.get", name="z1")["io"]["pid"]
    request = hvd.begin("display.send_keys", name="z1", keys=[1])
    wait(lambda: len([m for m in machine.io_log("z1")
                      if m["cmd"] == "keys"]) == 2)
    machine.inject("io-z1", "silent")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Exception, match="ended meanwhile"):
        hvd.finish(request)
    error = fails("BUSY", hvd, "display.send_keys", name="z1", keys=[1])
    assert "is being started" in str(error)
    other.close()


# --------------------------------------------------------------------- mode

def test_mode(machine, hvd):
    start_with(machine, hvd, gpu_of(heads=2, memory="32M"))
    hvd.call("device.set", name="z1", device="gpu0", width=1920, height=1080)
    lines = [{"cmd": "set", "device": "gpu0", "head": head, "width": 1920,
              "height": 1080} for head in (0, 1)]
    assert machine.io_log("z1")[1:] == lines
    detail = hvd.call("zone.get", name="z1")
    assert detail["definition"]["devices"][0]["width"] == 1920
    assert "running_definition" not in detail
    hvd.call("device.set", name="z1", device="gpu0", height=800)
    assert machine.io_log("z1")[3:] == [{**line, "height": 800}
                                        for line in lines]
    error = fails("INVALID_PARAMS", hvd, "device.set", name="z1",
                  device="gpu0", width=4096, height=2160)
    assert "needs 68M" in str(error) and error.path == "$.memory"
    error = fails("INVALID_PARAMS", hvd, "device.set", name="z1",
                  device="gpu0", width=641)
    assert error.path == "$.width"
    # a successor begins with it
    os.kill(detail["io"]["pid"], signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    assert machine.io_log("z1")[-1]["devices"][0]["width"] == 1920


def test_mode_is_refused(machine, hvd):
    machine.inject("io-z1", "refuse-set")
    start_with(machine, hvd, gpu_of(heads=2, width=640, height=480))
    fails("IO_ERROR", hvd, "device.set", name="z1", device="gpu0", width=800)
    detail = hvd.call("zone.get", name="z1")
    assert detail["definition"]["devices"][0]["width"] == 640
