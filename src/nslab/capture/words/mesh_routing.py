"""Routing where everybody moves: Babel (RFC 8966), OLSR (RFC 3626)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

BABEL: Final = 42
BABEL_VERSION: Final = 2
PAD1: Final = 0
UPDATE: Final = 8
SHORTEST_UPDATE: Final = 10
ITEMS: Final = (
    *("pad1", "padn", "ack-req", "ack", "hello", "ihu", "router-id", "nh", "update", "request", "mh-request"),
    *("ts/pc (obsolete)", "hmac", "source-specific-update", "source-specific-req", "source-specific-seqno", "hmac"),
    *("pc", "challenge-request", "challenge-reply"),
)


@over_udp(6696)
def babel(c: Context, data: bytes, at: int) -> bool | None:
    """Name the items, those behind the body too."""
    if data[at] != BABEL:
        return False
    c.protocol = "Babel"
    version, size = unpack_from("!BH", data, at + 1)
    if version != BABEL_VERSION:
        c.write(f"Version {version}")
        return None
    c.write("Babel")
    at += 4
    end = at + size
    if end > len(data):
        raise IndexError
    _items(c, data, at, end)
    _items(c, data, end, len(data))
    return None


def _items(c: Context, data: bytes, at: int, end: int) -> None:
    while at < end:
        kind = data[at]
        c.append(f" {ITEMS[kind] if kind < len(ITEMS) else 'unknown'}")
        if kind == PAD1:
            at += 1
            continue
        size = data[at + 1]
        at += 2 + size
        if at > len(data) or (kind == UPDATE and size < SHORTEST_UPDATE):
            raise IndexError


@over_udp(698)
def olsr(c: Context, data: bytes, at: int) -> None:
    (size,) = unpack_from("!H", data, at)
    c.protocol = "OLSR v1"
    c.write(f"OLSR (IPv{c.version}) Packet,  Length: {size} Bytes")
