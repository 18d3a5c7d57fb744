"""Networks laid over UDP: VXLAN (RFC 7348), Geneve (RFC 8926), GTP's user plane (3GPP TS 29.281), Teredo (RFC 4380)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import ethernet, next_type
from nslab.capture.words.registry import ETHERTYPES, over_udp

BRIDGED: Final = 0x6558
GPE: Final = {1: 0x0800, 2: 0x86DD}  # next protocols of VXLAN's generic extension; 3 is Ethernet


@over_udp(4789)
def vxlan(c: Context, data: bytes, at: int) -> None:
    c.protocol = "VxLAN"
    c.write("")
    unpack_from("!II", data, at)
    ethernet(c, data, at + 8)


@over_udp(4790)
def vxlan_gpe(c: Context, data: bytes, at: int) -> None:
    """Say in the header what follows."""
    c.protocol = "VxLAN"
    c.write("")
    unpack_from("!II", data, at)
    ethertype = GPE.get(data[at + 3])
    if ethertype is not None:
        next_type(c, data, at + 8, ethertype)
    else:
        ethernet(c, data, at + 8)


@over_udp(6081)
def geneve(c: Context, data: bytes, at: int) -> None:
    c.protocol = "Geneve"
    c.write("")
    first, number, _ = unpack_from("!BxHI", data, at)
    c.write(f"Encapsulated 0x{number:04x} (unknown)")
    at += 8 + (first & 63) * 4
    if number == BRIDGED:
        c.write("")
        ethernet(c, data, at)
    elif number in ETHERTYPES:
        next_type(c, data, at, number)


@over_udp(3544)
def teredo(c: Context, data: bytes, at: int) -> bool | None:
    """IPv6, perhaps behind an authentication (1) and the address that the server has seen (0)."""
    start = at
    if data[at : at + 2] == b"\0\1":
        at += 13 + data[at + 2] + data[at + 3]
    if data[at : at + 2] == b"\0\0":
        at += 8
    if at >= len(data) or data[at] >> 4 != 6:
        return False
    c.protocol = "Teredo"
    c.write("Teredo IPv6 over UDP tunneling" if at == start else "")
    next_type(c, data, at, 0x86DD)
    return None
