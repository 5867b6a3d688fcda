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
    with window(screen, "virt-viewer", "--debug", "--connect", shown.virt.uri, *options,
                "web"):
        shows(shown, screen, f"virt-viewer-{vnc}{''.join(options)}")
