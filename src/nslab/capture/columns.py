"""The table's columns but Info, of a million packets at a time: read out of the headers, by numpy."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nslab.capture.headers import Headers, Ints
from nslab.capture.packets import ETHERNET, Packets
from nslab.capture.points import RAW

_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_TAGS: Final = (0x8100, 0x88A8)  # EtherTypes of VLAN tags
_MOST_HEADERS: Final = 4  # VLAN tags, or IPv6 extension headers, that are looked behind
_SKIPPED: Final = (0, 43, 60)  # extension headers of IPv6 that have a length: options, routing, options
_FRAGMENT: Final = 44
# RFC 790 and its successors, the IANA list of protocol numbers.
_NAMES: Final = {1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH"}
_NAMES_6: Final = {**_NAMES, 58: "ICMPv6"}
_ETHERTYPES: Final = {_ARP: "ARP", 0x8035: "RARP", 0x8863: "PPPoED", 0x8864: "PPPoES", 0x88CC: "LLDP"}


def frame(packets: Packets) -> Any:
    """Return a pandas DataFrame of No., Time, Source, Destination, Protocol and Length; Point when there are several.

    Protocol is the innermost header's, TCP or UDP, not what it carries: that takes the words (`Table.frame`).
    """
    import pandas as pd

    count = len(packets)
    source, destination = _Names(count), _Names(count)
    protocol = _Names(count)
    headers = Headers(packets)
    kinds, at = _network_layer(packets, headers, source, destination)
    _read_ipv4(headers, np.flatnonzero(kinds == _IPV4), at, (source, destination, protocol))
    _read_ipv6(headers, np.flatnonzero(kinds == _IPV6), at, (source, destination, protocol))
    rest = np.flatnonzero((kinds != _IPV4) & (kinds != _IPV6))
    protocol.put(rest, kinds[rest], _ethertype)
    first = packets.time[0] if count else 0
    points = point_column(packets)
    return pd.DataFrame(
        {
            "No.": np.arange(1, count + 1),
            "Time": (packets.time - first) / 1e9,
            **({} if points is None else {"Point": points}),
            "Source": source.column(),
            "Destination": destination.column(),
            "Protocol": protocol.column(),
            "Length": packets.length,
        }
    )


def point_column(packets: Packets) -> Any:
    """Return the names of the packets' points as a pandas Categorical; None where there is only one."""
    import pandas as pd

    names = [str(point) for point in packets.points]
    distinct = list(dict.fromkeys(names))  # a file may have two interfaces of one name
    if len(distinct) < 2:
        return None
    codes = np.array([distinct.index(name) for name in names], np.int32)
    return pd.Categorical.from_codes(codes[packets.point], distinct)


class _Names:
    """A column in the making: for each packet the number of a name."""

    def __init__(self, count: int) -> None:
        self._codes = np.zeros(count, np.int32)
        self._numbers: dict[str, int] = {"": 0}

    def put(self, which: Ints, values: Ints, name: Callable[[int], str]) -> None:
        """Give each packet of `which` the name of its value; a name is made once for each value."""
        import pandas as pd

        codes, distinct = pd.factorize(values)
        numbers = [self._numbers.setdefault(name(int(value)), len(self._numbers)) for value in distinct]
        self._codes[which] = np.array(numbers, np.int32)[codes] if numbers else 0

    def column(self) -> Any:
        """Return it as a pandas Categorical."""
        import pandas as pd

        return pd.Categorical.from_codes(self._codes, list(self._numbers))


_Columns = tuple[_Names, _Names, _Names]


def _network_layer(packets: Packets, headers: Headers, source: _Names, destination: _Names) -> tuple[Ints, Ints]:
    """Return each packet's EtherType and where its network layer begins."""
    links = np.array([point.link_type for point in packets.points], np.int64)[packets.point]
    kinds = np.full(len(packets), -1, np.int64)
    at = np.zeros(len(packets), np.int64)
    raw = np.flatnonzero(links == RAW)
    versions = headers.number(raw, at[raw], 1) >> 4
    kinds[raw] = np.select([versions == 4, versions == 6], [_IPV4, _IPV6], -1)
    framed = np.flatnonzero(links == ETHERNET)
    destination.put(framed, headers.number(framed, at[framed], 6), _mac)
    source.put(framed, headers.number(framed, at[framed] + 6, 6), _mac)
    at[framed] = 14
    kinds[framed] = headers.number(framed, at[framed] - 2, 2)
    for _ in range(_MOST_HEADERS):
        tagged = np.flatnonzero(np.isin(kinds, _TAGS))
        if not len(tagged):
            break
        at[tagged] += 4
        kinds[tagged] = headers.number(tagged, at[tagged] - 2, 2)
    return kinds, at


def _read_ipv4(headers: Headers, which: Ints, at: Ints, columns: _Columns) -> None:
    source, destination, protocol = columns
    begin = at[which]
    source.put(which, headers.number(which, begin + 12, 4), _ipv4)
    destination.put(which, headers.number(which, begin + 16, 4), _ipv4)
    # A later fragment has no header of its protocol.
    later = (headers.number(which, begin + 6, 2) & 0x1FFF) > 0
    protocol.put(which, np.where(later, -4, headers.number(which, begin + 9, 1)), _ip_protocol)


def _read_ipv6(headers: Headers, which: Ints, at: Ints, columns: _Columns) -> None:
    source, destination, protocol = columns
    begin = at[which]
    for column, place in ((source, 8), (destination, 24)):
        halves = [headers.number(which, begin + place + half, 8) for half in (0, 8)]
        _put_long(column, which, halves)
    protocol.put(which, _last_header(headers, which, begin), _ip6_protocol)


def _last_header(headers: Headers, which: Ints, begin: Ints) -> Ints:
    """Return the number of the first header that is no extension; of a later fragment, -6."""
    kind = headers.number(which, begin + 6, 1)
    place = begin + 40
    for _ in range(_MOST_HEADERS):
        skipped, fragment = np.isin(kind, _SKIPPED), kind == _FRAGMENT
        if not (skipped | fragment).any():
            break
        later = fragment & (headers.number(which, place + 2, 2) >> 3 > 0)
        length = np.where(fragment, 8, 8 + 8 * headers.number(which, place + 1, 1))
        following = headers.number(which, place, 1)
        place = np.where(skipped | fragment, place + length, place)
        kind = np.where(later, -6, np.where(skipped | fragment, following, kind))
    return kind


def _put_long(column: _Names, which: Ints, halves: list[Ints]) -> None:
    """Put addresses of two numbers each."""
    pairs = np.stack(halves, axis=1)
    distinct, codes = np.unique(pairs, axis=0, return_inverse=True)
    names = [_ipv6(*pair) for pair in distinct.tolist()]
    column.put(which, codes.reshape(-1).astype(np.int64), lambda value: names[value])


def _mac(value: int) -> str:
    return value.to_bytes(6, "big").hex(":")


def _ipv4(value: int) -> str:
    return str(ipaddress.IPv4Address(value))


def _ipv6(high: int, low: int) -> str:
    value = (high & 0xFFFFFFFFFFFFFFFF) << 64 | low & 0xFFFFFFFFFFFFFFFF
    return str(ipaddress.IPv6Address(value))


def _ip_protocol(number: int) -> str:
    return _NAMES.get(number, "IPv4")


def _ip6_protocol(number: int) -> str:
    return _NAMES_6.get(number, "IPv6")


def _ethertype(number: int) -> str:
    if number < 0:
        return "UNKNOWN"
    return "LLC" if number < 0x0600 else _ETHERTYPES.get(number, f"0x{number:04x}")
