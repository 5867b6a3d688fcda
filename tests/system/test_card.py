# SPDX-License-Identifier: BSD-2-Clause
"""A zone's screen on zone0's own monitors: those of a virtio-gpu of QEMU's, whose
viewer plugs them in and out.

What QEMU says that a monitor shows is compared with hvsh's screenshot, pixel by
pixel.  The guest fills its screen with a colour when a key is pressed.
"""
import base64
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

import pytest

from machine import Machine

pytestmark = pytest.mark.skipif(not shutil.which("convert"),
                                reason="not installed: imagemagick")

IMAGES = "/var/lib/hvd/images"
CARD = "/dev/dri/card0"
BOOT_LIMIT = 600
WHOLE, LESS, MORE = (1280, 800), (1024, 768), (1600, 900)
NOTHING = (0, 0)
# Of Linux's console, by their numbers in ECMA-48's colours.
COLOURS = {1: (170, 0, 0), 2: (0, 170, 0), 4: (0, 0, 170), 5: (170, 0, 170),
           6: (0, 170, 170)}
MOST = 0.6  # of a monitor, also if it is larger than the picture


class Picture:
    """A portable pixmap: its size, and its pixels as RGB."""

    def __init__(self, data):
        kind, size, depth, self.pixels = data.split(b"\n", 3)
        assert (kind, depth) == (b"P6", b"255")
        self.size = tuple(map(int, size.split()))

    def share(self, colour):
        """How much of it has that colour."""
        places = (self.pixels[i::3] for i in range(3))
        return sum(pixel == colour for pixel in zip(*places)) / (
            self.size[0] * self.size[1])

    def part(self, size):
        """Its middle."""
        left, top = ((mine - theirs) // 2
                     for mine, theirs in zip(self.size, size))
        return b"".join(
            self.pixels[3 * (y * self.size[0] + left):][:3 * size[0]]
            for y in range(top, top + size[1]))


class Monitors(Machine):
    """zone0 has two; the second is not plugged in."""

    def __init__(self):
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="zv-"))
        super().__init__("card", extra=[
            "-global", "virtio-mmio.force-legacy=false",
            "-device", "virtio-gpu-device,id=card,max_outputs=2,"
            f"xres={WHOLE[0]},yres={WHOLE[1]}",
            *(word for head in range(2) for word in (
                "-vnc", f"unix:{self.sockets}/vnc-{head},display=card,"
                f"head={head}"))])

    def close(self):
        super().close()
        shutil.rmtree(self.sockets)

    def look(self, head=0):
        """What a monitor shows."""
        path = self.dir / f"monitor-{head}.ppm"
        assert self.qmp("screendump", filename=str(path), device="card",
                        head=head) == {"return": {}}
        return Picture(path.read_bytes())

    def screenshot(self, zone="small", head=0):
        self.run(f"hvsh screenshot --force --head {head} {zone} /tmp/{zone}.png")
        png = base64.b64decode(self.run(f"base64 /tmp/{zone}.png"))
        return Picture(subprocess.run(["convert", "png:-", "-depth", "8",
                                       "ppm:-"], input=png, check=True,
                                      capture_output=True).stdout)

    def display(self, zone="small"):
        return self.json(f"hvsh display {zone} --json")

    def monitor(self, head=0, zone="small"):
        return self.display(zone)["heads"][head]["monitor"]

    def wait_shown(self, size, zone="small", head=0, connector=1):
        def is_shown():
            found = self.monitor(head, zone)
            return found and (found.get("width"), found.get("height")) == size
        self.wait_until(is_shown, f"{zone} on a monitor of {size}")
        assert self.monitor(head, zone)["connector"] == f"Virtual-{connector}"

    def start_linux(self, name, size=WHOLE, **more):
        self.define(name, vcpus=1, memory="256M", kernel=f"{IMAGES}/vmlinuz",
                    initrd=f"{IMAGES}/linux-guest.cpio.gz",
                    cmdline=f"console=hvc0 zv.name={name} quiet",
                    devices=[{"type": "console"},
                             {"type": "gpu", "card": CARD, "width": size[0],
                              "height": size[1], **more},
                             {"type": "input", "kind": "keyboard"}])
        self.start(name)

    def wait_colour(self, number, head=0):
        def has_colour():
            picture = self.look(head)
            return picture.share(COLOURS[number]) > MOST and picture
        return self.wait_until(has_colour, f"colour {number} on {head}")

    def paint(self, number, head=0):
        self.run(f"hvsh sendkey small KEY_{number}")
        return self.wait_colour(number, head)

    def screen_pid(self):
        """The process that has the card: the only child, without a viewer."""
        pid = self.display()["pid"]
        children = self.run(f"cat /proc/{pid}/task/{pid}/children").split()
        return children[0] if children else None

    def plug(self, size, head=0):
        """The monitor is another now, or none.  QEMU does with it as its viewer
        wants, who need not stay for that (RFC 6143, and SetDesktopSize)."""
        def take(count):
            data = b""
            while len(data) < count:
                data += s.recv(count - len(data)) or pytest.fail("QEMU hung up")
            return data

        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(self.sockets / f"vnc-{head}"))
            take(12)
            s.sendall(b"RFB 003.008\n")
            take(take(1)[0])
            s.sendall(b"\1")
            take(4)
            s.sendall(b"\1")
            take(struct.unpack(">20xI", take(24))[0])
            s.sendall(struct.pack(">BxHii", 2, 2, 0, -308) + struct.pack(
                ">BxHHBxIHHHHI", 251, *size, 1, 0, 0, 0, *size, 0))
            # Sizes are told at any time, with 1 as an answer to who asked.
            answered = False
            while not answered:
                assert take(4) == struct.pack(">BxH", 0, 1)
                answered, encoding = struct.unpack(">H6xi", take(12))
                assert encoding == -308
                take(16 * take(4)[0])


# Has the keys of a terminal, whose shell is stopped, fill it with a colour each,
# without a cursor, which would blink.
PAINTER = (
    "for p in /proc/[0-9]*; do [ \"$(readlink $p/fd/0)\" = /dev/tty1 ] &&"
    " kill -STOP ${p#/proc/}; done; stty -icanon -echo -F /dev/tty1;"
    " (while read -r -n 1 k; do printf \"\\033[?25l\\033[4${k}m\\033[2J\";"
    " done) </dev/tty1 >/dev/tty1 2>/dev/null & echo pain''ting")


@pytest.fixture(scope="module")
def machine():
    """Without a cursor, which blinks, zone0's console is always the same."""
    with Monitors() as m:
        m.login()
        m.run("printf '\\033[2J\\033[H\\033[?25lthis is zone0' >/dev/tty1")
        m.console_of_zone0 = m.wait_until(
            lambda: set(m.look().pixels) != {0} and m.look(), "a console")
        yield m


@pytest.fixture(scope="module")
def small(machine):
    machine.start_linux("small", LESS)
    machine.talk("small", BOOT_LIMIT)
    with machine.console("small", device="console0", options="--from end"):
        machine.send(PAINTER + "\r")
        machine.expect("painting")
    return machine


def test_monitor_shows_the_guest(small):
    """It has taken the monitor's mode, not that of its definition."""
    for number in (2, 4):
        seen = small.paint(number)
        assert seen.share(COLOURS[number]) == 1
        assert seen.size == WHOLE
        shot = small.screenshot()
        assert (shot.size, shot.pixels) == (seen.size, seen.pixels)
    small.wait_shown(WHOLE)
    display = small.display()
    assert display["card"] == {"path": CARD}
    assert display["viewers"] == 0
    table = small.run("hvsh display small")
    assert "Virtual-1 1280x800@" in table
    assert f"Card:      {CARD}" in table


def test_still_picture_wakes_nobody(small):
    pid = small.screen_pid()
    small.paint(5)

    def at_rest():
        """In ppoll (73) without a time: nothing but news wakes it."""
        words = small.run(f"cat /proc/{pid}/syscall").split()
        return words[0] == "73" and int(words[3], 16) == 0

    def is_quiet():
        count = f"grep ^voluntary /proc/{pid}/status"
        before = small.run(count)
        return at_rest() and small.run(count) == before

    small.wait_until(is_quiet, "rest")


def test_sandbox(small):
    """Nobody, with nothing, behind two filters."""
    status = small.run(f"cat /proc/{small.screen_pid()}/status")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    assert lines["Uid"].split()[0] != "0"
    assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0
    assert lines["Seccomp_filters"].strip() == "2"


def test_card_of_another_zone(small):
    small.define("other", devices=[{"type": "gpu", "card": CARD}])
    status, says = small.try_run("hvsh start other")
    assert status != 0
    assert f"{CARD} is taken by zone small" in says
    assert "$.devices[0].card" in says
    # By another name, too.
    small.run(f"ln -sf {CARD} /tmp/monitor")
    small.define("other", devices=[{"type": "gpu", "card": "/tmp/monitor"}])
    assert "is taken by zone small" in small.try_run("hvsh start other")[1]
    small.run("hvsh undefine other")
    small.paint(1)


def test_cards_that_are_none(small):
    for path, says in (("/dev/dri/renderD128", "is no graphics card"),
                       ("/dev/dri/card7", "zone0 has no")):
        small.define("other", devices=[{"type": "gpu", "card": path}])
        assert says in small.try_run("hvsh start other")[1]
    small.run("hvsh undefine other")


def framebuffers(machine):
    return machine.run("grep -c ^framebuffer /sys/kernel/debug/dri/0/framebuffer")


def test_process_with_the_card_is_killed(small):
    """Nothing that it had of the card's memory stays."""
    small.paint(2)
    before = framebuffers(small)
    for number in (4, 5, 6):
        pid = small.screen_pid()
        small.run(f"kill -9 {pid}")
        small.wait_until(lambda: small.try_run(f"kill -0 {pid}")[0] != 0,
                         "its end")
        small.wait_shown(WHOLE)
        small.paint(number)
    assert framebuffers(small) == before
    assert small.display()["restarts"] == 0


@pytest.mark.parametrize("what", ["display", "io", "hvd"])
def test_others_are_killed(small, what):
    small.paint(2)
    pid = {"display": lambda: small.display()["pid"],
           "io": lambda: small.zone("small")["io"]["pid"],
           "hvd": lambda: small.run("pidof hvd").strip()}[what]
    old = pid()
    small.run(f"kill -9 {old}")
    small.wait_until(lambda: small.try_run("hvsh display small")[0] == 0 and
                     pid() not in (old, None), "another process")
    small.wait_shown(WHOLE)
    # What was there is there again, and goes on.
    small.wait_colour(2)
    small.wait_until(lambda: small.try_run("hvsh sendkey small KEY_4")[0] == 0,
                     "keys")
    small.wait_colour(4)


def test_monitors_come_and_go(small):
    small.plug(LESS)  # QEMU takes that the first one is gone for no news
    small.wait_shown(LESS)
    assert small.paint(2).size == LESS
    small.plug(NOTHING)
    small.wait_until(lambda: small.monitor() is None, "no monitor")
    small.run("hvsh sendkey small KEY_4")
    # That there is none is no error, also of a new process.
    pid = small.screen_pid()
    small.run(f"kill -9 {pid}")
    small.wait_until(lambda: small.display()["card"] == {"path": CARD} and
                     small.screen_pid() not in (pid, None),
                     "another process")
    small.plug(LESS)
    small.wait_shown(LESS)
    assert small.wait_colour(4).size == LESS
    # Its console does not grow above what it began with: it is in the middle.
    small.plug(MORE)
    small.wait_shown(MORE)
    small.wait_until(lambda: small.display()["heads"][0]["width"] == WHOLE[0],
                     "the guest's size")
    seen = small.paint(1)
    assert seen.size == MORE
    shot = small.screenshot()
    assert seen.part(shot.size) == shot.pixels
    assert seen.share((0, 0, 0)) == 1 - WHOLE[0] * WHOLE[1] / (
        MORE[0] * MORE[1])
    small.plug(WHOLE)
    small.wait_shown(WHOLE)
    small.paint(6)


def test_zone_begins_anew(small):
    """It keeps its card, though what showed it there has not ended yet."""
    pid = small.display()["pid"]
    for _ in range(3):
        small.run("hvsh destroy small && hvsh start small")
        small.wait_shown(WHOLE)
    assert small.display()["pid"] != pid
    small.run("hvsh reset small")
    small.wait_shown(WHOLE)
    assert small.display()["card"] == {"path": CARD}
    small.wait_until(lambda: small.display()["heads"][0]["width"], "a picture")
    # Its cursor blinks: not each two pictures are the same.
    small.wait_until(lambda: small.look().pixels == small.screenshot().pixels
                     and set(small.look().pixels) != {0}, "its console")


def test_end_of_the_zone(small):
    """zone0's console is on the monitor again, and the card is free."""
    small.destroy("small")
    small.wait_until(
        lambda: small.look().pixels == small.console_of_zone0.pixels,
        "zone0's console")
    assert "hvd" not in small.run("cat /sys/kernel/debug/dri/0/clients")


def test_two_monitors(small):
    """A guest with two heads shows the same on both, the other one comes later."""
    machine = small
    machine.start_linux("twice", heads=2)
    machine.wait_shown(WHOLE, "twice")
    assert machine.monitor(1, "twice") is None
    machine.plug(LESS, head=1)
    machine.wait_shown(LESS, "twice", head=1, connector=2)
    machine.talk("twice", BOOT_LIMIT)
    with machine.console("twice", device="console0", options="--from end"):
        machine.send("printf '\\033[?25l\\033[41m\\033[2J' >/dev/tty1;"
                     " echo pain''ted\r")
        machine.expect("painted")
    machine.wait_colour(1)
    machine.wait_colour(1, head=1)
    # Without the first one, the first head has the other.
    machine.plug(NOTHING)
    machine.wait_shown(LESS, "twice", connector=2)
    assert machine.monitor(1, "twice") is None
    machine.plug(NOTHING, head=1)
    machine.plug(WHOLE)
    machine.wait_shown(WHOLE, "twice")
    machine.destroy("twice")


def test_card_of_another_program(machine):
    """Whoever is its master stays it; what does not show itself is refused, too."""
    machine.run(f"exec 9<>{CARD}")  # this shell
    try:
        machine.define("other", devices=[{"type": "gpu", "card": CARD}])
        status, says = machine.try_run("hvsh start other")
        assert status != 0
        assert f"{CARD} is taken by another program" in says
    finally:
        machine.run("exec 9>&-")
    machine.start("other")
    machine.destroy("other")
