# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: what is under way with a domain, and its dump."""
# pylint: disable=redefined-outer-name

import re
import struct
import subprocess
import uuid

import pytest

from test_hvd import RUNNING, STATE, wait
from virt import Wire, built, machine, string, virt, wire  # noqa: F401

pytestmark = built

RPC, INVALID_ARG, NO_DOMAIN, INVALID, UNSUPPORTED = 39, 8, 42, 55, 84
BOUNDED, OPERATION_DUMP = 1, 8
MEMORY = 64 << 20


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    client.call("zone.start", name="z1")
    yield client
    client.close()


@pytest.fixture
def dump(virt, z1):
    """A virsh whose dump is under way."""
    virt.machine.inject("delay-map", "1000")
    process = subprocess.Popen(
        ["virsh", "-c", virt.uri, "dump", "z1", virt.machine.tmp / "core"],
        env=virt.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True)
    wait(lambda: [j for j in z1.call("job.list") if "progress" in j
                  and j["progress"]["done"]])
    yield process
    (virt.machine.fake / "delay-map").unlink(missing_ok=True)
    process.wait(60)
    process.stdout.close()
    process.stderr.close()


def domain(client):
    zone = client.call("zone.get", name="z1")
    return string("z1") + uuid.UUID(zone["uuid"]).bytes + b"\0\0\0\1"


def test_no_job(virt, z1):
    assert re.search(r"Job type: +None", virt.virsh("domjobinfo", "z1"))
    assert virt.virsh("domcontrol", "z1") == "ok"
    assert "no job is active" in virt.virsh("domjobabort", "z1", status=1)
    assert re.search(r"Job type: +None", virt.virsh("domjobinfo", "zone0"))
    z1.call("zone.destroy", name="z1")
    wait(lambda: virt.virsh("domstate", "z1") == "shut off")
    for command in ("domjobinfo", "domjobabort", "domcontrol"):
        assert "domain is not running" in virt.virsh(command, "z1", status=1)


def test_a_dump_is_a_job(virt, z1, dump):
    text = virt.virsh("domjobinfo", "z1", "--rawstats")
    got = dict(re.findall(r"(\w+): +(.*)", text))
    assert int(got["data_total"]) == int(got["memory_total"]) == MEMORY
    assert 0 < int(got["data_processed"]) < MEMORY
    assert int(got["data_processed"]) + int(got["data_remaining"]) == MEMORY
    connection = virt.connect(readonly=True)
    found = connection.lookupByName("z1")
    info = found.jobInfo()
    assert info[0] == BOUNDED and info[3] == info[6] == MEMORY
    assert info[4] + info[5] == MEMORY and info[9:] == [0, 0, 0]
    assert found.jobStats()["operation"] == OPERATION_DUMP
    assert found.controlInfo()[0] == 1  # a job
    connection.close()
    virt.virsh("domjobabort", "z1")
    assert dump.wait(60) == 1
    assert "Failed to core dump" in dump.stderr.read()
    assert not (virt.machine.tmp / "core").exists()
    assert z1.call("zone.get", name="z1")["state"] == "running"


def test_dump(virt, z1):
    core = virt.machine.tmp / "core"
    core.write_text("an old one, which is replaced")
    virt.virsh("dump", "z1", core)
    assert core.read_bytes()[:4] == b"\x7fELF"
    assert z1.call("zone.get", name="z1")["state"] == "running"
    core.unlink()
    virt.virsh("dump", "z1", core, "--memory-only", "--live", "--format",
               "elf")
    assert core.read_bytes()[:4] == b"\x7fELF"
    assert virt.machine.get(1, STATE) == RUNNING
    for words in (("--format", "kdump-zlib", "--memory-only"),
                  ("--bypass-cache",)):
        assert virt.virsh("dump", "z1", f"{core}2", *words, status=1)
    assert not (virt.machine.tmp / "core2").exists()


def test_dump_and_what_then(virt, z1):
    before = z1.call("zone.get", name="z1")["id"]
    virt.virsh("dump", "z1", virt.machine.tmp / "one", "--reset")
    assert z1.call("zone.get", name="z1")["state"] == "running"
    assert (virt.machine.tmp / "one").exists()
    virt.virsh("dump", "z1", virt.machine.tmp / "two", "--crash")
    assert (virt.machine.tmp / "two").exists()
    assert before >= 1
    assert virt.virsh("domstate", "z1") == "shut off"
    assert "Requested operation is not valid" in virt.virsh(
        "dump", "z1", virt.machine.tmp / "three", status=1)


def test_wire(wire, z1, virt):
    of = domain(z1)
    core = virt.machine.tmp / "core"
    path = string(str(core))
    # crash and live, crash and reset, a format that is none, no path
    assert wire.call(53, of + path + struct.pack(">I", 3))[0] == INVALID_ARG
    assert wire.call(53, of + path + struct.pack(">I", 9))[0] == INVALID_ARG
    assert wire.call(334, of + path + struct.pack(">II", 1, 0))[0] == \
        UNSUPPORTED
    assert wire.call(53, of + string("core") + bytes(4))[0] == INVALID_ARG
    assert wire.call(53, of + string("x" * 4096) + bytes(4))[0] == RPC
    assert not core.exists()
    assert wire.call(334, of + path + bytes(8)) == b""
    assert core.exists()
    assert wire.call(442, of + bytes(4))[0] == INVALID


@pytest.mark.parametrize("number,rest", [
    (163, b""), (298, bytes(4)), (164, b""), (442, bytes(4)),
    (229, bytes(4)), (53, string("/x") + bytes(4)),
    (334, string("/x") + bytes(8))])
def test_wrong_arguments(wire, z1, number, rest):
    of = domain(z1)
    assert wire.call(number, of + rest + bytes(4))[0] == RPC
    assert wire.call(number, (of + rest)[:-4])[0] == RPC
    nobody = string("z1") + b"\1" * 16 + bytes(4)
    assert wire.call(number, nobody + rest)[0] == NO_DOMAIN
    if rest:
        bad = rest[:-4] + struct.pack(">I", 1 << 20)
        assert wire.call(number, of + bad)[0] == INVALID_ARG
