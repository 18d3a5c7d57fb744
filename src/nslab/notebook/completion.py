"""Node names complete after `%%container` and `%%node`, points and nodes after `%%sniff` and `%sniff start`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from nslab.errors import NslabError
from nslab.notebook.session import Session

_SNIFF: Final = re.compile(r"(?:%%sniff|%sniff\s+start)\s(?:.*\s)?(\S*)")
_NODE: Final = re.compile(r"--in\s+\S*$")
_ACTION: Final = re.compile(r"%sniff\s+(\w*)")
_BEFORE: Final = re.compile(r"%{1,2}(container|node)\s+(\S*)")


def add_to(ipython: InteractiveShell, session: Session) -> None:
    """Have IPython ask for node names where one is wanted."""

    @context_matcher()  # type: ignore[untyped-decorator]
    def nslab_nodes(context: CompletionContext) -> SimpleMatcherResult:
        line = context.line_with_cursor[: context.cursor_position].lstrip()
        if context.cursor_line:
            return {"completions": []}
        token, names = _wanted(session, line)
        matching = [SimpleCompletion(name, type="node") for name in names if name.startswith(token)]
        return {"completions": matching, "suppress": bool(names)}  # no Python names and no files beside them

    if ipython.Completer is not None:
        ipython.Completer.custom_matchers.append(nslab_nodes)


def _wanted(session: Session, line: str) -> tuple[str, list[str]]:
    """Return what is begun at the end of a line, and all that it may become."""
    if found := _BEFORE.fullmatch(line):
        return found[2], _names(session.containers if found[1] == "container" else session.nodes)
    if found := _SNIFF.fullmatch(line):
        begun = found[1]
        return begun, _names(session.nodes if _NODE.search(line) else lambda: _points(session, begun))
    if found := _ACTION.fullmatch(line):
        return found[1], ["start", "stop"]
    return "", []


def _points(session: Session, begun: str) -> list[str]:
    """Return the points of a node that is named already, else the nodes, each with its colon."""
    from nslab.capture.links import Links

    name, colon, _ = begun.partition(":")
    if not colon:
        return [f"{node}:" for node in session.nodes()]
    links = Links(session.node(name))
    try:
        return [f"{name}:{link.name}" for link in links.known.values()]
    finally:
        links.close()


def _names(which: Callable[[], list[str]]) -> list[str]:
    try:
        return which()
    except NslabError:  # no lab yet: nothing to offer
        return []
