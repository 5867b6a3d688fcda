#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-screen: what a screen costs for each time that a guest redraws it, with
hvd-io and hvd-display, and with QEMU's virtio-gpu and VNC server, in turns, as the
tables of docs/performance.md."""
import argparse
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "native"))

from screen_load import (ENCODINGS, PICTURES, Calls, Crowd, Painter,  # noqa: E402
                         QemuScreen, Screen, Sink, cpu_ns, wakeups)

SERVER_CPU, LOAD_CPU = {0}, {1}
MEMORY = 96 << 20  # of the guest
VIDEO = 32 << 20
OURS, THEIRS = "hvd-io, hvd-display", "QEMU"
SERVERS = {OURS: Screen, THEIRS: QemuScreen}
FULL, LINE, SQUARE = "all", "640x16", "64x64"
SIDES = {LINE: (640, 16), SQUARE: (64, 64)}
FLIPPED = ", flipped"
WARM = 4  # frames that are not counted
LARGE, SMALL = (1920, 1080), (1280, 800)
EVERY = tuple(ENCODINGS)
SOME = "raw", "Tight, JPEG"
# Screen, picture, what changes, encodings, viewers.
PLAN = (
    (LARGE, "text", FULL, EVERY, (1,)),
    (LARGE, "photo", FULL, EVERY, (1,)),
    (SMALL, "text", FULL, EVERY, (1,)),
    (LARGE, "text", LINE, SOME, (1,)),
    (LARGE, "text", SQUARE, SOME, (1,)),
    (LARGE, "text", SQUARE + FLIPPED, SOME, (1,)),
    (LARGE, "text", FULL, SOME, (4, 8)),
    (LARGE, "text", SQUARE, SOME, (4, 8)),
)

class Run:
    """A server with a guest and so many viewers."""

    def __init__(self, server, tmp, size, content, encoding, viewers):
        os.sched_setaffinity(0, SERVER_CPU)
        self.screen = SERVERS[server](tmp, MEMORY, VIDEO)
        os.sched_setaffinity(0, LOAD_CPU)
        self.painter = Painter(self.screen.guest, 0, size, content)
        self.screen.shows(size)
        self.crowd = Crowd([Sink(self.screen.connect(), encoding)
                            for _ in range(viewers)])
        self.crowd.until(1)
        self.drawn = 0  # the first picture is there

    def place(self, part):
        """Another one each time, so that no two parts have the same in them; of the
        other picture each time that it is the first one's turn again."""
        if part == FULL:
            return self.drawn + 1 & 1, None
        width, height = SIDES[part]
        columns, rows = 14 - width // 64, 12
        turns = math.lcm(columns, rows)
        return self.drawn // turns + 1 & 1, (
            16 + 64 * (self.drawn % columns), 64 * (self.drawn % rows), width,
            height)

    def frame(self, part):
        before = min((s.updates for s in self.crowd.sinks), default=0)
        part, _, flipped = part.partition(",")
        draw = self.painter.flip if flipped else self.painter.redraw
        draw(*self.place(part))
        self.drawn += 1
        self.crowd.until(before + 1)
        self.painter.wait()

    def counts(self):
        pids = self.screen.pids()
        sinks = self.crowd.sinks
        return {
            "time": time.monotonic_ns(),
            "copied": self.screen.counters().get("bytes", 0),
            "pixels": 4 * sum(s.pixels for s in sinks),
            "wire": sum(s.bytes for s in sinks),
            "updates": sum(s.updates for s in sinks),
            **{("cpu", name): cpu_ns(pid) for name, pid in pids.items()},
            **{("wakeups", name): wakeups(pid) for name, pid in pids.items()},
        }

    def measure(self, part, frames):
        """What each frame added to the counters."""
        for _ in range(WARM):
            self.frame(part)
        before = self.counts()
        for _ in range(frames):
            self.frame(part)
        after = self.counts()
        return {key: (after[key] - before[key]) / frames for key in after}

    def calls(self, tmp, part, frames):
        pids = self.screen.pids()
        calls = Calls(tmp, list(pids.values()))
        for _ in range(frames):
            self.frame(part)
        return {("calls", name): sum(found.values()) / frames
                for name, found in zip(pids, calls.end())}

    def close(self):
        self.crowd.close()
        self.screen.close()


def run(server, args, size, content, encoding, part, viewers, calls=False):
    with tempfile.TemporaryDirectory() as where:
        tmp = pathlib.Path(where)
        job = Run(server, tmp, size, content, encoding, viewers)
        try:
            found = job.measure(part, args.frames if FULL in part
                                else 10 * args.frames)
            if calls:
                found.update(job.calls(tmp, part, 20))
            return found
        finally:
            job.close()


def by_name(found, what):
    """Of hvd-io, hvd-display and all viewers' processes together, or of QEMU."""
    sums = {}
    for key, value in found.items():
        if isinstance(key, tuple) and key[0] == what:
            name = key[1].split()[0]
            sums[name] = sums.get(name, 0) + value
    return list(sums.values())


def show(values, digits=1, scale=1):
    return " / ".join(f"{v / scale:.{digits}f}" for v in values)


def compare(args, size, drawn, encoding, part, viewers):
    seen = {name: [] for name in SERVERS}
    for i in range(args.rounds):
        for name, rows in seen.items():
            rows.append(run(name, args, size, drawn[1], encoding, part,
                            viewers, calls=i == args.rounds - 1))
    found = {name: {key: statistics.median(r[key] for r in rows if key in r)
                    for key in rows[-1]} for name, rows in seen.items()}
    total = {name: sum(by_name(f, "cpu")) for name, f in found.items()}
    for name, f in found.items():
        ratio = "" if name == OURS else f"{total[OURS] / total[name]:.2f}"
        copied = f"{f['copied']:.0f}" if name == OURS else "-"
        print(f"| {size[0]}x{size[1]} | {part} | {drawn[0]} | {encoding} "
              f"| {viewers} | {name} | {copied} "
              f"| {f['pixels'] / viewers:.0f} | {f['wire'] / viewers:.0f} "
              f"| {show(by_name(f, 'wakeups'))} | {show(by_name(f, 'calls'), 0)} "
              f"| {show(by_name(f, 'cpu'), 2, 1e6)} | {1e9 / f['time']:.1f} "
              f"| {ratio} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=30,
                        help="of all; ten times as many of a part")
    parser.add_argument("--rows", default="", metavar="REGEX",
                        help="those of the table that begin so: "
                             "'1920x1080 [|] all [|] text [|] raw [|] 1 '")
    args = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("two CPUs are needed: one for the server, one for the load")
    print(subprocess.run(["qemu-system-aarch64", "--version"],
                         capture_output=True, text=True,
                         check=True).stdout.splitlines()[0])
    print(f"Linux {os.uname().release}, load before: {os.getloadavg()[0]:.2f}; "
          f"{args.rounds} rounds of {args.frames} frames\n")
    print("| screen | what changes | picture | encoding | viewers | server "
          "| bytes copied | bytes of pixels | bytes sent | wake-ups "
          "| calls | CPU, ms | frames/s | CPU, ours / theirs |\n|"
          + "---|" * 14)
    for size, content, part, encodings, crowds in PLAN:
        drawn = content, [PICTURES[content](*size, seed) for seed in (1, 2)]
        for encoding in encodings:
            for viewers in crowds:
                row = " | ".join((f"{size[0]}x{size[1]}", part, content,
                                  encoding, f"{viewers} "))
                if re.match(args.rows, row):
                    compare(args, size, drawn, encoding, part, viewers)
    print(f"\nload after: {os.getloadavg()[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
