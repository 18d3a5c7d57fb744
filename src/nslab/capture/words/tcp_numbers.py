"""Numbers that are shown relative to a beginning which turns out to be another one.

tshark reads a capture twice: what stands before the SYN, ACK of an answer that was not the first of these ports is
counted from that one's number.
"""

from __future__ import annotations

import re
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.tcp_analysis import UINT32, Way

REUSED: Final = "[TCP Port numbers reused] "
MOST_ROWS: Final = 2000  # that are looked through
MOST_TIMES: Final = 200
_ANSWER: Final = re.compile(r"\[[^]]*SYN[^]]*ACK[^]]*\] Seq=")
_SEQ: Final = re.compile(r"( Seq)=(\d+)")
_ACK: Final = re.compile(r"( Ack| SLE| SRE)=(\d+)")


def rebase(c: Context, way: Way, number: int) -> None:
    """Count from this number what has been shown of a direction, up to its first SYN, ACK."""
    times = c.state("rebased", list[int])
    times.append(c.index)
    if len(times) > MOST_TIMES:
        return
    shift = way.base - number
    source, destination, infos = c.dissector.source, c.dissector.destination, c.dissector.info
    for row in range(max(0, c.index - MOST_ROWS), c.index):
        info = infos[row]
        ends = source[row], destination[row]
        if way.text in info and ends == (c.source, c.destination):
            if _ANSWER.search(info):
                if REUSED not in info:
                    c.change(row, info.replace(way.text, REUSED + way.text, 1))
                return
            c.change(row, _shifted(_SEQ, info, shift))
        elif way.back.text in info and ends == (c.destination, c.source):
            c.change(row, _shifted(_ACK, info, shift))


def _shifted(field: re.Pattern[str], info: str, shift: int) -> str:
    return field.sub(lambda found: f"{found[1]}={int(found[2]) + shift & UINT32}", info)
