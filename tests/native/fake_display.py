#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stands in for hvd-display in native tests.

What it does with its zone is told by $ZV_FAKE_DIR/display-ZONE, one word per line:
  exit-at-start, silent, garbage, flood, noisy, nonsense, fatal: at the start
  shows=HEAD:WIDTHxHEIGHT: so it is, once it has a device
  refuse, ignore-shots: what it does with screenshots
  spoil=PATH: that becomes a folder while a screenshot is made
  slow-shots: each takes a third of the time that it may, and some more
  ignore-end: it goes on when its control socket ends
It counts connections as viewers.  It appends each line it gets to
$ZV_FAKE_DIR/display-ZONE.log, {"fd": N, ...} of what it was given at the start,
{"device": TEXT} of each message of a device and {"viewer": SECONDS} of each
connection of a network, which has to have been silent for so long to be asked. What
came along with its configuration is in {"certificates": TEXT, ...}.
"""
import fcntl
import json
import os
import select
import socket
import sys
import threading
import time

DIR = os.environ["ZV_FAKE_DIR"]
IGNORE_SECONDS = 30
SHOT_SECONDS = 11
control = socket.socket(fileno=3)
told = threading.Lock()
viewers = 0
fds = []


def say(message):
    control.sendall(json.dumps(message).encode() + b"\n")


def lines():
    """Each line; what comes along is in `fds`, in the order of who wants it."""
    data = b""
    while True:
        while b"\n" in data:
            line, data = data.split(b"\n", 1)
            yield line.decode()
        more, new, _, _ = socket.recv_fds(control, 65536, 8)
        if not more:
            return
        data += more
        fds.extend(new)


def count(change):
    global viewers
    with told:
        viewers += change
        say({"event": "viewers", "count": viewers})


def patience(client):
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) and \
        client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)


def attend(client, log):
    if client.family != socket.AF_UNIX:
        log.write(json.dumps({"viewer": patience(client)}) + "\n")
    count(1)
    while client.recv(100):
        pass
    client.close()
    count(-1)


def serve(listener, log):
    while True:
        select.select([listener], [], [])
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            continue
        client.setblocking(True)
        threading.Thread(target=attend, args=(client, log),
                         daemon=True).start()


def listen_to(fd, log):
    device = socket.socket(fileno=fd)
    device.setblocking(True)
    while True:
        try:
            message = device.recv(100)
        except OSError:
            message = b""
        log.write(json.dumps({"device": message.decode()}) + "\n")
        if not message:
            return


def look_at(config, log):
    log.write(json.dumps({
        "fd": 4, "size": os.fstat(4).st_size,
        "flags": fcntl.fcntl(4, fcntl.F_GETFL) & os.O_ACCMODE}) + "\n")
    if "tls" in config:
        file = fds.pop(0)
        log.write(json.dumps({
            "certificates": os.pread(file, 1 << 20, 0).decode(),
            "seals": fcntl.fcntl(file, fcntl.F_GET_SEALS)}) + "\n")
    for item in config["listen"]:
        listener = socket.socket(fileno=item["fd"])
        log.write(json.dumps({"fd": item["fd"],
                              "name": listener.getsockname()}) + "\n")
        threading.Thread(target=serve, args=(listener, log),
                         daemon=True).start()


def begin(words):
    if "exit-at-start" in words:
        sys.exit(3)
    if "fatal" in words:
        say({"event": "fatal", "error": "no library"})
        sys.exit(1)
    if "garbage" in words:
        control.sendall(b"\xff\x00{]\n")
    if "flood" in words:
        control.sendall(b"x" * 100000)
    if "noisy" in words:
        control.sendall(b'{"event":"shows","head":0,"width":1,"height":1}\n'
                        * 2000)
    for nonsense in [w for w in words if w.startswith("nonsense=")]:
        say(json.loads(nonsense.split("=", 1)[1]))
    if "silent" not in words:
        say({"event": "ready"})


def shoot(command, fd, words):
    if "ignore-shots" in words:
        return
    if "refuse" in words:
        say({"event": "refused", "id": command["id"],
             "reason": "head 0 shows nothing"})
        return
    if "slow-shots" in words:
        time.sleep(SHOT_SECONDS)
    for word in [w for w in words if w.startswith("spoil=")]:
        path = word.split("=", 1)[1]
        os.unlink(path)
        os.mkdir(path)
    os.write(fd, b"\x89PNG of head %d" % command["head"])
    os.close(fd)
    say({"event": "screenshot", "id": command["id"]})


def main():
    given = lines()
    first = next(given)
    config = json.loads(first)
    zone = config["zone"]
    words = []
    if os.path.exists(f"{DIR}/display-{zone}"):
        with open(f"{DIR}/display-{zone}") as file:
            words = file.read().split()
    log = open(f"{DIR}/display-{zone}.log", "a", buffering=1)
    log.write(first + "\n")
    look_at(config, log)
    begin(words)
    for line in given:
        log.write(line + "\n")
        command = json.loads(line)
        if command["cmd"] == "device":
            threading.Thread(target=listen_to, args=(fds.pop(0), log),
                             daemon=True).start()
            for word in [w for w in words if w.startswith("shows=")]:
                head, mode = word.split("=")[1].split(":")
                width, height = mode.split("x")
                say({"event": "shows", "head": int(head), "width": int(width),
                     "height": int(height)})
        if command["cmd"] == "screenshot":
            shoot(command, fds.pop(0), words)
    if "ignore-end" in words:
        # hvd kills it soon, unless that has gone.
        time.sleep(IGNORE_SECONDS)
    os._exit(0)


main()
