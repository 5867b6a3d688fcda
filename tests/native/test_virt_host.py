# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: the machine, as stock clients ask for it."""
# pylint: disable=redefined-outer-name

import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import libvirt
import pytest

from virt import built, machine, string, virt, wire  # noqa: F401

pytestmark = built
RPC, INVALID_ARG = 39, 8


def host(virt):
    client = virt.machine.client()
    info = client.call("host.info")
    client.close()
    return info


def test_node(virt):
    info = host(virt)
    cpus, kib = info["pcpus"], info["memory"]["total"] // 1024
    text = virt.virsh("nodeinfo")
    for pattern in (r"CPU model: +aarch64\n", rf"CPU\(s\): +{cpus}\n",
                    rf"Core\(s\) per socket: +{cpus}\n",
                    rf"Memory size: +{kib} KiB"):
        assert re.search(pattern, text), text
    text = virt.virsh("nodecpumap")
    assert re.search(rf"CPUs present: +{cpus}\n", text)
    assert re.search(rf"CPUs online: +{cpus}\n", text)
    assert text.endswith("y" * cpus)
    assert virt.virsh("maxvcpus", readonly=True) == "32"
    connection = virt.connect(readonly=True)
    assert connection.getInfo() == ["aarch64", kib // 1024, cpus, 0, 1, 1,
                                    cpus, 1]
    assert connection.getMaxVcpus(None) == 32
    assert connection.getCPUMap() == (cpus, [True] * cpus, cpus)
    assert connection.getSecurityModel() == ["", ""]
    connection.close()


def test_memory(virt):
    free = host(virt)["memory"]["free"]
    total = host(virt)["memory"]["total"]
    assert virt.virsh("freecell").split()[1:] == [str(free // 1024), "KiB"]
    text = virt.virsh("nodememstats")
    assert re.search(rf"total *: +{total // 1024} KiB", text), text
    assert re.search(rf"free *: +{free // 1024} KiB", text), text
    assert virt.virsh("freepages", "--cellno", "0", "--pagesize", "4").split(
    )[-1] == str(free // 4096)
    connection = virt.connect()
    assert connection.getFreeMemory() == free
    assert connection.getCellsFreeMemory(0, 4) == [free]
    assert connection.getMemoryStats(0) == connection.getMemoryStats(-1) == {
        "total": total // 1024, "free": free // 1024}
    connection.close()


def test_arguments(wire):
    for procedure, body in ((6, b"\0\0\0\0"), (293, bytes(8)), (228, bytes(8)),
                            (102, b"\0\0\0\0"), (101, bytes(4)), (5, b""),
                            (122, bytes(4)), (340, bytes(4)),
                            (340, struct.pack(">I", 65) + bytes(300))):
        assert wire.call(procedure, body)[0] == RPC, procedure
    for procedure, body in ((293, struct.pack(">iiI", 1, 1, 1)),
                            (228, struct.pack(">iiI", 0, 1, 0)),
                            (228, struct.pack(">iiI", -1, 0, 0)),
                            (228, struct.pack(">iiI", 0, 0, 1)),
                            (340, bytes(16)),
                            (340, struct.pack(">IIiII", 1, 2048, 0, 1, 0)),
                            (340, struct.pack(">IIiII", 1, 4, 1, 1, 0)),
                            (340, struct.pack(">IIiII", 1, 4, 0, 2, 0)),
                            (340, struct.pack(">IIiII", 1, 4, 0, 1, 1)),
                            (101, struct.pack(">ii", 1, 1)),
                            (101, struct.pack(">ii", 0, 0))):
        assert wire.call(procedure, body)[0] == INVALID_ARG, procedure
    # one of two is asked for
    assert wire.call(228, struct.pack(">iiI", 1, -1, 0))[:16] == \
        struct.pack(">I", 1) + string("total")


def test_capabilities(virt):
    document = ElementTree.fromstring(virt.virsh("capabilities", readonly=True))
    cells = document.findall("host/topology/cells/cell")
    assert [cell.find("cpus").get("num") for cell in cells] == [
        str(host(virt)["pcpus"])]
    uuid = document.findtext("host/uuid") or ""
    machine_id = Path("/etc/machine-id")
    assert uuid.replace("-", "") == (
        machine_id.read_text().strip() if machine_id.exists() else "")
    guest = document.find("guest")
    assert guest.findtext("os_type") == "hvm"
    assert guest.find("arch").get("name") == "aarch64"
    assert [d.get("type") for d in guest.findall("arch/domain")] == [
        "hvd", "kvm"]


def test_domain_capabilities(virt, wire):
    document = ElementTree.fromstring(
        virt.virsh("domcapabilities", "--virttype", "hvd"))
    assert document.findtext("domain") == "hvd"
    assert document.find("vcpu").get("max") == "32"
    with virt.connect() as connection:
        same = connection.getDomainCapabilities()
        assert ElementTree.fromstring(same).findtext("arch") == "aarch64"
        for words in (("/bin/qemu",), (None, "x86_64"), (None, None, "q35"),
                      (None, None, None, "xen")):
            with pytest.raises(libvirt.libvirtError) as error:
                connection.getDomainCapabilities(*words)
            assert error.value.get_error_code() == INVALID_ARG
    wire.open()
    # Four strings, and flags: a string too few, and a flag that nobody knows.
    none = struct.pack(">I", 0)
    assert wire.call(342, none * 4)[0] == RPC
    assert wire.call(342, none * 4 + struct.pack(">I", 1))[0] == INVALID_ARG
    assert wire.call(7, none)[0] == RPC


def test_cpu_time(virt, wire):
    client = virt.machine.client()
    used = client.call("zone.get", name="zone0")["info"]["cpu_time_ns"]
    before = client.call("host.info")
    with virt.connect(readonly=True) as connection:
        stats = connection.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS)
        assert set(stats) == {"user", "idle"} and stats["user"] >= used
        total = before["uptime_ns"] * before["pcpus"]
        after = client.call("host.info")
        assert total <= stats["user"] + stats["idle"] <= \
            after["uptime_ns"] * after["pcpus"]
        with pytest.raises(libvirt.libvirtError) as error:
            connection.getCPUStats(0)
        assert error.value.get_error_code() == INVALID_ARG
    assert re.search(r"idle: +\d", virt.virsh("nodecpustats", readonly=True))
    client.close()
    wire.open()
    # Two values at most, a number that is none, flags, and too little.
    assert len(wire.call(227, struct.pack(">iiI", -1, 1, 0))) == 24
    assert wire.call(227, struct.pack(">iiI", -1, -1, 0))[0] == INVALID_ARG
    assert wire.call(227, struct.pack(">iiI", -1, 0, 1))[0] == INVALID_ARG
    assert wire.call(227, struct.pack(">ii", -1, 0))[0] == RPC


def test_sysinfo(virt, wire):
    document = ElementTree.fromstring(virt.virsh("sysinfo", readonly=True))
    assert document.get("type") == "smbios"
    entries = {e.get("name"): e.text for e in document.findall("system/entry")}
    machine_id = Path("/etc/machine-id")
    if machine_id.exists():
        assert entries.pop("uuid").replace("-", "") == \
            machine_id.read_text().strip()
    model = Path("/proc/device-tree/model")
    assert ("product" in entries) == model.exists()
    wire.open()
    assert wire.call(203, struct.pack(">I", 1))[0] == INVALID_ARG
    assert wire.call(203, b"")[0] == RPC
