# SPDX-License-Identifier: BSD-2-Clause
"""virt-manager, as Debian has it, on a display that nobody sees. It is run where
it is installed (mk/packages.mk); what it showed stays in build/virt-manager."""
# pylint: disable=redefined-outer-name

import contextlib
import subprocess

import pytest

from test_hvd import HVD, wait
from test_hvd_display import own_address
from test_virt_install import lacking
from virt import built, machine, virt  # noqa: F401
from x_screen import (HVD_DISPLAY, lacking_programs, screen,  # noqa: F401
                      shown, shows, window)

PROCEDURES = ("NodeGetInfo", "ConnectGetCapabilities", "DomainGetXMLDesc",
              "ConnectDomainEventCallbackRegisterAny")
PICTURES = HVD.parent.parent / "virt-manager"


def missing():
    return lacking_programs("virt-manager") or lacking(*PROCEDURES)


pytestmark = [built, pytest.mark.skipif(missing() is not None,
                                        reason=str(missing()))]


@contextlib.contextmanager
def manager(virt, screen, *args):
    with window(screen, "virt-manager", "--no-fork", "--connect", virt.uri,
                *args):
        yield


def windows(screen):
    return subprocess.run(["xwininfo", "-root", "-tree"], env=screen,
                          capture_output=True, text=True, check=True).stdout


def running_icons(screen):
    """Blue dots where the list has its icons: a running zone's is blue, one that
    is off has a grey one."""
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / "zones.png"
    subprocess.run(["import", "-window", "root", path], env=screen,
                   check=True)
    dots = subprocess.run(["convert", path, "-crop", "40x400+15+120", "-depth",
                           "8", "rgb:-"], capture_output=True,
                          check=True).stdout
    return sum(dots[i + 2] > dots[i] + 60 for i in range(0, len(dots), 3))


def graph(screen):
    """Dots of the CPU graphs in the list that have a colour."""
    running_icons(screen)
    dots = subprocess.run(["convert", PICTURES / "zones.png", "-crop",
                           "120x120+420+120", "-depth", "8", "rgb:-"],
                          capture_output=True, check=True).stdout
    return sum(max(dots[i:i + 3]) - min(dots[i:i + 3]) > 30
               for i in range(0, len(dots), 3))


def test_graphs(virt, screen):
    """Of what domains take of the CPUs."""
    client = virt.machine.client()
    client.call("zone.define", definition=dict(
        virt.machine.definition(), name="web"))
    client.call("zone.start", name="web")
    with manager(virt, screen):
        wait(lambda: running_icons(screen) > 100)
        assert graph(screen) == 0
        virt.machine.inject("busy", "90")
        wait(lambda: graph(screen) > 40)
    client.close()


def test_list_of_zones(virt, screen):
    client = virt.machine.client()
    for name in ("web", "db"):
        client.call("zone.define", definition=dict(
            virt.machine.definition(), name=name))
    with manager(virt, screen):
        wait(lambda: "Virtual Machine Manager" in windows(screen))
        wait(lambda: running_icons(screen) > 100)
        only_zone0 = running_icons(screen)
        # what happens is shown without anybody's doing
        client.call("zone.start", name="web")
        wait(lambda: running_icons(screen) > only_zone0 * 1.8)
        client.call("zone.destroy", name="web")
        wait(lambda: running_icons(screen) < only_zone0 * 1.2)
        client.call("zone.start", name="web")
        wait(lambda: running_icons(screen) > only_zone0 * 1.8)
    client.close()


def letters(screen):
    """Light dots in the window of a console, which is black but for them."""
    path = PICTURES / "console.png"
    PICTURES.mkdir(exist_ok=True)
    subprocess.run(["import", "-window", "root", path], env=screen,
                   check=True)
    dots = subprocess.run(["convert", path, "-crop", "1000x600+10+80", "-depth",
                           "8", "gray:-"], capture_output=True,
                          check=True).stdout
    dark = sum(dot < 40 for dot in dots)
    return len(dots) - dark if dark > len(dots) * 0.9 else 0


def test_console(virt, screen):
    """What the guest says is seen, and what is typed comes to it."""
    text = virt.machine.fake / "console-web"
    text.write_text("Debian GNU/Linux 12 web ttyAMA0\r\n\r\nweb login: ")
    client = virt.machine.client()
    client.call("zone.define", definition=dict(
        virt.machine.definition(devices=[{"type": "console"}]), name="web"))
    client.call("zone.start", name="web")
    with manager(virt, screen, "--show-domain-console", "web"):
        wait(lambda: letters(screen) > 500)
        before = letters(screen)
        window = subprocess.run(
            ["xdotool", "search", "--name", "^web on "], env=screen,
            capture_output=True, text=True, check=True).stdout.split()[-1]
        # The fake guest's terminal echoes.
        subprocess.run(["xdotool", "windowfocus", "--sync", window, "mousemove",
                        "500", "400", "click", "1", "type", "operator"],
                       env=screen, check=True)
        wait(lambda: text.read_text().endswith("login: operator"))
        wait(lambda: letters(screen) > before + 150)
    client.close()


@pytest.mark.skipif(not HVD_DISPLAY.exists(),
                    reason="hvd-display is not built: make host")
@pytest.mark.parametrize("vnc,scheme", [("port", "hvd"), ("socket", "qemu")])
def test_desktop(shown, screen, vnc, scheme):
    """The page "console" of a zone with a screen shows that. Of drivers called qemu
    alone virt-manager takes a connection that is handed out."""
    shown.start(**({"vnc": {"address": own_address()}} if vnc == "port"
                   else {}))
    shown.virt.uri = shown.virt.uri.replace("hvd:", f"{scheme}:")
    with manager(shown.virt, screen, "--show-domain-console", "web"):
        shows(shown, screen, f"virt-manager-{vnc}")
