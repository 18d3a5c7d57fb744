"""Keeps a table of packets up in a thread of its own: reads what was captured, and answers what the browsers ask.

A browser never gets more than it can show. It asks for the rows in sight; what it is sent unasked (the newest rows, the
counters) is sent anew only when it has drawn the last ones. So neither a busy kernel, a slow browser nor a tab that
nobody looks at makes a queue grow. The capture itself has a thread of its own and waits for none of this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from nslab.capture.capture import Capture
from nslab.capture.crafting import dissected
from nslab.capture.recording import Recording
from nslab.notebook.layers import layers
from nslab.notebook.rows import Rows
from nslab.notebook.view import View

_TICK: Final = 0.1  # seconds between two looks at the capture
_READ: Final = 1_000  # packets at once: some 20 ms
_READING: Final = 0.15  # seconds, then the browsers are served
_FORGOTTEN: Final = 300.0  # seconds without a word, then a view is gone
_BYTES_SHOWN: Final = 4096
_BACKLOG: Final = 200


class Clerk:
    """Serves the views of one table.

    clerk = Clerk(capture, send)                # send({"tell": "rows", …}, buffers)
    clerk.hear({"ask": "rows", "view": …})      # from any thread
    clerk.close()
    """

    def __init__(
        self, source: Recording, send: Callable[..., None], *, at_end: Callable[[], None] | None = None
    ) -> None:
        self._source = source
        self._send = send
        self._at_end = at_end
        self._rows = Rows([str(point) for point in source.points], source.read(0))
        self._unread = 0
        self._running = True  # or not read to its end
        self._closed = False
        self._problem = ""
        self._views: dict[str, View] = {}
        self._letters: list[dict[str, Any]] = []
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name="nslab: table of packets", daemon=True)
        self._thread.start()

    def hear(self, letter: dict[str, Any]) -> None:
        """Take what a browser asks; it is answered by the thread."""
        with self._wake:
            if len(self._letters) < _BACKLOG:
                self._letters.append(letter)
            self._wake.notify()

    def close(self) -> None:
        """End the thread, without waiting for it."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    # ---- the thread

    def _serve(self) -> None:
        while not self._closed:
            letters = self._wait()
            try:
                for letter in letters:
                    self._answer(letter)
                self._read()
                for view in list(self._views.values()):
                    self._tell(view)
            except Exception as error:  # noqa: BLE001 - a table that cannot go on says so where it stands
                self._problem = f"this table could not go on: {type(error).__name__}: {error}"

    def _wait(self) -> list[dict[str, Any]]:
        with self._wake:
            if not self._letters and not self._closed:
                self._wake.wait(self._patience())
            letters, self._letters = self._letters, []
        return letters

    def _patience(self) -> float | None:
        if self._running:
            return 0.001 if self._unread else _TICK
        waiting = [view.due for view in self._views.values() if view.due is not None]
        return max(0.001, min(waiting) - time.monotonic()) if waiting else None

    def _read(self) -> None:
        """Read on, for a moment; a capture of a million packets is read over many of them."""
        if not self._running:
            return
        until = time.monotonic() + _READING
        running = self._source.running  # asked first: what came before it ended is in the last batch
        while time.monotonic() < until and not self._closed:
            words = self._source.read(_READ)
            fresh = self._source.since(len(self._rows)).select(slice(len(words) - len(self._rows)))
            if not len(fresh):
                break
            self._rows.take(fresh)
        self._unread = len(self._source) - len(self._rows)
        self._running = running or self._unread > 0
        self._revise()
        if not self._running and self._at_end is not None:
            self._at_end()

    def _revise(self) -> None:
        """Later packets have changed the words of earlier rows: "(reply in 4)"."""
        changed = self._source.read(0).take_changed()
        if changed:
            self._rows.change(sorted(changed))
            for view in self._views.values():
                view.change(changed)

    # ---- what a browser asks, and what it is told

    def _answer(self, letter: dict[str, Any]) -> None:
        name, ask = str(letter.get("view")), letter.get("ask")
        if ask == "bye":
            self._views.pop(name, None)
        elif ask == "stop" and isinstance(self._source, Capture):
            self._source.stop()
        elif ask == "rows":
            view = self._views.setdefault(name, View(name, self._rows))
            view.want(letter)
        elif ask == "more" and name in self._views:
            self._views[name].seen(letter)
        elif ask == "soon":  # the pointer is over the rows: scapy takes a second to be there
            threading.Thread(target=_prepare, name="nslab: scapy", daemon=True).start()
        elif ask == "packet":
            self._show_packet(name, int(letter["number"]))

    def _tell(self, view: View) -> None:
        if view.heard + _FORGOTTEN < time.monotonic() and not view.asked:
            del self._views[view.name]
            return
        told = view.told(self._state(), go_on=lambda: not self._letters)
        if told is not None:
            self._send(told)

    def _state(self) -> dict[str, Any]:
        return {
            "columns": self._rows.columns,
            "points": self._rows.points,
            "total": len(self._rows),
            "lost": self._source.lost if isinstance(self._source, Capture) else 0,
            "running": self._source.running,
            "unread": self._unread,
            "alarms": [] if self._running else list(self._source.alarms),
            "remarks": [] if self._running else list(self._source.remarks),
            "problem": self._problem,
            "word": "No packet yet." if self._source.running else "No packet.",
        }

    def _show_packet(self, view: str, number: int) -> None:
        if not 1 <= number <= len(self._rows):
            return
        packets, at = self._rows.packet(number - 1)
        found = []
        for layer in layers(dissected(packets, at)):
            fields = [[each.name, each.value, each.start, each.end] for each in layer.fields]
            found.append({"title": layer.title, "from": layer.start, "to": layer.end, "fields": fields})
        told = {"tell": "packet", "view": view, "number": number, "layers": found}
        told["info"] = self._rows.info(number - 1)
        told |= {"captured": int(packets.captured[at]), "length": int(packets.length[at])}
        self._send(told, [packets[at][:_BYTES_SHOWN]])


def _prepare() -> None:
    import scapy.layers.all  # noqa: F401
