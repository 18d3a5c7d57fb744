"""WebSocket (RFC 6455), after HTTP has switched to it."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.streams import MORE, Stream

OPCODES: Final = {0: "Continuation", 1: "Text", 2: "Binary", 8: "Connection Close", 9: "Ping", 10: "Pong"}
LENGTH_BYTES: Final = {126: 2, 127: 8}


class WebSocket:
    """The frames of a connection."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < 2:
            return MORE
        size = data[at + 1] & 127
        more = LENGTH_BYTES.get(size, 0)
        if len(data) - at < 2 + more:
            return MORE
        if more:
            size = int.from_bytes(data[at + 2 : at + 2 + more], "big")
        return 2 + more + (4 if data[at + 1] & 128 else 0) + size

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        c.protocol = "WebSocket"
        kind = OPCODES.get(data[at] & 15, "Unknown Opcode")
        end = " [FIN]" if data[at] & 128 else "[FRAGMENT] "
        c.write(f"WebSocket {kind}{end} {'[MASKED]' if data[at + 1] & 128 else ''}")
