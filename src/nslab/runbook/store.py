"""Run notebooks and store their outputs in place: `python -m nslab.runbook.store notebooks/*.ipynb`, after an edit.

Nothing is stored that belongs to one machine or one day: no times of execution, no version of Python, no address.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from nslab.lab.lab import Lab

KERNELSPEC: Final = {"display_name": "Container networking (nslab)", "language": "python", "name": "nslab"}
LANGUAGE: Final = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
IGNORED: Final = "nbval-ignore-output"  # the tag of cells whose output is another one on every run
_FIRST, _LAST = 2, 3  # lines of a package manager's output that are kept
_LONG: Final = 40
_ADDRESS: Final = re.compile(r"\w+://")


def main(paths: list[str]) -> None:
    """Run the notebooks in order over one fresh lab, and write each with what it printed."""
    name = os.environ["NSLAB_LAB"] = f"store-{os.getpid()}"
    os.environ["NSLAB_OWNER"] = str(os.getpid())
    try:
        for path in map(Path, paths):
            print(path, flush=True)
            notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
            client = NotebookClient(
                notebook, timeout=300, kernel_name="nslab", resources={"metadata": {"path": path.parent}}
            )
            client.execute()
            tidy(notebook, lab=name)
            path.write_text(text(notebook))
    finally:
        if name in Lab.names():
            Lab.attach(name).down()


def tidy(notebook: NotebookNode, *, lab: str) -> None:
    """Take out of a notebook what is of one run only; `lab` is the name that it ran under, stored as "runbook"."""
    notebook.metadata = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE}
    number = 0
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("scrolled", "tags") if key in cell.metadata}
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = _short(output.text) if IGNORED in cell.metadata.get("tags", ()) else output.text
                output.text = output.text.replace(lab, "runbook")
            elif "execution_count" in output:
                output.execution_count = number


def text(notebook: NotebookNode) -> str:
    """Return a notebook as it is stored: a stable order, and prose that can be read in a diff."""
    data: dict[str, Any] = json.loads(nbformat.writes(notebook))  # type: ignore[no-untyped-call]
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _short(output: str) -> str:
    """Keep the first and last lines of a long output, and none that names an archive."""
    lines = [line for line in output.splitlines() if line.strip() and not _ADDRESS.search(line)]
    if len(lines) > _LONG:
        lines[_FIRST:-_LAST] = [f"… {len(lines) - _FIRST - _LAST} lines more"]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
