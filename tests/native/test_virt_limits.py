# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: the limits of disks and network devices."""
# pylint: disable=redefined-outer-name

import struct
import uuid

import pytest

from test_hvd import disk_of, net, wait  # noqa: F401
from virt import Wire, built, machine, string, virt, wire  # noqa: F401

pytestmark = built

RPC, INVALID_ARG, NO_DOMAIN, UNSUPPORTED = 39, 8, 42, 84
KEYS = [f"{what}_{unit}_sec" for unit in ("bytes", "iops")
        for what in ("total", "read", "write")]


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(devices=[
        disk_of(virt.machine.disk(), name="vda",
                limits={"read-bytes-sec": "10M", "burst-ms": 50})]))
    yield client
    client.close()


@pytest.fixture
def net1(net, virt):  # noqa: F811 (in its namespace)
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[{"type": "net", "vhost": False}]))
    client.call("zone.start", name="z1")
    yield client
    client.close()


def shown(text):
    return {line.split(":")[0].strip(): line.split(":")[1].strip()
            for line in text.splitlines()}


def tune(virt, *words, **more):
    return shown(virt.virsh("blkdeviotune", "z1", "vda", *words, **more))


def limits(client, running=False):
    zone = client.call("zone.get", name="z1")
    devices = zone["devices"] if running else zone["definition"]["devices"]
    return devices[0].get("limits", {})


def test_disk_of_a_definition(virt, z1):
    assert tune(virt) == {**dict.fromkeys(KEYS, "0"),
                          "read_bytes_sec": str(10 << 20)}
    # requests and bytes are groups of their own: the other one stays
    virt.virsh("blkdeviotune", "z1", "vda", "--total-iops-sec", 500)
    assert limits(z1) == {"read-bytes-sec": "10M", "total-iops-sec": 500,
                          "burst-ms": 50}
    # a group is set as a whole
    virt.virsh("blkdeviotune", "z1", "vda", "--write-bytes-sec", 5000000)
    assert limits(z1) == {"write-bytes-sec": "4883K",
                          "total-iops-sec": 500, "burst-ms": 50}
    assert tune(virt)["write_bytes_sec"] == str(4883 << 10)
    virt.virsh("blkdeviotune", "z1", "vda", "--total-bytes-sec", 0,
               "--total-iops-sec", 0)
    assert limits(z1) == {}
    assert tune(virt) == dict.fromkeys(KEYS, "0")


def test_disk_of_a_domain_that_runs(virt, z1):
    z1.call("zone.start", name="z1")
    virt.virsh("blkdeviotune", "z1", "vda", "--write-iops-sec", 7)
    for running in (True, False):
        assert limits(z1, running)["write-iops-sec"] == 7
    assert tune(virt, "--live") == tune(virt, "--config")
    assert tune(virt)["write_iops_sec"] == "7"
    virt.virsh("blkdeviotune", "z1", "vda", "--live", "--config",
               "--read-iops-sec", 9)
    assert limits(z1, True)["read-iops-sec"] == 9
    assert "affect both" in virt.virsh(
        "blkdeviotune", "z1", "vda", "--config", "--read-iops-sec", 3,
        status=1)
    assert limits(z1)["read-iops-sec"] == 9


def test_what_cannot_be(virt, z1):
    before = limits(z1)
    for words, text in (
            (("--total-bytes-sec-max", 5), "no limit total_bytes_sec_max"),
            (("--live", "--read-iops-sec", 3), "domain is not running"),
            (("--read-iops-sec", 1 << 40), "limits")):
        assert text in virt.virsh("blkdeviotune", "z1", "vda", *words,
                                  status=1)
    assert "has no disk vdz" in virt.virsh("blkdeviotune", "z1", "vdz",
                                           status=1)
    assert limits(z1) == before


def test_transient(virt, z1):
    z1.call("zone.start", name="z1")
    z1.call("zone.undefine", name="z1")
    assert "transient" in virt.virsh("blkdeviotune", "z1", "vda", "--config",
                                     status=1)
    virt.virsh("blkdeviotune", "z1", "vda", "--read-iops-sec", 3)
    assert tune(virt)["read_iops_sec"] == "3"


def test_domiftune(net1, virt):
    virt.virsh("domiftune", "z1", "net0", "--inbound", 1000, "--outbound", 20)
    assert limits(net1, True) == {"rx-bytes-sec": "1000K",
                                  "tx-bytes-sec": "20K", "burst-ms": 100}
    mac = net1.call("zone.get", name="z1")["devices"][0]["mac"]
    got = shown(virt.virsh("domiftune", "z1", mac))
    assert got["inbound.average"] == "1000" and got["outbound.average"] == "20"
    # one direction leaves the other alone
    virt.virsh("domiftune", "z1", "net0", "--inbound", 0)
    assert limits(net1, True) == {"tx-bytes-sec": "20K", "burst-ms": 100}
    assert limits(net1) == limits(net1, True)
    assert "no limit inbound.peak" in virt.virsh(
        "domiftune", "z1", "net0", "--inbound", "1000,2000", status=1)


def domain(client):
    zone = client.call("zone.get", name="z1")
    return string("z1") + uuid.UUID(zone["uuid"]).bytes + b"\xff" * 4


def param(field, kind, value):
    return string(field) + struct.pack(">i", kind) + value


@pytest.mark.parametrize("number,rest", [
    (253, b"\0\0\0\1" + string("vda") + bytes(8)),
    (257, string("net0") + bytes(8)),
    (252, string("vda") + bytes(8)), (256, string("net0") + bytes(8))])
def test_wrong_arguments(wire, z1, number, rest):
    of = domain(z1)
    assert wire.call(number, of + rest + bytes(4))[0] == RPC
    assert wire.call(number, of + rest[:-4])[0] == RPC
    nobody = string("z1") + b"\1" * 16 + bytes(4)
    assert wire.call(number, nobody + rest)[0] == NO_DOMAIN
    bad = rest[:-4] + struct.pack(">I", 1 << 20)
    assert wire.call(number, of + bad)[0] == INVALID_ARG


def test_wire(wire, z1):
    of = domain(z1)
    name = b"\0\0\0\1" + string("vda")
    assert wire.call(253, of + name + bytes(8)) == struct.pack(">II", 0, 6)
    both = struct.pack(">II", 0, 3)
    assert wire.call(253, of + name + both)[0] == INVALID_ARG
    before = limits(z1)
    for bad in (param("total_iops_sec", 3, b"\xff" * 8),  # -1
                param("total_iops_sec", 7, string("5")),
                param("total_bytes_sec", 4, b"\xff" * 8)):
        assert wire.call(252, of + string("vda") + struct.pack(">I", 1)
                         + bad + bytes(4))[0] == INVALID_ARG
    many = param("total_iops_sec", 4, b"\0" * 7 + b"\5") * 33
    assert wire.call(252, of + string("vda") + struct.pack(">I", 33)
                     + many + bytes(4))[0] == RPC
    assert wire.call(252, of + string("vda") + struct.pack(">I", 1)
                     + param("group_name", 7, string("g")) + bytes(4))[0] \
        == UNSUPPORTED
    assert limits(z1) == before
