"""IPv4."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.registry import IP_PROTOCOLS, over_ethernet


@over_ethernet(0x0800)
def ipv4(c: Context, data: bytes, at: int) -> None:
    c.protocol = "IPv4"
    first, _, total, _, _, ttl, number, _, source, destination = unpack_from("!BBHHHBBH4s4s", data, at)
    addresses = c.dissector.ipv4
    c.source, c.destination = addresses[source], addresses[destination]
    c.version, c.hop_limit = 4, ttl
    c.source_address, c.destination_address = source, destination
    end = at + total
    c.missing = max(0, end - len(data))
    if end < len(data):
        data = data[:end]
    dissect = IP_PROTOCOLS.get(number)
    if dissect is None:
        c.write(f"Protocol ({number})")
    else:
        dissect(c, data, at + (first & 15) * 4)
