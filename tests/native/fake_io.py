#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stands in for hvd-io in native tests.

What it does with its zone is told by $ZV_FAKE_DIR/io-ZONE, one word per line:
  exit-at-start, silent, garbage, flood, fatal, fatal-disk: at the start
  slow: is ready only after eleven seconds
  ignore-stop, ignore-reset, ignore-power, ignore-resize, ignore-set: commands
    it does not obey
  late-power: it does not obey the first time
  refuse-set: says so
  ignore-counters, counters=JSON: does not tell any, or others
  linger: what it works on stays open for a while after its end, as with I/O
    under way: until $ZV_FAKE_DIR/linger-ZONE is removed
  error, paused, broken: disk0 gets into that state at the start
  no-space: it is paused, for that reason
  gpu-error: gpu0 is in that state until its output is replaced
  refuse-keys, ignore-keys: what it does with them
  deaf: its consoles take no input
  mute: they do not answer the greeting
  noisy: tells of 100000 changes of it, as fast as it can, when it is ready
Of a network over a stream it says error when that has ended, as hvd-io does, and
of a disk when its NBD server has gone.
  picture, picture=WIDTHxHEIGHT: its gpu's output is told, as hvd-io does, of one of
    so many pixels (64x48) at 4096 in video memory, and by SIGUSR1 that all of it has
    changed; what the output says is logged
To the socket of a gpu's output it says hello otherwise, and with a new one again.
Its consoles are one, which says what it is told; its output is kept in
$ZV_FAKE_DIR/console-ZONE.
It appends each line it gets to $ZV_FAKE_DIR/io-ZONE.log, and of the fds that
come with a configuration a line each: {"fd": N, "path": …, "flags": …}.
"""
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

STATE, REASON, SEQ, GENERATION = 4, 8, 152, 352
OFF, GUEST_OFF = 3, 1
DIR = os.environ["ZV_FAKE_DIR"]
LATENCY = {"read": {"sum-ns": 4500, "buckets": [1, 0, 2]},
           "write": {"sum-ns": 0, "buckets": []}}

control = socket.socket(fileno=3)
console = socket.socket(fileno=5)
fds = []


def generation():
    data = os.pread(4, 4, GENERATION)
    return struct.unpack("<I", data)[0] if len(data) == 4 else -1


def is_stale(mine):
    return os.fstat(4).st_nlink == 0 or generation() != mine


def watch_stale(mine):
    while not is_stale(mine):
        time.sleep(0.02)
    os._exit(0)


def say(message):
    control.sendall(json.dumps(message).encode() + b"\n")


def read_lines():
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


def say_hello(fd, text):
    """For ever: who closes it, ends it."""
    output = socket.socket(fileno=fd)
    with contextlib.suppress(OSError):  # who shows it may have died
        output.send(text)
    return output


def size_of_picture(words):
    """None: it shows none."""
    for word in words:
        name, _, size = word.partition("=")
        if name == "picture":
            return tuple(map(int, (size or "64x48").split("x")))
    return None


def show_picture(fd, size, log):
    """backends/display/display_wire.h: HELLO, SCANOUT; then it listens."""
    output = socket.socket(fileno=fd)
    output.setblocking(True)

    def listen():
        while message := output.recv(100):
            log.write(json.dumps({"fd": fd, "output": struct.unpack(
                "<5I", message[:20])}) + "\n")

    with contextlib.suppress(OSError):
        output.send(struct.pack("<4I", 1, 0, 1, 1).ljust(64, b"\0"))
        output.send(struct.pack("<6IQ", 2, 0, 2, *size, size[0] * 4, 4096)
                    .ljust(64, b"\0"))

    def has_changed(*_):
        with contextlib.suppress(OSError):
            output.send(struct.pack("<6I", 3, 0, 0, 0, *size)
                        .ljust(64, b"\0"))

    signal.signal(signal.SIGUSR1, has_changed)
    threading.Thread(target=listen, daemon=True).start()
    return output


def look_at(device, log):
    count = {"net": device["queues"] // 2, "gpu": 2}.get(device["type"], 1)
    count *= 2 if device.get("vhost") else 1
    for fd in range(device["fd"], device["fd"] + count):
        log.write(json.dumps({
            "fd": fd, "path": os.readlink(f"/proc/self/fd/{fd}"),
            "flags": fcntl.fcntl(fd, fcntl.F_GETFL)}) + "\n")


def watch_stream(device):
    stream = socket.socket(fileno=device["fd"])
    while True:
        select.select([stream], [], [])
        if not stream.recv(65536):
            say({"event": "device", "device": device["name"],
                 "state": "error", "error": "its stream has ended"})
            return


def size_of(device):
    if device.get("store") == "nbd":
        return 3 << 20
    return os.lseek(device["fd"], 0, os.SEEK_END)


def watch_server(device):
    """What an NBD server says is nothing to us; its end is."""
    server = socket.socket(fileno=os.dup(device["fd"]))
    with contextlib.suppress(OSError):
        while server.recv(1000):
            pass
    say({"event": "device", "device": device["name"], "state": "error",
         "error": "the NBD server is gone", "lost": True,
         "size": size_of(device)})


def linger(zone):
    """A child that has the fds, and nothing else to do with us."""
    if os.fork() == 0:
        os.setsid()
        for fd in 3, 4, 5:
            os.close(fd)
        while os.path.exists(f"{DIR}/linger-{zone}"):
            time.sleep(0.01)
        os._exit(0)


def make_noise():
    for number in range(100000):
        say({"event": "device", "device": "disk0", "state": "error",
             "error": f"number {number}"})


class Console:
    """What the first line of a client is about, see docs/reference/rpc.md."""

    def __init__(self, zone, words):
        self.fd = os.open(f"{DIR}/console-{zone}",
                          os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.words = words
        self.grown = threading.Condition()
        self.writers = {}  # by device, as hvd-io has it

    def serve(self):
        while True:
            select.select([console], [], [])
            client, _ = console.accept()
            threading.Thread(target=self.attend, args=(client,),
                             daemon=True).start()

    def attend(self, client):
        line = b""
        while not line.endswith(b"\n"):
            line += client.recv(1) or b"\n"
        if "mute" in self.words or not line.strip():
            return
        hello = json.loads(line)
        size = os.fstat(self.fd).st_size
        at = {"start": 0, "end": size}.get(hello["from"], hello["from"])
        device = hello["device"]
        with self.grown:
            if hello["write"] and (hello["force"] or
                                   not self.writers.get(device)):
                self.writers[device] = client
        client.sendall(json.dumps(
            {"ok": True, "device": device, "offset": at,
             "writer": self.writers.get(device) is client}).encode() + b"\n")
        threading.Thread(target=self.listen, args=(client, device),
                         daemon=True).start()
        with contextlib.suppress(OSError):
            self.speak(client, at)

    def speak(self, client, at):
        while client.fileno() >= 0:
            data = os.pread(self.fd, 65536, at)
            if data:
                client.sendall(data)
                at += len(data)
                continue
            with self.grown:
                if os.fstat(self.fd).st_size == at:
                    self.grown.wait()

    def listen(self, client, device):
        while "deaf" in self.words:
            select.select([], [], [])
        data = b"?"
        while data:
            try:
                data = client.recv(65536)
            except OSError:
                data = b""
            with self.grown:
                if self.writers.get(device) is client:
                    os.write(self.fd, data)
                    self.writers[device] = client if data else None
                self.grown.notify_all()
        client.close()


def power_off():
    os.pwrite(4, struct.pack("<I", GUEST_OFF), REASON)
    os.pwrite(4, struct.pack("<I", OFF), STATE)


def main():
    threading.Thread(target=watch_stale, args=(generation(),),
                     daemon=True).start()
    lines = read_lines()
    first = next(lines)
    config = json.loads(first)
    zone = config["zone"]
    try:
        with open(f"{DIR}/io-{zone}") as file:
            words = file.read().split()
    except FileNotFoundError:
        words = []
    log = open(f"{DIR}/io-{zone}.log", "a", buffering=1)
    threading.Thread(target=Console(zone, words).serve, daemon=True).start()
    log.write(first + "\n")
    outputs = []
    picture = size_of_picture(words)
    given = {d["name"]: d for d in config["devices"] if "fd" in d}
    for device in given.values():
        look_at(device, log)
    if "linger" in words:
        open(f"{DIR}/linger-{zone}", "w").close()
        linger(zone)
    if "exit-at-start" in words:
        sys.exit(3)
    if "fatal" in words:
        say({"event": "fatal", "error": "no such backend"})
        sys.exit(1)
    if "fatal-disk" in words:
        say({"event": "fatal", "error": "device disk0: no such export",
             "device": "disk0", "hint": "see what it has"})
        sys.exit(1)
    if "garbage" in words:
        control.sendall(b"\xff\x00{]\n")
    if "flood" in words:
        control.sendall(b"x" * 100000)
    for device in given.values():
        if device["type"] == "disk":
            say({"event": "device", "device": device["name"], "state": "ok",
                 "size": size_of(device)})
        if device["type"] == "gpu":
            outputs.append(show_picture(device["fd"] + 1, picture, log)
                           if picture else
                           say_hello(device["fd"] + 1, b"hello"))
        if device.get("via") == "stream":
            threading.Thread(target=watch_stream, args=(device,),
                             daemon=True).start()
    for word in words:
        if word in ("error", "paused", "broken"):
            say({"event": "device", "device": "disk0", "state": word,
                 "error": "for a test"})
        elif word == "no-space":
            say({"event": "device", "device": "disk0", "state": "paused",
                 "error": "write at 4096: No space left on device"})
    if "slow" in words:
        time.sleep(11)
    if "silent" not in words:
        say({"event": "ready"})
    if "gpu-error" in words:
        say({"event": "device", "device": "gpu0", "state": "error",
             "error": "a message of its output"})
    if "noisy" in words:
        threading.Thread(target=make_noise, daemon=True).start()
    for device in given.values():
        if device.get("store") == "nbd":
            threading.Thread(target=watch_server, args=(device,),
                             daemon=True).start()
    for line in lines:
        log.write(line + "\n")
        command = json.loads(line)["cmd"]
        if command == "display":
            outputs = [show_picture(fds.pop(0), picture, log)
                       if picture else
                       say_hello(fds.pop(0), b"hello again")]
            if "gpu-error" in words:
                say({"event": "device", "device": "gpu0", "state": "ok"})
        if command == "keys" and "refuse-keys" in words:
            say({"event": "refused", "device": json.loads(line)["device"],
                 "error": "for a test"})
        elif command == "keys" and "ignore-keys" not in words:
            say({"event": "keys", "device": json.loads(line)["device"]})
        if command == "stop" and "ignore-stop" not in words:
            return
        if command == "reset" and "ignore-reset" not in words:
            say({"event": "reset-done"})
        if command == "resume":
            say({"event": "device", "device": json.loads(line)["device"],
                 "state": "ok"})
        if command == "resize" and "ignore-resize" not in words:
            name = json.loads(line)["device"]
            say({"event": "resized", "device": name,
                 "size": size_of(given[name])})
        others = [word for word in words if word.startswith("counters=")]
        if command == "counters" and others:
            say({"event": "counters", "device": json.loads(line)["device"],
                 "counters": json.loads(others[0].split("=", 1)[1])})
        elif command == "counters" and "ignore-counters" not in words:
            say({"event": "counters", "device": json.loads(line)["device"],
                 "counters": {"reads": 3, "read-bytes": 2**63 + 5,
                              "latency": LATENCY}})
        if command == "set" and "refuse-set" in words:
            say({"event": "refused", "device": json.loads(line)["device"],
                 "error": "for a test"})
        elif command == "set" and "ignore-set" not in words:
            say({"event": "set", "device": json.loads(line)["device"]})
        if command == "powerkey" and "late-power" in words:
            words.remove("late-power")
        elif command == "powerkey" and "ignore-power" not in words:
            power_off()
    # the daemon has gone; the zone has not
    while True:
        select.select([], [], [])


main()
