#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: counted instructions, as the tables of docs/performance.md."""
import subprocess
import sys

import counted_io
from counted import counted_machine, exit_costs, zone0_loops
from machine import BUILD

GOALS = {"hvc_psci_version": 250, "hvc_unknown": 250, "hypercall_version": 250,
         "sysreg_id": 250, "gicd_read": 350, "virtio_register_read": 10,
         "doorbell": 300, "self_sgi": 600, "vtimer_busy": 600,
         "vtimer_wfi": 700, "ipi": 1000, "uart_status_read": 12000}
READ_GOALS = {"4K, depth 1": 30000, "4K, depth 32": 9000,
              "128K, depth 1": 70000}
# zone0 with a QEMU; made if it can be fetched.
NESTED = BUILD / "aarch64" / "zone0-nested.cpio.gz"


def with_guest(machine, kind, measure, **options):
    guest = kind(machine, **options)
    costs = measure(guest)
    guest.close()
    return costs


def io_costs(machine, name, kind):
    """{path: {operation: cost}} for a kind of guest."""
    counted_io.prepare(machine)

    def both(guest):
        return {**counted_io.reads(guest), **counted_io.packets(guest, machine)}

    return {name: with_guest(machine, kind, both),
            f"{name}, page cache": with_guest(machine, kind, counted_io.reads,
                                              direct=False)}


def nested_costs():
    """The same with QEMU's devices, and packets with vhost too."""
    with counted_machine("bench-nested", native=True, memory="2816M",
                         initrd=NESTED) as machine:
        machine.login()
        costs = io_costs(machine, "QEMU", counted_io.Nested)
        costs["QEMU, vhost"] = with_guest(
            machine, counted_io.Nested,
            lambda guest: counted_io.packets(guest, machine), vhost=True)
    return costs


def print_io(results):
    print("\n| path | operation | instructions | goal | for each |")
    print("|---|---|---|---|---|")
    for path, table in results.items():
        for name, (cost, counters) in table.items():
            each = ", ".join(f"{key} {n:.3f}" for key, n in counters.items())
            print(f"| {path} | {name} | {cost:.0f} |"
                  f" {READ_GOALS.get(name, '')} | {each} |")


def main():
    version = subprocess.run(["qemu-system-aarch64", "--version"],
                             capture_output=True, text=True, check=True)
    print(version.stdout.splitlines()[0])
    with counted_machine("bench-native", native=True) as machine:
        machine.login()
        native = zone0_loops(machine)
    with counted_machine("bench-zonevisor") as machine:
        machine.login()
        ours = zone0_loops(machine)
        costs = exit_costs(machine)
        results = io_costs(machine, "zone", counted_io.Zone)
        results["zone, vhost"] = with_guest(
            machine, counted_io.Zone,
            lambda guest: counted_io.packets(guest, machine), vhost=True)
    if NESTED.exists():
        results.update(nested_costs())
    else:
        print("\nNo figures of QEMU under KVM: Debian's qemu-system-arm for"
              " aarch64 could not be fetched.")
    print("\n| loop | without | with | ratio |\n|---|---|---|---|")
    for name, a, b in zip(("CPU-bound", "memory-bound"), native, ours):
        print(f"| {name} | {a} | {b} | {b / a:.4f} |")
    print("\n| operation | instructions | goal |\n|---|---|---|")
    for name, cost in costs.items():
        print(f"| {name} | {cost:.0f} | {GOALS.get(name, '')} |")
    print_io(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
