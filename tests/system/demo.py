#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The main job, typed for you: prints each step and whether it held.

Exit status 0 only if every step held.
"""
import sys
import time

from machine import OFF, Machine
from plain import plain

BOOT_LIMIT = 400


class Demo:
    def __init__(self):
        self.failed = 0
        self.count = 0

    def step(self, title, action):
        self.count += 1
        print(f"{self.count:2}. {title} ... ", end="", flush=True)
        began = time.monotonic()
        try:
            result = action()
        except AssertionError as error:
            self.failed += 1
            print("FAILED")
            self.show(error)
            return
        except Exception as error:  # a broken step must not hide the others
            self.failed += 1
            print(f"FAILED: {type(error).__name__}")
            self.show(error)
            return
        print(f"ok ({time.monotonic() - began:.0f} s)")
        if result:
            self.show(result)

    @staticmethod
    def show(text):
        for line in plain(str(text)).rstrip().split("\n"):
            print("      " + line)


def tour(demo, machine):
    demo.step("boot the hypervisor and zone0 to a shell",
              lambda: machine.login() and None)
    demo.step("zone0 and the ready-made definitions",
              lambda: machine.run("hvsh list"))
    demo.step("the machine", lambda: machine.run("hvsh host"))
    free = machine.free_bytes()
    demo.step("start linux1, a stock Debian kernel",
              lambda: machine.run("hvsh start linux1"))
    demo.step("type into its console", lambda: machine.talk("linux1", BOOT_LIMIT))

    def missed():
        with machine.console("linux1", device="console0"):
            machine.expect(r"answer-\d+")
    demo.step("leave with Ctrl-], come back, see what was missed", missed)
    demo.step("start linux2 beside it",
              lambda: machine.run("hvsh start linux2"))
    demo.step("type into the second one", lambda: machine.talk("linux2", BOOT_LIMIT))
    demo.step("pause linux1", lambda: machine.run(
        "hvsh pause linux1 && hvsh list"))
    demo.step("resume it", lambda: machine.run("hvsh resume linux1"))
    demo.step("it still answers", lambda: machine.talk("linux1", BOOT_LIMIT))

    def kill_daemon():
        pid = machine.run("pidof hvd").split()[0]
        machine.run(f"kill -9 {pid}")
        machine.wait_until(
            lambda: machine.try_run("hvsh list --json")[0] == 0 and
            machine.state("linux1") == "running", "hvd is back")
    demo.step("kill -9 the daemon: it comes back, the zones never noticed",
              kill_daemon)
    demo.step("the console works again", lambda: machine.talk("linux1", BOOT_LIMIT))

    def reboot():
        machine.run("hvsh reboot linux1")
        with machine.console("linux1", device="console0",
                             options="--from end"):
            machine.expect("This is linux1, a zone", BOOT_LIMIT)
    demo.step("reboot linux1 and see it greet again", reboot)
    demo.step("it is back", lambda: machine.talk("linux1", BOOT_LIMIT))

    def shutdown():
        machine.run("hvsh shutdown linux1")
        machine.wait_state("linux1", OFF, 300)
    demo.step("shut linux1 down", shutdown)

    def destroy():
        machine.run("hvsh destroy linux2")
        machine.wait_state("linux2", OFF)
    demo.step("destroy linux2", destroy)

    def same():
        now = machine.free_bytes()
        assert now == free, f"{free} bytes free before, {now} after"
        return f"{now >> 20} MiB"
    demo.step("the pool has the same free memory as before", same)
    demo.step("start linux1 again",
              lambda: machine.run("hvsh start linux1 && hvsh list"))
    demo.step("its console", lambda: machine.talk("linux1", BOOT_LIMIT))


def main():
    demo = Demo()
    with Machine("demo") as machine:
        tour(demo, machine)
    if demo.failed:
        print(f"{demo.failed} of {demo.count} steps failed")
        return 1
    print(f"all {demo.count} steps held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
