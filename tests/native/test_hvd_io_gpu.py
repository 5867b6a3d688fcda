# SPDX-License-Identifier: BSD-2-Clause
"""A screen, a keyboard and pointers of hvd-io in its sandbox: the test is the
guest's driver, hvd, and the process that shows the pictures.
"""
import array
import fcntl
import json
import mmap
import os
import signal
import socket
import struct
import termios

import pytest

import test_hvd_io
from display import wait_for
from test_hvd_io import (ACCESS, Process, check_sandbox, device, fatal,
                         pytestmark, start)

__all__ = ["pytestmark", "start"]

RAM, RAM_SIZE = 0x40000000, 16 << 20
VIDEO = 4 << 20
RING = 100  # an event of hvd_io_fake.c
WIDTH, HEIGHT = 64, 48
FORMAT = 2  # B8G8R8X8
HELLO, SCANOUT, DAMAGE, POINTER = 1, 2, 3, 4
KEY, MOTION, WHEEL, MODE = 16, 17, 18, 19
EV_SYN, EV_KEY, EV_REL, EV_ABS = 0, 1, 2, 3


class Ring:
    """A driver's side of a queue of 64 descriptors."""
    SIZE = 64

    def __init__(self, guest, slot, queue, base):
        self.guest, self.base = guest, base
        self.bell = slot * 32 + queue
        self.offered = self.seen = 0
        for register, value in ((0x30, queue), (0x38, self.SIZE),
                                (0x80, base), (0x84, 0),
                                (0x90, base + 0x400), (0x94, 0),
                                (0xa0, base + 0x800), (0xa4, 0), (0x44, 1)):
            guest.write(slot, register, value)

    def offer(self, *buffers):
        """(address, length, the device writes it) of one chain."""
        head = self.offered * 2 % self.SIZE
        for i, (addr, length, writable) in enumerate(buffers):
            more = i + 1 < len(buffers)
            self.guest.put(self.base + 16 * (head + i), struct.pack(
                "<QIHH", addr, length, more + 2 * writable, head + i + 1))
        self.guest.put(self.base + 0x404 + 2 * (self.offered % self.SIZE),
                       struct.pack("<H", head))
        self.offered = self.offered + 1 & 0xffff
        self.guest.put(self.base + 0x402, struct.pack("<H", self.offered))

    def used(self):
        return struct.unpack("<H", self.guest.get(self.base + 0x802, 2))[0]


class Guest:
    """Memory that outlives hvd-io, and accesses to registers."""

    def __init__(self, path, size=RAM_SIZE):
        self.ram = self.map(path, size)
        self.process = None
        self.seq = 1
        self.free = RAM + 0x100000

    @staticmethod
    def map(path, size, offset=RAM):
        with open(path, "w+b") as file:
            file.truncate(offset + size)
            return mmap.mmap(file.fileno(), size, offset=offset)

    def put(self, addr, data):
        self.ram[addr - RAM:addr - RAM + len(data)] = data

    def get(self, addr, length):
        return self.ram[addr - RAM:addr - RAM + length]

    def room(self, length):
        self.free += length + 63 & ~63
        return self.free - (length + 63 & ~63)

    def write(self, slot, register, value):
        self.seq += 1
        self.process.event(ACCESS, 3 * 4096 + slot * 512 + register, value, 1,
                           self.seq)

    def start_device(self, slot, queues):
        for value in 0, 3:
            self.write(slot, 0x70, value)
        self.write(slot, 0x24, 1)
        self.write(slot, 0x20, 1)
        self.write(slot, 0x70, 0xb)
        rings = [Ring(self, slot, q, self.room(0x1000) + 0xfff & ~0xfff)
                 for q in range(queues)]
        self.free += 0x2000
        return rings

    def ring(self, bell):
        self.process.event(RING, bell)


class Gpu:
    """The commands of a graphics driver, and their answers."""

    def __init__(self, guest, slot):
        self.guest, self.slot = guest, slot
        self.control, self.cursor = guest.start_device(slot, 2)
        self.answers = []

    def running(self):
        self.guest.write(self.slot, 0x70, 0xf)

    def command(self, kind, *words, more=b""):
        data = struct.pack("<IIQII", kind, 0, 0, 0, 0) + struct.pack(
            f"<{len(words)}I", *words) + more
        request, answer = self.guest.room(len(data)), self.guest.room(512)
        self.guest.put(request, data)
        self.control.offer((request, len(data), False), (answer, 408, True))
        self.answers.append(answer)

    def kick(self):
        self.guest.ring(self.control.bell)

    def results(self):
        return [struct.unpack("<I", self.guest.get(at, 4))[0]
                for at in self.answers]

    def show(self, resource, pixels):
        """What a driver does until a picture is seen."""
        self.guest.put(pixels, os.urandom(WIDTH * HEIGHT * 4))
        self.command(0x101, resource, FORMAT, WIDTH, HEIGHT)
        self.command(0x106, resource, 1, more=struct.pack(
            "<QII", pixels, WIDTH * HEIGHT * 4, 0))
        self.command(0x105, 0, 0, WIDTH, HEIGHT, 0, 0, resource, 0)
        self.command(0x103, 0, 0, WIDTH, HEIGHT, 0, resource)
        self.command(0x104, 0, 0, WIDTH, HEIGHT, resource, 0)


class Display:
    """Who shows the pictures: the other end of the socket, and the file."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.video = mmap.mmap(file.fileno(), VIDEO, prot=mmap.PROT_READ)
        self.socket = None

    def connect(self):
        """hvd-io's end."""
        if self.socket is not None:
            self.socket.close()
        self.socket, other = socket.socketpair(socket.AF_UNIX,
                                               socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        other.setblocking(False)
        return other

    def hear(self, kind, head=0):
        data = self.socket.recv(100)
        assert len(data) == 64
        assert struct.unpack_from("<II", data) == (kind, head)
        if kind == SCANOUT:
            return struct.unpack_from("<IIIIQ", data, 8)
        if kind == POINTER:
            return struct.unpack_from("<8IQ", data, 8)
        return struct.unpack_from("<4I", data, 8)

    def greeting(self, heads=1):
        """Returns what the first head shows."""
        assert self.hear(HELLO)[:2] == (1, heads)
        shown = [self.hear(SCANOUT, head) for head in range(heads)]
        assert self.hear(POINTER)[4] == 1
        return shown[0]

    def shown(self, head):
        """What it shows as soon as it shows something."""
        while True:
            data = self.socket.recv(100)
            scanout = struct.unpack_from("<IIIIQ", data, 8)
            if struct.unpack_from("<II", data) == (SCANOUT, head) and \
                    scanout[0] != 0:
                return scanout

    def pixels(self, scanout):
        form, width, height, stride, offset = scanout
        assert form == FORMAT
        return b"".join(self.video[offset + y * stride:
                                   offset + y * stride + width * 4]
                        for y in range(height))

    def tell(self, kind, *values, head=0):
        self.socket.send(struct.pack("<II", kind, head) + struct.pack(
            f"<{len(values)}i", *values).ljust(56, b"\0"))


class World:
    """A zone: what outlives its I/O process, and the one there is."""

    def __init__(self, tmp_path, start):
        self.begin = start
        (tmp_path / "area").write_bytes(bytes(2 << 20))
        self.video = tmp_path / "video"
        self.video.write_bytes(bytes(VIDEO))
        self.guest = Guest(tmp_path / "ram")
        self.display = Display(self.video)
        self.process = None

    def serve(self, *kinds, heads=1):
        with self.display.connect() as end, \
                open(self.video, "r+b") as video:
            self.process = self.begin(files=(video, end))
        self.guest.process = self.process
        devices = [device("gpu", 0, queues=2, fd=6, heads=heads, width=1024,
                          height=768)]
        devices += [device("input", 1 + i, queues=2, kind=kind)
                    for i, kind in enumerate(kinds)]
        self.process.serve(devices=devices)

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.end()
        os.unlink(self.process.console)


@pytest.fixture
def world(tmp_path, monkeypatch, start):
    monkeypatch.setenv("HVD_IO_FAKE_STATE", str(tmp_path / "area"))
    monkeypatch.setenv("HVD_IO_FAKE_RAM", str(tmp_path / "ram"))
    return World(tmp_path, start)


def with_a_picture(world):
    """A guest that shows something; where its pixels are, and the scanout."""
    gpu = Gpu(world.guest, 0)
    pixels = world.guest.room(WIDTH * HEIGHT * 4)
    gpu.show(7, pixels)
    gpu.running()
    return gpu, pixels, world.display.shown(0)


def counters(process, name):
    process.tell(cmd="counters", device=name)
    event = process.hear()
    assert event["event"] == "counters"
    return event["counters"]


def test_a_picture_that_outlives_its_process(world):
    world.serve()
    check_sandbox(world.process.status())
    assert world.display.greeting()[0] == 0
    gpu, pixels, scanout = with_a_picture(world)
    assert scanout[:4] == (FORMAT, WIDTH, HEIGHT, WIDTH * 4)
    assert gpu.results() == [0x1100] * len(gpu.answers)
    assert world.display.pixels(scanout) == \
        world.guest.get(pixels, WIDTH * HEIGHT * 4)
    assert counters(world.process, "gpu0") == {
        "bytes": WIDTH * HEIGHT * 4, "flushes": 1}
    # A part of it changes.
    world.guest.put(pixels, os.urandom(WIDTH * HEIGHT * 4))
    old = world.display.pixels(scanout)
    gpu.command(0x105, 8, 4, 16, 2, (4 * WIDTH + 8) * 4, 0, 7, 0)
    gpu.command(0x104, 8, 4, 16, 2, 7, 0)
    gpu.kick()
    assert world.display.hear(DAMAGE) == (8, 4, 16, 2)
    want = bytearray(old)
    for y in 4, 5:
        at = (y * WIDTH + 8) * 4
        want[at:at + 64] = world.guest.get(pixels + at, 64)
    assert world.display.pixels(scanout) == want
    # A pointer: 64x64 pixels.
    gpu.command(0x101, 9, 1, 64, 64)
    gpu.kick()
    request = world.guest.room(56)
    world.guest.put(request, struct.pack("<IIQII8I", 0x300, 0, 0, 0, 0, 0, 11,
                                         12, 0, 9, 3, 200, 0))
    gpu.cursor.offer((request, 56, False))
    world.guest.ring(gpu.cursor.bell)
    pointer = world.display.hear(POINTER)
    assert pointer[:7] == (11, 12, 3, 63, 1, 1, 256)
    world.kill()
    world.serve()
    assert world.display.hear(HELLO)[:2] == (1, 1)
    assert world.display.hear(SCANOUT) == scanout
    assert world.display.hear(POINTER) == pointer
    assert world.display.pixels(scanout) == want
    # And it goes on.
    gpu.command(0x104, 0, 0, 1, 1, 7, 0)
    gpu.kick()
    assert world.display.hear(DAMAGE) == (0, 0, 1, 1)
    world.process.tell(cmd="stop")
    assert world.process.end() == 0
    assert "not permitted" not in world.process.text()


def give_buffers(world, slot, count=32):
    """A keyboard's or pointer's driver; the ring of its events, and where."""
    events, _ = world.guest.start_device(slot, 2)
    data = world.guest.room(8 * count)
    for i in range(count):
        events.offer((data + 8 * i, 8, True))
    world.guest.write(slot, 0x70, 0xf)
    return events, data


def unread(end):
    """Whether there is something that the other end has not taken."""
    if end is None:
        return False
    count = array.array("i", [0])
    fcntl.ioctl(end, termios.TIOCOUTQ, count)
    return count[0] != 0


def settled(world):
    """All that the zone and the display said is done."""
    while unread(world.process.zone) or unread(world.display.socket):
        counters(world.process, "gpu0")
    counters(world.process, "gpu0")


def take_events(world, driver):
    events, data = driver
    settled(world)
    got = [struct.unpack("<HHi", world.guest.get(data + 8 * i, 8))
           for i in range(events.seen, events.used())]
    events.seen = events.used()
    return [event for event in got if event[0] != EV_SYN]


def wait_events(world, driver, count):
    got = []

    def came():
        got.extend(take_events(world, driver))
        return len(got) >= count

    wait_for(came, got)
    assert len(got) == count, got
    return got


def test_who_looks_types_and_points(world):
    world.serve("keyboard", "tablet", "mouse")
    world.display.greeting()
    keyboard, tablet, mouse = (give_buffers(world, slot) for slot in (1, 2, 3))
    with_a_picture(world)
    world.display.tell(KEY, 30, 1)
    world.display.tell(KEY, 30, 0)
    assert wait_events(world, keyboard, 2) == [(EV_KEY, 30, 1),
                                               (EV_KEY, 30, 0)]
    world.display.tell(MOTION, 32767, 100, 1)
    world.display.tell(WHEEL, 0, 2)
    assert wait_events(world, tablet, 5) == [
        (EV_ABS, 0, 32767), (EV_ABS, 1, 100), (EV_KEY, 0x110, 1),
        (EV_REL, 6, 0), (EV_REL, 8, 2)]
    assert take_events(world, mouse) == []
    assert counters(world.process, "input1") == {"events": 4}
    # The process is killed with a key and a button down: neither hangs.
    world.display.tell(KEY, 42, 1)
    assert wait_events(world, keyboard, 1) == [(EV_KEY, 42, 1)]
    world.kill()
    world.serve("keyboard", "tablet", "mouse")
    assert wait_events(world, keyboard, 1) == [(EV_KEY, 42, 0)]
    assert (EV_KEY, 0x110, 0) in wait_events(world, tablet, 1)
    # Who looks ends with a key down.
    world.display.tell(KEY, 43, 1)
    assert wait_events(world, keyboard, 1) == [(EV_KEY, 43, 1)]
    world.display.socket.close()
    world.display.socket = None
    reconnect(world)
    assert wait_events(world, keyboard, 1) == [(EV_KEY, 43, 0)]


def give(world, file):
    world.process.control.sendmsg(
        [json.dumps({"cmd": "display", "device": "gpu0"}).encode() + b"\n"],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
          array.array("i", [file.fileno()]))])


def reconnect(world):
    """What hvd does for another process that shows the pictures."""
    with world.display.connect() as end:
        give(world, end)


def test_a_mouse_moves_by_pixels(world):
    world.serve("mouse")
    world.display.greeting()
    mouse = give_buffers(world, 1)
    with_a_picture(world)
    world.display.tell(MOTION, 32767, 0, 0)
    world.display.tell(MOTION, 0, 32767, 0)
    got = [0, 0]

    def arrived():
        for kind, axis, value in take_events(world, mouse):
            assert kind == EV_REL
            got[axis] += value
        return got == [0, HEIGHT - 1]

    wait_for(arrived, got)


def show_second(world, create):
    """A tablet, and on the second head another picture or the first one's."""
    world.serve("tablet", heads=2)
    world.display.greeting(heads=2)
    tablet = give_buffers(world, 1)
    gpu = Gpu(world.guest, 0)
    gpu.show(7, world.guest.room(WIDTH * HEIGHT * 4))
    if create:
        gpu.command(0x101, 8, FORMAT, WIDTH, HEIGHT)
    gpu.command(0x103, 0, 0, WIDTH, HEIGHT, 1, 8 if create else 7)
    gpu.running()
    world.display.shown(1)
    return tablet


def test_heads_are_side_by_side(world):
    tablet = show_second(world, create=True)
    world.display.tell(MOTION, 0, 0, 0, head=1)
    got = wait_events(world, tablet, 2)
    assert got == [(EV_ABS, 0, 64 * 32767 // 127), (EV_ABS, 1, 0)]
    world.display.tell(MOTION, 32767, 32767, 0, head=1)
    assert wait_events(world, tablet, 2) == [(EV_ABS, 0, 32767),
                                             (EV_ABS, 1, 32767)]


def test_a_head_that_mirrors_another_is_in_its_place(world):
    tablet = show_second(world, create=False)
    for head in (1, 0):
        world.display.tell(MOTION, 32767, 32767, 0, head=head)
        assert wait_events(world, tablet, 2) == [(EV_ABS, 0, 32767),
                                                 (EV_ABS, 1, 32767)]
        world.display.tell(MOTION, 0, 0, 0, head=head)
        assert wait_events(world, tablet, 2) == [(EV_ABS, 0, 0),
                                                 (EV_ABS, 1, 0)]


def test_hvd_presses_keys(world):
    world.serve("keyboard", "tablet")
    tell, hear = world.process.tell, world.process.hear
    tell(cmd="keys", device="input1", keys=[29])
    refused = hear()
    assert refused["event"] == "refused" and "driver" in refused["error"]
    keyboard = give_buffers(world, 1)
    settled(world)
    tell(cmd="keys", device="input1", keys=[29, 56, 111], **{"hold-ms": 1})
    assert hear() == {"event": "keys", "device": "input1"}
    assert wait_events(world, keyboard, 6) == [
        (EV_KEY, 29, 1), (EV_KEY, 56, 1), (EV_KEY, 111, 1),
        (EV_KEY, 111, 0), (EV_KEY, 56, 0), (EV_KEY, 29, 0)]
    tell(cmd="keys", device="input1", keys=[30], **{"hold-ms": 300})
    tell(cmd="keys", device="input1", keys=[31])
    refused = hear()
    assert refused["event"] == "refused" and "earlier" in refused["error"]
    assert hear() == {"event": "keys", "device": "input1"}
    for name, keys, why in (("input1", [600], "no such key"),
                            ("input2", [30], "no keyboard"),
                            ("gpu0", [30], "no device"),
                            ("input9", [30], "no device")):
        tell(cmd="keys", device=name, keys=keys)
        refused = hear()
        assert (refused["event"], refused["device"]) == ("refused", name)
        assert why in refused["error"]


def modes(gpu):
    """Places and sizes that the device offers, by GET_DISPLAY_INFO."""
    gpu.command(0x100)
    before = gpu.control.used()
    gpu.kick()
    wait_for(lambda: gpu.control.used() != before, "no answer")
    data = gpu.guest.get(gpu.answers.pop(), 24 + 48)
    assert struct.unpack_from("<I", data)[0] == 0x1101
    return [struct.unpack_from("<IIIII", data, 24 + 24 * i)
            for i in range(2)]


def test_the_mode_changes(world):
    world.serve(heads=2)
    world.display.greeting(heads=2)
    gpu = Gpu(world.guest, 0)
    gpu.running()
    settled(world)
    assert modes(gpu) == [(0, 0, 1024, 768, 1), (1024, 0, 1024, 768, 1)]
    world.process.tell(cmd="set", device="gpu0", head=1, width=800, height=600)
    assert world.process.hear() == {"event": "set", "device": "gpu0"}
    assert modes(gpu) == [(0, 0, 1024, 768, 1), (1024, 0, 800, 600, 1)]
    # Who looks wants one, and one that there is no memory for.
    world.display.tell(MODE, 640, 480)
    world.display.tell(MODE, 1280, 1024, head=1)
    settled(world)
    assert modes(gpu) == [(0, 0, 640, 480, 1), (640, 0, 800, 600, 1)]
    world.process.tell(cmd="set", device="gpu0", head=2, width=800, height=600)
    assert world.process.hear()["event"] == "refused"
    assert modes(gpu) == [(0, 0, 640, 480, 1), (640, 0, 800, 600, 1)]


def test_another_process_shows_the_pictures(world):
    world.serve()
    world.display.greeting()
    _, _, scanout = with_a_picture(world)
    for wrong in bytes(64), bytes(63), bytes(65), struct.pack(
            "<IIII", KEY, 0, 30, 2).ljust(64, b"\0"):
        world.display.socket.send(wrong)
        event = world.process.hear()
        assert (event["event"], event["device"], event["state"]) == \
            ("device", "gpu0", "error")
        assert "message" in event["error"]
        while world.display.socket.recv(100):
            pass
        reconnect(world)
        event = world.process.hear()
        assert (event["event"], event["state"]) == ("device", "ok")
        assert world.display.greeting() == scanout
    # While the old one works, and without a word of hvd-io.
    old = world.display.socket
    world.display.socket = None
    with old:
        reconnect(world)
        assert world.display.greeting() == scanout
        old.settimeout(20)
        while old.recv(100):
            pass
    counters(world.process, "gpu0")
    fds = test_hvd_io.open_fds(world.process)
    # Descriptors that nobody asked for do not stay.
    with socket.socket(socket.AF_UNIX) as end:
        for text in (b'{"cmd":"counters","device":"gpu0"}\n',
                     b'{"cmd":"nonsense"}\n{"cmd":"counters",'
                     b'"device":"gpu0"}\n'):
            world.process.control.sendmsg(
                [text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                          array.array("i", [end.fileno()] * 3))])
            assert world.process.hear()["event"] == "counters"
    counters(world.process, "gpu0")
    assert test_hvd_io.open_fds(world.process) == fds
    # Without one the old one stays.
    world.process.tell(cmd="display", device="gpu0")
    counters(world.process, "gpu0")
    assert "gpu0: no socket came" in world.process.text()
    world.display.tell(WHEEL, 0, 0)
    settled(world)
    with open("/dev/null", "rb") as null:
        give(world, null)
    event = world.process.hear()
    assert (event["state"], event["error"]) == ("error",
                                                "what came is no socket")
    assert "not permitted" not in world.process.text()


def test_who_never_reads_stops_nothing(world):
    world.serve()
    gpu = Gpu(world.guest, 0)
    gpu.show(7, world.guest.room(WIDTH * HEIGHT * 4))
    gpu.running()
    request = world.guest.room(48)
    world.guest.put(request, struct.pack("<IIQII6I", 0x104, 0, 0, 0, 0, 0, 0,
                                         WIDTH, HEIGHT, 7, 0))
    answer = world.guest.room(64)
    for i in range(3000):
        gpu.control.offer((request, 48, False), (answer, 24, True))
        gpu.kick()
        if i % 16 == 0:
            wait_for(lambda: gpu.control.used() == gpu.control.offered,
                     "it waits for who does not read")
    wait_for(lambda: gpu.control.used() == gpu.control.offered, "no answer")
    assert counters(world.process, "gpu0")["flushes"] == 3001
    assert world.display.hear(HELLO)[0] == 1


@pytest.mark.parametrize("what", ["too small", "a socket", "no socket"])
def test_what_is_no_video_memory(world, start, tmp_path, what):
    (tmp_path / "small").write_bytes(bytes(4096))
    name = "small" if what == "too small" else "video"
    mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, other, open(tmp_path / name, "r+b") as video:
        process: Process = start(files={"too small": (video, mine),
                                        "a socket": (other, mine),
                                        "no socket": (video, video)}[what])
    event = fatal(process, devices=[device(
        "gpu", 0, queues=2, fd=6, heads=1, width=640, height=480)])
    assert event["device"] == "gpu0"
    if what != "no socket":
        assert "video memory" in event["error"]
