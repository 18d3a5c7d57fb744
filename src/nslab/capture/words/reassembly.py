"""Cuts a TCP stream into messages: what `streams` promises to the protocols.

It follows tshark's defaults, so that rows are equal: a segment that comes late or again is read only when it fills a
message that is under way, and a gap begins a new message.
"""

from __future__ import annotations

import struct
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import TCP_GUESSES, TCP_PORTS
from nslab.capture.words.streams import MORE, NOT_MINE, UNTIL_CLOSE, Stream, StreamProtocol

UINT32: Final = 0xFFFFFFFF
HALF: Final = 0x80000000
SEGMENT: Final = " [TCP segment of a reassembled PDU]"
FEWEST: Final = 5  # of a segment that is cut: whoever might know it asks for as many
FIRST_BYTES: Final = 512  # as much as a guess is shown


class Reader:
    """One direction of a connection and the message of it that is not complete yet."""

    __slots__ = ("ahead", "buffer", "needed", "other", "protocol", "start", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.other: Reader = self
        self.protocol: StreamProtocol | None = None  # known from its port, or by its first bytes
        self.buffer = bytearray()  # the message, as far as it has come without a hole
        self.start = 0  # sequence number of its first byte
        self.needed = 0  # its size; or MORE, UNTIL_CLOSE; 0: there is none
        self.ahead: dict[int, bytes] = {}  # by offset: what is behind a hole


def readers(source_port: int, destination_port: int) -> tuple[Reader, Reader]:
    """Make the readers of a connection's two directions."""
    one, other = Stream(source_port, destination_port), Stream(destination_port, source_port)
    one.other, other.other = other, one
    there, back = Reader(one), Reader(other)
    there.other, back.other = back, there
    low, high = sorted((source_port, destination_port))
    kind = TCP_PORTS.get(low) or TCP_PORTS.get(high)
    if kind is not None:
        there.protocol = back.protocol = kind()
    return there, back


def recognised(reader: Reader, data: bytes, at: int) -> StreamProtocol | None:
    """Ask who knows these bytes."""
    first = data[at : at + FIRST_BYTES]
    for kind in TCP_GUESSES:
        if kind.recognises(first):
            reader.protocol = reader.other.protocol = kind()
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
    if c.missing:
        if not late:
            _forget(reader)
            _cut(c, reader.stream, protocol, data, at)
    elif reader.needed and _belongs(reader, seq):
        _continue(c, reader, protocol, data[at:], offset=(seq - reader.start) & UINT32, late=late)
    elif not late:
        _forget(reader)
        _messages(c, reader, protocol, data, at, seq=seq)


def close(c: Context, reader: Reader) -> None:
    """Read the message that ends with the stream."""
    if reader.needed == UNTIL_CLOSE and not reader.ahead and reader.protocol is not None:
        whole = bytes(reader.buffer)
        _forget(reader)
        _read(c, reader.stream, reader.protocol, whole, slice(0, len(whole)))


def _belongs(reader: Reader, seq: int) -> bool:
    """Say if a segment is part of the message under way."""
    offset = (seq - reader.start) & UINT32
    if reader.needed == MORE:
        return offset == len(reader.buffer)
    return offset < (HALF if reader.needed == UNTIL_CLOSE else reader.needed)


def _forget(reader: Reader) -> None:
    if reader.needed:
        reader.buffer, reader.needed = bytearray(), 0
        reader.ahead.clear()
        reader.stream.scanned = 0


def _continue(c: Context, reader: Reader, protocol: StreamProtocol, piece: bytes, *, offset: int, late: bool) -> None:
    """Put a segment where it belongs in the message under way; read the message when that was all."""
    buffer = reader.buffer
    if offset + len(piece) <= len(buffer) or offset in reader.ahead:
        return  # again
    if offset > len(buffer):
        reader.ahead[offset] = piece
        c.append(SEGMENT)
        return
    buffer += piece[len(buffer) - offset :]
    while reader.ahead:
        offset = min(reader.ahead)
        if offset > len(buffer):
            break
        buffer += reader.ahead.pop(offset)[len(buffer) - offset :]
    if reader.needed == UNTIL_CLOSE or len(buffer) < reader.needed:
        c.append(SEGMENT)
        return
    whole, start = bytes(buffer), reader.start
    reader.buffer, reader.needed = bytearray(), 0
    before = (c.protocol, c.info)
    _messages(c, reader, protocol, whole, 0, seq=start)
    if late:  # the row of a segment that fills a hole keeps the words of TCP
        c.protocol, c.info = before


def _messages(c: Context, reader: Reader, protocol: StreamProtocol, data: bytes, at: int, *, seq: int) -> None:
    """Read the messages that are whole and keep the rest. `seq` is the number of `data[at]`."""
    stream = reader.stream
    first = at
    while at < len(data):
        size = protocol.size(stream, data, at)
        if size == NOT_MINE:
            return
        if size < 0 or at + size > len(data):
            reader.buffer = bytearray(data[at:])
            reader.start = (seq + at - first) & UINT32
            reader.needed = size
            if at == first:
                c.append(SEGMENT)
            return
        stream.scanned = 0
        _read(c, stream, protocol, data, slice(at, at + size))
        if not first and not at:  # it came in several segments
            c.fence_in()
        at += size


def _read(c: Context, stream: Stream, protocol: StreamProtocol, data: bytes, message: slice) -> None:
    try:
        protocol.dissect(c, stream, data, message.start, message.stop)
    except (struct.error, IndexError):
        c.say_short()
    except Malformed as malformed:
        c.append(malformed.words)


def _cut(c: Context, stream: Stream, protocol: StreamProtocol, data: bytes, at: int) -> None:
    """Read what the capture has kept of a segment: the last message in it is not whole and cannot become it."""
    while at < len(data):
        size = protocol.size(stream, data, at)
        if size == NOT_MINE:
            return
        stream.scanned = 0
        end = len(data) if size < 0 else at + size
        _read(c, stream, protocol, data, slice(at, min(end, len(data))))
        at = end
