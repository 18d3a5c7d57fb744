"""Rsync's daemon protocol, as far as it is in clear."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments, first_line
from nslab.capture.words.streams import Stream

PORT: Final = 873
GREETING: Final = b"@RSYNCD: "
EXIT: Final = b"@RSYNCD: EXIT\n"


@over_tcp(PORT)
class Rsync(Segments):
    """A greeting on both sides, a question, then what was asked for."""

    def __init__(self) -> None:
        self.greeted = {True: False, False: False}  # by whether it is the client
        self.has_asked = False
        self.asks_for_list = False

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "RSYNC"
        is_client = c.destination_port == PORT
        if not self.greeted[is_client] and data[at:].startswith(GREETING):
            self.greeted[is_client] = True
            version = first_line(data, at + len(GREETING), end)
            c.write(f"{'Client' if is_client else 'Server'} Initialisation (Version {version})")
        elif is_client and not self.has_asked:
            self.has_asked = True
            self.asks_for_list = data[at:end] in {b"\n", b"#list\n"}
            c.write("Client Query")
        elif is_client:
            c.write("Client Command")
        elif self.asks_for_list:
            c.write("Final module list" if data[at:end].endswith(EXIT) else "Module list")
        else:
            c.write("Data")
