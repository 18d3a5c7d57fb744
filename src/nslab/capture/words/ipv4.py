"""IPv4: header, source routes, fragments."""

from __future__ import annotations

from struct import Struct
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.fragments import Pieces
from nslab.capture.words.ipnumbers import IP_NAMES
from nslab.capture.words.registry import IP_PROTOCOLS, over_ethernet, over_ip, over_llc

HEADER: Final = Struct("!xxHHHBB")
MORE_FRAGMENTS: Final = 0x2000
OFFSET: Final = 0x1FFF
ROUTES: Final = (0x83, 0x89)  # loose and strict source route


@over_ethernet(0x0800)
def ipv4(c: Context, data: bytes, at: int) -> None:
    c.protocol = "IPv4"
    if c.info:
        c.write("")
    size = len(data)
    start = at + 20
    if size < start or data[at] != 0x45:  # version 4, five words
        start = header(c, data, at)
        if not start:
            return
    total, identification, fragment, c.hop_limit, number = HEADER.unpack_from(data, at)
    end = at + total
    if end < start and total:  # 0: the card would have cut it and filled it in (TSO)
        c.write(f"Bogus IP length ({total}, less than header length {start - at})")
        return
    c.addresses = addresses = data[at + 12 : at + 20]
    c.source, c.destination = c.ipv4_pairs[addresses]
    c.version = 4
    if total and end < size + c.missing:  # padding
        c.missing = max(0, end - size)
        data = data[:end]
        size = len(data)
    if start > at + 20:
        route(c, data, at + 20, start)
    if fragment & (MORE_FRAGMENTS | OFFSET):
        take_fragment(c, data, start, (number, identification, fragment), short=end > size + c.missing)
    elif start < size + c.missing:
        next_protocol(c, data, start, number)


def header(c: Context, data: bytes, at: int) -> int:
    """Return where a header that is not as usual ends; 0: it does not, and that has been said."""
    version, size = data[at] >> 4, (data[at] & 15) * 4
    if version != 4:
        other_version(c, data, at, version)
    elif size < 20:
        c.write(f"Bogus IP header length ({size}, must be at least 20)")
    elif len(data) < at + 20:
        cut_header(c, data, at)
    else:
        return at + size
    return 0


def next_protocol(c: Context, data: bytes, at: int, number: int) -> None:
    """Hand on to what reads this protocol; if nobody does, name it."""
    dissect = IP_PROTOCOLS.get(number)
    if dissect is None or dissect(c, data, at) is False:
        if c.version == 4:
            c.write(f"{IP_NAMES[number]} ({number})")
        else:
            c.write(f"Unknown IP Protocol: {IP_NAMES[number]} ({number})")


def other_version(c: Context, data: bytes, at: int, version: int) -> None:
    if version == 6:
        IP_PROTOCOLS[41](c, data, at)
    else:
        c.write(f"Bogus IPv4 version ({version}, must be 4)")


@over_ip(4)
@over_llc(6)
def ip_in_ip(c: Context, data: bytes, at: int) -> None:
    version = data[at] >> 4
    if version in (4, 6):
        ipv4(c, data, at)
        return
    c.protocol = "IP"
    c.write(f"Bogus IP version ({version})")


def cut_header(c: Context, data: bytes, at: int) -> None:
    """Show the source if it is there."""
    if len(data) >= at + 16:
        c.source = c.dissector.ipv4[data[at + 12 : at + 16]]
    c.say_short()


def route(c: Context, data: bytes, at: int, end: int) -> None:
    """Find the destination where a source route has put it."""
    while at < end:
        kind = data[at]
        if kind == 0:
            return
        if kind == 1:
            at += 1
            continue
        if at + 1 >= end:
            return
        size = data[at + 1]
        if size < 2 or at + size > end:
            return
        if kind in ROUTES and size >= 7 and 4 <= data[at + 2] <= size - 3:
            last = data[at + size - 4 : at + size]
            c.destination = c.dissector.ipv4[last]
            c.addresses = c.addresses[:4] + last
        at += size


def take_fragment(c: Context, data: bytes, at: int, fields: tuple[int, int, int], *, short: bool) -> None:
    """Keep the piece; the one that completes the packet has the words of what was in it.

    short: it was sent with less than its header says
    """
    number, identification, fragment = fields
    offset = (fragment & OFFSET) * 8
    words = f"Fragmented IP protocol (proto={IP_NAMES[number]} {number}, off={offset}, ID={identification:04x})"
    if c.missing or short:
        if offset:
            c.write(words)
        else:
            c.fragmented = True
            next_protocol(c, data, at, number)
        return
    packets: dict[tuple[bytes, bytes, int, int, int], Pieces] = c.state("ipv4 fragments", dict)
    key = (c.source_address, c.destination_address, number, identification, c.vlan)
    pieces = packets.get(key)
    if pieces is None:
        pieces = packets[key] = Pieces()
    whole = pieces.take(c.index, offset, data[at:], last=not fragment & MORE_FRAGMENTS)
    if whole is None:
        c.write(words)
        return
    del packets[key]
    for row in pieces.rows[:-1]:
        c.change(row, f"{c.info_of(row)} [Reassembled in #{c.number}]")
    next_protocol(c, whole, 0, number)
