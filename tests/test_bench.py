"""The figures: what is measured is named, printed and judged. How fast this machine is, is not for a test to say."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from nslab import bench
from nslab.bench import exec_, script
from nslab.bench.table import Line, Table, medians, milliseconds
from nslab.errors import UsageError
from nslab.runbook import notebooks


def test_an_unknown_figure_is_a_usage_error():
    with pytest.raises(UsageError, match="nonsense: no such figure; there are exec, cells, lab, "):
        bench.main(["nonsense"])


def test_a_missed_goal_is_marked_and_is_the_exit_status(monkeypatch, capsys):
    table = Table("lab: p50", (Line("up", 0.2, "", "≤ 500 ms", met=True), Line("down", 0.4, "", "≤ 300 ms", met=False)))
    monkeypatch.setattr("nslab.bench.lab_.measure", lambda: table)
    assert bench.main(["lab"]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"up +200 ms +≤ 500 ms +✓\n", printed)
    assert re.search(r"down +400 ms +≤ 300 ms +✗\n", printed)


def test_each_way_is_tried_once_before_it_counts_and_then_in_turns():
    tried: list[str] = []
    took = medians({"a": lambda: tried.append("a"), "b": lambda: tried.append("b")}, rounds=3)
    assert tried == ["a", "b"] * 4
    assert set(took) == {"a", "b"}


def test_a_time_is_shown_in_milliseconds():
    assert milliseconds(0.0012345).strip() == "1.23 ms"
    assert milliseconds(1.5).strip() == "1500 ms"


@pytest.mark.one_id
def test_a_node_s_first_process_is_found_from_outside(shared_lab):
    pid = exec_.pid_outside(shared_lab["host"])
    assert (
        str(Path(f"/proc/{pid}/ns/net").readlink())
        == shared_lab["host"].run("readlink /proc/self/ns/net").stdout.strip()
    )


@pytest.mark.one_id
@pytest.mark.parametrize("name", ["exec", "cells", "lab", "journey"])
def test_every_figure_can_be_measured(name, monkeypatch):
    monkeypatch.setattr(f"nslab.bench.{name}_._ROUNDS", 3)
    monkeypatch.delenv("NSLAB_LAB", raising=False)
    lines = __import__(f"nslab.bench.{name}_", fromlist=["measure"]).measure().lines
    assert all(line.seconds > 0 for line in lines)
    assert any(line.goal for line in lines)
    assert "NSLAB_LAB" not in os.environ


def test_the_script_is_the_notebooks_own_cells():
    steps = list(script.steps(notebooks.sections()))
    assert [step.node for step in steps if step.window] == ["host"]
    assert {step.node for step in steps} == {"host", "mycontainer", "outside"}
    (masquerade,) = (step for step in steps if "MASQUERADE" in step.text)
    assert masquerade.variables == {"subnet": "172.17.0.0/24", "bridge": "br0"}


@pytest.mark.one_id
def test_a_terminal_keeps_what_a_step_set_and_goes_on_when_one_fails(shared_lab):
    def step(text: str) -> script.Step:
        return script.Step("host", text, {"word": "it's"}, window=False)

    with script.Terminal(shared_lab["host"]) as terminal:
        terminal.run(step("cd /tmp; false"))
        terminal.run(step('echo "$word" >bench-word'))
    shared_lab["host"].run("rm /tmp/bench-word")
