"""A tap: what listens at one point, while its interface goes down, goes away, or has yet to come."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from nslab.capture import blocks, filters, points, proof
from nslab.capture.filters import Program
from nslab.capture.links import Change, Link, Links
from nslab.capture.packets import ETHERNET, Point
from nslab.capture.ring import Ring
from nslab.errors import LabError, NslabError
from nslab.sandbox.door import Node


@dataclass(frozen=True, slots=True)
class Event:
    """What happened at a point, and when (ns since 1970)."""

    time: int
    point: str
    what: str

    def __str__(self) -> str:
        return f"{self.point} {self.what}"


class Tap:
    """The ring of one point.

    An interface that is there is tapped by itself. One that is not is waited for with a tap on all that the node will
    ever have, less those that it has: the first packet of the new one is then in, however late we learn of it.
    """

    def __init__(self, point: Point, node: Node, links: Links, program: Callable[[int], Program], *, size: int) -> None:
        self.point = point
        self.links = links
        self.link = links.named(point.interface)
        self.events: list[Event] = []
        self.node = node
        self.proved = False  # the kernel's own list had it in place, from its start to its end
        self.passed = 0  # packets that went through the interface while it was tapped
        self._program = program
        self._mine: set[int] = set()  # indexes that the interface has had
        self.roams = False
        self.ring = Ring(node.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), size=size)
        try:
            self._begin()
        except BaseException:
            self.ring.close()
            raise

    def _begin(self) -> None:
        link = self.link
        try:
            if link is not None:
                self._settle_on(link)
                return
        except OSError as error:
            if error.errno not in {errno.ENODEV, errno.ENXIO}:
                raise
            self.link = None  # it went just now
        self._roam()
        self._tell("is not there yet")

    def _settle_on(self, link: Link) -> None:
        self._know(link)
        self.ring.admit(self._program(self.point.link_type))
        if self.point.interface == "lo":
            self.ring.ignore_outgoing()
        self.ring.listen(link.index)
        self.ring.overhear(link.index)
        if not link.up:
            self.ring.error()  # ENETDOWN, which is no news
            self._tell("is down")

    def on_change(self, change: Change) -> None:
        """Take note of what became of an interface of the node."""
        before, after = change.before, change.after
        if self.link is None:
            if after is not None and after.name == self.point.interface:
                self._appear(after)
            elif before is None:
                self.ring.admit(self._all_but_others())
        elif before is not None and before.index == self.link.index:
            self._go_on(before, after)

    def read(self, block: blocks.Bytes, link_type: int) -> blocks.Frames:
        """Return what a block holds of this point."""
        frames = blocks.read(block, ethernet=link_type == ETHERNET)
        if self.roams:
            return frames.select(np.isin(frames.interface, list(self._mine)))
        return frames

    @property
    def state(self) -> str:
        """Where the interface is, in a word or two."""
        if self.link is None:
            return "gone" if self._mine else "never appeared"
        return "up" if self.link.up else "down"

    def is_in_place(self) -> bool:
        """Return whether the kernel's list of packet sockets has this tap; false when its node is gone."""
        try:
            return self.ring.inode() in proof.in_place(self.node)
        except LabError:
            return False

    def note_passed(self) -> None:
        """Take note of the interface's own counter, which goes with it."""
        if self.link is not None and self.link.index in self.links.known:
            self.passed += self.links.known[self.link.index].passed - self.link.passed
            self.link = self.links.known[self.link.index]

    def _go_on(self, before: Link, after: Link | None) -> None:
        if after is None:
            self.link = None
            self._tell("is gone")
            self.ring.admit(self._all_but_others())
            if not self.roams:
                self._roam()
            return
        if after.name != before.name:
            self._tell(f"is called {after.name} now; the capture stays with it")
        if after.up != before.up:
            self._tell("went up" if after.up else "went down")
        self.passed += after.passed - self.link.passed if self.link else 0
        self.link = after

    def _appear(self, link: Link) -> None:
        self._tell("appeared")
        self._know(link)
        self.link = replace(link, passed=0)
        try:
            program = self._program(self.point.link_type)
        except NslabError as error:  # it is a tunnel, and the filter speaks of Ethernet
            self._tell(f"cannot be listened to: {error}")
            program = filters.NOTHING
        self.ring.admit(filters.only(link.index, program))
        with suppress(OSError):  # it may be gone by now, as we shall hear
            self.ring.overhear(link.index)

    def _know(self, link: Link) -> None:
        self._mine.add(link.index)
        self.point = replace(self.point, link_type=points.link_type(link.hardware))

    def _roam(self) -> None:
        self.ring.admit(self._all_but_others())
        self.ring.listen()
        self.roams = True

    def _all_but_others(self) -> Program:
        return filters.but(self.links.known, self._program(self.point.link_type))

    def _tell(self, what: str) -> None:
        self.events.append(Event(time.time_ns(), str(self.point), what))
