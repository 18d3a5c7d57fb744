"""`%%journey`: a journey in a notebook's cell."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nslab.notebook import magics
from nslab.notebook.failures import Refused


@pytest.fixture
def notebook(shared_lab):
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    magics.load_ipython_extension(shell)
    shell.user_ns["lab"] = shared_lab
    yield shell
    shell.magics_manager.registry["LabMagics"].session.forget()


def run(notebook, cell):
    notebook.run_cell(cell).raise_error()


def test_a_cell_follows_the_packet_of_its_command(notebook, capsys):
    run(notebook, "%%journey outside\nping -c1 -W0.3 8.8.8.8")
    told = capsys.readouterr().out
    assert "1 received" in told
    assert "✓ delivered and answered" in told
    assert notebook.user_ns["journey"].delivered


def test_a_cell_may_show_the_hops_and_keep_the_verdict_for_later(notebook, capsys):
    run(notebook, "%%journey outside --hops --out first\nping -c1 -W0.2 10.0.2.99")
    told = capsys.readouterr().out
    assert "POSTROUTING" in told
    assert "nobody answers" not in told
    assert notebook.user_ns["first"].why.code == "nobody-answers-arp"


@pytest.mark.parametrize("cell", ["%%journey\ntrue", "%%journey outside", "%%journey nowhere\ntrue"])
def test_a_mistake_in_a_journeys_first_line_is_one_line(notebook, cell):
    with pytest.raises(Refused):
        run(notebook, cell)
