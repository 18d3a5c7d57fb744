"""BACnet over UDP (ASHRAE 135, annex J): how the machines of a building find each other; what else they say is UDP."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

LINK: Final = 0x81
FUNCTIONS: Final = {
    0: "BVLC-Result",
    1: "Write-Broadcast-Distribution-Table",
    2: "Read-Broadcast-Distribution-Table",
    3: "Read-Broadcast-Distribution-Table-Ack",
    5: "Register-Foreign-Device",
    6: "Read-Foreign-Device-Table",
    7: "Read-Foreign-Device-Table-Ack",
}
CARRYING: Final = {4: 10, 9: 4, 10: 4, 11: 4}  # with the size of the header
VERSION, NETWORK_MESSAGE, DESTINATION, SOURCE = 1, 0x80, 0x20, 0x08
UNCONFIRMED: Final = 0x10
I_AM, WHO_IS = 0, 8
OBJECT: Final = 0xC4  # a tag: four bytes, the kind and the number of an object
INSTANCE: Final = 0x3FFFFF
DEVICE: Final = 8


@over_udp(47808)
def bacnet(c: Context, data: bytes, at: int) -> bool | None:
    """Read the link, the network and the application layer; False: the last one is not known here."""
    if data[at] != LINK:
        return False
    function = data[at + 1]
    if function in FUNCTIONS:
        c.protocol = "BVLC"
        c.write(f"BACnet Virtual Link Control BVLC Function {FUNCTIONS[function]} ")
        return None
    if function not in CARRYING:
        return False
    at += CARRYING[function]
    control = data[at + 1]
    if data[at] != VERSION or control & NETWORK_MESSAGE:
        return False
    at += 2
    for part in (DESTINATION, SOURCE):
        if control & part:
            at += 3 + data[at + 2]
    at += bool(control & DESTINATION)
    words = said(data[at:])
    if words is None:
        return False
    c.protocol = "BACnet-APDU"
    c.write(f"Unconfirmed-REQ {words}")
    return None


def said(message: bytes) -> str | None:
    """Return the words for who asks and who answers."""
    if message == bytes((UNCONFIRMED, WHO_IS)):
        return "who-Is"
    if message[:3] == bytes((UNCONFIRMED, I_AM, OBJECT)) and len(message) >= 7:
        (number,) = unpack_from("!I", message, 3)
        return f"i-Am device,{number & INSTANCE}" if number >> 22 == DEVICE else None
    return None
