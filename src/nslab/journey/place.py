"""The place where a packet stopped, and all that can be asked there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final

from nslab.errors import NslabError
from nslab.journey.asked import Network
from nslab.journey.correlate import Leg, Trip, addresses_in
from nslab.journey.model import Where
from nslab.journey.observe import Observation
from nslab.journey.packet import ICMP, ICMP6, UDP, Packet
from nslab.journey.rules import Rules
from nslab.journey.sightings import Question, Sighting, Traced
from nslab.journey.tables import Address, Interface, Way
from nslab.sandbox.door import Node

_UNDONE: Final = "connection tracking (undo NAT)"
_KEPT: Final = "connection tracking (decided for the first packet)"


_PATIENCE: Final = 5.0  # seconds


class Stage(Enum):
    """Where on its way through a node a packet can stop."""

    NEVER_SENT = "the program, before a packet was sent"
    HOOK = "{point}"
    ROUTING = "the routing decision"
    DELIVERED = "after delivery"
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
    UNWANTED = "the program that has asked"
    REASSEMBLY = "the putting together of its fragments"


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
    known_rules: dict[str, Rules] = field(default_factory=dict)

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
        packet = self.routed
        source = packet.src if iif or packet.family == 4 else ""
        ports = (packet.sport, packet.dport)
        return self.network.way(self.packet.dst, source=source, iif=iif, protocol=packet.protocol, ports=ports)

    @property
    def routed(self) -> Packet:
        """The packet as the routing decision saw it: POSTROUTING may have rewritten its source since."""
        for each in reversed(self.leg.visit()):
            if each.layer == "inet" and each.point != "POSTROUTING" and not each.port_out:
                return each.packet
        return self.packet

    @cached_property
    def next_hop(self) -> str:
        return self.way.gateway or self.packet.dst

    def setting(self, name: str) -> str | None:
        return self.network.setting(name)

    @cached_property
    def sent_by(self) -> tuple[Network, str] | None:
        """Who has sent it to this node, and whom it had in mind: its next hop."""
        for each in reversed(self.leg.sightings[: -len(self.leg.visit())]):
            if each.layer == "inet" and each.oif and not each.port_out:
                sender = self.networks[each.node]
                way = sender.way(each.packet.dst)
                return None if way.index != each.oif else (sender, way.gateway or each.packet.dst)
        return None

    @property
    def is_stray(self) -> bool:
        """Whether it was for somebody else: this node has not the address of the sender's next hop."""
        return self.sent_by is not None and self.network.owner_of(self.sent_by[1]) is None

    def counted(self, name: str) -> int:
        return self.observation.counted(self.node, name)

    @cached_property
    def no_way_back(self) -> int:
        """The number with which this node refuses to route an answer; 0 when it has a way."""
        own = self.packet.dst if self.network.owner_of(self.packet.dst) else ""
        return self.network.way(self.packet.src, source=own).error

    # ---- firewall rules

    def rules(self, node: str = "") -> Rules:
        name = node or self.node
        return self.known_rules.setdefault(name, Rules(self.networks[name]))

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
        return [
            (network, owned)
            for network in self.networks.values()
            if network.name != but and (owned := network.owner_of(address))
        ]

    def questions(self, target: str, *, answers: bool = False) -> list[Question]:
        began = self.observation.began
        return [
            each
            for each in self.observation.seen.questions
            if each.answer == answers and each.target == target and each.time >= began
        ]

    def other_end(self, interface: Interface, network: Network | None = None) -> tuple[Network, Interface] | None:
        """Return where the cable leads to; None when its other end is in no node of the lab."""
        here = network or self.network
        for other in self.networks.values():
            there = other.interfaces.get(interface.peer)
            if there and there.peer == interface.index and here.peer_is_in(interface, other):
                return other, there
        return None

    def cable(self, network: Network, interface: Interface) -> set[tuple[str, int]]:
        """Return (node, index) of all interfaces on the same cable: through bridges, and whether they are up or not."""
        found: set[tuple[str, int]] = set()
        waiting = [(network, interface)]
        while waiting:
            here, each = waiting.pop()
            if (here.name, each.index) in found:
                continue
            found.add((here.name, each.index))
            others = here.ports(each.index) if each.kind == "bridge" else []
            others += [here.interfaces[each.master]] if each.master in here.interfaces else []
            waiting += [(here, other) for other in others]
            if each.peer and (there := self.other_end(each, here)):
                waiting.append(there)
        return found


# ---- where


def place(observation: Observation, trip: Trip | None) -> At | None:
    """Return where the packet, or its answer, stopped; None when all went well."""
    if trip is None or not trip.request:
        return At(observation, trip, Leg(), "the packet", observation.node, Stage.NEVER_SENT)
    if trip.answered:
        # Nobody knows whether UDP is to be answered; but one who could not answer is worth telling.
        there = At(observation, trip, trip.request, "the packet", trip.request.last.node, Stage.DELIVERED)
        return there if not trip.answer and there.no_way_back else None
    if not trip.request.arrived():
        return _stopped(observation, trip, trip.request, "the packet")
    if trip.unwanted:
        return At(observation, trip, trip.answer, "the answer", trip.answer.last.node, Stage.UNWANTED)
    at_home = trip.answer.arrived() and trip.answer.last.node == trip.request.first.node
    if trip.answer and not trip.refused and not at_home:
        return _stopped(observation, trip, trip.answer, "the answer")
    last = trip.request.last
    return At(observation, trip, trip.request, "the packet", last.node, Stage.DELIVERED)


def _stopped(observation: Observation, trip: Trip, leg: Leg, who: str) -> At:
    last = leg.last
    network = observation.networks[last.node]
    stage, device = _stage(network, leg, observation)
    return At(observation, trip, leg, who, last.node, stage, last.point, device)


def _stage(network: Network, leg: Leg, observation: Observation) -> tuple[Stage, str]:
    """Return the stage behind the last sighting, and the interface that it is about."""
    last = leg.last
    if last.layer == "inet":
        return _behind_hook(network, last)
    if last.layer == "bridge":
        index = last.iif if last.point in ("PREROUTING", "INPUT") else last.oif
        port = network.interfaces.get(index)
        return (Stage.BRIDGE_RULE if last.way == "first" else Stage.BRIDGE), network.name_of(
            (port.master if port else 0) or index
        )
    if last.layer == "egress":
        return (Stage.EGRESS_RULE if last.way == "first" else Stage.QUEUE), last.point
    if last.layer == "ingress":
        return _behind_ingress(network, leg), last.point
    return _behind_device(network, leg, observation)


_AFTER: Final = {
    "PREROUTING": Stage.ROUTING,
    "INPUT": Stage.DELIVERED,
    "FORWARD": Stage.FORWARDING,
    "OUTPUT": Stage.LOCAL,
    "POSTROUTING": Stage.NEIGHBOUR,
}


def _behind_hook(network: Network, last: Sighting) -> tuple[Stage, str]:
    stage = Stage.HOOK if last.way == "first" else _AFTER[last.point]
    if stage is Stage.ROUTING and last.packet.more and network.owner_of(last.packet.dst):
        stage = Stage.REASSEMBLY  # this one is here, and waits for the others
    return stage, network.name_of(last.oif) or network.name_of(last.iif)


def _behind_ingress(network: Network, leg: Leg) -> Stage:
    interface = network.interface(leg.last.point)
    if leg.last.way == "first":
        return Stage.INGRESS_RULE
    if interface and interface.master:
        return Stage.PORT
    # iptables on a bridge has had its PREROUTING at the port already.
    routed = any(each.layer == "inet" and each.point == "PREROUTING" for each in leg.visit())
    return Stage.ROUTING if routed else Stage.RECEIVING


def _behind_device(network: Network, leg: Leg, observation: Observation) -> tuple[Stage, str]:
    last = leg.last
    interface = network.interface(last.point)
    if last.way == "in":
        if (last.node, "ingress", last.point) in observation.seen.tapped:
            return Stage.INGRESS, last.point
        return (Stage.PORT if interface and interface.master else Stage.RECEIVING), last.point
    if leg.copies and interface and interface.master:
        return Stage.BRIDGE, network.name_of(interface.master)
    return (Stage.BRIDGE_OUT if interface and interface.kind == "bridge" else Stage.WIRE), last.point


def where(at: At) -> Where:
    """Return the place in words."""
    if at.stage is Stage.WIRE and at.interface:
        there = at.other_end(at.interface)
        end = f"{there[0].name}:{there[1].name}" if there else "something that is no node of the lab"
        return Where(at.node, f"the wire between {at.node}:{at.device} and {end}")
    return Where(at.node, at.stage.value.format(point=at.point, device=at.device or "an interface that is gone"))


def intended(at: At) -> str:
    """Return the address that a command without a packet wanted: the only one it names, or else the name server's.

    Nothing, when nothing shows that it has tried: it ended well, and no packet lacked a route.
    """
    lacked = at.counted("Ip OutNoRoutes") or at.counted("Ip6OutNoRoutes")
    named = [each for each in addresses_in(at.observation.command) if not at.network.owner_of(each)]
    if named:
        return named[0] if len(named) == 1 and (lacked or at.observation.returncode) else ""
    servers = re.findall(r"^nameserver\s+(\S+)", _file(at.network.node, "/etc/resolv.conf"), re.MULTILINE)
    return str(servers[0]) if lacked and len(servers) == 1 else ""


def _file(node: Node, path: str) -> str:
    try:
        return node.run(["cat", path], check=False, timeout=_PATIENCE).stdout
    except NslabError:
        return ""


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
