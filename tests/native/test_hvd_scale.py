# SPDX-License-Identifier: BSD-2-Clause
"""hvd with many clients, and with such as mean no good: what others get is
counted, not timed.  The machine is that of test_hvd.py.
"""
import contextlib
import json
import os
import random
import resource
import selectors
import signal
import socket

import pytest
from test_hvd import (HVD, RpcError, hvd, machine, wait)  # noqa: F401

IDLE, BUSY, EACH = 1000, 64, 20
BATCH_MAX = 64
CLIENTS_MAX = 2048
MIB = 1 << 20

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")


def line(method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                       "params": params}).encode() + b"\n"


def batch(method, count, **params):
    one = line(method, **params).decode()
    return ("[" + ",".join([one.strip()] * count) + "]\n").encode()


@pytest.fixture
def many(machine):
    """Connects raw sockets, as many as are wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * CLIENTS_MAX:
        pytest.skip(f"RLIMIT_NOFILE is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3 * CLIENTS_MAX, hard))
    with contextlib.ExitStack() as stack:
        def connect(count, readonly=False):
            path = machine.run_dir / ("hvd-ro.sock" if readonly
                                      else "hvd.sock")
            crowd = []
            for _ in range(count):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(str(path))
                client.settimeout(20)
                crowd.append(client)
            return crowd
        yield connect
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def exchange(clients, each):
    """Each asks `each` times, one request under way; how many were answered."""
    poll = selectors.DefaultSelector()
    left = {}
    text = {}
    answers = 0
    for client in clients:
        poll.register(client, selectors.EVENT_READ)
        left[client], text[client] = each, b""
        client.sendall(line("zone.list"))
    while left:
        ready = poll.select(20)
        assert ready, f"silence after {answers} answers"
        for key, _ in ready:
            client = key.fileobj
            got = client.recv(65536)
            assert got, f"closed after {answers} answers"
            text[client] += got
            if not text[client].endswith(b"\n"):
                continue
            assert "result" in json.loads(text[client])
            text[client] = b""
            answers += 1
            left[client] -= 1
            if left[client]:
                client.sendall(line("zone.list"))
            else:
                del left[client]
                poll.unregister(client)
    poll.close()
    return answers


def is_dropped(client):
    """Reads what is there; has hvd closed it?"""
    client.setblocking(False)
    try:
        while client.recv(MIB):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def pause(machine):
    """What clients do while hvd is stopped waits for it, in its order."""
    machine.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, machine.process.pid, os.WSTOPPED | os.WNOWAIT)


def go_on(machine):
    machine.process.send_signal(signal.SIGCONT)


def test_idle_and_busy_clients(hvd, many):
    idle = many(IDLE)
    busy = many(BUSY)
    assert exchange(busy, EACH) == BUSY * EACH
    assert exchange(idle, 1) == IDLE
    assert exchange(busy, EACH) == BUSY * EACH
    hvd.call("hvd.version")


def test_soft_limit_of_descriptors_is_raised(machine, many):
    """As systemd has it: 1024 for programs that use select."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    machine.prefix = ["prlimit", f"--nofile=256:{hard}"]
    machine.start().close()
    assert exchange(many(IDLE), 1) == IDLE


def test_all_can_connect_at_once(machine, hvd, many):
    """Nobody is turned away because a turn lasts."""
    pause(machine)
    with contextlib.ExitStack() as stack:
        crowd = []
        try:
            for _ in range(IDLE):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)  # EAGAIN if there is no room
                client.connect(str(machine.socket))
                client.settimeout(20)
                crowd.append(client)
        finally:
            go_on(machine)
        assert exchange(crowd, 1) == IDLE


def test_one_client_too_many(machine, hvd, many):
    crowd = many(CLIENTS_MAX - 1)  # with hvd's own
    assert exchange(crowd[-1:], 1) == 1
    with pytest.raises(RpcError, match="too many clients"):
        machine.client().finish(None)
    machine.client(readonly=True).call("hvd.version")
    assert exchange(crowd, 1) == len(crowd)
    crowd.pop().close()

    def fits():
        client = many(1)[0]
        client.sendall(line("zone.list"))
        return b"result" in client.recv(65536)
    wait(fits)


# ----------------------------------------------------- who means no good

def test_floods_do_not_starve_others(hvd, many):
    """Nobody reads what the floods ask for, and garbage is among it."""
    floods = many(16)
    rng = random.Random(11)
    for flood in floods:
        flood.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                flood.sendall(line("zone.list") * 50 + rng.randbytes(100)
                              + b"\n" + batch("hvd.version", BATCH_MAX))
    assert exchange(many(BUSY), EACH) == BUSY * EACH
    hvd.call("zone.list")


def test_silent_readers_hold_little_together(machine, hvd, many):
    """Each of them is below the limit of one client."""
    for client in many(100):
        client.sendall(batch("rpc.discover", BATCH_MAX))
    wait(lambda: machine.text().count("hold too much") > 20)
    # who reads is not one of them
    assert exchange(many(BUSY), EACH) == BUSY * EACH
    hvd.call("zone.list")
    assert "does not read its answers" not in machine.text()


def test_endless_lines_hold_little_together(machine, hvd, many):
    """The beginnings of lines, which never end."""
    honest = many(1)[0]
    honest.sendall(line("zone.list")[:10])
    greedy = many(150)
    for client in greedy:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(b"[" + b" " * (MIB - 100))
    dropped = wait(lambda: sum(map(is_dropped, greedy)))
    assert dropped >= 50  # of 150 MiB at most 64 are held
    assert machine.text().count("hold too much") >= dropped
    honest.sendall(line("zone.list")[10:])
    assert b"result" in honest.recv(65536)
    assert exchange(many(BUSY), EACH) == BUSY * EACH
    # those that had room are not forgotten
    stayed = next(c for c in greedy if not is_dropped(c))
    stayed.settimeout(20)
    stayed.sendall(b"]\n")
    assert b"error" in stayed.recv(65536)


def test_clients_that_leave_in_the_middle(machine, hvd, many):
    machine.inject("delay-create", "100")
    hvd.call("zone.define", definition=machine.definition())
    rng = random.Random(5)
    request = line("zone.list")
    for i, client in enumerate(many(300)):
        what = [request[:rng.randrange(1, len(request))],
                request * 200,
                batch("zone.list", BATCH_MAX)[:-1],
                line("zone.start", name="z1"),
                rng.randbytes(200)][i % 5]
        client.sendall(what)
        client.close()
    assert exchange(many(BUSY), EACH) == BUSY * EACH
    hvd.event("z1", "started")
