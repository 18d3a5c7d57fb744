"""The newer file format of packets, pcapng (draft-ietf-opsawg-pcapng): blocks, several interfaces with names."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from nslab.capture.found import Found, Ints, Numbers
from nslab.capture.packets import Direction, Packets, Point

SECTION: Final = 0x0A0D0D0A  # its magic reads the same in either byte order
_INTERFACE, _OLD, _SIMPLE, _STATISTICS, _ENHANCED = 1, 2, 3, 5, 6
_ORDER: Final = 0x1A2B3C4D
_END: Final = 0  # opt_endofopt
_FLAGS: Final = 2  # epb_flags
_NAME, _RESOLUTION, _FILTER, _OFFSET = 2, 9, 11, 14  # if_…
_FIRST, _LAST, _RECEIVED, _DROPPED = 2, 3, 4, 5  # isb_…
_APPLICATION: Final = 4  # shb_userappl
_SHORTEST: Final = 32  # bytes of a block with a packet of none
_MOST_INTERFACES: Final = 0xFFFF
_LATEST: Final = (1 << 63) - 1  # ns since 1970

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


@dataclass(frozen=True, slots=True)
class _Interface:
    """How times of one interface are written: units per second, and what is added, in seconds."""

    units: int
    offset: int
    number: int  # of its point
    snaplen: int


@dataclass(slots=True)
class _Section:
    """A part of a file with its own byte order and its own interfaces, and where its packets are."""

    order: str
    interfaces: list[_Interface] = field(default_factory=list)
    packets: list[int] = field(default_factory=list)  # where each one's block begins


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    data: bytes
    sections: list[_Section] = field(default_factory=list)
    points: list[tuple[Point, int]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    runs: dict[str, _Runs] = field(default_factory=dict)  # of either byte order, for all sections

    def complain(self, what: str) -> None:
        packets = sum(len(section.packets) for section in self.sections)
        self.complaints.append(f"{what}, after packet {packets}")


def read(data: bytes) -> Found:
    """Return the packets of a file; what is wrong with it is a complaint, and what comes before that is there."""
    reading = _Reading(data)
    at = 0
    while at < len(data) and not reading.complaints:
        at = _read_section(reading, at)
    parts = [_columns(reading, section) for section in reading.sections] or [np.zeros((6, 0), np.int64)]
    whole = np.concatenate(parts, axis=1)
    missing = sum(len(section.packets) for section in reading.sections) - whole.shape[1]
    if missing:
        reading.complaints.append(f"{missing} packets left out: longer than their blocks, or of no interface")
    points = tuple(reading.points) or ((Point(""), 6),)
    offset, captured, length, time, point, direction = whole
    columns = {"offset": offset, "captured": captured, "length": length}
    return Found.of(data, points, reading.complaints, **columns, time=time, point=point, direction=direction)


def _read_section(reading: _Reading, at: int) -> int:
    """Read one section and return where it ends; a file begins with one."""
    data = reading.data
    order = _order(data, at)
    if order is None:
        reading.complain("a section has no byte order")
        return len(data)
    section = _Section(order)
    reading.sections.append(section)
    if order not in reading.runs:
        reading.runs[order] = _Runs(_words(data, order))
    runs = reading.runs[order]
    begun = at
    while at + 12 <= len(data):
        at = runs.skip(section, at)
        if at + 12 > len(data):
            break
        kind, size = runs.words[at >> 2], runs.words[(at >> 2) + 1]
        if kind == SECTION and at > begun:
            return at
        if size < 12 or size % 4:
            reading.complain(f"a block of {size} bytes cannot be")
            return len(data)
        if at + size > len(data):
            break
        _read_block(reading, section, kind, at, size)
        at += size
    if at < len(data):
        reading.complain("the file ends in a block")
    return len(data)


def _words(data: bytes, order: str) -> memoryview:
    """Return a file as numbers of 32 bits: all blocks begin at one."""
    whole = data if len(data) % 4 == 0 else data[: len(data) & ~3]
    mine = "<" if sys.byteorder == "little" else ">"
    return memoryview(whole).cast("I") if order == mine else np.frombuffer(whole, np.uint32).byteswap().data


class _Runs:
    """Where blocks with packets follow one another: those places at which a block's number stands, in words."""

    def __init__(self, words: memoryview) -> None:
        self.words = words
        numbers = np.asarray(words)
        places = np.flatnonzero(numbers[:-1] == _ENHANCED)
        size = numbers[places + 1].astype(np.int64)
        end = places + (size >> 2)
        good = (size & 3 == 0) & (size >= _SHORTEST) & (end <= len(numbers))
        self._places, self._end = places[good], end[good]
        # A number within a packet may be the same: a run ends before it, and the next begins behind it.
        self._last = np.flatnonzero(np.append(self._end[:-1] != self._places[1:], True)) if good.any() else places[:0]

    def skip(self, section: _Section, at: int) -> int:
        """Note the packets of the run that begins here, if one does; return where it ends."""
        first = int(np.searchsorted(self._places, at >> 2))
        if first == len(self._places) or self._places[first] != at >> 2:
            return at
        last = int(self._last[np.searchsorted(self._last, first)])
        section.packets += (self._places[first : last + 1] << 2).tolist()
        return int(self._end[last]) << 2


def _order(data: bytes, at: int) -> str | None:
    magic = data[at + 8 : at + 12]
    return next((order for order in "<>" if magic == struct.pack(f"{order}I", _ORDER)), None)


def _read_block(reading: _Reading, section: _Section, kind: int, at: int, size: int) -> None:
    if kind == _INTERFACE and size >= 20:
        _read_interface(reading, section, at + 8, at + size - 4)
    elif kind in {_OLD, _SIMPLE, _ENHANCED} and size >= 16:
        section.packets.append(at)


def _read_interface(reading: _Reading, section: _Section, at: int, end: int) -> None:
    order = section.order
    link, _, snaplen = struct.unpack_from(f"{order}HHI", reading.data, at)
    options = dict(_options(reading.data, order, at + 8, end))
    resolution = (options.get(_RESOLUTION) or b"\6")[0]
    power, binary = resolution & 0x7F, bool(resolution & 0x80)
    offset = int.from_bytes(options.get(_OFFSET, b"")[:8], "little" if order == "<" else "big", signed=True)
    name = options.get(_NAME, b"").rstrip(b"\0").decode(errors="replace")
    if len(reading.points) >= _MOST_INTERFACES:
        reading.complain(f"more than {_MOST_INTERFACES} interfaces")
        return
    units = (2 if binary else 10) ** power
    section.interfaces.append(_Interface(units, offset, len(reading.points), snaplen))
    reading.points.append((_point(name or str(len(reading.points)), link), _digits(power, binary=binary)))


def _point(name: str, link: int) -> Point:
    node, colon, interface = name.partition(":")
    return Point(interface, node, link) if colon and node and interface else Point(name, link_type=link)


def _digits(power: int, *, binary: bool) -> int:
    """Return how many digits of a second tshark shows: as many as there are, of those that have a name."""
    decimal = power * 3 // 10 if binary else power
    return max(known for known in (0, 1, 2, 3, 6, 9) if known <= decimal)


def _columns(reading: _Reading, section: _Section) -> Ints:
    """Return six rows: offset, bytes kept, bytes in all, time, point, direction of a section's packets."""
    begin = np.array(section.packets, np.int64)
    numbers = Numbers(reading.data, section.order)
    end = begin + numbers.at(begin + 4)
    kind = numbers.at(begin)
    short = end - begin < np.where(kind == _SIMPLE, 16, _SHORTEST)
    begin, end, kind = begin[~short], end[~short], kind[~short]
    fields = [numbers.at(np.minimum(begin + place, len(reading.data) - 4)) for place in (8, 12, 16, 20, 24)]
    interface, high, low, captured, length = fields
    old = kind == _OLD  # its interface has half the room, the other half are drops
    interface = np.where(old, interface & 0xFFFF if section.order == "<" else interface >> 16, interface)
    offset = begin + 28
    simple = np.flatnonzero(kind == _SIMPLE)
    if len(simple):
        snaplen = section.interfaces[0].snaplen if section.interfaces else 0
        whole = fields[0][simple]
        room = end[simple] - begin[simple] - 16
        interface[simple], offset[simple], length[simple] = 0, begin[simple] + 12, whole
        captured[simple] = np.minimum(np.minimum(whole, snaplen or whole), room)
    good = (offset + captured <= end - 4) & (interface < len(section.interfaces))
    time = _times(section, interface, high, low, good)
    for place in simple.tolist():  # they have no time: the packet before has the nearest that is known
        time[place] = time[place - 1] if place else 0
    numbered = np.array([each.number for each in section.interfaces] or [0], np.int64)
    point = numbered[np.where(good, interface, 0)]
    ways = np.where(kind == _ENHANCED, offset + (captured + 3 & ~3), end)
    direction = _directions(reading.data, section.order, numbers, ways, end)
    return np.stack([offset, captured, length, time, point, direction])[:, good]


def _times(section: _Section, interface: Ints, high: Ints, low: Ints, good: NDArray[np.bool_]) -> Ints:
    """Return times in ns since 1970; one that is out of this world is the latest that there is."""
    time = np.zeros(len(high), np.int64)
    for number, each in enumerate(section.interfaces):
        of_it = np.flatnonzero(good & (interface == number))
        factor, rest = divmod(1_000_000_000, each.units)
        stamps = high[of_it] << 32 | low[of_it]
        most = (_LATEST - abs(each.offset) * 1_000_000_000) // max(factor, 1)
        if rest == 0 and most > 0 and (stamps >= 0).all() and (stamps <= most).all():
            time[of_it] = stamps * factor + each.offset * 1_000_000_000
        else:
            time[of_it] = [_time(each, *pair) for pair in zip(high[of_it].tolist(), low[of_it].tolist(), strict=True)]
    return time


def _time(interface: _Interface, high: int, low: int) -> int:
    time = (high << 32 | low) * 1_000_000_000 // interface.units + interface.offset * 1_000_000_000
    return min(max(time, -_LATEST), _LATEST)


def _directions(data: bytes, order: str, numbers: Numbers, at: Ints, end: Ints) -> Ints:
    """Return which way each packet went, by its options from `at` on; nearly always the one that says it is first."""
    directions = np.full(len(at), int(Direction.UNKNOWN), np.int64)
    some = np.flatnonzero(at + 12 <= end)
    head = numbers.at(at[some])
    wanted = _FLAGS | 4 << 16 if order == "<" else _FLAGS << 16 | 4
    first = head == wanted
    flags = numbers.at(at[some[first]] + 4)
    directions[some[first]] = np.array([_direction(value) for value in range(32)], np.int64)[flags & 31]
    for place in some[~first].tolist():
        options = dict(_options(data, order, int(at[place]), int(end[place]) - 4))
        if len(options.get(_FLAGS, b"")) == 4:
            directions[place] = _direction(struct.unpack(f"{order}I", options[_FLAGS])[0])
    return directions


def _direction(flags: int) -> int:
    if flags & 3 == 2:
        return Direction.OUT
    return _FROM_KIND.get(flags >> 2 & 7, Direction.UNKNOWN if flags & 3 == 0 else Direction.TO_US)


def _options(data: bytes, order: str, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= end:
        code, size = struct.unpack_from(f"{order}HH", data, at)
        if code == _END:
            return
        yield code, data[at + 4 : min(at + 4 + size, end)]
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
