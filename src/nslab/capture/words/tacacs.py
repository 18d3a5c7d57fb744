"""TACACS+ (RFC 8907)."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

HEADER: Final = 12
TYPES: Final = {1: "Authentication", 2: "Authorization", 3: "Accounting"}


@over_tcp(49)
class TacacsStream:
    """The client's packets have odd numbers."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER:
            return MORE
        return HEADER + int.from_bytes(data[at + 8 : at + 12])

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        c.protocol = "TACACS+"
        kind = data[at + 1]
        c.write(f"{'Q' if data[at + 2] & 1 else 'R'}: {TYPES.get(kind, f'Unknown (0x{kind:02x})')}")
