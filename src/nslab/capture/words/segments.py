"""What protocols without messages of their own share: each segment of a connection is read as it comes."""

from __future__ import annotations

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.streams import Stream


class Segments:
    """A stream protocol whose messages are the segments."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        return len(data) - at

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        raise NotImplementedError


def first_line(data: bytes, at: int, end: int) -> str:
    """Return the text up to the end of its line."""
    stop = data.find(b"\n", at, end)
    return printable(data[at : end if stop < 0 else stop].removesuffix(b"\r"))


def lines(data: bytes, at: int, end: int) -> list[str]:
    """Return the text's lines; an end of line at the end begins no further one."""
    text = data[at:end].removesuffix(b"\n").removesuffix(b"\r")
    return [printable(line.removesuffix(b"\r")) for line in text.split(b"\n")]
