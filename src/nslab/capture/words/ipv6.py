"""IPv6."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.registry import IP_PROTOCOLS, over_ethernet


@over_ethernet(0x86DD)
def ipv6(c: Context, data: bytes, at: int) -> None:
    c.protocol = "IPv6"
    _, payload, number, hops, source, destination = unpack_from("!IHBB16s16s", data, at)
    addresses = c.dissector.ipv6
    c.source, c.destination = addresses[source], addresses[destination]
    c.version, c.hop_limit = 6, hops
    c.source_address, c.destination_address = source, destination
    end = at + 40 + payload
    c.missing = max(0, end - len(data))
    if end < len(data):
        data = data[:end]
    dissect = IP_PROTOCOLS.get(number)
    if dissect is None:
        c.write(f"Protocol ({number})")
    else:
        dissect(c, data, at + 40)
