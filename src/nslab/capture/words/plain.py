"""Which packets are as nearly all are: in Ethernet a whole IPv4 header without options, and TCP, UDP or ICMP behind it.

numpy finds them, thousands at once; their reading begins behind these headers, of which nothing more is to be said
than the addresses.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nslab.capture.headers import Headers, Ints
from nslab.capture.packets import ETHERNET, Packets

AT: Final = 34  # where the protocol begins
HOP_LIMIT: Final = 22
ADDRESSES: Final = slice(26, 34)
_LINK: Final = 14
_KIND: Final = 0x080045  # the ethertype, version 4, five words
_FRAGMENT: Final = 0x3FFF  # more fragments, offset
_PROTOCOLS: Final = (1, 6, 17)


def plain(packets: Packets) -> tuple[Ints, Ints]:
    """Return the IP protocol of each plain packet, of others 0; and where each packet ends, padding left out."""
    every = np.arange(len(packets))
    headers = Headers(packets)
    kind = headers.number(every, every * 0 + 12, 4) >> 8
    end = headers.number(every, every * 0 + 16, 2) + _LINK
    number = headers.number(every, every * 0 + 20, 4)
    protocol = number & 0xFF
    is_plain = (kind == _KIND) & (number >> 16 & _FRAGMENT == 0) & np.isin(protocol, _PROTOCOLS)
    is_plain &= (end > AT) & (end <= headers.size)
    links = np.array([point.link_type for point in packets.points])
    is_plain &= links[packets.point] == ETHERNET
    return np.where(is_plain, protocol, 0), np.where(is_plain, end, headers.size)
