"""Memcached's text protocol: the first line of each segment."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments, first_line
from nslab.capture.words.streams import NOT_MINE, Stream

PORT: Final = 11211
BINARY: Final = range(0x80, 0x82)


@over_tcp(PORT)
class Memcached(Segments):
    """Commands and answers in lines; its binary form is left to others."""

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        return NOT_MINE if data[at] in BINARY else super().size(stream, data, at)

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MEMCACHE"
        c.write(f"{first_line(data, at, end)} ")
