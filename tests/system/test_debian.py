# SPDX-License-Identifier: BSD-2-Clause
"""A Debian with systemd on a disk: what a zone's drivers are for."""
import random

import pytest

from machine import BUILD, Machine

ROOT = BUILD / "aarch64" / "debian.ext4"
BOOT_LIMIT = 600
IMAGES = "/var/lib/hvd/images"

pytestmark = pytest.mark.skipif(
    not ROOT.exists(), reason="this machine cannot run the programs that a "
    "Debian for aarch64 is made with")


@pytest.fixture(scope="module")
def machine():
    """zone0 has the root file system on a disk of its own."""
    disk = ["-drive", f"file={ROOT},format=raw,if=none,id=debian,snapshot=on",
            "-device", "virtio-blk-device,drive=debian"]
    with Machine("debian", extra=disk) as m:
        m.login()
        m.wait_until(lambda: m.try_run("test -b /dev/vda")[0] == 0,
                     "zone0 sees the disk")
        m.define("debian", vcpus=2, memory="512M",
                 kernel=f"{IMAGES}/vmlinuz",
                 initrd=f"{IMAGES}/linux-guest.cpio.gz",
                 cmdline="console=hvc0 root=/dev/vda quiet",
                 devices=[{"type": "console"}, {"type": "rng"},
                          {"type": "disk", "path": "/dev/vda", "queues": 2}])
        yield m


@pytest.fixture(scope="module")
def debian(machine):
    """Its shell, logged in on the console."""
    machine.start("debian")
    with machine.console("debian", device="console0"):
        machine.expect("login: ", BOOT_LIMIT)
        machine.send("root\r")
        machine.expect(r"# ", BOOT_LIMIT)
        machine.send("exec bash --norc --noediting\r")
        machine.expect(r"bash-[\d.]+# ", BOOT_LIMIT)
        machine.send("PS1= PS2=; echo log''ged in\r")
        machine.expect("logged in", BOOT_LIMIT)
    return machine


def ask(machine, command, answer, timeout=300):
    """The match of what a command prints; the command may be echoed."""
    with machine.console("debian", device="console0", options="--from end"):
        machine.send(command + "\r")
        return machine.expect(answer, timeout)


def test_systemd_is_up(debian):
    state = ask(debian, "systemctl is-system-running --wait",
                r"(running|degraded|maintenance)\r", BOOT_LIMIT).group(1)
    assert state == "running"
    ask(debian, "apt-get --version | head -n 1", r"apt [\d.]+ \(arm64\)")


def test_files_are_copied(debian):
    ask(debian, "cp -r /usr/lib/aarch64-linux-gnu /var/copy && sync &&"
        " echo 3 >/proc/sys/vm/drop_caches &&"
        " diff -r /usr/lib/aarch64-linux-gnu /var/copy && rm -r /var/copy &&"
        " echo sa''me", "same", 600)


def test_entropy_comes_from_the_device(debian):
    ask(debian, "echo rng''now=$(cat /sys/class/misc/hw_random/rng_current)",
        r"rngnow=virtio_rng")


def test_disk_survives_kills(debian):
    """fio checks what it wrote while the I/O process dies again and again."""
    pauses = random.Random(1)
    fio = ("fio --name=v --directory=/var/tmp --size=16M --numjobs=2"
           " --rw=randrw --bsrange=4k-64k --ioengine=libaio --iodepth=16"
           " --direct=1 --verify=crc32c --verify_fatal=1"
           " --verify_state_save=0 --loops=1000 --time_based --runtime=60")
    with debian.console("debian", device="console0", options="--from end"):
        debian.send(f"{fio} >/var/tmp/log 2>&1; echo fi''o=$?\r")
    restarts = debian.zone("debian")["io"]["restarts"]
    for _ in range(30):
        pid = debian.zone("debian")["io"]["pid"]
        debian.run(f"usleep {pauses.randrange(800_000)}; kill -9 {pid}")
        debian.wait_until(
            lambda: debian.zone("debian")["io"].get("pid") not in (None, pid),
            "a new I/O process")
    assert debian.zone("debian")["io"]["restarts"] >= restarts + 30
    with debian.console("debian", device="console0"):
        status = debian.expect(r"fio=(\d+)", 900).group(1)
    if status != "0":
        print(ask(debian, "cat /var/tmp/log; echo e''nd", "end"))
    assert status == "0"
    ask(debian, "dmesg | grep -c 'I/O error'; echo e''nd", r"\b0\r\n.*end")
