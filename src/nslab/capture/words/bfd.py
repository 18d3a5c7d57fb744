"""BFD (RFC 5880): whether the other end is still there."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp
from nslab.capture.words.values import named, read_to_its_end

STATES: Final = ("AdminDown", "Down", "Init", "Up")
DIAGNOSTICS: Final = {
    0: "No Diagnostic",
    1: "Control Detection Time Expired",
    2: "Echo Function Failed",
    3: "Neighbor Signaled Session Down",
    4: "Forwarding Plane Reset",
    5: "Path Down",
    6: "Concatenated Path Down",
    7: "Administratively Down",
    8: "Reverse Concatenated Path Down",
    9: "Mis-Connectivity Defect",
}


@over_udp(3784, 4784, 6784)
@read_to_its_end
def bfd(c: Context, data: bytes, at: int) -> None:
    c.protocol = "BFD Control"
    c.write("")
    first, second, _ = unpack_from("!BB2xI16x", data, at)
    diagnostic = named(DIAGNOSTICS, first & 31)
    if first >> 5:
        c.write(f"Diag: {diagnostic}, State: {STATES[second >> 6]}, Flags: 0x{second & 0x3E:02x}")
    else:
        c.write(f"Diag: {diagnostic}, Flags: 0x{second:02x}")


@over_udp(3785)
def echo(c: Context, _data: bytes, _at: int) -> None:
    c.protocol = "BFD Echo"
    c.write("Originator specific content")
