#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-rpc: how fast hvd, libvirtd and QEMU's monitor answer a question
about what runs, how much memory they have and how soon they listen, in turns,
as the table of docs/performance.md."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CLIENTS = (1, 10, 64)
TOGETHER = "1, one CPU"  # server and load share it: nobody wakes another CPU
QMP_SOCKETS = max(CLIENTS)
IDLE = 1000
PATIENCE = 20
IMAGE_HEAD = bytes(16) + (0x300000).to_bytes(8, "little") + bytes(32) + b"ARM\x64" + bytes(4)


class Server:
    """A program that is started in a directory of its own."""
    name = None

    def __init__(self, where, args):
        self.where = pathlib.Path(where)
        self.socket = self.where / "socket"
        self.prepare(args)
        said = open(self.where / "said", "wb")
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [str(part) for part in self.command(args)], stdout=said,
            stderr=said, env={**os.environ, **self.environment()})
        said.close()
        while not self.listens():
            if (self.process.poll() is not None
                    or time.monotonic() > begun + PATIENCE):
                sys.exit(f"{self.name} has not started: "
                         + (self.where / "said").read_text())
        self.ready_ms = (time.monotonic() - begun) * 1000
        self.begin()

    def listens(self):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.first_socket()))
            except OSError:
                return False
        return True

    def first_socket(self):
        return self.socket

    def environment(self):
        return {}

    def prepare(self, args):
        pass

    def begin(self):
        pass

    def resident(self):
        """KiB, pages shared with others included."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Hvd(Server):
    name = "hvd, `zone.list`"

    def environment(self):
        return {"ZV_FAKE_DIR": str(self.where / "fake")}

    def prepare(self, args):
        (self.where / "fake").mkdir()
        (self.where / "Image").write_bytes(IMAGE_HEAD)

    def command(self, args):
        return [args.hvd, "--config-dir", self.where / "etc", "--run-dir",
                self.where / "run", "--socket", self.socket, "--rate=0"]

    def begin(self):
        """One zone beside zone0."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            client.sendall(json.dumps({
                "jsonrpc": "2.0", "id": 1, "method": "zone.define", "params": {
                    "definition": {"name": "test", "vcpus": 2,
                                   "memory": "64M",
                                   "kernel": str(self.where / "Image")}},
            }).encode() + b"\n")
            answer = client.recv(65536)
        if b'"result"' not in answer:
            sys.exit(f"hvd: {answer}")

    def load(self):
        return ["--hvd", self.socket]


class Libvirtd(Server):
    name = "libvirtd, `virDomainGetInfo`"

    def prepare(self, args):
        (self.where / "conf").write_text(
            f'unix_sock_dir = "{self.where}"\nauth_unix_rw = "none"\n'
            'auth_unix_ro = "none"\nmax_clients = 5000\n'
            'max_anonymous_clients = 5000\n')

    def command(self, args):
        return ["/usr/sbin/libvirtd", "--config", self.where / "conf",
                "--pid-file", self.where / "pid"]

    def environment(self):
        """Its test driver is built in: it need not load or begin others."""
        return {"LIBVIRT_DRIVER_DIR": str(self.where)}

    def first_socket(self):
        return self.where / "libvirt-sock"

    def load(self):
        return ["--libvirt",
                f"test+unix:///default?socket={self.first_socket()}"]


class Qemu(Server):
    name = "QEMU, `query-status`"

    def command(self, args):
        monitors = []
        for i in range(QMP_SOCKETS):
            monitors += ["-qmp", f"unix:{self.socket}{i},server=on,wait=off"]
        return ["qemu-system-aarch64", "-M", "none", "-nodefaults", "-display",
                "none", "-S", *monitors]

    def listens(self):
        """A monitor has one client: it must greet, and be let go of."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            try:
                client.connect(f"{self.socket}{QMP_SOCKETS - 1}")
            except OSError:
                return False
            return b"QMP" in client.recv(4096)

    def load(self):
        return ["--qmp", self.socket]


class Echo(Server):
    """What the machine takes when nothing is done."""
    name = "an echo"

    def command(self, args):
        return [args.load, "--serve", self.socket]

    def load(self):
        return ["--echo", self.socket]


def idle_cost(server):
    """KiB for each of IDLE clients that ask once; None: it has no room."""
    before = server.resident()
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(server.first_socket()))
            client.settimeout(PATIENCE)
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"zone.list"}\n')
            if b'"result"' not in client.recv(65536):
                return None
        return (server.resident() - before) / IDLE


def load(args, server, clients, prefix=()):
    run = subprocess.run(
        [*prefix, args.load, *map(str, server.load()), "--clients",
         str(clients), "--seconds", str(args.seconds)],
        capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{server.name}: {run.stderr}"
                 + (server.where / "said").read_text())
    return json.loads(run.stdout)


def put_together(server):
    """All its threads on the CPU that the load will have."""
    for thread in os.listdir(f"/proc/{server.process.pid}/task"):
        os.sched_setaffinity(int(thread), {0})
    return ("taskset", "-c", "0")


def measure(args, kind):
    got = {}
    with tempfile.TemporaryDirectory() as where:
        server = kind(where, args)
        try:
            got["ready"] = server.ready_ms
            got["resident"] = server.resident() / 1024
            for clients in CLIENTS:
                got[clients] = load(args, server, clients)
            got["loaded"] = server.resident() / 1024
            if kind is Hvd:
                got["idle"] = idle_cost(server)
            got[TOGETHER] = load(args, server, 1, put_together(server))
        finally:
            server.end()
    return got


def spread(values, digits=0):
    values = list(values)
    return (f"{min(values):.{digits}f} / {statistics.median(values):.{digits}f}"
            f" / {max(values):.{digits}f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hvd", required=True, type=pathlib.Path)
    parser.add_argument("--load", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    args = parser.parse_args()
    kinds = (Hvd, Libvirtd, Qemu, Echo)
    for version in (["/usr/sbin/libvirtd"], ["qemu-system-aarch64"]):
        print(subprocess.run([*version, "--version"], capture_output=True,
                             text=True, check=True).stdout.splitlines()[0])
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, load before: "
          f"{os.getloadavg()[0]:.2f}; {args.rounds} rounds of {args.seconds} s; "
          "least / median / most\n", flush=True)
    seen = {kind: [] for kind in kinds}
    for _ in range(args.rounds):
        for kind in kinds:
            seen[kind].append(measure(args, kind))
    print("| server | clients | answers per second | half within, µs "
          "| 99 % within, µs |\n|---|---|---|---|---|")
    for clients in (*CLIENTS, TOGETHER):
        for kind in kinds:
            columns = (spread(got[clients][key] for got in seen[kind])
                       for key in ("per_second", "p50_us", "p99_us"))
            print(f"| {kind.name} | {clients} | {' | '.join(columns)} |")
    print("\n| server | listens after, ms | resident, MiB | after the load "
          "|\n|---|---|---|---|")
    for kind in kinds[:-1]:
        columns = (spread((got[key] for got in seen[kind]), 1)
                   for key in ("ready", "resident", "loaded"))
        print(f"| {kind.name} | {' | '.join(columns)} |")
    idle = [got["idle"] for got in seen[Hvd]]
    print(f"\nan idle client costs hvd, KiB, {IDLE} of them: "
          + ("it has no room for them" if None in idle
             else spread(idle, 2)))
    print(f"\nload after: {os.getloadavg()[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
