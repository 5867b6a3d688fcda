# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: domains, their states and their life, through virsh."""
# pylint: disable=redefined-outer-name

import re

import libvirt
import pytest

from test_hvd import BAD_TRAP, CRASHED, wait
from virt import built, machine, virt  # noqa: F401

pytestmark = built


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    yield client
    client.close()


def names(text):
    return [line.split()[1] for line in text.splitlines()]


def test_lists(virt, z1):
    assert names(virt.virsh("list")) == ["zone0"]
    assert sorted(names(virt.virsh("list", "--all"))) == ["z1", "zone0"]
    assert names(virt.virsh("list", "--inactive")) == ["z1"]
    assert virt.virsh("list", "--all", "--state-shutoff").split()[2:] == \
        ["shut", "off"]
    assert names(virt.virsh("list", "--all", "--autostart")) == ["zone0"]
    assert names(virt.virsh("list", "--all", "--with-snapshot")) == []
    assert sorted(names(virt.virsh("list", "--all", "--persistent"))) == \
        ["z1"] + [z["name"] for z in z1.call("zone.list")
                  if z["persistent"] and z["name"] != "z1"]


def test_life(virt, z1):
    assert virt.virsh("domstate", "z1", "--reason") == "shut off (unknown)"
    virt.virsh("start", "z1")
    assert virt.virsh("domstate", "z1") == "running"
    assert z1.call("zone.get", name="z1")["state"] == "running"
    virt.virsh("suspend", "z1")
    assert virt.virsh("domstate", "z1", "--reason") == "paused (user)"
    virt.virsh("resume", "z1")
    info = virt.virsh("dominfo", "z1")
    assert re.search(r"Max memory: +65536 KiB", info)
    assert re.search(r"CPU\(s\): +1\n", info)
    assert re.search(r"Persistent: +yes", info)
    ident = virt.virsh("domid", "z1")
    assert virt.virsh("domname", ident) == "z1"
    assert virt.virsh("domuuid", "z1") == z1.call("zone.get",
                                                  name="z1")["uuid"]
    virt.virsh("shutdown", "z1")
    wait(lambda: virt.virsh("domstate", "z1", "--reason") ==
         "shut off (shutdown)")
    virt.virsh("start", "z1")
    virt.virsh("destroy", "z1")
    assert virt.virsh("domstate", "z1", "--reason") == "shut off (destroyed)"
    virt.virsh("start", "z1", "--paused")
    assert virt.virsh("domstate", "z1") == "paused"
    virt.virsh("destroy", "z1", "--graceful")


def test_errors(virt, z1):
    assert "failed to get domain 'nobody'" in virt.virsh(
        "start", "nobody", status=1)
    virt.virsh("start", "z1")
    assert "already active" in virt.virsh("start", "z1", status=1)
    virt.virsh("destroy", "z1")
    assert "Requested operation is not valid" in virt.virsh(
        "suspend", "z1", status=1)


def test_lookups(virt, z1):
    uuid = z1.call("zone.get", name="z1")["uuid"]
    conn = virt.connect()
    assert conn.lookupByUUIDString(uuid).name() == "z1"
    assert conn.lookupByName("z1").UUIDString() == uuid
    assert conn.lookupByID(0).name() == "zone0"
    for name in ("", " ", "..", "/", "a" * 300, "nobody", uuid, uuid.upper()):
        with pytest.raises(libvirt.libvirtError) as info:
            conn.lookupByName(name)
        assert info.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN, name
        assert f"'{name}'"[:60] in str(info.value)
    with pytest.raises(libvirt.libvirtError) as info:
        conn.lookupByID(77)
    assert info.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
    conn.close()


def test_crash(virt, z1):
    z1.call("zone.start", name="z1")
    zone = z1.call("zone.get", name="z1")["id"]
    virt.machine.guest(zone, CRASHED, BAD_TRAP)
    wait(lambda: virt.virsh("domstate", "z1") == "crashed")
    virt.virsh("destroy", "z1")
