"""Cuts a TCP stream into messages: what `streams` promises to the protocols."""

from __future__ import annotations

import struct
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import TCP_GUESSES, TCP_PORTS
from nslab.capture.words.streams import MORE, NOT_MINE, UNTIL_CLOSE, Stream, StreamProtocol

SEGMENT: Final = " [TCP segment of a reassembled PDU]"


class Reader:
    """One direction of a connection and the message of it that is not complete yet."""

    __slots__ = ("ahead", "buffer", "expected", "needed", "protocol", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.protocol: StreamProtocol | None = None  # known from its port, or by its first bytes
        self.expected = -1  # sequence number of the next byte; -1: whatever comes
        self.buffer = bytearray()
        self.needed = 0  # bytes of the message that `buffer` begins; or MORE, UNTIL_CLOSE
        self.ahead: dict[int, bytes] = {}  # segments of the message that have overtaken others


def connect(source_port: int, destination_port: int) -> tuple[Reader, Reader]:
    """Make the readers of a connection's two directions."""
    one, other = Stream(source_port, destination_port), Stream(destination_port, source_port)
    one.other, other.other = other, one
    readers = Reader(one), Reader(other)
    low, high = sorted((source_port, destination_port))
    kind = TCP_PORTS.get(low) or TCP_PORTS.get(high)
    if kind is not None:
        readers[0].protocol = readers[1].protocol = kind()
    return readers


def recognised(reader: Reader, data: bytes) -> StreamProtocol | None:
    """Ask who knows these first bytes."""
    for kind in TCP_GUESSES:
        if kind.recognises(data):
            reader.protocol = kind()
            return reader.protocol
    return None


def deliver(c: Context, reader: Reader, data: bytes, at: int, seq: int) -> None:
    """Read a segment's bytes, which have this sequence number."""
    protocol = reader.protocol or recognised(reader, data[at:])
    if protocol is None:
        return
    if reader.expected < 0 or not reader.buffer:
        reader.expected = seq
    size = len(data) - at
    behind = (reader.expected - seq) & 0xFFFFFFFF
    if 0 < behind < 0x80000000:
        if behind >= size:
            return  # seen before
        at, size, seq = at + behind, size - behind, reader.expected
    if seq != reader.expected:
        reader.ahead[seq] = data[at:]
        c.append(SEGMENT)
        return
    reader.expected = (seq + size) & 0xFFFFFFFF
    if not reader.buffer:
        _messages(c, reader, protocol, data, at)
        return
    reader.buffer += data[at:]
    while reader.expected in reader.ahead:
        more = reader.ahead.pop(reader.expected)
        reader.buffer += more
        reader.expected = (reader.expected + len(more)) & 0xFFFFFFFF
    if len(reader.buffer) < reader.needed or reader.needed == UNTIL_CLOSE:
        c.append(SEGMENT)
        return
    whole = bytes(reader.buffer)
    reader.buffer = bytearray()
    _messages(c, reader, protocol, whole, 0)


def _messages(c: Context, reader: Reader, protocol: StreamProtocol, data: bytes, at: int) -> None:
    """Read the messages that are whole and keep the rest."""
    stream = reader.stream
    any_read = False
    while at < len(data):
        size = protocol.size(stream, data, at)
        if size == NOT_MINE:
            return
        if size < 0 or at + size > len(data):
            reader.buffer = bytearray(data[at:])
            reader.needed = size
            if not any_read:
                c.append(SEGMENT)
            return
        stream.scanned = 0
        any_read = True
        try:
            protocol.dissect(c, stream, data, at, at + size)
        except (struct.error, IndexError):
            c.say_short()
        except Malformed as malformed:
            c.append(malformed.words)
        at += size


__all__ = ["MORE", "Reader", "connect", "deliver"]
