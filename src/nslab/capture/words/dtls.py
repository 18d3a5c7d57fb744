"""DTLS (RFC 6347, 9147): TLS's records and messages in datagrams."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES, over_udp
from nslab.capture.words.tls import (
    ALERT,
    ALERTS,
    CHANGE_CIPHER_SPEC,
    DATA,
    ENCRYPTED,
    HANDSHAKE,
    HEARTBEAT,
    KEPT_ROWS,
    LEVELS,
    MESSAGES,
    SERVER_HELLO,
)

VERSIONS: Final = {0xFEFF: "DTLSv1.0", 0xFEFD: "DTLSv1.2", 0x0100: "DTLS 1.0 (OpenSSL pre 0.9.8f)"}
VERIFY: Final = 3  # Hello Verify Request
RECORD, MESSAGE, CAPWAP = 13, 12, 4  # bytes of their headers


class Connection:
    """What is known of two ports that speak DTLS."""

    __slots__ = ("fragments", "is_agreed", "rows", "version")

    def __init__(self) -> None:
        self.version = 0
        self.is_agreed = False
        self.rows: list[int] = []  # whose Protocol changes when the version is agreed
        self.fragments: dict[tuple[bytes, int], int] = {}  # bytes that have come of a message, by sender and number


def dtls(c: Context, data: bytes, at: int) -> bool | None:
    """Read all records of a datagram."""
    if not is_record(data, at, len(data) + max(0, c.missing)):
        return False
    ports = sorted(((c.source_address, c.source_port), (c.destination_address, c.destination_port)))
    connections: dict[tuple[tuple[bytes, int], ...], Connection] = c.state("dtls", dict)
    connection = connections.setdefault(tuple(ports), Connection())
    if not connection.is_agreed and len(connection.rows) < KEPT_ROWS:
        connection.rows.append(c.index)
    c.write("")
    while at < len(data):
        kind, version, epoch = unpack_from("!BHH", data, at)
        (size,) = unpack_from("!H", data, at + 11)
        if kind != HANDSHAKE and not connection.version:
            _name_all(c, connection, version)
        name(c, connection, version if epoch else 0)
        _record(c, connection, kind, data[at + RECORD : at + RECORD + size], is_plain=epoch == 0)
        at += RECORD + size
    if at > len(data):
        c.say_short()
    return None


UDP_GUESSES.append(dtls)


def is_record(data: bytes, at: int, end: int) -> bool:
    """Say if a record begins at `data[at]`, and ends in the datagram."""
    if len(data) - at < RECORD or not CHANGE_CIPHER_SPEC <= data[at] <= HEARTBEAT:
        return False
    return unpack_from("!H", data, at + 1)[0] in VERSIONS and at + RECORD + unpack_from("!H", data, at + 11)[0] <= end


def name(c: Context, connection: Connection, version: int) -> None:
    """Write the Protocol."""
    c.protocol = VERSIONS.get(connection.version or version, "DTLS")


def _record(c: Context, connection: Connection, kind: int, body: bytes, *, is_plain: bool) -> None:
    if kind == DATA:
        c.add("Application Data")
    elif kind == CHANGE_CIPHER_SPEC:
        c.add("Change Cipher Spec")
    elif kind == ALERT and is_plain and len(body) == 2:
        what = ALERTS.get(body[1], "Unknown")
        c.add(f"Alert (Level: {LEVELS.get(body[0], 'Unknown')}, Description: {what})")
    elif kind == ALERT:
        c.add("Encrypted Alert")
    elif kind == HEARTBEAT:
        c.add("Encrypted Heartbeat")
    elif kind == HANDSHAKE and not is_plain:
        c.add(ENCRYPTED)
    elif kind == HANDSHAKE:
        _handshake(c, connection, body)


def _handshake(c: Context, connection: Connection, body: bytes) -> None:
    at = 0
    while at + MESSAGE <= len(body):
        kind, number = body[at], int.from_bytes(body[at + 4 : at + 6], "big")
        whole, start, size = (int.from_bytes(body[at + n : at + n + 3], "big") for n in (1, 6, 9))
        words = MESSAGES.get(kind)
        if words is None or start + size > whole:
            c.add(ENCRYPTED)
            return
        if size < whole:
            key = c.source_address, number
            come = connection.fragments[key] = connection.fragments.get(key, 0) + size
            words += " (Reassembled)" if come >= whole else " (Fragment)"
        c.add(words)
        if kind in {SERVER_HELLO, VERIFY} and start == 0 and size >= 2 and not connection.is_agreed:
            _name_all(c, connection, int.from_bytes(body[at + MESSAGE : at + MESSAGE + 2], "big"))
            connection.is_agreed = kind == SERVER_HELLO
            if connection.is_agreed:
                connection.rows.clear()
        at += MESSAGE + size


def _name_all(c: Context, connection: Connection, version: int) -> None:
    connection.version = version
    name(c, connection, version)
    for row in connection.rows:
        if row != c.index:
            c.change(row, protocol=c.protocol)


@over_udp(5246, 5247)
def capwap(c: Context, data: bytes, at: int) -> bool | None:
    """CAPWAP (RFC 5415, 4.2), where it is encrypted: four bytes before the records."""
    return dtls(c, data, at + CAPWAP) if data[at : at + CAPWAP] == b"\1\0\0\0" else False
