"""Explain: where a packet stopped, and which of the known causes is proved; "unknown" when none is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final

from nslab.journey.asked import Address, Interface, Network, Way
from nslab.journey.correlate import Leg, Trip, addresses_in
from nslab.journey.model import Hop, Rewrite, Where, Why
from nslab.journey.observe import Observation
from nslab.journey.packet import ICMP, ICMP6, TCP, UDP, Packet
from nslab.journey.rules import Rules, Words
from nslab.journey.taps import Question, Sighting, Traced

_UNDONE: Final = "connection tracking (undo NAT)"
_KEPT: Final = "connection tracking (decided for the first packet)"


class Stage(Enum):
    """Where on its way through a node a packet can stop."""

    NEVER_SENT = "the program, before a packet was sent"
    HOOK = "{point}"
    ROUTING = "the routing decision"
    DELIVERED = "its sockets"
    LOCAL = "the local output"
    FORWARDING = "forwarding"
    NEIGHBOUR = "the question for the next hop's MAC address, on {device}"
    QUEUE = "the sending by {device}"
    EGRESS_RULE = "the egress hook of {device}"
    INGRESS_RULE = "the ingress hook of {device}"
    INGRESS = "the traffic control of {device}, as it came in"
    RECEIVING = "the receiving by {device}"
    PORT = "the bridge port {device}"
    BRIDGE_RULE = "the bridge's own hook {point}"
    BRIDGE = "the bridge {device}"
    BRIDGE_OUT = "the bridge {device}, on its way out"
    WIRE = "the wire behind {device}"


@dataclass
class At:
    """The place where a packet stopped, and all that can be asked there: what the proofs of the causes look at."""

    observation: Observation
    trip: Trip | None
    leg: Leg
    who: str  # "the packet" or "the answer"
    node: str
    stage: Stage
    point: str = ""
    device: str = ""
    evidence: list[str] = field(default_factory=list)

    # ---- the place

    @property
    def network(self) -> Network:
        return self.observation.networks[self.node]

    @property
    def networks(self) -> Mapping[str, Network]:
        return self.observation.networks

    @property
    def packet(self) -> Packet:
        return self.leg.last.packet

    @property
    def family(self) -> int:
        return self.packet.family

    @property
    def interface(self) -> Interface | None:
        return self.network.interface(self.device)

    @cached_property
    def came_by(self) -> Interface | None:
        """The interface that IP has received it on, here."""
        for each in reversed(self.leg.visit()):
            if each.layer == "device" and each.way == "in":
                found = self.network.interface(each.point)
                if found and found.master:
                    return self.network.interfaces.get(found.master)
                return found
        return None

    @cached_property
    def goes_by(self) -> Interface | None:
        """The interface that IP has sent it to, here."""
        for each in reversed(self.leg.visit()):
            if each.oif and each.layer == "inet":
                return self.network.interfaces.get(each.oif)
        return self.interface

    @cached_property
    def is_local(self) -> bool:
        """Whether it was sent by this very node."""
        return any(each.point == "OUTPUT" and each.layer == "inet" for each in self.leg.visit())

    @property
    def refused_by_error(self) -> Packet | None:
        return self.trip.error.first.packet if self.trip and self.trip.error else None

    # ---- the kernel's answers

    @cached_property
    def way(self) -> Way:
        """The routing decision, asked for again with the same question."""
        iif = self.came_by.index if self.came_by and not self.is_local else 0
        source = self.packet.src if iif or self.packet.family == 4 else ""
        return self.network.way(self.packet.dst, source=source, iif=iif)

    @cached_property
    def next_hop(self) -> str:
        return self.way.gateway or self.packet.dst

    def setting(self, name: str) -> str | None:
        return self.network.setting(name)

    def counted(self, name: str) -> int:
        return self.observation.counted(self.node, name)

    # ---- firewall rules

    def rules(self, node: str = "") -> Rules:
        name = node or self.node
        known: dict[str, Rules] = self.__dict__.setdefault("_rules", {})
        return known.setdefault(name, Rules(self.networks[name]))

    def traced(self, sighting: Sighting) -> list[Traced]:
        """Return what rules have decided about the packet in that node."""
        wanted = _short(sighting.packet)
        return [
            each
            for each in self.observation.seen.traced
            if each.node == sighting.node and _short(each.packet) == wanted
        ]

    # ---- the lab

    def owners(self, address: str, *, but: str = "") -> list[tuple[Network, Address]]:
        """Return who in the lab has an address."""
        found = []
        for network in self.networks.values():
            if network.name != but and (owned := network.owner_of(address)):
                found.append((network, owned))
        return found

    def questions(self, target: str, *, answers: bool = False) -> list[Question]:
        began = self.observation.began
        return [
            each
            for each in self.observation.seen.questions
            if each.answer == answers and each.target == target and each.time >= began
        ]

    def other_end(self, interface: Interface) -> tuple[Network, Interface] | None:
        """Return where the cable leads to; None when its other end is in no node of the lab."""
        for network in self.networks.values():
            there = network.interfaces.get(interface.peer)
            if there and there.peer == interface.index and self.network.peer_is_in(interface, network):
                return network, there
        return None


# ---- where


def place(observation: Observation, trip: Trip | None) -> At | None:
    """Return where the packet, or its answer, stopped; None when all went well."""
    if trip is None or not trip.request:
        return At(observation, trip, Leg(), "the packet", observation.node, Stage.NEVER_SENT)
    if trip.answered:
        return None
    if not trip.request.arrived():
        return _stopped(observation, trip, trip.request, "the packet")
    if trip.answer and not trip.refused and not trip.answer.arrived():
        return _stopped(observation, trip, trip.answer, "the answer")
    if trip.answer and not trip.refused and trip.answer.last.node != trip.request.first.node:
        return _stopped(observation, trip, trip.answer, "the answer")
    last = trip.request.last
    return At(observation, trip, trip.request, "the packet", last.node, Stage.DELIVERED)


def _stopped(observation: Observation, trip: Trip, leg: Leg, who: str) -> At:
    last = leg.last
    network = observation.networks[last.node]
    stage, device = _stage(network, leg)
    return At(observation, trip, leg, who, last.node, stage, last.point, device)


def _stage(network: Network, leg: Leg) -> tuple[Stage, str]:
    last, visit = leg.last, leg.visit()
    out = network.name_of(last.oif)
    if last.layer == "inet":
        if last.way == "first":
            return Stage.HOOK, out
        after = {"INPUT": Stage.DELIVERED, "FORWARD": Stage.FORWARDING, "OUTPUT": Stage.LOCAL}
        if last.point == "POSTROUTING":
            return Stage.NEIGHBOUR, out
        return after.get(last.point, Stage.ROUTING), out or network.name_of(last.iif)
    if last.layer == "bridge":
        bridge = network.name_of(last.iif if last.point in ("PREROUTING", "INPUT") else last.oif)
        port = network.interface(bridge)
        name = network.name_of(port.master) if port and port.master else bridge
        return (Stage.BRIDGE_RULE, name) if last.way == "first" else (Stage.BRIDGE, name)
    if last.layer == "egress":
        return (Stage.EGRESS_RULE if last.way == "first" else Stage.QUEUE), last.point
    interface = network.interface(last.point)
    if last.layer == "ingress":
        if last.way == "first":
            return Stage.INGRESS_RULE, last.point
        if interface and interface.master:
            return Stage.PORT, last.point
        routed = any(each.layer == "inet" and each.point == "PREROUTING" for each in visit)
        return (Stage.ROUTING if routed else Stage.RECEIVING), last.point
    if last.way == "out":
        return (Stage.BRIDGE_OUT if interface and interface.kind == "bridge" else Stage.WIRE), last.point
    return Stage.INGRESS, last.point


def where(at: At) -> Where:
    """Return the place in words."""
    if at.stage is Stage.WIRE and at.interface:
        there = at.other_end(at.interface)
        end = f"{there[0].name}:{there[1].name}" if there else "something that is no node of the lab"
        return Where(at.node, f"the wire between {at.node}:{at.device} and {end}")
    return Where(at.node, at.stage.value.format(point=at.point, device=at.device))


# ---- why


def why(at: At) -> Why:
    """Return the first of the causes that is proved; code "unknown" when none is."""
    from nslab.journey.causes import CAUSES

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
                tuple(dict.fromkeys(filter(None, [*proof.because, *at.evidence, *facts]))),
                remedy,
                (named.get("at", at.node) if remedy else ""),
                cause.link,
            )
    return Why("unknown", "cause not known", tuple(filter(None, [*at.evidence, *facts])))


def _facts(at: At) -> Iterator[str]:
    """Yield the raw evidence, whatever it proves."""
    if at.leg:
        last = at.leg.last
        name = last.point if last.layer == "inet" else f"{last.layer} {last.point}"
        yield f"last seen in {at.node} at {name} ({last.way}): {last.packet.sender} → {last.packet.receiver}"
    if at.stage is Stage.ROUTING:
        came = f" iif {at.came_by.name}" if at.came_by else ""
        yield f"asked the kernel: ip route get {at.packet.dst} from {at.packet.src}{came} → {at.way.text}"
    for name in ("Ip InAddrErrors", "IpExt InNoRoutes", "TcpExt IPReversePathFilter", "Ip InHdrErrors", "Ip OutNoRoutes"):
        if grown := at.counted(name):
            yield f"{at.node}: {name} +{grown}"
    if error := at.refused_by_error:
        assert at.trip is not None
        yield f"{at.trip.error.first.node} told the sender: {error.name}, code {error.code}"
    if said := _said(at.observation.said):
        yield f"the program said: {said}"


def _said(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("PING", "---", "rtt"))]
    return " / ".join(telling)[:160]


# ---- hops


def hops(observation: Observation, trip: Trip, at: At | None) -> tuple[Hop, ...]:
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


def legacy_grown(observation: Observation, node: str, table: str) -> list[str]:
    """Return the rules and policies of iptables-legacy that have counted something meanwhile."""
    before, after = observation.before[node].legacy, observation.after[node].legacy
    return [
        key[2]
        for key, (_, packets) in after.items()
        if key[0] == table and packets > before.get(key, ("", packets if key not in before else 0))[1]
    ]


def _short(packet: Packet) -> tuple[object, ...]:
    """Return what a trace message still has of a packet: it shows 20 bytes behind the IP header."""
    size = {ICMP: 12, ICMP6: 12, UDP: 12}.get(packet.protocol, 0)
    return (*packet.key[:-1], packet.data[:size], packet.destination if packet.offset else b"")


def intended(at: At) -> str:
    """Return the address that a command without a packet had in mind: the only one that it names."""
    named = addresses_in(at.observation.command)
    return named[0] if len(named) == 1 else ""


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
