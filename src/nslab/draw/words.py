"""What a picture of a lab says of an interface, a route, a rule; and the whole lab in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nslab.draw.svg import clip, width, wrap
from nslab.lab.nat import NatRule
from nslab.lab.state import Interface, LabState, NodeState, Route

# Devices that come with a kernel's tunnel modules, in every namespace, and that nobody has made.
_FALLBACKS: Final = {"tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line in an interface's box: what stands at its left and at its right end, with their styles."""

    left: str
    style: str
    right: str = ""
    right_style: str = ""

    @property
    def width(self) -> float:
        gap = 10 if self.right else 0
        return width(self.left, self.style) + gap + width(self.right, f"small {self.right_style}")


def is_shown(interface: Interface) -> bool:
    """Return whether an interface has something to say: a loopback that is as always has not."""
    if interface.name in _FALLBACKS:
        return interface.up or bool(interface.addresses)
    return interface.kind != "loopback" or not interface.up or bool(addresses(interface))


def addresses(interface: Interface) -> list[str]:
    """Return its addresses without those that it has by itself, which no two runs have in common."""
    kept = [
        each
        for each in interface.addresses
        if each.scope == "global" or (each.scope == "link" and _is_v4(each.address))
    ]
    return [each.address + (" (tentative)" if each.tentative else "") for each in kept]


def condition(interface: Interface) -> tuple[str, str]:
    """Return the word for its state, and the style of that word."""
    if not interface.up:
        return "✗ down", "bad strong"
    if not interface.carrier:
        return "no carrier", "warn strong"
    return "up", "good"


def lines(interface: Interface, *, most: float) -> Iterator[Line]:
    """Yield what stands in an interface's box, no line wider than `most` pixels."""
    word, style = condition(interface)
    room = most - width(word, f"small {style}") - 10
    yield Line(clip(interface.name, room, "strong"), "strong", word, style)
    if what := _what(interface):
        yield Line(clip(what, most, "dim"), "dim")
    for address in addresses(interface):
        yield from (Line(part, "mono") for part in wrap(address, most, "mono", lines=3))


def routes(node: NodeState) -> list[tuple[str, str]]:
    """Return (text, style) for each route that a person or a program has made, and for a default that is missing."""
    made = [each for each in node.routes if not each.by_kernel]
    kinds = {each.kind for each in made if each.kind in {"blackhole", "unreachable", "prohibit"} and each.table == 254}
    told = [(_route(each, node), "route") for each in made if each.kind not in kinds or each.table != 254]
    for kind in sorted(kinds):
        there = ", ".join(each.destination for each in made if each.kind == kind and each.table == 254)
        told.append((f"{kind} {there}", "route"))
    has_default = any(each.destination == "default" and each.family == 4 for each in node.routes)
    if not has_default and any(each.kind != "loopback" for each in node.interfaces):
        told.insert(0, ("no default route", "missing"))
    return told


def rule(rule: NatRule) -> str:
    """Return a rule in short: `tcp 8080 → 172.17.0.100:80`."""
    packets = " ".join(
        part
        for part in (
            f"from {_all_but(rule.source)}" if rule.source else "",
            f"to {_all_but(rule.destination)}" if rule.destination else "",
            f"{rule.protocol} {rule.port}".strip(),
            f"coming by {_all_but(rule.comes_by)}" if rule.comes_by else "",
            f"leaving by {_all_but(rule.leaves_by)}" if rule.leaves_by else "",
        )
        if part
    )
    return f"{rule.action} {packets}{f' → {rule.to}' if rule.to else ''}"


def in_lines(state: LabState) -> str:
    """Return the lab as text: what its picture shows, for a terminal."""
    told = [f"lab {state.name}"]
    for node in state.nodes:
        told.append(f"{node.name}{forwarding(node)}")
        for each in filter(is_shown, node.interfaces):
            parts = [each.name, _what(each), *addresses(each), f"port of {each.master}" if each.master else ""]
            far = f"═ {each.peer.node}:{each.peer.interface}" if each.peer and each.peer.node else ""
            told.append("  " + "  ".join(part for part in (*parts, condition(each)[0], far) if part))
        told += [f"  {text}" for text, _ in routes(node)]
        told += [f"  {rule(each)}" for each in node.rules]
    return "\n".join(told)


def in_a_sentence(state: LabState) -> str:
    """Return the lab in a few sentences, for who cannot see its picture."""
    nodes = "; ".join(f"{node.name} ({_interfaces(node) or 'no interface'})" for node in state.nodes)
    cables = [
        f"{node.name}:{each.name} to {each.peer.node}:{each.peer.interface}"
        for node in state.nodes
        for each in node.interfaces
        if each.peer and (each.peer.node, each.peer.interface) > (node.name, each.name)
    ]
    forwards = [node.name for node in state.nodes if node.forwards]
    rules = [f"{node.name}: {rule(each)}" for node in state.nodes for each in node.rules]
    told = [f"Lab {state.name}: {nodes}."]
    told += [f"Cables: {'; '.join(cables)}."] if cables else []
    told += [f"Forwarding is on in {', '.join(forwards)}."] if forwards else ["No node forwards."]
    told += [f"Rewriting rules: {'; '.join(rules)}."] if rules else []
    return " ".join(told)


def forwarding(node: NodeState) -> str:
    """Return what is said of a node's forwarding behind its name."""
    if node.forwards is None:
        return ""
    return ": forwarding on" if node.forwards else ": forwarding off"


def _interfaces(node: NodeState) -> str:
    return ", ".join(
        " ".join(part for part in (each.name, *addresses(each), condition(each)[0].lstrip("✗ ")) if part)
        for each in node.interfaces
        if is_shown(each)
    )


def _what(interface: Interface) -> str:
    """Return what an interface is, where that is not plain; a veth is what a cable ends in."""
    if interface.vlan is not None:
        return f"VLAN {interface.vlan} on {interface.parent or 'another namespace'}"
    if interface.kind == "veth":
        return "leads to no node" if interface.peer and not interface.peer.node else ""
    if interface.kind in {"loopback", "ethernet"}:
        return ""
    over = f" on {interface.parent}" if interface.parent else ""
    return f"{interface.kind}{over}{f' to {interface.remote}' if interface.remote else ''}"


def _route(route: Route, node: NodeState) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    via = f" via {route.gateway}" if route.gateway else ""
    others = [each for each in node.interfaces if each.kind != "loopback" and not each.master]
    device = f" dev {route.interface}" if route.interface and (len(others) > 1 or not route.gateway) else ""
    table = "" if route.table == 254 else f" table {route.table}"
    return f"{kind}{route.destination}{via}{device}{table}"


def _all_but(value: str) -> str:
    return f"any but {value[1:]}" if value.startswith("!") else value


def _is_v4(address: str) -> bool:
    return ":" not in address
