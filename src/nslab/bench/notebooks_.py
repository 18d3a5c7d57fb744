"""The four notebooks, run headless, against their own commands as a plain shell script."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from nslab.bench import script
from nslab.bench.table import Line, Table, seconds
from nslab.instruments import Lab
from nslab.runbook import kernels, notebooks

_MOST: Final = 1.3


def measure() -> Table:
    """Run each way on a fresh lab; the script once before, so that the archive's files are in the cache."""
    _script()
    by_hand = _script()
    in_notebooks = _notebooks()
    ratio = in_notebooks / by_hand
    return Table(
        "notebooks: all four, the start of their kernels aside",
        (
            Line("their commands as a shell script", by_hand, "1.00 ×"),
            Line("the notebooks", in_notebooks, f"{ratio:.2f} ×", f"≤ {_MOST} ×", ratio <= _MOST),
        ),
    )


def _script() -> float:
    with Lab.up(f"bench-{os.getpid()}", owner=os.getpid(), tell=print) as lab:
        return seconds(lambda: script.run(lab, script.steps(notebooks.sections())))


def _notebooks() -> float:
    """Return what all cells took together, those that load the magics and check the section among them."""
    name = f"bench-{os.getpid()}"
    env = {"NSLAB_LAB": name, "NSLAB_OWNER": str(os.getpid())}
    with Lab.up(name, owner=os.getpid()), tempfile.TemporaryDirectory() as place:
        return sum(_one(path, Path(place) / path.name, env) for path in notebooks.sections())


def _one(path: Path, output: Path, env: dict[str, str]) -> float:
    kernels.execute(path, output=output, env=env)
    return sum(cell.metadata.papermill.duration or 0 for cell in notebooks.read(output).cells)
