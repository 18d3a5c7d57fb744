"""Links that have no addresses, or none that a table shows: loopback (BSD), raw IP, PPP, Cisco HDLC, frame relay."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.discovery import cdp
from nslab.capture.words.ethernet import llc, next_type
from nslab.capture.words.isis import iso
from nslab.capture.words.ppp import ppp, session
from nslab.capture.words.registry import ETHERTYPES, over_link

FAMILIES: Final = {2: 0x0800, 24: 0x86DD, 28: 0x86DD, 30: 0x86DD}  # AF_INET; AF_INET6 of the BSDs and of macOS
FIRST_ETHERTYPE: Final = 1536
HDLC: Final = b"\xff\x03"
CISCO: Final = (0x0F, 0x8F)
ISO_PROTOCOLS: Final = (0x81, 0x82, 0x83, 0xCC, 0x8E)
PAYLOAD: Final = 9
SLARP, CDP, ISO = 0x8035, 0x2000, 0xFEFE


def nameless(c: Context) -> None:
    """Nothing here has an address."""
    c.source = c.destination = c.protocol = "N/A"


@over_link(0)
def null(c: Context, data: bytes, at: int) -> None:
    """The address family in the capturing machine's own byte order."""
    (family,) = unpack_from("<I", data, at)
    nameless(c)
    if data[at : at + 2] == HDLC:
        ppp(c, data, at + 2)
    else:
        loopback_family(c, data, at + 4, family if family < 1 << 16 else int.from_bytes(data[at : at + 4]))


@over_link(108)
def loop(c: Context, data: bytes, at: int) -> None:
    """OpenBSD's: the address family in network order."""
    (family,) = unpack_from("!I", data, at)
    nameless(c)
    loopback_family(c, data, at + 4, family)


def loopback_family(c: Context, data: bytes, at: int, family: int) -> None:
    ethertype = FAMILIES.get(family, family)
    if ethertype >= FIRST_ETHERTYPE and ethertype in ETHERTYPES:
        next_type(c, data, at, ethertype)
    elif family == 512:
        next_type(c, data, at, 0x0800)
    else:
        c.write("Null/Loopback")


@over_link(101, 12, 14)
def raw(c: Context, data: bytes, at: int) -> None:
    """IPv4 or IPv6, as the first four bits say."""
    nameless(c)
    c.write("Raw packet data")
    unpack_from("!I", data, at)
    version = data[at] >> 4
    if version in (4, 6):
        next_type(c, data, at, 0x0800 if version == 4 else 0x86DD)


@over_link(228)
def only_ipv4(c: Context, data: bytes, at: int) -> None:
    next_type(c, data, at, 0x0800)


@over_link(229)
def only_ipv6(c: Context, data: bytes, at: int) -> None:
    next_type(c, data, at, 0x86DD)


@over_link(9, 50)
def hdlc(c: Context, data: bytes, at: int) -> None:
    """PPP, with or without HDLC's address and control; or Cisco's, which has other addresses."""
    first = data[at]
    nameless(c)
    c.protocol = "PPP"
    if first in CISCO and len(data) > at + 1 and not data[at + 1]:
        cisco_hdlc(c, data, at)
    else:
        ppp(c, data, at + 2 if data[at : at + 2] == HDLC else at)


@over_link(104)
def cisco_hdlc(c: Context, data: bytes, at: int) -> None:
    nameless(c)
    c.protocol = "CHDLC"
    (number,) = unpack_from("!H", data, at + 2)
    at += 4
    if number == SLARP:
        slarp(c, data, at)
    elif number == CDP:
        cdp(c, data, at)
    elif number == ISO:
        iso(c, data, at if data[at] in ISO_PROTOCOLS else at + 1)  # a byte that fills in
    elif number in ETHERTYPES:
        next_type(c, data, at, number)
    else:
        c.protocol = f"0x{number:04x}"


def slarp(c: Context, data: bytes, at: int) -> None:
    """Cisco's Serial Line Address Resolution Protocol."""
    c.protocol = "SLARP"
    kind, one, two = unpack_from("!II4s", data, at)
    if kind in (0, 1):
        address = c.dissector.ipv4[data[at + 4 : at + 8]]
        c.write(f"{'Reply' if kind else 'Request'}, from {address}, mask {c.dissector.ipv4[two]}")
    elif kind == 2:
        (returned,) = unpack_from("!I", data, at + 8)
        c.write(f"Line keepalive, outgoing sequence {one}, returned sequence {returned}")
    else:
        c.write(f"Unknown packet type 0x{kind:08x}")


@over_link(226)
def solaris(c: Context, data: bytes, at: int) -> None:
    """Solaris's IP observability header, before an IP packet."""
    family = data[at + 1]
    c.protocol = "ipnet"
    next_type(c, data, at + 24, 0x0800 if family == 2 else 0x86DD)


@over_link(242)
def infiniband(c: Context, data: bytes, at: int) -> None:
    """IP over InfiniBand: a global routing header, then the ethertype (RFC 4391)."""
    c.protocol = "IPoIB"
    next_type(c, data, at + 44, unpack_from("!H", data, at + 40)[0])


@over_link(239)
def netfilter(c: Context, data: bytes, at: int) -> None:
    """What Linux's netfilter has logged: attributes, one of which is the packet."""
    c.protocol = "NFLOG"
    family = data[at]
    at += 4
    while at + 4 <= len(data):
        size, kind = unpack_from("<HH", data, at)
        if kind == PAYLOAD:
            next_type(c, data[: at + size], at + 4, FAMILIES.get(family, 0x86DD))
            return
        at += max(4, size + 3 & ~3)


@over_link(51)
def pppoe(c: Context, data: bytes, at: int) -> None:
    session(c, data, at)


@over_link(107)
def frame_relay(c: Context, data: bytes, at: int) -> None:
    """Q.922's two bytes; then RFC 2427's or Cisco's header."""
    c.protocol = "FR"
    nameless(c)
    c.protocol = "FR"
    if data[at + 2] != 3:
        next_type(c, data, at + 4, unpack_from("!H", data, at + 2)[0])
        return
    at += 4 if not data[at + 3] else 3
    if data[at] == 0xCC:
        next_type(c, data, at + 1, 0x0800)
    elif data[at] == 0x8E:
        next_type(c, data, at + 1, 0x86DD)
    elif data[at] == 0x80 and not any(data[at + 1 : at + 4]):
        next_type(c, data, at + 6, unpack_from("!H", data, at + 4)[0])


@over_link(6)
def token_ring(c: Context, data: bytes, at: int) -> None:
    """IEEE 802.5: a set first bit of the source says that a route follows."""
    c.protocol = "TR"
    source = data[at + 8 : at + 14]
    c.destination = c.dissector.mac[data[at + 2 : at + 8]]
    route = data[at + 14] & 31 if source[0] & 128 else 0
    c.source = c.dissector.mac[bytes([source[0] & 127]) + source[1:]]
    llc(c, data, at + 14 + route)
