"""RADIUS (RFC 2865, 2866, 5176)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

PORTS: Final = (1645, 1646, 1700, 1812, 1813, 3799)
HEADER: Final = 20
# The registry of packet types at IANA
CODES: Final = {
    1: "Access-Request",
    2: "Access-Accept",
    3: "Access-Reject",
    4: "Accounting-Request",
    5: "Accounting-Response",
    6: "Accounting-Status",
    7: "Password-Request",
    8: "Password-Ack",
    9: "Password-Reject",
    10: "Accounting-Message",
    11: "Access-Challenge",
    12: "Status-Server",
    13: "Status-Client",
    21: "Resource-Free-Request",
    22: "Resource-Free-Response",
    23: "Resource-Query-Request",
    24: "Query_Response",
    25: "Alternate-Resource-Reclaim-Request",
    26: "NAS-Reboot-Request",
    27: "NAS-Reboot-Response",
    29: "Next-Passcode",
    30: "New-Pin",
    31: "Terminate-Session",
    32: "Password-Expired",
    33: "Event-Request",
    34: "Event-Response",
    40: "Disconnect-Request",
    41: "Disconnect-ACK",
    42: "Disconnect-NAK",
    43: "CoA-Request",
    44: "CoA-ACK",
    45: "CoA-NAK",
    50: "IP-Address-Allocate",
    51: "IP-Address-Release",
}
REQUESTS: Final = frozenset({1, 4, 7, 12, 21, 23, 25, 26, 33, 40, 43, 50})
SAME_REQUEST: Final = 5 * 10**9  # ns in which a number is not used again


@over_udp(*PORTS)
def radius(c: Context, data: bytes, at: int) -> bool | None:
    """What it is, its number, and whether it has been seen before."""
    name = CODES.get(data[at])
    if name is None:
        return False
    c.protocol = "RADIUS"
    code, number = data[at], data[at + 1]
    c.write(f"{name} id={number}")
    (size,) = unpack_from("!H", data, at + 2)
    if len(data) - at < HEADER or size > len(data) - at:
        raise IndexError
    if _is_again(c, code, number):
        c.append(f", Duplicate {'Request' if code in REQUESTS else 'Response'}")
    return None


def _is_again(c: Context, code: int, number: int) -> bool:
    seen: dict[tuple[bytes, int, bytes, int, bool, int], int] = c.state("radius", dict)
    source, destination = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    key = (*source, *destination, code in REQUESTS, number)
    before = seen.get(key)
    seen[key] = c.time
    return before is not None and c.time - before <= SAME_REQUEST
