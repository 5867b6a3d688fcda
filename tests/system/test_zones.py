# SPDX-License-Identifier: BSD-2-Clause
"""Bare-metal zones: platform, containment, life cycle, memory."""
import base64
import gzip
import hashlib
import json
import pathlib
import random
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "native"))

from machine import OFF  # noqa: E402
from trace_format import Trace  # noqa: E402

IMAGE = "/var/lib/hvd/images/tests/zvtest.bin"


@pytest.fixture(autouse=True)
def nothing_is_left(machine):
    """Each test gives the pool back exactly what it took."""
    before = machine.free_bytes()
    yield
    for name, zone in machine.zones().items():
        if name not in ("zone0", "linux1", "linux2"):
            if zone["state"] != OFF:
                machine.destroy(name)
            machine.run(f"hvsh undefine {name}")
    assert machine.free_bytes() == before


@pytest.fixture
def witness(machine):
    """A second zone that must go on ticking whatever the first does."""
    machine.define_test("witness", "tick")
    machine.start("witness")
    yield

    assert machine.state("witness") == "running"
    with machine.console("witness", options="--from end"):
        first = int(machine.expect(r"tick (\d+) at").group(1))
        machine.expect(rf"tick {first + 3} at")
    assert machine.run("echo zone0 lives").strip() == "zone0 lives"


@pytest.mark.parametrize("vcpus,cpus", [
    (1, None), (4, [0, 1, 2, 3]), (2, [3, 3]), (8, [0, 1, 2, 3, 0, 1, 2, 3])])
def test_platform(machine, vcpus, cpus):
    """GIC, timers, PSCI, SGIs; pinned apart and sharing one pCPU."""
    machine.run_guest("t", "platform", vcpus=vcpus, timeout=400,
                      **({"cpus": cpus} if cpus else {}))


def test_fp_state_is_switched(machine):
    machine.run_guest("t", "fp", vcpus=3, cpus=[1, 1, 1], timeout=400)


def test_vcpus_move_while_they_run(machine, witness):
    """Registers, timers and interrupts go along; all three, and a second zone's."""
    machine.define_test("t", "fp", vcpus=3, cpus=[1, 1, 1])
    machine.run("hvsh start t --paused")
    machine.run("""{ hvsh resume t
        for cpu in 2 3 0 1 2 3; do
            for vcpu in 0 1 2; do hvsh vcpupin t $vcpu $cpu; done
            hvsh vcpupin witness 0 $cpu
        done; } >/tmp/moves 2>&1 &""")
    with machine.console("t"):
        machine.expect(r"DONE fp: [1-9]\d* passed, 0 failed", 400)
    moves = machine.run("wait; cat /tmp/moves")
    assert moves.count("witness: vCPU 0 goes to CPU") == 6, moves
    assert moves.count("t: vCPU") >= 3, moves
    assert machine.zone("witness")["info"]["pcpus"] == [3]


def test_vcpus_beyond_a_limit_stay_off(machine):
    machine.define_test("t", "limit", vcpus={"max": 2, "on": 1})
    machine.start("t")
    for wanted, count in (("raise it", 2), ("lower it", 1)):
        with machine.console("t"):
            machine.expect(wanted, 400)
        machine.run(f"hvsh setvcpus t {count}")
    with machine.console("t"):
        machine.expect("DONE limit: 3 passed, 0 failed", 400)


@pytest.mark.parametrize("mode", ["exotic", "unmapped", "sysregs", "smccc",
                                  "undefined"])
def test_the_architecture_answers(machine, witness, mode):
    machine.run_guest("t", mode)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_hypercalls(machine, witness, seed):
    machine.run_guest("t", "hypercalls", f"seed={seed} rounds=40",
                      timeout=300)


def test_garbage_crashes_its_zone_only(machine, witness):
    machine.define_test("t", "garbage")
    machine.start("t")
    machine.wait_state("t", "crashed")
    info = machine.zone("t")
    assert info["reason"], info
    assert info["info"]["fault"]["pc"], info
    assert "crashed" in machine.run("hvsh list")
    machine.destroy("t")


def test_offline_all_cpus(machine, witness):
    machine.define_test("t", "offline", vcpus=3)
    machine.start("t")
    machine.wait_state("t", OFF)


@pytest.mark.parametrize("mode", ["flood", "flood_config", "spin"])
def test_flood(machine, witness, mode):
    """zone0 stays usable while a zone does its worst on every pCPU."""
    machine.define_test("t", mode, vcpus=4 if mode == "spin" else 1,
                        **({"cpus": [0, 1, 2, 3]} if mode == "spin" else {}))
    machine.start("t")
    for _ in range(5):
        machine.run("hvsh list")
    assert machine.state("t") == "running"
    machine.destroy("t")


def test_pause_stops_time(machine):
    machine.define_test("t", "tick")
    machine.start("t")
    with machine.console("t"):
        machine.expect(r"tick 3 at")
    machine.run("hvsh pause t")
    assert machine.state("t") == "paused"
    ran = machine.zone("t")["info"]["cpu_time_ns"]
    machine.run("usleep 1500000")
    assert machine.zone("t")["info"]["cpu_time_ns"] == ran
    machine.run("hvsh resume t")
    with machine.console("t", options="--from end"):
        first = int(machine.expect(r"tick (\d+) at").group(1))
        machine.expect(rf"tick {first + 2} at")
    machine.destroy("t")


class Core:
    """A core file in zone0, read by pieces."""

    def __init__(self, machine, path):
        self.machine, self.path = machine, path
        head = self.read(0, 64)
        assert head[:4] == b"\x7fELF" and head[16:20] == b"\4\0\xb7\0"
        count, = struct.unpack_from("<H", head, 56)
        headers = list(struct.iter_unpack("<IIQQQQQQ",
                                          self.read(64, 56 * count)))
        self.loads = [h for h in headers if h[0] == 1]
        _, _, start, _, _, size, _, _ = headers[0]
        self.notes = self.read(start, size)

    def piece(self, offset, size):
        """A command that prints so much of it: whole words."""
        return (f"dd if={self.path} bs=4 skip={offset // 4} "
                f"count={size // 4} 2>/dev/null")

    def read(self, offset, size):
        text = self.machine.run(f"{self.piece(offset, size)} | od -An -v -tx4")
        return b"".join(struct.pack("<I", int(word, 16))
                        for word in text.split())

    def place(self, address):
        """Of a guest-physical address."""
        for _, _, offset, _, start, size, _, _ in self.loads:
            if start <= address < start + size:
                return offset + address - start
        raise AssertionError(f"{address:#x} is not in {self.loads}")

    def registers(self):
        """x0 .. x30, sp, pc, pstate of each vCPU."""
        found, notes = [], self.notes
        while notes:
            name, size, kind = struct.unpack_from("<III", notes)
            text = 12 + (name + 3) // 4 * 4
            if kind == 1 and notes[12:17] == b"CORE\0":
                found.append(struct.unpack_from("<34Q", notes, text + 112))
            notes = notes[text + (size + 3) // 4 * 4:]
        return found


def test_core_files(machine):
    """What a guest has written without caches, and its registers; and those of
    one that has crashed."""
    ram, known, seed, step = 0x40000000, 0x40700000, 0x5a564f4e45, \
        0x9e3779b97f4a7c15
    machine.define_test("t", "known", vcpus=2)
    machine.start("t")
    with machine.console("t"):
        machine.expect(r"known\r?\n")
    assert "dumped to /tmp/t.core" in machine.run("hvsh dump t /tmp/t.core")
    assert machine.state("t") == "running"
    core = Core(machine, "/tmp/t.core")
    assert [(h[4], h[5]) for h in core.loads] == [(ram, 16 << 20)]
    page = b"".join(struct.pack("<Q", seed ^ (i + 1) * step % (1 << 64))
                    for i in range(512))
    digest = machine.run(f"{core.piece(core.place(known), 4096)} | md5sum")
    assert digest.split()[0] == hashlib.md5(page).hexdigest()
    first, second = core.registers()
    assert first[20] == seed
    assert core.read(core.place(first[32]), 4) in (
        b"\x3f\x20\x03\xd5", b"\xff\xff\xff\x17")  # yield, or the way back
    assert set(second) == {0}  # it never ran
    machine.destroy("t")

    machine.define_test("t", "garbage")
    machine.start("t")
    machine.wait_state("t", "crashed")
    machine.run("hvsh dump --force t /tmp/t.core")
    assert machine.state("t") == "crashed"
    (crashed,) = Core(machine, "/tmp/t.core").registers()
    assert crashed[32] == machine.zone("t")["info"]["fault"]["pc"]
    machine.destroy("t")
    machine.run("rm /tmp/t.core")


def test_power_off_policies(machine, witness):
    """One that powers itself off comes back, or keeps its memory."""
    machine.define_test("t", "off", on_poweroff="restart")
    machine.start("t")
    with machine.console("t"):
        for _ in range(5):
            machine.expect(r"ready\r?\n")
    assert machine.state("t") in ("running", "rebooting")
    machine.destroy("t")
    machine.define_test("t", "off", on_poweroff="preserve")
    free = machine.free_bytes()
    machine.start("t")
    machine.wait_state("t", "preserved")
    assert machine.zone("t")["reason"] == "powered off"
    assert free - machine.free_bytes() >= 16 << 20
    machine.destroy("t")


def test_reset_from_inside(machine):
    machine.define_test("t", "reset", "times=3")
    machine.start("t")
    with machine.console("t"):
        for i in range(4):
            machine.expect(rf"boot {i}\r?\n")
        machine.expect(r"DONE reset: 1 passed, 0 failed")
    machine.destroy("t")


def test_power_key(machine):
    machine.define_test("t", "hello")
    machine.start("t")
    with machine.console("t"):
        machine.expect("ready")
    machine.run("hvsh shutdown t")
    machine.wait_state("t", OFF)


def test_uart_both_ways(machine):
    machine.define_test("t", "echo")
    machine.start("t")
    with machine.console("t"):
        machine.expect("ready")
        for word in ("one", "two", "a-longer-line-than-the-fifo-is-deep"):
            machine.send(word + "\r")
            machine.expect(f"echo: {word}")
        machine.send("quit\r")
        machine.expect("DONE echo")
    machine.destroy("t")


def test_memory_does_not_leak_between_zones(machine):
    """All of the pool is planted with a pattern, then all of it is looked at."""
    free = machine.free_bytes() >> 20
    each = min(free // 2 - 8, 256) & ~1
    for name in ("p1", "p2"):
        machine.define_test(name, "plant", memory=f"{each}M")
        machine.start(name)
    for name in ("p1", "p2"):
        with machine.console(name):
            machine.expect("planted", timeout=600)
        machine.destroy(name)
    for name in ("l1", "l2"):
        machine.run_guest(name, "look", memory=f"{each}M", timeout=900)


def test_life_cycle_fifty_times(machine):
    """Two zones, every verb, in an order drawn from a fixed seed."""
    rng = random.Random(20261121)
    before = machine.free_bytes()
    for name in ("a", "b"):
        machine.define_test(name, "hello", vcpus=2)
    for _ in range(50):
        order = ["a", "b"]
        rng.shuffle(order)
        for name in order:
            machine.start(name)
        for name in order:
            if rng.random() < 0.4:
                machine.run(f"hvsh pause {name}")
                if rng.random() < 0.7:
                    machine.run(f"hvsh resume {name}")
            elif rng.random() < 0.3:
                machine.run(f"hvsh reset {name}")
        rng.shuffle(order)
        for name in order:
            state = machine.state(name)
            if state == "running" and rng.random() < 0.5:
                with machine.console(name):
                    machine.expect("ready")
                machine.run(f"hvsh shutdown {name} --wait")
                machine.wait_state(name, OFF)
            else:
                machine.run(f"hvsh destroy {name}")
                machine.wait_state(name, OFF)
        assert machine.free_bytes() == before


def fetch(machine, path, to):
    """A file of zone0, which has only a serial line."""
    text = machine.run(f"gzip -c {path} | base64 -w 0", timeout=300)
    to.write_bytes(gzip.decompress(base64.b64decode(text.strip())))


def wait_larger(machine, path, size):
    """Until the file has more bytes than that; how many it has then."""
    def bytes_of():
        status, out = machine.try_run(f"stat -c %s {path}")
        return int(out) if status == 0 else 0
    machine.wait_until(lambda: bytes_of() > size, f"more of {path}")
    return bytes_of()


def check_vcpu(trace):
    """It ticks and idles, and is paused for a while."""
    slices = trace.slices["t", "vcpu0"]
    names = [s.name for s in slices]
    assert {"guest", "ready", "blocked: irq", "paused"} <= set(names), names
    assert any(n.startswith("exit: ") for n in names)
    for now, then in zip(slices, slices[1:]):
        if now.name == "guest":
            assert then.name.startswith(("exit: ", "lost")), (now, then)
        elif now.name.startswith("blocked"):
            assert then.name in ("ready", "paused"), (now, then)
    # As long as between the marks, which is a matter of how fast hvsh starts.
    times = {i.name: i.time for i in reversed(trace.instants["t", "vcpu0"])}
    between = times["state: running"] - times["state: paused"]
    paused = max(s.end - s.start for s in slices if s.name == "paused")
    assert 0 < between < 2 * paused


def test_trace(machine, tmp_path):
    """What a zone and zone0 do on a CPU they share, as hvsh draws it."""
    before = machine.free_bytes()
    machine.define_test("t", "tick", cpus=[1])
    machine.start("t")
    machine.run("hvsh trace -o /tmp/t.trace >/tmp/t.out & pid=$!")
    begun = wait_larger(machine, "/tmp/t.trace", 0)
    machine.run("hvsh pause t; hvsh resume t")
    wait_larger(machine, "/tmp/t.trace", begun + 100000)
    machine.run("kill $pid; wait $pid; [ $? = 143 ]")
    out = machine.run("cat /tmp/t.out")
    fetch(machine, "/tmp/t.trace", tmp_path / "t.json")
    trace = Trace(tmp_path / "t.json")
    assert f"{trace.other['records']} records" in out
    assert int(trace.other["records"]) > 500, out
    assert set(trace.processes.values()) == {"CPUs", "zone0", "t"}
    check_vcpu(trace)
    assert {"t vcpu0", "zone0 vcpu1"} <= set(trace.names("CPUs", "cpu1"))
    marks = trace.marks("t", "vcpu0")
    assert marks.index("state: paused") < marks.index("state: running")
    assert any(m.startswith("interrupt ") for m in marks)
    hypercalls = {m for (process, _), found in trace.instants.items()
                  if process == "zone0" for m in (i.name for i in found)}
    assert {"hypercall: zone_pause", "hypercall: zone_resume"} <= hypercalls
    # Whoever is killed traces no longer: the rings are the pool's again.
    machine.destroy("t")
    machine.run("rm /tmp/t.trace; hvsh trace -o /tmp/t.trace & pid=$!")
    wait_larger(machine, "/tmp/t.trace", 0)
    machine.run("kill -9 $pid; wait $pid; rm /tmp/t.*")
    machine.wait_until(lambda: machine.free_bytes() == before,
                       "the end of the trace")


def test_errors_name_the_cause(machine):
    """Bad definitions are refused with the path, before anything exists."""
    good = {"name": "t", "vcpus": 1, "memory": "16M", "kernel": IMAGE}
    cases = [
        ({"memory": "16Q"}, "$.memory"),
        ({"memory": "99999G"}, "$.memory"),
        ({"vcpus": 0}, "$.vcpus"),
        ({"vcpus": "two"}, "$.vcpus"),
        ({"name": "../etc"}, "$.name"),
        ({"colour": "red"}, "$.colour"),
        ({"devices": [{"type": "teapot"}]}, "$.devices[0].type"),
    ]
    for change, path in cases:
        text = json.dumps({**good, **change})
        status, out = machine.try_run(
            f"printf '%s' '{text}' >/tmp/bad.json; hvsh define /tmp/bad.json")
        assert status == 1 and path in out, (change, out)
    machine.define("t", memory="200G")
    status, out = machine.try_run("hvsh start t")
    assert status == 1 and "pool" in out, out
    machine.define("t", kernel="/no/such/file")
    status, out = machine.try_run("hvsh start t")
    assert status == 1 and "/no/such/file" in out, out
    status, out = machine.try_run("hvsh start nobody")
    assert status == 1 and "nobody" in out
    status, out = machine.try_run("hvsh pause t")
    assert status == 1 and "t is not running" in out


def test_module_interface(machine):
    """Pins, rights, eventfds, restart area, destroy by reference count."""
    text = machine.run("/var/lib/hvd/images/tests/kmodtest", timeout=300)
    assert "FAIL" not in text and "DONE 0 failed" in text, text


def test_module_refuses_to_unload(machine, witness):
    """Even when no process holds it: the zone does."""
    status, text = machine.try_run(
        "kill -9 $(pidof hvd) $(pidof hvd-io); rmmod zonevisor")
    assert status != 0, text
    machine.wait_until(
        lambda: machine.try_run("hvsh list --json")[0] == 0 and
        machine.state("witness") == "running", "hvd is back")
