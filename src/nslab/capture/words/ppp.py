"""PPP (RFC 1661), its control protocols, and PPP over Ethernet (RFC 2516)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.eapol import eap
from nslab.capture.words.ethernet import next_type
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_ethernet
from nslab.capture.words.values import named

CODES: Final = (
    "Vendor Specific",
    "Configuration Request",
    "Configuration Ack",
    "Configuration Nak",
    "Configuration Reject",
    "Termination Request",
    "Termination Ack",
    "Code Reject",
    "Protocol Reject",
    "Echo Request",
    "Echo Reply",
    "Discard Request",
    "Identification",
    "Time Remaining",
)
NEEDED: Final = {0: 8, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 13: 8}  # bytes behind the header of such a code
FOR_ALL: Final = 8  # codes that every control protocol has
CONTROLS: Final = {
    0xC021: ("PPP LCP", {}),
    0x8021: ("PPP IPCP", {}),
    0x8057: ("PPP IPV6CP", {}),
    0x80FD: ("PPP CCP", {14: "Reset Request", 15: "Reset Ack"}),
    0x8281: ("PPP MPLSCP", {}),
    0x8031: ("PPP BCP NCP", {}),
    0x8207: ("PPP CDPCP", {}),
}
ALL_CODES: Final = (0xC021, 0x8031)
NETWORKS: Final = {0x0021: 0x0800, 0x0057: 0x86DD, 0x0281: 0x8847, 0x0283: 0x8848, 0x002B: 0x8137}
NAMES: Final = {
    0x0001: "Padding Protocol",
    0x003F: "NETBIOS Framing",
    0x0049: "Serial Data Transport Protocol (PPP-SDTP)",
    0x00FB: "Single link compression in multilink",
    0x4021: "Stacker LZS",
    0x8029: "AppleTalk Control Protocol",
    0x802B: "Novell IPX Control Protocol",
    0x803F: "NETBIOS Framing Control Protocol",
    0x8053: "Encryption Control Protocol",
    0x80FB: "Single link compression in multilink control",
    0xC025: "Link Quality Report",
    0xC229: "Mitsubishi Security Information Exchange Protocol (SIEP)",
}
DISCOVERY: Final = {
    0x00: "Session Data",
    0x07: "Active Discovery Offer (PADO)",
    0x09: "Active Discovery Initiation (PADI)",
    0x0A: "Active Discovery Session-Grant (PADG)",
    0x0B: "Active Discovery Session-Credit Resp.(PADC)",
    0x0C: "Active Discovery Quality (PADQ)",
    0x19: "Active Discovery Request (PADR)",
    0x65: "Active Discovery Session-confirmation (PADS)",
    0xA7: "Active Discovery Terminate (PADT)",
    0xD3: "Active Discovery Message (PADM)",
    0xD4: "Active Discovery Network (PADN)",
}
AC_NAME: Final = 0x0102
PAP, CHAP, EAP = 0xC023, 0xC223, 0xC227
VAN_JACOBSON: Final = (0x002D, 0x002F)  # headers compressed by what the packets before said
MULTILINK, COMPRESSED = 0x003D, 0x00FD


@over_ethernet(0x8863)
def discovery(c: Context, data: bytes, at: int) -> None:
    """Who offers a session, and its end."""
    c.protocol = "PPPoED"
    c.write("")
    c.write(named(DISCOVERY, data[at + 1], "Unknown"))
    (length,) = unpack_from("!H", data, at + 4)
    at += 6
    end = min(len(data), at + length)
    if not length:
        return
    while at < end:
        kind, size = unpack_from("!HH", data, at)
        if kind == AC_NAME:
            c.append(f" AC-Name='{data[at + 4 : at + 4 + size].decode('utf-8', 'replace')}'")
        elif not kind and not size:
            return
        at += 4 + size
    if at > len(data):
        c.say_short()


@over_ethernet(0x8864)
def session(c: Context, data: bytes, at: int) -> None:
    c.protocol = "PPPoES"
    c.write("Session Data")
    _, _, _, length = unpack_from("!BBHH", data, at)
    ppp(c, data[: at + 6 + length], at + 6)


def ppp(c: Context, data: bytes, at: int) -> None:
    """What follows the protocol field, which is one byte when that is odd."""
    if data[at] & 1:
        number, at = data[at], at + 1
    else:
        (number,) = unpack_from("!H", data, at)
        at += 2
    ethertype = NETWORKS.get(number)
    if ethertype is not None:
        next_type(c, data, at, ethertype)
    elif number in CONTROLS:
        control(c, data, at, number)
    elif number == PAP:
        pap(c, data, at)
    elif number == CHAP:
        chap(c, data, at)
    elif number == EAP:
        eap(c, data, at)
    elif number == MULTILINK:
        c.protocol = "PPP MP"
        (head,) = unpack_from("!I", data, at)
        c.write(f"PPP Multilink (PPP MP Unreassembled fragment {head & 0xFFFFFF})")
    elif number == COMPRESSED:
        c.protocol = "PPP Comp"
        c.write("Compressed data")
    elif number not in VAN_JACOBSON:
        c.protocol = f"0x{number:04x}"
        c.write(f"PPP {NAMES.get(number, 'Unknown')} (0x{number:04x})")


def control(c: Context, data: bytes, at: int, number: int) -> None:
    code, _, _ = unpack_from("!BBH", data, at)
    c.protocol, more = CONTROLS[number]
    known = code < (len(CODES) if number in ALL_CODES else FOR_ALL)
    c.write(CODES[code] if known else more.get(code, "Unknown"))
    if len(data) < at + 4 + NEEDED.get(code, 0):
        c.say_short()


def pap(c: Context, data: bytes, at: int) -> None:
    """Password authentication (RFC 1334)."""
    code, _, length = unpack_from("!BBH", data, at)
    c.protocol = "PPP PAP"
    names = {1: "Authenticate-Request", 2: "Authenticate-Ack", 3: "Authenticate-Nak"}
    c.write(named(names, code, "Unknown"))
    if code not in names or length <= 4:
        return
    texts = []
    at += 4
    for _ in range(2 if code == 1 else 1):
        if len(data) < at + 1 + data[at]:
            c.say_short()
            return
        texts.append(printable(data[at + 1 : at + 1 + data[at]]))
        at += 1 + data[at]
    c.append(f" (Peer-ID='{texts[0]}', Password='{texts[1]}')" if code == 1 else f" (Message='{texts[0]}')")


def chap(c: Context, data: bytes, at: int) -> None:
    """Challenge and response (RFC 1994)."""
    code, _, length = unpack_from("!BBH", data, at)
    c.protocol = "PPP CHAP"
    names = {1: "Challenge", 2: "Response", 3: "Success", 4: "Failure"}
    c.write(named(names, code, "Unknown"))
    end = min(len(data), at + length)
    at += 4
    if code in (1, 2):
        size = data[at]
        value = data[at + 1 : at + 1 + size]
        if len(value) < size:
            c.say_short()
            return
        c.append(f" (NAME='{printable(data[at + 1 + size : end])}', VALUE=0x{value.hex()})")
    elif code in (3, 4):
        c.append(f" (MESSAGE='{printable(data[at:end])}')")
