# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd under packets and documents that were well-formed once: it answers or
hangs up, and neither crashes (it is built with ASan and UBSan), nor leaks, nor
keeps another client waiting."""
# pylint: disable=redefined-outer-name

import os
import random
import socket
import struct
import subprocess
import threading
from pathlib import Path

from test_hvd import wait
from virt import SECONDS, Wire, built, machine, string, virt  # noqa: F401

pytestmark = built

PACKETS = 10000
DOCUMENTS = 10000
PER_CONNECTION = 20
TYPE, DEFINE = 3, 11
# Commands whose calls are recorded; what they print is of no interest here.
COMMANDS = [
    "list --all --title", "dominfo z1", "domstate z1", "start z1", "vcpucount z1",
    "vcpupin z1", "domstats", "dommemstat z1", "domblklist z1", "nodeinfo",
    "nodememstats", "capabilities", "domcapabilities", "net-list --all",
    "pool-list --all", "iface-list", "nodedev-list", "suspend z1", "resume z1",
    "setvcpus z1 1 --live", "schedinfo z1", "desc z1 --title new", "autostart z1",
    "autostart z1 --disable", "shutdown z1", "destroy z1", "dumpxml z1",
    "event --all --timeout 1", "setmem z1 32M --config", "domjobinfo z1",
    "snapshot-list z1", "domblkstat z1 vda", "domifstat z1 net0",
]


def pump(source, sink, keep):
    try:
        while data := source.recv(65536):
            if keep is not None:
                keep.append(data)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Recorder:
    """A socket that leads to virthvdd and notes what clients say."""

    def __init__(self, path, behind):
        self.path, self.behind = str(path), str(behind)
        self.said = []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.path)
        self.listening.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listening.accept()[0]
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.behind)
            said = []
            self.said.append(said)
            threading.Thread(target=pump, args=(client, server, said),
                             daemon=True).start()
            threading.Thread(target=pump, args=(server, client, None),
                             daemon=True).start()

    def packets(self):
        """All that were said, split and without doubles."""
        seen = {}
        for said in self.said:
            data = b"".join(said)
            while len(data) >= 28:
                size, = struct.unpack_from(">I", data)
                packet, data = data[:size], data[size:]
                # the serial makes no difference
                seen.setdefault(packet[4:20] + packet[24:], packet)
        return list(seen.values())


def record(virt):
    recorder = Recorder(virt.machine.tmp / "recorder", virt.socket)
    uri = f"hvd:///system?socket={recorder.path}"
    for command in COMMANDS:
        subprocess.run(["virsh", "-q", "-c", uri, *command.split()],
                       env=virt.env, capture_output=True, timeout=SECONDS,
                       check=False)
    recorder.listening.close()
    return recorder.packets()


NUMBERS = [0, 1, 2, 0x7f, 0xff, 0x7fffffff, 0x80000000, 0xffffffff,
           0x400000, 0x400001, 0x10000]


def mutate(rng, packet):
    """Its length word stays true more often than not: else nothing follows."""
    body = bytearray(packet[4:])
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        how = rng.randrange(6)
        # rarely in the header, which ends the connection
        first = 24 if len(body) > 24 and rng.randrange(20) else 0
        at = rng.randrange(first, len(body)) if body else 0
        if how == 0 and body:
            body[at] ^= 1 << rng.randrange(8)
        elif how == 1 and len(body) >= 4:
            struct.pack_into(">I", body, at // 4 * 4 if at // 4 * 4 + 4
                             <= len(body) else 0, rng.choice(NUMBERS))
        elif how == 2:
            del body[max(at, 24):]
        elif how == 3:
            body[at:at] = rng.randbytes(rng.choice((1, 4, 32)))
        elif how == 4 and len(body) >= 12:
            struct.pack_into(">I", body, 8, rng.randrange(460))  # procedure
        else:
            body += body[24:]
    size = len(body) + 4
    if rng.randrange(200) == 0:
        size = rng.choice(NUMBERS)
    return struct.pack(">I", size) + bytes(body)


def drain(client):
    """What it says until it hangs up; a hang is a failure."""
    client.socket.shutdown(socket.SHUT_WR)
    try:
        while client.socket.recv(65536):
            pass
    except ConnectionResetError:
        pass


def send_some(virt, rng, packets):
    client = Wire(virt.socket)
    client.open()
    reader = threading.Thread(target=drain, args=(client,))
    try:
        for _ in range(PER_CONNECTION):
            client.socket.sendall(mutate(rng, rng.choice(packets)))
    except (BrokenPipeError, ConnectionResetError):
        pass
    reader.start()
    reader.join(SECONDS)
    assert not reader.is_alive(), "it keeps the connection"
    client.close()


def resident(process):
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def test_mutated_packets(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    packets = record(virt)
    assert len(packets) > 50
    witness = Wire(virt.socket)
    witness.open()
    fds = descriptors(virt.process)
    for turn in range(PACKETS // PER_CONNECTION):
        send_some(virt, random.Random(turn), packets)
        assert witness.call(TYPE) == string("Zonevisor"), virt.text()[-3000:]
    wait(lambda: descriptors(virt.process) <= fds)
    witness.close()
    client.close()


DOCUMENT = """<domain type='hvd'>
  <name>z2</name><uuid>{uuid}</uuid><title>a title</title>
  <metadata><a:b xmlns:a='urn:a'><c d='e'/></a:b></metadata>
  <memory unit='MiB'>64</memory><vcpu current='1'>2</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='1'/></cputune>
  <os><type arch='aarch64' machine='virt'>hvm</type>
    <kernel>/boot/Image</kernel><cmdline>console=hvc0 &amp; x</cmdline></os>
  <on_poweroff>destroy</on_poweroff><on_crash>preserve</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='hvd' type='raw' cache='writeback' discard='unmap'/>
      <source file='/images/a.img'/><target dev='vda' bus='virtio'/>
      <iotune><total_iops_sec>500</total_iops_sec></iotune><serial>abc</serial>
    </disk>
    <interface type='bridge'><source bridge='zvbr0'/>
      <mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>
    <console type='pty'><target type='virtio' port='0'/></console>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
"""
PIECES = ["<", ">", "/>", "&", "&#0;", "&lt;", "'", "\"", "]]>", "<![CDATA[", "<!--", "-->",
          "<?x?>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "<a>", "</domain>",
          "-1", "99999999999999999999", "0x", "é", "\x01", "<disk>", "unit='EiB'",
          "<domain>", " xmlns:x='y'", "<vcpu>"]


def mutate_text(rng, text):
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(text) + 1)
        how = rng.randrange(4)
        if how == 0:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif how == 1:
            text = text[:at] + text[at + rng.randrange(1, 30):]
        elif how == 2:
            end = at + rng.randrange(1, 200)
            text = text[:end] + text[at:end] + text[end:]
        else:
            text = text[:at] + chr(rng.randrange(1, 0x250)) + text[at + 1:]
    return text


def test_mutated_documents(virt):
    rng = random.Random(1)
    text = DOCUMENT.format(uuid="6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    client = Wire(virt.socket)
    client.open()
    # the document itself is one that is taken
    answer = client.call(DEFINE, string(text))
    assert isinstance(answer, bytes), answer
    refused = 0
    for turn in range(DOCUMENTS):
        answer = client.call(DEFINE, string(mutate_text(rng, text)))
        if isinstance(answer, tuple):
            assert answer[0] in (8, 9, 27, 35, 67, 85) and answer[1], answer
            refused += 1
        if turn == DOCUMENTS // 10:
            early = resident(virt.process)
    assert refused > DOCUMENTS // 4
    assert resident(virt.process) < early * 2 + 65536
    client.close()
