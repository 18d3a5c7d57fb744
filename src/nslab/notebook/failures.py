"""What a reader is told when a cell or a magic could not do what it should: one red line, and a real error output."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from nslab.errors import LabError, NslabError


class Refused(NslabError):
    """A cell that was not run, or a magic that did nothing: the line says why, and what to do."""


class CellFailed(LabError):
    """A cell's command line ended with another status than it should; in a notebook, one red line.

    >>> print(CellFailed("host", 1, "exit 1", line=3, command="ip link del br7"))
    host: exit 1 · line 3: ip link del br7
    """

    def __init__(
        self, node: str, status: int, ending: str, *, line: int | None = None, command: str = "", why: str = ""
    ) -> None:
        self.node = node
        self.status = status
        self.ending = ending
        self.line = line
        self.command = command
        self.why = why
        where = f"line {line}: {command}" if line else command
        super().__init__(" · ".join(part for part in (f"{node}: {ending}", where, why) if part))

    def __reduce__(self) -> tuple[Callable[..., CellFailed], tuple[Any, ...]]:
        with_the_rest = partial(type(self), line=self.line, command=self.command, why=self.why)
        return with_the_rest, (self.node, self.status, self.ending)


def unreadable(complaint: str, first: int) -> str:
    """Say in one line why bash could not read a cell, in the cell's own lines; `first` is the line before its first.

    >>> unreadable("bash: eval: line 2: syntax error near unexpected token `)'", 1)
    "line 1: syntax error near unexpected token `)'"
    """
    heredoc = re.search(r"here-document at line (\d+) delimited by end-of-file \(wanted (.*)\)", complaint)
    if heredoc:
        return f"line {int(heredoc[1]) - first}: the here-document has no end (a line with {heredoc[2]} alone)"
    said = re.search(r"line (\d+): (.*)", complaint)
    if said is None:
        return complaint.strip() or "bash cannot read it"
    # The words after the cell's own, see cell.sh.
    if "`}; fi'" in complaint or "unexpected end of file" in said[2]:
        return "it ends in the middle of a command"
    return f"line {int(said[1]) - first}: {said[2]}"
