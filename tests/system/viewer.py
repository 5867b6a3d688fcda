# SPDX-License-Identifier: BSD-2-Clause
"""TigerVNC's viewer, on a display that nobody sees: what it shows, and its keys and
pointer."""
import base64
import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from machine import BUILD, LOGS

PROGRAMS = ("vncviewer", "Xvfb", "xdotool", "xwininfo", "import", "convert")
NEEDED = "without " + " ".join(PROGRAMS) + " nobody looks at a screen"
PLAIN = ("-Shared", "-SecurityTypes=None", "-AutoSelect=0",
         "-PreferredEncoding=ZRLE", "-NoJPEG", "-FullColor=1",
         "-AcceptClipboard=0", "-SendClipboard=0", "-AlertOnFatalError=0",
         "-ReconnectOnError=0", "-MenuKey=")
LIMIT = 60
SEEN = BUILD / "screens"  # pictures that were waited for, for people
FAILED = LOGS / "viewer.png"  # what was seen in the place of something else


# Ports of zone0 are ports of this machine; QEMU chooses which.
def network(*ports):
    forward = ",".join(f"hostfwd=tcp:127.0.0.1:0-:{port}" for port in ports)
    return ["-netdev", f"user,id=vnc,{forward}",
            "-device", "virtio-net-device,netdev=vnc"]


def start_network(machine):
    """Which ports of this machine lead to which of zone0."""
    machine.run("ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up")
    said = machine.qmp("human-monitor-command",
                       **{"command-line": "info usernet"})["return"]
    return {int(there): int(here) for here, there in re.findall(
        r"HOST_FORWARD\S*\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", said)}


def file_of_zone0(machine, path):
    return base64.b64decode(machine.run(f"base64 {path}"))


def is_there():
    return all(map(shutil.which, PROGRAMS))


@contextlib.contextmanager
def process(*args, **more):
    with subprocess.Popen(args, start_new_session=True, **more) as p:
        try:
            yield p
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGTERM)


@contextlib.contextmanager
def unseen_display():
    """The environment of an X server, and its home.  Without -noreset it begins
    anew when its last client leaves, and turns away who comes then."""
    read, write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="zv-x-") as home, \
            process("Xvfb", "-noreset", "-displayfd", str(write), "-screen",
                    "0", "1400x1000x24", pass_fds=[write],
                    stderr=subprocess.DEVNULL):
        os.close(write)
        with os.fdopen(read) as numbers:
            number = numbers.readline().strip()
        assert number, "Xvfb has not begun"
        yield dict(os.environ, DISPLAY=f":{number}", HOME=home)


class Picture:
    """Width, height, and the colour (red, green, blue) of each dot."""

    def __init__(self, path):
        self.path = path
        size = subprocess.run(["identify", "-format", "%w %h", path], text=True,
                              capture_output=True, check=True).stdout
        self.width, self.height = map(int, size.split())
        raw = subprocess.run(["convert", path, "-depth", "8", "rgb:-"],
                             capture_output=True, check=True).stdout
        self.dots = list(zip(raw[::3], raw[1::3], raw[2::3]))
        assert len(self.dots) == self.width * self.height

    def __eq__(self, other):
        return (self.width, self.dots) == (other.width, other.dots)

    @property
    def size(self):
        return self.width, self.height

    def share(self, colour):
        """Of the dots, between 0 and 1."""
        return self.dots.count(colour) / len(self.dots)

    @property
    def ground(self):
        """The colour that most of it has."""
        return collections.Counter(self.dots).most_common(1)[0][0]

    def marks(self, x, y, reach=24):
        """How many dots near a place are not of the ground's colour."""
        ground = self.ground
        return sum(dot != ground
                   for row in range(max(y - reach, 0),
                                    min(y + reach, self.height))
                   for dot in self.dots[row * self.width + max(x - reach, 0):
                                        row * self.width +
                                        min(x + reach, self.width)])


class Viewer:
    """Connected to a port of this machine."""

    def __init__(self, program, env):
        self.program = program
        self.env = env
        self.window = None

    def run(self, *words):
        return subprocess.run(words, env=self.env, text=True,
                              capture_output=True, check=True).stdout

    def is_connected(self):
        return self.program.poll() is None

    def look(self):
        """Its window, once there is one; None if it has left."""
        found = re.findall(r"^ +(0x\w+) \".*TigerVNC.*\": \(", self.run(
            "xwininfo", "-root", "-tree"), re.M)
        self.window = found[0] if found else None
        return self.window

    def picture(self, path=None):
        """What it shows; kept at a path if one is given."""
        path = path or pathlib.Path(self.env["HOME"]) / "picture.png"
        self.run("import", "-window", self.window, str(path))
        return Picture(path)

    def key(self, name):
        self.run("xdotool", "windowfocus", "--sync", self.window, "key",
                 str(name))

    def point(self, x, y):
        """There, with a click: without one the viewer tells no movement."""
        self.run("xdotool", "mousemove", "--window", self.window, str(x),
                 str(y), "click", "1")

    def resize(self, width, height):
        self.run("xdotool", "windowsize", self.window, str(width), str(height))

    def wait_for(self, seen, what, limit=LIMIT):
        """The first picture that seen() finds right."""
        end = time.monotonic() + limit
        picture = None
        while time.monotonic() < end:
            assert self.is_connected(), f"the viewer has left: {what}"
            with contextlib.suppress(subprocess.CalledProcessError):
                picture = self.look() and self.picture()
                if picture and seen(picture):
                    SEEN.mkdir(exist_ok=True)
                    shutil.copy(picture.path, SEEN / f"{what}.png")
                    return picture
            time.sleep(0.2)
        seen = "there is no window"
        if picture:
            seen = f"{picture.size}, most of it {picture.ground}, in {FAILED}"
            shutil.copy(picture.path, FAILED)
        raise AssertionError(f"{what}: not seen; {seen}")


@contextlib.contextmanager
def viewer(port, *more):
    """With a display of its own: there is no other window."""
    with unseen_display() as env, open(LOGS / "viewer.log", "ab") as log, \
            process("vncviewer", *PLAIN, *more, f"127.0.0.1::{port}", env=env,
                    stdout=log, stderr=log) as program:
        yield Viewer(program, env)
