"""The lab's resolver."""

from __future__ import annotations

import asyncio
import random
import socket

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.reversename
import dns.update
import pytest

from nslab.lab.internet import resolver
from nslab.lab.internet.resolver import Zone

ZONE = {"archive.example": "10.0.2.2", "dns.google": "8.8.8.8"}


def reply_to(wire):
    reply = Zone(ZONE).answer(wire)
    assert reply is not None
    return dns.message.from_wire(reply)


def ask(name, rdtype="A", **options):
    return reply_to(dns.message.make_query(name, rdtype, **options).to_wire())


def test_the_archive_has_its_address():
    reply = ask("Archive.EXAMPLE")
    assert [str(record) for record in reply.answer[0]] == ["10.0.2.2"]
    assert reply.flags & dns.flags.AA
    assert reply.flags & dns.flags.RA


def test_apt_does_not_wait_for_an_address_of_the_other_family():
    reply = ask("archive.example", "AAAA")
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


def test_an_address_has_its_name():
    reply = ask(dns.reversename.from_address("8.8.8.8"), "PTR")
    assert [str(record) for record in reply.answer[0]] == ["dns.google."]


@pytest.mark.parametrize(
    ("rcode", "name", "rdtype", "options"),
    [
        (dns.rcode.NXDOMAIN, "_http._tcp.archive.example", "SRV", {}),  # apt asks for it first
        (dns.rcode.NXDOMAIN, "example", "A", {}),
        (dns.rcode.NXDOMAIN, ".", "NS", {}),
        (dns.rcode.NXDOMAIN, "1.2.0.10.in-addr.arpa", "PTR", {}),
        (dns.rcode.REFUSED, "version.bind", "TXT", {"rdclass": "CH"}),
        (dns.rcode.REFUSED, "archive.example", "AXFR", {}),
        (dns.rcode.BADVERS, "archive.example", "A", {"use_edns": 1}),
        (dns.rcode.NOERROR, "archive.example", "A", {"use_edns": 0, "want_dnssec": True}),
    ],
)
def test_every_other_question_has_its_status(rcode, name, rdtype, options):
    assert ask(name, rdtype, **options).rcode() == rcode


def test_what_is_no_question_is_told_so():
    query = dns.message.make_query("archive.example", "A").to_wire()
    two_questions = query[:4] + b"\0\2" + query[6:] + query[12:]
    assert reply_to(dns.update.UpdateMessage("example").to_wire()).rcode() == dns.rcode.NOTIMP
    for wire in (query[:-1], query + b"!", two_questions):
        assert reply_to(wire).rcode() == dns.rcode.FORMERR
    for wire in (reply_to(query).to_wire(), query[:11], b""):
        assert Zone(ZONE).answer(wire) is None


def test_no_bytes_stop_the_resolver():
    zone, luck = Zone(ZONE), random.Random(1)
    queries = [dns.message.make_query(name, "A", use_edns=0).to_wire() for name in (*ZONE, "8.8.8.8.in-addr.arpa")]
    for _ in range(5_000):
        wire = bytearray(luck.choice(queries) if luck.random() < 0.9 else luck.randbytes(luck.randrange(80)))
        for _ in range(luck.randrange(1, 6) if wire else 0):
            wire[luck.randrange(len(wire))] = luck.randrange(256)
        reply = zone.answer(bytes(wire))
        assert reply is None or reply[:2] == wire[:2]


def test_names_are_served_over_udp_and_tcp():
    asyncio.run(asyncio.wait_for(served_over_udp_and_tcp(), 30))


async def served_over_udp_and_tcp():
    udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.create_server(("127.0.0.1", 0))
    udp.bind(("127.0.0.1", 0))
    ports = udp.getsockname()[1], tcp.getsockname()[1]
    query = dns.message.make_query("archive.example", "A")
    async with resolver.serving(Zone(ZONE), udp=udp, tcp=tcp):
        by_udp = await dns.asyncquery.udp(query, "127.0.0.1", port=ports[0], timeout=10)
        by_tcp = await dns.asyncquery.tcp(query, "127.0.0.1", port=ports[1], timeout=10)
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[1])
        writer.write((len(query.to_wire()).to_bytes(2, "big") + query.to_wire()) * 2)
        twice = [await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")) for _ in range(2)]
        writer.write(b"\0\1!")  # no query: the connection ends
        assert await reader.read() == b""
        writer.close()
    assert by_udp == by_tcp == dns.message.from_wire(twice[1])
