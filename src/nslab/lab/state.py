"""The lab as it is now, as the kernels of its nodes tell it: interfaces, cables, routes, rules; plain data."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from nslab.errors import LabError
from nslab.lab import nat
from nslab.lab.nat import NatRule
from nslab.lab.netlink import Questions, has_had_rules, identity
from nslab.lab.topology import Topology
from nslab.sandbox.door import Node

if TYPE_CHECKING:
    from pyroute2 import AsyncIPRoute

_FIXED: Final = Topology().nodes
_IFF_UP: Final = 1
_TENTATIVE: Final = 0x40  # IFA_F_TENTATIVE: IPv6 is still asking whether somebody else has it
_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_BY_KERNEL: Final = 2  # RTPROT_KERNEL
_SCOPES: Final = {0: "global", 200: "site", 253: "link", 254: "host"}
# RTN_… of rtnetlink(7); the others do not occur in a table that a person writes.
_KINDS: Final = {1: "unicast", 2: "local", 6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}
_SKIP_STATISTICS: Final = 8  # RTEXT_FILTER_SKIP_STATS: half of the answer, and nobody reads it here


@dataclass(frozen=True, slots=True)
class End:
    """An interface of a node: where a cable ends. Both are empty when it is in a namespace that is no node."""

    node: str
    interface: str


@dataclass(frozen=True, slots=True)
class Address:
    """An address of an interface."""

    address: str  # with its prefix length
    scope: str = "global"  # "global", "link", "host"
    tentative: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of a node."""

    name: str
    kind: str  # "loopback", "veth", "bridge", "vlan", "dummy", "tun", …; "ethernet" for hardware
    mac: str = ""
    addresses: tuple[Address, ...] = ()
    up: bool = True  # as `ip link set … up` has it
    carrier: bool = True  # whether its other end is there and up
    master: str = ""  # the bridge, bond or VRF that it is a port of
    peer: End | None = None  # the other end of a veth
    parent: str = ""  # what a VLAN, macvlan or tunnel runs over
    vlan: int | None = None
    remote: str = ""  # the other end of a tunnel

    @property
    def works(self) -> bool:
        """Whether it can carry packets."""
        return self.up and self.carrier


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a node; those of the kernel's own table `local` are left out."""

    destination: str  # "default" or a prefix
    gateway: str = ""
    interface: str = ""
    kind: str = "unicast"  # or "local", "blackhole", "unreachable", "prohibit", "throw"
    table: int = _TABLE_MAIN
    by_kernel: bool = False  # it came with an address
    family: int = 4


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as it is now. forwards: net.ipv4.ip_forward; None when its kernel does not tell."""

    name: str
    container: bool
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[NatRule, ...] = ()
    forwards: bool | None = None
    forwards6: bool | None = None

    def __getitem__(self, name: str) -> Interface:
        """Return an interface; KeyError when there is none of this name."""
        for interface in self.interfaces:
            if interface.name == name:
                return interface
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class LabState:
    """A lab as it is now: its nodes, in the order internet, outside, host, containers by name."""

    name: str
    nodes: tuple[NodeState, ...] = ()

    def __getitem__(self, name: str) -> NodeState:
        """Return a node; KeyError when there is none of this name."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


class Nodes(Protocol):
    """What of a lab is needed to look at it."""

    name: str

    def nodes(self) -> list[str]: ...
    def __getitem__(self, name: str) -> Node: ...
    def container(self, name: str, pid: int) -> Node: ...


def read(lab: Nodes) -> LabState:
    """Return the lab as it is now, some milliseconds for each node; a node that ends meanwhile is left out.

    >>> read(lab)["host"]["br0"].addresses
    (Address(address='172.17.0.1/24', scope='global', tentative=False),)

    Raises LabError when the lab is gone.
    """
    nodes = _there(lab)
    # A loop and a thread of its own: a notebook's cell runs inside a loop already, where no other can be run. The
    # programs that tell the rules run meanwhile.
    with ThreadPoolExecutor(1 + len(nodes), thread_name_prefix="nslab: state") as workers:
        rules = {name: workers.submit(_rules, node) for name, node in nodes.items()}
        views = workers.submit(lambda: asyncio.run(_look(nodes))).result()
        views = {name: replace(view, rules=rules[name].result()) for name, view in views.items()}
    return LabState(lab.name, tuple(views[name] for name in nodes if name in views))


def _there(lab: Nodes) -> dict[str, Node]:
    found = {}
    # Once for all: to look for one by its name takes as long.
    pids = {each["name"]: each["pid"] for each in lab["host"].containers()}
    for name in lab.nodes():
        try:
            found[name] = lab.container(name, pids[name]) if name in pids else lab[name]
        except LabError:
            if name in _FIXED:
                raise
    return found


def _rules(node: Node) -> tuple[NatRule, ...]:
    try:
        return nat.read(node, has_nft=has_had_rules(node))
    except (LabError, OSError):
        return ()


@dataclass(slots=True)
class _View:
    """What the kernel of one node has told."""

    links: list[Any]
    addresses: list[Any]
    routes: list[Any]
    forwards: bool | None
    forwards6: bool | None
    namespace: int  # which one it is
    numbers: dict[int, int]  # which namespace is meant by a number in `links`

    def names(self) -> dict[int, str]:
        return {link["index"]: link.get_attr("IFLA_IFNAME") for link in self.links}


async def _look(nodes: Mapping[str, Node]) -> dict[str, NodeState]:
    views: dict[str, _View] = {}
    with ExitStack() as ours:
        asked: dict[str, tuple[Questions, int]] = {}
        for name, node in nodes.items():
            try:
                kernel = ours.enter_context(Questions(node))
                asked[name] = kernel, kernel.namespace()
            except (LabError, OSError):
                continue  # it has ended
            ours.callback(os.close, asked[name][1])
        namespaces = [namespace for _, namespace in asked.values()]
        for name, (kernel, own) in asked.items():
            try:
                views[name] = await _view(nodes[name], kernel, own, namespaces)
            except (LabError, OSError):
                continue
    names = {view.namespace: (name, view.names()) for name, view in reversed(views.items())}
    return {name: _node(name, view, names) for name, view in views.items()}


async def _view(node: Node, asked: Questions, own: int, namespaces: Iterable[int]) -> _View:
    # pyroute2 takes most of a second to import.
    from pyroute2 import AsyncIPRoute

    # SOCK_DGRAM: asyncio refuses a raw socket, and netlink makes no difference (netlink(7)).
    made = node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, socket.NETLINK_ROUTE)
    async with AsyncIPRoute(use_socket=made) as kernel:
        links, addresses, routes = await _dump(kernel)
    return _View(
        links,
        addresses,
        routes,
        asked.forwards(socket.AF_INET),
        asked.forwards(socket.AF_INET6),
        identity(own),
        _numbers(asked, links, namespaces),
    )


async def _dump(kernel: AsyncIPRoute) -> tuple[list[Any], list[Any], list[Any]]:
    return (
        [each async for each in await kernel.link("dump", ext_mask=_SKIP_STATISTICS)],
        [each async for each in await kernel.addr("dump")],
        [each async for each in await kernel.route("dump")],
    )


def _numbers(asked: Questions, links: list[Any], namespaces: Iterable[int]) -> dict[int, int]:
    if all(link.get_attr("IFLA_LINK_NETNSID") is None for link in links):
        return {}
    numbers = ((asked.number_of(each), identity(each)) for each in namespaces)
    return {number: which for number, which in numbers if number is not None}


def _node(name: str, view: _View, names: Mapping[int, tuple[str, dict[int, str]]]) -> NodeState:
    own = view.names()
    addresses: dict[int, list[Address]] = {}
    for each in view.addresses:
        addresses.setdefault(each["index"], []).append(_address(each))
    return NodeState(
        name,
        container=name not in _FIXED,
        interfaces=tuple(_interface(link, view, own, names, addresses.get(link["index"], [])) for link in view.links),
        routes=tuple(_route(each, own) for each in view.routes if not _is_local(each)),
        forwards=view.forwards,
        forwards6=view.forwards6,
    )


def _interface(
    link: Any,
    view: _View,
    own: Mapping[int, str],
    names: Mapping[int, tuple[str, dict[int, str]]],
    addresses: list[Address],
) -> Interface:
    kind, info = _kind(link)
    over, number = link.get_attr("IFLA_LINK"), link.get_attr("IFLA_LINK_NETNSID")
    node, there = names.get(view.namespace if number is None else view.numbers.get(number, -1), ("", {}))
    is_veth = kind == "veth"
    return Interface(
        name=link.get_attr("IFLA_IFNAME"),
        kind=kind,
        mac=link.get_attr("IFLA_ADDRESS") or "",
        addresses=tuple(addresses),
        up=bool(link["flags"] & _IFF_UP),
        carrier=bool(link.get_attr("IFLA_CARRIER")),
        master=own.get(link.get_attr("IFLA_MASTER"), ""),
        peer=(End(node, there[over]) if over in there else End("", "")) if is_veth and over else None,
        parent=own.get(over or info.get("IFLA_VXLAN_LINK", 0), "") if not is_veth and number is None else "",
        vlan=info.get("IFLA_VLAN_ID"),
        remote=next((str(value) for key, value in info.items() if key in _REMOTES and value), ""),
    )


_REMOTES: Final = {"IFLA_VXLAN_GROUP", "IFLA_VXLAN_GROUP6", "IFLA_GRE_REMOTE", "IFLA_IPIP_REMOTE", "IFLA_SIT_REMOTE"}


def _kind(link: Any) -> tuple[str, dict[str, Any]]:
    """Return what an interface is, and what is told of its kind alone."""
    info = link.get_attr("IFLA_LINKINFO")
    kind = info.get_attr("IFLA_INFO_KIND") if info is not None else None
    data = info.get_attr("IFLA_INFO_DATA") if kind is not None else None
    told = dict(data["attrs"]) if isinstance(data, dict) and "attrs" in data else {}
    return str(kind or ("loopback" if link["ifi_type"] == 772 else "ethernet")), told


def _address(each: Any) -> Address:
    # Of a point-to-point link, IFA_ADDRESS is the other end.
    address = each.get_attr("IFA_LOCAL") or each.get_attr("IFA_ADDRESS")
    flags = each.get_attr("IFA_FLAGS") or each["flags"]
    scope = _SCOPES.get(each["scope"], "global")
    return Address(f"{address}/{each['prefixlen']}", scope, bool(flags & _TENTATIVE))


def _is_local(route: Any) -> bool:
    return bool(route.get_attr("RTA_TABLE", route["table"]) == _TABLE_LOCAL)


def _route(route: Any, names: Mapping[int, str]) -> Route:
    destination = route.get_attr("RTA_DST")
    hops = [route, *(route.get_attr("RTA_MULTIPATH") or [])]
    gateways = [text for text in map(_gateway, hops) if text]
    interfaces = [
        names[hop] for hop in [route.get_attr("RTA_OIF"), *(each.get("oif") for each in hops[1:])] if hop in names
    ]
    return Route(
        destination=f"{destination}/{route['dst_len']}" if destination else "default",
        gateway=", ".join(gateways),
        interface=", ".join(interfaces),
        kind=_KINDS.get(route["type"], str(route["type"])),
        table=route.get_attr("RTA_TABLE", route["table"]),
        by_kernel=route["proto"] == _BY_KERNEL,
        family=6 if route["family"] == socket.AF_INET6 else 4,
    )


def _gateway(hop: Any) -> str:
    via = hop.get_attr("RTA_VIA")  # an IPv6 gateway of an IPv4 route
    return str(hop.get_attr("RTA_GATEWAY") or (via or {}).get("addr", "") or "")
