"""SNMP (RFC 3416, 3412): what is asked, and the objects' numbers."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

SEQUENCE, INTEGER, OCTETS, OBJECT = 0x30, 0x02, 0x04, 0x06
VERSION_3: Final = 3
TRAP_1, BULK = 4, 5
ROOTS: Final = {"0": "itu-t", "1": "iso", "2": "joint-iso-itu-t"}
OPERATIONS: Final = (
    "get-request",
    "get-next-request",
    "get-response",
    "set-request",
    "trap",
    "getBulkRequest",
    "informRequest",
    "snmpV2-trap",
    "report",
)


@over_udp(161, 162)
def snmp(c: Context, data: bytes, at: int) -> bool | None:
    """Read a message of version 1, 2c or 3."""
    if data[at] != SEQUENCE:
        return False
    c.protocol = "SNMP"
    c.write("")
    _, at, end = _open(data, at)
    _, start, at = _open(data, at)
    version = int.from_bytes(data[start:at], "big")
    if version == VERSION_3:
        _version_3(c, data, at)
        return None
    _, _, at = _open(data, at)  # the community
    if at < end:
        _operation(c, data, at)
    return None


def _version_3(c: Context, data: bytes, at: int) -> None:
    for _ in range(2):  # the header and the parameters of the security model
        _, _, at = _open(data, at)
    if data[at] != SEQUENCE:
        c.write("encryptedPDU: privKey Unknown")
        return
    _, at, _ = _open(data, at)
    for _ in range(2):  # the context's engine and its name
        _, _, at = _open(data, at)
    _operation(c, data, at)


def _operation(c: Context, data: bytes, at: int) -> None:
    tag, at, end = _open(data, at)
    number = tag & 31
    if number >= len(OPERATIONS):
        return
    c.write(f"{OPERATIONS[number]} ")
    if number == TRAP_1:
        _, start, at = _open(data, at)
        root, _, rest = object_name(data[start:at]).partition(".")
        c.append(f"{ROOTS.get(root, root)}.{rest} ")
        skipped = 4
    else:
        skipped = 3
    for _ in range(skipped):
        _, _, at = _open(data, at)
    _, at, end = _open(data, at)
    while at < end:
        _, start, at = _open(data, at)
        _, start, stop = _open(data, start)
        c.append(f"{object_name(data[start:stop])} ")


def _open(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag at `at`, where its content begins and where it ends (BER, ITU-T X.690)."""
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        more = size & 0x7F
        size = int.from_bytes(data[at : at + more], "big")
        at += more
    if at + size > len(data):
        raise IndexError
    return tag, at, at + size


def object_name(content: bytes) -> str:
    """Return `1.3.6.1`."""
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        return ""
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
