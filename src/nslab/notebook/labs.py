"""`%lab`: show the notebook's lab, make one, come into one, end one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from nslab.errors import NslabError
from nslab.instruments import Lab
from nslab.notebook.arguments import Arguments
from nslab.notebook.failures import Refused
from nslab.notebook.session import Session, default_name
from nslab.runbook.parameters import Parameters


def run(session: Session, line: str) -> None:
    """Do what the line after `%lab` says."""
    known = Arguments("%lab")
    known.add_argument("action", nargs="?", default="show")
    known.add_argument("name", metavar="NAME", nargs="?")
    known.add_argument("--at", metavar="N", type=int)
    values = known.read(line)
    if values.action not in _ACTIONS:
        raise Refused(f"%lab: {values.action} is none of up, attach, down (%lab? tells more)")
    if values.at is not None and values.action != "up":
        raise Refused("%lab: --at goes with up: %lab up --at N")
    _ACTIONS[values.action](session, values)


def _show(session: Session, _: argparse.Namespace) -> None:
    _tell(session)


def _tell(session: Session) -> None:
    lab = session.lab()
    print(f"The lab {lab.name} is up: {', '.join(lab.nodes())}")


def _up(session: Session, values: argparse.Namespace) -> None:
    name = values.name or default_name()
    # pyroute2 and the kernels of the earlier notebooks want an event loop of their own, and a cell runs in one.
    session.take(_in_a_thread(lambda: _bring(session, name, values.at)))
    _tell(session)


def _bring(session: Session, name: str, section: int | None) -> Lab:
    text = os.environ.get("NSLAB_OWNER", "")
    owner = int(text) if text.isdecimal() else None
    if section is not None:
        from nslab.runbook import replay

        parameters = Parameters.in_namespace(session.variables)
        lab: Lab = replay.bring(name, section, parameters, owner=owner, tell=print)
        return lab
    if name in Lab.names():
        return Lab.attach(name)
    return Lab.up(name, owner=owner, tell=print)


def _in_a_thread(action: Callable[[], Lab]) -> Lab:
    with ThreadPoolExecutor(1, thread_name_prefix="nslab: lab") as thread:
        return thread.submit(action).result()


def _attach(session: Session, values: argparse.Namespace) -> None:
    session.take(Lab.attach(values.name or default_name()))
    _tell(session)


def _down(session: Session, values: argparse.Namespace) -> None:
    held = session.variables.get("lab")
    name = values.name or (held.name if isinstance(held, Lab) else default_name())
    try:
        Lab.attach(name).down()
    except NslabError:
        raise Refused(f"there is no lab {name!r}") from None
    finally:
        if isinstance(held, Lab) and held.name == name:
            session.drop()
    print(f"The lab {name} is gone.")


_ACTIONS = {"show": _show, "up": _up, "attach": _attach, "down": _down}
