"""What all drawings are made of: shapes, and how long a text is without a browser to ask."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

MONO: Final = 0.61  # widths of a letter as parts of its size; the fonts of all systems are within a few percent
_SANS: Final = 0.56
_STRONG: Final = 0.61
_CAPITAL: Final = 0.7
_SIZES: Final = {"tiny": 10, "small": 11, "big": 14}  # as drawing.css has them; else 12
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in pixels from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def overlaps(self, other: Box) -> bool:
        """Return whether the two have a pixel in common; edges that touch have none."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


class Drawing:
    """Shapes, one above the other in the order of their making.

    drawing = Drawing()
    drawing.box(Box(10, 10, 80, 30), "node")
    drawing.text(20, 30, "host", "strong")
    drawing.svg(100, 50, alt="a box")
    """

    def __init__(self) -> None:
        self._shapes: list[str] = []

    def box(self, box: Box, style: str, *, radius: float = 6, title: str = "") -> None:
        """Draw a rectangle with round corners; `title` is shown where the picture is opened by itself."""
        inside = f"<title>{clean(title)}</title>" if title else ""
        place = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
        self._shapes.append(f'<rect {place} rx="{_n(radius)}" class="{style}">{inside}</rect>')

    def text(self, x: float, y: float, text: str, style: str = "") -> None:
        """Write a line; y is that of its base line."""
        named = f' class="{style}"' if style else ""
        self._shapes.append(f'<text x="{_n(x)}" y="{_n(y)}"{named}>{clean(text)}</text>')

    def line(self, start: Point, end: Point, style: str) -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = start, end
        self._shapes.append(f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="{style}"/>')

    def curve(self, points: Sequence[Point], style: str) -> None:
        """Draw a curve from the first to the last of four points, see `C` of SVG paths."""
        (x, y), *others = points
        then = " ".join(f"{_n(a)},{_n(b)}" for a, b in others)
        self._shapes.append(f'<path d="M{_n(x)},{_n(y)} C{then}" class="{style}"/>')

    def polygon(self, points: Sequence[Point], style: str) -> None:
        """Fill the area between points."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._shapes.append(f'<path d="M{path} Z" class="{style}"/>')

    def arrow(self, start: Point, end: Point, style: str, *, short: float = 5) -> None:
        """Draw a line with a head that ends `short` pixels before its end."""
        (x1, y1), (x2, y2) = start, end
        length = math.hypot(x2 - x1, y2 - y1) or 1
        ux, uy = (x2 - x1) / length, (y2 - y1) / length
        tip = (x2 - ux * short, y2 - uy * short)
        foot = (tip[0] - ux * 7, tip[1] - uy * 7)
        self.line(start, foot, style)
        self.polygon(
            [tip, (foot[0] - uy * 3.5, foot[1] + ux * 3.5), (foot[0] + uy * 3.5, foot[1] - ux * 3.5)], f"head {style}"
        )

    def slanted(self, x: float, y: float, text: str, style: str) -> None:
        """Write a line that goes up to the right from a point."""
        place = f'x="{_n(x)}" y="{_n(y)}" transform="rotate(-60 {_n(x)} {_n(y)})"'
        self._shapes.append(f'<text {place} class="{style}">{clean(text)}</text>')

    def add(self, other: Drawing) -> None:
        """Put all of another drawing above this one."""
        self._shapes += other._shapes

    def dot(self, x: float, y: float, radius: float, style: str = "") -> None:
        named = f' class="{style}"' if style else ""
        self._shapes.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"{named}/>')

    def svg(self, width: float, height: float, *, alt: str) -> str:
        """Return the picture on a card of its own, so that it is readable on any page."""
        size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
        card = f'<rect x="0.5" y="0.5" width="{_n(width - 1)}" height="{_n(height - 1)}" rx="8" class="card"/>'
        shapes = "\n".join(self._shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{clean(alt)}">\n'
            f"<title>{clean(alt)}</title>\n<style>{_style()}</style>\n{card}\n{shapes}\n</svg>\n"
        )


def clean(text: str) -> str:
    """Return a text as XML may hold it: an interface's name may have nearly any byte."""
    return escape("".join(letter if letter.isprintable() else "�" for letter in text))


def width(text: str, style: str = "") -> float:
    """Return about how wide a line is, rather too much than too little."""
    words = style.split()
    letter = MONO if "mono" in words else _STRONG if "strong" in words else _SANS
    capital = letter if "mono" in words else _CAPITAL
    wide = sum(
        1 if unicodedata.east_asian_width(each) in "WF" else capital if each.isupper() else letter for each in text
    )
    return wide * next((_SIZES[word] for word in words if word in _SIZES), 12)


def clip(text: str, most: float, style: str = "") -> str:
    """Return as much of a line as fits into `most` pixels, with … for the rest."""
    if width(text, style) <= most:
        return text
    while text and width(text + "…", style) > most:
        text = text[:-1]
    return text + "…"


def wrap(text: str, most: float, style: str = "", *, lines: int = 0) -> list[str]:
    """Return a text in lines that are not wider than `most`, `lines` of them at most; a long word is broken."""
    made: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if width(longer, style) <= most:
            line = longer
            continue
        if line:
            made.append(line)
        line = word
        while width(line, style) > most and len(line) > 1:
            part = _fitting(line, most, style)
            made.append(part)
            line = line[len(part) :]
    made.append(line)
    if lines and len(made) > lines:
        made = [*made[: lines - 1], clip(" ".join(made[lines - 1 :]), most, style)]
    return made


def _fitting(word: str, most: float, style: str) -> str:
    length = len(word)
    while length > 1 and width(word[:length], style) > most:
        length -= 1
    return word[:length]


@cache
def _style() -> str:
    return (Path(__file__).parent / "drawing.css").read_text()


def _n(value: float) -> str:
    """Return a number as short as it can be written: to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
