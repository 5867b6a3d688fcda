# SPDX-License-Identifier: BSD-2-Clause
"""virthvdd: titles, descriptions and elements of other programs."""
# pylint: disable=redefined-outer-name

import struct

import libvirt
import pytest

from virt import (built, definition, domain, machine, string,  # noqa: F401
                  virt, wire)

pytestmark = built
RPC, INVALID_ARG, XML_DETAIL, INVALID, NOT_THERE = 39, 8, 35, 55, 80
URI = "http://example.org/inventory"
OURS = "urn:zonevisor:libvirt:1.0"
ELEMENT = libvirt.VIR_DOMAIN_METADATA_ELEMENT


@pytest.fixture
def z1(virt):
    client = virt.machine.client()
    client.call("zone.define", definition=virt.machine.definition())
    yield client
    client.close()


def test_title_and_description(virt, z1):
    assert virt.virsh("desc", "z1", "--title") == ""
    virt.virsh("desc", "z1", "--title", "A mail server")
    virt.virsh("desc", "z1", "for\neverybody")
    assert definition(z1)["title"] == "A mail server"
    assert definition(z1)["description"] == "for\neverybody"
    assert "A mail server" in virt.virsh("list", "--all", "--title",
                                         readonly=True)
    virt.virsh("start", "z1")
    for flags in (["--live"], ["--config"], []):
        virt.virsh("desc", "z1", *flags, "--title", "of " + "".join(flags))
        assert virt.virsh("desc", "z1", "--live", "--title") == \
            virt.virsh("desc", "z1", "--config", "--title") == \
            ("of " + "".join(flags)).strip()
    connection = virt.connect()
    connection.lookupByName("z1").setMetadata(1, None, None, None, 2)
    connection.close()
    assert "title" not in definition(z1)
    assert definition(z1)["description"] == "for\neverybody"
    assert "longer than 255 bytes" in virt.virsh(
        "desc", "z1", "--title", "x" * 256, status=1)
    assert "zone0 is the root zone" in virt.virsh(
        "desc", "zone0", "--title", "mine", status=1)


def test_metadata_arguments(wire, z1):
    dom, none = domain(z1), bytes(4)
    kind = struct.pack(">i", 1)
    for procedure, body, code in (
            (265, kind, RPC), (264, kind, RPC),
            (265, kind + none + struct.pack(">I", 4), INVALID_ARG),
            (264, kind + none * 3 + struct.pack(">I", 4), INVALID_ARG),
            (265, kind + none + struct.pack(">I", 1), INVALID),
            (264, kind + none * 3 + struct.pack(">I", 1), INVALID),
            (265, kind + none + none, 80),
            (265, struct.pack(">i", 2) + none + none, INVALID_ARG),
            (265, struct.pack(">i", 3) + none + none, INVALID_ARG),
            (264, struct.pack(">i", 2) + none + some("a") + some(OURS) + none,
             INVALID_ARG),
            (265, struct.pack(">i", 2) + some(OURS) + none, INVALID_ARG),
            (264, struct.pack(">i", -1) + none * 4, INVALID_ARG)):
        assert wire.call(procedure, dom + body)[0] == code, (procedure, body)


def test_elements(virt, z1):
    """In a document with its namespace, to clients without."""
    plain = "<rack row=\"7\"><slot>3</slot></rack>"
    virt.virsh("metadata", "z1", URI, "--key", "inv", "--set", plain)
    assert definition(z1)["metadata"] == {
        URI: f'<inv:rack xmlns:inv="{URI}" row="7">'
             "<inv:slot>3</inv:slot></inv:rack>"}
    with virt.connect(readonly=True) as connection:
        zone = connection.lookupByName("z1")
        assert zone.metadata(ELEMENT, URI) == plain
        assert URI in zone.XMLDesc()
        with pytest.raises(libvirt.libvirtError) as error:
            zone.metadata(ELEMENT, "urn:other")
        assert error.value.get_error_code() == NOT_THERE
    # Of a domain that runs, too; others' stay.
    virt.virsh("start", "z1")
    virt.virsh("metadata", "z1", "urn:b", "--key", "b", "--set", "<x/>")
    virt.virsh("metadata", "z1", URI, "--key", "inv", "--set", "<rack/>",
               "--live")
    assert set(definition(z1)["metadata"]) == {URI, "urn:b"}
    virt.virsh("metadata", "z1", URI, "--remove")
    assert definition(z1)["metadata"] == {"urn:b": '<b:x xmlns:b="urn:b"/>'}


def test_transient_domain(virt, z1):
    z1.call("zone.create", definition=virt.machine.definition("t1"))
    virt.virsh("desc", "t1", "--title", "for a while")
    virt.virsh("metadata", "t1", URI, "--key", "inv", "--set", "<rack/>")
    assert virt.virsh("desc", "t1", "--title") == "for a while"
    assert "<rack/>" in virt.virsh("metadata", "t1", URI)
    assert "transient" in virt.virsh("desc", "t1", "--config", "--title", "x",
                                     status=1)


@pytest.mark.parametrize("text, key, code", [
    ("<rack", "inv", XML_DETAIL), ("", "inv", XML_DETAIL),
    ("<!DOCTYPE a><rack/>", "inv", None), ("<rack/>", "", INVALID_ARG),
    ("<rack/>", "a:b", INVALID_ARG), ("<rack/>", "1", INVALID_ARG),
    ("<rack xmlns:inv='urn:x'/>", "inv", INVALID_ARG),
    ("<rack>" + "x" * 17000 + "</rack>", "inv", None)])
def test_elements_that_are_refused(z1, wire, text, key, code):
    wire.open()
    answer = wire.call(264, domain(z1) + struct.pack(">i", 2) +
                       some(text) + some(key) + some(URI) + bytes(4))
    assert isinstance(answer, tuple), answer
    assert code in (None, answer[0]), answer
    assert "metadata" not in definition(z1)


def some(text):
    return struct.pack(">I", 1) + string(text)


def test_attributes_keep_their_namespace(z1, wire):
    wire.open()
    z1.call("zone.set", name="z1", metadata={
        URI: f'<i:a xmlns:i="{URI}" i:b="1"/>', "urn:odd": "no XML"})
    for uri, text in ((URI, f'<a xmlns:i="{URI}" i:b="1"/>'),
                      ("urn:odd", "no XML")):
        answer = wire.call(265, domain(z1) + struct.pack(">i", 2) + some(uri)
                           + bytes(4))
        assert answer == string(text)
