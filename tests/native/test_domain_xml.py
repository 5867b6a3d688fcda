# SPDX-License-Identifier: BSD-2-Clause
"""libvirt's XML of zones, judged by libvirt's own schemas."""
import copy
import json
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HVSH", ROOT / "build/host/hvsh")
                     ).resolve().parents[1]
TOOL = BUILD / "host/native/domain_xml_tool/domain_xml_tool"
SCHEMAS = pathlib.Path("/usr/share/libvirt/schemas")

pytestmark = pytest.mark.skipif(not TOOL.exists(),
                                reason=f"{TOOL} is not built: make native")
schemas = pytest.mark.skipif(
    not shutil.which("xmllint") or not SCHEMAS.is_dir(),
    reason="needs libxml2-utils and libvirt0")

DEVICES = [
    {"type": "disk", "name": "vda", "path": "/a", "cache": "writeback",
     "direct": True, "queues": 2, "serial": "s", "block-size": 512,
     "discard": True, "on-error": "pause", "readonly": True,
     "limits": {"total-iops-sec": 5, "read-bytes-sec": "4K"}},
    {"type": "disk", "name": "vdb", "path": "/dev/b"},
    {"type": "disk", "name": "vdc", "nbd": {"socket": "/s", "export": "e"}},
    {"type": "disk", "name": "vdd", "nbd": {"host": "192.0.2.1", "port": 5}},
    {"type": "net", "name": "n", "bridge": "b", "mac": "52:54:00:00:00:01",
     "mtu": 1400, "queues": 2, "link": False, "vhost": True,
     "limits": {"rx-bytes-sec": "5K"}},
    {"type": "net", "name": "u", "user": True, "forward": [
        {"proto": "udp", "address": "127.0.0.1", "port": 5, "to": 6}]},
    {"type": "rng", "name": "r", "source": "/dev/urandom",
     "limits": {"total-bytes-sec": "4K"}},
    {"type": "console", "name": "c"},
    {"type": "gpu", "name": "g", "heads": 2, "width": 1024, "height": 768,
     "memory": "20M", "vnc": {"port": 5907, "address": "::1"}},
    {"type": "input", "name": "k", "kind": "keyboard"},
]
WHOLE = {
    "name": "web", "uuid": "01234567-89ab-cdef-0123-456789abcdef",
    "title": "A", "description": "B", "memory": "64M", "kernel": "/k",
    "initrd": "/i", "dtb-overlay": "/d", "cmdline": "a",
    "vcpus": {"max": 4, "on": 2}, "cpus": [None, 3, None, 0],
    "on_crash": "restart", "on_reboot": "restart", "on_poweroff": "destroy",
    "metadata": {"urn:a": '<a xmlns="urn:a"><b/></a>'}, "devices": DEVICES,
}
HOST = {
    "cpus": [{"cpu": 0, "package": 0, "cluster": 1, "core": 0, "vcpus": []},
             {"cpu": 1, "vcpus": []}],
    "memory": {"total": 1 << 30},
}


def run(what, text=""):
    return subprocess.run([TOOL, what], input=text, capture_output=True,
                          text=True, check=True).stdout


def judge(schema, xml):
    """libvirt's lists of types are closed: 'kvm' is taken for ours, too."""
    result = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--relaxng", SCHEMAS / schema, "-"],
        input=xml.replace("type='hvd'", "type='kvm'"), capture_output=True,
        text=True)
    assert result.returncode == 0, result.stderr + xml


@schemas
@pytest.mark.parametrize("what", ["format", "live"])
def test_domain_schema(what):
    xml = run(what, json.dumps({"id": 3, "definition": WHOLE, "devices": [
        {"type": "net", "name": "n", "tap": "zv3.0"}]}))
    judge("domain.rng", xml)
    assert ("id='3'" in xml) == (what == "live")


@schemas
@pytest.mark.parametrize("what", ["format", "live"])
@pytest.mark.parametrize("vnc", [None, {"port": "auto", "address": "::"}])
def test_screen_schema(what, vnc):
    gpu = {"type": "gpu"} | ({"vnc": vnc} if vnc else {})
    xml = run(what, json.dumps({
        "id": 3, "definition": WHOLE | {"devices": [gpu]}, "display": {
            "heads": [{"socket": "/run/hvd/vnc/web-0.sock",
                       "port": 5900 if vnc else None}]}}))
    judge("domain.rng", xml)
    assert json.loads(run("parse", xml))["devices"] == [gpu]


@schemas
def test_capabilities_schema():
    judge("capability.rng", run("capabilities", json.dumps(HOST)))
    judge("domaincaps.rng", run("domain-capabilities", json.dumps(HOST)))


def test_nothing_is_lost():
    whole = copy.deepcopy(WHOLE)
    whole["priority"] = 3
    whole["slice"] = "100us"
    whole["autostart"] = {"order": 4, "delay": "5s"}
    whole["metadata"]["urn:b"] = "no XML <"
    whole["devices"][0]["limits"]["burst-ms"] = 5
    whole["devices"][-2]["vnc"].update({"password-file": "/p", "tls": "/t"})
    whole["devices"][-2]["card"] = "/dev/dri/card0"
    xml = run("format", json.dumps({"definition": whole}))
    assert json.loads(run("parse", xml)) == whole


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*/*.json")),
                         ids=lambda path: path.name)
def test_examples(path):
    definition = json.loads(path.read_text())
    xml = run("format", json.dumps({"definition": definition}))
    assert json.loads(run("parse", xml)) == definition


def test_what_virt_install_sends():
    """virt-install 4.1 with our capabilities, as it was seen."""
    xml = """<domain type="kvm">
  <name>vi</name>
  <uuid>a4e6d733-6838-4aa1-8809-df2c7cd8db85</uuid>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://libosinfo.org/linux/2022"/>
    </libosinfo:libosinfo>
  </metadata>
  <memory>262144</memory>
  <currentMemory>262144</currentMemory>
  <vcpu>2</vcpu>
  <os>
    <type arch="aarch64" machine="zone">hvm</type>
    <kernel>/k</kernel>
    <initrd>/i</initrd>
    <cmdline>quiet</cmdline>
  </os>
  <clock offset="utc"/>
  <devices>
    <emulator>/usr/sbin/hvd</emulator>
    <disk type="file" device="disk">
      <source file="/tmp/x.img"/>
      <target dev="sda" bus="sd"/>
    </disk>
    <interface type="bridge">
      <source bridge="br0"/>
      <mac address="00:16:3e:02:e0:6a"/>
    </interface>
    <console type="pty"/>
  </devices>
</domain>
"""
    definition = json.loads(run("parse", xml))
    assert definition["memory"] == "256M" and definition["vcpus"] == 2
    assert definition["devices"] == [
        {"type": "disk", "name": "sda", "path": "/tmp/x.img"},
        {"type": "net", "bridge": "br0", "mac": "00:16:3e:02:e0:6a"}]
    assert set(definition["metadata"]) == {
        "http://libosinfo.org/xmlns/libvirt/domain/1.0",
        "urn:zonevisor:libvirt:1.0"}
    assert "<emulator>/usr/sbin/hvd</emulator>" in \
        definition["metadata"]["urn:zonevisor:libvirt:1.0"]
