"""IEEE 802.3's slow protocols: LACP, Marker, OAM; and MAC control (pause frames)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet
from nslab.capture.words.values import named

LACP, MARKER, OAM, ORGANISATION = 1, 2, 3, 10
LACP_SIZE: Final = 110
MARKER_SIZE: Final = 110
STATES: Final = "EFDCSGSA"  # expired, defaulted, distributing, collecting, synchronized, aggregatable, short, active
OAM_CODES: Final = (
    "Information",
    "Event Notification",
    "Variable Request",
    "Variable Response",
    "Loopback Control",
)
CONTROLS: Final = {
    2: "Gate",
    3: "Report",
    4: "Register Req",
    5: "Register",
    6: "Register Ack",
    0x101: "Class Based Flow Control [CBFC] Pause",
}


@over_ethernet(0x8809)
def slow(c: Context, data: bytes, at: int) -> None:
    kind = data[at]
    read = {LACP: lacp, MARKER: marker, OAM: oam, ORGANISATION: organisation}.get(kind)
    if read is not None:
        read(c, data, at)
    else:
        c.protocol = "Slow Protocols"
        c.write(f"Subtype = {kind}")


def state(bits: int) -> str:
    return "".join(letter if bits & 128 >> place else "*" for place, letter in enumerate(STATES))


def lacp(c: Context, data: bytes, at: int) -> None:
    """Link aggregation: both ends as this one knows them."""
    c.protocol = "LACP"
    c.write(f"v{data[at + 1]}")
    for who, place in (("ACTOR", at + 4), ("PARTNER", at + 24)):
        _, system, key, _, port, bits = unpack_from("!H6sHHHB3x", data, place)
        c.append(f" {who} {c.dissector.mac[system]} P: {port} K: {key} {state(bits)}")
    data[at + LACP_SIZE - 1]


def marker(c: Context, data: bytes, at: int) -> None:
    c.protocol = "Marker"
    c.write(named({1: "Information", 2: "Response"}, data[at + 2], "Marker Protocol"))
    port, system, transaction = unpack_from("!H6sI", data, at + 4)
    c.append(f" SysId={c.dissector.mac[system]}, P={port}, TId={transaction}")
    data[at + MARKER_SIZE - 1]


def oam(c: Context, data: bytes, at: int) -> None:
    """Operations, administration and maintenance of a link (IEEE 802.3ah)."""
    c.protocol = "OAM"
    code = data[at + 3]
    c.write(f"OAMPDU: {OAM_CODES[code] if code < len(OAM_CODES) else 'Unknown'}")


def organisation(c: Context, data: bytes, at: int) -> None:
    c.protocol = "OSSP"
    c.write("OUI: Itu-T" if data[at + 1 : at + 4] == b"\x00\x19\xa7" else "OUI: Unknown")


@over_ethernet(0x8808)
def mac_control(c: Context, data: bytes, at: int) -> None:
    c.protocol = "MAC CTRL"
    operation, time = unpack_from("!HH", data, at)
    if operation == 1:
        c.write(f"Pause: pause_time: {time} quanta")
    else:
        c.write(named(CONTROLS, operation, "Unknown"))
