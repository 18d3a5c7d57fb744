"""What stands behind a magic on its line, read without ever leaving IPython's ways: a mistake is one red line."""

from __future__ import annotations

import argparse
import difflib
import keyword
import shlex
from typing import NoReturn

from nslab.notebook.failures import Refused


class Arguments(argparse.ArgumentParser):
    """An argument parser that refuses, and never exits.

    arguments = Arguments("%%host")
    arguments.add_argument("--timeout", type=seconds)
    arguments.read("--timeout 3").timeout           # 3.0
    """

    def __init__(self, magic: str) -> None:
        super().__init__(prog=magic, add_help=False, allow_abbrev=False, exit_on_error=False)

    def read(self, line: str) -> argparse.Namespace:
        """Return what a line says; Refused when it does not fit."""
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Refused(f"{self.prog}: {error}: {line.strip()}") from None
        try:
            values, rest = self.parse_known_intermixed_args(words)
        except argparse.ArgumentError as error:
            self.error(str(error))
        for word in rest:
            self._refuse_word(word)
        return values

    def error(self, message: str) -> NoReturn:
        """Refuse instead of exiting."""
        raise Refused(f"{self.prog}: {message.removeprefix('argument ')} ({self.prog}? tells more)")

    def _refuse_word(self, word: str) -> NoReturn:
        if word.startswith("-"):
            options = [option for action in self._actions for option in action.option_strings]
            close = difflib.get_close_matches(word.partition("=")[0], options, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(options)}"
            raise Refused(f"{self.prog}: no option is called {word}; {hint}")
        cell = "; commands go on the lines below" if self.prog.startswith("%%") else ""
        raise Refused(f"{self.prog}: {word} is one word too many{cell}")


def for_cells(magic: str, *, of_a_node: bool = False) -> Arguments:
    """Return what all shell cells know; `of_a_node`: also the name of a node."""
    arguments = Arguments(magic)
    if of_a_node:
        arguments.add_argument("node", metavar="NAME", nargs="?")
    arguments.add_argument("--expect", metavar="N", type=status, default=0)
    arguments.add_argument("--timeout", metavar="S", type=seconds)
    arguments.add_argument("--out", metavar="VAR", type=variable)
    arguments.add_argument("--split", action="store_true")
    arguments.add_argument("--colour", "--color", action="store_true")
    arguments.add_argument("--window", action="store_true")
    return arguments


def status(text: str) -> int | None:
    """Read an exit status that is wanted; None for `any` but 0."""
    if text == "any":
        return None
    if not text.isdecimal() or not text.isascii() or int(text) > 255:
        raise argparse.ArgumentTypeError(f"an exit status is 0 to 255, or any; not {text}")
    return int(text)


def seconds(text: str) -> float:
    """Read a time."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"a time is a number of seconds, not {text}")
    return value


def variable(text: str) -> str:
    """Read the name of a notebook variable."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text} will not do as the name of a variable")
    return text


def pid(text: str) -> int:
    """Read the number of a process."""
    if not text.isdecimal() or not text.isascii() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a PID is a number, not {text}")
    return int(text)
