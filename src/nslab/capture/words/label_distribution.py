"""LDP (RFC 5036): which labels MPLS uses where."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.streams import MORE, Stream
from nslab.capture.words.values import read_to_its_end

HEADER: Final = 10
TYPES: Final = {
    0x0001: "Notification Message",
    0x0100: "Hello Message",
    0x0200: "Initialization Message",
    0x0201: "Keep Alive Message",
    0x0300: "Address Message",
    0x0301: "Address Withdrawal Message",
    0x0400: "Label Mapping Message",
    0x0401: "Label Request Message",
    0x0402: "Label Withdrawal Message",
    0x0403: "Label Release Message",
    0x0404: "Label Abort Request Message",
}


@over_udp(646)
@read_to_its_end
def ldp(c: Context, data: bytes, at: int) -> bool | None:
    """A header and messages; a bit of a type says what to do with those that are not known."""
    version, length = unpack_from("!HH", data, at)
    if version != 1:
        return False
    c.protocol = "LDP"
    c.write("")
    end = min(len(data), at + 4 + length)
    at += HEADER
    while at + 4 <= end:
        kind, size = unpack_from("!HH", data, at)
        c.append(f"{TYPES.get(kind & 0x7FFF, f'Unknown Message (0x{kind & 0x7FFF:04x})')} ")
        at += 4 + size
    return None


@over_tcp(646)
class LdpStream:
    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < 4:
            return MORE
        return 4 + int.from_bytes(data[at + 2 : at + 4])

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        ldp(c, data[:end], at)


@over_udp(3503)
def echo(c: Context, data: bytes, at: int) -> None:
    """A ping along a label switched path (RFC 8029)."""
    c.protocol = "MPLS ECHO"
    kind = data[at + 4]
    c.write({1: "MPLS Echo Request", 2: "MPLS Echo Reply"}.get(kind) or f"Unknown Message Type (0x{kind:02X})")
