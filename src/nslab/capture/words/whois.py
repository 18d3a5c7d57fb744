"""Whois (RFC 3912): one line, and an answer that ends with the connection."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, UNTIL_CLOSE, Stream

PORT: Final = 43


@over_tcp(PORT)
class Whois:
    """The answer is named after the question."""

    def __init__(self) -> None:
        self.asked = b""

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if stream.source_port == PORT:
            return UNTIL_CLOSE
        end = data.find(b"\n", at)
        return MORE if end < 0 else end + 1 - at

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "WHOIS"
        line = data[at:end].partition(b"\n")[0].rstrip(b"\r")
        if stream.source_port == PORT:
            c.write(f"Answer: {printable(self.asked or line)}")
        else:
            self.asked = line
            c.write(f"Query: {printable(line)}")
