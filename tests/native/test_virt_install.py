# SPDX-License-Identifier: BSD-2-Clause
"""virt-install, virt-clone and virt-xml, as Debian has them, make zones."""
# pylint: disable=redefined-outer-name

import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from virt import VIRTHVDD, built, machine, virt  # noqa: F401
from test_virt_storage import image, rows, store  # noqa: F401


def lacking(*names):
    """What virthvdd has not; None: nothing."""
    if not VIRTHVDD.exists():
        return "virthvdd is not built: make host"
    text = subprocess.run([VIRTHVDD, "--list=procedures"], text=True,
                          capture_output=True, check=True).stdout
    away = [name for name in names if f"`{name}`" not in text]
    return f"virthvdd has no {', '.join(away)}" if away else None


def missing():
    """Why these tests cannot be run."""
    if not shutil.which("virt-install"):
        return "virt-install is not installed (Debian's virtinst)"
    return lacking("ConnectGetCapabilities", "DomainCreateXML",
                   "DomainDefineXML", "DomainGetXMLDesc", "DomainUndefine")


pytestmark = [built, pytest.mark.skipif(missing() is not None,
                                        reason=str(missing()))]


def run(store, program, *args):
    result = subprocess.run([program, "--connect", store.uri, *map(str, args)],
                            env=store.env, capture_output=True, text=True,
                            timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr + store.text()
    return result.stdout


def install(store, name, *args):
    return run(store, "virt-install", "--name", name, "--memory", 64,
               "--vcpus", 1, "--import",
               *([] if "--graphics" in args else ["--graphics", "none"]),
               *([] if "--network" in args else ["--network", "none"]),
               "--noautoconsole", "--osinfo",
               "detect=off,require=off", "--arch", "aarch64", "--boot",
               f"kernel={store.machine.image}", *args)


def test_print_xml(store):
    path = image(store.images)
    root = ET.fromstring(install(store, "v1", "--print-xml", "--disk",
                                 f"path={path},format=raw", "--network",
                                 "default"))
    assert root.find("devices/disk/source").get("file") == str(path)
    assert root.find("devices/interface/source").get("network") == "default"
    assert "v1" not in store.virsh("list", "--all")


def test_install_with_a_disk_of_a_new_folder(store):
    folder = store.machine.tmp / "disks"
    folder.mkdir()
    path = image(folder)
    install(store, "v1", "--disk", f"path={path},format=raw")
    assert store.virsh("domstate", "v1") == "running"
    assert ["disks", "active", "yes"] in rows(store.virsh("pool-list"))
    client = store.machine.client()
    definition = client.call("zone.get", name="v1")["definition"]
    assert definition["devices"][0]["path"] == str(path)
    client.close()
    assert "in use" in store.virsh("vol-delete", path, status=1)
    store.virsh("destroy", "v1")
    assert store.virsh("domstate", "v1") == "shut off"


def test_install_with_a_disk_of_a_size(store):
    install(store, "v1", "--disk", "size=0.01")
    (path,) = store.images.iterdir()
    assert path.name.startswith("v1") and path.stat().st_size >= 10 << 20
    store.virsh("destroy", "v1")
    store.virsh("undefine", "v1", "--remove-all-storage")
    assert not path.exists()


def test_clone(store):
    path = image(store.images)
    path.write_bytes(b"data" + bytes(1020))
    install(store, "v1", "--disk", f"path={path},format=raw")
    store.virsh("destroy", "v1")
    run(store, "virt-clone", "-o", "v1", "-n", "v2", "--auto-clone")
    root = ET.fromstring(store.virsh("dumpxml", "v2"))
    other = root.find("devices/disk/source").get("file")
    assert other != str(path)
    with open(other, "rb") as f:
        assert f.read() == path.read_bytes()


def test_edit(store):
    install(store, "v1", "--disk", "none", "--noreboot")
    run(store, "virt-xml", "v1", "--edit", "--memory", "128", "--define")
    client = store.machine.client()
    definition = client.call("zone.get", name="v1")["definition"]
    assert definition["memory"] == "128M"
    client.close()


def devices_of(store, name):
    client = store.machine.client()
    definition = client.call("zone.get", name=name)["definition"]
    client.close()
    return [{key: value for key, value in device.items()
             if key in ("type", "kind", "vnc")}
            for device in definition["devices"]]


@pytest.mark.parametrize("words,devices", [
    (["--graphics", "vnc"],
     [{"type": "gpu", "vnc": {"port": "auto", "address": "127.0.0.1"}}]),
    (["--graphics", "vnc,listen=0.0.0.0,port=5950", "--input",
      "tablet,bus=usb", "--input", "keyboard"],
     [{"type": "input", "kind": "tablet"},
      {"type": "input", "kind": "keyboard"},
      {"type": "gpu", "vnc": {"port": 5950, "address": "0.0.0.0"}}]),
    (["--graphics", "vnc,listen=socket", "--video", "virtio",
      "--input", "keyboard,bus=virtio", "--input", "mouse"],
     [{"type": "input", "kind": "keyboard"}, {"type": "input", "kind": "mouse"},
      {"type": "gpu"}]),
])
def test_install_with_a_screen(store, words, devices):
    install(store, "v1", "--disk", "none", "--noreboot", *words)
    made = [device for device in devices_of(store, "v1")
            if device["type"] in ("gpu", "input")]
    assert made == devices


def test_no_password_in_a_document(store):
    result = subprocess.run(
        ["virt-install", "--connect", store.uri, "--name", "v1", "--memory",
         "64", "--import", "--disk", "none", "--network", "none",
         "--graphics", "vnc,passwd=secret", "--noautoconsole", "--osinfo",
         "detect=off,require=off", "--arch", "aarch64", "--boot",
         f"kernel={store.machine.image}"], env=store.env,
        capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    assert "<zv:password file=" in result.stdout + result.stderr
    assert "v1" not in store.virsh("list", "--all")
