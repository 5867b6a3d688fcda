# SPDX-License-Identifier: BSD-2-Clause
"""libhvd's header, symbol versions, documents and manual pages tell the same,
and the examples work."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import openrpc
from fake_hvd import FakeHvd, RpcError, hvsh_path, read_until, watched, zone

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(hvsh_path()).with_name("libhvd.so.0")
SECONDS = 20
needs_library = pytest.mark.skipif(not LIBRARY.exists(),
                                   reason=f"no {LIBRARY}: make host")


def declared():
    """Functions in hvd.h."""
    text = (ROOT / "toolstack/lib/include/hvd.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return set(re.findall(r"[ *\n](hvd_\w+)\(", text))


def test_map_lists_the_functions_of_the_header():
    text = (ROOT / "toolstack/lib/hvd.map").read_text()
    listed = re.findall(r"^\t+(hvd_\w+);", text, re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == declared()


@needs_library
def test_library_exports_them_and_nothing_else():
    out = subprocess.run(["nm", "-D", "--defined-only", str(LIBRARY)],
                         capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[2] for line in out.splitlines()
               if line.split()[1] in "TDBRV"}
    assert symbols == {f"{name}@@HVD_1.0" for name in declared()}


@pytest.mark.parametrize("page", ["docs/man/libhvd.3",
                                  "docs/reference/libhvd.md"])
def test_documents_cover_every_function(page):
    text = (ROOT / page).read_text()
    missing = {name for name in declared() if name not in text}
    assert not missing


def test_every_method_has_a_function():
    """One that calls it, and the table of them that says which."""
    code = "".join(path.read_text() for path in
                   (ROOT / "toolstack/lib/client").glob("*.c"))
    table = (ROOT / "docs/reference/libhvd.md").read_text()
    table = table.partition("\n## Methods\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`hvd_.*`) \| `([a-z._]+)`", table, re.M)
    listed = {method for _, method in rows}
    without = {m for m in openrpc.METHODS if f'"{m}"' not in code}
    assert not without, "no function of libhvd calls them"
    assert listed == set(openrpc.METHODS)
    functions = {f for names, _ in rows for f in re.findall(r"hvd_\w+", names)}
    assert functions <= declared()


def test_documents_list_every_error():
    source = (ROOT / "toolstack/lib/client/error.c").read_text()
    text = (ROOT / "docs/reference/libhvd.md").read_text()
    names = set(re.findall(r'"([A-Z_]{4,})"', source))
    assert len(names) > 20
    assert {name for name in names if name not in text} == set()


# ------------------------------------------------------------- manual pages

HEADER = "toolstack/lib/include/hvd.h"
START = "docs/man/hvd_zone_start.3"


@pytest.fixture
def tree(tmp_path):
    """What scripts/man-pages reads, to be changed."""
    for name in ("scripts/man-pages", HEADER, "toolstack/lib/hvd.map",
                 "docs/examples/list_zones.c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docs/man", tmp_path / "docs/man")
    return tmp_path


def man_pages(tree, *words):
    return subprocess.run([tree / "scripts/man-pages", *words],
                          capture_output=True, text=True, check=False)


def change(tree, name, old, new):
    text = (tree / name).read_text()
    assert old in text
    (tree / name).write_text(text.replace(old, new, 1))


def test_manual_pages_are_up_to_date():
    result = man_pages(ROOT, "--check")
    assert (result.returncode, result.stdout) == (0, "")


def test_a_new_function_needs_a_manual_page(tree):
    change(tree, "toolstack/lib/hvd.map", "hvd_zone_start;",
           "hvd_zone_start;\n\t\thvd_zone_sing;")
    change(tree, HEADER, "int hvd_zone_pause(",
           "int hvd_zone_sing(struct hvd_conn *conn, const char *song);\n"
           "int hvd_zone_pause(")
    for words in [], ["--check"]:
        result = man_pages(tree, *words)
        assert result.returncode == 1
        assert re.fullmatch(r"\S+hvd\.map: hvd_zone_sing has no manual page: .*"
                            r"run scripts/man-pages\n", result.stdout)
    # its name alone is not enough
    change(tree, START, "hvd_zone_pause, ", "hvd_zone_pause, hvd_zone_sing, ")
    result = man_pages(tree)
    assert "says nothing of \\fBhvd_zone_sing\\fP()" in result.stdout
    change(tree, START, ".SH RETURN VALUE",
           "\\fBhvd_zone_sing\\fP() does.\n.SH RETURN VALUE")
    assert man_pages(tree).returncode == 0
    assert man_pages(tree, "--check").returncode == 0
    assert ('.BI "int hvd_zone_sing(struct hvd_conn *" "conn" ", const char *" '
            '"song" ");"') in (tree / START).read_text()
    assert "hvd_zone_sing (3)" in (tree / "docs/man/libhvd.3").read_text()


@pytest.mark.parametrize("name, old, new, said", [
    (HEADER, "int64_t mtu;", "int64_t mtu;\n\tint64_t speed;",
     "hvd_zone_get.3: not what hvd.h"),
    (HEADER, "hvd_fd(struct hvd_conn *conn)", "hvd_fd(struct hvd_conn *it)",
     "hvd_call.3: not what hvd.h"),
    (HEADER, "int hvd_fd(", "int hvd_df(", "does not declare hvd_fd"),
    (START, "\nhvd_zone_start, ", "\n", "its NAME begins with hvd_zone_shutdo"),
    (START, "\nhvd_zone_start, ", "\nhvd_zone_start, hvd_zone_get, ",
     "hvd_zone_get has several manual pages"),
    (START, "\nhvd_zone_start, ", "\nhvd_zone_start, hvd_zone_fly, ",
     "hvd_zone_fly is not in toolstack/lib/hvd.map"),
    (START, "\nhvd_zone_start, ", "\n\nhvd_zone_start, ", "has no line"),
    ("docs/examples/list_zones.c", "return 1", "return 2", "libhvd.3: not wha"),
])
def test_manual_pages_that_are_wrong(tree, name, old, new, said):
    change(tree, name, old, new)
    result = man_pages(tree, "--check")
    assert result.returncode == 1
    assert said in result.stdout + result.stderr


# ------------------------------------------------------- what is installed

@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where make install has put all, though made for this machine."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([ROOT / "scripts/install-toolstack", LIBRARY.parent,
                    "", folder, "1.2.3"], cwd=ROOT, check=True)
    return folder


@needs_library
def test_every_function_has_a_page_installed(prefix):
    pages = prefix / "share/man/man3"
    for name in declared():
        text = (pages / f"{name}.3").read_text()
        if text.startswith(".so "):
            text = (prefix / "share/man" / text.split()[1]).read_text()
        assert re.search(rf"^\.SH NAME\n.*\b{name}\b", text, re.M), name


@pytest.fixture
def hvd(tmp_path):
    daemon = FakeHvd(tmp_path)
    daemon.add(zone("linux1", "running"), zone("spare"))
    yield daemon
    daemon.close()


@pytest.fixture
def example(prefix, hvd, tmp_path):
    """The command line that runs an example, built as its reader would."""
    def build(name):
        source = prefix / "share/doc/libhvd/examples" / name
        if source.suffix == ".py":
            return [sys.executable, source]
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "hvd"], text=True,
            env=os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")},
            capture_output=True, check=True).stdout.split()
        program = tmp_path / source.stem
        # the library has sanitizers
        subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                        "-fsanitize=address,undefined", source, *flags,
                        f"-Wl,-rpath,{prefix}/lib", "-o", program], check=True)
        return [program]
    return build


def environment(hvd):
    return os.environ | {"HVD_SOCKET": hvd.path}


def output(hvd, command, **more):
    return subprocess.run(command, env=environment(hvd), capture_output=True,
                          text=True, timeout=SECONDS, check=False, **more)


@needs_library
def test_every_example_is_tested():
    text = Path(__file__).read_text()
    for path in (ROOT / "docs/examples").iterdir():
        assert f'example("{path.name}")' in text


@needs_library
def test_example_list_zones(hvd, example):
    command = example("list_zones.c")
    result = output(hvd, command)
    assert (result.returncode, result.stdout, result.stderr) == \
        (0, "linux1 running\nspare defined\n", "")
    hvd.listener.stop()
    result = output(hvd, command)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"cannot connect to {hvd.path}: ")


@needs_library
def test_example_follow_events(hvd, example):
    with watched(environment(hvd), *example("follow_events.c")) as process:
        with hvd.changed:
            assert hvd.changed.wait_for(lambda: hvd.subscribers, SECONDS)
        hvd.emit("linux1", "stopped")
        read_until(process, b"1 linux1 stopped")
        hvd.listener.stop()
        hvd.subscribers.clear()
        hvd.listener.start()
        with hvd.changed:
            assert hvd.changed.wait_for(lambda: hvd.subscribers, SECONDS)
        hvd.emit("spare", "started")
        read_until(process, b"2 spare started")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == -signal.SIGTERM


@needs_library
def test_example_run_zone(hvd, example):
    command = example("run_zone.c")
    hvd.console.print(b"hello\n")
    with watched(environment(hvd), *command, stdin=subprocess.PIPE) as process:
        process.stdin.write(b'{"name": "new"}')
        process.stdin.close()
        read_until(process, b"hello")
        assert hvd.zones["new"]["state"] == "running"
        hvd.console.drop()
        assert process.wait(SECONDS) == 0
    hvd.overrides["zone.start"] = RpcError(
        "IO_ERROR", "no such file", path="$.kernel", hint="make one")
    result = output(hvd, command, input='{"name": "new"}')
    assert result.returncode == 1
    assert result.stderr == \
        "start: no such file\n  at $.kernel\n  hint: make one\n"


@needs_library
def test_example_zones_py(hvd, example):
    command = example("zones.py")
    result = output(hvd, command)
    assert (result.returncode, result.stdout, result.stderr) == \
        (0, "linux1 running\nspare defined\n", "")
    with watched(environment(hvd), *command, "follow") as process:
        read_until(process, b"spare defined")
        hvd.emit("linux1", "stopped")
        read_until(process, b"1 linux1 stopped")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    hvd.listener.stop()
    result = output(hvd, command)
    assert result.returncode == 1
    assert result.stderr.startswith("zones.py: ")
