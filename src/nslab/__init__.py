"""Container networking you can run, watch and hand in."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from nslab.capture.capture import Capture
    from nslab.capture.files import read
    from nslab.capture.recording import table
    from nslab.instruments import Lab
    from nslab.runbook.checks import check

__version__ = "0.1.0"
__all__ = ["Capture", "Lab", "__version__", "check", "load_ipython_extension", "read", "table"]

_HOME = {
    "Capture": "nslab.capture.capture",
    "Lab": "nslab.instruments",
    "check": "nslab.runbook.checks",
    "read": "nslab.capture.files",
    "table": "nslab.capture.recording",
}


def __getattr__(name: str) -> Any:
    # Lazy: the helpers of a lab start as `python -m nslab.…` and must not pay for pyroute2 and pandas.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Put the cell magics into a notebook.

    %load_ext nslab
    """
    from nslab.notebook import magics

    magics.load_ipython_extension(ipython)
