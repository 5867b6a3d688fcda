# SPDX-License-Identifier: BSD-2-Clause
"""hvd end to end on this machine: the real daemon, linked with a hypervisor made
of files (tests/unit/toolstack/fake_privcmd.c) and supervising fake_io.py, driven
over its sockets.  The program is $HVD_FAKE, else build/host/hvd-fake.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import openrpc
import seen

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
HVD = pathlib.Path(os.environ.get("HVD_FAKE", TOP / "build/host/hvd-fake"))

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")

CREATED, RUNNING, PAUSED, OFF, RESETTING, CRASHED, DYING = range(7)
GUEST_OFF, GUEST_RESET, FORCED_RESET, BAD_TRAP = 1, 3, 4, 17
STATE, REASON, FAULT_PC = 4, 8, 32
IMAGE_SIZE = 0x300000
RAM_BASE = 0x40000000
# what fake_io.py tells of a disk
LATENCY = {"read": {"sum-ns": 4500, "buckets": [1, 0, 2]},
           "write": {"sum-ns": 0, "buckets": []}}
GOOD = LATENCY["read"]


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["data"]["code"]
        self.number = error["code"]
        self.path = error["data"].get("path")
        self.hint = error["data"].get("hint")


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")
        self.id = 0
        self.begun = {}  # what was asked, by id
        self.events = []

    def send(self, raw):
        self.sock.sendall(raw)

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError("hvd closed the connection")
        assert line.endswith(b"\n")
        message = json.loads(line)
        if "method" in message:
            openrpc.check_event(message)
            seen.note("event", message["params"]["event"])
        return message

    def begin(self, method, **params):
        self.id += 1
        self.begun[self.id] = method, params
        self.send(json.dumps({"jsonrpc": "2.0", "id": self.id,
                              "method": method,
                              "params": params}).encode() + b"\n")
        return self.id

    def finish(self, wanted):
        while True:
            message = self.read()
            if message.get("method") == "event":
                self.events.append(message["params"])
                continue
            assert message["jsonrpc"] == "2.0"
            assert message["id"] == wanted
            method, params = self.begun.pop(wanted, (None, None))
            openrpc.check(method, params, message)
            seen.note_answer(method, message)
            if "error" in message:
                raise RpcError(message["error"])
            return message["result"]

    def call(self, method, **params):
        return self.finish(self.begin(method, **params))

    def event(self, zone, name):
        """Waits for an event; returns it and drops what came before."""
        while True:
            while self.events:
                event = self.events.pop(0)
                if event["zone"] == zone and event["event"] == name:
                    return event
            self.events.append(self.read()["params"])

    def close(self):
        self.file.close()
        self.sock.close()


class Program:
    """What runs while a test does, and logs to a file."""
    process = log = None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()


class Machine(Program):
    """A run of hvd and what outlives it."""

    def __init__(self, tmp):
        self.tmp = tmp
        self.fake = tmp / "fake"
        self.run_dir = tmp / "run"
        self.config = tmp / "etc"
        self.socket = self.run_dir / "hvd.sock"
        self.prefix = []  # of the command
        self.bin = tmp / "bin"  # first in its PATH
        self.bin.mkdir()
        self.path = f"{self.bin}:{os.environ['PATH']}"
        self.log = open(tmp / "hvd.log", "w+")
        self.fake.mkdir()
        self.image = tmp / "Image"
        self.image.write_bytes(arm64_image())
        self.initrd = tmp / "initrd"
        self.initrd.write_bytes(b"initrd" * 1000)

    def start(self, *args, pass_fds=()):
        env = dict(os.environ, ZV_FAKE_DIR=str(self.fake), PATH=self.path,
                   ASAN_OPTIONS="detect_leaks=1")
        self.process = subprocess.Popen(
            [*self.prefix, HVD, "--config-dir", self.config, "--run-dir", self.run_dir,
             "--io-program", HERE / "fake_io.py",
             "--display-program", HERE / "fake_display.py",
             "--log-level", "debug",
             *args],
            env=env, stderr=self.log, pass_fds=pass_fds)
        return self.client()

    def client(self, readonly=False):
        path = self.run_dir / ("hvd-ro.sock" if readonly else "hvd.sock")
        return wait(lambda: self.connect(path))

    def connect(self, path):
        assert self.process.poll() is None, self.text()
        try:
            return Client(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def definition(self, name="z1", **more):
        return {"name": name, "vcpus": 1, "memory": "64M",
                "kernel": str(self.image), "cmdline": "console=ttyAMA0",
                **more}

    def zones(self):
        return sorted(int(p.name[5:]) for p in self.fake.glob("zone-*")
                      if p.name[5:].isdigit())

    def put(self, zone, offset, value, form="<I"):
        fd = os.open(self.fake / f"zone-{zone}", os.O_RDWR)
        os.pwrite(fd, struct.pack(form, value), offset)
        os.close(fd)

    def get(self, zone, offset):
        data = (self.fake / f"zone-{zone}").read_bytes()
        return struct.unpack_from("<I", data, offset)[0]

    def guest(self, zone, state, reason):
        """The guest does something by itself."""
        self.put(zone, REASON, reason)
        self.put(zone, STATE, state)

    def inject(self, operation, text):
        (self.fake / operation).write_text(text)

    def failed(self, operation):
        """How often it failed because a test wanted it to."""
        path = self.fake / f"failed-{operation}"
        return path.stat().st_size if path.exists() else 0

    def clear(self, operation):
        (self.fake / operation).unlink()

    def io_log(self, zone):
        path = self.fake / f"io-{zone}.log"
        return [message for message in
                map(json.loads, path.read_text().splitlines())
                if "fd" not in message]

    def io_fds(self, zone):
        """What hvd-io was given to work on, of all its starts."""
        path = self.fake / f"io-{zone}.log"
        return [message for message in
                map(json.loads, path.read_text().splitlines())
                if "fd" in message]

    def disk(self, name="disk.img", size=1 << 20):
        path = self.tmp / name
        with open(path, "wb") as file:
            file.truncate(size)
        return path


def arm64_image():
    head = bytearray(64)
    struct.pack_into("<QQQ", head, 8, 0, IMAGE_SIZE, 0xa)
    head[56:60] = b"ARM\x64"
    return bytes(head) + b"K" * 5000


def wait(check, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError("timed out")


@pytest.fixture
def machine(tmp_path):
    m = Machine(tmp_path)
    yield m
    if m.process and m.process.poll() is None:
        m.stop()
    for path in m.fake.glob("zone-*"):
        path.unlink()  # I/O processes left behind end by this
    text = m.text()
    assert "ERROR: AddressSanitizer" not in text, text
    assert "runtime error" not in text, text
    assert "LeakSanitizer" not in text, text
    assert "bug:" not in text, text


@pytest.fixture
def hvd(machine):
    client = machine.start()
    client.call("event.subscribe")
    yield client
    client.close()


def fails(code, client, method, **params):
    with pytest.raises(RpcError) as info:
        client.call(method, **params)
    assert info.value.code == code, info.value
    return info.value


def state(client, name):
    return client.call("zone.get", name=name)["state"]


def started(machine, client, name="z1", **more):
    client.call("zone.define", definition=machine.definition(name, **more))
    client.call("zone.start", name=name)
    return client.call("zone.get", name=name)


# ------------------------------------------------------------ the simple ones

def test_version_and_host(machine, hvd):
    version = hvd.call("hvd.version")
    assert version["connected"] is True
    assert version["abi"] == "1.0"
    host = hvd.call("host.info")
    assert host["pcpus"] == 4
    assert host["memory"]["free"] == 1 << 30
    assert [cpu["cpu"] for cpu in host["cpus"]] == [0, 1, 2, 3]
    for cpu in host["cpus"]:
        assert cpu["vcpus"] == [{"zone": "zone0", "vcpu": cpu["cpu"]}]
        place = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu['cpu']}/topology")
        for key, file in (("package", "physical_package_id"),
                          ("cluster", "cluster_id"), ("core", "core_id")):
            known = int((place / file).read_text()) \
                if (place / file).exists() else -1
            assert cpu.get(key, -1) == known
    (machine.fake / "log").write_bytes(b"[0] hello\xff\x1b\n")
    log = hvd.call("host.log")
    assert log["text"] == "[0] hello??\n"
    assert log["pos"] == 12
    assert hvd.call("host.log", pos=4)["text"] == "hello??\n"
    fails("INVALID_PARAMS", hvd, "host.log", pos=-1)
    counters = hvd.call("host.counters")
    assert counters["exits"]["hvc"] == 42
    assert counters["guest_ns"] == sum(
        vcpu["guest_ns"] for vcpu in counters["vcpus"])
    assert [vcpu["steal_ns"] for vcpu in counters["vcpus"]] == [
        50000000, 200000000]
    fails("ZONE_NOT_FOUND", hvd, "host.counters", zone="nobody")


def write_trace(machine, cpu, records, first=0):
    """What the fake hypervisor has of a CPU: (time, event, zone, vcpu, detail,
    argument), as hypervisor/include/public/zv/trace_record.h has them."""
    new = machine.fake / "new-trace"
    new.write_bytes(struct.pack("<Q", first) +
                    b"".join(struct.pack("<QHHHHQQ", *r, 0) for r in records))
    new.rename(machine.fake / f"trace-{cpu}")  # hvd may be reading


def traced_classes(machine):
    return int((machine.fake / "trace").read_text())


def wait_trace_reads(machine, count):
    """Until that many more have been read, of whatever CPU."""
    path = machine.fake / "trace-reads"

    def reads():
        return path.stat().st_size if path.exists() else 0

    end = reads() + count
    wait(lambda: reads() >= end)


NOBODY = 0xffff


def test_trace(machine, hvd):
    assert traced_classes(machine) == 0
    error = fails("INVALID_STATE", hvd, "trace.read", cpu=0)
    assert "trace.set" in error.hint
    write_trace(machine, 1, [(100 + i, 0, 1, 0, 0, 0) for i in range(700)])
    started = hvd.call("trace.set", events=["run", "sched"])
    assert started == {"pos": [0, 700, 0, 0]}
    assert traced_classes(machine) == 3
    got = hvd.call("trace.read", cpu=1)
    assert len(got["records"]) == 512 and got["pos"] == 512
    assert got["records"][511] == [611, "enter", 1, 0, None, 0]
    assert got["lost"] == 0
    got = hvd.call("trace.read", cpu=1, pos=512)
    assert len(got["records"]) == 188 and got["pos"] == 700
    assert hvd.call("trace.read", cpu=1, pos=700) == {
        "records": [], "lost": 0, "pos": 700}
    # beyond the end, and overwritten
    assert hvd.call("trace.read", cpu=1, pos=2**63 - 1)["pos"] == 700
    write_trace(machine, 1, [(5, 0, 1, 0, 0, 0)], first=1000)
    got = hvd.call("trace.read", cpu=1, pos=700)
    assert got["lost"] == 300 and got["pos"] == 1001
    error = fails("INVALID_PARAMS", hvd, "trace.read", cpu=4)
    assert error.path == "$.cpu"
    assert fails("INVALID_PARAMS", hvd, "trace.read", cpu=64).path == "$.cpu"
    error = fails("INVALID_PARAMS", hvd, "trace.set", events=["run", "walk"])
    assert error.path == "$.events[1]" and "sched" in error.hint
    fails("INVALID_PARAMS", hvd, "trace.set", events=[5])
    assert traced_classes(machine) == 3
    assert hvd.call("trace.set", events=[])["pos"][1] == 1001
    assert traced_classes(machine) == 0
    fails("INVALID_STATE", hvd, "trace.read", cpu=0)


def test_trace_words(machine, hvd):
    hvd.call("trace.set", events=["run", "sched", "irq", "io", "hypercall",
                                  "state"])
    assert traced_classes(machine) == 63
    write_trace(machine, 0, [
        (1, 0x10, 3, 1, 0, 0), (2, 0x00, 3, 1, 0, 0),
        (3, 0x01, 3, 1, 5, 0x93800046), (4, 0x31, 3, 1, 0x104, 0xa000050),
        (5, 0x12, 3, 1, 1, 0), (6, 0x12, 3, 1, 0, 0),
        (7, 0x10, NOBODY, NOBODY, 0, 0), (8, 0x11, 3, 1, 0, 2),
        (9, 0x20, 0, 2, 0, 300), (10, 0x30, 3, 1, 0, 17),
        (11, 0x31, 3, 1, 4, 0x9000000), (12, 0x32, 3, 1, 0, 0x9000004),
        (13, 0x40, 0, 0, 0x13, (1 << 64) - 11), (14, 0x50, 3, NOBODY, 1, 0),
        (15, 0x01, 3, 1, 77, 1 << 63), (16, 0x5f, 3, 1, 0, 0)])
    assert hvd.call("trace.read", cpu=0)["records"] == [
        [1, "switch", 3, 1, None, 0], [2, "enter", 3, 1, None, 0],
        [3, "leave", 3, 1, "access", 0x93800046],
        [4, "forward", 3, 1, "write", 0xa000050],
        [5, "block", 3, 1, "access", 0], [6, "block", 3, 1, "irq", 0],
        [7, "switch", None, None, None, 0], [8, "ready", 3, 1, None, 2],
        [9, "inject", 0, 2, None, 300], [10, "doorbell", 3, 1, None, 17],
        [11, "forward", 3, 1, "read", 0x9000000],
        [12, "posted", 3, 1, None, 0x9000004],
        [13, "hypercall", 0, 0, "zone_pause", -11],
        [14, "state", 3, None, "running", 0],
        # a reason and an event of a hypervisor that is newer
        [15, "leave", 3, 1, None, 1 << 63]]


def test_trace_knows_every_hypercall(machine, hvd):
    header = HERE.parents[1] / "hypervisor/include/public/zv/hypercall.h"
    calls = re.findall(r"^#define ZV_HC_(\w+) (0x[0-9a-f]{2})u", header.read_text(),
                       re.M)
    calls.remove(("COUNT", "0x48"))
    hvd.call("trace.set", events=["hypercall"])
    write_trace(machine, 0, [(i, 0x40, 0, 0, int(number, 16), 0)
                             for i, (_, number) in enumerate(calls)])
    told = [r[4] for r in hvd.call("trace.read", cpu=0)["records"]]
    assert told == [name.lower() for name, _ in calls]


def test_trace_is_shared(machine, hvd):
    """Each gets what it asked for; it is off when the last has gone, however
    that happens."""
    other = machine.client()
    reader = machine.client(readonly=True)
    fails("PERMISSION", reader, "trace.set", events=["run"])
    fails("INVALID_STATE", reader, "trace.read", cpu=0)
    hvd.call("trace.set", events=["run"])
    other.call("trace.set", events=["irq", "state"])
    assert traced_classes(machine) == 1 | 4 | 32
    write_trace(machine, 0, [(1, 0, 1, 0, 0, 0), (2, 0x20, 1, 0, 0, 40)])
    for _ in range(2):
        assert [r[1] for r in hvd.call("trace.read", cpu=0)["records"]] == [
            "enter"]
        assert [r[1] for r in other.call("trace.read", cpu=0)["records"]] == [
            "inject"]
    other.close()
    wait(lambda: traced_classes(machine) == 1)
    hvd.call("trace.set", events=["io"])
    assert traced_classes(machine) == 8
    hvd.call("trace.set", events=[])
    assert traced_classes(machine) == 0
    # reading is not worth a line of the audit
    assert machine.text().count("trace.read") == 0
    assert machine.text().count(": trace.set") == 5
    # whoever is killed leaves it on; the next one sees to it
    hvd.call("trace.set", events=["run"])
    machine.kill()
    assert traced_classes(machine) == 1
    client = machine.start()
    assert traced_classes(machine) == 0
    client.call("trace.set", events=["run"])
    machine.stop()
    assert traced_classes(machine) == 0


def test_trace_that_fails(machine, hvd):
    hvd.call("trace.set", events=["run"])
    for number, code in ((12, "NO_MEMORY"), (38, "UNSUPPORTED"),
                         (25, "UNSUPPORTED"), (5, "INTERNAL")):
        machine.inject("fail-trace-set", f"once {number}")
        fails(code, hvd, "trace.set", events=["irq"])
        assert traced_classes(machine) == 1
    assert hvd.call("trace.read", cpu=0)["records"] == []
    machine.inject("fail-trace-read", "once 5")
    fails("INTERNAL", hvd, "trace.read", cpu=0)
    machine.inject("fail-trace-read", "once 38")
    fails("UNSUPPORTED", hvd, "trace.read", cpu=0)
    # the first that asks, and it is not begun
    hvd.call("trace.set", events=[])
    machine.inject("fail-trace-set", "once 12")
    fails("NO_MEMORY", hvd, "trace.set", events=["irq"])
    fails("INVALID_STATE", hvd, "trace.read", cpu=0)
    # an older hypervisor has none, and all else works
    machine.stop()
    machine.inject("fail-trace-set", "38")
    client = machine.start()
    fails("UNSUPPORTED", client, "trace.set", events=["irq"])
    client.call("host.info")


def test_discover_names_every_method(hvd):
    document = hvd.call("rpc.discover")
    for method in document["methods"]:
        try:
            hvd.call(method["name"])
        except RpcError as error:
            assert error.code != "METHOD_NOT_FOUND"


def test_without_hypervisor(machine):
    machine.inject("fail-open", "2")
    client = machine.start()
    assert client.call("hvd.version")["connected"] is False
    client.call("zone.define",
                definition=machine.definition(autostart=True))
    fails("NO_HYPERVISOR", client, "host.info")
    error = fails("NO_HYPERVISOR", client, "zone.start", name="z1")
    assert "modprobe" in error.hint
    machine.clear("fail-open")
    assert client.call("hvd.version")["connected"] is True
    wait(lambda: state(client, "z1") == "running")


def test_zone0_is_listed_but_not_touched(hvd):
    assert hvd.call("zone.list")[0]["name"] == "zone0"
    assert hvd.call("zone.get", name="zone0")["state"] == "running"
    for method in ("start", "destroy", "shutdown", "pause", "undefine"):
        error = fails("UNSUPPORTED", hvd, f"zone.{method}", name="zone0")
        assert error.hint
    error = fails("INVALID_DEFINITION", hvd, "zone.define",
                  definition={"name": "zone0"})
    assert error.path == "$.name"


def test_a_uuid_stands_for_a_name(machine, hvd):
    uuid = started(machine, hvd)["uuid"]
    hvd.call("zone.define", definition=machine.definition("other"))
    for given in (uuid, uuid.upper()):
        assert hvd.call("zone.get", name=given)["name"] == "z1"
        assert hvd.call("host.counters", zone=given)["vcpus"]
    hvd.call("zone.pause", name=uuid)
    assert state(hvd, "z1") == "paused"
    assert hvd.event("z1", "paused")
    assert hvd.call("zone.rename", name=hvd.call("zone.get", name="other")
                    ["uuid"], new_name="another")["name"] == "another"
    zone0 = hvd.call("zone.list")[0]["uuid"]
    assert hvd.call("zone.get", name=zone0)["name"] == "zone0"
    assert hvd.call("host.counters", zone=zone0) == hvd.call("host.counters")
    fails("UNSUPPORTED", hvd, "zone.destroy", name=zone0)
    for given in (uuid[:-1], uuid + "0", uuid[:-1] + "x", uuid.replace("-", "."),
                  "6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48"):
        error = fails("ZONE_NOT_FOUND", hvd, "zone.get", name=given)
        assert error.path == "$.name" and given in str(error)
        error = fails("ZONE_NOT_FOUND", hvd, "host.counters", zone=given)
        assert error.path == "$.zone"


def test_no_zone_is_called_as_a_uuid(machine, hvd):
    name = "6F0C1E5A-94d2-4c39-8a51-0f9b7c2d3e48"
    error = fails("INVALID_DEFINITION", hvd, "zone.define",
                  definition=machine.definition(name))
    assert error.path == "$.name" and "no uuid" in error.hint
    hvd.call("zone.define", definition=machine.definition())
    error = fails("INVALID_PARAMS", hvd, "zone.rename", name="z1",
                  new_name=name)
    assert error.path == "$.new_name" and "no uuid" in error.hint


# ---------------------------------------------------------------- definitions

def test_define_replace_undefine(machine, hvd):
    first = hvd.call("zone.define", definition=machine.definition())
    assert first["generation"] == 1
    again = hvd.call("zone.define", definition=machine.definition(vcpus=2))
    assert again == {**first, "generation": 2}
    detail = hvd.call("zone.get", name="z1")
    assert detail["definition"]["vcpus"] == 2
    assert detail["state"] == "defined"
    event = hvd.event("z1", "defined")
    assert "reason" not in event and event["uuid"] == first["uuid"]
    assert hvd.event("z1", "defined")["reason"] == "changed"
    fails("ZONE_EXISTS", hvd, "zone.define",
          definition=machine.definition("other", uuid=first["uuid"]))
    fails("ZONE_EXISTS", hvd, "zone.define", definition=machine.definition(
        uuid="6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48"))
    error = fails("INVALID_DEFINITION", hvd, "zone.define",
                  definition=machine.definition(
                      devices=[{"type": "console"}, {"type": "warp"}]))
    assert error.path == "$.devices[1].type"
    hvd.call("zone.undefine", name="z1")
    hvd.event("z1", "undefined")
    fails("ZONE_NOT_FOUND", hvd, "zone.get", name="z1")
    assert not list((machine.config / "zones").iterdir())


def test_define_only_what_was_read(machine, hvd):
    definition = machine.definition()
    fails("INVALID_STATE", hvd, "zone.define", definition=definition,
          generation=1)
    assert hvd.call("zone.define", definition=definition,
                    generation=0)["generation"] == 1
    for other in (0, 2, -1):
        code = "INVALID_PARAMS" if other < 0 else "INVALID_STATE"
        error = fails(code, hvd, "zone.define", generation=other,
                      definition=machine.definition(vcpus=2))
        assert error.path == "$.generation"
    detail = hvd.call("zone.get", name="z1")
    assert detail["generation"] == 1 and detail["definition"]["vcpus"] == 1
    assert hvd.call("zone.define", definition=definition,
                    generation=1)["generation"] == 2
    hvd.call("zone.undefine", name="z1")
    fails("INVALID_STATE", hvd, "zone.define", definition=definition,
          generation=2)
    fails("ZONE_NOT_FOUND", hvd, "zone.get", name="z1")


def test_rename(machine, hvd):
    first = hvd.call("zone.define", definition=machine.definition(
        devices=[{"type": "net"}]))
    before = hvd.call("zone.get", name="z1")["definition"]
    assert hvd.call("zone.rename", name="z1", new_name="a1") == {
        "name": "a1", "uuid": first["uuid"], "generation": 2}
    assert hvd.event("z1", "undefined")["reason"] == "renamed to a1"
    assert hvd.event("a1", "defined")["reason"] == "renamed from z1"
    # uuid and the address made of it stay
    assert hvd.call("zone.get", name="a1")["definition"] == \
        before | {"name": "a1"}
    fails("ZONE_NOT_FOUND", hvd, "zone.get", name="z1")
    assert [p.name for p in (machine.config / "zones").iterdir()] == ["a1.json"]
    # the old name is free again
    assert hvd.call("zone.define",
                    definition=machine.definition())["uuid"] != first["uuid"]
    for name, code in (("z1", "ZONE_EXISTS"), ("a1", "ZONE_EXISTS"),
                       ("zone0", "INVALID_PARAMS"), ("", "INVALID_PARAMS"),
                       ("../a", "INVALID_PARAMS"), ("a" * 64, "INVALID_PARAMS")):
        error = fails(code, hvd, "zone.rename", name="a1", new_name=name)
        assert error.path == "$.new_name" and error.hint
    fails("ZONE_NOT_FOUND", hvd, "zone.rename", name="no", new_name="b1")
    fails("UNSUPPORTED", hvd, "zone.rename", name="zone0", new_name="b1")
    hvd.call("zone.start", name="a1")
    error = fails("INVALID_STATE", hvd, "zone.rename", name="a1", new_name="b1")
    assert "a1 is running" in str(error) and error.hint == "shut it down first"
    hvd.call("zone.destroy", name="a1")
    machine.stop()
    with contextlib.closing(machine.start()) as client:
        assert [z["name"] for z in client.call("zone.list")] == \
            ["zone0", "a1", "z1"]
        assert client.call("zone.get", name="a1")["uuid"] == first["uuid"]


def test_a_rename_that_was_cut_short_is_ended(machine):
    """The file has the new contents, but its old name still."""
    uuid = "6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48"
    zones = machine.config / "zones"
    zones.mkdir(parents=True)
    text = machine.definition("new", uuid=uuid, generation=4)
    (zones / "old.json").write_text(json.dumps(text | {"renamed-from": "old"}))
    (zones / "by-hand.json").write_text(json.dumps(text | {"name": "other"}))
    (zones / "taken.json").write_text(json.dumps(
        machine.definition("kept") | {"renamed-from": "taken"}))
    (zones / "kept.json").write_text(json.dumps(machine.definition("kept")))
    (zones / "bad.json").write_text(json.dumps(
        machine.definition("worse") | {"renamed-from": "../bad"}))
    client = machine.start()
    assert [z["name"] for z in client.call("zone.list")] == \
        ["zone0", "kept", "new"]
    detail = client.call("zone.get", name="new")
    assert (detail["uuid"], detail["generation"]) == (uuid, 4)
    assert {p.name for p in zones.iterdir()} == {
        "bad.json", "by-hand.json", "kept.json", "new.json", "taken.json"}
    assert "by-hand.json: skipped: the file must be called as the zone" \
        in machine.text()
    client.close()


def test_a_renamed_zone_is_not_started_again(machine):
    client = machine.start()
    client.call("zone.define", definition=machine.definition(autostart=True))
    client.call("zone.define", definition=machine.definition(
        "z9", autostart={"order": 5, "delay": "3600s"}))
    machine.stop()
    client.close()
    (machine.run_dir / "autostarted").unlink()  # the machine boots
    client = machine.start()
    client.call("event.subscribe", since=0)
    client.event("z9", "started")
    client.call("zone.destroy", name="z1")
    client.call("zone.rename", name="z1", new_name="z2")
    machine.kill()
    client.close()
    client = machine.start()
    assert client.call("zone.get", name="z2")["state"] == "defined"
    client.close()


# ----------------------------------------------------------- transient zones

def listed(client, name):
    return next((z for z in client.call("zone.list") if z["name"] == name), None)


def test_transient_zone(machine, hvd):
    definition = machine.definition(autostart=True)
    hvd.call("zone.create", definition=definition, paused=True)
    assert listed(hvd, "z1")["persistent"] is False
    assert listed(hvd, "z1")["autostart"] is False
    assert listed(hvd, "zone0")["persistent"] is True
    hvd.call("zone.resume", name="z1")
    detail = hvd.call("zone.get", name="z1")
    assert detail["definition"] is None
    assert detail["running_definition"]["uuid"] == detail["uuid"]
    assert not list((machine.config / "zones").iterdir())
    error = fails("ZONE_EXISTS", hvd, "zone.create", definition=definition)
    assert error.path == "$.name"
    fails("ZONE_EXISTS", hvd, "zone.create", definition=machine.definition(
        "z2", uuid=detail["uuid"]))
    error = fails("INVALID_STATE", hvd, "zone.undefine", name="z1")
    assert "transient" in str(error)
    error = fails("INVALID_DEFINITION", hvd, "zone.create",
                  definition=machine.definition("z2", vcpus=0))
    assert error.path == "$.vcpus"
    fails("TOO_LARGE", hvd, "zone.create", definition=machine.definition(
        "z2", cmdline="x" * 70000))
    fails("IO_ERROR", hvd, "zone.create",
          definition=machine.definition("z2", kernel="/no/such"))
    assert [z["name"] for z in hvd.call("zone.list")] == ["zone0", "z1"]
    hvd.call("zone.reset", name="z1")  # as long as it has not ended
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "stopped")
    fails("ZONE_NOT_FOUND", hvd, "zone.get", name="z1")
    assert not list((machine.run_dir / "zones").iterdir())


def test_transient_zone_survives_hvd(machine):
    client = machine.start()
    client.call("zone.create", definition=machine.definition(
        devices=[{"type": "rng", "name": "dice"}]))
    before = client.call("zone.get", name="z1")
    for end in (machine.kill, machine.stop):
        end()
        client.close()
        client = machine.start()
        wait(lambda: client.call("zone.get", name="z1")["devices"])
        after = client.call("zone.get", name="z1")
        for member in ("uuid", "id", "running_definition", "definition",
                       "persistent"):
            assert after[member] == before[member], member
    client.call("zone.destroy", name="z1")
    fails("ZONE_NOT_FOUND", client, "zone.get", name="z1")
    client.close()


def test_transient_and_persistent(machine, hvd):
    """define makes a zone that runs persistent, undefine transient."""
    hvd.call("zone.create", definition=machine.definition())
    uuid = hvd.call("zone.get", name="z1")["uuid"]
    hvd.call("zone.define", definition=machine.definition(vcpus=2))
    detail = hvd.call("zone.get", name="z1")
    assert detail["persistent"] is True and detail["uuid"] == uuid
    assert detail["definition"]["vcpus"] == 2 and detail["vcpus"] == 1
    hvd.call("zone.undefine", name="z1")
    assert "transient" in hvd.event("z1", "undefined")["reason"]
    assert listed(hvd, "z1")["persistent"] is False
    hvd.call("zone.define", definition=machine.definition())
    hvd.call("zone.destroy", name="z1")
    assert listed(hvd, "z1")["state"] == "defined"
    hvd.call("zone.undefine", name="z1")
    assert "reason" not in hvd.event("z1", "undefined")
    assert not listed(hvd, "z1")


def test_transient_zone_starts_again_as_its_policy_says(machine):
    client = machine.start()
    client.call("event.subscribe")
    client.call("zone.create",
                definition=machine.definition(on_crash="restart"))
    uuid = client.call("zone.get", name="z1")["uuid"]
    client.event("z1", "started")
    machine.guest(1, CRASHED, BAD_TRAP)
    client.event("z1", "started")
    assert listed(client, "z1")["uuid"] == uuid
    # ... also if hvd is killed between its end and its start
    machine.inject("delay-create", "2000")
    machine.guest(machine.zones()[0], CRASHED, BAD_TRAP)
    client.event("z1", "stopped")
    machine.kill()
    client.close()
    machine.clear("delay-create")
    client = machine.start()
    wait(lambda: (listed(client, "z1") or {}).get("state") == "running")
    assert listed(client, "z1")["uuid"] == uuid
    assert listed(client, "z1")["persistent"] is False
    # one that cannot start again is gone
    machine.image.unlink()
    machine.guest(machine.zones()[0], CRASHED, BAD_TRAP)
    wait(lambda: not listed(client, "z1"))
    assert machine.zones() == []
    client.close()


# ------------------------------------------------------------------- pinning

def test_pin(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(
        vcpus=3, cpus=[None, 2, None]))
    assert hvd.call("zone.get", name="z1")["definition"]["cpus"] == \
        [None, 2, None]
    error = fails("INVALID_STATE", hvd, "zone.pin", name="z1", vcpu=0, pcpu=0)
    assert "--config" in error.hint
    hvd.call("zone.start", name="z1")
    before = hvd.call("zone.get", name="z1")["info"]["pcpus"]
    assert before[1] == 2 and sorted(before) == [1, 2, 3]
    for params, path in (({"vcpu": 3, "pcpu": 0}, "$.vcpu"),
                         ({"vcpu": -1, "pcpu": 0}, "$.vcpu"),
                         ({"vcpu": 0, "pcpu": 4}, "$.pcpu"),
                         ({"vcpu": 0, "pcpu": 1 << 32}, "$.pcpu"),
                         ({"vcpu": 0, "pcpu": -1}, "$.pcpu")):
        error = fails("INVALID_PARAMS", hvd, "zone.pin", name="z1", **params)
        assert error.path == path
    hvd.call("zone.pin", name="z1", vcpu=1, pcpu=0)
    detail = hvd.call("zone.get", name="z1")
    assert detail["info"]["pcpus"] == [before[0], 0, before[2]]
    assert detail["definition"]["cpus"] == [None, 2, None]
    assert detail["running_definition"]["cpus"] == [None, 0, None]
    machine.stop()
    with contextlib.closing(machine.start()) as client:
        detail = client.call("zone.get", name="z1")
        assert detail["running_definition"]["cpus"] == [None, 0, None]
    with contextlib.closing(machine.client()) as client:
        for err, code in ((38, "UNSUPPORTED"), (25, "UNSUPPORTED"),
                          (22, "INTERNAL")):
            machine.inject("fail-vcpu-pin", str(err))
            fails(code, client, "zone.pin", name="z1", vcpu=0, pcpu=0)


def test_pin_a_zone_that_was_not(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(vcpus=2))
    hvd.call("zone.start", name="z1", paused=True)
    hvd.call("zone.pin", name="z1", vcpu=1, pcpu=3)
    detail = hvd.call("zone.get", name="z1")
    assert detail["running_definition"]["cpus"] == [None, 3]
    assert "cpus" not in detail["definition"]
    hvd.call("zone.define", definition=machine.definition(
        vcpus=2, cpus=[None, None]))
    assert "cpus" not in hvd.call("zone.get", name="z1")["definition"]
    hvd.call("zone.destroy", name="z1")
    hvd.call("zone.define", definition=machine.definition(
        vcpus=4, cpus=[3, None, None, None]))
    hvd.call("zone.start", name="z1")
    assert hvd.call("zone.get", name="z1")["info"]["pcpus"][0] == 3
    assert sorted(hvd.call("zone.get", name="z1")["info"]["pcpus"]) == \
        [0, 1, 2, 3]


# ------------------------------------------------------------- vCPUs that are on

def limit(machine, zone):
    """Of the hypervisor; 0: it was never told one."""
    return struct.unpack("<I", (machine.fake / f"zone-{zone}").read_bytes()
                         [-8:-4])[0]


def test_vcpus_that_may_be_on(machine, hvd):
    vcpus = {"max": 4, "on": 2}
    hvd.call("zone.define", definition=machine.definition(vcpus=vcpus))
    detail = hvd.call("zone.get", name="z1")
    assert detail["definition"]["vcpus"] == vcpus and detail["vcpus"] == 4
    error = fails("INVALID_STATE", hvd, "zone.set", name="z1", vcpus=3)
    assert "setvcpus --config" in error.hint
    hvd.call("zone.start", name="z1")
    assert limit(machine, 1) == 2
    hvd.call("zone.set", name="z1", vcpus=3)
    assert limit(machine, 1) == 3
    error = fails("INVALID_PARAMS", hvd, "zone.set", name="z1", vcpus=5)
    assert error.path == "$.vcpus" and "at most 4" in str(error)
    assert limit(machine, 1) == 3
    detail = hvd.call("zone.get", name="z1")
    assert detail["definition"]["vcpus"] == vcpus
    assert detail["running_definition"]["vcpus"] == {"max": 4, "on": 3}
    machine.stop()
    client = machine.start()
    detail = client.call("zone.get", name="z1")
    assert detail["running_definition"]["vcpus"] == {"max": 4, "on": 3}
    client.call("zone.set", name="z1", vcpus=4)
    assert client.call("zone.get",
                       name="z1")["running_definition"]["vcpus"] == 4
    for err, code in ((38, "UNSUPPORTED"), (5, "INTERNAL")):
        machine.inject("fail-vcpu-limit", str(err))
        fails(code, client, "zone.set", name="z1", vcpus=1)
    client.call("zone.destroy", name="z1")
    machine.inject("fail-vcpu-limit", "38")
    error = fails("UNSUPPORTED", client, "zone.start", name="z1")
    assert error.path == "$.vcpus.on" and machine.zones() == []
    client.call("zone.define", definition=machine.definition(
        vcpus={"max": 2}))
    assert client.call("zone.get", name="z1")["definition"]["vcpus"] == 2
    client.call("zone.start", name="z1")  # needs no limit
    client.close()


# ---------------------------------------------------- what describes a zone

ABOUT = ("title", "description", "metadata")


def about(client, name="z1"):
    """Of the definition, or of a transient zone; never does what runs differ."""
    detail = client.call("zone.get", name=name)
    both = [{k: d[k] for k in ABOUT if k in d} for d in
            (detail["definition"], detail.get("running_definition")) if d]
    assert all(one == both[0] for one in both)
    assert detail.get("title") == both[0].get("title")
    return both[0]


def again(machine, client):
    client.close()
    machine.kill()
    return machine.start()


def described(client, name="z1"):
    """What the next change is said to be about: one event each, then one more."""
    reasons = []
    while True:
        while client.events:
            event = client.events.pop(0)
            if event["zone"] != name:
                continue
            if event["event"] == "described":
                reasons.append(event["reason"])
            elif event["event"] == "defined" and reasons:
                assert event["reason"] == "changed"
                return reasons
        client.events.append(client.read()["params"])


def test_describe(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(title="first"))
    assert hvd.call("zone.list")[1]["title"] == "first"
    made = hvd.call("zone.set", name="z1", description="a\nb",
                    metadata={"urn:a": "<a/>", "urn:b": "<b/>"})
    assert made["name"] == "z1" and made["generation"] == 2
    assert about(hvd) == {"title": "first", "description": "a\nb",
                          "metadata": {"urn:a": "<a/>", "urn:b": "<b/>"}}
    assert described(hvd) == ["description", "metadata urn:a",
                              "metadata urn:b"]
    hvd.call("zone.start", name="z1")
    assert hvd.call("zone.set", name="z1", title="", description="c",
                    metadata={"urn:a": None, "urn:b": "<B/>",
                              "urn:0": "<o/>"}) == {
                        **made, "generation": 3}
    assert described(hvd) == ["title", "description", "metadata urn:0",
                              "metadata urn:a", "metadata urn:b"]
    hvd.call("zone.set", name="z1", metadata={"urn:0": None, "urn:b": "<B/>"})
    assert described(hvd) == ["metadata urn:0"]
    new = {"description": "c", "metadata": {"urn:b": "<B/>"}}
    assert about(hvd) == new
    assert "running_definition" not in hvd.call("zone.get", name="z1")
    client = again(machine, hvd)
    detail = client.call("zone.get", name="z1")
    assert about(client) == new and "running_definition" not in detail
    assert detail["generation"] == 4 and detail["state"] == "running"
    # It goes on as a transient zone, and a later daemon knows as much.
    client.call("zone.undefine", name="z1")
    client = again(machine, client)
    assert about(client) == new
    client.call("zone.destroy", name="z1")


def test_describe_what_is_transient(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    hvd.call("zone.create", definition=machine.definition(title="first"),
             paused=True)
    hvd.call("zone.set", name="z1", title="second", metadata={"urn:a": ""})
    assert described(hvd) == ["title", "metadata urn:a"]
    client = again(machine, hvd)
    assert about(client) == {"title": "second", "metadata": {"urn:a": ""}}
    assert state(client, "z1") == "paused"
    assert not client.call("zone.get", name="z1")["persistent"]
    client.call("zone.set", name="z1", title="second")  # as it is
    client.call("zone.resume", name="z1")
    client.call("zone.shutdown", name="z1")
    fails("BUSY", client, "zone.set", name="z1", title="third")
    client.call("zone.destroy", name="z1")


def test_definition_that_describes(machine, hvd):
    """What describes a zone that runs is that of its definition, whatever else
    is to wait for its next start."""
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd, title="first")
    hvd.call("zone.define", definition=machine.definition(title="second"))
    assert about(hvd) == {"title": "second"}
    assert "running_definition" not in hvd.call("zone.get", name="z1")
    hvd.call("zone.define", definition=machine.definition(
        vcpus=2, metadata={"urn:a": "<a/>"}))
    assert about(hvd) == {"metadata": {"urn:a": "<a/>"}}
    detail = hvd.call("zone.get", name="z1")
    assert detail["running_definition"]["vcpus"] == 1
    hvd.call("zone.set", name="z1", vcpus=1, description="d")
    # also in moments when nothing can be recorded of what runs
    hvd.call("zone.shutdown", name="z1")
    hvd.call("zone.set", name="z1", title="third")
    new = {"title": "third", "description": "d",
           "metadata": {"urn:a": "<a/>"}}
    assert about(hvd) == new
    client = again(machine, hvd)
    assert about(client) == new
    path = machine.config / "zones/z1.json"
    path.write_text(path.read_text().replace("third", "by hand"))
    machine.process.send_signal(signal.SIGHUP)
    wait(lambda: about(client)["title"] == "by hand")
    client.call("zone.destroy", name="z1")


def test_describe_is_refused(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(title="first"))
    error = fails("INVALID_PARAMS", hvd, "zone.set", name="z1")
    assert "give vcpus" in error.hint
    for path, change in (("$.title", {"title": "a\nb"}),
                         ("$.title", {"title": "t" * 256}),
                         ("$.description", {"description": "\x1b"}),
                         ('$.metadata["urn:a"]', {"metadata": {"urn:a": 5}}),
                         ('$.metadata[""]', {"metadata": {"": "<a/>"}})):
        error = fails("INVALID_PARAMS", hvd, "zone.set", name="z1",
                      **{"description": "new"} | change)
        assert error.path == path
    fails("INVALID_STATE", hvd, "zone.set", name="z1", title="t", vcpus=1)
    large = {f"urn:{i}": "x" * 16384 for i in range(5)}
    error = fails("TOO_LARGE", hvd, "zone.set", name="z1", metadata=large)
    assert "shorter" in error.hint
    assert about(hvd) == {"title": "first"}
    assert hvd.call("zone.get", name="z1")["generation"] == 1


@pytest.mark.parametrize("folder", ["etc/zones", "run/zones"])
def test_describe_with_a_full_disk(machine, hvd, folder):
    started(machine, hvd, title="first")
    away = (machine.tmp / folder).rename(machine.tmp / "away")
    fails("IO_ERROR", hvd, "zone.set", name="z1", title="second")
    assert about(hvd) == {"title": "first"}
    away.rename(machine.tmp / folder)
    assert hvd.call("zone.set", name="z1", title="second")["generation"] == 2
    assert about(hvd) == {"title": "second"}


# -------------------------------------------------------------- all of all zones

def steady(detail):
    """Without what grows meanwhile."""
    return detail | {"info": {k: v for k, v in detail.get("info", {}).items()
                              if k != "cpu_time_ns"}}


def test_list_with_details(machine, hvd):
    started(machine, hvd, devices=[disk_of(machine.disk())], title="first")
    hvd.call("zone.define", definition=machine.definition("z2", vcpus=2))
    listed = hvd.call("zone.list", detail=True)
    assert [steady(z) for z in listed] == [
        steady(hvd.call("zone.get", name=name))
        for name in ("zone0", "z1", "z2")]
    assert listed[1]["devices"][0]["name"] == "disk0"
    assert hvd.call("zone.list", detail=False) == hvd.call("zone.list")
    reader = machine.client(readonly=True)
    assert len(reader.call("zone.list", detail=True)) == 3
    reader.close()


def test_list_with_details_is_bounded(machine, hvd):
    """64 zones with all their devices fit; of very long metadata fewer do."""
    devices = [{"type": "net", "user": True, "forward": [
        {"port": 1000 * d + p} for p in range(1, 17)]} for d in range(8)]
    for number in range(64):
        hvd.call("zone.define", definition=machine.definition(
            f"many{number}", devices=devices, description="d" * 4096))
    assert len(hvd.call("zone.list", detail=True)) == 65
    large = {f"urn:{i}": "x" * 16384 for i in range(3)}
    for number in range(64):
        hvd.call("zone.set", name=f"many{number}", metadata=large)
    error = fails("TOO_LARGE", hvd, "zone.list", detail=True)
    assert error.path == "$.detail" and "zone.get" in error.hint
    assert len(hvd.call("zone.list")) == 65


# -------------------------------------------------------------------- clones

def test_clone(machine, hvd):
    root, data, cd = (machine.disk(f"{n}.img") for n in ("root", "data", "cd"))
    hvd.call("zone.define", definition=machine.definition(
        vcpus=2, cpus=[1, 1], autostart=True, cmdline="quiet", devices=[
            {"type": "console"}, {"type": "disk", "path": str(root)},
            {"type": "disk", "path": str(cd), "readonly": True},
            {"type": "net", "mac": "52:54:00:11:22:33", "mtu": 1400},
            {"type": "net", "user": True,
             "forward": [{"port": 2222, "to": 22}]}]))
    source = hvd.call("zone.get", name="z1")["definition"]
    new = {"disk0": {"path": str(data)}, "net1": {"forward": []}}

    def refused(code, path, **params):
        params = {"name": "z1", "new_name": "z2", "devices": new} | params
        error = fails(code, hvd, "zone.clone", **params)
        assert error.path == path
        fails("ZONE_NOT_FOUND", hvd, "zone.get", name="z2")
        return error

    error = refused("INVALID_PARAMS", "$.devices.disk0.path", devices={})
    assert "copy the image" in error.hint
    refused("INVALID_PARAMS", "$.devices.disk0.path",
            devices=new | {"disk0": {"path": str(root)}})
    refused("INVALID_PARAMS", "$.devices.net1.forward",
            devices={"disk0": new["disk0"]})
    refused("INVALID_PARAMS", "$.devices.disk7",
            devices=new | {"disk7": {"path": "/x"}})
    refused("INVALID_PARAMS", "$.devices.net0", devices=new | {"net0": 1})
    refused("INVALID_PARAMS", "$.devices.net0",
            devices=new | {"net0": {"type": "disk"}})
    refused("INVALID_DEFINITION", "$.devices[1].path",
            devices=new | {"disk0": {"path": "relative"}})
    refused("INVALID_DEFINITION", "$.devices[1].size",
            devices=new | {"disk0": {"path": str(data), "size": 1}})
    refused("ZONE_EXISTS", "$.uuid", uuid=source["uuid"])
    refused("INVALID_DEFINITION", "$.uuid", uuid="none")
    fails("ZONE_EXISTS", hvd, "zone.clone", name="z1", new_name="z1")
    fails("UNSUPPORTED", hvd, "zone.clone", name="zone0", new_name="z2")

    made = hvd.call("zone.clone", name="z1", new_name="z2", devices=new)
    clone = hvd.call("zone.get", name="z2")["definition"]
    assert made == {"name": "z2", "uuid": clone["uuid"], "generation": 1}
    assert clone["uuid"] != source["uuid"]
    macs = [d["mac"] for d in clone["devices"] + source["devices"]
            if d["type"] == "net"]
    assert len(set(macs)) == 4
    expected = json.loads(json.dumps(source))
    expected |= {"name": "z2", "uuid": clone["uuid"], "autostart": False}
    expected["devices"][1]["path"] = str(data)
    expected["devices"][3]["mac"], expected["devices"][4]["mac"] = macs[:2]
    del expected["devices"][4]["forward"]
    assert clone == expected
    uuid = "6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48"
    again = {"disk0": {"nbd": {"socket": "/run/nbd.sock"}},
             "disk1": {"path": "/elsewhere.img"},
             "net1": {"forward": [{"port": 2223, "to": 22}]},
             "net0": {"mtu": None}}
    assert hvd.call("zone.clone", name="z1", new_name="z3", devices=again,
                    uuid=uuid)["uuid"] == uuid
    devices = hvd.call("zone.get", name="z3")["definition"]["devices"]
    assert "path" not in devices[1] and devices[1]["nbd"]
    assert devices[2]["path"] == "/elsewhere.img"
    assert devices[3]["mtu"] == 1500
    assert devices[4]["forward"][0]["port"] == 2223


def test_definitions_survive_and_bad_files_are_skipped(machine):
    client = machine.start()
    defined = client.call("zone.define", definition=machine.definition())
    machine.stop()
    zones = machine.config / "zones"
    (zones / "broken.json").write_text("{")
    (zones / "wrongname.json").write_text(json.dumps(machine.definition("x")))
    (zones / "twin.json").write_text(json.dumps(
        machine.definition("twin", uuid=defined["uuid"])))
    (zones / "z9.json.new").write_text("half")
    (zones / "dir.json").mkdir()
    (zones / "hand.json").write_text(json.dumps(machine.definition("hand")))
    client = machine.start()
    names = [zone["name"] for zone in client.call("zone.list")]
    assert names == ["zone0", "hand", "twin"] or names == ["zone0", "hand",
                                                           "z1"]
    hand = client.call("zone.get", name="hand")["uuid"]
    for name in ("broken.json", "wrongname.json", "dir.json"):
        assert name in machine.text()
    assert not (zones / "z9.json.new").exists()
    machine.stop()
    client = machine.start()
    assert client.call("zone.get", name="hand")["uuid"] == hand


def test_define_reports_a_full_disk(machine, hvd):
    zones = machine.config / "zones"
    zones.rmdir()
    error = fails("IO_ERROR", hvd, "zone.define",
                  definition=machine.definition())
    assert "z1.json" in str(error)
    assert len(hvd.call("zone.list")) == 1


# ----------------------------------------------------------------- life cycle

def test_start_loads_the_guest(machine, hvd):
    detail = started(machine, hvd, vcpus=2, initrd=str(machine.initrd))
    assert detail["state"] == "running"
    assert detail["io"]["pid"] > 0
    assert detail["info"]["pcpus"] == [1, 2]
    assert [{"zone": "z1", "vcpu": cpu - 1} in
            hvd.call("host.info")["cpus"][cpu]["vcpus"]
            for cpu in range(4)] == [False, True, True, False]
    assert detail["info"]["vcpus_on"] == 1
    assert hvd.event("z1", "started")["id"] == 1
    memory = (machine.fake / "zone-1.mem").read_bytes()
    assert memory[0x200000:0x200000 + 5064] == arm64_image()
    assert memory[0x600000:0x600000 + 6000] == b"initrd" * 1000
    assert memory[:4] == b"\xd0\x0d\xfe\xed"
    config = machine.io_log("z1")[0]
    assert config["cmd"] == "config"
    assert config["ram"] == [{"gpa": RAM_BASE, "size": 64 << 20}]
    assert config["devices"] == [{
        "type": "console", "name": "console0", "slot": 0, "shadow": 3,
        "offset": 0, "intid": 48, "doorbell": 0, "queues": 2}]
    fails("INVALID_STATE", hvd, "zone.start", name="z1")
    assert hvd.call("host.counters", zone="z1")["injected"] == 7


def test_paused_start_pause_resume(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    hvd.call("zone.start", name="z1", paused=True)
    assert state(hvd, "z1") == "paused"
    assert machine.get(1, STATE) == CREATED
    fails("INVALID_STATE", hvd, "zone.reset", name="z1")
    hvd.call("zone.resume", name="z1")
    assert machine.get(1, STATE) == RUNNING
    fails("INVALID_STATE", hvd, "zone.resume", name="z1")
    hvd.call("zone.pause", name="z1")
    assert machine.get(1, STATE) == PAUSED
    fails("INVALID_STATE", hvd, "zone.shutdown", name="z1")
    hvd.call("zone.resume", name="z1")
    assert state(hvd, "z1") == "running"
    machine.inject("fail-pause", "5")
    fails("INTERNAL", hvd, "zone.pause", name="z1")
    assert state(hvd, "z1") == "running"


def test_shutdown(machine, hvd):
    started(machine, hvd)
    hvd.call("zone.shutdown", name="z1", timeout=20)
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "defined"
    assert detail["reason"] == "powered off"
    hvd.event("z1", "shutdown")
    hvd.event("z1", "stopped")
    assert machine.zones() == []
    assert not list((machine.run_dir / "console").iterdir())
    assert not list((machine.run_dir / "zones").iterdir())
    fails("INVALID_STATE", hvd, "zone.shutdown", name="z1")
    fails("INVALID_STATE", hvd, "zone.destroy", name="z1")


def test_shutdown_of_a_deaf_guest(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    fails("TIMEOUT", hvd, "zone.shutdown", name="z1", timeout=1)
    assert hvd.event("z1", "power-key-ignored")["reason"] == \
        "it did not power off in time"
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "running"
    assert re.fullmatch(r"power key ignored: asked to shut down at "
                        r"[\d-]{10} [\d:]{8}, guest did not react",
                        detail["reason"])
    hvd.call("zone.shutdown", name="z1")
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "shutting-down"
    assert "reason" not in detail
    fails("INVALID_PARAMS", hvd, "zone.shutdown", name="z1", timeout=-1)
    hvd.call("zone.destroy", name="z1")
    assert state(hvd, "z1") == "defined"


@pytest.mark.parametrize("method", ["pause", "reset"])
def test_what_was_ignored_is_past(machine, hvd, method):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    fails("TIMEOUT", hvd, "zone.shutdown", name="z1", timeout=1)
    assert "ignored" in hvd.call("zone.get", name="z1")["reason"]
    hvd.call(f"zone.{method}", name="z1")
    assert "reason" not in hvd.call("zone.get", name="z1")


def test_shutdown_of_a_slow_guest_is_no_reboot(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd, on_poweroff="restart")
    fails("TIMEOUT", hvd, "zone.shutdown", name="z1", timeout=1)
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "stopped")
    assert state(hvd, "z1") == "defined"


def keys(machine, zone):
    return [m["cmd"] for m in machine.io_log(zone)].count("powerkey")


@pytest.mark.parametrize("method, end", [("shutdown", "stopped"),
                                         ("reboot", "rebooted")])
def test_power_key_is_pressed_again(machine, hvd, method, end):
    """A guest that boots does not listen yet."""
    machine.inject("io-z1", "late-power")
    started(machine, hvd)
    hvd.call(f"zone.{method}", name="z1")
    hvd.event("z1", end)
    assert keys(machine, "z1") == 2


def test_the_last_press_counts(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    other = machine.client()
    request = other.begin("zone.shutdown", name="z1", timeout=20)
    wait(lambda: state(hvd, "z1") == "shutting-down")
    hvd.call("zone.reboot", name="z1")
    with pytest.raises(RpcError, match="a reboot was asked for"):
        other.finish(request)
    detail = hvd.call("zone.get", name="z1")
    assert (detail["state"], detail["reason"]) == \
        ("rebooting", "shutdown replaced by reboot")
    hvd.call("zone.reboot", name="z1")
    assert "reason" not in hvd.call("zone.get", name="z1")
    wait(lambda: keys(machine, "z1") == 3)
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "rebooted")
    hvd.call("zone.reboot", name="z1")
    hvd.call("zone.shutdown", name="z1")
    detail = hvd.call("zone.get", name="z1")
    assert (detail["state"], detail["reason"]) == \
        ("shutting-down", "reboot replaced by shutdown")
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "stopped")
    assert state(hvd, "z1") == "defined"
    other.close()


def test_each_shutdown_has_its_own_timeout(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    patient = machine.client()
    request = patient.begin("zone.shutdown", name="z1", timeout=600)
    wait(lambda: state(hvd, "z1") == "shutting-down")
    fails("TIMEOUT", hvd, "zone.shutdown", name="z1", timeout=1)
    assert state(hvd, "z1") == "shutting-down"
    machine.guest(1, OFF, GUEST_OFF)
    patient.finish(request)
    patient.close()


def test_definitions_are_read_again(machine, hvd):
    """What an operator does to the files is in force after a SIGHUP."""
    zones = machine.config / "zones"
    for name in "changed", "gone", "same", "wrong":
        hvd.call("zone.define", definition=machine.definition(name))
    hvd.call("zone.start", name="gone")
    hvd.call("zone.start", name="changed")
    by_hand = machine.definition("changed", vcpus=2)
    (zones / "changed.json").write_text(json.dumps(by_hand))
    (zones / "new.json").write_text(json.dumps(machine.definition("new")))
    (zones / "gone.json").unlink()
    (zones / "wrong.json").write_text("{")
    machine.process.send_signal(signal.SIGHUP)
    wait(lambda: "definitions read again: 3 changes" in machine.text())
    changed = hvd.call("zone.get", name="changed")
    assert changed["generation"] == 2
    assert changed["definition"]["vcpus"] == 2
    assert changed["definition"]["uuid"] == changed["uuid"]
    assert changed["running_definition"]["vcpus"] == 1
    changes = []
    while "changed: read again" not in changes:
        changes.append(hvd.event("changed", "defined").get("reason"))
    assert hvd.event("new", "defined")["reason"] == "read again"
    assert state(hvd, "new") == "defined"
    gone = hvd.call("zone.get", name="gone")
    assert gone["definition"] is None and gone["state"] == "running"
    assert hvd.call("zone.get", name="same")["generation"] == 1
    assert hvd.call("zone.get", name="wrong")["definition"]
    # Once more, all is as it was; and another zone's uuid is none for this one.
    (zones / "wrong.json").write_text(json.dumps(
        {**machine.definition("wrong"), "uuid": changed["uuid"]}))
    machine.process.send_signal(signal.SIGHUP)
    wait(lambda: "definitions read again: 0 changes" in machine.text())
    assert "cannot get another uuid" in machine.text()
    # A successor finds what was told.
    (zones / "wrong.json").unlink()
    machine.kill()
    client = machine.start()
    assert client.call("zone.get", name="changed")["generation"] == 2
    assert {z["name"] for z in client.call("zone.list")} == {
        "zone0", "changed", "gone", "new", "same"}


def test_reading_again_waits_for_what_is_written(machine, hvd):
    """Changes of clients and of an operator, all at once."""
    clients = [machine.client() for _ in range(8)]
    for turn in range(10):
        asked = [(client, client.begin("zone.define", definition=machine.definition(
            f"z{number}", vcpus=1 + turn % 2)))
            for number, client in enumerate(clients)]
        machine.process.send_signal(signal.SIGHUP)
        for client, request in asked:
            assert client.finish(request)["generation"] == turn + 1
    for client in clients:
        client.close()


def test_shutdown_by_force(machine, hvd):
    """Who waits for the zone to be off hears that it is, whoever was hard on it."""
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    patient = machine.client()
    request = patient.begin("zone.shutdown", name="z1", timeout=600)
    wait(lambda: state(hvd, "z1") == "shutting-down")
    fails("INVALID_PARAMS", hvd, "zone.shutdown", name="z1", force=1)
    hvd.call("zone.shutdown", name="z1", timeout=1, force=True)
    assert state(hvd, "z1") == "defined"
    assert hvd.call("zone.get", name="z1")["reason"] == "destroyed"
    patient.finish(request)
    patient.close()
    assert "does not react to its power key: destroyed" in machine.text()
    # A reboot is the last word on what follows.
    hvd.call("zone.start", name="z1")
    hvd.call("zone.shutdown", name="z1", force=True)
    hvd.call("zone.reboot", name="z1")
    assert state(hvd, "z1") == "rebooting"
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "rebooted")
    # One that listens is not touched.
    machine.clear("io-z1")
    hvd.call("zone.destroy", name="z1")
    hvd.call("zone.start", name="z1")
    hvd.call("zone.shutdown", name="z1", timeout=60, force=True)
    assert hvd.call("zone.get", name="z1")["reason"] == "powered off"


def test_power_key_waits_for_the_io_process(machine, hvd):
    pid = started(machine, hvd)["io"]["pid"]
    machine.inject("io-z1", "exit-at-start")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: hvd.call("zone.get", name="z1")["io"]["restarts"] > 1)
    hvd.call("zone.shutdown", name="z1")
    assert state(hvd, "z1") == "shutting-down"
    machine.clear("io-z1")
    wait(lambda: state(hvd, "z1") == "defined")


def test_request_that_cannot_be_recorded(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    hvd.call("zone.shutdown", name="z1")
    records = machine.run_dir / "zones"
    records.rename(machine.run_dir / "elsewhere")
    fails("IO_ERROR", hvd, "zone.reboot", name="z1")
    assert state(hvd, "z1") == "shutting-down"
    (machine.run_dir / "elsewhere").rename(records)
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "stopped")
    assert keys(machine, "z1") == 1


def hold_readers(path):
    """Whoever reads it next waits for let_read()."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def let_read(path, text=""):
    with open(path, "w") as fifo:
        path.unlink()
        fifo.write(text)


def test_power_key_that_was_due_while_a_request_failed(machine, monkeypatch):
    """The I/O process gets ready while the next request is being recorded."""
    monkeypatch.setenv("UV_THREADPOOL_SIZE", "1")
    hvd = machine.start()
    hvd.call("event.subscribe")
    pid = started(machine, hvd)["io"]["pid"]
    hold_readers(machine.fake / "io-z1")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: hvd.call("zone.get", name="z1")["io"].get("pid", pid) != pid)
    hvd.call("zone.shutdown", name="z1")
    # The only thread is busy with another zone; then the record is refused.
    hold_readers(machine.fake / "delay-create")
    hvd.call("zone.define", definition=machine.definition("other"))
    other = machine.client()
    start = other.begin("zone.start", name="other")
    wait(lambda: state(hvd, "other") == "starting")
    (machine.run_dir / "zones" / "z1.json.new").mkdir()
    request = hvd.begin("zone.reboot", name="z1")
    fails("BUSY", hvd, "zone.reboot", name="z1")
    let_read(machine.fake / "io-z1", "ignore-power")
    hvd.event("z1", "io-restarted")
    assert keys(machine, "z1") == 0
    let_read(machine.fake / "delay-create")
    with pytest.raises(RpcError, match="cannot write"):
        hvd.finish(request)
    other.finish(start)
    wait(lambda: keys(machine, "z1") == 1)
    assert state(hvd, "z1") == "shutting-down"


def test_reboot_keeps_the_io_process(machine, hvd):
    pid = started(machine, hvd)["io"]["pid"]
    hvd.call("zone.define", definition=machine.definition(vcpus=2))
    hvd.call("zone.reboot", name="z1")
    hvd.event("z1", "rebooted")
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "running"
    assert detail["io"]["pid"] == pid
    assert detail["vcpus"] == 1  # until it is started again
    assert detail["running_definition"]["vcpus"] == 1
    assert [m["cmd"] for m in machine.io_log("z1")] == ["config", "powerkey",
                                                        "reset"]


def test_forced_reset_reloads(machine, hvd):
    started(machine, hvd)
    with open(machine.fake / "zone-1.mem", "r+b") as memory:
        memory.seek(0x200000)
        memory.write(b"dirty" * 400000)
    hvd.call("zone.reset", name="z1")
    hvd.event("z1", "rebooted")
    memory = (machine.fake / "zone-1.mem").read_bytes()
    assert memory[0x200000:0x200000 + 5064] == arm64_image()
    assert not any(memory[0x200000 + 5064:0x200000 + 2000000])
    assert machine.get(1, STATE) == RUNNING
    machine.image.unlink()
    error = fails("IO_ERROR", hvd, "zone.reset", name="z1")
    assert error.path == "$.kernel"
    wait(lambda: state(hvd, "z1") == "defined")


POLICIES = [("restart", "rebooted", "running"),
            ("destroy", "stopped", "defined"),
            ("preserve", "preserved", "preserved")]


@pytest.mark.parametrize("policy,event,end", POLICIES)
def test_guest_reset(machine, hvd, policy, event, end):
    started(machine, hvd, on_reboot=policy)
    machine.guest(1, RESETTING, GUEST_RESET)
    hvd.event("z1", event)
    assert state(hvd, "z1") == end


@pytest.mark.parametrize("policy,event,end", POLICIES)
def test_guest_power_off(machine, hvd, policy, event, end):
    started(machine, hvd, on_poweroff=policy)
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", "shutdown")
    hvd.event("z1", event)
    assert state(hvd, "z1") == end


PRESERVED = [("on_poweroff", OFF, GUEST_OFF, "powered off"),
             ("on_reboot", RESETTING, GUEST_RESET, "reset by the guest")]


@pytest.mark.parametrize("member,to,why,reason", PRESERVED)
def test_preserved_zone(machine, hvd, member, to, why, reason):
    started(machine, hvd, **{member: "preserve"})
    machine.guest(1, to, why)
    assert hvd.event("z1", "preserved")["reason"] == reason
    detail = hvd.call("zone.get", name="z1")
    assert (detail["state"], detail["reason"]) == ("preserved", reason)
    assert detail["info"]["pages"] > 0
    assert machine.get(1, STATE) == to
    memory = (machine.fake / "zone-1.mem").read_bytes()
    assert memory[0x200000:0x200000 + 5064] == arm64_image()
    for method in "pause", "resume", "shutdown", "reboot", "reset":
        fails("INVALID_STATE", hvd, f"zone.{method}", name="z1")
    hvd.call("zone.start", name="z1")  # anew
    hvd.event("z1", "stopped")
    hvd.event("z1", "started")
    zone, = machine.zones()
    assert machine.get(zone, STATE) == RUNNING
    machine.guest(zone, to, why)
    hvd.event("z1", "preserved")
    hvd.call("zone.destroy", name="z1")
    assert state(hvd, "z1") == "defined"
    assert machine.zones() == []


def test_who_asks_for_a_shutdown_gets_one(machine, hvd):
    """A policy is for what the guest does by itself."""
    started(machine, hvd, on_poweroff="preserve")
    hvd.call("zone.shutdown", name="z1", timeout=15)
    assert state(hvd, "z1") == "defined"
    assert machine.zones() == []


@pytest.mark.parametrize("member,to,why,reason", PRESERVED)
def test_kill_9_while_preserved(machine, member, to, why, reason):
    client = machine.start()
    started(machine, client, **{member: "preserve"})
    machine.guest(1, to, why)
    wait(lambda: state(client, "z1") == "preserved")
    machine.kill()
    client = machine.start()
    detail = client.call("zone.get", name="z1")
    assert (detail["state"], detail["reason"]) == ("preserved", reason)
    assert machine.get(1, STATE) == to
    assert "pid" not in detail["io"]
    client.call("zone.destroy", name="z1")
    assert machine.zones() == []


def test_crash_is_preserved(machine, hvd):
    started(machine, hvd)
    machine.put(1, FAULT_PC, 0xffff800008001234, "<Q")
    machine.guest(1, CRASHED, BAD_TRAP)
    assert hvd.event("z1", "crashed")["reason"]
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "crashed"
    assert detail["info"]["fault"]["pc"] == 0xffff800008001234
    fails("INVALID_STATE", hvd, "zone.pause", name="z1")
    hvd.call("zone.start", name="z1")
    hvd.event("z1", "stopped")
    hvd.event("z1", "started")
    assert state(hvd, "z1") == "running"
    assert len(machine.zones()) == 1


@pytest.mark.parametrize("policy,end", [("restart", "running"),
                                        ("destroy", "defined")])
def test_crash_policies(machine, hvd, policy, end):
    started(machine, hvd, on_crash=policy)
    hvd.event("z1", "started")
    machine.guest(1, CRASHED, BAD_TRAP)
    hvd.event("z1", "crashed")
    hvd.event("z1", "stopped")
    wait(lambda: state(hvd, "z1") == end)


def test_destroy_overtakes_the_start_of_a_crashed_zone(machine, hvd):
    started(machine, hvd)
    machine.guest(1, CRASHED, BAD_TRAP)
    hvd.event("z1", "crashed")
    machine.inject("fail-destroy", "16")
    other = machine.client()
    request = other.begin("zone.start", name="z1")
    wait(lambda: state(hvd, "z1") == "dying")
    last = hvd.begin("zone.destroy", name="z1")
    with pytest.raises(RpcError, match="it was destroyed"):
        other.finish(request)
    machine.clear("fail-destroy")
    hvd.finish(last)
    assert state(hvd, "z1") == "defined"
    other.close()


def test_destroy_waits_for_pages(machine, hvd):
    started(machine, hvd)
    machine.inject("fail-destroy", "16")
    request = hvd.begin("zone.destroy", name="z1")
    other = machine.client()
    wait(lambda: machine.failed("destroy") >= 3)
    assert state(other, "z1") == "dying"
    fails("INVALID_STATE", other, "zone.start", name="z1")
    machine.clear("fail-destroy")
    hvd.finish(request)
    assert machine.zones() == []
    other.close()


def test_failed_start_is_answered_while_pages_are_in_use(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    machine.inject("fail-start", "once 5")
    machine.inject("fail-destroy", "16")
    error = fails("INTERNAL", hvd, "zone.start", name="z1")
    assert "did not start" in str(error)
    assert state(hvd, "z1") == "dying"
    machine.clear("fail-destroy")
    wait(lambda: state(hvd, "z1") == "defined")


def test_destroy_while_starting(machine, hvd):
    machine.inject("delay-populate", "400")
    hvd.call("zone.define", definition=machine.definition(memory="256M"))
    other = machine.client()
    start = other.begin("zone.start", name="z1")
    wait(lambda: state(hvd, "z1") == "starting")
    fails("INVALID_STATE", hvd, "zone.start", name="z1")
    hvd.call("zone.destroy", name="z1")
    with pytest.raises(RpcError) as info:
        other.finish(start)
    assert info.value.code == "INVALID_STATE"
    assert machine.zones() == []
    other.close()


@pytest.mark.parametrize("step", ["create", "populate", "shadow", "map",
                                  "vcpu-set", "start", "open-io"])
def test_failed_start_rolls_back(machine, hvd, step):
    machine.inject(f"fail-{step}", "once 5")
    hvd.call("zone.define", definition=machine.definition())
    error = fails("INTERNAL", hvd, "zone.start", name="z1")
    assert ":" in str(error)
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "defined"
    assert "start failed" in detail["reason"]
    assert machine.zones() == []
    assert not list((machine.run_dir / "zones").iterdir())
    hvd.call("zone.start", name="z1")
    assert state(hvd, "z1") == "running"


def test_start_error_paths(machine, hvd):
    def start(**more):
        hvd.call("zone.define", definition=machine.definition(**more))
        with pytest.raises(RpcError) as info:
            hvd.call("zone.start", name="z1")
        assert machine.zones() == []
        return info.value

    error = start(kernel="/nonexistent/vmlinuz")
    assert (error.code, error.path) == ("IO_ERROR", "$.kernel")
    gz = machine.tmp / "vmlinuz.gz"
    gz.write_bytes(b"\x1f\x8b" + bytes(100))
    error = start(kernel=str(gz))
    assert error.path == "$.kernel" and "gzip" in str(error)
    assert "gzip -dc" in error.hint
    error = start(initrd=str(machine.tmp))
    assert (error.code, error.path) == ("IO_ERROR", "$.initrd")
    overlay = machine.tmp / "bad.dtbo"
    overlay.write_bytes(b"not a tree")
    error = start(**{"dtb-overlay": str(overlay)})
    assert error.path == "$.dtb-overlay" and "bad.dtbo" in str(error)
    error = start(memory="4M")
    assert (error.code, error.path) == ("TOO_LARGE", "$.memory")
    error = start(cpus=[9])
    assert (error.code, error.path) == ("INVALID_DEFINITION", "$.cpus[0]")
    assert "CPU 9: this machine has the CPUs 0 to 3" in str(error)


@pytest.mark.parametrize("member", ["kernel", "initrd", "dtb-overlay", "disk"])
def test_a_missing_file_is_told_before_there_is_a_zone(machine, hvd, member):
    gone = str(machine.tmp / "gone")
    disk = {"type": "disk", "path": gone}
    more = {"devices": [disk]} if member == "disk" else {member: gone}
    machine.inject("fail-create", "5")
    hvd.call("zone.define", definition=machine.definition(**more))
    error = fails("IO_ERROR", hvd, "zone.start", name="z1")
    assert error.path == ("$.devices[0].path" if member == "disk"
                          else f"$.{member}")
    assert gone in str(error) and "No such file" in str(error)
    assert machine.failed("create") == 0


def test_a_zone_that_does_not_fit_hears_who_has_what(machine, hvd):
    def refused(memory):
        hvd.call("zone.define", definition=machine.definition(memory=memory))
        error = fails("NO_MEMORY", hvd, "zone.start", name="z1")
        assert error.path == "$.memory"
        assert "z1" not in {z["name"] for z in hvd.call("zone.list")
                            if "id" in z}
        return str(error).removeprefix("z1 did not start: "), error.hint

    for name, memory in (("big", "512M"), ("mid", "128M"), ("sml", "64M"),
                         ("tiny", "32M"), ("wee", "32M")):
        hvd.call("zone.create",
                 definition=machine.definition(name, memory=memory))
    built = sorted(machine.zones())
    owners = ("big has 512M, mid has 128M, sml has 64M and 2 more have 64M")
    assert refused("300M") == (
        f"needs 300M, the pool has 256M free in 2M chunks: {owners}",
        "shut down sml, or give this one at most 256M")
    assert refused("600M")[1] == "shut down big, or give this one at most 256M"
    message, hint = refused("2G")
    assert hint == ("shut down several of them, or give this one at most 256M; "
                    "what zone0 has is set when the machine boots (hvsh host)")
    machine.inject("scattered", str(200 << 20))
    assert refused("80M") == (
        "needs 80M, the pool has 256M free, but only 56M of it in 2M chunks: "
        + owners, "shut down wee, or give this one at most 56M")
    machine.inject("scattered", str(256 << 20))
    assert refused("32M")[1] == "shut down wee"
    assert sorted(machine.zones()) == built
    for name in ("big", "mid", "sml", "tiny", "wee"):
        hvd.call("zone.destroy", name=name)
    (machine.fake / "scattered").unlink()
    machine.inject("pool", str(100 << 20))
    assert refused("128M") == (
        "needs 128M, the pool has 100M free in 2M chunks",
        "give this one at most 100M; what zone0 has is set when the machine "
        "boots (hvsh host)")


def test_a_long_reason_is_still_text(machine, hvd):
    """Wherever it is cut off: a reason is shown to all, and so must be UTF-8."""
    for shift in range(2):
        path = "/" + "x" * shift + "\u00fc" * 180
        hvd.call("zone.define", definition=machine.definition(kernel=path))
        fails("IO_ERROR", hvd, "zone.start", name="z1")
        reason = hvd.call("zone.list")[-1]["reason"]
        assert reason.startswith("start failed: cannot open /")
        assert hvd.event("z1", "stopped")["reason"] == reason


# ------------------------------------------------------------ the I/O process

def test_io_process_is_restarted(machine, hvd):
    pid = started(machine, hvd)["io"]["pid"]
    os.kill(pid, signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    io = hvd.call("zone.get", name="z1")["io"]
    assert io["restarts"] == 1
    assert io["pid"] != pid
    hvd.call("zone.shutdown", name="z1", timeout=20)


def test_io_process_is_told_its_user(machine, hvd):
    """The user hvd-io; no other will do, and only root can become one."""
    started(machine, hvd)
    config = machine.io_log("z1")[0]
    told = config.get("uid"), config.get("gid")
    try:
        user = pwd.getpwnam("hvd-io") if os.geteuid() == 0 else None
    except KeyError:
        user = None
    assert told == ((user.pw_uid, user.pw_gid) if user else (None, None))
    assert ("runs as nobody" in machine.text()) == (os.geteuid() == 0 and
                                                    user is None)


@pytest.mark.parametrize("word", ["exit-at-start", "fatal"])
def test_io_process_fails_at_start(machine, hvd, word):
    machine.inject("io-z1", word)
    hvd.call("zone.define", definition=machine.definition())
    error = fails("INTERNAL", hvd, "zone.start", name="z1")
    assert "hvd-io" in str(error)
    assert ("no such backend" in str(error)) == (word == "fatal")
    assert machine.zones() == []


@pytest.mark.parametrize("word", ["garbage", "flood"])
def test_io_process_talks_nonsense(machine, hvd, word):
    machine.inject("io-z1", word)
    hvd.call("zone.define", definition=machine.definition())
    fails("INTERNAL", hvd, "zone.start", name="z1")
    assert machine.zones() == []


def test_io_process_never_ready(machine, hvd):
    machine.inject("io-z1", "silent")
    hvd.call("zone.define", definition=machine.definition())
    error = fails("INTERNAL", hvd, "zone.start", name="z1")
    assert "in time" in str(error)


def test_io_process_that_does_not_stop_is_killed(machine, hvd):
    machine.inject("io-z1", "ignore-stop")
    started(machine, hvd)
    hvd.call("zone.destroy", name="z1")
    assert "killed" in machine.text()


def test_io_process_dies_during_reset(machine, hvd):
    machine.inject("io-z1", "ignore-reset")
    pid = started(machine, hvd)["io"]["pid"]
    request = hvd.begin("zone.reset", name="z1")
    wait(lambda: len(machine.io_log("z1")) == 2)
    machine.clear("io-z1")
    os.kill(pid, signal.SIGKILL)
    hvd.finish(request)
    assert state(hvd, "z1") == "running"


def test_reset_ends_without_an_io_process(machine, hvd):
    pid = started(machine, hvd)["io"]["pid"]
    machine.inject("io-z1", "exit-at-start")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: hvd.call("zone.get", name="z1")["io"]["restarts"] > 1)
    hvd.sock.settimeout(120)
    error = fails("INTERNAL", hvd, "zone.reset", name="z1")
    assert "status 3" in str(error)
    wait(lambda: state(hvd, "z1") == "defined")
    assert machine.zones() == []


# ------------------------------------------------------------------- devices

def disk_of(path, **more):
    return {"type": "disk", "path": str(path), **more}


def start_with(machine, hvd, *devices, name="z1"):
    return started(machine, hvd, name, devices=list(devices))


def does_not_start(machine, hvd, *devices, name="z1", code="IO_ERROR"):
    hvd.call("zone.define",
             definition=machine.definition(name, devices=list(devices)))
    error = fails(code, hvd, "zone.start", name=name)
    wait(lambda: state(hvd, name) == "defined")
    return error


@contextlib.contextmanager
def held(path, how=fcntl.LOCK_EX):
    """Somebody else has the image."""
    with open(path, "rb") as file:
        fcntl.flock(file, how)
        yield


def is_locked(path):
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def hvd_fds(machine):
    """Those that stay; a job or a start has some for a moment."""
    return len(os.listdir(f"/proc/{machine.process.pid}/fd"))


def test_disks_and_rngs_are_opened(machine, hvd):
    image, ro = machine.disk("a.img"), machine.disk("b.img", 4096)
    detail = start_with(machine, hvd, disk_of(image, direct=False),
                        {"type": "console"}, {"type": "rng"},
                        disk_of(ro, readonly=True, name="iso"))
    devices = machine.io_log("z1")[0]["devices"]
    assert [d.get("fd") for d in devices] == [6, None, 7, 8]
    assert [f["path"] for f in machine.io_fds("z1")] == [
        str(image), "/dev/urandom", str(ro)]
    modes = [f["flags"] & os.O_ACCMODE for f in machine.io_fds("z1")]
    assert modes == [os.O_RDWR, os.O_RDONLY, os.O_RDONLY]
    # a disk's reads wait, those of a source of random numbers do not
    waits = [not f["flags"] & os.O_NONBLOCK for f in machine.io_fds("z1")]
    assert waits == [True, False, True]
    assert detail["devices"] == [
        {"name": "disk0", "type": "disk", "state": "ok", "path": str(image),
         "readonly": False, "size": 1 << 20},
        {"name": "console0", "type": "console", "state": "ok"},
        {"name": "rng0", "type": "rng", "state": "ok",
         "path": "/dev/urandom"},
        {"name": "iso", "type": "disk", "state": "ok", "path": str(ro),
         "readonly": True, "size": 4096}]
    assert is_locked(image)
    hvd.call("zone.destroy", name="z1")
    wait(lambda: not is_locked(image))


def test_direct_io_if_there_is_any(machine, hvd):
    image = machine.disk()
    try:
        os.close(os.open(image, os.O_RDWR | os.O_DIRECT))
        direct = True
    except OSError:
        direct = False
    start_with(machine, hvd, disk_of(image))
    flags = machine.io_fds("z1")[0]["flags"]
    assert bool(flags & os.O_DIRECT) == direct
    assert ("no direct I/O" in machine.text()) == (not direct)


@pytest.mark.parametrize("make, says", [
    (lambda path: None, "No such file"),
    (lambda path: path.mkdir(), "is a directory"),
    (lambda path: os.mkfifo(path), "is not a regular file"),
    (lambda path: path.symlink_to("/dev/null"), "is not a regular file"),
    (lambda path: path.write_bytes(b"x" * 511), "less than one sector"),
])
def test_not_an_image(machine, hvd, make, says):
    path = machine.tmp / "image"
    make(path)
    good = disk_of(machine.disk("good.img"))
    error = does_not_start(machine, hvd, good, disk_of(path, name="bad"))
    assert error.path == "$.devices[1].path"
    assert says in str(error) and str(path) in str(error)
    assert error.hint
    assert not is_locked(machine.tmp / "good.img")
    assert machine.zones() == []


def test_blocks_smaller_than_the_device_has(machine, hvd):
    image = machine.disk()
    try:
        device = subprocess.run(
            ["losetup", "--find", "--show", "--sector-size", "4096", image],
            capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("needs loop devices")
    try:
        error = does_not_start(machine, hvd,
                               disk_of(device, **{"block-size": 512}))
        assert error.path == "$.devices[0].block-size" and error.hint
        assert "4096 bytes" in str(error)
        hvd.call("zone.undefine", name="z1")
        start_with(machine, hvd, disk_of(device))
        hvd.call("zone.destroy", name="z1")
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_image(machine, hvd):
    path = machine.disk()
    path.chmod(0o400)
    error = does_not_start(machine, hvd, disk_of(path))
    assert "Permission denied" in str(error)
    assert "readonly" in error.hint
    path.chmod(0)
    error = does_not_start(machine, hvd, disk_of(path, readonly=True))
    assert "read it" in error.hint


def test_image_on_a_read_only_file(machine, hvd):
    """As unreadable as it gets for root, too."""
    path = machine.disk()
    if os.geteuid() != 0 or subprocess.run(
            ["chattr", "+i", path], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("cannot make a file immutable here")
    try:
        error = does_not_start(machine, hvd, disk_of(path))
        assert "not permitted" in str(error) and "readonly" in error.hint
        start_with(machine, hvd, disk_of(path, readonly=True))
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_no_hardware_random_numbers(machine, hvd):
    if os.path.exists("/dev/hwrng"):
        pytest.skip("this machine has /dev/hwrng")
    error = does_not_start(machine, hvd,
                           {"type": "rng", "source": "/dev/hwrng"})
    assert error.path == "$.devices[0].source"
    assert "/dev/urandom" in error.hint


def test_same_image_twice(machine, hvd):
    path = machine.disk()
    error = fails("INVALID_DEFINITION", hvd, "zone.define",
                  definition=machine.definition(devices=[
                      disk_of(path, readonly=True),
                      disk_of(path, readonly=True)]))
    assert error.path == "$.devices[1].path"
    link = machine.tmp / "link"
    link.symlink_to(path)
    error = does_not_start(machine, hvd, disk_of(path), disk_of(link))
    assert error.path == "$.devices[1].path"
    assert "disk0 already" in str(error)


def refused_in_use(machine, hvd, disk, who):
    """How long that took."""
    begun = time.monotonic()
    error = does_not_start(machine, hvd, disk, name="second", code="BUSY")
    assert error.path == "$.devices[0].path" and error.hint
    assert who in str(error)
    return time.monotonic() - begun


def test_image_in_use(machine, hvd):
    """By a zone, which is known at once, or by somebody who may let go of it."""
    path, link = machine.disk(), machine.tmp / "link"
    link.symlink_to(path)
    start_with(machine, hvd, disk_of(path), name="first")
    quick = [refused_in_use(machine, hvd, disk_of(link, **how),
                            "in use by zone first")
             for how in ({}, {"readonly": True})]
    other = machine.disk("other.img")
    with held(other):
        slow = refused_in_use(machine, hvd, disk_of(other),
                              "in use by another process")
    assert max(quick) < slow
    start_with(machine, hvd, disk_of(other), name="third")
    hvd.call("zone.destroy", name="first")
    start_with(machine, hvd, disk_of(link), name="second")


WAITS = "z1: its I/O process waits: "


def test_start_waits_for_the_rest_of_an_old_process(machine, hvd):
    path = machine.disk()
    machine.inject("io-z1", "linger")
    start_with(machine, hvd, disk_of(path))
    hvd.call("zone.destroy", name="z1")
    assert is_locked(path)
    machine.clear("io-z1")
    request = hvd.begin("zone.start", name="z1")
    wait(lambda: WAITS in machine.text())
    machine.clear("linger-z1")
    hvd.finish(request)
    assert "ms for its images" in machine.text()


def test_images_can_be_shared_to_read(machine, hvd):
    path = machine.disk()
    for name in "first", "second":
        start_with(machine, hvd, disk_of(path, readonly=True), name=name)
    error = does_not_start(machine, hvd, disk_of(path), name="third",
                           code="BUSY")
    assert "in use by zone" in str(error)


def test_restart_waits_for_the_old_process_s_io(machine, hvd):
    path = machine.disk()
    machine.inject("io-z1", "linger")
    pid = start_with(machine, hvd, disk_of(path))["io"]["pid"]
    machine.clear("io-z1")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: WAITS in machine.text())
    # Longer than a first start waits.
    other = machine.disk("other.img")
    with held(other):
        refused_in_use(machine, hvd, disk_of(other), "another process")
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "running"
    assert "pid" not in detail["io"]
    assert len(machine.io_fds("z1")) == 1
    machine.clear("linger-z1")
    hvd.event("z1", "io-restarted")
    assert len(machine.io_fds("z1")) == 2
    assert is_locked(path)


def test_destroy_while_a_restart_waits(machine, hvd):
    path = machine.disk()
    machine.inject("io-z1", "linger")
    pid = start_with(machine, hvd, disk_of(path))["io"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait(lambda: WAITS in machine.text())
    hvd.call("zone.destroy", name="z1")
    assert machine.zones() == []
    machine.clear("linger-z1")
    wait(lambda: not is_locked(path))


def test_adopted_zone_gets_its_disks_back(machine):
    path = machine.disk()
    client = machine.start()
    pid = start_with(machine, client, disk_of(path))["io"]["pid"]
    machine.kill()
    assert is_locked(path)
    client = machine.start()
    io = wait(lambda: client.call("zone.get", name="z1")["io"].get("pid"))
    assert io != pid
    wait(lambda: len(machine.io_fds("z1")) == 2)
    assert is_locked(path)
    assert state(client, "z1") == "running"


def test_image_that_goes_away_is_waited_for(machine, hvd):
    path = machine.disk()
    pid = start_with(machine, hvd, disk_of(path))["io"]["pid"]
    away = path.rename(machine.tmp / "away")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: hvd.call("zone.get", name="z1")["io"]["restarts"] > 2)
    assert "No such file" in machine.text()
    away.rename(path)
    hvd.event("z1", "io-restarted")
    assert state(hvd, "z1") == "running"


def test_nothing_stays_open(machine, hvd):
    image, ro = machine.disk("a.img"), machine.disk("b.img")
    devices = [disk_of(image), disk_of(ro, readonly=True), {"type": "rng"}]
    hvd.call("zone.define",
             definition=machine.definition(devices=devices))
    before = None
    for i in range(20):
        hvd.call("zone.start", name="z1")
        running = hvd_fds(machine)
        # only the process and the kernel know it: another can have it at once
        os.kill(hvd.call("zone.get", name="z1")["io"]["pid"], signal.SIGKILL)
        wait(lambda: not is_locked(image) or hvd.call(
            "zone.get", name="z1")["io"].get("pid"))
        hvd.event("z1", "io-restarted")
        wait(lambda: hvd_fds(machine) <= running)
        hvd.call("zone.destroy", name="z1")
        wait(lambda: not is_locked(image))
        before = before or hvd_fds(machine)
    bad = [disk_of(image), disk_of(machine.tmp / "none")]
    for i in range(5):
        does_not_start(machine, hvd, *bad)
    wait(lambda: hvd_fds(machine) <= before)


# ---------------------------------------------------------------------- NBD

class NbdServer:
    """One that greets, and says no more, or that hangs up at once."""

    def __init__(self, address, greeting=b"NBDMAGICIHAVEOPT\0\3",
                 hangs_up=False):
        self.address = address
        self.greeting = greeting
        self.hangs_up = hangs_up
        self.clients = []
        self.accepted = 0
        self.start()

    def start(self):
        unix = isinstance(self.address, str)
        self.listener = socket.socket(
            socket.AF_UNIX if unix else
            socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        if unix:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.address)
        else:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.address)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve,
                                       args=(self.listener,), daemon=True)
        self.thread.start()

    def serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            with contextlib.suppress(OSError):
                client.sendall(self.greeting)
            if self.hangs_up:
                client.close()
            else:
                self.clients.append(client)

    def at_work(self):
        """How many clients have not hung up."""
        count = 0
        for client in list(self.clients):
            try:
                count += client.recv(
                    1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
            except BlockingIOError:
                count += 1
        return count

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for client in self.clients:
            client.close()
        self.clients = []


@pytest.fixture
def nbd(machine):
    server = NbdServer(str(machine.tmp / "nbd.sock"))
    yield server
    with contextlib.suppress(OSError):
        server.stop()


def nbd_of(server, export=None, **more):
    place = ({"socket": server.address} if isinstance(server.address, str)
             else {"host": server.address[0], "port": server.address[1]})
    return {"type": "disk",
            "nbd": {**place, **({"export": export} if export else {})},
            **more}


def uri_of(server, export=""):
    return f"nbd+unix:///{export}?socket={server.address}"


def test_nbd_is_connected(machine, hvd, nbd):
    detail = start_with(machine, hvd, nbd_of(nbd, "root"),
                        {"type": "rng"}, nbd_of(nbd, "data", readonly=True))
    devices = machine.io_log("z1")[0]["devices"]
    assert [d.get("fd") for d in devices] == [6, 7, 8]
    assert [d.get("store") for d in devices] == ["nbd", None, "nbd"]
    assert [d.get("export") for d in devices] == ["root", None, "data"]
    fds = machine.io_fds("z1")
    assert [f["path"].split(":")[0] for f in fds] == [
        "socket", "/dev/urandom", "socket"]
    assert fds[0]["path"] != fds[2]["path"] and nbd.accepted == 2
    assert detail["devices"][0] == {
        "name": "disk0", "type": "disk", "state": "ok",
        "path": uri_of(nbd, "root"), "readonly": False, "size": 3 << 20}
    assert detail["definition"]["devices"][0]["nbd"] == {
        "socket": nbd.address, "export": "root"}
    assert "path" not in detail["definition"]["devices"][0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_nbd_over_tcp(machine, hvd, host):
    try:
        server = NbdServer((host, 0))
    except OSError:
        pytest.skip(f"{host} is not there")
    server.address = server.listener.getsockname()[:2]
    start_with(machine, hvd, nbd_of(server))
    wait(lambda: server.accepted == 1)
    hvd.call("zone.destroy", name="z1")
    server.stop()
    error = does_not_start(machine, hvd, nbd_of(server))
    assert "Connection refused" in str(error)
    assert f"nbd://{'[::1]' if host == '::1' else host}:" in str(error)


@pytest.mark.parametrize("make, says, advice", [
    (lambda path: None, "No such file", "start the NBD server"),
    (lambda path: path.write_text(""), "refused", "start the NBD server"),
    (lambda path: path.symlink_to(path), "symbolic links", None),
])
def test_nbd_server_is_not_there(machine, hvd, make, says, advice):
    path = machine.tmp / "nbd.sock"
    make(path)
    image = machine.disk()
    bad = {"type": "disk", "name": "data", "nbd": {"socket": str(path)}}
    error = does_not_start(machine, hvd, bad, disk_of(image))
    assert error.path == "$.devices[0].nbd"
    assert f"nbd+unix:///?socket={path} (data)" in str(error)
    assert says in str(error)
    assert advice is None or advice in error.hint
    assert machine.zones() == [] and not is_locked(image)


def test_nbd_server_takes_nobody(machine, hvd):
    """Its queue is full: that is waited for, and not by the loop."""
    path = str(machine.tmp / "nbd.sock")
    with socket.socket(socket.AF_UNIX) as listener, \
            socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        hvd.call("zone.define", definition=machine.definition(
            devices=[{"type": "disk", "nbd": {"socket": path}}]))
        request = hvd.begin("zone.start", name="z1")
        other = machine.client()
        # A loop that waits answers when that is over.
        assert state(other, "z1") == "starting"
        other.close()
        with pytest.raises(RpcError) as info:
            hvd.finish(request)
    assert info.value.code == "IO_ERROR"
    assert "timed out" in str(info.value) and path in str(info.value)
    assert "takes no connection" in info.value.hint


def test_nbd_start_that_hvd_io_refuses(machine, hvd, nbd):
    machine.inject("io-z1", "fatal-disk")
    error = does_not_start(machine, hvd, nbd_of(nbd, "root"))
    assert error.path == "$.devices[0].nbd"
    assert "device disk0: no such export" in str(error)
    assert uri_of(nbd, "root") in str(error)
    assert error.hint == "see what it has"
    assert machine.zones() == []


def test_nbd_handshake_may_take_its_time(machine, hvd, nbd):
    """hvd-io gives up after ten seconds, and hvd not before it."""
    machine.inject("io-z1", "slow")
    start_with(machine, hvd, nbd_of(nbd))
    assert state(hvd, "z1") == "running"


def test_same_export_twice(machine, hvd, nbd):
    error = fails("INVALID_DEFINITION", hvd, "zone.define",
                  definition=machine.definition(devices=[
                      nbd_of(nbd), nbd_of(nbd)]))
    assert error.path == "$.devices[1].nbd"
    link = machine.tmp / "link"
    link.symlink_to(machine.tmp)
    twin = {"type": "disk", "nbd": {"socket": f"{link}/nbd.sock"}}
    error = does_not_start(machine, hvd, nbd_of(nbd), twin)
    assert error.path == "$.devices[1].nbd"
    assert "export of disk0 already" in str(error)
    assert nbd.accepted == 0


def test_export_in_use_by_a_zone(machine, hvd, nbd):
    link = machine.tmp / "link"
    link.symlink_to(nbd.address)
    twin = {"type": "disk", "nbd": {"socket": str(link), "export": "root"}}
    start_with(machine, hvd, nbd_of(nbd, "root"), name="first")
    for how in ({}, {"readonly": True}):
        error = does_not_start(machine, hvd, {**twin, **how}, name="second",
                               code="BUSY")
        assert error.path == "$.devices[0].nbd"
        assert "in use by zone first" in str(error) and "root" in str(error)
    assert nbd.accepted == 1
    # Its server has gone, and with it the socket; the zone will want it back.
    nbd.stop()
    nbd.start()
    hvd.event("first", "io-restarted")
    does_not_start(machine, hvd, twin, name="second", code="BUSY")
    start_with(machine, hvd, nbd_of(nbd, "data"), name="third")
    hvd.call("zone.destroy", name="first")
    start_with(machine, hvd, twin, name="second")


def test_exports_can_be_shared_to_read(machine, hvd, nbd):
    for name in "first", "second":
        start_with(machine, hvd, nbd_of(nbd, readonly=True), name=name)
    error = does_not_start(machine, hvd, nbd_of(nbd), name="third",
                           code="BUSY")
    assert "in use by zone" in str(error)


def test_nbd_is_connected_anew_for_each_process(machine, hvd, nbd):
    pid = start_with(machine, hvd, nbd_of(nbd))["io"]["pid"]
    for i in range(2, 5):
        os.kill(pid, signal.SIGKILL)
        hvd.event("z1", "io-restarted")
        wait(lambda: nbd.accepted == i)
        pid = hvd.call("zone.get", name="z1")["io"]["pid"]


def disk_state(client):
    return client.call("zone.get", name="z1")["devices"][0]


def test_lost_nbd_server_is_found_again(machine, hvd, nbd):
    pid = start_with(machine, hvd, nbd_of(nbd, "root"))["io"]["pid"]
    running = hvd_fds(machine)
    nbd.stop()
    event = hvd.event("z1", "error")
    assert event["device"] == "disk0"
    assert event["reason"] == "the NBD server is gone"
    error = fails("IO_ERROR", hvd, "device.resume", name="z1", device="disk0")
    assert "NBD server of disk0 is gone" in str(error) and error.hint
    # Its other devices go on, as long as it takes.
    useless = NbdServer(nbd.address, b"", hangs_up=True)
    wait(lambda: useless.accepted >= 2)
    useless.stop()
    detail = hvd.call("zone.get", name="z1")
    assert detail["state"] == "running" and detail["io"]["pid"] == pid
    assert detail["io"]["restarts"] == 0
    assert disk_state(hvd)["state"] == "error"
    nbd.start()
    event = hvd.event("z1", "ok")
    assert event["device"] == "disk0"
    hvd.event("z1", "io-restarted")
    detail = hvd.call("zone.get", name="z1")
    assert detail["io"]["pid"] != pid and detail["io"]["restarts"] == 1
    assert "error" not in disk_state(hvd)
    hvd.call("device.resume", name="z1", device="disk0")
    fails("UNSUPPORTED", hvd, "device.resize", name="z1", device="disk0")
    assert "its NBD server is there again" in machine.text()
    wait(lambda: hvd_fds(machine) <= running)


def test_something_else_in_the_place_of_an_nbd_server(machine, hvd, nbd):
    """It is no reason to start a process that would find that out."""
    start_with(machine, hvd, nbd_of(nbd))
    nbd.stop()
    hvd.event("z1", "error")
    other = NbdServer(nbd.address, b"220 mail.example.org ESMTP\r\n")
    wait(lambda: other.accepted > 2)
    assert hvd.call("zone.get", name="z1")["io"]["restarts"] == 0
    other.stop()
    nbd.start()
    hvd.event("z1", "io-restarted")


def test_all_lost_nbd_servers_must_be_back(machine, hvd, nbd):
    other = NbdServer(str(machine.tmp / "other.sock"))
    start_with(machine, hvd, nbd_of(nbd), nbd_of(other))
    for server in nbd, other:
        server.stop()
        hvd.event("z1", "error")
    nbd.start()
    wait(lambda: nbd.accepted > 3)
    assert hvd.call("zone.get", name="z1")["io"]["restarts"] == 0
    other.start()
    hvd.event("z1", "io-restarted")
    other.stop()


def test_an_nbd_server_that_is_lost_while_another_is_found(machine, hvd, nbd):
    other = NbdServer(str(machine.tmp / "other.sock"))
    start_with(machine, hvd, nbd_of(nbd), nbd_of(other))
    nbd.stop()
    hvd.event("z1", "error")
    slow = NbdServer(nbd.address, b"")
    wait(lambda: slow.clients)  # it is looked at, alone
    other.stop()
    hvd.event("z1", "error")
    looks = slow.accepted
    slow.greeting = nbd.greeting
    for client in slow.clients:
        with contextlib.suppress(OSError):
            client.sendall(slow.greeting)
    wait(lambda: slow.accepted > looks)
    assert hvd.call("zone.get", name="z1")["io"]["restarts"] == 0
    other.start()
    hvd.event("z1", "io-restarted")
    other.stop()
    slow.stop()


def test_zones_look_for_nbd_servers_in_turn(machine, hvd):
    """A server that hangs takes three seconds of a thread each time, and there is
    one thread for all."""
    paths = [str(machine.tmp / name) for name in ("a.sock", "b.sock")]
    servers = [NbdServer(path) for path in paths]
    for number, server in enumerate(servers):
        start_with(machine, hvd, nbd_of(server), name=f"z{number}")
    for server in servers:
        server.stop()
    hanging = [NbdServer(path, b"") for path in paths]
    most = 0

    def looked_twice():
        nonlocal most
        most = max(most, sum(server.at_work() for server in hanging))
        return sum(server.accepted for server in hanging) >= 2

    wait(looked_twice)
    assert most == 1
    for server in hanging:
        server.stop()
    for server in servers:
        server.start()
    for name in "z0", "z1":
        wait(lambda name=name: hvd.call("zone.get", name=name)["io"]
             ["restarts"] == 1)
        hvd.call("zone.destroy", name=name)
    for server in servers:
        server.stop()


def test_restart_without_an_nbd_server(machine, hvd, nbd):
    """A process that was killed while the server was away, and a new hvd: the
    zone's other devices go on."""
    pid = start_with(machine, hvd, nbd_of(nbd))["io"]["pid"]
    nbd.stop()
    hvd.event("z1", "error")
    for restarts in range(1, 4):
        os.kill(pid, signal.SIGKILL)
        hvd.event("z1", "io-restarted")
        io = hvd.call("zone.get", name="z1")["io"]
        assert io["restarts"] == restarts
        pid = io["pid"]
        wait(lambda: disk_state(hvd).get("error") == "the NBD server is gone")
    assert machine.text().count("disk0 has no NBD server for now") == 3
    machine.kill()
    client = machine.start()
    client.call("event.subscribe")
    wait(lambda: disk_state(client).get("error") == "the NBD server is gone")
    nbd.start()
    wait(lambda: "error" not in disk_state(client) and
         "pid" in client.call("zone.get", name="z1")["io"])
    client.call("zone.destroy", name="z1")


@pytest.mark.parametrize("verb", ["destroy", "stop"])
def test_end_while_an_nbd_server_is_lost(machine, hvd, nbd, verb):
    before = hvd_fds(machine)
    start_with(machine, hvd, nbd_of(nbd))
    nbd.stop()
    hvd.event("z1", "error")
    if verb == "stop":
        machine.stop()
        return
    other = NbdServer(str(machine.tmp / "other.sock"))
    start_with(machine, hvd, nbd_of(other), name="z2")
    hvd.call("zone.destroy", name="z1")
    nbd.start()
    # z1's would have been looked for twice, too.
    other.stop()
    other = NbdServer(other.address, b"", hangs_up=True)
    wait(lambda: other.accepted >= 2)
    assert nbd.accepted == 1
    hvd.call("zone.destroy", name="z2")
    other.stop()
    wait(lambda: hvd_fds(machine) == before)


def test_an_nbd_server_that_comes_and_goes(machine, hvd, nbd):
    """It costs a process every now and then, and not as many as it can."""
    start_with(machine, hvd, nbd_of(nbd))
    for _ in range(4):
        nbd.stop()
        nbd.start()
        hvd.event("z1", "io-restarted")
    begun = time.monotonic()
    nbd.stop()
    nbd.start()
    hvd.event("z1", "io-restarted")
    assert time.monotonic() - begun > 0.4


def test_device_states(machine, hvd):
    machine.inject("io-z1", "paused")
    detail = start_with(machine, hvd, disk_of(machine.disk()))
    assert detail["devices"][0]["state"] == "paused"
    assert detail["devices"][0]["error"] == "for a test"
    event = hvd.event("z1", "paused")
    assert event["kind"] == "device" and event["device"] == "disk0"
    assert event["reason"] == "for a test"
    assert hvd.call("device.resume", name="z1", device="disk0") == {}
    assert hvd.event("z1", "ok")["device"] == "disk0"
    device = hvd.call("zone.get", name="z1")["devices"][0]
    assert device["state"] == "ok" and "error" not in device


def test_broken_device_is_mended_by_a_reset(machine, hvd):
    machine.inject("io-z1", "broken")
    start_with(machine, hvd, disk_of(machine.disk()))
    hvd.event("z1", "broken")
    hvd.call("zone.reset", name="z1")
    device = hvd.call("zone.get", name="z1")["devices"][0]
    assert device["state"] == "ok" and "error" not in device


def test_noise_about_devices_is_bounded(machine, hvd):
    """An I/O process in the hands of its guest drives nobody's events out."""
    machine.inject("io-z1", "noisy")
    start_with(machine, hvd, disk_of(machine.disk()))
    first = hvd.event("z1", "error")
    note = hvd.event("z1", "suppressed")
    assert note["kind"] == "lifecycle" and note["seq"] - first["seq"] < 40
    assert int(note["reason"].split()[0]) > 500
    # how things are is told then, and can be asked for at any time
    told = hvd.event("z1", "error")["reason"]
    now = hvd.call("zone.get", name="z1")["devices"][0]["error"]
    assert 500 < int(told.split()[1]) <= int(now.split()[1])
    # it is not listened to as fast as it talks
    assert int(now.split()[1]) < 50000
    hvd.call("zone.destroy", name="z1")


def test_io_process_that_does_not_listen(machine, hvd):
    """What it is told waits, but not without end."""
    pid = start_with(machine, hvd, disk_of(machine.disk()))["io"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    count = 4000
    calls = [hvd.begin("device.resume", name="z1", device="disk0")
             for _ in range(count)]
    refused = 0
    for call in calls:
        try:
            hvd.finish(call)
        except RpcError as error:
            assert error.code == "INTERNAL"
            refused += 1
    assert 0 < refused < count
    os.kill(pid, signal.SIGCONT)
    wait(lambda: len(machine.io_log("z1")) == 1 + count - refused)
    assert hvd.call("device.resume", name="z1", device="disk0") == {}


def test_resize(machine, hvd):
    path = machine.disk()
    start_with(machine, hvd, disk_of(path), {"type": "rng"})
    assert hvd.call("device.resize", name="z1", device="disk0") == {
        "size": 1 << 20}
    os.truncate(path, 3 << 20)
    assert hvd.call("device.resize", name="z1", device="disk0") == {
        "size": 3 << 20}
    event = hvd.event("z1", "resized")
    assert event["kind"] == "device" and event["device"] == "disk0"
    assert str(3 << 20) in event["reason"]
    assert hvd.call("zone.get", name="z1")["devices"][0]["size"] == 3 << 20
    error = fails("INVALID_PARAMS", hvd, "device.resize", name="z1",
                  device="disk1")
    assert error.path == "$.device"
    # who types commands does not know the names of methods
    assert "hvsh info" in error.hint and "zone.get" not in error.hint
    fails("UNSUPPORTED", hvd, "device.resize", name="z1", device="rng0")
    fails("UNSUPPORTED", hvd, "device.resume", name="z1", device="rng0")
    hvd.call("zone.destroy", name="z1")
    fails("INVALID_STATE", hvd, "device.resize", name="z1", device="disk0")


def test_counters_of_a_device(machine, hvd):
    start_with(machine, hvd, disk_of(machine.disk()))
    of = {"name": "z1", "device": "disk0"}
    # As big as they get, and the same for all who ask at once.
    want = {"counters": {"reads": 3, "read-bytes": 2**63 + 5,
                         "latency": LATENCY}}
    others = [machine.client() for _ in range(3)]
    asked = [(client, client.begin("device.counters", **of))
             for client in others for _ in range(20)]
    for client, request in asked:
        assert client.finish(request) == want
    assert machine.client(readonly=True).call("device.counters", **of) == want
    error = fails("INVALID_PARAMS", hvd, "device.counters", name="z1",
                  device="disk1")
    assert error.path == "$.device"
    hvd.call("zone.destroy", name="z1")
    fails("INVALID_STATE", hvd, "device.counters", **of)


def test_counters_end_with_the_io_process(machine, hvd):
    machine.inject("io-z1", "ignore-counters")
    pid = start_with(machine, hvd, disk_of(machine.disk()))["io"]["pid"]
    of = {"name": "z1", "device": "disk0"}
    requests = [hvd.begin("device.counters", **of) for _ in range(3)]
    # It has heard of the last one by the time this is answered.
    hvd.call("hvd.version")
    os.kill(pid, signal.SIGKILL)
    for request in requests:
        with pytest.raises(RpcError) as info:
            hvd.finish(request)
        assert info.value.code == "IO_ERROR"
    hvd.event("z1", "io-restarted")


@pytest.mark.parametrize("counters", [
    {"reads": "many"}, {"reads": -1}, {"Reads": 1},
    {"latency": 5}, {"latency": {"read": 5}}, {"latency": {"READ": GOOD}},
    {"latency": {"read": {"buckets": []}}},
    {"latency": {"read": {"sum-ns": -1, "buckets": []}}},
    {"latency": {"read": {"sum-ns": 1, "buckets": {}}}},
    {"latency": {"read": {"sum-ns": 1, "buckets": [1, "1"]}}},
    {"latency": {"read": {"sum-ns": 1, "buckets": [0] * 33}}},
    {"latency": {name: GOOD for name in "abcde"}},
])
def test_nonsense_instead_of_counters(machine, hvd, counters):
    machine.inject("io-z1", 'counters=' + json.dumps(counters, separators=(",", ":")))
    start_with(machine, hvd, disk_of(machine.disk()))
    fails("IO_ERROR", hvd, "device.counters", name="z1", device="disk0")
    hvd.event("z1", "io-restarted")


def test_resize_ends_with_the_io_process(machine, hvd):
    machine.inject("io-z1", "ignore-resize")
    pid = start_with(machine, hvd, disk_of(machine.disk()))["io"]["pid"]
    request = hvd.begin("device.resize", name="z1", device="disk0")
    fails("BUSY", machine.client(), "device.resize", name="z1",
          device="disk0")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RpcError) as info:
        hvd.finish(request)
    assert info.value.code == "IO_ERROR"
    hvd.event("z1", "io-restarted")
    request = hvd.begin("device.resize", name="z1", device="disk0")
    machine.client().call("zone.destroy", name="z1")
    with pytest.raises(RpcError):
        hvd.finish(request)


# ------------------------------------------------------------------ networks

class Net:
    """A network namespace that outlives hvd, with nothing in it."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep 10000"],
            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"\n"
        self.enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    def ip(self, *args):
        return subprocess.run([*self.enter, "ip", *args], check=True,
                              capture_output=True, text=True).stdout

    def links(self):
        links = json.loads(self.ip("-j", "-d", "link"))
        return {link["ifname"]: link for link in links
                if link["ifname"] not in ("lo", "sit0", "tunl0", "ip6tnl0")}

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def missing_for_net():
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "needs access to /dev/net/tun"
    for command in (["unshare", "--net", "true"], ["ip", "-V"]):
        try:
            done = subprocess.run(command, capture_output=True)
        except FileNotFoundError:
            return f"needs {command[0]}"
        if done.returncode:
            return "needs a network namespace (CAP_SYS_ADMIN)"
    return None


@pytest.fixture
def net(machine):
    reason = missing_for_net()
    if reason:
        pytest.skip(reason)
    net = Net()
    machine.prefix = net.enter
    yield net
    net.close()


@pytest.fixture
def net_hvd(net, hvd):
    return hvd  # in that namespace


def device(client, name="net0", zone="z1"):
    for item in client.call("zone.get", name=zone)["devices"]:
        if item["name"] == name:
            return item
    return None


def test_net_is_a_tap_on_a_bridge(machine, net, net_hvd):
    detail = start_with(machine, net_hvd, {"type": "console"},
                        {"type": "net", "queues": 2, "mtu": 1400,
                         "vhost": False},
                        {"type": "rng"},
                        {"type": "net", "link": False, "vhost": False})
    links = net.links()
    assert set(links) == {"zvbr0", "zv1.0", "zv1.1"}
    assert links["zv1.0"]["master"] == links["zv1.1"]["master"] == "zvbr0"
    assert links["zv1.0"]["mtu"] == 1400
    config = machine.io_log("z1")[0]["devices"]
    first, second = config[1], config[3]
    assert (first["fd"], config[2]["fd"], second["fd"]) == (6, 8, 9)
    assert first["queues"] == 5 and second["queues"] == 3
    assert first["mtu"] == 1400 and first["link"] is True
    assert second["mtu"] == 1500 and second["link"] is False
    assert first["mac"] != second["mac"]
    fds = machine.io_fds("z1")
    assert [fd["fd"] for fd in fds] == [6, 7, 8, 9]
    assert [fd["path"] for fd in fds] == [
        "/dev/net/tun", "/dev/net/tun", "/dev/urandom", "/dev/net/tun"]
    assert all(fd["flags"] & os.O_NONBLOCK for fd in (fds[0], fds[1], fds[3]))
    assert detail["devices"][1] == {
        "name": "net0", "type": "net", "state": "ok", "mac": first["mac"],
        "bridge": "zvbr0", "tap": "zv1.0", "mtu": 1400, "link": True,
        "vhost": False}
    assert detail["devices"][3]["tap"] == "zv1.1"
    assert detail["definition"]["devices"][1]["mac"] == first["mac"]
    net_hvd.call("zone.destroy", name="z1")
    assert net.links() == {}


def test_counters_of_a_tap(machine, net, net_hvd):
    """Those of the kernel, beside what the I/O process counts."""
    start_with(machine, net_hvd, {"type": "net"})
    counters = net_hvd.call("device.counters", name="z1",
                            device="net0")["counters"]
    stats = json.loads(net.ip("-j", "-s", "link", "show",
                              "zv1.0"))[0]["stats64"]
    for ours, theirs in (("rx", "tx"), ("tx", "rx")):
        for what in ("packets", "bytes"):
            assert counters[f"{ours}-{what}"] == stats[theirs][what]
    assert counters["reads"] == 3


def test_net_vhost(machine, net, net_hvd):
    """Who wants zone0's vhost-net gets it, or hears why not."""
    devices = [{"type": "net", "queues": 2, "vhost": True}, {"type": "rng"}]
    if not os.path.exists("/dev/vhost-net"):
        error = does_not_start(machine, net_hvd, *devices, code="UNSUPPORTED")
        assert error.path == "$.devices[0].vhost"
        assert "/dev/vhost-net" in str(error)
        assert net.links() == {}
        net_hvd.call("zone.undefine", name="z1")
        del devices[0]["vhost"]
        detail = start_with(machine, net_hvd, *devices)
        assert detail["devices"][0]["vhost"] is False
        return
    detail = start_with(machine, net_hvd, *devices)
    assert detail["devices"][0]["vhost"] is True
    config = machine.io_log("z1")[0]["devices"]
    assert config[0]["vhost"] is True and config[1]["fd"] == 10
    assert [fd["path"] for fd in machine.io_fds("z1")] == [
        *["/dev/net/tun"] * 2, *["/dev/vhost-net"] * 2, "/dev/urandom"]


def test_net_mac_stays(machine, net, net_hvd):
    net_hvd.call("zone.define",
                 definition=machine.definition(devices=[{"type": "net"}]))
    first = net_hvd.call("zone.get", name="z1")["definition"]
    net_hvd.call("zone.define",
                 definition=machine.definition(devices=[{"type": "net"}]))
    assert net_hvd.call("zone.get", name="z1")["definition"] == first
    net_hvd.call("zone.define", definition=first)
    assert net_hvd.call("zone.get", name="z1")["definition"] == first
    (machine.config / "zones" / "hand.json").write_text(json.dumps(
        machine.definition("hand", devices=[{"type": "net"}])))
    machine.stop()
    client = machine.start()
    hand = client.call("zone.get", name="hand")["definition"]
    assert hand["devices"][0]["mac"] != first["devices"][0]["mac"]
    machine.stop()
    client = machine.start()
    assert client.call("zone.get", name="hand")["definition"] == hand
    assert client.call("zone.get", name="z1")["definition"] == first


def test_net_outlives_the_io_process(machine, net, net_hvd):
    pid = start_with(machine, net_hvd, {"type": "net"})["io"]["pid"]
    net.ip("address", "add", "192.0.2.1/24", "dev", "zvbr0")
    before = net.links()
    # another zone that ends meanwhile does not take the bridge with it
    start_with(machine, net_hvd, {"type": "net"}, name="other")
    net_hvd.event("other", "started")
    machine.inject("io-z1", "exit-at-start")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: net_hvd.call("zone.get", name="z1")["io"]["restarts"] > 1)
    net_hvd.call("zone.destroy", name="other")
    machine.clear("io-z1")
    net_hvd.event("z1", "io-restarted")
    after = net.links()
    assert set(after) == set(before) == {"zvbr0", "zv1.0"}
    assert after["zv1.0"]["address"] == before["zv1.0"]["address"]
    assert after["zvbr0"] == {**before["zvbr0"], **{
        key: after["zvbr0"][key] for key in ("operstate", "flags", "linkinfo")
        if key in after["zvbr0"]}}
    assert "192.0.2.1" in net.ip("address", "show", "zvbr0")


def test_net_waits_for_the_tap_of_an_old_process(machine, net):
    client = machine.start()
    old = start_with(machine, client, {"type": "net"})["io"]["pid"]
    # it does not see that it is stale until it goes on
    os.kill(old, signal.SIGSTOP)
    machine.kill()
    assert "zv1.0" in net.links()
    client = machine.start()
    wait(lambda: len(machine.io_log("z1")) == 1 and
         "restarts" in client.call("zone.get", name="z1")["io"])
    assert state(client, "z1") == "running"
    os.kill(old, signal.SIGCONT)
    wait(lambda: client.call("zone.get", name="z1")["io"].get("pid"))
    wait(lambda: len(machine.io_fds("z1")) == 2)
    assert set(net.links()) == {"zvbr0", "zv1.0"}
    assert "ms for its images" in machine.text()
    client.call("zone.destroy", name="z1")
    assert net.links() == {}


def test_net_tidies_when_an_old_process_has_let_go(machine, net):
    client = machine.start()
    old = start_with(machine, client, {"type": "net"},
                     {"type": "net"})["io"]["pid"]
    os.kill(old, signal.SIGSTOP)
    machine.kill()
    client = machine.start()
    request = client.begin("zone.destroy", name="z1")
    wait(lambda: machine.zones() == [])
    assert set(net.links()) == {"zvbr0", "zv1.0", "zv1.1"}
    os.kill(old, signal.SIGCONT)
    client.finish(request)
    assert net.links() == {}


def test_net_tidies_after_zones_that_ended_alone(machine, net):
    client = machine.start()
    pid = start_with(machine, client, {"type": "net"})["io"]["pid"]
    machine.kill()
    os.kill(pid, signal.SIGKILL)
    (machine.fake / "zone-1").unlink()
    wait(lambda: set(net.links()) == {"zvbr0"})
    client = machine.start()
    assert net.links() == {}
    assert client.call("zone.list")[1]["state"] == "defined"


def test_net_name_is_somebody_s(machine, net, net_hvd):
    net.ip("link", "add", "zv1.0", "type", "bridge")
    error = does_not_start(machine, net_hvd, {"type": "net"}, code="BUSY")
    assert error.path == "$.devices[0]" and "zv1.0" in str(error)
    assert error.hint
    assert set(net.links()) == {"zv1.0"}


def test_net_bridge_of_zone0(machine, net, net_hvd):
    lan = {"type": "net", "bridge": "br-lan"}
    error = does_not_start(machine, net_hvd, {"type": "net"}, lan,
                           code="INVALID_DEFINITION")
    assert error.path == "$.devices[1].bridge" and error.hint
    assert "'br-lan' does not exist" in str(error)
    wait(lambda: net.links() == {})
    net.ip("link", "add", "br-lan", "type", "bridge")
    start_with(machine, net_hvd, lan)
    assert net.links()[device(net_hvd)["tap"]]["master"] == "br-lan"
    net_hvd.call("zone.destroy", name="z1")
    assert set(net.links()) == {"br-lan"}


def test_net_without_the_right(machine, net):
    machine.prefix = [*net.enter, "setpriv", "--bounding-set", "-net_admin",
                      "--inh-caps", "-net_admin"]
    if subprocess.run([*machine.prefix, "true"],
                      capture_output=True).returncode:
        pytest.skip("needs setpriv")
    client = machine.start()
    error = does_not_start(machine, client, {"type": "net"},
                           code="PERMISSION")
    assert error.path == "$.devices[0]" and "CAP_NET_ADMIN" in error.hint
    assert net.links() == {}


def test_net_mac_of_another_zone(machine, net, net_hvd):
    mine = {"type": "net", "mac": "5a:00:00:00:00:01"}
    start_with(machine, net_hvd, mine, name="first")
    error = does_not_start(machine, net_hvd, {"type": "rng"}, mine,
                           name="second", code="BUSY")
    assert error.path == "$.devices[1].mac" and error.hint
    assert "in zone first" in str(error)
    assert len(machine.zones()) == 1
    net.ip("link", "add", "br-lan", "type", "bridge")
    start_with(machine, net_hvd, {**mine, "bridge": "br-lan"}, name="second")
    net_hvd.call("zone.destroy", name="first")
    start_with(machine, net_hvd, mine, name="third")


def test_net_mac_of_another_zone_that_starts_by_itself(machine, net):
    machine.inject("fail-open", "2")
    client = machine.start()
    for name in "a", "b":
        client.call("zone.define", definition=machine.definition(
            name, autostart=True,
            devices=[{"type": "net", "mac": "5a:00:00:00:00:01"}]))
    machine.clear("fail-open")
    assert client.call("hvd.version")["connected"] is True
    wait(lambda: state(client, "a") == "running")
    detail = client.call("zone.get", name="b")
    assert detail["state"] == "defined"
    assert "start failed: the address of net0" in detail["reason"]


def test_net_as_many_as_there_can_be(machine, net, net_hvd):
    start_with(machine, net_hvd, *[{"type": "net", "queues": 3,
                                     "vhost": False}] * 32)
    assert len(net.links()) == 33
    config = machine.io_log("z1")[0]["devices"]
    assert [d["fd"] for d in config] == [6 + 3 * i for i in range(32)]
    assert [fd["fd"] for fd in machine.io_fds("z1")] == list(range(6, 102))
    assert len({d["mac"] for d in config}) == 32
    net_hvd.call("zone.destroy", name="z1")
    assert net.links() == {}


def test_net_of_a_crashed_zone_comes_back(machine, net, net_hvd):
    start_with(machine, net_hvd, {"type": "net"})
    net.ip("address", "add", "192.0.2.1/24", "dev", "zvbr0")
    machine.guest(1, CRASHED, BAD_TRAP)
    net_hvd.event("z1", "crashed")
    net_hvd.call("zone.start", name="z1")
    assert set(net.links()) == {"zvbr0", "zv1.0"}
    assert "192.0.2.1" in net.ip("address", "show", "zvbr0")


def test_net_fds_stay_with_the_io_process(machine, net, net_hvd):
    devices = [{"type": "net", "queues": 3}, {"type": "net", "queues": 1}]
    net_hvd.call("zone.define",
                 definition=machine.definition(devices=devices))
    fds = pathlib.Path(f"/proc/{machine.process.pid}/fd")
    for _ in range(3):
        net_hvd.call("zone.start", name="z1")
        assert "/dev/net/tun" not in map(os.readlink, fds.iterdir())
        assert len(machine.io_fds("z1")) % 4 == 0
        net_hvd.call("zone.destroy", name="z1")
    before = hvd_fds(machine)
    net_hvd.call("zone.start", name="z1")
    net_hvd.call("zone.destroy", name="z1")
    wait(lambda: hvd_fds(machine) <= before)


# --------------------------------------------------- networks in user mode

USER = {"type": "net", "user": True}


class Passt:
    """Those that were started, oldest first."""

    def __init__(self, machine):
        self.log = machine.fake / "passt.log"
        (machine.bin / "passt").symlink_to(HERE / "fake_passt.py")

    def started(self):
        return [json.loads(line) for line in
                self.log.read_text().splitlines()] if self.log.exists() else []

    def running(self):
        return [p["pid"] for p in self.started()
                if os.path.exists(f"/proc/{p['pid']}") and not is_zombie(p["pid"])]


def is_zombie(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def passt(machine):
    passt = Passt(machine)
    yield passt
    # hvd has ended; those of zones that go on end with their I/O process
    for pid in passt.running():
        os.kill(pid, signal.SIGKILL)


def option(argv, name):
    return [argv[i + 1] for i, word in enumerate(argv) if word == name]


def test_user_net_is_a_passt(machine, passt, hvd):
    forward = [{"port": 2222, "to": 22, "address": "127.0.0.1"},
               {"proto": "udp", "port": 53}, {"port": 80}]
    detail = start_with(machine, hvd, {"type": "rng"},
                        {**USER, "mtu": 1400, "forward": forward}, USER)
    config = machine.io_log("z1")[0]["devices"]
    assert [d.get("via") for d in config] == [None, "stream", "stream"]
    assert [d["fd"] for d in config] == [6, 7, 8]
    assert config[1]["queues"] == 3
    fds = machine.io_fds("z1")
    assert fds[1]["path"].startswith("socket:")
    assert fds[1]["flags"] & os.O_NONBLOCK
    first, second = (p["argv"] for p in passt.started())
    assert option(first, "--tcp-ports") == ["127.0.0.1/2222:22", "80:80"]
    assert option(first, "--udp-ports") == ["53:53"]
    assert option(first, "--mtu") == ["1400"]
    assert option(first, "--address") == ["10.0.2.15"]
    assert option(second, "--tcp-ports") == ["none"]
    assert option(second, "--udp-ports") == ["none"]
    shown = detail["devices"][1]
    assert shown["user"] is True and shown["mtu"] == 1400
    assert shown["forward"][2] == {"proto": "tcp", "port": 80, "to": 80}
    assert "tap" not in shown and "bridge" not in shown
    assert len(passt.running()) == 2
    hvd.call("device.set", name="z1", device="net0", mtu=1300, link=False)
    assert device(hvd)["mtu"] == 1300
    assert "MTU of its TAP" not in machine.text()
    # each is on a network of its own
    start_with(machine, hvd, {**USER, "mac": shown["mac"]}, name="other")
    hvd.call("zone.destroy", name="other")
    hvd.call("zone.destroy", name="z1")
    wait(lambda: not passt.running())


def test_user_net_comes_back(machine, passt, hvd):
    """After the end of its passt, its I/O process, and hvd."""
    start_with(machine, hvd, USER)
    old = passt.running()
    os.kill(old[0], signal.SIGKILL)
    assert hvd.event("z1", "error")["device"] == "net0"
    hvd.event("z1", "io-restarted")
    assert device(hvd)["state"] == "ok"
    new = passt.running()
    assert len(new) == 1 and new != old
    os.kill(hvd.call("zone.get", name="z1")["io"]["pid"], signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    wait(lambda: len(passt.running()) == 1 and passt.running() != new)
    new = passt.running()
    machine.kill()
    assert passt.running() == new
    client = machine.start()
    wait(lambda: client.call("zone.get", name="z1")["io"].get("pid"))
    wait(lambda: len(passt.running()) == 1 and passt.running() != new)
    client.call("zone.destroy", name="z1")
    wait(lambda: not passt.running())


def test_user_net_ends_with_the_io_process(machine, passt, hvd):
    pid = start_with(machine, hvd, USER)["io"]["pid"]
    assert len(passt.running()) == 1
    machine.kill()
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not passt.running())


def test_user_net_needs_its_program(machine):
    machine.path = str(machine.bin)
    client = machine.start()
    error = does_not_start(machine, client, USER, code="UNSUPPORTED")
    assert error.path == "$.devices[0].user"
    assert "'passt'" in error.hint
    machine.stop()


@pytest.mark.parametrize("word, code, member, says", [
    ("gives-up", "IO_ERROR", "user", "passt: gave up: no such luck"),
    ("hangs", "TIMEOUT", "user", "did not start in time"),
    ("port-taken", "BUSY", "forward",
     "Failed to bind any port for '-t 2222:22'"),
])
def test_user_net_that_does_not_start(machine, passt, hvd, word, code, member,
                                      says):
    machine.inject("passt", word)
    before = hvd_fds(machine)
    error = does_not_start(machine, hvd, {
        **USER, "forward": [{"port": 2222, "to": 22}]}, code=code)
    assert error.path == f"$.devices[0].{member}" and says in str(error)
    wait(lambda: hvd_fds(machine) <= before)
    machine.clear("passt")
    hvd.call("zone.start", name="z1")
    assert len(passt.running()) == 1


@pytest.mark.parametrize("proto, kind", [("tcp", socket.SOCK_STREAM),
                                         ("udp", socket.SOCK_DGRAM)])
def test_user_net_tells_which_port_is_taken(machine, passt, hvd, proto, kind):
    with socket.socket(socket.AF_INET, kind) as mine, \
            socket.socket(socket.AF_INET, kind) as spare:
        for one in mine, spare:
            one.bind(("127.0.0.1", 0))
        free = spare.getsockname()[1]
        spare.close()
        if kind == socket.SOCK_STREAM:
            mine.listen()
        machine.inject("passt", "port-taken")
        error = does_not_start(machine, hvd, {**USER, "forward": [
            {"proto": proto, "port": free},
            {"proto": proto, "port": mine.getsockname()[1],
             "address": "127.0.0.1"}]}, code="BUSY")
    assert error.path == "$.devices[0].forward[1].port"
    assert "netstat" in error.hint


def forwarding(**more):
    return {**USER, "forward": [{"port": 80}, {"port": 2222, "to": 22, **more}]}


def test_user_net_port_of_another_zone(machine, passt, hvd):
    """Told at once, before anything of the zone is made."""
    start_with(machine, hvd, forwarding(address="127.0.0.1"), name="first")
    error = does_not_start(machine, hvd, {"type": "rng"},
                           {**USER, "forward": [{"port": 1}, {"port": 2222}]},
                           name="second", code="BUSY")
    assert error.path == "$.devices[1].forward[1].port" and error.hint
    assert str(error) == ("port 2222 of zone0 is forwarded to net0 of zone "
                          "first already")
    assert len(passt.started()) == 1 and len(machine.zones()) == 1
    for other in ({"proto": "udp", "port": 2222},
                  {"port": 2222, "address": "127.0.0.2"}, {"port": 2223}):
        start_with(machine, hvd, {**USER, "forward": [other]}, name="third")
        hvd.call("zone.destroy", name="third")
    hvd.call("zone.destroy", name="first")
    wait(lambda: state(hvd, "first") == "defined")
    start_with(machine, hvd, forwarding(), name="second")


def test_user_net_that_does_not_come_back(machine, passt, hvd):
    """The guest goes on without it, until it can be had again."""
    start_with(machine, hvd, {**USER, "forward": [{"port": 2222}]},
               disk_of(machine.disk()))
    machine.inject("passt", "port-taken")
    os.kill(passt.running()[0], signal.SIGKILL)
    for _ in range(2):
        hvd.event("z1", "io-restarted")
    wait(lambda: device(hvd)["state"] == "error")
    assert device(hvd, "disk0")["state"] == "ok"
    assert "net0 has no network for now: passt: gave up" in machine.text()
    machine.clear("passt")
    wait(lambda: len(passt.running()) == 1 and device(hvd)["state"] == "ok")


# ------------------------------------------------------------------ device.set

def definition_of(client, zone="z1"):
    detail = client.call("zone.get", name=zone)
    assert "running_definition" not in detail
    return detail["definition"]


def sets(machine, zone="z1"):
    return [m for m in machine.io_log(zone) if m["cmd"] == "set"]


def test_set_of_a_definition(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(devices=[
        {"type": "net", "limits": {"rx-packets-sec": 5}}]))
    assert hvd.call("device.set", name="z1", device="net0", link=False,
                    mtu=9000, limits={"tx-bytes-sec": "10M"}) == {}
    event = hvd.event("z1", "changed")
    assert (event["kind"], event["device"]) == ("device", "net0")
    detail = hvd.call("zone.get", name="z1")
    assert detail["generation"] == 2
    net = detail["definition"]["devices"][0]
    assert (net["link"], net["mtu"]) == (False, 9000)
    assert net["limits"] == {"tx-bytes-sec": "10M", "burst-ms": 100}
    stored = json.loads((machine.config / "zones/z1.json").read_text())
    assert stored["devices"][0] == net and stored["generation"] == 2
    hvd.call("device.set", name="z1", device="net0", limits={})
    assert "limits" not in definition_of(hvd)["devices"][0]


def test_set_is_checked(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(
        devices=[{"type": "net"}, {"type": "rng"}]))
    before = hvd.call("zone.get", name="z1")
    for code, path, name, changes in (
            ("INVALID_PARAMS", "$.device", "net7", {"link": True}),
            ("INVALID_PARAMS", "$.mtu", "net0", {"link": False, "mtu": 67}),
            ("INVALID_PARAMS", "$.limits.iops", "net0",
             {"link": False, "limits": {"iops": 5}}),
            ("INVALID_PARAMS", "$.link", "net0", {"link": "up"}),
            ("UNSUPPORTED", "$.link", "rng0", {"link": True}),
            ("INVALID_PARAMS", None, "net0", {})):
        error = fails(code, hvd, "device.set", name="z1", device=name,
                      **changes)
        assert error.path == path
    fails("ZONE_NOT_FOUND", hvd, "device.set", name="z9", device="net0",
          link=True)
    assert hvd.call("zone.get", name="z1") == before


def test_set_of_a_running_zone(machine, net, net_hvd):
    start_with(machine, net_hvd, {"type": "net"}, {"type": "rng"})
    net_hvd.call("device.set", name="z1", device="net0", link=False, mtu=1400,
                 limits={"rx-bytes-sec": "10M", "burst-ms": 50})
    assert sets(machine) == [{
        "cmd": "set", "device": "net0", "link": False, "mtu": 1400,
        "limits": {"rx-bytes-sec": 10 << 20, "burst-ms": 50}}]
    assert net_hvd.event("z1", "changed")["device"] == "net0"
    assert net.links()["zv1.0"]["mtu"] == 1400
    assert device(net_hvd)["link"] is False and device(net_hvd)["mtu"] == 1400
    assert device(net_hvd)["limits"]["rx-bytes-sec"] == "10M"
    assert definition_of(net_hvd)["devices"][0]["mtu"] == 1400
    assert net_hvd.call("zone.get", name="z1")["generation"] == 2
    for path in (machine.config / "zones/z1.json",
                 machine.run_dir / "zones/z1.json"):
        stored = json.loads(path.read_text())
        assert stored["devices"][0]["mtu"] == 1400
        assert stored["generation"] == 2
    net_hvd.call("device.set", name="z1", device="rng0", limits={})
    assert sets(machine)[1] == {"cmd": "set", "device": "rng0", "limits": {}}
    # more than Linux's TAP can have
    net_hvd.call("device.set", name="z1", device="net0", mtu=65535)
    assert sets(machine)[2] == {"cmd": "set", "device": "net0", "mtu": 65535}
    assert net.links()["zv1.0"]["mtu"] == 65521


def test_set_is_told_to_the_next_process(machine, hvd):
    rng = {"type": "rng"}
    pid = start_with(machine, hvd, rng)["io"]["pid"]
    hvd.call("device.set", name="z1", device="rng0",
             limits={"total-bytes-sec": "4K"})
    os.kill(pid, signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    machine.kill()
    client = machine.start()
    wait(lambda: len(machine.io_fds("z1")) == 3)
    told = [m["devices"][0].get("total-bytes-sec")
            for m in machine.io_log("z1") if m["cmd"] == "config"]
    assert told == [None, 4096, 4096]
    limits = definition_of(client)["devices"][0]["limits"]
    assert limits["total-bytes-sec"] == "4K"


def test_set_is_refused(machine, hvd):
    machine.inject("io-z1", "refuse-set")
    start_with(machine, hvd, {"type": "rng"})
    before = hvd.call("zone.get", name="z1")
    error = fails("IO_ERROR", hvd, "device.set", name="z1", device="rng0",
                  limits={"total-bytes-sec": "4K"})
    assert "rng0: for a test" in str(error)
    after = hvd.call("zone.get", name="z1")
    for key in "definition", "generation", "devices", "state":
        assert after[key] == before[key]
    hvd.call("zone.pause", name="z1")


def test_set_ends_with_the_io_process(machine, hvd):
    machine.inject("io-z1", "ignore-set")
    pid = start_with(machine, hvd, {"type": "rng"})["io"]["pid"]
    limits = {"total-bytes-sec": "4K"}

    def begin():
        request = hvd.begin("device.set", name="z1", device="rng0",
                            limits=limits)
        wait(lambda: len(sets(machine)) == begin.count)
        begin.count += 1
        return request

    begin.count = 1
    request = begin()
    other = machine.client()
    fails("BUSY", other, "device.set", name="z1", device="rng0",
          limits=limits)
    fails("BUSY", other, "zone.undefine", name="z1")
    fails("BUSY", other, "zone.pause", name="z1")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RpcError) as info:
        hvd.finish(request)
    assert info.value.code == "IO_ERROR"
    hvd.event("z1", "io-restarted")
    assert "limits" not in definition_of(hvd)["devices"][0]
    request = begin()
    other.call("zone.destroy", name="z1")
    with pytest.raises(RpcError):
        hvd.finish(request)
    assert state(other, "z1") == "defined"
    other.close()


def test_set_without_an_answer(machine, hvd):
    machine.inject("io-z1", "ignore-set")
    pid = start_with(machine, hvd, {"type": "rng"})["io"]["pid"]
    fails("TIMEOUT", hvd, "device.set", name="z1", device="rng0",
          limits={"total-bytes-sec": "4K"})
    hvd.event("z1", "io-restarted")
    detail = hvd.call("zone.get", name="z1")
    assert detail["io"]["pid"] != pid
    assert "limits" not in definition_of(hvd)["devices"][0]


def test_set_while_the_guest_goes(machine, hvd):
    machine.inject("io-z1", "ignore-set")
    pid = start_with(machine, hvd, {"type": "rng"})["io"]["pid"]
    request = hvd.begin("device.set", name="z1", device="rng0", limits={})
    wait(lambda: sets(machine))
    machine.guest(1, OFF, GUEST_OFF)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RpcError):
        hvd.finish(request)
    hvd.event("z1", "stopped")
    assert state(hvd, "z1") == "defined"
    # it went with its zone: nobody misses it
    assert "killed by signal" not in machine.text()


def test_set_that_cannot_be_saved(machine, hvd):
    start_with(machine, hvd, {"type": "rng"})
    zones = machine.config / "zones"
    zones.rename(machine.config / "away")
    error = fails("IO_ERROR", hvd, "device.set", name="z1", device="rng0",
                  limits={"total-bytes-sec": "4K"})
    assert "definition has not" in error.hint
    detail = hvd.call("zone.get", name="z1")
    assert detail["generation"] == 1
    assert "limits" not in detail["definition"]["devices"][0]
    assert "limits" in detail["running_definition"]["devices"][0]
    (machine.config / "away").rename(zones)
    hvd.call("device.set", name="z1", device="rng0",
             limits={"total-bytes-sec": "4K"})
    assert "limits" in definition_of(hvd)["devices"][0]


def test_set_when_the_definition_is_another_one(machine, hvd):
    start_with(machine, hvd, {"type": "rng", "name": "a"})
    hvd.call("zone.define", definition=machine.definition(
        devices=[{"type": "console", "name": "a"}, {"type": "rng"}]))
    hvd.call("device.set", name="z1", device="a",
             limits={"total-bytes-sec": "4K"})
    detail = hvd.call("zone.get", name="z1")
    assert detail["generation"] == 2
    assert "limits" not in detail["definition"]["devices"][0]
    assert "limits" in detail["running_definition"]["devices"][0]
    error = fails("INVALID_PARAMS", hvd, "device.set", name="z1",
                  device="rng0", limits={})
    assert error.path == "$.device"
    hvd.call("zone.undefine", name="z1")
    hvd.call("device.set", name="z1", device="a", limits={})


def test_set_and_destroy_at_once(machine, hvd):
    """However far it gets, what is on disk is what hvd has."""
    other = machine.client()
    begun = 0
    hvd.call("zone.define",
             definition=machine.definition(devices=[{"type": "rng"}]))
    for i in range(1, 21):
        hvd.call("zone.start", name="z1")
        request = other.begin("device.set", name="z1", device="rng0",
                              limits={"total-bytes-sec": f"{i}K"})
        if i % 2:
            wait(lambda: len(sets(machine)) > begun)
        hvd.call("zone.destroy", name="z1")
        try:
            other.finish(request)
        except RpcError as error:
            assert error.code in ("IO_ERROR", "INVALID_STATE")
        begun = len(sets(machine))
        detail = hvd.call("zone.get", name="z1")
        stored = json.loads((machine.config / "zones/z1.json").read_text())
        assert stored.pop("generation") == detail["generation"]
        assert stored == detail["definition"]
        assert not list((machine.run_dir / "zones").iterdir())
    other.close()


def test_set_in_the_wrong_state(machine, hvd):
    start_with(machine, hvd, {"type": "rng"})
    hvd.call("zone.pause", name="z1")
    hvd.call("device.set", name="z1", device="rng0", limits={})
    machine.guest(1, CRASHED, BAD_TRAP)
    hvd.event("z1", "crashed")
    error = fails("INVALID_STATE", hvd, "device.set", name="z1",
                  device="rng0", limits={})
    assert error.hint


def test_consoles(machine, hvd):
    fails("ZONE_NOT_FOUND", hvd, "console.attach", name="z1")
    hvd.call("zone.define", definition=machine.definition(
        devices=[{"type": "uart"}, {"type": "console", "name": "hvc"}]))
    fails("INVALID_STATE", hvd, "console.attach", name="z1")
    hvd.call("zone.start", name="z1")
    console = hvd.call("console.attach", name="z1")
    assert console["device"] == "hvc"
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(console["socket"])
    sock.close()
    assert os.stat(console["socket"]).st_mode & 0o777 == 0o660
    hvd.call("console.attach", name="z1", device="uart0", **{"from": 17})
    error = fails("INVALID_PARAMS", hvd, "console.attach", name="z1",
                  device="console7")
    assert error.path == "$.device"
    for bad in ("middle", -1):
        fails("INVALID_PARAMS", hvd, "console.attach", name="z1",
              **{"from": bad})


# ------------------------------------------------------- the daemon's own end

def test_clean_stop_leaves_zones_running(machine):
    client = machine.start()
    pid = started(machine, client)["io"]["pid"]
    machine.stop()
    os.kill(pid, 0)
    assert machine.get(1, STATE) == RUNNING
    client = machine.start()
    assert state(client, "z1") == "running"
    new = wait(lambda: client.call("zone.get", name="z1")["io"].get("pid"))
    assert new != pid
    wait(lambda: not alive(pid))
    wait(lambda: machine.get(1, STATE) == RUNNING)
    wait(lambda: shut_down(client, "z1"))
    assert machine.zones() == []


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def shut_down(client, name):
    try:
        client.call("zone.shutdown", name=name, timeout=20)
        return True
    except RpcError as error:
        assert error.code == "BUSY"
        return False


def test_kill_9_and_adopt(machine):
    client = machine.start()
    pid = started(machine, client)["io"]["pid"]
    started(machine, client, "z2")
    client.call("zone.pause", name="z2")
    client.call("zone.undefine", name="z2")
    client.call("zone.define", definition=machine.definition("z3"))
    client.call("zone.start", name="z3", paused=True)
    machine.kill()
    machine.guest(1, OFF, GUEST_OFF)  # while nobody looks
    client = machine.start()
    wait(lambda: state(client, "z1") == "defined")
    # The one that served it ends by itself, in its own time.
    wait(lambda: not alive(pid))
    assert state(client, "z2") == "paused"
    assert client.call("zone.get", name="z2")["definition"] is None
    assert state(client, "z3") == "paused"
    client.call("zone.resume", name="z3")
    assert state(client, "z3") == "running"
    client.call("zone.resume", name="z2")
    client.call("zone.destroy", name="z2")
    fails("ZONE_NOT_FOUND", client, "zone.get", name="z2")


def test_kill_9_while_resetting(machine):
    client = machine.start()
    started(machine, client, on_reboot="destroy")
    machine.kill()
    machine.guest(1, RESETTING, FORCED_RESET)
    client = machine.start()
    wait(lambda: machine.get(1, STATE) == RUNNING)
    wait(lambda: state(client, "z1") == "running")


def test_a_zone_that_cannot_be_opened_keeps_its_record(machine):
    client = machine.start()
    started(machine, client)
    machine.kill()
    machine.inject("fail-open-zone", "12")
    machine.start()
    machine.stop()
    machine.clear("fail-open-zone")
    client = machine.start()
    assert state(client, "z1") == "running"
    client.call("zone.reset", name="z1")  # needs the record


@pytest.mark.parametrize("paused", [False, True])
def test_kill_9_while_building(machine, paused):
    machine.inject("delay-populate", "300")
    client = machine.start()
    client.call("zone.define", definition=machine.definition(memory="256M"))
    client.begin("zone.start", name="z1", paused=paused)
    wait(machine.zones)
    machine.kill()
    machine.clear("delay-populate")
    client = machine.start()
    wait(lambda: not machine.zones())
    wait(lambda: state(client, "z1") == "defined")
    client.call("zone.start", name="z1")


@pytest.mark.parametrize("method,policy,end", [
    ("zone.reboot", "destroy", "running"),
    ("zone.shutdown", "restart", "defined")])
def test_kill_9_keeps_what_was_asked_for(machine, method, policy, end):
    client = machine.start()
    machine.inject("io-z1", "ignore-power")
    started(machine, client, on_poweroff=policy)
    client.call(method, name="z1")
    machine.kill()
    client = machine.start()
    assert state(client, "z1") == "running"
    client.call("event.subscribe")
    machine.guest(1, OFF, GUEST_OFF)
    client.event("z1", "rebooted" if end == "running" else "stopped")
    assert state(client, "z1") == end


def test_a_reboot_is_asked_for_once(machine):
    client = machine.start()
    started(machine, client)
    client.call("event.subscribe")
    client.call("zone.reboot", name="z1")
    client.event("z1", "rebooted")
    machine.kill()
    client = machine.start()
    client.call("event.subscribe")
    machine.guest(1, OFF, GUEST_OFF)
    client.event("z1", "stopped")
    assert state(client, "z1") == "defined"


@pytest.mark.parametrize("destroyed", [False, True])
@pytest.mark.parametrize("paused,end", [(False, RUNNING), (True, CREATED)])
def test_kill_9_while_a_crashed_zone_starts(machine, destroyed, paused, end):
    client = machine.start()
    started(machine, client)
    machine.guest(1, CRASHED, BAD_TRAP)
    wait(lambda: state(client, "z1") == "crashed")
    machine.inject("fail-destroy", "16")
    client.begin("zone.start", name="z1", paused=paused)
    wait(lambda: machine.get(1, STATE) == DYING)
    machine.kill()
    machine.clear("fail-destroy")
    if destroyed:
        (machine.fake / "zone-1").unlink()
    client = machine.start()
    wait(lambda: state(client, "z1") == ("paused" if paused else "running"))
    zone, = machine.zones()
    assert machine.get(zone, STATE) == end


def crash(machine, client):
    """The zone crashes; how long it waits then, in ms."""
    zone, = machine.zones()
    machine.guest(zone, CRASHED, BAD_TRAP)
    return crash_wait(client)


def crash_wait(client):
    reason = client.event("z1", "crashed")["reason"]
    found = re.search(r"; starts again in (\d+) ms$", reason)
    return int(found[1]) if found else 0


def test_crash_loop_slows_down_and_kill_9_does_not_speed_it_up(machine):
    client = machine.start()
    client.call("event.subscribe")
    started(machine, client, on_crash="restart")
    client.event("z1", "started")
    for expected in 0, 0, 0, 250, 500:
        assert crash(machine, client) == expected
        client.event("z1", "stopped")
        client.event("z1", "started")
    assert crash(machine, client) == 1000
    machine.kill()  # while it waits
    client = machine.start()
    client.call("event.subscribe", since=0)
    assert crash_wait(client) == 1000
    client.event("z1", "started")
    assert crash(machine, client) == 2000
    client.call("zone.destroy", name="z1")  # it need not be waited for
    assert machine.zones() == []


def test_reset_loop_is_known_to_the_next_daemon(machine):
    client = machine.start()
    client.call("event.subscribe")
    started(machine, client)
    for _ in range(3):
        machine.guest(1, RESETTING, GUEST_RESET)
        client.event("z1", "rebooted")
    assert "too often" not in machine.text()
    machine.kill()
    client = machine.start()
    client.call("event.subscribe")
    machine.guest(1, RESETTING, GUEST_RESET)
    client.event("z1", "rebooted")
    assert "resets too often; waiting 250 ms" in machine.text()


def test_kill_9_while_a_crashed_zone_is_built_anew(machine):
    client = machine.start()
    started(machine, client, on_crash="restart", memory="256M")
    machine.inject("delay-populate", "300")
    machine.guest(1, CRASHED, BAD_TRAP)
    wait(lambda: [z for z in machine.zones()
                  if machine.get(z, STATE) == CREATED])
    machine.kill()
    machine.clear("delay-populate")
    client = machine.start()
    wait(lambda: state(client, "z1") == "running")
    zone, = machine.zones()
    assert machine.get(zone, STATE) == RUNNING


def test_a_failed_restart_is_not_tried_for_ever(machine, hvd):
    started(machine, hvd, on_crash="restart")
    hvd.event("z1", "started")
    machine.image.unlink()
    machine.guest(1, CRASHED, BAD_TRAP)
    hvd.event("z1", "stopped")
    assert "start failed" in hvd.event("z1", "stopped")["reason"]
    assert state(hvd, "z1") == "defined"
    machine.kill()
    client = machine.start()
    assert state(client, "z1") == "defined"
    assert machine.zones() == []


def test_kill_9_after_a_zone_was_built_anew(machine):
    """It runs, and its record does not say so yet."""
    client = machine.start()
    started(machine, client)
    machine.kill()
    path = machine.run_dir / "zones/z1.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "intent": "start"}))
    client = machine.start()
    assert state(client, "z1") == "running"
    assert machine.zones() == [1]
    assert "intent" not in json.loads(path.read_text())
    client.call("event.subscribe")
    machine.guest(1, OFF, GUEST_OFF)
    client.event("z1", "stopped")
    assert state(client, "z1") == "defined"


def test_kill_9_while_destroying(machine):
    client = machine.start()
    started(machine, client)
    machine.inject("fail-destroy", "16")
    client.begin("zone.destroy", name="z1")
    wait(lambda: machine.get(1, STATE) == DYING)
    machine.kill()
    client = machine.start()
    assert state(client, "z1") == "dying"
    machine.clear("fail-destroy")
    wait(lambda: not machine.zones())


def test_unknown_zone_is_listed_and_destroyed(machine):
    client = machine.start()
    started(machine, client)
    machine.kill()
    (machine.run_dir / "zones/z1.json").unlink()
    (machine.config / "zones/z1.json").unlink()
    client = machine.start()
    detail = client.call("zone.get", name="z1")
    assert detail["state"] == "running"
    assert detail["definition"] is None
    assert detail["memory"] == 64 << 20
    fails("UNSUPPORTED", client, "zone.reset", name="z1")
    fails("UNSUPPORTED", client, "zone.shutdown", name="z1")
    client.call("zone.destroy", name="z1")
    assert machine.zones() == []


def test_undefined_while_it_goes_to_be_started_again(machine):
    """Nothing is known of the zone any more when its end is tried again."""
    client = machine.start()
    started(machine, client)
    machine.kill()
    (machine.run_dir / "zones/z1.json").unlink()
    client = machine.start()
    machine.guest(1, CRASHED, BAD_TRAP)
    wait(lambda: state(client, "z1") == "crashed")
    machine.inject("fail-destroy", "16")
    other = machine.client()
    request = other.begin("zone.start", name="z1")
    wait(lambda: machine.failed("destroy") > 0)
    client.call("zone.undefine", name="z1")
    tries = machine.failed("destroy")
    wait(lambda: machine.failed("destroy") > tries + 1)
    machine.clear("fail-destroy")
    with pytest.raises(RpcError, match="definition was removed"):
        other.finish(request)
    assert machine.zones() == []
    fails("ZONE_NOT_FOUND", client, "zone.get", name="z1")
    other.close()


def test_stop_while_busy(machine):
    machine.inject("delay-populate", "300")
    client = machine.start()
    client.call("zone.define", definition=machine.definition(memory="256M"))
    client.begin("zone.start", name="z1")
    wait(machine.zones)
    machine.stop()
    client = machine.start()
    wait(lambda: not machine.zones())


def test_autostart_once_per_boot(machine):
    client = machine.start()
    client.call("zone.define", definition=machine.definition(autostart=True))
    machine.stop()
    (machine.run_dir / "autostarted").unlink()
    client = machine.start()
    wait(lambda: state(client, "z1") == "running")
    client.call("zone.destroy", name="z1")
    machine.stop()
    client = machine.start()
    assert state(client, "z1") == "defined"


def boot(machine, **zones):
    """Defines zones and lets the hypervisor appear: autostart begins."""
    machine.inject("fail-open", "2")
    client = machine.start()
    client.call("event.subscribe")
    for name, more in zones.items():
        client.call("zone.define",
                    definition=machine.definition(name, **more))
    machine.clear("fail-open")
    assert client.call("hvd.version")["connected"] is True
    return client


def starts(client, count):
    """The next events `started`, as (zone, time)."""
    found = []
    while len(found) < count:
        event = client.events.pop(0) if client.events else \
            client.read()["params"]
        if event["event"] == "started":
            found.append((event["zone"], event["time"]))
    return found


def had_a_turn(machine):
    path = machine.run_dir / "autostarted"
    return path.read_text() if path.exists() else ""


def states(client):
    return {z["name"]: z["state"] for z in client.call("zone.list")
            if z["name"] != "zone0"}


def test_autostart_in_order(machine):
    machine.inject("delay-populate", "300")
    client = boot(machine, a={"autostart": True}, b={"autostart": False},
                  c={"autostart": {"order": -1}, "memory": "256M"},
                  d={"autostart": {"order": 5}}, e={"autostart": {}})
    wait(lambda: states(client)["c"] == "starting")
    assert states(client) == {"a": "defined", "b": "defined", "c": "starting",
                              "d": "defined", "e": "defined"}
    assert [zone for zone, _ in starts(client, 4)] == ["c", "a", "e", "d"]
    assert state(client, "b") == "defined"
    assert client.call("zone.get", name="c")["definition"]["autostart"] == \
        {"order": -1, "delay": "0s"}
    wait(lambda: had_a_turn(machine) == "c\na\ne\nd\n/\n")
    # defined later: for the next boot
    client.call("zone.define", definition=machine.definition(
        "f", autostart=True))
    machine.kill()
    client = machine.start()
    assert state(client, "f") == "defined"


def test_autostart_waits_for_the_delay(machine):
    client = boot(machine, a={"autostart": {"delay": "700ms"}},
                  b={"autostart": True}, c={"autostart": True})
    (a, at_a), (b, at_b), (c, at_c) = starts(client, 3)
    assert (a, b, c) == ("a", "b", "c")
    assert at_b - at_a >= 0.65
    assert at_c >= at_b


def test_autostart_goes_on_after_a_failure(machine):
    late = {"autostart": {"order": 1}}
    client = boot(machine, a={"autostart": {"delay": "3600s"},
                              "kernel": "/nonexistent"},
                  b={"autostart": {"delay": "3600s"},
                     "cpus": [63]}, c=late)
    for name in "a", "b":
        reason = client.event(name, "autostart-failed")["reason"]
        assert reason.startswith("start failed: ")
        assert f"{name}: was not started with the machine: {reason}" in \
            machine.text()
    client.event("c", "started")
    assert states(client) == {"a": "defined", "b": "defined", "c": "running"}


def test_autostart_is_gone_on_with_after_kill_9(machine):
    """In the delay, and while a zone is built."""
    client = boot(machine, a={"autostart": {"delay": "500ms"}},
                  b={"autostart": True, "memory": "256M"},
                  c={"autostart": True})
    client.event("a", "started")
    wait(lambda: had_a_turn(machine) == "a\n")
    client.call("zone.destroy", name="a")  # has had its turn
    machine.kill()
    machine.inject("delay-populate", "300")
    client = machine.start()
    wait(machine.zones)
    assert states(client) == {"a": "defined", "b": "starting", "c": "defined"}
    machine.kill()
    machine.clear("delay-populate")
    client = machine.start()
    wait(lambda: states(client) == {"a": "defined", "b": "running",
                                    "c": "running"})
    assert len(machine.zones()) == 2


def test_autostart_delay_is_kept_after_kill_9(machine):
    client = boot(machine, a={"autostart": {"delay": "3600s"}},
                  b={"autostart": True})
    client.event("a", "started")
    wait(lambda: had_a_turn(machine) == "a\n")
    machine.kill()
    client = machine.start()
    assert states(client) == {"a": "running", "b": "defined"}
    client.call("zone.start", name="b")
    assert machine.zones() == [1, 2]


def test_autostart_and_what_users_do_meanwhile(machine):
    machine.inject("delay-populate", "200")
    client = boot(machine, a={"autostart": True, "memory": "256M"},
                  b={"autostart": True}, c={"autostart": True},
                  d={"autostart": True})
    wait(lambda: states(client)["a"] == "starting")
    client.call("zone.start", name="c")
    client.call("zone.undefine", name="b")
    client.call("zone.destroy", name="a")
    assert client.event("a", "autostart-failed")["reason"] == "destroyed"
    client.event("d", "started")
    assert states(client) == {"a": "defined", "c": "running", "d": "running"}


def test_only_one_daemon(machine, hvd):
    second = subprocess.run(
        [HVD, "--config-dir", machine.config, "--run-dir", machine.run_dir],
        capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert "another hvd" in second.stderr
    hvd.call("hvd.version")


@pytest.mark.parametrize("args,status", [
    (["--help"], 0), (["--version"], 0), (["--bad"], 2), (["word"], 2),
    (["--log-level", "loud"], 2)])
def test_command_line(args, status):
    run = subprocess.run([HVD, *args], capture_output=True, text=True,
                         timeout=20)
    assert run.returncode == status
    assert run.stdout if status == 0 else run.stderr


# -------------------------------------------------------------------- clients

@pytest.mark.parametrize("line,code", [
    (b"{", -32700), (b"\xff\xfe", -32700), (b"[]", -32600), (b"17", -32600),
    (b"null", -32700), (b'{"a":1,"a":2}', -32700),
    (b"[" * 40 + b"]" * 40, -32700), (b"NaN", -32700),
    (b'{"jsonrpc":"1.0","id":1,"method":"hvd.version"}', -32600),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"hvd.version"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"hvd.version","extra":0}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"zone.get"}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"zone.get","params":["z1"]}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"zone.get","params":{"name":1}}',
     -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"zone.get","params":{"nam":"x"}}',
     -32602)])
def test_bad_requests_are_answered(hvd, line, code):
    hvd.send(line + b"\n")
    assert hvd.read()["error"]["code"] == code
    hvd.call("hvd.version")


def test_batches_and_notifications(hvd):
    request = {"jsonrpc": "2.0", "method": "hvd.version"}
    hvd.send(json.dumps([{**request, "id": "a"}, request, 1,
                         {**request, "id": None, "method": "no"}]).encode()
             + b"\n")
    answers = hvd.read()
    assert [a.get("id") for a in answers] == ["a", None, None]
    assert answers[1]["error"]["code"] == -32600
    assert answers[2]["error"]["code"] == -32601
    hvd.send(json.dumps([request, request]).encode() + b"\n")  # silence
    hvd.send(json.dumps([{**request, "id": 1}] * 65).encode() + b"\n")
    assert hvd.read()["error"]["code"] == -32600


def test_oversized_message_ends_only_its_client(machine, hvd):
    other = machine.client()
    try:
        other.send(b"x" * (1 << 21))
        assert other.read()["error"]["data"]["code"] == "TOO_LARGE"
        with pytest.raises((EOFError, ConnectionError)):
            other.read()
    except (BrokenPipeError, ConnectionResetError):
        pass
    hvd.call("hvd.version")


def test_readonly_socket(machine, hvd):
    reader = machine.client(readonly=True)
    reader.call("zone.list")
    error = fails("PERMISSION", reader, "zone.define",
                  definition=machine.definition())
    assert error.hint
    document = reader.call("rpc.discover")
    for method in document["methods"]:
        if not method["x-readonly"]:
            fails("PERMISSION", reader, method["name"])
    reader.close()


def may_look(machine):
    client = machine.client(readonly=True)
    try:
        return client.call("hvd.version")
    except (RpcError, AssertionError, EOFError, OSError):
        return None  # told that it is full
    finally:
        client.close()


def test_slow_reader_is_dropped(machine, hvd):
    slow = machine.client()
    slow.sock.settimeout(None)
    request = {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"}
    batch = json.dumps([request] * 64).encode() + b"\n"
    slow.sock.setblocking(False)
    sent = 0
    try:
        for _ in range(100):
            slow.sock.sendall(batch)
            sent += 1
            time.sleep(0.02)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    wait(lambda: "does not read its answers" in machine.text())
    hvd.call("hvd.version")
    slow.close()


def test_many_calls_in_flight(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    machine.inject("delay-create", "300")
    for i in range(200):
        hvd.begin("zone.start" if i == 0 else "zone.destroy", name="z1")
    answers = [hvd.read() for _ in range(200)]
    answers = [a for a in answers if "id" in a]
    while len(answers) < 200:
        message = hvd.read()
        if "id" in message:
            answers.append(message)
    assert sorted(a["id"] for a in answers) == list(range(3, 203))


def test_events_replay(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    hvd.call("zone.define", definition=machine.definition())
    other = machine.client()
    seq = other.call("event.subscribe", since=1)["seq"]
    assert seq == 2
    assert other.read()["params"]["seq"] == 2
    other.call("event.unsubscribe")
    hvd.call("zone.undefine", name="z1")
    other.call("hvd.version")
    assert other.events == []
    other.close()


def test_events_of_another_run(machine, hvd):
    """A number says nothing once another daemon counts."""
    for _ in range(3):
        hvd.call("zone.define", definition=machine.definition())
    told = hvd.call("event.subscribe")
    assert told["seq"] == 3
    machine.kill()
    client = machine.start()
    for _ in range(4):
        client.call("zone.define", definition=machine.definition())

    def replayed(**params):
        other = machine.client()
        answer = other.call("event.subscribe", **params)
        assert answer["run"] != told["run"] and answer["seq"] == 4
        other.call("hvd.version")
        other.close()
        return [event["seq"] for event in other.events], answer["run"]

    assert replayed(since=3)[0] == [4]
    assert replayed(since=3, run=told["run"])[0] == [1, 2, 3, 4]
    mine = replayed(since=0)[1]
    assert replayed(since=3, run=mine)[0] == [4]
    fails("INVALID_PARAMS", client, "event.subscribe", since=1, run=7)
    client.close()


def test_client_leaves_with_calls_open(machine, hvd):
    machine.inject("delay-populate", "200")
    hvd.call("zone.define", definition=machine.definition())
    other = machine.client()
    other.begin("zone.start", name="z1")
    other.close()
    hvd.event("z1", "started")


def test_random_bytes(machine, hvd):
    import random
    rng = random.Random(7)
    for _ in range(50):
        client = machine.client()
        try:
            client.send(rng.randbytes(rng.randrange(1, 5000)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        client.close()
    hvd.call("hvd.version")
