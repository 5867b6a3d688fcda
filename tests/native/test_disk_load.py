# SPDX-License-Identifier: BSD-2-Clause
"""A disk of hvd-backend under the load that `make bench-native` measures with:
here for what is read, and for what is counted rather than timed."""
import json
import os
import pathlib
import struct
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("O", TOP / "build")).resolve()
LOAD = BUILD / "host/native/vu_load/vu_load"
BACKEND = BUILD / "host/hvd-backend"
ANSWER = 30 * float(os.environ.get("ZV_TEST_SLOWDOWN", 1))
BLOCKS = 512
READS = 2000

# A process that cannot be looked into cannot look for leaks either.
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"


@pytest.fixture(name="image")
def fixture_image(tmp_path):
    """Each block is full of its number."""
    path = tmp_path / "image"
    path.write_bytes(b"".join(struct.pack("<Q", block) * 512
                              for block in range(BLOCKS)))
    return path


@pytest.fixture(name="serve")
def fixture_serve(tmp_path):
    servers = []

    def make(*args):
        path = tmp_path / f"socket{len(servers)}"
        servers.append(subprocess.Popen(
            [BACKEND, "--socket", path, "--device", "blk", *map(str, args)]))
        limit = time.monotonic() + ANSWER
        while not path.exists():
            assert servers[-1].poll() is None
            assert time.monotonic() < limit, f"no {path}"
            time.sleep(0.01)
        return path, servers[-1].pid

    yield make
    for server in servers:
        server.terminate()
        assert server.wait(ANSWER) == 0


def put_load(path, *args):
    return subprocess.run([LOAD, "--socket", path, *map(str, args)],
                          timeout=2 * ANSWER, capture_output=True, text=True,
                          check=False)


def counts(path, depth, *args):
    run = put_load(path, "--depth", depth, "--requests", READS, *args)
    assert run.returncode == 0, run.stderr
    got = json.loads(run.stdout)
    assert got["requests"] == READS
    assert got["tracked"]
    return got


@pytest.mark.parametrize("args", [(), ("--direct",), ("--readonly",)])
def test_what_is_read(image, serve, args):
    path, pid = serve("--disk", image, *args)
    for depth in (1, 32, 128):
        got = counts(path, depth, "--verify", "--pid", pid)
        assert 1 <= got["kicks"] <= READS
        # One comes at the start, with the call's descriptor.
        assert 1 <= got["calls"] <= READS + 1


@pytest.mark.parametrize("args", [(), ("--direct", "--writeback")])
def test_what_is_written(image, serve, args):
    """A block may be written again while an answer for it is under way."""
    image.write_bytes(bytes(BLOCKS * 4096))
    path, _ = serve("--disk", image, *args)
    for depth in (1, 32, 128):
        counts(path, depth, "--write")
    blocks = [image.read_bytes()[at:at + 4096]
              for at in range(0, BLOCKS * 4096, 4096)]
    kept = [n for n, block in enumerate(blocks)
            if n and block == struct.pack("<Q", n) * 512]
    # Some may not have been hit; what is neither old nor new is an error.
    assert len(kept) > BLOCKS * 0.9
    assert all(blocks[n] == bytes(4096) for n in range(BLOCKS)
               if n not in kept)


def test_what_is_wrong_is_seen(image, serve):
    """One block of all is not what it should be."""
    with open(image, "r+b") as file:
        file.seek(77 * 4096 + 2048)
        file.write(b"x")
    path, _ = serve("--disk", image)
    run = put_load(path, "--depth", 32, "--requests", 100 * BLOCKS, "--verify")
    assert run.returncode == 1
    assert "block 77 holds something else" in run.stderr


def test_answers_are_told_together(image, serve):
    """Whoever asks for many at once is woken up for many at once."""
    file, _ = serve("--disk", image)
    null, _ = serve("--null", BLOCKS * 4096)
    # A first pass, after which all of the file is in the page cache.
    counts(file, 32)
    for path in (file, null):
        # The best of some, and a bound far from READS: how many are ready at a time
        # depends on how fast the two are on this machine at this moment.
        got = min((counts(path, 32) for _ in range(5)),
                  key=lambda got: max(got["calls"], got["kicks"]))
        assert got["calls"] <= READS / 4, got
        assert got["kicks"] <= READS / 4, got
