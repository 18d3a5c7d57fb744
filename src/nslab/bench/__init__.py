"""The figures that nslab promises, measured on this machine: ratios within one run, printed as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

from nslab.bench.table import Table
from nslab.errors import UsageError

NAMES: Final = ("exec", "cells", "lab", "journey", "capture", "notebooks")
_USUAL: Final = NAMES[:-2]  # these take minutes


def main(names: Sequence[str] = ()) -> int:
    """Measure and print; return 0 when every goal was met, 1 when one was missed. UsageError for an unknown name.

    >>> main(["exec"])  # doctest: +SKIP
    0
    """
    for name in names:
        if name not in NAMES:
            raise UsageError(f"{name}: no such figure; there are {', '.join(NAMES)}")
    met = True
    for name in names or _USUAL:
        measure: Callable[[], Table] = import_module(f"nslab.bench.{name}_").measure
        table = measure()
        print(table, end="\n\n", flush=True)
        met = met and table.met
    return 0 if met else 1
