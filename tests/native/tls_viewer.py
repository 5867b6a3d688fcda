# SPDX-License-Identifier: BSD-2-Clause
"""VeNCrypt 0.2: a viewer's side of it, and the files for the other."""
import os
import ssl
import struct

from display import Gone, Viewer

VENCRYPT = 19
X509_NONE, X509_VNC = 260, 261


def sealed(*files):
    """A file with all of them, and their sizes as hvd-display is told."""
    texts = [file.read_bytes() for file in files]
    fd = os.memfd_create("tls")
    os.write(fd, b"".join(texts))
    return fd, dict(zip(("certificate", "key", "authority"),
                        map(len, texts)))


def context(authority, own=None):
    """It knows whom it talks to; own: what it shows of itself."""
    made = ssl.create_default_context(cafile=authority)
    if own:
        made.load_cert_chain(*own)
    return made


class TlsViewer(Viewer):
    """As Viewer, through TLS."""

    def __init__(self, sock, tls, password=None, encodings=("raw", "size")):
        super().__init__(sock, enter=False)
        kind = X509_NONE if password is None else X509_VNC
        assert self.kinds() == [kind]
        self.choose(kind)
        try:
            self.sock = tls.wrap_socket(sock, server_hostname="127.0.0.1")
            if password is not None:
                self.answer(self.read(16), password)
            self.begin(encodings)
        except (ssl.SSLError, OSError, Gone):
            self.sock.close()
            raise

    def kinds(self, version=b"\0\2"):
        assert self.greet() == bytes([VENCRYPT])
        self.sock.sendall(bytes([VENCRYPT]))
        assert self.read(2) == b"\0\2"
        self.sock.sendall(version)
        if self.read(1) != b"\0":
            raise Gone
        count = self.read(1)[0]
        return list(struct.unpack(f">{count}I", self.read(4 * count)))

    def choose(self, kind):
        self.sock.sendall(struct.pack(">I", kind))
        if self.read(1) != b"\1":
            raise Gone
