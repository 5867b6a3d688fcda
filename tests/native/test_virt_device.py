# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: devices put into definitions, taken out, and changed."""
# pylint: disable=redefined-outer-name

import json
import struct
import uuid

import pytest

from test_hvd import disk_of, net, wait  # noqa: F401
from virt import built, machine, string, virt, wire  # noqa: F401

pytestmark = built
RPC, INVALID_ARG, XML_ERROR, INVALID = 39, 8, 27, 55
MISSING = 99
SIZE = 1 << 20
MAC = "52:54:00:11:22:33"


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[disk_of(virt.machine.disk("a.img", SIZE), name="vda")]))
    yield client
    client.close()


@pytest.fixture
def net1(net, virt):  # noqa: F811 (in its namespace)
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[{"type": "net", "vhost": False, "mac": MAC}]))
    client.call("zone.start", name="z1")
    yield client
    client.close()


def devices(client, key="definition"):
    return client.call("zone.get", name="z1")[key]["devices"]


def document(virt, text):
    path = virt.machine.tmp / "device.xml"
    path.write_text(text)
    return path


def test_disks(virt, z1):
    image = virt.machine.disk("b.img", SIZE)
    virt.virsh("attach-disk", "z1", image, "vdb", "--config", "--mode",
               "readonly", "--serial", "S1")
    first, second = devices(z1)
    assert first["name"] == "vda"
    assert (second["name"], second["path"], second["readonly"],
            second["serial"]) == ("vdb", str(image), True, "S1")
    assert "with name 'vdb' already" in virt.virsh(
        "attach-disk", "z1", image, "vdb", "--config", status=1)
    virt.virsh("detach-disk", "z1", "vda", "--config")
    assert [d["name"] for d in devices(z1)] == ["vdb"]
    assert "vda" in virt.virsh("detach-disk", "z1", "vda", "--config",
                               status=1)


def test_interfaces(virt, z1):
    virt.virsh("attach-interface", "z1", "bridge", "br7", "--mac", MAC,
               "--model", "virtio", "--config")
    # Without a MAC there is no telling it from others: another one.
    virt.virsh("attach-interface", "z1", "bridge", "br8", "--config")
    nets = [d for d in devices(z1) if d["type"] == "net"]
    assert nets[0]["bridge"] == "br7" and nets[0]["mac"] == MAC
    assert nets[1]["bridge"] == "br8" and nets[1]["mac"] != MAC
    assert f"with mac '{MAC}' already" in virt.virsh(
        "attach-interface", "z1", "bridge", "br9", "--mac", MAC, "--config",
        status=1)
    virt.virsh("domif-setlink", "z1", MAC, "down", "--config")
    assert devices(z1)[1]["link"] is False
    assert devices(z1)[1]["name"] == nets[0]["name"]
    assert virt.virsh("domif-getlink", "z1", MAC, "--config").endswith("down")
    virt.virsh("detach-interface", "z1", "bridge", "--mac", MAC, "--config")
    assert [d["type"] for d in devices(z1)] == ["disk", "net"]


def test_other_devices(virt, z1):
    console = document(virt, "<console type='pty'>"
                       "<target type='virtio'/></console>")
    virt.virsh("attach-device", "z1", console, "--config")
    assert devices(z1)[1]["type"] == "console"
    # The only one of its type is meant.
    virt.virsh("detach-device", "z1", console, "--config")
    assert len(devices(z1)) == 1
    assert "no console" in virt.virsh("detach-device", "z1", console,
                                      "--config", status=1)
    for _ in range(2):
        virt.virsh("attach-device", "z1", console, "--config")
    assert "no console" in virt.virsh("detach-device", "z1", console,
                                      "--config", status=1)


def test_detach_by_alias(virt, z1):
    virt.virsh("attach-interface", "z1", "bridge", "br7", "--mac", MAC,
               "--config")
    virt.virsh("attach-device", "z1", document(
        virt, "<console type='pty'><target type='virtio'/>"
        "<alias name='ua-extra'/></console>"), "--config")
    net = devices(z1)[1]["name"]
    for alias in ("extra", "virtio-extra", "ua-", "ua-vda", "ua-other"):
        assert f"no device found with alias '{alias}'" in virt.virsh(
            "detach-device-alias", "z1", alias, "--config", status=1)
    assert len(devices(z1)) == 3
    for alias, left in (("ua-extra", ["vda", net]), (f"ua-{net}", ["vda"])):
        virt.virsh("detach-device-alias", "z1", alias, "--config")
        assert [d["name"] for d in devices(z1)] == left
    virt.virsh("start", "z1")
    assert "use --config alone" in virt.virsh(
        "detach-device-alias", "z1", "virtio-vda", status=1)
    virt.virsh("detach-device-alias", "z1", "virtio-vda", "--config")
    assert devices(z1) == []
    assert len(devices(z1, "running_definition")) == 1


def test_media(virt, z1):
    """There is no drive whose medium could change, and no disk is taken for one."""
    image = virt.machine.disk("m.img", SIZE)
    before = devices(z1)
    virt.virsh("change-media", "z1", "vda", image, "--update", "--config",
               status=1)
    cdrom = document(virt, f"<disk type='file' device='cdrom'><source "
                     f"file='{image}'/><target dev='sda' bus='scsi'/></disk>")
    for command in ("attach-device", "update-device", "detach-device"):
        assert "there is no CD drive: give the image as a disk" in virt.virsh(
            command, "z1", cdrom, "--config", status=1)
    assert devices(z1) == before


def test_update_of_a_definition(virt, z1):
    image = virt.machine.disk("c.img", SIZE)
    path = document(virt, f"<disk type='file'><source file='{image}'/>"
                    "<target dev='vda' bus='virtio'/><readonly/></disk>")
    virt.virsh("update-device", "z1", path, "--config")
    disk, = devices(z1)
    assert disk["path"] == str(image) and disk["readonly"] is True
    other = document(virt, f"<disk type='file'><source file='{image}'/>"
                     "<target dev='vdz' bus='virtio'/></disk>")
    assert "no disk with name 'vdz'" in virt.virsh(
        "update-device", "z1", other, "--config", status=1)
    # What hvd refuses changes nothing.
    before = devices(z1)
    wrong = document(virt, "<disk type='file'><source file='relative'/>"
                     "<target dev='vda' bus='virtio'/></disk>")
    virt.virsh("update-device", "z1", wrong, "--config", status=1)
    assert devices(z1) == before


def test_plugging_while_it_runs(virt, z1):
    virt.virsh("start", "z1")
    before = devices(z1)
    image = virt.machine.disk("d.img", SIZE)
    for flags in ((), ("--live",), ("--live", "--config")):
        text = virt.virsh("attach-disk", "z1", image, "vdb", *flags, status=1)
        assert "use --config alone" in text
        text = virt.virsh("detach-disk", "z1", "vda", *flags, status=1)
        assert "use --config alone" in text
    assert devices(z1) == before
    virt.virsh("attach-disk", "z1", image, "vdb", "--config")
    assert len(devices(z1)) == 2
    assert len(devices(z1, "running_definition")) == 1
    assert "vdb" not in virt.virsh("domblklist", "z1")
    assert "vdb" in virt.virsh("domblklist", "z1", "--inactive")


def test_update_while_it_runs(net1, virt):
    virt.virsh("domif-setlink", "z1", MAC, "down")
    assert net1.call("zone.get", name="z1")["devices"][0]["link"] is False
    assert devices(net1)[0]["link"] is False
    assert virt.virsh("domif-getlink", "z1", MAC).endswith("down")
    virt.virsh("domif-setlink", "z1", MAC, "up")
    assert net1.call("zone.get", name="z1")["devices"][0]["link"] is True

    text = ("<interface type='bridge'><source bridge='{}'/>"
            f"<mac address='{MAC}'/><model type='virtio'/><mtu size='1400'/>"
            "<bandwidth><inbound average='100'/></bandwidth></interface>")
    bridge = devices(net1)[0]["bridge"]
    virt.virsh("update-device", "z1", document(virt, text.format(bridge)),
               "--live")
    device = devices(net1)[0]
    assert device["limits"]["rx-bytes-sec"] == "100K"
    assert device["mtu"] == 1400
    before = devices(net1)
    assert "cannot change 'bridge'" in virt.virsh(
        "update-device", "z1", document(virt, text.format("other")), "--live",
        status=1)
    assert devices(net1) == before


KEPT = ("<address type='pci' domain='0x0000' bus='0x02' slot='0x00' "
        "function='0x0'/>", "<boot order='3'/>", "name='qemu'")


def test_what_is_kept_goes_with_its_device(virt, z1):
    image = virt.machine.disk("k.img", SIZE)
    text = (f"<disk type='file'><source file='{image}'/><target dev='vdk' "
            f"bus='virtio'/>{KEPT[0]}{{}}<driver {KEPT[2]}/></disk>")
    path = document(virt, text.format(KEPT[1]))
    virt.virsh("attach-device", "z1", path, "--config")
    shown = virt.virsh("dumpxml", "z1")
    assert all(shown.count(part) == 1 for part in KEPT), shown
    # It is the device's, wherever hvd's other clients move that.
    definition = z1.call("zone.get", name="z1")["definition"]
    definition["devices"].reverse()
    z1.call("zone.define", definition=definition)
    disks = virt.virsh("dumpxml", "z1").split("<disk ")
    assert all(part in disks[1] and part not in disks[2] for part in KEPT)
    virt.virsh("start", "z1")
    assert all(part in virt.virsh("dumpxml", "z1") for part in KEPT)
    # What virsh gives is what it may give back, but not another one live.
    virt.virsh("update-device", "z1", path, "--live")
    assert "what is kept" in virt.virsh(
        "update-device", "z1", document(virt, text.format("")), "--live",
        status=1)
    virt.virsh("detach-disk", "z1", "vdk", "--config")
    assert not any(part in virt.virsh("dumpxml", "z1", "--inactive")
                   for part in KEPT[:2])


def test_arguments(virt, z1, wire):
    wire.open()
    ident = uuid.UUID(z1.call("zone.get", name="z1")["uuid"])
    who = string("z1") + ident.bytes + struct.pack(">i", -1)
    xml = string("<console type='pty'/>")
    flags = struct.pack(">I", 2)
    for number in (160, 161, 174):
        assert wire.call(number, who + xml)[0] == RPC
        assert wire.call(number, who + xml + struct.pack(">I", 64))[0] == \
            INVALID_ARG
        assert wire.call(number, who + string("<color/>") + flags)[0] == \
            XML_ERROR
        assert wire.call(number, who + string("<disk") + flags)[0] == 35
    alias = string("ua-x")
    assert wire.call(392, who + alias)[0] == RPC
    assert wire.call(392, who + alias + struct.pack(">I", 64))[0] == \
        INVALID_ARG
    assert wire.call(392, who + alias + flags)[0] == MISSING
    for number in (8, 13):
        # They are for a domain that runs.
        assert wire.call(number, who + xml)[0] == INVALID
    z1.call("zone.create", definition=virt.machine.definition("t1"))
    assert "transient" in virt.virsh(
        "attach-device", "t1", document(virt, "<console type='pty'/>"),
        "--config", status=1)
    assert json.dumps(devices(z1)).count("console") == 0
