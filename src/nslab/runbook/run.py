"""Run notebooks in order over one fresh lab, and write the report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TextIO

from nslab.errors import LabError, UsageError
from nslab.instruments import Lab
from nslab.runbook import kernels, notebooks, report
from nslab.runbook.parameters import NAMES, Parameters
from nslab.runbook.report import Report, Section

_KINDS: Final[dict[type, str]] = {int: "a whole number", float: "a number", bool: "True or False"}


@dataclass(frozen=True, slots=True)
class Task:
    """One notebook that shall be run, with what it is given and all that it then works with."""

    path: Path
    title: str
    cells: int
    given: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)


def plan(names: Iterable[str], pairs: Sequence[tuple[str, str]] = ()) -> list[Task]:
    """Return what `nslab run NAMES -p NAME VALUE …` shall do; nothing is started before this has returned.

    >>> [task.path.name for task in plan([], [("pings", "2")])]
    ['1-namespaces.ipynb', '2-container.ipynb', '3-inbound.ipynb', '4-outbound.ipynb']

    Raises UsageError, a line for each mistake.
    """
    paths = notebooks.chosen(names)
    read = {path: notebooks.read(path) for path in paths}
    declared = {path: notebooks.declared(notebook) for path, notebook in read.items()}
    given = dict(pairs)
    _refuse_unknown(given, {name for names in declared.values() for name in names})
    tasks = []
    for path in paths:
        own = _values(given, declared[path])
        tasks.append(
            Task(path, notebooks.title(read[path], path), len(read[path].cells), own, _plain({**declared[path], **own}))
        )
    return tasks


def run(tasks: Sequence[Task], place: Path, *, out: TextIO = sys.stdout) -> Report:
    """Run the notebooks in one lab that ends with this process, and write the report to the directory `place`.

    Raises LabError at the first failing cell; what was executed until then is in the report all the same.
    """
    name = f"run-{os.getpid()}"
    env = {"NSLAB_LAB": name, "NSLAB_OWNER": str(os.getpid())}
    written = Report.begin(place, [task.parameters for task in tasks])
    try:
        lab = Lab.up(name, owner=os.getpid(), tell=lambda line: print(line, file=sys.stderr))
        written.image = lab.notes().get("image", "")
        lab.close()
        with _bar(tasks, out) as progress:
            for task in tasks:
                _run_one(task, written, env, progress)
        _refuse_failed_checks(written)
    finally:
        if name in Lab.names():
            with Lab.attach(name) as ending:
                written.captures = report.fetch_captures(ending, place)
        if written.sections:
            written.finish()
    return written


def _run_one(task: Task, written: Report, env: Mapping[str, str], progress: Progress) -> None:
    section = Section(task.path, task.title, written.notebook(task.path))
    written.sections.append(section)
    progress.begin(task)
    began = time.monotonic()
    try:
        kernels.execute(
            task.path, output=section.executed, parameters=task.given, env=env, on_cell=progress.cell_is_done
        )
        section.status = "passed"
    except LabError as error:
        section.status, section.error = "failed", str(error)
        raise
    finally:
        section.seconds = time.monotonic() - began
        progress.end(section)


class Progress:
    """Says how far a run is: a bar of cells on a terminal, a line for each notebook anywhere else."""

    def __init__(self, out: TextIO, bar: Any = None) -> None:
        self._out = out
        self._bar = bar

    def begin(self, task: Task) -> None:
        if self._bar is not None:
            self._bar.set_description(task.path.stem)

    def cell_is_done(self) -> None:
        if self._bar is not None:
            self._bar.update()

    def end(self, section: Section) -> None:
        if self._bar is None:
            print(f"{section.source.name}: {section.status}, {section.seconds:.1f} s", file=self._out, flush=True)


@contextmanager
def _bar(tasks: Sequence[Task], out: TextIO) -> Iterator[Progress]:
    if not out.isatty():
        yield Progress(out)
        return
    from tqdm import tqdm

    # One cell more where parameters are injected.
    total = sum(task.cells + bool(task.given) for task in tasks)
    with tqdm(total=total, unit="cell", file=out, dynamic_ncols=True, leave=False) as bar:
        yield Progress(out, bar)


def _refuse_failed_checks(written: Report) -> None:
    """A notebook that only shows its checks goes on when one of them fails; its run shall not pass."""
    failed = [check for section in written.sections for check in section.checks if not check.get("passed")]
    if failed:
        raise LabError(f"{len(failed)} failed: {'; '.join(str(check['description']) for check in failed)}")


def _refuse_unknown(given: Mapping[str, str], known: set[str]) -> None:
    mistakes = []
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            there = f"there are: {', '.join(sorted(known))}" if known else "the notebook declares none"
            mistakes.append(f"no parameter is called {name!r}; {f'did you mean {close[0]}?' if close else there}")
    if mistakes:
        raise UsageError("\n".join(mistakes))


def _values(given: Mapping[str, str], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that this notebook is given, checked: the runbook's by its own rules, others by their type."""
    own = {name: text for name, text in given.items() if name in declared}
    if not set(NAMES) <= declared.keys():
        return {name: _typed(name, text, declared[name]) for name, text in own.items()}
    # With the defaults that this notebook has, edited or not: an address has to lie in the subnet that it will have.
    defaults = {name: str(declared[name]) for name in NAMES if declared[name] is not None}
    ours = Parameters.parse((defaults | {name: own[name] for name in own if name in NAMES}).items()).as_dict()
    return {name: ours[name] if name in ours else _typed(name, text, declared[name]) for name, text in own.items()}


def _typed(name: str, text: str, default: Any) -> Any:
    kind = type(default)
    if kind is bool and text not in {"True", "False"}:
        raise UsageError(f"{name} must be {_KINDS[bool]}, not {text!r}")
    if kind is bool:
        return text == "True"
    if kind not in _KINDS:
        return text
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{name} must be {_KINDS[kind]}, not {text!r}") from None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold; a default that only the kernel can work out is left out."""
    return {name: value for name, value in values.items() if isinstance(value, (str, int, float, bool, list, dict))}
