"""ISAKMP: IKE, version 1 (RFC 2409) and 2 (RFC 7296); ESP in UDP (RFC 3948)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp
from nslab.capture.words.tunnels import esp
from nslab.capture.words.values import named, read_to_its_end

EXCHANGES: Final = {
    0: "NONE",
    1: "Base",
    2: "Identity Protection (Main Mode)",
    3: "Authentication Only",
    4: "Aggressive",
    5: "Informational",
    6: "Transaction (Config Mode)",
    32: "Quick Mode",
    33: "New Group Mode",
}
EXCHANGES_2: Final = {
    34: "IKE_SA_INIT",
    35: "IKE_AUTH",
    36: "CREATE_CHILD_SA",
    37: "INFORMATIONAL",
    38: "IKE_SESSION_RESUME",
}
INITIATOR, RESPONSE = 0x08, 0x20
HEADER: Final = 28


@over_udp(500)
@read_to_its_end
def isakmp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ISAKMP"
    c.write("")
    if len(data) < at + HEADER:
        return
    version, exchange, flags, message = unpack_from("!17xBBBI4x", data, at)
    if version >> 4 == 1:
        c.write(named(EXCHANGES, exchange, "Unknown %u"))
    elif version >> 4 == 2:
        c.write(
            f"{named(EXCHANGES_2, exchange, 'Unknown %u')} MID={message:02x}"
            f" {'Initiator' if flags & INITIATOR else 'Responder'} {'Response' if flags & RESPONSE else 'Request'}"
        )


@over_udp(4500)
def encapsulated(c: Context, data: bytes, at: int) -> None:
    """ESP, or IKE behind four zeros where ESP has its index, or one byte that keeps a translator's entry alive."""
    c.protocol = "UDPENCAP"
    c.write("")
    if data[at:] == b"\xff":
        c.write("NAT-keepalive")
        return
    (marker,) = unpack_from("!I", data, at)
    if marker:
        esp(c, data, at)
    else:
        isakmp(c, data, at + 4)
