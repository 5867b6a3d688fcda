# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: events, as stock clients get them."""
# pylint: disable=redefined-outer-name

import contextlib
import os
import socket
import struct
import threading
from pathlib import Path

import pexpect
import pytest

from test_hvd import CRASHED, GUEST_OFF, OFF, BAD_TRAP, wait
from virt import (REMOTE, SECONDS, Wire, built, machine, string,  # noqa: F401
                  virt, wire)

ALL_OFF = 5  # ZV_REASON_ALL_OFF

pytestmark = built

REGISTER, DEREGISTER, LIFECYCLE = 316, 317, 318
INTERNAL, OPERATION_FAILED, INVALID_ARG, RPC = 1, 9, 8, 39
MESSAGE = 2
REBOOT_ID, IO_ERROR_ID = 1, 4
OPEN, HOSTNAME, NO_CONNECT = 1, 59, 5


def number(*values):
    return struct.pack(f">{len(values)}i", *values)


@pytest.fixture
def hvd(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    yield client
    client.close()


class Lines:
    """What `virsh event` prints."""

    def __init__(self, virt, *words):
        self.process = pexpect.spawn(
            "virsh", ["-q", "-c", virt.uri, "event", *words, "--loop"],
            env=virt.env, timeout=SECONDS, encoding="utf-8")
        # as it says nothing when it is ready
        client = Wire(virt.socket)
        client.close()

    def expect(self, *texts):
        for text in texts:
            self.process.expect_exact(text)

    def end(self):
        self.process.sendintr()
        self.process.expect(pexpect.EOF)
        self.process.close()


def follow(virt, *words):
    """virsh, when it is listening: its first event is one of ours."""
    lines = Lines(virt, *words)
    client = virt.machine.client()
    count = 0
    while True:
        count += 1
        client.call("zone.define",
                    definition=virt.machine.definition("probe", vcpus=count))
        found = lines.process.expect_exact(
            ["Defined Updated\r\n", "Defined Added\r\n", pexpect.TIMEOUT],
            timeout=0.5)
        if found != 2:
            break
    client.call("zone.undefine", name="probe")
    client.close()
    lines.expect("'probe': Undefined Removed")
    return lines


def test_a_life(virt, hvd):
    lines = follow(virt, "--all")
    hvd.call("zone.define", definition=virt.machine.definition(vcpus=2))
    lines.expect("'lifecycle' for domain 'z1': Defined Updated")
    hvd.call("zone.start", name="z1", paused=True)
    lines.expect("'z1': Started Booted", "'z1': Suspended Paused")
    hvd.call("zone.resume", name="z1")
    lines.expect("'z1': Resumed Unpaused")
    hvd.call("zone.reset", name="z1")
    lines.expect("'reboot' for domain 'z1'")
    zone = hvd.call("zone.get", name="z1")["id"]
    virt.machine.guest(zone, OFF, GUEST_OFF)
    lines.expect("'z1': Shutdown Finished after guest request",
                 "'z1': Stopped Shutdown")
    hvd.call("zone.start", name="z1")
    hvd.call("zone.destroy", name="z1")
    lines.expect("'z1': Started Booted", "'z1': Stopped Destroyed")
    hvd.call("zone.rename", name="z1", new_name="z2")
    lines.expect("'z1': Undefined Renamed", "'z2': Defined Renamed")
    hvd.call("zone.undefine", name="z2")
    lines.expect("'z2': Undefined Removed")
    lines.end()


def test_metadata(virt, hvd):
    lines = follow(virt, "--all")
    virt.virsh("desc", "z1", "--title", "A title")
    lines.expect("'metadata-change' for domain 'z1': type title, uri <null>",
                 "'z1': Defined Updated")
    # What is kept for clients is not for them.
    hvd.call("zone.set", name="z1",
             metadata={"urn:zonevisor:libvirt:1.0": "<kept/>"})
    lines.expect("'z1': Defined Updated")
    hvd.call("zone.start", name="z1")
    lines.expect("'z1': Started Booted")
    virt.virsh("metadata", "z1", "urn:a", "--key", "a", "--set", "<x/>")
    lines.expect("'metadata-change' for domain 'z1': type element, uri urn:a",
                 "'z1': Defined Updated")
    virt.virsh("desc", "z1", "two words")
    lines.expect("'z1': type description", "'z1': Defined Updated")
    hvd.call("zone.undefine", name="z1")
    lines.expect("'z1': Undefined Removed")
    virt.virsh("desc", "z1", "--title", "Another")
    lines.expect("'z1': type title", "'z1': Defined Updated")
    lines.end()


def test_the_last_vcpu_goes_off(virt, hvd):
    """As good as a shutdown, in the event and in what is told later."""
    hvd.call("zone.define", definition=virt.machine.definition())
    hvd.call("zone.start", name="z1")
    lines = follow(virt, "--event", "lifecycle")
    virt.machine.guest(hvd.call("zone.get", name="z1")["id"], OFF, ALL_OFF)
    lines.expect("'z1': Shutdown Finished after guest request",
                 "'z1': Stopped Shutdown")
    lines.end()
    assert virt.virsh("domstate", "z1", "--reason") == "shut off (shutdown)"


def test_a_crash(virt, hvd):
    hvd.call("zone.define", definition=virt.machine.definition(
        on_crash="destroy"))
    hvd.call("zone.start", name="z1")
    lines = follow(virt, "--event", "lifecycle")
    zone = hvd.call("zone.get", name="z1")["id"]
    virt.machine.guest(zone, CRASHED, BAD_TRAP)
    lines.expect("'z1': Crashed Panicked", "'z1': Stopped Crashed")
    lines.end()
    assert virt.virsh("domstate", "z1", "--reason") == "shut off (crashed)"


def test_the_list(virt):
    assert "lifecycle" in virt.virsh("event", "--list")


def silent(folder, backlog):
    """Sockets of a hvd that says nothing; its backlog is how many it lets connect."""
    folder.mkdir()
    for name in "hvd.sock", "hvd-ro.sock":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / name))
        listener.listen(backlog)
        yield listener


def test_a_hvd_that_does_not_answer(virt):
    """Who asks for events waits for it, and nobody else."""
    listeners = list(silent(virt.machine.tmp / "silent", 64))
    virt.stop()
    virt.start("--hvd-dir", virt.machine.tmp / "silent")
    listener, other = Wire(virt.socket), Wire(virt.socket)
    for client in listener, other:
        assert client.open() == b""
    listener.send(REGISTER, number(0, 0))
    assert other.call(HOSTNAME) == string(socket.gethostname())
    listener.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.socket.recv(1)
    # it is there as soon as hvd is
    listener.socket.settimeout(SECONDS)
    header, body = listener.receive()
    assert header[5] == 0 and body == number(1)
    listener.send(REGISTER, number(0, 0))
    listener.close()  # whatever a thread waits for
    for end in listeners:
        end.close()


def test_a_hvd_that_takes_no_connections(virt):
    """Nothing waits for one: each would for two seconds."""
    listeners = list(silent(virt.machine.tmp / "silent", 0))
    virt.stop()
    virt.start("--hvd-dir", virt.machine.tmp / "silent")
    first = Wire(virt.socket)
    assert first.open() == b""
    crowd = [Wire(virt.socket, timeout=30) for _ in range(32)]
    for client in crowd:
        client.send(OPEN, number(1) + string("hvd:///system") + bytes(4))
    for client in crowd:
        header, body = client.receive()
        assert header[5] == 1 and body[:4] == number(NO_CONNECT)
        client.close()
    for end in listeners:
        end.close()


def test_python(virt, hvd):
    import libvirt  # pylint: disable=import-outside-toplevel
    libvirt.virEventRegisterDefaultImpl()
    seen = []
    conn = virt.connect()
    z1 = conn.lookupByName("z1")
    hvd.call("zone.define", definition=virt.machine.definition("z2"))

    def on_life(_conn, domain, event, detail, _arg):
        seen.append((domain.name(), domain.UUIDString(), domain.ID(), event,
                     detail))

    callback = conn.domainEventRegisterAny(
        z1, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_life, None)
    others = [conn.networkEventRegisterAny(None, 0, on_life, None),
              conn.storagePoolEventRegisterAny(None, 0, on_life, None),
              conn.nodeDeviceEventRegisterAny(None, 0, on_life, None),
              conn.secretEventRegisterAny(None, 0, on_life, None)]
    hvd.call("zone.start", name="z2")
    hvd.call("zone.start", name="z1")
    end = threading.Event()

    def loop():
        while not end.is_set():
            libvirt.virEventRunDefaultImpl()

    timer = libvirt.virEventAddTimeout(20, lambda *_: None, None)
    thread = threading.Thread(target=loop)
    thread.start()
    wait(lambda: seen)
    conn.domainEventDeregisterAny(callback)
    conn.networkEventDeregisterAny(others[0])
    conn.storagePoolEventDeregisterAny(others[1])
    conn.nodeDeviceEventDeregisterAny(others[2])
    conn.secretEventDeregisterAny(others[3])
    end.set()
    thread.join()
    libvirt.virEventRemoveTimeout(timer)
    conn.close()
    assert seen == [("z1", z1.UUIDString(), 2,
                     libvirt.VIR_DOMAIN_EVENT_STARTED,
                     libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED)]


def next_message(client):
    header, body = client.receive()
    assert (header[0], header[3], header[4], header[5]) == \
        (REMOTE, MESSAGE, 0, 0)
    return header[2], body


def test_registrations(virt, wire, hvd):
    assert wire.call(REGISTER, number(28, 0))[0] == INVALID_ARG
    assert wire.call(REGISTER, number(-1, 0))[0] == INVALID_ARG
    for body in (b"", number(0), number(0, 2), number(0, 1),
                 number(0, 0, 0)):
        assert wire.call(REGISTER, body)[0] == RPC
    assert wire.call(DEREGISTER, number(1))[0] == INTERNAL
    assert wire.call(DEREGISTER, b"")[0] == RPC
    first = wire.call(REGISTER, number(0, 0))
    second = wire.call(REGISTER, number(0, 0))
    assert first != second
    assert wire.call(DEREGISTER, first) == b""
    assert wire.call(DEREGISTER, first)[0] == INTERNAL
    # a callback of another family
    assert wire.call(314, second)[0] == INTERNAL
    hvd.call("zone.start", name="z1")
    procedure, body = next_message(wire)
    assert procedure == LIFECYCLE
    assert body[:12] == second + string("z1")
    assert body[-8:] == number(2, 0)  # started, booted
    count = 0
    while isinstance(wire.call(REGISTER, number(2, 0)), bytes):
        count += 1
    assert count == 127
    assert wire.call(REGISTER, number(2, 0))[0] == OPERATION_FAILED
    assert virt.virsh("hostname")


def test_other_families(wire):
    for procedure, name in ((313, string("n") + bytes(16)),
                            (368, string("p") + bytes(16)),
                            (374, string("d")),
                            (380, bytes(16) + number(1) + string("s"))):
        assert wire.call(procedure, number(2, 0))[0] == INVALID_ARG
        assert wire.call(procedure, number(0, 1))[0] == RPC
        callback = wire.call(procedure, number(0, 1) + name)
        assert len(callback) == 4
        assert wire.call(procedure + 1, callback) == b""
        assert wire.call(procedure + 1, callback)[0] == INTERNAL
        assert wire.call(procedure + 1, b"")[0] == RPC


def test_older_clients(wire, hvd):
    assert wire.call(106)[0] == INTERNAL
    assert wire.call(105, number(1))[0] == RPC
    assert wire.call(105) == number(1)
    assert wire.call(105)[0] == INTERNAL
    assert wire.call(106, number(1))[0] == RPC
    assert wire.call(167, b"")[0] == RPC
    assert wire.call(168, b"")[0] == RPC
    assert wire.call(168, number(1))[0] == INTERNAL
    assert wire.call(167, number(REBOOT_ID)) == b""
    hvd.call("zone.start", name="z1")
    procedure, body = next_message(wire)
    assert procedure == 107 and body[:8] == string("z1")
    hvd.call("zone.reset", name="z1")
    procedure, body = next_message(wire)
    assert procedure == 169 and body[:8] == string("z1")
    assert wire.call(168, number(REBOOT_ID)) == b""
    assert wire.call(106) == number(0)


def test_errors_of_a_disk(virt, wire, hvd):
    machine = virt.machine
    machine.inject("io-z1", "error")
    hvd.call("zone.define", definition=machine.definition(
        devices=[{"type": "disk", "path": str(machine.disk())}]))
    plain = wire.call(REGISTER, number(IO_ERROR_ID, 0))
    reason = wire.call(REGISTER, number(6, 0))
    hvd.call("zone.start", name="z1")
    procedure, body = next_message(wire)
    assert procedure == 322 and body.startswith(plain)
    assert body.endswith(string("") + string("disk0") + number(2))
    procedure, body = next_message(wire)
    assert procedure == 324 and body.startswith(reason)
    assert body.endswith(string("disk0") + number(2) + string("for a test"))


def test_a_dump(virt, wire, hvd):
    callback = wire.call(REGISTER, number(21, 0))
    hvd.call("zone.start", name="z1")
    hvd.call("zone.dump", name="z1", path=str(virt.machine.tmp / "core"))
    procedure, body = next_message(wire)
    assert procedure == 363 and body.startswith(callback + string("z1"))
    assert string("operation") + number(1, 8) in body
    assert string("success") + number(6, 1) in body


def test_hvd_that_was_started_anew(virt, wire, hvd):
    """Its events are told as before."""
    callback = wire.call(REGISTER, number(0, 0))
    virt.machine.stop()
    client = virt.machine.start()
    client.call("zone.start", name="z1")
    while True:
        procedure, body = next_message(wire)
        if body[-8:] == number(2, 0):
            break
    assert procedure == LIFECYCLE and body.startswith(callback + string("z1"))
    client.close()


def test_a_client_that_does_not_read_its_events(virt, hvd):
    lazy = Wire(virt.socket)
    lazy.open()
    for _ in range(100):
        lazy.call(REGISTER, number(0, 0))
    while "does not read its events" not in virt.text():
        hvd.call("zone.define", definition=virt.machine.definition())
    assert virt.virsh("list", "--name") == "zone0"
    lazy.close()


def test_no_connection_is_left(virt, hvd):
    """hvd is not bothered when nobody listens."""
    def sockets():
        count = 0
        for fd in Path(f"/proc/{virt.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it is gone again
                count += os.readlink(fd).startswith("socket:")
        return count

    before = sockets()
    client = Wire(virt.socket)
    client.open()
    client.call(REGISTER, number(0, 0))
    client.close()
    wait(lambda: sockets() == before)
    hvd.call("zone.undefine", name="z1")
    assert virt.virsh("hostname")
