# SPDX-License-Identifier: BSD-2-Clause
"""hvd-display between a device and VNC viewers: as it is installed, in its sandbox
(build/host/native), and with sanitizers and without that (build/host)."""
import contextlib
import errno
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from display import (DAMAGE, FORMATS, KEY, MEMORY, MODE, MOTION, SCANOUT,
                     WHEEL, Display, Gone, Viewer, at_rest, ended_in_peace,
                     message, status, switches,
                     wait_for)
from fake_hvd import hvsh_path

HOST = pathlib.Path(hvsh_path()).parent
PROGRAMS = {"installed": HOST / "native/hvd_display/hvd_display",
            "sanitized": HOST / "hvd-display"}
ROUNDS = 2000  # of garbage
PAGE = 4096
SHIFT, ENTER = 42, 28
HEAD1 = 4 << 20  # in video memory

pytestmark = pytest.mark.skipif(
    not all(p.exists() for p in PROGRAMS.values()),
    reason="hvd-display is not built: make native")


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return pytest.mark.skipif(bool(missing),
                              reason=f"not installed: {', '.join(missing)}")


@pytest.fixture(params=list(PROGRAMS))
def program(request):
    return PROGRAMS[request.param]


@pytest.fixture
def start(program, tmp_path):
    """Starts one and gives it a device; at the end it leaves in peace."""
    with ended_in_peace() as started:
        def begin(attach=True, use=None, **more):
            display = Display(use or program, tmp_path, **more)
            started.append(display)
            display.serve()
            if attach:
                display.attach()
            return display

        yield begin


def only(name):
    return pytest.mark.parametrize("program", [name], indirect=True)


@pytest.fixture
def screen():
    """The environment of a display that nobody sees."""
    read, write = os.pipe()
    # Else it begins anew when a client leaves, and turns away who comes then.
    with subprocess.Popen(["Xvfb", "-noreset", "-displayfd", str(write),
                           "-screen", "0", "900x700x24"], pass_fds=[write],
                          stderr=subprocess.DEVNULL) as xvfb:
        try:
            os.close(write)
            with os.fdopen(read) as numbers:
                number = numbers.readline().strip()
            assert number, "Xvfb has not begun"
            yield dict(os.environ, DISPLAY=f":{number}")
        finally:
            xvfb.terminate()


def decode(path, *more):
    """Of a picture's file, by another's program: width, height, RGB lines."""
    run = subprocess.run(["convert", str(path), *more, "-depth", "8",
                          "ppm:-"], capture_output=True, check=True)
    kind, size, depth, pixels = run.stdout.split(b"\n", 3)
    assert (kind, depth) == (b"P6", b"255")
    width, height = map(int, size.split())
    return width, height, [pixels[i:i + width * 3]
                           for i in range(0, len(pixels), width * 3)]


# ------------------------------------------------------------------ the start

def refused(program, tmp_path, **config):
    display = Display(program, tmp_path, **config)
    try:
        display.tell(**display.config)
        event = display.hear()
        assert event["event"] == "fatal", event
        assert display.end() == 1
        return event["path"] if "path" in event else event["error"]
    finally:
        display.close()


@pytest.mark.parametrize("config, path", [
    ({"cmd": "start"}, "$.cmd"),
    ({"zone": "a/b"}, "$.zone"),
    ({"heads": 0}, "$.heads"),
    ({"heads": 5}, "$.heads"),
    ({"memory": 1}, "$.memory"),
    ({"listen": [{"head": 1, "fd": 5}]}, "$.listen[0].head"),
    ({"listen": [{"head": 0, "fd": 4}]}, "$.listen[0].fd"),
    ({"listen": [{"head": 0, "fd": 5}] * 2}, "$.listen[1].fd"),
    ({"listen": 5}, "$.listen"),
    ({"password": ""}, "$.password"),
    ({"password": "123456789"}, "$.password"),
    ({"card": 1}, "$.card"),
    ({"uid": 0, "gid": 0}, "$.uid"),
    ({"colour": "red"}, "$.colour"),
])
@only("sanitized")
def test_config_is_looked_at(program, tmp_path, config, path):
    assert refused(program, tmp_path, **config) == path


@only("sanitized")
def test_what_it_was_given_is_looked_at(program, tmp_path):
    """More memory than the file has, a socket that does not listen, none."""
    assert "video memory" in refused(program, tmp_path, memory=MEMORY + PAGE)
    assert "listening" in refused(program, tmp_path,
                                  listen=[{"head": 0, "fd": 6}])


def test_words_alone(program):
    for word, where in (("--help", "stdout"), ("--version", "stdout"),
                        ("--else", "stderr")):
        run = subprocess.run([program, word], capture_output=True, text=True,
                             check=False)
        assert run.returncode == (where == "stderr")
        assert "hvd-display" in getattr(run, where)


def check_left_nothing(pid, uid, filters):
    what = status(pid)
    assert what["NoNewPrivs"] == "1"
    assert what["Seccomp"] == "2"
    assert what["Seccomp_filters"] == str(filters)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(what[name], 16) == 0, name
    assert what["Uid"].split() == [str(uid)] * 4
    assert what["Groups"] == ""


@pytest.mark.skipif(os.geteuid() != 0,
                    reason="only root has something to give up")
@only("installed")
def test_sandbox(start):
    """Of it, and more of the process that reads what a viewer sends."""
    here = os.readlink("/proc/self/ns/net")
    display = start(uid=12345, gid=12345)
    with contextlib.closing(display.viewer()):
        child, = display.children()
        check_left_nothing(display.pid, 12345, 1)
        check_left_nothing(child, 12345, 2)
        for pid in (display.pid, child):
            assert os.readlink(f"/proc/{pid}/ns/net") != here
            assert os.listdir(f"/proc/{pid}/root") == []
        assert sorted(map(int, os.listdir(f"/proc/{child}/fd"))) == [
            0, 1, 2, 3, 4]


# ------------------------------------------------------------------- pictures

@pytest.mark.parametrize("fmt", FORMATS)
@only("sanitized")
def test_formats(start, fmt):
    """Each, with rows that are longer than what is shown of them."""
    display = start()
    lines = display.memory.draw(64, 48, offset=400, fmt=fmt, stride=300)
    display.device.scanout(64, 48, fmt=fmt, stride=300, offset=400)
    display.hear_event("shows")
    with contextlib.closing(display.viewer()) as viewer:
        assert viewer.picture() == lines
    png = display.log.parent / "shot.png"
    with open(png, "wb") as file:
        display.tell(fd=file.fileno(), cmd="screenshot", id=1, head=0)
        assert display.hear_event("screenshot")["id"] == 1
    assert decode(png) == (64, 48, lines)


@needs("gvnccapture", "convert")
def test_program_takes_picture(start, tmp_path):
    """gtk-vnc's, which takes encodings with compression."""
    display = start()
    lines = display.memory.draw(640, 480)
    display.device.scanout(640, 480)
    display.hear_event("shows")
    subprocess.run(["gvnccapture", "-q", f"127.0.0.1:{display.number()}",
                    "picture.png"], cwd=tmp_path, timeout=60, check=True)
    assert decode(tmp_path / "picture.png") == (640, 480, lines)


@only("sanitized")
def test_changes(start):
    """Only what has changed is sent, and what was missed as one rectangle."""
    display = start()
    display.memory.draw(320, 200)
    display.device.scanout(320, 200)
    display.hear_event("shows")
    with contextlib.closing(display.viewer(
            encodings=("raw", "size", "cursor"))) as viewer:
        before = viewer.picture()
        viewer.ask()
        display.memory.fill(10, 20, 4, 3, b"\xff\0\0\0", 320 * 4)
        display.device.damage(10, 20, 4, 3)
        assert viewer.update() == {(10, 20, 4, 3): b"\0\0\xff\0" * 12}
        display.device.damage(1, 1, 1, 1)
        display.device.damage(100, 150, 2, 2)
        # Both are there once this is: they go the same way.
        viewer.cursor = None
        display.device.pointer()
        while viewer.cursor is None:
            viewer.ask()
            rects = viewer.update()
        if rects:
            assert set(rects) <= {(1, 1, 1, 1), (100, 150, 2, 2)}
        after = viewer.picture()
        assert [y for y in range(200) if before[y] != after[y]] == [20, 21, 22]


@only("installed")
def test_only_what_differs_is_sent(start):
    """Whatever is said to have changed, and in one update."""
    display = start()
    display.memory.draw(320, 200)
    display.memory.draw(320, 200, offset=1 << 20)
    display.device.scanout(320, 200)
    display.hear_event("shows")
    with contextlib.closing(display.viewer()) as viewer:
        viewer.picture()
        viewer.ask()
        for x, y in ((0, 0), (316, 197)):
            display.memory.fill(x, y, 4, 3, b"\xff\0\0\0", 320 * 4, 1 << 20)
        display.device.damage(0, 0, 320, 200)
        display.device.scanout(320, 200, offset=1 << 20)
        display.device.damage(0, 0, 320, 200)
        assert set(viewer.update()) == {(0, 0, 64, 16), (256, 192, 64, 8)}
    # While nobody looks nothing is compared.
    wait_for(lambda: not display.children(), "its end")
    lines = display.memory.draw(320, 200, seed=7, offset=1 << 20)
    with contextlib.closing(display.viewer()) as viewer:
        assert viewer.picture() == lines
        lines = display.memory.draw(320, 200, seed=8, fmt=67, offset=1 << 20)
        display.device.scanout(320, 200, fmt=67, offset=1 << 20)
        wait_for(lambda: viewer.picture() == lines, "other colours")


@only("installed")
def test_a_picture_that_is_too_large_to_be_compared(start):
    """More than its head's share; and more to come, as no device says."""
    display = start(heads=2)
    lines = display.memory.draw(1280, 1024)
    display.device.scanout(1280, 1024)
    display.hear_event("shows")
    with contextlib.closing(display.viewer()) as viewer:
        assert viewer.picture() == lines
        viewer.ask()
        display.device.sock.send(message(DAMAGE, 0, 5, 6, 7, 8, 1))
        assert set(viewer.update()) == {(5, 6, 7, 8)}


def test_nothing_is_black(start):
    """Before a device says what is shown, and when nothing is any more."""
    display = start(attach=False)
    with contextlib.closing(display.viewer()) as viewer:
        assert viewer.picture() == [bytes(640 * 3)] * 480
        device = display.attach()
        lines = display.memory.draw(400, 300)
        device.scanout(400, 300)
        assert display.hear_event("shows") == {
            "event": "shows", "head": 0, "width": 400, "height": 300}
        wait_for(lambda: viewer.picture() == lines, "the picture")
        device.scanout(0, 0, fmt=0, stride=0)
        assert display.hear_event("shows")["width"] == 0
        wait_for(lambda: viewer.picture() == [bytes(400 * 3)] * 300, "black")


def test_pointer(start):
    """Its picture is sent to those that draw it, half transparent or not."""
    display = start()
    display.memory.draw(320, 200)
    display.device.scanout(320, 200, fmt=2)
    at = 1 << 20
    pixels = bytearray(b"\x30\x20\x10\xff" * 4096)
    pixels[0:8] = b"\x03\x02\x01\x7f\x06\x05\x04\x80"
    os.pwrite(display.memory.file.fileno(), pixels, at)
    display.device.pointer(offset=at, hot=(3, 4))
    with contextlib.closing(display.viewer(
            encodings=("raw", "size", "cursor"))) as viewer, \
            contextlib.closing(display.viewer()) as plain:
        wait_for(lambda: (viewer.picture(), viewer.cursor)[1], "a pointer")
        assert viewer.cursor[:4] == (3, 4, 64, 64)
        assert viewer.cursor[4][:12] == (b"\x01\x02\x03\0\x04\x05\x06\0"
                                         b"\x10\x20\x30\0")
        assert viewer.cursor[5] == b"\x7f" + b"\xff" * 511
        viewer.cursor = None
        lines = display.memory.draw(320, 200, fmt=67)
        display.device.scanout(320, 200, fmt=67)
        wait_for(lambda: viewer.picture() == lines, "other colours")
        wait_for(lambda: plain.picture()[100:] == lines[100:], "other colours")
        assert plain.picture() != lines  # it is drawn there
        wait_for(lambda: (viewer.picture(), viewer.cursor)[1], "a pointer")
        assert viewer.cursor[4][8:12] == b"\x10\x20\x30\0"
        viewer.cursor = None
        display.device.pointer(fmt=0)
        wait_for(lambda: (viewer.picture(), viewer.cursor)[1], "none")
        assert viewer.cursor[2:4] == (0, 0) or not any(viewer.cursor[5])


def painted(lines, pointer, x, y):
    """The picture with an opaque pointer of one colour whose corner is there."""
    wanted = [bytearray(line) for line in lines]
    for line in wanted[max(y, 0):max(y + 64, 0)]:
        for column in range(max(x, 0), max(min(x + 64, len(line) // 3), 0)):
            line[column * 3:column * 3 + 3] = pointer
    return [bytes(line) for line in wanted]


def test_pointer_is_drawn(start):
    """For viewers that do not draw it, where it is, and nowhere else."""
    display = start()
    lines = display.memory.draw(320, 200)
    display.device.scanout(320, 200)
    at = 1 << 20
    os.pwrite(display.memory.file.fileno(), b"\x03\x02\x01\xff" * 4096, at)
    colour = b"\x01\x02\x03"

    def shows(wanted, inner=lambda lines: lines):
        wait_for(lambda: inner(viewer.picture()) == inner(wanted),
                 "the pointer's picture")

    def all_but_the_last(lines):
        """Row and column: of a pointer over the edge the library leaves it out."""
        return [line[:-3] for line in lines[:-1]]

    display.device.pointer(offset=at, hot=(3, 4), place=(103, 54))
    with contextlib.closing(display.viewer()) as viewer, \
            contextlib.closing(display.viewer(
                encodings=("raw", "size", "cursor", "pointer-pos"))) as other:
        # Which is never told: it is not in any update.
        wait_for(lambda: other.picture() == lines, "the picture alone")
        shows(painted(lines, colour, 100, 50))
        # It moves: both places are sent, and what is below is as it was.
        viewer.ask()
        display.device.pointer(has_picture=0, hot=(3, 4), place=(13, 14))
        rects = viewer.update()
        assert sum(w * h for _, _, w, h in rects) <= 2 * 64 * 64
        shows(painted(lines, colour, 10, 10))
        # Over an edge, and beyond all of them.
        for x, y in ((0, 0), (319, 199), (1 << 31, 5), ((1 << 32) - 1,) * 2):
            display.device.pointer(has_picture=0, hot=(3, 4), place=(x, y))
            shows(painted(lines, colour, min(x, 1000) - 3, min(y, 1000) - 4),
                  all_but_the_last)
        # What changes below it, and another picture of it.
        display.device.pointer(has_picture=0, hot=(3, 4), place=(3, 4))
        shows(painted(lines, colour, 0, 0))
        lines = display.memory.draw(320, 200, seed=9)
        display.device.damage(0, 0, 320, 200)
        shows(painted(lines, colour, 0, 0))
        os.pwrite(display.memory.file.fileno(), b"\x06\x05\x04\xff" * 4096,
                  at)
        display.device.pointer(offset=at, hot=(0, 0), place=(9, 9))
        shows(painted(lines, b"\x04\x05\x06", 9, 9))
        display.device.pointer(fmt=0, place=(9, 9))
        shows(lines)
        display.device.pointer(offset=at, hot=(0, 0), place=(9, 9))
        shows(painted(lines, b"\x04\x05\x06", 9, 9))
        lines = display.memory.draw(400, 300, seed=3)
        display.device.scanout(400, 300)
        shows(painted(lines, b"\x04\x05\x06", 9, 9))
        # It says that it can, after all: then it is told, and sees what there is.
        viewer.set_encodings("raw", "size", "cursor")
        shows(lines)
        assert viewer.cursor[:4] == (0, 0, 64, 64)
        # Who draws it itself never had it in the picture, nor heard of moves.
        wait_for(lambda: other.picture() == lines, "the picture alone")


@only("installed")
def test_moves_of_the_pointer_wake_nobody_who_draws_it(start):
    display = start()
    lines = display.memory.draw(320, 200)
    display.device.scanout(320, 200)
    display.hear_event("shows")
    display.device.pointer(offset=1 << 20)
    with contextlib.closing(display.viewer(
            encodings=("raw", "size", "cursor"))) as viewer:
        wait_for(lambda: (viewer.picture() == lines, viewer.cursor)[1], "both")
        viewer.ask()
        child, = display.children()
        wait_for(lambda: at_rest(display.pid, child), "rest")
        before = switches(child)
        for x in range(100):
            display.device.pointer(has_picture=0, place=(x, 5))
        display.settle(110)
        assert switches(child) == before
        display.memory.draw(320, 200, seed=1)
        display.device.damage(0, 0, 1, 1)
        assert viewer.update()


@only("installed")
def test_no_pointer_in_a_large_picture(start):
    """A copy of it would leave no room for what encoders take."""
    display = start(size=64 << 20)
    display.device.scanout(4096, 2160)
    display.hear_event("shows")
    os.pwrite(display.memory.file.fileno(), b"\xff" * 16384, 40 << 20)
    display.device.pointer(offset=40 << 20)
    with contextlib.closing(display.viewer()) as viewer:
        assert not any(map(any, viewer.picture()))
        assert not any(map(any, viewer.picture()))


@only("installed")
def test_size_changes_while_a_viewer_comes(start):
    """Before it has said that it can be told."""
    display = start()
    with contextlib.closing(display.viewer(encodings=["raw"])) as viewer:
        lines = display.memory.draw(400, 300)
        display.device.scanout(400, 300)
        display.hear_event("shows")
        # Its process has heard of it once it has sent anything of it.
        while True:
            viewer.ask(incremental=False)
            rects = viewer.update()
            if (0, 0, 400, 300) in rects:
                break
        viewer.set_encodings("raw", "size")
        assert viewer.picture() == lines
        assert (viewer.width, viewer.height) == (400, 300)


def test_other_modes_and_heads(start):
    """A viewer goes on with another mode, and each sees its head."""
    display = start(heads=2)
    device = display.device
    first = display.memory.draw(320, 200)
    second = display.memory.draw(640, 480, seed=99, offset=HEAD1)
    device.scanout(320, 200)
    device.scanout(640, 480, head=1, offset=HEAD1)
    assert {display.hear_event("shows")["head"] for _ in range(2)} == {0, 1}
    with contextlib.closing(display.viewer()) as one, \
            contextlib.closing(display.viewer(1)) as two:
        assert (one.title, two.title) == ("z1 (0)", "z1 (1)")
        assert one.picture() == first
        assert two.picture() == second
        bigger = display.memory.draw(1024, 768, seed=5)
        device.scanout(1024, 768)
        wait_for(lambda: one.picture() == bigger, "another mode")
        assert (one.width, one.height) == (1024, 768)
        assert two.picture() == second
        two.point(639, 0)
        assert device.next() == (MOTION, 1, (32767, 0, 0))


def test_device_is_replaced(start):
    """The same viewer sees the picture of the next, and talks to it."""
    display = start()
    old = display.memory.draw(320, 200)
    display.device.scanout(320, 200)
    with contextlib.closing(display.viewer()) as viewer:
        wait_for(lambda: viewer.picture() == old, "a picture")
        viewer.key(ord("a"), True)
        assert display.device.next() == (KEY, 0, (30, 1))
        display.device.close()
        assert viewer.picture() == old
        viewer.key(ord("b"), True)
        viewer.key(ord("b"), False)
        viewer.picture()
        display.settle()
        device = display.attach()
        new = display.memory.draw(400, 200, seed=7)
        device.scanout(400, 200)
        wait_for(lambda: viewer.picture() == new, "the next one's picture")
        # Nothing is pressed there, so nothing is let go.
        viewer.key(ord("a"), False)
        viewer.key(ord("c"), True)
        assert device.next() == (KEY, 0, (46, 1))


@only("installed")
def test_screenshot(start, tmp_path):
    """Several at a time come one after the other."""
    display = start(heads=2)
    lines = display.memory.draw(640, 480)
    display.device.scanout(640, 480)
    display.hear_event("shows")
    for i in range(8):
        with open(tmp_path / f"{i}.png", "wb") as file:
            display.tell(fd=file.fileno(), cmd="screenshot", id=i + 1, head=0)
    assert [display.hear() for _ in range(8)] == [
        {"event": "screenshot", "id": i + 1} for i in range(8)]
    assert decode(tmp_path / "7.png") == (640, 480, lines)
    wait_for(lambda: not display.children(), "the end of who wrote it")


@only("sanitized")
def test_screenshot_refused(start, tmp_path):
    display = start(heads=2)
    display.memory.draw(640, 480)
    display.device.scanout(640, 480)
    display.hear_event("shows")
    with open(tmp_path / "a.png", "wb") as file, open("/dev/full", "wb") as no:
        def why(fd, **more):
            display.tell(fd=fd, **{"cmd": "screenshot", "id": 3, "head": 0,
                                   **more})
            event = display.hear()
            assert (event["event"], event["id"]) == ("refused", 3)
            return event["reason"]
        assert why(file.fileno(), head=1) == "head 1 shows nothing"
        assert "0 to 1" in why(file.fileno(), head=2)
        assert "no file" in why(None)
        assert "no regular file" in why(no.fileno())
        with open(os.open(tmp_path / "a.png", os.O_RDONLY)) as wrong:
            assert "Bad file descriptor" in why(wrong.fileno())
        # Those that could not be used are not kept for the next command.
        assert "no file" in why(None)
        for i in range(10):
            display.tell(fd=file.fileno(), cmd="screenshot", id=i + 10, head=0)
        events = [display.hear() for _ in range(10)]
        assert sum(e["event"] == "screenshot" for e in events) >= 8


# ---------------------------------------------------------------------- input

def pressed(device, count):
    """Of so many messages: the codes of keys, - for a release."""
    found = []
    for _ in range(count):
        kind, head, (code, down) = device.next()
        assert (kind, head) == (KEY, 0)
        found.append(code if down else -code)
    return found


@only("sanitized")
def test_keys(start):
    """By symbol, and by scan code if the viewer knows how."""
    display = start()
    with contextlib.closing(display.viewer(
            encodings=("raw", "ext-keys"))) as viewer:
        for symbol, code in ((ord("a"), 30), (ord("A"), 30), (ord("~"), 41),
                             (ord(" "), 57), (0xff0d, 28), (0xffe1, 42),
                             (0xff9f, 83), (0xffc9, 88), (0xfe03, 100)):
            viewer.key(symbol, True)
            viewer.key(symbol, False)
            assert pressed(display.device, 2) == [code, -code]
        viewer.key(0x20ac, True)  # a euro, which is not there
        viewer.ask()
        viewer.update()
        assert viewer.ext_keys
        for scan, code in ((0x01, 1), (0x1e, 30), (0x56, 86), (0x58, 88),
                           (0x9c, 96), (0xc8, 103), (0xdb, 125), (0x73, 89)):
            viewer.scan_code(scan, True)
            viewer.scan_code(scan, False)
            assert pressed(display.device, 2) == [code, -code]
        viewer.scan_code(0, True, symbol=ord("q"))
        assert pressed(display.device, 1) == [16]
        viewer.scan_code(0xfff, True)
        viewer.close()
        assert pressed(display.device, 1) == [-16]
        assert display.device.quiet()


@only("sanitized")
def test_pointer_of_viewer(start):
    display = start()
    display.memory.draw(320, 200)
    display.device.scanout(320, 200)
    display.hear_event("shows")
    with contextlib.closing(display.viewer()) as viewer:
        # left, middle and right, and what has no place in a mouse of ours
        for x, y, mask, expected in (
                (0, 0, 0, (0, 0, 0)), (319, 199, 1, (32767, 32767, 1)),
                (160, 100, 2, (16434, 16465, 4)), (65535, 0, 4, (32767, 0, 2)),
                (0, 65535, 0x80, (0, 32767, 8))):
            viewer.point(x, y, mask)
            assert display.device.next() == (MOTION, 0, expected)
        for mask, clicks in ((8, (0, 1)), (16, (0, -1)), (32, (-1, 0)),
                             (64, (1, 0))):
            viewer.point(0, 0, mask)
            assert display.device.next()[0] == MOTION
            assert display.device.next() == (WHEEL, 0, clicks)
        viewer.point(1, 0, 1)
        assert display.device.next() == (MOTION, 0, (102, 0, 1))
    # It went with a button down.
    assert display.device.next() == (MOTION, 0, (102, 0, 0))


@only("sanitized")
def test_viewer_wants_mode(start):
    display = start()
    display.memory.draw(640, 480)
    display.device.scanout(640, 480)
    display.hear_event("shows")
    with contextlib.closing(display.viewer(
            encodings=("raw", "ext-size"))) as viewer:
        viewer.picture()
        viewer.resize(800, 600)
        assert display.device.next() == (MODE, 0, (800, 600))
        lines = display.memory.draw(800, 600, seed=3)
        viewer.layout = None
        display.device.scanout(800, 600)
        wait_for(lambda: viewer.picture() == lines, "the mode")
        for asked, result in (((639, 480), 2), ((4097, 600), 2),
                              ((4096, 2160), 2), ((800, 600), 0)):
            viewer.layout = None
            viewer.resize(*asked)
            while viewer.layout is None or viewer.layout[0] != 1:
                viewer.ask()
                viewer.update()
            assert viewer.layout == (1, result), asked
        viewer.layout = None
        viewer.resize(640, 480, screens=2)
        while viewer.layout is None or viewer.layout[0] != 1:
            viewer.ask()
            viewer.update()
        assert viewer.layout == (1, 3)
        assert display.device.quiet()


@needs("vncviewer", "xdotool", "Xvfb", "import", "convert")
@only("installed")
def test_program_of_people(start, screen, tmp_path):
    """TigerVNC's viewer on a screen: what it shows, and what is typed there; it
    stays when the device is replaced."""
    display = start()
    lines = display.memory.draw(640, 480)
    display.device.scanout(640, 480)
    display.hear_event("shows")
    env = dict(screen, HOME=str(tmp_path))

    def shown():
        return subprocess.run(
            ["import", "-silent", "-window", "root", str(tmp_path / "s.png")],
            env=env, check=False).returncode == 0 and decode(
                tmp_path / "s.png", "-crop", "640x480+1+20", "+repage")[2]

    def act(*words):
        subprocess.run(["xdotool", *map(str, words)], env=env, check=True)

    with subprocess.Popen(
            ["vncviewer", f"127.0.0.1::{display.addresses[0][1]}",
             "-geometry=640x480+0+0", "-RemoteResize=0", "-MenuKey=",
             "-FullColor=1", "-AutoSelect=0", "-PreferredEncoding=ZRLE"],
            env=env, stderr=subprocess.DEVNULL) as viewer:
        try:
            assert display.hear_event("viewers")["count"] == 1
            wait_for(lambda: shown() == lines, "the picture", 60)
            # It takes no notice of anything before it is clicked at.
            act("search", "--name", "z1 - TigerVNC", "windowfocus", "--sync")
            act("mousemove", 1 + 100, 20 + 200, "click", 3)
            while display.device.next() != (MOTION, 0, (5127, 13681, 2)):
                pass
            assert display.device.next() == (MOTION, 0, (5127, 13681, 0))
            act("type", "Hi")
            act("key", "Return")
            keys = []
            while len(keys) < 8:
                kind, _, what = display.device.next()
                keys += [what] if kind == KEY else []
            assert keys == [(SHIFT, 1), (35, 1), (SHIFT, 0), (35, 0), (23, 1),
                            (23, 0), (ENTER, 1), (ENTER, 0)]
            display.attach()
            lines = display.memory.draw(640, 480, seed=77)
            display.device.scanout(640, 480)
            wait_for(lambda: shown() == lines, "the next device's", 60)
            assert viewer.poll() is None
        finally:
            viewer.kill()
    assert display.hear_event("viewers")["count"] == 0


# -------------------------------------------------------------------- viewers

@only("installed")
def test_viewers_are_counted(start):
    display = start()
    for _ in range(2):
        viewers = []
        for count in range(1, 17):
            viewers.append(display.viewer())
            assert display.hear() == {"event": "viewers", "count": count}
        with contextlib.closing(display.connect()) as one_more:
            with pytest.raises(Gone):
                Viewer(one_more)
        for count in range(15, -1, -1):
            viewers.pop().close()
            assert display.hear() == {"event": "viewers", "count": count}
        wait_for(lambda: not display.children(), "their processes' end")


def come_and_go(display, times):
    for _ in range(times):
        with contextlib.closing(display.connect()) as s:
            s.sendall(b"RFB 003.008\n\x01\x01")
            Viewer(s, enter=False).read(12 + 2 + 4 + 24)  # it is in


@only("installed")
def test_viewers_in_a_hurry_are_counted_now_and_then(start):
    """hvd replaces one that says too much: the others would be cut off."""
    display = start()
    counts = []

    def hear():
        while counts[-1:] != ["end"]:
            event = display.hear()
            counts.append(event.get("count", "end"))

    ear = threading.Thread(target=hear)
    ear.start()
    begin = time.monotonic()
    crowd = [threading.Thread(target=come_and_go, args=(display, 60))
             for _ in range(8)]
    for viewer in crowd:
        viewer.start()
    for viewer in crowd:
        viewer.join()
    took = time.monotonic() - begin
    wait_for(lambda: counts[-1:] == [0] and not display.children(), "the last")
    display.tell(cmd="screenshot", id=1, head=0)  # refused
    ear.join()
    assert max(counts[:-1]) >= 1
    assert len(counts) < 45 * took + 20


@only("installed")
def test_strangers_do_not_fill_the_log(start):
    display = start()
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(contextlib.closing(display.viewer()))
        begin = time.monotonic()
        for _ in range(200):
            with contextlib.closing(display.connect()) as one_more:
                with pytest.raises(Gone):
                    Viewer(one_more)
        took = time.monotonic() - begin
    assert 1 <= display.text().count("turned away") < took / 5 + 3


@only("installed")
def test_password(start):
    display = start(password="zonevisr")
    challenges = set()
    for _ in range(4):
        with contextlib.closing(Viewer(display.connect(),
                                       enter=False)) as viewer:
            challenges.add(viewer.challenge())
            viewer.sock.sendall(bytes(16))
            assert viewer.read(4) == b"\0\0\0\1"
            assert viewer.is_closed()
    assert len(challenges) == 4
    with pytest.raises(Gone):
        display.viewer(password="zonevis")
    with pytest.raises(AssertionError):
        display.viewer()
    with contextlib.closing(display.viewer(password="zonevisr")) as viewer:
        assert viewer.picture()
        assert display.hear() == {"event": "viewers", "count": 1}


@only("installed")
def test_unix_socket(start):
    display = start(unix=True)
    with contextlib.closing(display.viewer()) as viewer:
        assert viewer.picture()


@only("installed")
def test_web_page_is_no_viewer(start):
    """A browser sends what a page wants, and has no password."""
    display = start()
    with contextlib.closing(display.connect()) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\nOrigin: http://example.org\r\n"
                  b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  b"Sec-WebSocket-Version: 13\r\n"
                  b"Sec-WebSocket-Protocol: binary\r\n\r\n")
        assert Viewer(s, enter=False).is_closed()
    for data in (b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3", b"GE"):
        with contextlib.closing(display.connect()) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            assert Viewer(s, enter=False).is_closed()
    wait_for(lambda: not display.children(), "the end of all of it")


@only("installed")
def test_still_picture_wakes_nobody(start):
    display = start()
    display.memory.draw(640, 480)
    display.device.scanout(640, 480)
    display.hear_event("shows")
    with contextlib.closing(display.viewer()) as viewer:
        viewer.picture()
        viewer.ask()
        pids = [display.pid, *display.children()]
        assert len(pids) == 2
        wait_for(lambda: at_rest(*pids), "rest")


@only("installed")
def test_slow_viewer(start):
    """One that does not read costs the others nothing, and no memory."""
    display = start()
    display.memory.draw(1024, 768)
    display.device.scanout(1024, 768)
    display.hear_event("shows")
    with contextlib.closing(display.viewer()) as slow, \
            contextlib.closing(display.viewer()) as quick:
        quick.picture()
        for _ in range(20):
            slow.ask(incremental=False)
        for i in range(3000):
            display.device.damage(i % 1000, i % 700, 5, 5)
        for i in range(5):
            quick.picture()
        quick.key(ord("x"), True)
        assert display.device.next() == (KEY, 0, (45, 1))
        assert int(status(display.pid)["VmData"].split()[0]) < 20 << 10
        # When it reads again, it sees what there is.
        lines = display.memory.draw(1024, 768, seed=1)
        display.device.damage(0, 0, 1024, 768)
        wait_for(lambda: slow.picture() == lines, "what there is")


@only("installed")
def test_device_that_does_not_read(start):
    """Motion is dropped but for the last, presses are; no release ever is."""
    display = start()
    with contextlib.closing(display.viewer()) as viewer:
        viewer.key(ord("a"), True)
        viewer.point(5, 5, 1)
        for i in range(3000):
            viewer.point(i % 600, 7, 1)
        viewer.key(ord("a"), False)
        viewer.key(ord("b"), True)
        viewer.key(ord("b"), False)
        for i in range(3000):
            viewer.point(i % 600, 7, 1)
        viewer.point(0, 0, 0)
        viewer.ask(incremental=False)
        viewer.update()
        seen = []
        while not seen or seen[-1] != (MOTION, 0, (0, 0, 0)):
            seen.append(display.device.next())
        assert len(seen) < 3000
        keys = [s[2] for s in seen if s[0] == KEY]
        assert keys[:2] == [(30, 1), (30, 0)]
        assert keys[2:] in ([], [(48, 1), (48, 0)])
        viewer.key(ord("c"), True)
        assert display.device.next() == (KEY, 0, (46, 1))


@only("installed")
def test_viewers_process_is_killed(start):
    """That one's viewer is gone, and what it held down is let go."""
    display = start()
    with contextlib.closing(display.viewer()) as other:
        stays, = display.children()
        with contextlib.closing(display.viewer()) as viewer:
            viewer.key(0xffe3, True)
            assert display.device.next() == (KEY, 0, (29, 1))
            child, = set(display.children()) - {stays}
            os.kill(child, signal.SIGKILL)
            assert display.device.next() == (KEY, 0, (29, 0))
            assert viewer.is_closed()
        assert other.picture()
        wait_for(lambda: display.children() == [stays], "one process")


@only("installed")
def test_all_end_with_it(start):
    display = start()
    with contextlib.closing(display.viewer()) as viewer:
        child, = display.children()
        os.kill(display.pid, signal.SIGKILL)
        display.end()
        assert viewer.is_closed()
        wait_for(lambda: not os.path.exists(f"/proc/{child}") or
                 status(child)["State"][0] == "Z", "its end")


# -------------------------------------------------------------------- garbage

def session_bytes():
    """All that a viewer can say."""
    parts = [b"RFB 003.008\n", b"\x01", b"\x01"]
    record = type("Record", (), {"sendall": lambda _, data: parts.append(data)})
    viewer = Viewer(record(), enter=False)
    viewer.width, viewer.height = 320, 200
    viewer.set_format()
    viewer.set_encodings("raw", "size", "ext-size", "cursor", "ext-keys")
    viewer.ask(incremental=False)
    for encoding in (1, 2, 4, 5, 6, 7, 9, 16, 17):
        parts.append(struct.pack(">BxH5i", 2, 5, encoding, -239, -223, -32,
                                 -256))
        viewer.ask(incremental=False)
    for bits in (8, 16):
        parts.append(struct.pack(">B3xBBBBHHHBBB3x", 0, bits, bits, 0, 1,
                                 7, 7, 3, 0, 3, 6))
        viewer.ask(incremental=False)
    viewer.key(97, True)
    viewer.scan_code(30, True)
    viewer.point(10, 10, 255)
    viewer.resize(640, 480)
    parts.append(struct.pack(">B3xI", 6, 5) + b"hello")
    parts += [struct.pack(">BB2x", 8, 2), struct.pack(">BBH4x", 7, 1, 1)]
    viewer.ask(incremental=False)
    return parts


def mutated(rng, parts):
    chosen = parts[:3] if rng.random() < 0.9 else parts[:rng.randrange(4)]
    chosen = chosen + [rng.choice(parts) for _ in range(rng.randrange(6))]
    data = bytearray(b"".join(chosen))
    for _ in range(rng.choice((0, 1, 1, 2, 5, 40))):
        if data:
            data[rng.randrange(len(data))] = rng.choice(
                (0, 1, 255, 128, rng.randrange(256)))
    return bytes(data[:rng.randrange(len(data) + 1)]
                 if rng.random() < 0.3 else data)


def take_what_comes(s):
    """Until it has nothing to say for a moment."""
    s.settimeout(0.001)
    with contextlib.suppress(OSError):
        while s.recv(1 << 20):
            pass


@only("sanitized")
def test_garbage_from_viewers(start):
    """The one that sends it is dropped at most: another sees all the same."""
    rng = random.Random(8)
    display = start()
    lines = display.memory.draw(320, 200)
    display.device.scanout(320, 200)
    display.device.sock.setblocking(False)
    parts = session_bytes()
    with contextlib.closing(display.viewer()) as witness:
        open_ones = []
        for i in range(ROUNDS):
            s = display.connect()
            open_ones.append(s)
            with contextlib.suppress(OSError):
                s.sendall(mutated(rng, parts))
            if len(open_ones) == 12:
                for s in open_ones:
                    take_what_comes(s)
                    s.close()
                open_ones = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        kind, head, fields = display.device.next()
                        assert kind in (KEY, MOTION, WHEEL, MODE)
                        assert head == 0
                        assert kind != KEY or 0 < fields[0] < 0x300
                wait_for(lambda: len(display.children()) == 1, "their end")
            if i % 200 == 0:
                assert witness.picture() == lines
        assert witness.picture() == lines
        for s in open_ones:
            s.close()
        wait_for(lambda: len(display.children()) == 1, "their end")
        assert "turned away" not in display.text()


BAD = [
    message(SCANOUT, 0, 2, 320, 200, 1280, 0, layout="IIIIQ"),  # no hello yet
    message(1, 0, 2, 1),
    message(1, 0, 1, 2),
]
BAD_LATER = [
    b"", b"x" * 63, b"x" * 65, message(5, 0), message(KEY, 0, 30, 1),
    message(DAMAGE, 1, 0, 0, 1, 1), message(DAMAGE, 0, 0, 0, 0, 1),
    message(DAMAGE, 0, 319, 0, 2, 1), message(DAMAGE, 0, 0, 199, 1, 2),
    message(DAMAGE, 0, 1, 0, 0xffffffff, 1),
    message(SCANOUT, 0, 5, 320, 200, 1280, 0, layout="IIIIQ"),
    message(SCANOUT, 0, 2, 0, 200, 1280, 0, layout="IIIIQ"),
    message(SCANOUT, 0, 2, 320, 200, 1276, 0, layout="IIIIQ"),
    message(SCANOUT, 0, 2, 320, 200, 1280, 2, layout="IIIIQ"),
    message(SCANOUT, 0, 2, 320, 200, 1280, MEMORY - 320 * 800 + 4,
            layout="IIIIQ"),
    message(SCANOUT, 0, 2, 320, 200, 1280, (1 << 64) - 4, layout="IIIIQ"),
    message(SCANOUT, 0, 2, 16385, 1, 16385 * 4, 0, layout="IIIIQ"),
    message(SCANOUT, 0, 2, 1, 16384, 0x7ffffffc, 0, layout="IIIIQ"),
    message(4, 0, 0, 0, 64, 0, 1, 1, 256, 0, 0, layout="IIIIIIIIQ"),
    message(4, 0, 0, 0, 0, 0, 2, 1, 256, 0, 0, layout="IIIIIIIIQ"),
    message(4, 0, 0, 0, 0, 0, 1, 1, 252, 0, 0, layout="IIIIIIIIQ"),
    message(4, 0, 0, 0, 0, 0, 1, 1, 256, 0, MEMORY - 16380,
            layout="IIIIIIIIQ"),
]


@only("sanitized")
def test_garbage_from_devices(start):
    """Its socket is closed, the picture stays, and another one is welcome."""
    display = start(attach=False)
    lines = display.memory.draw(320, 200)
    with contextlib.closing(display.viewer()) as viewer:
        for early, bad in [(True, b) for b in BAD] + [(False, b)
                                                      for b in BAD_LATER]:
            device = display.attach(hello=not early)
            if not early:
                device.scanout(320, 200)
            if bad:
                device.sock.send(bad)
                assert device.sock.recv(64) == b"", bad
            if not early:
                wait_for(lambda: viewer.picture() == lines, "the picture")
        rng = random.Random(9)
        for _ in range(ROUNDS // 4):
            device = display.attach()
            device.scanout(320, 200)
            with contextlib.suppress(OSError):
                for _ in range(10):
                    what = bytearray(rng.choice(BAD_LATER[3:] + [
                        message(DAMAGE, 0, 5, 5, 9, 9),
                        message(SCANOUT, 0, 2, 100, 90, 400, 64,
                                layout="IIIIQ")]))
                    what[rng.randrange(64)] = rng.randrange(256)
                    device.sock.send(what)
        device = display.attach()
        device.scanout(320, 200)
        wait_for(lambda: viewer.picture() == lines, "the picture")
    assert "sent what it must not" in display.text()


@only("sanitized")
def test_sizes_are_told_now_and_then(start):
    """However fast a guest changes them; the last one counts."""
    display = start()
    begin = time.monotonic()
    for i in range(2000):
        display.device.scanout(64 + i % 100, 64)
    display.device.scanout(300, 200)
    events = [display.hear()]
    while events[-1]["width"] != 300:
        events.append(display.hear())
    assert len(events) < 10 * (time.monotonic() - begin) + 3


@only("sanitized")
# ------------------------------------------------------------------ a card

def no_card(display, fd):
    display.tell(cmd="card", **({} if fd is None else {"fd": fd}))
    return display.hear_event("no-card")["reason"]


def test_card_is_looked_at(start, tmp_path):
    """What is no card is told, and the process goes on; /dev/null comes as far as
    the child that would show it, in its sandbox."""
    display = start(card=True)
    assert "no card came" in no_card(display, None)
    with open(tmp_path / "file", "w+") as file:
        assert no_card(display, file.fileno()) == "that is no graphics card"
    with open("/dev/null", "r+b") as null:
        for _ in range(3):
            assert no_card(display, null.fileno()) == \
                os.strerror(errno.ENOTTY)
    assert display.children() == []
    display.device.scanout(640, 480)
    assert display.hear_event("shows")["width"] == 640


@only("sanitized")
def test_card_that_nobody_has_announced(start):
    """It has no filter for one."""
    with open("/dev/null", "r+b") as null:
        assert "has no card" in no_card(start(), null.fileno())


def test_commands_are_looked_at(start):
    display = start()
    display.control.sendall(b"{\n[]\n{\"cmd\":\"dance\"}\n{\"cmd\":\"device\"}\n"
                            b"{\"cmd\":\"device\",\"fd\":3}\n")
    display.tell(cmd="screenshot", id=9, head=7)
    event = display.hear()
    assert (event["event"], event["id"]) == ("refused", 9)
    assert display.text().count("ignored") == 5
    with contextlib.closing(display.viewer()) as viewer:
        assert viewer.picture()
