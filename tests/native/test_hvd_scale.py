# SPDX-License-Identifier: BSD-2-Clause
"""hvd with many clients, and with such as mean no good: what others get is
counted, not timed.  And who changed what, as the log tells it.  The machine is
that of test_hvd.py.
"""
import contextlib
import json
import os
import pwd
import random
import resource
import selectors
import signal
import socket

import pytest
from test_hvd import (HVD, RpcError, fails, hvd, machine,  # noqa: F401
                      started, wait)

IDLE, BUSY, EACH = 1000, 64, 20
REQUESTS_PER_TURN, BATCH_MAX = 64, 64
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


@contextlib.contextmanager
def another_user(machine, uid):
    """What is connected within is that user's."""
    machine.tmp.chmod(0o755)
    for path in (machine.run_dir, *machine.tmp.parents):
        if path.owner() == "root" and not path.stat().st_mode & 1:
            path.chmod(path.stat().st_mode | 0o011)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def test_idle_and_busy_clients(machine, hvd, many):
    idle = many(IDLE)
    busy = many(BUSY)
    assert exchange(busy, EACH) == BUSY * EACH
    assert exchange(idle, 1) == IDLE
    assert exchange(busy, EACH) == BUSY * EACH
    hvd.call("hvd.version")
    assert "these wait" not in machine.text()


def test_an_event_for_a_thousand(machine, hvd, many):
    """Each gets it, and who comes later gets the same."""
    crowd = many(IDLE)
    for client in crowd:
        client.sendall(line("event.subscribe"))
        assert b"result" in client.recv(65536)
    hvd.call("zone.define", definition=machine.definition())
    told = {client.recv(65536) for client in crowd}
    assert len(told) == 1
    event = json.loads(next(iter(told)))
    assert event["method"] == "event" and event["jsonrpc"] == "2.0"
    assert (event["params"]["zone"], event["params"]["event"]) == (
        "z1", "defined")
    late = machine.client()
    late.call("event.subscribe", since=0)
    assert late.read() == event


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

def order(machine):
    """Whose calls of log.level the log has, in its order."""
    return ["victim" if 'level="' in told else "flooder"
            for told in machine.text().splitlines()
            if "audit: " in told and ": log.level" in told]


@pytest.mark.parametrize("size", [1, 16, BATCH_MAX])
def test_a_flood_waits_for_its_turn(machine, hvd, many, size):
    """Of a flood, batches or not, no more is handled before somebody else's
    request than what two turns may have."""
    flooder, victim = many(2)
    assert exchange([flooder, victim], 1) == 2
    lines = 1280 // size
    pause(machine)
    try:
        flooder.setblocking(False)
        flooder.sendall((batch("log.level", size) if size > 1
                         else line("log.level")) * lines)
        victim.sendall(line("log.level", level="debug"))
    finally:
        go_on(machine)
    assert b"result" in victim.recv(65536)
    wait(lambda: len(order(machine)) == lines * size + 1)
    before = order(machine).index("victim")
    assert before <= 2 * (REQUESTS_PER_TURN + BATCH_MAX), before


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


def test_large_answers_arrive_whole(machine, hvd):
    """More than a socket takes at once, read only when both are waiting, and less
    than a client may leave unread."""
    count = MIB // len(json.dumps(hvd.call("rpc.discover")))
    client = machine.client()
    client.send(batch("rpc.discover", count) * 2)
    hvd.call("hvd.version")
    one, other = client.read(), client.read()
    assert len(one) == count and one == other
    assert all(answer == one[0] for answer in one)
    assert one[0]["result"]["methods"]
    assert client.call("zone.list")


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


# ------------------------------------------------------------------ the audit

def audits(machine, word=""):
    return [told.split("audit: ", 1)[1]
            for told in machine.text().splitlines()
            if "audit: " in told and word in told]


def me():
    return (f"pid {os.getpid()}, uid {os.getuid()} "
            f"({pwd.getpwuid(os.getuid()).pw_name}): ")


def test_audit_of_each_change(machine, hvd):
    calls = [
        ("zone.define", {"definition": machine.definition()}, "z1"),
        ("zone.start", {"name": "z1"}, "z1"),
        ("zone.pause", {"name": "z1"}, "z1"),
        ("zone.resume", {"name": "z1"}, "z1"),
        ("zone.reset", {"name": "z1"}, "z1"),
        ("console.attach", {"name": "z1"}, "z1"),
        ("zone.destroy", {"name": "z1"}, "z1"),
        ("zone.undefine", {"name": "z1"}, "z1"),
    ]
    for method, params, name in calls:
        hvd.call("zone.list")
        if "name" in params:
            hvd.call("zone.get", name="z1")
        hvd.call(method, **params)
        key = "definition" if method == "zone.define" else "name"
        assert audits(machine)[-1] == f'{me()}{method} {key}="{name}": done'
    assert len(audits(machine)) == len(calls)  # each once, and no others


def test_audit_of_what_fails(machine, hvd):
    fails("ZONE_NOT_FOUND", hvd, "zone.start", name="z1", paused=True)
    assert audits(machine) == [
        f'{me()}zone.start name="z1" paused=true: '
        "ZONE_NOT_FOUND: there is no zone z1"]
    fails("INVALID_PARAMS", hvd, "zone.start", nam="z1\n\x1b: done")
    assert audits(machine)[1].startswith(
        me() + r'zone.start nam="z1\n\u001b: done": INVALID_PARAMS: ')
    machine.inject("fail-create", "12")
    hvd.call("zone.define", definition=machine.definition())
    fails("NO_MEMORY", hvd, "zone.start", name="z1")
    assert audits(machine)[-1].startswith(
        f'{me()}zone.start name="z1": NO_MEMORY: ')
    assert len(audits(machine)) == 4


def test_audit_of_a_client_that_has_gone(machine, hvd):
    """It is told when it is over."""
    hvd.call("zone.define", definition=machine.definition())
    machine.inject("delay-create", "300")
    other = machine.client()
    other.begin("zone.start", name="z1")
    other.close()
    hvd.event("z1", "started")
    wait(lambda: audits(machine, "zone.start"))
    assert audits(machine, "zone.start") == [
        f'{me()}zone.start name="z1": done']


def test_audit_of_a_batch(machine, hvd):
    hvd.send(batch("zone.destroy", 3, name="no"))
    hvd.read()
    assert len(audits(machine)) == 3


def test_audit_of_who_may_only_look(machine, hvd):
    """Once for each connection: the log is not for them to fill."""
    reader = machine.client(readonly=True)
    for _ in range(5):
        fails("PERMISSION", reader, "zone.destroy", name="z1")
    assert audits(machine) == [
        f'{me()}zone.destroy name="z1": '
        "PERMISSION: this socket is read-only"]
    machine.client(readonly=True).call("zone.list")
    assert len(audits(machine)) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_audit_of_another_user(machine, hvd):
    """The user that connected, even if another one writes."""
    machine.socket.chmod(0o666)
    with another_user(machine, 65534):
        other = machine.client()
    fails("ZONE_NOT_FOUND", other, "zone.destroy", name="z1")
    told = audits(machine)[0]
    assert told.startswith(f"pid {os.getpid()}, uid 65534 "
                           f"({pwd.getpwuid(65534).pw_name}): zone.destroy")


# ------------------------------------------------------------------ log levels

def test_log_level(machine, hvd):
    assert hvd.call("log.level") == {"level": "debug"}
    assert hvd.call("log.level", level="error") == {"level": "error"}
    hvd.call("zone.define", definition=machine.definition())
    hvd.event("z1", "defined")
    assert "z1: defined" not in machine.text()
    assert audits(machine, "zone.define")  # at any level
    assert hvd.call("log.level", level="info") == {"level": "info"}
    hvd.call("zone.undefine", name="z1")
    hvd.event("z1", "undefined")
    assert "z1: undefined" in machine.text()
    error = fails("INVALID_PARAMS", hvd, "log.level", level="notice")
    assert error.path == "$.level" and "debug" in error.hint
    assert hvd.call("log.level") == {"level": "info"}
    fails("PERMISSION", machine.client(readonly=True), "log.level")
