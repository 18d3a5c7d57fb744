"""IRC (RFC 2812): the commands of a segment."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments, lines
from nslab.capture.words.streams import Stream

PORT: Final = 6667


@over_tcp(PORT)
class Irc(Segments):
    """Its rows name all commands of a segment."""

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "IRC"
        commands = [command for line in lines(data, at, end) if (command := _command(line))]
        who = "Request" if c.destination_port == PORT else "Response"
        c.write(" ".join([who, *(f"({command})" for command in commands)]))


def _command(line: str) -> str:
    """Return the word behind the sender's name."""
    words = line.split()
    if words and words[0].startswith(":"):
        words = words[1:]
    return words[0] if words else ""
