# SPDX-License-Identifier: BSD-2-Clause
"""A QEMU machine with Zonevisor and zone0, driven over its serial line.

Every wait is bounded and waits for a condition.  Limits are generous: the
machine is emulated and may share its processors with anything.
"""
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

import pexpect
import pexpect.fdpexpect

from plain import plain

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("O", TOP / "build")).resolve()
LOGS = BUILD / "test" / "console"
SLOW = float(os.environ.get("ZV_TEST_SLOWDOWN", "1"))

PROMPT_LIMIT = 240 * SLOW  # boot to a shell
COMMAND_LIMIT = 120 * SLOW
ANSWER_LIMIT = 5 * SLOW  # then the question is asked again
CTRL_RBRACKET = "\x1d"
OFF = "defined"  # the state of a zone that does not run


class CommandFailed(Exception):
    """A command in zone0 ended with a status other than 0."""

    def __init__(self, command, status, output):
        super().__init__(f"{command!r} ended with {status}:\n{output}")
        self.status = status
        self.output = output


class Machine:
    """QEMU `virt` with the hypervisor (or, native=True, without it)."""

    def __init__(self, name, cpus=4, memory="3G", native=False, extra=(),
                 cpu="cortex-a72", kernel=None, initrd=None, append=None,
                 machine="virt,virtualization=on,gic-version=3"):
        self.name = name
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="zv-"))
        self.commands = 0
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_path = LOGS / f"{name}.log"
        self.log = open(self.log_path, "w", encoding="utf-8", errors="replace")
        if native:
            kernel = kernel or BUILD / "aarch64" / "vmlinuz"
            initrd = initrd or BUILD / "aarch64" / "zone0-test.cpio.gz"
        else:
            kernel = kernel or BUILD / "aarch64" / "zonevisor.bin"
            initrd = initrd or BUILD / "aarch64" / "bundle-test.itb"
        self.argv = [
            "qemu-system-aarch64", "-M", machine, "-cpu", cpu,
            "-smp", str(cpus), "-m", memory, "-nic", "none",
            "-display", "none", "-monitor", "none", "-no-reboot",
            "-chardev", f"socket,id=s0,path={self.dir}/serial,server=on,wait=on",
            "-serial", "chardev:s0",
            "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
            "-kernel", str(kernel), "-initrd", str(initrd),
            *(["-append", append] if append else []),
            *extra,
        ]
        self.stderr = open(self.dir / "qemu.err", "wb")
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=self.stderr,
            stderr=subprocess.STDOUT)
        self.socket = self._connect(self.dir / "serial")
        self.serial = pexpect.fdpexpect.fdspawn(
            self.socket, encoding="utf-8", codec_errors="replace",
            logfile=self.log, maxread=65536, searchwindowsize=None)
        self.serial.delaybeforesend = None

    def _connect(self, path):
        limit = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                s = socket.socket(socket.AF_UNIX)
                s.connect(str(path))
                return s
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("QEMU did not start: " + self.qemu_errors())
            time.sleep(0.05)

    def qemu_errors(self):
        return (self.dir / "qemu.err").read_text(errors="replace")

    def tail(self, lines=60):
        """The end of the console log, for a failure's message."""
        self.log.flush()
        text = plain(self.log_path.read_text(errors="replace"))
        return "\n".join(text.rstrip().split("\n")[-lines:])

    # -- the console ------------------------------------------------------
    def send(self, text):
        self.serial.send(text)

    def expect(self, pattern, timeout=COMMAND_LIMIT):
        """Waits for a regular expression; returns the match."""
        try:
            self.serial.expect(pattern, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise AssertionError(
                f"{self.name}: {type(error).__name__} waiting for {pattern!r};"
                f" console log {self.log_path} ends:\n{self.tail()}"
                f"\n{self.qemu_errors()}") from None
        return self.serial.match

    def login(self):
        """Waits for zone0's shell and makes it easy to drive."""
        self.expect(r"zone0:[^\r\n]*# ", PROMPT_LIMIT)
        # Wide, so that no table is cut.
        self.send("stty -echo cols 160; exec bash --norc --noediting\n")
        self.send("PS1= PS2=; dmesg -n 1; echo log''ged in\n")
        self.expect(r"logged in\r?\n")
        return self

    def try_run(self, command, timeout=COMMAND_LIMIT):
        """Runs a shell command in zone0: (status, output)."""
        self.commands += 1
        mark = f"@@{self.commands}"
        self.send(f"{{ {command}\n}} 2>&1 </dev/null; echo \"{mark}=$?\"\n")
        match = self.expect(re.escape(mark) + r"=(\d+)\r?\n", timeout)
        # Colours and progress are for people.
        return int(match.group(1)), plain(self.serial.before)

    def run(self, command, timeout=COMMAND_LIMIT):
        """The same, for commands that must succeed; returns the output."""
        status, output = self.try_run(command, timeout)
        if status:
            raise CommandFailed(command, status, output)
        return output

    def json(self, command, timeout=COMMAND_LIMIT):
        return json.loads(self.run(command, timeout))

    def wait_until(self, condition, what, timeout=COMMAND_LIMIT):
        """Polls condition() until it is true; returns what it returned."""
        limit = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > limit:
                raise AssertionError(
                    f"{self.name}: {what} did not happen; console log ends:\n"
                    + self.tail())
            time.sleep(0.2)

    # -- zones -------------------------------------------------------------
    def zones(self):
        """hvsh list: {name: summary}."""
        return {z["name"]: z for z in self.json("hvsh list --json")}

    def zone(self, name):
        return self.json(f"hvsh info {name} --json")

    def state(self, name):
        return self.zones()[name]["state"]

    def wait_state(self, name, state, timeout=COMMAND_LIMIT):
        self.wait_until(lambda: self.state(name) == state,
                        f"zone {name} in state {state!r}", timeout)

    def free_bytes(self):
        return self.json("hvsh host --json")["memory"]["free"]

    def define(self, name, **settings):
        """Defines a zone; without a kernel it is the bare-metal guest."""
        definition = {"name": name, "vcpus": 1, "memory": "16M",
                      "kernel": "/var/lib/hvd/images/tests/zvtest.bin",
                      **settings}
        text = json.dumps(definition)
        self.run(f"printf '%s' {shlex.quote(text)} >/tmp/{name}.json"
                 f" && hvsh define /tmp/{name}.json")

    def define_test(self, name, mode, options="", **settings):
        self.define(name, cmdline=f"mode={mode} {options}".strip(), **settings)

    def destroy(self, name):
        """Destroys a zone if it is there and waits until it is gone."""
        self.try_run(f"hvsh destroy {name}")
        self.wait_state(name, OFF)

    def start(self, name):
        self.run(f"hvsh start {name}")

    @contextlib.contextmanager
    def console(self, name, device="uart0", options="--from start"):
        """hvsh console, as a person uses it; left with Ctrl-]."""
        self.commands += 1
        mark = f"@@{self.commands}"
        self.send(f"hvsh console {name} --device {device} {options};"
                  f" echo \"{mark}=$?\"\n")
        self.expect(re.escape(f"[{name}: {device};"))
        try:
            yield self
        finally:
            self.send(CTRL_RBRACKET)
            self.expect(re.escape(mark) + r"=\d+\r?\n")
            self.run("stty -echo -F /dev/ttyAMA0")

    def talk(self, name, timeout):
        """Types into a Linux zone's console until its shell answers.  A prompt may
        be of the boot before, and Linux drops what is typed before a shell reads."""
        number = 1000 + self.commands  # not yet in the console's log

        def is_answered():
            self.send(f"uname -sr; echo answer-$(({number}*7))\r")
            return self.expect([f"answer-{number * 7}", pexpect.TIMEOUT],
                               ANSWER_LIMIT) != pexpect.TIMEOUT

        with self.console(name, device="console0"):
            self.send("\r")
            self.expect(r"# ", timeout)
            self.wait_until(is_answered, f"{name}'s answer", timeout)

    def run_guest(self, name, mode, options="", timeout=COMMAND_LIMIT,
                  **settings):
        """Runs a mode of the bare-metal guest to its end; checks reports."""
        self.define_test(name, mode, options, **settings)
        self.start(name)
        try:
            with self.console(name):
                match = self.expect(
                    rf"DONE {mode}: (\d+) passed, (\d+) failed", timeout)
                text = self.serial.before
            passed, failed = int(match.group(1)), int(match.group(2))
            assert failed == 0 and passed > 0, text
            return text
        finally:
            self.destroy(name)
            self.run(f"hvsh undefine {name}")

    # -- the machine -------------------------------------------------------
    def qmp(self, command, **arguments):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(str(self.dir / "qmp"))
        with s, s.makefile("rw") as f:
            f.readline()
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                f.write(json.dumps(request) + "\n")
                f.flush()
                while True:
                    reply = json.loads(f.readline())
                    if "return" in reply or "error" in reply:
                        break
        return reply

    def alive(self):
        return self.process.poll() is None

    def close(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.socket.close()
        self.stderr.close()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
