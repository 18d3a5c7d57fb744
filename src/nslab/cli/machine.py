"""What this machine can do, how fast, and the kernel that it offers."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from nslab.errors import LabError, UsageError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
def doctor(*, as_json: bool) -> None:
    """Say what a lab wants of this machine, and what to do where it is missing."""
    from nslab.lab.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False))
    else:
        for each in findings:
            click.echo(repr(each))
    sys.exit(0 if all(each.ok or not each.needed for each in findings) else 3)


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1)
def bench(names: tuple[str, ...]) -> None:
    """Measure, and print a table."""
    sys.exit(importlib.import_module("nslab.bench").main(list(names)))


@click.group()
def kernel() -> None:
    """The Jupyter kernel “Container networking (nslab)”."""


@kernel.command()
@click.option("--user", is_flag=True, help="For you, whatever Python environment you are in (the default).")
@click.option("--sys-prefix", is_flag=True, help="For this Python environment.")
@click.option("--prefix", metavar="PATH", help="For the environment at PATH.")
def install(*, user: bool, sys_prefix: bool, prefix: str | None) -> None:
    """Offer the kernel to a Jupyter outside this Python environment: it will start this very Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    if user + sys_prefix + (prefix is not None) > 1:
        raise UsageError("kernel install: one of --user, --sys-prefix and --prefix")
    source = Path(__file__).parents[1] / "notebook" / "kernelspec" / "kernel.json"
    spec = json.loads(source.read_text())
    spec["argv"][0] = sys.executable
    where = sys.prefix if sys_prefix else prefix
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n")
        try:
            place = KernelSpecManager().install_kernel_spec(made, "nslab", user=where is None, prefix=where)
        except OSError as error:
            raise LabError(f"the kernel cannot be installed: {error.filename}: {error.strerror}") from None
    click.echo(place)


VERBS: Final = {"doctor": doctor, "bench": bench, "kernel": kernel}
