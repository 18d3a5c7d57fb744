"""The runbook's notebooks: where they lie, which section each is, what parameters one declares."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from nslab.errors import MachineError, UsageError

_PACKAGE: Final = Path(__file__).parents[1]
_TAG: Final = "parameters"


def home() -> Path:
    """Return the directory of the runbook's notebooks: the checkout's, or the copy that a wheel brings.

    >>> (home() / "1-namespaces.ipynb").exists()
    True
    """
    places = (_PACKAGE.parents[1] / "notebooks", _PACKAGE / "runbook" / "notebooks")
    # A wheel is installed beside other people's packages, and one of them may be called "notebooks".
    for place in places[:1] if _PACKAGE.parent.name == "src" else places[1:]:
        if any(place.glob("[0-9]*.ipynb")):
            return place
    raise MachineError(f"nslab's notebooks are missing from {places[0]} and {places[1]}: install nslab again")


def sections() -> list[Path]:
    """Return the runbook's notebooks, section 1 first."""
    return sorted(home().glob("[0-9]*.ipynb"))


def chosen(names: Iterable[str]) -> list[Path]:
    """Return the notebooks that a user named, a folder's in the order of their names; the runbook's for none.

    Raises UsageError for what is no notebook.
    """
    found: list[Path] = []
    for path in map(Path, names):
        if path.is_dir():
            inside = sorted(each for each in path.glob("*.ipynb") if not each.name.startswith("."))
            if not inside:
                raise UsageError(f"{path}: there is no notebook in it")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path}: no such notebook or folder")
    return [path.resolve() for path in found] or sections()


def read(path: Path) -> NotebookNode:
    """Read a notebook; UsageError when it is none."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except (OSError, ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"{path}: no notebook that can be read: {said[0]}") from None
    return notebook


def declared(notebook: NotebookNode) -> dict[str, Any]:
    """Return the parameters that a notebook declares, in its cell tagged `parameters`: {name: default}.

    A default that is no literal is None: nothing is known of it before the notebook runs.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code" and _TAG in cell.metadata.get("tags", ()):
            return _assigned(cell.source)
    return {}


def title(notebook: NotebookNode, path: Path) -> str:
    """Return a notebook's first heading, or its file's name."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return str(line[2:]).strip()
    return path.stem


def _assigned(source: str) -> dict[str, Any]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a magic: the kernel can read it, we cannot
        return {}
    values: dict[str, Any] = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = _literal(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = _literal(value)
    return values


def _literal(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        return None
