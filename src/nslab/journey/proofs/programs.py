"""Proofs about the place of delivery: who listens there, and what a DNAT rule has to do with it."""

from __future__ import annotations

from ipaddress import ip_address

from nslab.journey import sockets
from nslab.journey.asked import Network
from nslab.journey.packet import ICMP, ICMP6, RST, TCP, UDP
from nslab.journey.place import At
from nslab.journey.proofs import firewall
from nslab.journey.proofs.proof import Proof


def echo_off(at: At) -> Proof | None:
    packet = at.packet
    if at.trip is None or at.trip.answer or (packet.protocol, packet.kind) not in ((ICMP, 8), (ICMP6, 128)):
        return None
    name = "net/ipv4/icmp_echo_ignore_all" if packet.family == 4 else "net/ipv6/icmp/echo_ignore_all"
    if at.setting(name) != "1":
        return None
    dotted = name.replace("/", ".")
    return Proof({"setting": dotted}, remedy=f"sysctl {dotted}=0")


def _refused(at: At) -> bool:
    """Whether this node has said that nobody listens: a RST, or ICMP's port unreachable."""
    trip = at.trip
    if trip is None:
        return False
    if trip.packet.protocol == TCP:
        return bool(trip.answer) and trip.answer.first.node == at.node and bool(trip.answer.first.packet.kind & RST)
    if trip.packet.protocol != UDP or not trip.error or trip.error.first.node != at.node:
        return False
    error = trip.error.first.packet
    return (error.protocol, error.kind, error.code) in ((ICMP, 3, 3), (ICMP6, 1, 4))


def _listeners(at: At) -> list[sockets.Listener]:
    return sockets.listeners(at.network, at.packet.protocol)


def _nothing_there(at: At) -> bool:
    return _refused(at) and not any(each.takes(at.packet.dst, at.packet.dport) for each in _listeners(at))


def _endpoint(at: At) -> dict[str, str]:
    kind = "udp" if at.packet.protocol == UDP else "tcp"
    return {"endpoint": at.packet.receiver, "protocol": kind, "port": str(at.packet.dport)}


def on_loopback(at: At) -> Proof | None:
    if not _nothing_there(at):
        return None
    same = [each for each in _listeners(at) if each.port == at.packet.dport]
    if not same or not all(ip_address(each.address).is_loopback for each in same):
        return None
    return Proof(_endpoint(at) | {"where": str(same[0])}, (f"{at.node} listens on {', '.join(map(str, same))}",))


def elsewhere(at: At) -> Proof | None:
    if not _nothing_there(at):
        return None
    same = [each for each in _listeners(at) if each.port == at.packet.dport]
    return Proof(_endpoint(at) | {"where": str(same[0])}) if same else None


def _rewritten(at: At) -> bool:
    if at.trip is None:
        return False
    packet = at.trip.packet
    return any((each.packet.dst, each.packet.dport) != (packet.dst, packet.dport) for each in at.trip.request.sightings)


def dnat_port(at: At) -> Proof | None:
    if not _nothing_there(at) or not _rewritten(at):
        return None
    others = [each for each in _listeners(at) if not ip_address(each.address).is_loopback]
    if not others:
        return None
    return Proof(_endpoint(at) | {"others": ", ".join(map(str, others))})


def dnat_silent(at: At) -> Proof | None:
    """A DNAT rule for this very port is there, and did not match."""
    if not _nothing_there(at) or _rewritten(at):
        return None
    port = str(at.packet.dport)
    rules = at.rules().nat("destination") + firewall.legacy_nat(at, at.node, "destination")
    near = [rule for rule in rules if _port_of(rule) == port]
    return Proof(_endpoint(at) | {"rule": near[0]}, tuple(near[1:])) if near else None


def _port_of(rule: str) -> str:
    words = rule.split()
    for name in ("--dport", "dport"):
        if name in words[:-1]:
            return words[words.index(name) + 1]
    return ""


def no_dnat(at: At) -> Proof | None:
    """Nothing listens here, no rule sends it on, and one behind this router does listen."""
    if not _nothing_there(at) or at.trip is None or at.trip.request.first.node == at.node:
        return None
    if _rewritten(at) or at.rules().nat("destination") or firewall.legacy_nat(at, at.node, "destination"):
        return None
    version = at.packet.family
    for network in at.networks.values():
        if network is at.network or network.name in ("internet", at.trip.request.first.node):
            continue
        if not _is_behind(at, network, version):
            continue
        ready = [each for each in sockets.listeners(network, at.packet.protocol) if each.is_open]
        own = [
            each.text
            for each in network.addresses
            if each.interface.version == version and not each.interface.ip.is_loopback
        ]
        if ready and own:
            to = f"{own[0]}:{ready[0].port}"
            kind = "udp" if at.packet.protocol == UDP else "tcp"
            remedy = f"iptables -t nat -A PREROUTING -p {kind} --dport {at.packet.dport} -j DNAT --to-destination {to}"
            return Proof(_endpoint(at) | {"behind": network.name, "ready": str(ready[0])}, remedy=remedy)
    return None


def _is_behind(at: At, network: Network, version: int) -> bool:
    """Whether a node is on a cable of this one, other than the one that the packet came by."""
    came_by = at.came_by.index if at.came_by else 0
    subnets = [
        each.interface.network
        for each in at.network.addresses
        if each.index != came_by and each.interface.version == version and not each.interface.ip.is_loopback
    ]
    return any(each.interface.ip in subnet for each in network.addresses for subnet in subnets)


def nothing_listens(at: At) -> Proof | None:
    if not _nothing_there(at):
        return None
    others = ", ".join(map(str, _listeners(at))) or "nothing"
    rules = tuple(f"matched no packet: {each}" for each in at.rules().nat("destination")) if not _rewritten(at) else ()
    return Proof(_endpoint(at), (f"{at.node} listens on {others}", *rules))
