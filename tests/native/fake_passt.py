#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stands in for passt in native tests: it is found in $PATH by that name.

Like passt it goes into the background when it has started, and ends with the
socket that it was given.  $ZV_FAKE_DIR/passt may have one of these words:
  port-taken, gives-up: says so and ends
  hangs: does not get ready
It appends a line to $ZV_FAKE_DIR/passt.log at each start: {"pid": N, "argv": …}.
"""
import json
import os
import pathlib
import signal
import socket
import sys

DIR = pathlib.Path(os.environ["ZV_FAKE_DIR"])
REASONS = {"port-taken": "Failed to bind any port for '-t 2222:22', exiting",
           "gives-up": "a first line\nno such luck"}


def serve(number):
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in 0, 1, 2:
        os.dup2(null, fd)
    stream = socket.socket(fileno=number)
    while stream.recv(65536):
        pass


def main():
    try:
        word = (DIR / "passt").read_text().strip()
    except FileNotFoundError:
        word = ""
    if word in REASONS:
        print(REASONS[word], file=sys.stderr)
        sys.exit(1)
    if word == "hangs":
        signal.pause()
    number = int(sys.argv[sys.argv.index("--fd") + 1])
    # as passt: the rest of a frame is waited for
    assert os.get_blocking(number)
    pid = os.fork()
    if pid:
        with open(DIR / "passt.log", "a") as log:
            log.write(json.dumps({"pid": pid, "argv": sys.argv}) + "\n")
        os._exit(0)
    serve(number)
    os._exit(0)


main()
