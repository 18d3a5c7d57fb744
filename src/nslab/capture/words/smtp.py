"""SMTP (RFC 5321): commands and replies; the mail itself by its size."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import lines
from nslab.capture.words.streams import MORE, Stream, StreamProtocol
from nslab.capture.words.tls import Tls

PORTS: Final = (25, 587)
END_OF_MAIL: Final = b"\r\n.\r\n"


@over_tcp(*PORTS)
class Smtp:
    """A dialogue in lines, until DATA is allowed."""

    def __init__(self) -> None:
        self.command = ""
        self.is_mail = False
        self.login = 0  # how many of its two answers have been given
        self.after: StreamProtocol | None = None

    @staticmethod
    def recognises(_: bytes) -> bool:
        return False

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if self.after is not None:
            return self.after.size(stream, data, at)
        left = len(data) - at
        if self.is_mail and stream.destination_port in PORTS:
            return left
        return left if data[-1] == 10 else MORE

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        if self.after is not None:
            self.after.dissect(c, stream, data, at, end)
            return
        c.protocol = "SMTP"
        if c.destination_port not in PORTS:
            self._reply(c, lines(data, at, end))
        elif self.is_mail:
            self.is_mail = not data[at:end].endswith(END_OF_MAIL)
            c.write(f"C: DATA fragment, {end - at + max(0, c.missing)} bytes")
        else:
            self._commands(c, lines(data, at, end))

    def _commands(self, c: Context, said: list[str]) -> None:
        if self.login:
            said = [f"{'User' if self.login == 1 else 'Pass'}: {said[0]}", *said[1:]]
            self.login = (self.login + 1) % 3
        else:
            self.command = said[-1].upper()
            self.login = int(self.command == "AUTH LOGIN")
        c.write(f"C: {' | '.join(said)}")

    def _reply(self, c: Context, said: list[str]) -> None:
        c.write(f"S: {' | '.join(said)}".replace(" | 250-", " | ").replace(" | 250 ", " | "))
        if self.command == "DATA" and said[0].startswith("354"):
            self.is_mail = True
        elif self.command == "STARTTLS" and said[0].startswith("220"):
            self.after = Tls()
        if not said[0].startswith("334"):
            self.login = 0
