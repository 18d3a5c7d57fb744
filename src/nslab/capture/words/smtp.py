"""SMTP (RFC 5321): commands and replies; the mail itself by its size."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from nslab.capture.words import imf
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
        self.mail = bytearray()
        self.login = 0  # how many of its two answers have been given
        self.after: StreamProtocol | None = None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        left = len(data) - at
        if self.is_mail and stream.destination_port in PORTS:
            return left
        return left if data[-1] == 10 else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "SMTP"
        if c.destination_port not in PORTS:
            self._reply(c, lines(data, at, end))
        elif self.is_mail:
            self._mail(c, data[at:end])
        else:
            self._commands(c, lines(data, at, end))

    def _mail(self, c: Context, piece: bytes) -> None:
        if len(self.mail) < imf.LONGEST:
            self.mail += piece
        if self.mail.endswith(END_OF_MAIL) or self.mail == END_OF_MAIL[2:]:
            mail = bytes(self.mail.removesuffix(END_OF_MAIL[2:]).removesuffix(b"\r\n"))
            self.is_mail, self.mail = False, bytearray()
            imf.describe(c, mail)
        else:
            c.write(f"C: DATA fragment, {len(piece) + max(0, c.missing)} bytes")

    def _commands(self, c: Context, said: list[str]) -> None:
        if self.login:
            said = [f"{'User' if self.login == 1 else 'Pass'}: {said[0]}", *said[1:]]
            self.login = (self.login + 1) % 3
        else:
            self.command = said[-1].upper()
            self.login = int(self.command == "AUTH LOGIN")
        c.write(f"C: {' | '.join(said)}")

    def _reply(self, c: Context, said: list[str]) -> None:
        c.write(f"S: {_joined(said)}")
        if self.command == "DATA" and said[-1].startswith("354"):
            self.is_mail = True
        elif self.command == "STARTTLS" and said[0].startswith("220"):
            self.after = Tls()
        if not said[0].startswith("334"):
            self.login = 0


def _joined(said: list[str]) -> str:
    """Join the lines of a reply: those of one reply without the code that they all begin with."""
    words = said[0]
    for before, line in pairwise(said):
        goes_on = before[3:4] == "-" and line[:3] == before[:3]
        words += f" | {line[4:] if goes_on else line}"
    return words
