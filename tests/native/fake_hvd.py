# SPDX-License-Identifier: BSD-2-Clause
"""A scripted daemon: speaks hvd's protocol, holds zones in memory, and can be
told to misbehave. Each test owns one, in its own folder. What it says is held to
the OpenRPC document, so that nothing is tested against what hvd does not say."""

import contextlib
import json
import os
import socket
import subprocess
import threading
from pathlib import Path

import jsonschema

import openrpc
import seen

UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


class RpcError(Exception):
    """An error reply: as a code of the document is called, its path, its hint."""

    def __init__(self, name, message, /, **data):
        super().__init__(message)
        self.code = openrpc.ERRORS[name]["code"]
        self.message, self.data = message, {"code": name} | data


def zone(name, state="defined", **members):
    """A zone as zone.get tells it."""
    base = {"name": name, "uuid": UUID, "state": state, "vcpus": 2,
            "memory": 512 << 20, "autostart": False, "persistent": True,
            "generation": 3,
            "definition": {"name": name, "vcpus": 2, "memory": "512M"},
            "info": {"cpu_time_ns": 1500000000, "vcpus_on": 2},
            "io": {"pid": 42, "restarts": 1}}
    if state != "defined":
        base["id"] = 7
    return base | members


class Listener:
    """Accepts on a unix socket and runs serve(connection) in threads."""

    def __init__(self, path, serve):
        self.path, self.serve = str(path), serve
        self.connections = []
        self.thread = None
        self.start()

    def start(self):
        Path(self.path).unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(8)
        self.thread = threading.Thread(target=self.accept, daemon=True,
                                       args=(self.socket,))
        self.thread.start()

    def accept(self, listening):
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.guard, daemon=True,
                             args=(connection,)).start()

    def guard(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass  # the client left, or the test dropped it

    def drop(self):
        """Close all connections, as a dying process does: those of now, as
        a client may be back before the last of them is closed."""
        connections, self.connections = self.connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.thread.join()
        self.drop()
        Path(self.path).unlink(missing_ok=True)


def read_line(connection):
    """One line, byte by byte so that nothing behind it is taken."""
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return None
        line += byte
    return line


class Console:
    """A zone's console: a stream of output with one reader and writer."""

    def __init__(self, path):
        self.output = b""
        self.received = b""
        self.base = 0  # position of the oldest byte that is kept
        self.early = 0  # begins that many bytes before the place wanted
        self.greetings = []
        self.writer = True
        self.changed = threading.Condition()
        self.attached = None
        self.listener = Listener(path, self.serve)

    def print(self, data):
        with self.changed:
            self.output += data
            try:
                if self.attached:
                    self.attached.sendall(data)
            except OSError:
                self.attached = None  # the client left

    def serve(self, connection):
        line = read_line(connection)
        if line is None:
            return
        greeting = json.loads(line)
        with self.changed:
            self.greetings.append(greeting)
            where = greeting["from"]
            end = len(self.output)
            start = {"start": self.base, "end": end}.get(where, where)
            start = min(max(start - self.early, self.base), end)
            connection.sendall(json.dumps(
                {"ok": True, "device": greeting.get("device", "console0"),
                 "offset": start,
                 "writer": self.writer and greeting["write"]}).encode()
                + b"\n" + self.output[start:])
            self.attached = connection
            self.changed.notify_all()
        while data := connection.recv(4096):
            with self.changed:
                self.received += data
                self.changed.notify_all()

    def wait(self, condition, seconds=10):
        with self.changed:
            assert self.changed.wait_for(condition, seconds)

    def wait_received(self, data):
        self.wait(lambda: data in self.received)

    def drop(self):
        """The I/O process dies; its successor listens at once."""
        with self.changed:
            self.attached = None
        self.listener.drop()


class FakeHvd:
    """The daemon."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.path = str(self.folder / "hvd.sock")
        self.zones = {}
        self.wrong = []  # what hvd would not say
        self.level = "info"
        self.jobs = []
        self.display = {}
        self.calls = []
        self.overrides = {}  # method -> function(params) or exception
        # method -> function(id) -> bytes sent as they are, whatever they say
        self.raw = {}
        self.subscribers = []
        self.changed = threading.Condition()
        self.subscriptions = []
        self.events = []
        self.run = "run-1"
        self.console = Console(self.folder / "console.sock")
        self.listener = Listener(self.path, self.serve)

    def close(self):
        self.listener.stop()
        self.console.listener.stop()
        assert not self.wrong, "\n".join(self.wrong)

    def add(self, *zones):
        self.zones.update({z["name"]: z for z in zones})

    def called(self, method):
        return [params for name, params in self.calls if name == method]

    def serve(self, connection):
        while line := read_line(connection):
            request = json.loads(line)
            assert request["jsonrpc"] == "2.0"
            method, params = request["method"], request["params"]
            self.calls.append((method, params))
            if method in self.raw:
                connection.sendall(self.raw[method](request["id"]))
                continue
            if "id" not in request:
                continue  # a notification
            reply = {"jsonrpc": "2.0", "id": request["id"]}
            try:
                result = self.answer(method, params)
                reply["result"] = {} if result is None else result
            except RpcError as error:
                reply["error"] = {"code": error.code, "message": error.message,
                                  "data": error.data}
            self.judge(openrpc.judge, method, params, reply)
            connection.sendall(json.dumps(reply).encode() + b"\n")
            if method == "event.subscribe" and "result" in reply:
                self.subscribe(connection, params, result["seq"])

    def judge(self, check, *what):
        """close() tells what was wrong: here nobody would see it."""
        try:
            check(*what)
        except (AssertionError, jsonschema.ValidationError) as error:
            place = getattr(error, "json_path", "")
            self.wrong.append(f"hvd would not say {what}: {place} "
                              f"{getattr(error, 'message', error)}")

    def answer(self, method, params):
        override = self.overrides.get(method)
        if isinstance(override, Exception):
            raise override
        if override:
            return override(params)
        handler = getattr(self, method.replace(".", "_"), None)
        if handler is None:
            raise RpcError("METHOD_NOT_FOUND", f"no method {method}")
        return handler(params)

    def find(self, params):
        name = params["name"]
        if name not in self.zones:
            raise RpcError("ZONE_NOT_FOUND", f"no zone is called '{name}'",
                           path="$.name", hint="hvsh list shows the zones")
        return self.zones[name]

    def hvd_version(self, params):
        return {"version": "9.8.7", "abi": "1.0", "features": ["console"],
                "connected": True}

    def host_info(self, params):
        return {"version": "9.8.7", "abi": "1.0", "pcpus": 4,
                "cpus": [{"cpu": cpu, "package": 0, "core": cpu,
                          "vcpus": [{"zone": "zone0", "vcpu": cpu},
                                    *([{"zone": "linux1", "vcpu": 0}]
                                      if cpu == 1 else [])]}
                         for cpu in range(4)],
                "memory": {"total": 4 << 30, "hypervisor": 16 << 20,
                           "zone0": 1 << 30, "zones": 512 << 20,
                           "free": (5 << 29) - (16 << 20)},
                "uptime_ns": 93784 * 10**9, "zones": len(self.zones)}

    def host_log(self, params):
        text = "first line\nsecond line\n"
        return {"text": text[params.get("pos", 0):], "first": 0,
                "pos": len(text)}

    def log_level(self, params):
        self.level = params.get("level", self.level)
        return {"level": self.level}

    def host_counters(self, params):
        return {"exits": {"irq": 12, "hypercall": 3}, "injections": 9,
                "guest_ns": 5, "steal_ns": 7,
                "vcpus": [{"guest_ns": 2, "steal_ns": 7},
                          {"guest_ns": 3, "steal_ns": 0}]}

    def device_counters(self, params):
        self.find(params)
        return {"counters": {
            "reads": 7, "read-bytes": 28672, "latency": {
                "read": {"sum-ns": 900000,
                         "buckets": [0, 0, 0, 0, 4, 0, 0, 2, 0, 0, 1]},
                "write": {"sum-ns": 0, "buckets": []},
                "flush": {"sum-ns": 40 * 10**9,
                          "buckets": [0] * 25 + [1]}}}}

    def zone_list(self, params):
        keys = ("name", "uuid", "title", "state", "reason", "id", "vcpus", "memory",
                "autostart", "persistent")
        return [{key: z[key] for key in keys if key in z}
                for z in self.zones.values()]

    def zone_get(self, params):
        return self.find(params)

    def zone_define(self, params):
        name = params["definition"]["name"]
        now = self.zones.get(name, {"generation": 0})["generation"]
        if params.get("generation", now) != now:
            raise RpcError("INVALID_STATE",
                           f"the definition has generation {now}",
                           path="$.generation")
        self.add(zone(name, definition=params["definition"]))
        return {"name": name, "uuid": UUID, "generation": 1}

    def zone_undefine(self, params):
        found = self.find(params)
        if found["state"] == "defined":
            del self.zones[found["name"]]

    def zone_rename(self, params):
        found = self.find(params)
        del self.zones[found["name"]]
        self.add(found | {"name": params["new_name"]})
        return {"name": params["new_name"], "uuid": UUID, "generation": 4}

    def zone_clone(self, params):
        self.add(zone(params["new_name"],
                      definition=self.find(params)["definition"]))
        return {"name": params["new_name"],
                "uuid": params.get("uuid", UUID), "generation": 1}

    def zone_start(self, params):
        found = self.find(params)
        if found["state"] != "defined":
            raise RpcError("INVALID_STATE", "the zone is running")
        found["state"] = "paused" if params.get("paused") else "running"
        found["id"] = 8

    def zone_create(self, params):
        name = params["definition"]["name"]
        self.add(zone(name, "paused" if params.get("paused") else "running",
                      persistent=False, definition=None,
                      running_definition=params["definition"]))

    def zone_set(self, params):
        return {"name": self.find(params)["name"], "uuid": UUID,
                "generation": 3}

    def zone_pin(self, params):
        self.find(params)["info"]["pcpus"][params["vcpu"]] = params["pcpu"]

    def zone_shutdown(self, params):
        self.find(params)["state"] = "defined"

    zone_destroy = zone_shutdown

    def zone_reboot(self, params):
        self.find(params)

    zone_reset = zone_pause = zone_resume = zone_reboot

    def zone_dump(self, params):
        self.find(params)
        return {"size": 64 << 20, "written": 3 << 19}

    def display_get(self, params):
        self.find(params)
        return self.display

    def display_screenshot(self, params):
        self.find(params)

    display_send_keys = display_screenshot

    def job_list(self, params):
        return self.jobs

    def job_cancel(self, params):
        for job in self.jobs:
            if job["id"] == params["job"]:
                self.jobs.remove(job)
                return
        raise RpcError("INVALID_PARAMS", f"there is no job {params['job']}",
                       path="$.job")

    def console_attach(self, params):
        self.find(params)
        return {"socket": self.console.listener.path,
                "device": params.get("device", "console0"),
                "head": len(self.console.output), "tail": self.console.base}

    def event_subscribe(self, params):
        return {"seq": len(self.events), "run": self.run}

    def event_unsubscribe(self, params):
        self.subscribers.clear()

    def subscribe(self, connection, params, seq):
        """After the reply; each event is sent once, here or by emit()."""
        with self.changed:
            self.subscriptions.append(params)
            self.subscribers.append(connection)
            since = params.get("since", seq)
            if params.get("run", self.run) != self.run:
                since = 0
            for event in self.events:
                if event["seq"] > since:
                    self.send_event(connection, event)
            self.changed.notify_all()

    def send_event(self, connection, event):
        notification = {"jsonrpc": "2.0", "method": "event", "params": event}
        self.judge(openrpc.check_event, notification)
        connection.sendall(json.dumps(notification).encode() + b"\n")

    def emit(self, name, event):
        with self.changed:
            self.events.append({"seq": len(self.events) + 1,
                                "time": 1767323045.5,
                                "kind": "lifecycle", "zone": name,
                                "uuid": UUID,
                                "event": event})
            for connection in self.subscribers:
                self.send_event(connection, self.events[-1])


def running(env, *words, stdin=None):
    """hvsh with pipes."""
    return watched(env, hvsh_path(), *words, stdin=stdin)


@contextlib.contextmanager
def watched(env, *command, stdin=None):
    """A program with pipes; a test that fails or hangs does not leave it
    behind."""
    with subprocess.Popen(command, env=env, stdin=stdin,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            if process.poll() is not None:
                seen.note_hvsh(process.returncode, "")
            process.kill()


def read_until(process, text):
    """Lines of its output up to the first with that text."""
    while text not in (line := process.stdout.readline()):
        assert line, f"ended before {text!r}"


def hvsh_path():
    """The program under test: HVSH, else what `make host` builds."""
    root = Path(__file__).resolve().parents[2]
    return os.environ.get("HVSH", str(root / "build/host/hvsh"))
