"""Our own nf_tables: a `log` rule first and last in each hook, as the requests that make them."""

from __future__ import annotations

import struct
from typing import Final

from nslab.journey.netlink import CREATE, attribute

INET, NETDEV, BRIDGE = 1, 5, 7  # NFPROTO_…
SNAP: Final = 192  # bytes of a packet that are logged
_FIRST, _LAST = -(2**31) + 1000, 2**31 - 1000  # before conntrack's and iptables' own, and after them
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = (10 << 8 | number for number in (0, 3, 6))
_OWNER: Final = 2  # NFT_TABLE_F_OWNER, kernel 5.12


def requests(
    table: str, group: int, family: int, layer: str, hooks: list[tuple[str, int, int, str]], *, trace: bool
) -> list[tuple[int, int, bytes]]:
    """Return the requests for a table with two chains in each hook, the first and the last to be asked."""
    head = struct.pack("=BBH", family, 0, 0)
    made = [(_NEW_TABLE, CREATE, head + attribute(1, table) + attribute(2, struct.pack("!I", _OWNER)))]
    for name, number, index, device in hooks:
        for way, priority in (("first", _FIRST), ("last", _LAST)):
            chain = f"{name}-{index}-{way}"
            hook = [attribute(1, struct.pack("!I", number)), attribute(2, struct.pack("!i", priority))]
            hook += [attribute(3, device)] if device else []
            made.append(
                (
                    _NEW_CHAIN,
                    CREATE,
                    head + attribute(1, table) + attribute(3, chain) + attribute(4, hook) + attribute(7, "filter"),
                )
            )
            steps = [_log(group, f"{layer} {device or name} {way}")]
            steps += _tracing(on=way == "first") if trace else []
            made.append((_NEW_RULE, CREATE, head + attribute(1, table) + attribute(2, chain) + attribute(4, steps)))
    return made


def _log(group: int, prefix: str) -> bytes:
    settings = [
        attribute(1, struct.pack("!H", group)),
        attribute(2, prefix),
        attribute(3, struct.pack("!I", SNAP)),
        attribute(4, struct.pack("!H", 64)),
    ]
    return attribute(1, [attribute(1, "log"), attribute(2, settings)])


def _tracing(*, on: bool) -> list[bytes]:
    value = [attribute(1, bytes([int(on)]))]
    load = [attribute(1, struct.pack("!I", 8)), attribute(2, value)]
    put = [attribute(2, struct.pack("!I", 12)), attribute(3, struct.pack("!I", 8))]
    return [
        attribute(1, [attribute(1, "immediate"), attribute(2, load)]),
        attribute(1, [attribute(1, "meta"), attribute(2, put)]),
    ]
