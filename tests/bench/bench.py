#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: counted instructions, as the tables of docs/performance.md."""
import subprocess
import sys

from counted import counted_machine, exit_costs, zone0_loops

GOALS = {"hvc_psci_version": 250, "hvc_unknown": 250, "hypercall_version": 250,
         "sysreg_id": 250, "gicd_read": 350, "virtio_register_read": 10,
         "doorbell": 300, "self_sgi": 600, "vtimer_busy": 600,
         "vtimer_wfi": 700, "ipi": 1000, "uart_status_read": 12000}


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
    print("\n| loop | without | with | ratio |\n|---|---|---|---|")
    for name, a, b in zip(("CPU-bound", "memory-bound"), native, ours):
        print(f"| {name} | {a} | {b} | {b / a:.4f} |")
    print("\n| operation | instructions | goal |\n|---|---|---|")
    for name, cost in costs.items():
        print(f"| {name} | {cost:.0f} | {GOALS.get(name, '')} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
