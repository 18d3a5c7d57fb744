"""Cassandra's native protocol, versions 3 and 4."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

HEADER: Final = 9
ANSWER: Final = 0x80
VERSIONS: Final = (3, 4)
KINDS: Final = {
    0: "ERROR",
    1: "STARTUP",
    2: "READY",
    3: "AUTHENTICATE",
    5: "OPTIONS",
    6: "SUPPORTED",
    7: "QUERY",
    8: "RESULT",
    9: "PREPARE",
    10: "EXECUTE",
    11: "REGISTER",
    12: "EVENT",
    13: "BATCH",
    14: "AUTH_CHALLENGE",
    15: "AUTH_RESPONSE",
    16: "AUTH_SUCCESS",
}


@over_tcp(9042)
class Cassandra:
    """Version and direction, flags, stream, kind, length."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at] & ~ANSWER not in VERSIONS:
            return NOT_MINE
        return HEADER + int.from_bytes(data[at + 5 : at + 9]) if len(data) - at >= HEADER else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        version, kind = unpack_from("!B3xB", data, at)
        c.protocol = "CQL"
        way = "S->C" if version & ANSWER else "C->S"
        c.write(f"v{version & ~ANSWER} {way} Type {KINDS.get(kind) or f'Unknown (0x{kind:02x})'}")
