"""Proofs about answers: why none was sent, and why one went astray."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from nslab.journey.asked import Network
from nslab.journey.correlate import Trip
from nslab.journey.packet import ICMP, ICMP6, TCP, UDP
from nslab.journey.place import At, Stage
from nslab.journey.proofs import firewall
from nslab.journey.proofs.proof import Proof
from nslab.journey.sightings import Sighting
from nslab.journey.tables import Interface

_PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def astray(kind: str) -> Callable[[At], Proof | None]:
    """The answer has left a router by another interface than the one behind which the sender is."""

    def proof(at: At) -> Proof | None:
        found = _turned_away(at)
        if found is None or at.trip is None:
            return None
        network, inner, out = found
        source = ip_address(at.trip.packet.src)
        sender = at.networks[at.trip.request.first.node]
        theirs = next((own for own in sender.addresses if own.interface.ip == source), None)
        mine = [own for own in network.addresses_of(inner.index, source.version) if not own.interface.ip.is_link_local]
        narrow = [
            own
            for own in mine
            if theirs and own.interface.ip in theirs.interface.network and source not in own.interface.network
        ]
        which = "astray" if mine else "bare" if inner.kind == "bridge" else "unplugged"
        which = "narrow" if narrow else which
        # An answer that leaves by another interface on the sender's own cable has another way, and no worse one.
        if theirs is None or kind not in (which, "astray") or (sender.name, theirs.index) in at.cable(network, out):
            return None
        because: tuple[str, ...] = (
            f"the request came to {network.name} by {inner.name}, and the answer left by {out.name}",
        )
        size = theirs.interface.network.prefixlen
        names = {"at": network.name, "inner": inner.name, "out": out.name, "source": str(source), "device": inner.name}
        names |= {"own": str(narrow[0].interface) if narrow else "", "theirs": str(theirs.interface)}
        names |= {"other": f"{sender.name}:{sender.name_of(theirs.index)}", "bridge": inner.name}
        gateway = sender.way(at.trip.packet.dst).gateway
        names["gateway"] = gateway
        if kind == "bare":
            return Proof(names, because, f"ip addr add {gateway}/{size} dev {inner.name}") if gateway else None
        if kind == "unplugged":
            return Proof(names) if out.kind == "bridge" and not inner.master else None
        if kind == "narrow":
            own = narrow[0]
            return Proof(names, because, f"ip addr add {own.text}/{size} dev {inner.name}")
        policies = network.policies(source.version)
        because += tuple(f"{network.name} has a rule of policy routing: {each.text}" for each in policies)
        remedy = f"ip rule del pref {policies[0].priority}" if len(policies) == 1 else ""
        return Proof(names, because, remedy or ("" if policies else f"ip route add {source} dev {inner.name}"))

    return proof


def _turned_away(at: At) -> tuple[Network, Interface, Interface] | None:
    """Return the router next to the sender, its interface on the sender's side, and the one the answer took instead."""
    if at.trip is None or at.who != "the answer":
        return None
    home = at.trip.request.first.node
    routed = [
        each
        for each in at.trip.request.sightings
        if each.node != home and each.layer == "inet" and each.iif and not each.port_out
    ]
    if not routed:
        return None
    network = at.networks[routed[0].node]
    inner = network.interfaces.get(routed[0].iif)
    back = [
        each
        for each in at.leg.sightings
        if each.node == network.name and each.layer == "inet" and each.oif and each.packet.dst == at.trip.packet.src
    ]
    if inner is None or not back or back[-1].oif == inner.index or back[-1].oif not in network.interfaces:
        return None
    return network, inner, network.interfaces[back[-1].oif]


def past_the_router(at: At) -> Proof | None:
    """A router has rewritten the destination, and the answer went past it: nobody has rewritten that."""
    if at.trip is None:
        return None
    request = at.trip.request
    asked, came = request.first.packet, at.leg.last.packet
    router = next((e.node for e in request.sightings if (e.packet.dst, e.packet.dport) != (asked.dst, asked.dport)), "")
    if not router or any(each.node == router and each.layer == "inet" for each in at.leg.sightings):
        return None
    names = {"router": router, "at": router, "asked": asked.receiver, "came": came.sender}
    return Proof(names, (f"{at.node} asked {asked.receiver}; the answer it got is from {came.sender}",), _hairpin(at))


def _hairpin(at: At) -> str:
    """Return the command that makes the answer come back through the router."""
    packet = at.leg.last.packet
    kind = {TCP: "tcp", UDP: "udp"}[packet.protocol]
    to = f"-d {packet.src} -p {kind} --dport {packet.sport} -j MASQUERADE"
    return f"iptables -t nat -A POSTROUTING -s {packet.dst} {to}" if packet.family == 4 else ""


def _is_answerless(at: At) -> bool:
    """Whether the answer failed for want of a route to the sender: it was not sent, or got no further than here."""
    if at.stage is Stage.DELIVERED:
        return not (at.trip and at.trip.answer) and bool(at.no_way_back)
    return at.stage is Stage.ROUTING and at.who == "the answer" and bool(at.way.error)


def _unrewritten(at: At) -> tuple[Network, Interface] | None:
    """Return the router that has let a private source out, and by which interface, to where nobody knows it."""
    trip = at.trip
    # IPv6 has addresses enough: there a missing route is what it is.
    if trip is None or trip.packet.family != 4 or not ip_address(trip.packet.src).is_private:
        return None
    leg = trip.request
    if any(each.packet.src != trip.packet.src for each in leg.sightings):
        return None
    beyond = at.node == "internet" or not ip_address(trip.packet.dst).is_private
    if not beyond:
        return None
    routers = [each for each in leg.sightings if (each.layer, each.point, each.way) == ("inet", "POSTROUTING", "last")]
    routers = [each for each in routers if each.node not in (trip.request.first.node, at.node)]
    if not routers:
        return None
    # The last one that has an address on the source's own side: behind it, nobody has to know this network.
    for each in reversed(routers):
        network = at.networks[each.node]
        source = ip_address(trip.packet.src)
        if any(source in own.interface.network for own in network.addresses) and each.oif in network.interfaces:
            return network, network.interfaces[each.oif]
    return None


def _left(trip: Trip, network: Network) -> Sighting:
    """Return the packet as it left a router."""
    return next(
        each
        for each in reversed(trip.request.sightings)
        if each.node == network.name and each.layer == "inet" and each.point == "POSTROUTING"
    )


def stale(at: At) -> Proof | None:
    if at.trip is None or not _is_answerless(at) or (router := _unrewritten(at)) is None:
        return None
    network, _ = router
    packet = at.trip.packet
    rules = at.rules(network.name).nat("source") + firewall.legacy_nat(at, network.name, "source")
    rules = [rule for rule in rules if not firewall.contradicts(rule, _left(at.trip, network), network)]
    port = f" id={packet.sport} " if packet.protocol in (ICMP, ICMP6) else f" sport={packet.sport} "
    for line in at.observation.before[network.name].connections:
        # The entry shows both directions; without NAT the answer is expected at the sender's own address.
        plain = f" src={packet.dst} dst={packet.src} "
        if f" src={packet.src} dst={packet.dst} " in line and port in line and plain in line and rules:
            return Proof(
                {"router": network.name, "at": network.name},
                (f"{network.name} knew: {' '.join(line.split())}", f"there is: {rules[0]}"),
            )
    return None


def no_masquerade(*, rules: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.trip is None or not _is_answerless(at) or (router := _unrewritten(at)) is None:
            return None
        network, out = router
        found = at.rules(network.name).nat("source") + firewall.legacy_nat(at, network.name, "source")
        # One that fits and has not matched all the same: that is another story.
        if bool(found) != rules or any(
            not firewall.contradicts(each, _left(at.trip, network), network) for each in found
        ):
            return None
        source = at.trip.packet.src
        subnet = next(own.interface.network for own in network.addresses if ip_address(source) in own.interface.network)
        error = at.way.text if at.stage is Stage.ROUTING else at.network.way(source).text
        because: tuple[str, ...] = (f"asked the kernel in {at.node}: ip route get {source} → {error}",)
        because += tuple(f"{network.name}: matched no packet: {each}" for each in found)
        names = {"source": source, "router": network.name, "out": out.name, "at": network.name}
        inner = next(network.name_of(own.index) for own in network.addresses if own.interface.network == subnet)
        return Proof(names, because, f"iptables -t nat -A POSTROUTING -s {subnet} ! -o {inner} -j MASQUERADE")

    return proof


def refused_back(kind: str, number: int) -> Callable[[At], Proof | None]:
    """The one who would answer has a route for it that refuses."""

    def proof(at: At) -> Proof | None:
        if at.stage is not Stage.DELIVERED or not _is_answerless(at) or at.no_way_back != number:
            return None
        route = at.network.best(at.packet.src, at.packet.family)
        if route is None or route.type != kind or (at.node == "internet" and str(route.target) in _PRIVATE):
            return None  # that the internet knows no private address is no mistake
        because = (f"asked the kernel in {at.node}: ip route get {at.packet.src} → {os.strerror(number)}",)
        return Proof({"route": str(route)}, because, f"ip route del {route}")

    return proof


def no_route_back(at: At) -> Proof | None:
    if not _is_answerless(at):
        return None
    target = at.packet.dst if at.who == "the answer" else at.packet.src
    number = at.way.error if at.stage is Stage.ROUTING else at.no_way_back
    if number != errno.ENETUNREACH:
        return None
    way = at.network.way(target)
    return Proof({"target": target}, (f"asked the kernel in {at.node}: ip route get {target} → {way.text}",))
