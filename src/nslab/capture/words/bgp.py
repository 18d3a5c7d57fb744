"""BGP (RFC 4271)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream
from nslab.capture.words.values import named

MARKER: Final = b"\xff" * 16
HEADER: Final = 19
UPDATE: Final = 2
TYPES: Final = {
    1: "OPEN Message",
    2: "UPDATE Message",
    3: "NOTIFICATION Message",
    4: "KEEPALIVE Message",
    5: "ROUTE-REFRESH Message",
    6: "CAPABILITY Message",
    128: "Cisco ROUTE-REFRESH Message",
}
SHORTEST: Final = {1: 29, 2: 23, 3: 21, 5: 23}


@over_tcp(179)
class BgpStream:
    """A marker, the length, the type; bytes before a marker are nobody's."""

    @staticmethod
    def recognises(data: bytes) -> bool:
        return data.startswith(MARKER)

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at : at + 16] != MARKER[: len(data) - at]:
            found = data.find(MARKER, at)
            return (found if found > 0 else len(data)) - at
        if len(data) - at < HEADER:
            return MORE
        return max(HEADER, int.from_bytes(data[at + 16 : at + 18]))

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        if c.protocol != "BGP":
            c.protocol = "BGP"
            c.write("")
        if data[at : at + 16] != MARKER[: len(data) - at]:
            return
        length, kind = unpack_from("!HB", data, at + 16)
        if length < HEADER:
            c.write("")
            raise Malformed
        c.add(named(TYPES, kind, f"Unknown message type (0x{kind:02x})"))
        if at + length > end and c.missing > 0:
            c.say_short()
            return
        if length < SHORTEST.get(kind, 0) or (kind == UPDATE and not lengths_fit(data, at + HEADER, end)):
            raise Malformed


def lengths_fit(data: bytes, at: int, end: int) -> bool:
    """Say if the withdrawn routes and the attributes of an update end before it does."""
    (withdrawn,) = unpack_from("!H", data, at)
    at += 2 + withdrawn
    if at + 2 > end:
        return False
    (attributes,) = unpack_from("!H", data, at)
    return at + 2 + int(attributes) <= end
