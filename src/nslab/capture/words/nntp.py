"""NNTP (RFC 3977)."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments, first_line
from nslab.capture.words.streams import Stream

PORT: Final = 119


@over_tcp(PORT)
class Nntp(Segments):
    """Its rows show the first line of each segment."""

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "NNTP"
        who = "Request" if c.destination_port == PORT else "Response"
        c.write(f"{who}: {first_line(data, at, end)}")
