"""Packets inside packets over IP: GRE, EtherIP, AH; and what hides them, ESP and IPComp."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import ethernet, next_type
from nslab.capture.words.ipv4 import next_protocol
from nslab.capture.words.isis import iso
from nslab.capture.words.nhrp import nhrp
from nslab.capture.words.ppp import ppp
from nslab.capture.words.registry import ETHERTYPES, over_ethernet, over_ip

CHECKSUM, ROUTING, KEY, SEQUENCE, ACKNOWLEDGEMENT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
ERSPAN, ERSPAN_3 = 0x88BE, 0x22EB
NAMES: Final = {0: "Possible GRE keepalive packet", 0x880B: "PPP", ERSPAN: "ERSPAN", 0xFE: "OSI"}
NOT_OVER_GRE: Final = (0x8870,)
CHAINED: Final = {1: 0x0800, 2: 0x86DD}
CHAINED_ETHERNET: Final = 3
COMPRESSIONS: Final = {1: "OUI", 2: "DEFLATE", 3: "LZS", 4: "LZJH"}  # IANA's transform identifiers of IPComp


@over_ip(47)
def gre(c: Context, data: bytes, at: int) -> None:
    """Generic routing encapsulation (RFC 2784, 2890; PPTP's, RFC 2637): optional words, then any ethertype."""
    flags, number = unpack_from("!HH", data, at)
    c.protocol = "GRE"
    name = NAMES.get(number)
    c.write(f"Encapsulated {name or f'0x{number:04x} (unknown)'}")
    at += 4
    for flag in (CHECKSUM | ROUTING, KEY, SEQUENCE, ACKNOWLEDGEMENT):
        if flags & flag:
            unpack_from("!I", data, at)
            at += 4
    if flags & ROUTING or at >= len(data) + c.missing:
        return
    if number in CARRIED:
        CARRIED[number](c, data, at)
    elif number in (ERSPAN, ERSPAN_3):
        erspan(c, data, at, with_header=bool(flags & SEQUENCE), third=number == ERSPAN_3)
    elif number in ETHERTYPES and number not in NOT_OVER_GRE:
        next_type(c, data, at, number)


def bridged(c: Context, data: bytes, at: int) -> None:
    c.write("")
    ethernet(c, data, at)


def serial(c: Context, data: bytes, at: int) -> None:
    ppp(c, data, at + 2 if data[at : at + 2] == b"\xff\x03" else at)


def redirected(c: Context, data: bytes, at: int) -> None:
    """Cisco's web cache protocol puts four bytes before the packet."""
    next_type(c, data, at + 4, 0x0800)


# What GRE carries that has no ethertype, or reads otherwise behind one.
CARRIED: Final = {0x00FE: iso, 0x2001: nhrp, 0x6558: bridged, 0x880B: serial, 0x883E: redirected}


def erspan(c: Context, data: bytes, at: int, *, with_header: bool, third: bool) -> None:
    """A switch's copy of a frame; the first kind has no header of its own."""
    if third or with_header:
        version = data[at] >> 4
        if version != (2 if third else 1):
            c.protocol = "ERSPAN"
            c.write("ERSPAN:")
            return
        at += 8 if not third else 20 if data[at + 11] & 1 else 12
    c.write("")
    ethernet(c, data, at)


@over_ip(97)
def ether_ip(c: Context, data: bytes, at: int) -> None:
    """Ethernet in IP (RFC 3378)."""
    c.protocol = "ETHERIP"
    c.write("")
    unpack_from("!H", data, at)
    ethernet(c, data, at + 2)


@over_ip(50)
def esp(c: Context, data: bytes, at: int) -> None:
    """Encapsulating security payload (RFC 4303): only its first words can be read."""
    c.protocol = "ESP"
    c.write("")
    index, _ = unpack_from("!II", data, at)
    c.write(f"ESP (SPI=0x{index:08x})")


@over_ip(51)
def authentication(c: Context, data: bytes, at: int) -> None:
    """Authentication header (RFC 4302); its length counts words, less two."""
    c.protocol = "AH"
    c.write("")
    number, size, index, _ = unpack_from("!BBxxII", data, at)
    c.write(f"AH (SPI=0x{index:08x})")
    at += (size + 2) * 4
    if at < len(data):
        next_protocol(c, data, at, number)


@over_ip(108)
def ip_comp(c: Context, data: bytes, at: int) -> None:
    """Compressed payload (RFC 3173)."""
    c.protocol = "IPComp"
    c.write("")
    (index,) = unpack_from("!xxH", data, at)
    c.write(f"IPComp (CPI={COMPRESSIONS.get(index) or f'0x{index:04x}'})")


@over_ethernet(0x894F)
def service_chain(c: Context, data: bytes, at: int) -> None:
    """The network service header (RFC 8300): what it carries is behind as many words as it says."""
    c.protocol = "NSH"
    first, kind = unpack_from("!HxB", data, at)
    at += (first & 0x3F) * 4
    if kind in CHAINED:
        next_type(c, data, at, CHAINED[kind])
    elif kind == CHAINED_ETHERNET:
        ethernet(c, data, at)
