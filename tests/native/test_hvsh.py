# SPDX-License-Identifier: BSD-2-Clause
"""hvsh against a scripted daemon: output, errors, exit statuses, consoles."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

import openrpc
import seen
from fake_hvd import (UUID, FakeHvd, RpcError, hvsh_path, read_until, running,
                      zone)
from trace_format import Trace

ROOT = Path(__file__).resolve().parents[2]
HVSH = hvsh_path()
SECONDS = 20

pytestmark = pytest.mark.skipif(not os.access(HVSH, os.X_OK),
                                reason=f"{HVSH} is not built: make host")


@pytest.fixture
def hvd(tmp_path):
    daemon = FakeHvd(tmp_path)
    daemon.add(zone("linux1", "running"), zone("rt", "paused", id=9),
               zone("spare"))
    yield daemon
    daemon.close()


@pytest.fixture
def env(tmp_path):
    return dict(os.environ, HVD_SOCKET=str(tmp_path / "hvd.sock"),
                XDG_CACHE_HOME=str(tmp_path / "cache"), HOME=str(tmp_path),
                TERM="xterm", LC_ALL="C.UTF-8", TZ="UTC")


@pytest.fixture
def hvsh(env):
    def run(*words, stdin="", **more):
        result = subprocess.run([HVSH, *words], env=env | more, input=stdin,
                                capture_output=True, text=True,
                                timeout=SECONDS, check=False)
        seen.note_hvsh(result.returncode, result.stderr)
        return result
    return run


@pytest.mark.parametrize("words, prepare, said", [
    (["info", "z"], lambda d: d.add(zone("z", "asleep")),
     "'asleep' is not one of"),
    (["info", "z"], lambda d: d.add(zone("z", mood=1)), "('mood' was unexpec"),
    (["start", "z"], lambda d: d.overrides.update({"zone.start": lambda _: 5}),
     "$ 5 is not of type 'object'"),
    (["version"], lambda d: d.overrides.update(
        {"hvd.version": RpcError("NO_MEMORY", "no")}), "NO_MEMORY"),
    (["list"], lambda d: d.judge(openrpc.check_event, {
        "jsonrpc": "2.0", "method": "event", "params": {"seq": 1}}), "'time'"),
])
def test_the_scripted_daemon_is_held_to_the_document(env, hvsh, tmp_path, words,
                                                     prepare, said):
    daemon = FakeHvd(tmp_path)
    prepare(daemon)
    hvsh(*words)
    with pytest.raises(AssertionError, match=re.escape(said)):
        daemon.close()


def good(result):
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def bad(result, status, text):
    assert result.returncode == status, result
    assert text in result.stderr, result.stderr


# ---- results ----

def test_list_shows_all_zones(hvd, hvsh):
    lines = good(hvsh("list")).splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATE", "VCPUS", "MEMORY",
                                "AUTOSTART", "REASON"]
    assert [line.split()[1] for line in lines[1:]] == \
        ["linux1", "rt", "spare"]
    assert "512 MiB" in lines[1]
    assert re.match(r" *- +spare +shut off ", lines[3])
    assert "\033" not in "".join(lines)


def test_list_with_titles(hvd, hvsh):
    hvd.add(zone("shop", title="the web\033 shop"))
    lines = good(hvsh("list", "--title")).splitlines()
    assert lines[0].split()[-2:] == ["REASON", "TITLE"]
    assert lines[4].endswith(" the web? shop")
    assert lines[1].split()[-1] == "no"


def test_info_describes(hvd, hvsh):
    hvd.add(zone("shop", title="the shop", definition={
        "name": "shop", "description": "first\n\nthird\033\n"}))
    assert re.search(r"^UUID: .*\nTitle: +the shop\nDescription: +first\n"
                     r" +\n +third\?\nState: ", good(hvsh("info", "shop")),
                     re.M)


@pytest.mark.parametrize("words", [["--all"], ["-a"], ["--all", "--json"]])
def test_list_all_is_the_default(hvd, hvsh, words):
    shown = good(hvsh("list", *words))
    assert shown == good(hvsh("list", *words[1:]))
    assert "spare" in shown


@pytest.mark.parametrize("words", [["--running"], ["-r"], ["-r", "--all"]])
def test_list_running_leaves_out_what_is_shut_off(hvd, hvsh, words):
    hvd.add(zone("bad", "crashed"))
    lines = good(hvsh("list", *words)).splitlines()
    names = [line.split()[1] for line in lines[1:]]
    assert names == ["linux1", "rt", "bad"]
    zones = json.loads(good(hvsh("list", *words, "--json")))
    assert [z["name"] for z in zones] == names


def test_list_json_is_what_the_daemon_said(hvd, hvsh):
    zones = json.loads(good(hvsh("list", "--json")))
    assert zones == hvd.zone_list({})
    assert [z["state"] for z in zones] == ["running", "paused", "defined"]


def test_empty_list(hvd, hvsh):
    hvd.zones.clear()
    assert len(good(hvsh("list")).splitlines()) == 1
    assert json.loads(good(hvsh("list", "--json"))) == []


def test_info(hvd, hvsh):
    hvd.add(zone("bad", "crashed", reason="stage-2 fault\033[2J",
                 info={"fault": {"vcpu": 1, "pc": 0x40080000, "addr": 16,
                                 "ipa": 32, "syndrome": 0x93}}))
    out = good(hvsh("info", "linux1"))
    assert re.search(r"State: +running\n", out)
    assert re.search(r"CPU time: +1\.500 s", out)
    assert re.search(r"I/O process: +pid 42, 1 restarts", out)
    assert "Mapped" not in out  # the daemon did not tell
    out = good(hvsh("get", "bad"))
    assert "crashed (stage-2 fault?[2J)" in out
    assert "vCPU 1 at pc 0x40080000" in out
    assert json.loads(good(hvsh("info", "--json", "bad")))["io"]["pid"] == 42


def test_info_shows_how_many_vcpus_may_be_on(hvd, hvsh):
    both = {"vcpus": {"max": 2, "on": 1}}
    hvd.add(zone("low", definition={"name": "low", **both}),
            zone("live", "running", running_definition={"name": "live", **both}),
            zone("up", "running", running_definition={"name": "up", "vcpus": 2},
                 definition={"name": "up", **both}))
    for name, shown in ("low", ", of which 1 may be on"), \
            ("live", ", of which 1 may be on"), ("up", ""), ("linux1", ""):
        assert f"vCPUs:         2{shown}\n" in good(hvsh("info", name))


def test_info_shows_how_memory_is_mapped(hvd, hvsh):
    hvd.add(zone("big", "running", info={
        "cpu_time_ns": 93784 * 10**9, "vcpus_on": 2, "pages": 393216,
        "pages_granted": 512, "pages_overhead": 300, "map_1g": 1,
        "map_2m": 256, "map_4k": 17}))
    out = good(hvsh("info", "big"))
    assert re.search(r"^CPU time: +1d 02:03:04$", out, re.M)
    assert re.search(r"^RAM held: +1\.5 GiB, 2 MiB of it mapped by zone0$", out,
                     re.M)
    assert re.search(r"^Overhead: +1\.2 MiB \(", out, re.M)
    assert re.search(r"^Mapped as: +1 x 1 GiB, 256 x 2 MiB, 17 x 4 KiB$", out,
                     re.M)


def test_info_shows_who_moves_packets(hvd, hvsh):
    net = {"name": "net0", "type": "net", "state": "ok", "link": True,
           "mac": "5a:00:00:00:00:01", "mtu": 1500, "bridge": "zvbr0",
           "tap": "zv1.0", "vhost": True}
    hvd.add(zone("on", "running", devices=[net]),
            zone("off", "running", devices=[net | {"vhost": False}]))
    assert "zv1.0 on zvbr0, vhost\n" in good(hvsh("info", "on"))
    assert "zv1.0 on zvbr0\n" in good(hvsh("info", "off"))


def test_life_of_a_zone(hvd, hvsh):
    assert good(hvsh("start", "spare", "--paused")) == "spare: started, paused\n"
    assert hvd.called("zone.start") == [{"name": "spare", "paused": True}]
    assert good(hvsh("resume", "spare")) == "spare: resumed\n"
    assert good(hvsh("pause", "spare")) == "spare: paused\n"
    assert good(hvsh("suspend", "spare")) == "spare: paused\n"
    assert good(hvsh("reset", "spare")) == "spare: reset\n"
    assert good(hvsh("reboot", "spare")) == "spare: asked to reboot\n"
    assert good(hvsh("shutdown", "spare")) == "spare: asked to shut down\n"
    assert good(hvsh("shutdown", "spare", "--wait", "--timeout=5")) == \
        "spare: shut off\n"
    assert good(hvsh("shutdown", "spare", "--force", "--timeout=5")) == \
        "spare: shut off\n"
    assert hvd.called("zone.shutdown") == [
        {"name": "spare"}, {"name": "spare", "timeout": 5},
        {"name": "spare", "timeout": 5, "force": True}]
    assert good(hvsh("destroy", "spare")) == "spare: stopped\n"
    assert good(hvsh("undefine", "spare")) == "spare: definition deleted\n"
    assert "spare" not in hvd.zones


def test_undefine_says_that_a_zone_goes_on(hvd, hvsh):
    assert good(hvsh("undefine", "linux1")).splitlines() == [
        "linux1: definition deleted",
        "linux1 is still running, transient now: it will be gone once it is "
        "shut off"]


def test_run_a_transient_zone(hvd, hvsh, tmp_path):
    definition = {"name": "brief", "memory": "1G"}
    file = tmp_path / "brief.json"
    file.write_text(json.dumps(definition))
    assert good(hvsh("run", str(file))) == "brief: started\n"
    assert hvd.called("zone.create") == [{"definition": definition}]
    assert json.loads(good(hvsh("dumpdef", "brief"))) == definition
    assert "Persistent:    no\n" in good(hvsh("info", "brief"))
    assert "Persistent:    yes\n" in good(hvsh("info", "spare"))
    rows = {row.split()[1]: row.split() for row in
            good(hvsh("list")).splitlines()}
    assert rows["brief"][-1] == "transient"
    assert "transient" not in rows["spare"]
    assert good(hvsh("run", "--paused", "-", stdin=json.dumps(definition))) \
        == "brief: started, paused\n"
    assert hvd.called("zone.create")[1] == {"definition": definition,
                                            "paused": True}
    bad(hvsh("run", "-", stdin='{"memory": "1G"}'), 1, "lacks a name")
    bad(hvsh("run", "--console", "-"), 2, "standard input")
    hvd.overrides["zone.create"] = RpcError(
        "INVALID_DEFINITION", "must be a number", path="$.vcpus")
    bad(hvsh("run", str(file)), 1, "at $.vcpus")


def test_vcpupin(hvd, hvsh):
    hvd.add(zone("pins", "running", vcpus=3, generation=6,
                 info={"pcpus": [1, 2, 3], "vcpus_on": 3},
                 definition={"name": "pins", "vcpus": 3,
                             "cpus": [None, 2, None]}))

    def rows(*words):
        return [row.split() for row in
                good(hvsh("vcpupin", "pins", *words)).splitlines()[1:]]

    assert rows() == [["0", "1", "any"], ["1", "2", "2"], ["2", "3", "any"]]
    assert rows("1") == [["1", "2", "2"]]
    assert good(hvsh("vcpupin", "pins", "2", "0")) == \
        "pins: vCPU 2 goes to CPU 0\n"
    assert hvd.called("zone.pin") == [{"name": "pins", "vcpu": 2, "pcpu": 0}]
    assert rows()[2] == ["2", "0", "any"]
    assert not hvd.called("zone.define")
    out = good(hvsh("vcpupin", "pins", "--config", "2", "3"))
    assert out.splitlines() == [
        "pins: defined (generation 1)",
        "pins: is running; that holds from its next start"]
    assert hvd.called("zone.define") == [{"generation": 6, "definition": {
        "name": "pins", "vcpus": 3, "cpus": [None, 2, 3]}}]
    good(hvsh("vcpupin", "spare", "1", "0"))  # off: its definition
    assert hvd.called("zone.define")[1]["definition"]["cpus"] == [None, 0]
    assert len(hvd.called("zone.pin")) == 1
    hvd.add(zone("pins", "running", vcpus=1, info={"pcpus": [1]}))
    good(hvsh("vcpupin", "pins", "--live", "--config", "0", "5"))
    assert len(hvd.called("zone.pin")) == 2
    assert len(hvd.called("zone.define")) == 3
    bad(hvsh("vcpupin", "spare", "--config", "2", "0"), 1, "the vCPUs 0 to 1")
    good(hvsh("vcpupin", "pins", "--config", "0", "any"))
    assert hvd.called("zone.define")[-1]["definition"]["cpus"][0] is None
    bad(hvsh("vcpupin", "pins", "--live", "2", "any"), 2, "runs is on one CPU")
    bad(hvsh("vcpupin", "pins", "x"), 2, "not the number of a vCPU")
    bad(hvsh("vcpupin", "pins", "0", "0-3"), 2, "one CPU at a time")
    assert "NAME [VCPU [CPU]]" in good(hvsh("help", "vcpupin"))


def test_setvcpus(hvd, hvsh):
    out = good(hvsh("setvcpus", "linux1", "1"))
    assert out.startswith("linux1: 1 vCPU may be on")
    assert re.search(r"linux1: 2 are on, .*guest itself.*cpu1/online$", out)
    assert hvd.called("zone.set") == [{"name": "linux1", "vcpus": 1}]

    def sent(before, *words):
        hvd.add(zone("z", definition={"name": "z", **before}))
        good(hvsh("setvcpus", "z", *words))
        definition = hvd.called("zone.define")[-1]["definition"]
        del definition["name"]
        return definition

    assert sent({"vcpus": 4}, "2") == {"vcpus": {"max": 4, "on": 2}}
    both = {"vcpus": {"max": 4, "on": 2}}
    assert sent(both, "3", "--config") == {"vcpus": {"max": 4, "on": 3}}
    assert sent(both, "4") == {"vcpus": 4}
    assert sent({"vcpus": {"max": 4}}, "1") == {"vcpus": {"max": 4, "on": 1}}
    assert sent(both, "8", "--maximum") == {"vcpus": {"max": 8, "on": 2}}
    assert sent(both, "1", "--maximum") == {"vcpus": 1}
    assert sent({"vcpus": 2, "cpus": [3, None]}, "3", "--maximum") == \
        {"vcpus": 3, "cpus": [3, None, None]}
    assert sent({"vcpus": 2, "cpus": [3, 1]}, "1", "--maximum") == \
        {"vcpus": 1, "cpus": [3]}
    devices = [{"type": "disk", "queues": 4}, {"type": "disk", "queues": 2},
               {"type": "net", "queues": 3}, {"type": "rng"}]
    assert sent({"vcpus": 4, "devices": devices}, "2", "--maximum") == {
        "vcpus": 2, "devices": [{"type": "disk"}, devices[1], {"type": "net"},
                                {"type": "rng"}]}
    assert len(hvd.called("zone.set")) == 1
    count = len(hvd.called("zone.define"))
    good(hvsh("setvcpus", "linux1", "2", "--live", "--config"))
    assert len(hvd.called("zone.set")) == 2
    assert "are on" not in good(hvsh("setvcpus", "linux1", "2", "--live"))
    assert len(hvd.called("zone.define")) == count + 1
    for n in ("0", "33", "x"):
        bad(hvsh("setvcpus", "z", n), 2, "not a number of vCPUs")
    bad(hvsh("setvcpus", "z", "2", "--live", "--maximum"), 2, "is fixed")
    bad(hvsh("setvcpus", "z"), 2, "N is missing")


def test_autostart(hvd, hvsh):
    good(hvsh("autostart", "spare"))
    assert hvd.called("zone.define")[-1]["definition"]["autostart"] is True
    good(hvsh("autostart", "--disable", "spare"))
    assert hvd.called("zone.define")[-1]["definition"]["autostart"] is False
    hvd.zones["spare"]["definition"]["autostart"] = {"order": 3, "delay": 5}
    good(hvsh("autostart", "spare"))
    assert hvd.called("zone.define")[-1]["definition"]["autostart"] == {
        "order": 3, "delay": 5}
    bad(hvsh("autostart", "nosuch"), 1, "no zone")


def test_setmem(hvd, hvsh):
    assert good(hvsh("setmem", "spare", "1G")) == \
        "spare: defined (generation 1)\n"
    sent = hvd.called("zone.define")[0]
    assert sent["definition"]["memory"] == "1G" and sent["generation"] == 3
    assert "holds from its next start" in good(
        hvsh("setmem", "--config", "linux1", "2G"))
    bad(hvsh("setmem", "spare"), 2, "SIZE is missing")
    hvd.overrides["zone.define"] = RpcError(
        "INVALID_DEFINITION", "must be 4M to 255G", path="$.memory")
    bad(hvsh("setmem", "spare", "1K"), 1, "must be 4M to 255G")


def test_rename(hvd, hvsh):
    assert good(hvsh("rename", "spare", "other")) == \
        "spare: renamed to other\n"
    assert hvd.called("zone.rename") == [{"name": "spare", "new_name": "other"}]
    assert "spare" not in hvd.zones
    bad(hvsh("domrename", "spare", "more"), 1, "no zone is called 'spare'")
    bad(hvsh("rename", "other"), 2, "NEW-NAME is missing")


def test_clone(hvd, hvsh):
    out = good(hvsh("clone", "spare", "copy", "--disk", "disk0=/b.img",
                    "--uuid", UUID, "--disk=disk1=c=d.img",
                    "--forward", "net0=2223:22,udp:53", "--forward=net1=none"))
    assert out == f"copy: defined like spare ({UUID})\n"
    assert hvd.called("zone.clone") == [{
        "name": "spare", "new_name": "copy", "uuid": UUID, "devices": {
            "disk0": {"path": "/b.img"},
            "disk1": {"path": f"{os.getcwd()}/c=d.img"},
            "net0": {"forward": [{"proto": "tcp", "port": 2223, "to": 22},
                                 {"proto": "udp", "port": 53, "to": 53}]},
            "net1": {"forward": []}}}]
    good(hvsh("clone", "spare", "more"))
    assert hvd.called("zone.clone")[1] == {
        "name": "spare", "new_name": "more", "devices": {}}
    for option, text in (("--disk=x", "is not DEVICE=PATH"),
                         ("--disk==/x", "is not DEVICE=PATH"),
                         ("--forward=net0=", "is not DEVICE=PORTS"),
                         ("--forward=net0=ssh", "is not [udp:]PORT:PORT"),
                         ("--forward=net0=1:2:3", "is not [udp:]PORT:PORT")):
        bad(hvsh("clone", "spare", "x", option), 2, text)
    assert len(hvd.called("zone.clone")) == 2


def test_define_and_dump_are_inverse(hvd, hvsh, tmp_path):
    definition = {"name": "new", "memory": "1G", "big": 2**63 + 5,
                  "list": [1, {"a": "/x\n"}]}
    file = tmp_path / "new.json"
    file.write_text(json.dumps(definition, indent=1))
    assert good(hvsh("define", str(file))).startswith("new: defined (gener")
    assert json.loads(good(hvsh("dumpdef", "new"))) == definition
    good(hvsh("define", "-", stdin=json.dumps(definition)))
    assert hvd.called("zone.define") == [{"definition": definition}] * 2


def test_define_refuses_a_member_given_twice(hvd, hvsh, tmp_path):
    path = tmp_path / "z.json"
    path.write_text('{"name": "z", "memory": "1M", "memory": "64M"}')
    done = hvsh("define", str(path))
    assert done.returncode == 1
    assert f'{path}: member "memory" is there twice' in done.stderr


@pytest.mark.parametrize("text, place", [
    ('{\n  "name": oops\n}', ":2:1"), ("[1]", ": a definition is one"),
    ("", ":1:1: unexpected end"), ('{"a": 1', ":1:8: unexpected end"),
    ('{} x', ":1:"), ('{"a":\n"x\n"}', "line 2, column 3")])
def test_define_tells_where_the_file_is_wrong(hvd, hvsh, tmp_path, text, place):
    file = tmp_path / "bad.json"
    file.write_text(text)
    result = hvsh("define", str(file))
    assert result.returncode == 1
    assert f"{file}:" in result.stderr and place in result.stderr
    assert "\n  hint: " in result.stderr
    result = hvsh("define", "-", stdin=text)
    assert "standard input:" in result.stderr and place in result.stderr
    assert not hvd.calls


# ---- edit ----

def editor(tmp_path, script):
    """An editor: a shell script with the file as $1."""
    file = tmp_path / "my editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"VISUAL": f"'{file}' --wait", "TMPDIR": str(tmp_path / "tmp")}


@pytest.fixture
def tmp_files(tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    return lambda: sorted(folder.iterdir())


def test_edit(hvd, hvsh, tmp_path, tmp_files):
    env = editor(tmp_path, f"""
        test "$1" = --wait || exit 9
        stat -c %a "$2" > {tmp_path}/mode
        sed -i 's/512M/1G/' "$2" """)
    assert good(hvsh("edit", "spare", **env)) == "spare: defined (generation 1)\n"
    assert hvd.called("zone.define") == [{
        "definition": {"name": "spare", "vcpus": 2, "memory": "1G"},
        "generation": 3}]
    assert (tmp_path / "mode").read_text() == "600\n"
    assert tmp_files() == []


@pytest.mark.parametrize("script", [":", "sed -i 's/: /:/' \"$2\""])
def test_edit_that_changes_nothing(hvd, hvsh, tmp_path, tmp_files, script):
    assert good(hvsh("edit", "spare", **editor(tmp_path, script))) == \
        "spare: not changed\n"
    assert not hvd.called("zone.define") and tmp_files() == []


@pytest.mark.parametrize("script, message", [
    ("sed -i 's/512M/1G/; s/}//' \"$2\"", "unexpected end of data"),
    ("sed -i 's/512M/1G/; s/spare/other/' \"$2\"", "the name must stay"),
    ("sed -i 's/512M/1G/' \"$2\"; exit 3", "failed with status 3"),
    ("sed -i 's/512M/1G/' \"$2\"; kill $$", "failed with status 143"),
    ("sed -i 's/512M/9Q/' \"$2\"", "no such unit")])
def test_edit_keeps_what_is_wrong(hvd, hvsh, tmp_path, tmp_files, script,
                                  message):
    hvd.overrides["zone.define"] = RpcError(
        "INVALID_DEFINITION", "no such unit", path="$.memory")
    result = hvsh("edit", "spare", **editor(tmp_path, script))
    assert result.returncode == 1
    assert message in result.stderr and result.stdout == ""
    [kept] = tmp_files()
    assert f"hint: what you wrote is in {kept}\n" in result.stderr
    assert "512M" not in kept.read_text()
    assert hvd.zones["spare"]["generation"] == 3


def test_edit_does_not_overwrite_others(hvd, hvsh, tmp_path, tmp_files):
    hvd.overrides["zone.get"] = lambda params: dict(
        hvd.find(params), generation=2)
    env = editor(tmp_path, "sed -i 's/512M/1G/' \"$2\"")
    result = hvsh("edit", "spare", **env)
    assert result.returncode == 1
    assert "somebody else has changed the definition" in result.stderr
    assert str(tmp_files()[0]) in result.stderr
    assert hvd.zones["spare"]["definition"]["memory"] == "512M"


def test_edit_without_an_editor(hvd, hvsh, tmp_path, tmp_files):
    env = {"EDITOR": "/nonexistent/vi", "TMPDIR": str(tmp_path / "tmp")}
    result = hvsh("edit", "spare", VISUAL="", **env)
    assert result.returncode == 1
    assert "set VISUAL or EDITOR" in result.stderr and tmp_files() == []


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"\x03"])
def test_edit_again(hvd, env, terminal, tmp_path, tmp_files, answer):
    env.update(editor(tmp_path, """
        if grep -q 512M "$2"; then sed -i 's/512M/1G/; s/}//' "$2"
        else echo '}' >> "$2"; fi"""))
    shown = terminal("edit", "spare")
    shown.expect(b"edit again? [Y/n] ")
    shown.write(answer)
    status = shown.wait()
    if answer == b"\n":
        assert status == 0 and b"spare: defined" in shown.seen
        assert tmp_files() == []
    else:
        assert status == 1 and str(tmp_files()[0]).encode() in shown.seen
        assert not hvd.called("zone.define")


# ---- create ----

LEAST = ("--vcpus", "2", "--memory", "64M", "--kernel", "/k")


def test_create(hvd, hvsh):
    assert good(hvsh("create", "new", *LEAST)) == \
        "new: defined (generation 1)\n"
    assert hvd.called("zone.define") == [{"generation": 0, "definition": {
        "name": "new", "vcpus": 2, "memory": "64M", "kernel": "/k"}}]
    assert not hvd.called("zone.start")


def test_create_with_everything(hvd, hvsh, tmp_path):
    words = (*LEAST[:4], "--kernel=k", "--initrd", "dir/i", "--cmdline", "a b",
             "--disk", "/d,readonly,queues=2", "--net", "br0", "--net=",
             "--disk=e", "--net", ",user", "--net=user", "--autostart")
    here = os.getcwd()
    definition = {
        "name": "new", "vcpus": 2, "memory": "64M", "kernel": f"{here}/k",
        "initrd": f"{here}/dir/i", "cmdline": "a b", "autostart": True,
        "devices": [
            {"type": "console"},
            {"type": "disk", "path": "/d", "readonly": True, "queues": 2},
            {"type": "net", "bridge": "br0"}, {"type": "net"},
            {"type": "disk", "path": f"{here}/e"},
            {"type": "net", "user": True}, {"type": "net", "user": True}]}
    assert json.loads(good(hvsh("create", "new", *words, "--print"))) == \
        definition
    assert not hvd.calls
    assert good(hvsh("create", "new", *words, "--start")) == \
        "new: defined (generation 1)\nnew: started\n"
    assert hvd.called("zone.define")[0]["definition"] == definition
    assert hvd.zones["new"]["state"] == "running"


@pytest.mark.parametrize("name, hint", [
    ("web.json", "'hvsh define web.json' takes a definition from a file"),
    ("./web", "'hvsh define ./web' takes"),
    ("web", "'hvsh help create' lists the options")])
def test_create_takes_no_file(hvsh, name, hint):
    result = hvsh("create", name)
    assert result.returncode == 2 and hint in result.stderr


@pytest.mark.parametrize("words, message", [
    (LEAST[2:], "--vcpus is missing"), (LEAST[:4], "--kernel is missing"),
    ((*LEAST, "--disk", "/d,readnoly"), "'readnoly' is neither"),
    ((*LEAST, "--disk", "/d,queues=x"), "'queues=x' is neither"),
    ((*LEAST, "--net", "br0,br1"), "'br1' is one word too many"),
    ((*LEAST, "--vcpus", "two"), "'two' is not a number"),
    ((*LEAST, "--start", "--print"), "--print defines nothing"),
    ((*LEAST, *["--net="] * 33), "--net: one too many")])
def test_create_usage(hvd, hvsh, words, message):
    result = hvsh("create", "new", *words)
    assert result.returncode == 2 and message in result.stderr
    assert not hvd.calls


@pytest.mark.parametrize("words, place", [
    (("--memory", "64"), "$.memory"), (("--vcpus", "99"), "$.vcpus"),
    (("--net", "b:r"), "$.devices[1].bridge")])
def test_create_refuses_what_is_no_definition(hvd, hvsh, words, place):
    result = hvsh("create", "new", *LEAST, *words, "--print")
    assert (result.returncode, result.stdout) == (1, "")
    assert f"\n  at {place} in the definition of new\n" in result.stderr


def test_create_leaves_a_zone_alone(hvd, hvsh):
    result = hvsh("create", "spare", *LEAST, "--start")
    assert result.returncode == 1
    assert result.stderr == (
        "hvsh: create spare: there is a zone of that name\n"
        "  hint: 'hvsh edit spare' changes it\n")
    assert hvd.zones["spare"]["definition"]["memory"] == "512M"
    assert not hvd.called("zone.start")


# ---- import ----

def hvisor_zone(**members):
    """What hvisor-tool takes, without anything a definition cannot say."""
    return {"arch": "arm64", "name": "linux2", "zone_id": 1, "cpus": [2, 3],
            "memory_regions": [
                {"type": "ram", "physical_start": "0x50000000",
                 "virtual_start": "0x40000000", "size": "0x10000000"},
                {"type": "virtio", "physical_start": "0xa003c00",
                 "virtual_start": "0xa003c00", "size": 0x200}],
            "interrupts": [78], "ivc_configs": [],
            "kernel_filepath": "/root/Image", "dtb_filepath": "null",
            "kernel_load_paddr": "0x50400000", "dtb_load_paddr": 0x50000000,
            "entry_point": "0x40200000", "pci_config": [],
            "arch_config": {"gic_version": "v3", "gicd_base": "0x8000000",
                            "gicd_size": "0x10000"}, **members}


def hvisor_virtio(*devices):
    return {"zones": [{"id": 2, "devices": [{"type": "gpu", "irq": 70}]},
                      {"id": 1, "memory_region": [], "devices": [
                          {"type": "blk", "img": "/root/fs.img", "irq": 78,
                           "addr": "0xa003c00", "len": "0x200"}, *devices]}]}


@pytest.fixture
def importing(hvsh, tmp_path):
    def run(*files, words=("--print",)):
        for name, contents in zip("zv", files):
            (tmp_path / name).write_text(json.dumps(contents))
        return hvsh("import", *words,
                    *(str(tmp_path / name) for name, _ in zip("zv", files)))
    return run


def warnings(result, tmp_path):
    """Of which members of which file it warns."""
    return [line.removeprefix(f"hvsh: warning: {tmp_path}/").split(": ")[:2]
            for line in result.stderr.splitlines()]


IMPORTED = {"name": "linux2", "vcpus": 2, "cpus": [2, 3], "memory": "256M",
            "kernel": "/root/Image",
            "devices": [{"type": "disk", "path": "/root/fs.img"}]}


def test_import(hvd, importing):
    files = hvisor_zone(), hvisor_virtio(
        {"type": "console", "irq": 79},
        {"type": "blk", "status": "disable", "img": "/x", "irq": 80})
    wanted = dict(IMPORTED,
                  devices=IMPORTED["devices"] + [{"type": "console"}])
    assert json.loads(good(importing(*files))) == wanted
    assert not hvd.calls
    assert good(importing(*files, words=())) == \
        "linux2: defined (generation 1)\n"
    assert hvd.called("zone.define") == [{"generation": 0,
                                          "definition": wanted}]
    again = importing(*files, words=())
    assert again.returncode == 1
    assert "import linux2: there is a zone of that name" in again.stderr


def test_import_of_one_file(importing):
    result = importing(hvisor_zone(interrupts=[], cpus=[1], kernel_cmdline="a",
                                   initramfs_filepath="/i"))
    assert json.loads(good(result)) == {
        "name": "linux2", "vcpus": 1, "cpus": [1], "memory": "256M",
        "kernel": "/root/Image", "initrd": "/i", "cmdline": "a"}


@pytest.mark.parametrize("members, member", [
    ({"interrupts": [33, 78]}, "interrupts[0]"),
    ({"ivc_configs": [{"ivc_id": 0}]}, "ivc_configs"),
    ({"pci_config": [{}]}, "pci_config"),
    ({"alloc_pci_devs": [{}]}, "alloc_pci_devs"),
    ({"modules": [{}]}, "modules"), ({"new_thing": 1}, "new_thing"),
    ({"dtb_filepath": "/z.dtb"}, "dtb_filepath"),
    ({"entry_point": 0x80200000}, "entry_point"),
    ({"boot_protocol": "multiboot2"}, "boot_protocol"),
    ({"arch_config": {"gic_version": "v2"}}, "arch_config.gic_version"),
    ({"arch_config": {"rsdp": 1}}, "arch_config.rsdp")])
def test_import_warns_of_what_is_lost(importing, tmp_path, members, member):
    result = importing(hvisor_zone(**members), hvisor_virtio())
    assert json.loads(result.stdout) == IMPORTED
    assert warnings(result, tmp_path) == [["z", member]]


def test_import_of_memory(importing, tmp_path):
    ram = {"type": "ram", "virtual_start": 0x80000000, "size": "0x100000"}
    result = importing(hvisor_zone(memory_regions=[
        ram, {"type": "io", "size": 4096}, dict(ram, size=0x200000)]),
        hvisor_virtio())
    assert json.loads(result.stdout)["memory"] == "4M"
    assert warnings(result, tmp_path) == [
        ["z", "memory_regions[0].virtual_start"], ["z", "memory_regions[1]"],
        ["z", "memory_regions[2]"], ["z", "memory_regions"]]


def test_import_of_devices(importing, tmp_path):
    mac = ["0x5a", 0, "0x11", 34, 51, "0x44"]
    result = importing(hvisor_zone(), hvisor_virtio(
        {"type": "net", "tap": "tap0", "mac": mac},
        {"type": "scmi"}, {"type": "net", "tap": "tap1", "mac": [300] * 6}))
    assert json.loads(result.stdout)["devices"][1:] == [
        {"type": "net", "mac": "5a:00:11:22:33:44"}, {"type": "net"}]
    assert warnings(result, tmp_path) == [
        ["v", f"zones[1].devices[{member}"]
        for member in ("1].tap", "2].type", "3].mac", "3].tap")]


@pytest.mark.parametrize("members, member", [
    ({"name": 1}, "name"), ({"cpus": []}, "cpus"),
    ({"memory_regions": []}, "memory_regions"),
    ({"memory_regions": [1]}, "memory_regions[0].type"),
    ({"memory_regions": [{"type": "ram", "size": -1}]},
     "memory_regions[0].size"),
    ({"memory_regions": [{"type": "ram", "size": 2**63 - 2**21},
                         {"type": "ram", "size": 2**63 - 2**21}]},
     "memory_regions[1].size"),
    ({"kernel_filepath": "null"}, "kernel_filepath"),
    ({"arch": "riscv64"}, "arch"), ({"zone_id": "x"}, "zone_id"),
    ({"arch_config": {"is_aarch32": True}}, "arch_config.is_aarch32")])
def test_import_refuses(hvd, importing, tmp_path, members, member):
    result = importing(hvisor_zone(**members), hvisor_virtio(), words=())
    assert (result.returncode, result.stdout) == (1, "")
    assert f"hvsh: import: {tmp_path}/z: {member}: " in result.stderr
    assert not hvd.calls


@pytest.mark.parametrize("virtio, member", [
    ({}, "zones"), ({"zones": [{"id": 3}, 1]}, "zones"),
    (hvisor_virtio({"type": "blk"}), "zones[1].devices[1].img"),
    (hvisor_virtio(1), "zones[1].devices[1].type")])
def test_import_refuses_devices(importing, tmp_path, virtio, member):
    result = importing(hvisor_zone(), virtio)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"hvsh: import: {tmp_path}/v: {member}: " in result.stderr


# ---- diff ----

def test_diff_of_a_running_zone(hvd, hvsh):
    assert good(hvsh("diff", "linux1")) == ""
    running_one = dict(hvd.zones["linux1"]["definition"], memory="256M")
    hvd.add(zone("linux1", "running", running_definition=running_one))
    result = hvsh("diff", "linux1")
    assert (result.returncode, result.stderr) == (5, "")
    assert result.stdout == """\
--- linux1 (running)
+++ linux1 (defined)
@@ -1,5 +1,5 @@
 {
   "name": "linux1",
   "vcpus": 2,
-  "memory": "256M"
+  "memory": "512M"
 }
"""
    assert "\033[" in hvsh("--color=always", "diff", "linux1").stdout


@pytest.mark.parametrize("text, message", [
    ("{", "unexpected end"), ('{"name": "x"}', "vcpus is missing")])
def test_diff_of_a_bad_file(hvd, hvsh, text, message):
    result = hvsh("diff", "spare", "-", stdin=text)
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr


def test_diff_of_what_is_not_there(hvd, hvsh):
    hvd.add(zone("zone0", "running", definition=None))
    assert "not running" in hvsh("diff", "spare").stderr
    assert "told no definition" in hvsh("diff", "zone0").stderr
    assert [hvsh("diff", name).returncode
            for name in ("spare", "zone0", "nosuch")] == [1, 1, 1]
    assert hvsh("diff", "linux1", "/nonexistent").returncode == 1


JOB = {"id": 3, "kind": "start", "zone": "rt", "by": "pid 7, uid 0 (root)",
       "since": 1767323045.5, "cancellable": True,
       "progress": {"done": 1 << 29, "total": 1 << 30, "unit": "bytes"}}


def test_jobs_and_cancel(hvd, hvsh):
    assert good(hvsh("jobs")).split() == \
        ["ID", "JOB", "ZONE", "SINCE", "PROGRESS", "CANCEL", "BY"]
    assert json.loads(good(hvsh("jobs", "--json"))) == []
    hvd.jobs = [JOB, {**JOB, "id": 4, "kind": "destroy", "by": "hvd",
                      "since": 9e9, "cancellable": False}]
    del hvd.jobs[1]["progress"]
    start, destroy = [line.split() for line in
                      good(hvsh("jobs")).splitlines()[1:]]
    assert start[:3] == ["3", "start", "rt"]
    assert " ".join(start[-10:]) == \
        "50% of 1 GiB yes pid 7, uid 0 (root)"
    assert destroy == ["4", "destroy", "rt", "-", "-", "no", "hvd"]
    assert json.loads(good(hvsh("jobs", "--json"))) == hvd.jobs
    assert good(hvsh("cancel", "3")) == "job 3: asked to end\n"
    assert [job["id"] for job in hvd.jobs] == [4]
    result = hvsh("cancel", "3")
    assert result.returncode == 1
    assert "there is no job 3" in result.stderr
    for word in "rt", "0", "-1":
        assert hvsh("cancel", "--", word).returncode == 2


def test_dump(hvd, hvsh, tmp_path):
    assert good(hvsh("dump", "rt", "core")) == \
        f"rt: dumped to {os.getcwd()}/core (64 MiB, 1.5 MiB of it not zero)\n"
    assert good(hvsh("dump", "--live", "-f", "rt", "/a/core"))
    assert hvd.called("zone.dump") == [
        {"name": "rt", "path": f"{os.getcwd()}/core", "live": False,
         "force": False},
        {"name": "rt", "path": "/a/core", "live": True, "force": True}]
    hvd.overrides["zone.dump"] = RpcError(
        "IO_ERROR", "writing /core: No space left on device",
        path="$.path", hint="it may need up to 64M")
    result = hvsh("dump", "rt", "/core")
    assert result.returncode == 1
    assert result.stderr == (
        "hvsh: dump rt: writing /core: No space left on device\n"
        "  hint: it may need up to 64M\n")
    del hvd.overrides["zone.dump"]
    assert "did you mean rt?" in hvsh("dump", "rtt", "/core").stderr
    result = hvsh("dump", "rt")
    assert result.returncode == 2
    assert "FILE is missing" in result.stderr
    assert "dump [--live] [--force] NAME FILE" in result.stderr


HEADS = [
    {"head": 0, "width": 1024, "height": 768, "socket": "/run/hvd/vnc/rt-0.sock",
     "address": "0.0.0.0", "port": 5901},
    {"head": 1, "width": None, "height": None,
     "socket": "/run/hvd/vnc/rt-1.sock"},
    {"head": 2, "width": 640, "height": 480, "socket": "/run/hvd/vnc/rt-2.sock",
     "address": "fe80::1", "port": 5903}]
DISPLAY = {"device": "gpu0", "heads": HEADS, "viewers": 2, "password": True,
           "tls": None, "viewer_certificates": False, "pid": 77, "restarts": 1}
BY_TLS = dict(DISPLAY, password=False, tls="/etc/hvd/vnc")


def test_display(hvd, hvsh):
    hvd.display = DISPLAY
    lines = good(hvsh("display", "rt")).splitlines()
    assert lines[0].split() == ["HEAD", "SHOWS", "ADDRESS", "PORT", "SOCKET"]
    assert lines[1].split() == ["0", "1024x768", "0.0.0.0", "5901",
                                "/run/hvd/vnc/rt-0.sock"]
    assert lines[2].split() == ["1", "nothing", "-", "-",
                                "/run/hvd/vnc/rt-1.sock"]
    assert [line.split(None, 1) for line in lines[5:]] == [
        ["Device:", "gpu0"], ["Viewers:", "2"], ["Password:", "yes"],
        ["TLS:", "no"], ["Restarts:", "1"]]
    assert json.loads(good(hvsh("display", "--json", "rt"))) == DISPLAY
    hvd.display = {k: v for k, v in DISPLAY.items() if k != "pid"}
    assert "being started" in good(hvsh("display", "rt"))
    hvd.display = BY_TLS
    assert "TLS:       /etc/hvd/vnc\n" in good(hvsh("display", "rt"))
    hvd.display = dict(BY_TLS, viewer_certificates=True)
    assert "TLS:       /etc/hvd/vnc, and viewers need a certificate\n" in \
        good(hvsh("display", "rt"))
    assert "did you mean rt?" in hvsh("display", "rtt").stderr
    assert "did you mean rt?" in hvsh("display", "--json", "rtt").stderr


def test_display_on_a_card(hvd, hvsh):
    monitors = [{"connector": "HDMI-A-1", "width": 1920, "height": 1080,
                 "refresh": 60}, {"connector": "DP-2", "error": "No space"},
                None]
    hvd.display = DISPLAY | {
        "card": {"path": "/dev/dri/card0"},
        "heads": [head | {"monitor": monitor}
                  for head, monitor in zip(HEADS, monitors)]}
    lines = good(hvsh("display", "rt")).splitlines()
    assert lines[0].split()[-1] == "MONITOR"
    assert [line.split(None, 5)[5] for line in lines[1:4]] == [
        "HDMI-A-1 1920x1080@60", "DP-2: No space", "-"]
    assert "Card:      /dev/dri/card0" in lines
    hvd.display["card"]["error"] = "it has been unplugged"
    assert "Card:      /dev/dri/card0: it has been unplugged\n" in \
        good(hvsh("display", "rt"))


def test_vnc(hvd, hvsh):
    hvd.display = DISPLAY
    told = good(hvsh("vnc", "rt"))
    assert told.startswith("0.0.0.0 port 5901, with a password\n"
                           "/run/hvd/vnc/rt-0.sock\n")
    assert "vncviewer 127.0.0.1::5901\n" in told
    assert "ssh -L 5999:/run/hvd/vnc/rt-0.sock HOST" in told
    told = good(hvsh("vnc", "--head", "1", "rt"))
    assert told.startswith("/run/hvd/vnc/rt-1.sock\n")
    assert "vncviewer /run/hvd/vnc/rt-1.sock\n" in told
    assert "vncviewer [fe80::1]::5903\n" in \
        good(hvsh("vncdisplay", "--head=2", "rt"))
    result = hvsh("vnc", "--head", "3", "rt")
    assert result.returncode == 1
    assert "there is no head 3" in result.stderr
    assert "hint: 'hvsh display rt' shows them" in result.stderr
    result = hvsh("vnc", "--head", "4", "rt")
    assert result.returncode == 2 and "0 to 3" in result.stderr
    assert "did you mean rt?" in hvsh("vnc", "rtt").stderr


def test_vnc_by_tls(hvd, hvsh):
    hvd.display = BY_TLS
    words = "-SecurityTypes X509None -X509CA /etc/hvd/vnc/server-cert.pem"
    told = good(hvsh("vnc", "rt"))
    assert told.startswith("0.0.0.0 port 5901, with TLS\n")
    assert f"vncviewer {words} 127.0.0.1::5901\n" in told
    assert "a copy of /etc/hvd/vnc/server-cert.pem and HOST::5901" in told
    assert "ssh -L 5999:/run/hvd/vnc/rt-0.sock HOST" in told
    # A head without a port has no TLS.
    assert "vncviewer /run/hvd/vnc/rt-1.sock\n" in \
        good(hvsh("vnc", "--head", "1", "rt"))
    hvd.display = dict(BY_TLS, password=True)
    told = good(hvsh("vnc", "rt"))
    assert "with TLS, with a password\n" in told
    assert "vncviewer -SecurityTypes X509Vnc -X509CA" in told
    # Which vncviewer cannot show.
    hvd.display = dict(BY_TLS, viewer_certificates=True)
    told = good(hvsh("vnc", "rt"))
    assert "with TLS, with a certificate of the viewer's\n" in told
    assert "vncviewer /run/hvd/vnc/rt-0.sock\n" in told


def test_vnc_starts_a_viewer(hvd, hvsh, tmp_path):
    hvd.display = DISPLAY
    programs = tmp_path / "programs"
    programs.mkdir()

    def install(name, status=0):
        (programs / name).write_text(
            f"#!/bin/sh\necho ${{0##*/}} $* >{tmp_path}/began\nexit {status}\n")
        (programs / name).chmod(0o755)

    def viewer(*words, status=0):
        result = hvsh("vnc", "--viewer", *words, PATH=str(programs))
        assert result.returncode == status, result.stderr
        return result.stderr or (tmp_path / "began").read_text()

    assert "hint: install tigervnc-viewer, gvncviewer or virt-viewer" in \
        viewer("rt", status=1)
    assert "hint: install tigervnc-viewer, which can use a socket" in \
        viewer("--head=1", "rt", status=1)
    install("remote-viewer")
    assert viewer("rt") == "remote-viewer vnc://127.0.0.1:5901\n"
    assert viewer("--head=2", "rt") == "remote-viewer vnc://[fe80::1]:5903\n"
    assert "could be started" in viewer("--head=1", "rt", status=1)
    install("gvncviewer")
    assert viewer("rt") == "gvncviewer 127.0.0.1:1\n"
    install("vncviewer")
    assert viewer("rt") == "vncviewer 127.0.0.1::5901\n"
    hvd.display = BY_TLS
    assert viewer("rt") == ("vncviewer -SecurityTypes X509None -X509CA "
                            "/etc/hvd/vnc/server-cert.pem 127.0.0.1::5901\n")
    hvd.display = DISPLAY
    (tmp_path / "began").unlink()
    hvsh("vnc", "-v", "--head=1", "rt", PATH=str(programs))
    assert "vncviewer /run/hvd" in (tmp_path / "began").read_text()
    install("vncviewer", 3)
    assert hvsh("vnc", "-v", "rt", PATH=str(programs)).returncode == 1
    hvd.display = {**DISPLAY, "heads": [{**HEADS[0], "address": "::"}]}
    install("vncviewer")
    assert viewer("rt") == "vncviewer [::1]::5901\n"


def test_screenshot(hvd, hvsh):
    assert good(hvsh("screenshot", "rt", "a.png")) == \
        f"rt: head 0 is in {os.getcwd()}/a.png\n"
    assert good(hvsh("screenshot", "--head=1", "-f", "rt", "/b.png"))
    assert hvd.called("display.screenshot") == [
        {"name": "rt", "path": f"{os.getcwd()}/a.png", "head": 0,
         "force": False},
        {"name": "rt", "path": "/b.png", "head": 1, "force": True}]
    hvd.overrides["display.screenshot"] = RpcError(
        "IO_ERROR", "cannot make /b.png: File exists", path="$.path",
        hint="force (--force of hvsh) replaces it")
    result = hvsh("screenshot", "rt", "/b.png")
    assert result.returncode == 1
    assert result.stderr == (
        "hvsh: screenshot rt: cannot make /b.png: File exists\n"
        "  hint: force (--force of hvsh) replaces it\n")
    del hvd.overrides["display.screenshot"]
    assert "did you mean rt?" in hvsh("screenshot", "rtt", "/b").stderr
    assert "FILE is missing" in hvsh("screenshot", "rt").stderr
    assert hvsh("screenshot", "--head=x", "rt", "/b").returncode == 2


def test_sendkey(hvd, hvsh):
    assert good(hvsh("sendkey", "rt", "ctrl", "Alt", "KEY_DELETE")) == \
        "rt: pressed\n"
    good(hvsh("send-key", "--hold=500", "rt", "1", "30", "key_a", "f12",
              "PGUP"))
    good(hvsh("sendkey", "rt", *["a"] * 15))
    assert hvd.called("display.send_keys") == [
        {"name": "rt", "keys": [29, 56, 111]},
        {"name": "rt", "keys": [2, 30, 30, 88, 104], "hold_ms": 500},
        {"name": "rt", "keys": [30] * 15}]
    for word, hint in (("entr", "did you mean 'ENTER'?"),
                       ("warpdrive", "as in ctrl alt del"),
                       ("768", "as in ctrl alt del"),
                       ("KEY_", "as in"), ("", "as in")):
        result = hvsh("sendkey", "rt", word)
        assert result.returncode == 2
        assert f"'{word}' is no key" in result.stderr
        assert hint in result.stderr
    result = hvsh("sendkey", "rt")
    assert result.returncode == 2
    assert "KEY is missing" in result.stderr
    assert "usage: hvsh sendkey [--hold MS] NAME KEY..." in result.stderr
    assert "NAME is missing" in hvsh("sendkey").stderr
    assert hvsh("sendkey", "rt", *["a"] * 16).returncode == 2
    assert hvsh("sendkey", "--hold=10001", "rt", "a").returncode == 2
    assert "did you mean rt?" in hvsh("sendkey", "rtt", "a").stderr


def test_set_a_mode(hvd, hvsh):
    hvd.overrides["device.set"] = lambda params: {}
    good(hvsh("set", "rt", "gpu0", "width=1920", "height=1080"))
    assert hvd.called("device.set") == [
        {"name": "rt", "device": "gpu0", "width": 1920, "height": 1080}]
    result = hvsh("set", "rt", "gpu0", "width=wide")
    assert result.returncode == 2
    assert "width is a number of pixels, not 'wide'" in result.stderr


def test_completion_of_keys(hvd, complete):
    zones, some, others = complete([
        "hvsh sendkey ", "hvsh sendkey rt LEFT", "hvsh sendkey rt CTRL P"])
    assert zones == ["linux1", "rt", "spare"]
    assert {"LEFTCTRL", "LEFTALT", "LEFTSHIFT", "LEFT"} <= set(some)
    assert {"P", "PAGEUP", "PGUP"} <= set(others)


def test_completion_of_jobs(hvd, complete):
    hvd.jobs = [JOB, {**JOB, "id": 4, "cancellable": False}]
    assert complete(["hvsh cancel "]) == [["3"]]
    assert complete(["hvsh cancel "], HVD_SOCKET="/nonexistent") == [[]]


@pytest.mark.parametrize("job", [
    {}, [], 5, {**JOB, "id": 0}, {**JOB, "id": "x"}, {**JOB, "kind": 1},
    {**JOB, "zone": None}, {**JOB, "by": []}])
def test_jobs_that_are_none(hvd, hvsh, job):
    hvd.raw["job.list"] = lambda identity: reply(identity, [job])
    result = hvsh("jobs")
    assert result.returncode == 1
    assert "job.list" in result.stderr


def test_host_and_counters(hvd, hvsh):
    out = good(hvsh("host"))
    assert re.search(r"Uptime: +1d 02:03:04", out)
    assert re.search(r"hypervisor: +16 MiB", out)
    assert re.search(r"^Running zones: +3, zone0 included$", out, re.M)
    assert re.search(r"^ *1 +0 +- +1 +zone0:1 linux1:0$", out, re.M)
    assert json.loads(good(hvsh("host", "--json")))["pcpus"] == 4
    rows = [line.split() for line in good(hvsh("counters")).splitlines()]
    assert ["exits.irq", "12"] in rows and ["injections", "9"] in rows
    assert ["vcpus.1.guest_ns", "3"] in rows
    good(hvsh("counters", "linux1", "--json"))
    assert hvd.called("host.counters") == [{}, {"zone": "linux1"}]
    rows = [line.split()
            for line in good(hvsh("counters", "linux1", "disk0")).splitlines()]
    assert ["read-bytes", "28672"] in rows
    rows = rows[rows.index("read: 7 requests, 128 us on average".split()):]
    assert rows == [row.split() for row in [
        "read: 7 requests, 128 us on average",
        "<= 16 us 4 " + "#" * 40, "<= 32 us 0", "<= 64 us 0",
        "<= 128 us 2 " + "#" * 20, "<= 256 us 0", "<= 512 us 0",
        "<= 1.0 ms 1 " + "#" * 10, "",
        "flush: 1 requests, 40.0 s on average",
        "> 16.8 s 1 " + "#" * 40]]
    out = good(hvsh("counters", "linux1", "disk0", "--json"))
    out = json.loads(out)
    assert out["reads"] == 7 and out["latency"]["read"]["sum-ns"] == 900000
    assert hvd.called("device.counters") == [
        {"name": "linux1", "device": "disk0"}] * 2


def test_log(hvd, hvsh):
    assert good(hvsh("log")) == "first line\nsecond line\n"


def test_log_follow_ends_with_interrupt(hvd, env):
    with running(env, "log", "-f") as process:
        assert process.stdout.readline() == b"first line\n"
        while len(hvd.called("host.log")) < 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert process.stdout.read() == b"second line\n"
    assert hvd.called("host.log")[1] == {"pos": 23}


def test_log_level(hvd, hvsh):
    assert good(hvsh("log-level")) == "info\n"
    assert good(hvsh("log-level", "debug")) == "debug\n"
    assert good(hvsh("log-level")) == "debug\n"
    assert hvd.called("log.level") == [{}, {"level": "debug"}, {}]
    assert hvsh("log-level", "info", "debug").returncode == 2


def test_version(hvd, hvsh):
    out = good(hvsh("version"))
    assert re.search(r"^hvsh: .*^libhvd: .*^hvd: .*^features: +console",
                     out, re.M | re.S)
    assert re.match(r"hvsh \d+\.\d+\.\d+\n$", good(hvsh("--version")))


def findings(result):
    return {f["check"]: f for f in json.loads(result.stdout)}


def test_doctor(hvd, hvsh, tmp_path):
    machine = tmp_path / "machine"
    for file in ("dev/zonevisor", "dev/net/tun"):
        (machine / file).parent.mkdir(parents=True, exist_ok=True)
        (machine / file).touch()
    passt = tmp_path / "passt"
    passt.touch(mode=0o755)
    definitions = machine / "etc/hvd/zones"
    definitions.mkdir(parents=True)
    for name in ("linux1.json", ".other.json", "readme"):
        (definitions / name).touch()
    result = hvsh("doctor", "--json", "--root", str(machine),
                  PATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    found = findings(result)
    assert {check: found[check]["level"] for check in found} == {
        "module": "ok", "user": found["user"]["level"],
        "bridged network": "ok", "fast network": "note",
        "user network": "ok", "daemon": "ok", "versions": "note",
        "hypervisor": "ok", "memory": "ok", "zones": "ok",
        "definitions": "ok"}
    assert found["fast network"]["mend"] == "modprobe vhost_net"
    assert "mend" not in found["module"]
    assert found["versions"]["detail"].endswith("hvd 9.8.7")
    out = hvsh("doctor", "--root", str(machine), PATH=str(tmp_path)).stdout
    assert re.search(r"^note  fast network +no /dev/vhost-net: .*\n"
                     r" +modprobe vhost_net$", out, re.M)
    (definitions / "linux1-2.json").touch()
    out = hvsh("doctor", "--root", str(machine), PATH=str(tmp_path)).stdout
    assert re.search(r"^note  definitions +1 left out: linux1-2.json$", out, re.M)


def test_doctor_finds_what_is_wrong(hvd, hvsh, tmp_path):
    (tmp_path / "sys/module/zonevisor").mkdir(parents=True)
    hvd.overrides["hvd.version"] = lambda params: {
        "version": "1.0.0", "abi": "1.0", "features": [], "connected": False}
    hvd.add(zone("broken", "crashed"))
    result = hvsh("doctor", "--json", "--root", str(tmp_path),
                  PATH="/nowhere")
    assert result.returncode == 1
    found = findings(result)
    assert found["module"]["level"] == found["hypervisor"]["level"] == "bad"
    assert "no /dev/zonevisor" in found["module"]["detail"]
    assert found["zones"]["detail"] == "1 crashed: broken"
    assert found["user network"]["level"] == "note"
    assert found["bridged network"]["mend"] == "modprobe tun"


def test_doctor_without_a_daemon(hvsh, tmp_path):
    result = hvsh("doctor", "--json", "--root", str(tmp_path))
    assert result.returncode == 3
    assert result.stderr == ""
    found = findings(result)
    assert found["daemon"]["level"] == "bad" and found["daemon"]["mend"]
    assert "modprobe zonevisor" in found["module"]["mend"]
    assert "versions" not in found


# ---- errors ----

def test_error_with_hint(hvd, hvsh):
    result = hvsh("start", "nosuch")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        "hvsh: start nosuch: no zone is called 'nosuch'\n"
        "  hint: hvsh list shows the zones\n")


@pytest.mark.parametrize("told", ["$.devices[0].type",
                                  "$.definition.devices[0].type"])
def test_error_in_a_file_tells_the_place(hvd, hvsh, tmp_path, told):
    hvd.overrides["zone.define"] = RpcError(
        "INVALID_DEFINITION", "unknown type 'blk2'", path=told)
    result = hvsh("define", "-", stdin='{"name": "x"}')
    assert result.returncode == 1
    assert result.stderr == ("hvsh: define -: unknown type 'blk2'\n"
                             "  at $.devices[0].type in standard input\n")
    file = tmp_path / "x.json"
    file.write_text('{"name": "x"}')
    assert f"\n  at $.devices[0].type in {file}\n" in \
        hvsh("define", str(file)).stderr


def test_error_in_a_definition_tells_whose(hvd, hvsh):
    hvd.overrides["zone.start"] = RpcError(
        "IO_ERROR", "cannot open /k", path="$.kernel")
    assert hvsh("start", "rt").stderr == (
        "hvsh: start rt: cannot open /k\n"
        "  at $.kernel in the definition of rt\n")


@pytest.mark.parametrize("words, method, code", [
    (["start", "zone0"], "zone.start", "UNSUPPORTED"),
    (["info", "x"], "zone.get", "ZONE_NOT_FOUND"),
    (["shutdown", "x"], "zone.shutdown", "INVALID_PARAMS"),
    (["counters", "x"], "host.counters", "INVALID_PARAMS"),
    (["console", "linux1", "-d", "x"], "console.attach", "INVALID_PARAMS")])
def test_no_place_in_json_that_nobody_wrote(hvd, hvsh, words, method, code):
    hvd.overrides[method] = RpcError(code, "no", path="$.name", hint="do so")
    assert hvsh(*words).stderr == (f"hvsh: {' '.join(words[:2])}: no\n"
                                   "  hint: do so\n")


@pytest.mark.parametrize("words, near", [
    (["lsit"], "'list'"), (["LIST"], "'list'"), (["destory", "x"], "'destroy'"),
    (["help", "strat"], "'start'"), (["suspnd"], "'suspend'"),
    (["list", "--rnning"], "--running"), (["--colour", "never"], "--color"),
    (["list", "--hepl"], "--help"), (["events", "--sicne=1"], "--since")])
def test_what_was_meant(hvsh, words, near):
    result = hvsh(*words)
    assert result.returncode == 2
    assert f"did you mean {near}?" in result.stderr


def words_of_other_tools():
    text = (openrpc.TOP / "toolstack/hvsh/commands.c").read_text()
    table = text.split("} words[] = {")[1].split("};")[0]
    return re.findall(r'{ "([^"]+)",\s*"([^"]+)" }', table)


@pytest.mark.parametrize("word, hint", words_of_other_tools())
def test_words_of_other_tools(hvsh, word, hint):
    result = hvsh(word, "linux1")
    assert result.returncode == 2
    assert result.stderr == (f"hvsh: unknown command '{word}'\n"
                             f"  hint: {hint}\n")
    for command in re.findall(r"'(\w+)[^']*'", hint.replace("zone's", "zone")):
        assert hvsh("help", command).returncode == 0


def test_there_are_words_of_other_tools():
    assert {"stop", "dominfo", "unpause", "vcpu-set", "managedsave"} <= \
        set(dict(words_of_other_tools()))


@pytest.mark.parametrize("words", [["frobnicate"], ["x"], ["--frobnicate"],
                                   ["list", "--frobnicate"], ["x" * 5000],
                                   ["help", "frobnicate"],
                                   ["list", "--" + "x" * 5000]])
def test_nothing_is_near(hvsh, words):
    result = hvsh(*words)
    assert result.returncode == 2
    assert result.stderr
    assert "did you mean" not in result.stderr


@pytest.mark.parametrize("command", ["info", "start", "destroy", "dumpdef",
                                     "undefine", "console", "shutdown"])
def test_which_zone_was_meant(hvd, hvsh, command):
    result = hvsh(command, "linxu1")
    assert result.returncode == 1
    assert result.stderr == (
        f"hvsh: {command} linxu1: no zone is called 'linxu1'\n"
        "  hint: did you mean linux1?\n")


def test_error_text_cannot_reach_the_terminal_raw(hvd, hvsh):
    hvd.overrides["zone.start"] = RpcError("INVALID_STATE", "a\033[2Jb\nc")
    assert "hvsh: start rt: a [2Jb c\n" == hvsh("start", "rt").stderr


def test_no_daemon(hvsh, env):
    result = hvsh("list")
    assert result.returncode == 3
    assert f"cannot connect to {env['HVD_SOCKET']}" in result.stderr
    assert "systemctl start hvd" in result.stderr
    result = hvsh("--socket", "/nonexistent/sock", "list")
    assert result.returncode == 3
    assert "/nonexistent/sock" in result.stderr


def test_no_right_to_the_socket(hvd, env):
    os.chmod(hvd.path, 0)
    # root without the right that makes it root for files
    prefix = ["setpriv", "--bounding-set", "-dac_override", "--inh-caps",
              "-dac_override"] if os.geteuid() == 0 else []
    result = subprocess.run([*prefix, HVSH, "list"], env=env, text=True,
                            capture_output=True, timeout=SECONDS, check=False)
    assert result.returncode == 3
    assert "cannot connect" in result.stderr
    assert "hint: become a member of the group 'hvd'" in result.stderr
    seen.note_hvsh(result.returncode, result.stderr)


def test_connection_lost_in_a_call(hvd, hvsh):
    def die(_):
        hvd.listener.drop()
        return b""
    hvd.raw["zone.list"] = die
    assert hvsh("list").returncode == 3


def test_timeout(hvd, hvsh):
    hvd.raw["zone.start"] = lambda _: b""
    result = hvsh("--timeout", "1", "start", "rt")
    assert result.returncode == 4
    assert "did not answer in time" in result.stderr


def test_shutdown_timeout_tells_the_way_out(hvd, hvsh):
    hvd.overrides["zone.shutdown"] = RpcError("TIMEOUT", "still running")
    result = hvsh("shutdown", "linux1", "--wait")
    assert result.returncode == 4
    assert "hvsh destroy linux1" in result.stderr


@pytest.mark.parametrize("words", [
    ["nosuch"], ["start"], ["start", "a", "b"], ["list", "--nosuch"],
    ["list", "-x"], ["list", "--all=1"], ["console", "--from"],
    ["console", "--from", "middle", "x"], ["events", "--since", "-1"],
    ["events", "--since", "x"], ["--nosuch"], ["--timeout", "x", "list"],
    ["--color", "blue", "list"], ["shutdown", "x", "--timeout", "1h"],
    ["shutdown", "x", "--timeout=0", "--force"],
    ["help", "nosuch"]])
def test_usage(hvsh, words):
    result = hvsh(*words)
    assert result.returncode == 2
    assert result.stderr.startswith("hvsh: ")
    assert result.stdout == ""


def test_interrupt(hvd, env):
    hvd.raw["zone.start"] = lambda _: b""
    with running(env, "start", "rt") as process:
        while not hvd.called("zone.start"):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        assert b"may still finish" in process.stderr.read()


@pytest.mark.parametrize("words, status", [
    (["log"], 130), (["log", "--follow"], 0)])
def test_interrupt_while_nobody_reads(hvd, env, words, status):
    text = "x" * 500000  # more than a pipe holds
    hvd.overrides["host.log"] = lambda params: {
        "text": text[params.get("pos", 0):], "first": 0, "pos": len(text)}
    with running(env, *words) as process:
        assert process.stdout.read(1) == b"x"
        # A pipe that has taken some of it lets hvsh try again.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        assert process.returncode == status
        assert process.stderr.read() == b""


def test_full_disk_is_an_error(hvd, env):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([HVSH, "list"], env=env, stdout=full,
                                stderr=subprocess.PIPE, timeout=SECONDS,
                                check=False)
    assert result.returncode == 1
    assert b"cannot write the output" in result.stderr


# ---- framing, through the whole program ----

def reply(identity, result=None):
    return json.dumps({"jsonrpc": "2.0", "id": identity,
                       "result": result}).encode() + b"\n"


@pytest.mark.parametrize("before", [
    b"garbage\n", b"\n\r\n", b'{"jsonrpc":\n', b"\0\xff\xfe\n",
    b'{"jsonrpc":"2.0","id":999,"result":[]}\n', b"[1,2]\n", b"null\n",
    b'{"jsonrpc":"2.0","method":"event","params":5}\n',
    b'{"jsonrpc":"2.0","method":"other"}\n', b"[" * 1000 + b"\n"])
def test_noise_before_the_answer_is_ignored(hvd, hvsh, before):
    hvd.raw["zone.list"] = lambda identity: before + reply(identity, [])
    good(hvsh("list"))


def test_answer_larger_than_the_limit(hvd, hvsh):
    hvd.raw["zone.list"] = lambda identity: b"x" * (17 << 20) + b"\n"
    result = hvsh("list")
    assert result.returncode == 1
    assert "larger than" in result.stderr


def test_large_answer(hvd, hvsh):
    hvd.add(*(zone(f"zone-{i:05}", "running") for i in range(20000)))
    assert len(good(hvsh("list")).splitlines()) == 20004


# ---- events ----

def test_events(hvd, env):
    hvd.emit("linux1", "started")
    with running(env, "events", "--since", "0") as process:
        assert process.stdout.readline() == \
            b"1 2026-01-02 03:04:05.500 linux1 started\n"
        hvd.emit("linux1", "stopped")
        assert process.stdout.readline().endswith(b"linux1 stopped\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_events_survive_a_restart_of_the_daemon(hvd, env):
    with running(env, "events", "--json") as process:
        while not hvd.subscribers:
            time.sleep(0.02)
        hvd.emit("a", "started")
        assert json.loads(process.stdout.readline())["seq"] == 1
        hvd.subscribers.clear()
        hvd.listener.stop()
        hvd.emit("a", "stopped")
        hvd.listener.start()
        hvd.emit("a", "crashed")
        assert [json.loads(process.stdout.readline())["seq"]
                for _ in range(2)] == [2, 3]
        assert hvd.subscriptions == [{}, {"since": 1, "run": "run-1"}]
        process.terminate()
        assert process.wait(SECONDS) == 143


def test_events_of_a_daemon_that_counts_anew(hvd, env):
    for name in ("a", "b", "c"):
        hvd.emit(name, "started")
    with running(env, "events", "--json", "--since", "1") as process:
        assert [json.loads(process.stdout.readline())["zone"]
                for _ in range(2)] == ["b", "c"]
        hvd.subscribers.clear()
        hvd.events.clear()
        hvd.run = "run-2"
        # Also if it has counted further than the one before.
        for name in ("d", "e", "f", "g"):
            hvd.emit(name, "started")
        hvd.listener.drop()
        for seq, name in enumerate("defg", 1):
            event = json.loads(process.stdout.readline())
            assert (event["seq"], event["zone"]) == (seq, name)
        assert hvd.subscriptions[1:] == [{"since": 3, "run": "run-1"}]
        process.terminate()
        assert process.wait(SECONDS) == 143


# ---- watch ----

def wait_subscribed(hvd, count=1):
    deadline = time.monotonic() + SECONDS
    while len(hvd.subscriptions) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_table(process, lines):
    return [process.stdout.readline().decode() for _ in range(lines)]


def test_list_watch_through_a_pipe(hvd, env):
    with running(env, "list", "--watch") as process:
        assert "shut off" in read_table(process, 4)[3]
        hvd.zones["spare"]["state"] = "running"
        hvd.emit("spare", "started")
        shown = read_table(process, 5)
        assert shown[0] == "\n" and " running " in shown[4]
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert process.stdout.read() == process.stderr.read() == b""
    assert len(hvd.called("zone.list")) == 2


def test_list_watch_survives_a_restart_of_the_daemon(hvd, env):
    with running(env, "list", "-w") as process:
        read_table(process, 4)
        hvd.subscribers.clear()
        hvd.listener.stop()
        del hvd.zones["rt"]
        hvd.listener.start()
        assert "spare" in read_table(process, 4)[3]
        hvd.emit("spare", "started")
        read_table(process, 4)
        process.terminate()
        assert process.wait(SECONDS) == 143
        assert b"list: the connection was lost" in process.stderr.read()


def test_info_watch_looks_at_one_zone(hvd, env):
    with running(env, "info", "spare", "--watch", "--json") as process:
        read_until(process, b'"generation": 3')
        hvd.emit("rt", "paused")
        hvd.zones["spare"]["generation"] = 77
        hvd.emit("spare", "defined")
        read_until(process, b"77")
        del hvd.zones["spare"]
        hvd.emit("spare", "undefined")
        assert process.wait(SECONDS) == 1
        assert b"info spare: no zone is called" in process.stderr.read()
    # Of the other zone's event it took no notice.
    assert len(hvd.called("zone.get")) == 3


# ---- consoles ----

class Terminal:
    """hvsh on a pseudo-terminal."""

    def __init__(self, env, *words, size=(24, 80)):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(HVSH, [HVSH, *words], env)
        termios.tcsetwinsize(self.fd, size) \
            if hasattr(termios, "tcsetwinsize") else self.set_size(size)
        self.seen = b""

    def set_size(self, size):
        import fcntl
        import struct
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", *size, 0, 0))

    def write(self, data):
        os.write(self.fd, data)

    def read_some(self, deadline):
        ready = select.select([self.fd], [], [],
                              max(0, deadline - time.monotonic()))[0]
        assert ready, f"no more output after {self.seen!r}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def expect(self, text):
        deadline = time.monotonic() + SECONDS
        while text not in self.seen:
            assert self.read_some(deadline), f"ended after {self.seen!r}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def local_flags(self):
        return termios.tcgetattr(self.fd)[3]

    def prompt(self):
        """The editor shows its prompt just before it sets the terminal up."""
        self.expect(b"hvsh> ")
        deadline = time.monotonic() + SECONDS
        while self.local_flags() & termios.ICANON:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def wait(self):
        deadline = time.monotonic() + SECONDS
        while self.read_some(deadline):
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def terminal(env):
    started = []

    def start(*words, **more):
        started.append(Terminal(env, *words, **more))
        return started[-1]
    yield start
    for one in started:
        try:
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def test_console_on_a_terminal(hvd, terminal):
    hvd.console.print(b"boot\r\n")
    term = terminal("console", "linux1")
    term.expect(b"Ctrl-] leaves")
    term.expect(b"boot\r\n")
    assert not term.local_flags() & (termios.ICANON | termios.ECHO |
                                     termios.ISIG)
    term.write(b"ls\r\x03")
    hvd.console.wait_received(b"ls\r\x03")
    hvd.console.print(b"\033[1mfile\033[0m\r\n")
    term.expect(b"\033[1mfile\033[0m\r\n")
    term.write(b"bye\x1dnot sent")
    hvd.console.wait_received(b"bye")
    assert term.wait() == 0
    assert b"not sent" not in hvd.console.received
    assert hvd.console.greetings == [{"device": "console0", "from": "start",
                                      "write": True, "force": False}]


@pytest.mark.parametrize("words, other, linux", [
    ([], b"uart0", b"hvc0"), (["-d", "uart0"], b"console0", b"ttyAMA0")])
def test_console_that_stays_blank(hvd, terminal, words, other, linux):
    term = terminal("console", "linux1", *words)
    term.expect(b"Ctrl-] leaves]")
    term.write(b"\r")
    term.expect(b"[linux1: no output yet: try --device " + other +
                b", or console=" + linux + b" on the guest's command line]")
    term.write(b"\r")
    hvd.console.print(b"late\r\n")
    assert b"no output" not in term.expect(b"late\r\n")
    term.write(b"\x1d")
    assert term.wait() == 0


def test_console_goes_on_where_it_was_left(hvd, terminal):
    for text, start in ((b"one", "start"), (b"two", 3), (b"three", 6)):
        hvd.console.print(text)
        term = terminal("console", "linux1")
        assert term.expect(text).endswith(b"leaves]\r\n")
        term.write(b"\x1d")
        assert term.wait() == 0
        assert hvd.console.greetings[-1]["from"] == start
    # Another run of the zone: another stream.
    hvd.zones["linux1"]["id"] += 1
    term = terminal("console", "linux1")
    term.expect(b"onetwothree")
    assert hvd.console.greetings[-1]["from"] == "start"
    term.write(b"\x1d")
    assert term.wait() == 0


def test_console_options(hvd, hvsh):
    hvd.console.print(b"old")
    hvd.zones["linux1"]["state"] = "running"
    threading.Timer(0.5, lambda: (hvd.console.print(b"new"),
                                  hvd.zones.pop("linux1"),
                                  hvd.console.drop())).start()
    result = hvsh("console", "linux1", "-d", "uart0", "--force", "--from=end")
    assert result.stdout == "new"
    assert result.returncode == 0
    assert hvd.called("console.attach")[0] == {
        "name": "linux1", "device": "uart0", "from": "end", "force": True,
        "readonly": False}
    assert hvd.console.greetings[0]["force"] is True


def test_console_survives_its_io_process(hvd, terminal):
    """Nothing is lost or doubled, not even what came meanwhile."""
    term = terminal("console", "linux1")
    term.expect(b"leaves]")
    expected = b""
    for i in range(20):
        text = b"<%d>" % i
        hvd.console.print(text)
        expected += text
        hvd.console.drop()
        hvd.console.print(b"(%d)" % i)
        expected += b"(%d)" % i
    hvd.console.print(b"END")
    assert term.expect(b"END").replace(b"\r\n", b"") == expected
    term.write(b"x")
    hvd.console.wait_received(b"x")
    term.write(b"\x1d")
    assert term.wait() == 0


def test_console_tells_of_lost_output(hvd, terminal):
    term = terminal("console", "linux1")
    hvd.console.print(b"seen")
    term.expect(b"seen")
    with hvd.console.changed:
        hvd.console.output += b"0123456789rest"
        hvd.console.base = 14
    hvd.console.drop()
    term.expect(b"10 bytes of output were lost")
    term.expect(b"rest")
    term.write(b"\x1d")
    assert term.wait() == 0


@pytest.mark.parametrize("told", [False, True])
def test_console_of_another_stream_starts_over(hvd, terminal, told):
    """The stream is shorter than what was shown: it is a new one."""
    if not told:  # a daemon that does not know the stream's range
        hvd.overrides["console.attach"] = lambda params: {
            "socket": hvd.console.listener.path, "device": "console0"}
    term = terminal("console", "linux1")
    hvd.console.print(b"much output")
    term.expect(b"much output")
    with hvd.console.changed:
        hvd.console.output = b"new"
    hvd.console.drop()
    assert term.expect(b"new") == b""
    hvd.console.print(b"er")
    assert term.expect(b"er") == b""
    term.write(b"\x1d")
    assert term.wait() == 0


def test_console_skips_what_was_shown(hvd, terminal):
    """A server that begins earlier than asked doubles nothing."""
    term = terminal("console", "linux1")
    hvd.console.print(b"0123456789")
    term.expect(b"0123456789")
    hvd.console.early = 4
    hvd.console.drop()
    hvd.console.print(b"abc")
    assert term.expect(b"abc") == b""
    term.write(b"\x1d")
    assert term.wait() == 0


def test_console_survives_the_daemon(hvd, terminal):
    term = terminal("console", "linux1")
    hvd.console.print(b"seen")
    term.expect(b"seen")
    hvd.listener.stop()
    hvd.console.drop()
    term.expect(b"connection lost")  # it has tried for a while, in vain
    hvd.listener.start()
    hvd.console.print(b"again")
    term.expect(b"again")
    term.write(b"\x1d")
    assert term.wait() == 0


def test_console_can_be_left_while_disconnected(hvd, terminal):
    term = terminal("console", "linux1")
    term.expect(b"leaves]")
    hvd.listener.stop()
    hvd.console.listener.stop()
    term.expect(b"connection lost")
    term.write(b"\x1d")
    assert term.wait() == 0
    hvd.listener.start()
    hvd.console.listener.start()


def test_console_ends_with_the_zone(hvd, terminal):
    term = terminal("console", "linux1")
    term.expect(b"leaves]")
    hvd.zones["linux1"].update(state="crashed", reason="watchdog")
    hvd.console.drop()
    term.expect(b"[linux1: the zone crashed: watchdog]")
    assert term.wait() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT,
                                 signal.SIGQUIT])
def test_console_restores_the_terminal_on_signals(hvd, terminal, sig):
    term = terminal("console", "linux1")
    before = term.local_flags() | termios.ICANON | termios.ECHO
    term.expect(b"leaves]")
    while term.local_flags() & termios.ICANON:
        time.sleep(0.01)
    os.kill(term.pid, sig)
    deadline = time.monotonic() + SECONDS
    while not term.local_flags() & termios.ICANON:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert term.local_flags() & termios.ECHO and before
    assert term.wait() == 128 + sig


def test_console_from_a_pipe(hvd, env):
    hvd.console.print(b"login: ")
    with running(env, "console", "linux1", stdin=subprocess.PIPE) as process:
        assert process.stdout.read(7) == b"login: "
        text = b"root\n\x1d" + b"z" * 500000  # Ctrl-] is a byte like others
        process.stdin.write(text)
        process.stdin.close()
        hvd.console.wait_received(text)
        hvd.console.print(b"welcome\n")
        assert process.stdout.readline() == b"welcome\n"
        assert process.poll() is None
        hvd.zones["linux1"]["state"] = "defined"
        hvd.console.drop()
        assert process.wait(SECONDS) == 0
        assert b"has stopped" in process.stderr.read()


def test_console_readonly(hvd, terminal):
    term = terminal("console", "linux1", "--readonly")
    term.expect(b"leaves]")
    term.write(b"typed")
    hvd.console.print(b"shown")
    term.expect(b"shown")
    term.write(b"\x1d")
    assert term.wait() == 0
    assert hvd.console.received == b""
    assert hvd.console.greetings[0]["write"] is False


def test_console_of_another_writer(hvd, terminal):
    hvd.console.writer = False
    term = terminal("console", "linux1")
    term.expect(b"--force takes over")
    term.write(b"x\x1d")
    assert term.wait() == 0
    assert hvd.console.received == b""


def test_console_refused(hvd, hvsh):
    hvd.overrides["console.attach"] = RpcError(
        "INVALID_STATE", "the zone is not running", hint="start it first")
    result = hvsh("console", "linux1")
    assert result.returncode == 1
    assert "console linux1: the zone is not running" in result.stderr


def test_console_of_a_zone_that_is_off(hvd, hvsh):
    result = hvsh("console", "spare")
    assert result.returncode == 1
    assert result.stderr == (
        "hvsh: console spare: the zone is not running\n"
        "  hint: 'hvsh start spare --console' starts it and opens its"
        " console\n")
    assert not hvd.called("console.attach")


def test_start_with_console(hvd, terminal):
    hvd.console.print(b"hello")
    term = terminal("start", "spare", "--console")
    term.expect(b"hello")
    term.write(b"\x1d")
    assert term.wait() == 0
    assert hvd.called("zone.start") == [{"name": "spare"}]


# ---- terminal ----

def test_table_fits_the_terminal(hvd, terminal):
    hvd.add(zone("n" * 60, "running"), zone("r", "crashed", reason="w" * 90))
    term = terminal("list")
    assert term.wait() == 0
    plain = re.sub(rb"\033\[[0-9;]*m", b"", term.seen).decode()
    rows = plain.splitlines()
    assert all(len(row) <= 80 for row in rows)
    assert any("nnn~" in row for row in rows)


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_watch_on_a_terminal(hvd, terminal, key):
    shown = terminal("list", "--watch")
    shown.expect(b"\033[H\033[J")
    shown.expect(b"spare")
    assert not shown.local_flags() & (termios.ICANON | termios.ECHO)
    hvd.zones["spare"]["state"] = "crashed"
    hvd.emit("spare", "crashed")
    shown.expect(b"\033[H\033[J")
    shown.expect(b"crashed")
    shown.write(b"x" + key)
    assert shown.wait() == 0


def test_watch_at_the_prompt(hvd, terminal):
    shown = terminal()
    shown.prompt()
    shown.write(b"list -w\r")
    shown.expect(b"\033[H\033[J")
    shown.expect(b"spare")
    shown.write(b"q")
    shown.prompt()
    assert hvd.called("event.unsubscribe")
    shown.write(b"info rt\r")
    shown.expect(b"Name:")


def test_colors_only_on_terminals(hvd, hvsh, env):
    assert b"\033[32mrunning" in run_list(env)
    assert b"\033" not in run_list(env | {"NO_COLOR": "1"})
    assert b"\033" not in run_list(env | {"TERM": "dumb"})
    assert "\033[32m" in good(hvsh("--color=always", "list"))


def run_list(env):
    term = Terminal(env, "list")
    assert term.wait() == 0
    return term.seen


def test_spinner(hvd, terminal):
    released = threading.Event()

    def slow(_):
        released.wait(SECONDS)
    hvd.overrides["zone.start"] = slow
    term = terminal("start", "spare")
    term.expect(b"start spare (")
    released.set()
    assert term.wait() == 0
    assert term.seen.endswith(b"\r\033[Kspare: started\r\n")


# ---- the prompt ----

def test_interactive(hvd, terminal, tmp_path):
    term = terminal()
    term.prompt()
    term.write(b"list\n")
    term.expect(b"shut off")
    term.prompt()
    term.write(b"hvsh info spare\n")
    term.expect(b"shut off")
    term.prompt()
    term.write(b"hvsh\n")
    term.prompt()
    term.write(b"start 'nosuch'\n")
    term.expect(b"no zone is called")
    term.prompt()
    term.write(b"half a line\x03")
    term.prompt()
    term.write(b"info linux1\n")
    term.expect(b"running")
    term.prompt()
    term.write(b"quit\n")
    assert term.wait() == 0
    history = (tmp_path / "cache/hvsh/history").read_text()
    assert "info" in history and "half" not in history


def test_interactive_completion(hvd, terminal):
    term = terminal()
    term.prompt()
    term.write(b"dumpd\t")
    term.expect(b"ef ")
    term.write(b"lin\t\n")
    term.expect(b'"name": "linux1"')
    term.prompt()
    term.write(b"hvsh dumpdef sp\t\n")
    term.expect(b'"name": "spare"')
    term.prompt()
    term.write(b"re\t\t")
    term.expect(b"reboot")
    term.expect(b"reset")
    term.expect(b"hvsh> re")
    term.write(b"\x15exit\n")
    assert term.wait() == 0


def test_interactive_survives_the_daemon(hvd, terminal):
    term = terminal()
    term.prompt()
    term.write(b"host\n")
    term.expect(b"Uptime")
    hvd.listener.stop()
    term.prompt()
    term.write(b"host\n")
    term.expect(b"cannot connect")
    hvd.listener.start()
    term.prompt()
    term.write(b"host\n")
    term.expect(b"Uptime")
    term.prompt()
    term.write(b"\x04")
    assert term.wait() == 0


def test_interactive_console_and_events(hvd, terminal):
    hvd.console.print(b"hello")
    term = terminal()
    term.prompt()
    term.write(b"console linux1\n")
    term.expect(b"hello")
    term.write(b"\x1d")
    term.prompt()
    term.write(b"events\n")
    while not hvd.subscribers:
        time.sleep(0.02)
    hvd.emit("linux1", "rebooted")
    term.expect(b"linux1 rebooted")
    term.write(b"\x03")
    term.prompt()
    os.kill(term.pid, signal.SIGTERM)
    assert term.wait() == 143


def test_batch(hvd, hvsh):
    result = hvsh(stdin="# comment\n\nlist\ndumpdef linux1\nstart nosuch\nlist")
    assert result.returncode == 1
    assert result.stdout.count("NAME") == 1
    assert '"memory": "512M"' in result.stdout
    assert hvsh(stdin='info "x').returncode == 2
    assert good(hvsh(stdin="quit\nnosuch\n")) == ""
    assert good(hvsh(stdin="hvsh list\n")) == good(hvsh("list"))


@pytest.mark.parametrize("method, result", [
    ("trace.set", {}), ("trace.set", {"pos": 5}),
    ("trace.read", {}), ("trace.read", {"records": 5}),
    ("trace.read", {"records": [5]}),
    ("trace.read", {"records": [[1, "enter", 0, 0, None]]}),
    ("trace.read", {"records": [["1", "enter", 0, 0, None, 0]]}),
    ("trace.read", {"records": [[1, None, 0, 0, None, 0]]})])
def test_answers_that_are_no_trace(hvd, hvsh, tmp_path, method, result):
    hvd.overrides["trace.set"] = lambda params: {"pos": [0]}
    hvd.raw[method] = lambda identity: reply(identity, result)
    got = hvsh("trace", "-n", "1", "-o", str(tmp_path / "t"))
    assert got.returncode == 1
    assert f"{method}" in got.stderr, got.stderr


def test_a_trace_of_odd_zones(hvd, hvsh, tmp_path):
    """Numbers beyond all bounds, and names that end a JSON string."""
    hvd.overrides["trace.set"] = lambda params: {"pos": [0]}
    records = [
        [1, "enter", 3, 0, None, 0], [2, "enter", 256, 0, None, 0],
        [3, "enter", -5, -5, None, 0], [4, "enter", 3, 32, None, 0],
        [5, "leave", 3, 0, 'a"\\\n' + "x" * 100, 0],
        [6, "n" * 100, 3, 0, "?", -2**63], [7, "ready", 3, 0, None, -1],
        [8, "ready", 3, 0, None, 2**62], [9, "state", 999, None, "x", 0],
        [10, "block", None, None, None, 0]]
    zones = [{"name": 'q"\\\n', "uuid": "u", "state": "running", "id": 3,
              "vcpus": 1, "memory": 1, "autostart": False}]
    hvd.raw["trace.read"] = lambda identity: reply(
        identity, {"records": records, "lost": 0, "pos": 10})
    hvd.raw["zone.list"] = lambda identity: reply(identity, zones)
    path = tmp_path / "t"
    good(hvsh("trace", "-n", "1", "-o", str(path)))
    trace = Trace(path)
    assert set(trace.processes.values()) == {"CPUs", 'q"\\?'}


# ---- one table of commands ----

def commands(hvsh):
    """Names of all commands, from the grouped help."""
    return re.findall(r"^  ([a-z-]+) {2,}", good(hvsh("--help")), re.M)


def bash_complete(env, tmp_path, lines):
    """What bash would offer for each command line, the last word of which may be
    empty."""
    script = f"""
        source {ROOT}/toolstack/hvsh/completion.bash
        COMP_WORDS=("$@")
        COMP_CWORD=$(( $# - 1 ))
        _hvsh hvsh
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    offers = []
    for line in lines:
        words = re.findall(r"=|[^ =]+|(?<= )$", line)
        offers.append(subprocess.run(
            ["bash", "-c", script, "bash", *words], env=env, text=True,
            stdout=subprocess.PIPE, timeout=SECONDS, check=True).stdout.split())
    return offers


def zsh_complete(env, tmp_path, lines):
    """The same of zsh, whose line editor works on terminals only."""
    (tmp_path / "functions").mkdir(exist_ok=True)
    shutil.copy(ROOT / "toolstack/hvsh/completion.zsh",
                tmp_path / "functions/_hvsh")
    script = f"""
        exec 3>{tmp_path}/offers
        fpath=({tmp_path}/functions $fpath)
        autoload -Uz compinit && compinit -D -u
        compadd() {{
                local -a offers
                builtin compadd -O offers "$@"
                print -r -- $offers >&3
        }}
        ask() {{ $_comps[hvsh] }}
        zle -C ask complete-word ask
        zle-line-init() {{
                BUFFER=$line CURSOR=$#line
                zle ask
                zle accept-line
        }}
        zle -N zle-line-init
        for line; do
                vared -c typed
                typed=
                print -r -- . >&3
        done
    """
    master, slave = pty.openpty()
    try:
        subprocess.run(["zsh", "-f", "-c", script, "zsh", *lines], env=env,
                       stdin=slave, stdout=slave, stderr=slave,
                       timeout=SECONDS, check=True)
    finally:
        os.close(slave)
        os.close(master)
    answers = (tmp_path / "offers").read_text().split("\n.\n")
    assert answers.pop() == ""
    return [answer.split() for answer in answers]


@pytest.fixture(params=[bash_complete, zsh_complete])
def complete(request, env, tmp_path):
    env["PATH"] = f"{Path(HVSH).parent}:{env['PATH']}"

    def offers(lines, **more):
        return request.param(env | more, tmp_path, lines)
    return offers


def test_every_command_completes(hvd, hvsh, complete):
    names = commands(hvsh)
    table = (ROOT / "toolstack/hvsh/commands.c").read_text()
    assert names == re.findall(r'^\t\{ "([a-z-]+)", .*GROUP_', table, re.M)
    first, *others = complete(["hvsh ", *(f"hvsh {n} -" for n in names)])
    assert sorted(first) == sorted(names)
    for name, offered in zip(names, others):
        assert "--help" in offered, name


def test_completion_of_arguments(hvd, complete, tmp_path):
    file = tmp_path / "zone.json"
    file.write_text("{}")
    typed, zones = f"{tmp_path}/zo", ["linux1", "rt", "spare"]
    offers = {
        "hvsh start ": zones,
        "hvsh start l": ["linux1"],
        "hvsh start linux1 ": [],
        "hvsh list ": [],
        "hvsh console --from=": ["start", "end"],
        "hvsh console --from=e": ["end"],
        "hvsh console --from e": ["end"],
        "hvsh console --from=end ": zones,
        "hvsh console --device uart0 ": zones,
        "hvsh --color ": ["auto", "always", "never"],
        f"hvsh define {typed}": [str(file)],
        f"hvsh define {tmp_path}/func": [f"{tmp_path}/functions/"],
        "hvsh create ": [],
        f"hvsh import {typed}": [str(file)],
        f"hvsh import x {typed}": [str(file)],
        f"hvsh create --kernel {typed}": [str(file)],
        f"hvsh create --disk {typed}": [str(file)],
        "hvsh log-level ": ["error", "warning", "info", "debug"],
        "hvsh diff ": zones,
        f"hvsh dump rt {typed}": [str(file)],
        f"hvsh diff rt {typed}": [str(file)]}
    (tmp_path / "functions").mkdir()
    assert dict(zip(offers, complete(offers))) == offers
    assert complete(["hvsh start ", f"hvsh -s {hvd.path} start "],
                    HVD_SOCKET="/nonexistent") == [[], zones]


def test_completion_of_changes(hvd, complete):
    """bash wants what is behind the =, zsh the whole word."""
    hvd.add(zone("z", "running", devices=[
        {"name": "net0", "type": "net", "state": "ok"},
        {"name": "console0", "type": "console", "state": "ok"}]))
    lines = ["hvsh set z ", "hvsh set z net0 l", "hvsh set z net0 link=",
             "hvsh set z net0 link=d", "hvsh set z net0 link=up m"]
    devices, keys, *values = complete(lines)
    assert devices == ["net0"]
    assert {"link=up", "link=down", "limits.rx-bytes-sec="} <= set(keys)
    assert "mtu=" not in keys
    assert [[v.removeprefix("link=") for v in offered] for offered in values] \
        == [["up", "down"], ["down"], ["mtu="]]


def test_manual_covers_every_command_and_option(hvsh):
    manual = (ROOT / "docs/man/hvsh.1").read_text().replace("\\-", "-")
    for name in commands(hvsh):
        assert re.search(rf"^\.B(R?) \"?{name}\b", manual, re.M), name
        help_text = good(hvsh("help", name))
        for option in re.findall(r"--[a-z-]+", help_text):
            assert option in manual, f"{name} {option}"
    for option in re.findall(r"--[a-z-]+", good(hvsh("--help"))):
        assert option in manual, option


def test_help(hvsh):
    assert good(hvsh("help")) == good(hvsh("--help"))
    assert good(hvsh("help", "start")) == good(hvsh("start", "--help"))
    assert "usage: hvsh console [--device DEVICE]" in \
        good(hvsh("help", "console"))
