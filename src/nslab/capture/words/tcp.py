"""TCP: the words of a segment."""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import Final

from nslab.capture.words.context import CUT_SHORT, Context, Malformed
from nslab.capture.words.reassembly import close, deliver, readers
from nslab.capture.words.registry import over_ip
from nslab.capture.words.tcp_analysis import (
    ACK,
    FIN,
    HALF,
    NO_SCALE,
    SYN,
    UINT32,
    UNKNOWN,
    Handshake,
    Segment,
    Way,
    remark,
)
from nslab.capture.words.tcp_numbers import rebase
from nslab.capture.words.tcp_options import options

URG: Final = 32
NAMES: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
FIELDS: Final = Struct("!IIHH")
PORTS_AND_FIELDS: Final = Struct("!HHIIH")
FIELDS_AND_TIMES: Final = Struct("!IIHH4xIII")
TIMES_ALONE: Final = 0x0101080A  # two times "no operation" and the timestamps: 12 bytes


def flags(bits: int) -> str:
    """Return `SYN, ACK] Seq=`."""
    names = [name for bit, name in enumerate(NAMES) if bits >> bit & 1]
    return ", ".join([*names, "Reserved"] if bits >> 9 else names) or "<None>"


FLAGS: Final = tuple(flags(bits) + "] Seq=" for bits in range(1 << 12))


@over_ip(6)
def tcp(c: Context, data: bytes, at: int) -> None:  # noqa: C901, PLR0912 - the way of most packets, in one piece
    size = len(data)
    if size >= at + 32:
        seq, ack, bits, window, begin, value, echo = FIELDS_AND_TIMES.unpack_from(data, at + 4)
    elif size >= at + 20:
        seq, ack, bits, window = FIELDS.unpack_from(data, at + 4)
        begin = value = echo = 0
    else:
        cut_header(c, data, at)
        return
    c.protocol = "TCP"
    start = at + (bits >> 10 & 60)
    if start > size + c.missing:
        too_long(c, data, at)
        return
    reused = False
    way = c.connections.get(c.addresses + data[at : at + 4])
    if way is None or bits & SYN:
        way, reused = opened(c, data, at, way)
    back = way.back
    if begin == TIMES_ALONE and start == at + 32:
        said = f" TSval={value} TSecr={echo}"
    elif start == at + 20:
        said = ""
    elif start < at + 20:
        bogus(c, way, data, at)
        return
    else:
        said = options(c, data, at + 20, start, way)
    length = size + c.missing - start
    if (
        bits & 0xFF6 == ACK  # and perhaps PSH, FIN
        and seq == way.next == way.seen
        and window
        and way.settled
        and (back.seen - ack) & UINT32 < HALF  # nothing that has not been seen
        and (
            length > 1 and 0 < (used := seq + length - back.ack & UINT32) < HALF and used != back.limit
            if length
            else ack != way.ack or bits & FIN
        )
    ):  # as most of them: nothing to remark
        if ack != way.ack:
            way.ack, way.duplicates, way.duplicate_of, way.hushed = ack, 0, c.index + 1, False
        limit = window << way.shift
        if limit != way.limit:
            way.window, way.limit = window, limit
        way.ack_time = c.time
        way.last = 0
        text = (
            f"{way.text}{FLAGS[bits & 0xFFF]}{seq - way.base & UINT32} Ack={ack - back.base & UINT32}"
            f" Win={limit} Len={length}{said}"
        )
        c.info = c.info[: c.fence] + text if c.fence else text
        fin = bits & FIN
        if length or fin:
            way.next = way.seen = seq + length + fin & UINT32
            way.time = c.time
            if fin or c.missing or not way.reader.silent:
                carry(c, way, data, start, seq=seq, fin=fin)
    else:
        ahead = seq - way.next & UINT32 if way.next >= 0 else 0
        segment = Segment(c.index + 1, c.time, seq, ack, bits, window, length, ahead)
        urgent = f" Urg={unpack_from('!H', data, at + 18)[0]}" if bits & URG else ""
        remarks = remarkable(c, way, segment, said, urgent, reused=reused)
        if length > 0 or bits & FIN:
            begins = seq + 1 & UINT32 if bits & SYN else seq
            carry(c, way, data, start, seq=begins, late=ahead >= HALF, fin=bits & FIN, prefix=remarks)


def carry(
    c: Context, way: Way, data: bytes, at: int, *, seq: int, late: bool = False, fin: int = 0, prefix: str = ""
) -> None:
    """Hand the bytes of a segment to whoever reads the connection."""
    reader = way.reader
    c.source_port, c.destination_port = way.source_port, way.destination_port
    fence = c.fence
    c.fence += len(prefix)
    if at < len(data) + c.missing:
        deliver(c, reader, data, at, seq=seq, late=late)
    if fin and reader.pending and not late:
        c.fence = fence + len(prefix)
        close(c, reader)


def remarkable(c: Context, way: Way, segment: Segment, said: str, urgent: str, *, reused: bool) -> str:
    """Write the words of any segment; return those that stand before the ports."""
    bits = segment.bits
    numbered(way, segment.seq, segment.ack, bits)
    if bits & SYN:
        agree(way, bits, offered=" WS=" in said)
    remarks = remark(way, segment)
    if reused:
        remarks += "[TCP Port numbers reused] "
    if said.endswith(CUT_SHORT):
        remarks = ""  # tshark gives up before it gets to them
    words = described(way, segment.seq, segment.ack, bits, segment.window)
    c.write(f"{remarks}{words}{urgent} Len={segment.length}{said}")
    return remarks


def described(way: Way, seq: int, ack: int, bits: int, window: int) -> str:
    """Return ports, flags, numbers and window."""
    shown = f" Ack={ack - way.back.base & UINT32}" if bits & ACK else ""
    scaled = window if bits & SYN else window << way.shift
    return f"{way.text}{FLAGS[bits & 0xFFF]}{seq - way.base & UINT32}{shown} Win={scaled}"


def bogus(c: Context, way: Way, data: bytes, at: int) -> None:
    """A header that says it is shorter than it is."""
    seq, ack, bits, window = FIELDS.unpack_from(data, at + 4)
    size = bits >> 10 & 60
    numbered(way, seq, ack, bits)
    c.write(f"{described(way, seq, ack, bits, window)}, bogus TCP header length ({size}, must be at least 20)")


def too_long(c: Context, data: bytes, at: int) -> None:
    """A header that says it goes on behind the end of the packet: such a packet begins no connection."""
    source, destination, seq, ack, bits, window = unpack_from("!HHIIHH", data, at)
    shown = f" Ack={ack}" if bits & ACK else ""
    urgent = f" Urg={unpack_from('!H', data, at + 18)[0]}" if bits & URG else ""
    c.write(f"{source} → {destination} [{FLAGS[bits & 0xFFF]}{seq}{shown} Win={window}{urgent}")
    raise Malformed


def cut_header(c: Context, data: bytes, at: int) -> None:
    """Show what is there of a header."""
    source, destination = unpack_from("!HH", data, at)
    c.protocol = "TCP"
    c.write(f"{source} → {destination}")
    if len(data) >= at + 16:
        way = c.connections.get(c.addresses + data[at : at + 4])
        if way is None:
            way, _ = opened(c, data, at, None)
        c.write(described(way, *FIELDS.unpack_from(data, at + 4)))
    c.say_short()


def numbered(way: Way, seq: int, ack: int, bits: int) -> None:
    """Let the numbers that are shown begin with this packet."""
    if way.base < 0:
        way.base = seq if bits & SYN else (seq - 1) & UINT32
    if bits & ACK and way.back.base < 0:
        way.back.base = (ack - 1) & UINT32


def agree(way: Way, bits: int, *, offered: bool) -> None:
    """Scale windows only if both sides have offered it (RFC 7323, 2.2)."""
    if offered:
        if bits & ACK and way.back.scale == NO_SCALE:
            way.set_scale(NO_SCALE)
    elif way.scale == UNKNOWN:
        way.set_scale(NO_SCALE)
        way.back.set_scale(NO_SCALE)


def opened(c: Context, data: bytes, at: int, known: Way | None) -> tuple[Way, bool]:
    """Return the direction of a connection that a SYN, or any packet of an unknown one, belongs to.

    True: the same ports have been used before, with other numbers.
    """
    source, destination, seq, ack, bits = PORTS_AND_FIELDS.unpack_from(data, at)
    if known is not None and (bits & ACK or known.base in (UNKNOWN, seq)):
        again = bits & ACK > 0 and known.base not in (UNKNOWN, seq)
        if again:
            rebase(c, known, seq)
            known.base = seq
        return known, again
    here, there = readers(source, destination)
    half = len(c.addresses) // 2
    one, other = c.addresses[:half], c.addresses[half:]
    expected = c.dissector.states.get("expected")
    if expected:
        agreed = expected.get((other, destination)) or expected.get((one, source))
        here.protocol = there.protocol = agreed or here.protocol
    handshake = Handshake(c.time if bits & (SYN | ACK) == SYN else -1)
    way, back = Way(source, destination, here, handshake), Way(destination, source, there, handshake)
    way.back, back.back = back, way
    numbered(way, seq, ack, bits)
    c.connections[c.addresses + data[at : at + 4]] = way
    if (one, source) == (other, destination):
        way.back = way
    else:
        c.connections[other + one + data[at + 2 : at + 4] + data[at : at + 2]] = back
    return way, known is not None
