"""The one thread of a capture: it empties the rings of all its points into one store, in the order of time."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nslab.capture.filters import NOTHING
from nslab.capture.links import Links
from nslab.capture.ring import RETIRE
from nslab.capture.store import Store
from nslab.capture.taps import Event, Tap
from nslab.sandbox.door import Node

_SETTLED: Final = (RETIRE + 20) * 1_000_000  # ns: every packet of that age has been handed out by its ring
_PATIENCE: Final = 2.0  # seconds for the last block, which the kernel hands out when its time is over


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
        self._quiet_from = 0.0  # monotonic: until then what came is not old enough to be settled
        self._made_by = os.getpid()
        self._closing = threading.RLock()  # a forgotten capture may be collected in this very thread
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="nslab capture", daemon=True)

    def start(self) -> None:
        for tap in self.taps:
            tap.proved = tap.is_in_place()
        self._thread.start()

    def stop(self) -> None:
        """Stop, and return when all is in the store; again, or in a child of its process, it does nothing."""
        self.leave()
        if self._made_by == os.getpid():
            self._thread.join()

    def leave(self) -> None:
        """Have it stop, without waiting for that."""
        with self._closing:
            if self._made_by == os.getpid() and not self.ended.is_set():
                os.write(self._waker, b"x")

    def _run(self) -> None:
        try:
            self._listen()
        finally:
            self._finish()

    def _listen(self) -> None:
        waiting = select.poll()
        rings = [tap.ring for tap in self.taps]
        for ring in rings:
            waiting.register(ring, select.POLLIN)
        for links in self._links:
            waiting.register(links, select.POLLIN)
        for control in self._nodes:
            waiting.register(control, 0)  # it is readable never, and hangs up when its node ends
        waiting.register(self._wake, select.POLLIN)
        nap = select.poll()
        nap.register(self._wake, select.POLLIN)
        alive = set(self._nodes)
        news = {links.fileno() for links in self._links}
        while alive and not self.full:
            # Packets of several rings settle with time; of one alone they are settled when they come.
            settling = len(self.taps) > 1 and time.monotonic() < self._quiet_from
            found = dict(waiting.poll(RETIRE if settling else None))
            for ring in rings:
                if found.get(ring.fileno(), 0) & select.POLLERR:
                    ring.error()  # an interface went down; asked for, it does not wake us for ever
            ready = set(found)
            if self._wake in ready:
                return
            for control in alive & ready:
                self.events.append(Event(time.time_ns(), self._nodes[control], "has ended"))
                waiting.unregister(control)
                alive.remove(control)
            self._look(news=bool(ready & news))
            if rest := max(ring.nap for ring in rings):
                nap.poll(rest)

    def _look(self, *, news: bool = True) -> None:
        """Take what the rings have, and then the news: of an interface we then know before its packets are judged."""
        begun = time.time_ns()
        came = [self._take(number, tap.ring.take()) for number, tap in enumerate(self.taps)]
        if news or any(tap.roams for tap in self.taps):
            self._hear_news()
        self.store.publish(begun - _SETTLED)
        if any(came):
            self._quiet_from = time.monotonic() + _SETTLED / 1e9
        with self.arrived:
            self.arrived.notify_all()

    def _take(self, number: int, blocks: Iterable[memoryview]) -> bool:
        came = False
        for block in blocks:
            came = True
            if not self.full and not self.store.keep(number, block):
                self.events.append(Event(time.time_ns(), str(self.taps[number].point), full(self.store.limit)))
                self.full = True
        self.taps[number].ring.count()
        return came

    def _hear_news(self) -> None:
        for links in self._links:
            for change in links.changes():  # one by one: at each, `links` knows what came before it and no more
                for tap in self.taps:
                    if tap.links is links:
                        tap.on_change(change)

    def _finish(self) -> None:
        """Freeze all rings at once, and read what is still in them."""
        try:
            for tap in self.taps:
                tap.proved = tap.proved and tap.is_in_place()
            for tap in self.taps:
                tap.ring.admit(NOTHING)  # all of them at once, before the first of them takes its time
            for tap in self.taps:
                with contextlib.suppress(OSError):  # what is in the ring is still to be read
                    tap.ring.freeze()
            end = time.monotonic() + _PATIENCE
            while not self.exact and time.monotonic() < end:
                self._look()
                for number, tap in enumerate(self.taps):
                    self._take(number, tap.ring.take_open())
                self.exact = all(tap.ring.complete for tap in self.taps)
                if not self.exact:
                    time.sleep(RETIRE / 10_000)
            self.store.publish()
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
        with self._closing:
            self.ended.set()
        with self.arrived:
            self.arrived.notify_all()
        for descriptor in (self._wake, self._waker, *self._nodes):
            os.close(descriptor)


def full(limit: int) -> str:
    """Return what a capture says that has as much as it may keep."""
    return f"has filled the {limit / (1 << 20):.3g} MiB that a capture may keep: what came later is not in it"
