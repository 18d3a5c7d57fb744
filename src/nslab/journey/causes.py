"""Why a packet stops: one entry per cause, with what proves it, what it says and what helps.

A proof looks at the place (`explain.At`) and returns a Proof, or None. It claims nothing that it has not seen: where two
causes would look alike, there is a question that tells them apart, or no entry. Within a stage they stand in the
order in which the kernel looks, so that the first of two faults is the one that is named.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from nslab.journey import sockets
from nslab.journey.asked import MAIN, Interface, Network, Route
from nslab.journey.explain import At, Stage, intended, legacy_grown
from nslab.journey.packet import ICMP, ICMP6, RST, TCP, UDP
from nslab.journey.rules import Words

_SYSCTL: Final = "https://docs.kernel.org/networking/ip-sysctl.html"
_ROUTE: Final = "https://man7.org/linux/man-pages/man8/ip-route.8.html"
_LINK: Final = "https://man7.org/linux/man-pages/man8/ip-link.8.html"
_BRIDGE: Final = "https://man7.org/linux/man-pages/man8/bridge.8.html"
_NEIGH: Final = "https://man7.org/linux/man-pages/man8/ip-neighbour.8.html"
_RULE: Final = "https://man7.org/linux/man-pages/man8/ip-rule.8.html"
_IPTABLES: Final = "https://man7.org/linux/man-pages/man8/iptables-extensions.8.html"
_TC: Final = "https://man7.org/linux/man-pages/man8/tc.8.html"


@dataclass(frozen=True)
class Proof:
    """What has proved a cause: names for its words, the evidence, and the remedy where it is a special one."""

    names: dict[str, str] = field(default_factory=dict)
    because: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True)
class Cause:
    """One reason for which a packet stops."""

    code: str
    stages: tuple[Stage, ...]
    proof: Callable[[At], Proof | None]
    message: str
    remedy: str
    link: str


# ---- before a packet is sent


def _target(at: At) -> str:
    return at.packet.dst if at.leg else intended(at)


def _all_down(at: At) -> Proof | None:
    """Every interface but the loopback is down: no route can be there."""
    others = [each for each in at.network.interfaces.values() if each.kind != "loopback"]
    if _refused_locally(at) != errno.ENETUNREACH or not others or any(each.up for each in others):
        return None
    names = ", ".join(each.name for each in others)
    return Proof({"down": others[0].name}, (f"{at.node}: {names} down, and the routes are gone with it",))


def _refused_locally(at: At) -> int:
    target = intended(at)
    return at.network.way(target).error if target else 0


def _its_subnet_is_down(at: At) -> Proof | None:
    target = _target(at)
    if not target or _routing_error(at) not in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return None
    for each in at.network.addresses:
        interface = at.network.interfaces[each.index]
        if ip_address(target) in each.interface.network and not interface.up:
            return Proof({"down": interface.name}, (f"{target} is in {each.interface.network}, that of {interface.name}",))
    return None


def _routing_error(at: At) -> int:
    """Return the number with which the kernel refuses to route it."""
    return at.way.error if at.leg else _refused_locally(at)


def _tentative_source(at: At) -> Proof | None:
    target = intended(at)
    if ":" not in target or _refused_locally(at) == 0:
        return None
    waiting = [each for each in at.network.addresses if each.interface.version == 6 and (each.tentative or each.failed)]
    return _dad(at, waiting[0].text, at.network) if len(waiting) == 1 else None


def _no_address(at: At) -> Proof | None:
    target = intended(at)
    if not target or _refused_locally(at) != errno.ENETUNREACH:
        return None
    version = ip_address(target).version
    others = [each for each in at.network.interfaces.values() if each.kind != "loopback"]
    if any(at.network.addresses_of(each.index, version) for each in others) or not others:
        return None
    return Proof({"interface": others[0].name, "version": str(version)})


def _error_route(kind: str, number: int) -> Callable[[At], Proof | None]:
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


def _policy(at: At) -> Proof | None:
    """The main table knows the way, and a rule has another table, or nothing, asked before it."""
    target = _target(at)
    if not target:
        return None
    version = ip_address(target).version
    main = at.network.best(target, version)
    if main is None or main.type != "unicast" or not _routing_error(at):
        return None
    iif = at.came_by.name if at.leg and at.came_by else ""
    source = at.packet.src if at.leg else ""
    for rule in at.network.policies(version):
        if rule.mark or rule.oif or (rule.iif and rule.iif != iif):
            continue
        if rule.source and not (source and ip_address(source) in rule.source):
            continue
        if rule.target and ip_address(target) not in rule.target:
            continue
        best = at.network.best(target, version, rule.table) if rule.action == 1 else None
        if rule.action in (6, 7, 8) or (best and best.type in ("blackhole", "unreachable", "prohibit")):
            said = f"table {rule.table} says: {best}" if best else ""
            return Proof({"rule": rule.text, "number": str(rule.priority)}, tuple(filter(None, [said])))
        if best:
            return None  # this rule has an answer, and it is another one
    return None


def _no_route(at: At) -> Proof | None:
    target = _target(at)
    if not target or _routing_error(at) != errno.ENETUNREACH:
        return None
    version = ip_address(target).version
    tables = dict.fromkeys([MAIN, *(each.table for each in at.network.policies(version))])
    if any(at.network.best(target, version, table) for table in tables):
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
                    return f"ip {asked}route add default via {other.text}"
    return f"ip {asked}route add default via ROUTER"


def _is_router(network: Network, version: int) -> bool:
    subnets = {
        each.interface.network
        for each in network.addresses
        if network.interfaces[each.index].kind != "loopback" and each.interface.version == version
        and not each.interface.ip.is_link_local
    }
    return len(subnets) > 1 or network.name == "internet"


# ---- rules of a firewall


def _tracked_full(at: At) -> Proof | None:
    before, after = (each[at.node].tracking for each in (at.observation.before, at.observation.after))
    dropped = sum(after.get(name, 0) - before.get(name, 0) for name in ("drop", "early_drop"))
    limit, count = (at.setting(f"net/netfilter/nf_conntrack_{name}") for name in ("max", "count"))
    if at.point not in ("PREROUTING", "OUTPUT") or not dropped or not limit or not count or int(count) < int(limit):
        return None
    if any(each.verdict == "drop" for each in at.traced(at.leg.last)):
        return None
    return Proof({"limit": limit}, (f"{at.node}: {count} connections of {limit}; dropped +{dropped}",))


def _decisive(at: At) -> Words | None:
    """Return the rule or policy that has dropped it, when exactly one can have."""
    for each in at.traced(at.leg.last):
        if each.verdict == "drop":
            return at.rules().words(each)
    if any(each.verdict in ("queue", "stolen") for each in at.traced(at.leg.last)):
        return None
    tables = ("raw", "mangle", "filter", "security")
    grown = [
        rule
        for table in tables
        for rule in legacy_grown(at.observation, at.node, table)
        if rule.endswith(" DROP") or " -j DROP" in rule or " -j REJECT" in rule
    ]
    program = "ip6tables-legacy" if at.family == 6 else "iptables-legacy"
    # A policy counts for its own hook only; a rule of a student's own chain may be asked from any.
    grown = [rule for rule in grown if not rule.startswith("-P ") or rule.split()[1] == at.point]
    if len(grown) != 1:
        return None
    (rule,) = grown
    if rule.startswith("-P "):
        return Words(rule, f"{program} -P {at.point} ACCEPT", True)
    return Words(rule, f"{program} -D {rule.removeprefix('-A ')}")


def _rule(*, reject: bool, policy: bool, bridged: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        last = at.leg.last
        if (last.layer == "inet" and bool(last.port_in and last.port_out)) != bridged:
            return None
        words = _decisive(at)
        if words is None or words.is_policy != policy or (not policy and not bridged and words.rejects != reject):
            return None
        hook = at.point if last.layer == "inet" else f"the {last.layer} hook"
        return Proof({"rule": words.text, "hook": hook}, remedy="" if bridged else words.remedy)

    return proof


def _any_rule(at: At) -> Proof | None:
    words = _decisive(at)
    return Proof({"rule": words.text}, remedy=words.remedy) if words else None


# ---- the routing decision


def _forwarding_off(*, everywhere: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.came_by is None or at.family != 4 or at.way.error != errno.EHOSTUNREACH or at.is_local:
            return None
        if at.setting(f"net/ipv4/conf/{at.came_by.name}/forwarding") != "0":
            return None
        if (at.setting("net/ipv4/ip_forward") == "0") != everywhere:
            return None
        return Proof({"interface": at.came_by.name})

    return proof


def _forwarding_off_6(at: At) -> Proof | None:
    if at.family != 6 or at.is_local or at.came_by is None or at.way.error or at.way.type != "unicast":
        return None
    if at.setting("net/ipv6/conf/all/forwarding") != "0" or at.packet.ttl < 1:
        return None
    if at.setting(f"net/ipv6/conf/{at.came_by.name}/force_forwarding") == "1":
        return None
    return Proof()


def _martian(at: At) -> Proof | None:
    if at.family != 4 or at.way.error != errno.EINVAL or at.came_by is None:
        return None
    source = ip_address(at.packet.src)
    if source.is_multicast or source.is_loopback or int(source) >> 24 == 0 or at.packet.src == "255.255.255.255":
        return Proof({"address": at.packet.src, "what": f"{source} is no address that a packet may come from"})
    if at.network.owner_of(at.packet.src) and at.setting(f"net/ipv4/conf/{at.came_by.name}/accept_local") == "0":
        return Proof({"address": at.packet.src, "what": f"{source} is an address of {at.node} itself"})
    return None


def _martian_destination(at: At) -> Proof | None:
    if at.family != 4 or at.came_by is None or at.came_by.kind == "loopback" or not at.way.error:
        return None
    if not ip_address(at.packet.dst).is_loopback:
        return None
    local = [at.setting(f"net/ipv4/conf/{name}/route_localnet") for name in ("all", at.came_by.name)]
    return Proof({"target": at.packet.dst, "interface": at.came_by.name}) if local == ["0", "0"] else None


def _rp_filter(at: At) -> Proof | None:
    if at.family != 4 or at.came_by is None or at.way.error not in (errno.EINVAL, errno.EXDEV):
        return None
    return _reverse(at, at.network, at.came_by, at.packet.src, at.packet.dst)


def _reverse(at: At, network: Network, came_by: Interface, source: str, target: str) -> Proof | None:
    """Prove that the reverse path filter refuses `source` on `came_by`."""
    values = [network.setting(f"net/ipv4/conf/{name}/rp_filter") for name in ("all", came_by.name)]
    mode = max(int(value or 0) for value in values)
    if not mode or network.owner_of(source) or network.way(target).error:
        return None
    back = network.way(source)
    if not back.error and (mode == 2 or back.index == came_by.index):
        return None
    said = network.name_of(back.index) if not back.error else f"nowhere ({back.text})"
    grown = at.observation.counted(network.name, "TcpExt IPReversePathFilter")
    because = (f"{network.name}: rp_filter is {mode} on {came_by.name}; an answer to {source} would go {said}",)
    if grown:
        because += (f"{network.name}: TcpExt IPReversePathFilter +{grown}",)
    names = {"interface": came_by.name, "source": source, "back": said, "at": network.name, "mode": str(mode)}
    zero = "all" if int(values[0] or 0) else came_by.name
    return Proof(names, because, f"sysctl net.ipv4.conf.{zero}.rp_filter=0")


def _ttl(at: At) -> Proof | None:
    if at.is_local or at.packet.ttl > 1 or at.way.error or at.way.type != "unicast":
        return None
    if at.family == 6 and at.setting("net/ipv6/conf/all/forwarding") == "0":
        return None
    if not _errors_about(at, {(ICMP, 11), (ICMP6, 3)}) and not at.counted("Ip InHdrErrors"):
        if not at.counted("Ip6InHdrErrors"):
            return None
    return Proof({"ttl": str(at.packet.ttl)}, (f"it came to {at.node} with ttl {at.packet.ttl}",))


def _errors_about(at: At, kinds: set[tuple[int, int]]) -> bool:
    error = at.refused_by_error
    return error is not None and (error.protocol, error.kind) in kinds


def _too_big(at: At) -> Proof | None:
    if at.is_local or at.way.error or at.way.type != "unicast" or not at.packet.dont_fragment:
        return None
    out = at.network.interfaces.get(at.way.index)
    limit = at.way.mtu or (out.mtu if out else 0)
    if out is None or at.packet.length <= limit:
        return None
    error = at.refused_by_error
    told = error and ((error.protocol, error.kind, error.code) == (ICMP, 3, 4) or (error.protocol, error.kind) == (ICMP6, 2))
    if not told and not at.counted("Ip FragFails") and not at.counted("Ip6InTooBigErrors"):
        return None
    return Proof({"length": str(at.packet.length), "mtu": str(limit), "out": out.name}, remedy=f"ip link set {out.name} mtu 1500")


# ---- delivered, and then


def _no_way_back(at: At) -> int:
    """Return the number with which this node refuses to route an answer; 0 when it has a way."""
    return at.network.way(at.packet.src, source=at.packet.dst if at.network.owner_of(at.packet.dst) else "").error


def _unrewritten(at: At) -> tuple[Network, Interface] | None:
    """Return the router that has let a private source out, and by which interface, to where nobody knows it."""
    trip = at.trip
    if trip is None or not ip_address(trip.packet.src).is_private:
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


def _is_answerless(at: At) -> bool:
    """Whether the answer failed for want of a route to the sender: it was not sent, or got no further than this node."""
    if at.stage is Stage.DELIVERED:
        return not (at.trip and at.trip.answer) and bool(_no_way_back(at))
    return at.stage is Stage.ROUTING and at.who == "the answer" and bool(at.way.error)


def _stale(at: At) -> Proof | None:
    if not _is_answerless(at) or (router := _unrewritten(at)) is None:
        return None
    network, _ = router
    assert at.trip is not None
    packet = at.trip.packet
    rules = at.rules(network.name).nat("source") + _legacy_nat(at, network.name, "source")
    port = f" id={packet.sport} " if packet.protocol in (ICMP, ICMP6) else f" sport={packet.sport} "
    for line in at.observation.before[network.name].connections:
        # The entry shows both directions; without NAT the answer is expected at the sender's own address.
        plain = f" src={packet.dst} dst={packet.src} "
        if f" src={packet.src} dst={packet.dst} " in line and port in line and plain in line and rules:
            return Proof({"router": network.name, "at": network.name}, (f"{network.name} knew: {' '.join(line.split())}", f"there is: {rules[0]}"))
    return None


def _no_masquerade(*, rules: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if not _is_answerless(at) or (router := _unrewritten(at)) is None:
            return None
        network, out = router
        assert at.trip is not None
        found = at.rules(network.name).nat("source") + _legacy_nat(at, network.name, "source")
        if bool(found) != rules:
            return None
        source = at.trip.packet.src
        subnet = next(own.interface.network for own in network.addresses if ip_address(source) in own.interface.network)
        error = at.way.text if at.stage is Stage.ROUTING else at.network.way(source).text
        because = (f"asked the kernel in {at.node}: ip route get {source} → {error}",)
        because += tuple(f"{network.name}: matched no packet: {each}" for each in found)
        names = {"source": source, "router": network.name, "out": out.name, "at": network.name}
        inner = next(network.name_of(own.index) for own in network.addresses if own.interface.network == subnet)
        return Proof(names, because, f"iptables -t nat -A POSTROUTING -s {subnet} ! -o {inner} -j MASQUERADE")

    return proof


def _legacy_nat(at: At, node: str, kind: str) -> list[str]:
    after = at.observation.after[node].legacy
    return [rule for (table, _, rule) in after if table == "nat" and Words(rule, "").rewrites == kind]


def _no_route_back(at: At) -> Proof | None:
    if not _is_answerless(at):
        return None
    target = at.packet.dst if at.who == "the answer" else at.packet.src
    number = at.way.error if at.stage is Stage.ROUTING else _no_way_back(at)
    if number != errno.ENETUNREACH:
        return None
    way = at.network.way(target)
    return Proof({"target": target}, (f"asked the kernel in {at.node}: ip route get {target} → {way.text}",))


def _echo_off(at: At) -> Proof | None:
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


def _on_loopback(at: At) -> Proof | None:
    if not _nothing_there(at):
        return None
    same = [each for each in _listeners(at) if each.port == at.packet.dport]
    if not same or not all(ip_address(each.address).is_loopback for each in same):
        return None
    return Proof(_endpoint(at) | {"where": str(same[0])}, (f"{at.node} listens on {', '.join(map(str, same))}",))


def _elsewhere(at: At) -> Proof | None:
    if not _nothing_there(at):
        return None
    same = [each for each in _listeners(at) if each.port == at.packet.dport]
    return Proof(_endpoint(at) | {"where": str(same[0])}) if same else None


def _rewritten(at: At) -> bool:
    assert at.trip is not None
    packet = at.trip.packet
    return any((each.packet.dst, each.packet.dport) != (packet.dst, packet.dport) for each in at.trip.request.sightings)


def _dnat_port(at: At) -> Proof | None:
    if not _nothing_there(at) or not _rewritten(at):
        return None
    others = [each for each in _listeners(at) if not ip_address(each.address).is_loopback]
    if not others:
        return None
    return Proof(_endpoint(at) | {"others": ", ".join(map(str, others))})


def _dnat_silent(at: At) -> Proof | None:
    """A DNAT rule for this very port, or for any, is there, and did not match."""
    if not _nothing_there(at) or _rewritten(at):
        return None
    port = str(at.packet.dport)
    rules = at.rules().nat("destination") + _legacy_nat(at, at.node, "destination")
    near = [rule for rule in rules if _port_of(rule) in (port, "")]
    return Proof(_endpoint(at) | {"rule": near[0]}, tuple(near[1:])) if near else None


def _port_of(rule: str) -> str:
    words = rule.split()
    for name in ("--dport", "dport"):
        if name in words[:-1]:
            return words[words.index(name) + 1]
    return ""


def _no_dnat(at: At) -> Proof | None:
    """Nothing listens here, no rule sends it on, and one behind this router does listen."""
    if not _nothing_there(at) or _rewritten(at) or at.trip is None or at.trip.request.first.node == at.node:
        return None
    version = at.packet.family
    for network in at.networks.values():
        if network is at.network or network.name in ("internet", at.trip.request.first.node):
            continue
        gateways = {each.gateway for each in network.routes(version) if each.target.prefixlen == 0}
        if not any(at.network.owner_of(gateway) for gateway in gateways if gateway):
            continue
        ready = [each for each in sockets.listeners(network, at.packet.protocol) if each.is_open]
        own = [each.text for each in network.addresses if each.interface.version == version and not each.interface.ip.is_loopback]
        if ready and own:
            to = f"{own[0]}:{ready[0].port}"
            kind = "udp" if at.packet.protocol == UDP else "tcp"
            remedy = f"iptables -t nat -A PREROUTING -p {kind} --dport {at.packet.dport} -j DNAT --to-destination {to}"
            others = tuple(f"another rule: {each}" for each in at.rules().nat("destination"))
            return Proof(_endpoint(at) | {"behind": network.name, "ready": str(ready[0])}, others, remedy)
    return None


def _nothing_listens(at: At) -> Proof | None:
    if not _nothing_there(at):
        return None
    others = ", ".join(map(str, _listeners(at))) or "nothing"
    rules = tuple(f"matched no packet: {each}" for each in at.rules().nat("destination")) if not _rewritten(at) else ()
    return Proof(_endpoint(at), (f"{at.node} listens on {others}", *rules))


# ---- the next hop's MAC address


def _unresolved(at: At) -> bool:
    """Whether nobody has told the MAC address of the next hop."""
    out = at.goes_by
    if out is None or at.way.index not in (0, out.index):
        return False
    known = at.network.neighbour(at.next_hop, out.index)
    return known is None or known.state in ("INCOMPLETE", "FAILED")


def _carrier(at: At) -> Interface | None:
    out = at.goes_by
    return out if out and out.up and not out.carrier else None


def _no_port(at: At) -> Proof | None:
    """It goes to a bridge that has no port."""
    out = at.goes_by or at.interface
    if out is None or out.kind != "bridge" or at.network.ports(out.index):
        return None
    alone = _strays(at)
    names = {"bridge": out.name}
    if len(alone) == 1:
        return Proof(names, (f"{alone[0].name} is in no bridge",), f"ip link set {alone[0].name} master {out.name}")
    return Proof(names)


def _strays(at: At) -> list[Interface]:
    """Return the cables of this node that are neither in a bridge nor have an address."""
    return [
        each
        for each in at.network.interfaces.values()
        if each.kind == "veth" and not each.master and not at.network.addresses_of(each.index, 4)
    ]


def _no_carrier(at: At) -> Proof | None:
    out = _carrier(at)
    if out is None or out.kind != "veth":
        return None
    there = at.other_end(out)
    if there is None:
        return Proof({"interface": out.name, "end": "its other end"}, remedy="")
    network, peer = there
    if peer.up:
        return None
    end = f"its other end, {network.name}:{peer.name},"
    return Proof({"interface": out.name, "end": end}, remedy=f"ip link set {peer.name} up")


def _ports_dead(at: At) -> Proof | None:
    out = _carrier(at)
    if out is None or out.kind != "bridge":
        return None
    ports = at.network.ports(out.index)
    down = [each for each in ports if not each.up]
    if not ports or len(down) != len(ports):
        return None
    return Proof({"bridge": out.name, "ports": ", ".join(each.name for each in down)}, remedy=f"ip link set {down[0].name} up")


def _owner(at: At) -> tuple[Network, Interface] | None:
    """Return who has the next hop's address, when it is one of the lab and only one."""
    owners = at.owners(at.next_hop, but=at.node)
    if len(owners) != 1:
        return None
    network, own = owners[0]
    return network, network.interfaces[own.index]


def _bridge_down(at: At) -> Proof | None:
    """The next hop's owner is a bridge, or an interface, that is down; the question has come to it, or could not."""
    found = _owner(at)
    if not _unresolved(at) or found is None or found[1].up:
        return None
    network, interface = found
    names = {"at": network.name, "interface": interface.name, "target": at.next_hop}
    return Proof(names, _asked(at), f"ip link set {interface.name} up")


def _asked(at: At) -> tuple[str, ...]:
    places = dict.fromkeys(f"{each.node}:{each.point}" for each in at.questions(at.next_hop))
    return (f"“who has {at.next_hop}?” was seen at {', '.join(places)}",) if places else ()


def _nobody(at: At) -> bool:
    """Whether it was asked for an address, nobody answered, and nobody in the lab has it."""
    return bool(
        _unresolved(at)
        and at.questions(at.next_hop)
        and not at.questions(at.next_hop, answers=True)
        and not at.owners(at.next_hop)
    )


def _dnat_address(at: At) -> Proof | None:
    if not _nobody(at) or at.trip is None or at.who != "the packet" or at.way.gateway:
        return None
    if at.trip.packet.dst == at.packet.dst:
        return None
    return Proof({"target": at.packet.dst, "asked": at.trip.packet.receiver}, _asked(at))


def _bridge_bare(at: At) -> Proof | None:
    """The gateway's address is nobody's, and the bridge that the question came to has none at all."""
    if not _nobody(at) or not at.way.gateway:
        return None
    reached = {(each.node, each.point) for each in at.questions(at.next_hop) if each.way == "in"}
    bare = []
    for node, point in reached:
        interface = at.networks[node].interface(point)
        if interface and interface.kind == "bridge" and not at.networks[node].addresses_of(interface.index, at.family):
            bare.append((node, interface))
    if len(bare) != 1 or any(_has_address(at, node, point) for node, point in reached if point != bare[0][1].name):
        return None
    node, interface = bare[0]
    out = at.goes_by
    own = at.network.addresses_of(out.index, at.family) if out else []
    size = next((each.interface.network.prefixlen for each in own if ip_address(at.next_hop) in each.interface.network), 24)
    remedy = f"ip addr add {at.next_hop}/{size} dev {interface.name}"
    return Proof({"at": node, "bridge": interface.name, "gateway": at.next_hop}, _asked(at), remedy)


def _has_address(at: At, node: str, point: str) -> bool:
    interface = at.networks[node].interface(point)
    if interface is None or interface.master:
        return False
    return bool(at.networks[node].addresses_of(interface.index, at.family))


def _wrong_gateway(at: At) -> Proof | None:
    if not _nobody(at) or not at.way.gateway:
        return None
    routers = [
        other.text
        for network in at.networks.values()
        for other in network.addresses
        if any((network.name, network.interfaces[other.index].name) == (each.node, each.point) for each in at.questions(at.next_hop) if each.way == "in")
        and _on_link(at, other.text)
    ]
    remedy = f"ip route replace default via {routers[0]}" if len(routers) == 1 and at.family == 4 else ""
    return Proof({"gateway": at.next_hop}, _asked(at), remedy)


def _on_link(at: At, address: str) -> bool:
    out = at.goes_by
    if out is None:
        return False
    own = at.network.addresses_of(out.index, at.family)
    return any(ip_address(address) in each.interface.network for each in own) and not ip_address(address).is_link_local


def _nobody_answers(version: int) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.family != version or not _nobody(at) or at.way.gateway:
            return None
        return Proof({"target": at.next_hop}, _asked(at))

    return proof


def _rp_filter_asked(at: At) -> Proof | None:
    """The question has come to its owner, who does not accept the address of the one who asks."""
    found = _owner(at)
    if at.family != 4 or not _unresolved(at) or found is None:
        return None
    network, _ = found
    for each in at.questions(at.next_hop):
        interface = network.interface(each.point)
        if each.node != network.name or each.way != "in" or interface is None or interface.master:
            continue
        if any(one.node == network.name and one.way == "out" for one in at.questions(at.next_hop, answers=True)):
            return None
        refused = network.way(at.next_hop, source=each.asker, iif=interface.index).error
        if refused in (errno.EINVAL, errno.EXDEV):
            return _reverse(at, network, interface, each.asker, at.next_hop)
    return None


def _wrong_netmask(at: At) -> Proof | None:
    """What is on this cable for one end is not for the other."""
    found = _owner(at)
    out = at.goes_by
    if not _unresolved(at) or found is None or at.way.gateway or out is None:
        return None
    network, interface = found
    theirs = next(each for each in network.addresses if each.text == at.next_hop)
    ours = [each for each in at.network.addresses_of(out.index, at.family) if ip_address(at.next_hop) in each.interface.network]
    if len(ours) != 1 or ours[0].interface.ip in theirs.interface.network:
        return None
    if any(each.node == network.name and each.point == interface.name for each in at.questions(at.next_hop)):
        return None
    return _masks(at.node, ours[0].interface.with_prefixlen, out.name, f"{network.name}:{interface.name}", theirs.interface.with_prefixlen, at)


def _masks(node: str, own: str, device: str, other: str, theirs: str, at: At) -> Proof:
    names = {"own": own, "device": device, "other": other, "theirs": theirs, "at": node}
    return Proof(names, _asked(at), f"ip addr change {own.split('/')[0]}/{theirs.split('/')[1]} dev {device}")


def _dad(at: At, address: str, network: Network) -> Proof | None:
    own = network.owner_of(address)
    if own is None or not (own.tentative or own.failed):
        return None
    device = network.name_of(own.index)
    return Proof({"address": address, "at": network.name, "interface": device, "failed": str(own.failed)})


def _dad_there(*, failed: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.stage is Stage.NEVER_SENT:
            found = _tentative_source(at)
        else:
            owner = _owner(at)
            found = _dad(at, at.next_hop, owner[0]) if at.family == 6 and owner and _unresolved(at) else None
        return found if found and (found.names["failed"] == "True") == failed else None

    return proof


# ---- frames: MAC addresses, bridges, queues


def _wrong_mac(at: At) -> Proof | None:
    """The frame bears another MAC address than the one that the next hop has: somebody wrote it into a table."""
    sent = next((each for each in reversed(at.leg.sightings) if each.layer == "device" and each.way == "out"), None)
    if sent is None:
        return None
    sender = at.networks[sent.node]
    out = next((sender.interfaces.get(each.oif) for each in reversed(at.leg.sightings) if each.node == sent.node and each.layer == "inet" and each.oif), None)
    if out is None:
        return None
    hop = sender.way(sent.packet.dst).gateway or sent.packet.dst
    known = sender.neighbour(hop, out.index)
    owners = at.owners(hop, but=sent.node)
    if known is None or not known.mac or known.state != "PERMANENT" or len(owners) != 1:
        return None
    network, own = owners[0]
    right = network.interfaces[own.index].mac
    if known.mac in {each.mac for each in network.interfaces.values()}:
        return None
    names = {"sender": sent.node, "hop": hop, "mac": known.mac, "right": right}
    return Proof(names, (f"{sent.node}: neighbour {hop} is {known.mac} {known.state}",), f"ip neigh del {hop} dev {out.name}")


def _duplicate(at: At) -> Proof | None:
    """It came to one of two that have the same address, and not to the one that it was for."""
    if at.stage is Stage.DELIVERED and at.who == "the packet":
        return _duplicate_of(at, at.packet.dst)
    if at.who == "the answer" and at.leg.arrived():
        return _duplicate_of(at, at.packet.dst)
    if at.stage is Stage.ROUTING and not at.is_local and at.trip:
        before = [each for each in at.leg.sightings if each.node != at.node]
        if before:
            sender = at.networks[before[-1].node]
            return _duplicate_of(at, sender.way(before[-1].packet.dst).gateway)
    return None


def _duplicate_of(at: At, address: str) -> Proof | None:
    if not address or ip_address(address).is_loopback:
        return None
    owners = [(network, own) for network, own in at.owners(address) if not ip_address(own.text).is_loopback]
    names = [f"{network.name}:{network.name_of(own.index)}" for network, own in owners]
    if len(owners) < 2 or at.node not in [network.name for network, _ in owners]:
        return None
    macs = tuple(f"{name} has {network.interfaces[own.index].mac}" for name, (network, own) in zip(names, owners, strict=True))
    return Proof({"address": address, "owners": " and ".join(names)}, macs)


def _stp(at: At) -> Proof | None:
    port = at.interface
    if port is None or not port.master or port.state in (-1, 3):
        return None
    bridge = at.network.interfaces.get(port.master)
    if bridge is None or not bridge.up or not port.up or not port.carrier:
        return None
    state = {0: "disabled", 1: "listening", 2: "learning", 4: "blocking"}.get(port.state, str(port.state))
    return Proof({"port": port.name, "bridge": bridge.name, "state": state}, remedy=f"bridge link set dev {port.name} state 3")


def _stp_asked(at: At) -> Proof | None:
    """The question for the MAC address has come to a port that does not forward, and no further."""
    if not _unresolved(at) or at.questions(at.next_hop, answers=True):
        return None
    seen = [(each.node, each.point) for each in at.questions(at.next_hop)]
    for node, point in reversed(seen):
        network = at.networks[node]
        port = network.interface(point)
        if port is None or not port.master or port.state in (-1, 3) or not port.up or not port.carrier:
            continue
        bridge = network.interfaces[port.master]
        if bridge.up and (node, bridge.name) not in seen:
            state = {0: "disabled", 1: "listening", 2: "learning", 4: "blocking"}.get(port.state, str(port.state))
            names = {"port": port.name, "bridge": bridge.name, "state": state, "node": node}
            return Proof(names, _asked(at), f"bridge link set dev {port.name} state 3")
    return None


def _bridge_is_down(at: At) -> Proof | None:
    port = at.interface
    bridge = at.network.interfaces.get(port.master) if port and port.master else None
    if bridge is None or bridge.up:
        return None
    return Proof({"at": at.node, "interface": bridge.name, "target": bridge.name}, remedy=f"ip link set {bridge.name} up")


def _unknown_mac(at: At) -> Proof | None:
    """The bridge does not know the MAC address, and its ports are told not to get what is unknown."""
    bridge = at.interface
    if bridge is None or bridge.kind != "bridge":
        return None
    ports = at.network.ports(bridge.index)
    mac = next((each.mac for each in reversed(at.leg.sightings) if each.mac), b"").hex(":")
    if not ports or any(each.floods for each in ports) or (bridge.index, mac) in at.network.forwarding_table or not mac:
        return None
    return Proof({"bridge": bridge.name, "mac": mac}, remedy=f"bridge link set dev {ports[0].name} flood on")


def _tc_ingress(at: At) -> Proof | None:
    interface = at.interface
    if interface is None or not any(index == interface.index and kind in ("ingress", "clsact") for index, kind, _ in at.network.qdiscs):
        return None
    return Proof({}, remedy=f"tc qdisc del dev {interface.name} clsact")


def _tc_egress(at: At) -> Proof | None:
    interface = at.interface
    if interface is None or not interface.up or not interface.carrier:
        return None
    queues = [(kind, dropped) for index, kind, dropped in at.network.qdiscs if index == interface.index and kind != "noqueue"]
    telling = [kind for kind, dropped in queues if kind == "clsact" or dropped]
    if len(telling) != 1:
        return None
    where = "clsact" if telling[0] == "clsact" else "root"
    return Proof({"queue": telling[0]}, tuple(f"{kind}: dropped {n}" for kind, n in queues if n), f"tc qdisc del dev {interface.name} {where}")


_SENDING: Final = (Stage.NEVER_SENT, Stage.ROUTING)
_MAC: Final = (Stage.NEIGHBOUR,)

CAUSES: Final[tuple[Cause, ...]] = (
    # -- no route at all
    Cause("link-down", (Stage.NEVER_SENT,), _all_down, "{down} of {node} is down, so there is no route", "ip link set {down} up", _LINK),
    Cause("link-down", _SENDING, _its_subnet_is_down, "{down} of {node} is down, so its routes are gone", "ip link set {down} up", _LINK),
    Cause("dad-failed", (Stage.NEVER_SENT, Stage.NEIGHBOUR), _dad_there(failed=True), "{at}:{interface} may not use {address}: somebody else on the cable has it (duplicate address detection)", "ip -6 addr del {address} dev {interface}", _SYSCTL),
    Cause("dad-not-finished", (Stage.NEVER_SENT, Stage.NEIGHBOUR), _dad_there(failed=False), "{at}:{interface} may not use {address} yet: duplicate address detection has not finished", "wait two seconds, or: sysctl net.ipv6.conf.{interface}.accept_dad=0", _SYSCTL),
    Cause("no-address", (Stage.NEVER_SENT,), _no_address, "{node} has no IPv{version} address, so it has no route", "ip addr add ADDRESS/PREFIX dev {interface}", _ROUTE),
    # -- the routing decision, in the kernel's order
    Cause("martian-destination", (Stage.ROUTING,), _martian_destination, "{node} does not take packets for {target} from {interface}: loopback addresses are not routed", "sysctl net.ipv4.conf.{interface}.route_localnet=1", _SYSCTL),
    Cause("duplicate-address", (Stage.ROUTING,), _duplicate, "two have the address {address}: {owners}", "ip addr del {address} dev INTERFACE, in one of them", _NEIGH),
    Cause("policy-routing", _SENDING, _policy, "a rule of policy routing in {node} refuses it: {rule}", "ip rule del pref {number}", _RULE),
    Cause("stale-conntrack", (Stage.ROUTING, Stage.DELIVERED), _stale, "{router} knew this conversation before the NAT rule was there, and NAT is decided for the first packet only", "conntrack -F", _IPTABLES),
    Cause("no-masquerade", (Stage.ROUTING, Stage.DELIVERED), _no_masquerade(rules=False), "nobody behind {router} knows {source}: it left by {out} with its private address, and there is no MASQUERADE rule", "", _IPTABLES),
    Cause("masquerade-matched-nothing", (Stage.ROUTING, Stage.DELIVERED), _no_masquerade(rules=True), "nobody behind {router} knows {source}: it left by {out} with its private address; the NAT rules there matched no packet", "", _IPTABLES),
    Cause("blackhole-route", _SENDING, _error_route("blackhole", errno.EINVAL), "{node} has a route that throws it away: {route}", "", _ROUTE),
    Cause("prohibit-route", _SENDING, _error_route("prohibit", errno.EACCES), "{node} has a route that forbids it: {route}", "", _ROUTE),
    Cause("unreachable-route", _SENDING, _error_route("unreachable", errno.EHOSTUNREACH), "{node} has a route that calls it unreachable: {route}", "", _ROUTE),
    Cause("forwarding-off", (Stage.ROUTING,), _forwarding_off(everywhere=True), "{node} does not forward: net.ipv4.ip_forward is 0", "sysctl net.ipv4.ip_forward=1", _SYSCTL),
    Cause("forwarding-off-interface", (Stage.ROUTING,), _forwarding_off(everywhere=False), "{node} does not forward what comes in by {interface}: net.ipv4.conf.{interface}.forwarding is 0", "sysctl net.ipv4.conf.{interface}.forwarding=1", _SYSCTL),
    Cause("no-route", _SENDING, _no_route, "{node} has no route to {target}", "", _ROUTE),
    Cause("no-route-back", (Stage.ROUTING, Stage.DELIVERED), _no_route_back, "{node} has no route back to {target}", "ip route add {target} via ROUTER", _ROUTE),
    Cause("martian-source", (Stage.ROUTING,), _martian, "{node} takes no packet from {address}: {what}", "", _SYSCTL),
    Cause("rp-filter", (Stage.ROUTING,), _rp_filter, "{at} takes no packet from {source} on {interface}: an answer would go {back} (rp_filter)", "", _SYSCTL),
    Cause("forwarding-off-ipv6", (Stage.ROUTING,), _forwarding_off_6, "{node} does not forward IPv6: net.ipv6.conf.all.forwarding is 0", "sysctl net.ipv6.conf.all.forwarding=1", _SYSCTL),
    Cause("ttl-exceeded", (Stage.ROUTING,), _ttl, "its ttl was {ttl} when it came to {node}: a router must take one away, and nothing is left", "", "https://www.rfc-editor.org/rfc/rfc1812"),
    Cause("fragmentation-needed", (Stage.ROUTING,), _too_big, "{length} bytes do not fit through {out}, which takes {mtu}, and the packet must not be fragmented", "", "https://www.rfc-editor.org/rfc/rfc1191"),
    # -- firewalls
    Cause("conntrack-full", (Stage.HOOK,), _tracked_full, "{node} follows {limit} connections already, and takes no new one", "sysctl net.netfilter.nf_conntrack_max=262144", _IPTABLES),
    Cause("bridge-nf-call-iptables", (Stage.HOOK,), _rule(reject=False, policy=True, bridged=True), "{node} has iptables look at what its bridge forwards, and {hook} dropped it: {rule}", "sysctl net.bridge.bridge-nf-call-iptables=0", _SYSCTL),
    Cause("bridge-nf-call-iptables", (Stage.HOOK,), _rule(reject=False, policy=False, bridged=True), "{node} has iptables look at what its bridge forwards, and {hook} dropped it: {rule}", "sysctl net.bridge.bridge-nf-call-iptables=0", _SYSCTL),
    Cause("dropped-by-policy", (Stage.HOOK,), _rule(reject=False, policy=True, bridged=False), "{hook} of {node} dropped it: {rule}", "", _IPTABLES),
    Cause("dropped-by-rule", (Stage.HOOK,), _rule(reject=False, policy=False, bridged=False), "a rule in {hook} of {node} dropped it: {rule}", "", _IPTABLES),
    Cause("rejected-by-rule", (Stage.HOOK,), _rule(reject=True, policy=False, bridged=False), "a rule in {hook} of {node} rejected it, and told the sender: {rule}", "", _IPTABLES),
    Cause("dropped-at-ingress", (Stage.INGRESS_RULE,), _any_rule, "a rule in the ingress hook of {device} dropped it: {rule}", "", "https://wiki.nftables.org"),
    Cause("dropped-at-egress", (Stage.EGRESS_RULE,), _any_rule, "a rule in the egress hook of {device} dropped it: {rule}", "", "https://wiki.nftables.org"),
    Cause("dropped-by-bridge-rule", (Stage.BRIDGE_RULE,), _any_rule, "a rule of the bridge's own tables in {node} dropped it: {rule}", "", "https://wiki.nftables.org"),
    Cause("tc-drop", (Stage.INGRESS,), _tc_ingress, "traffic control dropped it as it came in by {device} of {node}", "", _TC),
    # -- it was delivered
    Cause("duplicate-address", (Stage.DELIVERED,), _duplicate, "two have the address {address}: {owners}", "ip addr del {address} dev INTERFACE, in one of them", _NEIGH),
    Cause("echo-ignored", (Stage.DELIVERED,), _echo_off, "{node} answers no ping: {setting} is 1", "", _SYSCTL),
    Cause("listens-on-loopback", (Stage.DELIVERED,), _on_loopback, "{node} listens on {where} only, and that is reached from {node} itself only", "let the program listen on 0.0.0.0:{port}", "https://man7.org/linux/man-pages/man7/ip.7.html"),
    Cause("listens-elsewhere", (Stage.DELIVERED,), _elsewhere, "{node} listens on {where}, and not on {endpoint}", "let the program listen on 0.0.0.0:{port}", "https://man7.org/linux/man-pages/man7/ip.7.html"),
    Cause("dnat-wrong-port", (Stage.DELIVERED,), _dnat_port, "the DNAT rule sends it to {endpoint}, where nothing listens; {node} listens on {others}", "", _IPTABLES),
    Cause("dnat-matched-nothing", (Stage.DELIVERED,), _dnat_silent, "nothing listens on {endpoint} in {node}, and the DNAT rule matched no packet: {rule}", "", _IPTABLES),
    Cause("no-dnat", (Stage.DELIVERED,), _no_dnat, "nothing listens on {endpoint} in {node}, and no DNAT rule sends it on; {behind} behind it listens on {ready}", "", _IPTABLES),
    Cause("nothing-listens", (Stage.DELIVERED,), _nothing_listens, "nothing listens on {endpoint} ({protocol}) in {node}", "start the program that shall listen there", "https://man7.org/linux/man-pages/man8/ss.8.html"),
    # -- the next hop's MAC address
    Cause("bridge-without-port", (*_MAC, Stage.BRIDGE_OUT, Stage.QUEUE), _no_port, "the bridge {bridge} of {node} has no port: no cable is plugged into it", "ip link set INTERFACE master {bridge}", _LINK),
    Cause("no-carrier", (*_MAC, Stage.QUEUE), _no_carrier, "{interface} of {node} has no carrier: {end} is down", "", _LINK),
    Cause("bridge-ports-down", (*_MAC, Stage.BRIDGE_OUT, Stage.QUEUE), _ports_dead, "no port of the bridge {bridge} of {node} is up: {ports}", "", _LINK),
    Cause("bridge-down", _MAC, _bridge_down, "nobody answers “who has {target}?”: {at}:{interface} has that address, and is down", "", _LINK),
    Cause("port-not-forwarding", _MAC, _stp_asked, "the bridge port {port} of {node} is {state}: {bridge} takes nothing from it yet", "", _BRIDGE),
    Cause("dnat-wrong-address", _MAC, _dnat_address, "the DNAT rule sends it to {target}, and nobody has that address", "", _IPTABLES),
    Cause("bridge-without-address", _MAC, _bridge_bare, "nobody has the gateway's address {gateway}: {at}:{bridge} has none", "", _LINK),
    Cause("wrong-gateway", _MAC, _wrong_gateway, "nobody on the cable has the gateway's address {gateway}", "ip route replace default via ROUTER", _ROUTE),
    Cause("nobody-answers-arp", _MAC, _nobody_answers(4), "nobody answers “who has {target}?”: nobody in the lab has that address", "ip neigh flush to {target}", _NEIGH),
    Cause("nobody-answers-nd", _MAC, _nobody_answers(6), "nobody answers the neighbour solicitation for {target}: nobody in the lab has that address", "", _NEIGH),
    Cause("rp-filter", _MAC, _rp_filter_asked, "{at} does not answer {source} on {interface}: its own answer would go {back} (rp_filter)", "", _SYSCTL),
    Cause("wrong-netmask", _MAC, _wrong_netmask, "{at}:{device} has {own} and takes {other} ({theirs}) for one on its own cable, which it is not", "", _ROUTE),
    # -- frames
    Cause("wrong-mac", (Stage.WIRE, Stage.RECEIVING, Stage.PORT, Stage.BRIDGE, Stage.BRIDGE_OUT), _wrong_mac, "{sender} sends to {hop} with the MAC address {mac}, which nobody has; it is {right}", "", _NEIGH),
    Cause("bridge-down", (Stage.PORT,), _bridge_is_down, "{at}:{interface} is down, and takes nothing from its ports", "", _LINK),
    Cause("port-not-forwarding", (Stage.PORT,), _stp, "the bridge port {port} of {node} is {state}: {bridge} takes nothing from it", "", _BRIDGE),
    Cause("unknown-mac", (Stage.BRIDGE_OUT,), _unknown_mac, "the bridge {bridge} of {node} does not know the MAC address {mac}, and its ports get nothing that is unknown", "", _BRIDGE),
    Cause("tc-drop", (Stage.QUEUE,), _tc_egress, "the queue {queue} of {device} in {node} dropped it", "", _TC),
)
