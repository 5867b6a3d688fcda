# SPDX-License-Identifier: BSD-2-Clause
"""How much one user may ask of virthvdd's read-only socket.  A limit makes requests
take a time that no machine is too slow for, so that least time is what is looked at."""
# pylint: disable=redefined-outer-name

import contextlib
import os
import struct
import subprocess
import time

import pytest

from test_hvd import disk_of
from test_hvd_scale import another_user
from virt import REMOTE, VIRTHVDD, Wire, built, machine, virt, wait  # noqa: F401

RATE = 100  # slower than any machine
PER_CALL = 2  # the packet, and a question to hvd
BURST = 2 * RATE
WAITS = "requests a second: these wait"
COUNT_ACTIVE = 51  # ConnectNumOfDomains
ALL_DOMAIN_STATS = 344
FLOOD = 2000  # 40 seconds of them
ANSWER_SIZE = 32
ONE = struct.pack(">I", 1)  # zone0

pytestmark = built


def opened(path):
    client = Wire(path)
    client.open()
    return client


def answers_somebody(path):
    """A socket is there before it is listened on."""
    try:
        opened(path).close()
    except ConnectionRefusedError:
        return False
    return True


def restart(virt, *options):
    """What answers takes signals, too."""
    wait(lambda: answers_somebody(virt.socket))
    virt.stop()
    virt.start(*options)
    wait(lambda: answers_somebody(virt.socket))


@pytest.fixture
def slow(virt):
    restart(virt, f"--rate-readonly={RATE}")
    return virt


def ask(client, count):
    """Without waiting for answers."""
    client.socket.sendall(b"".join(
        struct.pack(">IIIiIII", 28, REMOTE, 1, COUNT_ACTIVE, 0, serial, 0)
        for serial in range(count)))


def answers(client, count):
    for _ in range(count):
        header, body = client.receive()
        assert header[5] == 0 and body == ONE


def least_seconds(calls, under_way=32):
    """What is under way is charged late."""
    return (calls * PER_CALL - BURST - under_way * PER_CALL) / RATE


def test_a_flood_waits(slow):
    client = opened(slow.readonly)
    begun = time.monotonic()
    ask(client, 250)
    answers(client, 250)
    assert time.monotonic() - begun >= least_seconds(250)
    assert slow.text().count(WAITS) == 1


def flood_is_under_way(client):
    """It has not had all its answers."""
    client.socket.setblocking(False)
    had = 0
    with contextlib.suppress(BlockingIOError):
        while had < FLOOD * ANSWER_SIZE:
            had += len(client.socket.recv(65536))
    return had < FLOOD * ANSWER_SIZE


def test_the_other_socket_does_not(slow):
    flooder, victim = opened(slow.readonly), opened(slow.socket)
    ask(flooder, FLOOD)
    wait(lambda: WAITS in slow.text())
    ask(victim, 400)
    answers(victim, 400)
    assert flood_is_under_way(flooder)
    flooder.close()  # while it waits


def test_connections_of_a_user_have_one_rate(slow):
    """And to connect again gains nothing."""
    begun = time.monotonic()
    for _ in range(5):
        client = opened(slow.readonly)
        ask(client, 50)
        answers(client, 50)
        client.close()
    assert time.monotonic() - begun >= least_seconds(250)
    assert slow.text().count(WAITS) == 1


def test_each_connection_gets_its_part(slow):
    """The one that asks for little is not behind all that another has asked."""
    flooder, small = opened(slow.readonly), opened(slow.readonly)
    ask(flooder, FLOOD)
    ask(small, 20)
    answers(small, 20)
    assert flood_is_under_way(flooder)
    slow.stop()  # while somebody waits


@pytest.mark.skipif(os.getuid() != 0, reason="other users are needed")
def test_users_have_rates_of_their_own(slow):
    slow.folder.chmod(0o755)
    clients = []
    for uid in 65530, 65531:
        with another_user(slow.machine, uid):
            clients.append(opened(slow.readonly))
    flooder, victim = clients
    ask(flooder, FLOOD)
    wait(lambda: WAITS in slow.text())
    ask(victim, 50)
    answers(victim, 50)
    assert flood_is_under_way(flooder)
    text = slow.text()
    assert text.count(WAITS) == 1 and "uid 65530: more than" in text


def test_the_questions_of_one_call_wait(virt):
    disks, rate = 10, 4
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(devices=[
        disk_of(virt.machine.disk(f"{name}.img", 1 << 20), name=name)
        for name in (f"vd{i}" for i in range(disks))]))
    client.call("zone.start", name="z1")
    client.close()
    restart(virt, f"--rate-readonly={rate}")
    reader = opened(virt.readonly)
    begun = time.monotonic()
    answer = reader.call(ALL_DOMAIN_STATS, bytes(12))
    assert b"block.9.errors" in answer
    # 2 packets before and its own; of all domains, of each that runs, and disks
    requests = 2 + 1 + 1 + 2 + disks
    assert time.monotonic() - begun >= (requests - 2 * rate - 1) / rate
    # one that leaves meanwhile
    reader.send(ALL_DOMAIN_STATS, bytes(12))
    reader.close()
    assert virt.virsh("list", "--name") == "zone0\nz1"


DROPPED = "is dropped"
AUTH_LIST = 66
OF_A_USER = 16


def refuse(virt, crowd):  # pylint: disable=unused-argument
    assert Wire(virt.readonly).is_closed()


def send_nonsense(virt, crowd):
    if len(crowd) == OF_A_USER:  # there is to be a place for it
        crowd.pop().close()
    client = Wire(virt.readonly)
    client.socket.sendall(bytes(4))
    assert client.is_closed()


@pytest.mark.parametrize("offend", [refuse, send_nonsense])
def test_what_is_refused_costs_its_user(virt, offend):
    restart(virt, "--rate-readonly=1")
    crowd = [Wire(virt.readonly) for _ in range(OF_A_USER)]
    for _ in range(4):
        offend(virt, crowd)
    # Two might come at once, had nothing cost anything; one does if all that was
    # refused came in the same millisecond.
    crowd[0].call(AUTH_LIST)
    crowd[1].call(AUTH_LIST)
    assert virt.text().count(WAITS) == 1


@pytest.mark.parametrize("offend", [refuse, send_nonsense])
def test_the_log_is_not_flooded(virt, offend):
    crowd = [Wire(virt.readonly) for _ in range(OF_A_USER)]
    begun = time.monotonic()
    for _ in range(100):
        offend(virt, crowd)
    most = time.monotonic() - begun + 1
    assert 1 <= virt.text().count(DROPPED) <= most

    def told():
        offend(virt, crowd)
        return " more before it" in virt.text()
    wait(told)


def test_no_limit(virt):
    restart(virt, "--rate-readonly=0")
    client = opened(virt.readonly)
    ask(client, 800)
    answers(client, 800)
    assert WAITS not in virt.text()


@pytest.mark.parametrize("value", ["", "-1", "x", "5/s", "1000000001"])
def test_rates_that_are_none(value):
    result = subprocess.run([VIRTHVDD, f"--rate-readonly={value}"], text=True,
                            capture_output=True, check=False)
    assert result.returncode == 2 and "--rate-readonly" in result.stderr
