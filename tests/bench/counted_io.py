# SPDX-License-Identifier: BSD-2-Clause
"""What blocks and packets cost a Linux guest, in counted instructions.

The same guest, on the same disk and bridge of zone0, as a zone with our devices
or, on a zone0 without the hypervisor, under KVM with QEMU's.
"""
import re
import shlex

TESTS = "/var/lib/hvd/images/tests"
IMAGES = "/var/lib/hvd/images"
INITRD = "/tmp/guest.cpio.gz"
NAME = "io"
MEMORY = "256M"
DISK = "/dev/ram0"
DISK_KIB = 65536
ZONE0_ADDRESS = "10.8.0.1"
GUEST_ADDRESS = "10.8.0.2"
BOOT_LIMIT = 900
RUN_LIMIT = 3600

# name: (bytes, depth, count)
READS = {"4K, depth 1": (4096, 1, 1000),
         "4K, depth 32": (4096, 32, 4000),
         "128K, depth 1": (131072, 1, 300)}
BURST = 32
PACKETS = 1600
PASSES = 3


def prepare(machine):
    """In zone0: a full ramdisk, a bridge, and the guest's initramfs, to which
    ours adds the two programs."""
    machine.run("sleep 5", timeout=600)
    machine.run(f"modprobe brd rd_nr=1 rd_size={DISK_KIB} &&"
                f" dd if=/dev/urandom of={DISK} bs=1M 2>/dev/null;"
                f" [ -b {DISK} ]", timeout=600)
    machine.run("modprobe bridge && ip link add bench type bridge &&"
                f" ip addr add {ZONE0_ADDRESS}/24 dev bench &&"
                " ip link set bench up")
    machine.run(f"(cd {TESTS} && ls blkread netload | cpio -o -H newc | gzip)"
                f" 2>/dev/null >/tmp/tools.gz &&"
                f" cat {IMAGES}/linux-guest.cpio.gz /tmp/tools.gz >{INITRD}")


def voluntary_switches(machine, pid):
    """How often the threads of a process have slept."""
    text = machine.run(f"cat /proc/{pid}/task/*/status")
    return sum(map(int, re.findall(r"\nvoluntary_ctxt_switches:\s*(\d+)",
                                   text)))


class Zone:
    """The guest as a zone, whose packets its I/O process moves, or zone0's
    kernel."""

    def __init__(self, machine, direct=True, vhost=False):
        self.machine = machine
        machine.define(NAME, vcpus=1, memory=MEMORY,
                       kernel=f"{IMAGES}/vmlinuz", initrd=INITRD,
                       cmdline="console=hvc0 quiet",
                       devices=[{"type": "console"},
                                {"type": "disk", "path": DISK,
                                 "direct": direct},
                                {"type": "net", "bridge": "bench",
                                 "vhost": vhost}])
        machine.start(NAME)
        machine.talk(NAME, BOOT_LIMIT)

    def run(self, command):
        """The output of a command; its echo comes first."""
        with self.machine.console(NAME, device="console0",
                                  options="--from end"):
            self.machine.send(f"{command}; echo e''nd\r")
            self.machine.expect(r"\bend\r\n", RUN_LIMIT)
            return self.machine.serial.before

    def counters(self):
        zone = self.machine.json(f"hvsh counters {NAME} --json")
        irqs = self.machine.run("grep zonevisor /proc/interrupts")
        pid = self.machine.zone(NAME)["io"]["pid"]
        return {
            "exits": sum(zone["exits"].values()),
            "doorbells": zone["doorbells"],
            "interrupts": sum(
                int(n) for line in irqs.splitlines() for n in
                line.split(":")[1].split("GICv3")[0].split()),
            "wake-ups": voluntary_switches(self.machine, pid),
        }

    def close(self):
        self.machine.destroy(NAME)


class Nested:
    """The guest under KVM, with a QEMU of zone0's; QEMU has its console."""

    def __init__(self, machine, vhost=False, direct=True):
        self.machine = machine
        self.number = 0
        machine.run("rm -f /tmp/con.*; mkfifo /tmp/con.in /tmp/con.out")
        # The end of the pipe stays open between two commands.
        self.pid = machine.run(
            "((cd /tmp && exec 3<>con.in && (cat con.out >con.log &) &&"
            " exec qemu-system-aarch64 -M virt,gic-version=3 -cpu host"
            f" -accel kvm -smp 1 -m {MEMORY} -nodefaults -display none"
            " -monitor none -chardev pipe,id=c,path=con -serial chardev:c"
            f" -kernel {IMAGES}/vmlinuz -initrd {INITRD}"
            " -append 'console=ttyAMA0 quiet'"
            f" -drive file={DISK},format=raw,if=none,id=d,aio=io_uring,"
            f"cache={'none' if direct else 'writeback'}"
            " -device virtio-blk-pci,drive=d,romfile="
            " -netdev tap,id=n,ifname=tap0,script=no,downscript=no,"
            f"vhost={'on' if vhost else 'off'}"
            " -device virtio-net-pci,netdev=n,romfile="
            " >qemu.log 2>&1) & echo $!)").strip()
        machine.run("until grep -q '# ' /tmp/con.log; do"
                    f" kill -0 {self.pid} 2>/dev/null ||"
                    " { cat /tmp/qemu.log; false; break; }; sleep 1; done;"
                    " ip link set tap0 master bench up", timeout=BOOT_LIMIT)

    def run(self, command):
        self.number += 1
        end = f"end-{self.number}"
        typed = f"{command}; echo e''nd-{self.number}"
        self.machine.run(f"printf '%s\\r' {shlex.quote(typed)} >/tmp/con.in;"
                         f" until grep -q '^{end}' /tmp/con.log;"
                         " do sleep 1; done", RUN_LIMIT)
        return self.machine.run("cat /tmp/con.log").rsplit(typed, 1)[-1]

    def counters(self):
        text = self.machine.run("cd /sys/kernel/debug/kvm && head exits"
                                " mmio_exit_user | grep '^[0-9]'").split()
        return {"exits": int(text[0]), "to user space": int(text[1]),
                "wake-ups": voluntary_switches(self.machine, self.pid)}

    def close(self):
        self.machine.run(f"kill {self.pid}; while kill -0 {self.pid}"
                         " 2>/dev/null; do usleep 100000; done")


def per_operation(before, after, operations):
    return {key: (after[key] - before[key]) / operations for key in before}


def reads(guest):
    """{name: (instructions per read of the last pass, counters per read)}."""
    result = {}
    for name, (size, depth, count) in READS.items():
        before = guest.counters()
        text = guest.run(f"/blkread /dev/vda {size} {depth} {count} {PASSES}")
        after = guest.counters()
        rows = re.findall(r"blkread (\d+) (\d+) (\d+) (\d+)\s", text)
        assert len(rows) == PASSES, text
        result[name] = (int(rows[-1][3]) / count,
                        per_operation(before, after, PASSES * count))
    return result


def packets(guest, machine):
    """The same for packets, from the guest and towards it."""
    guest.run(f"ip addr add {GUEST_ADDRESS}/24 dev eth0; ip link set eth0 up;"
              f" until ping -c 1 -W 1 {ZONE0_ADDRESS} >/dev/null; do :; done")
    result = {}

    def measure(name, run, program, address):
        before = guest.counters()
        text = run(f"{program} {address} {BURST} {PACKETS} {PASSES}")
        after = guest.counters()
        rows = re.findall(r"netload (\d+) (\d+) (\d+)\s", text)
        assert len(rows) == PASSES, text
        result[name] = (int(rows[-1][2]) / PACKETS,
                        per_operation(before, after, PASSES * PACKETS))

    pid = machine.run(f"({TESTS}/netload answer {BURST} >/dev/null 2>&1 &"
                      " echo $!)").strip()
    measure("from the guest", guest.run, "/netload", ZONE0_ADDRESS)
    machine.run(f"kill {pid}")
    guest.run(f"{{ /netload answer {BURST} >/dev/null 2>&1 & }}")
    measure("to the guest", machine.run, f"{TESTS}/netload", GUEST_ADDRESS)
    guest.run("kill $!")
    return result
