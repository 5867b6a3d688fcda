# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: consoles, as streams of stock clients and of bad ones."""
# pylint: disable=redefined-outer-name

import os
import signal
import struct

import pexpect
import pytest

from test_hvd import wait
from virt import SECONDS, Wire, built, machine, string, virt, wire  # noqa: F401

pytestmark = built

OPEN_CONSOLE, LOOKUP, HOSTNAME = 201, 23, 59
REPLY, STREAM, HOLE = 1, 3, 6
OK, ERROR, CONTINUE = 0, 1, 2
RPC, FAILED, INVALID, ARG, DENIED = 39, 9, 55, 8, 29


@pytest.fixture
def hvd(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[{"type": "console"}]))
    yield client
    client.close()


@pytest.fixture
def running(virt, hvd):
    (virt.machine.fake / "console-z1").write_text("boot\r\n")
    hvd.call("zone.start", name="z1")
    return hvd


def domain(client, name="z1"):
    return client.call(LOOKUP, string(name))


def request(client, device=None, flags=0, name="z1"):
    return domain(client, name) + (
        b"\0\0\0\1" + string(device) if device else bytes(4)
    ) + struct.pack(">I", flags)


class Console:
    """A stream of a Wire."""

    def __init__(self, client, **more):
        self.client = client
        body = request(client, **more)
        self.answer = client.call(OPEN_CONSOLE, body)
        self.serial = client.serial
        self.data = b""

    def send(self, data=b"", status=CONTINUE, kind=STREAM):
        self.client.send(OPEN_CONSOLE, data, kind=kind, status=status,
                         serial=self.serial)

    def packet(self):
        header, body = self.client.receive()
        assert header[2:5] == (OPEN_CONSOLE, STREAM, self.serial), header
        return header[5], body

    def read(self, wanted):
        while not self.data.endswith(wanted):
            status, body = self.packet()
            assert status == CONTINUE and body
            self.data += body

    def end(self, how=OK):
        self.send(status=how)
        while True:
            status, body = self.packet()
            if status != CONTINUE:
                return status, body


def test_virsh(virt, running):
    child = pexpect.spawn("virsh", ["-c", virt.uri, "console", "z1"],
                          env=virt.env, timeout=SECONDS)
    child.expect("Escape character")
    child.expect_exact("boot\r\n")
    child.send("hello\r")
    child.expect_exact("hello")
    running.call("zone.destroy", name="z1")
    child.expect(pexpect.EOF)
    child.close()


def test_start_and_watch(virt, hvd):
    (virt.machine.fake / "console-z1").write_text("the first line\r\n")
    child = pexpect.spawn("virsh", ["-c", virt.uri, "start", "--console", "z1"],
                          env=virt.env, timeout=SECONDS)
    child.expect_exact("the first line\r\n")
    child.send("\x1d")
    child.expect(pexpect.EOF)
    child.close()
    assert hvd.call("zone.get", name="z1")["state"] == "running"


def test_python(virt, running):
    conn = virt.connect()
    stream = conn.newStream()
    conn.lookupByName("z1").openConsole(None, stream, 0)
    data = b""
    stream.send(b"ping")
    while not data.endswith(b"ping"):
        data += stream.recv(1024)
    assert data == b"boot\r\nping"
    stream.finish()
    stream = conn.newStream()
    conn.lookupByName("z1").openConsole("serial0", stream, 0)
    stream.abort()
    conn.close()
    assert running.call("zone.get", name="z1")["state"] == "running"


def test_one_writes(virt, wire, running):
    first = Console(wire)
    assert first.answer == b""
    first.read(b"boot\r\n")
    late = Wire(virt.socket)
    late.open()
    code, message = Console(late).answer
    assert code == FAILED and "Active console session exists" in message
    second = Console(late, flags=1, device="console0")
    assert second.answer == b""
    second.send(b"mine")
    second.read(b"mine")
    first.read(b"mine")
    assert second.end(OK) == (OK, b"")
    assert first.end(ERROR) == (OK, b"")
    late.close()


def test_arguments(virt, wire, hvd):
    assert Console(wire).answer[0] == INVALID
    hvd.call("zone.start", name="z1")
    assert wire.call(OPEN_CONSOLE, domain(wire))[0] == RPC
    assert Console(wire, flags=4).answer[0] == ARG
    assert "tty9" in Console(wire, device="tty9").answer[1]
    assert Console(wire, device="x" * 100).answer[0] == ARG
    assert isinstance(Console(wire, name="zone0").answer, tuple)
    reader = Wire(virt.readonly)
    reader.open()
    assert Console(reader).answer[0] == DENIED
    reader.close()


def test_the_end_of_the_guest(wire, running):
    console = Console(wire)
    console.read(b"boot\r\n")
    running.call("zone.destroy", name="z1")
    assert console.packet() == (CONTINUE, b"")
    console.send(b"nobody listens")
    assert console.end(OK) == (OK, b"")
    # what comes late is no harm
    console.send(b"late")
    console.send(status=ERROR)
    assert isinstance(wire.call(HOSTNAME), bytes)


def test_a_kill_of_the_io_process(virt, wire, running):
    """The client notices nothing."""
    console = Console(wire)
    console.read(b"boot\r\n")
    pid = running.call("zone.get", name="z1")["io"]["pid"]
    os.kill(pid, signal.SIGKILL)
    with open(virt.machine.fake / "console-z1", "a") as file:
        file.write("again")
    console.read(b"again")
    assert console.data == b"boot\r\nagain"
    assert console.end() == (OK, b"")


def test_a_guest_that_does_not_take_its_input(virt, wire, hvd):
    virt.machine.inject("io-z1", "deaf")
    hvd.call("zone.start", name="z1")
    console = Console(wire)
    status, sent = CONTINUE, 0
    wire.socket.settimeout(SECONDS)
    while status == CONTINUE and sent < 100:
        console.send(bytes(65536))
        sent += 1
        # other calls go on meanwhile
        serial = wire.send(HOSTNAME)
        header, body = wire.receive()
        if header[3] == STREAM:
            status = header[5]
        else:
            assert header[4] == serial
    assert status == ERROR and b"does not take" in body
    assert sent > 4
    again = Console(wire, flags=1)
    assert again.answer == b""
    again.send(b"x" * (300 << 10))
    assert again.packet()[0] == ERROR


def test_consoles_that_are_being_opened(virt, wire, hvd):
    """They count, and no packet of a stream ends one."""
    virt.machine.inject("io-z1", "mute")
    hvd.call("zone.start", name="z1")
    body = request(wire, flags=1)
    serials = [wire.send(OPEN_CONSOLE, body) for _ in range(17)]
    header, body = wire.receive()
    assert header[4:] == (serials[-1], ERROR) and b"more than 16" in body
    wire.send(OPEN_CONSOLE, kind=STREAM, status=ERROR, serial=serials[0])
    assert isinstance(wire.call(HOSTNAME), bytes)


def test_a_client_that_does_not_read(virt, wire, hvd):
    """No more of the output is taken than fits."""
    (virt.machine.fake / "console-z1").write_bytes(b"0123456789abcde\n"
                                                   * (1 << 19))
    hvd.call("zone.start", name="z1")
    console = Console(wire)
    other = Wire(virt.socket)
    other.open()
    assert isinstance(other.call(HOSTNAME), bytes)
    while len(console.data) < 8 << 20:
        status, body = console.packet()
        assert status == CONTINUE
        console.data += body
    assert console.data == b"0123456789abcde\n" * (1 << 19)
    other.close()


def test_a_hole(wire, running):
    console = Console(wire)
    console.send(bytes(12), kind=HOLE)
    while not wire.is_closed():
        pass


def descriptors(virt):
    return len(os.listdir(f"/proc/{virt.process.pid}/fd"))


def test_nothing_is_left(virt, wire, running):
    """By whatever end."""
    before = descriptors(virt)
    for turn in range(100):
        client = Wire(virt.socket)
        client.open()
        body = request(client, flags=1)
        if turn % 4 == 0:
            client.send(OPEN_CONSOLE, body)
        else:
            console = Console(client, flags=1)
            assert console.answer == b""
            if turn % 4 > 1:
                console.end(OK if turn % 4 == 2 else ERROR)
        client.close()
    wait(lambda: descriptors(virt) == before)
    consoles = [Console(wire, flags=1).answer for _ in range(17)]
    assert consoles[15] == b"" and consoles[16][0] == FAILED
    running.call("zone.destroy", name="z1")
