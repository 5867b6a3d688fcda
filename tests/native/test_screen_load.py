# SPDX-License-Identifier: BSD-2-Clause
"""A screen under the load that `make bench-screen` measures with: here for what is
counted rather than timed."""
import contextlib

import pytest

from display import at_rest, wait_for
from screen_load import HVD_DISPLAY, Crowd, Painter, Screen, Sink, wakeups
from test_hvd_io_gpu import pytestmark, start

__all__ = ["pytestmark", "start"]
SIZE = WIDTH, HEIGHT = 640, 480
ALL = WIDTH * HEIGHT * 4
FRAMES = 40
RECT = (100, 200, 50, 20)
PART = 50 * 20 * 4
HEADERS = 4 + 12  # of an update with one rectangle
# What of all the tiles that RECT touches is sent, if no less is known.
TILES = 192 * 32 * 4


@pytest.fixture(name="screen")
def fixture_screen(tmp_path, start):
    if not HVD_DISPLAY.exists():
        pytest.skip(f"{HVD_DISPLAY} is not built: make native")
    made = Screen(tmp_path, 16 << 20, 8 << 20,
                  lambda _, files: start(files=files))
    yield made
    made.shower.close()


@pytest.fixture(name="painter")
def fixture_painter(screen):
    """Its two pictures have no byte in common."""
    made = Painter(screen.guest, 0, SIZE,
                   [bytes([0x11]) * ALL, bytes([0xee]) * ALL])
    screen.shows(SIZE)
    return made


@contextlib.contextmanager
def crowd_of(screen, count, encoding="raw"):
    sinks = [Sink(screen.connect(), encoding) for _ in range(count)]
    with contextlib.closing(Crowd(sinks)) as crowd:
        crowd.until(1)
        yield crowd


def frames(screen, crowd, draw, *rect):
    """What so many frames added to all counters."""
    def counts():
        return {"copied": screen.counters()["bytes"],
                "flushes": screen.counters()["flushes"],
                "bytes": [s.bytes for s in crowd.sinks],
                "updates": [s.updates for s in crowd.sinks],
                **{name: wakeups(pid) for name, pid in screen.pids().items()}}

    before = counts()
    for i in range(1, FRAMES + 1):
        updates = min(s.updates for s in crowd.sinks)
        draw(i % 2, *rect)
        crowd.until(updates + 1)
    after = counts()
    return {key: [b - a for a, b in zip(before[key], after[key])]
            if isinstance(after[key], list) else after[key] - before[key]
            for key in after}


def check_wakeups(found):
    """A frame is a kick to one, a message to the other and an update: one wake-up
    each.  Our questions for counters wake hvd-io as well."""
    assert found["hvd-io"] < FRAMES * 3 / 2, found
    assert found["hvd-display"] < FRAMES * 3 / 2, found


@pytest.mark.parametrize("viewers", [1, 4])
def test_all_is_redrawn(screen, painter, viewers):
    """Each pixel is copied once from the guest, however many look, and is sent to
    each of them once."""
    with crowd_of(screen, viewers) as crowd:
        found = frames(screen, crowd, painter.redraw)
        assert found["copied"] == FRAMES * ALL
        assert found["flushes"] == FRAMES
        assert found["updates"] == [FRAMES] * viewers
        assert found["bytes"] == [FRAMES * (ALL + HEADERS)] * viewers
        check_wakeups(found)


def test_a_part_is_redrawn(screen, painter):
    with crowd_of(screen, 1) as crowd:
        found = frames(screen, crowd, painter.redraw, RECT)
        assert found["copied"] == FRAMES * PART
        assert found["bytes"] == [FRAMES * (PART + HEADERS)]
        check_wakeups(found)


def test_a_part_of_another_buffer(screen, painter):
    """A guest with two buffers shows another one each time, which is all new by what
    it says; sent is what differs."""
    with crowd_of(screen, 2) as crowd:
        found = frames(screen, crowd, painter.flip, RECT)
        assert found["copied"] == FRAMES * PART
        assert found["updates"] == [FRAMES] * 2
        assert all(n <= FRAMES * (TILES + HEADERS) for n in found["bytes"])
        check_wakeups(found)


def test_nothing_new_is_no_news(screen, painter):
    """The same pixels again, as guests that redraw by the clock send them."""
    with crowd_of(screen, 1) as crowd:
        before = crowd.sinks[0].bytes, viewer_wakeups(screen)
        for draw in (painter.redraw, painter.flip) * 10:
            draw(0)
            painter.wait()
        # What comes after all of that comes after it to the viewer, too.
        painter.redraw(1, RECT)
        crowd.until(2)
        assert crowd.sinks[0].bytes == before[0] + HEADERS + PART
        # Of its requests and of that, but not of the 20 before.
        assert viewer_wakeups(screen) <= before[1] + 8


def viewer_wakeups(screen):
    return sum(wakeups(pid) for name, pid in screen.pids().items()
               if name.startswith("viewer"))


def test_a_still_picture_costs_nothing(screen, painter):
    """No wake-up of any process, and not a byte to either viewer."""
    with crowd_of(screen, 2) as crowd:
        painter.redraw(1)
        crowd.until(2)
        painter.wait()
        wait_for(lambda: at_rest(*screen.pids().values()), "rest")
        screen.process.zone.setblocking(False)
        for sink in crowd.sinks:
            with pytest.raises(BlockingIOError):
                sink.sock.recv(1)
        # Nor has the zone heard anything.
        with pytest.raises(BlockingIOError):
            screen.process.zone.recv(100)
