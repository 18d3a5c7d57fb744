"""DHCP (RFC 2131, 2132) and BOOTP (RFC 951)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

PROXY: Final = 4011  # of PXE
OPTIONS: Final = 236  # where the magic cookie is, and the options behind it
COOKIE: Final = b"\x63\x82\x53\x63"
PAD, MESSAGE_TYPE, END = 0, 53, 255
# The registry of message types at IANA; the first eight are written as wide as "Discover"
TYPES: Final = (
    "Discover Offer Request Decline ACK NAK Release Inform Force_Renew Lease_query Lease_Unassigned Lease_Unknown"
    " Lease_Active Bulk_Lease_Query Lease_Query_Done Active_LeaseQuery Lease_Query_Status TLS"
)
NAMES: Final = {number: name.replace("_", " ").ljust(8) for number, name in enumerate(TYPES.split(" "), 1)}
ETHERNET_LIKE: Final = frozenset({1, 6})


@over_udp(67, 68, PROXY)
def dhcp(c: Context, data: bytes, at: int) -> bool | None:
    """Read a message; without the option that says its type it is BOOTP."""
    c.protocol = "BOOTP"
    c.write("")
    operation = data[at]
    if operation == 1:
        kind, size = data[at + 1], data[at + 2]
        data[at + 43]  # the field for the hardware's address is there
        hardware = data[at + 28 : at + 28 + min(size, 16)]
        c.write(f"Boot Request from {_hardware(c, kind, size, hardware, data[at + 28 : at + 48])}")
    else:
        c.write("Boot Reply" if operation == 2 else f"Unknown BOOTP message type ({operation})")
    (transaction,) = unpack_from("!I", data, at + 4)
    options = at + OPTIONS
    if len(data) - options < 4 or data[options : options + 4] != COOKIE:
        data[options + 64 + len(data)]  # a BOOTP vendor area has 64 bytes
    _options(c, data, options + 4, transaction)
    return None


def _hardware(c: Context, kind: int, size: int, address: bytes, field: bytes) -> str:
    if kind in ETHERNET_LIKE and size == 6:
        text = c.dissector.mac[address]
        return f"{text} ({text})"
    return field[:size].hex() if size else "<No address>"


def _options(c: Context, data: bytes, at: int, transaction: int) -> None:
    while at < len(data):
        option = data[at]
        at += 1
        if option == PAD:
            continue
        if option == END:
            return
        size = data[at]
        if option == MESSAGE_TYPE:
            number = data[at + 1]
            name = NAMES.get(number) or f"Unknown Message Type (0x{number:02x})"
            c.protocol = "DHCP"
            proxy = "proxyDHCP" if PROXY in {c.source_port, c.destination_port} else "DHCP"
            c.write(f"{proxy} {name} - Transaction ID 0x{transaction:x}")
        at += 1 + size
        if at > len(data):
            raise IndexError
