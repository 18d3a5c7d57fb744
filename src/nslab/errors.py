"""What nslab says when it cannot: one line for the person in front of it, and the exit status that goes with it."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Sequence
from typing import Any, ClassVar


class NslabError(Exception):
    """One line for the person in front of it: what failed, where, and what to do.

    >>> str(NslabError("mycontainer: no such node; nodes: internet, outside, host"))
    'mycontainer: no such node; nodes: internet, outside, host'
    """

    exit_status: ClassVar[int] = 1

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback: the mistake is the reader's, or the lab's."""
        return [f"\x1b[31m{line}\x1b[0m" for line in f"✗ {self}".splitlines()]


class LabError(NslabError):
    """The lab or the run says no (exit status 1)."""


class UsageError(NslabError):
    """The command line or a parameter was wrong; nothing has been started (exit status 2)."""

    exit_status = 2


class MachineError(NslabError):
    """This machine cannot do what was asked; the line names the remedy (exit status 3)."""

    exit_status = 3


class CommandFailed(LabError):
    r"""A command in a node ended with another status than 0; `returncode` is -N when signal N killed it.

    >>> str(CommandFailed("host", ["ip", "link", "del", "br7"], 1, stderr='Cannot find device "br7"\n'))
    'host: exit 1 · ip link del br7 · Cannot find device "br7"'
    """

    def __init__(
        self, node: str, command: str | Sequence[str], returncode: int, stdout: str = "", stderr: str = ""
    ) -> None:
        self.node = node
        self.command = command if isinstance(command, str) else shlex.join(command)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        parts = [f"{node}: {_ending(returncode)}", _shown(self.command), _last_line(stderr)]
        super().__init__(" · ".join(part for part in parts if part))

    def __reduce__(self) -> tuple[Callable[..., CommandFailed], tuple[Any, ...]]:
        # The default would call the class with the finished line only: an error must survive the way out of a worker.
        return type(self), (self.node, self.command, self.returncode, self.stdout, self.stderr)


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"exit {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:  # a real-time signal has no name
        return f"killed by signal {-returncode}"


def _shown(command: str, width: int = 120) -> str:
    """Return the command's first line, shortened: the whole of it may be a script of a hundred lines."""
    first, *more = command.strip().splitlines() or [""]
    return first if len(first) <= width and not more else f"{first[: width - 1].rstrip()}…"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
