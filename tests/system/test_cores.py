# SPDX-License-Identifier: BSD-2-Clause
"""Any number of CPUs, and a processor with everything in it."""
import pytest

from machine import Machine


@pytest.mark.parametrize("cpus,cpu", [
    (1, "cortex-a72"), (6, "cortex-a72"), (2, "max,pauth-impdef=on")])
def test_boots_and_runs_a_zone(cpus, cpu):
    with Machine(f"cores-{cpus}", cpus=cpus, cpu=cpu) as machine:
        machine.login()
        assert machine.run("nproc").strip() == str(cpus)
        machine.run_guest("t", "platform", vcpus=2)
