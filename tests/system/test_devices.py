# SPDX-License-Identifier: BSD-2-Clause
"""A Linux zone's disk and entropy device: data that outlives its kernel, its
I/O process and a change of size."""
import json

import pytest

from machine import OFF

BOOT_LIMIT = 400
IMAGE = "/tmp/devices.img"


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


@pytest.fixture(scope="module")
def zone(machine, image):
    model = json.loads(machine.run("cat /etc/hvd/zones/linux1.json"))
    machine.define("devices", vcpus=2, memory="256M", kernel=model["kernel"],
                   initrd=model["initrd"], cmdline="console=ttyAMA0 console=hvc0 zv.name=devices",
                   devices=[{"type": "disk", "path": image, "serial": "zv-1"},
                            {"type": "rng"}, {"type": "console"}])
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
        ("disk0", "ok"), ("rng0", "ok"), ("console0", "ok")]
    assert devices[0]["size"] == 64 << 20
    assert "disk0" in zone.run("hvsh info devices")


def test_image_is_in_use(zone, image):
    zone.define("thief", devices=[{"type": "disk", "path": image}])
    status, text = zone.try_run("hvsh start thief")
    zone.run("hvsh undefine thief")
    assert status != 0 and "in use by zone devices" in text


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


def test_data_outlives_the_io_process(zone):
    """Killed again and again while all of a disk's writes are checked."""
    do(zone, "dd if=/dev/urandom of=/tmp/sent bs=64k count=128 2>/dev/null")
    ask(zone, "(for i in 1 2 3 4 5 6; do dd if=/tmp/sent of=/dev/vda bs=64k "
        "seek=$((i*128)) conv=fsync 2>/dev/null || echo bad; done; "
        "echo writ''ten) >/tmp/how 2>&1 &", r"\]")
    kills = 0
    while kills < 2 or ask(zone, "cat /tmp/how; echo e''nd",
                           r"(written\s+)?end").group(1) is None:
        kill_io(zone)
        kills += 1
        assert kills < 50
    do(zone, "grep -qx written /tmp/how && ! grep -q bad /tmp/how")
    do(zone, "echo 3 >/proc/sys/vm/drop_caches; for i in 1 2 3 4 5 6; do "
       "dd if=/dev/vda bs=64k skip=$((i*128)) count=128 2>/dev/null | "
       "cmp - /tmp/sent || exit 1; done")
    text = zone.run("hvsh info devices --json")
    assert json.loads(text)["io"]["restarts"] >= kills
    ask(zone, "dmesg | grep -c 'I/O error'; echo e''nd", r"\b0\s+end")


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
