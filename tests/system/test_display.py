# SPDX-License-Identifier: BSD-2-Clause
"""Zones with screens, and a viewer on the build machine: what it shows is what a
guest has drawn, and what is typed and pointed at there reaches the guest.

A guest fills its screen with a colour when a key is pressed, so the colour says
that all of the way works, there and back. One key each: on a slow machine a key is
let go of so late that the guest repeats it.
"""
import pytest

import viewer
from debian import BOOT_LIMIT, IMAGES, ROOT, disk
from debian import NEEDED as DEBIAN_NEEDED
from machine import Machine

pytestmark = [
    pytest.mark.skipif(not viewer.is_there(), reason=viewer.NEEDED),
    pytest.mark.skipif(not ROOT.exists(), reason=DEBIAN_NEEDED)]

PORTS = {"small": 5901, "debian": 5902}
SECOND = 5903  # of the Debian, which has two heads
WHOLE = (1280, 800)
LESS = (1024, 768)
# Of Linux's console, by their numbers in ECMA-48's colours.
CONSOLE = {1: (170, 0, 0), 2: (0, 170, 0), 4: (0, 0, 170), 5: (170, 0, 170),
           6: (0, 170, 170)}
MOST = 0.9  # of a screen: a prompt is in a corner


def screen(name, **more):
    return [{"type": "gpu", "width": WHOLE[0], "height": WHOLE[1],
             "vnc": {"port": PORTS[name], "address": "0.0.0.0"}, **more},
            {"type": "input", "kind": "keyboard"},
            {"type": "input", "kind": "tablet"}]


@pytest.fixture(scope="module")
def machine():
    """Both guests boot at once."""
    with Machine("display", extra=[
            *disk("root"), *viewer.network(*PORTS.values(), SECOND)]) as m:
        m.login()
        m.ports = viewer.start_network(m)
        common = {"kernel": f"{IMAGES}/vmlinuz",
                  "initrd": f"{IMAGES}/linux-guest.cpio.gz"}
        m.define("debian", vcpus=2, memory="512M",
                 cmdline="console=hvc0 root=/dev/vda quiet",
                 devices=[{"type": "console"},
                          {"type": "disk", "path": "/dev/vda"},
                          *screen("debian", heads=2, memory="32M")],
                 **common)
        m.define("small", vcpus=1, memory="256M",
                 cmdline="console=hvc0 zv.name=small quiet",
                 devices=[{"type": "console"}, *screen("small")], **common)
        m.start("small")
        m.start("debian")
        yield m


@pytest.fixture
def watch(machine):
    """Has a viewer of a zone's port look at its screen."""
    viewers = []

    def begin(name, resize=False, head=0):
        context = viewer.viewer(machine.ports[PORTS[name] + head],
                                f"-RemoteResize={int(resize)}")
        viewers.append(context)
        return context.__enter__()

    yield begin
    for context in reversed(viewers):
        context.__exit__(None, None, None)


# Has the keys of a terminal, whose shell is stopped, fill it with a colour each,
# without a cursor, which would blink.
PAINTER = (
    "for p in /proc/[0-9]*; do [ \"$(readlink $p/fd/0)\" = {tty} ] &&"
    " kill -STOP ${{p#/proc/}}; done; stty -icanon -echo -F {tty};"
    " (while read -r -n 1 k; do printf \"\\033[?25l\\033[{colour}m\\033[2J\";"
    " done) <{tty} >{tty} 2>/dev/null & echo pain''ting")


@pytest.fixture(scope="module")
def small(machine):
    """The console of a small Linux, painted."""
    start_painter(machine)
    return machine


def start_painter(machine):
    machine.talk("small", BOOT_LIMIT)
    with machine.console("small", device="console0", options="--from end"):
        machine.send(PAINTER.format(tty="/dev/tty1", colour="4${k}") + "\r")
        machine.expect("painting")


def paint(who, number):
    """The picture then.  A viewer that has just begun may not hear the first key."""
    def is_painted(picture):
        done = picture.share(CONSOLE[number]) > MOST
        if not done:
            who.key(number)
        return done
    return who.wait_for(is_painted, f"colour {number}")


def shows(who, number, size=None):
    return who.wait_for(
        lambda picture: picture.share(CONSOLE[number]) > MOST and
        size in (None, picture.size), f"colour {number}")


def display(machine, name="small"):
    return machine.json(f"hvsh display {name} --json")


def test_keys_come_back_as_a_picture(small, watch):
    look = watch("small")
    assert paint(look, 2).size == WHOLE
    assert paint(look, 4).size == WHOLE
    head = display(small)["heads"][0]
    assert (head["width"], head["height"]) == WHOLE
    assert head["port"] == PORTS["small"]


def test_viewers_are_counted(small, watch):
    first = watch("small")
    second = watch("small")
    paint(first, 5)
    shows(second, 5)
    # Those of other tests may be about to leave.
    small.wait_until(lambda: display(small)["viewers"] == 2, "two viewers")
    first.program.terminate()
    small.wait_until(lambda: display(small)["viewers"] == 1, "one viewer")
    paint(second, 6)


def test_hvsh_presses_keys(small, watch):
    look = watch("small")
    paint(look, 1)
    small.run("hvsh sendkey small KEY_2")
    shows(look, 2)


def test_screenshot_is_what_a_viewer_shows(small, watch, tmp_path):
    look = watch("small")
    paint(look, 4)
    small.run("hvsh screenshot small /tmp/small.png")
    copy = tmp_path / "small.png"
    copy.write_bytes(viewer.file_of_zone0(small, "/tmp/small.png"))
    taken = viewer.Picture(copy)
    look.wait_for(lambda picture: picture == taken, "the same picture")
    assert taken.share(CONSOLE[4]) > MOST


def test_mode_is_offered(small, watch):
    """Linux's console takes a smaller one at once."""
    look = watch("small")
    paint(look, 5)
    small.run("hvsh set small gpu0 width={} height={}".format(*LESS))
    shows(look, 5, LESS)
    small.run("hvsh set small gpu0 width={} height={}".format(*WHOLE))
    shows(look, 5, WHOLE)


def test_viewer_wants_a_mode(small, watch):
    look = watch("small", resize=True)
    look.wait_for(lambda picture: picture.size == WHOLE, "a screen")
    look.resize(*LESS)
    other = watch("small")
    other.wait_for(lambda picture: picture.size == LESS, "a smaller screen")
    small.run("hvsh set small gpu0 width={} height={}".format(*WHOLE))
    other.wait_for(lambda picture: picture.size == WHOLE, "a screen as before")


def test_reboot(small, watch):
    look = watch("small")
    paint(look, 1)
    small.run("hvsh reset small")
    look.wait_for(lambda picture: picture.share(CONSOLE[1]) < MOST, "a reboot")
    start_painter(small)
    paint(look, 6)


def kill_io(machine, name):
    before = machine.zone(name)["io"]
    machine.run(f"kill -9 {before['pid']}")
    machine.wait_until(
        lambda: machine.zone(name)["io"]["restarts"] > before["restarts"],
        "another I/O process")


def test_io_process_is_killed(small, watch):
    """The viewer stays, and so does the picture."""
    look = watch("small")
    paint(look, 2)
    kill_io(small, "small")
    shows(look, 2)
    paint(look, 4)


def test_display_is_killed(small, watch):
    """Viewers have to come again; the zone does not notice."""
    look = watch("small")
    paint(look, 5)
    io, before = small.zone("small")["io"], display(small)
    small.run(f"kill -9 {before['pid']}")
    small.wait_until(lambda: not look.is_connected(), "the viewer is told")
    small.wait_until(
        lambda: display(small).get("pid") not in (None, before["pid"]),
        "another hvd-display")
    assert display(small)["restarts"] == before["restarts"] + 1
    assert small.zone("small")["io"]["pid"] == io["pid"]
    again = watch("small")
    shows(again, 5)
    paint(again, 1)


def test_hvd_is_killed(small, watch):
    """The next one finds the pictures."""
    paint(watch("small"), 6)
    small.run("kill -9 $(pidof hvd)")
    small.wait_until(
        lambda: small.try_run("hvsh display small --json")[0] == 0 and
        "pid" in display(small), "an hvd that shows the zone")
    again = watch("small")
    shows(again, 6)
    paint(again, 2)


def test_pictures_are_gone_with_the_zone(small):
    assert "small" in small.run("ls /run/hvd/video").split()
    small.destroy("small")
    assert "small" not in small.run("ls /run/hvd/video").split()


# ------------------------------------------------------------------ a desktop

GROUND = (17, 17, 17)  # foot's
BLACK = (0, 0, 0)
GREEN = (10, 200, 30)
LESS_GREEN = (10, 100, 30)


@pytest.fixture(scope="module")
def desktop(machine):
    """The Debian, with root logged in at its console."""
    with machine.console("debian", device="console0"):
        machine.expect("login: ", BOOT_LIMIT)
        machine.send("root\r")
        machine.expect("# ", BOOT_LIMIT)
    return machine


def ask_root(desktop, command, answer):
    with desktop.console("debian", device="console0", options="--from end"):
        desktop.send(command + "\r")
        desktop.expect(answer)


def points(look, at, before):
    look.point(*at)
    look.wait_for(lambda picture: picture.marks(*at) > 20 and
                  picture.marks(*before) == 0, f"the pointer at {at}")


def all_shown(colour, *looks):
    for look in looks:
        look.wait_for(lambda picture: picture.share(colour) > MOST and
                      picture.size == WHOLE,
                      "all of " + "-".join(map(str, colour)))


def test_desktop(desktop, watch):
    """A session on Wayland starts by itself, and takes keys and a pointer."""
    look = watch("debian")
    look.wait_for(lambda picture: picture.share(GROUND) > MOST, "a terminal",
                  BOOT_LIMIT)
    points(look, (600, 450), before=(300, 300))
    points(look, (300, 300), before=(600, 450))
    ask_root(desktop, PAINTER.format(tty="/dev/pts/0",
                                     colour="48;2;10;${k}00;30"), "painting")
    look.key(2)
    all_shown(GREEN, look)


def test_second_head(desktop, watch):
    """The desktop goes on there, and so does the pointer; another I/O process
    shows both."""
    left, right = watch("debian"), watch("debian", head=1)
    all_shown(GREEN, left, right)
    points(right, (600, 450), before=(300, 300))
    points(right, (300, 300), before=(600, 450))
    left.wait_for(lambda picture: picture.marks(300, 300) == 0 and
                  picture.marks(600, 450) == 0, "no pointer on the left")
    kill_io(desktop, "debian")
    all_shown(GREEN, left, right)
    right.key(1)
    all_shown(LESS_GREEN, left, right)
    heads = display(desktop, "debian")["heads"]
    assert [(head["width"], head["height"]) for head in heads] == [WHOLE] * 2


def test_console_beside_the_desktop(desktop, watch):
    """Linux's own, on both heads; the session is there again after it."""
    left, right = watch("debian"), watch("debian", head=1)
    desktop.run("hvsh sendkey debian ctrl alt f3")
    all_shown(BLACK, left, right)
    ask_root(desktop, PAINTER.format(tty="/dev/tty3", colour="4${k}"),
             "painting")
    paint(left, 4)
    shows(right, 4, WHOLE)
    paint(right, 2)
    shows(left, 2, WHOLE)
    desktop.run("hvsh sendkey debian ctrl alt f1")
    all_shown(LESS_GREEN, left, right)
