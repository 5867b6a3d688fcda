# SPDX-License-Identifier: BSD-2-Clause
"""A Debian with systemd as a zone, and load on its disk and its network."""
import contextlib

from machine import BUILD, Machine

ROOT = BUILD / "aarch64" / "debian.ext4"
BOOT_LIMIT = 600
BUSY = "server is busy"  # iperf3's word for one client too many
IMAGES = "/var/lib/hvd/images"
NEEDED = ("this machine cannot run the programs that a Debian for aarch64 is"
          " made with")


def disk(name):
    """The root file system, as a disk of zone0 that forgets its changes."""
    return ["-drive", f"file={ROOT},format=raw,if=none,id={name},snapshot=on",
            "-device", f"virtio-blk-device,drive={name},serial={name}"]


# Programs of the Debian for those that have none: chroot /mnt.
TAKE_TOOLS = ("modprobe ext4 && mount -o ro -t ext4 {} /mnt &&"
              " mount -t tmpfs none /mnt/tmp && mount -o bind /dev /mnt/dev")


def start_network(machine):
    """zone0 is at 10.7.0.1 of a bridge, and gives out addresses there."""
    machine.run(
        "modprobe bridge && ip link add lan type bridge &&"
        " ip addr add 10.7.0.1/24 dev lan && ip link set lan up")
    settings = ("start 10.7.0.10\nend 10.7.0.99\ninterface lan\n"
                "lease_file /tmp/leases\npidfile /tmp/udhcpd.pid\n"
                "option subnet 255.255.255.0\noption router 10.7.0.1\n")
    machine.run(f"printf '{settings}' >/tmp/udhcpd.conf &&"
                " touch /tmp/leases && udhcpd /tmp/udhcpd.conf")


@contextlib.contextmanager
def machine_with_debian(name, **net):
    """zone0 has the root file system on two disks: one for a zone that boots
    from it, and one to take programs from."""
    with Machine(name, extra=[*disk("root"), *disk("tools")]) as m:
        m.login()
        m.disks = {}
        for serial in ("root", "tools"):
            m.disks[serial] = m.wait_until(
                lambda: m.try_run("grep -lx " + serial +
                                  " /sys/block/vd*/serial")[1].strip(),
                f"zone0 sees disk {serial}").split("/")[3]
        m.tools = f"/dev/{m.disks['tools']}"
        start_network(m)
        m.run(TAKE_TOOLS.format(m.tools))
        m.define("debian", vcpus=2, memory="512M",
                 kernel=f"{IMAGES}/vmlinuz",
                 initrd=f"{IMAGES}/linux-guest.cpio.gz",
                 cmdline="console=hvc0 root=/dev/vda quiet",
                 devices=[{"type": "console"}, {"type": "rng"},
                          {"type": "disk", "path": f"/dev/{m.disks['root']}",
                           "queues": 2},
                          {"type": "net", "bridge": "lan", **net}])
        yield m


def start_debian(machine):
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


def ask(machine, command, answer, timeout=300):
    """The match of what a command prints; the command may be echoed."""
    with machine.console("debian", device="console0", options="--from end"):
        machine.send(command + "\r")
        return machine.expect(answer, timeout)


def address_of_debian(machine):
    """What DHCP gave to it."""
    return ask(machine, "until ip -4 -o addr show scope global | grep ."
               "; do sleep 1; done", r"inet (10\.7\.0\.\d+)/24").group(1)


def start_server(machine):
    """iperf3's, in the Debian."""
    ask(machine, "iperf3 -s -D; until ss -ltn | grep -q :5201; do sleep .1;"
        " done; echo sta''rted", "started")


def process_moves_packets(machine, does):
    """Has the Debian's I/O process move packets, as any limit does, or zone0's
    kernel."""
    limit = "1T" if does else "none"
    machine.wait_until(
        lambda: machine.try_run(
            f"hvsh set debian net0 limits.rx-bytes-sec={limit}")[0] == 0,
        "an I/O process that can be told")


class Load:
    """Goes on until it is stopped, which says whether all was well."""

    def __init__(self, machine):
        self.machine = machine

    def goes_on(self, what):
        """Waits until more has moved, each way, than what was under way."""
        before = self.moved()
        try:
            self.machine.wait_until(
                lambda: all(now > then + self.ENOUGH for now, then in
                            zip(self.moved(), before)), "more load")
        except AssertionError as error:
            raise AssertionError(f"{self.NAME}, {what}: {error}\n"
                                 f"{self.log()}") from None


class DiskLoad(Load):
    """fio checks what it wrote; meanwhile the kind of cache changes."""
    NAME = "disk"
    ENOUGH = 300  # requests: the two queues hold 256 at most
    FIO = ("fio --name=v --directory=/var/tmp --size=16M --numjobs=2"
           " --rw=randrw --bsrange=4k-64k --ioengine=libaio --iodepth=16"
           " --direct=1 --verify=crc32c --verify_fatal=1"
           " --verify_state_save=0 --loops=1000 --time_based --runtime=36000")
    CACHE = ("while sleep .3; do echo write through >$cache;"
             " echo write back >$cache; done")

    def start(self):
        ask(self.machine, "cache=/sys/block/vda/cache_type; dmesg -C;"
            f" ({self.CACHE}) & cache_loop=$!;"
            f" {self.FIO} >/var/tmp/log 2>&1 & fio=$!; echo sta''rted",
            "started")

    def log(self):
        return ask(self.machine, "cat /var/tmp/log; echo o''ver", r"(?s).*over",
                   60).group()

    def moved(self):
        disk_of_zone0 = self.machine.disks["root"]
        stat = self.machine.run(f"cat /sys/block/{disk_of_zone0}/stat").split()
        return (int(stat[0]) + int(stat[4]),)

    def stop(self):
        # fio's status is 128 when it is told to end, and more with errors.
        status = ask(self.machine, "kill $cache_loop; kill -INT $fio;"
                     " wait $fio; echo fi''o=$?", r"fio=(\d+)", 900).group(1)
        assert status == "128", self.log()
        ask(self.machine, "grep -c 'err= 0' /var/tmp/log; echo e''nd",
            r"\b2\r\n.*end")
        ask(self.machine, "dmesg | grep -c 'I/O error'; echo e''nd",
            r"\b0\r\n.*end")


class NetLoad(Load):
    """iperf3 in zone0, in both directions; the Debian is the server."""
    NAME = "net"
    ENOUGH = 256 << 10  # bytes; a stalled connection repeats a few KiB

    def __init__(self, machine, address):
        super().__init__(machine)
        self.address = address

    def start(self):
        self.machine.wait_until(self.begin, "an iperf3 that is not busy")

    def begin(self):
        """False if the server is not done with another client."""
        # In a shell of its own, so that bash does not tell of its end.
        self.machine.run(
            "rm -f /tmp/iperf.log;"
            f" (chroot /mnt iperf3 --bidir --forceflush -t 36000 -c {self.address}"
            " >/tmp/iperf.log 2>&1 & echo $! >/tmp/iperf.pid)")
        said = self.machine.wait_until(
            lambda: self.machine.try_run(
                f"grep -E 'connected to|{BUSY}|error' /tmp/iperf.log")[1],
            "iperf3 to say whether it is connected")
        assert "connected to" in said or BUSY in said, self.log()
        return "connected to" in said

    def log(self):
        return self.machine.run(
            "tail -n 20 /tmp/iperf.log; netstat -tn; cat /proc/net/dev")

    def moved(self):
        at = "/sys/class/net/lan/statistics"
        return tuple(map(int, self.machine.run(
            f"cat {at}/rx_bytes {at}/tx_bytes").split()))

    def stop(self):
        # It ends by itself if a connection does.
        status, _ = self.machine.try_run("kill -INT $(cat /tmp/iperf.pid)")
        assert status == 0, self.log()
        self.machine.wait_until(
            lambda: self.machine.try_run(
                "kill -0 $(cat /tmp/iperf.pid)")[0] != 0, "the end of iperf3")
        self.machine.wait_until(
            lambda: self.machine.try_run(
                f"chroot /mnt iperf3 -c {self.address} -n 64K")[0] == 0,
            "the server is done with it")
