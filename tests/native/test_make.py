# SPDX-License-Identifier: BSD-2-Clause
"""What a newcomer sees of the build: missing packages, and downloads."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = re.search(r"^host-packages := \\\n((?:.*\\\n)*.*)$",
                     (ROOT / "mk/packages.mk").read_text(),
                     re.M).group(1).replace("\\\n", " ").split()


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def make(tmp_path):
    """make on a machine that lacks all packages, run by a plain user."""
    tools = tmp_path / "tools"
    tools.mkdir()
    program(tools, "dpkg-query", "echo not-installed")
    program(tools, "id", "echo 1000")
    program(tools, "apt-get", "echo apt-get was run >&2; exit 1")
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("MAKE") and key not in ("MFLAGS", "O")}
    env.update(PATH=f"{tools}:{env['PATH']}", ZV_CACHE=str(tmp_path / "cache"))

    def run(*words):
        return subprocess.run(["make", f"O={tmp_path}/build", *words], cwd=ROOT,
                              env=env, capture_output=True, text=True,
                              timeout=60, check=False)
    return run


@pytest.mark.parametrize("words", [[], ["run"], ["-j4", "test"], ["native"],
                                   ["-k", "all"], ["lint"]])
def test_missing_packages(make, words):
    """The command that installs them, and not a word more than that; also for
    the second time."""
    for _ in range(2):
        result = make(*words)
        assert result.returncode == 2
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert lines[0] == ("These packages are missing. Install them, then "
                            "run make again:")
        assert lines[1].split() == ["sudo", "apt-get", "install", "-y",
                                    "--no-install-recommends", *PACKAGES]
        assert re.fullmatch(r"mk/fetch\.mk:\d+: \*\*\* packages are missing\. "
                            r" Stop\.", lines[2])
        assert len(lines) == 3


def test_a_package_that_was_removed(make, tmp_path):
    said = 'shift 3; for name; do echo "installed $name"; done'
    program(tmp_path / "tools", "dpkg-query", said)
    result = make("native")
    # there is nothing to download from
    assert result.returncode == 2
    assert "packages are missing" not in result.stderr
    program(tmp_path / "tools", "dpkg-query", said + " | grep -v flex")
    result = make("native")
    assert result.returncode == 2
    assert result.stderr.splitlines()[1].split()[-1] == "flex"
    assert len(result.stderr.splitlines()) == 3


def test_help_needs_no_packages(make):
    result = make("help")
    assert result.returncode == 0
    assert "make" not in result.stderr
    assert re.search(r"^  run +boot zone0", result.stdout, re.M)
    targets = result.stdout.split("\n\n")[0].splitlines()
    assert len({re.match(r"  \S+ +", line).end() for line in targets}) == 1


# What apt-get -q -o APT::Status-Fd=1 writes.
APT = """\
Reading package lists...
dlstatus:1:0.0000:Retrieving file 1 of 2
0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.
Need to get 2.4 MB of archives.
Get:1 http://a/debian bookworm/main arm64 libc6 arm64 2.36-9+deb12u14 [2325 kB]
dlstatus:1:48.9000:Retrieving file 1 of 2 (1s remaining)
Get:2 http://a/debian bookworm/main arm64 libmd0 arm64 1.0.4-2 [29.4 kB]
Fetched 2.4 MB in 1s (2400 kB/s)
Unpacking libc6:arm64 (2.36-9+deb12u14) ...
Setting up libc6:arm64 (2.36-9+deb12u14) ...
Setting up libmd0:arm64 (1.0.4-2) ...
Get:3 http://a/debian bookworm InRelease [151 kB]
Get:4 http://a/debian bookworm/main arm64 Packages [8685 kB]
"""
SHOW = ["sh", "-euc", ". scripts/fetch-lib.sh; show_apt"]


def show(text, **more):
    return subprocess.run(SHOW, cwd=ROOT, input=text.encode(), timeout=20,
                          check=False, **more)


def test_downloads_are_listed():
    result = show(APT + "apt: done\n", capture_output=True)
    assert result.returncode == 0
    assert result.stdout.decode() == """\
  FETCH   [1 of 2] libc6 2.36-9+deb12u14 (2325 kB)
  FETCH   [2 of 2] libmd0 1.0.4-2 (29.4 kB)
  INSTALL [1 of 2] libc6:arm64 (2.36-9+deb12u14)
  INSTALL [2 of 2] libmd0:arm64 (1.0.4-2)
  FETCH   [3 of 2] bookworm InRelease (151 kB)
  FETCH   [4 of 2] bookworm/main arm64 Packages (8685 kB)
"""


def test_failed_download_fails():
    assert show(APT, capture_output=True).returncode == 1
    assert show("", capture_output=True).returncode == 1


def test_downloads_on_a_terminal_share_a_line():
    master, slave = pty.openpty()
    assert show(APT + "apt: done\n", stdout=slave).returncode == 0
    os.close(slave)
    shown = b""
    try:
        while data := os.read(master, 65536):
            shown += data
    except OSError:
        pass  # the other end is closed
    os.close(master)
    assert b"\n" not in shown
    assert b"[1 of 2] libc6 2.36-9+deb12u14 (2325 kB) 48%\033" in shown
    assert shown.endswith(b"\r\033[K")


def run_tests(folder, how="--pytest", **more):
    return subprocess.run(
        ["/usr/bin/python3", ROOT / "scripts/run-tests", "--log",
         folder / "log", how, folder / "tests"], stdin=subprocess.DEVNULL,
        timeout=60, check=False, **more)


@pytest.fixture
def suite(tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_one.py").write_text(
        "def test_a():\n    pass\n\ndef test_b():\n    pass\n")
    (tests / "test_two.py").write_text(
        "def test_c():\n    assert 1 == 2\n")
    return tmp_path


def test_files_that_run_at_a_time_are_listed(suite):
    result = run_tests(suite, "--pytest-parallel", capture_output=True)
    assert result.returncode == 1
    told = result.stdout.decode()
    assert re.search(r"^  PYTEST  \S*test_one\.py: 2 passed \(", told, re.M)
    assert re.search(r"^  PYTEST  \S*test_two\.py: 0 passed, 1 FAILED \(", told,
                     re.M)
    assert "assert 1 == 2" in told
    assert told.splitlines()[-1] == "2 passed, 1 failed"


def test_files_of_tests_are_listed(suite):
    result = run_tests(suite, capture_output=True)
    assert result.returncode == 1
    lines = result.stdout.decode().splitlines()
    assert re.fullmatch(r" +\S*test_one\.py: 2 of 3 tests done \(\d+ s\)",
                        lines[0])
    assert re.fullmatch(r" +\S*test_two\.py: 3 of 3 tests done \(\d+ s\)",
                        lines[1])
    assert "2 passed, 1 FAILED" in lines[2]
    assert any("assert 1 == 2" in line for line in lines)
    assert lines[-1] == "2 passed, 1 failed"
    assert "\033" not in result.stdout.decode()
