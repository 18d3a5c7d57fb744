"""The lab's name server: a handful of names, and no such name for all others."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

TTL: Final = 60  # seconds
IDLE: Final = 10.0  # seconds that a TCP client may say nothing
PAYLOAD: Final = 1232  # bytes; what fits every path unfragmented, as the public resolvers say it
_HEADER: Final = struct.Struct("!HHHHHH")
_TRANSFERS: Final = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)


class Zone:
    """The names that exist in the lab, the archive's first.

    zone = Zone({"archive.example": "10.0.2.2", "dns.google": "8.8.8.8"})
    zone.archive            # "archive.example"
    zone.answer(query)      # the reply, bytes to bytes
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.names = tuple(name.lower().rstrip(".") for name in addresses)
        self._addresses = {dns.name.from_text(name): address for name, address in addresses.items()}
        self._pointers: dict[dns.name.Name, dns.name.Name] = {}
        for name, address in self._addresses.items():
            self._pointers.setdefault(dns.reversename.from_address(address), name)

    @classmethod
    def read(cls, text: str) -> Zone:
        """Return the zone of a JSON object, or of a file that holds one: `{"archive.example": "10.0.2.2"}`."""
        return cls(json.loads(text if text.lstrip().startswith("{") else Path(text).read_text()))

    @property
    def archive(self) -> str:
        """The name of the Debian archive: the zone's first."""
        return self.names[0]

    def answer(self, wire: bytes) -> bytes | None:
        """Return the reply to a query, whatever its bytes; None where silence is the only right answer."""
        # Too short for an id, or itself a reply: two servers that answer answers never stop.
        if len(wire) < _HEADER.size or wire[2] & 0x80:
            return None
        if (wire[2] >> 3) & 0xF != dns.opcode.QUERY:
            return _complaint(wire, dns.rcode.NOTIMP)
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return _complaint(wire, dns.rcode.FORMERR)
        if len(query.question) != 1:
            return _complaint(wire, dns.rcode.FORMERR)
        return self._reply(query).to_wire()

    def _reply(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True, our_payload=PAYLOAD)
        reply.flags |= dns.flags.AA
        asked = query.question[0]
        if query.edns > 0:
            reply.set_rcode(dns.rcode.BADVERS)
        elif asked.rdclass not in (dns.rdataclass.IN, dns.rdataclass.ANY) or asked.rdtype in _TRANSFERS:
            reply.set_rcode(dns.rcode.REFUSED)
        elif (record := self._record(asked.name)) is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype in (record.rdtype, dns.rdatatype.ANY):
            reply.answer.append(record)
        # else: the name exists, this type of it does not (NODATA), and nobody waits for an AAAA
        return reply

    def _record(self, name: dns.name.Name) -> dns.rrset.RRset | None:
        if name in self._addresses:
            return dns.rrset.from_text(name, TTL, "IN", "A", self._addresses[name])
        if name in self._pointers:
            return dns.rrset.from_text(name, TTL, "IN", "PTR", self._pointers[name].to_text())
        return None


def _complaint(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """Return a reply that is only a header: nothing but the id and the opcode of the query can be trusted."""
    number, flags, *_ = _HEADER.unpack_from(wire)
    return _HEADER.pack(number, dns.flags.QR | (flags & (0x7800 | dns.flags.RD)) | rcode, 0, 0, 0, 0)


@asynccontextmanager
async def serving(zone: Zone, *, udp: socket.socket, tcp: socket.socket) -> AsyncIterator[None]:
    """Answer for `zone` on two sockets.

    `udp` must be bound to the address that clients ask: a reply from a wildcard socket leaves with the router's
    own address, and the client drops it.
    """
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(zone), sock=udp)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _converse(zone, reader, writer)

    server = await asyncio.start_server(converse, sock=tcp)
    try:
        yield
    finally:
        server.close()
        transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        if (reply := self._zone.answer(data)) is not None:
            self._transport.sendto(reply, addr)


async def _converse(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one TCP client, query after query, until it leaves or stops talking."""
    try:
        while True:
            async with asyncio.timeout(IDLE):
                size = int.from_bytes(await reader.readexactly(2), "big")
                query = await reader.readexactly(size)
                if (reply := zone.answer(query)) is None:
                    return
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
        return
    finally:
        writer.close()
