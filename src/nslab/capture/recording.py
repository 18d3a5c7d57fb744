"""Packets that were kept, and all that can be made of them: a table, a frame, scapy's packets, a file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from nslab.capture.packets import Packets, Point
from nslab.capture.table import Table
from nslab.capture.words import Dissector


class Recording:
    """Packets with their points: what `nslab.read` returns, and what a capture is as well.

    recording = nslab.read("x.pcapng")
    recording                       # the table, in a notebook
    recording.frame                 # a pandas DataFrame with tshark's columns
    recording[7].show()             # packet number 7, as scapy takes it apart
    recording.save("y.pcapng")
    """

    digits = 9  # of a second that its times have

    def __init__(self, packets: Packets, *, remarks: Sequence[str] = (), alarms: Sequence[str] = ()) -> None:
        self._kept = packets
        self._remarks = tuple(remarks)
        self._alarms = tuple(alarms)
        self._words = Dissector()
        self._lock = threading.Lock()

    @property
    def points(self) -> tuple[Point, ...]:
        """Where the packets were seen."""
        return self.packets_.points

    @property
    def packets_(self) -> Packets:
        """The packets as arrays: bytes, times in ns, lengths, points, directions."""
        return self._kept

    def since(self, number: int) -> Packets:
        """Return the packets that came after the first `number`, in their order, which never changes."""
        return self._kept.select(slice(number, None))

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said below the table."""
        return self._remarks

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is said in red: that something is missing."""
        return self._alarms

    def __len__(self) -> int:
        return len(self.packets_)

    @property
    def table(self) -> Table:
        """The packets so far in tshark's columns."""
        packets = self.packets_
        words = self.read()
        return Table(packets, words, remarks=self.remarks, alarms=self.alarms, digits=self.digits)

    def read(self, most: int | None = None) -> Dissector:
        """Read on, `most` packets at the most, and return the words so far: a table that is watched reads in steps."""
        with self._lock:
            running = self.running
            unread = self.since(len(self._words))
            self._words.feed(unread if most is None else unread.select(slice(most)))
            if not running and (most is None or len(unread) <= most):
                self._words.finish()
        return self._words

    @property
    def frame(self) -> Any:
        """The packets so far as a pandas DataFrame with tshark's columns; Time in seconds since the first."""
        return self.table.frame

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
