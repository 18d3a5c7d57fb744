"""Linux's cooked captures, SLL and SLL2: what `any` and links without an Ethernet header give."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import ethernet, llc, next_type
from nslab.capture.words.registry import over_link
from nslab.capture.words.values import named

TYPES: Final = {
    0: "Unicast to us",
    1: "Broadcast",
    2: "Multicast",
    3: "Unicast to another host",
    4: "Sent by us",
}
WHOLE_ETHERNET, LLC, FIRST_ETHERTYPE = 3, 4, 1536


@over_link(113)
def cooked(c: Context, data: bytes, at: int) -> None:
    c.protocol = "SLL"
    (kind,) = unpack_from("!H", data, at)
    c.write(named(TYPES, kind))
    _, size, address, protocol = unpack_from("!HH8sH", data, at + 2)
    carried(c, data, at + 16, protocol, address[:size])


@over_link(276)
def cooked2(c: Context, data: bytes, at: int) -> None:
    protocol, _, _, _, kind, size, address = unpack_from("!HHIHBB8s", data, at)
    c.protocol = "SLL"
    c.write(named(TYPES, kind))
    carried(c, data, at + 20, protocol, address[:size])


def carried(c: Context, data: bytes, at: int, protocol: int, sender: bytes) -> None:
    """Read what follows; a number below all ethertypes is one of Linux's own."""
    if len(sender) == 6:
        c.source = c.dissector.mac[sender]
    elif len(sender) == 4:
        c.source = c.dissector.ipv4[sender]
    if protocol >= FIRST_ETHERTYPE:
        next_type(c, data, at, protocol)
    elif protocol == LLC:
        llc(c, data, at)
    elif protocol == WHOLE_ETHERNET:
        c.write("")
        ethernet(c, data, at)
