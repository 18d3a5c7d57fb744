"""Node names complete after `%%container` and `%%node`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from nslab.errors import NslabError
from nslab.notebook.session import Session

_BEFORE: Final = re.compile(r"%{1,2}(container|node)\s+(\S*)")


def add_to(ipython: InteractiveShell, session: Session) -> None:
    """Have IPython ask for node names where one is wanted."""

    @context_matcher()  # type: ignore[untyped-decorator]
    def nslab_nodes(context: CompletionContext) -> SimpleMatcherResult:
        line = context.line_with_cursor[: context.cursor_position].lstrip()
        found = _BEFORE.fullmatch(line) if context.cursor_line == 0 else None
        if found is None:
            return {"completions": []}
        names = _names(session.containers if found[1] == "container" else session.nodes)
        matching = [SimpleCompletion(name, type="node") for name in names if name.startswith(found[2])]
        return {"completions": matching, "suppress": True}  # no Python names and no files beside them

    if ipython.Completer is not None:
        ipython.Completer.custom_matchers.append(nslab_nodes)


def _names(which: Callable[[], list[str]]) -> list[str]:
    try:
        return which()
    except NslabError:  # no lab yet: nothing to offer
        return []
