"""Packets as they were seen: one run of bytes, and numbers that say where each begins, when and where it was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

ETHERNET: Final = 1  # LINKTYPE_ETHERNET, as files say it (the registry of link types of the tcpdump group)


class Direction(IntEnum):
    """Which way a packet went at its point: what packet(7) calls its type."""

    TO_US = 0
    BROADCAST = 1
    MULTICAST = 2
    TO_OTHERS = 3
    OUT = 4
    UNKNOWN = 255  # a file has not said it


@dataclass(frozen=True, slots=True)
class Point:
    """Where packets are seen: an interface of a node, `host:br0`; in a file of another program only an interface."""

    interface: str
    node: str = ""
    link_type: int = ETHERNET

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}" if self.node else self.interface


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """Packets in the order of their numbers; all arrays but `data` have one entry each.

    packets[6]                  the bytes of packet number 7
    packets.select(mask)        those that a boolean array or a list of indexes names; `data` is shared
    """

    points: tuple[Point, ...]
    data: NDArray[np.uint8]
    offset: NDArray[np.int64]  # of its first byte in `data`
    captured: NDArray[np.int32]  # bytes that were kept
    length: NDArray[np.int32]  # bytes that there were
    time: NDArray[np.int64]  # ns since 1970
    point: NDArray[np.uint16]  # index into `points`
    direction: NDArray[np.uint8]  # Direction

    @classmethod
    def none(cls, *points: Point) -> Packets:
        """Return no packets, seen at these points."""
        return cls(
            points,
            np.zeros(0, np.uint8),
            np.zeros(0, np.int64),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
            np.zeros(0, np.uint16),
            np.zeros(0, np.uint8),
        )

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, index: int) -> bytes:
        start = int(self.offset[index])
        return self.data[start : start + int(self.captured[index])].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        whole = self.data.data  # a running capture's is much larger than what is in it
        for start, size in zip(self.offset.tolist(), self.captured.tolist(), strict=True):
            yield bytes(whole[start : start + size])

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64] | list[int] | slice) -> Packets:
        """Return some of the packets; their bytes are not copied."""
        return Packets(
            self.points,
            self.data,
            self.offset[which],
            self.captured[which],
            self.length[which],
            self.time[which],
            self.point[which],
            self.direction[which],
        )
