"""MySQL's protocol: commands and what kind of answer they get."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream, StreamProtocol
from nslab.capture.words.tls import Tls
from nslab.capture.words.values import text_field

PORT: Final = 3306
COMMANDS: Final = (
    "SLEEP",
    "Quit",
    "Use Database",
    "Query",
    "Show Fields",
    "Create Database",
    "Drop Database",
    "Refresh",
    "Shutdown",
    "Statistics",
    "Process List",
    "Connect",
    "Kill Server Thread",
    "Dump Debuginfo",
    "Ping",
    "Time",
    "Insert Delayed",
    "Change User",
    "Send Binlog",
    "Send Table",
    "Slave Connect",
    "Register Slave",
    "Prepare Statement",
    "Execute Statement",
    "Send BLOB",
    "Close Statement",
    "Reset Statement",
    "Set Option",
    "Fetch Data",
    "Daemon",
    "Send Binlog GTID",
    "Reset Connection",
)
SHOW_FIELDS, STATISTICS, PREPARE = 4, 9, 22
WITHOUT_WORDS: Final = (SHOW_FIELDS, STATISTICS, PREPARE)  # whose answers are of kinds that have no name
OK, MORE_DATA, END, ERROR = 0x00, 0x01, 0xFE, 0xFF
WITH_DATABASE, SSL, PLUGINS, NO_END = 0x8, 0x800, 0x80000, 0x1000000  # capabilities
SSL_REQUEST_SIZE: Final = 32
SHORT: Final = 9  # an answer that begins like an end and is longer is none
GREETING, LOGIN, AUTHENTICATION, COMMAND = range(4)
NOTHING, FIELDS, ROWS = range(3)


@over_tcp(PORT)
class MysqlStream:
    """Three bytes of length and a counter before each packet; what an answer means depends on what was asked."""

    def __init__(self) -> None:
        self.phase = GREETING
        self.capabilities = 0
        self.command = 0
        self.table = NOTHING  # which part of a table of results comes next
        self.after: StreamProtocol | None = None  # TLS, once it has been asked for

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < 4:
            return MORE
        return 4 + int.from_bytes(data[at : at + 3], "little")

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MySQL"
        body = data[at + 4 : end]
        if c.destination_port == PORT:
            self._asked(c, body)
        elif self.phase == GREETING and not data[at + 3]:
            self._greeted(c, body)
        else:
            self._answered(c, body)

    def _greeted(self, c: Context, body: bytes) -> None:
        c.write("Server Greeting ")
        if body[0] == ERROR:
            c.append(f" Error {int.from_bytes(body[1:3], 'little')}")
            c.fence_in()
            return
        self.phase = LOGIN
        c.append(f" proto={body[0]} version={text_field(body[1:])}")

    def _asked(self, c: Context, body: bytes) -> None:
        if self.phase == LOGIN:
            self._logged_in(c, body)
        elif self.phase == AUTHENTICATION:
            c.write("Auth Switch Response ")
            self.phase = COMMAND
            self.command = STATISTICS
        else:
            self.phase = COMMAND
            self.table = NOTHING
            self.command = body[0]
            name = COMMANDS[self.command] if self.command < len(COMMANDS) else f"Unknown ({self.command})"
            c.write(f"Request {name} ")

    def _logged_in(self, c: Context, body: bytes) -> None:
        self.capabilities = int.from_bytes(body[:4], "little")
        if len(body) == SSL_REQUEST_SIZE and self.capabilities & SSL:
            c.write("Login Request user= ")
            self.after = Tls()
            return
        user, _, rest = body[32:].partition(b"\0")
        c.write(f"Login Request user={text_field(user)} ")
        if self.capabilities & WITH_DATABASE:
            c.append(f"db={text_field(rest[1 + rest[0] :])} ")
        self.phase = COMMAND
        self.command = 0

    def _answered(self, c: Context, body: bytes) -> None:
        first = body[0]
        if not self.command and self.capabilities & PLUGINS and first in (MORE_DATA, END):
            c.write("Auth Switch Request ")
            c.fence_in()
            self.phase = AUTHENTICATION
            return
        if self.phase == AUTHENTICATION:
            self.phase = COMMAND
        c.write("Response ")
        words = self._kind(body, first)
        if words:
            c.append(f"{words} ")
            c.fence_in()

    def _kind(self, body: bytes, first: int) -> str:
        if first == ERROR:
            self.table = NOTHING
            return f" Error {int.from_bytes(body[1:3], 'little')}"
        if self.table != NOTHING:
            return self._part(ends=first == END and len(body) < SHORT)
        if self.command in WITHOUT_WORDS:
            return " OK" if self.command == STATISTICS and first == OK else ""
        if first in (OK, END):
            return " OK"
        self.table = FIELDS
        return "TABULAR"

    def _part(self, *, ends: bool) -> str:
        """Name a part of a table of results; only its end may have a name."""
        if not ends:
            return ""
        no_end = self.capabilities & NO_END
        self.table = ROWS if self.table == FIELDS and not no_end else NOTHING
        return " OK" if no_end else ""
