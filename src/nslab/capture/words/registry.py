"""Who reads what: the numbers by which one layer names the next, and the function that reads it.

A protocol file fills these when it is imported; nothing else does. They hold no packet and no state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from nslab.capture.words.context import Context
    from nslab.capture.words.streams import Recognised, StreamProtocol


class Dissect(Protocol):
    """Reads the layer that begins at `data[at]` and says in the context what it is.

    `data` ends where the layer around it ends. False: "not mine, ask the next one"; anything else: it is.
    """

    def __call__(self, c: Context, data: bytes, at: int, /) -> bool | None: ...


LINK_TYPES: Final[dict[int, Dissect]] = {}  # LINKTYPE_… of the tcpdump group
ETHERTYPES: Final[dict[int, Dissect]] = {}
SAPS: Final[dict[int, Dissect]] = {}  # IEEE 802.2, by DSAP; the function begins after the control field
SNAP: Final[dict[tuple[int, int], Dissect]] = {}  # by organisation and its own number, organisation 0 is ETHERTYPES
IP_PROTOCOLS: Final[dict[int, Dissect]] = {}  # for IPv4 and IPv6
UDP_PORTS: Final[dict[int, Dissect]] = {}
UDP_GUESSES: Final[list[Dissect]] = []  # asked in turn when no port is known
TCP_PORTS: Final[dict[int, type[StreamProtocol]]] = {}
TCP_GUESSES: Final[list[type[Recognised]]] = []  # whose `recognises` is asked when no port is known

D = TypeVar("D", bound=Dissect)
S = TypeVar("S", bound="type[StreamProtocol]")


def _entered(table: dict[int, Dissect], numbers: tuple[int, ...]) -> Callable[[D], D]:
    def enter(dissect: D) -> D:
        table.update(dict.fromkeys(numbers, dissect))
        return dissect

    return enter


def over_link(*types: int) -> Callable[[D], D]:
    """Register what reads a link type: `@over_link(113)`."""
    return _entered(LINK_TYPES, types)


def over_ethernet(*types: int) -> Callable[[D], D]:
    """Register what reads an ethertype: `@over_ethernet(0x0806)`."""
    return _entered(ETHERTYPES, types)


def over_llc(*saps: int) -> Callable[[D], D]:
    """Register what reads a service access point of IEEE 802.2: `@over_llc(0x42)`."""
    return _entered(SAPS, saps)


def over_ip(*numbers: int) -> Callable[[D], D]:
    """Register what reads an IP protocol number, in IPv4 and IPv6: `@over_ip(2)`."""
    return _entered(IP_PROTOCOLS, numbers)


def over_udp(*ports: int) -> Callable[[D], D]:
    """Register what reads a UDP port: `@over_udp(67, 68)`. The lower port of a packet is asked first."""
    return _entered(UDP_PORTS, ports)


def over_tcp(*ports: int) -> Callable[[S], S]:
    """Register what reads the streams of a TCP port: `@over_tcp(53)` above a StreamProtocol."""

    def enter(protocol: S) -> S:
        TCP_PORTS.update(dict.fromkeys(ports, protocol))
        return protocol

    return enter
