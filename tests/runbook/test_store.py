"""What is stored of a run: what a reader wants to see, and nothing of the machine or the day."""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nslab.runbook.store import IGNORED, text, tidy


def stored(*, written: str, tags: tuple[str, ...] = ()) -> str:
    """Return what is stored of a cell's output."""
    cell = new_code_cell("…", outputs=[new_output("stream", text=written)], metadata={"tags": list(tags)})
    notebook = new_notebook(cells=[cell])
    tidy(notebook, lab="store-1234")
    return str(notebook.cells[0].outputs[0].text)


def test_a_long_log_is_stored_with_its_first_and_last_lines():
    lines = [f"line {number}\n" for number in range(100)]
    kept = stored(written="".join(lines), tags=(IGNORED,)).splitlines()
    assert kept == ["line 0", "line 1", "line 2", "… 93 more lines", "line 96", "line 97", "line 98", "line 99"]


def test_no_archive_is_named_in_a_log():
    assert stored(written="Get:1 http://archive.example/debian\nDone\n", tags=(IGNORED,)) == "Done\n"


def test_what_is_compared_is_stored_as_it_was():
    page = "http://10.0.2.15:8080/\n\n" * 100
    assert stored(written=page) == page


def test_the_lab_is_stored_under_its_usual_name():
    assert stored(written="The lab store-1234 is up\n") == "The lab runbook is up\n"


def test_times_and_versions_are_taken_out_and_tags_are_kept():
    cell = new_code_cell("…", execution_count=7, metadata={"tags": ["parameters"], "execution": {"iopub": "today"}})
    notebook = new_notebook(cells=[new_markdown_cell("# One"), cell], metadata={"papermill": {"duration": 1.0}})
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    tidy(notebook, lab="store-1234")
    assert notebook.cells[1].metadata == {"tags": ["parameters"]}
    assert notebook.cells[1].execution_count == 1
    assert "papermill" not in text(notebook)
    assert "3.11.7" not in text(notebook)
