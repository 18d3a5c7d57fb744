"""Routers that stand in for one another: VRRP (RFC 3768, 9568), HSRP (RFC 2281)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip, over_udp
from nslab.capture.words.values import named, read_to_its_end

AUTHENTICATION: Final = 8  # bytes of a password behind the addresses, in versions before 3


@over_ip(112)
@read_to_its_end
def vrrp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "VRRP"
    c.write(f"Announcement (v{data[at] >> 4})")
    (count,) = unpack_from("!3xB4x", data, at)
    size = 16 if c.version == 6 else 4
    if len(data) < at + 8 + count * size:
        c.say_short()


HSRP_CODES: Final = {0: "Hello", 1: "Coup", 2: "Resign", 3: "Advertise"}
HSRP_STATES: Final = {0: "Initial", 1: "Learn", 2: "Listen", 4: "Speak", 8: "Standby", 16: "Active"}
HSRP2_STATES: Final = {1: "Init", 2: "Learn", 3: "Listen", 4: "Speak", 5: "Standby", 6: "Active"}
ADVERTISE: Final = 3
ROUTERS: Final = bytes((224, 0, 0, 2))
HSRP2_ROUTERS: Final = (bytes((224, 0, 0, 102)), b"\xff\x02" + bytes(13) + b"\x66")
GROUP_STATE, INTERFACE_STATE = 1, 2


@over_udp(1985, 2029)
@read_to_its_end
def hsrp(c: Context, data: bytes, at: int) -> bool | None:
    """Which version it is, is seen from the group that it is sent to."""
    if c.destination_address == ROUTERS:
        c.protocol = "HSRP"
        code, state = data[at + 1], data[at + 2]
        word = named(HSRP_CODES, code, "Unknown")
        if code == ADVERTISE:
            state = data[at + 6]
            word += f" (state {named({1: 'Dormant', 2: 'Passive', 3: 'Active'}, state, 'Unknown')})"
        elif code in HSRP_CODES:
            word += f" (state {named(HSRP_STATES, state, 'Unknown')})"
        c.write(word)
        return None
    if c.destination_address not in HSRP2_ROUTERS:
        return False
    c.protocol = "HSRPv2"
    kind = data[at]
    if kind == GROUP_STATE:
        code, state = data[at + 3], data[at + 4]
        word = named({0: "Hello", 1: "Coup", 2: "Resign"}, code, "Unknown")
        c.write(f"{word} (state {named(HSRP2_STATES, state, 'Unknown')})")
    elif kind == INTERFACE_STATE:
        active, passive = unpack_from("!HH", data, at + 2)
        c.write(f"Interface State TLV (Act={active} Pass={passive})")
    return None
