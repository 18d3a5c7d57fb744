"""Notebooks in an IPython of this process, without a lab or in the shared one."""

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nslab.notebook import magics
from nslab.notebook.failures import Refused


class Notebook:
    """Runs cells; what they raise is raised."""

    def __init__(self, shell, capsys):
        self.shell = shell
        self.variables = shell.user_ns
        self._capsys = capsys

    def run(self, cell):
        self._capsys.readouterr()
        result = self.shell.run_cell(cell)
        self.streams = self._capsys.readouterr()
        result.raise_error()
        return self.streams.out

    def refuses(self, cell, kind=Refused):
        with pytest.raises(kind) as caught:
            self.run(cell)
        (line,) = caught.value._render_traceback_()
        assert line == f"\x1b[31m✗ {caught.value}\x1b[0m"
        return str(caught.value)

    def completes(self, line):
        with provisionalcompleter():
            return [each.text for each in self.shell.Completer.completions(line, len(line))]


@pytest.fixture
def end_containers():
    """Return what ends all containers of a host."""
    return _end_containers


def _end_containers(host):
    for each in host.containers():
        host.run(["kill", "-9", str(each["pid"])])
    while host.containers():
        pass


@pytest.fixture
def empty(capsys, monkeypatch):
    """Return a notebook without a lab."""
    monkeypatch.setenv("NSLAB_LAB", "there-is-none")
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    magics.load_ipython_extension(shell)
    made = Notebook(shell, capsys)
    yield made
    shell.magics_manager.registry["LabMagics"].session.forget()


@pytest.fixture
def notebook(empty, shared_lab):
    """Return a notebook in the shared lab."""
    empty.variables["lab"] = shared_lab
    return empty


@pytest.fixture
def container(notebook, shared_lab):
    """Return the name of a container of the shared lab."""
    notebook.run("%%host\nip netns add c1")
    notebook.run("%%host --window\nunshare --fork --pid --net=/run/netns/c1 --mount --uts --ipc --root=/ bash")
    yield "c1"
    _end_containers(shared_lab["host"])
    # unshare --net=FILE has put its own namespace on top of the file, each time.
    shared_lab["host"].run("for _ in 1 2 3; do ip netns del c1 && exit; done; exit 1")
