"""Google's QUIC before the standard ("QUIC Wire Layout Specification"): versions Q0…; Q046 has long headers."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES

VERSION, RESET, NONCE, ID = 1, 2, 4, 8  # public flags
NONCE_SIZE: Final = 32
HASH: Final = 12
NUMBER_SIZES: Final = (1, 2, 4, 6)
WITH_NONCE, WITHOUT_PRIVATE, BIG_ENDIAN, LONG_HEADERS = 33, 34, 39, 46  # first versions
NAMES: Final = {b"CHLO": "Client Hello", b"REJ\0": "Rejection", b"SHLO": "Server Hello"}
HANDSHAKE_STREAM: Final = 1
CONNECTION_CLOSE, STOP_WAITING = 2, 6  # frames

End = tuple[bytes, int]


class Connection:
    """What is known of two ports that speak it."""

    __slots__ = ("client", "version")

    def __init__(self, client: End, version: int) -> None:
        self.client = client
        self.version = version


def gquic(c: Context, data: bytes, at: int) -> bool | None:
    """Read the open header; only the first messages of the handshake are open, too."""
    connections: dict[frozenset[End], Connection] = c.state("gquic", dict)
    here = c.source_address, c.source_port
    ends = frozenset((here, (c.destination_address, c.destination_port)))
    connection = connections.get(ends)
    version = _version(data, at)
    if connection is None:
        if not version:
            return False
        connection = connections[ends] = Connection(here, version)
    elif version:
        connection.version = version
    c.protocol = "GQUIC"
    if data[at] & 0xC0:
        _ietf_like(c, connection, data, at, is_client=here == connection.client)
    else:
        _public(c, connection, data, at, is_client=here == connection.client)
    return None


UDP_GUESSES.append(gquic)


def _version(data: bytes, at: int) -> int:
    """Return the number of the version that is in this header; 0: none is."""
    if data[at] & 0xC0 == 0xC0:
        text = data[at + 1 : at + 5]
        return LONG_HEADERS if text == b"Q046" else 0
    text = data[at + 9 : at + 13]
    if data[at] & 0xC9 != VERSION | ID or not text.startswith(b"Q0") or not text[2:].isdigit():
        return 0
    return int(text[2:])


def _public(c: Context, connection: Connection, data: bytes, at: int, *, is_client: bool) -> None:
    """Read a header with public flags."""
    bits, version = data[at], connection.version
    order = "big" if version >= BIG_ENDIAN else "little"
    size = 8 if bits & ID else 0
    at += 1
    words = f", CID: {int.from_bytes(data[at : at + size], order)}" if size else ""  # type: ignore[arg-type]
    at += size
    if bits & RESET:
        c.write("Public Reset" + words)
        return
    if bits & VERSION:
        if not is_client:
            c.write("Version Negotiation" + words)
            return
        at += 4
    elif bits & NONCE and version >= WITH_NONCE and not is_client:
        at += NONCE_SIZE
    size = NUMBER_SIZES[bits >> 4 & 3]
    data[at + size - 1]
    number = int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]
    at += size + HASH + (version < WITHOUT_PRIVATE)
    c.write(f"{_message(data, at, version)}, PKN: {number}{words}")


def _ietf_like(c: Context, connection: Connection, data: bytes, at: int, *, is_client: bool) -> None:
    """Read a header of Q046, which looks like that of the drafts of its time."""
    bits = data[at]
    at += 1
    words = ""
    if bits & 0xC0 == 0xC0:
        sizes = data[at + 4]
        at += 5
        size = sum(nibble and nibble + 3 for nibble in (sizes >> 4, sizes & 0xF))
    else:
        size = 8 if is_client else 0
    if size:
        (name,) = unpack_from("!Q" if connection.version >= BIG_ENDIAN else "<Q", data, at)
        words = f", CID: {name}"
    at += size
    size = 1 + (bits & 3)
    data[at + size - 1]
    number = int.from_bytes(data[at : at + size], "big")
    at += size
    c.write(f"{_message(data, at + HASH, LONG_HEADERS)}, PKN: {number}{words}")


def _message(data: bytes, at: int, version: int) -> str:
    """Name the message of the handshake that the first stream frame carries, if the packet is not encrypted."""
    name = None
    if at < len(data) and data[at] & 0xC0 == 0x40:
        at = behind_acknowledgement(data, at, version)
    if at < len(data) and data[at] == STOP_WAITING:
        at += 2 + (version < WITHOUT_PRIVATE)
    if at + 1 < len(data) and data[at] & 0x80:
        bits = data[at]
        offset = bits >> 2 & 7
        stream, at = data[at + 1], at + 2 + (bits & 3) + (offset and offset + 1)
        if stream == HANDSHAKE_STREAM:
            name = NAMES.get(data[at + 2 : at + 6] if bits & 0x20 else data[at : at + 4])
    elif at + 7 <= len(data) and data[at] == CONNECTION_CLOSE:
        size = int.from_bytes(data[at + 5 : at + 7], "big" if version >= BIG_ENDIAN else "little")
        name = "Connection Close" if at + 7 + size == len(data) else None
    return name or "Payload (Encrypted)"


def behind_acknowledgement(data: bytes, at: int, version: int) -> int:
    """Return where an ACK frame ends, perhaps behind all; before Q034 only of one without holes."""
    bits = data[at]
    largest, block = NUMBER_SIZES[bits >> 2 & 3], NUMBER_SIZES[bits & 3]
    at += 1 + largest + 2
    if version < WITHOUT_PRIVATE:
        at += 1
    else:
        blocks = 0
        if bits & 0x20:
            blocks = data[at] if at < len(data) else 0
            at += 1
        at += block + blocks * (1 + block)
    times = data[at] if at < len(data) else 0
    return at + 1 + (times and 5 + 3 * (times - 1))
