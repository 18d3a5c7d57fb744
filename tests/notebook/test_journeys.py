"""`%%journey` in an IPython of this process, in a real lab."""

import pytest

from nslab.notebook.failures import Refused


@pytest.mark.one_id
def test_a_cell_shows_where_its_packet_went_and_the_notebook_has_the_journey(notebook):
    notebook.variables["target"] = "10.0.2.3"
    out = notebook.run("%%journey host\nping -c1 -W1 $target")
    assert "1 packets transmitted, 1 received" in out
    assert "ICMP echo request 10.0.2.15 → 10.0.2.3" in out
    assert "✓ delivered and answered" in out
    assert notebook.variables["journey"].delivered


def test_where_and_why_can_be_guessed_first(notebook):
    out = notebook.run("%%journey outside --hops --out knock\ncurl -s http://10.0.2.15:8123/ || true")
    assert "10.0.2.15:8123" in out
    assert "nothing listens" not in out
    notebook.run("print(knock.where); print(knock.why)")
    assert notebook.streams.out.startswith("host, after delivery\nnothing listens on 10.0.2.15:8123")
    assert "journey" not in notebook.variables


def test_a_command_may_fail_for_that_is_what_a_journey_is_for(notebook):
    notebook.run("%%journey outside\ncurl -s http://10.0.2.15:8123/")
    assert notebook.variables["journey"].returncode == 7


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%journey\nping", "%%journey: in which node? internet, outside, host: %%journey NODE"),
        ("%%journey host\n ", "%%journey: what shall be run? %%journey host, and on the next line: ping -c1 8.8.8.8"),
        ("%%journey nowhere\nping", "nowhere: no such node; nodes: internet, outside, host"),
    ],
)
def test_a_mistake_is_one_line(notebook, cell, said):
    assert notebook.refuses(cell, Refused) == said
