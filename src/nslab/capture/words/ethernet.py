"""Ethernet II and IEEE 802.3, VLAN tags; what an ethertype that nobody reads is called."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import ETHERTYPES, SAPS, SNAP, over_ethernet, over_link

LONGEST_LENGTH: Final = 1500  # above it is no length any more (IEEE 802.3)
FIRST_ETHERTYPE: Final = 1536
NAMES: Final = {0x88B5: "Local Experimental Ethertype 1", 0x88B6: "Local Experimental Ethertype 2"}


@over_link(1)
def ethernet(c: Context, data: bytes, at: int) -> None:
    c.protocol = "Ethernet"
    if len(data) < at + 14:
        cut_header(c, data, at)
        return
    c.link_destination = data[at : at + 6]
    c.link_source = data[at + 6 : at + 12]
    mac = c.dissector.mac
    c.destination = mac[c.link_destination]
    c.source = mac[c.link_source]
    ethertype = data[at + 12] << 8 | data[at + 13]
    dissect = ETHERTYPES.get(ethertype)
    if dissect is not None:
        dissect(c, data, at + 14)
    else:
        unknown_type(c, data, at + 14, ethertype)


def cut_header(c: Context, data: bytes, at: int) -> None:
    """Show the addresses that are there."""
    if len(data) >= at + 6:
        c.destination = c.dissector.mac[data[at : at + 6]]
    if len(data) >= at + 12:
        c.source = c.dissector.mac[data[at + 6 : at + 12]]
    c.say_short()


def unknown_type(c: Context, data: bytes, at: int, ethertype: int) -> None:
    """Read IEEE 802.3, whose type is a length; or name the type."""
    if ethertype <= LONGEST_LENGTH:
        llc(c, data, at)
        return
    c.protocol = f"0x{ethertype:04x}"
    c.write(NAMES.get(ethertype, "Ethernet II"))


def next_type(c: Context, data: bytes, at: int, ethertype: int) -> None:
    """Hand on to what reads this ethertype, behind a tag for example."""
    dissect = ETHERTYPES.get(ethertype)
    if dissect is not None:
        dissect(c, data, at)
    else:
        unknown_type(c, data, at, ethertype)


@over_ethernet(0x8100, 0x88A8, 0x9100)
def vlan(c: Context, data: bytes, at: int) -> None:
    """A tag: priority, number, and the ethertype of what follows."""
    c.protocol = "VLAN"
    tag, ethertype = unpack_from("!HH", data, at)
    c.write(f"PRI: {tag >> 13}  DEI: {tag >> 12 & 1}  ID: {tag & 0xFFF}")
    next_type(c, data, at + 4, ethertype)


def llc(c: Context, data: bytes, at: int) -> None:
    """IEEE 802.2: service access points and a control field, one byte of it for unnumbered frames."""
    c.protocol = "LLC"
    dsap, ssap, control = data[at], data[at + 1], data[at + 2]
    dissect = SAPS.get(dsap)
    if control == 3 and dsap == ssap == 0xAA:
        organisation = int.from_bytes(data[at + 3 : at + 6])
        (number,) = unpack_from("!H", data, at + 6)
        if not organisation:
            next_type(c, data, at + 8, number)
            return
        dissect, at = SNAP.get((organisation, number)), at + 5
    if dissect is None:
        raise Malformed
    dissect(c, data, at + 3)
