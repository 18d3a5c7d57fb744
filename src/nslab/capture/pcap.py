"""The older file format of packets, pcap (the draft draft-ietf-opsawg-pcap): one header, one interface, records."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from nslab.capture.found import Found
from nslab.capture.packets import Packets, Point
from nslab.errors import UsageError

_MICROSECONDS, _NANOSECONDS, _MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
_HEADER: Final = 24  # bytes
_EXTRA: Final = 8  # more of each record where a patched libpcap has written the file
_SWAPPED_LENGTHS: Final = (2, 3)  # files before this version have the two lengths in the other order
_ALIASES: Final = {12: 101, 14: 101}  # what BSDs have called raw IP, before link types had one list
_SNAPLEN: Final = 262_144


@dataclass(frozen=True, slots=True)
class _Shape:
    order: str
    nanoseconds: bool
    extra: int


def shape(data: bytes) -> _Shape | None:
    """Return how a file of this format is written, or None for another one."""
    for order in "<>":
        (magic,) = struct.unpack_from(f"{order}I", data.ljust(4, b"\0"))
        if magic in {_MICROSECONDS, _NANOSECONDS, _MODIFIED}:
            return _Shape(order, magic == _NANOSECONDS, _EXTRA if magic == _MODIFIED else 0)
    return None


def read(data: bytes, how: _Shape) -> Found:
    """Return the packets of a file; what is wrong with it is a complaint, and what comes before that is there."""
    if len(data) < _HEADER:
        return Found.of(data, (Point(""),), (9 if how.nanoseconds else 6,), [], ["the file ends in its header"])
    major, minor = struct.unpack_from(f"{how.order}HH", data, 4)
    (link,) = struct.unpack_from(f"{how.order}I", data, 20)
    link &= 0xFFFF
    swapped = (major, minor) < _SWAPPED_LENGTHS
    rows: list[tuple[int, int, int, int, int, int]] = []
    complaints = _read_records(data, how, rows, swapped=swapped)
    point = Point("", link_type=_ALIASES.get(link, link))
    return Found.of(data, (point,), (9 if how.nanoseconds else 6,), rows, complaints)


def _read_records(
    data: bytes, how: _Shape, rows: list[tuple[int, int, int, int, int, int]], *, swapped: bool
) -> list[str]:
    record = struct.Struct(f"{how.order}IIII")
    unit = 1 if how.nanoseconds else 1000
    header = record.size + how.extra
    at, end = _HEADER, len(data)
    while at < end:
        if at + header > end:
            return [f"the file ends in the header of packet {len(rows) + 1}"]
        seconds, fraction, captured, length = record.unpack_from(data, at)
        if swapped:
            captured, length = length, captured
        at += header
        if at + captured > end:
            return [f"the file ends in packet {len(rows) + 1}"]
        rows.append((at, captured, length, seconds * 1_000_000_000 + fraction * unit, 0, 255))
        at += captured
    return []


def write(packets: Packets, to: IO[bytes]) -> None:
    """Write a file with nanoseconds; UsageError when its points have different kinds of headers."""
    kinds = {packets.points[point].link_type for point in np.unique(packets.point).tolist()}
    if len(kinds) > 1:
        raise UsageError("a .pcap file has packets of one kind; these have several, save them as .pcapng")
    kind = kinds.pop() if kinds else packets.points[0].link_type
    to.write(struct.pack("<IHHiIII", _NANOSECONDS, 2, 4, 0, 0, _SNAPLEN, kind))
    pack = struct.Struct("<IIII").pack
    columns = (packets.time.tolist(), packets.captured.tolist(), packets.length.tolist())
    for data, time, captured, length in zip(packets, *columns, strict=True):
        seconds, rest = divmod(time, 1_000_000_000)
        to.write(pack(seconds & 0xFFFFFFFF, rest, captured, length) + data)
