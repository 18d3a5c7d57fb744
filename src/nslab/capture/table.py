"""The table: tshark's columns, and its words in them, as text, CSV, JSON, HTML and a pandas frame."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any, Final

from nslab.capture.packets import Packets
from nslab.capture.words import Dissector

COLUMNS: Final = ("No.", "Time", "Source", "Destination", "Protocol", "Length", "Info")
POINT: Final = "Point"

_SHOWN: Final = 200  # rows of an HTML table; half of them first ones, half last
_ARROW: Final = "→"
_LOST: Final = "color:#d32f2f;font-weight:bold"  # seen on white and on black
_CELL: Final = "padding:1px 8px;text-align:left;white-space:nowrap"


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

    def __str__(self) -> str:
        """Return the line that tshark prints."""
        addresses = f"{self.source:>12} {_ARROW} {self.destination:<12}"
        return f"{self.number:5} {self.time:>10} {self.cell}{addresses} {self.protocol} {self.length} {self.info}"

    @property
    def cell(self) -> str:
        return f"{self.point} " if self.point else ""

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
        return COLUMNS if len(self.packets.points) < 2 else (*COLUMNS[:2], POINT, *COLUMNS[2:])

    @cached_property
    def frame(self) -> Any:
        """All of it as a pandas DataFrame; Time is a number, in seconds since the first packet."""
        import pandas as pd

        count = len(self)
        packets, words = self.packets, self.words
        times = packets.time - (packets.time[0] if count else 0)
        values: dict[str, Any] = {"No.": range(1, count + 1), "Time": times / 1e9}
        if POINT in self.columns:
            values[POINT] = pd.Categorical.from_codes(packets.point, [str(point) for point in packets.points])
        values |= {
            "Source": words.source[:count],
            "Destination": words.destination[:count],
            "Protocol": words.protocol[:count],
            "Length": packets.length,
            "Info": words.info[:count],
        }
        return pd.DataFrame(values)

    def rows(self, which: slice = slice(None)) -> Iterator[Row]:
        """Yield the rows of a slice."""
        packets, words = self.packets, self.words
        first = int(packets.time[0]) if len(packets) else 0
        points = self._labels()
        digits = self.digits * len(points) if len(self.digits) < len(points) else self.digits
        for index in range(*which.indices(len(packets))):
            yield Row(
                index + 1,
                seconds(int(packets.time[index]) - first, digits[packets.point[index]]),
                words.source[index],
                words.destination[index],
                words.protocol[index],
                int(packets.length[index]),
                words.info[index],
                points[packets.point[index]],
            )

    def csv(self) -> str:
        """Return it as CSV with a header line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(row.values() for row in self.rows())
        return text.getvalue()

    def json(self) -> str:
        """Return it as a JSON list of objects."""
        objects = [dict(zip(self.columns, row.values(), strict=True)) for row in self.rows()]
        return json.dumps(objects, ensure_ascii=False, indent=1)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows()))

    def __repr__(self) -> str:
        said = [*self.alarms, *self.remarks]
        lines = [str(row) for part in self._parts() for row in self.rows(part)]
        if len(self) > _SHOWN:
            lines.insert(_SHOWN // 2, f"      … {len(self) - _SHOWN} more …")
        return "\n".join([*lines, *said]) or "no packets"

    def _repr_html_(self) -> str:
        body = [[_html_row(row.values()) for row in self.rows(part)] for part in self._parts()]
        left_out = f'<tr><td colspan="{len(self.columns)}">… {len(self) - _SHOWN} more …</td></tr>'
        rows = left_out.join("".join(part) for part in body)
        head = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in self.columns)
        table = f'<table style="font-family:monospace"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        said = [f'<div style="{_LOST}">{escape(each)}</div>' for each in self.alarms]
        said += [f"<div>{escape(each)}</div>" for each in self.remarks]
        return f'<div class="nslab-packets">{table if len(self) else ""}{"".join(said)}</div>'

    def _labels(self) -> list[str]:
        """Return what the column Point says for each of the points: of one width, so that a text is in columns."""
        if POINT not in self.columns:
            return [""] * len(self.packets.points)
        return [str(point) for point in self.packets.points]

    def _parts(self) -> list[slice]:
        if len(self) <= _SHOWN:
            return [slice(None)]
        return [slice(_SHOWN // 2), slice(-_SHOWN // 2, None)]


def seconds(nanoseconds: int, digits: int) -> str:
    """Return a time as tshark shows it.

    >>> seconds(1_500_000_000, 9), seconds(-500_000, 6)
    ('1.500000000', '-0.000500')
    """
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{sign}{whole}.{rest // 10 ** (9 - digits):0{digits}}"


def _html_row(values: Sequence[str | int]) -> str:
    return "<tr>" + "".join(f'<td style="{_CELL}">{escape(str(value))}</td>' for value in values) + "</tr>"
