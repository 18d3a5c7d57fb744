"""Small things that are often heard on a network: Dropbox, NAT-PMP, flow records, server management."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

NAT_PMP: Final = ("External Address", "Map UDP", "Map TCP")
REPLY: Final = 0x80
ASF: Final = {0x40: "Presence Pong", 0x80: "Presence Ping"}


@over_udp(17500)
def dropbox(c: Context, data: bytes, at: int) -> None:
    """Who shares which folders, in JSON."""
    c.protocol = "DB-LSP-DISC"
    c.write("Dropbox LAN sync Discovery Protocol")
    if data[at] == ord("{"):
        c.protocol = "DB-LSP-DISC/JSON"
        c.append(", JavaScript Object Notation")


@over_udp(5350, 5351)
def nat_pmp(c: Context, data: bytes, at: int) -> bool | None:
    """Ask a router for its address and for a port (RFC 6886)."""
    version, code = unpack_from("!BB", data, at)
    if version or code & 0x7F >= len(NAT_PMP):
        return False
    c.protocol = "NAT-PMP"
    c.write(f"{NAT_PMP[code & 0x7F]} {'Response' if code & REPLY else 'Request'}")
    return None


@over_udp(2055, 9996)
def netflow(c: Context, data: bytes, at: int) -> bool | None:
    """Cisco's records of flows, in the version that has no templates."""
    version, count = unpack_from("!HH", data, at)
    if version != 5:
        return False
    c.protocol = "CFLOW"
    c.write(f"total: {count} (v5) flow{'' if count == 1 else 's'}")
    return None


@over_udp(6343)
def sflow(c: Context, data: bytes, at: int) -> bool | None:
    version, family = unpack_from("!II", data, at)
    if version != 5 or family not in (1, 2):
        return False
    size = 4 if family == 1 else 16
    address = data[at + 8 : at + 8 + size]
    part, sequence, _, samples = unpack_from("!IIII", data, at + 8 + size)
    agent = c.dissector.ipv4[address] if family == 1 else c.dissector.ipv6[address]
    c.protocol = "sFlow"
    c.write(f"V5, agent {agent}, sub-agent ID {part}, seq {sequence}, {samples} samples")
    return None


@over_udp(623)
def management(c: Context, data: bytes, at: int) -> bool | None:
    """Remote management: whether a machine is there (ASF 2.0)."""
    version, _, _, kind = unpack_from("!BBBB", data, at)
    word = ASF.get(data[at + 8]) if kind == 6 and len(data) > at + 8 else None
    if version != 6 or word is None:
        return False
    c.protocol = "ASF"
    c.write(word)
    return None
