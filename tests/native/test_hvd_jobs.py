# SPDX-License-Identifier: BSD-2-Clause
"""Jobs of hvd: what is under way, how far it is, and how it is given up.  The
machine is that of test_hvd.py.
"""
import json
import os
import signal

import pytest

import openrpc
import seen
from test_hvd import (GUEST_OFF, HVD, OFF, RpcError, fails, hvd, machine,  # noqa: F401
                      started, state, traced_classes, wait)

MIB = 1 << 20

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")


@pytest.fixture
def other(machine, hvd):
    """Another client; asks for what takes long."""
    client = machine.client()
    yield client
    client.close()


def the_job(client, *members):
    """The only one there is, once there is one that has these."""
    def find():
        jobs = client.call("job.list")
        assert len(jobs) <= 1
        return [job for job in jobs if {*members} <= {*job}]
    return wait(find)[0]


def event_of(client, kind, name):
    """Waits for an event of a job of that kind of z1."""
    while True:
        event = client.event("z1", name)
        if event["kind"] == "job" and event["job"]["kind"] == kind:
            return event


def cancelled(client, request):
    with pytest.raises(RpcError) as info:
        client.finish(request)
    assert info.value.code == "CANCELLED"
    return info.value


def nothing_left(machine, client):
    assert client.call("job.list") == []
    assert state(client, "z1") == "defined"
    assert machine.zones() == []
    assert not list((machine.run_dir / "console").iterdir())
    assert not list((machine.run_dir / "zones").iterdir())


def slow_start(machine, client, other):
    """64 MiB at a time, and between them it looks whether to go on.  All takes so
    long that a slow machine can do what is to happen meanwhile."""
    machine.inject("delay-populate", "1000")
    client.call("zone.define", definition=machine.definition(memory="512M"))
    return other.begin("zone.start", name="z1")


def test_a_start_is_a_job(machine, hvd, other):
    request = slow_start(machine, hvd, other)
    job = the_job(hvd, "progress")
    assert (job["kind"], job["zone"], job["cancellable"]) == \
        ("start", "z1", True)
    assert f"pid {os.getpid()}, uid " in job["by"]
    total = job["progress"]["total"]
    assert total == 512 * MIB + machine.image.stat().st_size
    begun = hvd.event("z1", "begun")
    assert begun["kind"] == "job"
    assert begun["job"]["id"] == job["id"]
    assert begun["job"]["cancellable"] is True
    first = hvd.event("z1", "progress")["job"]["progress"]["done"]
    second = hvd.event("z1", "progress")["job"]["progress"]["done"]
    assert 0 < first < second < total
    machine.clear("delay-populate")
    other.finish(request)
    done = hvd.event("z1", "done")
    assert done["job"]["progress"]["done"] == total
    assert done["job"]["id"] == job["id"]
    assert done["job"]["cancellable"] is False
    assert hvd.call("job.list") == []


def test_progress_is_told_once_a_second(machine, hvd, other):
    """At most: each second has more than two pieces."""
    machine.inject("delay-populate", "400")
    hvd.call("zone.define", definition=machine.definition(memory="960M"))
    request = other.begin("zone.start", name="z1")
    begun = hvd.event("z1", "begun")
    for _ in range(2):
        hvd.event("z1", "progress")
    machine.clear("delay-populate")
    other.finish(request)
    done = hvd.event("z1", "done")
    other.call("event.subscribe", since=begun["seq"])
    while not other.events or other.events[-1]["seq"] < done["seq"]:
        other.events.append(other.read()["params"])
    told = [e for e in other.events if e["event"] == "progress"]
    assert 2 <= len(told) <= done["time"] - begun["time"] + 1


@pytest.mark.parametrize("step", ["populate", "start"])
def test_a_cancelled_start_is_undone(machine, hvd, other, step):
    machine.inject(f"delay-{step}", "10000")
    hvd.call("zone.define", definition=machine.definition())
    request = other.begin("zone.start", name="z1")
    hvd.call("job.cancel", job=the_job(hvd)["id"])
    machine.clear(f"delay-{step}")
    assert cancelled(other, request).hint is None
    ended = hvd.event("z1", "cancelled")
    assert ended["kind"] == "job"
    assert ended["job"]["kind"] == "start"
    nothing_left(machine, hvd)
    hvd.call("zone.start", name="z1")


def test_a_start_that_waits_for_its_io_process_is_undone(machine, hvd, other):
    machine.inject("io-z1", "silent")
    hvd.call("zone.define", definition=machine.definition())
    request = other.begin("zone.start", name="z1")
    wait(lambda: (machine.fake / "io-z1.log").exists())
    hvd.call("job.cancel", job=the_job(hvd)["id"])
    cancelled(other, request)
    nothing_left(machine, hvd)


def test_a_start_in_the_place_of_a_crashed_zone(machine, hvd, other):
    started(machine, hvd)
    machine.guest(1, 5, 17)
    hvd.event("z1", "crashed")
    machine.inject("delay-destroy", "10000")
    request = other.begin("zone.start", name="z1")
    hvd.call("job.cancel", job=the_job(hvd)["id"])
    cancelled(other, request)
    machine.clear("delay-destroy")
    hvd.event("z1", "stopped")
    nothing_left(machine, hvd)


def test_a_start_that_is_undone_already(machine, hvd, other):
    machine.inject("fail-start", "5")
    machine.inject("delay-destroy", "10000")
    hvd.call("zone.define", definition=machine.definition())
    request = other.begin("zone.start", name="z1")
    wait(lambda: state(hvd, "z1") == "dying")
    job = the_job(hvd)
    assert job["cancellable"] is False
    fails("UNSUPPORTED", hvd, "job.cancel", job=job["id"])
    machine.clear("delay-destroy")
    with pytest.raises(RpcError, match="did not start"):
        other.finish(request)
    failed = hvd.event("z1", "failed")
    assert "did not start" in failed["reason"]
    assert failed["job"]["id"] == job["id"]


@pytest.mark.parametrize("method", ["shutdown", "reboot"])
def test_a_cancelled_wait_leaves_the_zone_running(machine, hvd, other, method):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    assert hvd.call("job.list") == []
    hvd.call(f"zone.{method}", name="z1")  # nobody waits: it is a job still
    job = the_job(hvd)
    assert (job["kind"], job["cancellable"]) == (method, True)
    assert "progress" not in job
    hvd.call("job.cancel", job=job["id"])
    hvd.event("z1", "cancelled")
    assert state(hvd, "z1") == "running"
    assert hvd.call("job.list") == []
    hvd.call("zone.pause", name="z1")  # nothing else is under way


def test_all_who_wait_for_a_shutdown_hear_that_it_was_cancelled(machine, hvd,
                                                                other):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    requests = []
    third = machine.client()
    for client in other, third:
        requests.append(client.begin("zone.shutdown", name="z1", timeout=60))
        wait(lambda: len(machine.io_log("z1")) > len(requests))
    hvd.call("job.cancel", job=the_job(hvd)["id"])
    for client, request in zip((other, third), requests):
        assert "may still" in cancelled(client, request).hint
    assert hvd.event("z1", "power-key-ignored")["reason"] == \
        "the wait for it was cancelled"
    third.close()


def test_a_shutdown_that_succeeds_or_does_not(machine, hvd):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    fails("TIMEOUT", hvd, "zone.shutdown", name="z1", timeout=1)
    failed = hvd.event("z1", "failed")
    assert failed["job"]["kind"] == "shutdown"
    assert "in time" in failed["reason"]
    hvd.call("zone.shutdown", name="z1")
    hvd.call("zone.reboot", name="z1")
    assert hvd.event("z1", "failed")["reason"] == "z1: overtaken by reboot"
    assert the_job(hvd)["kind"] == "reboot"
    machine.guest(1, 3, 1)
    assert hvd.event("z1", "done")["job"]["kind"] == "reboot"
    hvd.call("zone.shutdown", name="z1")
    machine.guest(1, 3, 1)
    assert hvd.event("z1", "done")["job"]["kind"] == "shutdown"


def test_a_destroy_goes_on(machine, hvd, other):
    started(machine, hvd)
    machine.inject("fail-destroy", "16")
    request = other.begin("zone.destroy", name="z1")
    wait(lambda: machine.failed("destroy"))
    job = the_job(hvd)
    assert (job["kind"], job["cancellable"]) == ("destroy", False)
    error = fails("UNSUPPORTED", hvd, "job.cancel", job=job["id"])
    assert "come back" in str(error)
    machine.clear("fail-destroy")
    other.finish(request)
    assert event_of(hvd, "destroy", "done")["job"]["id"] == job["id"]


def test_a_destroy_overtakes_a_start(machine, hvd, other):
    request = slow_start(machine, hvd, other)
    first = the_job(hvd)["id"]
    hvd.call("zone.destroy", name="z1")
    with pytest.raises(RpcError, match="it was destroyed"):
        other.finish(request)
    assert hvd.event("z1", "failed")["job"]["id"] == first
    assert hvd.event("z1", "done")["job"]["id"] == first + 1
    nothing_left(machine, hvd)


def test_changes_of_devices_are_jobs(machine, hvd):
    started(machine, hvd, devices=[{"type": "disk",
                                    "path": str(machine.disk())}])
    hvd.call("device.resize", name="z1", device="disk0")
    assert event_of(hvd, "resize", "begun")["job"]["cancellable"] is False
    event_of(hvd, "resize", "done")
    hvd.call("device.set", name="z1", device="disk0",
             limits={"total-iops-sec": 5})
    event_of(hvd, "set", "begun")
    event_of(hvd, "set", "done")


def test_jobs_of_hvd_itself(machine):
    client = machine.start()
    client.call("zone.define", definition=machine.definition(autostart=True))
    machine.stop()
    (machine.run_dir / "autostarted").unlink()
    client = machine.start()
    wait(lambda: state(client, "z1") == "running")
    client.call("event.subscribe", since=0)
    assert client.event("z1", "begun")["job"]["by"] == "hvd"
    client.close()


def test_jobs_of_an_hvd_that_ends(machine, hvd, other):
    slow_start(machine, hvd, other)
    the_job(hvd)
    machine.stop()
    assert machine.process.returncode == 0


def test_job_cancel_and_what_is_no_job(machine, hvd):
    for wrong in 0, -1, 1, 1 << 40:
        error = fails("INVALID_PARAMS", hvd, "job.cancel", job=wrong)
        assert error.path == "$.job"
    readonly = machine.client(readonly=True)
    assert readonly.call("job.list") == []
    fails("PERMISSION", readonly, "job.cancel", job=1)
    readonly.close()


def test_a_client_that_leaves_gives_nothing_up(machine, hvd, other):
    slow_start(machine, hvd, other)
    job = the_job(hvd)
    other.close()
    machine.inject("delay-populate", "300")
    hvd.event("z1", "started")
    assert hvd.event("z1", "done")["job"]["id"] == job["id"]


def test_a_client_that_leaves_amid_a_batch(machine, hvd):
    """The first request tells it an event, by which hvd finds it gone: what comes
    after that is not done for nobody."""
    hvd.call("zone.define", definition=machine.definition())
    hvd.call("zone.define", definition=machine.definition("z2"))
    leaver = machine.client()
    leaver.call("event.subscribe")
    machine.process.send_signal(signal.SIGSTOP)
    leaver.send(json.dumps([
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate((
            ("zone.start", {"name": "z1"}),
            ("trace.set", {"events": ["run"]}),
            ("zone.start", {"name": "z2"})))]).encode() + b"\n")
    leaver.close()
    machine.process.send_signal(signal.SIGCONT)
    hvd.event("z1", "started")
    assert state(hvd, "z2") == "defined"
    assert traced_classes(machine) == 0
    hvd.call("trace.set", events=["io"])
    hvd.call("trace.set", events=[])
    assert traced_classes(machine) == 0


def test_a_readonly_client_that_leaves_amid_a_batch(machine, hvd):
    """The same, by events that it is told again."""
    hvd.call("zone.define", definition=machine.definition())
    leaver = machine.client(readonly=True)
    machine.process.send_signal(signal.SIGSTOP)
    leaver.send(json.dumps([
        {"jsonrpc": "2.0", "id": number, "method": "event.subscribe",
         "params": {"since": 0}} for number in range(3)]).encode() + b"\n")
    leaver.close()
    machine.process.send_signal(signal.SIGCONT)
    hvd.call("zone.start", name="z1")
    hvd.event("z1", "started")


def test_kill_amid_a_job(machine, hvd, other):
    slow_start(machine, hvd, other)
    the_job(hvd)
    machine.kill()
    machine.clear("delay-populate")
    client = machine.start()
    wait(lambda: state(client, "z1") == "defined")
    assert client.call("job.list") == []
    assert machine.zones() == []
    client.close()


# -------------------------------------------------------------- rpc.cancel

def exchange(client, request, asked, then=None):
    """The answers to both, whichever comes first; then: after that to asked."""
    answers = {}
    while len(answers) < 2:
        message = client.read()
        if "id" in message:
            method, params = client.begun.pop(message["id"], (None, None))
            if method:
                openrpc.check(method, params, message)
                seen.note_answer(method, message)
            answers[message["id"]] = message
            if then and message["id"] == asked:
                then()
    return answers[request], answers[asked]


@pytest.mark.parametrize("step", ["populate", "start"])
def test_a_call_is_cancelled(machine, hvd, other, step):
    machine.inject(f"delay-{step}", "10000")
    hvd.call("zone.define", definition=machine.definition())
    request = other.begin("zone.start", name="z1")
    the_job(hvd)
    start, cancel = exchange(other, request,
                             other.begin("rpc.cancel", id=request),
                             lambda: machine.clear(f"delay-{step}"))
    assert cancel["result"] == {}
    assert start["error"]["data"]["code"] == "CANCELLED"
    assert start["error"]["message"] == "z1 did not start: it was cancelled"
    nothing_left(machine, hvd)


def test_a_call_is_cancelled_by_a_notification(machine, hvd, other):
    slow_start(machine, hvd, other)
    the_job(hvd)
    other.send(b'{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}\n')
    cancelled(other, 1)
    nothing_left(machine, hvd)


@pytest.mark.parametrize("method, params", [
    ("zone.shutdown", {}), ("zone.shutdown", {"timeout": 60}),
    ("zone.reboot", {})])
def test_a_wait_is_cancelled_while_it_is_being_recorded(machine, hvd, other,
                                                        method, params):
    """Or after that: both are one to who cancels."""
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    other.begun = {71: (method, {"name": "z1", **params}),
                   72: ("rpc.cancel", {"id": 71})}
    other.send(b"".join(
        json.dumps({"jsonrpc": "2.0", "id": n, "method": m,
                    "params": p}).encode() + b"\n"
        for n, m, p in ((71, method, {"name": "z1", **params}),
                        (72, "rpc.cancel", {"id": 71}))))
    first, cancel = exchange(other, 71, 72)
    assert cancel["result"] == {}
    assert first["error"]["data"]["code"] == "CANCELLED"
    assert state(hvd, "z1") == "running"
    assert "powerkey" not in [m["cmd"] for m in machine.io_log("z1")]
    hvd.call("zone.pause", name="z1")


@pytest.mark.parametrize("method", ["shutdown", "reboot"])
def test_what_was_cancelled_before_the_key_is_forgotten(machine, hvd, other,
                                                        method):
    """A guest that goes off by itself later has the policy of its definition,
    also under the next hvd."""
    policy, end = {"shutdown": ("restart", "rebooted"),
                   "reboot": ("destroy", "stopped")}[method]
    started(machine, hvd, on_poweroff=policy)
    other.begun = {71: (f"zone.{method}", {"name": "z1"}),
                   72: ("rpc.cancel", {"id": 71})}
    other.send(b"".join(
        json.dumps({"jsonrpc": "2.0", "id": n, "method": m,
                    "params": p}).encode() + b"\n"
        for n, (m, p) in other.begun.items()))
    first, _ = exchange(other, 71, 72)
    assert first["error"]["data"]["code"] == "CANCELLED"
    record, = (machine.run_dir / "zones").iterdir()
    assert "intent" not in json.loads(record.read_text())
    machine.guest(1, OFF, GUEST_OFF)
    hvd.event("z1", end)


def test_one_of_several_who_wait_leaves(machine, hvd, other):
    machine.inject("io-z1", "ignore-power")
    started(machine, hvd)
    requests = [other.begin("zone.shutdown", name="z1", timeout=60)]
    wait(lambda: state(hvd, "z1") == "shutting-down")
    third = machine.client()
    last = third.begin("zone.shutdown", name="z1", timeout=60)
    wait(lambda: len([m for m in machine.io_log("z1")
                      if m["cmd"] == "powerkey"]) == 2)
    left, _ = exchange(other, requests[0],
                       other.begin("rpc.cancel", id=requests[0]))
    assert left["error"]["data"] == {"code": "CANCELLED",
                                     "hint": "others still wait for it"}
    assert state(hvd, "z1") == "shutting-down"
    left, _ = exchange(third, last, third.begin("rpc.cancel", id=last))
    assert left["error"]["data"]["code"] == "CANCELLED"
    assert state(hvd, "z1") == "running"
    third.close()


def test_calls_that_cannot_be_cancelled(machine, hvd, other):
    started(machine, hvd)
    error = fails("INVALID_PARAMS", hvd, "rpc.cancel", id=12345)
    assert error.path == "$.id"
    machine.inject("fail-destroy", "16")
    request = other.begin("zone.destroy", name="z1")
    wait(lambda: machine.failed("destroy"))
    other.begun[99] = "rpc.cancel", {"id": request}
    other.send(b'{"jsonrpc":"2.0","id":99,"method":"rpc.cancel",'
               b'"params":{"id":%d}}\n' % request)
    with pytest.raises(RpcError) as info:
        other.finish(99)
    assert info.value.code == "UNSUPPORTED"
    # nor is it anybody else's to cancel
    fails("INVALID_PARAMS", hvd, "rpc.cancel", id=request)
    machine.clear("fail-destroy")
    other.finish(request)
