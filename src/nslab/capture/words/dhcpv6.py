"""DHCPv6 (RFC 8415)."""

from __future__ import annotations

from socket import AF_INET6, inet_ntop
from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

# The registry of message types at IANA
TYPES: Final = {
    1: "Solicit",
    2: "Advertise",
    3: "Request",
    4: "Confirm",
    5: "Renew",
    6: "Rebind",
    7: "Reply",
    8: "Release",
    9: "Decline",
    10: "Reconfigure",
    11: "Information-request",
    12: "Relay-forw",
    13: "Relay-reply",
    14: "Leasequery",
    15: "Leasequery-reply",
    16: "Leasequery-done",
    17: "Leasequery-data",
    18: "Reconfigure-request",
    19: "Reconfigure-reply",
}
RELAYS: Final = frozenset({12, 13})
CLIENT, ADDRESSES, TEMPORARY, ADDRESS, RELAYED = 1, 3, 4, 5, 9
INNER: Final = {ADDRESSES: 12, TEMPORARY: 4}  # where the options inside begin
SHOWN: Final = 36  # bytes of an identifier
DEEPEST: Final = 32  # relays


@over_udp(546, 547)
def dhcpv6(c: Context, data: bytes, at: int) -> bool | None:
    """Read a message, and what a relay has wrapped in it."""
    c.protocol = "DHCPv6"
    c.write("")
    _message(c, data, at, len(data), DEEPEST)
    return None


def _message(c: Context, data: bytes, at: int, end: int, depth: int) -> None:
    kind = data[at]
    c.append(f"{TYPES.get(kind) or f'Message Type {kind}'} ")
    if kind in RELAYS:
        if at + 34 > end:
            raise IndexError
        c.append(f"L: {inet_ntop(AF_INET6, data[at + 2 : at + 18])} ")
        at += 34
    else:
        high, low = unpack_from("!BH", data, at + 1)
        c.append(f"XID: 0x{high << 16 | low:06x} ")
        at += 4
    _options(c, data, at, end, depth)


def _options(c: Context, data: bytes, at: int, end: int, depth: int) -> None:
    while at + 4 <= end:
        option, size = unpack_from("!HH", data, at)
        at += 4
        if at + size > end or depth == 0:
            return
        if option == CLIENT and size:
            identifier = data[at : at + size]
            c.append(f"CID: {identifier[:SHOWN].hex()}{'…' if size > SHOWN else ''} ")
        elif option == ADDRESS and size >= 16:
            c.append(f"IAA: {inet_ntop(AF_INET6, data[at : at + 16])} ")
        elif option in INNER:
            _options(c, data, at + INNER[option], at + size, depth - 1)
        elif option == RELAYED:
            _message(c, data, at, at + size, depth - 1)
        at += size
