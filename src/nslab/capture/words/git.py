"""Git's own protocol: lines that say how long they are."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

LENGTH: Final = 4  # hexadecimal digits
DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")


@over_tcp(9418)
class Git:
    """What follows the lines, a pack, has no length: it is taken for a line that never ends."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        digits = data[at : at + LENGTH]
        if len(digits) < LENGTH or not DIGITS.issuperset(digits):
            return MORE
        return max(LENGTH, int(digits, 16))

    def dissect(self, c: Context, _: Stream, __: bytes, ___: int, ____: int) -> None:
        c.protocol = "Git"
        c.write("Git Smart Protocol")
