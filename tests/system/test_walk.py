# SPDX-License-Identifier: BSD-2-Clause
"""Every method of hvd and every command of hvsh once, on the real system.

What each prints or answers is held to toolstack/daemon/openrpc.json, on this
machine, where there is a JSON Schema validator. A method, a command or an option
that no row below has fails the last tests; a new one needs a row.
"""
import dataclasses
import json
import re
import shlex
import sys

import pytest

from machine import OFF, TOP

sys.path.append(str(TOP / "tests/native"))

import openrpc  # noqa: E402

TESTS = "/var/lib/hvd/images/tests"
SOCKET = "/run/hvd/hvd.sock"
CTRL_C, CTRL_RBRACKET = "\x03", "\x1d"


def definition(name, **members):
    """Of a bare-metal guest that waits for its power key."""
    return {"name": name, "vcpus": 1, "memory": "16M",
            "kernel": f"{TESTS}/zvtest.bin", "cmdline": "mode=hello",
            "devices": [{"type": "disk", "path": f"/tmp/{name}.img"},
                        {"type": "net", "user": True}], **members}


DEAF = {"cmdline": "mode=tick", "devices": []}
IMAGES = "/var/lib/hvd/images"
# A Linux, for only a driver makes a screen show something.
SCREEN = {"vcpus": 1, "memory": "256M", "kernel": f"{IMAGES}/vmlinuz",
          "initrd": f"{IMAGES}/linux-guest.cpio.gz",
          "cmdline": "console=hvc0 zv.name=p quiet",
          "devices": [{"type": "console"}, {"type": "gpu"},
                      {"type": "input", "kind": "keyboard"}]}
HVISOR_ZONE = {
    "arch": "arm64", "name": "i", "zone_id": 1, "cpus": [1],
    "memory_regions": [{"type": "ram", "physical_start": "0x50000000",
                        "virtual_start": "0x40000000", "size": "0x1000000"}],
    "interrupts": [], "ivc_configs": [], "kernel_filepath": f"{TESTS}/zvtest.bin",
    "dtb_filepath": "null", "kernel_load_paddr": "0x50400000",
    "dtb_load_paddr": "0x50000000", "entry_point": "0x40200000"}
HVISOR_VIRTIO = {"zones": [{"id": 1, "devices": [
    {"type": "console", "irq": 79, "addr": "0xa003c00", "len": "0x200"}]}]}

# In zone0's /tmp.
FILES = {
    "w.json": definition("w"), "w2.json": definition("w", priority=9),
    "deaf.json": definition("deaf", **DEAF),
    "p.json": {"name": "p", **SCREEN},
    "zone.json": HVISOR_ZONE, "virtio.json": HVISOR_VIRTIO}


@pytest.fixture(scope="module", autouse=True)
def files(machine):
    for name, content in FILES.items():
        machine.run(f"printf '%s' {shlex.quote(json.dumps(content))}"
                    f" >/tmp/{name}")
    machine.run("truncate -s 1M /tmp/r.img /tmp/w.img /tmp/c.img")


# --------------------------------------------------------------------- the RPC

R, Q = {"name": "r"}, {"name": "q"}
THE_ONE = "the one that job.list tells"
DISK = {**R, "device": "disk0"}

# Method, parameters, and the state to wait for before the next one.
METHODS = [
    ("hvd.version", {}, None),
    ("host.info", {}, None),
    ("host.log", {"pos": 0}, None),
    ("host.counters", {}, None),
    ("log.level", {"level": "info"}, None),
    ("rpc.discover", {}, None),
    ("trace.set", {"events": ["run"]}, None),
    ("trace.read", {"cpu": 0}, None),
    ("zone.define", {"definition": definition("r"), "generation": 0}, OFF),
    ("device.set", {**DISK, "limits": {"total-iops-sec": 5000}}, None),
    ("zone.list", {}, None),
    ("zone.list", {"detail": True}, None),
    ("zone.get", {"name": "zone0"}, None),
    ("zone.get", {"name": "00000000-0000-0000-0000-000000000000"}, None),
    ("zone.start", {**R, "paused": True}, "paused"),
    ("zone.resume", R, "running"),
    ("zone.get", R, None),
    ("host.counters", {"zone": "r"}, None),
    ("device.counters", DISK, None),
    ("device.resize", DISK, None),
    ("device.resume", DISK, None),
    ("device.set", {**R, "device": "net0", "link": False, "mtu": 1400}, None),
    ("console.attach", {**R, "device": "uart0", "from": "start"}, None),
    ("zone.dump", {**R, "path": "/tmp/r.core", "live": True, "force": True},
     None),
    ("zone.pin", {**R, "vcpu": 0, "pcpu": 2}, None),
    ("zone.set", {**R, "vcpus": 1, "title": "R",
                  "metadata": {"urn:r": "<r/>"}}, None),
    ("zone.clone", {**R, "new_name": "s", "devices": {
        "disk0": {"path": "/tmp/s.img"}}}, None),
    ("zone.rename", {"name": "s", "new_name": "s2"}, None),
    ("zone.undefine", {"name": "s2"}, None),
    ("zone.pause", R, "paused"),
    ("zone.resume", R, "running"),
    ("zone.reboot", R, "running"),
    ("zone.reset", R, "running"),
    ("zone.shutdown", {**R, "timeout": 100}, OFF),
    ("zone.start", R, "running"),
    ("zone.destroy", R, OFF),
    ("zone.undefine", R, None),
    ("zone.create", {"definition": definition("q", **DEAF)}, None),
    ("zone.shutdown", Q, None),
    ("job.list", {}, None),
    ("job.cancel", {"job": THE_ONE}, None),
    ("zone.destroy", Q, None),
    ("event.subscribe", {"since": 0}, None),
    ("event.unsubscribe", {}, None),
]


# What has to come before on the same connection.
BEFORE = {"trace.read": [("trace.set", {"events": ["hypercall", "run"]})]}


def ask(machine, *calls, socket=SOCKET):
    """Calls on one connection, one after the other: answers and events, all as
    the document says."""
    requests = "".join(
        json.dumps({"jsonrpc": "2.0", "id": number, "method": method,
                    "params": params}) + "\n"
        for number, (method, params) in enumerate(calls))
    text = machine.run(f"{TESTS}/rpcline {socket} <<'EOF'\n{requests}EOF")
    answers, events = [], []
    for message in map(json.loads, text.splitlines()):
        if "method" in message:
            openrpc.check_event(message)
            events.append(message["params"])
        else:
            assert message["id"] == len(answers)
            openrpc.check(*calls[len(answers)], message)
            answers.append(message)
    assert len(answers) == len(calls)
    return answers, events


@pytest.mark.parametrize("method, params, state", METHODS,
                         ids=[row[0] for row in METHODS])
def test_method(machine, method, params, state):
    if params.get("job") == THE_ONE:
        [jobs], _ = ask(machine, ("job.list", {}))
        params = {"job": jobs["result"][0]["id"]}
    answers, _ = ask(machine, *BEFORE.get(method, []), (method, params))
    for answer in answers:
        assert "result" in answer, answer
    if state:
        machine.wait_state("r", state)


# Of zone p.
SCREEN_METHODS = [
    ("display.get", {"name": "p"}),
    ("display.screenshot", {"name": "p", "path": "/tmp/p.png", "force": True}),
    ("display.send_keys", {"name": "p", "keys": [42], "hold_ms": 1}),
]


@pytest.fixture(scope="module")
def screen(machine):
    """Zone p has found its screen and its keyboard."""
    machine.run("hvsh run /tmp/p.json")
    machine.wait_until(
        lambda: machine.try_run("hvsh screenshot p /tmp/p.png --force &&"
                                " hvsh sendkey p shift")[0] == 0,
        "a screen and a keyboard", 400)
    return machine


@pytest.mark.parametrize("method, params", SCREEN_METHODS,
                         ids=[row[0] for row in SCREEN_METHODS])
def test_screen_method(screen, method, params):
    [answer], _ = ask(screen, (method, params))
    assert "result" in answer, answer


def test_events_of_all_that(machine):
    _, events = ask(machine, ("event.subscribe", {"since": 0}),
                    ("event.unsubscribe", {}))
    told = [e["event"] for e in events if e["zone"] == "r"]
    expected = ["defined", "changed", "started", "paused", "resumed",
                "shutdown", "rebooted", "stopped", "undefined"]
    assert [e for e in dict.fromkeys(told) if e in expected] == expected


def test_call_that_is_cancelled(machine):
    """Both at once: a call must be in flight."""
    machine.run("hvsh define /tmp/deaf.json; hvsh start deaf")
    calls = [("zone.shutdown", {"name": "deaf", "timeout": 100}),
             ("rpc.cancel", {"id": 0})]
    batch = json.dumps([{"jsonrpc": "2.0", "id": number, "method": method,
                         "params": params}
                        for number, (method, params) in enumerate(calls)])
    answers = json.loads(machine.run(
        f"{TESTS}/rpcline {SOCKET} <<'EOF'\n{batch}\nEOF"))
    for answer in answers:
        openrpc.check(*calls[answer["id"]], answer)
    told = {answer["id"]: answer for answer in answers}
    assert told[0]["error"]["data"]["code"] == "CANCELLED"
    assert told[1]["result"] == {}
    assert machine.state("deaf") == "running"
    machine.destroy("deaf")
    machine.run("hvsh undefine deaf")


def test_socket_for_those_who_only_look(machine):
    """Of the answers, one is large, and known."""
    calls = [(name, {}) for name in openrpc.METHODS if name != "rpc.discover"]
    for start in range(0, len(calls), 20):  # what a terminal takes at once
        some = calls[start:start + 20]
        answers, _ = ask(machine, *some, socket="/run/hvd/hvd-ro.sock")
        for (method, _), answer in zip(some, answers):
            code = answer.get("error", {}).get("data", {}).get("code")
            if openrpc.METHODS[method]["x-readonly"]:
                assert code in (None, "INVALID_PARAMS"), answer
            else:
                assert code == "PERMISSION", answer


# ------------------------------------------------------------------------ hvsh

@dataclasses.dataclass
class Row:
    """A command line of zone0's shell, with hvsh in it."""
    line: str
    says: str = ""  # a regular expression
    status: int = 0
    result: str = ""  # of which method it prints the result, as JSON
    keys: str = ""  # are typed when it has said that, on its terminal
    state: str = ""  # of w, to wait for before the next one


HVSH = [
    Row("hvsh --version", r"hvsh \d+\.\d+\.\d+"),
    Row("hvsh --help", "usage: hvsh"),
    Row(f"hvsh --socket={SOCKET} --timeout=90 --color=always list", "zone0"),
    Row("hvsh --complete sta", "start"),
    Row("hvsh help", "Exit status: 0 done"),
    Row("hvsh help start", "--paused"),
    Row("hvsh", "hvsh> ", keys="quit\r"),
    Row("echo list | hvsh", "zone0"),
    Row("hvsh quit"),
    Row("hvsh host", r"free: +\S+"),
    Row("hvsh host --json", result="host.info"),
    Row("hvsh version", "hvd"),
    Row("hvsh version --json", r'"abi"'),
    Row("hvsh doctor", "ok"),
    Row("hvsh doctor --root=/ --json", r'"level"'),
    Row("hvsh log", r"(?m)^\[ *\d+\.\d+\]"),
    Row("hvsh log --follow", "zone0", keys=CTRL_C),
    Row("hvsh log-level info", "^info"),
    Row("hvsh log-level", "^info"),
    Row("hvsh trace --output /tmp/w.trace --seconds 1 --events run,sched",
        r"[1-9]\d* records in"),
    Row("hvsh counters", "exits"),
    Row("hvsh counters --json", result="host.counters"),
    Row("hvsh define /tmp/deaf.json", "deaf: defined"),
    Row("hvsh start deaf", "deaf: started"),
    Row("hvsh shutdown deaf --timeout 1", "hint: 'hvsh destroy deaf'", 4),
    Row("hvsh shutdown deaf --force --timeout 2", "deaf: shut off"),
    Row("hvsh start deaf", "deaf: started"),
    Row("hvsh shutdown deaf", "deaf: asked"),
    Row("hvsh jobs", r"shutdown +deaf +.* yes +pid"),
    Row("hvsh jobs --json", result="job.list"),
    Row("hvsh jobs --watch", "deaf", keys="q"),
    Row("hvsh cancel $(hvsh jobs --json | sed -n 's/.*\"id\": *//p' |"
        " tr -d ,)", "asked to end"),
    Row("hvsh cancel 1", "there is no job 1", 1),
    Row("hvsh destroy deaf", "deaf: stopped"),
    Row("hvsh undefine deaf", "deaf"),
    Row("hvsh define - </tmp/w.json", "w: defined .generation 1"),
    Row("hvsh define /tmp/w2.json", r"generation 2"),
    Row("hvsh dumpdef w", '"priority": 9'),
    Row("hvsh diff w /tmp/w.json", r"\n\+.*priority", 5),
    Row("VISUAL='sed -i s/16M/32M/' hvsh edit w", r"generation 3"),
    Row("hvsh create c --vcpus 1 --memory 16M --kernel=/k --print", '"name"'),
    Row(f"hvsh create c --vcpus 1 --memory 16M --kernel {TESTS}/zvtest.bin"
        " --initrd /tmp/w.json --cmdline mode=hello --disk /tmp/c.img,readonly"
        " --net=user --autostart --start", "c: started"),
    Row("hvsh destroy c", "c: stopped"),
    Row("hvsh undefine c", "c"),
    Row("hvsh clone w w3 --disk disk0=/tmp/w3.img --forward net0=none --uuid "
        "6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48", "w3: defined like w .6f0c1e5a"),
    Row("hvsh rename w3 w4", "w3: renamed to w4"),
    Row("hvsh undefine w4", "w4"),
    Row("hvsh setvcpus w 2 --config --maximum", "w: defined"),
    Row("hvsh setmem w 24M --config", "w: defined"),
    Row("hvsh describe w --title=W --text 'of the walk'", "w: described"),
    Row("hvsh autostart w", "w: defined"),
    Row("hvsh autostart w --disable", "w: defined"),
    Row("hvsh vcpupin w 1 3 --config", "w: defined"),
    Row("hvsh run /tmp/deaf.json --paused", "deaf: started, paused"),
    Row("hvsh list", "deaf +paused .* transient"),
    Row("hvsh destroy deaf", "deaf: stopped"),
    Row("hvsh run --console /tmp/deaf.json", "tick", keys=CTRL_RBRACKET),
    Row("hvsh destroy deaf", "deaf: stopped"),
    Row("hvsh import --print /tmp/zone.json", '"name"'),
    Row("hvsh import /tmp/zone.json /tmp/virtio.json", "i: defined"),
    Row("hvsh undefine i", "i"),
    Row("hvsh start w --paused", "w: started", state="paused"),
    Row("hvsh resume w", "w: resumed|goes on", state="running"),
    Row("hvsh dump w /tmp/w.core", "w: dumped to /tmp/w.core"),
    Row("hvsh dump w /tmp/w.core", "hint: force", 1),
    Row("hvsh dump --live --force w /tmp/w.core; rm /tmp/?.core", "w: dumped"),
    Row("hvsh pause w", "w: paused", state="paused"),
    Row("hvsh resume w", state="running"),
    Row("hvsh list", r"w +running"),
    Row("hvsh list --all --json", result="zone.list"),
    Row("hvsh list --running", "w"),
    Row("hvsh list --title", "TITLE"),
    Row("hvsh list --watch", "linux1", keys="q"),
    Row("hvsh info w", "disk0"),
    Row("hvsh info w --json", result="zone.get"),
    Row("hvsh info w --watch", "disk0", keys="q"),
    Row("hvsh counters w", "exits"),
    Row("hvsh counters w disk0 --json", '"read-bytes": 0'),
    Row("hvsh top --interval 0.5 --count 1 --sort name", r"w +running +\d"),
    Row("hvsh top --interval=0.5 --count=1 --json", '"cpu_percent":'),
    Row("hvsh top", "by cpu", keys="q"),
    Row("hvsh diff w"),
    Row("hvsh vcpupin w", r"1 +3 +3"),
    Row("hvsh vcpupin w 0 2 --live", "w: vCPU 0 goes to CPU 2"),
    Row("hvsh setvcpus w 1 --live", "w: 1 vCPU may be on"),
    Row("hvsh set w disk0 limits.total-iops-sec=500", "disk0 is set"),
    Row("hvsh resize w disk0", "disk0 has 1 MiB"),
    Row("hvsh resume w disk0", "disk0"),
    Row("hvsh console w --device uart0 --from start --force", "ready",
        keys=CTRL_RBRACKET),
    Row("hvsh console w --from start --readonly </dev/null", "ready", 130,
        keys=CTRL_C),
    Row("hvsh reboot w", "w", state="running"),
    Row("hvsh reset w", "w", state="running"),
    Row("hvsh shutdown w --wait", "w: shut off", state=OFF),
    Row("hvsh start w --console", "ready", keys=CTRL_RBRACKET,
        state="running"),
    Row("hvsh shutdown w --timeout 100", "w: shut off", state=OFF),
    Row("hvsh events --since 0 --json", r'"zone": *"w",.*"event": *"rebooted"',
        keys=CTRL_C),
    Row("hvsh events --since 0", "w +rebooted", keys=CTRL_C),
    Row("hvsh undefine w", "w"),
    Row("hvsh display p", "1280x800"),
    Row("hvsh display p --json", result="display.get"),
    Row("hvsh vnc p", "/run/hvd/vnc/p-0.sock"),
    Row("hvsh vnc p --head 0 --viewer", "hint: install tigervnc-viewer", 1),
    Row("hvsh screenshot p /tmp/p.png --head 0", "hint: ", 1),
    Row("hvsh screenshot p /tmp/p.png --force", "p: head 0 is in /tmp/p.png"),
    Row("hvsh sendkey p ctrl KEY_A --hold 10", "p: pressed"),
    Row("hvsh destroy p", "p: stopped"),
    Row("hvsh start w", "hint: ", 1),
    Row("hvsh start", "hint: usage: hvsh start", 2),
    Row("hvsh --socket=/tmp/none list", "hint: start the daemon", 3),
]


def typed(machine, row):
    """On the terminal, as a person does: status and what it said."""
    machine.commands += 1
    mark = f"@@{machine.commands}"
    machine.send(f"{row.line}; echo \"{mark}=$?\"\n")
    said = machine.expect(row.says).group()
    machine.send(row.keys)
    status = int(machine.expect(mark + r"=(\d+)\r?\n").group(1))
    machine.run("stty -echo -F /dev/ttyAMA0")
    return status, said


@pytest.mark.parametrize("row", HVSH, ids=[row.line for row in HVSH])
def test_command(machine, screen, row):
    status, text = typed(machine, row) if row.keys else \
        machine.try_run(row.line)
    assert status == row.status, text
    if row.result:
        openrpc.RESULTS[row.result].validate(json.loads(text))
    else:
        assert re.search(row.says, text), text
    if row.state:
        machine.wait_state("w", row.state)


# ------------------------------------------------------------- nothing left out

def words_of(line):
    """The command that hvsh is given, or None, and the options of both."""
    words = shlex.split(line)
    words = words[words.index("hvsh") + 1:]
    options = {w.split("=")[0] for w in words if w.startswith("--")}
    commands = [w for w in words if not w.startswith("-")]
    return commands[0] if commands else None, options


def test_no_method_is_left_out():
    assert {row[0] for row in METHODS + SCREEN_METHODS} | {"rpc.cancel"} == \
        set(openrpc.METHODS)


def test_no_command_and_no_option_is_left_out(machine):
    names = re.findall(r"^  ([a-z][-a-z]*) {2,}", machine.run("hvsh help"),
                       re.M)
    assert len(names) > 20
    # By one process, which reads them as commands.
    text = machine.run("for c in '' " + " ".join(names) +
                       "; do echo help $c; done | hvsh")
    walked = {}
    for row in HVSH:
        command, options = words_of(row.line)
        walked.setdefault(command, set()).update(options)
    walked[""] = {o for options in walked.values() for o in options}
    helps = re.split(r"^usage: hvsh ", text, flags=re.M)[1:]
    assert len(helps) == 1 + len(names)
    for part in helps:
        name = re.match(r"[-a-z]*", part).group()  # "": the overview
        options = set(re.findall(r"^  (?:-.,|   ) (--[-a-z]+)", part, re.M))
        assert name in walked, f"no row has hvsh {name}"
        assert options - {"--help"} <= walked[name], f"hvsh {name}"


def test_no_exit_status_is_left_out(machine):
    text = re.search(r"Exit status:(.*)\.", machine.run("hvsh help"), re.S)
    told = {int(n) for n in re.findall(r"\b\d+\b", text.group(1))}
    assert told == {row.status for row in HVSH}
