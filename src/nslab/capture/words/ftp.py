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
_EXTENDED: Final = re.compile(rb"229 .*?\(\|\|\|(\d+)\|\)")


@over_tcp(20)
class FtpData(Segments):
    """What is transferred."""

    def __init__(self, way: str = "") -> None:
        self.way = way  # how the connection was agreed on, and the command that followed
        self.command = ""

    def dissect(self, c: Context, _: Stream, __: bytes, at: int, end: int) -> None:
        c.protocol = "FTP-DATA"
        agreed = f" ({self.way}) ({self.command})" if self.way else ""
        c.write(f"FTP Data: {end - at + max(0, c.missing)} bytes{agreed}")


@over_tcp(PORT)
class Ftp(Segments):
    """Commands and replies."""

    def __init__(self) -> None:
        self.expected: FtpData | None = None  # whose command is not known yet
        self.wants_tls = False
        self.after: StreamProtocol | None = None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        return self.after.size(stream, data, at) if self.after is not None else len(data) - at

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        if self.after is not None:
            self.after.dissect(c, stream, data, at, end)
            return
        c.protocol = "FTP"
        line = first_line(data, at, end)
        if c.destination_port == PORT:
            c.write(f"Request: {line}")
            self.wants_tls = line.upper().startswith(("AUTH TLS", "AUTH SSL"))
            if self.expected is not None:
                self.expected.command = line
                self.expected = None
        else:
            c.write(f"Response: {line}")
            self._agree(c, data[at:end])
            if self.wants_tls and line.startswith("234"):
                self.after = Tls()

    def _agree(self, c: Context, reply: bytes) -> None:
        """Expect the connection that the server offers."""
        passive, extended = _PASSIVE.match(reply), _EXTENDED.match(reply)
        if passive is not None:
            *address, high, low = map(int, passive.groups())
            if max(*address, high, low) > 255:
                return
            where = IPv4Address(bytes(address)).packed, high << 8 | low
            self.expected = FtpData("PASV")
        elif extended is not None:
            where = c.source_address, int(extended[1])
            self.expected = FtpData("EPASV")
        else:
            return
        c.expect(*where, self.expected)
