"""Make labs, list them, end them."""

from __future__ import annotations

import json
import os
from typing import Any, Final

import click

from nslab.cli import options
from nslab.errors import LabError, UsageError
from nslab.instruments import Lab
from nslab.lab.lab import IDLE


@click.command()
@click.argument("name", default=options.lab_name)
@click.option("--at", "section", metavar="SECTION", type=int, help="Bring it to the start of this section.")
@options.parameters
@click.option("--idle", metavar="SECONDS", type=float, default=IDLE, help="End it when nobody used it for so long.")
@click.option("--owner", metavar="PID", type=int, help="End it with this process.")
def up(name: str, section: int | None, pairs: tuple[tuple[str, str], ...], idle: float, owner: int | None) -> None:
    """Make a lab, or see that there is one."""
    if owner is None and os.environ.get("NSLAB_OWNER", "").isdecimal():
        owner = int(os.environ["NSLAB_OWNER"])
    if owner is not None and not _is_there(owner):
        raise UsageError(f"--owner: there is no process {owner}")
    if section is not None:
        from nslab.runbook import replay
        from nslab.runbook.parameters import Parameters

        lab = replay.bring(name, section, Parameters.parse(pairs), owner=owner, idle=idle, tell=options.tell)
    elif pairs:
        raise UsageError("-p goes with --at: a lab has no parameters before a section has been run")
    elif name in Lab.names():
        lab = Lab.attach(name)
    else:
        lab = Lab.up(name, owner=owner, idle=idle, tell=options.tell)
    click.echo(f"lab {lab.name} is up: {', '.join(lab.nodes())}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
def ls(*, as_json: bool) -> None:
    """List your labs."""
    found = list(filter(None, map(_facts, Lab.names())))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for each in found:
        made_by = "an ordinary user's" if each["rootless"] else "root's"
        click.echo(f"{each['name']}  pid {each['pid']}  {_age(each['age'])}  {made_by}  {', '.join(each['nodes'])}")


@click.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All of your labs.")
def down(name: str | None, *, every: bool) -> None:
    """End a lab: everything in it is gone."""
    if every and name:
        raise UsageError("down: a NAME or --all, not both")
    for each in Lab.names() if every else [name or options.lab_name()]:
        Lab.attach(each).down()
        click.echo(f"lab {each} is gone")


def _facts(name: str) -> dict[str, Any] | None:
    try:
        lab = Lab.attach(name)
        return {"name": name, "pid": lab.pid, "nodes": lab.nodes(), "age": lab.age, "rootless": lab.rootless}
    except LabError:  # it has ended meanwhile, or is not whole yet
        return None


def _is_there(pid: int) -> bool:
    try:
        os.close(os.pidfd_open(pid))
    except (OSError, OverflowError):
        return False
    return True


def _age(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


VERBS: Final = {"up": up, "ls": ls, "down": down}
