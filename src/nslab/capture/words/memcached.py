"""Memcached's protocol, as text and as binary."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments
from nslab.capture.words.streams import Stream

PORT: Final = 11211
REQUEST, RESPONSE = 0x80, 0x81
OPERATIONS: Final = (
    "Get",
    "Set",
    "Add",
    "Replace",
    "Delete",
    "Increment",
    "Decrement",
    "Quit",
    "Flush",
    "Get Quietly",
    "No-op",
    "Version",
    "Get Key",
    "Get Key Quietly",
    "Append",
    "Prepend",
    "Statistics",
    "Set Quietly",
    "Add Quietly",
    "Replace Quietly",
    "Delete Quietly",
    "Increment Quietly",
    "Decrement Quietly",
    "Quit Quietly",
    "Flush Quietly",
    "Append Quietly",
    "Prepend Quietly",
)
COMMANDS: Final = frozenset(b"set add replace append prepend cas get gets delete incr decr stats version quit".split())
ANSWERS: Final = frozenset(b"STORED NOT_STORED EXISTS NOT_FOUND VALUE END DELETED STAT VERSION".split())


@over_tcp(PORT)
class MemcachedStream(Segments):
    """One row per segment: its first line, or what its binary header says."""

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MEMCACHE"
        first = data[at]
        if first in (REQUEST, RESPONSE) and end - at >= 24:
            code = data[at + 1]
            name = OPERATIONS[code] if code < len(OPERATIONS) else f"Unknown opcode ({code})"
            c.write(f"{name} {'Request' if first == REQUEST else 'Response'}")
            return
        line = data[at:end].split(b"\n", 1)[0].removesuffix(b"\r")
        known = COMMANDS if stream.destination_port == PORT else ANSWERS
        begins = line.split(b" ", 1)[0] in known or (stream.source_port == PORT and line.isdigit())
        c.write(printable(line) if begins else "MEMCACHE Continuation")
