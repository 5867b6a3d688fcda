# SPDX-License-Identifier: BSD-2-Clause
"""What zone0 finds when the machine has started."""
import re

from machine import OFF

MIB = 1 << 20


def test_cpus(machine):
    assert machine.run("nproc").strip() == "4"
    assert machine.run("cat /sys/devices/system/cpu/online").strip() == "0-3"


def test_kernel_runs_at_el1_under_psci(machine):
    log = machine.run("dmesg")
    assert "CPU: All CPU(s) started at EL1" in log
    assert re.search(r"psci: PSCIv1\.1 detected", log)


def test_memory_is_its_share(machine):
    total = int(re.search(r"MemTotal:\s+(\d+)",
                          machine.run("cat /proc/meminfo")).group(1)) * 1024
    host = machine.json("hvsh host --json")["memory"]
    # The kernel keeps some of its memory out of MemTotal.
    assert 0.85 * host["zone0"] < total <= host["zone0"]
    assert host["zone0"] == 1024 * MIB
    # The shares add up, and nothing is lost.
    assert (host["hypervisor"] + host["zone0"] + host["zones"] +
            host["free"]) == host["total"]


def test_hypervisor_is_small(machine):
    """At most 12 MiB held on this machine."""
    assert machine.json("hvsh host --json")["memory"]["hypervisor"] <= 12 * MIB


def test_all_devices_of_the_board(machine):
    """Each node that QEMU's tree has and that is not ours is in zone0's."""
    nodes = set(machine.run("ls /proc/device-tree").split())
    for prefix in ("pl011@", "pl031@", "pl061@", "fw-cfg@", "flash@", "pcie@",
                   "virtio_mmio@", "intc@", "timer", "psci", "platform-bus@"):
        assert any(n.startswith(prefix) for n in nodes), (prefix, nodes)
    assert len([n for n in nodes if n.startswith("virtio_mmio@")]) == 32
    # They answer: the RTC tells the time, PCI shows the host bridge.
    assert int(machine.run("cat /sys/class/rtc/rtc0/since_epoch")) > 1e9
    assert "0000:00:00.0" in machine.run("ls /sys/bus/pci/devices")


def test_nothing_of_the_hypervisor_in_memory_nodes(machine):
    iomem = machine.run("cat /proc/iomem")
    ram = [tuple(int(x, 16) for x in m)
           for m in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM",
                               iomem, re.M)]
    assert ram
    node = machine.run("hexdump -v -e '1/1 \"%02x\"'"
                       " /proc/device-tree/hypervisor/reg").strip()
    page = int(node[:16], 16)
    assert not any(a <= page <= b for a, b in ram)


def test_stage2_is_made_of_blocks(machine):
    """No 4K leaves for RAM: those that exist are devices and shared pages."""
    info = machine.zone("zone0")["info"]
    assert info["map_1g"] + info["map_2m"] > 0
    ram = machine.json("hvsh host --json")["memory"]["zone0"]
    blocks = info["map_1g"] * 1024 * MIB + info["map_2m"] * 2 * MIB
    assert blocks >= ram
    assert info["map_4k"] < 2048, info


def test_module_came_by_itself(machine):
    assert "zonevisor" in machine.run("lsmod")
    assert machine.run("cat /sys/hypervisor/type").strip() == "zonevisor"
    assert machine.run("ls -l /dev/zonevisor").startswith("crw-------")


def test_hvd_was_started(machine):
    zones = machine.zones()
    assert zones["zone0"]["state"] == "running"
    assert zones["linux1"]["state"] == OFF


def test_log(machine):
    log = machine.run("hvsh log")
    assert "zone0" in log
    # Lines carry a time and a level.
    assert re.search(r"^\[ *\d+\.\d+\]", log, re.M), log[:500]


def test_every_part_tells_one_version(machine):
    told = [machine.run("hvsh log").splitlines()[0].split()[-1],
            machine.json("hvsh host --json")["version"],
            machine.json("hvsh version --json")["version"],
            machine.run("hvsh --version").split()[1],
            machine.run("hvd --version").split()[1],
            machine.run("/usr/libexec/hvd-io --version").split()[1],
            machine.run("cat /sys/module/zonevisor/version").strip()]
    assert set(told) == {told[0]}, told
    assert re.fullmatch(r"\d+\.\d+\.\d+", told[0])


def test_info_for_people(machine):
    """The same as in JSON: zone0's RAM is mapped by large blocks."""
    info = machine.zone("zone0")["info"]
    text = machine.run("hvsh info zone0")
    assert f"{info['map_1g']} x 1 GiB, {info['map_2m']} x 2 MiB, " \
        f"{info['map_4k']} x 4 KiB" in text


def test_events_interrupts_are_claimed(machine):
    assert machine.run("grep -c zonevisor /proc/interrupts").strip() == "4"


def test_cpu_hotplug(machine):
    """PSCI CPU_OFF and CPU_ON of zone0's own."""
    cpu = "/sys/devices/system/cpu/cpu3/online"
    for _ in range(3):
        machine.run(f"echo 0 >{cpu}")
        assert machine.run("nproc").strip() == "3"
        machine.run(f"echo 1 >{cpu}")
        assert machine.run("nproc").strip() == "4"


def test_timer_and_load_on_each_cpu(machine):
    machine.run("for c in 0 1 2 3; do taskset -c $c sh -c "
                "'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done' & done;"
                " wait")
    counts = machine.run("grep arch_timer /proc/interrupts").split()[1:5]
    assert all(int(c) > 0 for c in counts)


def test_unload_and_reload_the_module(machine):
    """Possible while no zone runs and hvd does not hold it."""
    machine.run("kill $(pidof hvd); while pidof hvd; do :; done;"
                " rmmod zonevisor")
    assert "zonevisor" not in machine.run("lsmod")
    status, text = machine.try_run("hvsh list")
    assert status == 3 and "hint" in text, text
    machine.run("modprobe zonevisor")
    # Its start script waits until somebody ends it.
    machine.try_run("kill $(pidof sleep)")
    machine.wait_until(
        lambda: machine.try_run("hvsh host --json")[0] == 0, "hvd is back")
