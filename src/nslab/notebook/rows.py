"""The rows of a table of packets, kept as columns: a million of them are sorted and filtered in a moment.

All of it may take long and happens in a thread beside a capture: nothing holds the interpreter for more than some
milliseconds, or the capture would have to wait.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from nslab.capture.packets import Packets
from nslab.capture.table import seconds
from nslab.notebook.terms import Term

COLUMNS: Final = ("No.", "Time", "Point", "Source", "Destination", "Protocol", "Length", "Info")
_CODED: Final = {"Point": "point", "Source": "source", "Destination": "destination", "Protocol": "protocol"}
_SLICE: Final = 50_000  # rows
_SORTED_BY: Final = 64  # characters of an Info

Mask = NDArray[np.bool_]
Order = NDArray[np.int64]


class Words(Protocol):
    """What `nslab.capture.words.Dissector` says, as far as a table wants to know it."""

    source: list[str]
    destination: list[str]
    protocol: list[str]
    info: list[str]


class Numbers:
    """An array that grows at its end."""

    def __init__(self, kind: Any) -> None:
        self._room: NDArray[Any] = np.zeros(1024, kind)
        self._size = 0

    def extend(self, more: Any) -> None:
        """Put more at the end."""
        values = np.asarray(more, self._room.dtype)
        need = self._size + len(values)
        if need > len(self._room):
            grown = np.zeros(max(need, 2 * len(self._room)), self._room.dtype)
            grown[: self._size] = self._room[: self._size]
            self._room = grown
        self._room[self._size : need] = values
        self._size = need

    @property
    def array(self) -> NDArray[Any]:
        """What there is, not to be changed."""
        return self._room[: self._size]


class Texts:
    """A column of few different texts: each is kept once, and a number per row."""

    def __init__(self) -> None:
        self.codes = Numbers(np.int32)
        self.known: dict[str, int] = {}

    def extend(self, texts: Sequence[str]) -> None:
        """Put more at the end."""
        known = self.known
        self.codes.extend([known.setdefault(text, len(known)) for text in texts])

    def set(self, row: int, text: str) -> None:
        """Change one."""
        self.codes.array[row] = self.known.setdefault(text, len(self.known))

    def where(self, fits: Callable[[str], bool], rows: slice | Order) -> Mask:
        """Return which of the rows fit."""
        each = np.fromiter((fits(text) for text in self.known), np.bool_, len(self.known))
        found: Mask = each[self.codes.array[rows]]
        return found

    def ranks(self, key: Callable[[str], Any]) -> NDArray[Any]:
        """Return a number per row, by which they sort."""
        texts = list(self.known)
        rank = np.zeros(len(texts), np.int32)
        rank[sorted(range(len(texts)), key=lambda code: key(texts[code]))] = np.arange(len(texts), dtype=np.int32)
        ranked: NDArray[Any] = rank[self.codes.array]
        return ranked


class Rows:
    """All rows that there are; a view of them is an array of their indexes.

    rows.take(packets)                          more of them, when `words` has read them
    order = rows.sort(rows.fit(terms), "Length")
    rows.row(int(order[0]))                     [1, "0.000000000", "10.0.2.15", …]
    """

    def __init__(self, points: Sequence[str], words: Words) -> None:
        self.points = list(points)
        self.started: int | None = None
        self._words = words
        self._time = Numbers(np.int64)
        self._length = Numbers(np.int32)
        self._texts = {name: Texts() for name in _CODED}
        self._parts: list[Packets] = []
        self._starts: list[int] = []

    def __len__(self) -> int:
        return len(self._time.array)

    @property
    def columns(self) -> list[str]:
        """The names of the columns; Point is one when there are several."""
        return [name for name in COLUMNS if name != "Point" or len(self.points) > 1]

    def take(self, packets: Packets) -> None:
        """Take more packets, whose words are there already."""
        if not len(packets):
            return
        first = len(self)
        self._parts.append(packets)
        self._starts.append(first)
        if self.started is None:
            self.started = int(packets.time[0])
        names = [str(point) for point in packets.points]
        self.points.extend(name for name in names if name not in self.points)
        self._texts["Point"].extend([names[point] for point in packets.point.tolist()])
        for name, words_of in (("Source", "source"), ("Destination", "destination"), ("Protocol", "protocol")):
            self._texts[name].extend(getattr(self._words, words_of)[first : first + len(packets)])
        self._length.extend(packets.length)
        self._time.extend(packets.time)

    def change(self, rows: Sequence[int]) -> None:
        """Take the words of some rows anew; their Info is always read where it stands."""
        for row in rows:
            self._texts["Protocol"].set(row, self._words.protocol[row])

    def info(self, index: int) -> str:
        """Return what a packet is about, however long."""
        return self._words.info[index]

    def row(self, index: int) -> list[str | int]:
        """Return a row, its columns in their order."""
        values: dict[str, str | int] = {
            "No.": index + 1,
            "Time": seconds(int(self._time.array[index]) - (self.started or 0), 9),
            "Point": self._point(index),
            "Source": self._words.source[index],
            "Destination": self._words.destination[index],
            "Protocol": self._words.protocol[index],
            "Length": int(self._length.array[index]),
            "Info": self._words.info[index],
        }
        return [values[name] for name in self.columns]

    def packet(self, index: int) -> tuple[Packets, int]:
        """Return where a row's bytes are: some packets, and which of them."""
        part = bisect_right(self._starts, index) - 1
        return self._parts[part], index - self._starts[part]

    def _point(self, index: int) -> str:
        packets, at = self.packet(index)
        return str(packets.points[int(packets.point[at])])

    # ---- which rows, and in which order

    def fit(self, terms: Sequence[Term], rows: slice | Order, *, go_on: Callable[[], bool] = lambda: True) -> Mask:
        """Return which of the rows fit all terms; whatever, once `go_on` says no."""
        there = np.arange(len(self))[rows]
        mask = np.ones(len(there), np.bool_)
        for term in sorted(terms, key=lambda term: term.field in {"", "info"}):
            left = there[mask]  # the costly terms look only at what the others have left
            found = self._fit(term, left, go_on)
            mask[mask] = ~found if term.negated else found
        return mask

    def _fit(self, term: Term, rows: Order, go_on: Callable[[], bool]) -> Mask:
        if term.field in {"no", "time", "length"}:
            values = self._numbers(term.field)[rows]
            found: Mask = (values >= term.low) & (values <= term.high)
            return found
        fits = term.fits()
        mask = np.zeros(len(rows), np.bool_)
        for name, field in _CODED.items():
            address = term.field == "address" and field in {"source", "destination"}
            if term.field in {"", field} or address:
                mask |= self._texts[name].where(fits, rows)
        if term.field in {"", "info"}:
            left = np.flatnonzero(~mask)
            mask[left] = self._fit_info(term.text, rows[left], go_on)
        return mask

    def _fit_info(self, text: str, rows: Order, go_on: Callable[[], bool]) -> Mask:
        infos, wanted = self._words.info, text.lower()
        found = np.zeros(len(rows), np.bool_)
        for start in range(0, len(rows), _SLICE):
            if not go_on():
                break
            some = rows[start : start + _SLICE].tolist()
            found[start : start + len(some)] = [wanted in infos[row].lower() for row in some]
        return found

    def _numbers(self, field: str) -> NDArray[Any]:
        if field == "no":
            return np.arange(1, len(self) + 1)
        if field == "length":
            return self._length.array
        return (self._time.array - (self.started or 0)) / 1e9

    def sort(self, rows: Order, column: str, *, descending: bool = False) -> Order:
        """Return rows in another order; those that are alike stay in that of their numbers."""
        if column == "No.":
            keys: NDArray[Any] = rows
        elif column == "Time":
            keys = self._time.array[rows]
        elif column == "Length":
            keys = self._length.array[rows]
        elif column in _CODED:
            key = _of_address if column in {"Source", "Destination"} else str.casefold
            keys = self._texts[column].ranks(key)[rows]
        else:
            keys = self._info_keys(rows)
        if descending:
            # Stable in both directions: of the reverse, the reverse.
            return rows[::-1][np.argsort(keys[::-1], kind="stable")][::-1]
        return rows[np.argsort(keys, kind="stable")]

    def _info_keys(self, rows: Order) -> NDArray[Any]:
        """Return the beginnings of Info as bytes: numpy sorts those without holding the interpreter."""
        infos = self._words.info
        keys = np.zeros(len(rows), f"S{_SORTED_BY}")
        for start in range(0, len(rows), _SLICE):
            some = rows[start : start + _SLICE].tolist()
            keys[start : start + len(some)] = [infos[row][:_SORTED_BY].encode("ascii", "replace") for row in some]
        return keys


def _of_address(text: str) -> tuple[int, int, str]:
    try:
        address = ip_address(text)
    except ValueError:
        return 9, 0, text
    return address.version, int(address), ""
