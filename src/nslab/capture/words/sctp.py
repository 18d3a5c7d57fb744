"""SCTP (RFC 9260): its chunks, with transmission sequence numbers counted from the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.values import named

DATA, INIT, INIT_ACK, SACK, I_DATA = 0, 1, 2, 3, 64
NAMES: Final = {
    0: "DATA",
    1: "INIT",
    2: "INIT_ACK",
    3: "SACK",
    4: "HEARTBEAT",
    5: "HEARTBEAT_ACK",
    6: "ABORT",
    7: "SHUTDOWN",
    8: "SHUTDOWN_ACK",
    9: "ERROR",
    10: "COOKIE_ECHO",
    11: "COOKIE_ACK",
    12: "ECNE",
    13: "CWR",
    14: "SHUTDOWN_COMPLETE",
    15: "AUTH",
    16: "NR_SACK",
    64: "I_DATA",
    0x80: "ASCONF_ACK",
    0x81: "PKTDROP",
    0x82: "RE_CONFIG",
    0x84: "PAD",
    0xC0: "FORWARD_TSN",
    0xC1: "ASCONF",
    0xC2: "I_FORWARD_TSN",
}
NEEDED: Final = {1: 16, 2: 16, 3: 12, 7: 4}
END, BEGIN = 1, 2


@dataclass(slots=True)
class Way:
    """One direction of an association."""

    base: int = -1
    seen: set[int] = field(default_factory=set)
    pieces: dict[int, int] = field(default_factory=dict)  # flags of fragments by their number


@over_ip(132)
def sctp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "SCTP"
    c.write("")
    c.source_port, c.destination_port, _, _ = unpack_from("!HHII", data, at)
    at += 12
    while at + 4 <= len(data):
        kind, _, length = unpack_from("!BBH", data, at)
        if length < 4:
            c.append(f"{named(NAMES, kind, 'RESERVED')} ")
            return
        if len(data) < at + length and c.missing > 0:
            c.append(f"{named(NAMES, kind, 'RESERVED')} ")
            c.say_short()
            return
        chunk(c, data, at)
        at += (length + 3) & ~3


def chunk(c: Context, data: bytes, at: int) -> None:
    kind, flags, length = unpack_from("!BBH", data, at)
    c.append(f"{named(NAMES, kind, 'RESERVED')} ")
    if kind in (INIT, INIT_ACK) and length < 20:
        return
    if len(data) < at + 4 + NEEDED.get(kind, 0):
        c.say_short()
    elif kind in (DATA, I_DATA) and length >= 16:
        user_data(c, data, at, kind, flags)
    elif kind == SACK:
        acknowledgement(c, data, at)


def way(c: Context, *, back: bool = False) -> Way:
    ways: dict[tuple[bytes, int, bytes, int], Way] = c.state("sctp", dict)
    here, there = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    key = (*there, *here) if back else (*here, *there)
    found = ways.get(key)
    if found is None:
        found = ways[key] = Way()
    return found


def user_data(c: Context, data: bytes, at: int, kind: int, flags: int) -> None:
    (number,) = unpack_from("!I", data, at + 4)
    this = way(c)
    if this.base < 0:
        this.base = number
    c.append(f"(TSN={(number - this.base) & 0xFFFFFFFF}) ")
    if number in this.seen:
        c.append("(retransmission) ")
        return
    this.seen.add(number)
    if kind == DATA and flags & (BEGIN | END) != BEGIN | END and not completes(this, number, flags & (BEGIN | END)):
        c.append("(Message Fragment) ")


def completes(this: Way, number: int, flags: int) -> bool:
    """Say if all fragments of the message that this one is of are there now."""
    pieces = this.pieces
    pieces[number] = flags
    first = last = number
    while not pieces[first] & BEGIN and first - 1 in pieces:
        first -= 1
    while not pieces[last] & END and last + 1 in pieces:
        last += 1
    if not (pieces[first] & BEGIN and pieces[last] & END):
        return False
    for piece in range(first, last + 1):
        del pieces[piece]
    return True


def acknowledgement(c: Context, data: bytes, at: int) -> None:
    number, window, gaps = unpack_from("!IIH", data, at + 4)
    base = max(0, way(c, back=True).base)
    shown = f"Ack={(number - base) & 0xFFFFFFFF}"
    if gaps:
        (end,) = unpack_from("!H", data, at + 14 + 4 * gaps)
        shown += f"+{end}"
    c.append(f"({shown}, Arwnd={window}) ")
