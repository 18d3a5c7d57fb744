"""OSPF, version 2 (RFC 2328) and 3 (RFC 5340)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.values import named

HELLO, DESCRIPTION, REQUEST, UPDATE, ACKNOWLEDGE = range(1, 6)
TYPES: Final = {
    HELLO: "Hello Packet",
    DESCRIPTION: "DB Description",
    REQUEST: "LS Request",
    UPDATE: "LS Update",
    ACKNOWLEDGE: "LS Acknowledge",
}
FIELDS: Final = (2, 3)  # versions whose packets have these
FIXED: Final = {HELLO: 20, DESCRIPTION: 8, REQUEST: 0, UPDATE: 4, ACKNOWLEDGE: 0}  # in version 3 a description has 12
ITEM: Final = {DESCRIPTION: 20, REQUEST: 12, ACKNOWLEDGE: 20}  # what follows comes in pieces of this size


@over_ip(89)
def ospf(c: Context, data: bytes, at: int) -> None:
    c.protocol = "OSPF"
    c.write("")
    version, kind = data[at], data[at + 1]
    c.write(named(TYPES, kind))
    (length,) = unpack_from("!H", data, at + 2)
    header = 16 if version == 3 else 24
    data[at + header - 1]
    if kind not in TYPES:
        return
    fixed = FIXED[kind] + (4 if version == 3 and kind == DESCRIPTION else 0)
    body = length - header
    if version not in FIELDS:
        return
    wrong = body < fixed or (kind in ITEM and (body - fixed) % ITEM[kind])
    if wrong or (kind != UPDATE and len(data) < at + length):
        c.say_short()
