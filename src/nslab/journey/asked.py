"""What the kernel of a node's network says when it is asked: interfaces, routes, neighbours, settings, counters.

Each answer is asked for once and kept: a journey is explained from one state, as it was when the packet had gone.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface, ip_network
from typing import Final

from nslab.journey.netlink import ROUTE, Attributes, Netlink, attribute, attributes, text
from nslab.sandbox.door import Node, Process

_GET_LINK, _GET_ADDRESS, _GET_ROUTE, _GET_NEIGHBOUR, _GET_RULE, _GET_QDISC, _GET_NSID = 18, 22, 26, 30, 34, 38, 90
_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_VERSION: Final = {int(family): version for version, family in _FAMILY.items()}
_UP, _LOWER_UP = 0x1, 0x10000
_LOOKUP_TABLE: Final = 0x1000
_CLONED: Final = 0x200
_INVERTED: Final = 0x2
_PLAIN: Final = frozenset({1, 2, 3, 6, 10, 14, 15, 16, 17, 18, 21})
_PATIENCE: Final = 5.0  # seconds for a program that only prints
MAIN: Final = 254
ROUTE_TYPES: Final = {1: "unicast", 2: "local", 3: "broadcast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a node."""

    index: int
    name: str
    up: bool
    carrier: bool
    mac: str
    mtu: int
    kind: str  # "veth", "bridge", "loopback" …
    master: int = 0  # the index of its bridge
    peer: int = 0  # the other end's index …
    peer_namespace: int = -1  # … and namespace, by this node's own number for it; -1: this very node
    state: int = -1  # of a bridge port: 3 forwards
    floods: bool = True  # a bridge port that gets frames for unknown MAC addresses


@dataclass(frozen=True, slots=True)
class Address:
    """One address of an interface."""

    index: int
    interface: IPv4Interface | IPv6Interface
    tentative: bool = False
    failed: bool = False

    @property
    def text(self) -> str:
        return str(self.interface.ip)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry of the ARP or neighbour table."""

    index: int
    address: str
    mac: str
    state: str


@dataclass(frozen=True, slots=True)
class Route:
    """One route of one table."""

    target: IPv4Network | IPv6Network
    type: str
    table: int
    index: int
    gateway: str
    metric: int

    def __str__(self) -> str:
        kind = "" if self.type == "unicast" else f"{self.type} "
        target = "default" if self.target.prefixlen == 0 else str(self.target)
        return f"{kind}{target}{f' via {self.gateway}' if self.gateway else ''}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of policy routing."""

    priority: int
    table: int
    action: int
    text: str
    source: IPv4Network | IPv6Network | None
    target: IPv4Network | IPv6Network | None
    iif: str
    oif: str
    mark: int
    more: bool  # it has conditions that are not read here: a protocol, ports, a tos, "not", "goto"…


@dataclass(frozen=True, slots=True)
class Way:
    """What the kernel answered to "which way?": an error number, or an interface and the next hop."""

    error: int
    type: str = ""
    index: int = 0
    gateway: str = ""
    table: int = 0
    mtu: int = 0
    source: str = ""

    @property
    def text(self) -> str:
        if self.error:
            return os.strerror(self.error)
        return f"{self.type}{f' via {self.gateway}' if self.gateway else ''}"


_STATES: Final = {1: "INCOMPLETE", 2: "REACHABLE", 4: "STALE", 8: "DELAY", 16: "PROBE", 32: "FAILED"} | {
    64: "NOARP",
    128: "PERMANENT",
}


class Network:
    """A node's network, asked."""

    def __init__(self, node: Node, tools: Node) -> None:
        self.node = node
        self.tools = tools  # the node whose programs are used: a student's container may have none
        self._settings: dict[str, str | None] = {}

    @property
    def name(self) -> str:
        return self.node.name

    # ---- interfaces and addresses

    @cached_property
    def interfaces(self) -> dict[int, Interface]:
        with Netlink(self.node, ROUTE) as asked:
            found = [_interface(body) for body in asked.dump(_GET_LINK, bytes(16))]
        return {each.index: each for each in found}

    @cached_property
    def addresses(self) -> list[Address]:
        with Netlink(self.node, ROUTE) as asked:
            bodies = asked.dump(_GET_ADDRESS, bytes(8))
        return [each for each in map(_address, bodies) if each]

    def interface(self, name: str) -> Interface | None:
        return next((each for each in self.interfaces.values() if each.name == name), None)

    def name_of(self, index: int) -> str:
        return self.interfaces[index].name if index in self.interfaces else ""

    def ports(self, bridge: int) -> list[Interface]:
        return [each for each in self.interfaces.values() if each.master == bridge]

    def addresses_of(self, index: int, family: int) -> list[Address]:
        return [each for each in self.addresses if each.index == index and each.interface.version == family]

    def owner_of(self, address: str) -> Address | None:
        return next((each for each in self.addresses if each.text == address), None)

    def peer_is_in(self, interface: Interface, other: Network) -> bool:
        """Whether the other end of a veth is in that network."""
        if interface.peer_namespace < 0:
            return other.node is self.node
        try:
            namespace = other.node.network()
            try:
                with Netlink(self.node, ROUTE) as asked:
                    body = bytes(4) + attribute(3, struct.pack("=I", namespace))
                    answer = asked.ask(_GET_NSID, body)
            finally:
                os.close(namespace)
        except OSError:
            return False
        number = struct.unpack("=i", attributes(answer[0].body, 4)[1])[0]
        return bool(number == interface.peer_namespace)

    # ---- routing

    def way(self, destination: str, *, source: str = "", iif: int = 0, oif: int = 0, mark: int = 0) -> Way:
        """Ask the kernel which way it would send a packet, or, with `iif`, one that came in there."""
        family = 6 if ":" in destination else 4
        size = 32 if family == 4 else 128
        head = struct.pack("=BBBBBBBBI", _FAMILY[family], size, size if source else 0, 0, 0, 0, 0, 0, _LOOKUP_TABLE)
        body = head + attribute(1, _packed(destination))
        if source:
            body += attribute(2, _packed(source))
        for number, value in ((3, iif), (4, oif), (16, mark)):
            if value:
                body += attribute(number, struct.pack("=I", value))
        try:
            with Netlink(self.node, ROUTE) as asked:
                answer = asked.ask(_GET_ROUTE, body)[0].body
        except OSError as error:
            return Way(error.errno or 0)
        found = attributes(answer, 12)
        return Way(
            0,
            ROUTE_TYPES.get(answer[7], str(answer[7])),
            _number(found, 4),
            _gateway(found),
            _number(found, 15),
            _number(attributes(found.get(8, b"")), 2),
            _ip(found.get(7, b"")),
        )

    def routes(self, family: int) -> list[Route]:
        return self._routes[family]

    @cached_property
    def _routes(self) -> dict[int, list[Route]]:
        with Netlink(self.node, ROUTE) as asked:
            return {
                version: [
                    _route(version, body)
                    for body in asked.dump(_GET_ROUTE, bytes([number]) + bytes(11))
                    # What the kernel has learned about a way, a smaller MTU, is listed like a route of its own.
                    if not int.from_bytes(body[8:12], "little") & _CLONED
                ]
                for version, number in _FAMILY.items()
            }

    def best(self, destination: str, family: int, table: int = MAIN) -> Route | None:
        """Return the route that a table has for a destination: the longest prefix, then the lowest metric."""
        target = ip_interface(destination).ip
        fits = [each for each in self.routes(family) if each.table == table and target in each.target]
        return max(fits, key=lambda each: (each.target.prefixlen, -each.metric), default=None)

    def policies(self, family: int) -> list[Rule]:
        """Return the rules of policy routing that are not there from the start."""
        return [each for each in self._rules[family] if each.priority not in (0, 32766, 32767)]

    @cached_property
    def _rules(self) -> dict[int, list[Rule]]:
        with Netlink(self.node, ROUTE) as asked:
            return {
                version: [_rule(body) for body in asked.dump(_GET_RULE, bytes([number]) + bytes(11))]
                for version, number in _FAMILY.items()
            }

    # ---- neighbours and bridges

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        with Netlink(self.node, ROUTE) as asked:
            return [each for each in map(_neighbour, asked.dump(_GET_NEIGHBOUR, bytes(12))) if each]

    def neighbour(self, address: str, index: int) -> Neighbour | None:
        return next((each for each in self.neighbours if each.address == address and each.index == index), None)

    @cached_property
    def forwarding_table(self) -> dict[tuple[int, str], int]:
        """Return {(bridge, MAC): port} of the bridges' tables."""
        with Netlink(self.node, ROUTE) as asked:
            bodies = asked.dump(_GET_NEIGHBOUR, bytes([socket.AF_BRIDGE]) + bytes(11))
        table = {}
        for body in bodies:
            found = attributes(body, 12)
            table[_number(found, 9), found.get(2, b"").hex(":")] = struct.unpack_from("=i", body, 4)[0]
        return table

    @cached_property
    def qdiscs(self) -> list[tuple[int, str, int]]:
        """Return (interface, kind, dropped) of each queue."""
        with Netlink(self.node, ROUTE) as asked:
            bodies = asked.dump(_GET_QDISC, bytes(20))
        found = []
        for body in bodies:
            values = attributes(body, 20)
            queue = attributes(values.get(7, b"")).get(3, bytes(20))
            found.append(
                (struct.unpack_from("=i", body, 4)[0], text(values.get(1)), struct.unpack_from("=I", queue, 8)[0])
            )
        return found

    # ---- files and programs

    def setting(self, name: str) -> str | None:
        """Return a sysctl, "net/ipv4/ip_forward"; None where there is none of that name."""
        if name not in self._settings:
            said = self.tool(["cat", f"/proc/sys/{name}"])
            self._settings[name] = said.strip() if said else None
        return self._settings[name]

    def tool(self, command: list[str]) -> str:
        """Return what a program prints in this network; "" when it cannot be run."""
        return outputs([self], command)[0]


def outputs(networks: list[Network], command: list[str]) -> list[str]:
    """Run a program that only prints in several networks, side by side."""
    with ExitStack() as ours:
        started = [_start(network, command, ours) for network in networks]
        return [_drained(*each) if each else "" for each in started]


def _start(network: Network, command: list[str], ours: ExitStack) -> tuple[Process, int] | None:
    try:
        namespace = network.node.network()
        ours.callback(os.close, namespace)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        ours.callback(os.close, reader)
        enter = ["nsenter", "--net=/proc/self/fd/3", "--", *command]
        try:
            return network.tools.spawn(enter, places={3: namespace, 1: writer}), reader
        finally:
            os.close(writer)
    except Exception:  # noqa: BLE001 - a question that cannot be asked has no answer, and nothing is proved by it
        return None


def _drained(process: Process, reader: int) -> str:
    data = bytearray()
    waiting = select.poll()
    waiting.register(reader, select.POLLIN)
    while waiting.poll(_PATIENCE * 1000):
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            break
        data += chunk
    process.leave()
    return data.decode(errors="replace")


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _ip(raw: bytes) -> str:
    if len(raw) not in (4, 16):
        return ""
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _number(found: Attributes, which: int) -> int:
    return int.from_bytes(found.get(which, b""), "little") if which in found else 0


def _gateway(found: Attributes) -> str:
    if 5 in found:
        return _ip(found[5])
    return _ip(found[18][2:]) if 18 in found else ""


def _interface(body: bytes) -> Interface:
    index, flags = struct.unpack_from("=iI", body, 4)
    found = attributes(body, 16)
    about = attributes(found.get(18, b""))
    port = attributes(about.get(5, b"")) if text(about.get(4)) == "bridge" else {}
    return Interface(
        index,
        text(found.get(3)),
        bool(flags & _UP),
        bool(flags & _LOWER_UP),
        found.get(1, b"").hex(":"),
        _number(found, 4),
        text(about.get(1)) or ("loopback" if flags & 8 else ""),
        _number(found, 10),
        _number(found, 5),
        struct.unpack("=i", found[37])[0] if 37 in found else -1,
        port[1][0] if 1 in port else -1,
        bool(port[9][0]) if 9 in port else True,
    )


def _address(body: bytes) -> Address | None:
    family, prefix, flags, _, index = struct.unpack_from("=BBBBi", body)
    found = attributes(body, 8)
    raw = found.get(2) or found.get(1)
    if family not in _VERSION or raw is None:
        return None
    flags = _number(found, 8) or flags
    optimistic = bool(flags & 0x04)
    return Address(
        index, ip_interface(f"{_ip(raw)}/{prefix}"), bool(flags & 0x40) and not optimistic, bool(flags & 0x08)
    )


def _neighbour(body: bytes) -> Neighbour | None:
    family, index, state = struct.unpack_from("=BxxxiH", body)
    found = attributes(body, 12)
    if family not in _VERSION:
        return None
    return Neighbour(index, _ip(found.get(1, b"")), found.get(2, b"").hex(":"), _STATES.get(state, str(state)))


def _route(version: int, body: bytes) -> Route:
    found = attributes(body, 12)
    everything = "0.0.0.0" if version == 4 else "::"
    several = found.get(9, b"")  # of several next hops, the first
    index = _number(found, 4) or (struct.unpack_from("=i", several, 4)[0] if several else 0)
    return Route(
        ip_network(f"{_ip(found[1]) if 1 in found else everything}/{body[1]}"),
        ROUTE_TYPES.get(body[7], str(body[7])),
        _number(found, 15) or body[4],
        index,
        _gateway(found) or (_gateway(attributes(several, 8)) if several else ""),
        _number(found, 6),
    )


def _rule(body: bytes) -> Rule:
    found = attributes(body, 12)

    def network(which: int, prefix: int) -> IPv4Network | IPv6Network | None:
        return ip_network(f"{_ip(found[which])}/{prefix}") if which in found else None

    source, target = network(2, body[2]), network(1, body[1])
    table, mark = _number(found, 15) or body[4], _number(found, 10)
    iif, oif = text(found.get(3)), text(found.get(17))
    does = {1: f"lookup {table}", 6: "blackhole", 7: "unreachable", 8: "prohibit"}.get(body[7], f"action {body[7]}")
    words = [f"from {source or 'all'}", f"to {target}" if target else "", f"fwmark {mark:#x}" if mark else ""]
    words += [f"iif {iif}" if iif else "", f"oif {oif}" if oif else "", does]
    said = f"{_number(found, 6)}: {' '.join(filter(None, words))}"
    # What is always told: addresses, interfaces, priority, mark, table, who has made it, and "suppress", -1 when unset.
    more = bool(body[3] or body[8] & _INVERTED or found.keys() - _PLAIN) or _number(found, 14) not in (0, 0xFFFFFFFF)
    return Rule(_number(found, 6), table, body[7], said, source, target, iif, oif, mark, more)
