# SPDX-License-Identifier: BSD-2-Clause
"""A load for screens: a guest that redraws, and viewers that only receive what
they are sent, with counters of what that takes.  `make bench-screen` measures with
it, and test_screen_load.py holds what does not depend on time."""
import os
import pathlib
import random
import selectors
import socket
import struct
import subprocess
import time

import display
from test_hvd_io import Process, device
from test_hvd_io_gpu import Gpu, Guest

HVD_DISPLAY = pathlib.Path(
    os.environ.get("O", pathlib.Path(__file__).parents[2] / "build")
).resolve() / "host/native/hvd_display/hvd_display"
FORMAT = 2  # B8G8R8X8
CREATE, SET_SCANOUT, FLUSH, TRANSFER, ATTACH = 0x101, 0x103, 0x104, 0x105, 0x106
OK = 0x1100
PAGE = 4096
TIME = 15  # seconds without an end in sight
TIGHT, ZRLE, LAST_RECT = 7, 16, -224
# What viewers ask for: encodings, and levels of quality (-32 + 0..9) and
# compression (-256 + 0..9).
ENCODINGS = {
    "raw": (0,),
    "ZRLE": (ZRLE,),
    "Tight": (TIGHT, LAST_RECT, -254),
    "Tight, JPEG": (TIGHT, LAST_RECT, -254, -24),  # as TigerVNC on a fast line
}


# ------------------------------------------------------------------ pictures

def text(width, height, seed):
    """Lines of letters, black on white."""
    rnd = random.Random(seed)
    ink, paper = b"\x20\x20\x20\0", b"\xf8\xf8\xf8\0"
    letters = [[b"".join(rnd.choice((ink, paper, paper)) if 1 < x < 7 and
                         2 < y < 13 else paper for x in range(8))
                for y in range(16)] for _ in range(60)]
    blank = [paper * 8] * 16
    rows = []
    while len(rows) < height:
        count = width // 8
        line = [rnd.choice(letters)
                for _ in range(rnd.randrange(count * 3 // 4, count))]
        line += [blank] * (count - len(line))
        rows += [b"".join(letter[y] for letter in line) for y in range(16)]
    return b"".join(rows[:height])


def photo(width, height, seed):
    """Slow changes of colour, and noise in the lowest three bits."""
    rnd = random.Random(seed)
    size = width * 4
    mask = int.from_bytes(b"\7\7\7\0" * width, "little")
    slow = [bytes((x * 200 // width + phase) & 0xf8 for x in range(width))
            for phase in range(0, 256, 8)]
    rows = []
    for y in range(height):
        row = bytearray(size)
        for channel in range(3):
            row[channel::4] = slow[(y // 16 + 7 * channel + seed) % 32]
        noise = int.from_bytes(rnd.randbytes(size), "little") & mask
        rows.append((int.from_bytes(row, "little") | noise).to_bytes(
            size, "little"))
    return b"".join(rows)


PICTURES = {"text": text, "photo": photo}


# --------------------------------------------------------------------- guest

class Painter(Gpu):
    """A driver with two pictures behind a resource that is shown, and redraws
    any part of the screen from either."""

    def __init__(self, guest, slot, size, pictures, piece=PAGE):
        super().__init__(guest, slot)
        self.size = width, height = size
        self.frame = width * height * 4
        self.resources = (1, 2)
        self.shown = 1
        self.flipped = None
        self.place(b"".join(pictures), piece)
        self.running()
        for resource in self.resources:
            self.command(CREATE, resource, FORMAT, width, height)
            self.command(ATTACH, resource, len(self.pieces), more=b"".join(
                struct.pack("<QII", at, length, 0)
                for at, length in self.pieces))
            self.command(TRANSFER, 0, 0, width, height, 0, 0, resource, 0)
        self.command(SET_SCANOUT, 0, 0, width, height, 0, self.shown)
        self.kick()
        self.wait()
        self.requests = [guest.room(64) for _ in range(4)]
        self.answer = guest.room(64)

    def place(self, data, piece):
        """In pieces of that many bytes, in no order, and none next to another."""
        count = -(-len(data) // piece)
        base = self.guest.room(count * (piece + PAGE) + PAGE) + PAGE & -PAGE
        order = list(range(count))
        random.Random(count).shuffle(order)
        self.pieces = []
        for i, at in enumerate(order):
            part = data[i * piece:(i + 1) * piece]
            gpa = base + at * (piece + PAGE)
            self.guest.put(gpa, part)
            self.pieces.append((gpa, len(part)))

    def wait(self):
        """Until all is answered, which has to be well."""
        display.wait_for(
            lambda: self.control.used() == self.control.offered,
            "the device does not answer", TIME)
        assert self.results() == [OK] * len(self.answers)
        self.answers = []

    def transfer(self, which, resource, x, y, w, h):
        offset = which * self.frame + (y * self.size[0] + x) * 4
        return struct.pack("<IIQII4IQII", TRANSFER, 0, 0, 0, 0, x, y, w, h,
                           offset, resource, 0)

    def flush(self, x, y, w, h):
        return struct.pack("<IIQII6I", FLUSH, 0, 0, 0, 0, x, y, w, h,
                           self.shown, 0)

    def request(self, *requests):
        """In one kick."""
        for at, data in zip(self.requests, requests):
            self.guest.put(at, data)
            self.control.offer((at, len(data), False), (self.answer, 24, True))
        self.kick()

    def redraw(self, which, rect=None):
        """That picture's part, as drivers for one buffer do it."""
        rect = rect or (0, 0, *self.size)
        self.request(self.transfer(which, self.shown, *rect),
                     self.flush(*rect))

    def flip(self, which, rect=None):
        """The same in the resource that is not shown, which is then.  What changed
        the last time is not there yet."""
        rect = rect or (0, 0, *self.size)
        self.shown = 3 - self.shown
        requests = [self.transfer(which, self.shown, *rect),
                    struct.pack("<IIQII6I", SET_SCANOUT, 0, 0, 0, 0, 0, 0,
                                *self.size, 0, self.shown),
                    self.flush(*rect)]
        if self.flipped and self.flipped[1] != rect:
            requests.insert(0, self.transfer(self.flipped[0], self.shown,
                                             *self.flipped[1]))
        self.flipped = which, rect
        self.request(*requests)


# -------------------------------------------------------------------- viewers

class Sink(display.Viewer):
    """A viewer that asks for what has changed, and throws it away."""

    def __init__(self, sock, encoding):
        super().__init__(sock, encodings=())
        self.sock.sendall(struct.pack(f">BxH{len(ENCODINGS[encoding])}i", 2,
                                      len(ENCODINGS[encoding]),
                                      *ENCODINGS[encoding]))
        self.bytes = self.pixels = self.updates = self.reads = 0
        self.wanted = self.skip = 0
        self.kept = bytearray()
        self.parser = self.parse()
        self.demand(next(self.parser))
        self.ask(incremental=False)

    def set_format(self):
        """That of TigerVNC and gtk-vnc, which is the picture's, too."""
        self.sock.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1,
                                      255, 255, 255, 16, 8, 0))

    def demand(self, count):
        """So many bytes are to be kept, or, if it is negative, not."""
        self.wanted, self.skip = max(count, 0), max(-count, 0)

    def take(self, data):
        """What has come of an update, or of several."""
        at = 0
        self.bytes += len(data)
        self.reads += 1
        while True:
            if self.skip:
                n = min(self.skip, len(data) - at)
                self.skip -= n
                at += n
                if self.skip:
                    return
                got = b""
            else:
                n = min(self.wanted - len(self.kept), len(data) - at)
                self.kept += data[at:at + n]
                at += n
                if len(self.kept) < self.wanted:
                    return
                got, self.kept = bytes(self.kept), bytearray()
            self.demand(self.parser.send(got))

    def parse(self):
        """Yields how many bytes it wants, or, negative, does not."""
        while True:
            kind, count = struct.unpack(">BxH", (yield 4))
            assert kind == 0, kind
            while count:
                x, y, w, h, encoding = struct.unpack(">HHHHi", (yield 12))
                if encoding == LAST_RECT:
                    break
                assert x + w <= self.width and y + h <= self.height
                if encoding == 0:
                    yield -4 * w * h
                elif encoding == ZRLE:
                    yield -struct.unpack(">I", (yield 4))[0]
                elif encoding == TIGHT:
                    yield from self.tight(w, h)
                else:
                    raise AssertionError(encoding)
                self.pixels += w * h
                count -= count != 0xffff
            self.updates += 1
            self.ask()

    def tight(self, w, h):
        control = (yield 1)[0] >> 4
        if control == 8:  # one colour
            yield -3
            return
        size = 3 * w * h
        if control < 8 and control & 4 and (yield 1)[0] == 1:
            colours = (yield 1)[0] + 1
            yield -3 * colours
            size = (w + 7) // 8 * h if colours == 2 else w * h
        if control < 8 and size < 12:
            yield -size
            return
        length = 0
        for i in range(3):
            byte = (yield 1)[0]
            length |= (byte & (0x7f if i < 2 else 0xff)) << 7 * i
            if not byte & 0x80:
                break
        yield -length


class Crowd:
    """Sinks that are read as soon as there is something to read."""

    def __init__(self, sinks):
        self.sinks = sinks
        self.room = bytearray(1 << 20)
        self.selector = selectors.DefaultSelector()
        for sink in sinks:
            sink.sock.setblocking(False)
            self.selector.register(sink.sock, selectors.EVENT_READ, sink)

    def until(self, updates):
        """Each has had so many."""
        limit = time.monotonic() + TIME
        while any(sink.updates < updates for sink in self.sinks):
            assert time.monotonic() < limit, [s.updates for s in self.sinks]
            for key, _ in self.selector.select(1):
                count = key.fileobj.recv_into(self.room)
                assert count, "a viewer's connection has ended"
                key.data.take(memoryview(self.room)[:count])

    def close(self):
        self.selector.close()
        for sink in self.sinks:
            sink.close()


# ------------------------------------------------------------------- counters

def tasks(pid):
    return pathlib.Path(f"/proc/{pid}/task").iterdir()


def cpu_ns(pid):
    """Of all its threads that there are."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in tasks(pid))


def wakeups(pid):
    return sum(int(line.split()[1]) for task in tasks(pid)
               for line in (task / "status").read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


class Calls:
    """Counts the system calls of processes, with strace, which slows them down."""

    def __init__(self, tmp, pids):
        self.files = [tmp / f"calls-{pid}" for pid in pids]
        self.tracers = [subprocess.Popen(
            ["strace", "-f", "-c", "-U", "calls,name", "-o", file, "-p",
             str(pid)], stderr=subprocess.PIPE)
            for pid, file in zip(pids, self.files)]
        for tracer in self.tracers:
            # "Process N attached": from now on.
            assert b"attached" in tracer.stderr.readline()

    def end(self):
        """Of each process: how often it made which call."""
        counts = []
        for tracer, file in zip(self.tracers, self.files):
            tracer.terminate()
            tracer.communicate(timeout=TIME)
            found = {}
            for line in file.read_text().splitlines():
                words = line.split()
                if len(words) == 2 and words[0].isdigit() and \
                        words[1] != "total":
                    found[words[1]] = int(words[0])
            counts.append(found)
        return counts


# -------------------------------------------------------------------- servers

class Screen:
    """hvd-io and hvd-display, both in their sandboxes, of a guest that is us."""

    def __init__(self, tmp, memory, video, start=Process):
        os.environ["HVD_IO_FAKE_STATE"] = str(tmp / "area")
        os.environ["HVD_IO_FAKE_RAM"] = str(tmp / "ram")
        (tmp / "area").write_bytes(bytes(2 << 20))
        self.shower = display.Display(HVD_DISPLAY, tmp, size=video,
                                      unix=True).serve()
        self.guest = Guest(tmp / "ram", memory)
        mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.setblocking(False)
        with mine, other, open(self.shower.memory.path, "r+b") as file:
            self.shower.tell(fd=mine.fileno(), cmd="device")
            self.process = start(tmp, files=(file, other))
        self.guest.process = self.process
        self.process.serve(
            devices=[device("gpu", 0, queues=2, fd=6, heads=1, width=1024,
                            height=768)],
            ram=[{"gpa": 0x40000000, "size": memory}])

    def shows(self, size):
        """Until it does."""
        while True:
            event = self.shower.hear_event("shows")
            if (event["width"], event["height"]) == size:
                return

    def connect(self):
        return self.shower.connect()

    def pids(self):
        return {"hvd-io": self.process.pid, "hvd-display": self.shower.pid,
                **{f"viewer {i}": pid
                   for i, pid in enumerate(self.shower.children())}}

    def counters(self):
        self.process.tell(cmd="counters", device="gpu0")
        return self.process.hear()["counters"]

    def close(self):
        self.process.close()
        self.shower.close()


class QemuGuest(Guest):
    """The same of a QEMU without a processor, whose registers are reached by its
    test protocol."""
    BASE, SLOT = 0x0a000000, 31

    def __init__(self, path, size):
        super().__init__(path, size)
        self.test = None

    @staticmethod
    def map(path, size, offset=0):
        return Guest.map(path, size, offset)

    def write(self, slot, register, value):
        address = self.BASE + (self.SLOT - slot) * 0x200 + register
        self.test.write(b"writel 0x%x 0x%x\n" % (address, value))
        answer = self.test.readline()
        assert answer.startswith(b"OK"), answer

    def ring(self, bell):
        self.write(bell // 32, 0x50, bell % 32)


class QemuScreen:
    """A stock QEMU's virtio-gpu and VNC server."""

    def __init__(self, tmp, memory, _video):
        ram = tmp / "ram"
        self.guest = QemuGuest(ram, memory)
        test, vnc = tmp / "test", tmp / "vnc"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(test))
            listener.listen()
            listener.settimeout(TIME)
            self.child = subprocess.Popen(
                ["qemu-system-aarch64", "-M", "virt,memory-backend=ram", "-m",
                 f"{memory >> 20}M", "-accel", "tcg", "-S", "-object",
                 f"memory-backend-file,id=ram,size={memory >> 20}M,share=on,"
                 f"mem-path={ram}", "-nodefaults", "-display", "none", "-vnc",
                 f"unix:{vnc},lossy=on", "-global",
                 "virtio-mmio.force-legacy=false", "-device",
                 "virtio-gpu-device", "-qtest", f"unix:{test}", "-qtest-log",
                 "/dev/null"])
            self.test = listener.accept()[0]
        self.guest.test = self.test.makefile("rwb", buffering=0)
        self.vnc = vnc

    def shows(self, size):
        """It does as soon as it has answered."""

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(TIME)
        display.wait_for(self.vnc.exists, "QEMU's VNC server", TIME)
        s.connect(str(self.vnc))
        return s

    def pids(self):
        return {"QEMU": self.child.pid}

    def counters(self):
        return {}

    def close(self):
        self.child.kill()
        self.child.wait()
        self.test.close()
