"""Explain: which of the known causes is proved; "unknown" when none is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nslab.journey.causes import CAUSES
from nslab.journey.correlate import Trip
from nslab.journey.model import Why
from nslab.journey.place import At, Stage


def why(at: At) -> Why:
    """Return the first of the causes that is proved; code "unknown" when none is."""
    facts = [*_facts(at)]
    for cause in CAUSES:
        if at.stage not in cause.stages:
            continue
        proof = cause.proof(at)
        if proof is not None:
            named = {"node": at.node, "who": at.who, "device": at.device} | proof.names
            remedy = proof.remedy or cause.remedy.format(**named)
            return Why(
                cause.code,
                cause.message.format(**named),
                tuple(dict.fromkeys(filter(None, [*proof.because, *facts]))),
                remedy,
                (proof.place or named.get("at", at.node)) if remedy else "",
                cause.link,
            )
    return Why("unknown", "cause not known", tuple(facts))


def _facts(at: At) -> Iterator[str]:
    """Yield the raw evidence, whatever it proves."""
    if at.leg:
        last = at.leg.last
        name = last.point if last.layer == "inet" else f"{last.layer} {last.point}"
        yield f"last seen in {at.node} at {name} ({last.way}): {last.packet.sender} → {last.packet.receiver}"
    else:
        yield f"no packet of the command was seen in {at.node}"
    if at.stage is Stage.ROUTING:
        came = f" iif {at.came_by.name}" if at.came_by else ""
        yield f"asked the kernel: ip route get {at.packet.dst} from {at.packet.src}{came} → {at.way.text}"
    for name in (
        "Ip InAddrErrors",
        "IpExt InNoRoutes",
        "TcpExt IPReversePathFilter",
        "Ip InHdrErrors",
        "Ip OutNoRoutes",
    ):
        if grown := at.counted(name):
            yield f"{at.node}: {name} +{grown}"
    if at.trip and at.trip.error:
        told = at.trip.error.first
        yield f"{told.node} told the sender: {told.packet.name}, code {told.packet.code}"
    if said := _said(at.observation.said):
        yield f"the program said: {said}"


def _said(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("PING", "---", "rtt"))]
    return " / ".join(telling)[:160]


def notes(trip: Trip, trips: Sequence[Trip]) -> Iterator[str]:
    """Yield what else there was: fragments, the rest of the conversation, other conversations."""
    if trip.pieces:
        yield f"it was sent in {trip.pieces} fragments; the first of them is followed"
    if trip.others:
        large = f", {trip.large} of them larger than a wire takes (GSO)" if trip.large else ""
        yield f"and {trip.others} more packet{'s' if trip.others > 1 else ''} of this conversation{large}"
    for each in trips:
        if each is not trip:
            state = "answered" if each.answered and each.answer else "delivered" if each.answered else "not delivered"
            yield f"also: {each.packet.name} {each.packet.sender} → {each.packet.receiver}: {state}"
