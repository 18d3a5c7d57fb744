"""A shell cell: run it, show what it writes, and judge how it ended."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Final

from nslab.notebook import refusals, window
from nslab.notebook.failures import CellFailed, Refused
from nslab.notebook.output import Limits, Output
from nslab.notebook.session import FIXED, Session
from nslab.notebook.shell import Ending
from nslab.notebook.variables import named

_TIMED_OUT: Final = 124  # as timeout(1) says it
_A_VARIABLE: Final = Limits(lines=1 << 40, characters=1 << 26)


def run(session: Session, node: str, options: argparse.Namespace, text: str) -> None:
    """Run a cell in a node; CellFailed when it does not end as it should."""
    kept: list[str] = []

    def write(stream: str, piece: str) -> None:
        if options.out is not None and stream == "stdout":
            kept.append(piece)
        else:
            (sys.stdout if stream == "stdout" else sys.stderr).write(piece)

    limits = _A_VARIABLE if options.out is not None else Limits()
    output = Output(write, colour=options.colour, limits=limits)
    try:
        ending = _run(session, node, options, text, output)
    finally:
        output.close()
        if options.out is not None:
            session.variables[options.out] = "".join(kept)
    _judge(ending, node, text, options)


def _run(session: Session, node: str, options: argparse.Namespace, text: str, output: Output) -> Ending:
    variables = named(text, session.variables)
    if not options.window:
        return session.run(
            node,
            text,
            output,
            variables=variables,
            split=options.split,
            colour=options.colour,
            timeout=options.timeout,
        )
    found = session.node(node)
    terminals = found if node in FIXED else session.node("host")
    opened = window.run(
        found,
        text,
        output,
        terminals=terminals,
        variables=variables,
        cwd=session.directory(node),
        timeout=options.timeout,
    )
    if opened.ending is None:
        output.drop_begun()
        made = f"; in it runs the container {', '.join(opened.containers)}" if opened.containers else ""
        output.feed("stdout", f"The window stays open{made}.\n".encode())
    return opened.ending or Ending(0)


def _judge(ending: Ending, node: str, text: str, options: argparse.Namespace) -> None:
    if ending.complaint:
        raise Refused(f"{node}: not run · {ending.complaint}")
    if ending.stopped == "interrupted":
        raise CellFailed(node, ending.status, "interrupted")
    status = _TIMED_OUT if ending.stopped else ending.status
    if options.expect is None and status:
        return
    if status == options.expect:
        if ending.lost:
            sys.stdout.write(f"{node}: the shell has ended; the next cell gets a new one\n")
        return
    line, command = _failed_line(text, ending.line)
    why = "" if ending.stopped else refusals.explain(command)
    raise CellFailed(node, status, _told(ending, status, options), line=line, command=command, why=why)


def _told(ending: Ending, status: int, options: argparse.Namespace) -> str:
    """Say how it ended, and how it should have."""
    if ending.stopped:
        told = f"still running after {options.timeout:g} s, so it was ended"
    elif ending.lost and status > 128:
        told = f"the shell was killed by {_signal(status - 128)}; the next cell gets a new one"
    elif ending.lost:
        told = f"exit {status} · the shell has ended; the next cell gets a new one"
    else:
        told = f"exit {status}"
    if options.expect == 0:
        return told
    return f"{told}, expected {'any other than 0' if options.expect is None else options.expect}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _failed_line(text: str, number: int | None) -> tuple[int | None, str]:
    """Return the line that failed, without its number where there is only one."""
    lines = text.splitlines()
    if number is None or not 1 <= number <= len(lines):
        return None, ""
    command = lines[number - 1].strip()
    shown = command if len(command) <= 120 else f"{command[:119].rstrip()}…"
    commands = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return (None if len(commands) == 1 else number), shown
