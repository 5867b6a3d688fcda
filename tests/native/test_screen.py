# SPDX-License-Identifier: BSD-2-Clause
"""A zone's screen from the guest's driver to a VNC viewer: hvd-io and hvd-display,
both in their sandboxes; the test is guest, viewer and hvd.
"""
import contextlib
import os
import signal
import socket

import pytest

import display
from test_display import PROGRAMS
from test_hvd_io_gpu import (EV_ABS, EV_KEY, EV_REL, HEIGHT, WIDTH, Gpu,
                             give, give_buffers, modes, pytestmark, settled,
                             start, take_events, wait_events, world)

__all__ = ["pytestmark", "start", "world"]
INSTALLED = PROGRAMS["installed"]
A = 0x61  # a keysym


class Screen:
    """hvd-display, in the place of what plays it for hvd-io alone."""
    socket = None

    def __init__(self, path):
        self.path = path
        self.shower = display.Display(INSTALLED, path).serve()

    def connect(self):
        """Gives it one end of a socket; hvd-io's is the other."""
        mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.setblocking(False)
        with mine:
            self.shower.tell(fd=mine.fileno(), cmd="device")
        return other


@pytest.fixture
def screen(world, tmp_path):
    if not INSTALLED.exists():
        pytest.skip(f"{INSTALLED} is not built: make native")
    world.display = Screen(tmp_path)
    world.video = world.display.shower.memory.path
    yield world
    world.display.shower.close()


def rgb(world, pixels):
    """What the guest has drawn, as a viewer has it."""
    data = world.guest.get(pixels, WIDTH * HEIGHT * 4)
    lines = []
    for y in range(HEIGHT):
        line = data[y * WIDTH * 4:(y + 1) * WIDTH * 4]
        out = bytearray(WIDTH * 3)
        for channel in range(3):
            out[channel::3] = line[2 - channel::4]
        lines.append(bytes(out))
    return lines


def draw(world):
    gpu = Gpu(world.guest, 0)
    pixels = world.guest.room(WIDTH * HEIGHT * 4)
    gpu.show(7, pixels)
    gpu.running()
    while True:
        event = world.display.shower.hear_event("shows")
        if event["width"] == WIDTH:
            return gpu, pixels


def see(viewer, lines):
    """The viewer is told of changes, until it has that."""
    seen = None
    while seen != lines:
        viewer.ask()
        pixels = viewer.update().get((0, 0, WIDTH, HEIGHT))
        seen = pixels and display.rgb_lines(WIDTH, pixels)


def until_event(world, driver, event):
    display.wait_for(lambda: event in take_events(world, driver), event)


def test_from_the_driver_to_the_viewer(screen):
    screen.serve("keyboard", "tablet")
    keyboard, tablet = (give_buffers(screen, slot) for slot in (1, 2))
    gpu, pixels = draw(screen)
    with contextlib.closing(screen.display.shower.viewer(
            encodings=("raw", "size", "ext-size"))) as viewer:
        assert viewer.picture() == rgb(screen, pixels)
        # What changes is seen.
        screen.guest.put(pixels, os.urandom(WIDTH * HEIGHT * 4))
        gpu.command(0x105, 0, 0, WIDTH, HEIGHT, 0, 0, 7, 0)
        gpu.command(0x104, 0, 0, WIDTH, HEIGHT, 7, 0)
        gpu.kick()
        see(viewer, rgb(screen, pixels))
        # What the viewer does is felt.
        viewer.key(A, True)
        viewer.key(A, False)
        assert wait_events(screen, keyboard, 2) == [(EV_KEY, 30, 1),
                                                    (EV_KEY, 30, 0)]
        viewer.point(WIDTH - 1, 0, 1)
        assert wait_events(screen, tablet, 3) == [
            (EV_ABS, 0, 32767), (EV_ABS, 1, 0), (EV_KEY, 0x110, 1)]
        viewer.point(WIDTH - 1, 0, 1 | 1 << 3)  # the wheel, up
        until_event(screen, tablet, (EV_REL, 8, 1))
        viewer.resize(800, 600)
        display.wait_for(lambda: modes(gpu)[0][2:] == (800, 600, 1), "mode")
        # hvd-io is killed: the viewer stays, and sees the same.
        viewer.key(A, True)
        assert wait_events(screen, keyboard, 1) == [(EV_KEY, 30, 1)]
        screen.kill()
        screen.serve("keyboard", "tablet")
        until_event(screen, keyboard, (EV_KEY, 30, 0))
        settled(screen)
        assert viewer.picture() == rgb(screen, pixels)
        viewer.key(A, False)
        viewer.key(A, True)
        until_event(screen, keyboard, (EV_KEY, 30, 1))
    assert "not permitted" not in screen.process.text()


def test_another_hvd_display(screen):
    """It is killed with a viewer's key down; the guest goes on."""
    screen.serve("keyboard")
    keyboard = give_buffers(screen, 1)
    gpu, pixels = draw(screen)
    first = screen.display.shower
    with contextlib.closing(first.viewer()) as viewer:
        viewer.key(A, True)
        assert wait_events(screen, keyboard, 1) == [(EV_KEY, 30, 1)]
        os.kill(first.pid, signal.SIGKILL)
        first.end()
        assert viewer.is_closed()
    assert wait_events(screen, keyboard, 1) == [(EV_KEY, 30, 0)]
    first.close()
    gpu.command(0x104, 0, 0, WIDTH, HEIGHT, 7, 0)
    gpu.kick()
    screen.display.shower = again = display.Display(
        INSTALLED, screen.display.path).serve()
    with screen.display.connect() as end:
        give(screen, end)
    while again.hear_event("shows")["width"] != WIDTH:
        pass
    with contextlib.closing(again.viewer()) as viewer:
        assert viewer.picture() == rgb(screen, pixels)
