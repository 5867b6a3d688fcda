# SPDX-License-Identifier: BSD-2-Clause
"""Certificates of screens: hvd looks at them, and hands them on."""
import os
import shutil
import signal
import subprocess

import pytest

from certificates import Authority, openssl
from test_hvd import HVD, hvd, machine, wait  # noqa: F401
from test_hvd_display import (connect, display, does_not_start, gpu_of, hellos,
                              is_gone, new_pid, own_address, said, start_with)

pytestmark = [
    pytest.mark.skipif(not HVD.exists(),
                       reason=f"{HVD} is not built: make host"),
    pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")]

PATH = "$.devices[0].vnc.tls"


@pytest.fixture(scope="module", name="authority")
def make_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(name="folder")
def make_folder(machine, authority):  # noqa: F811
    folder = machine.tmp / "tls"
    authority.issue(folder, "server")
    return folder


def gpu_with(folder):
    return gpu_of(heads=2, vnc={"address": own_address(), "tls": str(folder)})


def certificates(machine):  # noqa: F811
    return [m for m in said(machine) if "certificates" in m]


def test_what_it_gets(machine, hvd, folder, authority):  # noqa: F811
    start_with(machine, hvd, gpu_with(folder))
    server = (folder / "server-cert.pem").read_text()
    key = (folder / "server-key.pem").read_text()
    config = wait(lambda: certificates(machine) and said(machine))[0]
    assert config["tls"] == {"certificate": len(server), "key": len(key)}
    # The two sockets, the two ports.
    assert [item.get("tls") for item in config["listen"]] == [
        None, None, True, True]
    assert certificates(machine)[0]["certificates"] == server + key
    assert certificates(machine)[0]["seals"] == 15  # all of the first four
    told = display(hvd)
    assert told["tls"] == str(folder)
    assert told["viewer_certificates"] is False
    assert "can read the key" not in machine.text()
    assert "PRIVATE" not in machine.text()
    for name in "cmdline", "environ":
        with open(f"/proc/{told['pid']}/{name}", "rb") as file:
            assert key.splitlines()[1].encode() not in file.read()
    hvd.call("zone.destroy", name="z1")
    shutil.copy(authority.certificate, folder / "ca-cert.pem")
    (folder / "server-key.pem").chmod(0o640)
    hvd.call("zone.start", name="z1")
    wait(lambda: len(certificates(machine)) == 2)
    assert display(hvd)["viewer_certificates"] is True
    assert "can read the key" in machine.text()
    assert certificates(machine)[1]["certificates"] == server + key + \
        authority.certificate.read_text()


def test_none(machine, hvd):  # noqa: F811
    start_with(machine, hvd, gpu_of(vnc={}))
    config = wait(lambda: said(machine))[0]
    assert "tls" not in config
    assert not any("tls" in item for item in config["listen"])
    assert display(hvd)["tls"] is None


def replace(name, text):
    def change(folder, _):
        (folder / name).unlink()
        (folder / name).write_text(text)
    return change


def other_key(folder, authority):
    authority.issue(folder / "more", "server")
    shutil.copy(folder / "more/server-key.pem", folder)


def locked_key(folder, _):
    key = folder / "server-key.pem"
    openssl("pkey", "-in", key, "-aes128", "-passout", "pass:abc", "-out",
            folder / "locked")
    (folder / "locked").rename(key)


BROKEN = {
    "no folder": (lambda f, _: shutil.rmtree(f),
                  "server-cert.pem cannot be read: No such"),
    "no key": (lambda f, _: (f / "server-key.pem").unlink(),
               "server-key.pem cannot be read: No such"),
    "fifo": (lambda f, _: ((f / "server-key.pem").unlink(),
                           os.mkfifo(f / "server-key.pem")),
             "server-key.pem cannot be read: Invalid"),
    "too much": (replace("server-cert.pem", "x" * ((256 << 10) + 1)),
                 "server-cert.pem cannot be read: File too large"),
    "no certificate": (replace("server-cert.pem", "hello\n"),
                       "server-cert.pem has no certificate (PEM)"),
    "no private key": (replace("server-key.pem", "hello\n"),
                       "server-key.pem has no private key (PEM, without"),
    "locked key": (locked_key,
                   "server-key.pem has no private key (PEM, without"),
    "other key": (other_key,
                  "server-key.pem is not the key of server-cert.pem"),
    "expired": (lambda f, a: a.issue(f, "server", days=(-9, -1)),
                "server-cert.pem has expired: 2"),
    "early": (lambda f, a: a.issue(f, "server", days=(3, 9)),
              "server-cert.pem is not valid before: 2"),
    "no authority": (lambda f, _: (f / "ca-cert.pem").write_text(""),
                     "ca-cert.pem has no certificate (PEM)"),
    "authority is a folder": (lambda f, _: (f / "ca-cert.pem").mkdir(),
                              "ca-cert.pem cannot be read: Invalid"),
    "authority has expired": (
        lambda f, a: shutil.copy(a.issue(f / "more", "x", days=(-9, -1))[0],
                                 f / "ca-cert.pem"),
        "ca-cert.pem has expired: 2"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_cannot_be_used(machine, hvd, folder, authority,  # noqa: F811
                        name):
    change, says = BROKEN[name]
    change(folder, authority)
    error = does_not_start("IO_ERROR", machine, hvd, gpu_with(folder))
    assert error.path == PATH
    assert says in str(error), str(error)
    assert "server-cert.pem, server-key.pem" in error.hint
    assert hvd.call("zone.get", name="z1")["state"] == "defined"
    assert not list((machine.run_dir / "vnc").iterdir())


def test_renewed(machine, hvd, folder, authority):  # noqa: F811
    """The next process has the new ones; if they are of no use, the old."""
    start_with(machine, hvd, gpu_with(folder))
    wait(lambda: hellos(machine))
    authority.issue(folder, "server")
    new = "".join((folder / f"server-{what}.pem").read_text()
                  for what in ("cert", "key"))
    assert certificates(machine)[0]["certificates"] != new
    pid = display(hvd)["pid"]
    os.kill(pid, signal.SIGKILL)
    pid = new_pid(hvd, pid)
    wait(lambda: len(certificates(machine)) == 2)
    assert certificates(machine)[1]["certificates"] == new
    (folder / "server-cert.pem").write_text("nothing")
    os.kill(pid, signal.SIGKILL)
    new_pid(hvd, pid)
    wait(lambda: len(certificates(machine)) == 3)
    assert certificates(machine)[2]["certificates"] == new
    assert "goes on with its old certificates" in machine.text()
    assert display(hvd)["tls"] == str(folder)


def test_of_a_zone_that_runs(machine, hvd, folder, authority):  # noqa: F811
    """Another hvd takes them though their time is over, and says so."""
    start_with(machine, hvd, gpu_with(folder))
    before = display(hvd)
    wait(lambda: hellos(machine))
    authority.issue(folder, "server", days=(-9, -1))
    machine.kill()
    wait(lambda: is_gone(before["pid"]))
    client = machine.start()
    wait(lambda: len(certificates(machine)) == 2)
    assert "server-cert.pem has expired" in machine.text()
    assert display(client)["heads"] == before["heads"]
    connect((before["heads"][0]["address"],
             before["heads"][0]["port"])).close()
    client.call("zone.destroy", name="z1")
    client.close()


def test_no_library(machine, folder, monkeypatch):  # noqa: F811
    """Of which there is a wrong one in its place."""
    broken = machine.tmp / "lib"
    broken.mkdir()
    (machine.tmp / "empty.c").write_text("int nothing;\n")
    subprocess.run(["gcc", "-shared", "-o", broken / "libgnutls.so.30",
                    machine.tmp / "empty.c"], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(broken))
    client = machine.start()
    error = does_not_start("UNSUPPORTED", machine, client, gpu_with(folder))
    assert error.path == PATH and "libgnutls30" in error.hint
    client.close()
