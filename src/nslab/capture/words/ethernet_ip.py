"""EtherNet/IP (ODVA): sessions with controllers, and who is there. What a session carries, CIP, is not read."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

PORT: Final = 44818
HEADER: Final = 24
COMMANDS: Final = {
    0x00: "NOP",
    0x04: "List Services",
    0x63: "List Identity",
    0x64: "List Interfaces",
    0x65: "Register Session",
    0x66: "Unregister Session",
}
WITH_SESSION: Final = (0x65, 0x66)


@over_udp(PORT)
def discovery(c: Context, data: bytes, at: int) -> bool | None:
    """Ask who is there."""
    command, session = unpack_from("<HxxI", data, at)
    if command not in COMMANDS:
        return False
    c.protocol = "ENIP"
    kind = "Rsp" if c.source_port == PORT else "Req"
    c.write(f"{COMMANDS[command]} ({kind})")
    if command in WITH_SESSION:
        c.append(f", Session: 0x{session:08x}")
    return None


@over_tcp(PORT)
class EthernetIp:
    """Command, length, session."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER:
            return MORE
        if int.from_bytes(data[at : at + 2], "little") not in COMMANDS:
            return NOT_MINE
        return HEADER + int.from_bytes(data[at + 2 : at + 4], "little")

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        discovery(c, data[:end], at)
