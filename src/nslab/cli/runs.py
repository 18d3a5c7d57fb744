"""Run the notebooks, or open them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final

import click

from nslab.cli import options


class _Stopped(BaseException):
    """SIGINT or SIGTERM: the run ends, its lab and its kernels with it."""


@click.command()
@click.argument("notebooks", metavar="[NOTEBOOK | FOLDER]…", nargs=-1)
@options.parameters
@click.option("--report", "place", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Its place.")
def run(notebooks: tuple[str, ...], pairs: tuple[tuple[str, str], ...], place: Path | None) -> None:
    """Run notebooks in order in one fresh lab, and write a report; without arguments, the runbook."""
    from nslab.runbook import run as running

    tasks = running.plan(notebooks, pairs)
    place = place or Path("reports") / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    with _stoppable():
        try:
            running.run(tasks, place)
        finally:
            index = place.resolve() / "index.html"
            if index.exists():
                click.echo(index)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into an orderly end."""

    def stop(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # the end of a lab takes a moment, and ends by itself
        raise _Stopped(number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    try:
        yield
    except _Stopped as stopped:
        print("nslab: stopped", file=sys.stderr)
        sys.stderr.flush()
        sys.stdout.flush()
        # Not sys.exit: what a kernel's client has left half-way would be told of at the interpreter's end.
        os._exit(128 + int(stopped.args[0]))


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks; further ARGS are its own."""
    from nslab.runbook import notebooks

    place = notebooks.home()
    if place.is_relative_to(Path(__file__).parents[1]) or not os.access(place, os.W_OK):  # a wheel's, or root's
        place = copied(place, Path("nslab-notebooks"))
    as_root = ["--allow-root"] if os.geteuid() == 0 and "--allow-root" not in arguments else []
    words = ["-m", "jupyterlab", f"--ServerApp.root_dir={place.resolve()}", *as_root, *arguments]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *words])


def copied(source: Path, target: Path) -> Path:
    """Copy the notebooks to where their reader can change them; those that are there already are theirs."""
    target.mkdir(exist_ok=True)
    for path in source.glob("*.ipynb"):
        if not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
    return target


VERBS: Final = {"run": run, "lab": lab}
