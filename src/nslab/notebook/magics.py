"""The magics: shell cells in the nodes of a lab, and the lab itself. Each `?` shows an example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class

from nslab.errors import NslabError
from nslab.notebook import arguments, cells, completion, journeys, labs
from nslab.notebook.arguments import Arguments, for_cells
from nslab.notebook.failures import CellFailed, Refused
from nslab.notebook.session import FIXED, Session
from nslab.notebook.sniff import Sniffer
from nslab.notebook.tables import Tables
from nslab.notebook.topology import Pictures

_HELP: Final = """

The node's shell lives on from cell to cell: directory, exported variables, functions, aliases and `&` jobs stay.
A command that fails ends the cell, as with `set -e`; write `command || true` to go on, or `set +e` for the cell.
A notebook variable that the cell names as `$name` reaches it as an environment variable.

    --expect N     the cell must end with status N; `any`: with any status but 0
    --timeout S    end it after S seconds
    --out VAR      put what it writes into the notebook variable VAR instead of showing it
    --split        keep standard error apart; its place among the output is lost
    --colour       leave colours and progress lines as they are
    --window       run it in a terminal of its own, which stays open when the cell is done
"""

_FOR_HOST: Final = for_cells("%%host")
_FOR_CONTAINER: Final = for_cells("%%container", of_a_node=True)
_FOR_NODE: Final = for_cells("%%node", of_a_node=True)


@magics_class
class LabMagics(Magics):
    """Shell cells and the lab's own magic."""

    def __init__(self, shell: InteractiveShell, session: Session, sniffer: Sniffer, pictures: Pictures) -> None:
        super().__init__(shell)
        self.pictures = pictures
        self.session = session
        self.sniffer = sniffer

    @cell_magic
    def host(self, line: str, cell: str) -> None:
        """Run a cell in the lab's host.

        %%host
        ip netns add mycontainer
        lsns -t net
        """
        with one_line():
            cells.run(self.session, "host", _FOR_HOST.read(line), cell)

    @line_cell_magic
    def container(self, line: str, cell: str | None = None) -> None:
        """Run a cell in a container, by the name of its network namespace.

        %%container mycontainer
        ip address show dev eth0

        Without a name it is the one that the notebook variable `name` names, or else the only one. As a line, it gives
        a container a name by the PID of its first process, as the host counts:

        %container mycontainer --pid 4321
        """
        with one_line():
            if cell is None:
                self._name_container(line)
                return
            values = _FOR_CONTAINER.read(line)
            if values.node in FIXED:
                raise Refused(f"%%container: {values.node} is a node of the lab and no container: %%node {values.node}")
            cells.run(self.session, values.node or self.session.default_container(), values, cell)

    @cell_magic
    def node(self, line: str, cell: str) -> None:
        """Run a cell in any node: internet, outside, host or a container.

        %%node outside
        curl http://10.0.2.15:8080/
        """
        with one_line():
            values = _FOR_NODE.read(line)
            if values.node is None:
                raise Refused(f"%%node: which one? {', '.join(self.session.nodes())}: %%node NAME")
            cells.run(self.session, values.node, values, cell)

    @line_cell_magic
    def sniff(self, line: str, cell: str | None = None) -> None:
        """Capture packets at points NODE:INTERFACE while a cell runs, and show them as a table.

        %%sniff host:br0 host:eth0 --in mycontainer -f "icmp and host 8.8.8.8"
        ping -c 2 8.8.8.8

        The capture has begun before the cell's first command, and everything that was sent up to its end is in it. It
        is the variable `cap`: cap.frame, cap.packets, cap[7].show(), cap.save("x.pcapng").

        --in NODE      where the commands run; without it in the host
        -f FILTER      what is captured, in tcpdump's language
        --out VAR      the name of the capture, instead of cap

        The options --expect, --timeout, --split, --colour and --window are those of %%host. Several cells long:

        %sniff start host:br0 host:eth0 -f icmp
        %sniff                  how many there are so far
        %sniff stop             end it, and show the table
        """
        with one_line():
            if cell is None:
                self.sniffer.line(line)
            else:
                self.sniffer.cell(line, cell)

    @cell_magic
    def journey(self, line: str, cell: str) -> None:
        """Run commands in a node, and follow their packet: every interface and hook, where it stopped, and why.

        %%journey mycontainer
        ping -c1 -W1 8.8.8.8

        It is the variable `journey`: journey.hops, journey.where, journey.why, journey.table(), journey.ladder().

        A notebook variable that the cell names as `$name` reaches it as an environment variable.

        --hops         show the hops only: where and why are still to be guessed
        --out VAR      the name of the journey, instead of journey
        --timeout S    end the commands after S seconds
        """
        with one_line():
            journeys.run(self.session, line, cell)

    @line_magic
    def lab(self, line: str) -> None:
        """Show the notebook's lab, make one, come into one, end one; it is the variable `lab`.

        %lab                    show it
        %lab up                 come into it, or make it
        %lab up --at 3          have it at the start of section 3, by running the earlier notebooks where need be
        %lab attach exercise    come into the lab `exercise`
        %lab down               end it

        Without a name it is the lab `runbook`.
        """
        with one_line():
            labs.run(self.session, line)

    @line_magic
    def topology(self, line: str) -> None:
        """Show a picture of the lab as it is now: nodes, interfaces, cables, routes, rules that rewrite addresses.

        %topology

        In a browser it follows what the cells change; a `%topology` further down leaves this one as it is.
        `lab.draw()` returns a picture that stays.
        """
        with one_line():
            Arguments("%topology").read(line)
            self.pictures.show()

    def _name_container(self, line: str) -> None:
        known = Arguments("%container")
        known.add_argument("node", metavar="NAME")
        known.add_argument("--pid", metavar="N", type=arguments.pid, required=True)
        values = known.read(line)
        self.session.name_container(values.node, values.pid)


for _magic in (LabMagics.host, LabMagics.container, LabMagics.node):
    _magic.__doc__ = (_magic.__doc__ or "").rstrip() + _HELP


@contextmanager
def one_line() -> Iterator[None]:
    """Have every mistake end as one red line with a real error output, which IPython's own UsageError has not."""
    try:
        yield
    except (CellFailed, Refused):
        raise
    except NslabError as error:
        raise Refused(str(error)) from None


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magics, the completion of node names, and the empty cell."""
    if LabMagics.__name__ in ipython.magics_manager.registry:  # the teaching kernel has them from its start
        return
    session = Session(ipython.user_ns)
    tables = Tables(ipython)
    pictures = Pictures(session, tables.somebody_looks_on)
    ipython.register_magics(LabMagics(ipython, session, Sniffer(session, tables), pictures))
    ipython.events.register("post_run_cell", pictures.after_cell)
    formatter = ipython.display_formatter
    if formatter is not None:
        formatter.ipython_display_formatter.for_type_by_name("nslab.capture.recording", "Recording", tables.show)
    completion.add_to(ipython, session)
    transformers: list[Callable[[list[str]], list[str]]] = ipython.input_transformers_cleanup
    transformers.insert(0, _with_a_body)


def _with_a_body(lines: list[str]) -> list[str]:
    """Give a shell cell without commands an empty line: IPython calls it a UsageError, which runs green in nbval."""
    words: list[Any] = lines[0].split(maxsplit=1) if lines else []
    alone = len(lines) == 1 and words and words[0] in {"%%host", "%%container", "%%node", "%%sniff", "%%journey"}
    return [lines[0].rstrip("\n") + "\n", "\n"] if alone else lines
