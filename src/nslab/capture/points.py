"""Points as a person names them: `host:br0`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from nslab.capture.packets import ETHERNET, Point
from nslab.errors import UsageError

RAW: Final = 101  # LINKTYPE_RAW: the packet begins with its IP header

_INTERFACE: Final = re.compile(r"[^\s/:]{1,15}")  # what the kernel takes for a name (IFNAMSIZ)
_ETHERNET_LIKE: Final = (1, 772)  # ARPHRD_ETHER and _LOOPBACK: their frames begin with an Ethernet header


def parse(word: str) -> Point:
    """Return the point that a word names.

    >>> parse("host:br0")
    Point(interface='br0', node='host', link_type=1)

    Raises UsageError.
    """
    node, colon, interface = word.partition(":")
    if not colon or not node:
        raise UsageError(f"{word}: a point is NODE:INTERFACE, as in host:br0")
    if not _INTERFACE.fullmatch(interface) or interface in {".", ".."}:
        raise UsageError(f"{word}: {interface!r} cannot be an interface; a point is NODE:INTERFACE, as in host:br0")
    return Point(interface, node)


def parse_all(words: Sequence[str]) -> tuple[Point, ...]:
    """Return the points that are named, each once; UsageError when there is none."""
    if not words:
        raise UsageError("a capture wants a point to listen at: NODE:INTERFACE, as in host:br0")
    return tuple(dict.fromkeys(map(parse, words)))


def link_type(hardware: int) -> int:
    """Return what frames of an interface begin with, by its ARPHRD type: tunnels have no header but IP's."""
    return ETHERNET if hardware in _ETHERNET_LIKE else RAW
