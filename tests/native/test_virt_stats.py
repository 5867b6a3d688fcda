# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: what domains and their devices have done, compared with what hvd
says of them."""
# pylint: disable=redefined-outer-name

import contextlib
import json
import re
import socket
import struct
import threading
import uuid

import libvirt
import pytest

from test_hvd import LATENCY, disk_of, net, wait  # noqa: F401
from virt import Wire, built, machine, string, virt, wire  # noqa: F401

pytestmark = built

RPC, INVALID_ARG, NO_DOMAIN, OVERFLOW = 39, 8, 42, 82
COUNTERS = {"reads": 3, "read-bytes": 12288, "writes": 5, "write-bytes": 4096,
            "flushes": 2, "errors": 1, "latency": LATENCY,
            "rx-bytes": 900, "rx-packets": 9, "rx-errors": 1, "rx-dropped": 2,
            "tx-bytes": 1400, "tx-packets": 14}
SIZE = 1 << 20


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    virt.machine.inject("io-z1", "counters=" + json.dumps(
        COUNTERS, separators=(",", ":")))
    disks = [disk_of(virt.machine.disk(f"{name}.img", SIZE), name=name)
             for name in ("vda", "vdb")]
    client.call("zone.define", definition=virt.machine.definition(
        devices=disks, vcpus=2))
    client.call("zone.start", name="z1")
    yield client
    client.close()


@pytest.fixture
def net1(net, virt):  # noqa: F811 (in its namespace)
    client = virt.machine.client()
    virt.machine.inject("io-z1", "counters=" + json.dumps(
        COUNTERS, separators=(",", ":")))
    client.call("zone.define", definition=virt.machine.definition(
        devices=[{"type": "net", "vhost": False}]))
    client.call("zone.start", name="z1")
    yield client
    client.close()


def domain(client, ident=1):
    zone = client.call("zone.get", name="z1")
    return string("z1") + uuid.UUID(zone["uuid"]).bytes + struct.pack(
        ">i", ident)


def values(text):
    """Lines KEY=VALUE, or [NAME] KEY VALUE, as a dictionary."""
    pairs = (re.split(r"[= :]+", line.strip())[-2:]
             for line in text.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def test_domblkstat(virt, z1):
    assert z1
    for name in ("vda", virt.machine.tmp / "vdb.img"):
        got = values(virt.virsh("domblkstat", "z1", name))
        assert got == {
            "rd_req": "3", "rd_bytes": "12288", "wr_req": "5",
            "wr_bytes": "4096", "flush_operations": "2", "errs": "1",
            "rd_total_times": str(LATENCY["read"]["sum-ns"]),
            "wr_total_times": "0", "flush_total_times": "0"}
    # all disks
    assert values(virt.virsh("domblkstat", "z1"))["rd_req"] == "6"
    assert "has no disk vdz" in virt.virsh("domblkstat", "z1", "vdz", status=1)


def test_block_stats_of_the_binding(virt, z1):
    assert z1
    connection = virt.connect(readonly=True)
    found = connection.lookupByName("z1")
    assert found.blockStats("vda") == (3, 12288, 5, 4096, 1)
    flags = found.blockStatsFlags("vda")
    assert flags["rd_operations"] == 3 and flags["flush_operations"] == 2
    assert found.blockInfo("vda") == [SIZE, SIZE, SIZE]
    assert found.diskErrors() == {}
    assert found.memoryStats() == {
        "actual": 65536, "rss": 4 * z1.call(
            "zone.get", name="z1")["info"]["pages"]}
    total = found.getCPUStats(True)
    assert len(total) == 1 and set(total[0]) == {"cpu_time"}
    connection.close()


def test_domblkinfo(virt, z1):
    size = z1.call("zone.get", name="z1")["devices"][0]["size"]
    got = values(virt.virsh("domblkinfo", "z1", "vda"))
    assert got == {key: str(size)
                   for key in ("Capacity", "Allocation", "Physical")}


def test_no_disk_in_error(virt, z1):
    assert virt.virsh("domblkerror", "z1") == "No errors found"
    assert z1


@pytest.mark.parametrize("word,shown", [
    ("error", "unspecified error"), ("paused", "unspecified error"),
    ("no-space", "no space")])
def test_a_disk_in_error(virt, word, shown):
    virt.machine.inject("io-z1", word)
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[disk_of(virt.machine.disk("one.img")),
                 disk_of(virt.machine.disk("two.img"))]))
    client.call("zone.start", name="z1")
    wait(lambda: client.call("zone.get", name="z1")["devices"][0]["state"]
         != "ok")
    assert virt.virsh("domblkerror", "z1") == f"disk0: {shown}"
    client.close()


def test_blockresize(virt, z1):
    assert "change the size" in virt.virsh("blockresize", "z1", "vda", "3G",
                                           status=1)
    size = z1.call("device.resize", name="z1", device="vda")["size"]
    assert virt.virsh("blockresize", "z1", "vda", f"{size}b") == ""


def test_dommemstat_and_cpu_stats(virt, z1):
    info = z1.call("zone.get", name="z1")["info"]
    lines = dict(line.split() for line in
                 virt.virsh("dommemstat", "z1").splitlines())
    assert lines == {"actual": "65536", "rss": str(info["pages"] * 4)}
    assert "cpu_time" in virt.virsh("cpu-stats", "z1", "--total")
    assert "not known" in virt.virsh("cpu-stats", "z1", "--start", "0",
                                     status=1)


def test_domstats(virt, z1):
    got = values(virt.virsh("domstats", "z1"))
    zone = z1.call("zone.get", name="z1")
    assert got["state.state"] == "1"
    assert int(got["cpu.time"]) <= zone["info"]["cpu_time_ns"]
    assert got["balloon.current"] == got["balloon.maximum"] == "65536"
    assert got["vcpu.maximum"] == "2"
    vcpus = z1.call("host.counters", zone="z1")["vcpus"]
    for number, vcpu in enumerate(vcpus):
        assert int(got[f"vcpu.{number}.time"]) <= vcpu["guest_ns"]
        assert int(got[f"vcpu.{number}.wait"]) <= vcpu["steal_ns"]
    assert got["net.count"] == "0" and got["block.count"] == "2"
    for number, name in enumerate(("vda", "vdb")):
        of = {key.split(".", 2)[2]: value for key, value in got.items()
              if key.startswith(f"block.{number}.")}
        assert of == {
            "name": name, "path": str(virt.machine.tmp / f"{name}.img"),
            "allocation": str(SIZE), "capacity": str(SIZE),
            "physical": str(SIZE), "rd.reqs": "3", "rd.bytes": "12288",
            "rd.times": str(LATENCY["read"]["sum-ns"]), "wr.reqs": "5",
            "wr.bytes": "4096", "wr.times": "0", "fl.reqs": "2",
            "fl.times": "0", "errors": "1"}


def test_domstats_of_some(virt, z1):
    both = virt.virsh("domstats")
    assert "'zone0'" in both and "'z1'" in both
    assert set(values(virt.virsh("domstats", "z1", "--state"))) >= \
        {"state.state", "state.reason"}
    assert "cpu" not in virt.virsh("domstats", "z1", "--state")
    assert "statistics" in virt.virsh("domstats", "--perf", "--enforce",
                                      status=1)
    assert "'z1'" not in virt.virsh("domstats", "--list-inactive")
    z1.call("zone.destroy", name="z1")
    wait(lambda: "'z1'" in virt.virsh("domstats", "--list-inactive"))
    assert "block.count=0" in virt.virsh("domstats", "z1")


def test_domstats_while_devices_are_silent(virt, z1):
    """What they have done is left out, the rest is there, of others, too."""
    virt.machine.inject("io-z0", "counters=5")
    z1.call("zone.define", definition=virt.machine.definition(
        "z0", devices=[disk_of(virt.machine.disk(name), name=name)
                       for name in ("one", "two")]))
    z1.call("zone.start", name="z0")
    text = virt.virsh("domstats", "--block", "z0", "z1")
    first, second = text.split("Domain: ")[1:]
    assert "block.count=2" in first and "rd.reqs" not in first
    for line in ("block.0.name=one", "block.1.name=two",
                 f"block.1.capacity={SIZE}"):
        assert line in first
    assert "block.0.rd.reqs=3" in second


def test_domifstat(net1, virt):
    device = net1.call("zone.get", name="z1")["devices"][0]
    for name in (device["name"], device["tap"], device["mac"].upper()):
        got = {line.split()[1]: line.split()[2] for line in
               virt.virsh("domifstat", "z1", name).splitlines()}
        # the TAP's own counters, which nothing has passed
        counters = net1.call("device.counters", name="z1",
                             device="net0")["counters"]
        assert got == {
            "rx_bytes": str(counters["rx-bytes"]),
            "rx_packets": str(counters["rx-packets"]), "rx_errs": "1",
            "rx_drop": "2", "tx_bytes": str(counters["tx-bytes"]),
            "tx_packets": str(counters["tx-packets"]), "tx_errs": "0",
            "tx_drop": "0"}
    got = values(virt.virsh("domstats", "z1", "--interface"))
    assert got["net.count"] == "1" and got["net.0.name"] == device["tap"]
    assert got["net.0.rx.errs"] == "1" and got["net.0.rx.drop"] == "2"
    assert "block.count" not in got


def test_domifaddr(net, net1, virt):  # noqa: F811
    """What zone0's neighbours are, of the domain's devices."""
    device = net1.call("zone.get", name="z1")["devices"][0]
    assert virt.virsh("domifaddr", "z1", "--source", "arp") == ""
    # Any link will do: where it is seen is not asked.
    seen = device["tap"]
    net.ip("neigh", "add", "192.0.2.7", "lladdr", device["mac"], "dev", seen)
    net.ip("neigh", "add", "192.0.2.8", "lladdr", "02:00:00:00:00:08", "dev",
           seen)
    with virt.connect(readonly=True) as connection:
        zone = connection.lookupByName("z1")
        assert zone.interfaceAddresses(
            libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP) == {
                device["tap"]: {"hwaddr": device["mac"], "addrs": [
                    {"addr": "192.0.2.7", "prefix": 0, "type": 0}]}}
        assert zone.interfaceAddresses(
            libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE) == {}
    assert "no guest agent" in virt.virsh("domifaddr", "z1", "--source",
                                          "agent", status=1)
    net1.call("zone.destroy", name="z1")
    assert "not running" in virt.virsh("domifaddr", "z1", status=1)


def test_domifaddr_arguments(z1, wire):
    wire.open()
    whole = domain(z1) + struct.pack(">II", 2, 0)
    assert wire.call(353, whole) == struct.pack(">I", 0)
    assert wire.call(353, whole[:-4])[0] == RPC
    assert wire.call(353, domain(z1) + struct.pack(">II", 3, 0))[0] == \
        INVALID_ARG
    assert wire.call(353, domain(z1) + struct.pack(">II", 2, 1))[0] == \
        INVALID_ARG


class Between:
    """Passes on between virthvdd and hvd, and notes the methods."""

    def __init__(self, virt):
        self.to = str(virt.machine.run_dir / "hvd.sock")
        self.dir = virt.machine.tmp / "between"
        self.dir.mkdir()
        self.methods = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.dir / "hvd.sock"))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            hvd = socket.socket(socket.AF_UNIX)
            hvd.connect(self.to)
            for ends in ((client, hvd, self.methods), (hvd, client, None)):
                threading.Thread(target=self.copy, args=ends,
                                 daemon=True).start()

    @staticmethod
    def copy(from_, to, methods):
        with from_.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                if methods is not None:
                    methods.append(json.loads(line)["method"])
                to.sendall(line)
            to.shutdown(socket.SHUT_RDWR)


def test_requests_do_not_grow_with_domains(virt, z1):
    """All of all domains is one question, and one for each device's counters."""
    for number in range(20):
        z1.call("zone.define", definition=dict(
            virt.machine.definition(f"off{number}"), devices=[]))
    between = Between(virt)
    virt.stop()
    virt.start("--hvd-dir", between.dir)
    text = virt.virsh("domstats")
    assert text.count("Domain: ") == 22
    asked = [m for m in between.methods if m.startswith("zone.")]
    assert asked == ["zone.list"], between.methods
    # zone0 and z1 run: vCPUs of both, and two disks.
    assert between.methods.count("host.counters") == 2
    assert between.methods.count("device.counters") == 2
    # and of one domain it is a question about that one
    between.methods.clear()
    assert virt.virsh("domstats", "--state", "z1").startswith("Domain: 'z1'")
    assert between.methods == ["zone.get"] * 2  # a look-up first
    between.methods.clear()
    assert virt.virsh("domstats", "--state", "z1", "off3").count("Domain:") == 2
    assert between.methods == ["zone.get"] * 2 + ["zone.list"]
    between.listener.close()


def test_off(virt, z1):
    z1.call("zone.destroy", name="z1")
    wait(lambda: virt.virsh("domstate", "z1") == "shut off")
    for words in (("domblkstat", "z1", "vda"), ("domifstat", "z1", "net0"),
                  ("domblkinfo", "z1", "vda"), ("cpu-stats", "z1", "--total")):
        assert "domain is not running" in virt.virsh(*words, status=1)


@pytest.mark.parametrize("number,rest", [
    (64, string("vda")), (243, string("vda") + bytes(8)),
    (194, string("vda") + bytes(4)), (251, string("vda") + bytes(12)),
    (263, bytes(8)), (65, string("net0")), (159, bytes(8)),
    (262, struct.pack(">IiII", 1, -1, 1, 0))])
def test_wrong_arguments(wire, z1, number, rest):
    z1_ = domain(z1)
    assert wire.call(number, z1_ + rest + bytes(4))[0] == RPC
    assert wire.call(number, z1_ + rest[:-4])[0] == RPC
    nobody = string("z1") + b"\1" * 16 + bytes(4)
    assert wire.call(number, nobody + rest)[0] == NO_DOMAIN
    if number not in (64, 65):
        bad = rest[:-4] + struct.pack(">I", 1 << 20)
        assert wire.call(number, z1_ + bad)[0] == INVALID_ARG


def test_wire(wire, z1):
    of = domain(z1)
    assert wire.call(243, of + string("vda") + bytes(8)) == struct.pack(
        ">II", 0, 9)
    assert wire.call(263, of + bytes(8)) == struct.pack(">II", 0, 2)
    assert wire.call(263, of + struct.pack(">II", 2, 0)) == bytes(8)
    assert wire.call(65, of + string("net0"))[0] == INVALID_ARG
    assert wire.call(65, of + string("x" * 5000))[0] == RPC
    huge = string("vda") + b"\xff" * 8 + bytes(4)
    assert wire.call(251, of + huge)[0] == OVERFLOW
    assert wire.call(262, of + struct.pack(">IiII", 0, -1, 1, 0)) == \
        struct.pack(">II", 0, 1)


def test_domstats_of_one_that_is_gone(wire):
    wire.open()
    nobody = string("x") + b"\x77" * 16 + bytes(4)
    for count in 1, 2:
        assert wire.call(344, struct.pack(">I", count) + nobody * count
                         + bytes(8)) == struct.pack(">I", 0)


def test_wrong_arguments_of_domstats(wire, z1):
    of = domain(z1)
    tail = struct.pack(">II", 1, 0)
    assert wire.call(344, struct.pack(">I", 2) + of + tail)[0] == RPC
    assert wire.call(344, struct.pack(">I", 1025) + of + tail)[0] == RPC
    # Who is named twice is told of once.
    once = wire.call(344, struct.pack(">I", 1) + of + tail)
    twice = wire.call(344, struct.pack(">I", 3) + of * 3 + tail)
    assert twice[:4] == struct.pack(">I", 1) and len(twice) == len(once)
    assert wire.call(344, bytes(4) + tail + bytes(4))[0] == RPC
    bad = struct.pack(">III", 0, 1, 1 << 20)
    assert wire.call(344, bad)[0] == INVALID_ARG
    nobody = string("z1") + b"\1" * 16 + bytes(4)
    assert wire.call(344, struct.pack(">I", 1) + nobody + tail) == bytes(4)
    assert wire.call(344, struct.pack(">I", 1) + of + tail)[:12] == \
        struct.pack(">I", 1) + string("z1")


def test_numbers_that_are_too_large(virt):
    """They stay at the most that libvirt can show: none becomes negative."""
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[disk_of(virt.machine.disk(name)) for name in ("1", "2")]))
    client.call("zone.start", name="z1")
    counters = client.call("device.counters", name="z1", device="disk0")
    assert counters["counters"]["read-bytes"] >= 1 << 63
    for words in (("disk0",), ()):
        got = values(virt.virsh("domblkstat", "z1", *words))
        assert got["rd_bytes"] == str((1 << 63) - 1)
    client.close()


def test_zone0(virt):
    """It is a domain, too, without devices of hvd's."""
    assert values(virt.virsh("domblkstat", "zone0"))["rd_req"] == "0"
    assert "has no disk vda" in virt.virsh("domblkstat", "zone0", "vda",
                                           status=1)
    assert virt.virsh("domblkerror", "zone0") == "No errors found"
    assert "cpu_time" in virt.virsh("cpu-stats", "zone0", "--total")
    assert "rss" in virt.virsh("dommemstat", "zone0")
    got = values(virt.virsh("domstats", "zone0"))
    assert got["block.count"] == got["net.count"] == "0"
    assert got["state.state"] == "1" and "vcpu.0.time" in got
    for words in (("dump", "zone0", virt.machine.tmp / "core"),
                  ("blkdeviotune", "zone0", "vda"),
                  ("domiftune", "zone0", "net0"),
                  ("domjobabort", "zone0")):
        assert virt.virsh(*words, status=1)
