"""The kernel's tables, as plain data: interfaces, addresses, neighbours, routes, rules, made of netlink's messages."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface, ip_network
from typing import Final

from nslab.journey.netlink import Attributes, attributes, text

MAIN: Final = 254  # RT_TABLE_MAIN
_KINDS: Final = (
    "",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
)
ROUTE_TYPES: Final = dict(enumerate(_KINDS))
VERSION: Final = {int(socket.AF_INET): 4, int(socket.AF_INET6): 6}
_UP, _LOWER_UP = 0x1, 0x10000
_INVERTED: Final = 0x2  # FIB_RULE_INVERT
_PLAIN: Final = frozenset({1, 2, 3, 6, 10, 14, 15, 16, 17, 18, 21, 22, 23, 24})
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp"}


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
    protocol: int
    sports: tuple[int, int]  # from, to
    dports: tuple[int, int]
    more: bool  # it has conditions that are not read here: a tos, "not", "goto"…


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


def ip(raw: bytes) -> str:
    if len(raw) not in (4, 16):
        return ""
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def number(found: Attributes, which: int) -> int:
    return int.from_bytes(found.get(which, b""), "little") if which in found else 0


def gateway(found: Attributes) -> str:
    if 5 in found:
        return ip(found[5])
    return ip(found[18][2:]) if 18 in found else ""


def interface_in(body: bytes) -> Interface:
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
        number(found, 4),
        text(about.get(1)) or ("loopback" if flags & 8 else ""),
        number(found, 10),
        number(found, 5),
        struct.unpack("=i", found[37])[0] if 37 in found else -1,
        port[1][0] if 1 in port else -1,
        bool(port[9][0]) if 9 in port else True,
    )


def address_in(body: bytes) -> Address | None:
    family, prefix, flags, _, index = struct.unpack_from("=BBBBi", body)
    found = attributes(body, 8)
    raw = found.get(2) or found.get(1)
    if family not in VERSION or raw is None:
        return None
    flags = number(found, 8) or flags
    optimistic = bool(flags & 0x04)
    return Address(
        index, ip_interface(f"{ip(raw)}/{prefix}"), bool(flags & 0x40) and not optimistic, bool(flags & 0x08)
    )


def neighbour_in(body: bytes) -> Neighbour | None:
    family, index, state = struct.unpack_from("=BxxxiH", body)
    found = attributes(body, 12)
    if family not in VERSION:
        return None
    return Neighbour(index, ip(found.get(1, b"")), found.get(2, b"").hex(":"), _STATES.get(state, str(state)))


def route_in(version: int, body: bytes) -> Route:
    found = attributes(body, 12)
    everything = "0.0.0.0" if version == 4 else "::"
    several = found.get(9, b"")  # of several next hops, the first
    index = number(found, 4) or (struct.unpack_from("=i", several, 4)[0] if several else 0)
    return Route(
        ip_network(f"{ip(found[1]) if 1 in found else everything}/{body[1]}"),
        ROUTE_TYPES.get(body[7], str(body[7])),
        number(found, 15) or body[4],
        index,
        gateway(found) or (gateway(attributes(several, 8)) if several else ""),
        number(found, 6),
    )


def rule_in(body: bytes) -> Rule:
    found = attributes(body, 12)

    def network(which: int, prefix: int) -> IPv4Network | IPv6Network | None:
        return ip_network(f"{ip(found[which])}/{prefix}") if which in found else None

    source, target = network(2, body[2]), network(1, body[1])
    table, mark = number(found, 15) or body[4], number(found, 10)
    iif, oif = text(found.get(3)), text(found.get(17))
    does = {1: f"lookup {table}", 6: "blackhole", 7: "unreachable", 8: "prohibit"}.get(body[7], f"action {body[7]}")
    words = [f"from {source or 'all'}", f"to {target}" if target else "", f"fwmark {mark:#x}" if mark else ""]
    words += [f"iif {iif}" if iif else "", f"oif {oif}" if oif else ""]
    protocol, (sports, dports) = number(found, 22), (_ports(found.get(which)) for which in (23, 24))
    words += [f"ipproto {_PROTOCOLS.get(protocol, protocol)}" if protocol else ""]
    words += [f"{name} {low}-{high}" for name, (low, high) in (("sport", sports), ("dport", dports)) if low]
    words += [does]
    said = f"{number(found, 6)}: {' '.join(filter(None, words))}"
    # What is always told: addresses, interfaces, priority, mark, table, who has made it, and "suppress", -1 when unset.
    # A mask of a single port has all bits.
    whole = {which for which in (28, 29) if number(found, which) == 0xFFFF}
    more = bool(body[3] or body[8] & _INVERTED or found.keys() - _PLAIN - whole) or number(found, 14) not in (
        0,
        0xFFFFFFFF,
    )
    return Rule(number(found, 6), table, body[7], said, source, target, iif, oif, mark, protocol, sports, dports, more)


def _ports(raw: bytes | None) -> tuple[int, int]:
    low, high = struct.unpack_from("=HH", raw) if raw else (0, 0xFFFF)
    return low, high
