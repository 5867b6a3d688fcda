# SPDX-License-Identifier: BSD-2-Clause
"""hvd-display with its neighbours: hvd and the device are played here, and there
is a small VNC client (RFC 6143) that can do what no program of people would."""
import array
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import time

import pytest

HELLO, SCANOUT, DAMAGE, POINTER = 1, 2, 3, 4
KEY, MOTION, WHEEL, MODE = 16, 17, 18, 19
# enum gpu_format: the places of red, green and blue in a pixel's bytes.
FORMATS = {1: (2, 1, 0), 2: (2, 1, 0), 3: (1, 2, 3), 4: (1, 2, 3),
           67: (0, 1, 2), 68: (3, 2, 1), 121: (3, 2, 1), 134: (0, 1, 2)}
MEMORY = 8 << 20
TIME = 20


def wait_for(condition, what, seconds=TIME):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def message(kind, head, *fields, layout="I"):
    body = struct.pack(f"<II{layout * len(fields) if layout == 'I' else layout}",
                       kind, head, *fields)
    return body.ljust(64, b"\0")


class Memory:
    """Video memory, with pictures that can be told from each other."""

    def __init__(self, tmp, size=MEMORY):
        self.path = tmp / f"video-{size}"
        self.path.touch()
        self.file = open(self.path, "r+b", buffering=0)
        self.file.truncate(size)

    def draw(self, width, height, seed=0, offset=0, fmt=2, stride=None):
        """Returns the picture as lines of RGB bytes."""
        stride = stride or width * 4
        places = FORMATS[fmt]
        lines = []
        for y in range(height):
            rgb = bytearray(width * 3)
            rgb[0::3] = bytes((x + seed) & 255 for x in range(width))
            rgb[1::3] = bytes((y * 3 + seed) & 255 for x in range(width))
            rgb[2::3] = bytes((x ^ y) & 255 for x in range(width))
            pixels = bytearray(b"\xee" * (width * 4))
            for channel, place in enumerate(places):
                pixels[place::4] = rgb[channel::3]
            os.pwrite(self.file.fileno(), pixels, offset + y * stride)
            lines.append(bytes(rgb))
        return lines

    def fill(self, x, y, width, height, pixel, stride, offset=0):
        for row in range(y, y + height):
            os.pwrite(self.file.fileno(), pixel * width,
                      offset + row * stride + x * 4)


class Device:
    """Its end of a display socket."""

    def __init__(self, heads=1):
        self.heads = heads
        self.sock, self.other = socket.socketpair(socket.AF_UNIX,
                                                  socket.SOCK_SEQPACKET)
        self.sock.settimeout(TIME)

    def hello(self, heads=None, version=1):
        self.sock.send(message(HELLO, 0, version, heads or self.heads))

    def scanout(self, width, height, head=0, fmt=2, stride=None, offset=0):
        self.sock.send(message(SCANOUT, head, fmt, width, height,
                               stride or width * 4, offset, layout="IIIIQ"))

    def damage(self, x, y, width, height, head=0):
        self.sock.send(message(DAMAGE, head, x, y, width, height))

    def pointer(self, has_picture=1, fmt=1, offset=0, head=0, hot=(0, 0),
                stride=256, place=(5, 6)):
        self.sock.send(message(POINTER, head, *place, *hot, has_picture, fmt,
                               stride, 0, offset, layout="IIIIIIIIQ"))

    def next(self):
        """(type, head, fields)"""
        data = self.sock.recv(128)
        assert len(data) == 64
        kind, head, *rest = struct.unpack("<II14I", data)
        if kind == WHEEL:
            rest = struct.unpack("<ii", data[8:16])
        return kind, head, tuple(rest[:{KEY: 2, MOTION: 3, WHEEL: 2,
                                        MODE: 2}[kind]])

    def quiet(self, seconds=0.2):
        return not select.select([self.sock], [], [], seconds)[0]

    def close(self):
        self.sock.close()
        self.other.close()


class Display:
    """A started hvd-display; the other ends of what it was given."""

    def __init__(self, program, tmp, heads=1, unix=False, size=MEMORY,
                 **config):
        self.log = tmp / "hvd-display.log"
        self.memory = Memory(tmp, size)
        self.control, control = socket.socketpair()
        self.control.settimeout(TIME)
        self.lines = self.control.makefile("r")
        self.listeners = [self.listen(tmp, i, unix) for i in range(heads)]
        ro = os.open(self.memory.path, os.O_RDONLY)
        given = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in
                 (control.fileno(), ro, *(s.fileno() for s in self.listeners))]
        actions = [(os.POSIX_SPAWN_OPEN, 2, str(self.log),
                    os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + i)
                    for i, fd in enumerate(given)]
        self.pid = os.posix_spawn(str(program), [str(program)], os.environ,
                                  file_actions=actions)
        for fd in (*given, ro):
            os.close(fd)
        control.close()
        self.addresses = [s.getsockname() for s in self.listeners]
        for s in self.listeners:
            s.close()
        self.heads = heads
        self.config = {"cmd": "config", "zone": "z1", "heads": heads,
                       "memory": os.path.getsize(self.memory.path),
                       "listen": [{"head": i, "fd": 5 + i}
                                  for i in range(heads)], **config}
        self.device = None

    @staticmethod
    def listen(tmp, i, unix):
        if unix:
            s = socket.socket(socket.AF_UNIX)
            s.bind(str(tmp / f"vnc-{i}.sock"))
            s.listen(32)
            return s
        return socket.create_server(("127.0.0.1", 0), backlog=32)

    def tell(self, fd=None, **what):
        line = json.dumps(what).encode() + b"\n"
        if fd is None:
            self.control.sendall(line)
        else:
            self.control.sendmsg([line], [(
                socket.SOL_SOCKET, socket.SCM_RIGHTS,
                array.array("i", [fd]))])

    def hear(self):
        return json.loads(self.lines.readline())

    def hear_event(self, name):
        while True:
            event = self.hear()
            if event["event"] == name:
                return event

    def settle(self, messages=4):
        """So many that it has been sent were taken: one in a turn of its loop."""
        for _ in range(messages):
            self.tell(cmd="screenshot", id=1, head=0)
            self.hear_event("refused")

    def serve(self, fd=None):
        self.tell(fd=fd, **self.config)
        assert self.hear() == {"event": "ready"}
        return self

    def attach(self, hello=True):
        """A device, in the place of the one before."""
        device = Device(self.heads)
        self.tell(cmd="device", fd=device.other.fileno())
        device.other.close()
        if self.device:
            self.device.close()
        self.device = device
        if hello:
            device.hello()
        return device

    def connect(self, head=0):
        address = self.addresses[head]
        s = socket.socket(socket.AF_UNIX if isinstance(address, str)
                          else socket.AF_INET)
        s.settimeout(TIME)
        s.connect(address)
        return s

    def viewer(self, head=0, **more):
        return Viewer(self.connect(head), **more)

    def number(self, head=0):
        """As programs name it: 127.0.0.1:N."""
        return self.addresses[head][1] - 5900

    def children(self):
        task = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in task.read_text().split()]

    def text(self):
        return self.log.read_text()

    def end(self):
        status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def leave(self):
        """It is left alone: 0 says that it went in peace."""
        self.lines.close()
        self.control.close()
        return self.end()

    def close(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self.end()
        self.lines.close()
        self.control.close()
        if self.device:
            self.device.close()


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: value.strip() for key, _, value in
            (line.partition(":") for line in text.splitlines())}


def switches(pid):
    """How often it has run and then waited."""
    return int(status(pid)["voluntary_ctxt_switches"])


# Calls that wait, by their numbers, and which argument says for how long.
WAITING = {"x86_64": {7: 2, 202: 3, 232: 3, 271: 2, 281: 3},
           "aarch64": {22: 3, 73: 2, 98: 3}}[os.uname().machine]
FOR_EVER = (0, 0xffffffff, 0xffffffffffffffff)  # no timespec, or -1


def call_of(task):
    """What it waits in: the number of the call, and its arguments; none: it runs."""
    try:
        words = pathlib.Path(f"/proc/{task}/syscall").read_text().split()
    except PermissionError:
        pytest.skip("only root is told in which call others wait")
    return [int(word, 0) for word in words if word != "running"]


def waits_for_ever(task):
    """As long as nobody has news for it: poll, epoll_wait, futex without a time."""
    number, *given = call_of(task) or [None]
    return number in WAITING and given[WAITING[number]] in FOR_EVER


def at_rest(*pids):
    """Nothing is about to wake any thread of them, and none ran meanwhile: a process
    that spins, or has set itself a time, is not at rest."""
    tasks = [f"{pid}/task/{task}" for pid in pids
             for task in os.listdir(f"/proc/{pid}/task")]
    before = [switches(task) for task in tasks]
    return all(map(waits_for_ever, tasks)) and before == [
        switches(task) for task in tasks]


@contextlib.contextmanager
def ended_in_peace():
    """A list of Displays: at the end each leaves, and has done nothing wrong."""
    started = []
    yield started
    for display in started:
        try:
            if display.pid is not None:
                assert display.leave() == 0, display.text()
            assert not re.search("Sanitizer|runtime error", display.text())
        finally:
            display.close()


class Gone(Exception):
    pass


class Viewer:
    """RFB 3.8, raw pixels."""

    ENCODINGS = {"raw": 0, "size": -223, "ext-size": -308, "cursor": -239,
                 "ext-keys": -258, "pointer-pos": -232}

    def __init__(self, sock, password=None, encodings=("raw", "size"),
                 enter=True):
        self.sock = sock
        self.cursor = None
        self.layout = None
        self.ext_keys = False
        if enter:
            self.enter(password, encodings)

    def read(self, count):
        data = b""
        while len(data) < count:
            try:
                more = self.sock.recv(count - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise Gone
            data += more
        return data

    def greet(self):
        assert self.read(12) == b"RFB 003.008\n"
        self.sock.sendall(b"RFB 003.008\n")
        return self.read(self.read(1)[0])

    def challenge(self):
        assert self.greet() == b"\x02"
        self.sock.sendall(b"\x02")
        return self.read(16)

    def enter(self, password, encodings):
        if password is None:
            assert self.greet() == b"\x01"
            self.sock.sendall(b"\x01")
        else:
            self.answer(self.challenge(), password)
        self.begin(encodings)

    def answer(self, challenge, password):
        answer = ctypes.create_string_buffer(challenge, 16)
        ctypes.CDLL("libvncserver.so.1").rfbEncryptBytes(
            answer, password.encode())
        self.sock.sendall(answer.raw)

    def begin(self, encodings):
        result, = struct.unpack(">I", self.read(4))
        if result != 0:
            raise Gone
        self.sock.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", self.read(4))
        self.pixel_format = self.read(16)
        self.title = self.read(struct.unpack(">I", self.read(4))[0]).decode()
        self.set_format()
        self.set_encodings(*encodings)

    def set_format(self):
        """R, G, B and nothing: as pixels lie in memory."""
        self.sock.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1,
                                      255, 255, 255, 0, 8, 16))

    def set_encodings(self, *names):
        numbers = [self.ENCODINGS[name] for name in names]
        self.sock.sendall(struct.pack(f">BxH{len(numbers)}i", 2, len(numbers),
                                      *numbers))

    def ask(self, incremental=True):
        self.sock.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0,
                                      self.width, self.height))

    def update(self):
        """One message: the pixels of its rectangles by their places."""
        kind, count = struct.unpack(">BxH", self.read(4))
        assert kind == 0
        rects = {}
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.read(12))
            if encoding == 0:
                rects[x, y, w, h] = self.read(w * h * 4)
            elif encoding == self.ENCODINGS["size"]:
                self.width, self.height = w, h
            elif encoding == self.ENCODINGS["ext-size"]:
                self.width, self.height = w, h
                screens = self.read(4)[0]
                self.read(16 * screens)
                self.layout = (x, y)  # who asked, and whether it was done
            elif encoding == self.ENCODINGS["cursor"]:
                pixels = self.read(w * h * 4)
                self.cursor = (x, y, w, h, pixels,
                               self.read((w + 7) // 8 * h))
            elif encoding == self.ENCODINGS["ext-keys"]:
                self.ext_keys = True
            else:
                raise AssertionError(encoding)
        return rects

    def picture(self):
        """All of it, as lines of RGB bytes."""
        while True:
            self.ask(incremental=False)
            for (x, y, w, h), pixels in self.update().items():
                if (x, y, w, h) == (0, 0, self.width, self.height):
                    return rgb_lines(w, pixels)

    def key(self, symbol, down):
        self.sock.sendall(struct.pack(">BBxxI", 4, down, symbol))

    def scan_code(self, code, down, symbol=0):
        self.sock.sendall(struct.pack(">BBHII", 255, 0, down, symbol, code))

    def point(self, x, y, buttons=0):
        self.sock.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def resize(self, width, height, screens=1):
        self.sock.sendall(struct.pack(">BxHHBx", 251, width, height, screens) +
                          struct.pack(">IHHHHI", 1, 0, 0, width, height, 0) *
                          screens)

    def is_closed(self, seconds=TIME):
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def close(self):
        self.sock.close()


def rgb_lines(width, pixels):
    lines = []
    for at in range(0, len(pixels), width * 4):
        line = pixels[at:at + width * 4]
        rgb = bytearray(width * 3)
        for channel in range(3):
            rgb[channel::3] = line[channel::4]
        lines.append(bytes(rgb))
    return lines


@contextlib.contextmanager
def closing(thing):
    try:
        yield thing
    finally:
        thing.close()
