"""IPv6: header, extension headers, fragments."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import CONTAINED, Context, Malformed
from nslab.capture.words.fragments import Pieces
from nslab.capture.words.ipv4 import next_protocol
from nslab.capture.words.registry import over_ethernet, over_ip

HOP_BY_HOP: Final = 0
JUMBO: Final = 0xC2
LONGEST: Final = 65535


@over_ethernet(0x86DD)
def ipv6_frame(c: Context, data: bytes, at: int) -> None:
    if len(data) > at and data[at] >> 4 != 6:
        c.protocol = "0x86dd"
        c.write("IPv6")
    else:
        ipv6(c, data, at)


@over_ip(41)
def ipv6(c: Context, data: bytes, at: int) -> bool | None:
    if c.version and data[at] >> 4 != 6:
        c.protocol = "IPv6"
        return False
    c.protocol = "IPv6"
    c.write("")
    if len(data) < at + 40:
        cut_header(c, data, at)
        return None
    size, number, c.hop_limit = unpack_from("!4xHBB", data, at)
    c.addresses = addresses = data[at + 8 : at + 40]
    c.source, c.destination = c.dissector.ipv6_pairs[addresses]
    c.version = 6
    at += 40
    if not size and number == HOP_BY_HOP:
        size = jumbo_size(data, at)
        if not size:
            c.write("Invalid IPv6 payload length")
    end = at + size
    if end < len(data) + c.missing:
        c.missing = max(0, end - len(data))
        data = data[:end]
    next_protocol(c, data, at, number)
    return None


def cut_header(c: Context, data: bytes, at: int) -> None:
    """Show the source if it is there."""
    if len(data) >= at + 24:
        c.source = c.dissector.ipv6[data[at + 8 : at + 24]]
    there = len(data) + c.missing - at
    if 0 < there < 40 and len(data) > at:
        c.write(f"Invalid IPv6 header ({there} bytes, need exactly 40)")
    c.say_short()


def jumbo_size(data: bytes, at: int) -> int:
    """Return the length that stands in a jumbo option (RFC 2675): big TCP packets inside a machine have it."""
    end = min(at + 8 + data[at + 1] * 8, len(data)) if at + 1 < len(data) else 0
    at += 2
    while at + 6 <= end:
        if data[at] == JUMBO and data[at + 1] == 4:
            size: int = unpack_from("!I", data, at + 2)[0]
            return size if size > LONGEST else 0
        at += 1 if not data[at] else 2 + data[at + 1]
    return 0


def say(c: Context, words: str) -> None:
    """An extension header's name is seen only when what follows it has nothing to say."""
    if c.version == 4 or not c.info.endswith(words):
        c.add(words, " , ")


@over_ip(0)
def hop_by_hop(c: Context, data: bytes, at: int) -> None:
    options(c, data, at, "IPv6 hop-by-hop options")


@over_ip(60)
def destination_options(c: Context, data: bytes, at: int) -> None:
    options(c, data, at, "IPv6 destination options")


def options(c: Context, data: bytes, at: int, words: str) -> None:
    say(c, words)
    number, size = data[at], data[at + 1]
    end = at + 8 + size * 8
    at += 2
    if end > len(data):
        raise IndexError
    while at < end:
        at += 2 + data[at + 1] if data[at] else 1
        if at > end:
            raise IndexError
    next_protocol(c, data, end, number)


@over_ip(43)
def routing(c: Context, data: bytes, at: int) -> None:
    """A list of addresses; the last one is where the packet really goes."""
    say(c, "IPv6 routing")
    number, size, kind, left = unpack_from("!BBBB", data, at)
    end = at + 8 + size * 8
    if end > len(data):
        raise IndexError if c.missing else Malformed(CONTAINED)
    if left and size >= 2 and kind in (0, 2, 3, 4):
        last = data[at + 8 : at + 24] if kind == 4 else data[end - 16 : end]
        c.destination = c.dissector.ipv6[last]
        c.addresses = c.addresses[:16] + last
    next_protocol(c, data, end, number)


@over_ip(44)
def fragment(c: Context, data: bytes, at: int) -> None:
    """Keep the piece; the one that completes the packet has the words of what was in it."""
    number, offset, identification = unpack_from("!BxHI", data, at)
    more = "y" if offset & 1 else "n"
    words = f"IPv6 fragment (off={offset & 0xFFF8} more={more} ident=0x{identification:08x} nxt={number})"
    at += 8
    if not offset & 0xFFF9:
        next_protocol(c, data, at, number)
        return
    if c.missing:
        c.write(words)
        return
    if at >= len(data):
        c.write(words)
        raise IndexError
    packets: dict[tuple[bytes, bytes, int, int], Pieces] = c.state("ipv6 fragments", dict)
    key = (c.source_address, c.destination_address, identification, c.vlan)
    pieces = packets.get(key)
    if pieces is None:
        pieces = packets[key] = Pieces()
    whole = pieces.take(c.index, offset & 0xFFF8, data[at:], last=not offset & 1)
    if whole is None:
        c.write(words)
        return
    del packets[key]
    c.write("")
    next_protocol(c, whole, 0, number)


@over_ip(59)
def no_next_header(c: Context, data: bytes, at: int) -> bool | None:
    del data, at
    if c.version == 4:
        return False
    c.write("IPv6 no next header")
    return None


@over_ip(51)
def authentication(c: Context, data: bytes, at: int) -> None:
    """The authentication header (RFC 4302)."""
    c.protocol = "AH"
    c.write("")
    number, size, index = unpack_from("!BBxxI", data, at)
    c.write(f"AH (SPI=0x{index:08x})")
    unpack_from("!I", data, at + 8)
    at += 8 + size * 4
    if at > len(data):
        raise IndexError
    if c.version == 6:
        c.protocol = "IPv6"
    next_protocol(c, data, at, number)


@over_ip(50)
def encapsulated(c: Context, data: bytes, at: int) -> None:
    """Encrypted (RFC 4303): only its number can be read."""
    c.protocol = "ESP"
    c.write("")
    (index,) = unpack_from("!I", data, at)
    c.write(f"ESP (SPI=0x{index:08x})")
    unpack_from("!I", data, at + 4)


@over_ip(140)
def shim6(c: Context, data: bytes, at: int) -> None:
    number, size = data[at], data[at + 1]
    next_protocol(c, data, at + 8 + size * 8, number)
