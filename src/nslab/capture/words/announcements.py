"""Who announces what to all: sessions (SAP, RFC 2974), rendezvous points (Cisco's Auto-RP), MikroTik's neighbours."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.segments import Segments, first_line
from nslab.capture.words.streams import Stream

DELETION, COMPRESSED, ENCRYPTED = 4, 1, 2
AUTO_RP: Final = {1: "announcement", 2: "mapping"}
RP_ENTRY: Final = 6
MSDP: Final = {
    1: "IPv4 Source-Active",
    2: "IPv4 Source-Active Request",
    3: "IPv4 Source-Active Response",
    4: "KeepAlive",
    5: "Notification",
    6: "MSDP traceroute in progress",
    7: "MSDP traceroute reply",
}
SHORTEST_MSDP: Final = 3
SHORTEST_MNDP: Final = 8
MOBILE_REQUEST, MOBILE_REPLY = 1, 3


@over_udp(9875)
def sessions(c: Context, data: bytes, at: int) -> None:
    flags = data[at]
    c.protocol = "SAP"
    c.write(f"{'Deletion' if flags & DELETION else 'Announcement'} (v{flags >> 5})")
    if not flags & (COMPRESSED | ENCRYPTED):
        c.protocol = "SAP/SDP"


@over_udp(496)
def auto_rp(c: Context, data: bytes, at: int) -> bool | None:
    """Read how many rendezvous points there are, and whether all their groups are there."""
    first, count = unpack_from("!BB", data, at)
    kind = AUTO_RP.get(first & 15)
    if kind is None or first >> 4 != 1:
        return False
    c.protocol = "Auto-RP"
    c.write(f"RP {kind} (v1 or 1+) for {count} RP{'' if count == 1 else 's'}")
    at += 8
    for _ in range(count):
        at += RP_ENTRY + RP_ENTRY * data[at + 5]
    if at > len(data):
        raise IndexError
    return None


@over_tcp(639)
class Msdp(Segments):
    """Rendezvous points tell each other of sources (RFC 3618); tshark shows the first message of a segment."""

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MSDP"
        c.write(MSDP.get(data[at]) or "<Unknown MSDP TLV type>")
        if end - at < SHORTEST_MSDP:
            raise IndexError


@over_udp(5678)
def neighbours(c: Context, data: bytes, at: int) -> bool | None:
    """MikroTik's discovery: its words are UDP's."""
    if len(data) - at < SHORTEST_MNDP:
        return False
    c.protocol = "MNDP"
    return None


@over_udp(434)
def mobile_ip(c: Context, data: bytes, at: int) -> bool | None:
    """A host that has moved registers with its home (RFC 5944)."""
    kind, code = unpack_from("!BB", data, at)
    if kind not in (MOBILE_REQUEST, MOBILE_REPLY):
        return False
    c.protocol = "MobileIP"
    home, agent = (c.dissector.ipv4[unpack_from("!4s", data, at + n)[0]] for n in (4, 8))
    if kind == MOBILE_REQUEST:
        care = c.dissector.ipv4[unpack_from("!4s", data, at + 12)[0]]
        c.write(f"Reg Request: HoA={home} HA={agent} CoA={care}")
    else:
        c.write(f"Reg Reply: HoA={home} HA={agent}, Code={code}")
    return None


@over_tcp(1863)
class Messenger(Segments):
    """MSN's messenger: lines, of which the first of a segment is shown."""

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MSNMS"
        c.write(first_line(data, at, end))
