"""Follow a packet."""

from __future__ import annotations

import json
import sys
from typing import Final

import click

from nslab.cli import options
from nslab.instruments import Lab


@click.command()
@options.lab
@click.argument("node")
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
@click.argument("command", metavar="-- CMD…", nargs=-1, required=True)
def journey(name: str, node: str, command: tuple[str, ...], *, as_json: bool) -> None:
    """Run a program in a node and follow its packet: where it went, and where and why it stopped.

    What the program writes comes first. The exit status is 0 also when the packet was not delivered; 1 when
    observations were lost, and nothing is known.
    """
    followed = Lab.attach(name).journey(node, command)
    if as_json:
        click.echo(json.dumps(followed.to_json(), indent=2, ensure_ascii=False))
    else:
        click.echo(followed.said, nl=bool(followed.said) and not followed.said.endswith("\n"))
        click.echo(followed)
    sys.exit(1 if followed.lost else 0)


VERBS: Final = {"journey": journey}
