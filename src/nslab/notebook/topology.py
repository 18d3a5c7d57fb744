"""`%topology`: the lab's picture below a cell; where somebody looks on, it follows what the cells change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from IPython.display import DisplayHandle, display

from nslab.draw import topology
from nslab.draw.picture import Picture
from nslab.errors import NslabError
from nslab.instruments import Lab
from nslab.lab import state
from nslab.lab.watch import Watch
from nslab.notebook.session import Session
from nslab.sandbox.door import Node

_SETTLES: Final = 0.15  # seconds without a change, then it is drawn: `ip` makes one after the other
_MOST_CHANGES: Final = 10  # in a row, then it is drawn all the same


class Pictures:
    """The pictures of a notebook's lab. Only the newest one is live: those before it stay as they were.

    pictures = Pictures(session, somebody_looks_on)
    pictures.show()
    pictures.after_cell()       # a cell has run: whatever it has changed is in the picture that is saved
    """

    def __init__(self, session: Session, somebody_looks_on: Callable[[], bool]) -> None:
        self._session = session
        self._somebody_looks_on = somebody_looks_on
        self._live: Live | None = None

    def show(self) -> None:
        """Show the lab as it is now. Refused when there is none."""
        lab = self._session.lab()
        self.leave()
        seen = Seen(lab, self._session.named)
        picture = topology.draw(state.read(seen))
        if not self._somebody_looks_on():
            # Nobody would see it change, and what a program compares is what the cell itself has shown.
            display(picture)  # type: ignore[no-untyped-call]
            return
        handle: DisplayHandle = display(picture, display_id=True)  # type: ignore[no-untyped-call]
        self._live = Live(seen, handle, picture)

    def after_cell(self, *_: Any) -> None:
        """Put the live picture right before the cell is over; another lab takes the place of the last one."""
        if self._live is None:
            return
        try:
            lab = self._session.lab()
        except NslabError:
            self._live.stop()
            return
        if lab is not self._live.seen.lab or self._live.ended or self._session.named != self._live.seen.named:
            self._live.stop()
            self._live = Live(Seen(lab, self._session.named), self._live.handle, self._live.picture)
        self._live.refresh()

    def leave(self) -> None:
        """Leave the live picture as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Seen:
    """The lab with the containers that this notebook has given a name."""

    def __init__(self, lab: Lab, named: Mapping[str, int]) -> None:
        self.lab = lab
        self.name = lab.name
        self.named = dict(named)

    def nodes(self) -> list[str]:
        there = self.lab.nodes()
        return [*there, *(name for name in sorted(self.named) if name not in there)]

    def __getitem__(self, name: str) -> Node:
        return self.container(name, self.named[name]) if name in self.named else self.lab[name]

    def container(self, name: str, pid: int) -> Node:
        return self.lab.container(name, pid)


class Live:
    """A picture that follows its lab, in a thread that never prints."""

    def __init__(self, seen: Seen, handle: DisplayHandle, picture: Picture) -> None:
        self.seen = seen
        self.handle = handle
        self.picture = picture
        self.ended = False
        self._lock = threading.Lock()
        self._changes = Watch(seen)
        self._thread = threading.Thread(target=self._follow, daemon=True, name="nslab: topology")
        self._thread.start()

    def refresh(self) -> None:
        """Show the lab as it is now, when it is not what is shown."""
        with self._lock:
            try:
                now = topology.draw(state.read(self.seen))
            except (NslabError, OSError):
                # The lab is gone: its last picture stays.
                self.ended = True
                self._changes.stop()
                return
            if now != self.picture and not self.ended:
                self.picture = now
                self.handle.update(now)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Follow no more."""
        self.ended = True
        self._changes.stop()
        self._thread.join(5)

    def _follow(self) -> None:
        with self._changes:
            while self._changes.wait():
                for _ in range(_MOST_CHANGES):
                    if not self._changes.wait(_SETTLES):
                        break
                if not self.ended:
                    self.refresh()
