"""What a terminal shows in the end: colours, moves of the cursor and overwritten progress left out."""

from __future__ import annotations

import codecs
import re
from typing import Final

_LONGEST_LINE: Final = 1 << 16
_ELSEWHERE: Final = re.compile(r"(?:\x1b7|\x1b\[s).*?(?:\x1b8|\x1b\[u)", re.DOTALL)  # written away from the cursor
_ERASE: Final = re.compile(r"\x1b\[[012]?K")
_ESCAPES: Final = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")
_CONTROLS: Final = re.compile(r"[\x00-\x07\x0b-\x0c\x0f-\x1f\x7f]")
_PLAIN: Final = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")
_ERASED: Final = "\x0e"  # stands for "erase to the end of the line"; as a control character it has no other meaning


class Screen:
    r"""Turns bytes, in whatever pieces they come, into lines of text.

    >>> screen = Screen()
    >>> screen.feed(b"10%\r100%\ncaf\xc3"), screen.feed(b"\xa9\n")
    ('100%\n', 'café\n')

    colour: pass everything through; only characters that came in two pieces are put together.
    """

    def __init__(self, *, colour: bool = False) -> None:
        self._colour = colour
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return the lines that are complete now; with `final`, also the one that has only begun."""
        text = self._begun + self._decoder.decode(data, final)
        if self._colour:
            return text
        end = len(text) if final or len(text) - text.rfind("\n") > _LONGEST_LINE else text.rfind("\n") + 1
        self._begun = text[end:]
        return shown(text[:end])

    def drop_begun(self) -> None:
        """Forget the line that has only begun."""
        self._begun = ""
        self._decoder.reset()


def shown(text: str) -> str:
    r"""Return what a terminal shows in the end.

    >>> shown("\x1b[31mred\x1b[0m\n 1 of 2\r 2 of 2\n")
    'red\n 2 of 2\n'
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _ELSEWHERE.sub("", text.replace(_ERASED, ""))
    text = _CONTROLS.sub("", _ESCAPES.sub("", _ERASE.sub(_ERASED, text)))
    return "\n".join(_overwritten(line) for line in text.split("\n"))


def _overwritten(line: str) -> str:
    """Follow the cursor of one line."""
    line = line.rstrip("\r")
    if not any(mark in line for mark in ("\r", "\b", _ERASED)):
        return line
    cells: list[str] = []
    at = 0
    for piece in re.findall(rf"[\r\b{_ERASED}]|[^\r\b{_ERASED}]+", line):
        if piece == "\r":
            at = 0
        elif piece == "\b":
            at = max(0, at - 1)
        elif piece == _ERASED:
            del cells[at:]
        else:
            cells[at : at + len(piece)] = piece
            at += len(piece)
    return "".join(cells).rstrip()
