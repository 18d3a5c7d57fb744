"""IEEE 802.11, with the headers that captures put before it: radiotap, PPI, Prism."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import llc
from nslab.capture.words.registry import over_link

MANAGEMENT: Final = {
    0: "Association Request",
    1: "Association Response",
    2: "Reassociation Request",
    3: "Reassociation Response",
    4: "Probe Request",
    5: "Probe Response",
    6: "Measurement Pilot",
    8: "Beacon frame",
    9: "ATIM",
    10: "Disassociate",
    11: "Authentication",
    12: "Deauthentication",
    13: "Action",
    14: "Action No Ack",
}
# Where the elements begin, of which the first names the network.
ELEMENTS: Final = {0: 4, 2: 10, 4: 0, 5: 12, 8: 12}
WITH_INTERVAL: Final = (5, 8)
CONTROL: Final = {
    7: "Control Wrapper",
    8: "802.11 Block Ack Req",
    9: "802.11 Block Ack",
    10: "Power-Save poll",
    11: "Request-to-send",
    12: "Clear-to-send",
    13: "Acknowledgement",
    14: "CF-End (Control-frame)",
}
ONE_ADDRESS: Final = (7, 12, 13)
ROLES: Final = {10: ("TA", "BSSID"), 14: ("BSSID", "RA")}  # of the sender and the receiver, where they are no TA and RA
DATA: Final = {
    0: "Data",
    1: "Data + CF-Ack",
    2: "Data + CF-Poll",
    3: "Data + CF-Ack + CF-Poll",
    4: "Null function (No data)",
    5: "Acknowledgement (No data)",
    6: "CF-Poll (No data)",
    7: "CF-Ack/Poll (No data)",
    8: "QoS Data",
    9: "QoS Data + CF-Ack",
    10: "QoS Data + CF-Poll",
    11: "QoS Data + CF-Ack + CF-Poll",
    12: "QoS Null function (No data)",
    14: "QoS CF-Poll (No Data)",
    15: "QoS CF-Ack + CF-Poll (No data)",
}
RESERVED: Final = "Unrecognized (Reserved frame)"
LETTERS: Final = "opmPRMFT"
PROTECTED, MORE_FRAGMENTS, FROM_SYSTEM, TO_SYSTEM = 0x40, 0x04, 0x02, 0x01
NO_DATA, QOS = 0x04, 0x08  # bits of a data frame's subtype
HAS_CHECKSUM: Final = 0x10  # radiotap's flags
PRISM_HEADER: Final = 144


@over_link(105)
def wlan(c: Context, data: bytes, at: int) -> None:
    frame(c, data, at, checked=False)


@over_link(127)
def radiotap(c: Context, data: bytes, at: int) -> None:
    """Which fields there are, in chained words of bits; the second one may say that a checksum follows the frame."""
    c.protocol = "802.11 Radio"
    size, present = unpack_from("<HI", data, at + 2)
    place, word = at + 8, present
    while word >> 31:
        (word,) = unpack_from("<I", data, place)
        place += 4
    if present & 1:
        place = at + (place - at + 7 & ~7) + 8
    checked = bool(present & 2 and data[place] & HAS_CHECKSUM)
    frame(c, data, at + size, checked=checked)


@over_link(192)
def ppi(c: Context, data: bytes, at: int) -> None:
    """Per-packet information; it names the link type of what follows."""
    c.protocol = "PPI"
    size, link = unpack_from("<HI", data, at + 2)
    if link == 105:
        frame(c, data, at + size, checked=False)


@over_link(119)
def prism(c: Context, data: bytes, at: int) -> None:
    c.protocol = "Prism"
    frame(c, data, at + PRISM_HEADER, checked=False)


def frame(c: Context, data: bytes, at: int, *, checked: bool) -> None:
    c.protocol = "802.11"
    c.write("")
    if checked and not c.missing:
        data = data[:-4]
    first, bits = data[at], data[at + 1]
    letters = "".join(letter if bits & 128 >> place else "." for place, letter in enumerate(LETTERS))
    flags = f"Flags={letters}{'C' if checked else ''}"
    (management, control, payload, reserved)[first >> 2 & 3](c, data, at, flags)


def reserved(c: Context, _data: bytes, _at: int, flags: str) -> None:
    c.write(f"{RESERVED}, {flags}")


def numbers(data: bytes, at: int) -> tuple[int, str]:
    """Return a frame's fragment number, and the words for it and for its sequence number."""
    (number,) = unpack_from("<H", data, at + 22)
    return number & 15, f"SN={number >> 4}, FN={number & 15}"


def management(c: Context, data: bytes, at: int, flags: str) -> None:
    subtype, mac = data[at] >> 4, c.dissector.mac
    one, two = unpack_from("!6s6s", data, at + 4)
    c.source, c.destination = mac[two], mac[one]
    c.write(f"{MANAGEMENT.get(subtype, RESERVED)}, {numbers(data, at)[1]}, {flags}")
    network(c, data, at + 24, subtype)


def payload(c: Context, data: bytes, at: int, flags: str) -> None:
    """A frame of data: two of its addresses are those of the ends, which ones depends on the way it goes."""
    subtype, bits, mac = data[at] >> 4, data[at + 1], c.dissector.mac
    one, two, three = unpack_from("!6s6s6s", data, at + 4)
    fragment, words = numbers(data, at)
    at += 24
    if bits & FROM_SYSTEM and bits & TO_SYSTEM:
        four = unpack_from("!6s", data, at)[0]
        c.source, c.destination = mac[four], mac[three]
        at += 6
    else:
        c.source = mac[three if bits & FROM_SYSTEM else two]
        c.destination = mac[three if bits & TO_SYSTEM else one]
    if subtype & NO_DATA or bits & PROTECTED:
        c.write(f"{DATA.get(subtype, RESERVED)}, {words}, {flags}")
    elif bits & MORE_FRAGMENTS or fragment:
        c.write("Fragmented IEEE 802.11 frame")
    else:
        c.write(f"{DATA.get(subtype, RESERVED)}, {words}, {flags}")
        carried(c, data, at + (2 if subtype & QOS else 0))


def carried(c: Context, data: bytes, at: int) -> None:
    if at < len(data):
        llc(c, data, at)


def control(c: Context, data: bytes, at: int, flags: str) -> None:
    subtype = data[at] >> 4
    sender, receiver = ROLES.get(subtype, ("TA", "RA"))
    mac = c.dissector.mac
    c.destination = f"{mac[unpack_from('!6s', data, at + 4)[0]]} ({receiver})"
    if subtype not in ONE_ADDRESS:
        c.source = f"{mac[unpack_from('!6s', data, at + 10)[0]]} ({sender})"
    c.write(f"{CONTROL.get(subtype, RESERVED)}, {flags}")


def network(c: Context, data: bytes, at: int, subtype: int) -> None:
    """Append what a frame says of its network: how often it is announced, and its name."""
    if subtype not in ELEMENTS:
        return
    if subtype in WITH_INTERVAL:
        c.append(f", BI={unpack_from('<H', data, at + 8)[0]}")
    at += ELEMENTS[subtype]
    if at + 2 > len(data) or data[at]:
        return
    size = data[at + 1]
    name = data[at + 2 : at + 2 + size]
    if not size:
        c.append(", SSID=Wildcard (Broadcast)")
    elif shown(name):
        c.append(f', SSID="{name.decode()}"')
    else:
        c.append(f", SSID={name.hex()}")


def shown(name: bytes) -> bool:
    """Say if a name can be shown as text."""
    try:
        return name.decode().isprintable()
    except UnicodeDecodeError:
        return False
