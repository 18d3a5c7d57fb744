"""`%%journey NODE`: run a cell's commands in a node, and show what became of their packet."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from IPython.display import display

from nslab.notebook.arguments import Arguments, seconds, variable
from nslab.notebook.failures import CellFailed, Refused
from nslab.notebook.session import Session
from nslab.notebook.variables import named

if TYPE_CHECKING:
    from nslab.journey.journey import Journey

_VARIABLE: Final = "journey"
_INTERRUPTED: Final = 128 + int(signal.SIGINT)


def run(session: Session, line: str, text: str) -> None:
    """Follow the packet of a cell; the journey is the notebook's variable `journey`, or what --out says."""
    options = for_a_cell().read(line)
    if options.node is None:
        raise Refused(f"%%journey: in which node? {', '.join(session.nodes())}: %%journey NODE")
    if not text.strip():
        raise Refused(f"%%journey: what shall be run? %%journey {options.node}, and on the next line: ping -c1 8.8.8.8")
    env = named(text, session.variables)
    try:
        journey = session.lab().journey(session.node(options.node), text, timeout=options.timeout, env=env)
    except KeyboardInterrupt:
        raise CellFailed(options.node, _INTERRUPTED, "interrupted") from None
    session.variables[options.out or _VARIABLE] = journey
    if journey.said:
        print(journey.said, end="" if journey.said.endswith("\n") else "\n")
    _show(journey, only_hops=options.hops)


def _show(journey: Journey, *, only_hops: bool) -> None:
    if only_hops:  # where and why are still to be guessed
        display({"text/html": journey.hops_html(), "text/plain": journey.table()}, raw=True)  # type: ignore[no-untyped-call]
    else:
        display(journey)  # type: ignore[no-untyped-call]


def for_a_cell() -> Arguments:
    """Return what may stand on the first line of such a cell."""
    arguments = Arguments("%%journey")
    arguments.add_argument("node", metavar="NAME", nargs="?")
    arguments.add_argument("--out", metavar="VAR", type=variable)
    arguments.add_argument("--timeout", metavar="S", type=seconds)
    arguments.add_argument("--hops", action="store_true")
    return arguments
