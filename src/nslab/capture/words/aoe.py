"""ATA over Ethernet: disks."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet

VERSION: Final = 1
RESPONSE: Final = 8
ATA, CONFIGURATION = 0, 1
COMMANDS: Final = {
    0x20: "Read sectors (with retry)",
    0x24: "Read ext",
    0x30: "Write sectors (with retry)",
    0x34: "Write ext",
    0xC4: "Read multiple",
    0xC5: "Write multiple",
    0xC8: "Read dma (with retry)",
    0xCA: "Write dma (with retry)",
    0xEC: "Identify Device",
}


@over_ethernet(0x88A2)
def aoe(c: Context, data: bytes, at: int) -> None:
    """A response shows the command of its request, which has the same tag."""
    c.protocol = "AoE"
    c.write("")
    first, command, tag = unpack_from("!B4xBI", data, at)
    if first >> 4 != VERSION:
        return
    way = "Response" if first & RESPONSE else "Request"
    if command == CONFIGURATION:
        c.write(f"Query Config Information {way}")
    elif command == ATA:
        asked: dict[int, int] = c.state("aoe", dict)
        if first & RESPONSE:
            code = asked.pop(tag, -1)
        else:
            code = asked[tag] = data[at + 13]
        name = COMMANDS.get(code) or f" Unknown ATA<0x{code:02x}>"
        c.write(f"Issue ATA Command {way}" + (f" ATA:{name}" if code >= 0 else ""))
    else:
        c.write(f"Unknown command<{command}> {way}")
