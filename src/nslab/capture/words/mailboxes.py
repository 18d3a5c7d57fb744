"""POP3 (RFC 1939) and IMAP (RFC 9051): commands and answers."""

from __future__ import annotations

import re

from nslab.capture.words import imf
from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments, first_line, lines
from nslab.capture.words.streams import MORE, Stream, StreamProtocol
from nslab.capture.words.tls import Tls

POP, IMAP = 110, 143
_SIZE = re.compile(r"\+OK (\d+) octets")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")


@over_tcp(POP)
class Pop(Segments):
    """Its rows show the first line of each segment."""

    def __init__(self) -> None:
        self.command = ""
        self.mail = bytearray()
        self.expected = 0  # bytes of a mail
        self.after: StreamProtocol | None = None

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "POP"
        line = first_line(data, at, end)
        if c.destination_port == POP:
            self.command = line.upper()
            c.write(f"C: {line}")
            return
        if not line.startswith(("+OK", "-ERR")):
            self._mail(c, data[at:end])
            return
        c.write(f"S: {line}")
        found = _SIZE.match(line)
        self.expected = int(found[1]) if found is not None else 0
        self.mail = bytearray(data[at:end].partition(b"\n")[2]) if found is not None else bytearray()
        if self.command == "STLS" and line.startswith("+OK"):
            self.after = Tls()

    def _mail(self, c: Context, piece: bytes) -> None:
        if len(self.mail) < imf.LONGEST:
            self.mail += piece
        if len(self.mail) < self.expected:
            c.write(f"S: DATA fragment, {len(piece) + max(0, c.missing)} bytes")
        else:
            mail, self.mail, self.expected = bytes(self.mail), bytearray(), 0
            imf.describe(c, mail)


@over_tcp(IMAP)
class Imap:
    """Its rows show the last line of each segment that answers a command."""

    def __init__(self) -> None:
        self.wants_tls = False
        self.after: StreamProtocol | None = None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if Tls.recognises(bytes(data[at : at + 5])):
            self.after = Tls()
            return self.after.size(stream, data, at)
        return len(data) - at if data[-1] == 10 and not _lacks_literal(data, at) else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "IMAP"
        said = lines(data, at, end)
        line = next((each for each in reversed(said) if each and not each.startswith("*")), said[0])
        if c.destination_port == IMAP:
            self.wants_tls = line.upper().endswith(" STARTTLS")
            c.write(f"Request: {line}")
            return
        c.write(f"Response: {line}")
        for literal in _literals(data, at, end):
            imf.describe(c, literal)
        if self.wants_tls and " OK" in line:
            self.after = Tls()


def _literals(data: bytes | bytearray, at: int, end: int) -> list[bytes]:
    """Return what is between the lines: `{5}` says how many bytes follow (RFC 9051, 4.3)."""
    found = []
    while (literal := _LITERAL.search(data, at, end)) is not None:
        at = literal.end() + int(literal[1])
        found.append(bytes(data[literal.end() : at]))
    return found


def _lacks_literal(data: bytes | bytearray, at: int) -> bool:
    while (literal := _LITERAL.search(data, at)) is not None:
        at = literal.end() + int(literal[1])
    return at >= len(data)
