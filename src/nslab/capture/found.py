"""What was found in a file: the packets that could be read, and what was wrong with the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from nslab.capture.packets import Packets, Point

_MOST: Final = (1 << 31) - 1  # of a length: a file may say anything
_LATEST: Final = (1 << 63) - 1  # ns since 1970


@dataclass(frozen=True, slots=True)
class Found:
    """Packets, how many digits of a second each point's times have, and complaints for a reader."""

    packets: Packets
    digits: tuple[int, ...]
    complaints: tuple[str, ...]

    @classmethod
    def of(
        cls,
        data: bytes,
        points: tuple[Point, ...],
        digits: tuple[int, ...],
        rows: Sequence[tuple[int, int, int, int, int, int]],
        complaints: Sequence[str],
    ) -> Self:
        """Make it of rows: offset, bytes kept, bytes in all, time in ns, point, direction."""
        table = _columns(rows)
        packets = Packets(
            points,
            np.frombuffer(data, np.uint8),
            table[0],
            table[1].astype(np.int32),
            table[2].astype(np.int32),
            table[3],
            table[4].astype(np.uint16),
            table[5].astype(np.uint8),
        )
        return cls(packets, digits, tuple(complaints))


def _columns(rows: Sequence[tuple[int, int, int, int, int, int]]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    offset, captured, length, time, point, direction = zip(*rows, strict=True) if rows else ((),) * 6
    limited = [min(value, _MOST) for value in length]
    times = [min(max(value, -_LATEST), _LATEST) for value in time]
    return [np.array(each, np.int64) for each in (offset, captured, limited, times, point, direction)]
