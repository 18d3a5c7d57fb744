"""Packets as they arrive: kept where they are put, to be looked at while more come in."""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Final, Protocol

import numpy as np

from nslab.capture.blocks import Bytes, Frames
from nslab.capture.packets import Packets, Point
from nslab.errors import LabError

_NO_RESERVE: Final = 0x4000  # MAP_NORESERVE: address space, of which only what is written to takes memory
_POPULATE: Final = 23  # MADV_POPULATE_WRITE
_STRETCH: Final = 1 << 20
_ALIGNED: Final = 16
_FOR_EVER: Final = (1 << 63) - 1


class Source(Protocol):
    """Where blocks come from, and who knows how to read them."""

    point: Point

    def read(self, block: Bytes, link_type: int) -> Frames: ...


class Store:
    """Blocks of packets in memory that never moves: one thread keeps them, any number look at the packets.

        store = Store(taps, limit=1 << 30)
        store.keep(0, block)                # a copy; False when there is no room for it
        store.publish(settled)              # what was kept may be read; what is older than this (ns) is all there
        store.packets(since=100)            # views; the first who asks has the blocks read

    Packets of several sources are in the order of time, and so they wait until nothing older can come.
    """

    def __init__(self, sources: Sequence[Source], *, limit: int) -> None:
        self.limit = limit
        self._settled = 0
        self._kept: list[tuple[int, int, int, int]] = []  # source, link type, begin, end
        self._sources = sources
        self._used = 0
        self._ready = 0  # bytes that have memory behind them
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
        try:
            self._memory = mmap.mmap(-1, max(limit, mmap.PAGESIZE), flags=flags)
        except OSError as error:
            raise LabError(
                f"no room for {limit >> 20} MiB of packets: {error.strerror}; max_bytes asks for less"
            ) from None
        self._data = np.frombuffer(self._memory, np.uint8)
        self._unread: deque[tuple[int, int, int, int]] = deque()
        self._unsettled: list[Packets] = []
        nothing = self._packets_of(Frames.none(), 0, 0)
        self._parts: list[tuple[int, Packets]] = [(0, nothing)]  # with the number of each one's first
        self._length = 0
        self._lock = threading.Lock()

    def keep(self, source: int, block: memoryview) -> bool:
        """Copy a block into the store; False when it is full."""
        begin, end = self._used, self._used + len(block)
        if end > self.limit:
            return False
        if end > self._ready:
            self._prepare()
        self._memory[begin:end] = block
        self._used = -(-end // _ALIGNED) * _ALIGNED
        self._kept.append((source, self._sources[source].point.link_type, begin, end))
        return True

    def _prepare(self) -> None:
        """Have memory put behind the next stretch at once: a fault for every page of it costs more than the copying."""
        size = min(_STRETCH, len(self._memory) - self._ready)
        with suppress(OSError, ValueError):  # before Linux 5.14 it comes page by page
            self._memory.madvise(_POPULATE, self._ready, size)
        self._ready += size

    def publish(self, settled: int = _FOR_EVER) -> None:
        """Let those blocks be read that were kept, and say which packets (ns) are settled; without it, all that is."""
        self._unread.extend(self._kept)
        self._kept.clear()
        self._settled = settled

    def __len__(self) -> int:
        with self._lock:
            self._read()
            return self._length

    def packets(self, since: int = 0) -> Packets:
        """Return the packets from number `since` on, counted from 0."""
        with self._lock:
            self._read()
            first = bisect_right(self._parts, since, key=itemgetter(0)) - 1
            start = self._parts[first][0]
            joined = join([part for _, part in self._parts[first:]])
            if first == 0:  # the next one who asks for all of them finds them joined
                self._parts = [(0, joined)]
        return joined.select(slice(since - start, None))

    def _read(self) -> None:
        """Read the blocks that have come, and number those packets that have settled."""
        until = self._settled  # before the blocks: what comes meanwhile is younger
        while self._unread:
            source, link_type, begin, end = self._unread.popleft()
            frames = self._sources[source].read(self._data[begin:end], link_type)
            if len(frames.offset):
                self._unsettled.append(self._packets_of(frames, source, begin))
        if not self._unsettled:
            return
        packets = join(self._unsettled)
        settled = len(packets)
        if len(self._sources) > 1:  # one alone is in order by itself
            packets = packets.select(np.argsort(packets.time, kind="stable"))
            settled = int(np.searchsorted(packets.time, until, side="right"))
        self._unsettled = [packets.select(slice(settled, None))] if settled < len(packets) else []
        if settled:
            self._parts.append((self._length, packets.select(slice(settled))))
            self._length += settled

    def _packets_of(self, frames: Frames, source: int, begin: int) -> Packets:
        return Packets(
            tuple(each.point for each in self._sources),
            self._data,
            frames.offset + begin,
            frames.captured,
            frames.length,
            frames.time,
            np.full(len(frames.offset), source, np.uint16),
            frames.direction,
        )


def join(parts: Sequence[Packets]) -> Packets:
    """Return packets that share their bytes and points as one run."""
    if len(parts) == 1:
        return parts[0]
    newest = parts[-1]  # it knows best what its points are
    return Packets(
        newest.points,
        newest.data,
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.captured for part in parts]),
        np.concatenate([part.length for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.point for part in parts]),
        np.concatenate([part.direction for part in parts]),
    )
