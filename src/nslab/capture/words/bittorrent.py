"""BitTorrent (BEP 3): handshakes and messages between peers."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import TCP_GUESSES, over_tcp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

HELLO: Final = b"\x13BitTorrent protocol"
HANDSHAKE: Final = 68  # bytes
LONGEST: Final = 1 << 20
MESSAGES: Final = (
    *("Choke", "Unchoke", "Interested", "Not Interested", "Have", "Bitfield", "Request", "Piece", "Cancel", "Port"),
)
HAVE, BITFIELD, REQUEST, PIECE, CANCEL = range(4, 9)
EXTENDED: Final = 20


@over_tcp(*range(6881, 6890))
class BitTorrent:
    """The messages of a connection."""

    def __init__(self) -> None:
        self.row = -1
        self.known = False

    @staticmethod
    def recognises(data: bytes) -> bool:
        return data.startswith(HELLO)

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at : at + len(HELLO)] == HELLO:
            self.known = True
            return HANDSHAKE
        if not self.known:
            return NOT_MINE
        if len(data) - at < 4:
            return MORE
        size = 4 + int.from_bytes(data[at : at + 4], "big")
        return size if size <= LONGEST else len(data) - at

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "BitTorrent"
        if self.row != c.index:
            self.row = c.index
            c.write("")
        if data[at : at + len(HELLO)] == HELLO:
            c.append("Handshake  ")
            return
        size = end - at - 4
        if size == 0:
            c.append("KeepAlive  ")
            return
        kind = data[at + 4]
        c.append(MESSAGES[kind] if kind < len(MESSAGES) else "Extended" if kind == EXTENDED else "Continuation data")
        if kind == HAVE:
            c.append(f", Piece (Idx:0x{unpack_from('!I', data, at + 5)[0]:x})")
        elif kind == BITFIELD:
            c.append(f", Len:0x{size - 1:x}")
        elif kind in {REQUEST, CANCEL}:
            index, begin, length = unpack_from("!III", data, at + 5)
            c.append(f", Piece (Idx:0x{index:x},Begin:0x{begin:x},Len:0x{length:x})")
        elif kind == PIECE:
            index, begin = unpack_from("!II", data, at + 5)
            c.append(f", Idx:0x{index:x},Begin:0x{begin:x},Len:0x{size - 9:x}")
        c.append("  ")


TCP_GUESSES.append(BitTorrent)
