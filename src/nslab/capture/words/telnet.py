"""Telnet (RFC 854)."""

from __future__ import annotations

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments
from nslab.capture.words.streams import Stream


@over_tcp(23)
class Telnet(Segments):
    """What is typed, and the answer."""

    def dissect(self, c: Context, _: Stream, __: bytes, ___: int, ____: int) -> None:
        c.protocol = "TELNET"
        c.write("Telnet Data ...")
