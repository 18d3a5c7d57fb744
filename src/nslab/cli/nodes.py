"""Run something in a node of a lab."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from nslab.cli import options
from nslab.errors import CommandFailed, UsageError
from nslab.instruments import Lab


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@options.lab
@click.argument("node")
@click.argument("command", metavar="-- CMD…", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(name: str, node: str, command: tuple[str, ...]) -> None:
    """Run a program in a node: stdin, stdout, stderr, signals and exit status pass through."""
    from nslab.lab import terminal

    # Not `with`: that would end the lab.
    lab = Lab.attach(name)
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise UsageError("exec: what shall be run? nslab exec NODE -- CMD…")
    try:
        status = terminal.run(lab, node, words)
    except CommandFailed as failed:  # not found, or not to be executed: 127 and 126, as a shell has it
        print(f"nslab: {failed}", file=sys.stderr)
        status = failed.returncode
    sys.exit(status)


@click.command()
@options.lab
@click.argument("node")
def shell(name: str, node: str) -> None:
    """Open a terminal in a node: a shell with job control, as large as your window."""
    from nslab.lab import terminal

    lab = Lab.attach(name)
    if not (os.isatty(0) and os.isatty(1)):
        raise UsageError(f"shell wants a terminal; without one: nslab exec {node} -- bash")
    sys.exit(terminal.run_in_terminal(lab, node, ["bash", "-l"]))


VERBS: Final = {"exec": exec_, "shell": shell}
