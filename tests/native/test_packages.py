# SPDX-License-Identifier: BSD-2-Clause
"""debian/ against the tree: what can be seen without building packages, which
`make test-deb` does (tests/packages)."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from fake_hvd import hvsh_path

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = ROOT / "debian"
HOST = Path(hvsh_path()).parent
LIBDIR = "/usr/lib/x86_64-linux-gnu"
VERSION = re.search(r"^VERSION := (.*)$", (ROOT / "Makefile").read_text(),
                    re.M).group(1)


def lines(name):
    """Of a file in debian/, without comments."""
    return [line for line in (DEBIAN / name).read_text().splitlines()
            if line and not line.startswith("#")]


def taken(pattern, root):
    """The files that dh_install would take for a line of *.install."""
    found = set()
    for path in root.glob(pattern):
        found |= {p for p in [path, *path.rglob("*")] if not p.is_dir()}
    return found


def check_install_files(packages, root):
    """Each file is in one package, and each line takes something."""
    files = {p for p in root.rglob("*") if not p.is_dir()}
    assert files
    owners = {path: [] for path in files}
    for package in packages:
        for pattern in lines(f"{package}.install"):
            mine = taken(pattern, root)
            assert mine, f"{package}.install: {pattern} takes nothing"
            for path in mine:
                owners[path].append(package)
    for path, names in owners.items():
        assert len(names) == 1, f"{path.relative_to(root)}: {names}"
    return {str(path.relative_to(root)): names[0]
            for path, names in owners.items()}


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """make as debian/rules runs it, on a machine that can fetch nothing."""
    tmp = tmp_path_factory.mktemp("packaged")
    tools = tmp / "tools"
    tools.mkdir()
    for name in ("apt-get", "dpkg-query"):
        (tools / name).write_text("#!/bin/sh\necho fetched >&2\nexit 1\n")
        (tools / name).chmod(0o755)
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("MAKE") and key not in ("MFLAGS", "O")}
    env.update(PATH=f"{tools}:{env['PATH']}", CPPFLAGS="-DPACKAGE_CPP",
               CFLAGS="-O2 -DPACKAGE_C", LDFLAGS="-Wl,-z,relro,-z,now")

    def run(*words):
        run = subprocess.run(
            ["make", f"O={tmp}/build", f"DESTDIR={tmp}/root", "PACKAGED=1",
             "V=1", "WERROR=0", *words], cwd=ROOT, env=env, text=True,
            capture_output=True, timeout=60, check=False)
        assert run.returncode == 0, run.stderr
        assert "fetched" not in run.stderr
        return run.stdout
    run.root = tmp / "root"
    return run


def test_version():
    assert (DEBIAN / "changelog").read_text().startswith(
        f"zonevisor ({VERSION}) ")


def test_packages_to_build_with_are_installed():
    """What Build-Depends has, make installs for those who run `make deb`."""
    listed = (ROOT / "mk/packages.mk").read_text().replace("\\\n", " ")
    known = set()
    for name in ("host-packages", "deb-host-packages"):
        known |= set(re.search(rf"^{name} := (.*)$", listed, re.M)
                     .group(1).split())
    control = "\n".join(lines("control"))
    needed = re.findall(r"^Build-Depends\S*:((?:\n .*)+)", control, re.M)
    assert len(needed) == 3
    where = {"debhelper-compat": "debhelper", "dh-sequence-dkms": "dh-dkms",
             "dh-sequence-installsysusers": "debhelper"}
    for entry in re.findall(r"^ (.*),$", "".join(needed), re.M):
        name = re.match(r"[\w.+-]+", entry).group()
        if "<!pkg.zonevisor.sysroot>" not in entry:
            assert where.get(name, name) in known, entry


@pytest.mark.skipif(not (HOST / "libhvd.so.0").exists(),
                    reason=f"{HOST} is not built: make host")
def test_toolstack_is_packaged(tmp_path):
    """As for a package's build, but of the programs that there are."""
    subprocess.run([ROOT / "scripts/install-toolstack", HOST, tmp_path, "/usr",
                    VERSION, LIBDIR, "/lib/systemd/system"], cwd=ROOT,
                   check=True)
    owner = check_install_files(
        ["zonevisor-tools", "libhvd0", "libhvd-dev"], tmp_path)
    assert owner[f"{LIBDIR[1:]}/libhvd.so.0"] == "libhvd0"
    assert owner[f"{LIBDIR[1:]}/libhvd.so"] == "libhvd-dev"
    for name, package in owner.items():
        if name.startswith("usr/share/"):
            library = "/man3/" in name or "/doc/libhvd/" in name
            wanted = "libhvd-dev" if library else "zonevisor-tools"
            assert package == wanted, name
    text = (tmp_path / f"{LIBDIR[1:]}/pkgconfig/hvd.pc").read_text()
    assert f"libdir={LIBDIR}\n" in text


def test_packaged_programs_have_the_flags_they_are_given(make):
    said = [line for line in make("-n", "toolstack").splitlines()
            if line.startswith("gcc ")]
    compiled = [line for line in said if " -c " in line]
    linked = [line for line in said if " -c " not in line]
    assert len(compiled) > 100 and len(linked) == 7
    for line in compiled:
        assert "-DPACKAGE_CPP -O2 -DPACKAGE_C" in line
    for line in linked:
        assert "-Wl,-z,relro,-z,now" in line
        assert "-rpath" not in line
    assert not [line for line in said if "-fsanitize" in line]


def test_module_source_is_whole(make):
    """Where DKMS builds it there is nothing of this tree."""
    make("install-kmod-source")
    source = make.root / f"usr/src/zonevisor-{VERSION}"
    check_install_files(["zonevisor-dkms"], make.root)
    objects = re.findall(r"(\w+)\.o", (source / "Kbuild").read_text()
                         .split("zonevisor-y")[1])
    assert {f"{name}.c" for name in objects} == \
        {path.name for path in source.glob("*.c")}
    for path in source.rglob("*.[ch]"):
        # kmod/uapi has two lines of includes, for programs and for the kernel
        text = re.sub(r"#else\n.*?#endif", "", path.read_text(), flags=re.S)
        for name in re.findall(r'^#include [<"](zv\S*|zonevisor\.h)[>"]', text,
                               re.M):
            assert (source / name).exists() or \
                (source / "include" / name).exists(), f"{path}: {name}"
    said = subprocess.run(
        ["bash", "-euc", 'kernel_source_dir=K dkms_tree=D; . "$0"; '
         'echo "$PACKAGE_NAME-$PACKAGE_VERSION"; echo "${MAKE[0]}"',
         source / "dkms.conf"], capture_output=True, text=True, check=True)
    name, command = said.stdout.splitlines()
    assert name == f"zonevisor-{VERSION}"
    assert f"-C K M=D/zonevisor/{VERSION}/build " in command


@pytest.mark.parametrize("release, arch, built", [
    ("6.1.0-50-arm64", "aarch64", False), ("6.9.7-arm64", "aarch64", False),
    ("5.12.1", "aarch64", False), ("6.12.95+deb12-arm64", "x86_64", False),
    ("6.12.95+deb12-arm64", "aarch64", True), ("6.20.1", "aarch64", True),
    ("7.0.1-arm64", "aarch64", True), ("10.1.0", "aarch64", True)])
def test_module_is_built_for_kernels_it_knows(release, arch, built):
    """As DKMS compares them, in bash."""
    command = '. kmod/dkms.conf.in; [[ $0 =~ $BUILD_EXCLUSIVE_KERNEL && ' \
              '$1 =~ $BUILD_EXCLUSIVE_ARCH ]]'
    said = subprocess.run(["bash", "-c", command, release, arch], cwd=ROOT,
                          check=False)
    assert (said.returncode == 0) is built


def test_symbols_cover_each_version():
    published = re.findall(r"^(HVD_\S+) \{",
                           (ROOT / "toolstack/lib/hvd.map").read_text(), re.M)
    covered = re.findall(r"^ \(symver\)(\S+) (\S+)$",
                         (DEBIAN / "libhvd0.symbols").read_text(), re.M)
    assert published == [name for name, _ in covered]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a /run")
@pytest.mark.parametrize("options, asked", [
    ([], "invoke try-restart hvd.service"),
    (["--stop-zones"], "kill --kill-whom=main --signal=KILL hvd.service"),
    (["--log-level=debug"], "invoke try-restart hvd.service"),
    (["--st"], "kill --kill-whom=main --signal=KILL hvd.service"),
    (["--stop-zones=5"], "kill --kill-whom=main --signal=KILL hvd.service")])
def test_upgrade_keeps_zones(tmp_path, options, asked):
    """A daemon that ends zones when it is asked to end is not asked."""
    for name, text in (("deb-systemd-invoke", 'echo invoke "$@" >>asked'),
                       ("systemctl", 'case $1 in show) cat main-pid;; '
                                     '*) echo "$@" >>asked;; esac')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    # It ends when its input does.
    with subprocess.Popen(["sh", "-c", "read x", "hvd", *options],
                          stdin=subprocess.PIPE) as hvd:
        (tmp_path / "main-pid").write_text(f"{hvd.pid}\n")
        subprocess.run(
            ["unshare", "--mount", "sh", "-euc", "mount -t tmpfs tmpfs /run; "
             'mkdir -p /run/systemd/system; exec sh "$0" configure 1',
             DEBIAN / "zonevisor-tools.postinst"], cwd=tmp_path, check=True,
            env=dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}"))
        hvd.stdin.close()
    assert (tmp_path / "asked").read_text() == \
        f"{asked}\ninvoke try-restart virthvdd.service\n"


def postrm(root, *words):
    subprocess.run(["sh", DEBIAN / "zonevisor-tools.postrm", *words],
                   env=dict(os.environ, DPKG_ROOT=str(root)), check=True)


@pytest.fixture
def used(tmp_path):
    """A root in which hvd was, and left things."""
    for name in ("etc/hvd/zones/a.json", "run/hvd/zones/a.json",
                 "run/hvd/hvd.lock", "var/lib/hvd/images/disk", "etc/other"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def left(root):
    return {str(path.relative_to(root)) for path in root.rglob("*")
            if not path.is_dir()}


def test_removal_leaves_all(used):
    before = left(used)
    for words in (["remove"], ["upgrade", "2"], ["failed-upgrade", "1"],
                  ["abort-install"], ["disappear"]):
        postrm(used, *words)
    assert left(used) == before


def test_purge_leaves_disks_and_what_runs(used):
    for _ in range(2):
        postrm(used, "purge")
        assert left(used) == {"etc/other", "run/hvd/zones/a.json",
                              "run/hvd/hvd.lock", "var/lib/hvd/images/disk"}


def test_purge_leaves_nothing_of_nothing(used):
    (used / "run/hvd/zones/a.json").unlink()
    (used / "var/lib/hvd/images/disk").unlink()
    for _ in range(2):
        postrm(used, "purge")
        assert {str(p.relative_to(used)) for p in used.rglob("*hvd*")} == set()
    assert left(used) == {"etc/other"}
