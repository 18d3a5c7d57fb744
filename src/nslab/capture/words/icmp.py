"""ICMP."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip


@over_ip(1)
def icmp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ICMP"
    type_, code, _, identifier, sequence = unpack_from("!BBHHH", data, at)
    if type_ in (0, 8):
        swapped = sequence >> 8 | (sequence & 255) << 8
        name = "Echo (ping) request" if type_ else "Echo (ping) reply"
        c.write(f"{name:20s} id=0x{identifier:04x}, seq={sequence}/{swapped}, ttl={c.hop_limit}")
    else:
        c.write(f"Type {type_} ({code})")
