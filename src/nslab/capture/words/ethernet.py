"""Ethernet II and IEEE 802.3, VLAN tags; what an ethertype that nobody reads is called."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import ETHERTYPES, SAPS, SNAP, over_ethernet, over_link

LONGEST_LENGTH: Final = 1500  # above it is no length any more (IEEE 802.3)
FIRST_ETHERTYPE: Final = 1536
NAMES: Final = {
    0x0842: "Wake on LAN",
    0x86DD: "IPv6",  # with another version in its first byte
    0x88B5: "Local Experimental Ethertype 1",
    0x88B6: "Local Experimental Ethertype 2",
}
SAP_NAMES: Final = {
    0x00: "NULL LSAP",
    0x02: "LLC Sub-Layer Management",
    0x04: "SNA Path Control",
    0x06: "TCP/IP",
    0x08: "SNA",
    0x0C: "SNA",
    0x10: "NetWare (unofficial?)",
    0x14: "ISO Network Layer (OSLAN 1)",
    0x18: "Texas Instruments",
    0x20: "ISO Network Layer (unofficial?)",
    0x34: "ISO Network Layer (unofficial?)",
    0x42: "Spanning Tree BPDU",
    0x54: "ISO Network Layer (OSLAN 2)",
    0x7E: "ISO 8208 (X.25 over 802.2)",
    0x80: "XNS",
    0x8E: "PROWAY (IEC955) Active Station List Maintenance",
    0x98: "ARP",
    0xAA: "SNAP",
    0xBC: "Banyan Vines",
    0xE0: "NetWare",
    0xF0: "NetBIOS",
    0xF4: "IBM Net Management",
    0xF8: "HP Extended LLC",
    0xFC: "Remote Program Load",
    0xFE: "ISO Network Layer",
    0xFF: "Global DSAP",
}
UNNUMBERED: Final = {
    0x03: "UI",
    0x0F: "DM",
    0x43: "DISC",
    0x63: "UA",
    0x6F: "SABME",
    0x87: "FRMR",
    0xAF: "XID",
    0xE3: "TEST",
}
SUPERVISORY: Final = ("RR", "RNR", "REJ", "SREJ")
ORGANISATIONS: Final = {0: "Officially Xerox, but 0:0:0:0:0:0 is more common", 0x00000C: "Cisco Systems, Inc"}
NOVELL: Final = 0xFF  # its first frames had no LLC
CISCO: Final = 0x00000C
TRUNK: Final = (b"\x01\0\x0c\0\0", b"\x03\0\x0c\0\0")  # ISL: a whole frame behind a header that looks like one
UI: Final = 3  # unnumbered information: the frame carries something


@over_link(1)
def ethernet(c: Context, data: bytes, at: int) -> None:
    c.protocol = "Ethernet"
    if len(data) < at + 14:
        cut_header(c, data, at)
        return
    c.destination, c.source = c.mac_pairs[data[at : at + 12]]
    ethertype = data[at + 12] << 8 | data[at + 13]
    dissect = ETHERTYPES.get(ethertype)
    if dissect is not None:
        dissect(c, data, at + 14)
    else:
        next_type(c, data, at + 14, ethertype)


def cut_header(c: Context, data: bytes, at: int) -> None:
    """Show the addresses that are there."""
    if len(data) >= at + 6:
        c.destination = c.dissector.mac[data[at : at + 6]]
    if len(data) >= at + 12:
        c.source = c.dissector.mac[data[at + 6 : at + 12]]
    c.say_short()


def next_type(c: Context, data: bytes, at: int, ethertype: int) -> None:
    """Hand on to what reads this ethertype; if nobody does, or it is a length, say so."""
    dissect = ETHERTYPES.get(ethertype)
    if dissect is not None:
        dissect(c, data, at)
    elif not ethertype or ethertype >= FIRST_ETHERTYPE:
        c.protocol = f"0x{ethertype:04x}"
        if not c.info:  # a tag before it has said more
            c.write(NAMES.get(ethertype, "Ethernet II"))
    elif ethertype > LONGEST_LENGTH:
        c.write(f"Ethernet Unknown: Invalid length/type: 0x{ethertype:04x} ({ethertype})")
    else:
        end = at + ethertype
        if end <= len(data) + c.missing:
            c.missing = max(0, end - len(data))
            data = data[:end]
        llc(c, data, at)


@over_ethernet(0x8100, 0x88A8, 0x9100)
def vlan(c: Context, data: bytes, at: int) -> None:
    """A tag: priority, number, and the ethertype of what follows."""
    c.protocol = "VLAN"
    c.write("")
    (tag,) = unpack_from("!H", data, at)
    drop = "DROP: {} ID" if data[at - 2 : at] == b"\x88\xa8" else "DEI: {}  ID"
    c.write(f"PRI: {tag >> 13}  {drop.format(tag >> 12 & 1)}: {tag & 0xFFF}")
    c.vlan = tag & 0xFFF
    (ethertype,) = unpack_from("!H", data, at + 2)
    next_type(c, data, at + 4, ethertype)


def llc(c: Context, data: bytes, at: int) -> None:
    """IEEE 802.2: two service access points and a control field; with SNAP, an organisation's own number."""
    c.protocol = "LLC"
    c.write("")
    dsap, ssap = data[at], data[at + 1]
    if dsap == ssap == NOVELL:
        SAPS[NOVELL](c, data, at)
        return
    control, size = control_field(c, data, at + 2, response=ssap & 1)
    at += 2 + size
    if dsap == ssap == 0xAA:
        snap(c, data, at, carries=control == UI)
        return
    c.append(
        f"; DSAP {sap_name(dsap)} {'Group' if dsap & 1 else 'Individual'},"
        f" SSAP {sap_name(ssap)} {'Response' if ssap & 1 else 'Command'}"
    )
    dissect = SAPS.get(dsap)
    if dissect is not None and (control == UI or not control & 1):
        dissect(c, data, at)


def sap_name(sap: int) -> str:
    return SAP_NAMES.get(sap) or SAP_NAMES.get(sap & 0xFE) or f"0x{sap & 0xFE:02x}"


def control_field(c: Context, data: bytes, at: int, *, response: int) -> tuple[int, int]:
    """Say what the control field says; return it without its poll bit, and its size."""
    control = data[at]
    mark = "F" if response else "P"
    if control & 3 == 3:
        kind = control & 0xEF
        name = "SARM" if kind == 0x0F and not response else UNNUMBERED.get(kind, "Unknown")
        c.write(f"U{' ' + mark if control & 0x10 else ''}, func={name}")
        return kind, 1
    second = data[at + 1]
    if control & 1:
        polled = " " + mark if second & 1 else ""
        c.write(f"S{polled}, func={SUPERVISORY[control >> 2 & 3]}, N(R)={second >> 1}")
    else:
        c.write(f"I{' P' if second & 1 else ''}, N(R)={second >> 1}, N(S)={control >> 1}")
    return control, 2


def snap(c: Context, data: bytes, at: int, *, carries: bool) -> None:
    """An organisation and what it calls the thing; organisation 0 uses ethertypes."""
    high, low, number = unpack_from("!BHH", data, at)
    organisation = high << 16 | low
    known = ORGANISATIONS.get(organisation, "Unknown")
    c.append(f"; SNAP, OUI 0x{organisation:06x} ({known}), PID 0x{number:04x}")
    if organisation == CISCO and data[at - 17 : at - 12] in TRUNK and at >= 17:
        ethernet(c, data, at + 9)
        return
    dissect = SNAP.get((organisation, number)) if organisation else ETHERTYPES.get(number)
    if dissect is not None and carries:
        dissect(c, data, at + 5)
