# SPDX-License-Identifier: BSD-2-Clause
"""virt-viewer and remote-viewer, as Debian has them, on a display that nobody sees.
They are run where they are installed (mk/packages.mk); what they showed stays in
build/windows."""
# pylint: disable=redefined-outer-name

import pytest

from test_hvd_display import own_address
from virt import built
from x_screen import (HVD_DISPLAY, lacking_programs, machine,  # noqa: F401
                      screen, shown, shows, window)

pytestmark = [built, pytest.mark.skipif(
    lacking_programs("virt-viewer", "remote-viewer") is not None,
    reason=str(lacking_programs("virt-viewer", "remote-viewer"))),
    pytest.mark.skipif(not HVD_DISPLAY.exists(),
                       reason="hvd-display is not built: make host")]


@pytest.mark.parametrize("vnc,options", [
    ("port", []), ("port", ["--attach"]), ("socket", []),
    ("socket", ["--attach"])], ids=lambda value: "".join(value))
def test_virt_viewer(shown, screen, vnc, options):
    """By the port, the socket, or a connection that virthvdd hands out."""
    shown.start(**({"vnc": {"address": own_address()}} if vnc == "port"
                   else {}))
    with window(screen, "virt-viewer", "--connect", shown.virt.uri, *options,
                "web"):
        shows(shown, screen, f"virt-viewer-{vnc}{''.join(options)}")


def test_remote_viewer(shown, screen):
    """It takes a port: what virsh domdisplay tells has 5900 less."""
    shown.start(vnc={"address": own_address()})
    head = shown.hvd.call("display.get", name="web")["heads"][0]
    assert shown.virt.virsh("domdisplay", "web") == \
        f"vnc://{head['address']}:{head['port'] - 5900}"
    with window(screen, "remote-viewer",
                f"vnc://{head['address']}:{head['port']}"):
        shows(shown, screen, "remote-viewer")
