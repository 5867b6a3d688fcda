# SPDX-License-Identifier: BSD-2-Clause
"""There is one version, that of the top Makefile, and every part tells it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from fake_hvd import hvsh_path
from test_hvd import HVD, machine  # noqa: F401 (a fixture)

ROOT = Path(__file__).resolve().parents[2]
HVSH = Path(hvsh_path())
HVD_IO = HVSH.with_name("hvd-io")
VERSION = re.search(r"^VERSION := (\d+\.\d+\.\d+)$",
                    (ROOT / "Makefile").read_text(), re.M).group(1)

pytestmark = pytest.mark.skipif(
    not (HVD.exists() and HVSH.exists() and HVD_IO.exists()),
    reason=f"{HVD}, {HVSH} or {HVD_IO} is not built: make host")


@pytest.mark.parametrize("program, name", [
    (HVSH, "hvsh"), (HVD, "hvd"), (HVD_IO, "hvd-io")])
def test_programs(program, name):
    run = subprocess.run([program, "--version"], capture_output=True,
                         text=True, timeout=20, check=True)
    assert run.stdout == f"{name} {VERSION}\n"


def test_through_the_daemon(machine):  # noqa: F811
    client = machine.start()
    env = dict(os.environ, HVD_SOCKET=str(machine.socket))

    def hvsh(*words):
        return subprocess.run([HVSH, *words], env=env, capture_output=True,
                              text=True, timeout=20, check=True).stdout
    text = hvsh("version")
    for part in ("hvsh", "libhvd", "hvd"):
        assert re.search(rf"^{part}: +{re.escape(VERSION)}$", text, re.M)
    assert re.search(rf"^Hypervisor: +{re.escape(VERSION)} ", hvsh("host"),
                     re.M)
    assert json.loads(hvsh("version", "--json"))["version"] == VERSION
    assert client.call("rpc.discover")["info"]["version"] == VERSION
    client.close()


def test_installed_library(tmp_path):
    """The version that pkg-config tells is that of the library."""
    subprocess.run([ROOT / "scripts/install-toolstack", HVSH.parent, tmp_path,
                    "/usr", VERSION], cwd=ROOT, check=True)
    text = (tmp_path / "usr/lib/pkgconfig/hvd.pc").read_text()
    assert re.search(rf"^Version: {re.escape(VERSION)}$", text, re.M)
