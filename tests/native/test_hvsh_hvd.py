# SPDX-License-Identifier: BSD-2-Clause
"""hvsh with the real daemon on the hypervisor made of files: the two agree on
methods, states, errors and events."""

import json
import os
import re
import signal
import subprocess

import pexpect
import pytest

import seen
from fake_hvd import hvsh_path, read_until, running
from test_hvd import (HVD, NOBODY, machine, net, passt,  # noqa: F401 (fixtures)
                      state, traced_classes, wait, wait_trace_reads,
                      write_trace)
from trace_format import Trace

HVSH = hvsh_path()
SECONDS = 20

pytestmark = pytest.mark.skipif(
    not (HVD.exists() and os.access(HVSH, os.X_OK)),
    reason=f"{HVD} or {HVSH} is not built: make host")


@pytest.fixture
def hvd(machine):  # noqa: F811
    client = machine.start()
    yield client
    client.close()


@pytest.fixture
def env(machine, tmp_path):  # noqa: F811
    return dict(os.environ, HVD_SOCKET=str(machine.socket),
                XDG_CACHE_HOME=str(tmp_path / "cache"), LC_ALL="C.UTF-8")


@pytest.fixture
def hvsh(env):
    def run(*words, stdin="", status=0):
        result = subprocess.run([HVSH, *words], env=env, input=stdin,
                                capture_output=True, text=True,
                                timeout=SECONDS, check=False)
        assert result.returncode == status, result.stderr
        seen.note_hvsh(status, result.stderr)
        return result.stderr if status else result.stdout
    return run


@pytest.fixture
def defined(machine, hvd, hvsh):  # noqa: F811
    hvsh("define", "-", stdin=json.dumps(machine.definition()))
    return "z1"


def test_life(machine, hvd, hvsh, defined):  # noqa: F811
    assert "shut off" in hvsh("list")
    assert "z1" not in hvsh("list", "--running")
    assert hvsh("start", "z1") == "z1: started\n"
    assert [z["name"] for z in json.loads(hvsh("list", "-r", "--json"))] == \
        ["zone0", "z1"]
    assert "running" in hvsh("info", "z1")
    assert "INVALID" not in hvsh("start", "z1", status=1)
    assert hvsh("pause", "z1") == "z1: paused\n"
    assert "paused" in hvsh("list")
    hvsh("resume", "z1")
    hvsh("reset", "z1")
    wait(lambda: state(hvd, "z1") == "running")
    assert hvsh("shutdown", "z1", "--wait") == "z1: shut off\n"
    hvsh("start", "z1", "--paused")
    assert hvsh("destroy", "z1") == "z1: stopped\n"
    hvsh("undefine", "z1")
    error = hvsh("info", "z1", status=1)
    assert "there is no zone z1" in error
    assert "$.name" not in error
    assert "(hvsh list)" in error


def test_zone0_is_not_started(hvd, hvsh):
    error = hvsh("start", "zone0", status=1)
    assert "$.name" not in error and "hint:" in error


def test_mistyped_name(hvd, hvsh, defined):
    assert "hint: did you mean z1?" in hvsh("start", "zl", status=1)


def test_zone0_counts_its_vcpus(machine, hvd, hvsh):  # noqa: F811
    assert re.search(r"^vCPUs on: +4 of 4$", hvsh("info", "zone0"), re.M)


def test_definition_round_trip(machine, hvd, hvsh, defined):  # noqa: F811
    text = hvsh("dumpdef", "z1")
    assert json.loads(text)["memory"]
    assert "generation 2" in hvsh("define", "-", stdin=text)
    assert json.loads(hvsh("dumpdef", "z1")) == json.loads(text)


def test_definition_of_a_zone_that_runs(hvd, hvsh, defined):
    text = hvsh("dumpdef", "z1")
    assert "stays as it is" not in hvsh("define", "-", stdin=text)
    hvsh("start", "z1")
    # Of the same definition, and of what changes at once, there is nothing to say.
    assert "stays as it is" not in hvsh("define", "-", stdin=text)
    titled = dict(json.loads(text), title="A title")
    assert "stays as it is" not in hvsh("define", "-",
                                        stdin=json.dumps(titled))
    other = dict(json.loads(text), memory="96M")
    assert "\nz1: is running and stays as it is until" in \
        hvsh("define", "-", stdin=json.dumps(other))


def test_definition_error_names_the_member(machine, hvd, hvsh):  # noqa: F811
    bad = machine.definition(devices=[{"type": "console"}, {"type": "warp"}])
    error = hvsh("define", "-", stdin=json.dumps(bad), status=1)
    assert "devices[1].type \"warp\" is not a device type" in error
    assert "\n  at $.devices[1].type in standard input\n" in error


def test_definition_that_lacks_a_member(machine, hvd, hvsh,  # noqa: F811
                                        tmp_path):
    file = tmp_path / "my.json"
    definition = machine.definition()
    del definition["memory"]
    file.write_text(json.dumps(definition))
    assert hvsh("define", str(file), status=1) == (
        f"hvsh: define {file}: memory is missing\n"
        f"  at $.memory in {file}\n"
        "  hint: a string with a unit and a multiple of 2M, as in"
        " \"256M\"\n")
    file.write_text(json.dumps({**definition, "memroy": "64M"}))
    assert "did you mean \"memory\"?" in hvsh("define", str(file), status=1)


def test_place_of_a_uuid_that_is_taken(machine, hvd, hvsh,  # noqa: F811
                                       defined):
    uuid = json.loads(hvsh("dumpdef", "z1"))["uuid"]
    error = hvsh("define", "-", status=1, stdin=json.dumps(
        machine.definition("other", uuid=uuid)))
    assert "\n  at $.uuid in standard input\n" in error


def test_kernel_that_is_not_there(machine, hvd, hvsh, defined):  # noqa: F811
    machine.image.unlink()
    error = hvsh("start", "z1", status=1)
    assert "\n  at $.kernel in the definition of z1\n" in error


def test_shutdown_that_takes_too_long(machine, hvd, hvsh,  # noqa: F811
                                      defined):
    machine.inject("io-z1", "ignore-power")
    hvsh("start", "z1")
    error = hvsh("shutdown", "z1", "--timeout", "1", status=4)
    assert "hvsh destroy z1" in error
    for command in ["list"], ["info", "z1"]:
        assert "power key ignored: asked to shut down at 2" in hvsh(*command)


def test_the_last_request_tells_what_it_replaced(machine, hvd,  # noqa: F811
                                                 hvsh, defined):
    machine.inject("io-z1", "ignore-power")
    hvsh("start", "z1")
    assert hvsh("shutdown", "z1") == "z1: asked to shut down\n"
    assert hvsh("reboot", "z1") == \
        "z1: asked to reboot, shutdown replaced by reboot\n"
    assert hvsh("shutdown", "z1") == \
        "z1: asked to shut down, reboot replaced by shutdown\n"
    assert hvsh("shutdown", "z1") == "z1: asked to shut down\n"


def test_place_of_what_a_clone_lacks(machine, hvd, hvsh,  # noqa: F811
                                     defined):
    error = hvsh("clone", "z1", "z1", status=1)
    assert "there is a zone z1 already\n" in error and "  at " not in error
    uuid = hvd.call("zone.get", name="z1")["uuid"]
    error = hvsh("clone", "z1", "z2", "--uuid", uuid, status=1)
    assert "\n  at $.uuid in the definition of z2\n" in error


def test_host(machine, hvd, hvsh):  # noqa: F811
    (machine.fake / "log").write_bytes(b"[0] hello\n")
    assert re.search(r"^Running zones: +1, zone0 included$", hvsh("host"), re.M)
    assert hvsh("log") == "[0] hello\n"
    assert "exits.hvc" in hvsh("counters")
    assert "connected" in hvsh("version")


def test_top(machine, hvd, hvsh, defined):  # noqa: F811
    hvsh("start", "z1")
    shown = json.loads(hvsh("top", "-n", "1", "--interval", "0.1", "--json"))
    zones = {z["name"]: z for z in shown["zones"]}
    assert set(zones) == {"zone0", "z1"}
    # Its hypervisor is made of files: its counters stand still.
    assert zones["z1"]["cpu_percent"] == zones["z1"]["steal_percent"] == 0
    assert zones["z1"]["exits_per_s"]["hvc"] == 0
    hvsh("destroy", "z1")


def test_events_over_a_restart(machine, hvd, hvsh, env):  # noqa: F811
    with running(env, "events", "--since", "0", "--json") as process:
        hvsh("define", "-", stdin=json.dumps(machine.definition()))
        event = json.loads(process.stdout.readline())
        assert (event["zone"], event["event"]) == ("z1", "defined")
        machine.stop()
        machine.start().close()
        # Number 1 again, perhaps before the connection is back.
        hvsh("start", "z1")
        event = json.loads(process.stdout.readline())
        assert (event["seq"], event["event"]) == (1, "begun")
        event = json.loads(process.stdout.readline())
        assert (event["seq"], event["event"]) == (2, "started")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_console_of_a_zone_that_is_off(hvd, hvsh, defined):
    error = hvsh("console", "z1", status=1)
    assert "console z1: the zone is not running" in error
    assert "hvsh start z1 --console" in error


def test_devices(machine, hvd, hvsh):  # noqa: F811
    image = machine.disk("image", 4 << 20)
    machine.inject("io-z1", "paused")
    hvsh("define", "-", stdin=json.dumps(machine.definition(
        devices=[{"type": "disk", "path": str(image)}, {"type": "rng"}])))
    hvsh("start", "z1")
    text = hvsh("info", "z1")
    assert (f"disk0 (disk) paused: for a test, 4 MiB, {image}\n"
            in text)
    assert "rng0 (rng) ok, /dev/urandom\n" in text
    assert hvsh("resume", "z1", "disk0") == "z1: disk0 goes on\n"
    wait(lambda: "disk0 (disk) ok" in hvsh("info", "z1"))
    assert hvsh("resume", "z1", "disk0") == "z1: disk0 was not paused\n"
    assert "rng0 is no disk" in hvsh("resume", "z1", "rng0", status=1)
    assert "no device disk1" in hvsh("resume", "z1", "disk1", status=1)
    os.truncate(image, 6 << 20)
    assert hvsh("resize", "z1", "disk0") == "z1: disk0 has 6 MiB\n"
    assert "no device disk1" in hvsh("resize", "z1", "disk1", status=1)
    assert "DEVICE is missing" in hvsh("resize", "z1", status=2)
    assert hvsh("--complete", "resize", "").split() == ["zone0", "z1"]
    assert hvsh("--complete", "resize", "z1", "").split() == ["disk0"]


def first_device(hvsh, name="z1"):
    return json.loads(hvsh("dumpdef", name))["devices"][0]


def test_set(machine, net, hvd, hvsh):  # noqa: F811
    hvsh("define", "-", stdin=json.dumps(machine.definition(
        devices=[{"type": "net", "mac": "5a:00:11:22:33:44"},
                 {"type": "rng"}, {"type": "console"}])))
    assert hvsh("set", "z1", "net0", "limits.rx-packets-sec=7") == \
        "z1: net0 is set\n"
    hvsh("start", "z1")
    text = hvsh("info", "z1")
    assert ("net0 (net) ok, 5a:00:11:22:33:44, link up, MTU 1500, "
            "zv1.0 on zvbr0, limits rx-packets-sec=7 burst-ms=100\n") in text
    assert hvsh("set", "z1", "net0", "link=down", "mtu=1400",
                "limits.tx-bytes-sec=10M", "limits.burst-ms=20") == (
        "z1: net0 is set\nThe guest learns its MTU when its driver resets the "
        "device, as at a reboot.\n")
    text = hvsh("info", "z1")
    assert ("link down, MTU 1400, zv1.0 on zvbr0, limits rx-packets-sec=7 "
            "tx-bytes-sec=10M burst-ms=20\n") in text
    hvsh("set", "z1", "net0", "link=up", "limits.rx-packets-sec=none")
    assert first_device(hvsh)["limits"] == {"tx-bytes-sec": "10M",
                                            "burst-ms": 20}
    hvsh("set", "z1", "net0", "limits.tx-bytes-sec=none")
    assert "limits" not in first_device(hvsh)
    assert [m["cmd"] for m in machine.io_log("z1")] == ["config"] + ["set"] * 3


def test_describe(hvd, hvsh, defined):
    assert hvsh("describe", "z1", "--title", "the shop") == "z1: described\n"
    assert "the shop" in hvsh("list", "--title")
    hvsh("start", "z1")
    hvsh("desc", "z1", "--title=", "--text", "first\nsecond")
    assert hvd.call("zone.get", name="z1")["definition"]["description"] == \
        "first\nsecond"
    shown = hvsh("info", "z1")
    assert re.search(r"^Description: +first\n +second$", shown, re.M)
    assert "Title:" not in shown
    assert "hint: 'hvsh info' shows" in hvsh("describe", "z1", status=2)
    assert "control characters" in hvsh("describe", "z1", "--title", "a\tb",
                                        status=1)


def test_set_that_is_refused(machine, hvd, hvsh):  # noqa: F811
    hvsh("define", "-", stdin=json.dumps(machine.definition(
        devices=[{"type": "net"}])))
    before = hvsh("dumpdef", "z1")
    for words, status, says in (
            (["link=left"], 2, "link is up or down, not 'left'"),
            (["mtu=x"], 2, "mtu is a number of bytes"),
            (["mtu=65536"], 2, "mtu is a number of bytes"),
            (["mtu=12"], 1, "mtu must be 68 to 65535"),
            (["speed=9"], 2, "'speed=9' is nothing that can be set"),
            (["link"], 2, "'link' is nothing that can be set"),
            (["link=up", "limits.iops=5"], 1, "iops"),
            (["limits.burst-ms=5"], 1, "belongs to a limit"),
            ([], 2, "KEY=VALUE is missing")):
        assert says in hvsh("set", "z1", "net0", *words, status=status)
    assert "no device net7" in hvsh("set", "z1", "net7", "link=up", status=1)
    assert "DEVICE is missing" in hvsh("set", "z1", status=2)
    assert "NAME is missing" in hvsh("set", status=2)
    assert hvsh("dumpdef", "z1") == before


def test_set_completion(machine, hvd, hvsh):  # noqa: F811
    hvsh("define", "-", stdin=json.dumps(machine.definition(
        devices=[{"type": "rng"}, {"type": "console"}])))
    complete = ("--complete", "set")
    assert hvsh(*complete, "z1", "").split() == ["rng0"]
    assert "limits.burst-ms=" in hvsh(*complete, "z1", "rng0", "").split()
    hvsh("start", "z1")
    assert hvsh(*complete, "").split() == ["zone0", "z1"]
    assert hvsh(*complete, "z1", "").split() == ["rng0"]
    keys = ["limits.total-bytes-sec=", "limits.burst-ms="]
    assert hvsh(*complete, "z1", "rng0", "").split() == keys
    assert hvsh(*complete, "z1", "rng0", "x=1", "limits.b").split() == keys[1:]
    assert "KEY=VALUE..." in hvsh("help", "set")


def editing(tmp_path, script):
    file = tmp_path / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def test_edit(machine, hvd, hvsh, env, defined, tmp_path):  # noqa: F811
    env["TMPDIR"] = str(tmp_path)
    env["VISUAL"] = editing(tmp_path, """sed -i 's/"64M"/"96M"/' "$1" """)
    assert hvsh("edit", "z1") == "z1: defined (generation 2)\n"
    assert hvsh("edit", "z1") == "z1: not changed\n"
    env["VISUAL"] = editing(tmp_path, """sed -i 's/"96M"/"97M"/' "$1" """)
    error = hvsh("edit", "z1", status=1)
    [kept] = tmp_path.glob("hvsh-*")
    assert f"\n  at $.memory in {kept}\n" in error
    env["VISUAL"] = editing(
        tmp_path, f"""{HVSH} dumpdef z1 | {HVSH} define - >&2
                      sed -i 's/"96M"/"128M"/' "$1" """)
    assert "somebody else has changed" in hvsh("edit", "z1", status=1)
    assert json.loads(hvsh("dumpdef", "z1"))["memory"] == "96M"


def test_diff(machine, hvd, hvsh, defined):  # noqa: F811
    text = json.dumps(machine.definition())
    assert hvsh("diff", "z1", "-", stdin=text) == ""
    hvsh("start", "z1")
    assert hvsh("diff", "z1") == ""
    changed = json.dumps(machine.definition(priority=9))
    hvsh("diff", "z1", "-", stdin=changed, status=5)
    hvsh("diff", "z1", "-", stdin=json.dumps(machine.definition("z2")),
         status=5)
    hvsh("define", "-", stdin=changed)
    hvsh("diff", "z1", "-", stdin=text, status=5)
    hvsh("diff", "z1", status=5)
    assert hvsh("diff", "z1", "-", stdin=changed) == ""


def test_create(machine, hvd, hvsh):  # noqa: F811
    words = ("create", "z1", "--vcpus=1", "--memory=64M",
             f"--kernel={machine.image}", "--disk",
             str(machine.disk("image", 4 << 20)))
    text = hvsh(*words, "--print")
    assert hvsh(*words, "--start") == \
        "z1: defined (generation 1)\nz1: started\n"
    assert hvsh("diff", "z1", "-", stdin=text) == ""
    assert state(hvd, "z1") == "running"
    assert "there is a zone of that name" in hvsh(*words, status=1)


def test_log_level(hvd, hvsh):
    assert hvsh("log-level") == "debug\n"
    assert hvsh("log-level", "error") == hvsh("log-level") == "error\n"
    error = hvsh("log-level", "loud", status=1)
    assert "there is no level loud" in error and "warning, info" in error


def test_info_of_what_ends_and_begins_a_zone(machine, hvd, hvsh):  # noqa: F811
    more = {"on_crash": "restart", "on_poweroff": "preserve",
            "autostart": {"order": -5, "delay": "2s"}}
    hvsh("define", "-", stdin=json.dumps(machine.definition(**more)))
    text = hvsh("info", "z1")
    assert re.search(r"^Autostart: +yes, order -5, delay 2s\n"
                     r"On crash: +restart\nOn reboot: +restart\n"
                     r"On power-off: +preserve\n", text, re.M)
    hvsh("start", "z1")
    hvsh("define", "-", stdin=json.dumps(machine.definition(autostart=True)))
    text = hvsh("info", "z1")
    assert re.search(r"^Autostart: +yes\nOn crash: +restart\n", text, re.M)
    hvsh("destroy", "z1")
    assert re.search(r"^On crash: +preserve\n", hvsh("info", "z1"), re.M)
    assert "On crash" not in hvsh("info", "zone0")


def test_info_of_forwarded_ports(machine, passt, hvd, hvsh):  # noqa: F811
    forward = [{"port": 2222, "to": 22},
               {"proto": "udp", "address": "127.0.0.1", "port": 53}]
    devices = [{"type": "net", "user": True, "forward": forward}]
    hvsh("define", "-", stdin=json.dumps(machine.definition(devices=devices)))
    hvsh("start", "z1")
    assert re.search(r" MTU 1500, user mode, forwards tcp 2222 to 22, "
                     r"udp 127\.0\.0\.1:53 to 53$", hvsh("info", "z1"), re.M)
    hvsh("define", "-", stdin=json.dumps(machine.definition(
        "z2", devices=[{"type": "rng"}, *devices])))
    assert ("\n  at $.devices[1].forward[0].port in the definition of z2\n"
            in hvsh("start", "z2", status=1))


def test_same_mac(machine, net, hvd, hvsh):  # noqa: F811
    devices = [{"type": "net", "mac": "5a:00:11:22:33:44"}]
    for name in "z1", "z2":
        hvsh("define", "-", stdin=json.dumps(machine.definition(
            name, devices=devices)))
    hvsh("start", "z1")
    assert "\n  at $.devices[0].mac in the definition of z2\n" in \
        hvsh("start", "z2", status=1)


@pytest.mark.parametrize("by", ["name", "uuid"])
def test_watch(machine, hvd, hvsh, env, defined, by):  # noqa: F811
    given = hvd.call("zone.get", name="z1")[by]
    with running(env, "info", given, "--watch", "--json") as process:
        read_until(process, b'"definition"')
        hvsh("start", "z1")
        read_until(process, b'"running"')
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_jobs(machine, hvd, hvsh, env, defined):  # noqa: F811
    machine.inject("delay-populate", "5000")
    hvsh("define", "-", stdin=json.dumps(machine.definition(memory="512M")))
    with running(env, "events") as events:
        with running(env, "start", "z1") as start:
            wait(lambda: "% of " in hvsh("jobs"))
            number, kind, zone = hvsh("jobs").splitlines()[1].split()[:3]
            assert (kind, zone) == ("start", "z1")
            assert hvsh("cancel", number) == f"job {number}: asked to end\n"
            machine.clear("delay-populate")
            assert start.wait(SECONDS) == 1
            assert b"z1 did not start: it was cancelled" in start.stderr.read()
        read_until(events, f"z1 job {number} (start) cancelled".encode())
        events.send_signal(signal.SIGINT)
        assert events.wait(SECONDS) == 0
    assert "there is no job" in hvsh("cancel", number, status=1)
    assert "shut off" in hvsh("list")


def test_interrupt_cancels_a_start(machine, hvd, env, defined):  # noqa: F811
    machine.inject("delay-populate", "500")  # for each of 15 pieces
    hvd.call("zone.define", definition=machine.definition(memory="960M"))
    with running(env, "start", "z1") as start:
        wait(lambda: hvd.call("job.list"))
        start.send_signal(signal.SIGINT)
        assert start.wait(SECONDS) == 130
        assert start.stderr.read() == \
            b"hvsh: start z1: z1 did not start: it was cancelled\n"
    assert state(hvd, "z1") == "defined"


def test_interrupt_ends_a_wait(machine, hvd, hvsh, env, defined):  # noqa: F811
    machine.inject("io-z1", "ignore-power")
    hvsh("start", "z1")
    with running(env, "shutdown", "z1", "--wait") as shutdown:
        wait(lambda: state(hvd, "z1") == "shutting-down")
        shutdown.send_signal(signal.SIGINT)
        assert shutdown.wait(SECONDS) == 130
        assert b"it was cancelled" in shutdown.stderr.read()
    assert state(hvd, "z1") == "running"


def test_interrupt_of_what_cannot_be_cancelled(machine, hvd, hvsh, env,
                                               defined):  # noqa: F811
    hvsh("start", "z1")
    machine.inject("fail-destroy", "16")
    with running(env, "destroy", "z1") as destroy:
        wait(lambda: machine.failed("destroy"))
        destroy.send_signal(signal.SIGINT)
        assert destroy.wait(SECONDS) == 130
        error = destroy.stderr.read()
        assert b"the daemon may still finish it" in error
        assert b"cannot come back" in error
    assert state(hvd, "z1") == "dying"
    machine.clear("fail-destroy")
    wait(lambda: state(hvd, "z1") == "defined")


@pytest.mark.parametrize("by", ["name", "uuid"])
def test_progress_on_a_terminal(machine, hvd, env, defined,  # noqa: F811
                                by):
    given = hvd.call("zone.get", name="z1")[by]
    machine.inject("delay-populate", "15000")
    start = pexpect.spawn(HVSH, ["start", given], env=env, timeout=SECONDS)
    start.expect(rb"start z1 \(\d+ s, \d+% of 64.0 MiB\)")
    machine.clear("delay-populate")
    start.expect(rb"%s: started" % given.encode())
    start.expect(pexpect.EOF)
    start.close()
    assert start.exitstatus == 0


def test_dump(machine, hvd, hvsh, env, defined, tmp_path):  # noqa: F811
    core = tmp_path / "core"
    assert "not running" in hvsh("dump", "z1", str(core), status=1)
    hvsh("start", "z1")
    assert hvsh("dump", "z1", str(core)).startswith(f"z1: dumped to {core} (")
    assert core.read_bytes()[:4] == b"\x7fELF"
    assert "force" in hvsh("dump", "z1", str(core), status=1)
    machine.inject("delay-map", "1000")
    with running(env, "dump", "--force", "z1", str(core)) as dump:
        wait(lambda: "% of 64 MiB" in hvsh("jobs"))
        dump.send_signal(signal.SIGINT)
        assert dump.wait(SECONDS) == 130
        assert dump.stderr.read() == b"hvsh: dump z1: it was cancelled\n"
    assert core.read_bytes()[:4] == b"\x7fELF"  # what it was to replace
    assert list(tmp_path.glob("core*")) == [core]
    assert state(hvd, "z1") == "running"


# ------------------------------------------------------------------- trace

ENTER, LEAVE, SWITCH, READY, BLOCK = 0x00, 0x01, 0x10, 0x11, 0x12
INJECT, DOORBELL, FORWARD, HYPERCALL, STATE = 0x20, 0x30, 0x31, 0x40, 0x50
IRQ, WFX, HVC, ACCESS = 0, 1, 2, 5
OFF = 2


@pytest.fixture
def tracing(machine, env, tmp_path):  # noqa: F811
    """Traces what a test gives for each CPU, and returns the picture."""
    def run(*cpus, words=(), first=0, status=0):
        path = tmp_path / "trace.json"
        with running(env, "trace", "-o", str(path), *words) as process:
            # by trace.set, one of each CPU, and then by hvsh
            wait_trace_reads(machine, 5)
            for cpu, records in enumerate(cpus):
                write_trace(machine, cpu, records, first)
            process.send_signal(signal.SIGINT)
            out, err = map(bytes.decode, process.communicate(timeout=SECONDS))
        assert process.returncode == status, err
        assert traced_classes(machine) == 0
        return Trace(path), out
    return run


def test_trace_of_a_life(machine, hvd, hvsh, defined, tracing):  # noqa: F811
    """One vCPU from its start to its end, and zone0's beside it."""
    hvsh("start", "z1")
    trace, out = tracing(
        [(1000, SWITCH, 0, 0, 0, 0), (1200, ENTER, 0, 0, 0, 0),
         (2000, LEAVE, 0, 0, HVC, 0x5a000000),
         (2100, STATE, 1, NOBODY, 1, 0), (2200, READY, 1, 0, 0, 1),
         (2300, HYPERCALL, 0, 0, 0x12, 0), (2400, ENTER, 0, 0, 0, 0),
         (5000, LEAVE, 0, 0, IRQ, 0),
         (5500, INJECT, 1, 0, 0, 40), (5600, READY, 1, 0, 0, 1),
         (6000, ENTER, 0, 0, 0, 0), (7500, LEAVE, 0, 0, HVC, 0),
         (7600, STATE, 1, NOBODY, 2, 0)],
        [(2500, SWITCH, 1, 0, 0, 0), (2600, ENTER, 1, 0, 0, 0),
         (3000, LEAVE, 1, 0, ACCESS, 7), (3100, DOORBELL, 1, 0, 0, 3),
         (3200, ENTER, 1, 0, 0, 0), (3400, LEAVE, 1, 0, ACCESS, 7),
         (3500, FORWARD, 1, 0, 0x104, 0xa000070), (3600, BLOCK, 1, 0, 1, 0),
         (3700, SWITCH, NOBODY, NOBODY, 0, 0),
         (5700, SWITCH, 1, 0, 0, 0), (5800, ENTER, 1, 0, 0, 0),
         (7700, LEAVE, 1, 0, IRQ, 0), (7800, SWITCH, NOBODY, NOBODY, 0, 0),
         (9000, BLOCK, 1, 0, OFF, 0)])
    assert out.endswith("trace.json: 27 records in 0.000 s\n")
    assert trace.other["records"] == "27" and trace.other["lost"] == "0"
    assert trace.other["start_ns"] == "1000"
    assert trace.slices["z1", "vcpu0"] == [
        ("ready", 1200, 1500), ("switch in", 1500, 1600), ("guest", 1600, 2000),
        ("exit: doorbell", 2000, 2200), ("guest", 2200, 2400),
        ("exit: forward", 2400, 2700), ("blocked: access", 2700, 4600),
        ("ready", 4600, 4700), ("switch in", 4700, 4800), ("guest", 4800, 6700),
        ("exit: irq", 6700, 6800), ("paused", 6800, 8000)]
    assert trace.names("zone0", "vcpu0") == [
        "switch in", "guest", "exit: hypercall", "guest", "exit: irq",
        "guest", "exit: hvc"]
    assert trace.slices["CPUs", "cpu0"] == [("zone0 vcpu0", 0, 8000)]
    assert trace.slices["CPUs", "cpu1"] == [
        ("z1 vcpu0", 1500, 2700), ("z1 vcpu0", 4700, 6800)]
    assert trace.marks("z1", "vcpu0") == [
        "state: running", "doorbell 3", "forward: write 0xa000070",
        "interrupt 40", "state: paused"]
    assert trace.marks("zone0", "vcpu0") == ["hypercall: zone_start"]
    assert trace.instants["z1", "vcpu0"][3].args == {"cpu": 0, "value": 40}
    # a process for each zone, and a thread for each CPU of the machine
    assert set(trace.processes.values()) == {"CPUs", "zone0", "z1"}
    assert sorted(trace.threads.values()) == [
        "cpu0", "cpu1", "cpu2", "cpu3", "vcpu0", "vcpu0"]


def test_trace_of_what_was_lost(hvd, tracing):
    """Nothing is drawn where nothing is known."""
    trace, out = tracing(
        [(1000, ENTER, 0, 0, 0, 0), (9000, LEAVE, 0, 0, IRQ, 0)],
        [(5000, ENTER, 0, 1, 0, 0), (6000, LEAVE, 0, 1, IRQ, 0)], first=100)
    assert "4 records" in out and out.endswith(", 200 lost\n")
    assert trace.slices["CPUs", "cpu1"][0].name == "lost: 100 records"
    assert trace.names("CPUs", "cpu1") == ["lost: 100 records",
                                           "zone0 vcpu1"]
    assert trace.other["lost"] == "200"


def test_trace_that_lost_something_midway(machine, hvd, env,  # noqa: F811
                                          tmp_path):
    path = tmp_path / "t.json"
    with running(env, "trace", "-o", str(path), "-e", "run,sched") as process:
        wait_trace_reads(machine, 5)
        assert traced_classes(machine) == 3
        write_trace(machine, 0, [(1000, ENTER, 0, 0, 0, 0)])
        wait_trace_reads(machine, 8)  # of all CPUs for sure
        write_trace(machine, 0, [(5000, LEAVE, 0, 0, IRQ, 0),
                                 (6000, ENTER, 0, 0, 0, 0),
                                 (7000, LEAVE, 0, 0, WFX, 0)], first=50)
        process.send_signal(signal.SIGINT)
        out, err = map(bytes.decode, process.communicate(timeout=SECONDS))
    assert process.returncode == 0, err
    assert "4 records" in out and "49 lost" in out
    trace = Trace(path)
    assert trace.slices["CPUs", "cpu0"] == [
        ("zone0 vcpu0", 0, 0), ("lost: 49 records", 0, 4000),
        ("zone0 vcpu0", 4000, 6000)]
    assert trace.slices["zone0", "vcpu0"] == [
        ("guest", 0, 0), ("exit: irq", 4000, 5000), ("guest", 5000, 6000),
        ("exit: wfx", 6000, 6000)]


def test_trace_in_the_order_of_time(hvd, tracing):
    """Each CPU's records come by themselves, and many at once."""
    many = [(1000 + 20 * i, (ENTER, LEAVE)[i % 2], 0, 0, IRQ, 0)
            for i in range(2000)]
    others = [(1010 + 20 * i, INJECT, 0, 0, 0, i) for i in range(2000)]
    trace, out = tracing(many, others)
    assert "4000 records" in out and "lost" not in out
    assert trace.names("zone0", "vcpu0") == ["guest", "exit: irq"] * 1000
    assert [i.args["value"] for i in trace.instants["zone0", "vcpu0"]] == \
        list(range(2000))


def test_trace_of_zones_that_come_and_go(machine, hvd, hvsh,  # noqa: F811
                                         defined, env, tmp_path):
    """A number that one zone had after another, and one without a name."""
    hvsh("start", "z1")
    path = tmp_path / "t.json"
    with running(env, "trace", "-o", str(path)) as process:
        wait_trace_reads(machine, 5)
        write_trace(machine, 0, [(1000, ENTER, 1, 0, 0, 0)])
        wait_trace_reads(machine, 8)
        hvsh("destroy", "z1")
        hvsh("define", "-", stdin=json.dumps(machine.definition("other")))
        hvsh("start", "other")
        write_trace(machine, 0, [
            (1000, ENTER, 1, 0, 0, 0), (2000, STATE, 1, NOBODY, 0, 0),
            (3000, ENTER, 7, 31, 0, 0), (4000, ENTER, 8, 32, 0, 0)])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert set(Trace(path).processes.values()) == {"CPUs", "z1, other",
                                                   "zone 7"}


def test_trace_for_some_time(machine, hvd, hvsh, tmp_path):  # noqa: F811
    write_trace(machine, 0, [(1000, ENTER, 0, 0, 0, 0)])
    path = tmp_path / "t.json"
    path.write_text("x" * 100000)
    # what was before is not asked for
    assert hvsh("trace", "-n", "1", "-o", str(path)) == (
        f"{path}: 0 records in 0.000 s\n")
    assert Trace(path).slices == {}
    assert traced_classes(machine) == 0


def test_trace_at_the_prompt(machine, hvd, hvsh, tmp_path):  # noqa: F811
    """The connection goes on, the trace does not."""
    out = hvsh(stdin=f"trace -n 1 -o {tmp_path / 't.json'}\nhost\n")
    assert "0 records" in out and "Hypervisor:" in out
    assert traced_classes(machine) == 0


def test_trace_that_is_refused(machine, hvd, hvsh, tmp_path):  # noqa: F811
    assert "--output is missing" in hvsh("trace", status=2)
    assert "--seconds" in hvsh("trace", "-o", f"{tmp_path}/t", "-n", "x",
                               status=2)
    error = hvsh("trace", "-o", f"{tmp_path}/no/t", status=1)
    assert f"{tmp_path}/no/t: No such file" in error
    error = hvsh("trace", "-o", f"{tmp_path}/t", "-e", "run,walk", status=1)
    assert "no class of events walk" in error and "sched" in error
    error = hvsh("trace", "-o", f"{tmp_path}/t", "-e", ",".join(["run"] * 17),
                 status=2)
    assert "too many" in error
    machine.inject("fail-trace-set", "12")
    error = hvsh("trace", "-o", f"{tmp_path}/t", status=1)
    assert "no memory for the trace" in error and "hint" in error
    machine.clear("fail-trace-set")
    assert "No space left" in hvsh("trace", "-n", "1", "-o", "/dev/full",
                                   status=1)
    assert traced_classes(machine) == 0


def test_trace_of_a_daemon_that_dies(machine, hvd, env,  # noqa: F811
                                     tmp_path):
    """What came before can be looked at."""
    path = tmp_path / "t.json"
    with running(env, "trace", "-o", str(path)) as process:
        wait_trace_reads(machine, 5)
        write_trace(machine, 0, [(1000, ENTER, 0, 0, 0, 0),
                                 (2000, LEAVE, 0, 0, IRQ, 0)])
        wait_trace_reads(machine, 8)
        machine.kill()
        out, err = map(bytes.decode, process.communicate(timeout=SECONDS))
    assert process.returncode == 3 and "2 records" in out, err
    assert Trace(path).names("zone0", "vcpu0")[0] == "guest"


def test_traces_at_once(machine, hvd, env, tmp_path):  # noqa: F811
    """Each has its own events; who leaves does not end the other's."""
    paths = tmp_path / "a.json", tmp_path / "b.json"
    with running(env, "trace", "-o", str(paths[0]), "-e", "irq") as one, \
            running(env, "trace", "-o", str(paths[1]), "-e", "run") as two:
        wait(lambda: (machine.fake / "trace").exists() and
             traced_classes(machine) == 5)
        wait_trace_reads(machine, 20)
        write_trace(machine, 0, [(1000, ENTER, 0, 0, 0, 0),
                                 (1500, INJECT, 0, 0, 0, 40)])
        wait_trace_reads(machine, 20)
        one.send_signal(signal.SIGINT)
        assert one.wait(SECONDS) == 0
        wait(lambda: traced_classes(machine) == 1)
        write_trace(machine, 0, [(1000, ENTER, 0, 0, 0, 0),
                                 (1500, INJECT, 0, 0, 0, 40),
                                 (2000, LEAVE, 0, 0, IRQ, 0)])
        two.send_signal(signal.SIGTERM)
        assert two.wait(SECONDS) == 128 + signal.SIGTERM
    assert traced_classes(machine) == 0
    assert Trace(paths[0]).marks("zone0", "vcpu0") == ["interrupt 40"]
    assert Trace(paths[1]).slices["zone0", "vcpu0"] == [
        ("guest", 0, 1000), ("exit: irq", 1000, 1000)]
    assert Trace(paths[1]).instants == {}


def test_screens_and_keys(machine, hvd, hvsh):  # noqa: F811
    hvd.call("zone.define", definition=machine.definition(devices=[
        {"type": "gpu"}, {"type": "input", "kind": "keyboard"}]))
    assert "hint: start it first" in hvsh("display", "z1", status=1)
    hvd.call("zone.start", name="z1")
    told = hvsh("display", "z1")
    assert "nothing" in told and f"{machine.run_dir}/vnc/z1-0.sock" in told
    assert f"vncviewer {machine.run_dir}/vnc/z1-0.sock" in hvsh("vnc", "z1")
    picture = machine.tmp / "a.png"
    hvsh("screenshot", "z1", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "--force" in hvsh("screenshot", "z1", str(picture), status=1)
    hvsh("screenshot", "-f", "z1", str(picture))
    hvsh("sendkey", "--hold", "1", "z1", "ctrl", "c")
    assert machine.io_log("z1")[-1] == {
        "cmd": "keys", "device": "input0", "keys": [29, 46], "hold-ms": 1}
    hvsh("set", "z1", "gpu0", "width=800", "height=600")
    assert machine.io_log("z1")[-1]["width"] == 800
