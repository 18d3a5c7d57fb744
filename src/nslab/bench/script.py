"""The runbook without notebooks: the notebooks' own shell cells, typed into plain terminals one after the other."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Any, Final, Self

from nslab.errors import LabError
from nslab.instruments import Lab
from nslab.notebook import journeys, sniff
from nslab.notebook.arguments import Arguments, for_cells
from nslab.notebook.variables import named
from nslab.runbook import notebooks
from nslab.sandbox.door import Node

_ARGUMENTS: Final[Mapping[str, Callable[[], Arguments]]] = {
    "%%host": lambda: for_cells("%%host"),
    "%%container": lambda: for_cells("%%container", of_a_node=True),
    "%%node": lambda: for_cells("%%node", of_a_node=True),
    "%%sniff": sniff.for_a_cell,
    "%%journey": journeys.for_a_cell,
}
_LOOKS: Final = re.compile(r"\b(check|lab|journey)\b")  # a cell of Python that only looks at what there is
_DONE: Final = 9  # the descriptor on which a terminal says that it is done
_PATIENCE: Final = 10.0  # seconds, for a container that comes up in a few milliseconds


@dataclass(frozen=True, slots=True)
class Step:
    """A shell cell: its node, its text, the notebook's variables that it names, and whether it opens a window."""

    node: str
    text: str
    variables: Mapping[str, str]
    window: bool


def steps(paths: Iterable[Path]) -> Iterator[Step]:
    """Yield the shell cells of notebooks; Python cells are run for the variables that they make, checks are not."""
    for path in paths:
        variables: dict[str, Any] = {}
        for cell in notebooks.read(path).cells:
            if cell.cell_type != "code":
                continue
            if cell.source.startswith("%%"):
                yield _step(cell.source, variables)
            elif not cell.source.startswith("%") and not _LOOKS.search(cell.source):
                with redirect_stdout(StringIO()):
                    exec(cell.source, variables)  # noqa: S102 - the runbook's own


def _step(source: str, variables: Mapping[str, Any]) -> Step:
    first, _, text = source.partition("\n")
    magic, _, line = Template(first).safe_substitute(variables).partition(" ")
    values = vars(_ARGUMENTS[magic]().read(line))
    node = values.get("node") or ("host" if magic == "%%host" else variables["name"])
    return Step(node, text, named(text, variables), bool(values.get("window")))


def run(lab: Lab, script: Iterable[Step]) -> None:
    """Run the steps in order; how one ends is nobody's business here, as in a script without `set -e`."""
    with ExitStack() as open_:
        terminals: dict[str, Terminal] = {}
        for step in script:
            if step.window:
                open_.enter_context(Terminal(lab[step.node])).start(step)
                _wait_for_a_container(lab)
                continue
            if step.node not in terminals:
                terminals[step.node] = open_.enter_context(Terminal(lab[step.node]))
            terminals[step.node].run(step)


def _wait_for_a_container(lab: Lab) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not lab["host"].containers():
        if time.monotonic() > deadline:
            raise LabError("host: no container came up")
        time.sleep(0.005)


class Terminal:
    """A bash of a node that reads from a pipe."""

    def __init__(self, node: Node) -> None:
        self._node = node
        commands, self._commands = os.pipe()
        self._done, done = os.pipe()
        self._process = node.spawn(["bash", "-s"], places={0: commands, _DONE: done})
        os.close(commands)
        os.close(done)

    def start(self, step: Step) -> None:
        """Type a step, and go away."""
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in step.variables.items())
        os.write(self._commands, f"{exports}{step.text}\n".encode())

    def run(self, step: Step) -> None:
        """Type a step and wait until it is done; LabError when the shell has ended with it."""
        text = f"{{\n{step.text}\n}} </dev/null\necho >&{_DONE}"
        self.start(Step(step.node, text, step.variables, step.window))
        if not os.read(self._done, 1):
            raise LabError(f"{self._node.name}: the shell has ended")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.close(self._commands)  # the end of the script, and so of its shell
        self._process.wait(_PATIENCE)
        os.close(self._done)
