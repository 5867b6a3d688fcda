# SPDX-License-Identifier: BSD-2-Clause
"""Errors that the OpenRPC document says a method has and that the other tests of hvd
do not come by. tests/native/seen.py tells if one was never seen at all. The machine
is that of test_hvd.py.
"""
import json
import os
import signal
import subprocess

import pytest

import openrpc
import seen
from test_hvd import (HVD, USER, disk_of, does_not_start,  # noqa: F401
                      fails, hvd, machine, passt, start_with, started, state,
                      wait)

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")


def together(client, *calls):
    """A batch, which nobody's answer or request comes between: the code of each
    call's error, or None."""
    client.send(json.dumps([
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(calls)]).encode() + b"\n")
    while True:
        answers = client.read()
        if isinstance(answers, list):
            break
    for answer in answers:
        openrpc.check(*calls[answer["id"]], answer)
        seen.note_answer(calls[answer["id"]][0], answer)
    return [answer.get("error", {}).get("data", {}).get("code") for answer in
            sorted(answers, key=lambda answer: answer["id"])]


# ------------------------------------------------------------- which zone it is

def about_a_zone():
    """Methods whose parameter `name` is that of a zone."""
    return [name for name, method in openrpc.METHODS.items()
            for p in method["params"] if p["name"] == "name" and
            p["schema"].get("$ref", "").endswith("/ZoneRef")]


# What a method needs besides parameters of the right types.
NEEDED = {"device.set": {"link": True}}


def anything_for(method, zone):
    """Parameters that get as far as to the zone."""
    values = {"string": "x", "integer": 1, "boolean": True, "object": {},
              "array": []}
    types = {p["name"]: openrpc.resolved(p["schema"]).get("type")
             for p in openrpc.METHODS[method]["params"] if p["required"]}
    return {**{name: values[type_] for name, type_ in types.items()},
            **NEEDED.get(method, {}), "name": zone}


@pytest.mark.parametrize("method", about_a_zone())
def test_zones_that_are_no_zones_to_do_that_with(hvd, method):
    error = fails("ZONE_NOT_FOUND", hvd, method,
                  **anything_for(method, "nobody"))
    assert error.path == "$.name" and error.hint
    if method != "zone.get":
        error = fails("UNSUPPORTED", hvd, method,
                      **anything_for(method, "zone0"))
        assert error.path == "$.name" and error.hint


# ------------------------------------------------------------- the wrong moment

def test_of_a_zone_that_does_not_run(machine, hvd):
    hvd.call("zone.define", definition=machine.definition(
        devices=[disk_of(machine.disk())]))
    for method in ("host.counters", "device.counters", "device.resume",
                   "device.resize"):
        error = fails("INVALID_STATE", hvd, method, **(
            {"zone": "z1"} if method == "host.counters" else
            {"name": "z1", "device": "disk0"}))
        assert error.hint == "start it first"


def test_undefined_twice(machine, hvd):
    started(machine, hvd)
    hvd.call("zone.undefine", name="z1")
    fails("INVALID_STATE", hvd, "zone.undefine", name="z1")


def test_two_at_once(machine, hvd):
    """The second finds the first under way."""
    definition = {"definition": machine.definition()}
    name = {"name": "z1"}
    assert together(hvd, ("zone.define", definition),
                    ("zone.define", definition)) == [None, "BUSY"]
    hvd.call("zone.start", **name)
    for method in "zone.shutdown", "zone.reset":
        assert together(hvd, ("zone.pause", name), (method, name)) == \
            [None, "BUSY"]
        assert state(hvd, "z1") == "paused"
        assert together(hvd, ("zone.resume", name), ("zone.resume", name)) \
            == [None, "BUSY"]
        assert state(hvd, "z1") == "running"


def test_while_it_is_renamed(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    name, new = {"name": "z1"}, {"name": "z1", "new_name": "z2"}
    calls = [("zone.rename", new), ("zone.rename", {**new, "new_name": "z3"}),
             ("zone.start", name), ("zone.undefine", name),
             ("zone.define", {"definition": machine.definition("z2")})]
    assert together(hvd, *calls) == [None, *["BUSY"] * 4]
    assert state(hvd, "z2") == "defined"


def test_clone_of_what_is_unknown(machine):
    """Of a zone that runs, with no definition and no record of it."""
    client = machine.start()
    client.call("zone.create", definition=machine.definition())
    client.close()
    machine.kill()
    (machine.run_dir / "zones/z1.json").unlink()
    client = machine.start()
    assert fails("INVALID_STATE", client, "zone.clone", name="z1",
                 new_name="z2").hint
    client.call("zone.destroy", name="z1")
    client.close()


def test_transient_zones_that_do_not_start(machine, passt, hvd):
    started(machine, hvd, "other")

    def refused(code, path, **more):
        error = fails(code, hvd, "zone.create", definition=machine.definition(
            "t", **more))
        assert error.path == path and error.hint
        assert [z["name"] for z in hvd.call("zone.list")] == ["zone0", "other"]

    refused("NO_MEMORY", "$.memory", memory="200G")
    machine.inject("fail-vcpu-limit", "38")
    refused("UNSUPPORTED", "$.vcpus.on", vcpus={"max": 2, "on": 1})
    machine.inject("fail-populate", "once 5")
    refused("INTERNAL", None)
    machine.inject("passt", "hangs")
    refused("TIMEOUT", "$.devices[0].user", devices=[USER])
    machine.inject("passt", "port-taken")
    refused("BUSY", "$.devices[0].forward", devices=[
        {**USER, "forward": [{"port": 2222, "to": 22}]}])


def test_devices_while_their_process_is_being_started(machine, hvd):
    pid = start_with(machine, hvd, disk_of(machine.disk()))["io"]["pid"]
    machine.inject("io-z1", "exit-at-start")
    os.kill(pid, signal.SIGKILL)
    wait(lambda: hvd.call("zone.get", name="z1")["io"]["restarts"] > 1)
    of = {"name": "z1", "device": "disk0"}
    for method in "counters", "resize", "resume":
        assert fails("BUSY", hvd, f"device.{method}", **of).hint
    assert fails("BUSY", hvd, "device.set", **of, limits={}).hint


# ------------------------------------------------------ others do not do theirs

def test_hypervisor_that_is_not_there(machine):
    machine.inject("fail-open", "2")
    client = machine.start()
    for method, params in (("host.info", {}), ("host.log", {}),
                           ("host.counters", {}),
                           ("zone.get", {"name": "zone0"}),
                           ("trace.set", {"events": ["run"]}),
                           ("zone.create",
                            {"definition": machine.definition()})):
        assert "modprobe" in fails("NO_HYPERVISOR", client, method,
                                   **params).hint


def test_hypervisor_that_fails(machine, hvd):
    for method in "info", "log", "counters":
        machine.inject(f"fail-{method}", "once 5")
        assert "Input/output error" in str(fails("INTERNAL", hvd,
                                                 f"host.{method}"))
        hvd.call(f"host.{method}")
    started(machine, hvd)
    hvd.call("zone.pause", name="z1")
    machine.inject("fail-resume", "once 5")
    assert fails("INTERNAL", hvd, "zone.resume", name="z1").hint
    assert state(hvd, "z1") == "paused"
    hvd.call("zone.resume", name="z1")


def test_process_that_cannot_be_told(machine, hvd):
    """It does not read, and there is an end to what waits for it."""
    pid = start_with(machine, hvd, disk_of(machine.disk()))["io"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    of = {"name": "z1", "device": "disk0"}
    while together(hvd, *[("device.resume", of)] * 64)[-1] != "INTERNAL":
        pass
    for method in "counters", "resize":
        assert fails("INTERNAL", hvd, f"device.{method}", **of).hint
    fails("INTERNAL", hvd, "device.set", **of, limits={})
    os.kill(pid, signal.SIGCONT)
    wait(lambda: together(hvd, ("device.resume", of)) == [None])
    hvd.call("device.set", **of, limits={})


def test_what_is_not_done_in_time(machine, hvd):
    """Ten seconds each, and so all at once."""
    machine.inject("io-z1", "ignore-counters ignore-resize")
    start_with(machine, hvd, disk_of(machine.disk()))
    started(machine, hvd, "other")
    machine.inject("fail-destroy", "16")
    of = {"name": "z1", "device": "disk0"}
    calls = {hvd.begin("device.counters", **of): "TIMEOUT",
             hvd.begin("device.resize", **of): "TIMEOUT",
             hvd.begin("zone.destroy", name="other"): "BUSY"}
    while calls:
        message = hvd.read()
        if "method" in message:
            continue
        method, params = hvd.begun.pop(message["id"])
        openrpc.check(method, params, message)
        seen.note_answer(method, message)
        error = message["error"]["data"]
        assert error["code"] == calls.pop(message["id"])
        assert error["hint"]
    machine.clear("fail-destroy")
    wait(lambda: state(hvd, "other") == "defined")


# ------------------------------------------------------------- files and rights

def test_definition_that_is_too_large(machine, hvd):
    """All that is checked before, and quickly, is its length."""
    error = fails("TOO_LARGE", hvd, "zone.define", definition={
        **machine.definition(), "cmdline": "x" * (1 << 16)})
    assert error.path == "$.definition"


def test_definition_that_cannot_be_removed(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    zones = machine.config / "zones"
    zones.rename(machine.config / "away")
    assert "z1.json" in str(fails("IO_ERROR", hvd, "zone.undefine",
                                  name="z1"))
    (machine.config / "away").rename(zones)
    assert state(hvd, "z1") == "defined"


def test_definitions_that_cannot_be_written(machine, hvd):
    hvd.call("zone.define", definition=machine.definition())
    zones = machine.config / "zones"
    zones.rename(machine.config / "away")
    for method in "zone.rename", "zone.clone":
        assert "zones" in str(fails("IO_ERROR", hvd, method, name="z1",
                                    new_name="z2"))
        fails("ZONE_NOT_FOUND", hvd, "zone.get", name="z2")
    (machine.config / "away").rename(zones)
    hvd.call("zone.rename", name="z1", new_name="z2")


def test_shutdown_that_cannot_be_recorded(machine, hvd):
    started(machine, hvd)
    records = machine.run_dir / "zones"
    records.rename(machine.run_dir / "elsewhere")
    fails("IO_ERROR", hvd, "zone.shutdown", name="z1")
    assert state(hvd, "z1") == "running"
    (machine.run_dir / "elsewhere").rename(records)


def test_network_without_the_right(machine):
    """Nothing is changed in this machine's network: that is what fails."""
    if os.geteuid() == 0:
        machine.prefix = ["setpriv", "--bounding-set", "-net_admin",
                          "--inh-caps", "-net_admin"]
        if subprocess.run([*machine.prefix, "true"], check=False,
                          capture_output=True).returncode:
            seen.excuse("error", "zone.start", "PERMISSION")
            pytest.skip("needs setpriv")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        seen.excuse("error", "zone.start", "PERMISSION")
        pytest.skip("needs access to /dev/net/tun")
    client = machine.start()
    error = does_not_start(machine, client, {"type": "net"},
                           code="PERMISSION")
    assert error.path == "$.devices[0]" and "CAP_NET_ADMIN" in error.hint
