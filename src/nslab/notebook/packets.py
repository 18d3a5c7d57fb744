"""The live table of packets in a browser: the widget. What it shows is kept up by a clerk (clerk.py)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nslab.capture.recording import Recording
from nslab.notebook.clerk import Clerk

_HERE = Path(__file__).parent


class PacketTable(anywidget.AnyWidget):
    """A table of packets that can be sorted, filtered and clicked, while they are captured and afterwards.

        PacketTable(capture)        # in a cell

    A notebook does not show it as a widget, but as a static table whose place it takes in a browser (`self.html()`):
    so that table is what is saved, and what is seen where no kernel is. Shown by itself, it is a widget as any other.
    """

    _esm = _HERE / "packets.js"
    _css = _HERE / "packets.css"
    key = traitlets.Unicode().tag(sync=True)  # of the place that it takes

    def __init__(self, source: Recording, *, at_end: Callable[[], None] | None = None) -> None:
        super().__init__(key=uuid.uuid4().hex[:12])
        self.source = source
        self._keep_apart()
        self.clerk = Clerk(source, self._tell, at_end=at_end)
        self.on_msg(self._hear)

    def html(self) -> str:
        """Return the static table, and around it the place that the live one takes."""
        return self.place(self.source._repr_html_())

    def place(self, html: str) -> str:
        """Return something else in that place, for the time until there is a table."""
        return f'<div class="nslab-live-{self.key}">{html}</div>'

    def close(self) -> None:
        """End it; what stays in the browser is the static table."""
        self.clerk.close()
        super().close()

    def _tell(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.send(content, buffers)
        self._keep_apart()

    def _keep_apart(self) -> None:
        """Have a browser's messages come on a thread of their own, as JupyterLab sends them (on a "subshell").

        From 7.4 on, ipykernel remembers which cell was the last to run when a comm has sent something, and sends all
        that comes to where that was: there it waits until no cell runs. Without that memory, it goes where it belongs.
        """
        self.comm.__dict__.pop("_reply_subshell_id", None)

    def _hear(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:  # noqa: ARG002
        self.clerk.hear(content)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        found = super()._repr_mimebundle_(**options)
        data, metadata = found if found is not None else ({}, {})
        return {**data, "text/html": self.source._repr_html_(), "text/plain": repr(self.source)}, metadata

    def __repr__(self) -> str:
        return repr(self.source)
