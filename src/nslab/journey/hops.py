"""The rows of a journey: every interface and hook, and who has rewritten what there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nslab.journey.correlate import Leg, Trip
from nslab.journey.model import Hop, Rewrite
from nslab.journey.observe import Observation
from nslab.journey.packet import TCP, UDP, Packet
from nslab.journey.place import At, Stage, legacy_grown
from nslab.journey.rules import Words
from nslab.journey.sightings import Sighting

_UNDONE: Final = "connection tracking (undo NAT)"
_KEPT: Final = "connection tracking (decided for the first packet)"


def rows(observation: Observation, trip: Trip, at: At | None) -> tuple[Hop, ...]:
    """Return the rows of the table: interfaces and hooks, out and back."""
    words = at or At(observation, trip, trip.request, "", observation.node, Stage.DELIVERED)
    begun = next((each.time for each in trip.request.sightings if each.time), 0)
    found: list[Hop] = []
    for way, leg in (("out", trip.request), ("back", trip.answer), ("back", trip.error if not trip.answer else Leg())):
        found += _rows(leg, way, begun, words)
    return tuple(found)


def _rows(leg: Leg, way: str, begun: int, at: At) -> list[Hop]:
    rows: list[Hop] = []
    before: Packet | None = None
    for each in leg.sightings:
        if each.layer not in ("device", "inet"):
            continue
        changed = tuple(_changes(before, each, way, at)) if before else ()
        before = each.packet
        if each.layer == "inet" and each.way == "last" and rows and rows[-1].point == each.point:
            last = rows.pop()
            changed = last.rewrites + changed
        point = each.point if each.layer == "inet" else f"{each.point} {'◀' if each.way == 'in' else '▶'}"
        packet = each.packet
        time = max(0, each.time - begun) if each.time else (rows[-1].time if rows else 0)
        rows.append(Hop(each.node, point, packet.sender, packet.receiver, packet.ttl, way, time, changed))
    return rows


def _changes(before: Packet, each: Sighting, way: str, at: At) -> Iterator[Rewrite]:
    now = each.packet
    pairs = [("src", before.src, now.src), ("dst", before.dst, now.dst)]
    if now.protocol in (TCP, UDP):
        pairs += [("sport", str(before.sport), str(now.sport)), ("dport", str(before.dport), str(now.dport))]
    changed = [pair for pair in pairs if pair[1] != pair[2]]
    if changed:
        by = _author(each, way, at)
        for name, old, new in changed:
            yield Rewrite(name, old, new, by)
    if before.ttl != now.ttl:
        yield Rewrite("ttl", str(before.ttl), str(now.ttl), "forwarding")


def _author(each: Sighting, way: str, at: At) -> str:
    """Return the words of the rule that has rewritten it, or that connection tracking did."""
    if way == "back":
        return _UNDONE
    for decision in at.traced(each):
        if decision.handle:
            words = at.rules(each.node).words(decision)
            if words.rewrites and _fits(words, each.point):
                return words.text
    grown = legacy_grown(at.observation, each.node, "nat")
    telling = [rule for rule in grown if (words := Words(rule, "")).rewrites and _fits(words, each.point)]
    return telling[0] if len(telling) == 1 else _KEPT


def _fits(words: Words, hook: str) -> bool:
    return (words.rewrites == "source") == (hook in ("POSTROUTING", "INPUT"))
