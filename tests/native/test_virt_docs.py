# SPDX-License-Identifier: BSD-2-Clause
"""docs/libvirt.md says what virthvdd supports."""
import subprocess
from pathlib import Path

from virt import VIRTHVDD, built

pytestmark = built
TOP = Path(__file__).parents[2]


def test_tables():
    result = subprocess.run([TOP / "scripts/libvirt-tables", "--check",
                             VIRTHVDD], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr


def test_options():
    for option, status in (("--help", 0), ("--version", 0), ("--nothing", 2),
                           ("--list=nothing", 2), ("--log-level=x", 2)):
        result = subprocess.run([VIRTHVDD, option], capture_output=True,
                                text=True, check=False)
        assert result.returncode == status, option
        assert "virthvdd" in result.stdout + result.stderr
