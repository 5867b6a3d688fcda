# SPDX-License-Identifier: BSD-2-Clause
"""zone.dump: core files of zones, as readelf and a reader of our own see them.
The machine is that of test_hvd.py.
"""
import os
import re
import resource
import signal
import stat
import struct
import subprocess

import pytest
from test_hvd import (BAD_TRAP, CRASHED, GUEST_OFF, HVD, OFF,  # noqa: F401
                      PAUSED, RAM_BASE, RUNNING, STATE, RpcError, fails, hvd,
                      machine, started, state, wait)
from test_hvd_jobs import cancelled, event_of, exchange, other, \
    the_job  # noqa: F401

MIB = 1 << 20
MEMORY = 64 * MIB
PC = 256  # of the first vCPU in the file of a zone

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")


@pytest.fixture
def core(tmp_path):
    return tmp_path / "z1.core"


def memory(machine, zone=1):
    return machine.fake / f"zone-{zone}.mem"


def plant(machine, size=64 << 10, at=40 * MIB, zone=1):
    """A pattern into guest memory that is no zeros."""
    pattern = os.urandom(size)
    with open(memory(machine, zone), "r+b") as file:
        file.seek(at)
        file.write(pattern)
    return pattern


def dump(client, core, **more):
    return client.call("zone.dump", name="z1", path=str(core), **more)


def readelf(core, *words):
    return subprocess.run(["readelf", "-W", *words, core], text=True,
                          capture_output=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def segments(core):
    """[(physical address, offset, size)] of what is memory."""
    found = re.findall(r"LOAD\s+(0x\w+) (0x\w+) (0x\w+) (0x\w+) (0x\w+)",
                       readelf(core, "-l"))
    for _, virtual, physical, in_file, in_memory in found:
        assert virtual == physical and in_file == in_memory
    return [(int(f[2], 16), int(f[0], 16), int(f[3], 16)) for f in found]


def registers(core):
    """[x0 .. x30, sp, pc, pstate] of each vCPU."""
    data = core.read_bytes()[:1 << 16]
    offset, size = re.search(r"NOTE\s+0x(\w+) \w+ \w+ 0x(\w+)",
                             readelf(core, "-l")).groups()
    notes = data[int(offset, 16):int(offset, 16) + int(size, 16)]
    found = []
    while notes:
        name, text, kind = struct.unpack_from("<III", notes)
        start = 12 + (name + 3) // 4 * 4
        if kind == 1 and notes[12:17] == b"CORE\0":
            found.append(struct.unpack_from("<34Q", notes, start + 112))
        notes = notes[start + (text + 3) // 4 * 4:]
    return found


def no_dump(machine, client, core):
    assert not core.exists()
    assert client.call("job.list") == []
    assert not [p for p in core.parent.iterdir() if "core" in p.name]


# ----------------------------------------------------------------- the file

def test_a_dump_of_a_running_zone(machine, hvd, core):
    started(machine, hvd, vcpus=2)
    plant(machine)
    result = dump(hvd, core)
    assert hvd.event("z1", "paused")["reason"] == "while its memory is dumped"
    hvd.event("z1", "resumed")
    assert event_of(hvd, "dump", "done")["job"]["progress"]["done"] == MEMORY
    assert state(hvd, "z1") == "running"
    assert machine.get(1, STATE) == RUNNING

    header = readelf(core, "-h")
    assert re.search(r"Class: +ELF64", header)
    assert re.search(r"Type: +CORE", header)
    assert re.search(r"Machine: +AArch64", header)
    (address, offset, size), = segments(core)
    assert (address, size) == (RAM_BASE, MEMORY)
    data = core.read_bytes()
    assert len(data) == result["size"] == offset + MEMORY
    assert data[offset:] == memory(machine).read_bytes()
    assert data[offset + 40 * MIB:offset + 40 * MIB + 4] != bytes(4)

    notes = readelf(core, "-n")
    assert len(re.findall(r"CORE\s+0x00000188\s+NT_PRSTATUS", notes)) == 2
    assert len(re.findall(r"ZONEVISOR\s+0x00000160", notes)) == 2
    first, second = registers(core)
    # the entry state that it was loaded with
    assert RAM_BASE <= first[32] < RAM_BASE + MEMORY
    assert RAM_BASE <= first[0] < RAM_BASE + MEMORY
    assert set(second) == {0}


def test_it_is_sparse_and_nobody_elses(machine, hvd, core):
    started(machine, hvd)
    old = os.umask(0)
    try:
        result = dump(hvd, core)
    finally:
        os.umask(old)
    status = core.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size > MEMORY
    assert status.st_blocks * 512 < 8 * MIB
    assert 0 < result["written"] <= status.st_blocks * 512
    # all that hvd has loaded is the image, initrd and device tree
    assert result["written"] < 4 * MIB


@pytest.mark.parametrize("how", ["paused", "crashed", "preserved", "held"])
def test_a_zone_that_does_not_run_stays_as_it_is(machine, hvd, core, how):
    hvd.call("zone.define", definition=machine.definition(
        on_poweroff="preserve"))
    hvd.call("zone.start", name="z1", paused=how == "held")
    pattern = plant(machine)
    machine.inject("fail-pause", "5")  # nothing is paused
    machine.inject("fail-resume", "5")
    if how == "paused":
        machine.clear("fail-pause")
        hvd.call("zone.pause", name="z1")
    elif how == "crashed":
        machine.guest(1, CRASHED, BAD_TRAP)
    elif how == "preserved":
        machine.guest(1, OFF, GUEST_OFF)
    wanted = "paused" if how == "held" else how
    wait(lambda: state(hvd, "z1") == wanted)
    dump(hvd, core)
    assert pattern in core.read_bytes()
    assert state(hvd, "z1") == wanted
    assert len(registers(core)) == 1


def test_a_live_dump_lets_it_run(machine, hvd, other, core):
    started(machine, hvd)
    seq = hvd.call("event.subscribe")["seq"]
    machine.inject("delay-map", "1000")
    request = other.begin("zone.dump", name="z1", path=str(core), live=True)
    wait(lambda: the_job(hvd, "progress")["progress"]["done"])
    assert machine.get(1, STATE) == RUNNING
    assert state(hvd, "z1") == "running"
    machine.clear("delay-map")
    other.finish(request)
    assert registers(core)[0][32]
    assert event_of(hvd, "dump", "done")["seq"] > seq
    assert machine.get(1, STATE) == RUNNING
    hvd.call("event.subscribe", since=seq)
    hvd.call("hvd.version")
    assert not [e for e in hvd.events if e["event"] in ("paused", "resumed")]


def test_a_guest_that_goes_off_meanwhile(machine, hvd, other, core):
    """hvd hears of it when the dump is done."""
    started(machine, hvd)
    machine.inject("delay-map", "1000")
    request = other.begin("zone.dump", name="z1", path=str(core), live=True)
    wait(lambda: the_job(hvd, "progress")["progress"]["done"])
    machine.guest(1, OFF, GUEST_OFF)
    machine.clear("delay-map")
    other.finish(request)
    hvd.event("z1", "stopped")
    assert segments(core)


# ------------------------------------------------------------- what may not be

def test_a_file_that_is_there(machine, hvd, core):
    started(machine, hvd)
    core.write_text("old")
    error = fails("IO_ERROR", hvd, "zone.dump", name="z1", path=str(core))
    assert error.path == "$.path" and "force" in error.hint
    assert core.read_text() == "old"
    assert state(hvd, "z1") == "running"
    dump(hvd, core, force=True)
    assert segments(core)
    assert stat.S_IMODE(core.stat().st_mode) == 0o600


@pytest.mark.parametrize("force", [False, True])
def test_no_link_is_followed(machine, hvd, core, tmp_path, force):
    started(machine, hvd)
    target = tmp_path / "precious"
    target.write_text("old")
    core.symlink_to(target)
    fails("IO_ERROR", hvd, "zone.dump", name="z1", path=str(core), force=force)
    assert target.read_text() == "old" and core.is_symlink()
    core.unlink()
    core.symlink_to(tmp_path / "nowhere")
    fails("IO_ERROR", hvd, "zone.dump", name="z1", path=str(core), force=force)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_cannot_be_replaced(machine, hvd, tmp_path):
    """Nobody can: it is a mount point."""
    folder = tmp_path / "bound"
    folder.touch()
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True,
                      check=False).returncode:
        pytest.skip("no right to mount anything")
    started(machine, hvd)
    try:
        error = fails("IO_ERROR", hvd, "zone.dump", name="z1",
                      path=str(folder), force=True)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert "cannot replace" in str(error)
    assert state(hvd, "z1") == "running"


def test_paths_that_are_none(machine, hvd, core, tmp_path):
    started(machine, hvd)
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", "/dev/null"):
        error = fails("IO_ERROR", hvd, "zone.dump", name="z1", path=str(path),
                      force=True)
        assert "no regular file" in str(error)
    error = fails("IO_ERROR", hvd, "zone.dump", name="z1",
                  path=f"{tmp_path}/no/where")
    assert "zone0" in error.hint
    for path in ("core", "", "./core", "/" + "x" * 5000):
        error = fails("INVALID_PARAMS", hvd, "zone.dump", name="z1", path=path)
        assert error.path == "$.path"
    assert state(hvd, "z1") == "running"


def test_zones_that_have_no_memory(machine, hvd, core):
    fails("UNSUPPORTED", hvd, "zone.dump", name="zone0", path=str(core))
    fails("ZONE_NOT_FOUND", hvd, "zone.dump", name="z1", path=str(core))
    hvd.call("zone.define", definition=machine.definition())
    fails("INVALID_STATE", hvd, "zone.dump", name="z1", path=str(core))
    machine.inject("io-z1", "ignore-power")
    hvd.call("zone.start", name="z1")
    hvd.call("zone.shutdown", name="z1")
    fails("INVALID_STATE", hvd, "zone.dump", name="z1", path=str(core))
    readonly = machine.client(readonly=True)
    fails("PERMISSION", readonly, "zone.dump", name="z1", path=str(core))
    readonly.close()
    assert not core.exists()


@pytest.mark.parametrize("step", ["pause", "vcpu-get", "map", "resume"])
def test_steps_that_fail(machine, hvd, core, step):
    started(machine, hvd)
    machine.inject(f"fail-{step}", "5")
    error = fails("INTERNAL", hvd, "zone.dump", name="z1", path=str(core))
    machine.clear(f"fail-{step}")
    no_dump(machine, hvd, core)
    if step == "resume":
        assert error.hint == "resume it"
        assert state(hvd, "z1") == "paused"
        hvd.call("zone.resume", name="z1")
    assert state(hvd, "z1") == "running"
    assert machine.get(1, STATE) == RUNNING
    dump(hvd, core)


def test_a_record_that_cannot_be_written(machine, hvd, core):
    """Nothing is paused that a successor would not let go on."""
    started(machine, hvd)
    records = machine.run_dir / "zones"
    records.rename(machine.run_dir / "away")
    fails("IO_ERROR", hvd, "zone.dump", name="z1", path=str(core))
    (machine.run_dir / "away").rename(records)
    no_dump(machine, hvd, core)
    assert machine.get(1, STATE) == RUNNING
    dump(hvd, core)


# ------------------------------------------------------------- a full disk

def full(error):
    assert error.code == "IO_ERROR" and error.path == "$.path"
    assert "up to" in error.hint


def test_a_file_that_is_too_large(machine, hvd, core):
    started(machine, hvd)
    resource.prlimit(machine.process.pid, resource.RLIMIT_FSIZE,
                     (MIB, resource.RLIM_INFINITY))
    full(fails("IO_ERROR", hvd, "zone.dump", name="z1", path=str(core)))
    no_dump(machine, hvd, core)
    assert state(hvd, "z1") == "running"
    resource.prlimit(machine.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture
def small(tmp_path):
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "small",
                       folder], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(machine, hvd, small):
    started(machine, hvd)
    plant(machine, 8 * MIB)
    full(fails("IO_ERROR", hvd, "zone.dump", name="z1",
               path=str(small / "core")))
    no_dump(machine, hvd, small / "core")
    assert os.statvfs(small).f_bavail == os.statvfs(small).f_blocks
    assert state(hvd, "z1") == "running"
    assert event_of(hvd, "dump", "failed")["reason"].endswith(
        "No space left on device")


# ------------------------------------------------------ given up, and killed

@pytest.fixture
def slow(machine, hvd, other, core):
    """A dump that is under way, of 8 MiB at a time."""
    started(machine, hvd)
    machine.inject("delay-map", "1000")
    request = other.begin("zone.dump", name="z1", path=str(core))
    job = wait(lambda: [j for j in hvd.call("job.list") if "progress" in j
                        and j["progress"]["done"]])[0]
    assert (job["kind"], job["cancellable"]) == ("dump", True)
    assert job["progress"]["total"] == MEMORY
    return request, job


def test_while_it_is_written(machine, hvd, other, core, slow):
    assert state(hvd, "z1") == "paused"
    assert machine.get(1, STATE) == PAUSED
    assert core.read_bytes()[:4] == bytes(4)  # no core file yet
    for method in ("resume", "shutdown", "reset", "pause"):
        assert fails("BUSY" if method in ("resume", "reset")
                     else "INVALID_STATE", hvd, f"zone.{method}", name="z1")
    fails("BUSY", hvd, "zone.dump", name="z1", path=f"{core}2")
    machine.clear("delay-map")
    other.finish(slow[0])
    assert core.read_bytes()[:4] == b"\x7fELF"
    assert state(hvd, "z1") == "running"


@pytest.mark.parametrize("how", ["job", "call"])
def test_a_dump_is_cancelled(machine, hvd, other, core, slow, how):
    request, job = slow
    if how == "job":
        hvd.call("job.cancel", job=job["id"])
        cancelled(other, request)
    else:
        answer, cancel = exchange(other, request,
                                  other.begin("rpc.cancel", id=request))
        assert cancel["result"] == {}
        assert answer["error"]["data"]["code"] == "CANCELLED"
    event_of(hvd, "dump", "cancelled")
    no_dump(machine, hvd, core)
    assert state(hvd, "z1") == "running"
    assert machine.get(1, STATE) == RUNNING


@pytest.mark.parametrize("how", ["cancel", "kill", "end"])
def test_what_it_replaces_stays_until_it_is_complete(machine, hvd, other, core,
                                                     how):
    started(machine, hvd)
    core.write_text("old")
    machine.inject("delay-map", "1000")
    request = other.begin("zone.dump", name="z1", path=str(core), force=True)
    wait(lambda: the_job(hvd, "progress")["progress"]["done"])
    assert core.read_text() == "old"
    if how == "cancel":
        hvd.call("job.cancel", job=the_job(hvd)["id"])
        cancelled(other, request)
    elif how == "kill":
        machine.kill()
    else:
        machine.clear("delay-map")
        other.finish(request)
        assert segments(core)
    assert how == "end" or core.read_text() == "old"
    left = [p.name for p in core.parent.iterdir() if "core." in p.name]
    assert len(left) == (how == "kill")


def test_its_folder_is_exchanged_meanwhile(machine, hvd, other, tmp_path):
    """hvd is root: it must not remove what somebody leads its path to."""
    started(machine, hvd)
    folder = tmp_path / "folder"
    folder.mkdir()
    machine.inject("delay-map", "300")
    request = other.begin("zone.dump", name="z1", path=f"{folder}/core")
    wait(lambda: the_job(hvd, "progress")["progress"]["done"])
    folder.rename(tmp_path / "away")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "core").write_text("precious")
    folder.symlink_to(tmp_path / "other")
    hvd.call("job.cancel", job=hvd.call("job.list")[0]["id"])
    cancelled(other, request)
    assert (folder / "core").read_text() == "precious"
    assert not (tmp_path / "away" / "core").exists()


def test_its_io_process_is_killed_meanwhile(machine, hvd, other, core, slow):
    """Its successor does not wait for the dump, nor the dump for it."""
    os.kill(hvd.call("zone.get", name="z1")["io"]["pid"], signal.SIGKILL)
    hvd.event("z1", "io-restarted")
    assert the_job(hvd, "progress")["kind"] == "dump"
    assert state(hvd, "z1") == "paused"
    machine.clear("delay-map")
    other.finish(slow[0])
    assert segments(core)
    assert state(hvd, "z1") == "running"
    assert machine.get(1, STATE) == RUNNING


def test_a_dump_is_cancelled_when_it_is_all_but_over(machine, hvd, other, core):
    """Who was told that it ends finds no file."""
    started(machine, hvd)
    machine.inject("delay-resume", "10000")
    request = other.begin("zone.dump", name="z1", path=str(core))
    wait(lambda: core.exists() and core.read_bytes()[:4] == b"\x7fELF")
    hvd.call("job.cancel", job=the_job(hvd)["id"])
    machine.clear("delay-resume")
    cancelled(other, request)
    event_of(hvd, "dump", "cancelled")
    no_dump(machine, hvd, core)
    assert state(hvd, "z1") == "running"
    dump(hvd, core)


def test_a_zone_is_destroyed_meanwhile(machine, hvd, other, core, slow):
    hvd.call("zone.destroy", name="z1")
    with pytest.raises(RpcError, match="it was destroyed"):
        other.finish(slow[0])
    no_dump(machine, hvd, core)
    assert state(hvd, "z1") == "defined"
    assert machine.zones() == []


def test_hvd_ends_meanwhile(machine, hvd, other, core, slow):
    machine.stop()
    assert not core.exists()
    assert machine.get(1, STATE) == RUNNING
    client = machine.start()
    assert state(client, "z1") == "running"
    client.close()


def test_hvd_is_killed_meanwhile(machine, hvd, other, core, slow):
    """The successor lets the zone go on, once."""
    machine.kill()
    machine.clear("delay-map")
    assert machine.get(1, STATE) == PAUSED
    client = machine.start()
    wait(lambda: state(client, "z1") == "running")
    assert machine.get(1, STATE) == RUNNING
    assert core.read_bytes()[:4] == bytes(4)
    client.call("zone.pause", name="z1")
    client.close()
    machine.kill()
    client = machine.start()
    assert state(client, "z1") == "paused"
    dump(client, core, force=True)
    assert segments(core)
    client.close()


def test_its_end_cannot_be_recorded(machine, hvd, other, slow):
    """Who pauses it later means it."""
    records = machine.run_dir / "zones"
    records.rename(machine.run_dir / "away")
    machine.clear("delay-map")
    other.finish(slow[0])
    (machine.run_dir / "away").rename(records)
    hvd.call("zone.pause", name="z1")
    machine.kill()
    client = machine.start()
    assert state(client, "z1") == "paused"
    assert machine.get(1, STATE) == PAUSED
    client.close()


def test_a_zone_without_a_record_gets_none(machine, hvd, core):
    """What it is defined as by now need not be what it runs with."""
    started(machine, hvd)
    machine.kill()
    record = machine.run_dir / "zones" / "z1.json"
    record.unlink()
    client = machine.start()
    assert state(client, "z1") == "running"
    assert "running_definition" not in client.call("zone.get", name="z1")
    dump(client, core)
    assert segments(core)
    assert not record.exists()
    assert machine.get(1, STATE) == RUNNING
    client.close()


def test_killed_when_it_goes_on_already(machine, hvd, other, core):
    """The last thing that is written is that it does."""
    started(machine, hvd)
    dump(hvd, core)
    hvd.call("zone.pause", name="z1")
    machine.kill()
    client = machine.start()
    assert state(client, "z1") == "paused"
    client.close()


def test_a_crashed_zone_is_started_anew_after_its_dump(machine, hvd, other,
                                                       core):
    started(machine, hvd, on_crash="restart")
    for _ in range(5):  # so that the next restart has to wait for a second
        machine.guest(1, CRASHED, BAD_TRAP)
        hvd.event("z1", "started")
    machine.inject("delay-map", "300")
    machine.guest(1, CRASHED, BAD_TRAP)
    hvd.event("z1", "crashed")
    request = other.begin("zone.dump", name="z1", path=str(core))
    other.finish(request)
    machine.clear("delay-map")
    assert segments(core)
    hvd.event("z1", "started")


def test_many_dumps_leave_room_for_others(machine, hvd, tmp_path):
    """More than there are threads; what others want is done between slices."""
    machine.inject("pool", str(1 << 30))
    names = [f"n{i}" for i in range(6)]
    for name in names:
        started(machine, hvd, name)
    machine.inject("delay-map", "400")
    client = machine.client()
    requests = {client.begin("zone.dump", name=name, live=True,
                             path=str(tmp_path / name)) for name in names}
    wait(lambda: len(hvd.call("job.list")) == len(names))
    hvd.call("zone.define", definition=machine.definition("late"))
    assert len(hvd.call("job.list")) == len(names)
    machine.clear("delay-map")
    while requests:
        message = client.read()
        if "id" in message:
            requests.remove(message["id"])
            assert message["result"]["written"] > 0
    client.close()
