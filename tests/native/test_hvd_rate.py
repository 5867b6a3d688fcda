# SPDX-License-Identifier: BSD-2-Clause
"""How much one client may ask of hvd.  A limit makes requests take a time that no
machine is too slow for, so that least time is what is looked at.  The machine is
that of test_hvd.py.
"""
import contextlib
import os
import pwd
import selectors
import subprocess
import time

import pytest
from test_hvd import HVD, RpcError, hvd, machine, may_look, wait  # noqa: F401
from test_hvd_scale import (BATCH_MAX, MIB, REQUESTS_PER_TURN, another_user, batch,
                            exchange, go_on, line, many, pause)  # noqa: F401

RATE = 100  # slower than any machine
TURN = REQUESTS_PER_TURN + BATCH_MAX - 1  # what may be more than there is
CLIENTS_READONLY_MAX, OF_A_USER = 256, 64
WAITS = "requests a second: these wait"

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")


def least_seconds(requests):
    return (requests - 2 * RATE - TURN) / RATE


def me():
    return (f"pid {os.getpid()}, uid {os.getuid()} "
            f"({pwd.getpwuid(os.getuid()).pw_name}): ")


def begin(machine, *options):
    """When it answers, both sockets are there."""
    client = machine.start(*options)
    client.call("hvd.version")
    client.close()


def answers(clients, each):
    """Reads so many answers of each; how many all had when the first had its."""
    poll = selectors.DefaultSelector()
    got = dict.fromkeys(clients, 0)
    first = None
    for client in clients:
        poll.register(client, selectors.EVENT_READ)
    while poll.get_map():
        ready = poll.select(60)
        assert ready, f"silence after {list(got.values())}"
        for key, _ in ready:
            text = key.fileobj.recv(65536)
            assert text, f"closed after {list(got.values())}"
            got[key.fileobj] += text.count(b"\n")
            if got[key.fileobj] >= each:
                poll.unregister(key.fileobj)
        if not first and each in got.values():
            first = list(got.values())
    poll.close()
    assert list(got.values()) == [each] * len(clients)
    return first


def test_a_flood_waits_and_nobody_else(machine, many):
    begin(machine, f"--rate={RATE}")
    flooder, victim = many(2)
    begun = time.monotonic()
    flooder.sendall(line("hvd.version") * 450)
    assert exchange([victim], 100) == 100
    answers([flooder], 450)
    assert time.monotonic() - begun >= least_seconds(450)
    assert machine.text().count(WAITS) == 1
    assert f"{me()}more than {RATE} {WAITS}" in machine.text()


def test_a_user_of_the_readonly_socket_has_one_rate(machine, many):
    """For all connections together, and each of them gets its part."""
    begin(machine, f"--rate-readonly={RATE}")
    flood = many(4, readonly=True)
    pause(machine)
    try:
        for client in flood:
            client.sendall(line("zone.list") * 130)
        begun = time.monotonic()
    finally:
        go_on(machine)
    assert exchange(many(1), 100) == 100  # the other socket's
    parts = answers(flood, 130)
    assert time.monotonic() - begun >= least_seconds(520)
    assert min(parts) >= 2 * REQUESTS_PER_TURN, parts
    assert machine.text().count(WAITS) == 1


def test_to_connect_again_gains_nothing(machine, many):
    begin(machine, f"--rate-readonly={RATE}")
    begun = time.monotonic()
    for _ in range(9):
        [client] = many(1, readonly=True)
        client.sendall(line("hvd.version") * 50)
        answers([client], 50)
        client.close()
    assert time.monotonic() - begun >= least_seconds(450)
    assert WAITS in machine.text()


def test_who_has_gone_has_asked(machine, many):
    """Those that do not wait for an answer cost their user as much."""
    begin(machine, f"--rate-readonly={RATE}")
    begun = time.monotonic()
    for _ in range(7):
        [client] = many(1, readonly=True)
        client.sendall(batch("hvd.version", BATCH_MAX))
        client.close()
    assert exchange(many(1, readonly=True), 1) == 1
    assert time.monotonic() - begun >= least_seconds(7 * BATCH_MAX)


def test_who_waits_is_not_read(machine, many):
    """What is asked stays with who asks, and does not fill hvd."""
    begin(machine, f"--rate={RATE}")
    flooder, victim = many(2)
    flooder.setblocking(False)
    flood = line("hvd.version") * 1000
    taken = 0
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            while True:
                taken += flooder.send(flood)
        assert exchange([victim], 1) == 1
    assert taken < MIB
    machine.stop()  # while somebody waits


def test_events_do_not_wait(machine, many):
    """And do not mix up who does."""
    client = machine.start(f"--rate={RATE}")
    listener, other = many(2)
    for flooder in listener, other:
        flooder.sendall(line("event.subscribe") + line("hvd.version") * 339)
    wait(lambda: machine.text().count(WAITS) == 2)
    client.call("zone.define", definition=machine.definition())
    client.call("zone.undefine", name="z1")
    answers([listener, other], 342)
    assert exchange([listener, other], 1) == 2


def test_no_limit(machine, many):
    begin(machine, "--rate=0", "--rate-readonly=0")
    clients = many(1) + many(1, readonly=True)
    for client in clients:
        client.sendall(line("hvd.version") * 4000)
    answers(clients, 4000)
    assert WAITS not in machine.text()


@pytest.mark.parametrize("option", ["--rate", "--rate-readonly"])
@pytest.mark.parametrize("value", ["", "-1", "x", "5/s", "1000000001"])
def test_rates_that_are_none(option, value):
    result = subprocess.run([HVD, f"{option}={value}"], text=True,
                            capture_output=True)
    assert result.returncode == 2 and "--rate" in result.stderr


# ---------------------------------------------------------------- connections

def test_readonly_clients_lock_nobody_out(machine, hvd):
    crowd = [machine.client(readonly=True) for _ in range(OF_A_USER)]
    with pytest.raises(RpcError, match="this user has too many connections"):
        machine.client(readonly=True).finish(None)
    machine.client().call("hvd.version")
    crowd.pop().close()
    wait(lambda: may_look(machine))
    for client in crowd:
        client.call("hvd.version")
        client.close()


@pytest.mark.skipif(os.getuid() != 0, reason="other users are needed")
def test_users_have_rates_and_connections_of_their_own(machine, many):
    begin(machine, f"--rate-readonly={RATE}")
    crowd = []
    for uid in range(65530, 65530 + CLIENTS_READONLY_MAX // OF_A_USER):
        with another_user(machine, uid):
            crowd.append(many(OF_A_USER, readonly=True))
            assert exchange(crowd[-1][-1:], 1) == 1
    with pytest.raises(RpcError, match="hvd has too many clients"):
        machine.client(readonly=True).finish(None)
    # who has used up what it may does not slow others down
    begun = time.monotonic()
    crowd[0][0].sendall(line("zone.list") * 450)
    assert exchange(crowd[1], 2) == OF_A_USER * 2
    answers(crowd[0][:1], 450)
    assert time.monotonic() - begun >= least_seconds(450)
    assert "uid 65530 (" in machine.text()
    assert machine.text().count(WAITS) == 1
