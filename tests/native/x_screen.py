# SPDX-License-Identifier: BSD-2-Clause
"""Programs with windows, on a display that nobody sees, and what they show of a zone:
hvd, virthvdd and hvd-display are the real ones, the guest's pixels are painted here.
Tests import the fixtures `screen` and `shown` from here; what was seen stays in
build/windows."""
# pylint: disable=redefined-outer-name

import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from display import KEY, MOTION
from test_display import PROGRAMS
from test_hvd import HVD, machine, wait  # noqa: F401 (machine is a fixture)
from virt import Virt

X_PROGRAMS = ("Xvfb", "xwininfo", "import", "convert", "xdotool",
              "dbus-run-session")
PICTURES = HVD.parent.parent / "windows"
HVD_DISPLAY = PROGRAMS["sanitized"]
SCREEN = (1024, 700)
AXIS = 32767  # DISPLAY_AXIS_MAX
KEY_A, KEY_B = 30, 48  # of Linux
WIDTH, HEIGHT, PLACE = 640, 480, 4096  # of the guest's picture, in video memory


def lacking_programs(*names):
    """Why tests are skipped; None: all are there."""
    missing = [name for name in (*names, *X_PROGRAMS) if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else None


@contextlib.contextmanager
def process(*args, **more):
    with subprocess.Popen(args, start_new_session=True, **more) as p:
        try:
            yield p
        finally:
            os.killpg(p.pid, signal.SIGTERM)


@pytest.fixture
def screen(tmp_path):
    """The environment of a display."""
    read, write = os.pipe()
    with process("Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0",
                 f"{SCREEN[0]}x{SCREEN[1]}x24", pass_fds=[write]):
        os.close(write)
        with os.fdopen(read) as numbers:
            display = f":{numbers.readline().strip()}"
        assert display != ":", "Xvfb has not begun"
        yield dict(os.environ, LC_ALL="C.UTF-8", DISPLAY=display,
                   HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"),
                   XDG_CONFIG_HOME=str(tmp_path / "config"),
                   GSETTINGS_BACKEND="memory", NO_AT_BRIDGE="1")


@contextlib.contextmanager
def window(screen, *command):
    """A program that has some, and a session bus."""
    with open(f"{screen['HOME']}/windows.log", "a") as log, \
            process("dbus-run-session", "--", *map(str, command), env=screen,
                    stdout=log, stderr=log) as p:
        yield p


def xdotool(screen, *words):
    return subprocess.run(["xdotool", *map(str, words)], env=screen,
                          capture_output=True, text=True, check=True).stdout


class Guest:
    """The zone "web", whose pixels and keys are here."""

    def __init__(self, virt):
        self.virt = virt
        self.machine = virt.machine
        self.hvd = virt.machine.client()
        self.hvd.call("event.subscribe")

    def start(self, **gpu):
        self.machine.inject("io-web", f"picture={WIDTH}x{HEIGHT}")
        self.hvd.call("zone.define", definition=self.machine.definition(
            "web", devices=[{"type": "gpu", **gpu},
                            {"type": "input", "kind": "keyboard"},
                            {"type": "input", "kind": "tablet"}]))
        self.hvd.call("zone.start", name="web")
        wait(lambda: self.hvd.call("display.get", name="web")["heads"][0][
            "width"])

    def io_pid(self):
        return self.hvd.call("zone.get", name="web")["io"]["pid"]

    def paint(self, seed=0):
        """The picture, as lines of RGB bytes; it says that all of it is new."""
        lines = []
        with open(self.machine.run_dir / "video/web", "r+b") as video:
            for y in range(HEIGHT):
                red = bytes((x + seed) & 255 for x in range(WIDTH))
                green = bytes([y * 255 // HEIGHT]) * WIDTH
                blue = bytes((x ^ y ^ seed) & 255 for x in range(WIDTH))
                pixels, rgb = bytearray(WIDTH * 4), bytearray(WIDTH * 3)
                for i, channel in enumerate((red, green, blue)):
                    pixels[2 - i::4] = channel
                    rgb[i::3] = channel
                video.seek(PLACE + y * WIDTH * 4)
                video.write(pixels)
                lines.append(bytes(rgb))
        os.kill(self.io_pid(), signal.SIGUSR1)
        return lines

    def outputs(self):
        return [m["output"] for m in self.machine.io_fds("web")
                if "output" in m]

    def has_heard(self, *message):
        return any(m[:len(message)] == list(message) for m in self.outputs())


@pytest.fixture
def shown(machine):  # noqa: F811
    machine.start("--display-program", HVD_DISPLAY).close()
    virt = Virt(machine)
    virt.start()
    guest = Guest(virt)
    yield guest
    guest.hvd.close()
    virt.stop()
    for sign in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
        assert sign not in virt.text() + machine.text(), virt.text()


def look(screen, name):
    """All that the display has, as RGB bytes; it stays as a file."""
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"{name}.png"
    subprocess.run(["import", "-window", "root", path], env=screen, check=True)
    return subprocess.run(["convert", path, "-depth", "8", "rgb:-"],
                          capture_output=True, check=True).stdout


def find(screen, lines, name):
    """Where a window shows that picture, each pixel of it: (x, y), or None."""
    data = look(screen, name)
    row = SCREEN[0] * 3
    at = data.find(lines[0])
    while at >= 0:
        if at % 3 == 0 and all(
                data[at + y * row:at + y * row + len(line)] == line
                for y, line in enumerate(lines)):
            return at % row // 3, at // row
        at = data.find(lines[0], at + 1)
    return None


def is_felt(shown, screen, place):
    """Keys and the pointer."""
    x, y = place
    xdotool(screen, "mousemove", x + WIDTH - 1, y, "mousemove", x + 100, y + 50,
            "click", 1)
    wait(lambda: shown.has_heard(MOTION, 0, 100 * AXIS // (WIDTH - 1),
                                 50 * AXIS // (HEIGHT - 1)))
    xdotool(screen, "key", "a")
    wait(lambda: shown.has_heard(KEY, 0, KEY_A, 1) and
         shown.has_heard(KEY, 0, KEY_A, 0))


def shows(shown, screen, name):
    """The picture that there is, another one, and what comes back; across a kill
    of the I/O process."""
    lines = shown.paint()
    place = wait(lambda: find(screen, lines, name))
    lines = shown.paint(seed=99)
    assert wait(lambda: find(screen, lines, name)) == place
    is_felt(shown, screen, place)
    os.kill(shown.io_pid(), signal.SIGKILL)
    shown.hvd.event("web", "io-restarted")
    wait(lambda: shown.hvd.call("zone.get", name="web")["io"]["pid"])
    lines = shown.paint(seed=7)
    assert wait(lambda: find(screen, lines, name)) == place
    xdotool(screen, "key", "b")
    wait(lambda: shown.has_heard(KEY, 0, KEY_B, 1))
    assert shown.hvd.call("display.get", name="web")["viewers"] == 1
