"""Which notebooks are meant, and what they declare."""

from __future__ import annotations

import nbformat
import pytest

from nslab.errors import UsageError
from nslab.runbook import notebooks


def test_the_runbook_has_its_four_sections():
    assert [path.name[0] for path in notebooks.sections()] == ["1", "2", "3", "4"]
    assert notebooks.chosen([]) == notebooks.sections()


def test_a_folder_means_its_notebooks_in_order(tmp_path):
    for name in ("b.ipynb", "a.ipynb", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in notebooks.chosen([str(tmp_path)])] == ["a.ipynb", "b.ipynb"]


def test_a_folder_without_notebooks_is_a_mistake(tmp_path):
    with pytest.raises(UsageError, match="there is no notebook in it"):
        notebooks.chosen([str(tmp_path)])


@pytest.mark.parametrize(
    ("source", "declared"),
    [
        ("a = 1\nb: str = 'x'  # why", {"a": 1, "b": "x"}),
        ("a = len('x')", {"a": None}),
        ("a, b = 1, 2", {}),
        ("%magic", {}),
    ],
)
def test_what_the_cell_of_parameters_assigns_is_declared(source, declared):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    other = nbformat.v4.new_code_cell("c = 3")
    assert notebooks.declared(nbformat.v4.new_notebook(cells=[other, cell])) == declared


def test_a_notebook_goes_by_its_first_heading_or_its_name(tmp_path):
    with_title = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A title\n\nprose")])
    assert notebooks.title(with_title, tmp_path / "x.ipynb") == "A title"
    assert notebooks.title(nbformat.v4.new_notebook(), tmp_path / "x.ipynb") == "x"
