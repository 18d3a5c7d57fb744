"""Correlate: one packet through many sightings, in the order of its way, whatever NAT has made of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from nslab.journey.observe import Observation
from nslab.journey.packet import ACK, ICMP, ICMP6, RST, SYN, TCP, UDP, Packet
from nslab.journey.sightings import Sighting

_ECHO: Final = {(ICMP, 8): 0, (ICMP6, 128): 129}
_OUR_OWN_BUSINESS: Final = {(ICMP6, kind) for kind in (*range(130, 138), 143)}  # MLD, routers, neighbours
_FLOWS: Final = 16  # of the command that are looked at
_SLACK: Final = 100_000_000  # ns that a log may come late
_DNS: Final = 53


@dataclass(frozen=True, slots=True)
class Leg:
    """One packet's way, as the sightings of it in order; empty when it was not sent."""

    sightings: tuple[Sighting, ...] = ()
    copies: tuple[Sighting, ...] = ()  # where a bridge has sent it too, and it was for somebody else

    def __bool__(self) -> bool:
        return bool(self.sightings)

    @property
    def first(self) -> Sighting:
        return self.sightings[0]

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]

    def visit(self) -> tuple[Sighting, ...]:
        """Return what was seen of it in the last node, since it came there."""
        here: list[Sighting] = []
        for each in reversed(self.sightings):
            if each.node != self.last.node:
                break
            here.insert(0, each)
        return tuple(here)

    def arrived(self) -> bool:
        """Whether it was handed to a socket, or to ICMP."""
        return bool(self) and (self.last.layer, self.last.point, self.last.way) == ("inet", "INPUT", "last")


@dataclass(frozen=True, slots=True)
class Trip:
    """A packet that the command has sent, its answer, and the error that a node on the way has told of."""

    packet: Packet
    request: Leg
    answer: Leg = Leg()
    error: Leg = Leg()
    others: int = 0  # further packets of this conversation
    pieces: int = 0  # fragments that it was sent in
    large: int = 0  # packets among the others that are larger than a wire takes: segmented by the device
    unwanted: bool = False  # the answer has come from somebody else than was asked, and the asker does not take it

    @property
    def refused(self) -> bool:
        """Whether the answer is a no: TCP's RST."""
        return bool(self.answer) and self.packet.protocol == TCP and bool(self.answer.first.packet.kind & RST)

    @property
    def answered(self) -> bool:
        """Whether it and its answer have arrived; UDP needs none, but a question for a name does."""
        if self.refused or self.error or self.unwanted:
            return False
        if self.answer.arrived() and self.answer.last.node == self.request.first.node:
            return True
        if not self.request.arrived():
            return False
        # Who asks for a name wants an answer; of other UDP nobody knows.
        return self.packet.protocol not in (TCP, ICMP, ICMP6) and not self.answer and self.packet.dport != _DNS


class Correlation:
    """The sightings of an observation, by what no NAT changes."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.by_key: dict[tuple[object, ...], list[Sighting]] = defaultdict(list)
        for each in observation.seen.sightings:
            self.by_key[each.packet.key].append(each)
        self.sent = [
            each
            for each in observation.seen.sightings
            if (each.layer, each.point, each.way) == ("inet", "OUTPUT", "first")
        ]

    def trips(self) -> list[Trip]:
        """Return what became of each conversation that the command has begun, in the order of their beginning."""
        return [self._trip(each) for each in self._begun()[:_FLOWS]]

    def _begun(self) -> list[Sighting]:
        """Return the first packet of each conversation that began with the command and is no answer."""
        here = self.observation.node
        known: set[tuple[object, ...]] = set()
        begun: dict[tuple[object, ...], Sighting] = {}
        for each in self.observation.seen.sightings:
            # Only the log's own order tells what came first: it reaches us later than what the interfaces show.
            if each.node != here or each.layer != "inet":
                continue
            flow = each.packet.flow
            if each.seen < self.observation.began or each.point in ("PREROUTING", "INPUT"):
                known.add(flow)
            elif (
                (each.point, each.way) == ("OUTPUT", "first")
                and _may_begin(each.packet)
                and not known & {flow, _turned(each.packet)}
            ):
                begun.setdefault(flow, each)
        return self._likely(list(begun.values()))

    def _likely(self, begun: list[Sighting]) -> list[Sighting]:
        """Leave out what another program may have sent: an old ping, and addresses that the command does not name."""
        fresh = [each for each in begun if each.packet.protocol not in (ICMP, ICMP6) or each.packet.seq <= 1]
        begun = fresh or begun
        named = addresses_in(self.observation.command)
        to_named = [each for each in begun if each.packet.dst in named]
        return to_named or [each for each in begun if _goal(each.packet) not in self._usual()]

    def _usual(self) -> set[tuple[object, ...]]:
        """Return where this node sends to anyway: before the command began, and when it had ended."""
        observed = self.observation
        return {
            _goal(each.packet)
            for each in observed.seen.sightings
            if (each.node, each.layer, each.way) == (observed.node, "device", "out")
            and not observed.began <= each.time <= observed.ended
            and _may_begin(each.packet)
        }

    def _trip(self, sent: Sighting) -> Trip:
        request = self._leg(sent)
        packet = sent.packet
        answer = self._answer(request)
        error = self._error(packet)
        rest = [each.packet for each in self.sent if each.packet.flow == packet.flow and each.packet.key != packet.key]
        pieces = {
            each.packet.offset
            for each in self.observation.seen.sightings
            if (each.node, each.layer, each.way) == (sent.node, "device", "out")
            and (each.packet.more or each.packet.offset)
            # Not its addresses: a packet socket shares a fragment's bytes with the router that rewrites them later.
            and (each.packet.ident, each.packet.protocol) == (packet.ident, packet.protocol)
        }
        large = sum(each.length > 1500 for each in rest)
        return Trip(packet, request, answer, error, len(rest), len(pieces), large, self._is_unwanted(request, answer))

    def _is_unwanted(self, request: Leg, answer: Leg) -> bool:
        """Whether the answer has another sender than the one who was asked: TCP resets it, UDP says so by ICMP."""
        home = request.first
        if not answer.arrived() or answer.last.node != home.node or answer.last.packet.flow == _turned(home.packet):
            return False
        if home.packet.protocol == TCP:
            return not answer.first.packet.kind & RST
        return home.packet.protocol == UDP and any(
            each.node == home.node
            and each.packet.is_error
            and each.packet.inner is not None
            and _is_about(each.packet.inner, answer.last.packet)
            for each in self.sent
        )

    def _answer(self, request: Leg) -> Leg:
        if not request:
            return Leg()
        there = request.last.packet
        for each in self.sent:
            if (
                each.node == request.last.node
                and each.seen + _SLACK >= request.first.seen
                and _answers(each.packet, there)
            ):
                return self._leg(each)
        for each in self.sent:  # a firewall on the way that says no for it
            if each.packet.protocol == TCP and each.packet.kind & RST and _answers(each.packet, request.first.packet):
                return self._leg(each)
        for each in self.observation.seen.sightings:  # somebody outside the lab's nodes: seen where it came in
            here = (each.node, each.layer, each.point, each.way)
            if here == (request.first.node, "inet", "INPUT", "last") and _answers(each.packet, request.first.packet):
                return self._leg(each)
        return Leg()

    def _error(self, packet: Packet) -> Leg:
        for each in self.sent:
            inner = each.packet.inner
            if each.packet.is_error and inner and _is_about(inner, packet):
                return self._leg(each)
        return Leg()

    def _leg(self, sent: Sighting) -> Leg:
        sightings = self.by_key[sent.packet.key]
        # A packet that is sent again looks the same: only the first copy is followed.
        again = [
            each.seen
            for each in sightings
            if each.node == sent.node and (each.layer, each.point, each.way) == ("inet", "OUTPUT", "first")
        ]
        if len(again) > 1:
            until = again[1] - _SLACK if again[1] - again[0] > 2 * _SLACK else again[1]
            sightings = [each for each in sightings if max(each.time, each.seen) < until or each.seen <= again[0]]
        parts = []
        for node in dict.fromkeys(each.node for each in sightings):
            mine = [each for each in sightings if each.node == node]
            parts += _visits(_in_order(mine))
        # Its origin has no time before it left; one that came from outside has none of our nodes as its origin.
        parts.sort(key=lambda part: (sent.point == "OUTPUT" and not _starts(part, sent), _time(part)))
        copies = [part for part in parts[1:] if _is_copy(part, self.observation)]
        if len(parts) - len(copies) >= 2:
            parts = [part for part in parts if part not in copies]
        else:
            copies = []
        return Leg(tuple(each for part in parts for each in part), tuple(each for part in copies for each in part))


def choose(trips: Sequence[Trip]) -> Trip | None:
    """Return the trip to tell of: the first that failed, else the first that is more than a question for a name."""
    for each in trips:
        if not each.answered:
            return each
    return next((each for each in trips if each.packet.dport != _DNS), trips[0] if trips else None)


def addresses_in(command: str | Sequence[str]) -> list[str]:
    """Return the IP addresses that a command names, in order."""
    text = command if isinstance(command, str) else " ".join(command)
    found = []
    for word in re.findall(r"[0-9A-Fa-f:.]{2,}", text):
        for candidate in (word.strip(":."), word.rsplit(":", 1)[0], word):
            try:
                found.append(str(ip_address(candidate)))
            except ValueError:
                continue
            break
    return found


def _in_order(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Merge one node's interfaces, ordered by their time, and hooks, ordered as they were logged.

    An ingress hook follows its interface, and an egress hook comes before it: these tie the two together.
    """
    sightings = list(sightings)
    waiting = sorted((each for each in sightings if each.layer == "device"), key=lambda each: each.time)
    ordered: list[Sighting] = []

    def take(way: str, index: int, point: str = "") -> None:
        for place, each in enumerate(waiting):
            if each.way == way and (each.point == point if point else each.iif == index):
                ordered.extend(waiting[: place + 1])
                del waiting[: place + 1]
                return

    for each in sightings:
        if each.layer == "device":
            continue
        if (each.layer, each.way) == ("ingress", "first"):
            take("in", 0, each.point)
        elif (each.point, each.way) == ("PREROUTING", "first") and not any(e.layer == "ingress" for e in ordered):
            take("in", each.port_in or each.iif)
        ordered.append(each)
        if (each.layer, each.way) == ("egress", "last"):
            take("out", 0, each.point)
    return ordered + waiting


def _visits(ordered: list[Sighting]) -> list[list[Sighting]]:
    """Split at each coming back into the node after having left it; the loopback is not a leaving."""
    parts: list[list[Sighting]] = [[]]
    left = False
    for each in ordered:
        if each.layer == "device":
            if each.way == "in" and left:
                parts.append([])
            left = each.way == "out" and each.point != "lo"
        parts[-1].append(each)
    return [part for part in parts if part]


def _starts(part: list[Sighting], sent: Sighting) -> bool:
    return part[0].node == sent.node and any(each is sent for each in part)


def _time(part: list[Sighting]) -> int:
    return next((each.time for each in part if each.layer == "device"), part[0].time or part[0].seen)


def _is_copy(part: list[Sighting], observation: Observation) -> bool:
    """Whether a bridge has sent it to somebody whose MAC address it does not bear."""
    if any(each.layer in ("inet", "bridge") for each in part) or part[0].kind != 3:
        return False
    interface = observation.networks[part[0].node].interface(part[0].point)
    if interface is None:
        return True
    # Only what hangs on a bridge gets copies: a cable between two nodes carries what was meant for it.
    others = [network.interfaces.get(interface.peer) for network in observation.networks.values()]
    fed = not interface.peer or any(e and e.master and e.peer == interface.index for e in others)
    return fed and not interface.master and all(each.way != "out" for each in part)


def _may_begin(packet: Packet) -> bool:
    if packet.is_error or (packet.protocol, packet.kind) in _OUR_OWN_BUSINESS or packet.protocol == 2:
        return False
    if packet.protocol == TCP:
        return packet.kind & (SYN | ACK | RST) == SYN
    return (packet.protocol, packet.kind) not in {(ICMP, 0), (ICMP6, 129)}


def _goal(packet: Packet) -> tuple[object, ...]:
    return (packet.family, packet.protocol, packet.destination, packet.dport)


def _turned(packet: Packet) -> tuple[object, ...]:
    """Return the flow of the answers; an echo's identifier is in the same place in both."""
    ports = (packet.dport, packet.sport) if packet.protocol in (TCP, UDP) else (packet.sport, packet.dport)
    return (packet.family, packet.protocol, packet.destination, packet.source, *ports)


def _answers(answer: Packet, asked: Packet) -> bool:
    """Whether a packet answers another, as the one who answers saw it."""
    if answer.flow != _turned(asked):
        return False
    if asked.protocol == TCP:
        return answer.ack == (asked.seq + 1) & 0xFFFFFFFF
    if (asked.protocol, asked.kind) in _ECHO:
        return answer.kind == _ECHO[asked.protocol, asked.kind] and (answer.seq, answer.data) == (asked.seq, asked.data)
    return True


def _is_about(inner: Packet, packet: Packet) -> bool:
    """Whether what an ICMP error quotes is that packet; NAT may have changed its addresses."""
    if (inner.family, inner.protocol, inner.ident) != (packet.family, packet.protocol, packet.ident):
        return False
    if packet.protocol in (ICMP, ICMP6):
        return (inner.kind, inner.seq) == (packet.kind, packet.seq)
    return inner.seq == packet.seq if packet.protocol == TCP else inner.data[:8] == packet.data[:8]
