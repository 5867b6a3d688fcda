# SPDX-License-Identifier: BSD-2-Clause
"""hvd as a unit of systemd: what it says to it, and sockets that it is given.
The machine is that of test_hvd.py.
"""
import fcntl
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest
from test_hvd import HVD, Client, machine, started, wait  # noqa: F401

UNITS = pathlib.Path(__file__).parents[2] / "toolstack" / "systemd"

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")

# As systemd does it: descriptors from 3 on, and who they are for.
PASS = """
import os, sys
fds, names, *command = sys.argv[1:]
fds = [int(fd) for fd in fds.split(",")]
for at, fd in enumerate(fds):
    os.dup2(fd, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)),
                  LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


@pytest.fixture
def manager(machine, monkeypatch):
    """The socket that hvd tells things to."""
    path = machine.tmp / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


def listening(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    # Out of the way of where they have to go.
    fd = fcntl.fcntl(server.fileno(), fcntl.F_DUPFD, 100)
    server.close()
    return fd


def passed(sockets):
    """{name: descriptor}: the prefix of a command that is given them."""
    return [sys.executable, "-c", PASS, ",".join(map(str, sockets.values())),
            ":".join(sockets)]


def test_ready_alive_stopping(machine, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    machine.start()
    assert manager.recv(100) == b"READY=1"
    for _ in range(3):
        assert manager.recv(100) == b"WATCHDOG=1"
    machine.stop()
    left = b"WATCHDOG=1"
    while left == b"WATCHDOG=1":
        left = manager.recv(100)
    assert left == b"STOPPING=1"


def test_watchdog_of_somebody_else(machine, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    client = machine.start()
    assert manager.recv(100) == b"READY=1"
    client.call("hvd.version")
    machine.stop()
    assert manager.recv(100) == b"STOPPING=1"


def test_children_are_not_the_unit(machine, manager, monkeypatch):
    """What systemd says to hvd is not in its children's environment."""
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    client = machine.start()
    pid = wait(lambda: started(machine, client)["io"].get("pid"))
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"ZV_FAKE_DIR" in environment
    assert b"NOTIFY_SOCKET" not in environment
    assert b"WATCHDOG" not in environment


def test_sockets_are_passed(machine):
    """A client that comes before hvd, or between two of them, is served."""
    machine.run_dir.mkdir()
    sockets = {"hvd": listening(machine.socket),
               "hvd-ro": listening(machine.run_dir / "hvd-ro.sock")}
    early = Client(machine.socket)
    machine.prefix = passed(sockets)
    machine.start(pass_fds=sockets.values())
    assert early.call("hvd.version")["connected"] is True
    machine.stop()
    assert machine.socket.exists()
    between = Client(machine.run_dir / "hvd-ro.sock")
    machine.start(pass_fds=sockets.values())
    assert between.call("zone.list")[0]["name"] == "zone0"
    for fd in sockets.values():
        os.close(fd)


def test_one_socket_is_passed(machine):
    """The other one hvd makes, and removes at its end."""
    machine.run_dir.mkdir()
    sockets = {"hvd": listening(machine.socket)}
    machine.prefix = passed(sockets)
    machine.start(pass_fds=sockets.values())
    machine.client(readonly=True).call("zone.list")
    machine.stop()
    assert machine.socket.exists()
    assert not (machine.run_dir / "hvd-ro.sock").exists()
    os.close(sockets["hvd"])


def test_what_is_passed_must_be_a_socket_that_listens(machine):
    machine.run_dir.mkdir()
    reader, writer = os.pipe()
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wrong = {"hvd": fcntl.fcntl(reader, fcntl.F_DUPFD, 100),
             "hvd-ro": fcntl.fcntl(datagrams.fileno(), fcntl.F_DUPFD, 100)}
    machine.prefix = passed(wrong)
    client = machine.start(pass_fds=wrong.values())
    client.call("hvd.version")
    assert machine.text().count("which systemd has passed") == 2
    machine.stop()
    assert not machine.socket.exists()
    for fd in (reader, writer, *wrong.values()):
        os.close(fd)
    datagrams.close()


def test_descriptors_of_somebody_else(machine, monkeypatch):
    """LISTEN_PID is another process: nothing is passed."""
    for name, value in (("LISTEN_PID", "1"), ("LISTEN_FDS", "1"),
                        ("LISTEN_FDNAMES", "hvd")):
        monkeypatch.setenv(name, value)
    machine.start().call("hvd.version")
    assert "systemd has passed" not in machine.text()
    assert machine.socket.exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="no systemd-analyze, which is in Debian's systemd")
def test_units_are_valid(tmp_path):
    sbin = tmp_path / "sbin"
    sbin.mkdir()
    (sbin / "hvd").write_text("#!/bin/sh\n")
    (sbin / "hvd").chmod(0o755)
    service = (UNITS / "hvd.service.in").read_text()
    units = [tmp_path / name for name in
             ("hvd.service", "hvd.socket", "hvd-ro.socket")]
    units[0].write_text(service.replace("@PREFIX@", str(tmp_path)))
    for unit in units[1:]:
        shutil.copy(UNITS / unit.name, unit)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    # Of the units that are this project's: a container lacks others.
    said = [line for line in result.stdout.splitlines() if "hvd" in line]
    assert not said
