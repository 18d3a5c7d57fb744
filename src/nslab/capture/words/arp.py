"""ARP and its relatives."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet


@over_ethernet(0x0806)
def arp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ARP"
    _, _, _, _, opcode, sha, spa, _, tpa = unpack_from("!HHBBH6s4s6s4s", data, at)
    ipv4, mac = c.dissector.ipv4, c.dissector.mac
    if opcode == 1:
        c.write(f"Who has {ipv4[tpa]}? Tell {ipv4[spa]}")
    else:
        c.write(f"{ipv4[spa]} is at {mac[sha]}")
