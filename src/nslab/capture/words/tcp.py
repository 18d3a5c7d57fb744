"""TCP: the words of a segment, and what is remarkable about it in its connection."""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.reassembly import close, deliver, readers
from nslab.capture.words.registry import over_ip
from nslab.capture.words.tcp_analysis import Way, remark
from nslab.capture.words.tcp_options import options

FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16
URG: Final = 32
NAMES: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE", "Reserved")
FLAGS: Final = tuple(
    ", ".join(
        name for bit, name in enumerate(NAMES) if (flags >> bit if bit < 9 else flags >> 9) & (1 if bit < 9 else 7)
    )
    or "<None>"
    for flags in range(4096)
)
HEADER: Final = Struct("!HHIIHHHH")
UINT32: Final = 0xFFFFFFFF
HALF: Final = 0x80000000
UNKNOWN: Final = -1
NO_SCALE: Final = -2  # the other side has not offered it, so nobody scales

Connections = dict[bytes, Way]


@over_ip(6)
def tcp(c: Context, data: bytes, at: int) -> None:
    cut = len(data) < at + 20
    if len(data) < at + 16:
        cut_header(c, data, at)
        return
    c.protocol = "TCP"
    source, destination, seq, ack, bits, window, _, urgent = HEADER.unpack_from(data + bytes(4) if cut else data, at)
    c.source_port, c.destination_port = source, destination
    way, reused = way_of(c, data, at, seq, bits)
    back = way.back
    start = at + (bits >> 12) * 4
    length = len(data) + c.missing - start
    if way.base < 0:
        way.base = seq if bits & SYN else (seq - 1) & UINT32
    if bits & ACK and back.base < 0:
        back.base = (ack - 1) & UINT32
    shown = f" Ack={(ack - back.base) & UINT32}" if bits & ACK else ""
    text = f"{way.text}{FLAGS[bits & 4095]}] Seq={(seq - way.base) & UINT32}{shown}"
    if cut:
        c.write(f"{text} Win={window}")
        c.say_short()
        return
    if start < at + 20:
        c.write(f"{text} Win={window}, bogus TCP header length ({start - at}, must be at least 20)")
        return
    said = options(c, data, at + 20, start, way) if start > at + 20 else ""
    if bits & SYN:
        agree(way, back, bits, offered=" WS=" in said)
    scale = way.scale
    shown_window = window << scale if scale > 0 and not bits & SYN else window
    if bits & URG:
        shown_window = f"{shown_window} Urg={urgent}"
    late = way.next >= 0 and (seq - way.next) & UINT32 >= HALF
    remarks = remark(c, way, seq, ack, bits, window, length)
    if reused:
        remarks = "[TCP Port numbers reused] " + remarks
    c.write(f"{remarks}{text} Win={shown_window} Len={length}{said}")
    reader = way.reader
    if length > 0:
        c.fence = len(remarks)
        deliver(c, reader, data, start, seq=(seq + 1) & UINT32 if bits & SYN else seq, late=late)
    if bits & FIN and reader.needed and not late:
        c.fence = len(remarks)
        close(c, reader)


def agree(way: Way, back: Way, bits: int, *, offered: bool) -> None:
    """Scale windows only if both sides have offered it (RFC 7323, 2.2)."""
    if offered:
        if bits & ACK and back.scale == NO_SCALE:
            way.scale = NO_SCALE
    elif way.scale == UNKNOWN:
        way.scale = back.scale = NO_SCALE


def cut_header(c: Context, data: bytes, at: int) -> None:
    """Show what is there of a header."""
    source, destination = unpack_from("!HH", data, at)
    c.protocol = "TCP"
    c.write(f"{source} → {destination}")
    c.say_short()


def way_of(c: Context, data: bytes, at: int, seq: int, bits: int) -> tuple[Way, bool]:
    """Return this packet's direction of its connection; True: the ports have been used before."""
    connections: Connections = c.state("tcp", dict)
    key = c.source_address + c.destination_address + data[at : at + 4]
    way = connections.get(key)
    reused = False
    if way is not None:
        if not (bits & (SYN | ACK) == SYN and way.base >= 0 and way.base != seq):
            return way, False
        reused = True
    source, destination = c.source_port, c.destination_port
    here, there = readers(source, destination)
    expected = c.dissector.states.get("expected")
    if expected:
        agreed = expected.get((c.destination_address, destination)) or expected.get((c.source_address, source))
        here.protocol = there.protocol = agreed or here.protocol
    way = connections[key] = Way(f"{source} → {destination} [", here)
    back = Way(f"{destination} → {source} [", there)
    way.back, back.back = back, way
    back.connection = way.connection
    if c.source_address + data[at : at + 2] == c.destination_address + data[at + 2 : at + 4]:
        way.back = way
    else:
        connections[c.destination_address + c.source_address + data[at + 2 : at + 4] + data[at : at + 2]] = back
    return way, reused
