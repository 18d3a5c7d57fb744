"""`%%sniff` and `%sniff` in an IPython of this process, in a real lab."""

import os
import threading

import nbformat
import pytest
from nbclient import NotebookClient

from nslab.notebook.failures import CellFailed

PING = "ping -c 1 10.0.2.2"


@pytest.mark.one_id
def test_a_cell_is_run_and_what_it_sends_is_a_table(notebook):
    out = notebook.run(f"%%sniff host:eth0 -f icmp\n{PING}")
    assert "1 packets transmitted, 1 received" in out
    assert [line.split()[5] for line in out.splitlines() if "Echo (ping)" in line] == ["ICMP", "ICMP"]
    assert out.index("Echo (ping)") > out.index("1 received")
    assert [len(notebook.variables["cap"]), notebook.variables["cap"].running] == [2, False]


def test_several_points_and_the_node_of_the_commands(notebook):
    out = notebook.run("%%sniff outside:eth0 -f icmp host:eth0 --in outside --out seen\nhostname; ping -c 1 10.0.2.15")
    assert out.startswith("outside\n")
    points = {str(notebook.variables["seen"].points[each]) for each in notebook.variables["seen"].packets_.point}
    assert points == {"outside:eth0", "host:eth0"}
    assert "cap" not in notebook.variables


def test_the_last_expression_of_a_cell_is_a_table(notebook):
    notebook.run(f"%%sniff host:eth0 -f icmp\n{PING}")
    assert "Echo (ping) reply" in notebook.run("cap")


def test_notebook_variables_name_the_points(notebook):
    notebook.variables["interface"] = "eth0"
    notebook.run(f"%%sniff host:$interface -f icmp\n{PING}")
    assert [str(point) for point in notebook.variables["cap"].points] == ["host:eth0"]


def test_a_cell_that_fails_is_a_failed_cell_after_its_table(notebook):
    told = notebook.refuses(f"%%sniff host:eth0 -f icmp\n{PING}\nfalse", CellFailed)
    assert told == "host: exit 1 · line 2: false"
    assert "Echo (ping) reply" in notebook.streams.out


def test_a_failure_may_be_expected_and_time_be_limited(notebook):
    notebook.run("%%sniff host:eth0 -f icmp --expect 1\nping -c 1 10.0.2.2; exit 1")
    told = notebook.refuses("%%sniff host:eth0 --timeout 0.3\nsleep 60", CellFailed)
    assert told == "host: still running after 0.3 s, so it was ended · sleep 60"
    assert notebook.variables["cap"].running is False


def test_a_capture_runs_from_cell_to_cell(notebook):
    assert notebook.run("%sniff start host:eth0 -f icmp") == "Capturing at host:eth0\n"
    notebook.run(f"%%host\n{PING}")
    assert notebook.refuses("%sniff start host:lo") == "%sniff: a capture at host:eth0 runs already: %sniff stop"
    while len(notebook.variables["cap"]) < 2:
        pass
    assert notebook.run("%sniff") == "Capturing at host:eth0: 2 packets\n"
    assert "Echo (ping) reply" in notebook.run("%sniff stop")
    assert notebook.refuses("%sniff stop") == "%sniff: no capture runs: %sniff start POINT…"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%sniff\nls", "%%sniff: where? NODE:INTERFACE, as in %%sniff host:br0"),
        ("%%sniff\n", "%%sniff: where? NODE:INTERFACE, as in %%sniff host:br0"),
        ("%%sniff eth0\nls", "eth0: a point is NODE:INTERFACE, as in host:br0"),
        ("%%sniff hots:eth0\nls", "hots: no such node; nodes: internet, outside, host"),
        ("%%sniff host:eth0 --in hots\nls", "hots: no such node; nodes: internet, outside, host"),
        ("%%sniff host:$nosuch\nls", "%%sniff: host:$nosuch: there is no notebook variable nosuch"),
        ("%%sniff host:eth0 --filtre x\nls", "%%sniff: no option is called --filtre; did you mean --filter?"),
        ("%sniff strat host:eth0", "%sniff: strat is none of start, stop: %sniff start POINT…, %sniff stop"),
        ("%sniff host:eth0", "%sniff: host:eth0 is none of start, stop: %sniff start host:eth0"),
        ("%sniff", "%sniff: no capture runs: %sniff start POINT…"),
        ("%sniff stop now", "%sniff stop: now is one word too many"),
    ],
)
def test_a_mistake_is_one_line(notebook, cell, said):
    assert notebook.refuses(cell) == said


def test_a_wrong_filter_is_one_line(notebook):
    told = notebook.refuses("%%sniff host:eth0 -f 'icmp nad host 8.8.8.8'\nls")
    assert told.startswith("filter: ")
    assert "\n" not in told
    assert "nad" in told


def test_points_and_nodes_complete(notebook):
    assert set(notebook.completes("%%sniff ")) == {"internet:", "outside:", "host:"}
    assert "host:eth0" in [f"host:{each.removeprefix('host:')}" for each in notebook.completes("%%sniff host:e")]
    assert notebook.completes("%%sniff host:eth0 --in o") == ["outside"]
    assert set(notebook.completes("%sniff st")) == {"start", "stop"}
    assert set(notebook.completes("%sniff start h")) == {"host:"}


def test_nothing_is_left_of_a_capture(notebook):
    before = set(threading.enumerate())
    notebook.run(f"%%sniff host:eth0 -f icmp\n{PING}")
    assert not [each.name for each in threading.enumerate() if each not in before]


def test_a_notebook_that_is_only_run_has_plain_tables_and_no_widgets(shared_lab):
    cells = ["%sniff start host:eth0 -f icmp", f"%%host\n{PING}", "%sniff stop", f"%%sniff host:eth0 -f icmp\n{PING}"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(made, kernel_name="nslab", timeout=60)
    client.execute(env={**os.environ, "NSLAB_LAB": shared_lab.name})
    assert "widgets" not in made.metadata
    shown = [output for cell in made.cells for output in cell.outputs if output.output_type == "display_data"]
    assert [set(output.data) for output in shown] == [{"text/html", "text/plain"}] * 2
    assert all("nslab-live" not in output.data["text/html"] for output in shown)
    assert all("Echo (ping) reply" in output.data["text/plain"] for output in shown)
