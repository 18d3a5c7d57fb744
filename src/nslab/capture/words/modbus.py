"""Modbus over TCP."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import NOT_MINE, Stream
from nslab.capture.words.values import named

PORT: Final = 502
HEADER: Final = 7
FUNCTIONS: Final = {
    1: "Read Coils",
    2: "Read Discrete Inputs",
    3: "Read Holding Registers",
    4: "Read Input Registers",
    5: "Write Single Coil",
    6: "Write Single Register",
    7: "Read Exception Status",
    8: "Diagnostics",
    11: "Get Comm. Event Counters",
    12: "Get Comm. Event Log",
    15: "Write Multiple Coils",
    16: "Write Multiple Registers",
    17: "Report Slave ID",
    20: "Read File Record",
    21: "Write File Record",
    22: "Mask Write Register",
    23: "Read Write Register",
    24: "Read FIFO Queue",
    43: "Encapsulated Interface Transport",
    90: "Unity (Schneider)",
}
SUBFUNCTIONS: Final = {
    8: (2, {0: "Return Query Data", 1: "Restart Communications Option"}),
    43: (1, {13: "CANopen Request/Response", 14: "Read Device Identification"}),
}
EXCEPTION: Final = 0x80


@over_tcp(PORT)
class ModbusStream:
    """A header that says how much follows; only whole messages are read."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER + 1 or data[at + 2] or data[at + 3]:
            return NOT_MINE
        size = 6 + int.from_bytes(data[at + 4 : at + 6])
        return size if size > HEADER else NOT_MINE

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, _: int) -> None:
        transaction, unit, function = unpack_from("!H4xBB", data, at)
        c.protocol = "Modbus/TCP"
        way = "   Query" if stream.destination_port == PORT else "Response"
        code = function & 0x7F
        name = named(FUNCTIONS, code, "Unknown function (%u)")
        shown = f"{code:3d}"
        if code in SUBFUNCTIONS and not function & EXCEPTION:
            shown += "/  1"  # so it is shown, whatever the number is
            place, names = SUBFUNCTIONS[code]
            name = names.get(int.from_bytes(data[at + HEADER + 1 : at + HEADER + 1 + place]), name)
        c.write(f"{way}: Trans: {transaction:5d}; Unit: {unit:3d}, Func: {shown}: {name}")
        if function & EXCEPTION:
            c.append(". Exception returned")
