"""A shell cell, against the command in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nslab.bench.table import Line, Table, medians
from nslab.instruments import Lab

_ROUNDS: Final = 200
_MOST: Final = 0.003  # seconds


def measure() -> Table:
    """Run `%%host` cells as a notebook does, from the magic's call to its return."""
    with Lab.up(f"bench-{os.getpid()}", owner=os.getpid()) as lab, _notebook(lab) as shell:
        host = lab["host"]
        took = medians(
            {
                "command": lambda: host.run(["/bin/true"]),
                "cell": _cell(shell, "/bin/true"),
                "nothing": _cell(shell, ":"),
            },
            rounds=_ROUNDS,
        )
    over = took["cell"] - took["command"]
    goal = f"≤ {_MOST * 1000:.0f} ms"
    return Table(
        f"cells: %%host with its syntax check, p50 of {_ROUNDS} in turns",
        (
            Line("Node.run: /bin/true", took["command"]),
            Line("%%host: /bin/true", took["cell"], f"{over * 1000:+.2f} ms", goal, over <= _MOST),
            Line("%%host: `:`, which costs bash nothing", took["nothing"], "", goal, took["nothing"] <= _MOST),
        ),
    )


@contextmanager
def _notebook(lab: Lab) -> Iterator[InteractiveShell]:
    """Yield what a kernel has instead of a terminal, with the magics loaded."""
    without_history = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell(config=without_history)  # type: ignore[no-untyped-call]
    with patch.dict(os.environ, NSLAB_LAB=lab.name):
        shell.run_line_magic("load_ext", "nslab")
        yield shell


def _cell(shell: InteractiveShell, text: str) -> Callable[[], object]:
    run: Callable[[str, str, str], object] = shell.run_cell_magic
    return lambda: run("host", "", f"{text}\n")
