# SPDX-License-Identifier: BSD-2-Clause
"""The documents that describe hvd, the OpenRPC document and the schema of zone
definitions, against hvd itself; the judge is python3-jsonschema."""
import json
import subprocess

import pytest

import openrpc
import seen
from test_hvd import (HVD, RpcError, fails, hvd, machine,  # noqa: F401
                      wait)

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")
DEFINITION = openrpc.validator(openrpc.ZONE_SCHEMA)


# ------------------------------------------------------------------ OpenRPC

def test_the_document_is_what_hvd_gives(hvd):
    given = hvd.call("rpc.discover")
    given["info"]["version"] = ""
    assert given == openrpc.DOCUMENT


def test_schemas_are_schemas():
    for method in openrpc.METHODS.values():
        for param in method["params"]:
            openrpc.validator(openrpc.resolved(param["schema"]))
        openrpc.validator(method["result"]["schema"])
        assert all(p.get("summary") for p in method["params"])
        assert method["summary"]
    for name, error in openrpc.ERRORS.items():
        assert error["data"] == {"code": name}
        assert error["message"] and error["x-hint"]
    assert set(openrpc.DOCUMENT["components"]["schemas"]["ErrorData"]
               ["properties"]["code"]["enum"]) == set(openrpc.ERRORS)


def test_every_method_answers_as_described(machine, hvd):
    """Client.call() looks at each; here none is left out."""
    openrpc.seen_methods.clear()
    disk = machine.disk()
    hvd.call("zone.define", definition=machine.definition(devices=[
        {"type": "console"}, {"type": "rng"}, {"type": "gpu"},
        {"type": "input", "kind": "keyboard"},
        {"type": "disk", "path": str(disk), "limits": {"read-iops-sec": 9}}]))
    hvd.call("zone.start", name="z1", paused=True)
    hvd.call("zone.resume", name="z1")
    for method in ("hvd.version", "host.info", "host.log", "host.counters",
                   "zone.list", "rpc.discover", "event.subscribe",
                   "log.level"):
        hvd.call(method)
    hvd.call("host.counters", zone="z1")
    hvd.call("trace.set", events=["run"])
    hvd.call("trace.read", cpu=0)
    hvd.call("zone.pin", name="z1", vcpu=0, pcpu=2)
    hvd.call("zone.set", name="z1", vcpus=1)
    hvd.call("zone.pause", name="z1")
    hvd.call("zone.get", name="z1")
    hvd.call("zone.resume", name="z1")
    hvd.call("device.counters", name="z1", device="disk0")
    hvd.call("device.resize", name="z1", device="disk0")
    hvd.call("device.resume", name="z1", device="disk0")
    hvd.call("device.set", name="z1", device="disk0", limits={})
    hvd.call("console.attach", name="z1")
    hvd.call("display.get", name="z1")
    hvd.call("display.screenshot", name="z1", path=f"{machine.tmp}/png")
    hvd.call("display.send_keys", name="z1", keys=[28], hold_ms=1)
    hvd.call("zone.get", name="zone0")
    hvd.call("zone.dump", name="z1", path=f"{machine.tmp}/core")
    hvd.call("zone.reset", name="z1")
    hvd.call("zone.reboot", name="z1")
    hvd.event("z1", "rebooted")
    wait(lambda: hvd.call("zone.get", name="z1")["state"] == "running")
    hvd.call("zone.shutdown", name="z1")
    hvd.event("z1", "stopped")
    wait(lambda: hvd.call("zone.get", name="z1")["state"] == "defined")
    hvd.call("zone.start", name="z1")
    hvd.call("zone.list")
    hvd.call("zone.destroy", name="z1")
    hvd.call("zone.get", name="z1")
    machine.inject("delay-create", "10000")
    request = hvd.begin("zone.start", name="z1")
    hvd.call("job.cancel", job=hvd.call("job.list")[0]["id"])
    machine.clear("delay-create")
    with pytest.raises(RpcError, match="cancelled"):
        hvd.finish(request)
    machine.inject("delay-create", "10000")
    request = hvd.begin("zone.start", name="z1")
    wait(lambda: hvd.call("job.list"))
    hvd.call("rpc.cancel", id=request)
    machine.clear("delay-create")
    with pytest.raises(RpcError, match="cancelled"):
        hvd.finish(request)
    hvd.call("zone.clone", name="z1", new_name="z2",
             devices={"disk0": {"path": str(machine.tmp / "other.img")}})
    hvd.call("zone.rename", name="z2", new_name="z3")
    hvd.call("zone.create", definition=machine.definition("brief"))
    hvd.call("zone.undefine", name="z1")
    hvd.call("event.unsubscribe")
    assert openrpc.seen_methods == set(openrpc.METHODS)


NOT = {"string": [5, None, [], {}], "integer": ["1", 1.5, None, True],
       "boolean": ["yes", 1, None], "object": ["x", 1, [], None],
       "array": ["x", 1, {}, None]}


def wrong_values(schema):
    """What the schema of a parameter refuses."""
    judge = openrpc.validator(schema)
    values = [v for wrong in NOT.values() for v in wrong]
    values += [schema[k] + d for k, d in (("minimum", -1), ("maximum", 1))
               if k in schema]
    values += ["", "-z", "middle", -1]
    return [v for v in values if not judge.is_valid(v)]


def test_parameters_that_the_document_refuses(machine, hvd):
    """Each of each method, of a wrong type or beyond its bounds, missing, and
    one too many; by hvd, too, and at that path where it is one."""
    definition = machine.definition(devices=[
        {"type": "net"}, {"type": "gpu"}])
    hvd.call("zone.define", definition=definition)
    good = {"name": "z1", "device": "net0", "definition": definition,
            "job": 1, "id": 12345, "path": "/", "events": [], "cpu": 0,
            "new_name": "z2", "vcpu": 0, "pcpu": 0, "vcpus": 1, "keys": [28]}
    for name, method in openrpc.METHODS.items():
        needed = {p["name"]: good[p["name"]] for p in method["params"]
                  if p["required"]}
        assert fails("INVALID_PARAMS", hvd, name, **needed, surplus=1)
        for param in needed:
            rest = {k: v for k, v in needed.items() if k != param}
            error = fails("INVALID_PARAMS", hvd, name, **rest)
            assert error.path == f"$.{param}"
        for param in method["params"]:
            for value in wrong_values(openrpc.resolved(param["schema"])):
                params = {**needed, param["name"]: value}
                if param["name"] in ("width", "height"):
                    params["device"] = "gpu0"
                assert not openrpc.PARAMS[name].is_valid(params)
                with pytest.raises(RpcError) as error:
                    hvd.call(name, **params)
                if error.value.code != "INVALID_PARAMS":
                    # the name of no zone
                    assert error.value.code == "ZONE_NOT_FOUND", (name, params)
                assert error.value.path == f"$.{param['name']}", (name, params)


def test_each_error_of_a_request(machine, hvd):
    """What is no call of a method is answered as described, too."""
    for raw, name in ((b"{", "PARSE_ERROR"),
                      (b"[]", "INVALID_REQUEST"),
                      (b'{"jsonrpc":"2.0","id":1,"method":5}',
                       "INVALID_REQUEST"),
                      (b'{"jsonrpc":"2.0","id":1,"method":"a","prams":{}}',
                       "INVALID_REQUEST"),
                      (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}',
                       "METHOD_NOT_FOUND"),
                      (b'{"jsonrpc":"2.0","id":1,"method":"zone.list",'
                       b'"params":[1]}', "INVALID_PARAMS"),
                      (b" " * (1 << 20) + b"{}", "TOO_LARGE")):
        hvd.send(raw + b"\n")
        answer = hvd.read()
        error = answer["error"]
        openrpc.check_error(None, error)
        seen.note_answer(None, answer)
        assert error["data"]["code"] == name
    reader = machine.client(readonly=True)
    fails("PERMISSION", reader, "zone.start", name="z1")


def test_tables_are_up_to_date():
    subprocess.run([openrpc.TOP / "scripts/rpc-tables", "--check"], check=True)


# --------------------------------------------------------- zone definitions

@pytest.mark.parametrize("path", sorted(
    (openrpc.TOP / "configs").glob("*/*.json")), ids=lambda p: p.name)
def test_shipped_definitions(hvd, path):
    definition = json.loads(path.read_text())
    DEFINITION.validate(definition)
    hvd.call("zone.define", definition=definition)
    DEFINITION.validate(
        hvd.call("zone.get", name=definition["name"])["definition"])


def disk(**more):
    return {"devices": [{"type": "disk", "path": "/a", **more}]}


def nbd(**more):
    return {"devices": [{"type": "disk", "nbd": more}]}


def net(**more):
    return {"devices": [{"type": "net", **more}]}


def rng(**more):
    return {"devices": [{"type": "rng", **more}]}


def console(**more):
    return {"devices": [{"type": "console", **more}]}


def gpu(**more):
    return {"devices": [{"type": "gpu", **more}]}


def keys(**more):
    return {"devices": [{"type": "input", **more}]}


GOOD = [
    {}, {"name": "a" * 63}, {"name": "0._-"},
    {"name": "7a6d2f14-3c1b-4d5e-8f90-1122334455667"}, {"vcpus": 32},
    {"vcpus": {"max": 4, "on": 1}}, {"vcpus": {"max": 32}}, {"memory": "4M"},
    {"uuid": "7a6d2f14-3c1b-4d5e-8f90-112233445566"},
    {"title": "t" * 255}, {"title": ""}, {"description": "d\n" * 2048},
    {"metadata": {}}, {"metadata": {"u" * 255: "x" * 16384}},
    {"metadata": {f"urn:{i}": "" for i in range(16)}},
    {"memory": "255G"}, {"memory": "64MiB"}, {"memory": "65536k"},
    {"initrd": "/i"}, {"dtb-overlay": "/d"}, {"cmdline": "x" * 2047},
    {"cpus": [0]}, {"cpus": [63]}, {"cpus": [None]}, {"priority": 0}, {"priority": 31},
    {"slice": "100us"}, {"slice": "1s"}, {"slice": "5ms"}, {"autostart": True},
    {"autostart": {}}, {"autostart": {"order": -1000, "delay": "3600s"}},
    {"on_crash": "restart"}, {"on_reboot": "destroy"},
    {"on_poweroff": "restart"}, {"on_reboot": "preserve"},
    {"on_poweroff": "preserve"}, {"devices": []},
    {"devices": [{"type": "uart"}]}, {"devices": [{"type": "console"}] * 5},
    console(name="c"), console(name="a" * 31), console(xml=""),
    console(xml="x" * 4096), rng(xml="<kept/>"), net(xml="é"),
    disk(), disk(readonly=True, cache="writethrough", direct=False, queues=8,
                 serial="~" * 20, discard=False),
    disk(**{"block-size": "auto", "on-error": "enospace"}),
    disk(**{"block-size": 512}), disk(**{"block-size": 4096}),
    disk(limits={}), disk(limits={"total-iops-sec": 1, "burst-ms": 60000}),
    disk(limits={"read-iops-sec": 10**9, "write-bytes-sec": "1T"}),
    disk(limits={"write-iops-sec": 1, "read-bytes-sec": "1K",
                 "total-bytes-sec": "1K"}),
    nbd(socket="/s"), nbd(socket="/" + "s" * 106), nbd(host="::1"),
    nbd(host="10.0.0.1", port=65535, export="e" * 255),
    net(), net(bridge="br0", mac="52:54:00:00:00:01", mtu=68, queues=3),
    net(mtu=65535, link=False, vhost=False), net(bridge="a" * 15),
    net(user=True, forward=[{"port": 1}]),
    net(user=True, forward=[{"proto": "udp", "address": "127.0.0.1",
                             "port": 65535, "to": 1}]),
    net(limits={"rx-bytes-sec": "1K", "tx-packets-sec": 1}),
    net(limits={"tx-bytes-sec": "1K", "rx-packets-sec": 1}),
    rng(), rng(source="/dev/hwrng", limits={"total-bytes-sec": "1M"}),
    gpu(), gpu(name="g", xml="", heads=4, width=640, height=480, memory="6M"),
    gpu(width=4096, height=2160, memory="256M"), gpu(vnc={}),
    gpu(vnc={"port": "auto", "address": "::"}),
    gpu(vnc={"port": 1024, "address": "10.0.0.1", "password-file": "/p"}),
    gpu(vnc={"tls": "/etc/hvd/vnc"}),
    gpu(vnc={"port": 65535}), gpu(card="/dev/dri/card0"),
    *(keys(name="i", xml="", kind=kind)
      for kind in ("keyboard", "tablet", "mouse")),
]

# What changes of the definition ("": that is left out), and where hvd says that
# it is wrong.
BAD = [
    ({"name": None}, "$.name"), ({"name": ""}, "$.name"),
    ({"name": 5}, "$.name"), ({"name": "-a"}, "$.name"),
    ({"name": "a" * 64}, "$.name"), ({"name": "zone0"}, "$.name"),
    ({"name": "a b"}, "$.name"), ({"name": "é"}, "$.name"),
    ({"name": "7A6d2f14-3c1b-4d5e-8f90-112233445566"}, "$.name"),
    ({"uuid": "x"}, "$.uuid"), ({"uuid": 1}, "$.uuid"),
    ({"uuid": "00000000-0000-0000-0000-000000000000"}, "$.uuid"),
    ({"title": "t" * 256}, "$.title"), ({"title": ["t"]}, "$.title"),
    ({"title": "a\n"}, "$.title"), ({"title": "\x7f"}, "$.title"),
    ({"description": 1}, "$.description"),
    ({"description": "d" * 4097}, "$.description"),
    ({"description": "\x1b"}, "$.description"),
    ({"metadata": ["<a/>"]}, "$.metadata"),
    ({"metadata": {"": "<a/>"}}, '$.metadata[""]'),
    ({"metadata": {"u" * 256: "<a/>"}}, f'$.metadata["{"u" * 64}"]'),
    ({"metadata": {"\x1f": "<a/>"}}, '$.metadata["?"]'),
    ({"metadata": {"urn:a": {}}}, '$.metadata["urn:a"]'),
    (console(xml=1), "$.devices[0].xml"),
    (disk(xml="x" * 4097), "$.devices[0].xml"),
    ({"metadata": {"urn:a": "x" * 16385}}, '$.metadata["urn:a"]'),
    ({"metadata": {f"{i:02}": "" for i in range(17)}}, '$.metadata["16"]'),
    ({"vcpus": 0}, "$.vcpus"), ({"vcpus": 33}, "$.vcpus"),
    ({"vcpus": {"on": 1}}, "$.vcpus.max"), ({"vcpus": {"max": 33}}, "$.vcpus.max"),
    ({"vcpus": {"max": 2, "on": 0}}, "$.vcpus.on"),
    ({"vcpus": {"max": 2, "no": 1}}, "$.vcpus.no"),
    ({"vcpus": "2"}, "$.vcpus"), ({"vcpus": 1.5}, "$.vcpus"),
    ({"memory": 256}, "$.memory"), ({"memory": "256"}, "$.memory"),
    ({"memory": "256X"}, "$.memory"), ({"memory": "-4M"}, "$.memory"),
    ({"kernel": "k"}, "$.kernel"), ({"kernel": ""}, "$.kernel"),
    ({"kernel": "/" + "k" * 4095}, "$.kernel"),
    ({"initrd": 1}, "$.initrd"), ({"initrd": "i"}, "$.initrd"),
    ({"dtb-overlay": "d"}, "$.dtb-overlay"),
    ({"dtb_overlay": "/d"}, "$.dtb_overlay"),
    ({"cmdline": []}, "$.cmdline"), ({"cmdline": "x" * 2048}, "$.cmdline"),
    ({"cpus": 1}, "$.cpus"), ({"cpus": []}, "$.cpus"),
    ({"cpus": [64]}, "$.cpus[0]"),
    ({"cpus": ["0"]}, "$.cpus[0]"),
    ({"priority": 32}, "$.priority"), ({"priority": -1}, "$.priority"),
    ({"slice": 5}, "$.slice"), ({"slice": "5"}, "$.slice"),
    ({"autostart": 1}, "$.autostart"),
    ({"autostart": {"order": 1001}}, "$.autostart.order"),
    ({"autostart": {"order": "1"}}, "$.autostart.order"),
    ({"autostart": {"delay": 5}}, "$.autostart.delay"),
    ({"autostart": {"delay": "5"}}, "$.autostart.delay"),
    ({"autostart": {"after": "z2"}}, "$.autostart.after"),
    ({"on_crash": "reboot"}, "$.on_crash"),
    ({"on_reboot": "reboot"}, "$.on_reboot"),
    ({"on_poweroff": True}, "$.on_poweroff"),
    ({"devices": {}}, "$.devices"), ({"devices": [1]}, "$.devices[0]"),
    ({"devices": [{}]}, "$.devices[0].type"),
    ({"devices": [{"type": "warp"}]}, "$.devices[0].type"),
    ({"devices": [{"type": "uart", "name": "u"}]}, "$.devices[0].name"),
    (console(size=1), "$.devices[0].size"),
    (console(name="../x"), "$.devices[0].name"),
    (console(name="uart0"), "$.devices[0].name"),
    (console(name="a" * 32), "$.devices[0].name"),
    ({"devices": [{"type": "disk"}]}, "$.devices[0].path"),
    (disk(path="a"), "$.devices[0].path"),
    (disk(nbd={"socket": "/s"}), "$.devices[0].nbd"),
    (disk(readonly=1), "$.devices[0].readonly"),
    (disk(direct="yes"), "$.devices[0].direct"),
    (disk(cache="none"), "$.devices[0].cache"),
    (disk(queues=0), "$.devices[0].queues"),
    (disk(queues=9), "$.devices[0].queues"),
    (disk(serial=""), "$.devices[0].serial"),
    (disk(serial="1" * 21), "$.devices[0].serial"),
    (disk(serial="a\x01"), "$.devices[0].serial"),
    (disk(discard=0), "$.devices[0].discard"),
    (disk(**{"block-size": 1024}), "$.devices[0].block-size"),
    (disk(**{"block-size": "512"}), "$.devices[0].block-size"),
    (disk(**{"on-error": "stop"}), "$.devices[0].on-error"),
    (disk(limits=5), "$.devices[0].limits"),
    (disk(limits={"iops": 5}), "$.devices[0].limits.iops"),
    (disk(limits={"total-iops-sec": 0}),
     "$.devices[0].limits.total-iops-sec"),
    (disk(limits={"total-iops-sec": 10**9 + 1}),
     "$.devices[0].limits.total-iops-sec"),
    (disk(limits={"total-bytes-sec": 5}),
     "$.devices[0].limits.total-bytes-sec"),
    (disk(limits={"read-iops-sec": 5, "burst-ms": 60001}),
     "$.devices[0].limits.burst-ms"),
    (disk(limits={"burst-ms": 5}), "$.devices[0].limits.burst-ms"),
    (nbd(), "$.devices[0].nbd"), (nbd(export="a"), "$.devices[0].nbd"),
    (nbd(socket="s"), "$.devices[0].nbd.socket"),
    (nbd(socket="/" + "s" * 107), "$.devices[0].nbd.socket"),
    (nbd(socket="/s", port=1), "$.devices[0].nbd.port"),
    (nbd(socket="/s", host="::1"), "$.devices[0].nbd.host"),
    (nbd(host="localhost"), "$.devices[0].nbd.host"),
    (nbd(host="::1", port=0), "$.devices[0].nbd.port"),
    (nbd(host="::1", export="e" * 256), "$.devices[0].nbd.export"),
    ({"devices": [{"type": "disk", "nbd": {"socket": "/s"}, "direct": True}]},
     "$.devices[0].direct"),
    (net(bridge=""), "$.devices[0].bridge"),
    (net(bridge="a" * 16), "$.devices[0].bridge"),
    (net(bridge="a/b"), "$.devices[0].bridge"),
    (net(bridge=".."), "$.devices[0].bridge"),
    (net(mac="5a:00"), "$.devices[0].mac"),
    (net(mac="5b:00:00:00:00:01"), "$.devices[0].mac"),
    (net(mac="00:00:00:00:00:00"), "$.devices[0].mac"),
    (net(mtu=67), "$.devices[0].mtu"), (net(mtu=65536), "$.devices[0].mtu"),
    (net(queues=4), "$.devices[0].queues"), (net(link=1), "$.devices[0].link"),
    (net(vhost="auto"), "$.devices[0].vhost"),
    (net(user=1), "$.devices[0].user"),
    (net(user=True, bridge="b"), "$.devices[0].bridge"),
    (net(user=True, vhost=True), "$.devices[0].vhost"),
    (net(user=True, queues=2), "$.devices[0].queues"),
    (net(forward=[{"port": 1}]), "$.devices[0].forward"),
    (net(user=True, forward=7), "$.devices[0].forward"),
    (net(user=True, forward=[{}]), "$.devices[0].forward[0].port"),
    (net(user=True, forward=[{"port": 0}]), "$.devices[0].forward[0].port"),
    (net(user=True, forward=[{"port": 1, "to": 65536}]),
     "$.devices[0].forward[0].to"),
    (net(user=True, forward=[{"port": 1, "proto": "icmp"}]),
     "$.devices[0].forward[0].proto"),
    (net(user=True, forward=[{"port": 1, "address": "1.2.3"}]),
     "$.devices[0].forward[0].address"),
    (net(user=True, forward=[{"port": 1, "x": 2}]),
     "$.devices[0].forward[0].x"),
    (net(user=True, forward=[{"port": p} for p in range(1, 18)]),
     "$.devices[0].forward"),
    (net(limits={"total-iops-sec": 5}),
     "$.devices[0].limits.total-iops-sec"),
    *((net(limits={f"{way}-bytes-sec": "1"}),
       f"$.devices[0].limits.{way}-bytes-sec") for way in ("rx", "tx")),
    *((net(limits={f"{way}-packets-sec": 0}),
       f"$.devices[0].limits.{way}-packets-sec") for way in ("rx", "tx")),
    *((disk(limits={f"{way}-iops-sec": 0}),
       f"$.devices[0].limits.{way}-iops-sec") for way in ("read", "write")),
    *((disk(limits={f"{way}-bytes-sec": "1"}),
       f"$.devices[0].limits.{way}-bytes-sec") for way in ("read", "write")),
    (rng(source="/dev/zero"), "$.devices[0].source"),
    (rng(path="/dev/hwrng"), "$.devices[0].path"),
    (rng(limits={"total-iops-sec": 5}),
     "$.devices[0].limits.total-iops-sec"),
    (gpu(name="../g"), "$.devices[0].name"), (gpu(xml=1), "$.devices[0].xml"),
    (gpu(heads=0), "$.devices[0].heads"), (gpu(heads=5), "$.devices[0].heads"),
    (gpu(width=638), "$.devices[0].width"),
    (gpu(width=4098), "$.devices[0].width"),
    (gpu(width=801), "$.devices[0].width"),
    (gpu(height=478), "$.devices[0].height"),
    (gpu(height=2162), "$.devices[0].height"),
    (gpu(height=601), "$.devices[0].height"),
    (gpu(memory=16), "$.devices[0].memory"),
    (gpu(memory="16"), "$.devices[0].memory"),
    (gpu(vnc=5900), "$.devices[0].vnc"), (gpu(vnc={"tls": 1}), "$.devices[0].vnc.tls"),
    (gpu(vnc={"port": 1023}), "$.devices[0].vnc.port"),
    (gpu(vnc={"port": 65536}), "$.devices[0].vnc.port"),
    (gpu(vnc={"port": "any"}), "$.devices[0].vnc.port"),
    (gpu(vnc={"address": "localhost"}), "$.devices[0].vnc.address"),
    (gpu(vnc={"password-file": "p"}), "$.devices[0].vnc.password-file"),
    (gpu(vnc={"tls": "etc"}), "$.devices[0].vnc.tls"),
    (gpu(vnc={"tls": True}), "$.devices[0].vnc.tls"),
    (gpu(card="card0"), "$.devices[0].card"), (gpu(card=0), "$.devices[0].card"),
    (gpu(card="/" + 4095 * "c"), "$.devices[0].card"),
    (keys(), "$.devices[0].kind"), (keys(kind="pen"), "$.devices[0].kind"),
    (keys(kind="mouse", name="uart0"), "$.devices[0].name"),
    (keys(kind="mouse", xml=1), "$.devices[0].xml"),
]

# What a schema cannot say: sums, and members that depend on each other's values.
ONLY_HVD = [
    ({"memory": "2M"}, "$.memory"), ({"memory": "256G"}, "$.memory"),
    ({"memory": "257M"}, "$.memory"),
    ({"cpus": [1, 2]}, "$.cpus"), ({"vcpus": {"max": 2, "on": 3}}, "$.vcpus.on"),
    ({"slice": "99us"}, "$.slice"), ({"slice": "2s"}, "$.slice"),
    ({"autostart": {"delay": "3601s"}}, "$.autostart.delay"),
    (disk(limits={"total-bytes-sec": "2T"}),
     "$.devices[0].limits.total-bytes-sec"),
    ({"devices": [{"type": "console"}] * 6}, "$.devices[5]"),
    ({"devices": [{"type": "uart"}] * 2}, "$.devices[1]"),
    ({"devices": [{"type": "rng", "name": "r"}] * 2}, "$.devices[1].name"),
    ({"devices": [{"type": "disk", "path": "/a"}] * 2}, "$.devices[1].path"),
    ({"devices": [{"type": "disk", "nbd": {"host": "::1"}}] * 2},
     "$.devices[1].nbd"),
    ({"devices": [{"type": "net", "mac": "52:54:00:00:00:01"}] * 2},
     "$.devices[1].mac"),
    (net(user=True, forward=[{"port": 1}, {"port": 1, "to": 2}]),
     "$.devices[0].forward[1].port"),
    (gpu(memory="3M"), "$.devices[0].memory"),
    (gpu(memory="257M"), "$.devices[0].memory"),
    (gpu(memory="16385K"), "$.devices[0].memory"),
    (gpu(heads=2, width=1920, height=1080), "$.devices[0].memory"),
    (gpu(heads=2, vnc={"port": 65535}), "$.devices[0].vnc.port"),
    ({"devices": [{"type": "gpu"}] * 2}, "$.devices[1]"),
    ({"devices": [{"type": "input", "kind": "mouse"}] * 9}, "$.devices[8]"),
]


def changed(machine, change):
    whole = {**machine.definition(), **change}
    return {k: v for k, v in whole.items() if v is not None}


def test_good_definitions(machine, hvd):
    for change in GOOD:
        definition = changed(machine, change)
        DEFINITION.validate(definition)
        hvd.call("zone.define", definition=definition)
        # what hvd makes of it is one, too
        name = definition["name"]
        DEFINITION.validate(hvd.call("zone.get", name=name)["definition"])
        hvd.call("zone.undefine", name=name)


def test_bad_definitions(machine, hvd):
    accepted = []
    for change, path in BAD + ONLY_HVD:
        definition = changed(machine, change)
        try:
            hvd.call("zone.define", definition=definition)
            accepted.append(("hvd", change))
            continue
        except RpcError as error:
            assert error.code == "INVALID_DEFINITION", (change, error)
            assert error.path == path, (change, error.path)
    for change, _ in BAD:
        if DEFINITION.is_valid(changed(machine, change)):
            accepted.append(("schema", change))
    for change, _ in ONLY_HVD:
        if not DEFINITION.is_valid(changed(machine, change)):
            accepted.append(("refused by the schema", change))
    assert accepted == []


def members_of(schema, path="$"):
    """Paths of all members that the schema has."""
    for part in [schema, *schema.get("oneOf", [])]:
        for name, inner in part.get("properties", {}).items():
            yield f"{path}.{name}"
            yield from members_of(inner, f"{path}.{name}")
            yield from members_of(inner.get("items", {}), f"{path}.{name}[]")


def paths_of(value, path="$"):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from paths_of(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths_of(inner, f"{path}[]")


def test_the_tables_above_leave_no_member_out(machine):
    """A new member needs a good and a bad example."""
    members = set(members_of(openrpc.ZONE_SCHEMA))
    for table in (GOOD, [change for change, _ in BAD]):
        used = {p for change in table
                for p in paths_of({**machine.definition(), **change})}
        assert members - used == set()
