"""Proofs about routes: none, one that refuses, one that is asked too early."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import ip_address

from nslab.journey.asked import Network
from nslab.journey.place import At, intended
from nslab.journey.proofs.proof import Proof
from nslab.journey.tables import MAIN, Route, Rule


def _target(at: At) -> str:
    return at.packet.dst if at.leg else intended(at)


def no_interface(at: At) -> Proof | None:
    """There is nothing but the loopback."""
    if refused_locally(at) != errno.ENETUNREACH or any(
        each.kind != "loopback" for each in at.network.interfaces.values()
    ):
        return None
    return Proof()


def all_down(at: At) -> Proof | None:
    """Every interface but the loopback is down: no route can be there."""
    others = [each for each in at.network.interfaces.values() if each.kind != "loopback"]
    if refused_locally(at) != errno.ENETUNREACH or not others or any(each.up for each in others):
        return None
    names = ", ".join(each.name for each in others)
    return Proof({"down": others[0].name}, (f"{at.node}: {names} down, and the routes are gone with it",))


def refused_locally(at: At) -> int:
    target = intended(at)
    return at.network.way(target).error if target else 0


def its_subnet_is_down(at: At) -> Proof | None:
    target = _target(at)
    if not target or _routing_error(at) not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return None
    for each in at.network.addresses:
        interface = at.network.interfaces[each.index]
        if ip_address(target) in each.interface.network and not interface.up:
            return Proof(
                {"down": interface.name}, (f"{target} is in {each.interface.network}, that of {interface.name}",)
            )
    return None


def _routing_error(at: At) -> int:
    """Return the number with which the kernel refuses to route it."""
    return at.way.error if at.leg else refused_locally(at)


def no_address(at: At) -> Proof | None:
    target = intended(at)
    if not target or refused_locally(at) != errno.ENETUNREACH:
        return None
    version = ip_address(target).version
    others = [each for each in at.network.interfaces.values() if each.kind != "loopback"]
    if any(at.network.addresses_of(each.index, version) for each in others) or not others:
        return None
    return Proof({"interface": others[0].name, "version": str(version)})


def error_route(kind: str, number: int) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        target = _target(at)
        if not target or _routing_error(at) != number:
            return None
        # Asked without the interface it came by: what refuses now is no check of its source.
        if at.network.way(target).error != number:
            return None
        route = _refusing(at, target, kind)
        if route is None:
            return None
        table = "" if route.table == MAIN else f" table {route.table}"
        return Proof({"route": f"{route}{table}"}, remedy=f"ip route del {route}{table}")

    return proof


def _refusing(at: At, target: str, kind: str) -> Route | None:
    version = ip_address(target).version
    for table in dict.fromkeys([MAIN, *(each.table for each in at.network.policies(version))]):
        best = at.network.best(target, version, table)
        if best and best.type == kind:
            return best
    return None


def its_subnet_was_down(at: At) -> Proof | None:
    """A router on its way has an interface in its very subnet, and that is down: so it was sent elsewhere."""
    if not at.leg or at.who != "the packet" or not _routing_error(at):
        return None
    for each in at.leg.sightings:
        if each.node == at.node or (each.layer, each.point) != ("inet", "POSTROUTING"):
            continue
        network = at.networks[each.node]
        for own in network.addresses:
            interface = network.interfaces[own.index]
            if ip_address(each.packet.dst) in own.interface.network and not interface.up:
                names = {"down": interface.name, "node": network.name, "at": network.name}
                return Proof(names, (f"{each.packet.dst} is in {own.interface.network}, that of {interface.name}",))
    return None


def policy(at: At) -> Proof | None:
    """The main table knows the way, and a rule has another table, or nothing, asked before it."""
    target = _target(at)
    if not target:
        return None
    version = ip_address(target).version
    main = at.network.best(target, version)
    if main is None or main.type != "unicast" or not _routing_error(at):
        return None
    for rule in at.network.policies(version):
        if rule.more or (not at.leg and (rule.protocol or _has_ports(rule))):
            return None  # whether it fits cannot be told
        if not _is_about_it(rule, at, target):
            continue
        best = at.network.best(target, version, rule.table) if rule.action == 1 else None
        if rule.action in (6, 7, 8) or (best and best.type in ("blackhole", "unreachable", "prohibit")):
            said = f"table {rule.table} says: {best}" if best else ""
            return Proof({"rule": rule.text, "number": str(rule.priority)}, tuple(filter(None, [said])))
        if best:
            return None  # this rule has an answer, and it is another one
    return None


def _is_about_it(rule: Rule, at: At, target: str) -> bool:
    """Whether a rule's conditions hold for the packet; a mark is none that can be seen."""
    iif = at.came_by.name if at.leg and at.came_by else ""
    source = at.packet.src if at.leg else ""
    if rule.mark or rule.oif or (rule.iif and rule.iif != iif):
        return False
    if rule.source and not (source and ip_address(source) in rule.source):
        return False
    if rule.target and ip_address(target) not in rule.target:
        return False
    if rule.protocol and rule.protocol != at.packet.protocol:
        return False
    return not _has_ports(rule) or _is_between(at.packet.sport, at.packet.dport, rule)


def _has_ports(rule: Rule) -> bool:
    return bool(rule.sports[0] or rule.dports[0])


def _is_between(sport: int, dport: int, rule: Rule) -> bool:
    return rule.sports[0] <= sport <= rule.sports[1] and rule.dports[0] <= dport <= rule.dports[1]


def no_route(at: At) -> Proof | None:
    target = _target(at)
    if not target or _routing_error(at) != errno.ENETUNREACH or (at.leg and at.is_stray):
        return None
    version = ip_address(target).version
    tables = dict.fromkeys([MAIN, *(each.table for each in at.network.policies(version))])
    if any((best := at.network.best(target, version, table)) and best.type != "throw" for table in tables):
        return None
    down = [
        f"{interface.name} ({each.interface}) is down, and its routes are gone with it"
        for each in at.network.addresses
        if not (interface := at.network.interfaces[each.index]).up and each.interface.version == version
    ]
    return Proof({"target": target}, tuple(down), _default_route(at, version))


def _default_route(at: At, version: int) -> str:
    """Return the command for a default route, where the lab has one router on a cable of this node."""
    asked = "" if version == 4 else "-6 "
    for each in at.network.addresses:
        interface = at.network.interfaces[each.index]
        if interface.kind == "loopback" or each.interface.version != version or each.interface.ip.is_link_local:
            continue
        for network in at.networks.values():
            if network is at.network:
                continue
            for other in network.addresses:
                if other.interface.ip in each.interface.network and _is_router(network, version):
                    first = "" if interface.up else f"ip link set {interface.name} up && "
                    return f"{first}ip {asked}route add default via {other.text}"
    return ""


def _is_router(network: Network, version: int) -> bool:
    subnets = {
        each.interface.network
        for each in network.addresses
        if network.interfaces[each.index].kind != "loopback"
        and each.interface.version == version
        and not each.interface.ip.is_link_local
    }
    return len(subnets) > 1 or network.name == "internet"
