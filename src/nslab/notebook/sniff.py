"""`%%sniff` and `%sniff`: a capture around a cell's commands, or from one cell to another."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Final

from nslab.notebook import cells
from nslab.notebook.arguments import Arguments, for_cells, variable
from nslab.notebook.failures import Refused
from nslab.notebook.session import Session
from nslab.notebook.tables import Shown, Tables

if TYPE_CHECKING:
    from nslab.capture.capture import Capture

_VARIABLE: Final = re.compile(r"\$\{?(\w+)")
_ACTIONS: Final = ("start", "stop")


class Sniffer:
    """The captures of a notebook: one around a cell at a time, or one that runs from cell to cell.

    sniffer.cell("host:br0 -f icmp", "ping -c1 8.8.8.8")
    sniffer.line("start host:br0")
    sniffer.line("stop")
    """

    def __init__(self, session: Session, tables: Tables) -> None:
        self._session = session
        self._tables = tables
        self._running: tuple[Capture, Shown] | None = None

    def cell(self, line: str, text: str) -> None:
        """Capture while a cell runs, and show what was captured, however it ends."""
        options = for_a_cell().read(line)
        shown: Shown | None = None
        self._session.node(options.node)  # or its name is wrong: said before a capture begins
        capture = self._begin("%%sniff", options)
        options.out = None  # here it names the capture and not the output
        try:
            if self._tables.somebody_looks_on():
                shown = self._tables.show(capture)
            cells.run(self._session, options.node, options, text)
        finally:
            capture.stop()
            if shown is None:
                self._tables.show(capture)
            else:
                shown.settle()

    def line(self, line: str) -> None:
        """Start or stop a capture, or tell of the one that runs."""
        action, _, rest = line.strip().partition(" ")
        if action == "start":
            self._start(rest)
        elif action == "stop":
            Arguments("%sniff stop").read(rest)
            self._stop()
        elif action:
            hint = f"%sniff start {line.strip()}" if ":" in action else "%sniff start POINT…, %sniff stop"
            raise Refused(f"%sniff: {action} is none of {', '.join(_ACTIONS)}: {hint}")
        else:
            self._tell()

    def _start(self, line: str) -> None:
        known = Arguments("%sniff start")
        known.add_argument("--out", metavar="VAR", type=variable)
        options = _for_capture(known).read(line)
        if self._running is not None and self._running[0].running:
            raise Refused(f"%sniff: a capture at {_places(self._running[0])} runs already: %sniff stop")
        capture = self._begin("%sniff start", options)
        if self._tables.somebody_looks_on():
            self._running = capture, self._tables.show(capture)
        else:
            self._running = capture, _Unseen()
            print(f"Capturing at {_places(capture)}")

    def _stop(self) -> None:
        if self._running is None:
            raise Refused("%sniff: no capture runs: %sniff start POINT…")
        (capture, shown), self._running = self._running, None
        capture.stop()
        shown.make_room()
        self._tables.show(capture)

    def _tell(self) -> None:
        if self._running is None:
            raise Refused("%sniff: no capture runs: %sniff start POINT…")
        capture, _ = self._running
        lost = f", {capture.lost} lost" if capture.lost else ""
        ended = "Capturing" if capture.running else "The capture has ended"
        print(f"{ended} at {_places(capture)}: {len(capture)} packets{lost}")

    def _begin(self, magic: str, options: argparse.Namespace) -> Capture:
        """Return a capture that has begun; it is a notebook variable from then on."""
        for word in [*options.points, options.filter]:
            missing = _VARIABLE.search(word)
            if missing:
                raise Refused(f"{magic}: {word}: there is no notebook variable {missing[1]}")
        if not options.points:
            raise Refused(f"{magic}: where? NODE:INTERFACE, as in {magic} host:br0")
        from nslab.capture.capture import Capture

        capture = Capture(self._session, *options.points, filter=options.filter)
        capture.start()
        self._session.variables[options.out or "cap"] = capture
        return capture


class _Unseen(Shown):
    """A table that is only shown at its end."""

    def __init__(self) -> None:
        pass


def _for_capture(known: Arguments) -> Arguments:
    known.add_argument("points", metavar="POINT", nargs="*")
    known.add_argument("-f", "--filter", metavar="FILTER", default="")
    return known


def for_a_cell() -> Arguments:
    """Return what may stand on the first line of such a cell."""
    known = _for_capture(for_cells("%%sniff"))
    known.add_argument("--in", metavar="NODE", dest="node", default="host")
    return known


def _places(capture: Capture) -> str:
    return ", ".join(map(str, capture.points))
