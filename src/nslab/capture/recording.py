"""Packets that were kept, and all that can be made of them: a table, a frame, scapy's packets, a file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nslab.capture import columns, crafting
from nslab.capture.crafting import ScapyPackets
from nslab.capture.packets import Packets, Point
from nslab.capture.table import Table
from nslab.errors import UsageError

if TYPE_CHECKING:
    from nslab.capture.words import Dissector


class Recording:
    """Packets with their points: what `nslab.read` returns, and what a capture is as well.

    recording = nslab.read("x.pcapng")
    recording                       # the table, in a notebook
    recording.frame                 # a pandas DataFrame with tshark's columns
    recording[7].show()             # packet number 7, as scapy takes it apart
    recording.save("y.pcapng")
    """

    def __init__(
        self,
        packets: Packets,
        *,
        remarks: Sequence[str] = (),
        alarms: Sequence[str] = (),
        digits: Sequence[int] = (9,),
    ) -> None:
        self._kept = packets
        self._digits = tuple(digits)
        self._remarks = tuple(remarks)
        self._alarms = tuple(alarms)
        self._lock = threading.Lock()

    @cached_property
    def _words(self) -> Dissector:
        from nslab.capture.words import Dissector  # a hundred protocols: a capture begins before they are known

        # What passes two points of a lab is seen twice, and is no retransmission for that. The interfaces of a file of
        # another program are read together, as tshark does.
        return Dissector(apart=len(self.points) > 1 and all(point.node for point in self.points))

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
    def filter(self) -> str:
        """What was let in, in tcpdump's language; empty: everything, or it is not known."""
        return ""

    @property
    def lost_at(self) -> Mapping[str, int] | None:
        """Packets that were lost at each point; None where nobody knows."""
        return None

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
        return Table(packets, words, remarks=self.remarks, alarms=self.alarms, digits=self._digits)

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

    @property
    def columns(self) -> Any:
        """The frame without Info, of a million packets at once; Protocol is then TCP or UDP, not what it carries."""
        return columns.frame(self.packets_)

    @property
    def packets(self) -> ScapyPackets:
        """The packets as scapy's, each taken apart when it is looked at; `packets[0]` is number 1."""
        return ScapyPackets(self.packets_)

    def __getitem__(self, number: int | slice) -> Any:
        """Return the packet with this number in the table, as scapy takes it apart; `[-1]` is the last one."""
        total = len(self)
        if isinstance(number, slice):
            raise UsageError("one number, please: several packets are cap.packets[0:3], as of a list")
        if not 1 <= abs(number) <= total:
            raise UsageError(f"there is no packet number {number}: they are 1 to {total}" if total else "no packets")
        return self.packets[number - 1 if number > 0 else number]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.packets)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the packets to a file, .pcapng or .pcap by its name; with .gz behind it, compressed.

        .pcapng keeps points as interfaces with their names, which way packets went, and how many were lost.
        Raises UsageError for another ending, or a place that cannot be written to.
        """
        from nslab.capture import files

        return files.save(self.packets_, path, filter=self.filter, dropped=self.lost_at)

    @property
    def socket(self) -> Any:
        """What scapy's `sniff(opened_socket=cap.socket, count=…)` reads packets from, from the first on."""
        return crafting.opened_socket(self.since, self.wait)

    def snapshot(self) -> Recording:
        """Return what there is now, as a recording that nothing is added to."""
        return Recording(self.packets_, remarks=self.remarks, alarms=self.alarms, digits=self._digits)

    def wait(self, number: int, seconds: float) -> bool:  # noqa: ARG002 - a capture that runs waits
        """Wait for more packets than `number`, or for the end; return whether it came to that."""
        return True

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def table(packets: Iterable[Any]) -> Table:
    """Return a table of scapy's packets, whoever has sniffed or made them.

    >>> nslab.table(sniff(offline="x.pcap"))

    Raises UsageError when something in it is no scapy packet.
    """
    return Recording(crafting.undissected(packets)).table
