#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two times SOAK_SECONDS (default 600).  Prints its seed; SOAK_SEED repeats it.

First random verbs on several zones while hvd and the I/O processes are killed.
Held at every round: zone0 answers, hvd comes back, no zone is in a state that
nobody asked for, and with all zones gone the pool is what it was.

Then load on the disk and the network of a Debian, whose I/O process dies at
random moments and at random steps of a request.  Held: after each death both
loads go on, and no data is wrong.
"""
import os
import random
import sys
import time

import debian
from io_steps import STEPS, Victim, some_passes
from machine import OFF, Machine

ZONES = {"s1": ("tick", 1), "s2": ("hello", 2), "s3": ("flood", 1),
         "s4": ("spin", 2), "s5": ("flood_config", 1)}


def settle(machine):
    """Waits until hvd answers and no zone is between two states."""
    machine.wait_until(
        lambda: machine.try_run("hvsh list --json")[0] == 0, "hvd answers")
    machine.wait_until(
        lambda: all(z["state"] in ("running", "paused", OFF, "crashed")
                    for z in machine.zones().values()), "states settle")


def chaos(machine, rng):
    name = rng.choice(list(ZONES))
    what = rng.choice(["start", "start", "destroy", "pause", "resume",
                       "reset", "shutdown", "kill-io", "kill-hvd", "list",
                       "vcpupin", "setvcpus"])
    if what == "kill-hvd":
        machine.try_run("kill -9 $(pidof hvd)")
    elif what == "kill-io":
        machine.try_run("kill -9 $(pidof hvd-io)")
    elif what == "list":
        machine.try_run("hvsh list; hvsh host; hvsh log | tail -n 3")
    elif what == "vcpupin":
        for vcpu in range(ZONES[name][1]):
            machine.try_run(
                f"hvsh vcpupin --live {name} {vcpu} {rng.randrange(4)}")
    elif what == "setvcpus":
        machine.try_run(f"hvsh setvcpus --live {name} "
                        f"{rng.randint(1, ZONES[name][1])}")
    else:
        machine.try_run(f"hvsh {what} {name}")
    return f"{what} {name}"


def soak_verbs(rng, seconds):
    with Machine("soak") as machine:
        machine.login()
        before = machine.free_bytes()
        for name, (mode, vcpus) in ZONES.items():
            machine.define_test(name, mode, vcpus=vcpus)
        end = time.monotonic() + seconds
        rounds = steps = 0
        while time.monotonic() < end:
            for _ in range(rng.randint(5, 25)):
                what = chaos(machine, rng)
                steps += 1
            settle(machine)
            for name in ZONES:
                machine.destroy(name)
            now = machine.free_bytes()
            if now != before:
                print(machine.run("hvsh log | tail -n 40"))
                raise AssertionError(
                    f"{before} bytes free before, {now} after"
                    f" (last step: {what})")
            rounds += 1
            print(f"soak: round {rounds}, {steps} steps, pool intact",
                  flush=True)


def die(victim, rng):
    """The victim's process dies somehow; returns how."""
    if rng.random() < 0.5:
        after = rng.randrange(1_500_000)
        victim.kill(after)
        return f"killed after {after} us"
    step = rng.choice(STEPS)
    debian.process_moves_packets(victim.machine, step.how == "net")
    victim.die_at(step, some_passes(rng, step))
    return f"died at {step.name}"


def soak_load(rng, seconds):
    with debian.machine_with_debian("soak-debian") as machine:
        debian.start_debian(machine)
        address = debian.address_of_debian(machine)
        debian.start_server(machine)
        loads = [debian.DiskLoad(machine), debian.NetLoad(machine, address)]
        for load in loads:
            load.start()
            load.goes_on("its start")
        deaths = 0
        with Victim(machine, "debian") as victim:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                how = die(victim, rng)
                for load in loads:
                    load.goes_on(how)
                deaths += 1
                print(f"soak: death {deaths}, {how}: goes on", flush=True)
        for load in loads:
            load.stop()


def main():
    seconds = int(os.environ.get("SOAK_SECONDS", "600"))
    seed = int(os.environ.get("SOAK_SEED", str(time.time_ns() & 0xffffffff)))
    rng = random.Random(seed)
    print(f"soak: 2 x {seconds} s, SOAK_SEED={seed}", flush=True)
    try:
        soak_verbs(rng, seconds)
        if debian.ROOT.exists():
            soak_load(rng, seconds)
        else:
            print(f"soak: no load: {debian.NEEDED}")
    except AssertionError as error:
        print(f"soak: FAILED with SOAK_SEED={seed}: {error}")
        return 1
    print("soak: held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
