# SPDX-License-Identifier: BSD-2-Clause
"""hvsh top over a scripted daemon (fake_hvd.py)."""
import json
import re
import signal
import termios

import pytest

from fake_hvd import RpcError, zone
from test_hvsh import (SECONDS, env, good, hvd, hvsh, read_until,  # noqa: F401
                       running, terminal)

DISK = {"name": "disk0", "type": "disk", "state": "ok"}
NET = {"name": "net0", "type": "net", "state": "ok"}
QUICK = ["--interval", "0.1"]


class Load:
    """Counters that grow by the same each time they are read."""

    def __init__(self, **grows):
        self.grows, self.values = grows, {}

    def step(self, who):
        values = self.values.setdefault(who, dict.fromkeys(self.grows, 0))
        for key, by in self.grows.items():
            values[key] += by
        return dict(values)


@pytest.fixture
def busy(hvd):
    """linux1 with devices takes twice as much as rt."""
    hvd.add(zone("linux1", "running", memory=1 << 30,
                 devices=[DISK, NET, {"name": "console0", "type": "console",
                                      "state": "ok"}]))
    cpu = {"linux1": Load(guest=40 * 10**6, steal=10 * 10**6, hvc=600, irq=200),
           "rt": Load(guest=20 * 10**6, steal=20 * 10**6, hvc=0, irq=100)}
    devices = {"disk0": {"reads": 60, "read-bytes": 60 << 12, "flushes": 20},
               "net0": {"rx-packets": 15, "rx-bytes": 1500, "tx-packets": 5,
                        "tx-bytes": 500, "rx-dropped": 9999}}
    loads = {name: Load(**grows) for name, grows in devices.items()}

    def host_counters(params):
        now = cpu[params["zone"]].step("")
        return {"exits": {"hvc": now["hvc"], "irq": now["irq"], "smc": 0},
                "guest_ns": now["guest"], "steal_ns": now["steal"],
                "vcpus": [{"guest_ns": now["guest"],
                           "steal_ns": now["steal"]}]}

    def device_counters(params):
        return {"counters": loads[params["device"]].step("")}

    hvd.overrides["host.counters"] = host_counters
    hvd.overrides["device.counters"] = device_counters
    return hvd


def samples(hvsh, *words):
    return [json.loads(line) for line in
            good(hvsh("top", "--json", *QUICK, *words)).splitlines()]


def by_name(sample):
    return {z["name"]: z for z in sample["zones"]}


def near(a, b):
    """The time between two answers is that of another clock than the test's."""
    return abs(a - b) <= 0.01 * max(a, b)


# ------------------------------------------------------------------- figures

def test_json(busy, hvsh):
    shown = samples(hvsh, "-n", "3")
    assert len(shown) == 3
    assert shown[0]["time"] < shown[1]["time"] < shown[2]["time"]
    for sample in shown:
        assert [z["name"] for z in sample["zones"]] == ["linux1", "rt", "spare"]
        zones = by_name(sample)
        linux1 = zones["linux1"]
        # What 40 ms are in per cent depends on the time between two answers.
        assert linux1["cpu_percent"] > 0
        assert near(linux1["cpu_percent"], 4 * linux1["steal_percent"])
        assert near(linux1["exits_per_s"]["hvc"],
                    3 * linux1["exits_per_s"]["irq"])
        assert linux1["exits_per_s"]["smc"] == 0
        assert near(linux1["exits_per_s"]["irq"] * 0.02,
                    linux1["cpu_percent"])
        assert linux1["io_bytes_per_s"] > 100 * linux1["io_per_s"] > 0
        assert linux1["memory"] == 1 << 30 and linux1["state"] == "running"
        assert near(zones["rt"]["cpu_percent"], zones["rt"]["steal_percent"])
        assert zones["rt"]["io_per_s"] is None  # no devices
        assert zones["spare"] == {
            "name": "spare", "state": "defined", "memory": 512 << 20,
            "cpu_percent": None, "steal_percent": None, "exits_per_s": None,
            "io_per_s": None, "io_bytes_per_s": None}
    # what is off is asked nothing, and of the others no console
    assert "spare" not in [p["zone"] for p in busy.called("host.counters")]
    assert {p["device"] for p in busy.called("device.counters")} == {
        "disk0", "net0"}


def test_counters_that_begin_anew(busy, hvsh):
    """A restart of the I/O process, and of the zone."""
    count = []

    def device_counters(params):
        count.append(params)
        return {"counters": {"reads": 10000 // len(count)}}

    busy.overrides["device.counters"] = device_counters
    zones = by_name(samples(hvsh, "-n", "1")[0])
    assert zones["linux1"]["cpu_percent"] > 0
    assert zones["linux1"]["io_per_s"] is None

    def zone_list(params):
        busy.zones["linux1"]["id"] += 1
        return busy.zone_list(params)

    busy.overrides["zone.list"] = zone_list
    zones = by_name(samples(hvsh, "-n", "1")[0])
    assert zones["linux1"]["cpu_percent"] is None
    assert zones["rt"]["cpu_percent"] > 0


def test_a_device_that_does_not_answer(busy, hvsh):
    """Is left out, waited for a second only, and left alone for a while."""
    busy.raw["device.counters"] = lambda id: b""
    shown = samples(hvsh, "-n", "3")
    assert len(busy.called("device.counters")) < len(busy.called("zone.list"))
    for sample in shown:
        assert by_name(sample)["linux1"]["io_per_s"] is None
        assert by_name(sample)["linux1"]["cpu_percent"] > 0
    assert len(busy.called("device.counters")) == 2


def test_zones_come_and_go(busy, hvsh):
    """What cannot be told of one is no end of all."""
    listed = []

    def zone_list(params):
        listed.append(0)
        if len(listed) == 2:
            busy.add(zone("late", "running"))
        if len(listed) == 3:
            del busy.zones["rt"]
        return busy.zone_list(params)

    normal = busy.overrides["host.counters"]

    def host_counters(params):
        if params["zone"] == "late":
            raise RpcError("ZONE_NOT_FOUND", "gone")
        return normal(params)

    busy.overrides.update({"zone.list": zone_list,
                           "host.counters": host_counters})
    shown = samples(hvsh, "-n", "2")
    assert by_name(shown[0])["late"]["cpu_percent"] is None
    assert "rt" in by_name(shown[0]) and "rt" not in by_name(shown[1])


def test_nonsense_from_the_daemon(busy, hvsh):
    def says(answer):
        return lambda id: json.dumps(
            {"jsonrpc": "2.0", "id": id, "result": answer}).encode() + b"\n"

    for answer in ([], {"exits": 5}, {"exits": {"x" * 999: "y"}}, 7,
                   {"counters": 5}, {"counters": {"reads": [], "writes": "x"}}):
        busy.raw["host.counters"] = says(answer)
        busy.raw["device.counters"] = says(answer)
        samples(hvsh, "-n", "1")
    busy.raw["zone.get"] = says({"devices": [5, {"type": 7}, None]})
    samples(hvsh, "-n", "1")


# --------------------------------------------------------------------- tables

def rows_of(text):
    lines = text.splitlines()
    assert lines[1].split() == ["NAME", "STATE", "CPU%", "STEAL%", "EXITS/S",
                                "IO/S", "IO", "BYTES", "MEMORY", "MAIN",
                                "EXITS"]
    return lines[2:]


def test_tables_through_a_pipe(busy, hvsh):
    out = good(hvsh("top", "-n", "2", *QUICK))
    assert "\033" not in out
    tables = out.split("\n\n")
    assert len(tables) == 2
    for table in tables:
        assert re.match(r"\d\d:\d\d:\d\d  3 zones, 4 CPUs, .* free, by cpu\n",
                        table)
        rows = rows_of(table)
        assert [row.split()[0] for row in rows] == ["linux1", "rt", "spare"]
        assert re.search(r"^linux1 +running +\d+\.\d +\d+\.\d +\S+ +\S+ +"
                         r"\S+ [KMG]iB +1 GiB +hvc \S+, irq \S+$", rows[0])
        assert re.search(r"^rt +paused .* - +- +512 MiB +irq \S+$", rows[1])
        assert re.search(r"^spare +shut off( +-){5} +512 MiB", rows[2])


@pytest.mark.parametrize("key, first", [
    ("cpu", "linux1"), ("steal", "rt"), ("exits", "linux1"),
    ("io", "linux1"), ("memory", "linux1"), ("name", "a")])
def test_sort(busy, hvsh, key, first):
    busy.add(zone("a"))
    out = good(hvsh("top", "-n", "1", "--sort", key, *QUICK))
    assert f"by {key}\n" in out
    assert rows_of(out)[0].split()[0] == first


def test_until_a_signal(busy, env):
    with running(env, "top", *QUICK) as process:
        read_until(process, b"by cpu")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    with running(env, "top", *QUICK) as process:
        read_until(process, b"by cpu")
        process.terminate()
        assert process.wait(SECONDS) == 143


def test_survives_a_restart_of_the_daemon(busy, env):
    with running(env, "top", "--json", *QUICK) as process:
        process.stdout.readline()
        busy.listener.stop()
        busy.listener.start()
        for _ in range(3):
            assert b"linux1" in process.stdout.readline()
        process.terminate()
        assert process.wait(SECONDS) == 143
        assert b"top: the connection was lost" in process.stderr.read()


@pytest.mark.parametrize("words, told", [
    (["--interval", "0"], "--interval"), (["--interval", "x"], "--interval"),
    (["--interval", "1e9"], "--interval"), (["--interval", ""], "--interval"),
    (["--interval", "1.2.3"], "--interval"), (["--count", "0"], "--count"),
    (["-n", "x"], "count"), (["--sort", "size"], "--sort")])
def test_bad_options(hvsh, words, told):
    result = hvsh("top", *words)
    assert result.returncode == 2 and told in result.stderr


def test_without_a_hypervisor(busy, hvsh):
    busy.overrides["host.info"] = RpcError("NO_HYPERVISOR", "no")
    out = good(hvsh("top", "-n", "1", *QUICK))
    assert re.match(r"\d\d:\d\d:\d\d  3 zones, by cpu\n", out)


# ----------------------------------------------------------------- a terminal

def plain(seen):
    return re.sub(rb"\033\[[0-9;]*[mHJ]", b"", seen).decode()


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_on_a_terminal(busy, terminal, key):
    shown = terminal("top", *QUICK)
    shown.expect(b"\033[H\033[J")
    shown.expect(b"by cpu")
    assert not shown.local_flags() & (termios.ICANON | termios.ECHO)
    shown.expect(b"\033[H\033[J")
    shown.expect(b"MAIN EXITS")
    shown.write(b"s")
    shown.expect(b"by steal")
    shown.write(b"xn")
    shown.expect(b"by name")
    shown.expect(b"spare")
    shown.write(key)
    assert shown.wait() == 0


def test_count_on_a_terminal(busy, terminal):
    shown = terminal("top", *QUICK, "-n", "2")
    assert shown.wait() == 0
    # the first is without rates, and does not count
    assert shown.seen.count(b"\033[H\033[J") == 3


def test_fits_the_terminal(busy, terminal):
    for number in range(30):
        busy.add(zone(f"zone-with-a-long-name-{number:03}"))
    busy.zones["rt"]["state"] = "shutting-down"
    shown = terminal("top", "--interval", "60", size=(12, 80))
    shown.expect(b"\033[H\033[J")
    shown.expect(b" more\r\n")
    shown.write(b"c")
    shown.expect(b"\033[H\033[J")
    before = plain(shown.expect(b" more\r\n"))
    lines = before.splitlines()
    assert len(lines) == 11 and lines[-1] == "25"
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[2:4]] == ["linux1", "rt"]
    shown.write(b"q")
    assert shown.wait() == 0


def test_at_the_prompt(busy, terminal):
    shown = terminal()
    shown.prompt()
    shown.write(b"top -i 0.1\r")
    shown.expect(b"\033[H\033[J")
    shown.expect(b"spare")
    shown.write(b"q")
    shown.prompt()
    shown.write(b"info rt\r")
    shown.expect(b"Name:")
