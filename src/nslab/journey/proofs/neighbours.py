"""Proofs about the next hop: its MAC address, the cable to it, and who has its address."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import ip_address

from nslab.journey.asked import Network
from nslab.journey.place import At, Stage, intended
from nslab.journey.proofs import routes, routing
from nslab.journey.proofs.proof import Proof
from nslab.journey.tables import Interface


def unresolved(at: At) -> bool:
    """Whether nobody has told the MAC address of the next hop."""
    out = at.goes_by
    if out is None or at.way.index not in (0, out.index):
        return False
    known = at.network.neighbour(at.next_hop, out.index)
    return known is None or known.state in ("INCOMPLETE", "FAILED")


def _carrier(at: At) -> Interface | None:
    out = at.goes_by
    return out if out and out.up and not out.carrier else None


def no_port(at: At) -> Proof | None:
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


def no_carrier(at: At) -> Proof | None:
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
    return Proof({"interface": out.name, "end": end}, remedy=f"ip link set {peer.name} up", place=network.name)


def ports_dead(at: At) -> Proof | None:
    out = _carrier(at)
    if out is None or out.kind != "bridge":
        return None
    ports = at.network.ports(out.index)
    down = [each for each in ports if not each.up]
    if not ports or len(down) != len(ports):
        return None
    return Proof(
        {"bridge": out.name, "ports": ", ".join(each.name for each in down)}, remedy=f"ip link set {down[0].name} up"
    )


def _owner(at: At) -> tuple[Network, Interface] | None:
    """Return who has the next hop's address, when it is one of the lab and only one."""
    owners = at.owners(at.next_hop, but=at.node)
    if len(owners) != 1:
        return None
    network, own = owners[0]
    return network, network.interfaces[own.index]


def beside_the_bridge(at: At) -> Proof | None:
    """The next hop, or the one who asks, is at the end of a cable that hangs beside the bridge of the other."""
    found, out = _owner(at), at.goes_by
    if not unresolved(at) or found is None or out is None or at.questions(at.next_hop, answers=True):
        return None
    ours = (at.network, out)
    if _is_on_cable(at, *found):
        return None
    for near, far in ((ours, found), (found, ours)):
        there = at.other_end(near[1], near[0])
        if there is None:
            continue
        network, loose = there
        wide = [own for own in network.addresses_of(loose.index, at.family) if not own.interface.ip.is_link_local]
        if loose.kind != "veth" or loose.master or wide:
            continue
        cable = at.cable(*far)
        bridges = [e for e in network.interfaces.values() if e.kind == "bridge" and (network.name, e.index) in cable]
        if len(bridges) == 1:
            names = {"at": network.name, "interface": loose.name, "bridge": bridges[0].name, "target": at.next_hop}
            return Proof(names, asked(at))
    return None


def state_of(port: Interface) -> str:
    """Return the state of a bridge port as bridge(8) has it."""
    return {0: "disabled", 1: "listening", 2: "learning", 4: "blocking"}.get(port.state, str(port.state))


def forward_by(port: Interface, bridge: Interface) -> str:
    """Return the command that has a port forward: while the kernel's spanning tree is on, the tree says which do."""
    return f"ip link set {bridge.name} type bridge stp_state 0; bridge link set dev {port.name} state 3"


def port_silent(at: At) -> Proof | None:
    """The question has come into a bridge, and the port towards the one who has the address does not send it on."""
    found = _owner(at)
    if not unresolved(at) or found is None or at.questions(at.next_hop, answers=True):
        return None
    there = at.other_end(found[1], found[0])
    if there is None:
        return None
    network, port = there
    if not port.master or port.state in (-1, 3) or not port.up or not port.carrier:
        return None
    bridge = network.interfaces[port.master]
    ports = {bridge.name, *(each.name for each in network.ports(bridge.index))} - {port.name}
    if not any(each.node == network.name and each.point in ports for each in at.questions(at.next_hop)):
        return None
    names = {"port": port.name, "state": state_of(port), "node": network.name, "at": network.name}
    return Proof(names, asked(at), forward_by(port, bridge))


def bridge_down(at: At) -> Proof | None:
    """The next hop's owner is a bridge, or an interface, that is down; the question has come to it, or could not."""
    found = _owner(at)
    if not unresolved(at) or found is None or found[1].up:
        return None
    network, interface = found
    if not _is_on_cable(at, network, interface):
        return None
    names = {"at": network.name, "interface": interface.name, "target": at.next_hop}
    return Proof(names, asked(at), f"ip link set {interface.name} up")


def _is_on_cable(at: At, network: Network, interface: Interface) -> bool:
    """Whether an interface is on the cable that the packet leaves by."""
    return at.goes_by is not None and (network.name, interface.index) in at.cable(at.network, at.goes_by)


def asked(at: At) -> tuple[str, ...]:
    places = dict.fromkeys(f"{each.node}:{each.point}" for each in at.questions(at.next_hop))
    return (f"“who has {at.next_hop}?” was seen at {', '.join(places)}",) if places else ()


def _nobody(at: At) -> bool:
    """Whether it was asked for an address, nobody answered, and nobody in the lab has it."""
    out = at.goes_by
    if not unresolved(at) or out is None:
        return False
    # A question is repeated once a second: the kernel's own table may know better than a short look.
    asked = at.questions(at.next_hop) or at.network.neighbour(at.next_hop, out.index)
    return bool(asked) and not at.questions(at.next_hop, answers=True) and not at.owners(at.next_hop)


def _reached(at: At) -> set[tuple[str, str]]:
    """Return the interfaces that the question for the next hop has come to, and those at the end of the cable."""
    reached = {(each.node, each.point) for each in at.questions(at.next_hop) if each.way == "in"}
    there = at.other_end(at.goes_by) if at.goes_by else None
    if there:
        network, interface = there
        reached.add((network.name, interface.name))
        if interface.master:
            reached.add((network.name, network.name_of(interface.master)))
    return reached


def _routers(at: At) -> list[str]:
    """Return the addresses on this cable of those who forward."""
    return [
        own.text
        for node, point in sorted(_reached(at))
        if (interface := at.networks[node].interface(point)) and not interface.master
        for own in at.networks[node].addresses_of(interface.index, at.family)
        if _on_link(at, own.text) and _forwards(at, at.networks[node], interface)
    ]


def _forwards(at: At, network: Network, interface: Interface) -> bool:
    if at.family == 6:
        return network.setting("net/ipv6/conf/all/forwarding") == "1"
    return network.setting(f"net/ipv4/conf/{interface.name}/forwarding") == "1"


def dnat_address(at: At) -> Proof | None:
    if not _nobody(at) or at.trip is None or at.who != "the packet" or at.way.gateway:
        return None
    if at.trip.packet.dst == at.packet.dst:
        return None
    return Proof({"target": at.packet.dst, "asked": at.trip.packet.receiver}, asked(at))


def bridge_bare(at: At) -> Proof | None:
    """The gateway's address is nobody's, and the bridge that the question came to has none at all."""
    if not _nobody(at) or not at.way.gateway:
        return None
    bare = [
        (node, interface)
        for node, point in sorted(_reached(at))
        if (interface := at.networks[node].interface(point))
        and interface.kind == "bridge"
        and not at.networks[node].addresses_of(interface.index, at.family)
    ]
    if len(bare) != 1 or _routers(at):
        return None
    node, interface = bare[0]
    out = at.goes_by
    own = at.network.addresses_of(out.index, at.family) if out else []
    size = next(
        (each.interface.network.prefixlen for each in own if ip_address(at.next_hop) in each.interface.network), 24
    )
    remedy = f"ip addr add {at.next_hop}/{size} dev {interface.name}"
    return Proof({"at": node, "bridge": interface.name, "gateway": at.next_hop}, asked(at), remedy)


def wrong_gateway(at: At) -> Proof | None:
    if not _nobody(at) or not at.way.gateway:
        return None
    routers = _routers(at)
    remedy = f"ip route replace default via {routers[0]}" if len(routers) == 1 and at.family == 4 else ""
    return Proof({"gateway": at.next_hop}, asked(at), remedy)


def _on_link(at: At, address: str) -> bool:
    out = at.goes_by
    if out is None:
        return False
    own = at.network.addresses_of(out.index, at.family)
    return any(ip_address(address) in each.interface.network for each in own) and not ip_address(address).is_link_local


def nobody_answers(version: int) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.family != version or not _nobody(at) or at.way.gateway:
            return None
        return Proof({"target": at.next_hop}, asked(at))

    return proof


def rp_filter_asked(at: At) -> Proof | None:
    """The question has come to its owner, who does not accept the address of the one who asks."""
    found = _owner(at)
    if at.family != 4 or not unresolved(at) or found is None:
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
            return routing.reverse(at, network, interface, each.asker, at.next_hop)
    return None


def wrong_netmask(at: At) -> Proof | None:
    """What is on this cable for one end is not for the other."""
    found = _owner(at)
    out = at.goes_by
    if not unresolved(at) or found is None or at.way.gateway or out is None:
        return None
    network, interface = found
    theirs = next(each for each in network.addresses if each.text == at.next_hop)
    ours = [
        each
        for each in at.network.addresses_of(out.index, at.family)
        if ip_address(at.next_hop) in each.interface.network
    ]
    if len(ours) != 1 or ours[0].interface.ip in theirs.interface.network:
        return None
    if _is_on_cable(at, network, interface):
        return None
    own = ours[0].interface
    names = {"own": own.with_prefixlen, "device": out.name, "other": f"{network.name}:{interface.name}", "at": at.node}
    names["theirs"] = theirs.interface.with_prefixlen
    return Proof(names, asked(at))


def far_away(version: int, *, gateway: bool) -> Callable[[At], Proof | None]:
    """It is taken for a neighbour, and who has the address is in no way on this cable."""

    def proof(at: At) -> Proof | None:
        owners, out = at.owners(at.next_hop, but=at.node), at.goes_by
        if not unresolved(at) or out is None or at.family != version or bool(at.way.gateway) != gateway:
            return None
        asked_for = at.questions(at.next_hop) or at.network.neighbour(at.next_hop, out.index)
        if not asked_for or at.questions(at.next_hop, answers=True):
            return None
        near = {name for name, _ in at.cable(at.network, out)}
        if not owners or any(network.name in near for network, _ in owners):
            return None
        network, own = owners[0]
        route = at.network.best(at.packet.dst, version)
        because = (*asked(at), f"{at.node} takes {at.next_hop} for a neighbour on {out.name}: {route or at.way.text}")
        return Proof({"target": at.next_hop, "owner": f"{network.name}:{network.name_of(own.index)}"}, because)

    return proof


def _tentative_source(at: At) -> Proof | None:
    target = intended(at)
    if ":" not in target or routes.refused_locally(at) == 0 or at.network.best(target, 6) is None:
        return None
    waiting = [each for each in at.network.addresses if each.interface.version == 6 and (each.tentative or each.failed)]
    return _dad(waiting[0].text, at.network) if len(waiting) == 1 else None


def _loopback_source(at: At) -> Proof | None:
    """The sender had no address that it may use yet, and the kernel took that of its loopback, or of the cable."""
    if not _has_no_wide_source(at) or at.trip is None:
        return None
    sender = at.networks[at.trip.request.first.node]
    waiting = [
        each
        for each in sender.addresses
        if each.interface.version == 6 and (each.tentative or each.failed) and not each.interface.ip.is_link_local
    ]
    return _dad(waiting[0].text, sender) if len(waiting) == 1 else None


def _has_no_wide_source(at: At) -> bool:
    """Whether an IPv6 packet is to be routed, and its source is valid in its own node, or on its own cable, only."""
    source, target = ip_address(at.packet.src), ip_address(at.packet.dst)
    if at.family != 6 or target.is_link_local or target.is_loopback:
        return False
    return source.is_loopback or (source.is_link_local and not at.is_local)


def narrow_source(at: At) -> Proof | None:
    """The kernel routes no packet whose source is valid on one cable only."""
    if not _has_no_wide_source(at) or at.trip is None:
        return None
    return Proof({"source": at.packet.src, "sender": at.trip.request.first.node, "at": at.trip.request.first.node})


def _dad(address: str, network: Network) -> Proof | None:
    own = network.owner_of(address)
    if own is None or not (own.tentative or own.failed):
        return None
    device = network.name_of(own.index)
    return Proof({"address": address, "at": network.name, "interface": device, "failed": str(own.failed)})


def dad_there(*, failed: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.stage is Stage.NEVER_SENT:
            found = _tentative_source(at)
        elif at.stage is not Stage.NEIGHBOUR:
            found = _loopback_source(at)
        else:
            owner = _owner(at)
            found = _dad(at.next_hop, owner[0]) if at.family == 6 and owner and unresolved(at) else None
            found = found or _loopback_source(at)
        return found if found and (found.names["failed"] == "True") == failed else None

    return proof
