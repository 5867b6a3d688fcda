# SPDX-License-Identifier: BSD-2-Clause
"""hvd as a unit of systemd: what it says to it, and sockets that it is given.
The machine is that of test_hvd.py.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from test_hvd import (BAD_TRAP, CRASHED, HVD, Client, RpcError,  # noqa: F401
                      machine, started, wait)

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


def told(manager):
    """The next thing hvd says that is more than that it is alive."""
    while True:
        lines = manager.recv(200).decode().split("\n")
        if lines != ["WATCHDOG=1"]:
            return lines


def up(client):
    return {z["name"]: z["state"] for z in client.call("zone.list")
            if "id" in z and z["name"] != "zone0"}


def ignore_power_key(machine, zone):
    (machine.fake / f"io-{zone}").write_text("ignore-power")


def test_stop_zones(machine, manager):
    """In the order of autostart backwards, those of one order together."""
    client = machine.start("--stop-zones=30")
    client.call("event.subscribe")
    zones = {"db": {"autostart": {"order": -3}, "on_poweroff": "restart"},
             "web": {"autostart": {"order": 5}},
             "web2": {"autostart": {"order": 5}},
             "held": {}, "paused": {}, "plain": {}, "over": {}, "off": {}}
    for name, more in zones.items():
        client.call("zone.define", definition=machine.definition(name, **more))
        if name != "off":
            client.call("zone.start", name=name, paused=name == "held")
    client.call("zone.pause", name="paused")
    ids = {z["name"]: z.get("id") for z in client.call("zone.list")}
    machine.guest(ids["over"], CRASHED, BAD_TRAP)
    wait(lambda: up(client)["over"] == "crashed")
    assert told(manager) == ["READY=1"]
    machine.process.send_signal(signal.SIGTERM)
    stopped = []
    with pytest.raises((EOFError, OSError)):
        while True:
            client.events.append(client.read()["params"])
            if client.events[-1]["event"] == "stopped":
                stopped.append(client.events[-1]["zone"])
    assert machine.process.wait(20) == 0
    assert set(stopped[:4]) == {"held", "paused", "plain", "over"}
    assert set(stopped[4:6]) == {"web", "web2"} and stopped[6:] == ["db"]
    assert machine.zones() == []
    first = told(manager)
    assert first == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=30000000",
                     "STATUS=shutting down 7 zones"]
    while first != ["STOPPING=1"]:
        first = told(manager)
    for name in ("db", "web", "plain", "paused"):
        assert f"{name}: asked to shut down" in machine.text()
    for name in ("held", "over"):
        assert f"{name}: asked to shut down" not in machine.text()
    client = machine.start()
    assert up(client) == {}


def test_stop_zones_that_do_not_listen(machine, manager):
    client = machine.start("--stop-zones=1")
    client.call("zone.define", definition=machine.definition(
        "deaf", autostart={"order": 9}))
    client.call("zone.define", definition=machine.definition("next",
                                                             autostart=True))
    ignore_power_key(machine, "deaf")
    for name in ("deaf", "next"):
        client.call("zone.start", name=name)
    begun = time.monotonic()
    machine.process.send_signal(signal.SIGINT)
    wait(lambda: up(client)["deaf"] == "shutting-down")
    assert up(client)["next"] == "running"
    with pytest.raises(RpcError, match="stopping all zones"):
        client.call("zone.create", definition=machine.definition("more"))
    assert machine.process.wait(20) == 0
    assert time.monotonic() - begun >= 1
    assert "deaf: did not shut down in time, and is destroyed" in machine.text()
    assert "next: did not" not in machine.text()
    assert machine.zones() == []


def test_stop_zones_is_given_up_by_a_second_signal(machine):
    client = machine.start("--stop-zones")
    client.call("zone.define", definition=machine.definition("deaf"))
    ignore_power_key(machine, "deaf")
    client.call("zone.start", name="deaf")
    machine.process.send_signal(signal.SIGTERM)
    wait(lambda: up(client).get("deaf") == "shutting-down")
    machine.stop()
    assert machine.zones() == [1]
    client = machine.start("--stop-zones")  # no zone, no wait
    client.call("zone.destroy", name="deaf")
    machine.stop()


@pytest.mark.parametrize("value", ["0", "86401", "x", "", "-1", "5s"])
def test_stop_zones_of_no_time(machine, value):
    result = subprocess.run([HVD, f"--stop-zones={value}"], text=True,
                            capture_output=True)
    assert result.returncode == 2 and "--stop-zones" in result.stderr


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
