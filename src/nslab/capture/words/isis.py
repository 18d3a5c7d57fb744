"""IS-IS (ISO 10589) and ES-IS (ISO 9542): routers of ISO's network layer, also for IP."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import next_type
from nslab.capture.words.registry import over_llc

ES_IS, IS_IS, CLNP, IPV4, IPV6 = 0x82, 0x83, 0x81, 0xCC, 0x8E
HELLOS: Final = {15: "L1", 16: "L2", 17: "P2P"}
LSPS: Final = {18: "L1", 20: "L2"}
CSNPS: Final = {24: "L1", 25: "L2"}
PSNPS: Final = {26: "L1", 27: "L2"}


@over_llc(0xFE)
def iso(c: Context, data: bytes, at: int) -> None:
    """The first byte says which protocol of ISO's network layer it is (ISO 9577)."""
    kind = data[at]
    if kind == IS_IS:
        isis(c, data, at)
    elif kind == ES_IS:
        c.protocol = "ESIS"
        c.write(
            {2: "ES HELLO", 4: "IS HELLO", 6: "RD REQUEST"}.get(data[at + 4] & 31, f"Unknown (0x{data[at + 4] & 31:x})")
        )
    elif kind == CLNP:
        c.protocol = "CLNP"
        c.write("")
    elif kind == IPV4:
        next_type(c, data, at + 1, 0x0800)
    elif kind == IPV6:
        next_type(c, data, at + 1, 0x86DD)


def system(data: bytes, at: int, size: int = 6) -> str:
    """Return `1921.6800.0001`, with the pseudonode and the fragment when they are asked for."""
    digits = data[at : at + size].hex()
    if len(digits) < 2 * size:
        data[at + size]
    text = f"{digits[:4]}.{digits[4:8]}.{digits[8:12]}"
    if size > 6:
        text += f".{digits[12:14]}"
    return f"{text}-{digits[14:16]}" if size > 7 else text


def isis(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ISIS"
    c.write("")
    kind = data[at + 4] & 31
    at += 8
    if kind in HELLOS:
        c.protocol = "ISIS HELLO"
        c.write(f"{HELLOS[kind]} HELLO")
        c.append(f", System-ID: {system(data, at + 1)}")
    elif kind in LSPS:
        c.protocol = "ISIS LSP"
        c.write(f"{LSPS[kind]} LSP")
        length, lifetime = unpack_from("!HH", data, at)
        (sequence,) = unpack_from("!I", data, at + 12)
        c.append(f", LSP-ID: {system(data, at + 4, 8)}, Sequence: 0x{sequence:08x}, Lifetime: {lifetime:5d}s")
        if not checksum_is_right(data[at + 4 : at - 8 + length], lifetime):
            c.append(" [ISIS CHECKSUM INCORRECT]")
    elif kind in CSNPS:
        c.protocol = "ISIS CSNP"
        c.write(f"{CSNPS[kind]} CSNP, Source-ID: {system(data, at + 2, 7)}")
        c.append(f", Start LSP-ID: {system(data, at + 9, 8)}, End LSP-ID: {system(data, at + 17, 8)}")
    elif kind in PSNPS:
        c.protocol = "ISIS PSNP"
        c.write(f"{PSNPS[kind]} PSNP, Source-ID: {system(data, at + 2, 7)}")
    else:
        c.write(f"Unknown (0x{kind:x})")


def checksum_is_right(data: bytes, lifetime: int) -> bool:
    """Check Fletcher's sum (ISO 8473), which an LSP that has run out of life need not have."""
    if not lifetime or data[12:14] == b"\0\0":
        return True
    first = second = 0
    for byte in data:
        first = (first + byte) % 255
        second = (second + first) % 255
    return not first and not second
