#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-native: random reads and writes of 4 KiB on disks that hvd-backend
and qemu-storage-daemon serve over vhost-user, in turns, as the table of
docs/performance.md."""
import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

DEPTHS = (1, 32, 128)
SIZE = 256 << 20
BLOCK = 4096
SERVER_CPU, LOAD_CPU = "0", "1"
OURS, THEIRS = "hvd-backend", "qemu-storage-daemon"
PRIORITY = 10


def make_image(path):
    """Each block is full of its number."""
    if path.exists() and path.stat().st_size == SIZE:
        return
    with open(path, "wb") as image:
        for block in range(SIZE // BLOCK):
            image.write(struct.pack("<Q", block) * (BLOCK // 8))
        os.fsync(image.fileno())


def can_have_priority():
    """Before all that is not real-time: else other work on the machine decides
    who is fast."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def pinned(cpu, first):
    return ["taskset", "-c", cpu,
            *(["chrt", "-f", str(PRIORITY)] if first else [])]


def ours(backend, disk, image, write):
    args = {"null": ["--null", SIZE], "cached file": ["--disk", image],
            "O_DIRECT file": ["--disk", image, "--direct"]}[disk]
    return lambda path: [backend, "--socket", path, "--device", "blk",
                         "--writeback" if write else "--readonly", *args]


def theirs(disk, image, aio, write):
    readonly = "read-only=" + ("off" if write else "on")
    file = f"driver=file,node-name=disk,filename={image},{readonly}"
    node = {"null": f"driver=null-co,node-name=disk,size={SIZE},"
                    f"read-zeroes=off,{readonly}",
            "cached file": f"{file},aio={aio}",
            "O_DIRECT file": f"{file},cache.direct=on,aio={aio}"}[disk]
    return lambda path: [
        THEIRS, "--blockdev", node, "--export",
        "type=vhost-user-blk,id=disk,node-name=disk,num-queues=1,"
        f"writable={'on' if write else 'off'},"
        f"addr.type=unix,addr.path={path}"]


def wait_for(path, child, said):
    limit = time.monotonic() + 10
    while not path.exists():
        if child.poll() is not None or time.monotonic() > limit:
            sys.exit(f"the server has not started: {said.read_text()}")
        time.sleep(0.01)


def measure(args, command, depth, *what):
    """IOPS, the server's CPU microseconds per request, calls per request."""
    with tempfile.TemporaryDirectory() as where:
        path = pathlib.Path(where) / "socket"
        said = pathlib.Path(where) / "said"
        with open(said, "wb") as output, subprocess.Popen(
                [*pinned(SERVER_CPU, args.priority),
                 *map(str, command(path))],
                stdout=output, stderr=output) as server:
            try:
                wait_for(path, server, said)
                run = subprocess.run(
                    [*pinned(LOAD_CPU, args.priority), args.load,
                     "--socket", path, "--depth", str(depth),
                     "--seconds", str(args.seconds), "--pid",
                     str(server.pid), *what],
                    capture_output=True, text=True, check=False)
            finally:
                server.terminate()
        if run.returncode != 0:
            sys.exit(f"{command(path)[0]}: {run.stderr}{said.read_text()}")
    got = json.loads(run.stdout)
    return (got["requests"] * 1e9 / got["ns"], got["cpu_us"] / got["requests"],
            got["calls"] / got["requests"])


def spread(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:.{digits}f} / {middle:.{digits}f} / {high:.{digits}f}"


def compare(args, disk, depth, write):
    servers = {OURS: ours(args.backend, disk, args.image, write)}
    aios = {"null": ["-"], "cached file": ["io_uring", "threads"],
            "O_DIRECT file": ["io_uring", "native"]}[disk]
    for aio in aios:
        name = THEIRS if aio == "-" else f"{THEIRS}, aio={aio}"
        servers[name] = theirs(disk, args.image, aio, write)
    seen = {name: [] for name in servers}
    what = ["--write"] if write else ["--verify"] if disk != "null" else []
    for _ in range(args.rounds):
        for name, command in servers.items():
            seen[name].append(measure(args, command, depth, *what))
    middle = {name: [statistics.median(column) for column in zip(*rows)]
              for name, rows in seen.items()}
    for name, rows in seen.items():
        iops, cpu, calls = zip(*rows)
        ratios = "| | |"
        if name != OURS:
            ratios = (f"| {middle[OURS][0] / middle[name][0]:.2f} "
                      f"| {middle[OURS][1] / middle[name][1]:.2f} |")
        print(f"| {disk} | {'write' if write else 'read'} | {depth} | {name} | {spread(iops, 0)} "
              f"| {spread(cpu, 2)} | {statistics.median(calls):.3f} {ratios}",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", required=True, type=pathlib.Path)
    parser.add_argument("--load", required=True, type=pathlib.Path)
    parser.add_argument("--image", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    args = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("two CPUs are needed: one for the server, one for the load")
    args.priority = can_have_priority()
    make_image(args.image)
    print(subprocess.run([THEIRS, "--version"], capture_output=True, text=True,
                         check=True).stdout.splitlines()[0])
    print(f"Linux {os.uname().release}, load before: {os.getloadavg()[0]:.2f}; "
          f"{args.rounds} rounds of {args.seconds} s; "
          + ("SCHED_FIFO" if args.priority else
             "SCHED_OTHER: no right to SCHED_FIFO, so an idle machine is wanted")
          + "\n")
    print("| disk | | depth | server | IOPS: least / median / most "
          "| CPU µs per request | calls per request | IOPS, ours / theirs "
          "| CPU, ours / theirs |\n|---|---|---|---|---|---|---|---|---|")
    for write in (False, True):
        for disk in ("null", "cached file", "O_DIRECT file"):
            for depth in DEPTHS:
                compare(args, disk, depth, write)
    print(f"\nload after: {os.getloadavg()[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
