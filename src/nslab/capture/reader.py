"""The one thread of a capture: it empties the rings of all its points into one store, in the order of time."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nslab.capture.blocks import Bytes, Frames
from nslab.capture.filters import NOTHING
from nslab.capture.links import Links
from nslab.capture.packets import Packets
from nslab.capture.store import Store, join
from nslab.capture.taps import Event, Tap
from nslab.sandbox.door import Node

_SETTLED: Final = 30_000_000  # ns after which every packet of that age has been handed out by its ring
_ROUND: Final = 15  # ms between looks while packets wait for those of other rings
_PATIENCE: Final = 2.0  # seconds for the last block, which the kernel hands out within 10 ms


class Reader:
    """Reads until `stop`, until the lab is gone, or until the store is full.

    All that it knows is its own, so that a capture that is forgotten can end it.
    """

    def __init__(self, taps: Sequence[Tap], watched: Mapping[Node, Links], store: Store) -> None:
        self.taps = tuple(taps)
        self.store = store
        self.arrived = threading.Condition()
        self.events: list[Event] = []
        self.exact = False
        self.full = False
        self.ended = threading.Event()
        self._links = list(watched.values())
        # Copies: whoever leaves the lab closes its own.
        self._nodes = {os.dup(node.control.fileno()): node.name for node in watched}
        self._waiting: list[Packets] = []
        self._made_by = os.getpid()
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="nslab capture", daemon=True)

    def start(self) -> None:
        for tap in self.taps:
            tap.proved = tap.is_in_place()
        self._thread.start()

    def stop(self) -> None:
        """Stop, and return when all is in the store; again, or in a child of its process, it does nothing."""
        if self._made_by == os.getpid() and self._thread.ident is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                os.write(self._waker, b"x")
            self._thread.join()

    def _run(self) -> None:
        try:
            self._listen()
        finally:
            self._finish()

    def _listen(self) -> None:
        waiting = select.poll()
        for tap in self.taps:
            waiting.register(tap.ring, select.POLLIN)
        for links in self._links:
            waiting.register(links, select.POLLIN)
        for control in self._nodes:
            waiting.register(control, 0)  # it is readable never, and hangs up when its node ends
        waiting.register(self._wake, select.POLLIN)
        alive = set(self._nodes)
        while alive and not self.full:
            ready = {descriptor for descriptor, _ in waiting.poll(_ROUND if self._waiting else None)}
            if self._wake in ready:
                return
            for control in alive & ready:
                self.events.append(Event(time.time_ns(), self._nodes[control], "has ended"))
                waiting.unregister(control)
                alive.remove(control)
            self._look()
            self._settle(time.time_ns() - _SETTLED)

    def _look(self) -> None:
        """Take what the rings have, and then the news: of an interface we then know before we judge its packets."""
        taken = [(tap, kept) for tap in self.taps for kept in self._take(tap)]
        self._hear_news()
        for tap, kept in taken:
            self._add(tap, kept)

    def _take(self, tap: Tap) -> list[Bytes]:
        tap.ring.error()  # asked for, it does not wake us for ever
        kept = []
        for block in tap.ring.take():
            copy = self.store.keep(block)
            if copy is None:
                if not self.full:
                    self.events.append(Event(time.time_ns(), str(tap.point), full(self.store.limit)))
                self.full = True
            else:
                kept.append(copy)
        tap.ring.count()
        return kept

    def _hear_news(self) -> None:
        for links in self._links:
            changes = list(links.changes())
            for tap in self.taps:
                if tap.links is links:
                    for change in changes:
                        tap.on_change(change)

    def _add(self, tap: Tap, kept: Bytes) -> None:
        frames = tap.read(kept)
        count = len(frames.offset)
        if count:
            offset = frames.offset + self.store.offset_of(kept)
            self._waiting.append(_packets(self, frames, offset, self.taps.index(tap)))

    def _settle(self, until: int) -> None:
        """Put into the store what came before `until`: nothing older can come any more."""
        if not self._waiting:
            return
        packets = join(self._waiting)
        if len(self.taps) > 1:
            packets = packets.select(np.argsort(packets.time, kind="stable"))
            cut = int(np.searchsorted(packets.time, until, side="right"))
        else:
            cut = len(packets)  # one ring is in order by itself
        self._waiting = [packets.select(slice(cut, None))] if cut < len(packets) else []
        if cut:
            with self.arrived:
                self.store.add(packets.select(slice(0, cut)))
                self.arrived.notify_all()

    def _finish(self) -> None:
        """Freeze all rings at once, and read what is still in them."""
        try:
            for tap in self.taps:
                tap.proved = tap.proved and tap.is_in_place()
            for tap in self.taps:
                tap.ring.admit(NOTHING)  # all of them at once, before the first of them takes its time
            for tap in self.taps:
                tap.ring.freeze()
            rings = select.poll()
            for tap in self.taps:
                rings.register(tap.ring, select.POLLIN)
            end = time.monotonic() + _PATIENCE
            while not self.exact and time.monotonic() < end:
                self._look()
                self.exact = all(tap.ring.complete for tap in self.taps)
                if not self.exact:
                    rings.poll(_ROUND)
            self._settle(time.time_ns() + _SETTLED)
            for links in self._links:
                with contextlib.suppress(OSError):
                    links.refresh()
            for tap in self.taps:
                tap.note_passed()
        finally:
            self._close()

    def _close(self) -> None:
        for tap in self.taps:
            tap.ring.close()
        for links in self._links:
            links.close()
        with self.arrived:
            self.ended.set()
            self.arrived.notify_all()
        for descriptor in (self._wake, self._waker, *self._nodes):
            os.close(descriptor)


def full(limit: int) -> str:
    """Return what a capture says that has as much as it may keep."""
    return f"has filled the {limit / (1 << 20):.3g} MiB that a capture may keep: what came later is not in it"


def _packets(reader: Reader, frames: Frames, offset: NDArray[np.int64], tap: int) -> Packets:
    count = len(offset)
    empty = Packets.none(*(each.point for each in reader.taps))
    return replace(
        empty,
        offset=offset,
        captured=frames.captured,
        length=frames.length,
        time=frames.time,
        point=np.full(count, tap, np.uint16),
        direction=frames.direction,
    )
