# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: lists of what there is none of, which are empty and no error."""
# pylint: disable=redefined-outer-name

import struct
import uuid

import pytest

from virt import Wire, built, machine, string, virt, wire  # noqa: F401

pytestmark = built

RPC, INVALID_ARG, NO_DOMAIN = 39, 8, 42
NOTHING = bytes(4)
BOTH = bytes(8)
ALL = struct.pack(">iI", 1, 3)
SOME = struct.pack(">i", 100)
DEVICES = [(cap, struct.pack(">I", 0)) for cap in (bytes(4), b"\0\0\0\1"
                                                   + string("pci"))]


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    zone = client.call("zone.get", name="z1")
    client.close()
    return string("z1") + uuid.UUID(zone["uuid"]).bytes + b"\xff" * 4


@pytest.mark.parametrize("words", [
    ("iface-list", "--all"), ("nodedev-list",), ("nwfilter-list",),
    ("nwfilter-binding-list",), ("secret-list",), ("nodedev-list", "--tree")])
def test_lists(virt, words):
    assert virt.virsh(*words) == ""
    assert virt.virsh(*words, readonly=True) == ""


@pytest.mark.parametrize("words", [
    ("snapshot-list",), ("snapshot-list", "--tree"), ("checkpoint-list",),
    ("iothreadinfo",)])
def test_lists_of_a_domain(virt, z1, words):
    assert z1
    for name in ("z1", "zone0"):
        text = virt.virsh(words[0], name, *words[1:])
        assert text in ("", "No IOThreads found for the domain")
    assert "failed to get domain 'nobody'" in virt.virsh(
        words[0], "nobody", *words[1:], status=1)


def test_dominfo(virt, z1):
    assert z1
    text = virt.virsh("dominfo", "z1")
    assert "Managed save:   no" in text
    assert "Messages" not in text


@pytest.mark.parametrize("number,body,answer", [
    *((number, ALL, BOTH) for number in (284, 285, 286, 287, 401)),
    *((number, b"", NOTHING) for number in (126, 137, 139, 178)),
    *((number, SOME, NOTHING) for number in (127, 138, 140, 179)),
    *((111, cap + flags, NOTHING) for cap, flags in DEVICES),
    *((112, cap + SOME + flags, NOTHING) for cap, flags in DEVICES)])
def test_old_lists(wire, number, body, answer):
    assert wire.call(number, body) == answer
    assert wire.call(number, body + NOTHING)[0] == RPC
    if body:
        assert wire.call(number, body[:-4])[0] == RPC


@pytest.mark.parametrize("number,rest,answer", [
    *((number, bytes(4), NOTHING) for number in (183, 187, 190, 426)),
    (188, SOME + bytes(4), NOTHING), (274, ALL, BOTH), (413, ALL, BOTH),
    (202, b"", NOTHING), (351, bytes(4), BOTH), (121, b"", BOTH),
    (278, b"", BOTH)])
def test_of_a_domain(wire, z1, number, rest, answer):
    assert wire.call(number, z1 + rest) == answer
    assert wire.call(number, z1 + rest + NOTHING)[0] == RPC
    assert wire.call(number, z1[:-8] + rest)[0] == RPC
    nobody = string("z1") + b"\1" * 16 + bytes(4)
    assert wire.call(number, nobody + rest)[0] == NO_DOMAIN
    if number in (183, 190, 426, 351):
        flags = struct.pack(">I", 1 << 20)
        assert wire.call(number, z1 + flags)[0] == INVALID_ARG


def test_binding(virt, z1):
    assert z1
    connection = virt.connect(readonly=True)
    domain = connection.lookupByName("z1")
    assert domain.listAllSnapshots() == domain.snapshotListNames() == []
    assert domain.hasManagedSaveImage() == domain.hasCurrentSnapshot() == 0
    assert domain.isUpdated() == domain.snapshotNum() == 0
    assert domain.messages() == []
    assert domain.listAllCheckpoints() == domain.securityLabelList() == []
    assert domain.securityLabel() == ["", False]
    assert connection.listAllDevices() == connection.listSecrets() == []
    assert connection.numOfInterfaces() == connection.numOfNWFilters() == 0
    connection.close()
