# SPDX-License-Identifier: BSD-2-Clause
"""A Debian with systemd on a disk and a network: what a zone's drivers are
for."""
import json
import random

import pytest

from machine import BUILD, Machine

ROOT = BUILD / "aarch64" / "debian.ext4"
BOOT_LIMIT = 600
IMAGES = "/var/lib/hvd/images"

pytestmark = pytest.mark.skipif(
    not ROOT.exists(), reason="this machine cannot run the programs that a "
    "Debian for aarch64 is made with")


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


@pytest.fixture(scope="module")
def machine():
    """zone0 has the root file system on two disks: one for a zone that boots
    from it, and one to take programs from."""
    with Machine("debian", extra=[*disk("root"), *disk("tools")]) as m:
        m.login()
        disks = {}
        for name in ("root", "tools"):
            disks[name] = m.wait_until(
                lambda: m.try_run("grep -lx " + name +
                                  " /sys/block/vd*/serial")[1].strip(),
                f"zone0 sees disk {name}").split("/")[3]
        m.tools = f"/dev/{disks['tools']}"
        start_network(m)
        m.run(TAKE_TOOLS.format(m.tools))
        m.define("debian", vcpus=2, memory="512M",
                 kernel=f"{IMAGES}/vmlinuz",
                 initrd=f"{IMAGES}/linux-guest.cpio.gz",
                 cmdline="console=hvc0 root=/dev/vda quiet",
                 devices=[{"type": "console"}, {"type": "rng"},
                          {"type": "disk", "path": f"/dev/{disks['root']}",
                           "queues": 2},
                          {"type": "net", "bridge": "lan"}])
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


# ------------------------------------------------------------------ network

@pytest.fixture(scope="module")
def address(debian):
    """What DHCP gave to the Debian."""
    return ask(debian, "until ip -4 -o addr show scope global | grep ."
               "; do sleep 1; done", r"inet (10\.7\.0\.\d+)/24").group(1)


@pytest.fixture(scope="module")
def peer(debian):
    """Another zone on the network, with the same programs on a disk that it
    shares with zone0."""
    debian.define("peer", vcpus=1, memory="256M", kernel=f"{IMAGES}/vmlinuz",
                  initrd=f"{IMAGES}/linux-guest.cpio.gz",
                  cmdline="console=hvc0 zv.name=peer quiet",
                  devices=[{"type": "console"},
                           {"type": "net", "bridge": "lan"},
                           {"type": "disk", "path": debian.tools,
                            "readonly": True}])
    debian.start("peer")
    debian.talk("peer", BOOT_LIMIT)
    ask_peer(debian, "ip addr add 10.7.0.200/24 dev eth0 &&"
             " ip link set eth0 up && " + TAKE_TOOLS.format("/dev/vda") +
             "; echo sta''tus=$?", r"status=0")
    yield debian
    debian.destroy("peer")


def ask_peer(machine, command, answer, timeout=300):
    with machine.console("peer", device="console0", options="--from end"):
        machine.send(command + "\r")
        return machine.expect(answer, timeout)


def test_address_comes_by_dhcp(debian, address):
    assert address in debian.run("ip neigh show dev lan; ping -c 1 " + address)


def test_zones_and_zone0_reach_each_other(peer, address):
    ask(peer, "ping -q -c 5 10.7.0.200 | grep packets", r" 0% packet loss")
    ask(peer, "ping -q -c 5 10.7.0.1 | grep packets", r" 0% packet loss")
    ask_peer(peer, f"ping -q -c 5 {address} | grep packets",
             r" 0% packet loss")


def iperf3(machine, options, timeout=600):
    """The result of a client in zone0 of the Debian's server."""
    text = machine.run(f"chroot /mnt iperf3 --json {options}", timeout)
    return json.loads(text)["end"]


@pytest.fixture(scope="module")
def server(debian, address):
    ask(debian, "iperf3 -s -D && echo sta''rted", "started")
    return address


@pytest.mark.parametrize("direction", ["", "-R"])
def test_iperf3(debian, server, direction):
    end = iperf3(debian, f"-c {server} -n 8M {direction}")
    assert end["sum_sent"]["bytes"] >= 8 << 20
    # The end of it is still on its way when the receiver counts.
    assert end["sum_received"]["bytes"] >= 4 << 20


def test_iperf3_between_zones(peer, server):
    rate = ask_peer(peer, f"chroot /mnt iperf3 -f k -c {server} -n 8M"
                    " | grep receiver", r"([\d.]+) Kbits/sec.*receiver", 600)
    assert float(rate.group(1)) > 0


def test_link_and_mtu(debian, server):
    """The cable is pulled and put back in while the zone runs."""
    carrier = "cat /sys/class/net/e*/carrier; echo e''nd"
    debian.run("hvsh set debian net0 link=down")
    ask(debian, carrier, r"\b0\r\n.*end")
    assert debian.zone("debian")["definition"]["devices"][3]["link"] is False
    assert debian.try_run(f"ping -c 1 -W 1 {server}")[0] != 0
    debian.run("hvsh set debian net0 link=up")
    ask(debian, carrier, r"\b1\r\n.*end")
    debian.wait_until(
        lambda: debian.try_run(f"ping -c 1 -W 1 {server}")[0] == 0,
        "the Debian answers again")


def test_limits(debian, server):
    """Bytes per second hold over the length of a transfer."""
    rate = 1 << 20
    debian.run("hvsh set debian net0 limits.rx-bytes-sec=1M")
    received = iperf3(debian, f"-c {server} -t 8")["sum_received"]
    debian.run("hvsh set debian net0 limits.rx-bytes-sec=none")
    # The guest's clock may lag behind zone0's, but not by this much.
    assert rate / 8 < received["bytes"] / received["seconds"] < 1.5 * rate
    free = iperf3(debian, f"-c {server} -t 2")["sum_received"]
    assert free["bytes"] / free["seconds"] > 2 * rate


def test_network_survives_kills(debian, server):
    """A transfer goes on while the I/O process dies again and again."""
    pauses = random.Random(2)
    # In a shell of its own, so that bash does not tell of its end.
    debian.run(f"(chroot /mnt iperf3 --json -c {server} -t 40"
               " >/tmp/iperf.json 2>&1 & echo $! >/tmp/iperf.pid)")
    for _ in range(10):
        pid = debian.zone("debian")["io"]["pid"]
        debian.run(f"usleep {pauses.randrange(1_500_000)}; kill -9 {pid}")
        debian.wait_until(
            lambda: debian.zone("debian")["io"].get("pid") not in (None, pid),
            "a new I/O process")
    debian.wait_until(
        lambda: debian.try_run("kill -0 $(cat /tmp/iperf.pid)")[0] != 0,
        "the end of the transfer", 600)
    result = debian.json("cat /tmp/iperf.json")
    assert "error" not in result, result
    assert result["end"]["sum_received"]["bytes"] > 0
    # No stall: what is sent now arrives.
    assert iperf3(debian, f"-c {server} -t 2")["sum_received"]["bytes"] > \
        1 << 20
