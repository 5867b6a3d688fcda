# SPDX-License-Identifier: BSD-2-Clause
"""Devices served over vhost-user to a stock QEMU that runs a stock Linux:
QEMU and guest know nothing of Zonevisor."""
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest

from vhost_guest import (ANSWER, BACKEND, BUILD, PROMPT, fixture_backend,
                         fixture_guest, needs_guest, wait_for)

__all__ = ["fixture_backend", "fixture_guest"]

RNG = BUILD / "host/native/rng_backend/rng_backend"


def rng_device(path):
    return ("-chardev", f"socket,id=rng,path={path}",
            "-device", "vhost-user-rng-pci,chardev=rng")


READ_RNG = "head -c 32 /dev/hwrng; echo"


@needs_guest
@pytest.mark.skipif(not RNG.exists(), reason="needs its backend: make native")
def test_entropy(tmp_path, guest, backend):
    path = tmp_path / "rng"
    device = backend(RNG, path, 0)
    wait_for(path)
    machine = guest(*rng_device(path))
    machine.boot()
    assert "Z" * 32 in machine.run(READ_RNG)
    device.expect(rb"given")
    machine.type("poweroff -f")
    assert machine.child.wait(ANSWER) == 0
    # It waits for the next front-end, and ends when told to.
    assert device.child.poll() is None
    assert device.end() == 0


def blk_device(path):
    return ("-chardev", f"socket,id=blk,path={path},reconnect=1",
            "-device", "vhost-user-blk-pci,chardev=blk,num-queues=1")


# Reads the disk beside the page cache, so that each read is a request.
SUM = "dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | md5sum"


@needs_guest
def test_disk(tmp_path, guest, backend):
    path, image = tmp_path / "blk", tmp_path / "image"
    data = os.urandom(1 << 20)
    image.write_bytes(data)
    device = backend(BACKEND, "--socket", path, "--device", "blk", "--disk",
                     image, "--serial", "zv-1", "--once",
                     stderr=subprocess.STDOUT)
    wait_for(path)
    machine = guest(*blk_device(path))
    machine.boot()
    assert hashlib.md5(data).hexdigest() in machine.run(SUM)
    assert "zv-1" in machine.run("cat /sys/block/vda/serial")
    machine.run("echo -n written by a guest | dd of=/dev/vda bs=512 seek=3 "
                "conv=sync,fsync 2>/dev/null")
    machine.type("poweroff -f")
    assert machine.child.wait(ANSWER) == 0
    device.expect(rb"the front-end has disconnected")
    assert device.child.wait(ANSWER) == 0
    assert image.read_bytes() == (data[:1536] +
                                  b"written by a guest".ljust(512, b"\0") +
                                  data[2048:])


@needs_guest
def test_disk_whose_backend_is_killed(tmp_path, guest, backend):
    """kill -9 again and again under a guest that writes: it notices nothing,
    and all of it is there."""
    path, image = tmp_path / "blk", tmp_path / "image"
    image.write_bytes(bytes(8 << 20))
    args = (BACKEND, "--socket", path, "--device", "blk", "--disk", image)
    device = backend(*args)
    wait_for(path)
    machine = guest(*blk_device(path))
    machine.boot()
    machine.run("dd if=/dev/urandom of=/tmp/data bs=64k count=128 2>/dev/null")
    machine.type("for i in 1 2 3 4; do dd if=/tmp/data of=/dev/vda bs=4k "
                 "oflag=direct 2>/dev/null || echo fail$((1)); done; "
                 "echo wrote $((40 + 2))")
    kills = steps = written = 0
    limit = time.monotonic() + 10 * ANSWER
    while not re.search(rb"wrote 42", machine.seen):
        assert time.monotonic() < limit, machine.seen
        if select.select([machine.child.stdout], [], [], 0.01)[0]:
            machine.seen += os.read(machine.child.stdout.fileno(), 65536)
        if image.stat().st_mtime_ns != written:
            written = image.stat().st_mtime_ns
            steps += 1
        if steps == 120:  # each gets something done
            device.end(signal.SIGKILL)
            kills += 1
            steps = 0
            device = backend(*args)
    assert b"fail1" not in machine.expect(rb"wrote 42")
    machine.expect(PROMPT)
    there = machine.run("md5sum </tmp/data")
    there = re.search(r"[0-9a-f]{32}", there)[0]
    assert kills > 1
    assert there in machine.run(SUM)
    assert hashlib.md5(image.read_bytes()).hexdigest() == there


needs_nbd = pytest.mark.skipif(
    not (shutil.which("nbdkit") and shutil.which("qemu-nbd") and
         shutil.which("qemu-img")),
    reason="needs nbdkit, qemu-nbd and qemu-img: nbdkit, qemu-utils")


@needs_guest
@needs_nbd
def test_disk_of_an_nbd_server(tmp_path, guest, backend):
    path, nbd, image = tmp_path / "blk", tmp_path / "nbd", tmp_path / "image"
    data = os.urandom(1 << 20)
    image.write_bytes(data)
    server = backend("nbdkit", "-f", "-U", nbd, "file", image)
    wait_for(nbd)
    device = backend(BACKEND, "--socket", path, "--device", "blk",
                     "--nbd-socket", nbd, stderr=subprocess.STDOUT)
    wait_for(path)
    machine = guest(*blk_device(path))
    machine.boot()
    assert hashlib.md5(data).hexdigest() in machine.run(SUM)
    machine.run("echo -n written by a guest | dd of=/dev/vda bs=512 seek=3 "
                "conv=sync,fsync 2>/dev/null")
    assert image.read_bytes() == (data[:1536] +
                                  b"written by a guest".ljust(512, b"\0") +
                                  data[2048:])
    # Without a server the guest is told, and so is who looks after it.
    server.end(signal.SIGKILL)
    device.expect(rb"disk: the NBD server is gone")
    assert "zv5" in machine.run("dd if=/dev/vda of=/dev/null bs=4k count=1 "
                                "iflag=direct 2>/dev/null || echo zv$((2+3))")
    assert device.child.poll() is None
    assert device.end() == 0


@needs_guest
@needs_nbd
def test_disk_in_qcow2(tmp_path, guest, backend):
    """Another server knows the format."""
    path, nbd, image = tmp_path / "blk", tmp_path / "nbd", tmp_path / "image"
    raw = tmp_path / "raw"
    data = os.urandom(1 << 20)
    raw.write_bytes(data)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw,
                    image], check=True, timeout=ANSWER)
    server = backend("qemu-nbd", "-f", "qcow2", "-k", nbd, "-x", "disk",
                     "--persistent", image)
    wait_for(nbd)
    device = backend(BACKEND, "--socket", path, "--device", "blk",
                     "--nbd-socket", nbd, "--export", "disk",
                     stderr=subprocess.STDOUT)
    wait_for(path)
    machine = guest(*blk_device(path))
    machine.boot()
    assert hashlib.md5(data).hexdigest() in machine.run(SUM)
    machine.run("echo -n written by a guest | dd of=/dev/vda bs=512 seek=3 "
                "conv=sync,fsync 2>/dev/null")
    assert device.end() == 0
    assert server.end() == 0
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", image,
                    raw], check=True, timeout=ANSWER)
    assert raw.read_bytes() == (data[:1536] +
                                b"written by a guest".ljust(512, b"\0") +
                                data[2048:])


@needs_nbd
def test_nbd_exports(tmp_path, backend):
    nbd = tmp_path / "nbd"
    backend("nbdkit", "-f", "-r", "-U", nbd, "--filter=exportname", "memory",
            "1M", "exportname-strict=true", "exportname=good")
    wait_for(nbd)
    for args, words in ((["--export", "bad"], "No such file"),
                        (["--export", "good"], "Read-only")):
        run = subprocess.run([BACKEND, "--socket", tmp_path / "blk",
                              "--device", "blk", "--nbd-socket", nbd, *args],
                             timeout=ANSWER, capture_output=True, text=True,
                             check=False)
        assert run.returncode == 1
        assert str(nbd) in run.stderr and words in run.stderr
    device = backend(BACKEND, "--socket", tmp_path / "blk", "--device", "blk",
                     "--nbd-socket", nbd, "--export", "good", "--readonly",
                     stderr=subprocess.STDOUT)
    wait_for(tmp_path / "blk")
    assert device.end() == 0


def test_console_backend_by_hand(tmp_path, backend):
    """Without a machine: hvd-backend starts, refuses, waits and ends."""
    path = tmp_path / "device"
    console = tmp_path / "console"
    device = backend(BACKEND, "--socket", path, "--device", "console",
                     "--console-socket", console, stderr=subprocess.STDOUT)
    wait_for(path)
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as front_end:
            front_end.settimeout(ANSWER)
            front_end.connect(str(path))
            # GET_FEATURES, then a request of an unknown version.
            front_end.sendall(bytes([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))
            answer = front_end.recv(100)
            assert len(answer) == 20
            assert answer[:12] == bytes([1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0])
            front_end.sendall(bytes([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]))
            assert front_end.recv(100) == b""
        device.expect(rb"hvd-backend: GET_FEATURES: flags: 0x2 .*\n")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER)
        client.connect(str(console))
        client.sendall(b'{"device":"console0"}\n')
        assert b'"ok":true' in client.recv(200)
    assert device.end() == 0


def test_once(tmp_path, backend):
    path = tmp_path / "device"
    device = backend(BACKEND, "--socket", path, "--device", "console",
                     "--console-socket", tmp_path / "console", "--once",
                     stderr=subprocess.STDOUT)
    wait_for(path)
    with socket.socket(socket.AF_UNIX) as front_end:
        front_end.connect(str(path))
    device.expect(rb"the front-end has disconnected")
    assert device.child.wait(ANSWER) == 0


def test_a_given_connection(tmp_path, backend):
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            device = backend(BACKEND, "--fd", theirs.fileno(), "--device",
                             "console", "--console-socket",
                             tmp_path / "console", stderr=subprocess.STDOUT,
                             pass_fds=[theirs.fileno()])
        ours.settimeout(ANSWER)
        ours.sendall(bytes([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))
        assert len(ours.recv(100)) == 20
    assert device.child.wait(ANSWER) == 0


@pytest.mark.parametrize("args, words", [
    ([], "--device: it must be given"),
    (["--device", "toaster"], "no such kind"),
    (["--device", "console"], "either it or --fd"),
    (["--device", "console", "--fd", "77"], "--fd"),
    (["--device", "console", "--fd", "1"], "--fd"),
    (["--device", "console", "--socket", "x"], "--console-socket"),
    (["--device", "blk", "--socket", "x"], "--disk"),
    (["--device", "blk", "--socket", "x", "--disk", "nowhere"], "nowhere"),
    (["--device", "blk", "--socket", "x", "--nbd-socket", "away"], "away"),
    (["--device", "blk", "--socket", "x", "--nbd-socket", "a", "--disk", "b"],
     "--nbd-socket"),
    (["--device", "blk", "--socket", "x", "--disk", "b", "--export", "e"],
     "--export"),
    (["--device", "blk", "--socket", "x", "--disk", "y", "--null", "512"],
     "--disk"),
    (["--device", "blk", "--socket", "x", "--null", "0"], "--null"),
    (["--device", "blk", "--socket", "x", "--null", "-512"], "--null"),
    (["--device", "blk", "--socket", "x", "--null", "1000"], "--null"),
    (["--device", "blk", "--socket", "x", "--null", "512k"], "--null"),
    (["--device", "console", "more"], "more"),
    (["--device", "net", "--socket", "x"], "either --tap or --tap-fd"),
    (["--device", "net", "--socket", "x", "--tap", "nowhere"],
     "ip tuntap add"),
    (["--device", "net", "--socket", "x", "--tap", "x" * 16], "--tap: "),
    (["--device", "net", "--socket", "x", "--tap-fd", "77"], "--tap-fd"),
    (["--device", "net", "--socket", "x", "--tap-fd", "1"], "--tap-fd"),
    (["--device", "net", "--socket", "x", "--tap-fd", ""], "--tap-fd"),
    (["--device", "net", "--socket", "x", "--pairs", "4"], "--pairs"),
    (["--device", "net", "--socket", "x", "--pairs", "0"], "--pairs"),
    (["--device", "net", "--socket", "x", "--pairs", "12"], "--pairs"),
])
def test_arguments(tmp_path, args, words):
    run = subprocess.run([BACKEND, *args], cwd=tmp_path, timeout=ANSWER,
                         capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert words in run.stderr


def test_wrong_tap_fds(tmp_path):
    ends = socket.socketpair()
    one, two = (str(end.fileno()) for end in ends)
    for fds, words in ((one, "queues of one TAP"),
                       (f"{one},{two},", "--tap-fd: it must be"),
                       (f"{one}:{two}", "--tap-fd: it must be"),
                       (f"{one},{one},{one},{one}", "--tap-fd: it must be"),
                       (f"{one},{one}", "named twice")):
        run = subprocess.run([BACKEND, "--socket", "x", "--device", "net",
                              "--tap-fd", fds], cwd=tmp_path, timeout=ANSWER,
                             capture_output=True, text=True, check=False,
                             pass_fds=[end.fileno() for end in ends])
        assert run.returncode == 1
        assert words in run.stderr
    for args, words in ((["--tap", "a"], "either --tap or --tap-fd"),
                        (["--pairs", "1"], "--pairs: it goes with --tap"),
                        (["--fd", one], "named twice")):
        if args[0] != "--fd":
            args = ["--socket", "x", *args]
        run = subprocess.run([BACKEND, "--device", "net", "--tap-fd", one,
                              *args], cwd=tmp_path, timeout=ANSWER,
                             capture_output=True, text=True, check=False,
                             pass_fds=[ends[0].fileno()])
        assert run.returncode == 1
        assert words in run.stderr
    for end in ends:
        end.close()


def test_a_busy_socket_stays(tmp_path):
    """Nobody takes what waits there, but somebody listens."""
    path = str(tmp_path / "device")
    with socket.socket(socket.AF_UNIX) as server, \
         socket.socket(socket.AF_UNIX) as first, \
         socket.socket(socket.AF_UNIX) as second:
        server.bind(path)
        server.listen(0)
        first.connect(path)
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.connect(path)
        run = subprocess.run([BACKEND, "--socket", path, "--device", "blk",
                              "--null", "512"], timeout=ANSWER,
                             capture_output=True, text=True, check=False)
        assert run.returncode == 1
        assert "in use" in run.stderr
        assert os.path.exists(path)


def test_a_socket_in_use_stays(tmp_path, backend):
    path = tmp_path / "device"
    args = (BACKEND, "--socket", path, "--device", "console",
            "--console-socket")
    first = backend(*args, tmp_path / "c1")
    wait_for(path)
    second = subprocess.run([*args, tmp_path / "c2"], timeout=ANSWER,
                            capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "in use" in second.stderr
    # What a killed one leaves behind is in nobody's way.
    first.end(signal.SIGKILL)
    third = backend(*args, tmp_path / "c3", stderr=subprocess.STDOUT)
    wait_for(tmp_path / "c3")
    assert third.end() == 0
