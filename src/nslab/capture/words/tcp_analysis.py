"""What is remarkable about a segment, seen from those before it: lost, repeated, overtaken, keeping alive.

The rules are those of the chapter "TCP Analysis" in the Wireshark User's Guide, and what running tshark adds to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nslab.capture.words.reassembly import Reader

UINT32: Final = 0xFFFFFFFF
HALF: Final = 0x80000000  # a difference of sequence numbers that is greater is negative
FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16
CLOSING: Final = FIN | SYN | RST
FAST: Final = 20_000_000  # ns: a retransmission so soon after duplicate ACKs is a fast one
OVERTAKEN: Final = 3_000_000  # ns: a segment that comes so late has been overtaken, when the round trip is not known

PROBE: Final = 1
KEEP_ALIVE: Final = 2
UNKNOWN: Final = -1
NO_SCALE: Final = -2  # the other side has not offered it, so nobody scales


class Handshake:
    """What both directions share."""

    __slots__ = ("round_trip", "started")

    def __init__(self, started: int) -> None:
        self.started = started  # when the SYN came, ns; -1: it has not been seen
        self.round_trip = 0  # ns, from the SYN to the ACK of the other side's; 0: not known


class Way:
    """One direction of a connection. Sequence numbers are as in the packets; -1 says that it is not known yet."""

    __slots__ = (
        "ack",
        "ack_time",
        "back",
        "base",
        "destination_port",
        "duplicate_of",
        "duplicates",
        "handshake",
        "hushed",
        "last",
        "limit",
        "next",
        "reader",
        "scale",
        "seen",
        "settled",
        "shift",
        "source_port",
        "text",
        "time",
        "window",
    )

    def __init__(self, source_port: int, destination_port: int, reader: Reader, handshake: Handshake) -> None:
        self.source_port = source_port
        self.destination_port = destination_port
        self.text = f"{source_port} → {destination_port} ["
        self.reader = reader
        self.handshake = handshake
        self.settled = handshake.started < 0  # nothing of the handshake is waited for
        self.back: Way = self
        self.base = UNKNOWN  # what is shown as 0
        self.next = UNKNOWN  # the number after the highest seen
        self.seen = UNKNOWN  # the same, up to the first hole
        self.time = 0  # when `next` last grew
        self.ack = 0  # the last acknowledgment number
        self.ack_time = 0
        self.window = UNKNOWN  # as it stood in the last packet
        self.limit = 0  # and in bytes
        self.scale = UNKNOWN
        self.shift = 0  # what the scale comes to
        self.duplicates = 0
        self.duplicate_of = 0  # frame number
        self.hushed = False  # that it acknowledges what nobody has sent has been said
        self.last = 0  # what the last packet was: PROBE, KEEP_ALIVE

    def forget(self) -> None:
        """Begin anew with the next packet, as if nothing of the connection had been seen; who reads it stays."""
        self.handshake = Handshake(-1)
        self.settled = True
        self.base = self.next = self.seen = self.window = self.scale = UNKNOWN
        self.ack = self.limit = self.shift = self.duplicates = self.last = 0
        self.hushed = False

    def set_scale(self, scale: int) -> None:
        self.scale = scale
        self.shift = max(scale, 0)


class Segment:
    """A segment, as far as its neighbours are concerned."""

    __slots__ = ("ack", "ahead", "bits", "end", "length", "number", "seq", "time", "window")

    def __init__(  # noqa: PLR0917 - the fields of a header
        self, number: int, time: int, seq: int, ack: int, bits: int, window: int, length: int, ahead: int
    ) -> None:
        self.number = number  # of the frame
        self.time = time
        self.seq = seq
        self.ack = ack
        self.bits = bits
        self.window = window
        self.length = length
        self.ahead = ahead  # how far it is beyond what is expected; 0: in order; at least HALF: behind
        self.end = seq + length + (1 if bits & (SYN | FIN) else 0) & UINT32  # the sequence number after it


def remark(way: Way, segment: Segment) -> str:
    """Return what is remarkable about it, `[TCP Retransmission] `, and remember the segment."""
    kind = lost = again = ""
    mark = 0
    in_order = way.next >= 0 and not segment.ahead
    if segment.length == 1 and in_order and not way.back.window:
        kind, mark = "[TCP ZeroWindowProbe] ", PROBE
    else:
        if not segment.bits & CLOSING:
            kind, mark = _kind(way, segment, in_order=in_order)
        if 0 < segment.ahead < HALF and not segment.bits & RST:
            lost = "[TCP Previous segment not captured] "
    unseen = _unseen(way.back, segment)
    if (segment.length or segment.bits & (SYN | FIN)) and mark != KEEP_ALIVE:
        again = _again(way, segment)
    _remember(way, segment, mark)
    return kind + unseen + lost + again


def _kind(way: Way, segment: Segment, *, in_order: bool) -> tuple[str, int]:
    """Say what the segment is there for, when that is not only to carry something."""
    zero = "" if segment.window else "[TCP ZeroWindow] "
    if segment.length <= 1 and segment.ahead == UINT32:
        full = _full(way, segment) if segment.length else ""
        return f"{zero}[TCP Keep-Alive] {full}", KEEP_ALIVE
    if segment.length:
        return zero + _full(way, segment), 0
    if in_order and segment.ack == way.ack:
        return _same_ack(way, segment) + zero, 0
    return zero, 0


def _full(way: Way, segment: Segment) -> str:
    """Say if the segment fills the window of the other side to the last byte."""
    back = way.back
    used = (segment.seq + segment.length - back.ack) & UINT32
    return "[TCP Window Full] " if back.scale != UNKNOWN and used == back.limit else ""


def _same_ack(way: Way, segment: Segment) -> str:
    """Say why an ACK without data repeats the number of the one before it."""
    if segment.window != way.window:
        return "[TCP Window Update] " if segment.window else ""
    if not segment.window:
        return "[TCP ZeroWindowProbeAck] " if way.back.last == PROBE else ""
    if way.back.last == KEEP_ALIVE:
        return "[TCP Keep-Alive ACK] "
    way.duplicates += 1
    way.hushed = False
    return f"[TCP Dup ACK {way.duplicate_of}#{way.duplicates}] "


def _unseen(back: Way, segment: Segment) -> str:
    """Say if the segment acknowledges what has not been captured."""
    if not segment.bits & ACK or back.seen < 0 or not 0 < (segment.ack - back.seen) & UINT32 < HALF:
        return ""
    said = True
    if back.seen == back.next and (segment.ack - back.next) & UINT32 < HALF:
        said = not (back.hushed or back.duplicates)  # it never comes: once is enough
        back.hushed = True
        back.duplicates = 0
    back.seen = back.next
    return "[TCP ACKed unseen segment] " if said else ""


def _again(way: Way, segment: Segment) -> str:
    """Say why a segment comes again, or late."""
    back = way.back
    if segment.length and back.ack > 0 and (segment.seq + segment.length - back.ack - 1) & UINT32 >= HALF:
        return "[TCP Spurious Retransmission] "
    if segment.ahead < HALF or (segment.ahead == UINT32 and segment.length > 1):
        return ""
    if (back.duplicates >= 2 or back.hushed) and back.ack == segment.seq and segment.time - back.ack_time < FAST:
        return "[TCP Fast Retransmission] "
    if segment.time - way.time < (way.handshake.round_trip or OVERTAKEN) and way.next != segment.end:
        return "[TCP Out-Of-Order] "
    return "[TCP Retransmission] "


def _remember(way: Way, segment: Segment, mark: int) -> None:
    end = segment.end
    if segment.ack != way.ack:
        way.duplicates = 0
        way.duplicate_of = segment.number
        way.hushed = False
    if mark != PROBE:
        if way.next < 0 or 0 < (end - way.next) & UINT32 < HALF:
            way.next = end
            way.time = segment.time
        if way.seen < 0 or segment.seq == way.seen:
            way.seen = way.next
    way.window = segment.window
    way.limit = segment.window if segment.bits & SYN else segment.window << way.shift
    way.ack = segment.ack
    way.ack_time = segment.time
    way.last = mark
    if not way.settled:
        _measure(way, segment)


def _measure(way: Way, segment: Segment) -> None:
    """Take the time from the SYN to the ACK that ends the handshake."""
    handshake = way.handshake
    if segment.bits & (SYN | ACK) == SYN:
        handshake.started = segment.time
    elif segment.bits & (SYN | ACK) == ACK and handshake.started >= 0:
        handshake.round_trip = max(1, segment.time - handshake.started)
        way.settled = way.back.settled = True
