"""PPTP's control connection (RFC 2637)."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

COOKIE: Final = b"\x1a\x2b\x3c\x4d"
TYPES: Final = (
    "Unknown control type (0)",
    "Start-Control-Connection-Request",
    "Start-Control-Connection-Reply",
    "Stop-Control-Connection-Request",
    "Stop-Control-Connection-Reply",
    "Echo-Request",
    "Echo-Reply",
    "Outgoing-Call-Request",
    "Outgoing-Call-Reply",
    "Incoming-Call-Request",
    "Incoming-Call-Reply",
    "Incoming-Call-Connected",
    "Call-Clear-Request",
    "Call-Disconnect-Notify",
    "WAN-Error-Notify",
    "Set-Link-Info",
)


@over_tcp(1723)
class PptpStream:
    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < 10:
            return MORE
        if data[at + 4 : at + 8] != COOKIE:
            return NOT_MINE
        return max(10, int.from_bytes(data[at : at + 2]))

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        kind = int.from_bytes(data[at + 8 : at + 10])
        c.protocol = "PPTP"
        c.write(TYPES[kind] if kind < len(TYPES) else f"Unknown control type ({kind})")
