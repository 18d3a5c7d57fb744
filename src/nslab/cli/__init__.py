"""The command line: `nslab …`, one thin command per verb."""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from typing import Final

import click

import nslab
from nslab.errors import NslabError

# Each command's module is imported when it is used: `nslab exec` must not wait for papermill.
_HOME: Final = {
    "up": "labs",
    "ls": "labs",
    "exec": "nodes",
    "shell": "nodes",
    "down": "labs",
    "sniff": "sniff",
    "table": "sniff",
    "journey": "journey",
    "run": "runs",
    "lab": "runs",
    "doctor": "machine",
    "bench": "machine",
    "kernel": "machine",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_HOME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in _HOME:
            close = get_close_matches(cmd_name, _HOME, n=1)
            ctx.fail(f"no command is called {cmd_name!r}{f'; did you mean {close[0]}?' if close else ''}")
        verbs: dict[str, click.Command] = importlib.import_module(f"nslab.cli.{_HOME[cmd_name]}").VERBS
        return verbs[cmd_name]


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nslab.__version__, prog_name="nslab")
def nslab_() -> None:
    """Container networking you can run, watch and hand in.

    A lab is a small world of namespaces: an internet, an outside client, a host, and the containers that you make.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 it did it, 1 the lab or the run says no, 2 wrong use, 3 this machine cannot."""
    try:
        status = nslab_.main(arguments, prog_name="nslab", standalone_mode=False)
    except NslabError as error:
        _complain(str(error))
        status = error.exit_status
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        status = 2
    except click.UsageError as error:
        _complain(f"{error.format_message()} (see: {error.ctx.command_path if error.ctx else 'nslab'} --help)")
        status = 2
    except click.ClickException as error:
        _complain(error.format_message())
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = 130
    except BrokenPipeError:  # `nslab ls | head -0`: nobody is there to be told
        status = 141
    sys.exit(status)


def _complain(said: str) -> None:
    for line in said.splitlines():
        print(f"nslab: {line}", file=sys.stderr)
