# SPDX-License-Identifier: BSD-2-Clause
"""Stock Linux zones: the main job, and the death of every process."""
import pytest

from machine import OFF

BOOT_LIMIT = 400


@pytest.fixture
def two(machine):
    """linux1 and linux2 at their prompts."""
    for name in ("linux1", "linux2"):
        if machine.state(name) != "running":
            machine.start(name)
    for name in ("linux1", "linux2"):
        at_prompt(machine, name)
    yield machine


def at_prompt(machine, name):
    machine.talk(name, BOOT_LIMIT)


def ask(machine, name, command, answer, timeout=120):
    with machine.console(name, device="console0", options="--from end"):
        machine.send(command + "\r")
        return machine.expect(answer, timeout)


def test_two_zones_beside_zone0(two):
    zones = two.zones()
    assert zones["linux1"]["state"] == zones["linux2"]["state"] == "running"
    for name in ("linux1", "linux2"):
        cpus = int(ask(two, name, "echo cpus=$(nproc)",
                       r"cpus=(\d+)").group(1))
        assert cpus == zones[name]["vcpus"]


def test_doctor_finds_nothing(two):
    """As zone0's image comes, all is there that zones need."""
    found = {f["check"]: f for f in two.json("hvsh doctor --json")}
    assert {c: f["level"] for c, f in found.items() if f["level"] == "bad"
            } == {}
    assert found["module"]["level"] == found["hypervisor"]["level"] == "ok"
    assert found["versions"]["level"] == found["user"]["level"] == "ok"
    assert found["zones"]["level"] == "ok"


def test_the_shell_completes(two):
    """hvsh's words, in the shell that is there for people."""
    assert two.run("bash -lc 'COMP_WORDS=(hvsh start lin) COMP_CWORD=2; complete"
                   " -p hvsh && _hvsh hvsh; echo ${COMPREPLY[@]}'").split() == \
        "complete -F _hvsh hvsh linux1 linux2".split()


def test_io_processes_are_unprivileged(two):
    """The user is zone0's hvd-io; everything else has been given up."""
    for name in ("linux1", "linux2"):
        pid = two.zone(name)["io"]["pid"]
        text = two.run(f"cat /proc/{pid}/status")
        status = {key: value.split() for key, _, value in
                  (line.partition(":") for line in text.splitlines())}
        assert status["Uid"] == status["Gid"] == ["990"] * 4
        assert status["Groups"] == []
        for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[key][0], 16) == 0, key
        assert status["NoNewPrivs"] == ["1"]
        assert status["Seccomp"] == ["2"]
        assert two.run(f"ls -A /proc/{pid}/root") == ""
        for space in ("mnt", "net", "ipc", "uts"):
            own, its = (two.run(f"readlink /proc/{whose}/ns/{space}")
                        for whose in ("self", pid))
            assert own != its


def test_console_shows_what_was_missed(two):
    ask(two, "linux1", "(sleep 3; echo mis''sed-line) &", r"\]")
    with two.console("linux1", device="console0"):
        two.expect("missed-line")
    with two.console("linux1", device="console0"):
        two.expect("missed-line")


def test_idle_machine_is_idle(two):
    """Two zones at their prompts: their timers, and nothing that polls."""
    def look():
        counters = {n: two.json(f"hvsh counters {n} --json")
                    for n in ("linux1", "linux2")}
        wakeups = two.run("for p in $(pidof hvd-io); do"
                          " grep ^volun /proc/$p/status; done")
        return counters, wakeups

    two.run("sleep 10", timeout=300)  # the shells' last output settles
    before, io_before = look()
    two.run("sleep 10", timeout=300)
    after, io_after = look()
    assert io_before and io_before == io_after
    for name, zone in before.items():
        grown = {k: after[name][k] - zone[k]
                 for k in ("forwarded", "doorbells", "posted",
                           "events_raised")}
        assert not any(grown.values()), grown
        exits = (sum(after[name]["exits"].values()) -
                 sum(zone["exits"].values()))
        # Less than half the rate of a kernel's tick on each vCPU.
        assert 0 < exits < 10 * 125 * two.zones()[name]["vcpus"]


def test_pause_and_resume(two):
    two.run("hvsh pause linux1")
    assert two.state("linux1") == "paused"
    at_prompt(two, "linux2")
    two.run("hvsh resume linux1")
    at_prompt(two, "linux1")


def test_kill_hvd(two):
    """The zones go on; hvd comes back, lists them, and serves them."""
    pid = two.run("pidof hvd").split()[0]
    ids = {n: two.zone(n)["id"] for n in ("linux1", "linux2")}
    two.run(f"kill -9 {pid}")
    two.wait_until(
        lambda: two.try_run("hvsh list --json")[0] == 0 and
        two.run("pidof hvd").split()[0] != pid, "hvd is back")
    two.wait_until(lambda: two.state("linux1") == "running", "linux1 listed")
    assert {n: two.zone(n)["id"] for n in ids} == ids
    for name in ids:
        at_prompt(two, name)


def test_kill_io_processes(two):
    """Consoles work again without a reboot, and lose nothing."""
    ask(two, "linux1", "touch /tmp/not-rebooted", r"# ")
    for _ in range(3):
        pids = {n: two.zone(n)["io"]["pid"] for n in ("linux1", "linux2")}
        two.run("kill -9 " + " ".join(str(p) for p in pids.values()))
        for name, pid in pids.items():
            two.wait_until(
                lambda: two.zone(name)["io"]["pid"] not in (0, None, pid),
                "a new I/O process")
            at_prompt(two, name)
    ask(two, "linux1", "ls /tmp/not-reb*", "/tmp/not-rebooted")


def test_console_survives_io_restart(two):
    """An attached hvsh reconnects by itself."""
    pid = two.zone("linux1")["io"]["pid"]
    two.run(f"(usleep 4000000; kill -9 {pid}) >/dev/null 2>&1 &")
    with two.console("linux1", device="console0", options="--from end"):
        two.send("sleep 8; echo aft''er-$((40+2))\r")
        two.expect("after-42", 300)


def test_reboot_from_inside(two):
    ask(two, "linux1", "touch /tmp/not-rebooted", r"# ")
    ask(two, "linux1", "reboot", "This is linux1, a zone", BOOT_LIMIT)
    assert two.state("linux1") == "running"
    at_prompt(two, "linux1")
    ask(two, "linux1", "ls /tmp/not-reb* 2>&1", "No such file")


def test_power_off_from_inside(two):
    with two.console("linux2", device="console0", options="--from end"):
        two.send("poweroff\r")
    two.wait_state("linux2", OFF)


def test_shutdown_while_it_boots(machine):
    """It does not listen to its power key yet."""
    if machine.state("linux2") != OFF:
        machine.destroy("linux2")
    machine.start("linux2")
    machine.run("hvsh shutdown linux2 --timeout 300", 400)
    assert machine.state("linux2") == OFF


def test_panic_is_contained(two):
    ask(two, "linux1", "echo 1 >/proc/sys/kernel/panic; "
        "echo c >/proc/sysrq-trigger", "This is linux1, a zone", BOOT_LIMIT)
    assert two.state("linux1") == "running"
    at_prompt(two, "linux1")
    at_prompt(two, "linux2")


@pytest.mark.parametrize("round_", range(3))
def test_life_cycle(machine, round_):
    for name in ("linux1", "linux2"):
        if machine.state(name) != OFF:
            machine.destroy(name)
    before = machine.free_bytes()
    machine.start("linux1")
    at_prompt(machine, "linux1")
    machine.start("linux2")
    machine.run("hvsh shutdown linux1")
    machine.wait_state("linux1", OFF, 300)
    at_prompt(machine, "linux2")
    machine.run("hvsh destroy linux2")
    machine.wait_state("linux2", OFF)
    assert machine.free_bytes() == before


# ------------------------------------------------------ a network in user mode

IMAGES = "/var/lib/hvd/images"
LEASE = "udhcpc -n -q -i eth0; ip -4 -o addr show eth0"
BIG = "dd if=/dev/urandom of=/tmp/www/big bs=64k count=10 2>/dev/null"


@pytest.fixture(scope="module")
def user(machine):
    """A zone with such a network, and servers at both ends of it."""
    machine.run(f"mkdir -p /tmp/www && echo from-zone''0 >/tmp/www/word && {BIG}"
                " && httpd -p 127.0.0.1:8080 -h /tmp/www")
    machine.define("user", memory="256M", kernel=f"{IMAGES}/vmlinuz",
                   initrd=f"{IMAGES}/linux-guest.cpio.gz",
                   cmdline="console=hvc0 zv.name=user quiet",
                   devices=[{"type": "console"},
                            {"type": "net", "user": True, "forward": [
                                {"port": 8081, "to": 80,
                                 "address": "127.0.0.1"}]}])
    machine.start("user")
    at_prompt(machine, "user")
    assert ask(machine, "user", LEASE, r"inet ([\d.]+/\d+)").group(1) == \
        "10.0.2.15/24"
    ask(machine, "user", f"mkdir /tmp/www; {BIG}; httpd -p 80 -h /tmp/www;"
        " echo serv''ing", "serving")
    return machine


def passts(machine):
    return machine.try_run("pidof passt")[1].split()


def fetches(machine):
    """From zone0's loopback, by a new connection."""
    fetch = "wget -q -O - http://10.0.2.2:8080/word 2>/dev/null"
    ask(machine, "user", f"until {fetch}; do sleep 1; done", "from-zone0",
        BOOT_LIMIT)


def test_user_network_carries_both_ways(user):
    """More than the buffers on the way hold."""
    there = user.run("md5sum </tmp/www/big").split()[0]
    ask(user, "user", "wget -q -O - http://10.0.2.2:8080/big | md5sum", there,
        BOOT_LIMIT)
    there = ask(user, "user", "md5sum </tmp/www/big",
                r"([0-9a-f]{32})").group(1)
    assert there in user.run("wget -q -O - http://127.0.0.1:8081/big | md5sum",
                             BOOT_LIMIT)


def test_user_network_pings(user):
    """What zone0 can reach, for example an address of its own."""
    user.run("ip addr add 10.9.9.9/32 dev lo")
    assert ask(user, "user", "ping -c 5 -W 20 10.9.9.9 | grep packets",
               r"(\d+) packets received", BOOT_LIMIT).group(1) == "5"


def test_passt_is_unprivileged(user):
    pid, = passts(user)
    status = user.run(f"cat /proc/{pid}/status")
    for line in ("Uid:\t990", "Gid:\t990", "CapEff:\t0000000000000000",
                 "Seccomp:\t2"):
        assert line in status
    assert user.run(f"ls -A /proc/{pid}/root") == ""


def test_user_network_survives_kills(user):
    """Of passt, of the I/O process and of hvd: there is a new passt each time,
    and one only."""
    for victim in ("passt", "hvd-io", "hvd"):
        before = passts(user)
        user.run(f"kill -9 $(pidof {victim})")
        user.wait_until(lambda: user.try_run("hvsh list")[0] == 0, "hvd")
        # The last one may carry the guest until it hears that it is over.
        user.wait_until(lambda: len(passts(user)) == 1 and
                        passts(user) != before, "another passt")
        fetches(user)
        assert user.zone("user")["devices"][1]["state"] == "ok"


def test_user_network_cable(user):
    user.run("hvsh set user net0 link=down")
    carrier = "cat /sys/class/net/eth0/carrier; echo e''nd"
    ask(user, "user", carrier, r"\b0\r\n.*end")
    user.run("hvsh set user net0 link=up limits.rx-bytes-sec=1M")
    ask(user, "user", carrier, r"\b1\r\n.*end")
    fetches(user)


def test_no_passt_is_left(user):
    user.destroy("user")
    user.wait_until(lambda: not passts(user), "the end of passt")


def test_zones_end_before_zone0(two):
    """Last in here: the machine is off then."""
    two.send("poweroff\n")
    two.expect("linux1: asked to shut down")
    two.expect("linux1: shutdown")
    two.process.wait(120)
