# SPDX-License-Identifier: BSD-2-Clause
"""libvirt's own test suite for drivers (libvirt-tck), which is not part of Debian:
its checkout is named by $LIBVIRT_TCK. docs/testing.md says what it needs."""
# pylint: disable=redefined-outer-name

import os
import re
import subprocess
from pathlib import Path

import pytest

from virt import built, machine, virt  # noqa: F401
from test_virt_storage import store  # noqa: F401

TCK = os.environ.get("LIBVIRT_TCK")
MODULES = ("Sys::Virt", "XML::Twig", "XML::Writer", "XML::XPath",
           "Test::Exception", "YAML", "LWP::UserAgent", "Net::OpenSSH",
           "NetAddr::IP", "IO::String", "IO::Interface::Simple", "File::Slurp")
LIMIT = 300  # seconds a script may take


def missing():
    if not TCK:
        return "LIBVIRT_TCK does not name a checkout of libvirt-tck"
    found = subprocess.run(["perl", *(f"-M{m}" for m in MODULES), "-e", "1"],
                           capture_output=True, text=True, check=False)
    return found.stderr.splitlines()[0] if found.returncode else None


pytestmark = [built, pytest.mark.skipif(missing() is not None,
                                        reason=str(missing()))]


# What zones have not, so that a script cannot pass.
HOTPLUG = "needs an image of a whole system, to plug devices while it runs"
LACKING = {
    "081-unique-id-create": "two domains write to one disk (<shareable>)",
    "110-memory-balloon": "needs an image of a whole system, and a balloon",
    "120-disks-stats": "without an image its plan has a test too many",
    "121-block-info": "makes a qcow2 volume",
    "180-interface-parameters": "sets a peak and a burst of its own",
    "200-disk-hotplug": HOTPLUG,
    "205-disk-hotplug-ordering": HOTPLUG,
    "210-nic-hotplug": HOTPLUG,
    "215-nic-hotplug-many": HOTPLUG,
    "405-ovmf-nvram-efi": "needs UEFI",
}


def scripts():
    """Those that cannot pass must not, lest the list gets old."""
    for script in sorted(Path(TCK).glob("scripts/domain/*.t")) if TCK else []:
        reason = LACKING.get(script.stem)
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        yield pytest.param(script, marks=marks, id=script.stem)


CONFIG = """\
uri: "{uri}"
scratch_dir: {scratch}
images: []
kernels:
  - arch: aarch64
    ostype:
      - hvm
    kernel: {kernel}
    initrd: {initrd}
host_usb_devices: []
host_pci_devices: []
host_block_devices: []
"""


@pytest.fixture
def environment(store):
    """A store of its own: each script clears all pools called tck."""
    tmp = store.machine.tmp
    scratch = tmp / "tck"
    scratch.mkdir()
    config = tmp / "tck.yml"
    kernel = store.machine.definition()["kernel"]
    initrd = tmp / "initrd"
    initrd.write_bytes(b"initrd" * 1000)
    config.write_text(CONFIG.format(uri=store.uri, scratch=scratch,
                                    kernel=kernel, initrd=initrd))
    return dict(store.env, LIBVIRT_TCK_CONFIG=str(config),
                LIBVIRT_TCK_AUTOCLEAN="1")


@pytest.mark.parametrize("script", list(scripts()) or [None])
def test_script(environment, script):
    result = subprocess.run(
        ["perl", "-Ilib", script], cwd=TCK, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
        check=False)
    print(result.stdout)
    if skipped := re.search(r"^1\.\.0 # SKIP (.*)", result.stdout, re.M):
        pytest.skip(skipped.group(1))
    assert "not ok" not in result.stdout
    assert re.search(r"^ok ", result.stdout, re.M)
    assert result.returncode == 0
