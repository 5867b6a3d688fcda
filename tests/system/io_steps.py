# SPDX-License-Identifier: BSD-2-Clause
"""Ends the I/O process of a zone: at any moment, or at a step of io_steps.def
by way of a program that can do that, hvd-io-steps.
"""
import pathlib
import re
import struct
from typing import NamedTuple

ORDERS = "/run/hvd-io-steps"
PROGRAM = "/usr/libexec/hvd-io"
VARIANT = "/var/lib/hvd/images/tests/hvd-io-steps"


class Step(NamedTuple):
    number: int
    how: str
    name: str
    what: str


def table():
    """The steps, as the program knows them."""
    text = pathlib.Path(__file__).with_name("io_steps.def").read_text()
    found = re.findall(r'^STEP\("(\w+)", (\w+), "(.*)"\)$', text, re.M)
    assert len(found) == text.count("\nSTEP(")
    return [Step(n, *fields) for n, fields in enumerate(found, 1)]


STEPS = table()
BEFORE_START = next(step for step in STEPS if step.name == "BLK_RECORDED")


def steps_of(*hows):
    return [step for step in STEPS if step.how in hows]


def some_passes(rng, step):
    """How often to let a process pass a step; start-up passes it seldom."""
    return rng.randrange(20) if step.how in ("disk", "net") else 0


class Orders(NamedTuple):
    """What the file of that name holds: see io_steps.c."""
    step: int
    passes: int
    then: int
    died: int
    pid: int
    starts: int


class Victim:
    """The I/O process of a zone.  Within `with`, it can die at steps."""

    def __init__(self, machine, zone):
        self.machine = machine
        self.zone = zone

    def io(self):
        return self.machine.zone(self.zone)["io"]

    def kill(self, microseconds=0):
        """kill -9 after a while; another process follows."""
        pid = self.machine.wait_until(lambda: self.io().get("pid"),
                                      "an I/O process")
        self.machine.run(f"usleep {microseconds}; kill -9 {pid}")
        self.machine.wait_until(
            lambda: self.io().get("pid") not in (None, pid),
            "a new I/O process")

    def __enter__(self):
        self.machine.run(f"dd if=/dev/zero of={ORDERS} bs=24 count=1 &&"
                         f" mount -o bind {VARIANT} {PROGRAM}")
        self.kill()
        return self

    def __exit__(self, *exc):
        self.machine.run(f"umount -l {PROGRAM}; rm {ORDERS}")
        if exc[0] is None:
            self.kill()

    def orders(self):
        words = self.machine.run(f"od -An -v -tu4 {ORDERS}").split()
        return Orders(*map(int, words))

    def die_at(self, step, passes=0):
        """The process dies at a step, once it has passed it that often.  If
        it is one of starting, its predecessor dies with a request at hand."""
        starts = self.orders().starts + 1
        first, then = step.number, 0
        if step.how == "start":
            first, then = BEFORE_START.number, step.number
            starts += 1
        # The step last: with it the process begins to count.
        self.write(1, passes, then, 0)
        self.write(0, first)
        after = self.machine.wait_until(
            lambda: self.reached(starts),
            f"the end of an I/O process at {step.name} ({step.what})")
        assert after.died == step.number and after.starts == starts

    def write(self, at, *words):
        octal = "".join(f"\\{byte:03o}" for byte in
                        struct.pack(f"={len(words)}I", *words))
        self.machine.run(f"printf '{octal}' | dd of={ORDERS} bs=4 seek={at}"
                         " conv=notrunc")

    def reached(self, starts):
        """The orders, once that many processes have been started."""
        now = self.orders()
        return now if now.starts >= starts else None
