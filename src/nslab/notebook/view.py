"""What one browser sees of a table of packets: which rows, in which order, and what of them it has been told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nslab.notebook import terms
from nslab.notebook.rows import Numbers, Order, Rows
from nslab.notebook.terms import Term

_MOST: Final = 2_000  # rows in one message
_MOST_CHANGED: Final = 1_000
_SOONEST: Final = 0.1  # seconds between two messages that were not asked for
_LATEST: Final = 5.0  # … when the browser answers none of them
_SHARE: Final = 10  # a sorted view of a running capture is sorted anew in a tenth of the time


class View:
    """One view of the rows, kept up as they grow.

    view.want({"filter": "icmp", "sort": "Length", "descending": True, "first": 0, "count": 300})
    view.told(state)        # a message for the browser, or None: there is nothing new, or it is not its turn yet

    heard   when it last said something, in time.monotonic()
    due     when there is something to tell it, if nothing happens before
    asked   whether it waits for an answer
    """

    def __init__(self, name: str, rows: Rows) -> None:
        self.name = name
        self.heard = time.monotonic()
        self.due: float | None = None
        self.asked = False
        self._rows = rows
        self._wanted: dict[str, Any] = {}
        self._terms: list[Term] = []
        self._problem = ""
        self._made_for: tuple[Any, ...] | None = None
        # Another one than that of a view which had the same name and was forgotten.
        self._generation = time.monotonic_ns() // 1000
        self._fitting = Numbers(np.int64)
        self._order: Order = np.zeros(0, np.int64)
        self._looked = 0  # at so many rows
        self._sort_again = 0.0
        self._changed: set[int] | None = set()  # since the last message; None: too many to name
        self._last_state: dict[str, Any] = {}
        self._serial = self._drawn = 0
        self._last_told = 0.0

    def want(self, letter: dict[str, Any]) -> None:
        """Take what the browser wants to see."""
        self.heard = time.monotonic()
        self.asked = True
        self._drawn = self._serial
        self._wanted = letter
        try:
            self._terms = terms.read(str(letter.get("filter", "")))
            self._problem = ""
        except terms.Misread as error:
            self._problem = str(error)  # and what was shown before stays

    def seen(self, letter: dict[str, Any]) -> None:
        """Take that the browser has drawn a message."""
        self.heard = time.monotonic()
        self._drawn = max(self._drawn, int(letter.get("serial", 0)))

    def change(self, rows: set[int]) -> None:
        """Some rows read differently now."""
        if self._changed is not None:
            self._changed |= rows
            if len(self._changed) > _MOST_CHANGED:
                self._changed = None
        if self._terms and any(row < self._looked for row in rows):
            self._made_for = None  # they may fit now, or no longer

    def told(self, state: dict[str, Any], *, go_on: Callable[[], bool] = lambda: True) -> dict[str, Any] | None:
        """Return what the browser is to be told now, if anything."""
        self.due = None
        if not self._wanted:
            return None
        now = time.monotonic()
        if not self.asked:
            if self._told_all(state) and not (self._behind() and now >= self._sort_again):
                self.due = self._sort_again if self._behind() else None
                return None
            unanswered = self._serial - self._drawn
            turn = self._last_told + min(_LATEST, _SOONEST * 2**unanswered)
            if now < turn:
                self.due = turn
                return None
        if not self._make(go_on):
            return None  # there is a newer wish already
        self.asked = False
        self.due = self._sort_again if self._behind() else None
        self._serial += 1
        self._last_told = now
        self._last_state = state
        return self._message(state)

    def _told_all(self, state: dict[str, Any]) -> bool:
        return self._last_state == state and self._changed == set() and self._made_for == self._key()

    # ---- which rows

    def _key(self) -> tuple[Any, ...]:
        return (tuple(self._terms), self._wanted.get("sort"), self._wanted.get("descending"))

    def _make(self, go_on: Callable[[], bool]) -> bool:
        """Bring the order of the rows up to date; no when somebody does not want to wait for that."""
        if self._key() != self._made_for:
            return self._make_anew(go_on)
        until = self._until()
        if until > self._looked:
            fresh = slice(self._looked, until)
            self._fitting.extend(np.flatnonzero(self._rows.fit(self._terms, fresh)) + self._looked)
            self._looked = until
        if not self._wanted.get("sort"):
            self._order = self._fitting.array
        elif self._behind() and time.monotonic() >= self._sort_again:
            self._sort()
        return True

    def _behind(self) -> bool:
        """Whether there are rows that a sorted view has not got yet."""
        return len(self._order) != len(self._fitting.array)

    def _until(self) -> int:
        """Return how many rows there are for a view: one that is held still stays with those that it has."""
        there = len(self._rows)
        return min(there, int(self._wanted.get("looked", there))) if self._wanted.get("frozen") else there

    def _make_anew(self, go_on: Callable[[], bool]) -> bool:
        until = self._until()
        fitting = self._rows.fit(self._terms, slice(0, until), go_on=go_on)
        if not go_on():
            return False
        self._fitting = Numbers(np.int64)
        self._fitting.extend(np.flatnonzero(fitting))
        self._looked = until
        self._sort()
        self._made_for = self._key()
        return True

    def _sort(self) -> None:
        began = time.monotonic()
        self._order = self._fitting.array
        if self._wanted.get("sort") in self._rows.columns:
            self._order = self._rows.sort(
                self._order.copy(), self._wanted["sort"], descending=bool(self._wanted.get("descending"))
            )
        took = time.monotonic() - began
        self._sort_again = began + max(0.5, _SHARE * took)
        self._generation += 1

    # ---- what it is told

    def _message(self, state: dict[str, Any]) -> dict[str, Any]:
        shown = len(self._order)
        first, count = int(self._wanted.get("first", 0)), min(_MOST, int(self._wanted.get("count", 0)))
        newest = int(self._wanted.get("newest", 0))
        if newest and state["running"] and not self._wanted.get("frozen"):
            count = min(newest, _MOST)
            first = max(0, shown - count)
        some = self._order[first : first + count]
        changed, self._changed = self._changed, set()
        return {
            "tell": "rows",
            "view": self.name,
            "serial": self._serial,
            "question": int(self._wanted.get("question", 0)),
            "generation": self._generation,
            "first": first,
            "rows": [self._rows.row(row) for row in some.tolist()],
            "changed": [] if changed is None else sorted(row + 1 for row in changed),
            "stale": changed is None,
            "state": {**state, "shown": shown, "looked": self._looked, "problem": self._problem or state["problem"]},
        }
