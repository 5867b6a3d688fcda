# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: zone0's bridges as networks."""
# pylint: disable=redefined-outer-name

import struct
import uuid
import xml.etree.ElementTree as ET

import pytest

from virt import Wire, built, machine, rows, string, virt  # noqa: F401

pytestmark = built

RPC, INVALID_ARG, NO_NETWORK = 39, 8, 43
UNKNOWN = string("x") + bytes(16)


@pytest.fixture
def net(virt):
    """virthvdd with a sysfs of our own."""
    virt.stop()
    sysfs = virt.machine.tmp / "sys"
    for name in ("br1", "zvbr0", "a<b&'\"", "default", "b\x01"):
        (sysfs / "class/net" / name / "bridge").mkdir(parents=True)
    (sysfs / "class/net/eth0").mkdir()
    virt.sysfs = sysfs
    virt.start("--sysfs", sysfs)
    return virt


@pytest.fixture
def wire(net):
    client = Wire(net.socket)
    client.open()
    yield client
    client.close()


def test_list(net):
    assert rows(net.virsh("net-list", "--all")) == [
        ["a<b&'\"", "active", "yes", "yes"],
        ["br1", "active", "yes", "yes"],
        ["default", "active", "yes", "yes"]]
    assert net.virsh("net-list", "--inactive") == ""
    assert net.virsh("net-list", "--transient") == ""
    assert net.virsh("net-list", "--no-autostart") == ""
    assert len(rows(net.virsh("net-list", "--persistent",
                              readonly=True))) == 3


def test_bridges_come_and_go(net):
    (net.sysfs / "class/net/br1/bridge").rmdir()
    assert "br1" not in net.virsh("net-list", "--name").split()
    net.virsh("net-info", "br1", status=1)
    (net.sysfs / "class/net/br2/bridge").mkdir(parents=True)
    assert "br2" in net.virsh("net-list", "--name").split()


def test_no_sysfs(virt):
    virt.stop()
    virt.start("--sysfs", virt.machine.tmp / "none")
    assert virt.virsh("net-list", "--name") == "default"


def test_info(net):
    info = net.virsh("net-info", "default")
    assert "Bridge:         zvbr0" in info
    ident = net.virsh("net-uuid", "br1")
    assert net.virsh("net-name", ident) == "br1"
    assert uuid.UUID(ident).version == 8
    assert len({net.virsh("net-uuid", name)
                for name in ("default", "br1", "a<b&'\"")}) == 3
    assert net.virsh("net-dhcp-leases", "default") == ""


def test_xml(net):
    for name, bridge in (("default", "zvbr0"), ("br1", "br1"),
                         ("a<b&'\"", "a<b&'\"")):
        root = ET.fromstring(net.virsh("net-dumpxml", name))
        assert root.find("name").text == name
        assert root.find("forward").get("mode") == "bridge"
        assert root.find("bridge").get("name") == bridge
        assert root.find("uuid").text == net.virsh("net-uuid", name)
        net.virsh("net-dumpxml", name, "--inactive")


def test_old_lists(net):
    conn = net.connect()
    assert conn.numOfNetworks() == 3
    assert conn.listNetworks() == ["default", "a<b&'\"", "br1"]
    assert conn.numOfDefinedNetworks() == 0
    assert conn.listDefinedNetworks() == []
    network = conn.networkLookupByName("br1")
    assert network.bridgeName() == "br1"
    assert (network.isActive(), network.isPersistent(),
            network.autostart()) == (1, 1, 1)
    assert network.DHCPLeases() == []
    conn.close()


def test_one_that_is_not_there(net, wire):
    assert "no network with matching name 'eth0'" in \
        net.virsh("net-info", "eth0", status=1)
    assert wire.call(47, bytes(16))[0] == NO_NETWORK
    for number in (45, 152, 153, 44):
        assert wire.call(number, UNKNOWN)[0] == NO_NETWORK
    assert wire.call(43, UNKNOWN + bytes(4))[0] == NO_NETWORK
    assert wire.call(341, UNKNOWN + bytes(12))[0] == NO_NETWORK


def test_arguments_that_are_none(wire):
    for number, body in ((283, b""), (38, b""), (52, bytes(4)), (36, b""),
                         (50, bytes(4)), (46, b"\0\0\0\1"), (47, bytes(15)),
                         (43, UNKNOWN), (45, bytes(4)), (152, bytes(4)),
                         (153, string("x")), (44, b""), (341, UNKNOWN)):
        assert wire.call(number, body)[0] == RPC, number
    known = wire.call(46, string("default"))
    assert wire.call(43, known + struct.pack(">I", 2))[0] == INVALID_ARG
    assert wire.call(341, known + struct.pack(">III", 0, 1, 1))[0] == \
        INVALID_ARG
    # a negative number of names fits nothing
    assert wire.call(38, struct.pack(">i", -1)) == bytes(4)
    assert wire.call(38, struct.pack(">i", 1)) == \
        struct.pack(">I", 1) + string("default")
    assert wire.call(283, struct.pack(">II", 0, 0)) == struct.pack(">II", 0, 3)
