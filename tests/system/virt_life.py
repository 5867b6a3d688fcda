# SPDX-License-Identifier: BSD-2-Clause
"""A domain's life by libvirt's Python binding, as Debian has it: run in zone0,
in the Debian's root, with a domain's document on standard input."""
import sys
import threading

import libvirt

LIFECYCLE = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
seen = []
changed = threading.Condition()


def on_event(_connection, domain, event, detail, _opaque):
    with changed:
        seen.append((domain.name(), event, detail))
        changed.notify()


def wait_for(event):
    with changed:
        assert changed.wait_for(
            lambda: any(e[1] == event for e in seen), 100), (event, seen)


def loop():
    while True:
        libvirt.virEventRunDefaultImpl()


libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=loop, daemon=True).start()
connection = libvirt.open("hvd:///system")
connection.setKeepAlive(5, 3)
connection.domainEventRegisterAny(None, LIFECYCLE, on_event, None)
assert connection.getType() == "Zonevisor"

domain = connection.defineXML(sys.stdin.read())
assert domain.name() == "life" and not domain.isActive()
assert domain.UUIDString() in domain.XMLDesc()
wait_for(libvirt.VIR_DOMAIN_EVENT_DEFINED)

domain.setAutostart(1)
assert domain.autostart() == 1
domain.create()
wait_for(libvirt.VIR_DOMAIN_EVENT_STARTED)
assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
assert connection.lookupByID(domain.ID()).name() == "life"
try:
    domain.create()
    raise AssertionError("it was started twice")
except libvirt.libvirtError as error:
    assert error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID, error

cpus = connection.getInfo()[2]
domain.pinVcpu(0, tuple(cpu == cpus - 1 for cpu in range(cpus)))
assert domain.vcpus()[0][0][3] == cpus - 1
stats = connection.getAllDomainStats()
assert {d.name() for d, _ in stats} >= {"zone0", "life"}
mine = next(values for d, values in stats if d.name() == "life")
assert mine["vcpu.current"] == 1 and mine["cpu.time"] > 0, mine

domain.suspend()
wait_for(libvirt.VIR_DOMAIN_EVENT_SUSPENDED)
domain.resume()
wait_for(libvirt.VIR_DOMAIN_EVENT_RESUMED)
domain.shutdown()
wait_for(libvirt.VIR_DOMAIN_EVENT_STOPPED)
domain.undefine()
wait_for(libvirt.VIR_DOMAIN_EVENT_UNDEFINED)
assert "life" not in [d.name() for d in connection.listAllDomains()]
connection.close()
print("alive no more")
