"""Tables of packets in a notebook: live where somebody looks on, plain where a notebook is only run."""

from __future__ import annotations

import threading
import uuid
from html import escape
from typing import TYPE_CHECKING, Any, Final

from IPython.core.interactiveshell import InteractiveShell

if TYPE_CHECKING:
    from nslab.capture.recording import Recording
    from nslab.notebook.packets import PacketTable

_MOST: Final = 24  # tables that can be clicked, the newest ones
_MOST_PACKETS: Final = 3_000_000  # in all of them
_AT_ONCE: Final = 20_000  # packets, then the table is shown before all words are found


class Tables:
    """Shows recordings and captures in a notebook, and keeps those that can still be clicked.

    tables.show(recording)
    shown = tables.show(capture)        # while it runs
    shown.settle()                      # it has ended: the whole table is what is saved with the notebook
    """

    def __init__(self, ipython: InteractiveShell) -> None:
        self._ipython = ipython
        self._live: list[PacketTable] = []

    def somebody_looks_on(self) -> bool:
        """Whether a cell is run in a notebook in front of a person, and not by a program.

        papermill, nbconvert and nbval say that there is nobody to type an answer; only notebooks name their cell.
        """
        parent: dict[str, Any] = getattr(self._ipython, "get_parent", dict)()
        answers = parent.get("content", {}).get("allow_stdin")
        return bool(answers and parent.get("metadata", {}).get("cellId"))

    def show(self, source: Recording) -> Shown:
        """Show a table below the cell."""
        if not self.somebody_looks_on():
            return Shown(source, self._ipython)
        shown = Live(source, self._ipython)
        self._live.append(shown.table)
        self._let_go()
        return shown

    def _let_go(self) -> None:
        """End the oldest ones: what is in them would be kept as long as the kernel lives."""
        self._live = [table for table in self._live if table.comm is not None]
        ended = [table for table in self._live if not table.source.running]
        packets = sum(len(table.source) for table in self._live)
        for table in ended:
            if table is self._live[-1] or (len(self._live) <= _MOST and packets <= _MOST_PACKETS):
                break
            packets -= len(table.source)
            self._live.remove(table)
            table.close()


class Shown:
    """A table that was shown: a plain one."""

    def __init__(self, source: Recording, ipython: InteractiveShell) -> None:
        ipython.display_pub.publish({"text/html": source._repr_html_(), "text/plain": repr(source)})

    def settle(self) -> None:
        """Have the whole table in the notebook."""

    def make_room(self) -> None:
        """Have one line instead: the table is shown somewhere else from now on."""


class Live(Shown):
    """A table that a browser makes a live one, and whose plain one is put right when it has ended."""

    def __init__(self, source: Recording, ipython: InteractiveShell) -> None:
        from nslab.notebook.packets import PacketTable  # ipywidgets take their time

        self._settled = False
        self._ipython = ipython
        self._name = {"display_id": uuid.uuid4().hex}
        self._lock = threading.Lock()
        self._shown = threading.Event()
        self.table = PacketTable(source, at_end=self._at_end)
        begun = source.running or len(source) > _AT_ONCE
        bundle = self._begun(source) if begun else self._whole()
        self._settled = not begun
        ipython.display_pub.publish(bundle, transient=self._name)
        self._shown.set()

    def settle(self) -> None:
        """Have the whole table in the notebook."""
        with self._lock:
            if not self._settled:
                self._settled = True
                self._update(self._whole())

    def make_room(self) -> None:
        """Have one line instead: the table is shown somewhere else from now on."""
        with self._lock:
            if self._settled:
                return
            self._settled = True
            said = f"Captured {len(self.table.source)} packets at {_places(self.table.source)}."
            self._update({"text/html": f"<div>{escape(said)}</div>", "text/plain": said})
        self.table.close()

    def _at_end(self) -> None:
        self._shown.wait()
        self.settle()

    def _update(self, bundle: dict[str, str]) -> None:
        self._ipython.display_pub.publish(bundle, transient=self._name, update=True)

    def _whole(self) -> dict[str, str]:
        return {"text/html": self.table.html(), "text/plain": repr(self.table.source)}

    def _begun(self, source: Recording) -> dict[str, str]:
        said = f"Capturing at {_places(source)} …" if source.running else f"Reading {len(source)} packets …"
        return {"text/html": self.table.place(f"<div>{escape(said)}</div>"), "text/plain": said}


def _places(source: Recording) -> str:
    return ", ".join(map(str, source.points))
