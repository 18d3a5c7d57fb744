"""Run notebooks and store their outputs in place, after an edit: `python -m nslab.runbook.store notebooks/*.ipynb`.

Nothing is stored that belongs to one machine or one day: no times of execution, no version of Python, no address.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from nslab.errors import NslabError
from nslab.instruments import Lab
from nslab.runbook import kernels, notebooks

IGNORED: Final = "nbval-ignore-output"  # the tag of cells whose output is another one on every run
_METADATA: Final = {
    "kernelspec": {"display_name": "Container networking (nslab)", "language": "python", "name": "nslab"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
_LONG, _FIRST, _LAST = 30, 3, 4  # an output of more lines than _LONG is stored with its first and last ones
_PICTURE: Final = re.compile(r"(data:image/svg\+xml;base64,)([\w+/=]+)")
_ADDRESS: Final = re.compile(r"\w+://")


def main(names: list[str]) -> None:
    """Run the notebooks in order over one fresh lab, and write each with what it printed."""
    lab = f"store-{os.getpid()}"
    env = {"NSLAB_LAB": lab, "NSLAB_OWNER": str(os.getpid())}
    with tempfile.TemporaryDirectory() as directory:
        for path in notebooks.chosen(names):
            print(path.name, flush=True)
            executed = Path(directory) / path.name
            kernels.execute(path, output=executed, env=env)
            notebook = notebooks.read(executed)
            tidy(notebook, lab=lab)
            path.write_text(text(notebook))
    if lab in Lab.names():
        Lab.attach(lab).down()


def tidy(notebook: NotebookNode, *, lab: str) -> None:
    """Take out of a notebook what is of one run only; `lab` is the name that it ran under, stored as "runbook"."""
    notebook.metadata = _METADATA
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("scrolled", "tags") if cell.metadata.get(key)}
    for number, cell in enumerate(cells, start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "stream":
                is_kept = IGNORED not in cell.metadata.get("tags", ())
                output.text = (output.text if is_kept else _short(output.text)).replace(lab, "runbook")
            else:
                output.data = {kind: _renamed(data, lab) for kind, data in output.get("data", {}).items()}
                if "execution_count" in output:
                    output.execution_count = number


def text(notebook: NotebookNode) -> str:
    """Return a notebook as it is stored: in one order, and with prose that can be read in a diff."""
    data: dict[str, Any] = json.loads(nbformat.writes(notebook))  # type: ignore[no-untyped-call]
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _renamed(data: Any, lab: str) -> Any:
    """Have what a cell shows speak of the lab "runbook", its pictures too."""
    if not isinstance(data, str):
        return data

    def redrawn(found: re.Match[str]) -> str:
        svg = b64decode(found[2]).replace(lab.encode(), b"runbook")
        return found[1] + b64encode(svg).decode()

    return _PICTURE.sub(redrawn, data.replace(lab, "runbook"))


def _short(output: str) -> str:
    """Keep the first and last lines of a long output, and none that names an archive."""
    lines = [line for line in output.splitlines() if line.strip() and not _ADDRESS.search(line)]
    if len(lines) > _LONG:
        lines[_FIRST:-_LAST] = [f"… {len(lines) - _FIRST - _LAST} more lines"]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except NslabError as error:
        raise SystemExit(f"✗ {error}") from None
