"""RESP, the protocol of Redis (its specification, version 2)."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

PORT: Final = 6379
SIMPLE, ERROR, INTEGER, BULK, ARRAY = b"+-:$*"
LONGEST_SHOWN: Final = 256
DEEPEST: Final = 16
LONGEST: Final = 1 << 17  # bytes of a value


@over_tcp(PORT)
class Resp:
    """The values of a connection, one after the other."""

    def __init__(self) -> None:
        self.row = -1

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at > LONGEST:
            return len(data) - at  # reading it again with each segment would take too long
        end, _words = _value(data, at, DEEPEST)
        return end - at if end > at else MORE if end < 0 else len(data) - at

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        c.protocol = "RESP"
        words = _value(data, at, DEEPEST)[1]
        if self.row == c.index:
            c.append(f" {words}")
            return
        self.row = c.index
        c.write(f"{'Request' if c.destination_port == PORT else 'Response'}: {words}")


def _value(data: bytes | bytearray, at: int, depth: int) -> tuple[int, str]:
    """Return where the value at `at` ends, and its words; -1 when it is not all there, `at` when it is none."""
    stop = data.find(b"\r\n", at)
    if stop < 0:
        return -1, ""
    kind, text, end = data[at], printable(bytes(data[at + 1 : stop])), stop + 2
    if kind in {SIMPLE, ERROR, INTEGER}:
        return end, text
    if kind not in {BULK, ARRAY} or not text.lstrip("-").isdigit() or depth == 0:
        return at, ""
    size = int(text)
    if kind == BULK:
        if end + size + 2 > len(data):
            return -1, ""
        shown = printable(bytes(data[end : end + size])) if size < LONGEST_SHOWN else f"BulkString({size})"
        return (end + size + 2, shown) if size >= 0 else (end, "Null")
    return _array(data, end, size, depth)


def _array(data: bytes | bytearray, at: int, size: int, depth: int) -> tuple[int, str]:
    words = []
    for _ in range(size):
        end, word = _value(data, at, depth - 1)
        if end <= at:
            return end, ""
        words.append(word)
        at = end
    return at, " ".join(words)
