# SPDX-License-Identifier: BSD-2-Clause
"""Reads what `hvsh trace` writes, and holds it to the Trace Event Format: what a
viewer would draw wrongly or leave out is an error."""
import collections
import json
from typing import NamedTuple


class Slice(NamedTuple):
    name: str
    start: int  # nanoseconds
    end: int


class Instant(NamedTuple):
    name: str
    time: int
    scope: str
    args: dict


class Trace:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = json.load(file)
        assert self.document["displayTimeUnit"] in ("ns", "ms")
        self.other = self.document["otherData"]
        self.slices = collections.defaultdict(list)  # (process, thread): ...
        self.instants = collections.defaultdict(list)
        self.processes = {}
        self.threads = {}
        events = self.document["traceEvents"]
        for event in events:
            self.check_common(event)
            if event["ph"] == "M":
                self.add_meta(event)
        for event in events:
            if event["ph"] != "M":
                self.add_timed(event)
        for slices in self.slices.values():
            check_nesting(slices)

    @staticmethod
    def check_common(event):
        assert event["ph"] in ("M", "X", "i"), event
        assert isinstance(event["name"], str) and event["name"]
        for key in ("pid", "tid"):
            # 0 is the idle task's
            assert isinstance(event[key], int) and event[key] > 0, event

    def add_meta(self, event):
        if event["name"] == "process_name":
            assert event["pid"] not in self.processes
            self.processes[event["pid"]] = event["args"]["name"]
        elif event["name"] == "thread_name":
            # Some viewers have one name space for threads of all processes.
            assert event["tid"] not in self.threads
            self.threads[event["tid"]] = event["args"]["name"]
        else:
            assert event["name"] == "process_sort_index"
            assert isinstance(event["args"]["sort_index"], int)

    def add_timed(self, event):
        track = self.processes[event["pid"]], self.threads[event["tid"]]
        start = nanoseconds(event["ts"])
        if event["ph"] == "X":
            self.slices[track].append(Slice(
                event["name"], start, start + nanoseconds(event["dur"])))
        else:
            assert event["s"] in ("t", "p"), event
            self.instants[track].append(Instant(event["name"], start,
                                                event["s"], event["args"]))

    def names(self, process, thread):
        return [s.name for s in self.slices[process, thread]]

    def marks(self, process, thread):
        return [i.name for i in self.instants[process, thread]]


def nanoseconds(microseconds):
    """The format's times are microseconds, perhaps with a fraction."""
    assert isinstance(microseconds, (int, float)) and microseconds >= 0
    return round(microseconds * 1000)


def check_nesting(slices):
    """In their order, and each inside another one or after it."""
    open_until = []
    last = 0
    for s in slices:
        assert s.start >= last, s
        last = s.start
        while open_until and open_until[-1] <= s.start:
            open_until.pop()
        assert not open_until or s.end <= open_until[-1], s
        open_until.append(s.end)
