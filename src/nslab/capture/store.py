"""Packets as they arrive: kept where they are put, to be looked at while more come in."""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nslab.capture.packets import Packets, Point

_NO_RESERVE: Final = 0x4000  # MAP_NORESERVE: address space, of which only what is written to takes memory
_ALIGNED: Final = 16


class Store:
    """Packets in the order of their arrival, and the memory that they lie in; one writes, any number reads.

    store = Store(points, limit=1 << 30)
    place = store.keep(block)           # a copy that never moves; None when it is full
    store.add(packets)
    store.packets(since=100)            # a view
    """

    def __init__(self, points: tuple[Point, ...], *, limit: int) -> None:
        self.limit = limit
        self.used = 0
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
        self._data = np.frombuffer(mmap.mmap(-1, max(limit, mmap.PAGESIZE), flags=flags), np.uint8)
        self._parts: list[tuple[int, Packets]] = [(0, self._dressed(Packets.none(*points)))]  # by their first number
        self._lock = threading.Lock()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def keep(self, block: memoryview) -> NDArray[np.uint8] | None:
        """Copy bytes into the store and return them in their new place; see `offset_of`."""
        end = self.used + len(block)
        if end > self.limit:
            return None
        kept = self._data[self.used : end]
        kept[:] = np.frombuffer(block, np.uint8)
        self.used = -(-end // _ALIGNED) * _ALIGNED
        return kept

    def offset_of(self, kept: NDArray[np.uint8]) -> int:
        """Return how far from the store's first byte something lies that `keep` has returned."""
        return int(kept.ctypes.data - self._data.ctypes.data)

    def add(self, packets: Packets) -> None:
        """Append packets whose bytes are here; their offsets are the store's."""
        if len(packets):
            with self._lock:
                self._parts.append((self._length, self._dressed(packets)))
                self._length += len(packets)

    def packets(self, since: int = 0) -> Packets:
        """Return the packets from number `since` on, counted from 0."""
        with self._lock:
            first = bisect_right(self._parts, since, key=itemgetter(0)) - 1
            start = self._parts[first][0]
            joined = join([part for _, part in self._parts[first:]])
            if first == 0:  # the next one who asks for all of them finds them joined
                self._parts = [(0, joined)]
        return joined.select(slice(since - start, None))

    def _dressed(self, packets: Packets) -> Packets:
        """Return the packets with the store's own memory as their bytes."""
        return Packets(
            packets.points,
            self._data,
            packets.offset,
            packets.captured,
            packets.length,
            packets.time,
            packets.point,
            packets.direction,
        )


def join(parts: Sequence[Packets]) -> Packets:
    """Return packets that share their bytes and points as one run."""
    if len(parts) == 1:
        return parts[0]
    first = parts[-1]  # the newest knows best what its points are
    return Packets(
        first.points,
        first.data,
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.captured for part in parts]),
        np.concatenate([part.length for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.point for part in parts]),
        np.concatenate([part.direction for part in parts]),
    )
