"""The older file format of packets, pcap (the draft draft-ietf-opsawg-pcap): one header, one interface, records."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from nslab.capture.found import Found, Numbers
from nslab.capture.packets import Direction, Packets, Point
from nslab.errors import UsageError

_MICROSECONDS, _NANOSECONDS, _MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
_HEADER: Final = 24  # bytes
_RECORD: Final = 16
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
    link, complaints, records = 1, ["the file ends in its header"], np.zeros(0, np.int64)
    swapped = False
    if len(data) >= _HEADER:
        swapped = struct.unpack_from(f"{how.order}HH", data, 4) < _SWAPPED_LENGTHS
        link = struct.unpack_from(f"{how.order}I", data, 20)[0] & 0xFFFF
        records, complaints = _records(data, how, swapped=swapped)
    numbers = Numbers(data, how.order)
    seconds, fraction, captured, length = (numbers.at(records + place) for place in (0, 4, 8, 12))
    point = Point("", link_type=_ALIASES.get(link, link))
    return Found.of(
        data,
        ((point, 9 if how.nanoseconds else 6),),
        complaints,
        offset=records + _RECORD + how.extra,
        captured=length if swapped else captured,
        length=captured if swapped else length,
        time=seconds * 1_000_000_000 + fraction * (1 if how.nanoseconds else 1000),
        point=np.zeros(len(records), np.int64),
        direction=np.full(len(records), Direction.UNKNOWN, np.int64),
    )


def _records(data: bytes, how: _Shape, *, swapped: bool) -> tuple[NDArray[np.int64], list[str]]:
    """Return where each record begins: it is as long as it says."""
    length = struct.Struct(f"{how.order}I").unpack_from
    where = 12 if swapped else 8
    header = _RECORD + how.extra
    found: list[int] = []
    at, end = _HEADER, len(data)
    complaints: list[str] = []
    while at < end:
        if at + header > end:
            complaints = [f"the file ends in the header of packet {len(found) + 1}"]
            break
        following = at + header + length(data, at + where)[0]
        if following > end:
            complaints = [f"the file ends in packet {len(found) + 1}"]
            break
        found.append(at)
        at = following
    return np.array(found, np.int64), complaints


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
