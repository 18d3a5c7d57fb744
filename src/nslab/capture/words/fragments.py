"""The pieces of an IP packet, put together."""

from __future__ import annotations

from bisect import insort


class Pieces:
    """What has been seen of one packet. Later bytes do not replace earlier ones."""

    __slots__ = ("holes", "pieces", "rows", "total")

    def __init__(self) -> None:
        self.pieces: list[tuple[int, bytes]] = []
        self.rows: list[int] = []  # indexes of the rows that they came in
        self.total = -1  # known with the last piece
        self.holes: list[tuple[int, int]] = [(0, 1 << 17)]  # [start, end) that nothing has covered yet

    def take(self, row: int, offset: int, piece: bytes, *, last: bool) -> bytes | None:
        """Take one more piece; return the whole packet when it was the one that was missing."""
        self.rows.append(row)
        end = offset + len(piece)
        if last and self.total < 0:
            self.total = end
        if self._fills(offset, end):
            self.pieces.append((offset, piece))
        if self.total < 0 or (self.holes and self.holes[0][0] < self.total):
            return None
        whole = bytearray(self.total)
        for start, part in reversed(self.pieces):
            stop = min(start + len(part), self.total)
            whole[start:stop] = part[: stop - start]
        return bytes(whole)

    def _fills(self, start: int, end: int) -> bool:
        """Take [start, end) from the holes; False: nothing of it was missing."""
        filled = False
        for hole in [h for h in self.holes if h[0] < end and start < h[1]]:
            filled = True
            self.holes.remove(hole)
            if hole[0] < start:
                insort(self.holes, (hole[0], start))
            if end < hole[1]:
                insort(self.holes, (end, hole[1]))
        return filled
