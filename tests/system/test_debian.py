# SPDX-License-Identifier: BSD-2-Clause
"""A Debian with systemd on a disk and a network: what a zone's drivers are
for."""
import json
import random
import re

import pytest

from debian import (BOOT_LIMIT, BUSY, IMAGES, NEEDED, ROOT, TAKE_TOOLS,
                    DiskLoad, NetLoad, address_of_debian, ask,
                    machine_with_debian, process_moves_packets, start_debian,
                    start_server)
from io_steps import Victim, some_passes, steps_of

pytestmark = pytest.mark.skipif(not ROOT.exists(), reason=NEEDED)


@pytest.fixture(scope="module")
def machine():
    with machine_with_debian("debian", vhost=True) as m:
        yield m


@pytest.fixture(scope="module")
def debian(machine):
    start_debian(machine)
    return machine


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


def survives_kills(load, rng, kills, longest_us, *hows):
    """The I/O process dies at any moment, and at each step of such a kind;
    the load has to go on each time."""
    victim = Victim(load.machine, "debian")
    restarts = victim.io()["restarts"]
    load.start()
    for _ in range(kills):
        victim.kill(rng.randrange(longest_us))
    load.goes_on("random kills")
    with victim:
        for step in steps_of(*hows):
            victim.die_at(step, some_passes(rng, step))
            load.goes_on(step.name)
    load.stop()
    assert victim.io()["restarts"] >= restarts + kills + len(steps_of(*hows))


def test_disk_survives_kills(debian):
    """fio checks what it wrote."""
    survives_kills(DiskLoad(debian), random.Random(1), 30, 800_000,
                   "disk", "cache", "start")


# ------------------------------------------------------------------ network

@pytest.fixture(scope="module")
def address(debian):
    return address_of_debian(debian)


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


def moved(machine):
    """How many packets the Debian's TAP has seen, how often its I/O process has
    called read, write and the like, and how often its own thread has woken up.
    The kernel's threads in that process do not count."""
    detail = machine.zone("debian")
    proc = f"/proc/{detail['io']['pid']}"
    text = machine.run(
        f"cat /sys/class/net/{net_of(machine)['tap']}/statistics/[rt]x_packets"
        f" && grep ^sysc {proc}/io && grep ^voluntary {proc}/status")
    rx, tx, reads, writes, wakes = (int(n) for n in re.findall(r"\d+", text))
    return rx + tx, reads + writes, wakes


def calls_and_wakes(machine, server, direction=""):
    """Of the I/O process, for each packet of many.  It has a disk, too, so it is
    never quite without work."""
    before = moved(machine)
    iperf3(machine, f"-c {server} -u -b 2M -l 200 -k 3000 {direction}")
    packets, calls, wakes = (b - a for a, b in zip(before, moved(machine)))
    print(f"{packets} packets, {calls} calls, {wakes} wake-ups")
    assert packets > 1000
    return calls / packets, wakes / packets


def kernel_moves(machine, server, direction=""):
    """Whether the I/O process sleeps while packets pass."""
    calls, wakes = calls_and_wakes(machine, server, direction)
    return calls < 0.1 and wakes < 0.02


def net_of(machine):
    return machine.zone("debian")["devices"][3]


def net_bytes(machine):
    """As the Debian sees them: received, sent."""
    counters = machine.json("hvsh counters debian net0 --json")
    return counters["rx-bytes"], counters["tx-bytes"]


def iperf3(machine, options, timeout=600):
    """The result of a client in zone0 of the Debian's server, which may not be
    done with the one before."""
    def result():
        status, text = machine.try_run(f"chroot /mnt iperf3 --json {options}",
                                       timeout)
        answer = json.loads(text)
        if BUSY in answer.get("error", ""):
            return None
        assert status == 0, text
        return answer["end"]
    return machine.wait_until(result, "an iperf3 that is not busy")


@pytest.fixture(scope="module")
def server(debian, address):
    start_server(debian)
    return address


@pytest.mark.parametrize("direction", ["", "-R"])
def test_iperf3(debian, server, direction):
    before = net_bytes(debian)
    # The end of it, at most these buffers, is on its way when the receiver counts.
    end = iperf3(debian, f"-c {server} -n 8M -w 256K {direction}")
    assert end["sum_sent"]["bytes"] >= 8 << 20
    assert end["sum_received"]["bytes"] >= 6 << 20
    received, sent = (b - a for a, b in zip(before, net_bytes(debian)))
    more, less = (sent, received) if direction else (received, sent)
    # What comes back is acknowledgements.
    assert more >= 6 << 20 > less


@pytest.mark.parametrize("direction", ["", "-R"])
def test_kernel_moves_the_packets(debian, server, direction):
    assert net_of(debian)["vhost"] is True
    assert kernel_moves(debian, server, direction)


@pytest.mark.parametrize("cpu", [1, 0])
def test_interrupts_come_where_the_guest_wants_them(debian, server, cpu):
    """The kernel's, by the irqfd: no I/O process is there to route them."""
    counts = ("awk '/virtio3/ { print \"cou\" \"nts\", $2, $3 }'"
              " /proc/interrupts")
    before = ask(debian, f"echo {cpu} >$(dirname /proc/irq/*/virtio3)"
                 f"/smp_affinity_list; {counts}", r"counts (\d+) (\d+)")

    def all_there():
        """Of 20 pings.  What was under way when the route changed, of the test
        before, may still come to the other vCPU."""
        nonlocal before
        # One after the other: of many at once the driver would poll most.
        debian.run(f"for i in $(seq 20); do ping -c 1 -W 5 {server} || :; done")
        after = ask(debian, counts, r"counts (\d+) (\d+)")
        taken = [int(after.group(i)) - int(before.group(i)) for i in (1, 2)]
        print(f"interrupts of each vCPU: {taken}")
        before = after
        return taken[cpu] > 10 and taken[1 - cpu] < 5

    debian.wait_until(all_there, f"vCPU {cpu} takes the interrupts")


def test_iperf3_between_zones(peer, server):
    assert peer.zone("peer")["devices"][1]["vhost"] is True
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
    assert kernel_moves(debian, server)


def test_limits(debian, server):
    """Bytes per second hold over the length of a transfer: the I/O process
    takes the queues from the kernel, and gives them back."""
    rate = 1 << 20
    debian.run("hvsh set debian net0 limits.rx-bytes-sec=1M")
    received = iperf3(debian, f"-c {server} -t 8")["sum_received"]
    # One for each packet at least, so kernel_moves() would notice.
    assert calls_and_wakes(debian, server)[0] > 0.9
    debian.run("hvsh set debian net0 limits.rx-bytes-sec=none")
    # The guest's clock may lag behind zone0's, but not by this much.
    assert rate / 8 < received["bytes"] / received["seconds"] < 1.5 * rate
    # The kernel knows no limits.
    assert kernel_moves(debian, server)
    iperf3(debian, f"-c {server} -n 4M")


def test_network_survives_kills(debian, server):
    """A transfer goes on, whoever moves its packets; with a limit it is the I/O
    process."""
    survives_kills(NetLoad(debian, server), random.Random(2), 10, 1_500_000)
    assert kernel_moves(debian, server)
    process_moves_packets(debian, True)
    survives_kills(NetLoad(debian, server), random.Random(3), 10, 1_500_000,
                   "net")
    process_moves_packets(debian, False)
    assert kernel_moves(debian, server)
