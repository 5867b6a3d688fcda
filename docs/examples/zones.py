#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Talks to hvd without a library: zones.py [follow]

Requests, answers and events are JSON-RPC 2.0, each on a line of its own; what
there is to ask for is in docs/reference/rpc.md. Prints the zones, and then
events as they happen if told to.
"""

import json
import os
import socket
import sys


class HvdError(Exception):
    """hvd said no."""


class Hvd:
    """A connection."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.last_id = 0
        self.waiting = []  # events that came before an answer

    def read(self):
        line = self.lines.readline()
        if not line:
            raise HvdError("the connection was lost")
        return json.loads(line)

    def call(self, method, **params):
        """The result, or an HvdError."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method,
                   "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while "method" in (message := self.read()):
            self.waiting.append(message["params"])
        if "error" in message:
            error = message["error"]
            raise HvdError(f"{method}: {error['message']} "
                           f"({error['data']['code']})")
        return message["result"]

    def events(self):
        """Each event, for ever; after a call of event.subscribe."""
        while True:
            yield self.waiting.pop(0) if self.waiting else \
                self.read()["params"]


def main(words):
    hvd = Hvd(os.environ.get("HVD_SOCKET", "/run/hvd/hvd.sock"))
    if words:
        hvd.call("event.subscribe")
    for zone in hvd.call("zone.list"):
        print(zone["name"], zone["state"], flush=True)
    for event in hvd.events() if words else []:
        print(event["seq"], event["zone"], event["event"], flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (HvdError, OSError) as failure:
        sys.exit(f"zones.py: {failure}")
    except KeyboardInterrupt:
        pass
