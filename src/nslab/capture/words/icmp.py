"""ICMP (RFC 792, 950, 1256, 2521, 4884, 5944, 8335)."""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.echoes import Echoes
from nslab.capture.words.registry import over_ip

HEADER: Final = Struct("!BBH")
NUMBERS: Final = Struct("!BBHHH")
ECHO_REPLY: Final = 0
ECHO: Final = 8
ROUTER_ADVERTISEMENT: Final = 9
NUMBERED: Final = frozenset(
    (ECHO_REPLY, ECHO, *range(13, 19))
)  # questions and answers, with an identifier and a number
WITH_TIMES: Final = (13, 14)
QUOTING: Final = (3, 4, 5, 11, 12)
TYPES: Final = {
    0: "Echo (ping) reply",
    1: "Reserved",
    2: "Reserved",
    3: "Destination unreachable",
    4: "Source quench (flow control)",
    5: "Redirect",
    6: "Alternate host address",
    8: "Echo (ping) request",
    9: "Router advertisement",
    10: "Router solicitation",
    11: "Time-to-live exceeded",
    12: "Parameter problem",
    13: "Timestamp request",
    14: "Timestamp reply",
    15: "Information request",
    16: "Information reply",
    17: "Address mask request",
    18: "Address mask reply",
    19: "Reserved (for security)",
    30: "Traceroute",
    31: "Datagram Conversion Error",
    32: "Mobile Host Redirect",
    33: "IPv6 Where-Are-You",
    34: "IPv6 I-Am-Here",
    35: "Mobile Registration Request",
    36: "Mobile Registration Reply",
    37: "Domain Name Request",
    38: "Domain Name Reply",
    39: "SKIP",
    40: "Photuris",
    41: "Experimental mobility protocols",
    42: "Extended Echo request",
    43: "Extended Echo reply",
}
CODES: Final[dict[int, tuple[str, ...]]] = {
    3: (
        "Network unreachable",
        "Host unreachable",
        "Protocol unreachable",
        "Port unreachable",
        "Fragmentation needed",
        "Source route failed",
        "Destination network unknown",
        "Destination host unknown",
        "Source host isolated",
        "Network administratively prohibited",
        "Host administratively prohibited",
        "Network unreachable for TOS",
        "Host unreachable for TOS",
        "Communication administratively filtered",
        "Host precedence violation",
        "Precedence cutoff in effect",
    ),
    5: ("Redirect for network", "Redirect for host", "Redirect for TOS and network", "Redirect for TOS and host"),
    6: ("Alternate address for host",),
    9: (),
    11: ("Time to live exceeded in transit", "Fragment reassembly time exceeded"),
    12: ("Pointer indicates the error", "Required option missing", "Bad length"),
    40: (
        "Bad SPI",
        "Authentication Failed",
        "Decompression Failed",
        "Decryption Failed",
        "Need Authentication",
        "Need Authorization",
    ),
    42: ("No error",),
    43: (
        "No error",
        "Malformed Query",
        "No Such Interface",
        "No Such Table Entry",
        "Multiple Interfaces Satisfy Query",
    ),
}
ADVERTISEMENTS: Final = {
    0: "Mobile IP Advertisement (Normal router advertisement)",
    16: "Mobile IP Advertisement (Does not route common traffic)",
}
BROADCAST: Final = b"\xff" * 4


@over_ip(1)
def icmp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ICMP"
    if c.info:
        c.write("")
    size = len(data) - at
    if size >= 8 and data[at] in NUMBERED:
        numbered(c, data, at)
        return
    kind, code, _ = HEADER.unpack_from(data, at)
    if size >= 6:
        c.write(named(kind, code))
    if size < 8 or (kind in QUOTING and c.missing and not quotes_enough(data, at + 8)):
        c.say_short()


def quotes_enough(data: bytes, at: int) -> bool:
    """Say if what is looked at of the packet that an error quotes is there: of what TCP and UDP carry a few bytes."""
    there = len(data) - at - 20
    header = 20 if data[at + 9 : at + 10] == b"\x06" else 8
    return there == header or there >= header + 4


@cache
def named(kind: int, code: int) -> str:
    """Return the type, and what its code means."""
    name = TYPES.get(kind)
    if name is None:
        return "Unknown ICMP (obsolete or malformed?)"
    if kind == ROUTER_ADVERTISEMENT and code in ADVERTISEMENTS:
        return ADVERTISEMENTS[code]
    meanings = CODES.get(kind)
    if meanings is None:
        return f"{name:20s}"
    meaning = meanings[code] if code < len(meanings) else f"Unknown code: {code}"
    return f"{name:20s} ({meaning})"


def numbered(c: Context, data: bytes, at: int) -> None:
    """A question or an answer; echoes find each other."""
    kind, code, checksum, identifier, sequence = NUMBERS.unpack_from(data, at)
    swapped = sequence >> 8 | (sequence & 255) << 8
    c.write(f"{named(kind, code)} id=0x{identifier:04x}, seq={sequence}/{swapped}, ttl={c.hop_limit}")
    if kind == ECHO:
        destination = c.destination_address
        if destination == BROADCAST:
            c.append(" (broadcast)")
        elif destination[0] >> 4 == 14:
            c.append(" (multicast)")
        else:
            Echoes.of(c, "icmp").asked(c, (checksum % 65535, identifier, sequence, c.vlan))
    elif kind == ECHO_REPLY:
        # A reply differs from its request in the type alone, and so does its checksum: a damaged one is none.
        Echoes.of(c, "icmp").answered(c, ((checksum - 0x0800) % 65535, identifier, sequence, c.vlan))
    elif kind in WITH_TIMES and len(data) < at + 20:
        c.say_short()
