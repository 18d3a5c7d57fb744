"""NetBIOS over UDP (RFC 1002): names and datagrams."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.browser import mailslot
from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp
from nslab.capture.words.values import named, read_to_its_end

RESPONSE: Final = 0x8000
OPERATIONS: Final = {
    0: "Name query",
    5: "Registration",
    6: "Release",
    7: "Wait for acknowledgment",
    8: "Refresh",
    9: "Refresh (alternate opcode)",
    15: "Multi-homed registration",
}
ERRORS: Final = {
    1: "Request was invalidly formatted",
    2: "Server failure",
    3: "Requested name does not exist",
    4: "Request is not implemented",
    5: "Request was refused",
    6: "Name is owned by another node",
    7: "Name is in conflict",
}
TYPES: Final = {32: "NB", 33: "NBSTAT"}
WAIT: Final = 7
NB: Final = 32
DATAGRAMS: Final = {
    0x10: "Direct_unique datagram",
    0x11: "Direct_group datagram",
    0x12: "Broadcast datagram",
    0x13: "Datagram error",
    0x14: "Datagram query request",
    0x15: "Datagram positive query response",
    0x16: "Datagram negative query response",
}
WITH_DATA: Final = (0x10, 0x11, 0x12)
NO_NAME: Final = "Illegal NetBIOS name (1st character not between A and Z in first-level encoding)"
POINTER: Final = 0xC0


@over_udp(137)
@read_to_its_end
def name_service(c: Context, data: bytes, at: int) -> None:
    c.protocol = "NBNS"
    c.write("")
    flags, questions, answers = unpack_from("!2xHHH4x", data, at)
    operation = flags >> 11 & 15
    c.write(named(OPERATIONS, operation, "Unknown operation (%u)"))
    start = at
    at += 12
    if flags & RESPONSE:
        c.append(" response")
        if flags & 15:
            c.append(f", {named(ERRORS, flags & 15, 'Unknown error')}")
    for _ in range(questions):
        name, at = read_name(data, start, at)
        (kind,) = unpack_from("!H2x", data, at)
        at += 4
        if not flags & RESPONSE:
            c.append(f" {named(TYPES, kind, 'Unknown')} {name}")
    for _ in range(answers):
        at = answer(c, data, start, at, shown=operation != WAIT)


def answer(c: Context, data: bytes, start: int, at: int, *, shown: bool) -> int:
    """Read a resource record; return where it ends."""
    _, at = read_name(data, start, at)
    kind, size = unpack_from("!H6xH", data, at)
    end: int = at + 10 + size
    at += 10
    if shown:
        c.append(f" {named(TYPES, kind, 'Unknown')}")
        if kind == NB and size:
            c.append(f" {c.dissector.ipv4[unpack_from('!2x4s', data, at)[0]]}")
    return end


def read_name(data: bytes, start: int, at: int) -> tuple[str, int]:
    """Return a name and where it ends in the record, also when it goes on elsewhere."""
    labels: list[bytes] = []
    end = 0
    while (size := data[at]) and len(labels) < 64:
        if size & POINTER == POINTER:
            end = end or at + 2
            at = start + (unpack_from("!H", data, at)[0] & 0x3FFF)
            labels.append(b"") if len(labels) > 32 else None
            continue
        data[at + size]
        labels.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    first = decoded(labels[0]) if labels else NO_NAME
    scope = b".".join(labels[1:]).decode("latin-1")
    return (f"{first}.{scope}" if scope else first), end or at + 1


def decoded(label: bytes) -> str:
    """Undo the first-level encoding: a letter for each half of a byte, A to P."""
    if len(label) != 32:
        return "Illegal NetBIOS name (odd number of bytes)"
    letters = [byte - 65 for byte in label]
    if not all(0 <= letter < 26 for letter in letters):
        return "Illegal NetBIOS name (character not between A and Z in first-level encoding)"
    name = bytes((high << 4 | low) & 255 for high, low in zip(letters[::2], letters[1::2], strict=True))
    shown = "".join(chr(byte) if 32 <= byte < 127 else f"<{byte:02x}>" for byte in name[:15].rstrip(b" "))
    return f"{shown}<{name[15]:02x}>"


@over_udp(138)
def datagram_service(c: Context, data: bytes, at: int) -> None:
    c.protocol = "NBDS"
    c.write("")
    kind = data[at]
    c.write(named(DATAGRAMS, kind, f"Unknown message type (0x{kind:02x})"))
    if kind not in WITH_DATA:
        return
    unpack_from("!10xHH", data, at)
    start, at = at, at + 14
    _, at = read_name(data, start, at)
    _, at = read_name(data, start, at)
    mailslot(c, data, at)
