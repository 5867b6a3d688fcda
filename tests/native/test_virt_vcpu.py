# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: how many vCPUs a domain has, and where they are."""
# pylint: disable=redefined-outer-name

import re
import struct

import pytest

from test_virt_tune import (INVALID, INVALID_ARG, NO_DOMAIN, RPC, UNSUPPORTED,
                            definition, domain)
from virt import built, machine, virt, wire  # noqa: F401

pytestmark = built


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        vcpus={"max": 4, "on": 2}, cpus=[1, 2, None, None]))
    yield client
    client.close()


@pytest.fixture
def pcpus(z1):
    return z1.call("host.info")["pcpus"]


def running(client):
    return client.call("zone.get", name="z1")["running_definition"]


def counts(virt):
    return [line.split()[-1] for line in virt.virsh("vcpucount", "z1")
            .splitlines()]


def test_count(virt, z1):
    assert virt.virsh("vcpucount", "z1", "--config", "--maximum") == "4"
    assert virt.virsh("vcpucount", "z1", "--config") == "2"
    assert "domain is not running" in virt.virsh(
        "vcpucount", "z1", "--live", status=1)
    connection = virt.connect()
    assert connection.lookupByName("z1").maxVcpus() == 4
    connection.close()
    virt.virsh("start", "z1")
    assert counts(virt) == ["4", "4", "2", "2"]
    virt.virsh("setvcpus", "z1", "3", "--live")
    assert running(z1)["vcpus"] == {"max": 4, "on": 3}
    assert counts(virt) == ["4", "4", "2", "3"]
    virt.virsh("setvcpus", "z1", "1", "--config", "--live")
    assert counts(virt) == ["4", "4", "1", "1"]
    virt.virsh("setvcpus", "z1", "4")
    assert counts(virt) == ["4", "4", "1", "4"]
    # and by the machine itself
    assert virt.virsh("vcpucount", "zone0", "--live") == \
        virt.virsh("vcpucount", "zone0", "--config", "--maximum") == \
        str(z1.call("zone.get", name="zone0")["vcpus"])


def test_set_count_of_definitions(virt, z1):
    virt.virsh("setvcpus", "z1", "5", "--config", "--maximum")
    assert definition(z1)["vcpus"] == {"max": 5, "on": 2}
    assert definition(z1)["cpus"] == [1, 2, None, None, None]
    virt.virsh("setvcpus", "z1", "1", "--config", "--maximum")
    assert definition(z1)["vcpus"] == 1 and definition(z1)["cpus"] == [1]
    assert "requested vcpus is greater than max allowable vcpus for the " \
        "persistent domain: 2 > 1" in virt.virsh(
            "setvcpus", "z1", "2", "--config", status=1)
    assert "unsupported configuration" in virt.virsh(
        "setvcpus", "z1", "33", "--config", "--maximum", status=1)


def test_info(virt, z1, pcpus):
    connection = virt.connect()
    dom = connection.lookupByName("z1")
    dom.create()
    infos, maps = dom.vcpus()
    where = z1.call("zone.get", name="z1")["info"]["pcpus"]
    assert where[:2] == [1, 2]
    times = z1.call("host.counters", zone="z1")["vcpus"]
    # those that may not be on are offline
    assert [(i[0], i[1], i[3]) for i in infos] == [
        (n, 1 if n < 2 else 0, where[n]) for n in range(4)]
    assert [i[2] for i in infos[:2]] == [t["guest_ns"] for t in times[:2]]
    assert maps == [tuple(c == where[n] for c in range(pcpus))
                    for n in range(4)]
    assert dom.vcpuPinInfo() == maps
    text = virt.virsh("vcpuinfo", "z1", readonly=True)
    assert re.search(r"VCPU: +1\nCPU: +2\nState: +running", text), text
    infos, _ = connection.lookupByName("zone0").vcpus()
    assert len(infos) == z1.call("zone.get", name="zone0")["vcpus"]
    connection.close()


def pins(virt, *flags):
    return [line.split()[1] for line in virt.virsh("vcpupin", "z1", *flags)
            .splitlines()]


def test_pin(virt, z1, pcpus):
    anywhere = f"0-{pcpus - 1}"
    assert pins(virt) == ["1", "2", anywhere, anywhere]
    virt.virsh("vcpupin", "z1", "2", "0", "--config")
    assert definition(z1)["cpus"] == [1, 2, 0, None]
    virt.virsh("vcpupin", "z1", "0", anywhere, "--config")
    assert definition(z1)["cpus"] == [None, 2, 0, None]
    assert "not to 2 of them" in virt.virsh(
        "vcpupin", "z1", "0", "0-1", "--config", status=1)
    virt.virsh("start", "z1")
    virt.virsh("vcpupin", "z1", "1", "0", "--live")
    assert z1.call("zone.get", name="z1")["info"]["pcpus"][1] == 0
    assert definition(z1)["cpus"] == [None, 2, 0, None]
    assert pins(virt)[1] == "0" and pins(virt, "--config")[1] == "2"
    virt.virsh("vcpupin", "z1", "1", "1", "--live", "--config")
    assert pins(virt)[1] == pins(virt, "--config")[1] == "1"
    assert "is on one physical CPU" in virt.virsh(
        "vcpupin", "z1", "1", anywhere, "--live", status=1)


def test_pin_what_was_not_pinned(virt, z1):
    z1.call("zone.define", definition=virt.machine.definition("z2", vcpus=2))
    virt.virsh("vcpupin", "z2", "1", "1", "--config")
    assert definition(z1, "z2")["cpus"] == [None, 1]


def test_calls_without_flags(wire, z1):
    """They are for what runs."""
    dom = domain(z1)
    pin = struct.pack(">II", 1, 1) + b"\1\0\0\0"
    assert wire.call(32, dom + struct.pack(">I", 1))[0] == INVALID
    assert wire.call(26, dom + pin)[0] == INVALID
    assert wire.call(20, dom + struct.pack(">ii", 4, 1))[0] == INVALID
    z1.call("zone.start", name="z1")
    assert wire.call(32, dom + struct.pack(">I", 1)) == b""
    assert running(z1)["vcpus"] == {"max": 4, "on": 1}
    assert wire.call(26, dom + pin) == b""
    assert z1.call("zone.get", name="z1")["info"]["pcpus"][1] == 0
    # two of four, with maps of three bytes: padded
    body = wire.call(20, dom + struct.pack(">ii", 2, 3))
    assert body[:4] == struct.pack(">I", 2) and len(body) == 4 + 2 * 20 + 4 + 8
    assert body[44:] == struct.pack(">I", 6) + b"\2\0\0\1\0\0\0\0"
    # and without any
    assert wire.call(20, dom + struct.pack(">ii", 1, 0))[24:] == bytes(4)


def test_arguments(wire, virt, z1):
    dom = domain(z1)
    for procedure in (18, 200, 32, 199, 20, 230, 26, 225):
        assert wire.call(procedure, dom[:-2])[0] == RPC, procedure
        assert wire.call(procedure, dom + bytes(40))[0] == RPC, procedure
    # a map that is longer than there may be
    assert wire.call(225, dom + struct.pack(">II", 0, 2049) + bytes(2052 + 4)
                     )[0] == RPC
    one = struct.pack(">I", 1) + b"\1\0\0\0"
    for procedure, body in (
            (200, struct.pack(">I", 8)), (200, struct.pack(">I", 3)),
            (199, struct.pack(">II", 1, 8)), (199, struct.pack(">II", 0, 2)),
            (32, bytes(4)), (20, struct.pack(">ii", 0, 1)),
            (20, struct.pack(">ii", -1, 1)), (20, struct.pack(">ii", 1, -1)),
            (20, struct.pack(">ii", 4097, 1)),
            (20, struct.pack(">ii", 1, 2049)),
            (230, struct.pack(">iiI", 1, 0, 0)),
            (230, struct.pack(">iiI", 1, 2049, 0)),
            (230, struct.pack(">iiI", 0x7fffffff, 0x7fffffff, 0)),
            (230, struct.pack(">iiI", 1, 1, 4)),
            (230, struct.pack(">iiI", 1, 1, 3)),
            (225, struct.pack(">I", 4) + one + struct.pack(">I", 2)),
            (225, struct.pack(">I", 0xffffffff) + one + struct.pack(">I", 2)),
            (225, struct.pack(">I", 0) + one + struct.pack(">I", 4)),
            (225, struct.pack(">III", 0, 0, 2)),
            (225, struct.pack(">II", 0, 1) + bytes(4) + struct.pack(">I", 2))):
        code, text = wire.call(procedure, dom + body)
        assert code == INVALID_ARG, (procedure, body, code, text)
    code, text = wire.call(199, dom + struct.pack(">II", 1, 5))
    assert code == INVALID, text
    z1.call("zone.start", name="z1")
    code, text = wire.call(199, dom + struct.pack(">II", 1, 5))
    assert code == INVALID_ARG and "is fixed" in text
    assert wire.call(199, dom + struct.pack(">II", 9, 1))[0] == INVALID_ARG
    assert wire.call(225, dom + struct.pack(">I", 9) + one
                     + struct.pack(">I", 1))[0] == INVALID_ARG
    assert wire.call(225, dom + struct.pack(">II", 0, 1) + b"\xff\0\0\0"
                     + struct.pack(">I", 1))[0] == UNSUPPORTED
    assert wire.call(18, dom.replace(dom[8:24], b"z" * 16))[0] == NO_DOMAIN
