# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: connections, and what becomes of those who break the rules."""
# pylint: disable=redefined-outer-name

import contextlib
import os
import signal
import socket
import struct

import pytest

from test_hvd import wait
from test_hvd_scale import another_user
from test_hvd_service import listening, passed
from virt import (KEEPALIVE, Wire, built, machine, string,  # noqa: F401
                  virt, wire)

pytestmark = built
HOST = socket.gethostname()
OF_A_USER = 16

CALLS = 32  # at a time
AUTH_LIST, OPEN, CLOSE, TYPE, LOOKUP, CREATE, URI = 66, 1, 2, 3, 23, 9, 110
GET_INFO = 16
RPC, DENIED, NO_CONNECT, INVALID_ARG = 39, 29, 5, 8


def test_connect(virt):
    assert virt.virsh("hostname") == HOST
    assert "Using API: Zonevisor" in virt.virsh("version")
    assert virt.virsh("hostname", readonly=True) == HOST


def test_a_procedure_that_is_not_there(wire):
    assert wire.call(999)[0] == RPC
    assert wire.call(999)[1] == "unknown procedure: 999"
    # another program's; the answer is of that program, or clients hang up
    serial = wire.send(1, program=0x20008087)
    header, _ = wire.receive()
    assert header == (0x20008087, 1, 1, 1, serial, 1)
    assert wire.call(TYPE, version=2)[0] == RPC
    assert wire.call(TYPE) == string("Zonevisor")


def test_arguments_that_are_none(wire):
    for body in (b"", b"\0\0\0\1", b"\xff\xff\xff\xff", string("a\0b"),
                 string("zone0") + b"\0\0\0\0", b"\0\0\0\1a\0\0\1"):
        assert wire.call(LOOKUP, body)[0] == RPC, body
    assert wire.call(URI) == string("hvd:///system")


def test_not_open(virt):
    client = Wire(virt.socket)
    assert client.call(TYPE)[0] == NO_CONNECT
    assert client.open() == b""
    assert client.call(TYPE) == string("Zonevisor")
    assert client.call(CLOSE) == b""
    assert client.call(TYPE)[0] == NO_CONNECT
    assert client.open() == b""
    assert client.open()[0] == 55
    client.close()


def test_another_uri(virt):
    client = Wire(virt.socket)
    for uri in ("hvd:///session", "qemu", "hvd://host/system"):
        code, message = client.call(
            OPEN, struct.pack(">I", 1) + string(uri) + bytes(4))
        assert code == INVALID_ARG and uri in message
    client.close()


def test_read_only(virt):
    for path, flags in ((virt.readonly, 0), (virt.socket, 1)):
        client = Wire(path)
        assert client.open(flags) == b""
        domain = string("zone0") + bytes(16) + bytes(4)
        code, message = client.call(CREATE, domain)
        assert code == DENIED and "DomainCreate" in message
        assert client.call(TYPE) == string("Zonevisor")
        client.close()


def is_served(client):
    try:
        return client.open() == b"" and client.call(TYPE) == string("Zonevisor")
    except (EOFError, ConnectionError):
        return False


def test_readonly_clients_lock_nobody_out(virt):
    crowd = [Wire(virt.readonly) for _ in range(OF_A_USER)]
    assert all(map(is_served, crowd))
    one_more = Wire(virt.readonly)
    assert one_more.is_closed()
    assert virt.virsh("hostname") == HOST
    if os.getuid() == 0:
        with another_user(virt.machine, 65530):
            other = Wire(virt.readonly)
        assert is_served(other)
        other.close()
    crowd.pop().close()
    wait(lambda: is_served(Wire(virt.readonly)))
    for client in crowd:
        assert client.call(TYPE) == string("Zonevisor")
        client.close()


def test_who_is_not_opened_makes_room(virt):
    used = [Wire(virt.readonly) for _ in range(OF_A_USER - 1)]
    assert all(map(is_served, used))
    unused = Wire(virt.readonly)
    assert Wire(virt.readonly).is_closed()
    wait(lambda: is_served(Wire(virt.readonly)))
    assert unused.is_closed()
    for client in used:
        assert client.call(TYPE) == string("Zonevisor")
        client.close()


@pytest.mark.skipif(os.getuid() != 0, reason="other users are needed")
def test_a_user_leaves_half_to_others(virt):
    crowd = []
    for uid, share in enumerate((16, 16, 8, 4, 2, 1, 1), 65500):
        with another_user(virt.machine, uid):
            mine = [Wire(virt.readonly) for _ in range(share)]
            assert all(map(is_served, mine))
            crowd += mine
            assert Wire(virt.readonly).is_closed()
    with another_user(virt.machine, 65530):  # all places are taken
        assert Wire(virt.readonly).is_closed()
    crowd.pop().close()
    with another_user(virt.machine, 65531):
        wait(lambda: is_served(Wire(virt.readonly)))
    for client in crowd:
        assert client.call(TYPE) == string("Zonevisor")
        client.close()


@pytest.mark.skipif(os.getuid() != 0, reason="other users are needed")
def test_places_that_others_do_not_use(virt):
    crowd = []
    for uid, share in enumerate((16, 16, 8, 4, 2, 1, 1), 65500):
        with another_user(virt.machine, uid):
            crowd += [Wire(virt.readonly) for _ in range(share)]
    assert Wire(virt.readonly).is_closed()
    wait(lambda: is_served(Wire(virt.readonly)))
    for client in crowd:
        client.close()


def test_who_asks_for_reading_only(virt):
    """Of the read-write socket: hvd's read-only one has no room for so many."""
    crowd = [Wire(virt.socket) for _ in range(80)]
    for client in crowd:
        assert client.open(1) == b""
    for client in crowd:
        assert client.call(LOOKUP, string("zone0"))[:12] == string("zone0")
        client.close()


def test_no_hvd(virt):
    virt.machine.stop()
    client = Wire(virt.socket)
    code, message = client.open()
    assert code == NO_CONNECT and "systemctl start hvd" in message
    virt.machine.start().close()
    assert client.open() == b""
    client.close()


def test_hvd_that_was_started_anew(virt, wire):
    assert wire.call(LOOKUP, string("zone0"))[:12] == string("zone0")
    virt.machine.stop()
    code, message = wire.call(LOOKUP, string("zone0"))
    assert code == 9 and message
    virt.machine.start().close()
    assert wire.call(LOOKUP, string("zone0"))[:12] == string("zone0")


def test_keepalive(wire):
    wire.send(1, program=KEEPALIVE, kind=2, serial=0)
    header, body = wire.receive()
    assert header == (KEEPALIVE, 1, 2, 2, 0, 0) and body == b""


def test_packets_that_are_none(virt):
    for data in (struct.pack(">I", 0), struct.pack(">I", 27),
                 struct.pack(">I", 0xffffffff), b"GET / HTTP/1.0\r\n\r\n",
                 # a reply, and a message, from a client
                 struct.pack(">IIIiIII", 28, 0x20008086, 1, 1, 1, 1, 0),
                 struct.pack(">IIIiIII", 28, 0x20008086, 1, 1, 2, 0, 0)):
        client = Wire(virt.socket)
        client.socket.sendall(data)
        assert client.is_closed(), data
        client.close()
    assert virt.virsh("hostname") == HOST


def test_long_packets_are_for_who_may_change_things(virt):
    """Readers can have many calls under way, and a call has its packet."""
    wish = bytes(4) + string("x" * (128 << 10)) + struct.pack(">I", 0)
    changer = Wire(virt.socket)
    changer.open()
    assert changer.call(264, wish)[0] == RPC
    changer.close()
    reader = Wire(virt.readonly)
    reader.open(1)
    with pytest.raises((ConnectionError, EOFError)):
        reader.call(265, wish)
    wait(lambda: "a packet too long" in virt.text())
    reader.close()
    assert virt.virsh("list", "--name", readonly=True) == "zone0"


def test_calls_hold_memory(virt):
    """Who has many long ones under way is dropped, nobody else."""
    client, other = Wire(virt.socket), Wire(virt.socket)
    client.open()
    other.open()
    virt.machine.process.send_signal(signal.SIGSTOP)
    domain = string("x" * (3 << 20)) + bytes(20)
    with contextlib.suppress(ConnectionError):
        for _ in range(CALLS):
            client.send(GET_INFO, domain)
    wait(lambda: "hold too much memory" in virt.text())
    virt.machine.process.send_signal(signal.SIGCONT)
    assert client.is_closed()
    assert other.call(LOOKUP, string("zone0"))[:12] == string("zone0")
    other.close()


def test_a_client_that_does_not_read(virt):
    """It is not read any more after a while, and delays nobody."""
    lazy = Wire(virt.socket, timeout=0.5)
    lazy.open()
    sent = 0
    try:
        while sent < 200000:
            lazy.send(AUTH_LIST)
            sent += 1
    except TimeoutError:
        pass
    assert sent < 200000
    assert virt.virsh("hostname") == HOST
    lazy.close()


def test_a_client_that_leaves_halfway(virt):
    for count in range(1, 60, 7):
        client = Wire(virt.socket)
        client.open()
        client.send(LOOKUP, string("zone0"))
        client.socket.sendall(bytes(count)[:3] + b"\x3c" + bytes(count))
        client.close()
    assert virt.virsh("hostname") == HOST


def test_sockets_are_passed(virt):
    """They are used and stay, wherever --socket-dir is."""
    virt.stop()
    paths = {"virthvdd": virt.machine.tmp / "rw",
             "virthvdd-ro": virt.machine.tmp / "ro"}
    sockets = {name: listening(path) for name, path in paths.items()}
    early = Wire(paths["virthvdd-ro"])
    virt.machine.prefix = passed(sockets)
    virt.start(pass_fds=sockets.values())
    assert is_served(early)
    early.close()
    assert not virt.socket.exists() and not virt.readonly.exists()
    virt.stop()
    between = Wire(paths["virthvdd"])
    virt.start(pass_fds=sockets.values())
    assert is_served(between)
    between.close()
    for fd in sockets.values():
        os.close(fd)


def test_kill(virt):
    """Nothing has to be tidied up after it."""
    virt.kill()
    virt.readonly.unlink()
    virt.start()
    assert virt.virsh("hostname") == HOST
    assert virt.process.poll() is None
