#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the pictures of docs/desktop.md: what `hvsh screenshot` writes of a Debian's
screen, and the window of a viewer that shows it.

The zone is the one that the document has people define. What is on its screen was
typed into its terminal, which showed what came of it.
"""
import subprocess
import sys

import viewer
from debian import BOOT_LIMIT, NEEDED, ROOT, disk
from machine import TOP, Machine

PORT = 5901  # of zone0, as the definition says
DEFINITION = "/usr/share/zonevisor/desktop.json"
IMAGES = TOP / "docs/images"
GROUND = (17, 17, 17)  # of the terminal
MOST = 0.9  # of a screen: the rest is text
COLOURS = 32
TYPED = ("uname -srm", "lscpu | grep -e ^CPU.s. -e Model.name",
         "ls /dev/dri /dev/input", "df -h /",
         "systemctl --no-pager --lines=0 status desktop")
# As if typed there: a key of an emulated machine may be let go of so late that the
# guest repeats it.
TYPIST = ("perl -e 'open F, \">\", \"/dev/pts/0\" or die;"
          " ioctl(F, 0x5412, $_) or die for split //, \"{}\\n\"'")
VIEWER = ("dbus-run-session", "--", "remote-viewer")


def shoot(machine):
    """What hvsh screenshot writes."""
    machine.run("rm -f /tmp/desktop.png;"
                " hvsh screenshot desktop /tmp/desktop.png")
    path = machine.dir / "desktop.png"
    path.write_bytes(viewer.file_of_zone0(machine, "/tmp/desktop.png"))
    return viewer.Picture(path)


def wait_for(machine, is_right, what):
    """A picture that has come to rest."""
    last = None

    def is_there():
        nonlocal last
        before, last = last, shoot(machine)
        return before and before == last and is_right(last)

    machine.wait_until(is_there, what, BOOT_LIMIT)
    return last


def has_prompt(picture):
    return MOST < picture.share(GROUND) < 1


def login(machine):
    with machine.console("desktop", device="console0"):
        machine.expect("login: ", BOOT_LIMIT)
        machine.send("root\r")
        machine.expect("# ", BOOT_LIMIT)


def type_line(machine, line, before):
    with machine.console("desktop", device="console0", options="--from end"):
        machine.send(f"{TYPIST.format(line)} && echo ty''ped\r")
        machine.expect("typed\r")
    return wait_for(machine, lambda picture: picture != before, line)


def keep(path, name):
    """With few colours, as there is little but text."""
    IMAGES.mkdir(exist_ok=True)
    target = IMAGES / f"{name}.png"
    subprocess.run(["convert", path, "+dither", "-colors", str(COLOURS),
                    "-strip", "-define", "png:compression-level=9",
                    f"png8:{target}"], check=True)
    print(target, target.stat().st_size, "bytes")


def window_of(look, env):
    """Of a program for people, with its frame: all of the display but the rest."""
    path = f"{env['HOME']}/viewer.png"
    look.run("import", "-window", "root", path)
    subprocess.run(["convert", path, "-trim", "+repage", path], check=True)
    return path


def show(port, screen):
    """Until the viewer shows that picture."""
    with viewer.unseen_display() as env, viewer.process(
            *VIEWER, f"vnc://127.0.0.1:{port}", env=dict(
                env, GSETTINGS_BACKEND="memory", NO_AT_BRIDGE="1"),
            stderr=subprocess.DEVNULL) as program:
        look = viewer.Viewer(program, env)
        look.look = lambda: "root"
        look.window = "root"
        look.wait_for(lambda picture: picture.dots.count(GROUND) >
                      MOST * screen.dots.count(GROUND), "the desktop")
        keep(window_of(look, env), "viewer")


def main():
    if not ROOT.exists():
        sys.exit(NEEDED)
    with Machine("pictures", extra=[*disk("root"),
                                    *viewer.network(PORT)]) as machine:
        machine.login()
        ports = viewer.start_network(machine)
        machine.run(f"hvsh define {DEFINITION}")
        machine.start("desktop")
        login(machine)
        picture = wait_for(machine, has_prompt, "a terminal")
        for line in TYPED:
            picture = type_line(machine, line, picture)
        keep(picture.path, "desktop")
        show(ports[PORT], picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
