"""ASN.1 in its basic encoding (X.690): one element after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nslab.capture.words.context import Malformed

LONG: Final = 0x80


def element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag (one byte) of the element that begins here, where its content begins and where it ends."""
    tag, size = data[at], data[at + 1]
    at += 2
    if size & LONG:
        count = size & 127
        if count > 4 or not count:
            raise Malformed
        data[at + count - 1]
        size = int.from_bytes(data[at : at + count])
        at += count
    return tag, at, at + size


def elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield what element() returns for each element of a content."""
    end = min(end, len(data))
    while at < end:
        found = element(data, at)
        yield found
        at = found[2]


def whole_size(data: bytes | bytearray, at: int) -> int | None:
    """Return the size of the element that begins here, or None while it cannot be told."""
    if len(data) - at < 2:
        return None
    size = data[at + 1]
    if not size & LONG:
        return 2 + size
    count = size & 127
    if len(data) - at < 2 + count:
        return None
    return 2 + count + int.from_bytes(data[at + 2 : at + 2 + count])
