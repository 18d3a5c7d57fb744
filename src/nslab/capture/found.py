"""What was found in a file: the packets that could be read, and what was wrong with the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from nslab.capture.packets import Packets, Point

_MOST: Final = (1 << 31) - 1  # of a length: a file may say anything
Ints = NDArray[np.int64]


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
        points: tuple[tuple[Point, int], ...],
        complaints: list[str],
        *,
        offset: Ints,
        captured: Ints,
        length: Ints,
        time: Ints,
        point: Ints,
        direction: Ints,
    ) -> Self:
        """Make it of columns; points: each with its digits."""
        packets = Packets(
            tuple(point for point, _ in points),
            np.frombuffer(data, np.uint8),
            offset,
            captured.astype(np.int32),
            np.minimum(length, _MOST).astype(np.int32),
            time,
            point.astype(np.uint16),
            direction.astype(np.uint8),
        )
        return cls(packets, tuple(digits for _, digits in points), tuple(complaints))


class Numbers:
    """Numbers of 32 bits at any places of a file, in its byte order."""

    def __init__(self, data: bytes, order: str) -> None:
        count = max(0, len(data) - 3)
        buffer = data if count else bytes(4)
        # One number begins at every byte: an array whose elements overlap.
        self._all = np.ndarray((max(count, 1),), np.dtype(f"{order}u4"), buffer=buffer, strides=(1,))

    def at(self, places: Ints) -> Ints:
        return self._all[places].astype(np.int64)
