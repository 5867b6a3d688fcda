# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd over ssh, with OpenSSH's server as it is. It has the machine's loopback
and a /run of its own, in which virthvdd's sockets are where clients look."""
# pylint: disable=redefined-outer-name

import getpass
import os
import shutil
import signal
import socket
import subprocess

import pexpect
import pytest

from test_hvd import wait
from virt import SECONDS, built, machine, virt  # noqa: F401

SSHD = "/usr/sbin/sshd"


def missing():
    programs = [name for name in (SSHD, "ssh", "ssh-keygen", "nc",
                                  "virt-ssh-helper") if not shutil.which(name)]
    if programs:
        return ("not installed (openssh-server, which would listen on this "
                f"machine, is no package of make test): {', '.join(programs)}")
    return None if os.getuid() == 0 else "needs root, for a /run of its own"


pytestmark = [built, pytest.mark.skipif(missing() is not None,
                                        reason=str(missing()))]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def ssh(virt):
    """The URI's beginning, and the parameters that it needs here."""
    place = virt.machine.tmp / "ssh"
    place.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        place / key], check=True)
    port = free_port()
    (place / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {place}/host\n"
        f"AuthorizedKeysFile {place}/user.pub\nStrictModes no\nUsePAM yes\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nPidFile none\n")
    host_key = (place / "host.pub").read_text()
    (place / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (place / "ssh_config").write_text(
        f"IdentityFile {place}/user\nUserKnownHostsFile {place}/known_hosts\n"
        "StrictHostKeyChecking yes\nBatchMode yes\n")
    (place / "ssh").write_text(
        f'#!/bin/sh\nexec ssh -F {place}/ssh_config "$@"\n')
    (place / "ssh").chmod(0o755)
    script = ("mount -t tmpfs none /run && mkdir /run/libvirt /run/sshd &&"
              f" mount --bind {virt.folder} /run/libvirt &&"
              f" exec {SSHD} -D -e -f {place}/sshd_config")
    with open(place / "log", "w") as log, subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script], stderr=log,
            start_new_session=True) as server:
        wait(lambda: server.poll() is not None or "listening on" in
             (place / "log").read_text())
        assert server.poll() is None, (place / "log").read_text()
        yield (f"hvd+ssh://{getpass.getuser()}@127.0.0.1:{port}/system",
               f"command={place}/ssh")
        os.killpg(server.pid, signal.SIGTERM)


def virsh(virt, uri, *words):
    return subprocess.run(["virsh", "-q", "-c", uri, *words], env=virt.env,
                          capture_output=True, text=True, check=True,
                          timeout=SECONDS).stdout


@pytest.mark.parametrize("how", [
    "", "socket=/run/libvirt/virthvdd-sock",
    "proxy=netcat&socket=/run/libvirt/virthvdd-sock"])
def test_commands(virt, ssh, how):
    """By virt-ssh-helper, which looks for the socket itself, and by netcat."""
    begin, more = ssh
    uri = f"{begin}?{more}{'&' if how else ''}{how}"
    assert "zone0" in virsh(virt, uri, "list")
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    virsh(virt, uri, "start", "z1")
    assert client.call("zone.get", name="z1")["state"] == "running"
    client.close()


def test_read_only(virt, ssh):
    begin, more = ssh
    readonly = ["virsh", "-r", "-c", f"{begin}?{more}"]
    assert "zone0" in subprocess.run(
        [*readonly, "list"], env=virt.env, capture_output=True, text=True,
        check=True, timeout=SECONDS).stdout
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    refused = subprocess.run([*readonly, "start", "z1"], env=virt.env,
                             capture_output=True, text=True, check=False,
                             timeout=SECONDS)
    assert refused.returncode == 1 and "read only" in refused.stderr
    client.close()


def test_console(virt, ssh):
    begin, more = ssh
    text = virt.machine.fake / "console-z1"
    text.write_text("z1 login: ")
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition(
        devices=[{"type": "console"}]))
    client.call("zone.start", name="z1")
    child = pexpect.spawn("virsh", ["-c", f"{begin}?{more}", "console", "z1"],
                          env=virt.env, timeout=SECONDS, encoding="utf-8")
    child.expect("z1 login: ")
    child.send("operator")
    child.expect("operator")
    child.send("\x1d")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert text.read_text().endswith("operator")
    client.close()
