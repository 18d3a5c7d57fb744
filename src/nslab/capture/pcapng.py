"""The newer file format of packets, pcapng (draft-ietf-opsawg-pcapng): blocks, several interfaces with names."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from nslab.capture.found import Found
from nslab.capture.packets import Direction, Packets, Point

SECTION: Final = 0x0A0D0D0A  # its magic reads the same in either byte order
_INTERFACE, _OLD, _SIMPLE, _STATISTICS, _ENHANCED = 1, 2, 3, 5, 6
_ORDER: Final = 0x1A2B3C4D
_END: Final = 0  # opt_endofopt
_FLAGS: Final = 2  # epb_flags
_NAME, _RESOLUTION, _FILTER, _OFFSET = 2, 9, 11, 14  # if_…
_FIRST, _LAST, _RECEIVED, _DROPPED = 2, 3, 4, 5  # isb_…
_APPLICATION: Final = 4  # shb_userappl
_MOST_INTERFACES: Final = 0xFFFF

# epb_flags: which way in bits 0 and 1, how it was addressed in bits 2 to 4.
_TO_FLAGS: Final = {
    Direction.TO_US: 1 | 1 << 2,
    Direction.MULTICAST: 1 | 2 << 2,
    Direction.BROADCAST: 1 | 3 << 2,
    Direction.TO_OTHERS: 1 | 4 << 2,
    Direction.OUT: 2,
    Direction.UNKNOWN: 0,
}
_FROM_KIND: Final = {
    1: Direction.TO_US,
    2: Direction.MULTICAST,
    3: Direction.BROADCAST,
    4: Direction.TO_OTHERS,
}

Row = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Interface:
    """How times of one interface are written: units per second, and what is added, in seconds."""

    units: int
    offset: int
    number: int  # of its point
    snaplen: int


@dataclass(slots=True)
class _Reading:
    """What has been read so far; interfaces are those of the section that is being read."""

    data: bytes
    order: str = "<"
    interfaces: list[_Interface] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    digits: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    orphans: int = 0


def read(data: bytes) -> Found:
    """Return the packets of a file; what is wrong with it is a complaint, and what comes before that is there."""
    reading = _Reading(data)
    at = 0
    while at < len(data) and not reading.complaints:
        at = _read_block(reading, at)
    if reading.orphans:
        reading.complaints.append(f"{reading.orphans} packets left out: their interface is not in the file")
    points = tuple(reading.points) or (Point(""),)
    return Found.of(data, points, tuple(reading.digits) or (6,), reading.rows, reading.complaints)


def _read_block(reading: _Reading, at: int) -> int:
    """Read one block and return where the next begins."""
    data = reading.data
    if at + 12 > len(data):
        reading.complaints.append(f"the file ends in a block, after packet {len(reading.rows)}")
        return len(data)
    (kind,) = struct.unpack_from(f"{reading.order}I", data, at)
    if kind == SECTION and not _begin_section(reading, at):
        return len(data)
    size: int = struct.unpack_from(f"{reading.order}I", data, at + 4)[0]
    if size < 12 or size % 4:
        reading.complaints.append(f"a block of {size} bytes cannot be, after packet {len(reading.rows)}")
        return len(data)
    if at + size > len(data):
        reading.complaints.append(f"the file ends in a block, after packet {len(reading.rows)}")
        return len(data)
    try:
        _read_body(reading, kind, at + 8, at + size - 4)
    except struct.error:
        reading.complaints.append(f"a block is too short for what it says, after packet {len(reading.rows)}")
    return at + size


def _begin_section(reading: _Reading, at: int) -> bool:
    for order in "<>":
        if struct.unpack_from(f"{order}I", reading.data, at + 8)[0] == _ORDER:
            reading.order = order
            reading.interfaces = []
            return True
    reading.complaints.append(f"a section has no byte order, after packet {len(reading.rows)}")
    return False


def _read_body(reading: _Reading, kind: int, at: int, end: int) -> None:
    if kind == _ENHANCED:
        _read_packet(reading, at, end)
    elif kind == _INTERFACE:
        _read_interface(reading, at, end)
    elif kind == _SIMPLE:
        _read_simple(reading, at, end)
    elif kind == _OLD:
        _read_packet(reading, at, end, old=True)


def _read_interface(reading: _Reading, at: int, end: int) -> None:
    link, _, snaplen = struct.unpack_from(f"{reading.order}HHI", reading.data, at)
    options = dict(_options(reading, at + 8, end))
    resolution = options.get(_RESOLUTION, b"\6")[:1] or b"\6"
    power = resolution[0] & 0x7F
    binary = bool(resolution[0] & 0x80)
    offset = int.from_bytes(options.get(_OFFSET, b"")[:8], "little" if reading.order == "<" else "big", signed=True)
    name = options.get(_NAME, b"").rstrip(b"\0").decode(errors="replace")
    if len(reading.points) >= _MOST_INTERFACES:
        reading.complaints.append(f"more than {_MOST_INTERFACES} interfaces")
        return
    units = (2 if binary else 10) ** power
    reading.interfaces.append(_Interface(units, offset, len(reading.points), snaplen))
    reading.points.append(_point(name or str(len(reading.points)), link))
    reading.digits.append(_digits(power, binary=binary))


def _point(name: str, link: int) -> Point:
    node, colon, interface = name.partition(":")
    return Point(interface, node, link) if colon and node and interface else Point(name, link_type=link)


def _digits(power: int, *, binary: bool) -> int:
    """Return how many digits of a second tshark shows: as many as there are, of those that have a name."""
    decimal = power * 3 // 10 if binary else power
    return max(known for known in (0, 1, 2, 3, 6, 9) if known <= decimal)


def _read_packet(reading: _Reading, at: int, end: int, *, old: bool = False) -> None:
    fields = struct.unpack_from(f"{reading.order}{'HH' if old else 'I'}IIII", reading.data, at)
    number, (high, low, captured, length) = fields[0], fields[-4:]
    at += 20
    if at + captured > end:
        reading.complaints.append(f"packet {len(reading.rows) + 1} is longer than its block")
        return
    if number >= len(reading.interfaces):
        reading.orphans += 1
        return
    interface = reading.interfaces[number]
    stamp = high << 32 | low
    time = stamp if interface.units == 1_000_000_000 else stamp * 1_000_000_000 // interface.units
    time += interface.offset * 1_000_000_000
    direction = 255 if at + captured + 4 > end else _direction(reading, at + (captured + 3 & ~3), end)
    reading.rows.append((at, captured, length, time, interface.number, direction))


def _direction(reading: _Reading, at: int, end: int) -> int:
    for code, value in _options(reading, at, end):
        if code == _FLAGS and len(value) == 4:
            (flags,) = struct.unpack(f"{reading.order}I", value)
            if flags & 3 == 2:
                return Direction.OUT
            return _FROM_KIND.get(flags >> 2 & 7, Direction.UNKNOWN if flags & 3 == 0 else Direction.TO_US)
    return Direction.UNKNOWN


def _read_simple(reading: _Reading, at: int, end: int) -> None:
    (length,) = struct.unpack_from(f"{reading.order}I", reading.data, at)
    if not reading.interfaces:
        reading.orphans += 1
        return
    interface = reading.interfaces[0]
    captured = min(length, interface.snaplen or length, end - at - 4)
    # It has no time: the one before it has the nearest that is known.
    time = reading.rows[-1][3] if reading.rows else 0
    reading.rows.append((at + 4, captured, length, time, interface.number, 255))


def _options(reading: _Reading, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= end:
        code, size = struct.unpack_from(f"{reading.order}HH", reading.data, at)
        if code == _END:
            return
        yield code, reading.data[at + 4 : min(at + 4 + size, end)]
        at += 4 + (size + 3 & ~3)


def write(
    packets: Packets, to: IO[bytes], *, filter: str = "", dropped: Mapping[str, int] | None = None, program: str = ""
) -> None:
    """Write a file: each point an interface with its name, times in ns, and what its kernel has counted."""
    to.write(_block(SECTION, struct.pack("<IHHq", _ORDER, 1, 0, -1) + _packed([(_APPLICATION, program.encode())])))
    for point in packets.points:
        options = [(_NAME, str(point).encode()), (_RESOLUTION, b"\x09")]
        if filter:
            options.append((_FILTER, b"\0" + filter.encode()))
        to.write(_block(_INTERFACE, struct.pack("<HHI", point.link_type, 0, 0) + _packed(options)))
    for block in _packet_blocks(packets):
        to.write(block)
    for number, point in enumerate(packets.points):
        if dropped is not None and len(packets):
            to.write(_block(_STATISTICS, _statistics(packets, number, dropped.get(str(point), 0))))


def _packet_blocks(packets: Packets) -> Iterator[bytes]:
    flags = {int(each): _packed([(_FLAGS, struct.pack("<I", value))]) for each, value in _TO_FLAGS.items() if value}
    head, tail = struct.Struct("<IIIIIII").pack, struct.Struct("<I").pack
    pads = [b"", b"\0\0\0", b"\0\0", b"\0"]
    columns = (packets.point, packets.time, packets.captured, packets.length, packets.direction)
    rows = zip(packets, *(column.tolist() for column in columns), strict=True)
    for data, point, time, captured, length, direction in rows:
        options = flags.get(direction, b"")
        pad = pads[captured & 3]
        size = 32 + captured + len(pad) + len(options)
        stamp = max(time, 0)
        header = head(_ENHANCED, size, point, stamp >> 32, stamp & 0xFFFFFFFF, captured, length)
        yield b"".join((header, data, pad, options, tail(size)))


def _statistics(packets: Packets, number: int, dropped: int) -> bytes:
    of_it = int((packets.point == number).sum())
    stamp = struct.pack("<II", *divmod(max(int(packets.time[-1]), 0), 1 << 32))
    start = struct.pack("<II", *divmod(max(int(packets.time[0]), 0), 1 << 32))
    counts = [(_RECEIVED, struct.pack("<Q", of_it + dropped)), (_DROPPED, struct.pack("<Q", dropped))]
    return struct.pack("<I", number) + stamp + _packed([(_FIRST, start), (_LAST, stamp), *counts])


def _block(kind: int, body: bytes) -> bytes:
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _packed(options: Sequence[tuple[int, bytes]]) -> bytes:
    packed = b"".join(
        struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4) for code, value in options if value
    )
    return packed + struct.pack("<HH", _END, 0) if packed else b""
