#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Chaos for SOAK_SECONDS (default 600): random verbs on several zones while
hvd and the I/O processes are killed.  Prints its seed; SOAK_SEED repeats it.

Held at every round: zone0 answers, hvd comes back, no zone is in a state that
nobody asked for, and with all zones gone the pool is what it was.
"""
import os
import random
import sys
import time

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
                       "reset", "shutdown", "kill-io", "kill-hvd", "list"])
    if what == "kill-hvd":
        machine.try_run("kill -9 $(pidof hvd)")
    elif what == "kill-io":
        machine.try_run("kill -9 $(pidof hvd-io)")
    elif what == "list":
        machine.try_run("hvsh list; hvsh host; hvsh log | tail -n 3")
    else:
        machine.try_run(f"hvsh {what} {name}")
    return f"{what} {name}"


def main():
    seconds = int(os.environ.get("SOAK_SECONDS", "600"))
    seed = int(os.environ.get("SOAK_SEED", str(time.time_ns() & 0xffffffff)))
    rng = random.Random(seed)
    print(f"soak: {seconds} s, SOAK_SEED={seed}", flush=True)
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
                print(f"soak: {before} bytes free before, {now} after"
                      f" (last step: {what})")
                print(machine.run("hvsh log | tail -n 40"))
                return 1
            rounds += 1
            print(f"soak: round {rounds}, {steps} steps, pool intact",
                  flush=True)
    print("soak: held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
