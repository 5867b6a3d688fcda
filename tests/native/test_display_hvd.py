# SPDX-License-Identifier: BSD-2-Clause
"""hvd with the real hvd-display: pictures, keys, and what outlives whom."""
import contextlib
import os
import shutil
import signal
import socket

import pytest

from certificates import Authority
from display import KEY, Gone, Viewer
from test_display import HOST, PROGRAMS, decode
from test_hvd import HERE, HVD, fails, machine, started, wait  # noqa: F401
from test_hvd_display import (display, gpu_of, is_gone, new_pid, own_address,
                              shoot)
from tls_viewer import TlsViewer, context

PROGRAM = PROGRAMS["sanitized"]
HVD_IO = HOST / "native/hvd_io_fake/hvd_io_fake"
pytestmark = pytest.mark.skipif(not HVD.exists() or not PROGRAM.exists(),
                                reason="not built: make host native")
WIDTH, HEIGHT, PLACE = 64, 48, 4096  # of fake_io.py's picture


@pytest.fixture
def hvd(machine):  # noqa: F811
    machine.inject("io-z1", "picture")
    client = begin(machine)
    yield client
    client.close()


def begin(machine, *words):  # noqa: F811
    client = machine.start("--display-program", PROGRAM, *words)
    client.call("event.subscribe")
    return client


def draw(machine, seed=0):  # noqa: F811
    """As a guest would; RGB lines."""
    lines = []
    with open(machine.run_dir / "video/z1", "r+b") as video:
        video.seek(PLACE)
        for y in range(HEIGHT):
            line = [((x + seed) & 255, y, x ^ y) for x in range(WIDTH)]
            video.write(b"".join(bytes((b, g, r, 0)) for r, g, b in line))
            lines.append(b"".join(map(bytes, line)))
    return lines


def show(machine, hvd, **vnc):  # noqa: F811
    started(machine, hvd, devices=[
        gpu_of(vnc={"address": own_address(), **vnc}), {"type": "input", "kind": "keyboard"}])
    is_shown(hvd)


def is_shown(hvd):
    wait(lambda: display(hvd)["heads"][0]["width"])
    head = display(hvd)["heads"][0]
    assert (head["width"], head["height"]) == (WIDTH, HEIGHT)


def connect(hvd, tcp=True):
    head = display(hvd)["heads"][0]
    sock = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect((head["address"], head["port"]) if tcp else head["socket"])
    return sock


def test_picture(machine, hvd):  # noqa: F811
    show(machine, hvd)
    lines = draw(machine)
    file = machine.tmp / "a.png"
    shoot(hvd, file)
    assert decode(file) == (WIDTH, HEIGHT, lines)
    for tcp in False, True:
        with contextlib.closing(Viewer(connect(hvd, tcp))) as viewer:
            assert viewer.picture() == lines
            assert hvd.event("z1", "connected")["viewers"] == 1
        assert hvd.event("z1", "disconnected")["viewers"] == 0
    error = fails("IO_ERROR", hvd, "display.screenshot", name="z1",
                  path=str(file))
    assert "exists" in str(error)


def test_keys(machine, hvd):  # noqa: F811
    show(machine, hvd)
    with contextlib.closing(Viewer(connect(hvd))) as viewer:
        viewer.key(ord("a"), 1)
        viewer.key(ord("a"), 0)
        wait(lambda: len(outputs(machine)) >= 2)
    assert [m[:4] for m in outputs(machine)[:2]] == [
        [KEY, 0, 30, 1], [KEY, 0, 30, 0]]


def outputs(machine):  # noqa: F811
    return [m["output"] for m in machine.io_fds("z1") if "output" in m]


def test_password(machine, hvd):  # noqa: F811
    file = machine.tmp / "password"
    file.write_text("secret-and-more\n")
    show(machine, hvd, **{"password-file": str(file)})
    lines = draw(machine)
    with contextlib.closing(
            Viewer(connect(hvd), password="secret-a")) as viewer:
        assert viewer.picture() == lines


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_tls(machine, hvd):  # noqa: F811
    """At the port, and not at the socket, where none but zone0's own come."""
    authority = Authority(machine.tmp / "tls")
    authority.issue(machine.tmp / "tls", "server")
    own = authority.issue(machine.tmp / "own", "viewer")
    show(machine, hvd, tls=str(machine.tmp / "tls"))
    lines = draw(machine)
    with contextlib.closing(TlsViewer(
            connect(hvd), context(authority.certificate, own))) as viewer:
        assert viewer.picture() == lines
    with pytest.raises((Gone, OSError)):
        TlsViewer(connect(hvd), context(authority.certificate))
    with pytest.raises(AssertionError):  # of the type that it is offered
        Viewer(connect(hvd))
    with contextlib.closing(Viewer(connect(hvd, tcp=False))) as viewer:
        assert viewer.picture() == lines


def test_io_process_is_killed(machine, hvd):  # noqa: F811
    """The viewer stays, and sees what it was not told of any more."""
    show(machine, hvd)
    before = draw(machine)
    with contextlib.closing(Viewer(connect(hvd))) as viewer:
        assert viewer.picture() == before
        pid = display(hvd)["pid"]
        lines = draw(machine, seed=7)
        os.kill(hvd.call("zone.get", name="z1")["io"]["pid"], signal.SIGKILL)
        hvd.event("z1", "io-restarted")
        wait(lambda: viewer.picture() == lines)
        assert display(hvd)["pid"] == pid
        viewer.key(ord("b"), 1)
        wait(lambda: outputs(machine))


def test_video_memory_is_gone(machine, hvd):  # noqa: F811
    """Who still has it open would show nothing of what is drawn from then on."""
    show(machine, hvd)
    draw(machine)
    pid = display(hvd)["pid"]
    (machine.run_dir / "video/z1").unlink()
    os.kill(hvd.call("zone.get", name="z1")["io"]["pid"], signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    new_pid(hvd, pid)
    is_shown(hvd)
    lines = draw(machine, seed=7)
    with contextlib.closing(Viewer(connect(hvd))) as viewer:
        assert viewer.picture() == lines


def test_display_is_killed(machine, hvd):  # noqa: F811
    show(machine, hvd)
    lines = draw(machine)
    viewer = Viewer(connect(hvd))
    pid = display(hvd)["pid"]
    os.kill(pid, signal.SIGKILL)
    new_pid(hvd, pid)
    is_shown(hvd)
    viewer.close()
    with contextlib.closing(Viewer(connect(hvd))) as viewer:
        assert viewer.picture() == lines
    shoot(hvd, machine.tmp / "a.png")


def test_daemon_is_killed(machine, hvd):  # noqa: F811
    show(machine, hvd)
    lines = draw(machine)
    before = display(hvd)
    machine.kill()
    wait(lambda: is_gone(before["pid"]))
    client = begin(machine)
    is_shown(client)
    assert display(client)["heads"] == before["heads"]
    with contextlib.closing(Viewer(connect(client))) as viewer:
        assert viewer.picture() == lines
    client.call("zone.destroy", name="z1")
    client.close()


@pytest.mark.skipif(not HVD_IO.exists(), reason="not built: make native")
def test_all_three_are_real(machine, monkeypatch):  # noqa: F811
    """Without a guest: what each is told it takes, and takes again after a kill."""
    monkeypatch.setenv("HVD_IO_REAL", str(HVD_IO))
    hvd = begin(machine, "--io-program", HERE / "real_io.py")
    io = started(machine, hvd, devices=[
        gpu_of(heads=2, vnc={"address": own_address()}),
        {"type": "input", "kind": "keyboard"},
        {"type": "input", "kind": "tablet"}])["io"]["pid"]
    hvd.call("device.set", name="z1", device="gpu0", width=800, height=600)
    assert "no driver" in str(fails(
        "IO_ERROR", hvd, "display.send_keys", name="z1", keys=[29, 56, 111]))
    assert "shows nothing" in str(fails(
        "IO_ERROR", hvd, "display.screenshot", name="z1",
        path=f"{machine.tmp}/a.png"))
    for device, counters in (("gpu0", {"bytes": 0, "flushes": 0}),
                             ("input1", {"events": 0})):
        assert hvd.call("device.counters", name="z1", device=device) == {
            "counters": counters}
    before = display(hvd)
    with contextlib.closing(Viewer(connect(hvd))) as viewer:
        viewer.picture()
        os.kill(io, signal.SIGKILL)
        hvd.event("z1", "io-restarted")
        viewer.picture()
    assert display(hvd)["pid"] == before["pid"]
    os.kill(before["pid"], signal.SIGKILL)
    new_pid(hvd, before["pid"])
    with contextlib.closing(Viewer(connect(hvd))) as viewer:
        viewer.picture()
    detail = hvd.call("zone.get", name="z1")
    assert detail["io"]["restarts"] == 1
    assert [d["state"] for d in detail["devices"]] == ["ok"] * 3
    hvd.call("zone.destroy", name="z1")
    assert list((machine.run_dir / "video").iterdir()) == []
    hvd.close()
