"""UDP-Lite (RFC 3828): UDP whose length is how much of it the check sum covers."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.udp import payload


@over_ip(136)
def udp_lite(c: Context, data: bytes, at: int) -> None:
    source, destination, covered, checksum = unpack_from("!HHHH", data, at)
    size = len(data) + c.missing - at
    c.protocol = "UDP-Lite"
    c.source_port, c.destination_port = source, destination
    c.write(f"{source} → {destination}")
    if covered and not 8 <= covered <= size:
        c.append(f" [BAD LIGHTWEIGHT UDP CHECKSUM COVERAGE LENGTH {covered} < 8 or > {size}]")
    c.append(f" Len={size - 8}")
    if not checksum:
        c.append(" [ILLEGAL CHECKSUM (0)]")
    if size > 8:
        payload(c, data, at + 8)
