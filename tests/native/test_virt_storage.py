# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: folders as storage pools, their files as volumes."""
# pylint: disable=redefined-outer-name

import fcntl
import os
import re
import struct
import xml.etree.ElementTree as ET

import libvirt
import pytest

from test_hvd import wait
from virt import Wire, built, machine, rows, string, virt  # noqa: F401

pytestmark = built

XML, DETAIL, INVALID_ARG, CONFIG, RPC, DENIED = 27, 35, 8, 67, 39, 29
FAILED, NO_POOL, NO_VOL, INVALID = 9, 49, 50, 55


@pytest.fixture
def store(virt):
    virt.stop()
    virt.config = virt.machine.tmp / "virt-etc"
    virt.images = virt.machine.tmp / "images"
    virt.images.mkdir()
    virt.options = ("--config-dir", virt.config, "--images-dir", virt.images)
    virt.start(*virt.options)
    return virt


@pytest.fixture
def wire(store):
    client = Wire(store.socket)
    client.open()
    yield client
    client.close()


def pool_xml(folder):
    return (f"<pool type='dir'><name>p</name><target><path>{folder}</path>"
            "</target></pool>")


def image(folder, name="a.img", size=1 << 20):
    path = folder / name
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def test_default_pool(store):
    assert rows(store.virsh("pool-list")) == [["default", "active", "yes"]]
    info = store.virsh("pool-info", "default")
    assert re.search(r"State: +running", info)
    assert re.search(r"Persistent: +yes", info)
    root = ET.fromstring(store.virsh("pool-dumpxml", "default"))
    assert root.get("type") == "dir"
    assert root.find("target/path").text == str(store.images)
    assert int(root.find("capacity").text) >= int(root.find("available").text)
    ident = store.virsh("pool-uuid", "default")
    assert store.virsh("pool-name", ident) == "default"
    assert store.virsh("pool-list", "--type", "fs") == ""
    assert rows(store.virsh("pool-list", "--type", "dir,fs"))
    assert store.virsh("pool-list", "--transient") == ""
    # without its folder it is not active
    store.images.rmdir()
    assert rows(store.virsh("pool-list", "--all")) == \
        [["default", "inactive", "yes"]]
    assert "is not active" in store.virsh("vol-list", "default", status=1)
    store.virsh("pool-build", "default")
    assert store.virsh("vol-list", "default") == ""


def test_default_pool_that_was_stopped(store):
    store.virsh("pool-destroy", "default")
    assert rows(store.virsh("pool-list", "--all")) == \
        [["default", "inactive", "no"]]
    assert "is not active" in store.virsh("pool-refresh", "default", status=1)
    assert "is not active" in store.virsh("pool-destroy", "default", status=1)
    store.virsh("pool-start", "default")
    assert "already active" in store.virsh("pool-start", "default", status=1)
    store.virsh("pool-refresh", "default")


def test_pool_life(store):
    folder = store.machine.tmp / "a folder"
    store.virsh("pool-define-as", "a b", "dir", "--target", f"{folder}/")
    assert ["a", "b", "inactive", "no"] in rows(
        store.virsh("pool-list", "--all"))
    message = store.virsh("pool-start", "a b", status=1)
    assert str(folder) in message and "pool-build" in message
    store.virsh("pool-build", "a b")
    store.virsh("pool-start", "a b")
    store.virsh("pool-autostart", "a b")
    assert "pool-destroy" in store.virsh("pool-autostart", "a b",
                                         "--disable", status=1)
    image(folder)
    # it stays when virthvdd ends
    store.stop()
    assert len(list((store.config / "pools").glob("pool-*.json"))) == 1
    store.start(*store.options)
    assert rows(store.virsh("vol-list", "a b"))[0][0] == "a.img"
    assert "still active" in store.virsh("pool-undefine", "a b", status=1)
    store.virsh("pool-destroy", "a b")
    store.virsh("pool-undefine", "a b")
    assert not list((store.config / "pools").iterdir())
    assert (folder / "a.img").exists()
    assert "no storage pool with matching name" in \
        store.virsh("pool-info", "a b", status=1)


def test_events(store):
    libvirt.virEventRegisterDefaultImpl()
    timer = libvirt.virEventAddTimeout(20, lambda *_: None, None)
    conn = store.connect()
    seen = []

    def register(pool, event, tell):
        return conn.storagePoolEventRegisterAny(pool, event, tell, None)

    def life(_conn, pool, event, detail, _arg):
        seen.append((pool.name(), event, detail))

    def refreshed(_conn, pool, _arg):
        seen.append(pool.name())

    ids = [register(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, life),
           register(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, refreshed),
           # of another one, which nothing happens to
           register(conn.storagePoolLookupByName("default"),
                    libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, life)]
    folder = store.machine.tmp / "p"
    pool = conn.storagePoolDefineXML(pool_xml(folder))
    with pytest.raises(libvirt.libvirtError):
        pool.create()  # tells of nothing
    pool.build()
    pool.create()
    pool.refresh()
    pool.destroy()
    pool.undefine()
    conn.storagePoolCreateXML(pool_xml(folder), 0)
    wait(lambda: libvirt.virEventRunDefaultImpl() or len(seen) > 7)
    for ident in ids:
        conn.storagePoolEventDeregisterAny(ident)
    libvirt.virEventRemoveTimeout(timer)
    conn.close()
    assert seen == [
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_DEFINED, 0),
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_CREATED, 0),
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_STARTED, 0),
        "p",
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_STOPPED, 0),
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_UNDEFINED, 0),
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_DEFINED, 0),
        ("p", libvirt.VIR_STORAGE_POOL_EVENT_STARTED, 0)]


def test_pools_that_clash(store):
    tmp = store.machine.tmp
    store.virsh("pool-create-as", "p", "dir", "--target", tmp / "p",
                "--build")
    assert "already exists" in store.virsh(
        "pool-define-as", "p", "dir", "--target", tmp / "q", status=1)
    assert "already" in store.virsh(
        "pool-define-as", "q", "dir", "--target", tmp / "p", status=1)
    xml = store.virsh("pool-dumpxml", "p")
    conn = store.connect()
    # An active one may be defined again, as it is.
    conn.storagePoolDefineXML(xml)
    assert ["p", "active", "yes"] in rows(store.virsh("pool-list"))
    for call, document in ((conn.storagePoolCreateXML, xml),
                           (conn.storagePoolDefineXML,
                            xml.replace(f"{tmp}/p", f"{tmp}/r"))):
        with pytest.raises(Exception, match="already active"):
            call(document)
    store.virsh("pool-destroy", "p")
    conn.storagePoolDefineXML(xml.replace(f"{tmp}/p", f"{tmp}/r"))
    assert f"{tmp}/r" in store.virsh("pool-dumpxml", "p")
    conn.close()


def test_pool_without_its_folder(store):
    folder = store.machine.tmp / "gone"
    store.virsh("pool-create-as", "p", "dir", "--target", folder, "--build")
    folder.rmdir()
    assert ["p", "inactive", "yes"] in rows(store.virsh("pool-list", "--all"))
    store.virsh("pool-destroy", "p")
    assert ["p", "inactive", "no"] in rows(store.virsh("pool-list", "--all"))
    assert "is not active" in store.virsh("pool-destroy", "p", status=1)
    assert "no folder" in store.virsh("pool-start", "p", status=1)


def test_pool_xml_that_is_none(store, wire):
    def define(xml):
        return wire.call(77, string(xml) + bytes(4))

    good = ("<pool type='dir'><name>n</name><target><path>/x</path></target>"
            "</pool>")
    for xml, code, word in (
            ("", DETAIL, "XML"), ("<pool", DETAIL, "XML"),
            ("<!DOCTYPE pool []>" + good, DETAIL, "DOCTYPE"),
            ("<domain/>", XML, "<pool>"),
            (good.replace("dir", "rbd"), CONFIG, "'rbd'"),
            (good.replace(">n<", "><"), XML, "<name>"),
            (good.replace(">n<", ">a/b<"), XML, "<name>"),
            (good.replace(">n<", ">" + "n" * 200 + "<"), XML, "<name>"),
            (good.replace("<target>", "<uuid>1</uuid><target>"), XML, "uuid"),
            (good.replace("/x", "x"), XML, "path"),
            (good.replace("/x", "/x/../y"), XML, "path"),
            (good.replace("/x", "/x//y"), XML, "path"),
            (good.replace("/x", "/./y"), XML, "path"),
            (good.replace("/x", "/"), XML, "path"),
            (good.replace("/x", "/" + "x" * 1024), XML, "path")):
        answer = define(xml)
        assert isinstance(answer, tuple), xml
        assert answer[0] == code and word in answer[1], (xml, answer)
    assert not (store.config / "pools").exists()


def test_definitions_that_are_none(store):
    pools = store.config / "pools"
    pools.mkdir(parents=True)
    for i, text in enumerate(("", "[]", "{}", '{"name":"a","path":"x"}')):
        (pools / f"pool-{i}.json").write_text(text)
    assert rows(store.virsh("pool-list", "--all")) == \
        [["default", "active", "yes"]]
    assert "it is not a storage pool's" in store.text()


def test_volumes(store):
    path = image(store.images)
    (store.images / "link").symlink_to("/etc/passwd")
    (store.images / "folder").mkdir()
    (store.images / ".hidden").write_text("")
    (store.images / "b\x01").write_text("")
    os.mkfifo(store.images / "fifo")
    with open(image(store.images, "c.qcow2", 0), "wb") as f:
        f.write(b"QFI\xfb" + struct.pack(">IQIIQ", 3, 0, 0, 16, 5 << 30))
        f.write(bytes(480))
    assert rows(store.virsh("vol-list", "default")) == \
        [["a.img", str(path)],
         ["c.qcow2", str(store.images / "c.qcow2")]]
    info = store.virsh("vol-info", "a.img", "default", "--bytes")
    assert re.search(r"Type: +file", info)
    assert re.search(r"Capacity: +1048576 bytes", info)
    assert re.search(r"Allocation: +0 bytes", info)
    root = ET.fromstring(store.virsh("vol-dumpxml", "a.img", "default"))
    assert root.find("key").text == root.find("target/path").text == str(path)
    assert root.find("target/format").get("type") == "raw"
    root = ET.fromstring(store.virsh("vol-dumpxml", "c.qcow2", "default"))
    assert root.find("target/format").get("type") == "qcow2"
    assert root.find("capacity").text == str(5 << 30)
    assert store.virsh("vol-path", "a.img", "default") == str(path)
    assert store.virsh("vol-name", path) == "a.img"
    assert store.virsh("vol-key", path) == str(path)
    assert store.virsh("vol-pool", path) == "default"
    for name in ("link", "folder", ".hidden", "fifo", "../images/a.img",
                 "none", ""):
        message = store.virsh("vol-info", "--pool", "default", "--vol", name,
                              status=1)
        assert "failed to get vol" in message or "argument" in message
    store.virsh("vol-name", "/etc/passwd", status=1)


def test_create_and_delete(store):
    store.virsh("vol-create-as", "default", "new.img", "4M", "--allocation",
                "0")
    path = store.images / "new.img"
    st = path.stat()
    assert (st.st_size, st.st_blocks, st.st_mode & 0o7777) == \
        (4 << 20, 0, 0o600)
    assert "exists already" in store.virsh(
        "vol-create-as", "default", "new.img", "4M", status=1)
    store.virsh("vol-create-as", "default", "full.img", "1000000")
    st = (store.images / "full.img").stat()
    assert st.st_size % 512 == 0 and 0 <= st.st_size - 1000000 < 512
    assert st.st_blocks * 512 >= 1000000
    assert "'raw' only" in store.virsh(
        "vol-create-as", "default", "q", "1M", "--format", "qcow2", status=1)
    # a running zone's disk is locked
    with open(path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        assert "in use" in store.virsh("vol-delete", path, status=1)
    assert path.exists()
    store.virsh("vol-delete", path)
    assert not path.exists()


def test_clone(store):
    path = image(store.images)
    with open(path, "r+b") as f:
        f.seek(300000)
        f.write(b"data")
    store.virsh("vol-clone", path, "b.img")
    copy = store.images / "b.img"
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_mode & 0o7777 == 0o600
    assert copy.stat().st_blocks * 512 < 1 << 20
    assert "exists already" in store.virsh("vol-clone", path, "b.img",
                                           status=1)
    with open(path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert "in use" in store.virsh("vol-clone", path, "c.img", status=1)
    with open(path, "r+b") as f:
        f.write(b"QFI\xfb" + bytes(508))
    assert "'raw' only" in store.virsh("vol-clone", path, "c.img", status=1)
    conn = store.connect()
    with pytest.raises(Exception, match="raw images only"):
        conn.storagePoolLookupByName("default").createXMLFrom(
            "<volume><name>c.img</name><capacity>1</capacity></volume>",
            conn.storageVolLookupByPath(str(path)))
    conn.close()
    assert not (store.images / "c.img").exists()
    empty = image(store.images, "empty.img", 512)
    store.virsh("vol-clone", empty, "d.img")
    assert (store.images / "d.img").read_bytes() == bytes(512)


def test_disk_of_a_running_zone(store):
    disk = image(store.images)
    client = store.machine.client()
    client.call("zone.define", definition=store.machine.definition(
        devices=[{"type": "disk", "path": str(disk)}]))
    client.call("zone.start", name="z1")
    assert "in use" in store.virsh("vol-delete", disk, status=1)
    client.call("zone.destroy", name="z1")
    store.virsh("vol-delete", disk)
    client.close()


def test_create_that_fails(store, wire):
    pool = wire.call(84, string("default"))

    def create(xml, flags=0):
        return wire.call(93, pool + string(xml) + struct.pack(">I", flags))

    good = "<volume><name>v</name><capacity unit='KiB'>1</capacity></volume>"
    for xml, word in (
            (good.replace("v<", "../v<"), "<name>"),
            (good.replace("v<", ".v<"), "<name>"),
            (good.replace("v<", "v" * 256 + "<"), "<name>"),
            (good.replace(">1<", ">0<"), "<capacity>"),
            (good.replace(">1<", ">x<"), "<capacity>"),
            (good.replace(">1<", ">-1<"), "<capacity>"),
            (good.replace("KiB", "EiB").replace(">1<", ">9<"), "<capacity>"),
            (good.replace("KiB", "x"), "<capacity>"),
            (good.replace("</volume>", "<backingStore/></volume>"),
             "<backingStore>"),
            ("<pool/>", "<volume>")):
        answer = create(xml)
        assert isinstance(answer, tuple) and word in answer[1], (xml, answer)
    assert create(good, 1)[0] == INVALID_ARG
    # more than a file can have: nothing stays behind
    assert create(good.replace("KiB", "EiB"))[0] == FAILED
    assert not list(store.images.iterdir())


def test_old_lists(store):
    image(store.images)
    store.virsh("pool-define-as", "p", "dir", "--target", "/none")
    conn = store.connect(readonly=True)
    assert conn.listStoragePools() == ["default"]
    assert conn.numOfStoragePools() == 1
    assert conn.listDefinedStoragePools() == ["p"]
    assert conn.numOfDefinedStoragePools() == 1
    pool = conn.storagePoolLookupByName("default")
    assert pool.listVolumes() == ["a.img"] and pool.numOfVolumes() == 1
    assert pool.isActive() == 1 and pool.isPersistent() == 1
    assert pool.autostart() == 1
    volume = conn.storageVolLookupByKey(str(store.images / "a.img"))
    assert volume.storagePoolLookupByVolume().name() == "default"
    conn.close()


def test_read_only(store):
    client = Wire(store.readonly)
    client.open()
    pool = client.call(84, string("default"))
    for number, body in ((76, string("<pool/>") + bytes(4)),
                         (77, string("<pool/>") + bytes(4)),
                         (78, pool + bytes(4)), (79, pool + bytes(4)),
                         (80, pool), (82, pool), (83, pool + bytes(4)),
                         (90, pool + bytes(4)),
                         (93, pool + string("<volume/>") + bytes(4)),
                         (125, pool + string("<volume/>") + string("default")
                          + string("a") + string("k") + bytes(4)),
                         (94, string("default") + string("a") + string("k")
                          + bytes(4))):
        assert client.call(number, body)[0] == DENIED, number
    client.close()


def test_what_is_not_there(wire):
    pool = string("x") + bytes(16)
    for number, rest in ((85, b""), (88, bytes(4)), (87, b""), (154, b""),
                         (155, b""), (89, b""), (90, bytes(4)),
                         (78, bytes(4)), (79, bytes(4)), (80, b""), (82, b""),
                         (83, bytes(4)), (91, b""), (92, bytes(4)),
                         (282, bytes(8)), (95, string("v"))):
        body = bytes(16) if number == 85 else pool + rest
        assert wire.call(number, body)[0] == NO_POOL, number
    volume = string("x") + string("v") + string("k")
    for number, rest in ((86, b""), (98, b""), (99, bytes(4)), (100, b""),
                         (94, bytes(4))):
        assert wire.call(number, volume + rest)[0] == NO_POOL, number
    volume = string("default") + string("v") + string("k")
    for number, rest in ((98, b""), (99, bytes(4)), (100, b""),
                         (94, bytes(4))):
        assert wire.call(number, volume + rest)[0] == NO_VOL, number
    for number in (96, 97):
        for path in ("", "x", "/", "/etc/passwd", "//"):
            assert wire.call(number, string(path))[0] == NO_VOL, path


def test_arguments_that_are_none(wire):
    for number in (71, 73):
        assert wire.call(number, bytes(4))[0] == RPC
    for number in (72, 74):
        assert wire.call(number, b"")[0] == RPC
    for number in (281, 84, 85, 86, 88, 87, 154, 155, 89, 90, 76, 77,
                   78, 79, 80, 82, 83, 91, 92, 282, 95, 96, 97, 98, 99, 100,
                   93, 94, 125):
        assert wire.call(number, b"\0\0\0\1")[0] == RPC, number
    pool = wire.call(84, string("default"))
    for number in (78, 79, 83):
        assert wire.call(number, pool + b"\x80\0\0\0")[0] == INVALID_ARG
    assert wire.call(72, struct.pack(">i", -1)) == bytes(4)
    assert wire.call(92, pool + struct.pack(">i", -1)) == bytes(4)


def test_a_client_that_leaves(store):
    """Its calls are carried out, and nobody is told."""
    for _ in range(20):
        client = Wire(store.socket)
        client.open()
        for _ in range(8):
            client.send(281, struct.pack(">II", 1, 0))
        client.close()
    assert store.virsh("pool-list")


def test_what_a_client_asked_before_it_left(store):
    """It is carried out, and told in the log, as what it waits for is."""
    count = 32
    client = Wire(store.socket)
    client.open()
    pool = client.call(84, string("default"))
    for number in range(count):
        client.send(93, pool + string(
            f"<volume><name>{number}.img</name>"
            "<capacity>4096</capacity></volume>") + bytes(4))
    client.close()
    wait(lambda: store.text().count("StorageVolCreateXML") == count)
    assert store.text().count(": done") == count
    assert len(list(store.images.iterdir())) == count
