"""EIGRP (RFC 7868)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.values import named, read_to_its_end

HELLO: Final = 5
CODES: Final = {
    1: "Update",
    2: "Request",
    3: "Query",
    4: "Reply",
    5: "Hello",
    7: "Route Probe",
    8: "Hello (Ack)",
    9: "Stub-Info",
    10: "SIA-Query",
    11: "SIA-Reply",
}


@over_ip(88)
@read_to_its_end
def eigrp(c: Context, data: bytes, at: int) -> None:
    """A Hello that acknowledges something is an acknowledgement."""
    c.protocol = "EIGRP"
    c.write("")
    code, acknowledged = unpack_from("!xBxxxxxxxxxxI4x", data, at)
    c.write("Hello (Ack)" if code == HELLO and acknowledged else named(CODES, code, f"Unknown OpCode (0x{code:04x})"))
