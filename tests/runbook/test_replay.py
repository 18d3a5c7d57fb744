"""A lab is brought to the start of a section by the earlier notebooks' own cells: here three small ones."""

from __future__ import annotations

import os

import nbformat
import pytest

from nslab.errors import LabError, UsageError
from nslab.instruments import Lab
from nslab.runbook import notebooks, replay
from nslab.runbook.parameters import Parameters

SECTIONS = {
    "1-one.ipynb": "%%host\necho $pings > ~/one",
    "2-two.ipynb": "%%host\ncat ~/one > ~/two",
    "3-three.ipynb": "%%host\necho 3 > ~/three",
}


@pytest.fixture
def runbook(tmp_path, monkeypatch):
    """Return the directory of a runbook with three short sections."""
    for name, cell in SECTIONS.items():
        rewrite(tmp_path / name, cell)
    monkeypatch.setattr(notebooks, "home", lambda: tmp_path)
    return tmp_path


def rewrite(path, cell):
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "nslab", "display_name": "nslab", "language": "python"}},
        cells=[
            nbformat.v4.new_code_cell("pings = 4", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(cell),
        ],
    )
    nbformat.write(notebook, path)


class Bring:
    """`replay.bring` for a lab of these tests, which ends with them; `told` is what the last one told."""

    def __init__(self):
        self.name = f"replay-{os.getpid()}"
        self.told = []

    def __call__(self, section, **parameters):
        self.told.clear()
        return replay.bring(self.name, section, Parameters.of(parameters), owner=os.getpid(), tell=self.told.append)


@pytest.fixture
def bring():
    """Return a Bring."""
    bring = Bring()
    yield bring
    if bring.name in Lab.names():
        Lab.attach(bring.name).down()


def notes(lab):
    return {key: lab.notes().get(key) for key in ("begun", "done")}


@pytest.mark.one_id
def test_the_earlier_sections_are_run_with_the_parameters(runbook, bring):
    lab = bring(3, pings=7)
    assert bring.told == ["Section 1 first: 1-one.ipynb", "Section 2 first: 2-two.ipynb"]
    assert lab["host"].run("cat /root/two; ls /root").stdout == "7\none\ntwo\n"
    assert notes(lab) == {"begun": 3, "done": 2}
    assert lab.notes()["parameters"] == Parameters(pings=7).as_dict()


def test_one_more_than_the_last_section_is_all_of_it(runbook, bring):
    lab = bring(4)
    assert lab["host"].run("cat /root/three").stdout == "3\n"
    assert notes(lab) == {"begun": 3, "done": 3}
    assert bring(4).pid == lab.pid


def test_a_lab_that_has_got_that_far_is_taken_as_it_is(runbook, bring):
    lab = bring(1)
    lab.note("done", 1)
    assert bring(2).pid == lab.pid
    assert bring.told == []
    assert notes(lab) == {"begun": 2, "done": 1}


def test_a_lab_that_has_got_part_of_the_way_goes_the_rest(runbook, bring):
    lab = bring(1)
    lab["host"].run("echo mine > /root/one")
    lab.note("done", 1)
    assert bring(3).pid == lab.pid
    assert bring.told == ["Section 2 first: 2-two.ipynb"]
    assert lab["host"].run("cat /root/two").stdout == "mine\n"


@pytest.mark.parametrize(
    ("at", "parameters", "says"),
    [
        ((2, 1), {}, "is in the middle of section 2"),
        ((2, 2), {}, "is past section 2"),
        ((1, 1), {"pings": 9}, "has other parameters"),
    ],
)
def test_any_other_lab_makes_room_for_a_new_one(runbook, bring, at, parameters, says):
    lab = bring(1)
    lab.note("begun", at[0])
    lab.note("done", at[1])
    new = bring(2, **parameters)
    assert new.pid != lab.pid
    assert bring.told == [f"The lab {bring.name} {says}: it makes room for a new one.", "Section 1 first: 1-one.ipynb"]
    assert notes(new) == {"begun": 2, "done": 1}


def test_a_section_that_fails_is_one_line_and_leaves_no_half_made_lab(runbook, bring):
    rewrite(runbook / "2-two.ipynb", "%%host\ntrue\nls /nosuch")
    with pytest.raises(LabError) as failed:
        bring(3)
    assert str(failed.value) == "section 2 could not be run: 2-two.ipynb: cell 3: ✗ host: exit 2 · line 2: ls /nosuch"
    assert bring.name not in Lab.names()


def test_there_is_no_other_section(runbook, bring):
    for section in (0, 5):
        with pytest.raises(UsageError, match=f"the sections are 1 to 3, and 4 is all of it done: not {section}"):
            bring(section)
    assert bring.name not in Lab.names()
