"""Bring a lab to the start of a section, by running the earlier notebooks' own cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nslab.errors import LabError, UsageError
from nslab.instruments import Lab
from nslab.lab.lab import IDLE
from nslab.runbook import kernels, notebooks
from nslab.runbook.parameters import Parameters

BEGUN: Final = "begun"  # the section that somebody has come for
DONE: Final = "done"  # the last one whose checks have passed
PARAMETERS: Final = "parameters"


def _silent(_: str) -> None:
    pass


def bring(
    name: str,
    section: int,
    parameters: Parameters,
    *,
    owner: int | None = None,
    idle: float | None = IDLE,
    tell: Callable[[str], None] = _silent,
) -> Lab:
    """Return the lab `name` at the start of a section (one more than the last: all of it done).

    A lab that is at the start of that section, or of an earlier one, with the same parameters is taken as it is; any
    other is ended, and a new one is made. What lies between is run, each notebook in a kernel of its own.

    owner, idle  as in `Lab.up`, for a lab that is made
    tell         hears what is done

    >>> bring("exercise", 3, Parameters(), owner=os.getpid()).notes()["done"]
    2

    Raises LabError, with the line of the cell that failed, and leaves no half-made lab behind; UsageError when there is
    no such section.
    """
    paths = notebooks.sections()
    if not 1 <= section <= len(paths) + 1:
        raise UsageError(f"the sections are 1 to {len(paths)}, and {len(paths) + 1} is all of it done: not {section}")
    lab = _fitting(name, section, parameters, tell) or Lab.up(name, owner=owner, idle=idle, tell=tell)
    try:
        for number in range(_next(lab.notes()), section):
            tell(f"Section {number} first: {paths[number - 1].name}")
            _replay(lab, number, paths[number - 1], parameters, owner)
        if section <= len(paths):
            lab.note(BEGUN, section)
        lab.note(PARAMETERS, parameters.as_dict())
    except BaseException:
        if name in Lab.names():
            lab.down()
        raise
    return lab


def _fitting(name: str, section: int, parameters: Parameters, tell: Callable[[str], None]) -> Lab | None:
    """Return the lab if it is at the start of this or an earlier section; end it if it is anywhere else."""
    if name not in Lab.names():
        return None
    lab = Lab.attach(name)
    notes = lab.notes()
    reason = _unfit(notes, section, parameters)
    if reason is None:
        return lab
    tell(f"The lab {name} {reason}: it makes room for a new one.")
    lab.down()
    return None


def _unfit(notes: dict[str, Any], section: int, parameters: Parameters) -> str | None:
    begun, done = notes.get(BEGUN, 0), notes.get(DONE, 0)
    if begun > done:
        return f"is in the middle of section {begun}"
    if begun < done or done >= section:
        return f"is past section {done}"
    if done and notes.get(PARAMETERS) != parameters.as_dict():
        return "has other parameters"
    return None


def _next(notes: dict[str, Any]) -> int:
    return int(notes.get(DONE, 0)) + 1


def _replay(lab: Lab, number: int, path: Path, parameters: Parameters, owner: int | None) -> None:
    env = {"NSLAB_LAB": lab.name, "NSLAB_OWNER": str(owner or "")}
    known = notebooks.declared(notebooks.read(path))
    given = {name: value for name, value in parameters.as_dict().items() if name in known}
    try:
        kernels.execute(path, parameters=given, env=env)
    except LabError as error:
        raise LabError(f"section {number} could not be run: {error}") from None
    lab.note(BEGUN, number)
    lab.note(DONE, number)
    lab.note(PARAMETERS, parameters.as_dict())
