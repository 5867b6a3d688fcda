# SPDX-License-Identifier: BSD-2-Clause
"""Machines whose instructions are counted (QEMU -icount).

One instruction is one nanosecond of virtual time and one tick of the counter,
summed over all processors and levels. Ratios and regressions, not time: caches,
TLBs and barriers cost nothing here.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from machine import Machine  # noqa: E402

ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1",
          "-rtc", "base=2026-01-01,clock=vm"]
# As ZONE0_BOOTARGS is by default.
BOOTARGS = "console=ttyAMA0 panic=10 noautogroup psi=0"
CPU = "cortex-a72,cntfrq=1000000000"
LOOPS = "/var/lib/hvd/images/tests/loops"


def counted_machine(name, native=False, memory="1G", initrd=None):
    """memory: what zone0 has without the hypervisor."""
    append = f"{BOOTARGS} mem={memory}" if native else None
    return Machine(name, cpu=CPU, extra=ICOUNT, native=native, initrd=initrd,
                   append=append)


def zone0_loops(machine, passes=4):
    """Instructions of (CPU-bound, memory-bound) loop, the least of the last
    passes."""
    machine.run("sleep 5", timeout=600)
    text = machine.run(f"{LOOPS} {passes}", timeout=1800)
    rows = [tuple(map(int, r)) for r in re.findall(r"loops (\d+) (\d+)", text)]
    assert len(rows) == passes, text
    return min(r[0] for r in rows[1:]), min(r[1] for r in rows[1:])


def exit_costs(machine, vcpus=2, passes=3):
    """{operation: instructions}, of the last pass of the bench guest."""
    machine.run("sleep 5", timeout=600)
    machine.define_test("bench", "bench", f"passes={passes}", vcpus=vcpus,
                        cpus=list(range(2, 2 + vcpus)))
    machine.start("bench")
    with machine.console("bench"):
        machine.expect("DONE bench: ", timeout=1800)
        text = machine.serial.before
    machine.destroy("bench")
    last = text.rsplit("BENCH-PASS 1,", 1)[1]
    return {name: int(ticks) / int(n) for name, n, ticks in
            re.findall(r"BENCH (\w+) (\d+) (\d+)", last)}
