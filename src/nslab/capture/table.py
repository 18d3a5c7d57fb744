"""The table: tshark's columns, and its words in them, as text, CSV, JSON, HTML and a pandas frame."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from nslab.capture import columns
from nslab.capture.packets import Packets

if TYPE_CHECKING:
    from nslab.capture.words import Dissector

COLUMNS: Final = ("No.", "Time", "Source", "Destination", "Protocol", "Length", "Info")
POINT: Final = "Point"

_SHOWN: Final = 200  # rows of an HTML table; half of them first ones, half last
_ARROW: Final = "→"
_LOST: Final = "color:#d32f2f;font-weight:bold"  # seen on white and on black
_STYLE: Final = (
    "<style>.nslab-packets table{font-family:monospace;border-collapse:collapse}"
    ".nslab-packets th,.nslab-packets td{padding:1px 8px;text-align:left!important;white-space:pre}</style>"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One packet. time: seconds since the first one, as text; point: empty where there is only one."""

    number: int
    time: str
    source: str
    destination: str
    protocol: str
    length: int
    info: str
    point: str = ""
    width: int = 0  # of the longest point's name

    def __str__(self) -> str:
        return self.line(f" {self.point:<{self.width}}" if self.point else "")

    def line(self, extra: str = "") -> str:
        """Return the line that tshark prints, with something extra behind the time."""
        addresses = f"{self.source:>12} {_ARROW} {self.destination:<12}"
        return f"{self.number:5} {self.time:>10}{extra} {addresses} {self.protocol} {self.length} {self.info}"

    def values(self) -> list[str | int]:
        """Return its cells in the order of the columns."""
        cells: list[str | int] = [self.number, self.time]
        if self.point:
            cells.append(self.point)
        return [*cells, self.source, self.destination, self.protocol, self.length, self.info]


class Table:
    """Packets in tshark's columns: No. Time Source Destination Protocol Length Info, and Point when there are several.

        table = cap.table
        print(table)                # as tshark -n -2 prints them
        table.frame                 # a pandas DataFrame
        table.rows(slice(0, 10))    # Row objects

    remarks: said below it, `alarms` in red before them.
    """

    def __init__(
        self,
        packets: Packets,
        words: Dissector,
        *,
        remarks: Sequence[str] = (),
        alarms: Sequence[str] = (),
        digits: Sequence[int] = (9,),
    ) -> None:
        self.packets = packets
        self.words = words
        self.remarks = tuple(remarks)
        self.alarms = tuple(alarms)
        self.digits = tuple(digits)

    def __len__(self) -> int:
        return len(self.packets)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        several = len(set(map(str, self.packets.points))) > 1
        return (*COLUMNS[:2], POINT, *COLUMNS[2:]) if several else COLUMNS

    @cached_property
    def frame(self) -> Any:
        """All of it as a pandas DataFrame; Time is a number, in seconds since the first packet."""
        import pandas as pd

        count = len(self)
        packets, words = self.packets, self.words
        times = packets.time - (packets.time[0] if count else 0)
        values: dict[str, Any] = {"No.": range(1, count + 1), "Time": times / 1e9}
        points = columns.point_column(packets)
        if points is not None:
            values[POINT] = points
        values |= {
            "Source": words.source[:count],
            "Destination": words.destination[:count],
            "Protocol": words.protocol[:count],
            "Length": packets.length,
            "Info": words.info[:count],
        }
        return pd.DataFrame(values)

    def rows(self, which: slice = slice(None)) -> Iterator[Row]:
        """Yield the rows of a slice, without a step."""
        start, stop, _ = which.indices(len(self.packets))
        first = int(self.packets.time[0]) if len(self.packets) else 0
        some = self.packets.select(slice(start, stop))
        yield from rows(some, self.words, start=start, first=first, digits=self.digits)

    def lines(self) -> Iterator[str]:
        """Yield what tshark prints, line by line; points are not in it."""
        for row in self.rows():
            yield row.line()

    def csv(self) -> Iterator[str]:
        """Yield it as CSV, line by line, with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for values in chain([self.columns], (row.values() for row in self.rows())):
            writer.writerow(values)
            yield text.getvalue().removesuffix("\n")
            text.seek(0)
            text.truncate()

    def json(self) -> Iterator[str]:
        """Yield it as a JSON list of objects, line by line; Time is a number."""
        yield "["
        last = len(self)
        for row in self.rows():
            values = dict(zip(self.columns, row.values(), strict=True)) | {"Time": float(row.time)}
            yield f" {json.dumps(values, ensure_ascii=False)}{',' if row.number < last else ''}"
        yield "]"

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows()))

    def __repr__(self) -> str:
        lines = [str(row) for part in self._parts() for row in self.rows(part)]
        if len(self) > _SHOWN:
            lines.insert(_SHOWN // 2, f"      … {len(self) - _SHOWN} more …")
        return "\n".join([*lines, *self.alarms, *self.remarks]) or "no packets"

    def _repr_html_(self) -> str:
        body = [[_html_row(row.values()) for row in self.rows(part)] for part in self._parts()]
        left_out = f'<tr><td colspan="{len(self.columns)}">… {len(self) - _SHOWN} more …</td></tr>'
        html = left_out.join("".join(part) for part in body)
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        table = f"{_STYLE}<table><thead><tr>{head}</tr></thead><tbody>{html}</tbody></table>"
        said = [f'<div style="{_LOST}">{escape(each)}</div>' for each in self.alarms]
        said += [f"<div>{escape(each)}</div>" for each in self.remarks]
        return f'<div class="nslab-packets">{table if len(self) else ""}{"".join(said)}</div>'

    def _parts(self) -> list[slice]:
        if len(self) <= _SHOWN:
            return [slice(None)]
        return [slice(_SHOWN // 2), slice(-_SHOWN // 2, None)]


def rows(
    packets: Packets, words: Dissector, *, start: int = 0, first: int = 0, digits: Sequence[int] = (9,)
) -> Iterator[Row]:
    """Yield the rows of packets of which `start` came before; first: the time of the very first, in ns."""
    names = list(map(str, packets.points))
    if len(set(names)) < 2:
        names = [""] * len(names)
    shown = digits if len(digits) == len(names) else [digits[0]] * len(names)
    width = max(map(len, names), default=0)
    read = (packets.time, packets.point, packets.length)
    for index, (time, point, length) in enumerate(zip(*(column.tolist() for column in read), strict=True), start):
        yield Row(
            index + 1,
            seconds(time - first, shown[point]),
            words.source[index],
            words.destination[index],
            words.protocol[index],
            length,
            words.info[index],
            names[point],
            width,
        )


def seconds(nanoseconds: int, digits: int) -> str:
    """Return a time as tshark shows it.

    >>> seconds(1_500_000_000, 9), seconds(-500_000, 6)
    ('1.500000000', '-0.000500')
    """
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{sign}{whole}.{rest // 10 ** (9 - digits):0{digits}}" if digits else f"{sign}{whole}"


def _html_row(values: Sequence[str | int]) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in values) + "</tr>"
