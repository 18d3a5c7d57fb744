"""Cuts a TCP stream into messages: what `streams` promises to the protocols.

It follows tshark's defaults, so that rows are equal: a segment that comes late or again is read only when it fills a
message that is under way, and a gap begins a new message.
"""

from __future__ import annotations

import struct
from typing import Final

from nslab.capture.words.context import CUT_SHORT, Context, Malformed
from nslab.capture.words.registry import TCP_GUESSES, TCP_PORTS
from nslab.capture.words.streams import MORE, NOT_MINE, UNTIL_CLOSE, Stream, StreamProtocol

UINT32: Final = 0xFFFFFFFF
HALF: Final = 0x80000000
SEGMENT: Final = " [TCP segment of a reassembled PDU]"
OVERLAP: Final = "[Reassembly error, protocol TCP: New fragment overlaps old data (retransmission?)]"
AGAIN: Final = "[TCP Retransmission]"
FAST, OVERTAKEN = "[TCP Fast Retransmission]", "[TCP Out-Of-Order]"
PATIENCE: Final = 64  # segments that are shown to those who might recognise them
MOST_LEFT: Final = 8  # messages with holes that are kept for each direction
FEWEST: Final = 5  # of a segment that is cut: whoever might know it asks for as many
FIRST_BYTES: Final = 512  # as much as a guess is shown


class Pending:
    """A message that is not complete yet."""

    __slots__ = ("ahead", "buffer", "needed", "start")

    def __init__(self, buffer: bytearray, start: int, needed: int) -> None:
        self.buffer = buffer  # as far as it has come without a hole
        self.start = start  # sequence number of its first byte
        self.needed = needed  # its size; or MORE, UNTIL_CLOSE
        self.ahead: dict[int, bytes] = {}  # by offset: what is behind a hole

    def includes(self, seq: int) -> bool:
        """Say if the byte of this number is part of it."""
        offset = (seq - self.start) & UINT32
        if self.needed == MORE:
            return offset == len(self.buffer)
        return offset < (HALF if self.needed == UNTIL_CLOSE else self.needed)

    def take(self, seq: int, piece: bytes) -> bool | None:
        """Put a segment where it belongs: None, it has been there before; True, that was all; False, it was not."""
        buffer = self.buffer
        offset = (seq - self.start) & UINT32
        if offset + len(piece) <= len(buffer) or offset in self.ahead:
            return None
        if offset > len(buffer):
            self.ahead[offset] = piece
            return False
        buffer += piece[len(buffer) - offset :]
        while self.ahead:
            offset = min(self.ahead)
            if offset > len(buffer):
                break
            buffer += self.ahead.pop(offset)[len(buffer) - offset :]
        return self.needed != UNTIL_CLOSE and len(buffer) >= self.needed


class Reader:
    """One direction of a connection, and the messages of it that are not complete yet."""

    __slots__ = ("done", "left", "other", "pending", "protocol", "refused", "silent", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.other: Reader = self
        self.protocol: StreamProtocol | None = None  # known from its port, or by its first bytes
        self.refused = 0  # segments in which nobody has recognised anything
        self.silent = False  # and nobody is asked any more
        self.pending: Pending | None = None
        self.done: list[tuple[int, int]] = []  # start and size of messages that came in several segments
        self.left: list[Pending] = []  # messages with holes; the stream has gone on behind them


def readers(source_port: int, destination_port: int) -> tuple[Reader, Reader]:
    """Make the readers of a connection's two directions."""
    one, other = Stream(source_port, destination_port), Stream(destination_port, source_port)
    one.other, other.other = other, one
    there, back = Reader(one), Reader(other)
    there.other, back.other = back, there
    kind = TCP_PORTS.get(min(source_port, destination_port)) or TCP_PORTS.get(max(source_port, destination_port))
    if kind is not None:
        there.protocol = back.protocol = kind()
    return there, back


def recognised(reader: Reader, data: bytes, at: int) -> StreamProtocol | None:
    """Ask who knows these bytes; not for ever, where nobody has so far."""
    if reader.silent:
        return None
    reader.refused += 1
    reader.silent = reader.refused >= PATIENCE
    first = data[at : at + FIRST_BYTES]
    for kind in TCP_GUESSES:
        if kind.recognises(first):
            reader.protocol = reader.other.protocol = kind()
            reader.silent = reader.other.silent = False
            return reader.protocol
    return None


def deliver(c: Context, reader: Reader, data: bytes, at: int, *, seq: int, late: bool) -> None:
    """Read a segment's bytes, the first of which has this number; `late`: all or some of it should have come before."""
    protocol = reader.protocol
    if protocol is None:
        protocol = None if late else recognised(reader, data, at)
        if protocol is None:
            if c.missing and 0 < len(data) - at < FEWEST:
                c.say_short()
            return
    pending = reader.pending
    if late and AGAIN in c.info:
        return
    if c.missing:  # it cannot be put together with others, so it does not matter when it comes
        _leave(reader)
        _cut(c, reader.stream, protocol, data, at)
    elif pending is not None and pending.includes(seq):
        _continue(c, reader, pending, data[at:], seq=seq, late=late)
    elif not late:
        _leave(reader)
        _messages(c, reader, protocol, data, at, seq=seq)
    elif not (reader.left and _fill(c, reader, data[at:], seq)):
        _overtaken(c, reader, protocol, data, at, seq=seq)


def close(c: Context, reader: Reader) -> None:
    """Read the message that ends with the stream."""
    pending = reader.pending
    if pending is not None and pending.needed == UNTIL_CLOSE and not pending.ahead and reader.protocol is not None:
        reader.pending = None
        reader.stream.scanned = 0
        whole = bytes(pending.buffer)
        _read(c, reader.stream, reader.protocol, whole, slice(0, len(whole)))


def _leave(reader: Reader) -> None:
    """Go on without the message under way: what comes next is not part of it."""
    pending = reader.pending
    if pending is not None:
        reader.pending = None
        reader.stream.scanned = 0
        if pending.needed > 0:
            reader.left.append(pending)
            del reader.left[:-MOST_LEFT]


def _fill(c: Context, reader: Reader, piece: bytes, seq: int) -> bool:
    """Fill a hole in a message that the stream has left behind. When it is whole it is read only if tshark would.

    False: it is not part of any.
    """
    for pending in reader.left:
        if pending.includes(seq):
            whole = pending.take(seq, piece)
            if whole:
                reader.left.remove(pending)
                if FAST in c.info and reader.protocol is not None:
                    _aside(c, reader, reader.protocol, bytes(pending.buffer), 0, seq=pending.start)
            elif whole is False:
                c.append(SEGMENT)
            return True
    return False


def _overtaken(c: Context, reader: Reader, protocol: StreamProtocol, data: bytes, at: int, *, seq: int) -> None:
    """Read a segment that comes late, but is not said to be a plain retransmission."""
    is_fast = FAST in c.info
    if not is_fast and OVERTAKEN not in c.info:
        return
    for start, size in reader.done:
        offset = (seq - start) & UINT32
        if offset < size:
            if offset:
                c.append(OVERLAP)
            return
    if is_fast:
        _aside(c, reader, protocol, data, at, seq=seq)


def _aside(c: Context, reader: Reader, protocol: StreamProtocol, data: bytes, at: int, *, seq: int) -> None:
    """Read messages without disturbing the one that is under way."""
    stream, pending = reader.stream, reader.pending
    kept = stream.scanned, stream.state
    reader.pending, stream.scanned = None, 0
    _messages(c, reader, protocol, data, at, seq=seq)
    _leave(reader)
    reader.pending, (stream.scanned, stream.state) = pending, kept


def _continue(c: Context, reader: Reader, pending: Pending, piece: bytes, *, seq: int, late: bool) -> None:
    """Put a segment into the message under way; read the message when that was all."""
    whole = pending.take(seq, piece)
    if not whole:
        behind = pending.needed - ((seq - pending.start) & UINT32)
        if whole is False and 0 < behind < len(piece) and not late and reader.protocol is not None:
            # It has a hole, but where the next one begins is known.
            _leave(reader)
            _messages(c, reader, reader.protocol, piece, behind, seq=(seq + behind) & UINT32)
        elif whole is False or (seq != pending.start and (OVERTAKEN in c.info or FAST in c.info)):
            c.append(SEGMENT)
        return
    reader.pending = None
    reader.done.append((pending.start, len(pending.buffer)))
    del reader.done[:-MOST_LEFT]
    before = (c.protocol, c.info)
    if reader.protocol is not None:
        _messages(c, reader, reader.protocol, bytes(pending.buffer), 0, seq=pending.start)
    if late and FAST not in c.info:  # the row of a segment that fills a hole keeps the words of TCP
        c.protocol, c.info = before


def _messages(c: Context, reader: Reader, protocol: StreamProtocol, data: bytes, at: int, *, seq: int) -> None:
    """Read the messages that are whole and keep the rest. `seq` is the number of `data[at]`."""
    stream = reader.stream
    first = at
    while at < len(data):
        size = _speaking(protocol).size(stream, data, at)
        if size == NOT_MINE:
            return
        if size < 0 or at + size > len(data):
            reader.pending = Pending(bytearray(data[at:]), (seq + at - first) & UINT32, size)
            if at == first:
                c.append(SEGMENT)
            return
        stream.scanned = 0
        _read(c, stream, protocol, data, slice(at, at + size))
        if not first and not at:  # it came in several segments
            c.fence_in()
        at += size


def _speaking(protocol: StreamProtocol) -> StreamProtocol:
    """Return who reads on: a protocol may have handed its connection over (STARTTLS, Upgrade), as its `after` says."""
    after: StreamProtocol | None = getattr(protocol, "after", None)
    return protocol if after is None else _speaking(after)


def _read(c: Context, stream: Stream, protocol: StreamProtocol, data: bytes, message: slice) -> None:
    try:
        _speaking(protocol).dissect(c, stream, data, message.start, message.stop)
    except (struct.error, IndexError):
        c.say_short()
    except Malformed as malformed:
        c.append(malformed.words)


def _cut(c: Context, stream: Stream, protocol: StreamProtocol, data: bytes, at: int) -> None:
    """Read what the capture has kept of a segment: the last message in it is not whole and cannot become it."""
    while at < len(data):
        size = _speaking(protocol).size(stream, data, at)
        if size == NOT_MINE:
            return
        stream.scanned = 0
        end = len(data) if size < 0 else at + size
        before, fence = c.info, c.fence
        _read(c, stream, protocol, data, slice(at, min(end, len(data))))
        # What has read it has not missed anything: it would have, if its message ended in this segment.
        if len(data) < end <= len(data) + c.missing and not c.info.endswith("]"):
            c.info = before[:fence] + CUT_SHORT
        at = end
