"""Before IP had won: IPX with its routing (RIP) and its services (SAP), NetBIOS over IPX and over nothing but LLC."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.browser import mailslot
from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet, over_llc
from nslab.capture.words.smb1 import Smb1
from nslab.capture.words.values import named

HEADER: Final = 30
RIP, SAP, NETBIOS, DIAGNOSTIC, PING = 0x453, 0x452, 0x455, 0x456, 2
FILES: Final = 0x550
SMB: Final = b"\xffSMB"
NMPI: Final = (0x551, 0x553)
RAW: Final = 0xFF  # no LLC at all: the packet begins with its checksum, which nobody reckons
SOCKETS: Final = {DIAGNOSTIC: "Diagnostic", PING: "CISCO PING"}
NAME: Final = 16
ROUTERS: Final = 32  # bytes for the networks that it has come through
OTHERS: Final = {RIP: "IPX RIP", SAP: "IPX SAP"}
RIP_KINDS: Final = {1: "Request", 2: "Response"}
SAP_KINDS: Final = {1: "General Query", 2: "General Response", 3: "Nearest Query", 4: "Nearest Response"}
WITH_NAMES: Final = {
    1: "Find name",
    2: "Name recognized",
    3: "Check name",
    4: "Name in use",
    5: "Deregister name",
}
WITHOUT: Final = {6: "Session data", 7: "Session end", 8: "Session end ACK", 9: "Status query", 10: "Status response"}
DATAGRAM: Final = 11
PROPAGATED: Final = 20  # a packet type: it has a list of routers
QUERIES: Final = {
    0xF1: "Claim name {}",
    0xF2: "Delete name {}",
    0xF3: "Query name {}",
    0xF4: "Name {} found",
    0xF5: "Messenger hangup on {}",
    0xFD: "Find mailslot name {}",
    0xFE: "Mailslot name {} found",
}
MAILSLOT: Final = 0xFC
FRAMES: Final = {
    0x00: "Add Group Name Query",
    0x01: "Add Name Query",
    0x02: "Name In Conflict",
    0x03: "Status Query",
    0x07: "Terminate Trace",
    0x08: "Datagram",
    0x09: "Broadcast Datagram",
    0x0A: "Name Query",
    0x0D: "Add Name Response",
    0x0E: "Name Recognized",
    0x0F: "Status Response",
    0x13: "Terminate Trace",
    0x14: "Data Ack",
    0x15: "Data First Middle",
    0x16: "Data Only Last",
    0x17: "Session Confirm",
    0x18: "Session End",
    0x19: "Session Initialize",
    0x1A: "No Receive",
    0x1B: "Receive Outstanding",
    0x1C: "Receive Continue",
    0x1F: "Session Alive",
}
SENDER_SHOWN: Final = (0x00, 0x01, 0x0E)
ASKED_SHOWN: Final = 0x0A
DATAGRAMS: Final = (0x08, 0x09)
DATA: Final = (0x15, 0x16)
SIGNATURE: Final = 0xEFFF


@over_ethernet(0x8137)
@over_llc(0xE0, RAW)
def ipx(c: Context, data: bytes, at: int) -> None:
    """Addresses are a network and a station; sockets say who reads it."""
    size, kind = unpack_from("!HxB", data, at + 2)
    network, station, there = unpack_from("!4s6sH", data, at + 6)
    own_network, own_station, here = unpack_from("!4s6sH", data, at + 18)
    c.protocol = "IPX"
    c.source, c.destination = f"{own_network.hex()}.{own_station.hex()}", f"{network.hex()}.{station.hex()}"
    data = data[: at + size]
    at += HEADER
    for socket in (there, here):
        if socket in OTHERS:
            c.protocol = OTHERS[socket]
            (what,) = unpack_from("!H", data, at)
            c.write(named(RIP_KINDS if socket == RIP else SAP_KINDS, what, "Unknown"))
            return
        if socket == NETBIOS:
            over_ipx(c, data, at + (ROUTERS if kind == PROPAGATED else 0))
            return
        if socket == FILES and files(c, data, at):
            return
        if socket in NMPI:
            nmpi(c, data, at + ROUTERS)
            return
    c.write(named(SOCKETS, there, f"Unknown (0x{there:04x})"))


def name(data: bytes, at: int) -> str:
    """Return `SERVER<20>`: the last byte says what kind of a name it is."""
    kind = data[at + NAME - 1]
    shown = "".join(chr(b) if 0x20 <= b < 0x7F else f"<{b:02x}>" for b in data[at : at + NAME - 1])
    return f"{shown.rstrip(' ')}<{kind:02x}>"


def over_ipx(c: Context, data: bytes, at: int) -> None:
    c.protocol = "NBIPX"
    c.write("")
    kind = data[at + 1]
    if kind in WITH_NAMES:
        c.write(f"{WITH_NAMES[kind]} {name(data, at + 2)}")
    elif kind == DATAGRAM:
        c.write("Directed datagram")
        mailslot(c, data, at + 2 + 2 * NAME)
    else:
        c.write(WITHOUT.get(kind, "Unknown"))


def nmpi(c: Context, data: bytes, at: int) -> None:
    """Microsoft's names and mailslots, without NetBIOS."""
    c.protocol = "NMPI"
    c.write("")
    kind, asked = data[at], name(data, at + 4)
    if kind == MAILSLOT:
        c.write(f"Mailslot write to {asked}")
        mailslot(c, data, at + 4 + 2 * NAME)
    else:
        c.write((QUERIES.get(kind) or f"Unknown NMPI op 0x{kind:02x}: name {{}}").format(asked))


@over_llc(0xF0)
def netbios(c: Context, data: bytes, at: int) -> bool | None:
    """NetBIOS frames (IBM's LAN Technical Reference)."""
    size, signature, kind = unpack_from("<HHB", data, at)
    if signature != SIGNATURE:
        return False
    c.protocol = "NetBIOS"
    c.write(FRAMES.get(kind) or f"Unknown (0x{kind:02x})")
    if kind in SENDER_SHOWN:
        c.append(f" - {name(data, at + 12 + NAME)}")
    elif kind == ASKED_SHOWN:
        c.append(f" for {name(data, at + 12)}")
    elif kind in DATAGRAMS:
        mailslot(c, data, at + size)
    elif kind in DATA:
        files(c, data, at + size)
    return None


def files(c: Context, data: bytes, at: int) -> bool:
    """Read what a file server and its client say, if this is that."""
    if not data.startswith(SMB, at):
        return False
    talks: dict[frozenset[str], Smb1] = c.state("smb without ip", dict)
    talk = talks.setdefault(frozenset((c.source, c.destination)), Smb1())
    talk.read(c, data, at, len(data))
    return True
