# SPDX-License-Identifier: BSD-2-Clause
"""hvd-display by TLS: viewers that speak it, that do not, and that only begin to."""
import contextlib
import os
import pathlib
import pwd
import random
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess

import pytest

from certificates import Authority, openssl
from display import (KEY, MOTION, Display, Gone, Viewer, at_rest, call_of,
                     ended_in_peace, status, wait_for)
from test_display import (PROGRAMS, ROUNDS, check_left_nothing, decode,
                          mutated, needs, only, program, screen, session_bytes,
                          take_what_comes)
from tls_viewer import X509_NONE, X509_VNC, TlsViewer, context, sealed

assert program and screen  # fixtures

pytestmark = [
    pytest.mark.skipif(not all(p.exists() for p in PROGRAMS.values()),
                       reason="hvd-display is not built: make native"),
    needs("openssl")]


@pytest.fixture(scope="module", name="pki")
def make_pki(tmp_path_factory):
    """Two authorities, and what they have signed."""
    class Pki:
        folder = tmp_path_factory.mktemp("pki")
        ca = Authority(folder / "ca")
        server = ca.issue(folder / "server", "server", "serverAuth")
        client = ca.issue(folder / "client", "client", "clientAuth")
        other_ca = Authority(folder / "other")
        other = other_ca.issue(folder / "other", "client", "clientAuth")
        trusting = context(ca.certificate)
    return Pki


@pytest.fixture
def start(program, tmp_path, pki):
    """Starts one with TLS at its port; at the end it leaves in peace."""
    with ended_in_peace() as started:
        def begin(viewers_show=False, **more):
            files = [*pki.server,
                     *([pki.ca.certificate] if viewers_show else [])]
            fd, sizes = sealed(*files)
            display = Display(program, tmp_path, tls=sizes, **more)
            started.append(display)
            for listener in display.config["listen"]:
                listener["tls"] = True
            display.serve(fd)
            os.close(fd)
            display.attach()
            return display

        yield begin


def show(display, width=320, height=200, **more):
    lines = display.memory.draw(width, height, **more)
    display.device.scanout(width, height)
    display.hear_event("shows")
    return lines


def begun(display):
    """Connected, and nothing said."""
    return Viewer(display.connect(), enter=False)


def begun_tls(display):
    """A TlsViewer that has said nothing."""
    viewer = TlsViewer.__new__(TlsViewer)
    Viewer.__init__(viewer, display.connect(), enter=False)
    return viewer


def all_have_left(display, count=0):
    wait_for(lambda: len(display.children()) == count, "their end", 60)


# --------------------------------------------------------------- who gets in

def test_picture_and_keys(start, pki):
    display = start()
    lines = show(display)
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as viewer:
        assert display.hear() == {"event": "viewers", "count": 1}
        assert viewer.sock.version() == "TLSv1.3"
        assert viewer.picture() == lines
        viewer.key(ord("a"), True)
        assert display.device.next() == (KEY, 0, (30, 1))
        lines = display.memory.draw(1024, 768, seed=3)
        display.device.scanout(1024, 768)
        wait_for(lambda: viewer.picture() == lines, "another mode")
    assert display.device.next() == (KEY, 0, (30, 0))
    assert display.hear_event("viewers")["count"] == 0
    all_have_left(display)


@only("installed")
def test_what_it_said_last_is_heard(start, pki):
    """It leaves at once."""
    display = start()
    show(display, 1024, 768)
    viewer = TlsViewer(display.connect(), pki.trusting)
    for x in range(200):
        viewer.point(x, 0)
    viewer.point(0, 0, 1)
    viewer.close()
    while display.device.next() != (MOTION, 0, (0, 0, 1)):
        pass
    all_have_left(display)


@only("installed")
def test_password(start, pki):
    display = start(password="zonevisr")
    with contextlib.closing(TlsViewer(display.connect(), pki.trusting,
                                      password="zonevisr")) as viewer:
        assert viewer.picture()
    with pytest.raises(Gone):
        TlsViewer(display.connect(), pki.trusting, password="zonevis")
    with contextlib.closing(begun_tls(display)) as viewer:
        assert viewer.kinds() == [X509_VNC]
        with pytest.raises(Gone):
            viewer.choose(X509_NONE)
    all_have_left(display)


@only("installed")
def test_some_heads_are_plain(program, tmp_path, pki):
    """Each socket has its own way: the local ones need none."""
    fd, sizes = sealed(*pki.server)
    display = Display(program, tmp_path, heads=2, tls=sizes)
    try:
        display.config["listen"][1]["tls"] = True
        display.serve(fd)
        display.attach()
        with contextlib.closing(display.viewer(0)) as plain, \
                contextlib.closing(TlsViewer(display.connect(1),
                                             pki.trusting)) as viewer:
            assert plain.title == "z1 (0)" and viewer.title == "z1 (1)"
        assert display.leave() == 0
    finally:
        os.close(fd)
        display.close()


# ----------------------------------------------------------------- who does not

@only("sanitized")
def test_plain_is_refused(start):
    display = start()
    for choice in b"\x01", b"\x02", b"\x00", b"\x12":
        with contextlib.closing(begun(display)) as viewer:
            assert viewer.greet() == b"\x13"
            viewer.sock.sendall(choice)
            assert viewer.is_closed()
    for version, zeros in ((b"RFB 003.003\n", 4), (b"RFB 003.007\n", 1),
                           (b"GET / HTTP/1", 4)):
        with contextlib.closing(begun(display)) as viewer:
            viewer.read(12)
            viewer.sock.sendall(version)
            assert viewer.read(zeros) == bytes(zeros)
            reason = viewer.read(struct.unpack(">I", viewer.read(4))[0])
            assert b"VeNCrypt" in reason
            assert viewer.is_closed()
    with contextlib.closing(begun_tls(display)) as viewer:
        with pytest.raises(Gone):
            viewer.kinds(version=b"\0\1")
        assert viewer.is_closed()
    for kind in 0, 256, 257, X509_VNC, 0xffffffff:
        with contextlib.closing(begun_tls(display)) as viewer:
            assert viewer.kinds() == [X509_NONE]
            with pytest.raises(Gone):
                viewer.choose(kind)
            assert viewer.is_closed()
    all_have_left(display)


@only("installed")
def test_old_tls_is_refused(start, pki):
    display = start()
    old = context(pki.ca.certificate)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="(?i)version"):
        TlsViewer(display.connect(), old)
    middle = context(pki.ca.certificate)
    middle.maximum_version = ssl.TLSVersion.TLSv1_2
    with contextlib.closing(TlsViewer(display.connect(), middle)) as viewer:
        assert viewer.sock.version() == "TLSv1.2"
        assert viewer.picture()
    all_have_left(display)


@only("installed")
def test_viewers_show_certificates(start, pki):
    display = start(viewers_show=True)
    with contextlib.closing(TlsViewer(
            display.connect(),
            context(pki.ca.certificate, pki.client))) as viewer:
        assert viewer.picture()
    old = context(pki.ca.certificate)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    # None, one of somebody else's, one that is for another purpose.
    for refused in (pki.trusting, old,
                    context(pki.ca.certificate, pki.other),
                    context(pki.ca.certificate, pki.server)):
        with pytest.raises((ssl.SSLError, Gone, ConnectionError)):
            TlsViewer(display.connect(), refused)
    all_have_left(display)
    # Nobody but the first was ever let in.
    assert display.hear() == {"event": "viewers", "count": 1}
    assert display.hear() == {"event": "viewers", "count": 0}
    with contextlib.closing(TlsViewer(
            display.connect(), context(pki.ca.certificate, pki.client))):
        assert display.hear() == {"event": "viewers", "count": 1}


@only("installed")
def test_half_open_ones_are_cut_off(start, pki):
    """Wherever they stop, and they hold nobody up meanwhile."""
    display = start()
    lines = show(display)
    stopped = [begun(display) for _ in range(2)]
    stopped[1].greet()
    stopped.append(begun_tls(display))
    stopped[2].kinds()
    for sent in 0, 40:
        stopped.append(begun_tls(display))
        stopped[-1].kinds()
        stopped[-1].choose(X509_NONE)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = pki.trusting.wrap_bio(incoming, outgoing,
                                       server_hostname="127.0.0.1")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        stopped[-1].sock.sendall(outgoing.read()[:sent])
    # One that has TLS, but then says nothing of RFB.
    silent = begun_tls(display)
    silent.kinds()
    silent.choose(X509_NONE)
    silent.sock = pki.trusting.wrap_socket(silent.sock,
                                           server_hostname="127.0.0.1")
    stopped.append(silent)
    assert len(display.children()) == 2 * len(stopped)
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as viewer:
        assert viewer.picture() == lines
    for one in stopped:
        assert one.is_closed(60)
        one.close()
    all_have_left(display)


# ------------------------------------------------------------- two processes

def two(display):
    """The process with the key, and the other: the one that has few calls."""
    pids = sorted(display.children())
    assert len(pids) == 2
    return pids


@pytest.mark.skipif(os.geteuid() != 0,
                    reason="only root has something to give up")
@only("installed")
def test_sandbox(start, pki):
    display = start(uid=12345, gid=12345)
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as viewer:
        assert viewer.picture()
        for pid in two(display):
            check_left_nothing(pid, 12345, 2)
            assert sorted(map(int, os.listdir(f"/proc/{pid}/fd"))) == [
                0, 1, 2, 3, 4]


def memory_has(pid, *needles):
    """Which of them are anywhere in what it has mapped."""
    found = set()
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            where, rights = line.split()[:2]
            begin, end = (int(n, 16) for n in where.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            with contextlib.suppress(OSError, ValueError):
                memory.seek(begin)
                data = memory.read(end - begin)
                found |= {n for n in needles if n in data}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look")
@only("installed")
def test_only_one_has_the_key(start, pki):
    """It is in no other process: as text, or as the number that it is."""
    display = start()
    text = pki.server[1].read_text()
    dump = openssl("pkey", "-in", pki.server[1], "-noout", "-text")
    secret = re.search(r"priv:\n([\s0-9a-f:]+)pub:", dump).group(1)
    secret = bytes.fromhex(re.sub(r"[\s:]", "", secret)).lstrip(b"\0")
    # GnuTLS keeps it as a number of machine words, lowest first.
    needles = (text.splitlines()[1].encode(), secret, secret[::-1])
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as viewer:
        assert viewer.picture()
        tls, other = two(display)
        assert memory_has(tls, *needles)
        assert not memory_has(other, *needles)
        assert not memory_has(display.pid, *needles)


@only("installed")
def test_each_ends_with_the_other(start, pki):
    display = start()
    for i in range(2):
        with contextlib.closing(TlsViewer(display.connect(),
                                          pki.trusting)) as viewer:
            viewer.key(0xffe3, True)
            assert display.device.next() == (KEY, 0, (29, 1))
            os.kill(two(display)[i], signal.SIGKILL)
            assert display.device.next() == (KEY, 0, (29, 0))
            with contextlib.suppress(ssl.SSLError):
                assert viewer.is_closed()
        all_have_left(display)
    viewer = TlsViewer(display.connect(), pki.trusting)
    pids = two(display)
    os.kill(display.pid, signal.SIGKILL)
    display.end()
    wait_for(lambda: all(not os.path.exists(f"/proc/{pid}") or
                         status(pid)["State"][0] == "Z" for pid in pids),
             "their end")
    viewer.close()


@only("installed")
def test_sixteen_and_no_more(start, pki):
    display = start()
    viewers = [TlsViewer(display.connect(), pki.trusting) for _ in range(16)]
    assert len(display.children()) == 32
    assert begun(display).is_closed()
    assert "16 are there" in display.text()
    for viewer in viewers:
        viewer.close()
    all_have_left(display)
    TlsViewer(display.connect(), pki.trusting).close()


@only("installed")
def test_still_picture_wakes_nobody(start, pki):
    display = start()
    show(display, 640, 480)
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as viewer:
        viewer.picture()
        viewer.ask()
        pids = [display.pid, *two(display)]
        wait_for(lambda: at_rest(*pids), "rest")


def is_held_up(tls, other):
    """By a viewer: libvncserver's waits have a time."""
    return at_rest(tls) and call_of(other) and not at_rest(other)


@only("installed")
def test_last_words_are_not_waited_for_for_ever(start, pki):
    """Of a process that has ended, to a viewer that does not read."""
    # Of a unix socket the kernel keeps so much and no more, once it is full.
    display = start(unix=True)
    show(display, 1400, 1400)
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as slow:
        slow.ask(incremental=False)
        tls, other = two(display)
        wait_for(lambda: select.select([slow.sock], [], [], 0)[0] and
                 is_held_up(tls, other), "that all is full")
        os.kill(other, signal.SIGKILL)
        wait_for(lambda: display.children() == [tls], "its end")
        wait_for(lambda: at_rest(tls), "that it waits")
        all_have_left(display)


@only("installed")
def test_slow_viewer(start, pki):
    """One that does not read holds up nobody, and nothing spins for it."""
    display = start()
    show(display, 1024, 768)
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as slow, \
            contextlib.closing(TlsViewer(display.connect(),
                                         pki.trusting)) as quick:
        for _ in range(20):
            slow.ask(incremental=False)
        for i in range(3000):
            display.device.damage(i % 1000, i % 700, 5, 5)
        for _ in range(5):
            quick.picture()
        tls, other, *quick_ones = sorted(display.children())
        wait_for(lambda: is_held_up(tls, other) and at_rest(*quick_ones),
                 "that nothing spins")
        lines = display.memory.draw(1024, 768, seed=1)
        display.device.damage(0, 0, 1024, 768)
        wait_for(lambda: slow.picture() == lines, "what there is")


# -------------------------------------------------------------------- garbage

def begin_of_tls(tls):
    outgoing = ssl.MemoryBIO()
    client = tls.wrap_bio(ssl.MemoryBIO(), outgoing,
                          server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@only("sanitized")
def test_garbage(start, pki):
    """Before TLS, as TLS and inside of it: another one sees all the same."""
    rng = random.Random(19)
    display = start()
    lines = show(display)
    display.device.sock.setblocking(False)
    outer = [b"RFB 003.008\n", b"\x13", b"\0\2" + struct.pack(">I", X509_NONE),
             begin_of_tls(pki.trusting), os.urandom(300), b"\x15\3\3\0\2\2\0",
             b"\x17\3\3\x40\0" + bytes(100)]
    inner = session_bytes()[2:]
    with contextlib.closing(TlsViewer(display.connect(),
                                      pki.trusting)) as witness:
        some = []
        for i in range(ROUNDS // 2):
            s = display.connect()
            some.append(s)
            with contextlib.suppress(OSError):
                if i % 10:
                    s.sendall(mutated(rng, outer))
                else:
                    some[-1] = TlsViewer(s, pki.trusting).sock
                    some[-1].sendall(mutated(rng, inner))
            if i % 12 == 11:
                for s in some:
                    take_what_comes(s)
                    s.close()
                some = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        display.device.next()
                all_have_left(display, 2)
            if i % 200 == 0:
                assert witness.picture() == lines
        for s in some:
            s.close()
        assert witness.picture() == lines
        all_have_left(display, 2)
    assert "turned away" not in display.text()


# ------------------------------------------------------------------ the start

@pytest.mark.parametrize("config, path", [
    ({"tls": 5}, "$.tls"),
    ({"tls": {}}, "$.tls.certificate"),
    ({"tls": {"certificate": 0, "key": 1}}, "$.tls.certificate"),
    ({"tls": {"certificate": 1}}, "$.tls.key"),
    ({"tls": {"certificate": 1, "key": (256 << 10) + 1}}, "$.tls.key"),
    ({"tls": {"certificate": 1, "key": 1, "authority": 0}},
     "$.tls.authority"),
    ({"tls": {"certificate": 1, "key": 1, "more": 1}}, "$.tls.more"),
    ({"listen": [{"head": 0, "fd": 5, "tls": True}]}, "$.listen[0].tls"),
    ({"listen": [{"head": 0, "fd": 5, "tls": 1}]}, "$.listen[0].tls"),
])
@only("sanitized")
def test_config_is_looked_at(program, tmp_path, config, path):
    display = Display(program, tmp_path, **config)
    try:
        display.tell(**display.config)
        event = display.hear()
        assert (event["event"], event["path"]) == ("fatal", path)
        assert display.end() == 1
    finally:
        display.close()


@only("sanitized")
def test_file_is_looked_at(program, tmp_path, pki):
    fd, sizes = sealed(*pki.server)
    read, write = os.pipe()
    for given, certificate in ((None, 1), (read, 1),
                               (fd, sizes["certificate"] + 1)):
        display = Display(program, tmp_path, tls=dict(
            sizes, certificate=certificate, key=sizes["key"]))
        try:
            display.tell(fd=given, **display.config)
            assert "file with certificates" in display.hear()["error"]
            assert display.end() == 1
        finally:
            display.close()
    for given in fd, read, write:
        os.close(given)


# ------------------------------------------------------------- real programs

@needs("Xvfb", "vncviewer", "xwininfo", "import")
@only("installed")
def test_tigervnc(start, pki, tmp_path, screen):
    """It knows the authority; one that it does not know it does not talk to."""
    display = start()
    show(display, 640, 480)
    words = ["vncviewer", f"127.0.0.1::{display.addresses[0][1]}",
             "-SecurityTypes", "X509None", "-RemoteResize=0",
             f"-X509CA={pki.ca.certificate}"]
    with subprocess.Popen(words, env=dict(screen, HOME=str(tmp_path)),
                          stderr=subprocess.DEVNULL) as viewer:
        try:
            assert display.hear_event("viewers")["count"] == 1
        finally:
            viewer.kill()
    assert display.hear_event("viewers")["count"] == 0
    # Its question, whether to go on all the same, is answered by nobody.
    words[-1] = f"-X509CA={pki.other_ca.certificate}"
    with subprocess.Popen(words, env=dict(screen, HOME=str(tmp_path)),
                          stderr=subprocess.DEVNULL) as viewer:
        try:
            wait_for(lambda: display.children(), "its connection")
            run = lambda: subprocess.run(
                ["xwininfo", "-root", "-tree"], env=screen,
                capture_output=True, text=True, check=True).stdout
            wait_for(lambda: "ertificate" in run(), "its question", 60)
        finally:
            viewer.kill()
    all_have_left(display)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts are root's to make")
@needs("gvnccapture", "convert", "unshare")
@only("installed")
def test_gtk_vnc(start, pki, tmp_path):
    """With a certificate of its own, from where the library looks for it: in the
    home of who runs it, whatever $HOME says."""
    display = start(viewers_show=True)
    lines = show(display, 640, 480)
    home = tmp_path / "home"
    for name in "CA", "gvnccapture/private":
        (home / ".pki" / name).mkdir(parents=True)
    shutil.copy(pki.ca.certificate, home / ".pki/CA/cacert.pem")
    own = home / ".pki/gvnccapture"
    shutil.copy(pki.client[0], own / "clientcert.pem")
    shutil.copy(pki.client[1], own / "private/clientkey.pem")
    subprocess.run(
        ["unshare", "--mount", "sh", "-ec", 'mount --bind "$1" "$2"\n'
         'exec gvnccapture -q "$3" picture.png', "sh", str(home),
         pwd.getpwuid(0).pw_dir, f"127.0.0.1:{display.number()}"],
        cwd=tmp_path, timeout=60, check=True)
    assert decode(tmp_path / "picture.png") == (640, 480, lines)
    assert display.hear_event("viewers")["count"] == 1
