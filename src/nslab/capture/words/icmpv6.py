"""ICMPv6: errors, echoes, neighbour discovery, multicast listeners (RFC 4443, 4861, 2710, 9777 …)."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.echoes import Echoes
from nslab.capture.words.registry import over_ip

ECHO: Final = 128
ECHO_REPLY: Final = 129
PRIVATE: Final = "Private experimentation"
TYPES: Final = {
    1: "Destination Unreachable",
    2: "Packet Too Big",
    3: "Time Exceeded",
    4: "Parameter Problem",
    100: PRIVATE,
    101: PRIVATE,
    127: "Reserved for expansion of ICMPv6 error messages",
    128: "Echo (ping) request",
    129: "Echo (ping) reply",
    130: "Multicast Listener Query",
    131: "Multicast Listener Report",
    132: "Multicast Listener Done",
    133: "Router Solicitation",
    134: "Router Advertisement",
    135: "Neighbor Solicitation",
    136: "Neighbor Advertisement",
    137: "Redirect",
    138: "Router Renumbering",
    139: "Node Information Query",
    140: "Node Information Reply",
    141: "Inverse Neighbor Discovery Solicitation",
    142: "Inverse Neighbor Discovery Advertisement",
    143: "Multicast Listener Report Message v2",
    144: "Home Agent Address Discovery Request",
    145: "Home Agent Address Discovery Reply",
    146: "Mobile Prefix Solicitation",
    147: "Mobile Prefix Advertisement",
    148: "Certification Path Solicitation",
    149: "Certification Path Advertisement",
    150: "Experimental Mobility",
    151: "Multicast Router Advertisement",
    152: "Multicast Router Solicitation",
    153: "Multicast Router Termination",
    154: "FMIPv6",
    155: "RPL Control",
    156: "Locator Update",
    157: "Duplicate Address Request",
    158: "Duplicate Address Confirmation",
    159: "MPL Control Message",
    160: "Extended Echo request",
    161: "Extended Echo reply",
    200: PRIVATE,
    201: PRIVATE,
    255: "Reserved for expansion of ICMPv6 informational messages",
}
CODES: Final[dict[int, dict[int, str]]] = {
    1: {
        0: "no route to destination",
        1: "Administratively prohibited",
        2: "Beyond scope of source address",
        3: "Address unreachable",
        4: "Port unreachable",
        5: "Source address failed ingress/egress policy",
        6: "Reject route to destination",
        7: "Error in Source Routing Header",
    },
    3: {0: "hop limit exceeded in transit", 1: "fragment reassembly time exceeded"},
    4: {
        0: "erroneous header field encountered",
        1: "unrecognized Next Header type encountered",
        2: "unrecognized IPv6 option encountered",
        3: "IPv6 First Fragment has incomplete IPv6 Header Chain",
    },
    138: {0: "Command", 1: "Result", 255: "Sequence number reset"},
    139: {
        0: "Query subject = IPv6 addresses",
        1: "Query subject = DNS name or empty",
        2: "Query subject = IPv4 addresses",
    },
    140: {0: "Successful", 1: "Refused", 2: "Unknown query type"},
    150: {},
    154: {},
    155: {
        0: "DODAG Information Solicitation",
        1: "DODAG Information Object",
        2: "Destination Advertisement Object",
        3: "Destination Advertisement Object Acknowledgment",
        4: "P2P Discovery Reply Object",
        5: "P2P Discovery Reply Object Acknowledgement",
    },
    160: {0: "No error"},
    161: {
        0: "No error",
        1: "Malformed Query",
        2: "No Such Interface",
        3: "No Such Table Entry",
        4: "Multiple Interfaces Satisfy Query",
    },
}
UNREACHABLE: Final = 1
SIZES: Final = {**dict.fromkeys((138, 144, 145, 146, 147, 151, 156, 160, 161), 8), 152: 4, 153: 4, 159: 4}  # at least


@over_ip(58)
def icmpv6(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ICMPv6"
    c.write("")
    kind = data[at]
    c.write(TYPES.get(kind) or f"Unknown ({kind})")
    code = data[at + 1]
    meanings = CODES.get(kind)
    if meanings is not None:
        unknown = "Unknown" if kind == UNREACHABLE else f"Unknown ({code})"
        c.append(f" ({meanings.get(code, unknown)})")
    unpack_from("!H", data, at + 2)
    read = MESSAGES.get(kind)
    if read is not None:
        read(c, data, at)
    elif len(data) < at + SIZES.get(kind, 5):
        c.say_short()


def error(c: Context, data: bytes, at: int) -> None:
    """An error quotes the packet that it is about."""
    if len(data) <= at + 8 or (c.missing and len(data) < at + 56):  # an IPv6 header and eight bytes
        c.say_short()


def echo(c: Context, data: bytes, at: int) -> None:
    kind, checksum, identifier, sequence = unpack_from("!BxHHH", data, at)
    c.append(f" id=0x{identifier:04x}, seq={sequence}, hop limit={c.hop_limit}")
    echoes = Echoes.of(c, "icmpv6")
    if kind == ECHO_REPLY:
        # A reply differs from its request in the type alone, and so does its checksum: a damaged one is none.
        echoes.answered(c, ((checksum + 0x0100) % 65535, identifier, sequence, c.vlan))
    elif c.destination_address[0] == 0xFF:
        c.append(" (multicast)")
    else:
        echoes.asked(c, (checksum % 65535, identifier, sequence, c.vlan))


def solicitation(c: Context, data: bytes, at: int) -> None:
    target = unpack_from("!8x16s", data, at)[0]
    c.append(f" for {c.dissector.ipv6[target]}")
    options(c, data, at + 24)


def advertisement(c: Context, data: bytes, at: int) -> None:
    flags, target = unpack_from("!4xB3x16s", data, at)
    set_ = [name for bit, name in ((0x80, "rtr"), (0x40, "sol"), (0x20, "ovr")) if flags & bit]
    c.append(f" {c.dissector.ipv6[target]} ({', '.join(set_) or 'none'})")
    options(c, data, at + 24)


def options(c: Context, data: bytes, at: int) -> None:
    """Read the options of neighbour discovery: of whom, and where it is."""
    while at < len(data) + c.missing:
        kind, size = data[at], data[at + 1] * 8
        if not size:
            return
        if at + size > len(data):
            raise IndexError
        if kind == 1 and size == 8:
            c.append(f" from {c.dissector.mac[data[at + 2 : at + 8]]}")
        elif kind == 2 and size == 8:
            c.append(f" is at {c.dissector.mac[data[at + 2 : at + 8]]}")
        at += size


def options_behind(size: int) -> Callable[[Context, bytes, int], None]:
    """Return what reads the options behind a header of this size."""

    def read(c: Context, data: bytes, at: int) -> None:
        if len(data) < at + size:
            c.say_short()
        else:
            options(c, data, at + size)

    return read


def of_size(size: int) -> Callable[[Context, bytes, int], None]:
    """Return what only asks that this many bytes are there."""

    def read(c: Context, data: bytes, at: int) -> None:
        if len(data) < at + size:
            c.say_short()

    return read


def listener_report(c: Context, data: bytes, at: int) -> None:
    """Multicast addresses, each with a list of sources."""
    (count,) = unpack_from("!6xH", data, at)
    at += 8
    for _ in range(count):
        if at >= len(data) + c.missing:
            return
        auxiliary, sources = unpack_from("!xBH16x", data, at)
        at += 20 + sources * 16 + auxiliary * 4
        if at > len(data):
            raise IndexError


MESSAGES: Final[dict[int, Callable[[Context, bytes, int], None]]] = {
    1: error,
    2: error,
    3: error,
    4: error,
    128: echo,
    129: echo,
    130: of_size(24),
    131: of_size(24),
    132: of_size(24),
    133: options_behind(8),
    134: options_behind(16),
    135: solicitation,
    136: advertisement,
    137: options_behind(40),
    141: options_behind(8),
    142: options_behind(8),
    143: listener_report,
}
