# SPDX-License-Identifier: BSD-2-Clause
"""A Linux zone's disks and entropy device: data that outlives its kernel, its
I/O process, its NBD server and a change of size."""
import json

import pytest

from machine import BUILD, OFF

BOOT_LIMIT = 400
IMAGE = "/tmp/devices.img"
SOCKET, FAR_IMAGE = "/tmp/far.sock", "/tmp/far.img"

# libnbd and a server, which zone0 lacks.
MACHINE_EXTRA = [
    "-drive", f"file={BUILD}/aarch64/nbd.ext4,format=raw,if=none,id=nbd,"
    "readonly=on", "-device", "virtio-blk-device,drive=nbd"]


def ask(machine, command, answer, timeout=240):
    """answer must not match the command itself, which is echoed."""
    with machine.console("devices", device="console0",
                         options="--from end"):
        machine.send(command + "\r")
        return machine.expect(answer, timeout)


def do(machine, command, timeout=240):
    """A command in the guest that must succeed."""
    status = ask(machine, f"{command}; echo sta''tus=$?", r"status=(\d+)",
                 timeout).group(1)
    assert status == "0", command


@pytest.fixture(scope="module")
def image(machine):
    machine.run(f"truncate -s 64M {IMAGE}")
    yield IMAGE
    machine.run(f"rm {IMAGE}")


def refuses(machine, device, *words):
    """A zone with that device cannot be started."""
    machine.define("thief", devices=[device])
    status, text = machine.try_run("hvsh start thief")
    machine.wait_state("thief", OFF)
    machine.run("hvsh undefine thief")
    assert status != 0
    for word in words:
        assert word in text


def test_zone0_has_no_libnbd(machine):
    """Before it has; something listens at that socket."""
    refuses(machine, far_of("/run/hvd/hvd.sock"), "libnbd is not installed",
            "ZONE0_NBD=1")


@pytest.fixture(scope="module")
def server(machine):
    """nbdkit, and zone0 has what hvd-io loads for disks of such servers."""
    machine.run(
        "mkdir /nbd && modprobe ext4 &&"
        " mount -t ext4 -o ro /dev/vda /nbd &&"
        " for lib in /nbd/lib/*/*.so* /nbd/usr/lib/*/*.so*; do"
        " [ -e /lib/*/${lib##*/} ] || [ -e /usr/lib/*/${lib##*/} ] ||"
        " ln -s $lib /usr/lib/aarch64-linux-gnu/ || exit; done;"
        f" truncate -s 64M {FAR_IMAGE}")
    start_server(machine)
    yield SOCKET
    stop_server(machine)
    machine.run(f"rm {FAR_IMAGE}")


def start_server(machine):
    """With one thread: nbdkit 1.32 with more of them fails an assertion when a
    client is killed while several of its requests are under way."""
    machine.run(f"rm -f {SOCKET}; /nbd/usr/bin/nbdkit -t 1 -U {SOCKET}"
                " -P /tmp/nbdkit.pid /nbd/plugins/nbdkit-file-plugin.so"
                f" {FAR_IMAGE}")


def stop_server(machine):
    machine.run("kill -9 $(cat /tmp/nbdkit.pid)")


def far_of(socket, **more):
    return {"type": "disk", "name": "far", "on-error": "pause",
            "nbd": {"socket": socket, "export": "data"}, **more}


@pytest.fixture(scope="module")
def zone(machine, image, server):
    model = json.loads(machine.run("cat /etc/hvd/zones/linux1.json"))
    machine.define("devices", vcpus=2, memory="256M", kernel=model["kernel"],
                   initrd=model["initrd"], cmdline="console=ttyAMA0 console=hvc0 zv.name=devices",
                   devices=[{"type": "disk", "path": image, "serial": "zv-1"},
                            {"type": "rng"}, {"type": "console"},
                            far_of(server)])
    machine.start("devices")
    machine.talk("devices", BOOT_LIMIT)
    yield machine
    machine.destroy("devices")
    machine.run("hvsh undefine devices")


def io_pid(machine):
    return machine.zone("devices")["io"].get("pid")


def kill_io(machine):
    pid = io_pid(machine)
    machine.run(f"kill -9 {pid}")
    machine.wait_until(lambda: io_pid(machine) not in (None, pid),
                       "a new I/O process")


def test_devices_are_there(zone):
    assert ask(zone, "cat /sys/block/vda/serial; echo; "
               "cat /sys/block/vda/size; echo d''one",
               r"zv-1\s+(\d+)\s+done").group(1) == str((64 << 20) // 512)
    assert ask(zone, "ls /sys/block/vda/mq | wc -l; echo d''one",
               r"(\d+)\s+done").group(1) == "2"
    ask(zone, "cat /sys/devices/virtual/misc/hw_random/rng_current",
        r"virtio_rng")
    assert ask(zone, "head -c 100 /dev/hwrng | wc -c; echo d''one",
               r"(\d+)\s+done").group(1) == "100"
    devices = zone.zone("devices")["devices"]
    assert [(d["name"], d["state"]) for d in devices] == [
        ("disk0", "ok"), ("rng0", "ok"), ("console0", "ok"), ("far", "ok")]
    assert devices[0]["size"] == devices[3]["size"] == 64 << 20
    assert devices[3]["path"] == f"nbd+unix:///data?socket={SOCKET}"
    ask(zone, "cat /sys/block/vdb/serial; echo", r"far\r")
    assert "disk0" in zone.run("hvsh info devices")


def test_image_is_in_use(zone, image):
    refuses(zone, {"type": "disk", "path": image}, "in use by zone devices")


def test_data_outlives_a_reboot(zone):
    do(zone, "mke2fs /dev/vda >/dev/null && modprobe ext4 && "
       "mount -t ext4 /dev/vda /mnt && "
       "dd if=/dev/urandom of=/mnt/data bs=64k count=160 2>/dev/null")
    sum_ = ask(zone, "md5sum /mnt/data", r"([0-9a-f]{32})").group(1)
    do(zone, "umount /mnt")
    ask(zone, "reboot", "This is devices, a zone", BOOT_LIMIT)
    zone.talk("devices", BOOT_LIMIT)
    do(zone, "modprobe ext4 && mount -t ext4 /dev/vda /mnt")
    assert ask(zone, "md5sum /mnt/data",
               r"([0-9a-f]{32})").group(1) == sum_
    do(zone, "umount /mnt")


def restart_server(machine):
    """Kills it, and lets the disk miss it."""
    pid = io_pid(machine)
    stop_server(machine)
    machine.wait_until(lambda: far_state(machine) != "ok", "the disk's end")
    start_server(machine)
    machine.wait_until(lambda: io_pid(machine) not in (None, pid),
                       "a new I/O process")


def far_state(machine):
    return machine.zone("devices")["devices"][3]["state"]


@pytest.mark.parametrize("disk, disturb, rounds, most", [
    ("vda", kill_io, "1 2 3 4 5 6", 50),
    # A process that loads libnbd takes seconds to start in an emulator.
    ("vdb", kill_io, "1 2", 2), ("vdb", restart_server, "1 2", 1)])
def test_data_outlives(zone, disk, disturb, rounds, most):
    """What serves a disk is killed again and again while all of the disk's
    writes are checked."""
    do(zone, "dd if=/dev/urandom of=/tmp/sent bs=64k count=128 2>/dev/null")
    ask(zone, f"(for i in {rounds}; do dd if=/tmp/sent of=/dev/{disk} "
        "bs=64k seek=$((i*128)) conv=fsync 2>/dev/null || echo bad; done; "
        "echo writ''ten) >/tmp/how 2>&1 &", r"\]")
    kills = 0
    while kills < min(most, 2) or ask(zone, "cat /tmp/how; echo e''nd",
                           r"(written\s+)?end").group(1) is None:
        if kills < most:
            disturb(zone)
            kills += 1
        else:
            do(zone, "wait")
    do(zone, "grep -qx written /tmp/how && ! grep -q bad /tmp/how")
    do(zone, "echo 3 >/proc/sys/vm/drop_caches; "
       f"for i in {rounds}; do dd if=/dev/{disk} bs=64k skip=$((i*128)) "
       "count=128 2>/dev/null | cmp - /tmp/sent || exit 1; done")
    text = zone.run("hvsh info devices --json")
    assert json.loads(text)["io"]["restarts"] >= kills
    assert {d["state"] for d in json.loads(text)["devices"]} == {"ok"}
    ask(zone, "dmesg | grep -c 'I/O error'; echo e''nd", r"\b0\s+end")


def test_zone_without_its_nbd_server(zone):
    """Its disk waits, its other devices go on."""
    do(zone, "dd if=/dev/urandom of=/tmp/sent bs=64k count=16 2>/dev/null")
    sent = ask(zone, "md5sum /tmp/sent", r"([0-9a-f]{32})").group(1)
    pid = io_pid(zone)
    stop_server(zone)
    zone.wait_until(lambda: far_state(zone) == "error", "the disk's end")
    assert "the NBD server is gone" in zone.run("hvsh info devices")
    ask(zone, "(dd if=/tmp/sent of=/dev/vdb bs=64k oflag=direct 2>/dev/null;"
        " echo sta''tus=$?) &", r"\]")
    zone.wait_until(lambda: far_state(zone) == "paused", "held requests")
    do(zone, "dd if=/dev/vda of=/dev/null bs=64k count=1 iflag=direct")
    assert io_pid(zone) == pid
    # Its successor does without the server, too.
    kill_io(zone)
    zone.wait_until(lambda: far_state(zone) == "paused", "held requests")
    do(zone, "dd if=/dev/vda of=/dev/null bs=64k count=1 iflag=direct")
    with zone.console("devices", device="console0", options="--from end"):
        zone.send("\r")
        zone.expect("# ")
    start_server(zone)
    zone.wait_until(lambda: far_state(zone) == "ok", "the disk's return")
    with zone.console("devices", device="console0"):
        zone.expect(r"status=0")
    do(zone, "wait; sync")
    text = zone.run(f"dd if={FAR_IMAGE} bs=64k count=16 2>/dev/null | md5sum")
    assert sent in text
    ask(zone, "dmesg | grep -c 'I/O error'; echo e''nd", r"\b0\s+end")


@pytest.mark.parametrize("socket, says", [
    (SOCKET, "in use by zone devices"),
    ("/tmp/none", "(far) cannot be connected to: No such file")])
def test_export_cannot_be_had(zone, socket, says):
    refuses(zone, far_of(socket), says, f"nbd+unix:///data?socket={socket}")


def test_server_that_hangs(zone):
    """hvd waits for as long as hvd-io, which knows what it waits for."""
    device = far_of(SOCKET)
    device["nbd"]["export"] = "other"
    zone.run("kill -STOP $(cat /tmp/nbdkit.pid)")
    refuses(zone, device, "did not answer in time", "/other?socket=")
    zone.run("kill -CONT $(cat /tmp/nbdkit.pid)")
    assert far_state(zone) == "ok"


def test_resize(zone, image):
    zone.run(f"truncate -s 96M {image}")
    assert "96 MiB" in zone.run("hvsh resize devices disk0")
    assert ask(zone, "cat /sys/block/vda/size; echo e''nd",
               r"(\d+)\s+end").group(1) == str((96 << 20) // 512)
    kill_io(zone)
    assert ask(zone, "cat /sys/block/vda/size; echo e''nd",
               r"(\d+)\s+end").group(1) == str((96 << 20) // 512)


def test_destroyed_while_it_writes(zone):
    ask(zone, "dd if=/dev/zero of=/dev/vda bs=1M &", r"\]")
    zone.destroy("devices")
    assert zone.state("devices") == OFF
    zone.start("devices")
    zone.talk("devices", BOOT_LIMIT)
