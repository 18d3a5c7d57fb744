"""Run one notebook to its end or its first failure, in a kernel of its own that dies with this process."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import papermill
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from nslab.errors import LabError

CELL_TIMEOUT: Final = 900  # seconds; the longest cell installs a package from a cold cache
_START_TIMEOUT: Final = 180  # many kernels that start at once on a small machine
_ENGINE: Final = "nslab"


class NotebookFailed(LabError):
    """A cell of a notebook failed: which one, and its red line."""

    def __init__(self, notebook: str, cell: int | None, says: str) -> None:
        self.notebook = notebook
        self.cell = cell
        self.says = says
        super().__init__(": ".join([notebook, *([f"cell {cell}"] if cell else []), says]))

    def __reduce__(self) -> tuple[type[NotebookFailed], tuple[str, int | None, str]]:
        return type(self), (self.notebook, self.cell, self.says)


@dataclass
class _Progress:
    """How far a notebook has got: the number of its code cell, as `In [3]` counts."""

    on_cell: Callable[[], None]
    code_cells: int = 0


def execute(
    path: Path,
    *,
    output: Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    on_cell: Callable[[], None] = lambda: None,
    timeout: int = CELL_TIMEOUT,
) -> None:
    """Run a notebook; what was executed is in `output`, saved cell by cell, whatever happens.

    parameters  what is injected, of those that the notebook declares
    env         what its kernel's environment has besides our own
    on_cell     called when a cell, of any kind, is done

    Raises NotebookFailed at its first failing cell.
    """
    progress = _Progress(on_cell)
    with tempfile.TemporaryFile() as complaints:
        try:
            papermill.execute_notebook(
                _verbatim(path),
                _verbatim(output) if output else None,
                dict(parameters or {}),
                engine_name=_ENGINE,
                progress_bar=False,
                start_timeout=_START_TIMEOUT,
                execution_timeout=timeout,
                progress=progress,
                # Where the kernel starts: papermill's own `cwd` would move this whole process there.
                start={"cwd": str(path.parent), "env": {**os.environ, **(env or {})}, "stderr": complaints},
            )
        except PapermillExecutionError as error:
            raise NotebookFailed(path.name, error.exec_count or progress.code_cells, _red_line(error)) from None
        except CellTimeoutError:
            raise NotebookFailed(path.name, progress.code_cells, f"still running after {timeout} s") from None
        except DeadKernelError:
            raise NotebookFailed(path.name, progress.code_cells, "its kernel died") from None
        except NoSuchKernel as error:
            raise NotebookFailed(path.name, None, f"no kernel is called {error.name!r}: nslab kernel install") from None
        except RuntimeError as error:
            if progress.code_cells:
                raise
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
            raise NotebookFailed(path.name, None, f"its kernel did not start: {(said or [str(error)])[-1]}") from None


class _KernelManager(AsyncKernelManager):
    """Starts kernels that the Linux kernel ends with the thread that started them.

    ipykernel looks for itself whether its parent has gone, once a second, but not when that went before it began to
    look. The shell between is for the moment before prctl, when our end would go unheard.
    """

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        command: list[str] = super().format_kernel_cmd(extra_arguments)
        if shutil.which("setpriv") is None:
            return command
        still_there = ["sh", "-c", 'test "$PPID" = "$0" && exec "$@"', str(os.getpid())]
        return ["setpriv", "--pdeathsig", "KILL", "--", *still_there, *command]


class _Engine(Engine):  # type: ignore[misc]
    """Papermill's engine, with the start of the kernel and the progress in our hands."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, progress: _Progress, start: dict[str, Any], **options: Any
    ) -> NotebookNode:
        def begun(cell: NotebookNode, **_: Any) -> None:
            progress.code_cells += cell.cell_type == "code"

        complete = nb_man.cell_complete

        def completed(*arguments: Any, **named: Any) -> None:
            complete(*arguments, **named)
            progress.on_cell()

        nb_man.cell_complete = completed
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=_KernelManager,
            timeout=options["execution_timeout"],
            startup_timeout=options["start_timeout"],
            shutdown_kernel="immediate",
            store_widget_state=False,
            coalesce_streams=True,
            on_cell_start=begun,
            log=_LOG,
        )
        executed: NotebookNode = client.execute(**start)
        return executed


papermill_engines.register(_ENGINE, _Engine)
_LOG: Final = logging.getLogger("nslab.kernels")
_LOG.setLevel(logging.CRITICAL)  # what went wrong is raised; logged as well, it would be there twice
logging.getLogger("papermill").setLevel(logging.ERROR)


def _verbatim(path: Path) -> str:
    """Return a path that papermill leaves as it is: it fills in what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _red_line(error: PapermillExecutionError) -> str:
    """Return what the cell says in red: our own errors are whole lines, others want the name of their class."""
    said = str(error.evalue).strip().splitlines() or ["it could not be run"]
    traceback = "".join(error.traceback or ())
    if "✗" in traceback and said[0] in traceback:
        return f"✗ {said[0]}"
    return f"{error.ename}: {said[0]}"
