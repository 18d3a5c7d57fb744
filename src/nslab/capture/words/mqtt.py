"""MQTT (OASIS, versions 3.1.1 and 5)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

KINDS: Final = (
    "Reserved",
    "Connect Command",
    "Connect Ack",
    "Publish Message",
    "Publish Ack",
    "Publish Received",
    "Publish Release",
    "Publish Complete",
    "Subscribe Request",
    "Subscribe Ack",
    "Unsubscribe Request",
    "Unsubscribe Ack",
    "Ping Request",
    "Ping Response",
    "Disconnect Req",
    "Authentication Exchange",
)
CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE = 1, 3, 8, 10
NUMBERED: Final = range(4, 12)
LENGTH_BYTES: Final = 4
WITH_PROPERTIES: Final = 5  # the version that has them


@over_tcp(1883)
class Mqtt:
    """The messages of a connection."""

    def __init__(self) -> None:
        self.row = -1
        self.version = 4

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        size = 0
        for place in range(LENGTH_BYTES):
            if at + 1 + place >= len(data):
                return MORE
            byte = data[at + 1 + place]
            size |= (byte & 0x7F) << 7 * place
            if not byte & 0x80:
                return 2 + place + size
        return len(data) - at

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MQTT"
        if self.row != c.index:
            self.row = c.index
            c.write("")
        kind, flags = data[at] >> 4, data[at] & 15
        c.add(KINDS[kind])
        at += 2
        while data[at - 1] & 0x80:
            at += 1
        if kind == PUBLISH:
            (size,) = unpack_from("!H", data, at)
            at += 2 + size
            if at > end:
                raise IndexError
            if flags & 6:
                c.append(f" (id={unpack_from('!H', data, at)[0]})")
            c.append(f" [{printable(data[at - size : at])}]")
        elif kind in NUMBERED and end - at >= 2:
            c.append(f" (id={unpack_from('!H', data, at)[0]})")
            if kind in {SUBSCRIBE, UNSUBSCRIBE}:
                self._topics(c, data, at + 2, end, options=int(kind == SUBSCRIBE))
        elif kind == CONNECT:
            (size,) = unpack_from("!H", data, at)
            self.version = data[at + 2 + size]

    def _topics(self, c: Context, data: bytes, at: int, end: int, *, options: int) -> None:
        if self.version >= WITH_PROPERTIES:
            at += 1 + data[at]
        while at + 2 <= end:
            (size,) = unpack_from("!H", data, at)
            at += 2 + size + options
            if at > end:
                raise IndexError
            c.append(f" [{printable(data[at - options - size : at - options])}]")
