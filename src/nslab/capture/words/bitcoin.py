"""Bitcoin: what its nodes tell each other."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import TCP_GUESSES, over_tcp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

HEADER: Final = 24
NETWORKS: Final = (b"\xf9\xbe\xb4\xd9", b"\x0b\x11\x09\x07", b"\xfa\xbf\xb5\xda")
NAMES: Final = (
    "version verack addr inv getdata notfound getblocks getheaders tx block headers getaddr mempool checkorder"
    " submitorder reply ping pong reject filterload filteradd filterclear merkleblock alert"
)
COMMANDS: Final = frozenset(NAMES.split(" "))


@over_tcp(8333, 18333)
class Bitcoin:
    """Which network, command, length, checksum."""

    def __init__(self) -> None:
        self.row = -1

    @staticmethod
    def recognises(data: bytes) -> bool:
        return data[:4] in NETWORKS and len(data) >= HEADER

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER:
            return MORE if data[at : at + 4] in NETWORKS else NOT_MINE
        if data[at : at + 4] not in NETWORKS:
            return NOT_MINE
        return HEADER + int.from_bytes(data[at + 16 : at + 20], "little")

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        c.protocol = "Bitcoin"
        if self.row != c.index:
            self.row = c.index
            c.write("")
        command = data[at + 4 : at + 16].rstrip(b"\0").decode("latin-1")
        c.add(command if command in COMMANDS else "[unknown command]")


TCP_GUESSES.append(Bitcoin)
