"""L2TP, version 2 (RFC 2661)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ppp import ppp
from nslab.capture.words.registry import over_udp
from nslab.capture.words.values import read_to_its_end

CONTROL, LENGTH, SEQUENCE, OFFSET = 0x8000, 0x4000, 0x0800, 0x0200
MESSAGES: Final = (
    "Unknown (0)",
    "SCCRQ",
    "SCCRP",
    "SCCCN",
    "StopCCN",
    "Reserved",
    "Hello",
    "OCRQ",
    "OCRP",
    "OCCN",
    "ICRQ",
    "ICRP",
    "ICCN",
    "Reserved",
    "CDN",
    "WEN",
    "SLI",
    "MDMST",
    "SRRQ",
    "SRRP",
    "ACK",
    "FSQ",
    "FSR",
    "MSRQ",
    "MSRP",
    "MSE",
    "MSI",
    "MSEN",
    "CSUN",
)


@over_udp(1701)
@read_to_its_end
def l2tp(c: Context, data: bytes, at: int) -> bool | None:
    (flags,) = unpack_from("!H", data, at)
    version = flags & 15
    if version == 3:
        c.protocol = "L2TPv3"
        (control3 if flags & CONTROL else session3)(c, data, at)
        return None
    if version != 2:
        return False
    c.protocol = "L2TP"
    c.write("")
    at += 4 if flags & LENGTH else 2
    tunnel, session = unpack_from("!HH", data, at)
    at += 4
    if flags & CONTROL:
        control(c, data, at + 4, tunnel, session)
        return None
    c.write(f"Data    Message            (tunnel id={tunnel}, session id={session})")
    if flags & SEQUENCE:
        at += 4
    if flags & OFFSET:
        at += 2 + unpack_from("!H", data, at)[0]
    c.protocol = "PPP"
    ppp(c, data, at + 2 if data[at : at + 2] == b"\xff\x03" else at)
    return None


def control(c: Context, data: bytes, at: int, tunnel: int, session: int) -> None:
    """A control message says in its first value what it is; one without values only acknowledges."""
    what = "ZLB     "
    if at < len(data) + c.missing:
        what = message(unpack_from("!H", data, at + 6)[0])
    c.write(f"Control Message - {what} (tunnel id={tunnel}, session id={session})")


def message(number: int) -> str:
    return MESSAGES[number] if number < len(MESSAGES) else f"Unknown ({number})"


def control3(c: Context, data: bytes, at: int) -> None:
    (connection,) = unpack_from("!I", data, at + 4)
    what = message(unpack_from("!H", data, at + 18)[0]) if len(data) > at + 12 else "ZLB"
    c.write(f"Control Message - {what} (ccid=0x{connection:08x})")


def session3(c: Context, data: bytes, at: int) -> None:
    (session,) = unpack_from("!I", data, at + 4)
    c.write(f"D[S:0x{session:08x}]")
