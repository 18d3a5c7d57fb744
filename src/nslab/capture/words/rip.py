"""RIP, versions 1 and 2 (RFC 2453), and RIPng (RFC 2080)."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp
from nslab.capture.words.values import named, read_to_its_end

COMMANDS: Final = {1: "Request", 2: "Response", 3: "Traceon", 4: "Traceoff", 5: "Vendor specific (Sun)"}
ENTRY: Final = 20
KEYED: Final = b"\xff\xff\0\3"  # a checksum with a key behind the entries (RFC 4822)


@over_udp(520)
@read_to_its_end
def rip(c: Context, data: bytes, at: int) -> None:
    c.protocol = "RIP"
    c.write("")
    command, version = data[at], data[at + 1]
    if version in (1, 2):
        c.protocol = f"RIPv{version}"
    c.write(named(COMMANDS, command, "Unknown command (%u)"))
    if 0 < (len(data) - at - 4) % ENTRY < 16 and data[at + 4 : at + 8] != KEYED:
        c.say_short()


@over_udp(521)
@read_to_its_end
def ripng(c: Context, data: bytes, at: int) -> None:
    c.protocol = "RIPng"
    command, version = data[at], data[at + 1]
    c.write(f" Command {named({1: 'Request', 2: 'Response'}, command, 'Unknown (%u)')}, Version {version}")
    if (len(data) - at - 4) % ENTRY:
        c.say_short()
