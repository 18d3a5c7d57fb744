"""What is remarkable about a segment, seen from the ones before it: lost, repeated, overtaken, keeping alive …

The rules are those that the Wireshark User's Guide gives in its chapter "TCP Analysis".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nslab.capture.words.context import Context

if TYPE_CHECKING:
    from nslab.capture.words.reassembly import Reader

UINT32: Final = 0xFFFFFFFF
HALF: Final = 0x80000000
FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16
CLOSING: Final = FIN | SYN | RST
FAST: Final = 20_000_000  # ns: a retransmission so soon after duplicate ACKs is a fast one
OVERTAKEN: Final = 3_000_000  # ns: a segment that comes so late has been overtaken, when the round trip is not known

PROBE: Final = 1
KEEP_ALIVE: Final = 2


class Connection:
    """What both directions share."""

    __slots__ = ("round_trip", "syn_time")

    def __init__(self) -> None:
        self.syn_time = -1
        self.round_trip = 0  # ns, from the SYN to the ACK of the other side's; 0: not seen


class Way:
    """One direction of a connection. Sequence numbers are as in the packets; -1 says that it is not known yet."""

    __slots__ = (
        "ack",
        "ack_time",
        "back",
        "base",
        "connection",
        "duplicate_of",
        "duplicates",
        "hushed",
        "last",
        "limit",
        "next",
        "reader",
        "scale",
        "seen",
        "selective",
        "text",
        "time",
        "window",
    )

    def __init__(self, text: str, reader: Reader) -> None:
        self.text = text  # "43210 → 80 ["
        self.reader = reader
        self.back: Way = self
        self.connection = Connection()
        self.base = -1  # what is shown as 0
        self.next = -1  # the number after the highest seen
        self.seen = -1  # how far the other side may acknowledge
        self.ack = -1  # the last acknowledgment number
        self.ack_time = 0
        self.window = -1  # as it stood in the last packet
        self.limit = 0  # … and in bytes
        self.scale = -1
        self.duplicates = 0
        self.duplicate_of = 0  # frame number
        self.hushed = False  # one ACK of what nobody has sent has been shown already
        self.last = 0  # what the last packet was: PROBE, KEEP_ALIVE
        self.time = 0
        self.selective = False  # the packet has SACK blocks


def remark(c: Context, way: Way, seq: int, ack: int, bits: int, window: int, length: int) -> str:
    """Return what is remarkable, `[TCP Retransmission] `, and remember the segment."""
    back = way.back
    expected = way.next
    end = (seq + length + (1 if bits & 3 else 0)) & UINT32
    quiet = not bits & CLOSING
    ahead = (seq - expected) & UINT32 if expected >= 0 else 0
    in_order = expected >= 0 and not ahead
    probe_ack = zero = special = full = unseen = lost = again = ""
    last = 0
    if length == 1 and in_order and back.window == 0:
        special = "[TCP ZeroWindowProbe] "
        last = PROBE
    else:
        if window == 0 and quiet:
            zero = "[TCP ZeroWindow] "
        if 0 < ahead < HALF and not bits & RST:
            lost = "[TCP Previous segment not captured] "
        if length <= 1 and quiet and ahead == UINT32:
            special = "[TCP Keep-Alive] "
            last = KEEP_ALIVE
        if length > 0:
            if quiet and back.scale != -1 and (seq + length - back.ack) & UINT32 == back.limit:
                full = "[TCP Window Full] "
        elif in_order and ack == way.ack and quiet:
            if window != way.window:
                special = "[TCP Window Update] " if window else ""
            elif window and back.last == KEEP_ALIVE:
                special = "[TCP Keep-Alive ACK] "
            elif not window and back.last == PROBE:
                probe_ack = "[TCP ZeroWindowProbeAck] "
            elif window:
                way.duplicates += 1
                special = f"[TCP Dup ACK {way.duplicate_of}#{way.duplicates}] "
    if bits & ACK and back.seen >= 0 and 0 < (ack - back.seen) & UINT32 < HALF:
        if back.seen != back.next or (ack - back.next) & UINT32 >= HALF:
            unseen = "[TCP ACKed unseen segment] "
        else:
            if not (back.hushed or back.duplicates):
                unseen = "[TCP ACKed unseen segment] "
            back.hushed = True
            back.duplicates = 0
        back.seen = back.next
    if (length > 0 or bits & 3) and last != KEEP_ALIVE:
        again = repeated(c, way, seq, length, end)
    if ack != way.ack:
        way.duplicates = 0
        way.duplicate_of = c.number
        way.hushed = False
    if last != PROBE:
        if expected < 0 or 0 < (end - expected) & UINT32 < HALF:
            way.next = end
            way.time = c.time
        if way.seen < 0 or seq == way.seen:
            way.seen = way.next
    way.window = window
    way.limit = window if bits & SYN else window << max(way.scale, 0)
    way.ack = ack
    way.ack_time = c.time
    connection = way.connection
    if not connection.round_trip:
        measure(c, way, bits)
    way.last = last
    return probe_ack + zero + special + full + unseen + lost + again


def measure(c: Context, way: Way, bits: int) -> None:
    """Take the time from the SYN to the ACK that ends the handshake."""
    connection = way.connection
    if bits & (SYN | ACK) == SYN:
        connection.syn_time = c.time
    elif bits & (SYN | ACK) == ACK and connection.syn_time >= 0:
        connection.round_trip = max(1, c.time - connection.syn_time)


def repeated(c: Context, way: Way, seq: int, length: int, end: int) -> str:
    """Say why a segment comes again or late."""
    back = way.back
    if length and back.ack > 0 and (seq + length - back.ack - 1) & UINT32 >= HALF:
        return "[TCP Spurious Retransmission] "
    ahead = (seq - way.next) & UINT32 if way.next >= 0 else 0
    if ahead < HALF or (ahead == UINT32 and length > 1):
        return ""
    if back.duplicates >= 2 and back.ack == seq and c.time - back.ack_time < FAST:
        return "[TCP Fast Retransmission] "
    if c.time - way.time < (way.connection.round_trip or OVERTAKEN) and way.next != end:
        return "[TCP Out-Of-Order] "
    return "[TCP Retransmission] "
