"""Look at packets: as they come, and in a file."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from nslab.cli import options
from nslab.instruments import Lab

if TYPE_CHECKING:
    from nslab.capture.capture import Capture

_LOOK: Final = 1.0  # seconds: how late an event is told when no packet comes


class _Enough(BaseException):
    """SIGINT or SIGTERM: what came until now is what was wanted."""


@click.command()
@options.lab
@click.argument("points", metavar="POINT…", nargs=-1, required=True)
@click.option("-f", "filter_", metavar="FILTER", default="", help="What to let in, in tcpdump's language.")
@click.option("-c", "count", metavar="COUNT", type=click.IntRange(min=1), help="Stop after so many packets.")
@click.option("-w", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help=".pcapng or .pcap.")
def sniff(name: str, points: tuple[str, ...], filter_: str, count: int | None, file: Path | None) -> None:
    """Show the packets at points NODE:INTERFACE, one line each as tshark prints them, until Ctrl-C."""
    from nslab.capture import files

    if file is not None:
        files.check(file)
    cap = Lab.attach(name).capture(*points, filter=filter_)
    try:
        # From here on a signal ends the capture and not the program: what came is still to be written.
        with _until_enough():
            cap.start()
            tell(f"listening at {', '.join(map(str, cap.points))}")
            _show(cap, count)
    finally:
        cap.stop()
        if file is not None:
            files.save(cap.since(0).select(slice(count)), file, filter=filter_, dropped=cap.lost_at)
    for alarm in cap.alarms:
        tell(alarm)


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "csv", "json"]), default="text", help="text, if not said.")
def table(file: Path, form: str) -> None:
    """Print a .pcap or .pcapng file: No. Time Source Destination Protocol Length Info, as tshark does."""
    from nslab.capture import files

    recording = files.read(file)
    shown = recording.table
    _print({"text": shown.lines, "csv": shown.csv, "json": shown.json}[form]())
    for alarm in recording.alarms:
        tell(alarm)
    sys.exit(1 if recording.alarms else 0)


def tell(line: str) -> None:
    """Say something that is no packet."""
    print(f"nslab: {line}", file=sys.stderr, flush=True)


def _show(cap: Capture, count: int | None) -> None:
    """Print packets as they come, and what happens at their points; return when there are enough."""
    from nslab.capture.table import rows
    from nslab.capture.words import Dissector

    words = Dissector()
    shown = told = 0
    while count is None or shown < count:
        cap.wait(shown, _LOOK)
        over = not cap.running
        for event in cap.events[told:]:
            tell(str(event))
            told += 1
        packets = cap.since(shown).select(slice(None if count is None else count - shown))
        if not len(packets):
            if over:
                return
            continue
        words.feed(packets)
        first = int(cap.since(0).time[0])
        _print(map(str, rows(packets, words, start=shown, first=first)))
        shown += len(packets)


def _print(lines: Iterable[str]) -> None:
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on (`| head`); what is still to be written out at the end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise


@contextmanager
def _until_enough() -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise _Enough

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    try:
        yield
    except _Enough:
        pass
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)


VERBS: Final = {"sniff": sniff, "table": table}
