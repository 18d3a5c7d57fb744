"""NHRP (RFC 2332): the address of the next hop in a network that has no broadcasts."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.values import named

TYPES: Final = {
    1: "NHRP Resolution Request",
    2: "NHRP Resolution Reply",
    3: "NHRP Registration Request",
    4: "NHRP Registration Reply",
    5: "NHRP Purge Request",
    6: "NHRP Purge Reply",
    7: "NHRP Error Indication",
    8: "NHRP Traffic Indication",
}
WITHOUT_NUMBER: Final = (7, 8)
REPLIES: Final = (2, 4, 6)
HEADER: Final = 20
CODES: Final = {0: "Success"}


@over_ip(54)
def nhrp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "NHRP"
    c.write("")
    kind, hardware, part = unpack_from("!17xBBB", data, at)
    c.write(named(TYPES, kind, f"0x{kind:02x} - unknown"))
    if kind in WITHOUT_NUMBER:
        return
    source, destination, number = unpack_from("!BBxxI", data, at + HEADER)
    c.append(f", ID={number}")
    if kind in REPLIES:
        place = at + HEADER + 8 + (hardware & 63) + (part & 63) + source + destination
        c.append(f", Code={named(CODES, data[place])}")
