"""Diameter (RFC 6733), and what the registry at IANA adds to it: log in, pay, move between networks."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

HEADER: Final = 20
SHORTEST: Final = 36  # what is shorter is not taken for a message
VERSION: Final = 1
REFUSED: Final = 0xA0  # a request that is an error
FLAGS: Final = "RPET"
COMMANDS: Final = {
    257: "Capabilities-Exchange",
    258: "Re-Auth",
    265: "AA",
    268: "Diameter-EAP",
    271: "Accounting",
    272: "Credit-Control",
    274: "Abort-Session",
    275: "Session-Termination",
    280: "Device-Watchdog",
    282: "Disconnect-Peer",
    283: "User-Authorization",
    286: "Multimedia-Auth",
    287: "Registration-Termination",
    300: "User-Authorization",
    301: "Server-Assignment",
    302: "Location-Info",
    303: "Multimedia-Auth",
    304: "Registration-Termination",
    305: "Push-Profile",
    306: "User-Data",
    307: "Profile-Update",
    308: "Subscribe-Notifications",
    309: "Push-Notification",
    316: "3GPP-Update-Location",
    317: "3GPP-Cancel-Location",
    318: "3GPP-Authentication-Information",
    319: "3GPP-Insert-Subscriber-Data",
    320: "3GPP-Delete-Subscriber-Data",
    321: "3GPP-Purge-UE",
    322: "3GPP-Reset",
    323: "3GPP-Notify",
    324: "3GPP-ME-Identity-Check",
}
APPLICATIONS: Final = {
    0: "Diameter Common Messages",
    1: "NASREQ Application",
    2: "Mobile IPv4 Application",
    3: "Diameter Base Accounting",
    4: "Diameter Credit Control Application",
    5: "EAP Application",
    6: "Diameter Session Initiation Protocol (SIP) Application",
    16777216: "3GPP Cx",
    16777217: "3GPP Sh",
    16777236: "3GPP Rx",
    16777238: "3GPP Gx",
    16777250: "3GPP STa",
    16777251: "3GPP S6a/S6d",
    16777264: "3GPP SWm",
    16777272: "3GPP S6b",
    16777302: "3GPP Sy",
    -1: "Relay",
}


@over_tcp(3868)
class Diameter:
    """Version, length, flags, command, application, two numbers."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at] != VERSION:
            return len(data) - at
        if len(data) - at < HEADER:
            return MORE
        return max(HEADER, int.from_bytes(data[at + 1 : at + 4]))

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        if data[at] != VERSION or end - at < SHORTEST or data[at + 4] & REFUSED == REFUSED:
            c.protocol = "DIAMETER"
            c.write("Continuation")
            return
        flags, high, low, application, hop, way = unpack_from("!4xBBHiII", data, at)
        command = high << 16 | low
        set_ = "".join(name if flags & 0x80 >> n else "-" for n, name in enumerate(FLAGS))
        words = (
            f"cmd={COMMANDS.get(command, 'Unknown')} {'Request' if flags & 0x80 else 'Answer'}({command})"
            f" flags={set_} appl={APPLICATIONS.get(application, 'Unknown')}({application}) h2h={hop:x} e2e={way:x} | "
        )
        if c.protocol == "DIAMETER":
            c.append(words)
        else:
            c.protocol = "DIAMETER"
            c.write(words)
