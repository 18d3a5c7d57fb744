"""What several commands have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from nslab.lab.lab import DEFAULT


def lab_name() -> str:
    """Return the lab that a command means when none is named."""
    return os.environ.get("NSLAB_LAB") or DEFAULT


def tell(line: str) -> None:
    """Say what takes long; stdout is for what was asked for."""
    click.echo(line, err=True)


lab: Callable[[Any], Any] = click.option(
    "--lab", "name", metavar="NAME", default=lab_name, help="The lab, if not $NSLAB_LAB or “runbook”."
)
parameters: Callable[[Any], Any] = click.option(
    "-p", "pairs", metavar="NAME VALUE", nargs=2, multiple=True, help="Set a parameter of the notebooks; repeatable."
)
