"""The protocols of MySQL and PostgreSQL, as their manuals describe them."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

MYSQL, POSTGRESQL = 3306, 5432
COMMANDS: Final = (
    *("SLEEP", "Quit", "Use Database", "Query", "Show Fields", "Create Database", "Drop Database", "Refresh"),
    *("Shutdown", "Statistics", "Show Processlist", "Connect", "Kill Server Thread", "Dump Debuginfo", "Ping"),
)
MORE_COMMANDS: Final = {
    17: "Change User",
    22: "Prepare Statement",
    23: "Execute Statement",
    25: "Close Statement",
    26: "Reset Statement",
    27: "Set Option",
    28: "Fetch Data",
}
OK, ERROR, END_OF_DATA = 0, 0xFF, 0xFE
LOGIN: Final = 32  # bytes before the user's name


@over_tcp(MYSQL)
class MySql:
    """Packets with three bytes of length and a number."""

    def __init__(self) -> None:
        self.row = -1
        self.has_logged_in = False

    @staticmethod
    def recognises(_: bytes) -> bool:
        return False

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        return 4 + int.from_bytes(data[at : at + 3], "little") if len(data) - at >= 4 else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "MySQL"
        is_first, self.row = self.row != c.index, c.index
        number, at = data[at + 3], at + 4
        if c.destination_port == MYSQL:
            c.write(self._request(data, at, end, number))
        elif number == 0 and not self.has_logged_in:
            version = printable(data[at + 1 : end].partition(b"\0")[0])
            c.write(f"Server Greeting  proto={data[at]} version={version} ")
        else:
            if is_first:
                c.write("Response")
            c.append(self._response(data, at, end, is_first=is_first))

    def _request(self, data: bytes, at: int, end: int, number: int) -> str:
        if number == 1 and not self.has_logged_in:
            self.has_logged_in = True
            user = data[at + LOGIN : end].partition(b"\0")[0]
            return f"Login Request user={printable(user)} "
        self.has_logged_in = True
        command = data[at]
        name = COMMANDS[command] if command < len(COMMANDS) else MORE_COMMANDS.get(command, f"Unknown ({command})")
        return f"Request {name}"

    def _response(self, data: bytes, at: int, end: int, *, is_first: bool) -> str:
        kind = data[at] if at < end else OK
        if not is_first:
            return ""
        if kind == OK:
            return "  OK "
        if kind == ERROR:
            return f"  Error {unpack_from('<H', data, at + 1)[0]} "
        return " " if kind == END_OF_DATA else " TABULAR Response "


@over_tcp(POSTGRESQL)
class PostgreSql:
    """Messages with a letter and a length; the first ones have no letter."""

    def __init__(self) -> None:
        self.row = -1
        self.has_started = False

    @staticmethod
    def recognises(_: bytes) -> bool:
        return False

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if stream.destination_port == POSTGRESQL and not self.has_started:
            return max(4, int.from_bytes(data[at : at + 4], "big")) if len(data) - at >= 4 else MORE
        if stream.source_port == POSTGRESQL and not self.has_started:
            return 1  # whether it will speak TLS
        return 1 + max(4, int.from_bytes(data[at + 1 : at + 5], "big")) if len(data) - at >= 5 else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "PGSQL"
        is_client = c.destination_port == POSTGRESQL
        is_first, self.row = self.row != c.index, c.index
        if is_first:
            c.write(">" if is_client else "<")
        if not self.has_started:
            self.has_started = is_client and end - at > 8  # a request for TLS has eight bytes
            return
        c.append(f"{'' if is_first else '/'}{printable(data[at : at + 1])}")
