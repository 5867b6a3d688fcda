# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: domains as documents, out and in."""
# pylint: disable=redefined-outer-name

import struct
import uuid
import xml.etree.ElementTree as ET

import libvirt
import pytest

from test_hvd import disk_of, wait
from virt import Wire, built, machine, string, virt, wire  # noqa: F401

pytestmark = built
RPC, INVALID_ARG, FAILED, XML_ERROR, DENIED = 39, 8, 9, 27, 29
CONFIG_UNSUPPORTED = 67


@pytest.fixture
def hvd(virt):
    client = virt.machine.client()
    yield client
    client.close()


@pytest.fixture
def connection(virt):
    client = virt.connect()
    yield client
    client.close()


def document(virt, *, name="d1", ident=None, more="", devices="",
             os_more="", kind="hvd"):
    ident = f"<uuid>{ident}</uuid>" if ident else ""
    return f"""<domain type='{kind}'><name>{name}</name>{ident}
<memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='aarch64' machine='virt'>hvm</type>
<kernel>{virt.machine.image}</kernel>{os_more}</os>{more}
<devices>{devices}</devices></domain>"""


def refused(code, call, *args):
    with pytest.raises(libvirt.libvirtError) as info:
        call(*args)
    assert info.value.get_error_code() == code, info.value
    return str(info.value)


def whole(virt):
    """A domain of everything that needs no network."""
    return virt.machine.definition(
        "d1", title="A title", description="Two\nlines", priority=3,
        slice="500us", vcpus={"max": 2, "on": 1}, on_reboot="destroy",
        metadata={"urn:a": '<a:x xmlns:a="urn:a" k="1"><a:y/></a:x>'},
        devices=[disk_of(virt.machine.disk(), name="vda", readonly=True),
                 {"type": "console", "name": "c"},
                 {"type": "rng", "name": "r"}])


def test_round_trip(virt, hvd, connection, tmp_path):
    hvd.call("zone.define", definition=whole(virt))
    before = hvd.call("zone.get", name="d1")["definition"]
    xml = virt.virsh("dumpxml", "d1")
    path = tmp_path / "d1.xml"
    path.write_text(xml)
    virt.virsh("define", path)
    assert hvd.call("zone.get", name="d1")["definition"] == before
    assert virt.virsh("dumpxml", "d1") == xml
    domain = connection.defineXML(connection.lookupByName("d1").XMLDesc())
    assert domain.XMLDesc().strip() == xml
    assert hvd.call("zone.get", name="d1")["definition"] == before
    # what was undefined comes back by its document alone
    virt.virsh("undefine", "d1")
    connection.defineXML(xml)
    assert hvd.call("zone.get", name="d1")["definition"] == before


def test_live_and_inactive(virt, hvd):
    hvd.call("zone.define", definition=whole(virt))
    hvd.call("zone.start", name="d1")
    live = ET.fromstring(virt.virsh("dumpxml", "d1", readonly=True))
    inactive = ET.fromstring(virt.virsh("dumpxml", "--inactive", "d1"))
    assert int(live.get("id")) > 0 and inactive.get("id") is None
    names = {what: [a.get("name") for a in root.iter("alias")]
             for what, root in (("live", live), ("inactive", inactive))}
    assert "virtio-vda" in names["live"] and "uart0" in names["live"]
    assert names["inactive"] == ["ua-c", "ua-r"]
    # the definition is changed while it runs: each shows its own
    virt.virsh("setmaxmem", "d1", "128M", "--config")
    for word, kib in (((), "65536"), (("--inactive",), "131072")):
        assert ET.fromstring(virt.virsh("dumpxml", *word, "d1")).findtext(
            "memory") == kib
    hvd.call("zone.destroy", name="d1")
    assert ET.fromstring(virt.virsh("dumpxml", "d1")).get("id") is None


def test_a_live_document_defines(virt, hvd, connection):
    hvd.call("zone.define", definition=whole(virt))
    before = hvd.call("zone.get", name="d1")["definition"]
    hvd.call("zone.start", name="d1")
    connection.defineXML(connection.lookupByName("d1").XMLDesc())
    assert hvd.call("zone.get", name="d1")["definition"] == before


def test_edit(virt, hvd, tmp_path):
    hvd.call("zone.define", definition=whole(virt))
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nexec sed -i \"$EDIT\" \"$1\"\n")
    editor.chmod(0o755)
    virt.env.update(EDITOR=str(editor), VISUAL=str(editor),
                    EDIT="s/A title/Another/")
    virt.virsh("edit", "d1")
    assert hvd.call("zone.get", name="d1")["definition"]["title"] == "Another"
    virt.env["EDIT"] = "s/nothing/at all/"
    generation = hvd.call("zone.get", name="d1")["generation"]
    virt.virsh("edit", "d1")
    assert hvd.call("zone.get", name="d1")["generation"] == generation
    virt.env["EDIT"] = "s,<devices>,<devices><tpm/>,"
    # virsh would ask whether to edit it again: its status says little
    virt.virsh("edit", "d1", status=None, stdin="n\n")
    assert "DomainDefineXMLFlags: devices/tpm (line" in virt.text()
    assert hvd.call("zone.get", name="d1")["generation"] == generation


def test_undefine_of_what_runs(virt, hvd, connection):
    connection.createXML(document(virt))
    assert not connection.lookupByName("d1").isPersistent()
    # as virt-install does: what runs becomes persistent
    ident = connection.lookupByName("d1").UUIDString()
    connection.defineXML(document(virt, ident=ident))
    assert connection.lookupByName("d1").isPersistent()
    virt.virsh("undefine", "d1")
    domain = connection.lookupByName("d1")
    assert domain.isActive() and not domain.isPersistent()
    assert ET.fromstring(domain.XMLDesc(
        libvirt.VIR_DOMAIN_XML_INACTIVE)).get("id") is None
    domain.destroy()
    wait(lambda: "d1" not in virt.virsh("list", "--all", "--name"))
    assert hvd.call("zone.list")[0]["name"] == "zone0"


def test_create(virt, connection):
    flags = libvirt.VIR_DOMAIN_START_PAUSED
    domain = connection.createXML(document(virt), flags)
    assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
    assert domain.ID() > 0 and not domain.isPersistent()
    refused(INVALID_ARG, connection.createXML, document(virt, name="d2"),
            libvirt.VIR_DOMAIN_START_AUTODESTROY)


def test_clashes(virt, connection):
    one = connection.defineXML(document(virt)).UUIDString()
    connection.defineXML(document(virt, name="d2"))
    # a name that is there, with no uuid or another one
    for ident in (None, uuid.uuid4()):
        assert "d1" in refused(FAILED, connection.defineXML,
                               document(virt, ident=ident))
    # a uuid that is there, under another name, free or not
    for name in ("d2", "d3"):
        assert "d1" in refused(FAILED, connection.defineXML,
                               document(virt, name=name, ident=one))
    assert connection.lookupByName("d1").UUIDString() == one
    assert connection.numOfDefinedDomains() == 2
    with pytest.raises(libvirt.libvirtError):
        connection.createXML(document(virt, ident=uuid.uuid4()))


def test_autostart_survives(virt, connection):
    domain = connection.defineXML(document(virt))
    domain.setAutostart(1)
    connection.defineXML(document(virt, ident=domain.UUIDString(),
                                  more="<title>t</title>"))
    assert domain.autostart() == 1
    assert "<title>t</title>" in domain.XMLDesc()


def test_secure(virt, wire, connection):
    domain = connection.defineXML(document(virt))
    assert domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    reader = Wire(virt.readonly)
    reader.open(1)
    of = string("d1") + domain.UUID() + b"\xff" * 4
    assert reader.call(14, of + struct.pack(">I", 0))[0] != DENIED
    code, text = reader.call(14, of + struct.pack(
        ">I", libvirt.VIR_DOMAIN_XML_SECURE))
    assert code == DENIED and "SECURE" in text
    reader.close()
    assert wire.call(14, of + struct.pack(">I", 1 << 20))[0] == INVALID_ARG


# What typical documents have that zones have not: refused by its name.
@pytest.mark.parametrize("where,xml,name", [
    ("more", "<features><hyperv mode='custom'/></features>",
     "features/hyperv"),
    ("more", "<clock offset='localtime'/>", "clock/@offset"),
    ("more", "<clock offset='utc'><timer name='rtc'/></clock>", "clock/timer"),
    ("more", "<cpu mode='custom'><model>cortex-a57</model></cpu>", "cpu/"),
    ("more", "<maxMemory slots='2'>131072</maxMemory>", "maxMemory"),
    ("more", "<numatune/>", "numatune"),
    ("more", "<resource><partition>/machine</partition></resource>",
     "resource (line 4): not supported: a zone's memory"),
    ("more", "<seclabel type='dynamic' model='dac' relabel='yes'/>",
     "seclabel/@type"),
    ("more", "<sysinfo type='smbios'/>", "sysinfo"),
    ("os_more", "<loader>/usr/share/AAVMF/AAVMF_CODE.fd</loader>",
     "os/loader"),
    ("os_more", "<nvram/>", "os/nvram"),
    ("os_more", "<smbios mode='sysinfo'/>", "os/smbios"),
    ("devices", "<controller type='usb' model='qemu-xhci'/>", "controller/"),
    ("devices", "<controller type='pci' model='pcie-root'/>", "controller/"),
    ("devices", "<memballoon model='virtio'/>", "memballoon/@model"),
    ("devices", "<graphics type='spice' port='-1'/>", "graphics/@type"),
    ("devices", "<graphics type='vnc' passwd='secret'/>", "<zv:password file"),
    ("devices", "<video><model type='qxl'/></video>", "video/model/@type"),
    ("devices", "<input type='evdev'/>", "input/@type"),
    ("devices", "<channel type='unix'/>", "devices/channel"),
    ("devices", "<hostdev mode='subsystem' type='pci'/>", "devices/hostdev"),
    ("devices", "<filesystem type='mount'/>", "devices/filesystem"),
    ("devices", "<nonesuch/>", "devices/nonesuch"),
    ("devices", "<disk device='cdrom'><target dev='sda' bus='scsi'/></disk>",
     "disk/"),
    ("devices", "<interface type='direct'/>", "interface/@type"),
])
def test_refused_by_name(virt, connection, where, xml, name):
    text = refused(CONFIG_UNSUPPORTED, connection.defineXML,
                   document(virt, **{where: xml}))
    assert name in text
    assert connection.numOfDefinedDomains() == 0


# ... and what they have that is so in every zone, or changes nothing.
TYPICAL = {
    "more": """<currentMemory unit='KiB'>65536</currentMemory>
<features><acpi/><apic/><pae/><gic version='3'/></features><cpu mode='host-passthrough'
 check='none'/><clock offset='utc'/><on_poweroff>destroy</on_poweroff>
<on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
<metadata><nova:instance
 xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>a b
</nova:name></nova:instance></metadata>""",
    "os_more": "<boot dev='hd'/>",
    "devices": """<emulator>/usr/bin/qemu-system-aarch64</emulator>
<controller type='virtio-serial' index='0'><alias name='virtio-serial0'/>
<address type='virtio-mmio'/></controller>
<serial type='pty'><target port='0'/></serial>
<console type='pty'><target type='serial' port='0'/></console>
<rng model='virtio'><backend model='random'>/dev/urandom</backend>
<address type='virtio-mmio'/><alias name='rng0'/></rng>
<input type='tablet' bus='usb'><alias name='input0'/>
<address type='usb' bus='0' port='1'/></input>
<input type='keyboard' bus='usb'><alias name='input1'/></input>
<graphics type='vnc' port='5901' autoport='yes' listen='127.0.0.1'>
<listen type='address' address='127.0.0.1'/></graphics>
<audio id='1' type='none'/>
<video><model type='virtio' heads='1' primary='yes'/><alias name='video0'/>
<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
</video>
<memballoon model='none'/>""",
}


def test_typical(virt, hvd, connection):
    connection.defineXML(document(virt, kind="kvm", **TYPICAL))
    definition = hvd.call("zone.get", name="d1")["definition"]
    assert [d["type"] for d in definition["devices"]] == [
        "rng", "input", "input", "gpu"]
    assert definition["devices"][3]["vnc"] == {"port": "auto",
                                               "address": "127.0.0.1"}
    assert definition["on_reboot"] == "restart"
    xml = connection.lookupByName("d1").XMLDesc()
    instance = ET.fromstring(xml).find(
        "metadata/{http://openstack.org/xmlns/libvirt/nova/1.1}instance")
    assert instance[0].text == "a b\n"
    virt.virsh("start", "d1")


def test_no_document(virt, wire, connection):
    refused(XML_ERROR, connection.defineXML, "<network/>")
    refused(XML_ERROR, connection.defineXML, document(virt, more="text"))
    refused(libvirt.VIR_ERR_XML_DETAIL, connection.defineXML, "<domain>")
    assert "vcpu" in refused(
        XML_ERROR, connection.defineXML,
        document(virt).replace("<vcpu>1", "<vcpu>many"))
    for procedure, body in ((11, b""), (350, string("<domain/>")),
                            (10, string("<domain/>")), (35, b""), (231, b""),
                            (14, b"")):
        assert wire.call(procedure, body)[0] == RPC
    for procedure in (350, 10):
        assert wire.call(procedure, string(document(virt))
                         + struct.pack(">I", 1 << 20))[0] == INVALID_ARG
    nobody = string("d1") + b"\1" * 16 + b"\xff" * 4
    assert wire.call(35, nobody)[0] == libvirt.VIR_ERR_NO_DOMAIN
    assert wire.call(231, nobody + struct.pack(">I", 1 << 20))[0] == \
        INVALID_ARG


def test_validate(virt, connection):
    flags = libvirt.VIR_DOMAIN_DEFINE_VALIDATE
    domain = connection.defineXMLFlags(document(virt), flags)
    refused(CONFIG_UNSUPPORTED, connection.defineXMLFlags,
            document(virt, ident=domain.UUIDString(), devices="<nonesuch/>"),
            flags)
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    assert connection.numOfDefinedDomains() == 0
    # flags may be none at all
    connection.defineXMLFlags(document(virt), 0).undefine()
    assert connection.numOfDefinedDomains() == 0
