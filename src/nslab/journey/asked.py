"""What the kernel of a node's network says when it is asked: interfaces, routes, neighbours, settings, counters.

Each answer is asked for once and kept: a journey is explained from one state, as it was when the packet had gone.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import ExitStack
from functools import cached_property
from ipaddress import ip_interface
from typing import Final

from nslab.journey.netlink import ROUTE, Netlink, attribute, attributes, text
from nslab.journey.tables import (
    MAIN,
    ROUTE_TYPES,
    Address,
    Interface,
    Neighbour,
    Route,
    Rule,
    Way,
    address_in,
    gateway,
    interface_in,
    ip,
    neighbour_in,
    number,
    route_in,
    rule_in,
)
from nslab.sandbox.door import Node, Process

_GET_LINK, _GET_ADDRESS, _GET_ROUTE, _GET_NEIGHBOUR, _GET_RULE, _GET_QDISC, _GET_NSID = 18, 22, 26, 30, 34, 38, 90
_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_LOOKUP_TABLE: Final = 0x1000
_WITH_PORTS: Final = (6, 17)
_CLONED: Final = 0x200
_PATIENCE: Final = 5.0  # seconds for a program that only prints


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
            found = [interface_in(body) for body in asked.dump(_GET_LINK, bytes(16))]
        return {each.index: each for each in found}

    @cached_property
    def addresses(self) -> list[Address]:
        with Netlink(self.node, ROUTE) as asked:
            bodies = asked.dump(_GET_ADDRESS, bytes(8))
        return [each for each in map(address_in, bodies) if each]

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

    def way(
        self,
        destination: str,
        *,
        source: str = "",
        iif: int = 0,
        oif: int = 0,
        mark: int = 0,
        protocol: int = 0,
        ports: tuple[int, int] = (0, 0),
    ) -> Way:
        """Ask the kernel which way it would send a packet, or, with `iif`, one that came in there."""
        family = 6 if ":" in destination else 4
        size = 32 if family == 4 else 128
        head = struct.pack("=BBBBBBBBI", _FAMILY[family], size, size if source else 0, 0, 0, 0, 0, 0, _LOOKUP_TABLE)
        body = head + attribute(1, _packed(destination))
        if source:
            body += attribute(2, _packed(source))
        for kind, value in ((3, iif), (4, oif), (16, mark)):
            if value:
                body += attribute(kind, struct.pack("=I", value))
        if protocol in _WITH_PORTS:
            body += b"".join(
                attribute(kind, struct.pack("!H", port)) for kind, port in zip((28, 29), ports, strict=True)
            )
        if protocol in _WITH_PORTS or protocol == (1 if family == 4 else 58):
            body += attribute(27, bytes([protocol]))  # the kernel knows how to ask itself about these only
        try:
            with Netlink(self.node, ROUTE) as asked:
                answer = asked.ask(_GET_ROUTE, body)[0].body
        except OSError as error:
            return Way(error.errno or 0)
        found = attributes(answer, 12)
        return Way(
            0,
            ROUTE_TYPES.get(answer[7], str(answer[7])),
            number(found, 4),
            gateway(found),
            number(found, 15),
            number(attributes(found.get(8, b"")), 2),
            ip(found.get(7, b"")),
        )

    def routes(self, family: int) -> list[Route]:
        return self._routes[family]

    @cached_property
    def _routes(self) -> dict[int, list[Route]]:
        with Netlink(self.node, ROUTE) as asked:
            return {
                version: [
                    route_in(version, body)
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
                version: [rule_in(body) for body in asked.dump(_GET_RULE, bytes([number]) + bytes(11))]
                for version, number in _FAMILY.items()
            }

    # ---- neighbours and bridges

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        with Netlink(self.node, ROUTE) as asked:
            return [each for each in map(neighbour_in, asked.dump(_GET_NEIGHBOUR, bytes(12))) if each]

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
            table[number(found, 9), found.get(2, b"").hex(":")] = struct.unpack_from("=i", body, 4)[0]
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
