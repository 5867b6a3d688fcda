# SPDX-License-Identifier: BSD-2-Clause
"""Counted instructions: what the hypervisor costs zone0, and exits."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

from counted import counted_machine, exit_costs, zone0_loops  # noqa: E402


@pytest.fixture(scope="module")
def native():
    with counted_machine("counted-native", native=True) as m:
        m.login()
        yield zone0_loops(m)


@pytest.fixture(scope="module")
def ours():
    with counted_machine("counted") as m:
        m.login()
        yield m


def test_zone0_within_one_percent(native, ours):
    cpu, memory = zone0_loops(ours)
    assert cpu <= native[0] * 1.01, (cpu, native)
    assert memory <= native[1] * 1.01, (memory, native)


def test_exit_costs(ours):
    """Twice the published goals: a regression gate, not the goal."""
    costs = exit_costs(ours)
    limits = {"hvc_psci_version": 500, "hypercall_version": 500,
              "sysreg_id": 500, "gicd_read": 700, "doorbell": 600,
              "virtio_register_read": 20, "self_sgi": 1200}
    too_much = {k: costs[k] for k, v in limits.items() if costs[k] > v}
    assert not too_much, costs
