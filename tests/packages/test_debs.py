# SPDX-License-Identifier: BSD-2-Clause
"""The Debian packages that `make deb` has built: what is in them, and their life
in a Debian of their own, which only root can make. `make test-deb` runs this."""

import contextlib
import filecmp
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("O", "build")).resolve()
DEBS = BUILD / "deb"
VERSION = re.search(r"^VERSION := (.*)$", (ROOT / "Makefile").read_text(),
                    re.M).group(1)
NEXT = f"{VERSION}+next"
PACKAGES = ("libhvd0", "libhvd-dev", "zonevisor-dkms", "zonevisor-hypervisor",
            "zonevisor-tools")
CACHE = Path(os.environ.get("ZV_CACHE") or
             Path(os.environ.get("XDG_CACHE_HOME") or
                  Path.home() / ".cache") / "zonevisor") / "aarch64"
PROGRAMS = ("usr/bin/hvsh", "usr/sbin/hvd", "usr/sbin/hvd-backend",
            "usr/sbin/virthvdd", "usr/libexec/hvd-io",
            "usr/libexec/hvd-display")
UNITS = ("hvd-ro.socket hvd.service hvd.socket virthvdd-ro.socket"
         " virthvdd.service virthvdd.socket")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a "
                             "Debian")


def run(*command, **more):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          stdin=subprocess.DEVNULL, **more)
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def deb(name):
    found = list(DEBS.glob(f"{name}_{VERSION}_*.deb"))
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    root = tmp_path_factory.mktemp("unpacked")
    for name in PACKAGES:
        run("dpkg-deb", "-x", deb(name), root)
    return root


def test_lintian():
    """No complaint, and no exception that is not needed."""
    said = run("lintian", "--allow-root", "-I", "--pedantic", "--fail-on",
               "error,warning,info,pedantic", *DEBS.glob("*.changes"))
    assert said == ""


def test_owners_and_modes():
    for name in PACKAGES:
        for line in run("dpkg-deb", "-c", deb(name)).splitlines():
            mode, owner, _, _, _, path = line.split(None, 5)
            assert owner == "root/root", line
            program = path[2:] in PROGRAMS or path.endswith("/mkbundle")
            wanted = {"d": "drwxr-xr-x", "l": "lrwxrwxrwx",
                      "-": "-rwxr-xr-x" if program else "-rw-r--r--"}
            assert mode == wanted[mode[0]], line


def test_programs_are_hardened(unpacked):
    libraries = list(unpacked.glob("usr/lib/*/libhvd.so.0"))
    assert len(libraries) == 1
    for path in [*libraries, *(unpacked / name for name in PROGRAMS)]:
        said = run("readelf", "-W", "-h", "-l", "-d", "--dyn-syms", path)
        assert re.search(r"Type: +DYN", said), path  # position independent
        assert "GNU_RELRO" in said, path
        assert "BIND_NOW" in said or re.search(r"FLAGS_1.*NOW", said), path
        assert "__stack_chk_fail" in said, path
        assert re.search(r" __\w+_chk", said), path  # _FORTIFY_SOURCE
        assert not re.search(r"RUNPATH|RPATH", said), path


def test_library_is_what_the_packages_say(unpacked):
    library = next(unpacked.glob("usr/lib/*/libhvd.so.0"))
    assert "[libhvd.so.0]" in run("readelf", "-d", library)
    assert (library.parent / "libhvd.so").readlink() == Path("libhvd.so.0")
    symbols = run("dpkg-deb", "--ctrl-tarfile", deb("libhvd0"),
                  errors="replace")
    assert f" hvd_connect@HVD_1.0 {VERSION}\n" in symbols
    depends = run("dpkg-deb", "-f", deb("zonevisor-tools"), "Depends")
    assert f"libhvd0 (>= {VERSION})" in depends


def test_image_is_for_a_boot_loader(unpacked):
    """What U-Boot's booti and QEMU look at: the header of an arm64 Linux."""
    image = (unpacked / "usr/lib/zonevisor/zonevisor.bin").read_bytes()
    assert image[56:60] == b"ARM\x64"


def test_bundle_can_be_made(unpacked, tmp_path):
    for name in ("kernel", "initrd"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    tools = unpacked / "usr/lib/zonevisor"
    run(tools / "mkbundle", tools / "bundle.its.in", tmp_path / "out.itb",
        tmp_path / "kernel", tmp_path / "initrd", "root=/dev/vda2", "1G")
    said = run("mkimage", "-l", tmp_path / "out.itb")
    assert "zone0 kernel" in said and "zone0 initramfs" in said


def test_no_trace_of_the_machine(unpacked):
    tree = str(ROOT).encode()
    for path in unpacked.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert tree not in path.read_bytes(), path


def test_same_sources_same_packages(tmp_path):
    """Built once more, elsewhere, from the source package."""
    sysroot = (BUILD / ".sysroot.path").read_text().strip()
    stamp = re.search(r"^ SOURCE_DATE_EPOCH=\"(\d+)\"$",
                      next(DEBS.glob("*.buildinfo")).read_text(), re.M).group(1)
    tree = tmp_path / "deb/tree"
    tree.parent.mkdir()
    run("dpkg-source", "-x", next(DEBS.glob("*.dsc")), tree)
    env = {key: value for key, value in os.environ.items()
           if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O")}
    run("dpkg-buildpackage", "-us", "-uc", "-b", "-rfakeroot", "-j2",
        "-Ppkg.zonevisor.sysroot", cwd=tree,
        env=dict(env, SOURCE_DATE_EPOCH=stamp, ZV_SYSROOT=sysroot))
    built = sorted(path.name for path in (tmp_path / "deb").glob("*.deb"))
    assert len(built) == len(PACKAGES) + 2  # debugging symbols
    _, differ, missing = filecmp.cmpfiles(DEBS, tmp_path / "deb", built,
                                          shallow=False)
    assert not differ and not missing


def dkms_build(unpacked, tree, release, arch):
    """For zone0's kernel, across, from nothing but what the package has."""
    return subprocess.run(
        ["dkms", "build", "-m", "zonevisor", "-v", VERSION, "-k", release, "-a",
         arch, "--kernelsourcedir", CACHE / "kernel/headers", "--dkmstree",
         tree, "--sourcetree", unpacked / "usr/src", "--no-depmod"],
        env=dict(os.environ, ARCH="arm64", CROSS_COMPILE="aarch64-linux-gnu-"),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False)


def test_dkms_builds_the_module(unpacked, tmp_path):
    release = (CACHE / "kernel/release").read_text().strip()
    done = dkms_build(unpacked, tmp_path, release, "aarch64")
    assert done.returncode == 0, done.stdout
    modules = list(tmp_path.rglob("module/zonevisor.ko"))
    assert len(modules) == 1
    assert f"vermagic={release} " in \
        modules[0].read_bytes().decode("latin-1")


def test_dkms_leaves_other_kernels_alone(unpacked, tmp_path):
    for release, arch in (("6.1.0-50-arm64", "aarch64"),
                          ("6.12.95+deb12-amd64", "x86_64")):
        done = dkms_build(unpacked, tmp_path, release, arch)
        assert done.returncode == 77, done.stdout


class Debian:
    """A Debian to install in. systemd is not run there: what packages ask of it
    is recorded."""

    # What package management itself, and its tools, keep.
    NOT_OURS = re.compile(
        r"/(var/(lib/(dpkg|apt|systemd/catalog)|cache|log)|tmp|dev|proc|sys|debs|"
        r"etc/(passwd|group|shadow|gshadow|subuid|subgid|ld\.so\.cache))\b.*|"
        r"/(var/lib/hvd|run/hvd)/.*\.keep")

    def __init__(self, folder):
        self.root = folder / "root"
        apt = folder / "apt"
        arch = run("dpkg", "--print-architecture").strip()
        run(ROOT / "scripts/apt-root", apt, "bookworm", arch)
        depends = ", ".join(run("dpkg-deb", "-f", deb(name), "Depends")
                            for name in PACKAGES)
        include = {re.match(r"[\w.+-]+", word).group()
                   for word in re.split(r",\s*", depends.strip()) if word}
        run("mmdebstrap", "--quiet", "--variant=minbase",
            "--include=" + ",".join(
                sorted((include | {"gcc", "libc6-dev"}) - set(PACKAGES))),
            "bookworm", self.root, apt / "etc/apt/sources.list")
        self.inside("dpkg-divert", "--rename", "--add",
                    "/usr/bin/deb-systemd-invoke")
        recorder = self.root / "usr/bin/deb-systemd-invoke"
        recorder.write_text('#!/bin/sh\necho "$@" >>/tmp/asked\n')
        recorder.chmod(0o755)
        (self.root / "run/systemd/system").mkdir(parents=True)
        shutil.copytree(DEBS, self.root / "debs",
                        ignore=lambda _, names: [name for name in names if
                                                 not name.endswith(".deb")])

    # Mounts that end with the command.
    ENTER = ("unshare", "--mount", "sh", "-euc",
             'mount -t proc proc "$0/proc"; '
             'mount -t devpts devpts "$0/dev/pts"; exec chroot "$0" "$@"')

    def inside(self, *command, **more):
        env = dict(os.environ, LC_ALL="C.UTF-8",
                   DEBIAN_FRONTEND="noninteractive",
                   PATH="/usr/sbin:/usr/bin:/sbin:/bin")
        return run(*self.ENTER, self.root, *command, env=env, **more)

    def newer(self):
        """Packages of the next version, the same in all but that."""
        folder = self.root / "debs/next"
        folder.mkdir()
        for name in PACKAGES:
            tree = folder / name
            run("dpkg-deb", "-R", deb(name), tree)
            control = tree / "DEBIAN/control"
            control.write_text(
                control.read_text()
                .replace(f"\nVersion: {VERSION}\n", f"\nVersion: {NEXT}\n")
                .replace(f"(= {VERSION})", f"(= {NEXT})"))
            run("dpkg-deb", "-b", "--root-owner-group", tree,
                folder / f"{name}.deb")
            shutil.rmtree(tree)
        return [f"/debs/next/{name}.deb" for name in PACKAGES]

    def install(self, files):
        # All they depend on is there: a download would fail.
        self.inside("apt-get", "install", "-y", "--no-install-recommends",
                    "-o", "Acquire::http::Proxy=http://127.0.0.1:9", *files)

    def asked(self):
        """What systemd was asked for since the last time."""
        path = self.root / "tmp/asked"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in lines if "hvd" in line]

    def paths(self):
        found = set()
        for folder, dirs, files in os.walk(self.root):
            for name in dirs + files:
                path = "/" + os.path.relpath(os.path.join(folder, name),
                                             self.root)
                if not self.NOT_OURS.fullmatch(path):
                    found.add(path)
        return found


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debian")
    folder.chmod(0o755)
    try:
        yield Debian(folder)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def daemon(debian):
    """hvd of the package, without a hypervisor, as its unit starts it."""
    process = subprocess.Popen([*debian.ENTER, debian.root, "/usr/sbin/hvd"],
                               stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if "no hypervisor" in line:
                break
        yield process
    finally:
        process.terminate()
        process.stderr.read()
        process.stderr.close()
        assert process.wait() == 0


@as_root
def test_life(debian):
    """Install, use, upgrade, remove, install again, purge."""
    before = debian.paths()
    first = ["/debs/" + deb(name).name for name in PACKAGES]
    debian.install(first)
    assert debian.asked() == [f"start {UNITS}"]
    units = debian.root / "etc/systemd/system"
    for name in UNITS.split():
        target = "multi-user" if name.endswith(".service") else "sockets"
        assert (units / f"{target}.target.wants" / name).is_symlink()
    assert "hvd" in debian.inside("getent", "group", "hvd")
    assert "Zonevisor" in debian.inside("getent", "passwd", "hvd-io")
    images = debian.root / "var/lib/hvd/images"
    assert images.stat().st_mode & 0o7777 == 0o711
    assert debian.inside("dkms", "status").startswith(f"zonevisor/{VERSION}")

    for command in (["hvsh", "--version"], ["hvd", "--version"],
                    ["virthvdd", "--version"],
                    ["/usr/libexec/hvd-io", "--version"],
                    ["/usr/libexec/hvd-display", "--version"]):
        assert debian.inside(*command).endswith(f" {VERSION}\n")
    debian.inside("hvd-backend", "--help")
    (debian.root / "tmp/a.json").write_text(
        '{"name": "a", "vcpus": 1, "memory": "64M", "kernel": "/none"}')
    with daemon(debian):
        debian.inside("hvsh", "define", "/tmp/a.json")
        assert re.search(r" a +shut off ", debian.inside("hvsh", "list"))
        for example in ("zones/linux1", "zones/linux2", "desktop"):
            debian.inside("hvsh", "define", "/usr/share/doc/zonevisor-tools/"
                          f"examples/{example}.json")
    (debian.root / "tmp/client.c").write_text(
        '#include <hvd.h>\n#include <stdio.h>\n'
        'int main(void) { return puts(hvd_library_version()) < 0; }\n')
    debian.inside("gcc", "-o", "/tmp/client", "/tmp/client.c", "-lhvd")
    assert debian.inside("/tmp/client") == f"{VERSION}\n"

    # What is the administrator's and the daemon's stays, whatever happens.
    mine = [debian.root / "etc/hvd/zones/a.json", images / "disk.keep",
            debian.root / "run/hvd/zones/a.keep"]
    mine[1].write_text("disk")
    mine[2].write_text("runs")
    kept = [path.read_text() for path in mine]
    second = debian.newer()
    for files in (second, second, first):  # upgrade, again, downgrade
        debian.install(["--reinstall", "--allow-downgrades", *files])
        # The sockets run and stay; the daemons alone are replaced.
        assert debian.asked() == [
            f"start {UNITS}", "try-restart hvd.service",
            "try-restart virthvdd.service"]
        assert [path.read_text() for path in mine] == kept
    for script, words in (("postinst", ["configure", VERSION]),
                          ("postinst", ["abort-upgrade", VERSION]),
                          ("prerm", ["upgrade", VERSION])):
        for _ in range(2):
            debian.inside(f"/var/lib/dpkg/info/zonevisor-tools.{script}",
                          *words)
    debian.asked()

    debian.inside("dpkg", "--remove", *PACKAGES)
    assert debian.asked() == [f"stop {UNITS}"]
    assert [path.read_text() for path in mine] == kept
    debian.install(first)
    assert [path.read_text() for path in mine] == kept
    debian.inside("dpkg", "--purge", *PACKAGES)
    assert [path.exists() for path in mine] == [False, True, True]
    debian.install(first)
    mine[1].unlink()
    mine[2].unlink()
    debian.inside("dpkg", "--purge", *PACKAGES)
    assert debian.paths() - before == set()
    assert before - debian.paths() == set()
