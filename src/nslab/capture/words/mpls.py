"""MPLS (RFC 3032): a stack of labels, and below it what its first four bits suggest."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import ethernet, next_type
from nslab.capture.words.registry import ETHERTYPES, over_ethernet, over_ip, over_udp


@over_ethernet(0x8847, 0x8848)
@over_ip(137)
@over_udp(6635)
def mpls(c: Context, data: bytes, at: int) -> None:
    c.protocol = "MPLS"
    c.write("MPLS Label Switched Packet")
    bottom = 0
    while not bottom:
        (entry,) = unpack_from("!I", data, at)
        at += 4
        bottom = entry >> 8 & 1
    version = data[at] >> 4
    if version == 4:
        next_type(c, data, at, 0x0800)
    elif version == 6:
        next_type(c, data, at, 0x86DD)
    elif version == 0:
        c.write("")
        ethernet(c, data, at + control_word(data, at))


def control_word(data: bytes, at: int) -> int:
    """Return the size of what precedes the Ethernet of a pseudowire (RFC 4448): nothing or a control word.

    Nothing says which; the one behind which there is a known type it is.
    """
    behind, at_once = (int.from_bytes(data[place : place + 2]) for place in (at + 16, at + 12))
    return 0 if behind not in ETHERTYPES and at_once in ETHERTYPES else 4
