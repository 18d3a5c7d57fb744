"""Numbers out of the headers of thousands of packets at once, read by numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nslab.capture.packets import Packets

Ints = NDArray[np.int64]


class Headers:
    """Numbers out of the headers of many packets at once; where a packet ends before, the number is 0.

    headers = Headers(packets)
    headers.number(which, at, 2)    # of each packet of `which`, the two bytes that begin at `at`
    """

    def __init__(self, packets: Packets) -> None:
        self.start = packets.offset
        self.size = packets.captured.astype(np.int64)
        self._bytes = packets.data
        count = len(packets.data)
        # One number begins at every byte: arrays whose elements overlap.
        self._pairs = np.ndarray((max(0, count - 1),), ">u2", buffer=packets.data.data, strides=(1,))
        self._quads = np.ndarray((max(0, count - 3),), ">u4", buffer=packets.data.data, strides=(1,))

    def number(self, which: Ints, at: Ints, size: int) -> Ints:
        """Return a number of 1, 2, 4, 6 or 8 bytes of each of the packets `which`, counted from its first."""
        if size > 4:
            high = self.number(which, at, size - 4)
            return high << 32 | self.number(which, at + size - 4, 4)
        inside = at + size <= self.size[which]
        numbers = {1: self._bytes, 2: self._pairs, 4: self._quads}[size]
        if inside.all():
            found: Ints = numbers[self.start[which] + at].astype(np.int64)
            return found
        value = np.zeros(len(which), np.int64)
        value[inside] = numbers[(self.start[which] + at)[inside]]
        return value
