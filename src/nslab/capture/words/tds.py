"""TDS ([MS-TDS]): Microsoft's SQL server."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

TYPES: Final = {
    1: "SQL batch",
    2: "TDS4/5 login",
    3: "Remote Procedure Call",
    4: "Response",
    5: "Unused",
    6: "Attention",
    7: "Bulk load data",
    **dict.fromkeys(range(8, 14), "Unused"),
    14: "Transaction Manager Request",
    15: "TDS5 query",
    16: "TDS7 login",
    17: "SSPI message",
    18: "TDS7 pre-login message",
}
HEADER: Final = 8
LAST: Final = 1


@over_tcp(1433, 2433)
class TdsStream:
    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < 4:
            return MORE
        return max(HEADER, int.from_bytes(data[at + 2 : at + 4]))

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        c.protocol = "TDS"
        c.write(TYPES.get(data[at], f"Unknown Packet Type: {data[at]}"))
        if not data[at + 1] & LAST:
            c.append(" (Not last buffer)")
