# SPDX-License-Identifier: BSD-2-Clause
"""A disk and a network card of hvd-backend in a stock guest of a stock QEMU,
over each of virtio's buses: one machine per bus, two queues of everything."""
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys

import pytest

from vhost_guest import (ANSWER, BACKEND, PROMPT, SLOWDOWN, Process,
                         fixture_backend, fixture_guest, needs_guest, wait_for)

__all__ = ["fixture_backend", "fixture_guest"]

HERE = pathlib.Path(__file__).resolve().parent
OURS = "10.9.0.1"
THEIRS = "10.9.0.2"
URL = f"http://{OURS}:8000/"
TRANSFER = 120 * SLOWDOWN
MIB = 1 << 20


class Network:
    """A network of its own, with a TAP device that stays."""

    def __init__(self, queues):
        self.holder = Process("unshare", "-n", "sh", "-c",
                              "echo made; exec cat", stdin=subprocess.PIPE)
        self.holder.expect(b"made")
        self.enter = ("nsenter", "-t", str(self.holder.child.pid), "-n")
        flags = ["vnet_hdr"] + (["multi_queue"] if queues > 1 else [])
        self.ip("tuntap", "add", "t0", "mode", "tap", *flags)
        self.ip("addr", "add", OURS + "/24", "dev", "t0")
        self.ip("link", "set", "t0", "up")

    def ip(self, *args):
        return subprocess.run([*self.enter, "ip", *args], check=True,
                              timeout=ANSWER, capture_output=True,
                              text=True).stdout

    def end(self):
        self.holder.end(signal.SIGKILL)


def why_no_network():
    for tool in ("unshare", "nsenter", "ip"):
        if not shutil.which(tool):
            return f"needs {tool}: util-linux, iproute2"
    if os.geteuid() != 0:
        return "needs root, to make a TAP device in a network of its own"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "needs /dev/net/tun: load the kernel module tun"
    if subprocess.run(["unshare", "-n", "ip", "tuntap", "add", "t0", "mode",
                       "tap"], check=False, capture_output=True).returncode:
        return "needs the right to make networks and TAP devices"
    return None


@pytest.fixture(name="network")
def fixture_network():
    why = why_no_network()
    if why:
        pytest.skip(why)
    networks = []

    def make(queues=1):
        networks.append(Network(queues))
        return networks[-1]

    yield make
    for network in networks:
        network.end()


def chardev(name, path):
    return ("-chardev", f"socket,id={name},path={path},reconnect=1")


BUSES = {
    # Interrupts by message and without KVM make QEMU 7.2 use a null pointer
    # when a network device of vhost-user starts: vectors=0.
    "pci": ("-device", "vhost-user-blk-pci,chardev=blk,num-queues=2",
            "-device", "virtio-net-pci,netdev=net,mq=on,host_mtu=1400,"
            "vectors=0,romfile="),
    # Without force-legacy=false there is no virtio 1 on this bus, whose queues
    # have 1024 entries, whatever the device has.
    "mmio": ("-global", "virtio-mmio.force-legacy=false",
             "-device",
             "vhost-user-blk,chardev=blk,num-queues=2,queue-size=1024",
             "-device", "virtio-net-device,netdev=net,mq=on,host_mtu=1400"),
}


class Devices:
    """The two backends, which can be killed and come back."""

    def __init__(self, backend, network, directory):
        self.backend = backend
        self.paths = {"blk": directory / "blk", "net": directory / "net"}
        self.image = directory / "image"
        self.args = {
            "blk": (BACKEND, "--socket", self.paths["blk"], "--device", "blk",
                    "--disk", self.image),
            "net": (*network.enter, BACKEND, "--socket", self.paths["net"],
                    "--device", "net", "--tap", "t0", "--pairs", "2"),
        }
        self.running = {}

    def start(self, name):
        self.running[name] = self.backend(*self.args[name],
                                          stderr=subprocess.STDOUT)

    def kill(self, name):
        self.running[name].end(signal.SIGKILL)
        self.start(name)


def md5(data):
    return hashlib.md5(data).hexdigest()


def check_disk(machine, devices, data):
    assert "0  1" in machine.run("echo $(ls /sys/block/vda/mq | sort) |"
                                 "sed 's/ /  /'")
    assert md5(data) in machine.run("dd if=/dev/vda bs=64k iflag=direct "
                                    "2>/dev/null | md5sum")
    # A half of the disk by each processor, and so by each queue.
    machine.run("dd if=/dev/urandom of=/tmp/new bs=64k count=64 2>/dev/null")
    machine.run("for i in 0 1; do taskset $((i + 1)) dd if=/tmp/new "
                "of=/dev/vda bs=16k count=128 skip=$((i * 128)) "
                "seek=$((i * 128)) conv=notrunc oflag=direct 2>/dev/null "
                "|| echo fail$((1)) & done; wait; sync")
    written = re.search(r"[0-9a-f]{32}", machine.run("md5sum </tmp/new"))[0]
    assert md5(devices.image.read_bytes()) == written
    assert written in machine.run("dd if=/dev/vda bs=64k iflag=direct "
                                  "2>/dev/null | md5sum")


def check_killed_disk(machine, devices):
    """kill -9 while both queues are busy: nobody notices."""
    before = md5(devices.image.read_bytes())
    machine.run("dd if=/dev/urandom of=/tmp/new bs=64k count=64 2>/dev/null")
    machine.type("for i in 0 1; do taskset $((i + 1)) dd if=/tmp/new "
                 "of=/dev/vda bs=4k count=512 skip=$((i * 512)) "
                 "seek=$((i * 512)) conv=notrunc oflag=direct 2>/dev/null "
                 "|| echo fail$((1)) & done; wait; echo wrote $((40 + 2))")
    while md5(devices.image.read_bytes()) == before:
        assert devices.running["blk"].child.poll() is None
    devices.kill("blk")
    assert b"fail1" not in machine.expect(rb"wrote 42", TRANSFER)
    machine.expect(PROMPT)
    written = re.search(r"[0-9a-f]{32}", machine.run("md5sum </tmp/new"))[0]
    assert md5(devices.image.read_bytes()) == written


def check_network(machine, network, peer, data):
    # The driver has as many pairs as processors.
    assert "numqueues 2" in network.ip("-d", "link", "show", "t0")
    assert "1400" in machine.run("cat /sys/class/net/eth0/mtu")
    machine.run(f"ifconfig eth0 {THEIRS} netmask 255.255.255.0 up")
    assert "3 packets received" in machine.run(f"ping -c 3 {OURS}")
    machine.run(f"wget -q -O /tmp/file {URL}")
    assert md5(data) in machine.run("md5sum </tmp/file")
    peer.expect(rb"sent 7\n")
    machine.run(f"wget -q -O- --post-file=/tmp/file {URL}")
    peer.expect(rb"got " + md5(data).encode())


def check_killed_network(machine, devices, peer, data):
    """kill -9 while a transfer is under way: it goes on."""
    machine.type(f"wget -q -O- {URL} | md5sum")
    peer.expect(rb"sent 2\n")
    devices.kill("net")
    machine.expect(md5(data).encode(), TRANSFER)
    machine.expect(PROMPT)
    machine.type(f"wget -q -O- --post-file=/tmp/file {URL}")
    peer.expect(rb"left 5\n")
    devices.kill("net")
    peer.expect(rb"got " + md5(data).encode(), TRANSFER)
    machine.expect(PROMPT)


LAUNCH = """
import fcntl, os, struct, sys
fds = [os.open("/dev/net/tun", os.O_RDWR) for _ in range(2)]
for fd in fds:
    os.set_inheritable(fd, True)
    # TUNSETIFF: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"t0", 0x5102))
os.execv(sys.argv[1], sys.argv[1:] + ["--tap-fd", "%d,%d" % tuple(fds)])
"""


def test_given_queues(tmp_path, backend, network):
    net = network(queues=2)
    path = tmp_path / "net"
    device = backend(*net.enter, sys.executable, "-c", LAUNCH, BACKEND,
                     "--socket", path, "--device", "net",
                     stderr=subprocess.STDOUT)
    wait_for(path)
    # The second one is not in use before a driver wants it.
    assert "numqueues 1 numdisabled 1" in net.ip("-d", "link", "show", "t0")
    with socket.socket(socket.AF_UNIX) as front_end:
        front_end.settimeout(ANSWER)
        front_end.connect(str(path))
        # GET_QUEUE_NUM: two pairs, without a control queue.
        front_end.sendall(struct.pack("=3I", 17, 1, 0))
        assert front_end.recv(100) == struct.pack("=3IQ", 17, 5, 8, 4)
    assert device.end() == 0


@pytest.mark.parametrize("queues, pairs, words", [
    (1, 1, None),
    (2, 1, None),
    (1, 2, "multi_queue"),
])
def test_named_tap(tmp_path, backend, network, queues, pairs, words):
    net = network(queues)
    path = tmp_path / "net"
    device = backend(*net.enter, BACKEND, "--socket", path, "--device", "net",
                     "--tap", "t0", "--pairs", pairs, stderr=subprocess.STDOUT)
    if words:
        device.expect(words.encode())
        assert device.child.wait(ANSWER) == 1
        return
    wait_for(path)
    assert device.end() == 0
    # It was there before, and stays.
    net.ip("link", "show", "t0")


@needs_guest
@pytest.mark.parametrize("bus", BUSES)
def test_devices(tmp_path, guest, backend, network, bus):
    net = network(queues=2)
    devices = Devices(backend, net, tmp_path)
    disk = os.urandom(4 * MIB)
    # What wget sends is text.
    file = os.urandom(4 * MIB).hex().encode()
    devices.image.write_bytes(disk)
    (tmp_path / "file").write_bytes(file)
    for name, path in devices.paths.items():
        devices.start(name)
        wait_for(path)
    peer = backend(*net.enter, sys.executable, HERE / "http_peer.py", OURS,
                   tmp_path / "file")
    peer.expect(rb"ready")
    machine = guest("-smp", "2", *chardev("blk", devices.paths["blk"]),
                    *chardev("net", devices.paths["net"]),
                    "-netdev", "vhost-user,id=net,chardev=net,queues=2",
                    *BUSES[bus])
    machine.boot()
    check_disk(machine, devices, disk)
    check_network(machine, net, peer, file)
    check_killed_disk(machine, devices)
    check_killed_network(machine, devices, peer, file)
    # Without its TAP device it ends, and the guest's cable is out.
    net.ip("link", "delete", "t0")
    devices.running["net"].expect(rb"its TAP device is gone")
    assert devices.running["net"].child.wait(ANSWER) == 1
    assert "zv2" in machine.run("while grep -q 1 /sys/class/net/eth0/carrier; "
                                "do :; done; echo zv$((1 + 1))")
    machine.type("poweroff -f")
    assert machine.child.wait(ANSWER) == 0
    assert devices.running["blk"].end() == 0
