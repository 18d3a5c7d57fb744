"""Proofs about frames: MAC addresses, bridge ports, queues."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from nslab.journey import sockets
from nslab.journey.place import At, Stage
from nslab.journey.proofs import neighbours
from nslab.journey.proofs.proof import Proof
from nslab.journey.tables import Interface

_TO_OTHERS: Final = 3  # packet(7): the frame bears somebody else's MAC address
_LEARNING: Final = 2


def wrong_mac(at: At) -> Proof | None:
    """The frame bears another MAC address than the one that the next hop has: somebody wrote it into a table."""
    sent = next(
        (each for each in reversed(at.leg.sightings) if each.layer == "inet" and each.oif and not each.port_out), None
    )
    if sent is None:
        return None
    sender = at.networks[sent.node]
    out = sender.interfaces.get(sent.oif)
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
    because = (f"{sent.node}: neighbour {hop} is {known.mac} {known.state}",)
    return Proof(names, because, f"ip neigh del {hop} dev {out.name}", place=sent.node)


def mac_of_another(at: At) -> Proof | None:
    """It was for somebody else, and bears this node's MAC address: so says an entry that was written by hand."""
    if at.sent_by is None or not at.is_stray or at.came_by is None:
        return None
    sender, hop = at.sent_by
    out = sender.interfaces.get(sender.way(hop).index)
    known = sender.neighbour(hop, out.index) if out else None
    owners = at.owners(hop, but=sender.name)
    mine = {each.mac: each.name for each in at.network.interfaces.values()}
    if out is None or known is None or known.state != "PERMANENT" or known.mac not in mine or len(owners) != 1:
        return None
    network, own = owners[0]
    names = {"sender": sender.name, "hop": hop, "mac": known.mac, "right": network.interfaces[own.index].mac}
    names |= {"whose": f"{at.node}:{mine[known.mac]}", "at": sender.name}
    because = (f"{sender.name}: neighbour {hop} is {known.mac} {known.state}",)
    return Proof(names, because, f"ip neigh del {hop} dev {out.name}")


def duplicate(at: At) -> Proof | None:
    """It came to one of two that have the same address, and not to the one that it was for."""
    if at.stage is Stage.DELIVERED and at.who == "the packet":
        return _duplicate_of(at, at.packet.dst) if _another_listens(at) else None
    if at.who == "the answer" and at.leg.arrived():
        return _duplicate_of(at, at.packet.dst)
    if at.stage is Stage.ROUTING and not at.is_local and at.trip:
        before = [each for each in at.leg.sightings if each.node != at.node]
        if before:
            sender = at.networks[before[-1].node]
            return _duplicate_of(at, sender.way(before[-1].packet.dst).gateway)
    return None


def _another_listens(at: At) -> bool:
    """Whether another one with this address would have taken the packet."""
    return any(
        listener.takes(at.packet.dst, at.packet.dport)
        for network, _ in at.owners(at.packet.dst, but=at.node)
        for listener in sockets.listeners(network, at.packet.protocol)
    )


def _duplicate_of(at: At, address: str) -> Proof | None:
    if not address or ip_address(address).is_loopback:
        return None
    owners = at.owners(address)
    mine = next((own for network, own in owners if network.name == at.node), None)
    if mine is None:
        return None
    cable = at.cable(at.network, at.network.interfaces[mine.index])
    owners = [(network, own) for network, own in owners if (network.name, own.index) in cable]
    names = [f"{network.name}:{network.name_of(own.index)}" for network, own in owners]
    if len(owners) < 2:
        return None
    macs = tuple(
        f"{name} has {network.interfaces[own.index].mac}" for name, (network, own) in zip(names, owners, strict=True)
    )
    # It has come to the wrong one, which may do without.
    remedy = f"ip addr del {mine.interface.with_prefixlen} dev {at.network.name_of(mine.index)}"
    return Proof({"address": address, "owners": " and ".join(names)}, macs, remedy)


def unplugged(at: At) -> Proof | None:
    """A frame for a bridge of this node has come in by a cable that is not plugged into it."""
    interface, last = at.interface, at.leg.last
    here = next((each for each in reversed(at.leg.sightings) if each.layer == "device"), last)
    if interface is None or interface.kind != "veth" or interface.master or here.kind != _TO_OTHERS:
        return None
    if any(not own.interface.ip.is_link_local for own in at.network.addresses_of(interface.index, at.family)):
        return None
    sent = next((each for each in reversed(at.leg.sightings) if each.layer == "inet" and each.oif), None)
    if sent is None or sent.node == at.node:
        return None
    hop = at.networks[sent.node].way(sent.packet.dst).gateway or sent.packet.dst
    own = at.network.owner_of(hop)
    bridge = at.network.interfaces[own.index] if own else None
    if bridge is None or bridge.kind != "bridge":
        return None
    because = (f"the frame was for {here.mac.hex(':')}, and {interface.name} is {interface.mac}",)
    return Proof({"bridge": bridge.name, "interface": interface.name}, because)


def stp(at: At) -> Proof | None:
    port = at.interface
    if port is None or not port.master or port.state in (-1, 3):
        return None
    bridge = at.network.interfaces.get(port.master)
    if bridge is None or not bridge.up or not port.up or not port.carrier:
        return None
    names = {"port": port.name, "bridge": bridge.name, "state": neighbours.state_of(port)}
    return Proof(names, remedy=neighbours.forward_by(port, bridge))


def stp_within(at: At) -> Proof | None:
    """The bridge has taken the frame, and a port learns only, or the port that it would leave by sends nothing."""
    bridge, last = at.interface, at.leg.last
    if bridge is None or bridge.kind != "bridge":
        return None
    came_by = next((each.iif for each in reversed(at.leg.visit()) if (each.layer, each.way) == ("device", "in")), 0)
    if (last.layer, last.point) != ("bridge", "PREROUTING"):
        return None
    source = at.network.interfaces.get(came_by)
    if source and source.state == _LEARNING:
        return _blocked(source, bridge, f"{bridge.name} takes nothing from it yet")
    mac = next((each.mac for each in reversed(at.leg.sightings) if each.mac), b"").hex(":")
    if not mac or mac in {each.mac for each in at.network.interfaces.values()}:
        return None
    known = at.network.interfaces.get(at.network.forwarding_table.get((bridge.index, mac), 0))
    others = [each for each in at.network.ports(bridge.index) if each.index != came_by]
    ways = [known] if known else [each for each in others if each.floods]
    if not came_by or not ways or any(each.state in (-1, 3) or not each.carrier or not each.up for each in ways):
        return None
    return _blocked(ways[0], bridge, "it sends nothing yet")


def _blocked(port: Interface, bridge: Interface, what: str) -> Proof:
    names = {"port": port.name, "bridge": bridge.name, "state": neighbours.state_of(port), "what": what}
    return Proof(names, remedy=neighbours.forward_by(port, bridge))


def device_down(at: At) -> Proof | None:
    interface = at.interface
    return Proof() if interface and not interface.up else None


def stp_asked(at: At) -> Proof | None:
    """The question for the MAC address has come to a port that does not forward, and no further."""
    if not neighbours.unresolved(at) or at.questions(at.next_hop, answers=True):
        return None
    seen = [(each.node, each.point) for each in at.questions(at.next_hop)]
    for node, point in reversed(seen):
        network = at.networks[node]
        port = network.interface(point)
        if port is None or not port.master or port.state in (-1, 3) or not port.up or not port.carrier:
            continue
        bridge = network.interfaces[port.master]
        if bridge.up and (node, bridge.name) not in seen:
            names = {"port": port.name, "bridge": bridge.name, "state": neighbours.state_of(port), "node": node}
            return Proof(names, neighbours.asked(at), neighbours.forward_by(port, bridge), place=node)
    return None


def bridge_is_down(at: At) -> Proof | None:
    port = at.interface
    bridge = at.network.interfaces.get(port.master) if port and port.master else None
    if bridge is None or bridge.up:
        return None
    return Proof(
        {"at": at.node, "interface": bridge.name, "target": bridge.name}, remedy=f"ip link set {bridge.name} up"
    )


def unknown_mac(at: At) -> Proof | None:
    """The bridge does not know the MAC address, and its ports are told not to get what is unknown."""
    bridge = at.interface
    if bridge is None or bridge.kind != "bridge":
        return None
    ports = at.network.ports(bridge.index)
    mac = next((each.mac for each in reversed(at.leg.sightings) if each.mac), b"").hex(":")
    if not ports or any(each.floods for each in ports) or (bridge.index, mac) in at.network.forwarding_table or not mac:
        return None
    return Proof({"bridge": bridge.name, "mac": mac}, remedy=f"bridge link set dev {ports[0].name} flood on")


def tc_ingress(at: At) -> Proof | None:
    interface = at.interface
    if interface is None or not any(
        index == interface.index and kind in ("ingress", "clsact") for index, kind, _ in at.network.qdiscs
    ):
        return None
    return Proof({}, remedy=f"tc qdisc del dev {interface.name} clsact")


def tc_egress(at: At) -> Proof | None:
    interface = at.interface
    if interface is None or not interface.up or not interface.carrier:
        return None
    queues = [
        (kind, dropped) for index, kind, dropped in at.network.qdiscs if index == interface.index and kind != "noqueue"
    ]
    telling = [kind for kind, dropped in queues if kind == "clsact" or dropped]
    if len(telling) != 1:
        return None
    where = "clsact" if telling[0] == "clsact" else "root"
    return Proof(
        {"queue": telling[0]},
        tuple(f"{kind}: dropped {n}" for kind, n in queues if n),
        f"tc qdisc del dev {interface.name} {where}",
    )
