# SPDX-License-Identifier: BSD-2-Clause
"""The other side of a guest's network: `http_peer.py ADDRESS FILE` gives the
file to whoever asks, takes what it is sent, and says how far it is."""
import hashlib
import http.server
import socket
import sys

PIECE = 1 << 16
PORT = 8000


class Peer(http.server.BaseHTTPRequestHandler):
    data = b""

    def setup(self):
        super().setup()
        # So that what is sent has nearly arrived.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)

    def answer(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def do_GET(self):
        self.answer(len(self.data))
        for at in range(0, len(self.data), PIECE):
            print("sent", at >> 20, flush=True)
            self.wfile.write(self.data[at:at + PIECE])

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        found = hashlib.md5()
        while left:
            piece = self.rfile.read(min(left, PIECE))
            left -= len(piece)
            found.update(piece)
            print("left", left >> 20, flush=True)
        self.answer(0)
        print("got", found.hexdigest(), flush=True)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    with open(sys.argv[2], "rb") as file:
        Peer.data = file.read()
    with http.server.HTTPServer((sys.argv[1], PORT), Peer) as server:
        print("ready", flush=True)
        server.serve_forever()
