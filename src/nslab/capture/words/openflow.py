"""OpenFlow 1.0 and 1.3: a controller and its switches."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

HEADER: Final = 8
ETHERNET_HEADER: Final = 14
PACKETS: Final = (10, 13)  # in, out
NO_BUFFER: Final = b"\xff\xff\xff\xff"  # the packet is in the message, not in the switch
FIRST: Final = (
    *("HELLO", "ERROR", "ECHO_REQUEST", "ECHO_REPLY", "VENDOR", "FEATURES_REQUEST", "FEATURES_REPLY"),
    *("GET_CONFIG_REQUEST", "GET_CONFIG_REPLY", "SET_CONFIG", "PACKET_IN", "FLOW_REMOVED", "PORT_STATUS"),
    *("PACKET_OUT", "FLOW_MOD"),
)
TYPES: Final = {
    1: (
        *(*FIRST, "PORT_MOD", "STATS_REQUEST", "STATS_REPLY", "BARRIER_REQUEST", "BARRIER_REPLY"),
        *("QUEUE_GET_CONFIG_REQUEST", "QUEUE_GET_CONFIG_REPLY"),
    ),
    4: (
        *(*FIRST[:4], "EXPERIMENTER", *FIRST[5:], "GROUP_MOD", "PORT_MOD", "TABLE_MOD"),
        *("MULTIPART_REQUEST", "MULTIPART_REPLY", "BARRIER_REQUEST", "BARRIER_REPLY", "QUEUE_GET_CONFIG_REQUEST"),
        *("QUEUE_GET_CONFIG_REPLY", "ROLE_REQUEST", "ROLE_REPLY", "GET_ASYNC_REQUEST", "GET_ASYNC_REPLY"),
        *("SET_ASYNC", "METER_MOD"),
    ),
}
TYPES[5] = TYPES[6] = TYPES[4]
MULTIPART: Final = (18, 19)
MULTIPART_VERSIONS: Final = (4,)
PARTS: Final = dict(
    enumerate(
        (
            *("DESC", "FLOW", "AGGREGATE", "TABLE", "PORT_STATS", "QUEUE", "GROUP", "GROUP_DESC", "GROUP_FEATURES"),
            *("METER", "METER_CONFIG", "METER_FEATURES", "TABLE_FEATURES", "PORT_DESC"),
        )
    )
) | {0xFFFF: "EXPERIMENTER"}


@over_tcp(6633, 6634, 6653)
class OpenFlow:
    """Version, type, length, number."""

    def __init__(self) -> None:
        self.shown = (-1, "", "")  # the row that shows a packet's addresses, and its own

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER:
            return MORE
        return max(HEADER, int.from_bytes(data[at + 2 : at + 4]))

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        version, kind = unpack_from("!BB", data, at)
        c.protocol = "OpenFlow"
        row, source, destination = self.shown
        if row == c.index:  # it keeps the words of that packet
            c.source, c.destination = source, destination
            return
        c.write("")
        types = TYPES.get(version)
        if types is None:
            return
        c.write(f"Type: OFPT_{types[kind]}" if kind < len(types) else "Type: Unknown message type")
        if version == 1 and kind in PACKETS:
            skipped = 18 if kind == PACKETS[0] else 16 + int.from_bytes(data[at + 14 : at + 16])
            is_here = kind == PACKETS[0] or data[at + 8 : at + 12] == NO_BUFFER
            if is_here and end - at > skipped + ETHERNET_HEADER:
                self.shown = c.index, c.source, c.destination
                show_addresses(c, data, at + skipped)
        elif version in MULTIPART_VERSIONS and kind in MULTIPART:
            (part,) = unpack_from("!H", data, at + HEADER)
            c.append(f", OFPMP_{PARTS[part]}" if part in PARTS else ", Unknown type")


def show_addresses(c: Context, data: bytes, at: int) -> None:
    """Show whose packet it is that a switch asks about."""
    c.destination, c.source = (c.dissector.mac[data[i : i + 6]] for i in (at, at + 6))
    ethertype = data[at + 12 : at + 14]
    at += ETHERNET_HEADER
    if ethertype == b"\x08\0" and len(data) >= at + 20:
        c.source, c.destination = (c.dissector.ipv4[data[i : i + 4]] for i in (at + 12, at + 16))
    elif ethertype == b"\x86\xdd" and len(data) >= at + 40:
        c.source, c.destination = (c.dissector.ipv6[data[i : i + 16]] for i in (at + 8, at + 24))
