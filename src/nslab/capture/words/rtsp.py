"""RTSP (RFC 2326): requests, replies, and media between them."""

from __future__ import annotations

import re
from typing import Final

from nslab.capture.words import media
from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

PORTS: Final = (554, 8554)
METHODS: Final = frozenset(
    b"DESCRIBE ANNOUNCE GET_PARAMETER OPTIONS PAUSE PLAY RECORD REDIRECT SETUP SET_PARAMETER TEARDOWN".split(b" ")
)
INTERLEAVED: Final = ord("$")
_END: Final = re.compile(rb"\n\r?\n")
_LENGTH: Final = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*(\d+)")
_TYPE: Final = re.compile(rb"(?im)^content-type[ \t]*:[ \t]*([^\r\n]*)")


@over_tcp(*PORTS)
class Rtsp:
    """The messages of a connection."""

    def __init__(self) -> None:
        self.row = -1

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at] == INTERLEAVED:
            return 4 + (data[at + 2] << 8 | data[at + 3]) if len(data) - at >= 4 else MORE
        end = _END.search(data, at)
        if end is None:
            return MORE
        length = _LENGTH.search(data, at, end.end())
        return end.end() - at + (int(length[1]) if length is not None else 0)

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        is_first = self.row != c.index
        self.row = c.index
        if is_first:
            c.write("")
        if data[at] == INTERLEAVED:
            c.add(f"Interleaved channel 0x{data[at + 1]:02x}, {data[at + 2] << 8 | data[at + 3]} bytes")
            return
        c.protocol = "RTSP"
        say = c.write if is_first else c.add
        line = data[at:end].partition(b"\n")[0].rstrip(b"\r")
        if line.startswith(b"RTSP/"):
            say(f"Reply: {printable(line)}")
        else:
            say(printable(line) if line.partition(b" ")[0] in METHODS else "Continuation")
        header = _END.search(data, at, end)
        kind = _TYPE.search(data, at, header.end()) if header is not None else None
        if header is not None and kind is not None and header.end() < end:
            media.describe(c, kind[1], data[header.end() : end])
