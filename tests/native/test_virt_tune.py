# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: changes of definitions, member by member."""
# pylint: disable=redefined-outer-name

import signal
import struct

import pytest

from virt import (Wire, built, definition, domain, machine,  # noqa: F401
                  string, virt, wire)

pytestmark = built
RPC, INVALID_ARG, NO_DOMAIN, INVALID, UNSUPPORTED = 39, 8, 42, 55, 84


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    yield client
    client.close()


def test_autostart(virt, z1):
    virt.virsh("autostart", "z1")
    assert z1.call("zone.get", name="z1")["autostart"] is True
    virt.virsh("autostart", "z1", "--disable")
    assert z1.call("zone.get", name="z1")["autostart"] is False
    # it is on: what is said of it stays
    z1.call("zone.define", definition=virt.machine.definition(
        autostart={"order": 5}))
    virt.virsh("autostart", "z1")
    assert definition(z1)["autostart"]["order"] == 5
    virt.virsh("start", "z1")
    virt.virsh("autostart", "z1", "--disable")
    assert z1.call("zone.get", name="z1")["autostart"] is False


def test_no_definition(virt, z1):
    z1.call("zone.create", definition=virt.machine.definition("t1"))
    for name in ("t1", "zone0"):
        assert "no persistent configuration" in virt.virsh(
            "autostart", name, status=1)
    assert "transient domains do not have any persistent config" in \
        virt.virsh("setmem", "t1", "32M", "--config", status=1)


def test_memory(virt, z1):
    virt.virsh("setmaxmem", "z1", "128M", "--config")
    assert z1.call("zone.get", name="z1")["memory"] == 128 << 20
    virt.virsh("setmem", "z1", "95M", "--config")
    assert z1.call("zone.get", name="z1")["memory"] == 96 << 20
    assert "cannot set memory higher than max memory" in virt.virsh(
        "setmem", "z1", "98M", "--config", status=1)
    assert "domain is not running" in virt.virsh(
        "setmem", "z1", "64M", "--live", status=1)
    assert "unsupported configuration" in virt.virsh(
        "setmaxmem", "z1", "900G", "--config", status=1)
    connection = virt.connect()
    dom = connection.lookupByName("z1")
    dom.setMaxMemory(64 << 10)
    assert dom.maxMemory() == 64 << 10
    connection.close()
    virt.virsh("start", "z1")
    for flags in ([], ["--live"], ["--live", "--config"]):
        assert "of a domain that runs is fixed" in virt.virsh(
            "setmem", "z1", "32M", *flags, status=1)
    virt.virsh("setmaxmem", "z1", "32M", "--config")
    assert z1.call("zone.get", name="z1")["definition"]["memory"] == "32M"
    assert z1.call("zone.get", name="z1")["memory"] == 64 << 20


def test_set_memory_of_now(virt, z1):
    wire = Wire(virt.socket)
    wire.open()
    assert wire.call(31, domain(z1) + struct.pack(">Q", 2048))[0] == INVALID
    z1.call("zone.start", name="z1")
    code, text = wire.call(31, domain(z1) + struct.pack(">Q", 2048))
    assert code == UNSUPPORTED and "--config" in text
    wire.close()


def test_rename(virt, z1):
    virt.virsh("domrename", "z1", "z2")
    assert definition(z1, "z2")["name"] == "z2"
    for name, why in (("zone0", "no zone can be called"),
                      ("-", "no zone can be called")):
        assert why in virt.virsh("domrename", "z2", name, status=1)
    virt.virsh("start", "z2")
    assert "Requested operation is not valid" in virt.virsh(
        "domrename", "z2", "z1", status=1)


def test_lifecycle(virt, z1):
    for end, policy in (("poweroff", "preserve"), ("reboot", "destroy"),
                        ("crash", "restart")):
        virt.virsh("set-lifecycle-action", "z1", end, policy, "--config")
        assert definition(z1)[f"on_{end}"] == policy
    assert "leads to destroy, restart or preserve" in virt.virsh(
        "set-lifecycle-action", "z1", "crash", "coredump-destroy", "--config",
        status=1)
    virt.virsh("start", "z1")
    assert "is fixed" in virt.virsh("set-lifecycle-action", "z1", "crash",
                                    "destroy", status=1)


def test_memory_limits(virt, wire, z1):
    for name in ("z1", "zone0"):
        assert [line.split(":")[1].strip() for line in
                virt.virsh("memtune", name).splitlines()] == ["unlimited"] * 3
    dom = domain(z1)
    assert wire.call(198, dom + struct.pack(">iI", 1, 0))[:4] == \
        struct.pack(">I", 1)
    assert wire.call(198, dom + struct.pack(">iI", 0, 2)) == \
        struct.pack(">Ii", 0, 3)
    for body, code in ((bytes(4), RPC), (struct.pack(">iI", -1, 0), INVALID_ARG),
                       (struct.pack(">iI", 0, 8), INVALID_ARG),
                       (struct.pack(">iI", 0, 1), INVALID)):
        assert wire.call(198, dom + body)[0] == code


def schedinfo(virt, *words):
    lines = virt.virsh("schedinfo", *words).splitlines()
    return {key.strip(): value.strip()
            for key, value in (line.split(":") for line in lines)}


def test_scheduler(virt, z1):
    own = {"Scheduler": "priority", "priority": "8", "slice_us": "0"}
    assert schedinfo(virt, "z1") == own
    assert schedinfo(virt, "z1", "--set", "priority=9", "--config") == \
        dict(own, priority="9")
    assert schedinfo(virt, "z1", "--set", "slice_us=500") == \
        dict(own, priority="9", slice_us="500")
    assert definition(z1)["priority"] == 9
    assert definition(z1)["slice"] == "500us"
    assert "priority is a number, 0 to 31" in virt.virsh(
        "schedinfo", "z1", "--set", "priority=32", status=1)
    assert "unsupported configuration" in virt.virsh(
        "schedinfo", "z1", "--set", "slice_us=1", status=1)
    virt.virsh("start", "z1")
    assert "the scheduling of a domain that runs is fixed" in virt.virsh(
        "schedinfo", "z1", "--set", "priority=3", status=1)
    virt.virsh("schedinfo", "z1", "--set", "slice_us=0", "--config")
    assert "slice" not in definition(z1)
    assert schedinfo(virt, "z1", "--live")["slice_us"] == "500"
    connection = virt.connect()
    dom = connection.lookupByName("z1")
    assert dom.schedulerType() == ("priority", 2)
    assert dom.schedulerParameters() == {"priority": 9, "slice_us": 500}
    assert dom.schedulerParametersFlags(2) == {"priority": 9, "slice_us": 0}
    dom.destroy()
    dom.setSchedulerParameters({"priority": 4})
    assert definition(z1)["priority"] == 4
    assert connection.lookupByName("zone0").schedulerParameters() == {}
    connection.close()


def test_scheduler_arguments(wire, z1):
    dom = domain(z1)

    def param(name, kind, data):
        return string(name) + struct.pack(">i", kind) + data

    one = param("priority", 2, struct.pack(">I", 5))
    for procedure, body, code in (
            (56, bytes(4), RPC), (57, b"", RPC), (223, bytes(4), RPC),
            (58, bytes(3), RPC), (219, bytes(4), RPC),
            (58, struct.pack(">I", 3) + one * 3, RPC),
            (58, struct.pack(">I", 1) + param("priority", 9, bytes(4)), RPC),
            (57, struct.pack(">i", -1), INVALID_ARG),
            (223, struct.pack(">iI", 2, 8), INVALID_ARG),
            (223, struct.pack(">iI", 2, 3), INVALID_ARG),
            (219, struct.pack(">I", 1) + one + struct.pack(">I", 8),
             INVALID_ARG),
            (58, struct.pack(">I", 1) + param("weight", 2, bytes(4)),
             INVALID_ARG),
            (58, struct.pack(">I", 1) + param("priority", 7, string("3")),
             INVALID_ARG),
            (58, struct.pack(">I", 1) + param("priority", 1, b"\xff" * 4),
             INVALID_ARG),
            (58, struct.pack(">I", 1) + param("slice_us", 4, b"\xff" * 8),
             INVALID_ARG)):
        assert wire.call(procedure, dom + body)[0] == code, (procedure, body)
    # one of two is asked for
    assert wire.call(57, dom + struct.pack(">i", 1)) == \
        struct.pack(">I", 1) + param("priority", 2, struct.pack(">I", 8))
    assert wire.call(58, dom + struct.pack(">I", 1) + one) == b""
    assert definition(z1)["priority"] == 5


def test_many_at_a_time(virt, z1):
    """All read the same definition; none undoes what another has changed."""
    clients = [Wire(virt.socket) for _ in range(4)]
    for client in clients:
        client.open()
    leaver = Wire(virt.socket)
    leaver.open()
    dom = domain(z1)
    virt.machine.process.send_signal(signal.SIGSTOP)
    for number, (procedure, body) in enumerate((
            (29, struct.pack(">i", 1)),
            (390, struct.pack(">III", 0, 3, 2)),
            (390, struct.pack(">III", 1, 0, 2)),
            (390, struct.pack(">III", 2, 1, 2)))):
        clients[number].send(procedure, dom + body)
    # and one that leaves while it waits
    leaver.send(29, dom + struct.pack(">i", 1))
    virt.machine.process.send_signal(signal.SIGCONT)
    for client in clients:
        header, body = client.receive()
        assert header[5] == 0, body
        client.close()
        leaver.close()
    assert virt.virsh("domstate", "z1") == "shut off"
    after = definition(z1)
    assert after["autostart"] is not False
    assert [after[f"on_{end}"] for end in ("poweroff", "reboot", "crash")] == \
        ["preserve", "destroy", "restart"]


def test_arguments(wire, virt, z1):
    dom = domain(z1)
    for procedure in (29, 17, 30, 31, 204, 358, 390):
        assert wire.call(procedure, dom[:-2])[0] == RPC, procedure
        assert wire.call(procedure, dom + bytes(40))[0] == RPC, procedure
    for procedure, body in (
            (204, struct.pack(">QI", 2048, 8)), (204, struct.pack(">QI", 0, 2)),
            (204, struct.pack(">QI", 1 << 63, 6)), (30, struct.pack(">Q", 0)),
            (358, struct.pack(">II", 0, 0)),
            (358, struct.pack(">I", 1) + string("z2") + struct.pack(">I", 1)),
            (390, struct.pack(">III", 3, 0, 2)),
            (390, struct.pack(">III", 0, 2, 2)),
            (390, struct.pack(">III", 0, 0xffffffff, 2)),
            (390, struct.pack(">III", 0, 0, 4))):
        assert wire.call(procedure, dom + body)[0] == INVALID_ARG, procedure
    nobody = string("z1") + b"z" * 16 + bytes(4)
    for procedure, body in ((29, bytes(4)), (17, b""),
                            (204, struct.pack(">QI", 2048, 2))):
        assert wire.call(procedure, nobody + body)[0] == NO_DOMAIN, procedure
    assert virt.virsh("domstate", "z1") == "shut off"
