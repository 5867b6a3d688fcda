# SPDX-License-Identifier: BSD-2-Clause
"""hvd on the hypervisor made of files, virthvdd in front of it, and stock
libvirt clients: virsh and, when a test wants one, the Python binding. Tests import
the fixtures `machine` and `virt` from here."""

import os
import socket
import struct
import subprocess
import uuid

import libvirt
import pytest

from test_hvd import HVD, Program, machine, wait  # noqa: F401 (machine is a fixture)

VIRTHVDD = HVD.parent / "virthvdd"
SECONDS = 60
# Freed memory is not kept for long, so that growth of the process means something.
ASAN_OPTIONS = "detect_leaks=1:quarantine_size_mb=16"

built = pytest.mark.skipif(not (HVD.exists() and VIRTHVDD.exists()),
                           reason="virthvdd is not built: make host")

REMOTE = 0x20008086
KEEPALIVE = 0x6b656570


class Virt(Program):
    """A run of virthvdd and its clients."""

    def __init__(self, machine):  # noqa: F811
        self.machine = machine
        self.folder = machine.tmp / "libvirt"
        self.socket = self.folder / "virthvdd-sock"
        self.readonly = self.folder / "virthvdd-sock-ro"
        self.uri = f"hvd:///system?socket={self.socket}"
        self.log = open(machine.tmp / "virthvdd.log", "w+")
        self.env = dict(os.environ, LC_ALL="C.UTF-8",
                        XDG_CACHE_HOME=str(machine.tmp / "cache"),
                        XDG_CONFIG_HOME=str(machine.tmp / "config"))

    def start(self, *args, **more):
        before = self.listens()
        self.process = subprocess.Popen(
            [*self.machine.prefix, VIRTHVDD, "--socket-dir", self.folder, "--hvd-dir",
             self.machine.run_dir, "--log-level", "debug", *args],
            stderr=self.log, env=dict(os.environ, ASAN_OPTIONS=ASAN_OPTIONS),
            **more)
        # a socket that is there may not be listened on yet
        wait(lambda: self.listens() > before or self.ended())

    def listens(self):
        """How often it did, as it may be started again."""
        return self.text().count("listening on")

    def ended(self):
        assert self.process.poll() is None, self.text()
        return False

    def virsh(self, *words, status=0, readonly=False, stdin=None):
        """What virsh prints; of a failure, what it complains about. Any status
        will do if it is None."""
        uri = f"hvd:///system?socket={self.readonly}" if readonly else self.uri
        result = subprocess.run(
            ["virsh", "-q", "-c", uri, *(["-r"] if readonly else []),
             *map(str, words)],
            env=self.env, input=stdin, capture_output=True, text=True,
            timeout=SECONDS, check=False)
        assert status in (None, result.returncode), \
            f"{words}: {result.stdout}{result.stderr}{self.text()}"
        return result.stdout.strip() if status == 0 else result.stderr.strip()

    def connect(self, readonly=False):
        if readonly:
            return libvirt.openReadOnly(
                f"hvd:///system?socket={self.readonly}")
        return libvirt.open(self.uri)


@pytest.fixture
def virt(machine):  # noqa: F811
    machine.start().close()
    v = Virt(machine)
    v.start()
    yield v
    if v.process.poll() is None:
        v.stop()
    text = v.text()
    for sign in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
        assert sign not in text, text


class Wire:
    """A client made of bytes, for what a well-behaved one does not send."""

    def __init__(self, path, timeout=SECONDS):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.serial = 0

    def close(self):
        self.socket.close()

    def send(self, procedure, body=b"", *, program=REMOTE, version=1, kind=0,
             status=0, serial=None):
        if serial is None:
            self.serial += 1
            serial = self.serial
        self.socket.sendall(struct.pack(
            ">IIIiIII", 28 + len(body), program, version, procedure, kind,
            serial, status) + body)
        return serial

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        """(header, body); EOFError: the server has hung up."""
        size, = struct.unpack(">I", self.read(4))
        header = struct.unpack(">IIiIII", self.read(24))
        return header, self.read(size - 28)

    def call(self, procedure, body=b"", **more):
        """The answer's body, or an error's code and message."""
        serial = self.send(procedure, body, **more)
        while True:
            header, body = self.receive()
            if header[3] == 1 and header[4] == serial:
                break
        if header[5] == 0:
            return body
        code, = struct.unpack_from(">i", body)
        length, = struct.unpack_from(">I", body, 12)
        return code, body[16:16 + length].decode()

    def open(self, flags=0):
        assert self.call(66) == struct.pack(">II", 1, 0)
        uri = b"hvd:///system"
        return self.call(1, struct.pack(">II", 1, len(uri)) + uri
                         + bytes(-len(uri) % 4) + struct.pack(">I", flags))

    def is_closed(self):
        try:
            self.read(1)
        except (EOFError, ConnectionResetError):
            return True
        return False


def string(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def definition(client, name="z1"):
    """hvd's."""
    return client.call("zone.get", name=name)["definition"]


def domain(client, name="z1"):
    """One that is off, as an argument."""
    ident = uuid.UUID(client.call("zone.get", name=name)["uuid"])
    return string(name) + ident.bytes + struct.pack(">i", -1)


def rows(text):
    """The words of a table."""
    return [line.split() for line in text.splitlines()]


@pytest.fixture
def wire(virt):
    client = Wire(virt.socket)
    client.open()
    yield client
    client.close()


__all__ = ["VIRTHVDD", "Virt", "Wire", "built", "definition", "domain",
           "machine", "rows", "string", "virt", "wire"]
