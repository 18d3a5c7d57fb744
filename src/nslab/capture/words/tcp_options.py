"""TCP options, in the order in which they are in the packet (RFC 9293, 7323, 2018, 7413, 5925, 8684 …)."""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import Final

from nslab.capture.words.context import CUT_SHORT, MALFORMED, Context
from nslab.capture.words.tcp_analysis import Way

TIMES: Final = Struct("!II")
LARGEST_SHIFT: Final = 14
NUMBERS: Final = {6: "ECHO", 7: "ECHO", 11: "CC", 12: "CC", 13: "CC"}
FAST_OPEN: Final = 34
FAST_OPEN_EXPERIMENT: Final = 0xF989


def options(c: Context, data: bytes, at: int, end: int, way: Way) -> str:
    """Return the words of the options between `at` and `end`; a window scale is kept in `way`."""
    words = ""
    cut = end > len(data)
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
        if kind == 8 and size == 10:
            value, echo = TIMES.unpack_from(data, at + 2)
            words += f" TSval={value} TSecr={echo}"
        elif kind == 2 and size == 4:
            words += f" MSS={data[at + 2] << 8 | data[at + 3]}"
        elif kind == 4:
            words += " SACK_PERM"
        else:
            words += one(c, data[at : at + size], way)
        at += size
    return words + CUT_SHORT if cut else words


def one(c: Context, option: bytes, way: Way) -> str:
    """Return the words of one of the other options, whole from its kind to its end."""
    kind, size = option[0], len(option)
    words = ""
    if kind == 3 and size == 3:
        way.set_scale(min(option[2], LARGEST_SHIFT))
        words = f" WS={1 << way.scale}"
    elif kind == 5:
        words = selective(option, way)
    elif kind == 30:
        c.protocol = "MPTCP"
    else:
        words = seldom(option)
    return words


def selective(option: bytes, way: Way) -> str:
    """Return the blocks that have come behind a hole, numbered as the other side's bytes are."""
    if len(option) < 10:
        return MALFORMED
    base = max(way.back.base, 0)
    edges = unpack_from(f"!{(len(option) - 2) // 8 * 2}I", option, 2)
    return "".join(
        f" SLE={(left - base) & 0xFFFFFFFF} SRE={(right - base) & 0xFFFFFFFF}"
        for left, right in zip(edges[::2], edges[1::2], strict=True)
    )


def seldom(option: bytes) -> str:
    """Return the words of an option that is hardly ever seen."""
    kind, size = option[0], len(option)
    words = {19: " MD5", 29: "TCP AO"}.get(kind, "")
    if kind in NUMBERS and size == 6:
        words = f" {NUMBERS[kind]}={unpack_from('!I', option, 2)[0]}"
    elif kind == FAST_OPEN:
        words = " TFO=R" if size == 2 else " TFO=C"
    elif kind in (253, 254) and size >= 4:
        (experiment,) = unpack_from("!H", option, 2)
        words = f" ExID={experiment:x}"
        if experiment == FAST_OPEN_EXPERIMENT:
            words = " TFO=R" if size == 4 else " TFO=C"
    elif kind == 28 and size == 4:
        words = f" USER_TO={unpack_from('!H', option, 2)[0] & 0x7FFF}"
    elif kind in (172, 174) and size == 2:
        words = " AccECN"
    return words
