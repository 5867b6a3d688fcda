# SPDX-License-Identifier: BSD-2-Clause
"""Debian's libvirt clients in zone0, as they are, and the real hypervisor.

virsh, the Python binding and the exporter run in the Debian's root (chroot /mnt);
what they say is held to what hvsh says.
"""
import pathlib
import re
import shlex

import pytest

from debian import (BOOT_LIMIT, IMAGES, NEEDED, ROOT, TAKE_TOOLS, disk,
                    start_network)
from machine import CTRL_RBRACKET, OFF, Machine

pytestmark = pytest.mark.skipif(not ROOT.exists(), reason=NEEDED)

IN_DEBIAN = "chroot /mnt env HOME=/tmp LC_ALL=C.UTF-8"
VIRSH = f"{IN_DEBIAN} virsh -c hvd:///system"
READ_ONLY = "hvd:///system?socket=/run/libvirt/virthvdd-sock-ro"
LIFE = pathlib.Path(__file__).with_name("virt_life.py")
RUNNING = 1  # VIR_DOMAIN_RUNNING
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def document(name, more="", devices=""):
    """Of a bare-metal guest that waits for its power key."""
    return f"""<domain type='hvd'><name>{name}</name>{more}
<memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type>hvm</type><kernel>{IMAGES}/tests/zvtest.bin</kernel>
<cmdline>mode=hello</cmdline></os>
<on_crash>destroy</on_crash>
<devices>{devices}</devices></domain>"""


WEB = document("web", f"<uuid>{UUID}</uuid>", """
<disk type='file' device='disk'><source file='/tmp/web.img'/>
<target dev='vda' bus='virtio'/></disk>
<interface type='user'><mac address='52:54:00:00:00:01'/>
<model type='virtio'/></interface>""")
LINUX = f"""<domain type='hvd'><name>linux</name>
<memory unit='MiB'>128</memory><vcpu>2</vcpu>
<os><type>hvm</type><kernel>{IMAGES}/vmlinuz</kernel>
<initrd>{IMAGES}/linux-guest.cpio.gz</initrd>
<cmdline>console=hvc0 quiet</cmdline></os>
<devices><console type='pty'><target type='virtio'/></console>
<disk type='file' device='disk'><source file='/tmp/linux.img'/>
<target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><source bridge='lan'/><driver name='qemu'/></interface>
</devices></domain>"""
SIZE = 8 << 20  # of its disk
FILES = {"web.xml": WEB, "gone.xml": document("gone"), "life.xml": document("life"),
         "linux.xml": LINUX, "bad.xml": document("bad", "<color>red</color>"),
         "life.py": LIFE.read_text(encoding="utf-8")}


@pytest.fixture(scope="module")
def machine():
    with Machine("virt", extra=disk("tools")) as m:
        m.login()
        m.wait_until(lambda: m.try_run("test -b /dev/vda")[0] == 0,
                     "zone0 sees the disk")
        m.run(TAKE_TOOLS.format("/dev/vda"))
        m.run("mount -t tmpfs none /mnt/run && mkdir /mnt/run/libvirt &&"
              " mount -o bind /run/libvirt /mnt/run/libvirt &&"
              " mount -o bind /proc /mnt/proc &&"
              " mount -o bind /dev/pts /mnt/dev/pts &&"
              " truncate -s 1M /tmp/web.img /tmp/web2.img &&"
              f" truncate -s {SIZE} /tmp/linux.img")
        start_network(m)
        for name, text in FILES.items():
            m.run(f"printf '%s' {shlex.quote(text)} >/mnt/tmp/{name}")
        yield m


def virsh(machine, words, status=0):
    """What it prints; of a failure, its complaint."""
    got, text = machine.try_run(f"{VIRSH} {words}")
    assert got == status, text
    return text


def facts(text):
    """{left: right} of lines with a colon."""
    return dict(re.split(r":\s*", line, maxsplit=1)
                for line in text.strip().splitlines() if ":" in line)


# What hvsh must say afterwards: a path in `hvsh info web --json`, and a value.
UNCHANGED = None

NEXT = "next-row"

# Of one domain, from its definition to its end.
ROWS = [
    # the machine
    ("uri", r"hvd:///system", UNCHANGED),
    ("version", r"Running hypervisor: Zonevisor", UNCHANGED),
    ("hostname", r"zone0", UNCHANGED),
    ("capabilities", r"<arch name='aarch64'>", UNCHANGED),
    ("domcapabilities", r"<domain>hvd</domain>", UNCHANGED),
    ("maxvcpus", r"32", UNCHANGED),
    ("sysinfo", r"<entry name='product'>linux,dummy-virt</entry>", UNCHANGED),
    ("nodecpustats", r"idle: +\d", UNCHANGED),
    ("freecell", r"\d+ KiB", UNCHANGED),
    ("nodememstats", r"total *: *\d+ KiB", UNCHANGED),
    ("nodecpumap", r"CPU map: *yyyy", UNCHANGED),
    ("net-list --all", r"default +active", UNCHANGED),
    ("pool-list --all", r"default +active", UNCHANGED),
    ("vol-list default", r"vmlinuz", UNCHANGED),
    ("iface-list", r"", UNCHANGED),
    ("nodedev-list", r"", UNCHANGED),
    ("nwfilter-list", r"", UNCHANGED),
    ("secret-list", r"", UNCHANGED),
    # its definition
    ("define /tmp/web.xml", r"Domain 'web' defined from /tmp/web.xml",
     ("state", OFF)),
    ("define --validate /tmp/web.xml", r"defined", ("state", OFF)),
    ("domuuid web", UUID, UNCHANGED),
    (f"domname {UUID}", "web", UNCHANGED),
    ("domid web", "-", UNCHANGED),
    ("domstate web", "shut off", UNCHANGED),
    ("list --all --title", r"-\s+web\s+shut off", UNCHANGED),
    ("domxml-to-native hvd web", None, UNCHANGED),
    ("dumpxml web", r"<source file='/tmp/web.img'/>", UNCHANGED),
    ("domblklist web", r"vda +/tmp/web.img", UNCHANGED),
    ("domiflist web", r"user +.*virtio +52:54:00:00:00:01", UNCHANGED),
    ("domif-getlink web 52:54:00:00:00:01", r"up", UNCHANGED),
    ("desc web --title 'The web'", r"updated", ("definition.title", "The web")),
    ("desc web --title", "The web", UNCHANGED),
    ("list --all --title", r"web +shut off +The web", UNCHANGED),
    ("autostart web", r"marked", ("definition.autostart", True)),
    ("autostart --disable web", r"unmarked", ("definition.autostart", False)),
    ("setmaxmem web 32M --config", r"", ("definition.memory", "32M")),
    ("setvcpus web 2 --maximum --config", r"", UNCHANGED),
    ("vcpucount web --maximum --config", r"2", UNCHANGED),
    ("setvcpus web 1 --maximum --config", r"", UNCHANGED),
    ("vcpupin web 0 1 --config", r"", ("definition.cpus", [1])),
    ("attach-disk web /tmp/web2.img vdb --config", r"attached",
     ("definition.devices.2.path", "/tmp/web2.img")),
    ("detach-disk web vdb --config", r"detached",
     ("definition.devices.2", None)),
    ("metadata web urn:a --key a --set '<x/>'", r"",
     ("definition.metadata", {"urn:a": '<a:x xmlns:a="urn:a"/>'})),
    ("metadata web urn:a --remove", r"", UNCHANGED),
    ("schedinfo web --config --set priority=9", r"priority *: 9",
     ("definition.priority", 9)),
    ("domjobinfo web", None, UNCHANGED),
    ("domblkstat web", None, UNCHANGED),
    # it runs
    ("start --paused web", r"started", ("state", "paused")),
    ("domstate --reason web", r"paused \(\w+", UNCHANGED),
    ("resume web", r"resumed", ("state", "running")),
    ("start web", None, ("state", "running")),
    ("list", r"\d+\s+web\s+running", UNCHANGED),
    ("dominfo web", r"State: +running", UNCHANGED),
    ("domcontrol web", r"ok", UNCHANGED),
    ("domjobinfo web", r"Job type: *None", UNCHANGED),
    ("vcpupin web 0 2", r"", ("info.pcpus", [2])),
    ("vcpupin web", r"0 +2", UNCHANGED),
    ("vcpuinfo web", r"CPU: +2\s", UNCHANGED),
    ("vcpucount web", r"current +live +1", UNCHANGED),
    ("memtune web", r"hard_limit *: unlimited", UNCHANGED),
    ("schedinfo web --live", r"Scheduler *: priority", UNCHANGED),
    ("setvcpus web 1 --live", r"", ("info.vcpus_on", 1)),
    ("domstats web", r"cpu.time=[1-9]", UNCHANGED),
    ("cpu-stats web --total", r"cpu_time +\d+\.\d+ seconds", UNCHANGED),
    ("dommemstat web", r"actual 32768", UNCHANGED),
    ("domblkstat web vda", r"vda rd_req \d+", UNCHANGED),
    ("domblkinfo web vda", r"Capacity: +1048576", UNCHANGED),
    ("domblkerror web", r"No errors found|^\s*$", UNCHANGED),
    ("domifstat web 52:54:00:00:00:01", r"rx_bytes \d+", UNCHANGED),
    ("blkdeviotune web vda --total-iops-sec 500", r"",
     ("definition.devices.0.limits.total-iops-sec", 500)),
    ("blkdeviotune web vda", r"total_iops_sec *: 500", UNCHANGED),
    ("domif-setlink web 52:54:00:00:00:01 down", r"updated",
     ("definition.devices.1.link", False)),
    ("domif-setlink web 52:54:00:00:00:01 up", r"updated", UNCHANGED),
    ("attach-disk web /tmp/web2.img vdb", None, UNCHANGED),
    ("domifaddr web --source arp", r"", UNCHANGED),
    ("setmem web 16M", None, UNCHANGED),
    ("suspend web", r"suspended", ("state", "paused")),
    ("resume web", r"resumed", ("state", "running")),
    ("dump web /tmp/web.core", r"dumped to /tmp/web.core", ("state", "running")),
    ("reset web", r"reset", ("state", "running")),
    ("reboot web", r"reboot", ("state", "running")),
    ("destroy web --graceful", r"destroyed", ("state", OFF)),
    ("destroy web", None, ("state", OFF)),
    ("domrename web web2", r"renamed", UNCHANGED),
    ("domrename web2 web", r"renamed", ("state", OFF)),
    # what is wrong, or is not there
    ("define /tmp/bad.xml", None, UNCHANGED),
    ("dominfo nobody", None, UNCHANGED),
    ("save web /tmp/s", None, UNCHANGED),
    ("snapshot-list web", r"", UNCHANGED),
]
COMPLAINTS = {
    "start web": "already active|already running",
    "destroy web": "not running",
    "domblkstat web": "not running",
    "domjobinfo web": "not running",
    "setmem web 16M": "",
    "define /tmp/bad.xml": "color",
    "attach-disk web /tmp/web2.img vdb": "use --config",
    "dominfo nobody": "failed to get domain 'nobody'",
}


def at(value, path):
    for step in path.split("."):
        if value is None:
            return None
        if step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step)
    return value


def batches(rows):
    """Rows up to one after which hvsh is asked: a virsh each, as its start takes
    longest."""
    batch = []
    for row in rows:
        batch.append(row)
        if row[2] is not UNCHANGED:
            yield batch
            batch = []
    yield batch


def wrong(words, answer, said):
    """What is wrong about a row, or None. The status of a virsh that is given many
    is that of the last."""
    failed = re.search("^error:", said, re.M)
    if bool(failed) != (answer is None):
        return f"virsh {words}: {said}"
    if answer is None:
        answer = COMPLAINTS.get(words, "error:")
    if not re.search(answer, said):
        return f"virsh {words}: does not say {answer}: {said}"
    return None


def wrongs(machine, batch):
    line = f"; echo {NEXT}; ".join(words for words, _, _ in batch)
    _, text = machine.try_run(f"{VIRSH} {shlex.quote(line)}")
    told = text.split(f"{NEXT}\n")
    if len(told) != len(batch):
        return [f"virsh '{line}': {text}"]
    found = [wrong(words, answer, said)
             for (words, answer, _), said in zip(batch, told)]
    words, _, expected = batch[-1]
    if expected is not UNCHANGED:
        path, value = expected
        if path == "state":
            machine.wait_state("web", value)
        got = at(machine.zone("web"), path)
        found.append(None if got == value else
                     f"virsh {words}: {path} is {got}")
    return [what for what in found if what]


def test_commands(machine):
    failures = [what for batch in batches(ROWS)
                for what in wrongs(machine, batch)]
    assert not failures, "\n".join(failures)


def test_numbers_are_hvshs(machine):
    node = facts(virsh(machine, "nodeinfo"))
    host = machine.json("hvsh host --json")
    total, free = (f"{host['memory'][which] // 1024} KiB"
                   for which in ("total", "free"))
    assert int(node["CPU(s)"]) == host["pcpus"]
    assert node["Memory size"] == total
    assert facts(virsh(machine, "freecell"))["Total"] == free
    stats = facts(virsh(machine, "nodememstats"))
    assert [value.strip() for value in stats.values()] == [total, free]
    cpus = facts(virsh(machine, "nodecpumap"))
    assert cpus["CPUs present"] == cpus["CPUs online"] == str(host["pcpus"])
    assert f"Zonevisor {host['version']}\n" in virsh(machine, "version")
    info = facts(virsh(machine, "dominfo web"))
    assert info["UUID"] == machine.zone("web")["uuid"] == UUID
    assert info["Max memory"] == "32768 KiB" and info["Persistent"] == "yes"
    assert machine.run("head -c 4 /tmp/web.core").endswith("ELF")


def test_edit(machine):
    machine.run("printf '#!/bin/sh\\nsed -i s/mode=hello/mode=tick/ \"$1\"\\n'"
                " >/mnt/tmp/editor && chmod +x /mnt/tmp/editor")
    status, text = machine.try_run(
        VIRSH.replace("HOME=/tmp", "HOME=/tmp EDITOR=/tmp/editor")
        + " edit web")
    assert status == 0 and "XML configuration edited" in text, text
    assert machine.zone("web")["definition"]["cmdline"] == "mode=tick"
    # What was given out is taken, and is the same again.
    machine.run(f"{VIRSH} dumpxml web >/mnt/tmp/again.xml")
    virsh(machine, "define /tmp/again.xml")
    assert virsh(machine, "dumpxml web") == \
        machine.run("cat /mnt/tmp/again.xml")
    virsh(machine, "define /tmp/web.xml")


def test_events_and_shutdown(machine):
    """A watcher hears of all that happens, once, in its order."""
    machine.run(f"{VIRSH} event --domain web --all --loop --timeout 200"
                " >/tmp/events 2>&1 & echo $! >/tmp/watcher")

    def heard():
        virsh(machine, "define /tmp/web.xml")
        return "Defined" in machine.run("cat /tmp/events")

    machine.wait_until(heard, "the watcher listens")
    virsh(machine, "start web")
    virsh(machine, "suspend web")
    virsh(machine, "resume web")
    virsh(machine, "reboot web")
    machine.wait_until(
        lambda: "event 'reboot'" in machine.run("cat /tmp/events"),
        "the watcher hears of the reboot")
    virsh(machine, "shutdown web")
    machine.wait_state("web", OFF)
    words = ("Started Booted", "Suspended Paused", "Resumed Unpaused",
             "Stopped Shutdown")
    machine.wait_until(
        lambda: all(word in machine.run("cat /tmp/events") for word in words),
        "the watcher hears of it")
    text = machine.run("cat /tmp/events")
    places = [text.index(word) for word in words]
    assert places == sorted(places), text
    machine.run("kill $(cat /tmp/watcher)")


def test_read_only(machine):
    """By the socket for everybody: it may look."""
    assert re.search(r"web +shut off", virsh(machine, "-r list --all"))
    assert "read only" in virsh(machine, "-r start web", 1)
    assert machine.state("web") == OFF


def test_transient_domain(machine):
    virsh(machine, "create /tmp/gone.xml")
    assert "no" in facts(virsh(machine, "dominfo gone"))["Persistent"]
    assert machine.state("gone") == "running"
    virsh(machine, "undefine gone", 1)
    virsh(machine, "destroy gone")
    machine.wait_until(lambda: "gone" not in machine.zones(), "it is gone")


def test_python_binding(machine):
    text = machine.run(
        f"{IN_DEBIAN} sh -c 'python3 /tmp/life.py </tmp/life.xml'", 300)
    assert "alive no more" in text
    assert "life" not in machine.zones()


def test_console(machine):
    """From the start on, both ways, and left with Ctrl-]."""
    virsh(machine, "define /tmp/linux.xml")
    machine.send(f"{VIRSH} start linux --console; echo le''ft=$?\n")
    machine.expect("Escape character is", BOOT_LIMIT)
    machine.send("\r")
    machine.expect("# ", BOOT_LIMIT)
    machine.send("echo $((6*7000+1))\r")
    machine.expect("42001")
    # What the numbers below are of.
    machine.send("dd if=/dev/vda of=/dev/null bs=1M && ip link set eth0 up &&"
                 " udhcpc -i eth0 -q -n && echo us''ed\r")
    machine.expect("used", BOOT_LIMIT)
    machine.send(CTRL_RBRACKET)
    machine.expect(r"left=0\r?\n")
    machine.run("stty -echo -F /dev/ttyAMA0")


def counted(machine):
    """What hvd knows of the Linux, by the names that clients use."""
    drive = machine.json("hvsh counters linux vda --json")
    net = machine.json("hvsh counters linux net0 --json")
    return {"rd_req": drive["reads"], "rd_bytes": drive["read-bytes"],
            "wr_req": drive["writes"], "wr_bytes": drive["write-bytes"],
            "rx_bytes": net["rx-bytes"], "rx_packets": net["rx-packets"],
            "tx_bytes": net["tx-bytes"], "tx_packets": net["tx-packets"],
            "cpu.time": machine.zone("linux")["info"]["cpu_time_ns"]}


def are_between(before, told, after):
    """The Linux goes on while it is asked about."""
    for name, value in told.items():
        assert before[name] <= value <= after[name], \
            f"{name}: {before[name]} <= {value} <= {after[name]}"


@pytest.mark.parametrize("words, names", [
    ("domblkstat linux vda", ("rd_req", "rd_bytes", "wr_req", "wr_bytes")),
    ("domifstat linux net0",
     ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")),
    ("domstats linux --cpu-total", ("cpu.time",))])
def test_statistics_are_hvshs(machine, words, names):
    before = counted(machine)
    assert before["rd_bytes"] >= SIZE and before["tx_packets"] > 0
    text = virsh(machine, words)
    are_between(before, {
        name: int(re.search(rf"\b{re.escape(name)}[ =](\d+)", text).group(1))
        for name in names}, counted(machine))


def test_virthvdd_is_killed(machine):
    """It keeps nothing: domains go on, and a client goes on with the next one."""
    before = machine.zone("linux")
    machine.run("(until hvsh list | grep -q 'linux *paused'; do sleep .1; done;"
                f" kill -9 $(pidof virthvdd); until {VIRSH} uri;"
                " do sleep .1; done; echo another o''ne) >/dev/ttyAMA0 2>&1 &")
    machine.send(f"{VIRSH}; echo le''ft=$?\n")
    machine.expect("virsh # ")
    machine.send("suspend linux\n")
    machine.expect("another one")
    machine.send("resume linux\n")
    machine.expect("Domain 'linux' resumed")
    machine.send("quit\n")
    machine.expect(r"left=0\r?\n")
    machine.run("stty -echo -F /dev/ttyAMA0")
    after = machine.zone("linux")
    assert (after["id"], after["io"]["pid"]) == \
        (before["id"], before["io"]["pid"])
    assert re.search(r"linux\s+running", virsh(machine, "list"))


def test_exporter(machine):
    """As the user that Debian's service has, who may only read."""
    machine.run(
        "chroot /mnt /usr/bin/setpriv --reuid prometheus --regid prometheus"
        " --clear-groups /usr/bin/prometheus-libvirt-exporter --libvirt.uri"
        f" {READ_ONLY} --web.listen-address 127.0.0.1:9177"
        " >/tmp/exporter.log 2>&1 & echo $! >/tmp/exporter")
    machine.wait_until(
        lambda: machine.try_run("wget -qO /dev/null"
                                " http://127.0.0.1:9177/metrics")[0] == 0,
        "the exporter serves")
    before = counted(machine)
    text = machine.run("wget -qO - http://127.0.0.1:9177/metrics |"
                       " grep ^libvirt; cat /tmp/exporter.log")
    after = counted(machine)
    assert re.search(r"^libvirt_up 1", text, re.M), text
    got = {name: float(value) for name, value in re.findall(
        r'^libvirt_domain_(\w+)\{domain="linux".*\} (\S+)$', text, re.M)}
    zone = machine.zone("linux")
    assert got["info_maximum_memory_bytes"] == \
        got["info_memory_usage_bytes"] == zone["memory"]
    assert got["info_virtual_cpus"] == zone["vcpus"]
    assert got["state_code"] == RUNNING
    are_between(before, {
        "rd_req": got["block_stats_read_requests_total"],
        "rd_bytes": got["block_stats_read_bytes_total"],
        "wr_bytes": got["block_stats_write_bytes_total"],
        "rx_bytes": got["interface_stats_receive_bytes_total"],
        "tx_packets": got["interface_stats_transmit_packets_total"],
        "cpu.time": round(got["info_cpu_time_seconds_total"] * 1e9)}, after)
    machine.run("kill $(cat /tmp/exporter)")


def test_undefine(machine):
    virsh(machine, "destroy linux")
    machine.wait_state("linux", OFF)
    for name in ("linux", "web"):
        assert "undefined" in virsh(machine, f"undefine {name}")
    assert not {"linux", "web"} & set(machine.zones())
