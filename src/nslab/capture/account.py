"""The account that a capture gives of itself: what is missing, where it listened, what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nslab.capture.reader import Reader, full
from nslab.capture.table import seconds
from nslab.capture.taps import Event, Tap


def alarms(reader: Reader, filter: str) -> Iterator[str]:
    """Yield what a reader of the table must not miss."""
    for tap in reader.taps:
        if tap.ring.dropped:
            yield f"{tap.point}: {_packets(tap.ring.dropped)} lost: the ring was full (a larger ring_mb holds more)"
    if not reader.ended.is_set():
        return
    if reader.full:
        yield f"it {full(reader.store.limit)}"
    elif not reader.exact:
        yield "not everything that the kernel has counted could be read"
    for tap in reader.taps:
        if tap.state == "never appeared":
            there = ", ".join(sorted(link.name for link in tap.links.known.values()))
            yield f"{tap.point}: there never was such an interface; {tap.point.node} has {there}"
    if not len(reader.store):
        listened = "; ".join(_listened(tap, filter) for tap in reader.taps if tap.state != "never appeared")
        yield f"no packets · {listened}" if listened else "no packets"


def remarks(reader: Reader, events: Sequence[Event]) -> Iterator[str]:
    """Yield what happened, at which time of the table's own."""
    first = int(reader.store.packets().time[0]) if len(reader.store) else None
    for event in events:
        when = "" if first is None else f"{seconds(event.time - first, 3)} s · "
        yield f"{when}{event}"
    if not reader.ended.is_set():
        yield f"listening at {', '.join(str(tap.point) for tap in reader.taps)}"


def _listened(tap: Tap, filter: str) -> str:
    """Return where a tap listened, and what shows that it did."""
    proof = "; the kernel had its tap in place at start and at stop" if tap.proved else ""
    passed = (
        f", {_packets(tap.passed)} passed and the filter “{filter}” let none in" if filter and tap.passed > 0 else ""
    )
    return f"{tap.point}: {tap.state}{passed}{proof}"


def _packets(count: int) -> str:
    return f"{count} packet{'' if count == 1 else 's'}"
