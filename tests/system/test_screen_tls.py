# SPDX-License-Identifier: BSD-2-Clause
"""A zone's screen by TLS, on the machine's own kernel and libraries: a viewer on the
build machine comes by a port of QEMU's, to hvd-display in its sandbox."""
import contextlib
import pathlib
import re
import shutil
import socket
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "native"))

# pylint: disable=wrong-import-position
from certificates import Authority  # noqa: E402
from display import Gone, Viewer  # noqa: E402
from tls_viewer import TlsViewer, context  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("openssl"),
                                reason="no openssl")

PORT = 5901
FOLDER = "/etc/hvd/vnc"
MACHINE_EXTRA = ["-netdev", f"user,id=vnc,hostfwd=tcp:127.0.0.1:0-:{PORT}",
                 "-device", "virtio-net-device,netdev=vnc"]


@pytest.fixture(scope="module", name="own")
def make_screen(machine, tmp_path_factory):
    """A zone with one, the authority and what its viewers show."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    authority.issue(folder, "server")
    machine.run("ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up")
    machine.run(f"date -s @{int(time.time())} && mkdir -p {FOLDER}")
    for name in "server-cert.pem", "server-key.pem", "ca-cert.pem":
        text = (folder / name).read_text()
        machine.run(f"printf '%s' '{text}' >{FOLDER}/{name}")
    machine.define("z", memory="16M", cmdline="mode=spin", devices=[
        {"type": "gpu", "vnc": {"port": PORT, "address": "0.0.0.0",
                                "tls": FOLDER}}])
    machine.start("z")
    return authority.certificate, authority.issue(folder / "viewer", "viewer",
                                                  "clientAuth")


def connect(machine):
    said = machine.qmp("human-monitor-command",
                       **{"command-line": "info usernet"})["return"]
    port = re.search(r"HOST_FORWARD\S*\s+\d+\s+127\.0\.0\.1\s+(\d+)", said)
    return socket.create_connection(("127.0.0.1", int(port[1])), 60)


def test_picture(machine, own):
    with contextlib.closing(TlsViewer(connect(machine),
                                      context(*own))) as viewer:
        assert viewer.picture() == [bytes(640 * 3)] * 480
        display = machine.json("hvsh display z --json")
        assert display["viewers"] == 1 and display["tls"] == FOLDER
        children = machine.run(
            f"cat /proc/{display['pid']}/task/*/children").split()
        assert len(children) == 2
        for pid in children:
            assert "Seccomp_filters:\t2" in machine.run(
                f"cat /proc/{pid}/status")


def test_strangers(machine, own):
    with pytest.raises((Gone, OSError)):
        TlsViewer(connect(machine), context(own[0]))
    with pytest.raises(AssertionError):
        Viewer(connect(machine))
    machine.wait_until(
        lambda: machine.json("hvsh display z --json")["viewers"] == 0,
        "nobody there")


def test_certificates_are_gone(machine):
    machine.run("hvsh destroy z")
    machine.wait_state("z", "defined")
    machine.run(f"rm {FOLDER}/server-key.pem")
    status, said = machine.try_run("hvsh start z")
    assert status == 1 and "server-key.pem cannot be read" in said
