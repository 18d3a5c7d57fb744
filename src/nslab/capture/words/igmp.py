"""IGMP, versions 1 to 3 (RFC 1112, 2236, 9776)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.multicast_routing import pim_1
from nslab.capture.words.registry import over_ip

QUERY: Final = 0x11
V3_REPORT: Final = 0x22
PIM_1: Final = 0x14
TRACES: Final = {0x1E: "Response", 0x1F: "Request"}
TRACE_QUERY: Final = 24  # bytes
NO_GROUP: Final = bytes(4)


@over_ip(2)
def igmp(c: Context, data: bytes, at: int) -> None:
    kind = data[at]
    if kind == QUERY:
        query(c, data, at)
    elif kind == 0x12:
        c.protocol = "IGMPv1"
        c.write("Membership Report")
        unpack_from("!xxHI", data, at)
    elif kind == 0x16:
        group(c, data, at, "Membership Report", " group")
    elif kind == 0x17:
        group(c, data, at, "Leave Group", "")
    elif kind == V3_REPORT:
        report(c, data, at)
    elif kind == PIM_1:
        pim_1(c, data, at)
    elif kind in TRACES:
        c.protocol = "IGMP"
        c.write(f"Traceroute {'Query' if len(data) - at == TRACE_QUERY else TRACES[kind]}")
    else:
        c.protocol = "IGMP"
        c.write(f"Unknown Type:0x{kind:02x}")


def group(c: Context, data: bytes, at: int, what: str, before: str) -> None:
    """Version 2: one group."""
    c.protocol = "IGMPv2"
    c.write(what)
    address = unpack_from("!4x4s", data, at)[0]
    c.append(", general" if address == NO_GROUP else f"{before} {c.dissector.ipv4[address]}")


def query(c: Context, data: bytes, at: int) -> None:
    """Ask for members; which version it is, is seen from the length and the time to answer."""
    time = data[at + 1]
    version = 3 if len(data) - at >= 12 else 2 if time or len(data) - at < 8 else 1
    c.protocol = f"IGMPv{version}"
    c.write("Membership Query")
    address = unpack_from("!4x4s", data, at)[0]
    if version > 1:
        c.append(", general" if address == NO_GROUP else f", specific for group {c.dissector.ipv4[address]}")
    if version == 3:
        (count,) = unpack_from("!H", data, at + 10)
        if count:
            c.append(f", source{'s' if count > 1 else ''} {{")
            sources(c, data, at + 12, count)


def sources(c: Context, data: bytes, at: int, count: int) -> None:
    """List addresses up to the closing brace."""
    for number in range(count):
        address = unpack_from("!4s", data, at + number * 4)[0]
        c.append(c.dissector.ipv4[address] + (", " if number < count - 1 else "}"))


def report(c: Context, data: bytes, at: int) -> None:
    """Version 3: a list of records."""
    c.protocol = "IGMPv3"
    c.write("Membership Report")
    (count,) = unpack_from("!6xH", data, at)
    if not count:
        c.append(" - General query")
    at += 8
    for _ in range(count):
        at = record(c, data, at)


def record(c: Context, data: bytes, at: int) -> int:
    """Say what a record asks for; return where the next one is."""
    kind, auxiliary, count = unpack_from("!BBH", data, at)
    address = unpack_from("!4s", data, at + 4)[0]
    name = c.dissector.ipv4[address]
    plural = "s" if count > 1 else ""
    in_ = " in" if count > 1 else ""
    if kind in (1, 3):  # only these sources
        c.append(f" / Join group {name} for source{plural}{in_} {{" if count else f" / Leave group {name}")
    elif kind in (2, 4):  # all but these
        words = f", for source{plural} not{in_} {{" if count else " for any sources"
        c.append(f" / Join group {name}{words}")
    elif kind in (5, 6):
        what, action = (("new", "ALLOW_NEW_SOURCES"), ("block", "BLOCK_OLD_SOURCES"))[kind - 5]
        words = f"{what} source{plural} {{" if count else f"{action} but no source specified (?)"
        c.append(f" / Group {name}, {words}")
    else:
        c.append(f" / Group {name}, unknown record type (?){', sources {' if count else ''}")
    if count:
        sources(c, data, at + 8, count)
    return at + 8 + int(count) * 4 + int(auxiliary) * 4
