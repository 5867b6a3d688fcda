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


def io_costs(machine, kind, **options):
    """What reads and packets cost a guest of one kind."""
    guest = kind(machine, **options)
    costs = counted_io.reads(guest), counted_io.packets(guest, machine)
    guest.close()
    return costs


def nested_costs():
    """The same with QEMU's devices, and packets with vhost too."""
    with counted_machine("bench-nested", native=True, memory="2816M",
                         initrd=NESTED) as machine:
        machine.login()
        counted_io.prepare(machine)
        reads, packets = io_costs(machine, counted_io.Nested)
        guest = counted_io.Nested(machine, vhost=True)
        vhost = counted_io.packets(guest, machine)
    return {"QEMU under KVM": (reads, packets),
            "QEMU under KVM, vhost": ({}, vhost)}


def print_io(results):
    print("\n| path | operation | instructions | goal | for each |")
    print("|---|---|---|---|---|")
    for path, tables in results.items():
        for name, (cost, counters) in {**tables[0], **tables[1]}.items():
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
        counted_io.prepare(machine)
        results = {"zone": io_costs(machine, counted_io.Zone)}
        guest = counted_io.Zone(machine, vhost=True)
        results["zone, vhost"] = {}, counted_io.packets(guest, machine)
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
