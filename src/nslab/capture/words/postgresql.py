"""PostgreSQL's protocol: a letter for each message, joined with a slash."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream, StreamProtocol
from nslab.capture.words.tls import Tls

PORT: Final = 5432
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


@over_tcp(PORT)
class PostgresqlStream:
    """A letter and a length; the client's first message has no letter."""

    def __init__(self) -> None:
        self.started = False
        self.asked_for_tls = False
        self.after: StreamProtocol | None = None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if self.asked_for_tls and stream.source_port == PORT:
            return 1
        letter = 0 if self._without_letter(stream, data, at) else 1
        if len(data) - at < letter + 4:
            return MORE
        return letter + max(4, int.from_bytes(data[at + letter : at + letter + 4]))

    def _without_letter(self, stream: Stream, data: bytes | bytearray, at: int) -> bool:
        return stream.destination_port == PORT and not self.started and data[at] == 0

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, _: int) -> None:
        client = stream.destination_port == PORT
        letter = chr(data[at])
        if self.asked_for_tls and not client:
            self.asked_for_tls = False
            if letter == "S":
                self.after = Tls()
            letter = ""
        elif self._without_letter(stream, data, at):
            self.asked_for_tls = int.from_bytes(data[at + 4 : at + 8]) in (SSL_REQUEST, GSS_REQUEST)
            self.started = not self.asked_for_tls
            letter = ""
        if c.protocol == "PGSQL":
            c.append(f"/{letter}")
        else:
            c.protocol = "PGSQL"
            c.write(f"{'>' if client else '<'}{letter}")
