"""A picture as a notebook shows it: an image with its own words, which needs no trust and no page around it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path

from nslab.errors import UsageError


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """An SVG with the words for who cannot see it.

        picture = lab.draw()
        picture                      # a notebook shows it
        picture.save("lab.svg")
        print(picture)               # the same in words

    alt   says in a sentence or two what it shows; text: the same in lines, for a terminal
    """

    svg: str
    alt: str
    text: str = ""

    def save(self, path: str | Path) -> Path:
        """Write it to a file, NAME.svg, and return its path; UsageError for another kind, OSError for a wrong place."""
        target = Path(path)
        if target.suffix != ".svg":
            raise UsageError(f"{target}: a picture is saved as SVG: {target.with_suffix('.svg')}")
        target.write_text(self.svg, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return self.text or self.alt

    def _repr_html_(self) -> str:
        # An untrusted notebook shows neither image/svg+xml nor an <svg> in HTML, but it shows an <img>.
        data = base64.b64encode(self.svg.encode()).decode()
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(self.alt)}" style="max-width: 100%">'
