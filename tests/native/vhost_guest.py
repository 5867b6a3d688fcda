# SPDX-License-Identifier: BSD-2-Clause
"""Programs that talk over vhost-user: hvd-backend, and a stock QEMU that runs
a stock Linux."""
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("O", TOP / "build")).resolve()
KERNEL = BUILD / "aarch64/vmlinuz"
INITRD = BUILD / "aarch64/linux-guest.cpio.gz"
BACKEND = BUILD / "host/hvd-backend"
QEMU = shutil.which("qemu-system-aarch64")
SLOWDOWN = float(os.environ.get("ZV_TEST_SLOWDOWN", 1))
BOOT = 120 * SLOWDOWN
ANSWER = 30 * SLOWDOWN
PROMPT = re.compile(rb"linux:[^\n]*# ")


# A process that cannot be looked into cannot look for leaks either.
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"


class Process:
    """A program whose output is read with a limit on the wait."""

    def __init__(self, *args, **kwargs):
        self.child = subprocess.Popen([str(a) for a in args], bufsize=0,
                                      stdout=subprocess.PIPE, **kwargs)
        self.seen = b""

    def expect(self, pattern, seconds=ANSWER):
        """What came up to the end of the pattern."""
        limit = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen)
            if found:
                text = self.seen[:found.end()]
                self.seen = self.seen[found.end():]
                return text
            left = limit - time.monotonic()
            out = self.child.stdout
            if left <= 0 or not select.select([out], [], [], left)[0]:
                pytest.fail(f"no {pattern!r} in {self.seen[-2000:]!r}")
            data = os.read(out.fileno(), 65536)
            if not data:
                pytest.fail(f"it ended after {self.seen[-2000:]!r}")
            self.seen += data

    def end(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
        try:
            return self.child.wait(ANSWER)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            pytest.fail("it does not end")


class Guest(Process):
    """A machine with its serial port on our pipes."""

    def __init__(self, *devices):
        super().__init__(
            QEMU, "-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg",
            "-m", "256M", "-object",
            "memory-backend-memfd,id=ram,size=256M,share=on", "-machine",
            "memory-backend=ram", "-nodefaults", "-display", "none",
            "-no-reboot", "-serial", "stdio", "-kernel", KERNEL, "-initrd",
            INITRD, "-append", "console=ttyAMA0 quiet", *devices,
            stdin=subprocess.PIPE)

    def boot(self):
        self.expect(PROMPT, BOOT)

    def type(self, line):
        self.child.stdin.write(line.encode() + b"\n")

    def run(self, line):
        self.type(line)
        return self.expect(PROMPT).decode(errors="replace")


@pytest.fixture(name="guest")
def fixture_guest():
    guests = []

    def make(*devices):
        guests.append(Guest(*devices))
        return guests[-1]

    yield make
    for machine in guests:
        machine.end(signal.SIGKILL)


@pytest.fixture(name="backend")
def fixture_backend():
    processes = []

    def make(*args, **kwargs):
        processes.append(Process(*args, **kwargs))
        return processes[-1]

    yield make
    for process in processes:
        process.end(signal.SIGKILL)


def wait_for(path):
    limit = time.monotonic() + ANSWER
    while not path.exists():
        assert time.monotonic() < limit, f"no {path}"
        time.sleep(0.01)


needs_guest = pytest.mark.skipif(
    not (QEMU and KERNEL.exists() and INITRD.exists()),
    reason="needs QEMU, a kernel and an initramfs: make native")
