"""Look at packets: as they come, and in a file."""

from __future__ import annotations

import os
import signal
import sys
import threading
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

_LOOK: Final = 0.1  # seconds: how late an event is told when no packet comes


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
        with _enough() as enough:
            cap.start()
            tell(f"listening at {', '.join(map(str, cap.points))}")
            view = _View(cap, count)
            while cap.running and not enough.is_set() and view.wants_more:
                cap.wait(view.shown, _LOOK)
                view.go_on()
            cap.stop()
            view.go_on()
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


class _View:
    """What has been shown of a capture: its packets on stdout, what happened at its points on stderr."""

    def __init__(self, cap: Capture, count: int | None) -> None:
        from nslab.capture.words import Dissector

        self.shown = 0
        self._told = 0
        self._words = Dissector()
        self._first = 0
        self._cap = cap
        self._count = count

    @property
    def wants_more(self) -> bool:
        return self._count is None or self.shown < self._count

    def go_on(self) -> None:
        """Show what has come since."""
        from nslab.capture.table import rows

        for event in self._cap.events[self._told :]:
            tell(str(event))
            self._told += 1
        packets = self._cap.since(self.shown)
        if self._count is not None:
            packets = packets.select(slice(self._count - self.shown))
        if len(packets):
            self._first = self._first or int(packets.time[0])
            self._words.feed(packets)
            self.shown += len(packets)
            _print(map(str, rows(packets, self._words, start=self.shown - len(packets), first=self._first)))


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
def _enough() -> Iterator[threading.Event]:
    """Yield what is set by SIGINT and SIGTERM: they end the capture, and what came is still shown and written."""
    enough = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        enough.set()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield enough
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


VERBS: Final = {"sniff": sniff, "table": table}
