"""FTP (RFC 959, 2428): commands and replies, and the connections for data that they agree on."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.segments import Segments, first_line
from nslab.capture.words.streams import Stream, StreamProtocol
from nslab.capture.words.tls import Tls

PORT: Final = 21
_PASSIVE: Final = re.compile(rb"227 .*?(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_ACTIVE: Final = re.compile(rb"(?i)PORT (\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_EXTENDED: Final = re.compile(rb"229 .*?\(\|\|\|(\d+)\|\)")


Agreement = tuple[bytes, int]  # the address and port that data will come to


@over_tcp(20)
class FtpData(Segments):
    """What is transferred."""

    def __init__(self, way: str = "") -> None:
        self.way = way  # how the connection was agreed on, and the command that followed
        self.command = ""

    def dissect(self, c: Context, _: Stream, __: bytes, at: int, end: int) -> None:
        c.protocol = "FTP-DATA"
        if not self.way:
            asked: dict[Agreement, FtpData] = c.state("ftp", dict)
            found = asked.get((c.destination_address, c.destination_port)) or asked.get(
                (c.source_address, c.source_port)
            )
            if found is not None:
                self.way, self.command = found.way, found.command
        agreed = f" ({self.way}) ({self.command})" if self.way else ""
        c.write(f"FTP Data: {end - at + max(0, c.missing)} bytes{agreed}")


@over_tcp(PORT)
class Ftp(Segments):
    """Commands and replies."""

    def __init__(self) -> None:
        self.expected: FtpData | None = None  # whose command is not known yet
        self.wants_tls = False
        self.after: StreamProtocol | None = None

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "FTP"
        line = first_line(data, at, end)
        if c.destination_port == PORT:
            c.write(f"Request: {line}")
            self.wants_tls = line.upper().startswith(("AUTH TLS", "AUTH SSL"))
            if self.expected is not None:
                self.expected.command = line
                self.expected = None
            self._ask(c, data[at:end])
        else:
            c.write(f"Response: {line}")
            self._agree(c, data[at:end])
            if self.wants_tls and line.startswith("234"):
                self.after = Tls()

    def _ask(self, c: Context, request: bytes) -> None:
        """Remember where the client wants data; they come from the server's port 20."""
        active = _ACTIVE.match(request)
        where = _place(active) if active is not None else None
        if where is not None:
            asked: dict[Agreement, FtpData] = c.state("ftp", dict)
            self.expected = asked[where] = FtpData("PORT")

    def _agree(self, c: Context, reply: bytes) -> None:
        """Expect the connection that the server offers."""
        passive, extended = _PASSIVE.match(reply), _EXTENDED.match(reply)
        where: Agreement | None = None
        if passive is not None:
            where, way = _place(passive), "PASV"
        elif extended is not None:
            where, way = (c.source_address, int(extended[1])), "EPASV"
        if where is not None:
            self.expected = FtpData(way)
            c.expect(*where, self.expected)


def _place(found: re.Match[bytes]) -> Agreement | None:
    """Return the address and port of six numbers, each one byte."""
    numbers = [int(number) for number in found.groups()]
    if max(numbers) > 255:
        return None
    return IPv4Address(bytes(numbers[:4])).packed, numbers[4] << 8 | numbers[5]
