"""PIM, version 2 (RFC 7761), and its first version, which is a kind of IGMP."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip

TYPES: Final = (
    "Hello",
    "Register",
    "Register-stop",
    "Join/Prune",
    "Bootstrap",
    "Assert",
    "Graft",
    "Graft-Ack",
    "Candidate-RP-Advertisement",
    "State-Refresh",
    "DF election",
    "ECMP redirect",
    "PFM source discovery",
)
TYPES_1: Final = (*TYPES[:4], "RP-Reachable", *TYPES[5:8], "Mode")
REGISTER: Final = 1


@over_ip(103)
def pim(c: Context, data: bytes, at: int) -> None:
    version, kind = data[at] >> 4, data[at] & 15
    c.protocol = f"PIMv{version}"
    if version != 2:
        c.write("Unknown")
    else:
        c.write(TYPES[kind] if kind < len(TYPES) else f"Unknown ({kind})")
    unpack_from("!I", data, at)
    if version == 2 and kind == REGISTER:
        registered(c, data, at + 8)


def registered(c: Context, data: bytes, at: int) -> None:
    """Show the addresses of the packet that is handed to the rendezvous point."""
    version = data[at] >> 4 if at < len(data) else 0
    if version == 4:
        source, destination = unpack_from("!12x4s4s", data, at)
        c.source, c.destination = c.dissector.ipv4[source], c.dissector.ipv4[destination]
    elif version == 6:
        source, destination = unpack_from("!8x16s16s", data, at)
        c.source, c.destination = c.dissector.ipv6[source], c.dissector.ipv6[destination]


def pim_1(c: Context, data: bytes, at: int) -> None:
    code = data[at + 1]
    c.protocol = "PIMv1"
    c.write("Query" if not code else TYPES_1[code] if code < len(TYPES_1) else "Unknown")
    unpack_from("!8x", data, at)
