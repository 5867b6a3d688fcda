# SPDX-License-Identifier: BSD-2-Clause
"""/metrics of hvd; the judge of the text is python3-prometheus-client's parser of
OpenMetrics, which is strict."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import stat
import subprocess
import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from test_hvd import (HVD, LATENCY, TOP, disk_of, hvd, machine,  # noqa: F401
                      started, wait)

pytestmark = pytest.mark.skipif(not HVD.exists(),
                                reason=f"{HVD} is not built: make host")
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
CLIENTS, REFUSED = 16, 16
TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def connect(machine, port=None):
    if port:
        return socket.create_connection(("127.0.0.1", port), 20)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(machine.run_dir / "metrics.sock"))
    return sock


def answer_of(sock):
    """Status, headers and body; the server closes."""
    raw = b""
    while data := sock.recv(65536):
        raw += data
    sock.close()
    head, body = raw.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.1" and headers["Connection"] == "close"
    return int(status), headers, body


def ask(machine, request=GET, port=None):
    sock = connect(machine, port)
    sock.sendall(request)
    return answer_of(sock)


def parse(text):
    """Samples by name and labels, e.g. ("zv_up",) or ("x", "zone", "z1")."""
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("zv_") and family.documentation
        for sample in family.samples:
            key = (sample.name,
                   *(word for label in sorted(sample.labels.items())
                     for word in label))
            assert key not in samples
            samples[key] = sample.value
    return samples


def scrape(machine):
    status, headers, body = ask(machine)
    assert status == 200 and headers["Content-Type"] == TYPE
    assert int(headers["Content-Length"]) == len(body)
    return parse(body.decode())


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def with_devices(machine, client):
    return started(machine, client, devices=[
        disk_of(machine.disk()), {"type": "rng"}, {"type": "console"}])


# ------------------------------------------------------------- what is there

def test_all_that_is_known(machine, hvd):
    with_devices(machine, hvd)
    hvd.call("zone.define", definition=machine.definition("off", vcpus=3))
    got = scrape(machine)
    host = hvd.call("host.info")
    assert got["zv_up",] == 1
    assert got["zv_host_pcpus",] == host["pcpus"]
    assert got["zv_host_uptime_seconds",] == host["uptime_ns"] / 1e9
    assert got["zv_host_zones",] == host["zones"] == 2
    assert got["zv_host_ram_bytes",] == host["memory"].pop("total")
    for owner, size in host["memory"].items():
        assert got["zv_host_memory_bytes", "owner", owner] == size
    counters = hvd.call("host.counters", zone="z1")
    for reason, count in counters["exits"].items():
        assert got["zv_zone_exits_total", "reason", reason,
                   "zone", "z1"] == count
    for zone in "z1", "zone0":
        assert got["zv_zone_cpu_seconds_total", "zone", zone] == 3
        assert got["zv_zone_steal_seconds_total", "zone", zone] == 0.25
        assert got["zv_zone_vcpu_cpu_seconds_total",
                   "vcpu", "1", "zone", zone] == 1
        assert got["zv_zone_vcpu_steal_seconds_total",
                   "vcpu", "1", "zone", zone] == 0.2
        assert got["zv_zone_interrupts_injected_total", "zone", zone] == 7
    zones = {z["name"]: z for z in hvd.call("zone.list")}
    assert set(zones) == {"zone0", "z1", "off"}
    for name, zone in zones.items():
        assert got["zv_zone_info", "uuid", zone["uuid"], "zone", name] == 1
        assert got["zv_zone_vcpus", "zone", name] == zone["vcpus"]
        assert got["zv_zone_memory_bytes", "zone", name] == zone["memory"]
        assert [key[4] for key, value in got.items()
                if key[:3] == ("zv_zone_state", "zone", name) and value] == [
                    zone["state"]]
    info = hvd.call("zone.get", name="z1")["info"]
    assert got["zv_zone_ram_bytes", "zone", "z1"] == info["pages"] * 4096
    assert got["zv_zone_vcpus_on", "zone", "z1"] == info["vcpus_on"]
    assert got["zv_zone_map_entries", "size", "2m", "zone", "z1"] == \
        info["map_2m"]
    # what is off has no CPU time, and none is made up
    assert ("zv_zone_cpu_seconds_total", "zone", "off") not in got
    assert ("zv_zone_ram_bytes", "zone", "off") not in got


def test_devices(machine, hvd):
    with_devices(machine, hvd)
    got = scrape(machine)
    of = "device", "disk0", "zone", "z1"
    for device, kind in (("disk0", "disk"), ("rng0", "rng"),
                         ("console0", "console")):
        assert got["zv_device_up", "device", device, "type", kind,
                   "zone", "z1"] == 1
    assert got["zv_device_state", *of, "zv_device_state", "ok"] == 1
    assert got["zv_device_state", *of, "zv_device_state", "broken"] == 0
    assert got["zv_device_size_bytes", *of] == 1 << 20
    assert got["zv_disk_reads_total", *of] == 3
    assert got["zv_disk_read_bytes_total", *of] == 2**63 + 5
    # its fake tells it of all devices, but a rng reads nothing
    assert ("zv_disk_reads_total", "device", "rng0", "zone", "z1") not in got
    read = "device", "disk0", "request", "read", "zone", "z1"
    name = "zv_disk_latency_seconds"
    assert got[f"{name}_count", *read] == sum(LATENCY["read"]["buckets"])
    assert got[f"{name}_sum", *read] == LATENCY["read"]["sum-ns"] / 1e9
    bound = {key[4]: value for key, value in got.items()
             if key[0] == f"{name}_bucket" and key[6] == "read"}
    assert len(bound) == 26
    assert [bound[le] for le in ("1e-06", "2e-06", "4e-06", "16.777216",
                                 "+Inf")] == [1, 1, 3, 3, 3]
    assert machine.io_log("z1").count(
        {"cmd": "counters", "device": "disk0"}) == 1


def test_screens_and_keys(machine, hvd):
    machine.inject("io-z1", 'counters={"bytes":5,"flushes":2,"events":7}')
    started(machine, hvd, devices=[
        {"type": "gpu"}, {"type": "input", "kind": "keyboard"}])
    hvd.call("zone.define", definition=machine.definition("off"))
    got = scrape(machine)
    assert got["zv_gpu_bytes_total", "device", "gpu0", "zone", "z1"] == 5
    assert got["zv_gpu_flushes_total", "device", "gpu0", "zone", "z1"] == 2
    assert got["zv_input_events_total", "device", "input0", "zone", "z1"] == 7
    assert got["zv_zone_viewers", "zone", "z1"] == 0
    assert got["zv_zone_display_restarts_total", "zone", "z1"] == 0
    assert ("zv_zone_viewers", "zone", "off") not in got
    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.connect(f"{machine.run_dir}/vnc/z1-0.sock")
        hvd.event("z1", "connected")
        assert scrape(machine)["zv_zone_viewers", "zone", "z1"] == 1
    os.kill(hvd.call("display.get", name="z1")["pid"], signal.SIGKILL)
    wait(lambda: scrape(machine)[
        "zv_zone_display_restarts_total", "zone", "z1"] == 1)


def test_all_counters_have_a_family():
    """What hvd-io can tell is found in /metrics."""
    families = (TOP / "toolstack/daemon/metrics_families.c").read_text()
    for kind in "disk", "net", "rng":
        source = (TOP / f"backends/io/dev_{kind}.c").read_text()
        body = source[source.index("static void counters("):]
        names = re.findall(r'\{ "([a-z-]+)", [a-z]', body)
        assert names
        for name in names:
            assert re.search(rf'ZONE_DEVICE_{kind.upper()},\s*"{name}",',
                             families), f"{kind}: {name}"


def test_every_family_is_documented(machine, hvd):
    with_devices(machine, hvd)
    page = (TOP / "docs/reference/metrics.md").read_text()
    families = {family.name for family in text_string_to_metric_families(
        ask(machine)[2].decode())}
    assert set(re.findall(r"^\| `(zv_[a-z_0-9]+)`", page, re.M)) == families


def test_of_the_daemon(machine, hvd):
    before = scrape(machine)
    for _ in range(5):
        hvd.call("hvd.version")
    others = [machine.client(readonly=True) for _ in range(3)]
    got = scrape(machine)
    assert got["zv_daemon_clients", "socket", "control"] == 1
    assert got["zv_daemon_clients", "socket", "readonly"] == 3
    assert got["zv_daemon_requests_total",] == \
        before["zv_daemon_requests_total",] + 5
    assert got["zv_daemon_resident_memory_bytes",] > 1 << 20
    assert got["zv_daemon_cpu_seconds_total",] > 0
    for client in others:
        client.close()


def test_without_a_hypervisor(machine):
    machine.inject("fail-open", "2")
    machine.start().close()
    got = scrape(machine)
    assert got["zv_up",] == 0
    assert ("zv_host_pcpus",) not in got
    machine.clear("fail-open")
    assert scrape(machine)["zv_up",] == 1


# -------------------------------------------------------------- who is slow

def test_a_hung_io_process_is_left_out(machine, hvd):
    machine.inject("io-z2", "ignore-counters")
    with_devices(machine, hvd)
    started(machine, hvd, "z2", devices=[disk_of(machine.disk("b.img"))])
    up = {("zv_device_up", "device", "disk0", "type", "disk", "zone", zone):
          alive for zone, alive in (("z1", 1), ("z2", 0))}
    for _ in range(2):
        begin = time.monotonic()
        got = scrape(machine)
        assert time.monotonic() - begin > 1.5
        assert {key: got[key] for key in up} == up
        assert ("zv_disk_reads_total", "device", "disk0",
                "zone", "z2") not in got
        assert got["zv_zone_cpu_seconds_total", "zone", "z2"] == 3
        # hvd serves others meanwhile and afterwards
        hvd.call("zone.get", name="z2")
    # it has one question to answer, not one for each scrape
    assert machine.io_log("z2").count(
        {"cmd": "counters", "device": "disk0"}) == 1
    # what ends while it is asked is no end of others
    sock = connect(machine)
    sock.sendall(GET)
    os.kill(hvd.call("zone.get", name="z2")["io"]["pid"], signal.SIGKILL)
    status, _, body = answer_of(sock)
    got = parse(body.decode())
    assert status == 200 and {key: got[key] for key in up} == up


def test_an_io_process_that_lies_hurts_no_scrape(machine, hvd):
    """A count never falls from one bucket to the next, whatever it tells."""
    most = 2**63 - 1
    machine.inject("io-z1", "counters=" + json.dumps(
        {"reads": most, "latency": {
            "read": {"sum-ns": most, "buckets": [most] * 32},
            "write": {"sum-ns": 0, "buckets": []},
            "": {"sum-ns": 1, "buckets": [0] * 25 + [most] * 3}}},
        separators=(",", ":")))
    with_devices(machine, hvd)
    got = scrape(machine)
    name = "zv_disk_latency_seconds_count"
    for request, count in (("read", 2**64 - 1), ("write", 0), ("", 2**64 - 1)):
        assert got[name, "device", "disk0", "request", request,
                   "zone", "z1"] == count


def test_hvd_stops_while_somebody_waits(machine, hvd):
    machine.inject("io-z1", "ignore-counters")
    started(machine, hvd, devices=[disk_of(machine.disk())])
    waiting = [connect(machine) for _ in range(3)]
    for sock in waiting:
        sock.sendall(GET)
    request = hvd.begin("device.counters", name="z1", device="disk0")
    assert request
    wait(lambda: {"cmd": "counters", "device": "disk0"}
         in machine.io_log("z1"))
    machine.stop()
    assert [sock.recv(100) for sock in waiting] == [b""] * 3
    assert not (machine.run_dir / "metrics.sock").exists()


def test_who_asks_at_once_is_told_the_same(machine, hvd):
    with_devices(machine, hvd)
    asked = [connect(machine) for _ in range(10)]
    for sock in asked:
        sock.sendall(GET)
    for sock in asked:
        status, _, body = answer_of(sock)
        assert status == 200
        parse(body.decode())


# ------------------------------------------------------------------ HTTP

def test_who_has_said_all_is_answered(machine, hvd):
    """Also who closes his side behind the request, as with a pipe into nc."""
    for ignore in False, True:
        if ignore:
            machine.inject("io-z1", "ignore-counters")  # the answer takes a while
        with_devices(machine, hvd)
        sock = connect(machine)
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert answer_of(sock)[0] == 200
        hvd.call("zone.destroy", name="z1")
    sock = connect(machine)
    sock.sendall(GET[:-2])
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(100) == b""
    sock.close()


def test_socket_is_everybodys(machine, hvd):
    mode = (machine.run_dir / "metrics.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o666 == stat.S_IMODE(
        (machine.run_dir / "hvd-ro.sock").stat().st_mode)


def test_answers(machine, hvd):
    status, headers, body = ask(machine, GET.replace(b"GET", b"HEAD"))
    assert status == 200 and headers["Content-Type"] == TYPE and not body
    assert int(headers["Content-Length"]) > 1000
    for request, wanted in (
            (GET.replace(b"/metrics", b"/"), 404),
            (GET.replace(b"GET", b"POST"), 405),
            (GET.replace(b"1.1", b"3.0"), 505),
            (GET.replace(b"Host", b"H st"), 400),
            (b"\x16\x03\x01\x02\r\n\r\n", 400),
            (GET.replace(b"x\r", b"x" * 9000 + b"\r"), 431)):
        status, headers, body = ask(machine, request)
        assert status == wanted, request
        assert headers["Content-Type"].startswith("text/plain")
        assert int(headers["Content-Length"]) == len(body) > 3
        assert ("Allow" in headers) == (wanted == 405)
    # a pipelined request is not answered, and takes no answer with it
    status, _, body = ask(machine, GET * 100)
    assert status == 200 and body.endswith(b"# EOF\n")
    assert ask(machine, GET.replace(b"1.1", b"1.0"))[0] == 200


def test_byte_by_byte(machine, hvd):
    sock = connect(machine)
    for byte in GET:
        sock.sendall(bytes([byte]))
    assert answer_of(sock)[0] == 200


def test_tcp(machine):
    port = free_port()
    machine.start("--metrics-listen", f"127.0.0.1:{port}").close()
    assert ask(machine, port=port)[0] == 421  # a name, as of a page's own host
    local = GET.replace(b": x", b": localhost:%d" % port)
    status, _, body = ask(machine, local, port)
    assert status == 200 and parse(body.decode())["zv_up",] == 1
    assert scrape(machine)["zv_up",] == 1
    listening = [line.split()[1] for line in
                 pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
                 if line.split()[3] == "0A"]
    assert [address for address in listening
            if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize("address", ["0.0.0.0:9101", "192.168.0.1:9101",
                                     "127.0.0.1", "[::]:9101", "x:1"])
def test_only_loopback(address):
    done = subprocess.run([HVD, "--metrics-listen", address],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "loopback" in done.stderr and "127.0.0.1:" in done.stderr


def test_a_port_in_use_is_no_end_of_hvd(machine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        machine.start("--metrics-listen", f"127.0.0.1:{port}").close()
        assert scrape(machine)["zv_up",] == 1
    assert "--metrics-listen" in machine.text()
    assert "address already in use" in machine.text()


# -------------------------------------------------------------- bad clients

def test_garbage_hurts_its_sender_only(machine, hvd):
    rng = random.Random(4)
    for _ in range(150):
        sock = connect(machine)
        if rng.random() < 0.5:
            data = rng.randbytes(rng.choice([1, 100, 9000, 200000]))
        else:
            mutant = bytearray(GET)
            for _ in range(rng.randrange(1, 5)):
                mutant[rng.randrange(len(mutant))] = rng.randrange(256)
            data = bytes(mutant) + rng.randbytes(rng.choice([0, 0, 50]))
        try:
            sock.sendall(data)
            if rng.random() < 0.5:
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
        except (BrokenPipeError, ConnectionResetError):
            pass
        sock.close()
    assert scrape(machine)["zv_up",] == 1
    hvd.call("hvd.version")


def test_crowds_are_bounded(machine, hvd):
    """Nor does anybody keep his place for ever, who says nothing or does not take
    what he has asked for."""
    for number in range(1000):
        hvd.call("zone.define",
                 definition=machine.definition(f"zone-number-{number}"))
    crowd = [connect(machine) for _ in range(CLIENTS)]
    slow = crowd.pop(0)  # its time is over before that of the others
    slow.sendall(GET)
    head = slow.recv(200)
    size = int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert size > 1 << 19  # more than a socket takes
    refused = [connect(machine) for _ in range(REFUSED)]
    assert [answer_of(sock)[0] for sock in refused] == [503] * REFUSED
    hvd.call("hvd.version")
    crowd.pop().close()
    wait(lambda: ask(machine)[0] == 200)
    begin = time.monotonic()
    for sock in crowd:
        assert sock.recv(10) == b""
        sock.close()
    assert time.monotonic() - begin < 15
    got = len(head)
    while data := slow.recv(65536):
        got += len(data)
    slow.close()
    assert got < size
    assert scrape(machine)["zv_up",] == 1
