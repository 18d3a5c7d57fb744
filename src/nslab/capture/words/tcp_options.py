"""TCP options, in the order in which they are in the packet (RFC 9293, 7323, 2018, 7413, 5925, 8684 …)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.tcp_analysis import Way

LARGEST_SHIFT: Final = 14
NUMBERS: Final = {6: "ECHO", 7: "ECHO", 11: "CC", 12: "CC", 13: "CC"}
FAST_OPEN: Final = 34
FAST_OPEN_EXPERIMENT: Final = 0xF989
TIMESTAMPS_ALONE: Final = b"\x01\x01\x08\x0a"


def options(c: Context, data: bytes, at: int, end: int, way: Way) -> str:
    """Return the words of the options between `at` and `end`; a window scale is kept in `way`."""
    if end == at + 12 and data[at : at + 4] == TIMESTAMPS_ALONE and len(data) >= end:
        value, echo = unpack_from("!II", data, at + 4)
        return f" TSval={value} TSecr={echo}"
    words = ""
    end = min(end, len(data))
    while at < end:
        kind = data[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        if at + 2 > end:
            break
        size = data[at + 1]
        if size < 2 or at + size > end:
            break
        words += one(c, data, at, kind, size, way)
        at += size
    return words


def one(c: Context, data: bytes, at: int, kind: int, size: int, way: Way) -> str:
    """Return the words of one option."""
    if kind == 8 and size == 10:
        value, echo = unpack_from("!II", data, at + 2)
        return f" TSval={value} TSecr={echo}"
    if kind == 2 and size == 4:
        return f" MSS={unpack_from('!H', data, at + 2)[0]}"
    if kind == 3 and size == 3:
        shift = min(data[at + 2], LARGEST_SHIFT)
        way.scale = shift
        return f" WS={1 << shift}"
    if kind == 4:
        return " SACK_PERM"
    if kind == 5 and size >= 10:
        base = max(way.back.base, 0)
        edges = unpack_from(f"!{(size - 2) // 8 * 2}I", data, at + 2)
        way.selective = True
        return "".join(
            f" SLE={(left - base) & 0xFFFFFFFF} SRE={(right - base) & 0xFFFFFFFF}"
            for left, right in zip(edges[::2], edges[1::2], strict=True)
        )
    if kind == 30:
        c.protocol = "MPTCP"
        return ""
    return seldom(data, at, kind, size)


def seldom(data: bytes, at: int, kind: int, size: int) -> str:
    """Return the words of an option that is hardly ever seen."""
    if kind in NUMBERS and size == 6:
        return f" {NUMBERS[kind]}={unpack_from('!I', data, at + 2)[0]}"
    if kind == FAST_OPEN:
        return " TFO=R" if size == 2 else " TFO=C"
    if kind in (253, 254) and size >= 4:
        (experiment,) = unpack_from("!H", data, at + 2)
        if experiment != FAST_OPEN_EXPERIMENT:
            return f" ExID={experiment:x}"
        return " TFO=R" if size == 4 else " TFO=C"
    if kind == 28 and size == 4:
        return f" USER_TO={unpack_from('!H', data, at + 2)[0] & 0x7FFF}"
    if kind in (172, 174) and size == 2:
        return " AccECN"
    return {19: " MD5", 29: "TCP AO"}.get(kind, "")
