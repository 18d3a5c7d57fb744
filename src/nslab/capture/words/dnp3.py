"""DNP3 (IEEE 1815): what a control centre asks of its stations."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

START: Final = b"\x05\x64"
HEADER: Final = 10
BLOCK: Final = 16  # bytes, then two of a checksum
SHORTEST: Final = 5  # of the header is counted in the length
FROM_PRIMARY: Final = 0x40
PRIMARY: Final = {
    0: "Reset of Remote Link",
    1: "Reset of User Process",
    2: "Test Function For Link",
    3: "User Data",
    4: "Unconfirmed User Data",
    9: "Request Link Status",
}
SECONDARY: Final = {
    0: "ACK",
    1: "NACK",
    11: "Status of Link",
    14: "Link Service Not Functioning",
    15: "Link Service Not Used or Implemented",
}
USER_DATA: Final = (3, 4)
SINGLE: Final = 0xC0  # the transport's byte: first and last
FIRST, LAST, NUMBER = 0x40, 0x80, 0x3F
FUNCTIONS: Final = {
    **dict(
        enumerate(
            (
                *("Confirm", "Read", "Write", "Select", "Operate", "Direct Operate", "Direct Operate No Ack"),
                *("Immediate Freeze", "Immediate Freeze No Ack", "Freeze and Clear", "Freeze and Clear No ACK"),
                *("Freeze With Time", "Freeze With Time No ACK", "Cold Restart", "Warm Restart", "Initialize Data"),
                *("Initialize Application", "Start Application", "Stop Application", "Save Configuration"),
                *("Enable Spontaneous Messages", "Disable Spontaneous Messages", "Assign Classes"),
                *("Delay Measurement", "Record Current Time", "Open File", "Close File", "Delete File"),
                *("Get File Info", "Authenticate File", "Abort File", "Activate Config", "Authentication Request"),
                "Authentication Error",
            )
        )
    ),
    129: "Response",
    130: "Unsolicited Response",
    131: "Authentication Response",
}
READ, WRITE = 1, 2
CLASS_DATA: Final = 60
GROUPS: Final = {
    1: "Binary Input",
    2: "Binary Input Change",
    3: "Double-bit Input",
    4: "Double-bit Input Change",
    10: "Binary Output",
    11: "Binary Output Change",
    20: "Binary Counter",
    21: "Binary Counter",
    22: "Binary Counter Change",
    23: "Binary Counter Change",
    30: "Analog Input",
    32: "Analog Input Change",
    40: "Analog Output",
    50: "Time and Date",
    80: "Internal Indications",
}
BY_COUNT: Final = {7: 1, 8: 2}  # the qualifier's lower half: bytes of a number that is the count of objects
BY_RANGE: Final = {0: 2, 1: 4}  # and of two numbers, the first and the last
ALL: Final = 6


@over_udp(20000)
def dnp3(c: Context, data: bytes, at: int) -> bool | None:
    """Frames in a datagram."""
    if not data.startswith(START, at):
        return False
    c.protocol = "DNP 3.0"
    c.write("")
    while data.startswith(START, at) and at + HEADER <= len(data):
        size = _size(data[at + 2])
        frame(c, data[: at + size], at)
        at += size
    return None


@over_tcp(20000)
class Dnp3Stream:
    """The same frames one behind the other."""

    def __init__(self) -> None:
        self.row = -1

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if not START.startswith(data[at : at + 2]):
            return NOT_MINE
        if len(data) - at < HEADER:
            return MORE
        return _size(data[at + 2]) if data[at + 2] >= SHORTEST else NOT_MINE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "DNP 3.0"
        if self.row != c.index:
            self.row = c.index
            c.write("")
        frame(c, data[:end], at)


def _size(length: int) -> int:
    payload = max(0, length - SHORTEST)
    return HEADER + payload + 2 * -(-payload // BLOCK)


def frame(c: Context, data: bytes, at: int) -> None:
    length, control, destination, source = unpack_from("<2xBBHH", data, at)
    kind = control & 15
    names = PRIMARY if control & FROM_PRIMARY else SECONDARY
    said = f"from {source} to {destination}, len={length}, {names.get(kind) or f'Unknown function (0x{kind:02x})'}"
    if not control & FROM_PRIMARY or kind not in USER_DATA:
        c.add(said)
        return
    payload = b"".join(data[i : i + BLOCK] for i in range(at + HEADER, len(data), BLOCK + 2))[: length - SHORTEST]
    if payload[0] & SINGLE != SINGLE:
        whole = fragment(c, said, payload, (c.addresses, source, destination))
        if whole is None:
            return
        payload = whole
    function = payload[2]
    c.add(FUNCTIONS.get(function) or f"Unknown function (0x{function:02x})")
    if function in (READ, WRITE):
        c.append("".join(f", {name}" for name in objects(payload, is_read=function == READ)))


def fragment(c: Context, said: str, payload: bytes, between: tuple[bytes, int, int]) -> bytes | None:
    """Put a message together that is in several frames; the rows of all but the last say where it is read."""
    parts: dict[tuple[bytes, int, int], list[tuple[int, str, bytes]]] = c.state("dnp3", dict)
    if payload[0] & FIRST:
        parts[between] = []
    under_way = parts.get(between)
    if not payload[0] & LAST or under_way is None:
        c.add(said)
        number = payload[0] & NUMBER
        words = f"{c.info} (Application Layer fragment {number}"
        c.append(f" (Application Layer Unreassembled fragment {number})")
        if under_way is not None:
            under_way.append((c.index, words, payload[1:]))
        return None
    del parts[between]
    for index, words, _ in under_way:
        if index != c.index:
            c.change(index, f"{words}, reassembled in packet {c.number})")
    return b"".join((payload[:1], *(part for _, _, part in under_way), payload[1:]))


def objects(payload: bytes, *, is_read: bool) -> list[str]:
    """Name the objects of a request; what is written is behind the first header, so no more than that is read."""
    found: list[str] = []
    classes = ""
    at = 3
    while at + 3 <= len(payload):
        group, variation, qualifier = payload[at : at + 3]
        if group == CLASS_DATA:
            classes += str(variation - 1)
        elif group in GROUPS and GROUPS[group] not in found:
            found.append(GROUPS[group])
        if not is_read:
            break
        qualifier &= 15
        if qualifier != ALL and qualifier not in BY_RANGE and qualifier not in BY_COUNT:
            break
        at += 3 + (BY_RANGE.get(qualifier) or BY_COUNT.get(qualifier) or 0)
    return [*found, f"Class {''.join(sorted(classes))}"] if classes else found
