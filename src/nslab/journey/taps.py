"""Taps in a node's network: every interface, every hook, and the trace of its rules; nothing of them stays.

Interfaces are seen by one packet socket. Hooks are seen by a table of our own, with a `log` rule first and last in each:
what entered a hook and did not leave it was stopped by a rule in it. The table belongs to its socket
(NFT_TABLE_F_OWNER): when the socket closes, whatever the reason, the kernel takes the table away.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from nslab.errors import MachineError
from nslab.journey.netlink import (
    ACK,
    CREATE,
    NETFILTER,
    REQUEST,
    Netlink,
    attribute,
    attributes,
    is_unknown,
    message,
    messages,
    text,
    widen,
)
from nslab.journey.packet import Packet, parse
from nslab.sandbox.door import Node

HOOKS: Final = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_INET, _NETDEV, _BRIDGE = 1, 5, 7  # NFPROTO_…
_FIRST, _LAST = -(2**31) + 1000, 2**31 - 1000  # before conntrack's and iptables' own, and after them
_SNAP: Final = 192  # bytes of a packet
_NFTABLES, _ULOG = 10, 4  # NFNL_SUBSYS_…
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = (_NFTABLES << 8 | n for n in (0, 3, 6))
_TRACE: Final = _NFTABLES << 8 | 17
_TRACE_GROUP: Final = 9  # NFNLGRP_NFTRACE
_OWNER: Final = 2  # NFT_TABLE_F_OWNER, kernel 5.12
_EVERYTHING: Final = 3  # ETH_P_ALL
_TIMESTAMPNS: Final = 35
_PACKET, _STATISTICS = 263, 6  # SOL_PACKET
_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_ENOBUFS: Final = 105
_EBUSY: Final = 16


class Sighting(NamedTuple):
    """A packet at a place: an interface (way "in", "out") or a hook (way "first", "last")."""

    node: str
    layer: str  # "device", "inet", "bridge", "ingress", "egress"
    point: str  # the interface, or the hook
    way: str
    time: int  # ns since 1970; a hook's is that of the packet's arrival, or 0
    seen: int  # ns since 1970, when it was read
    packet: Packet
    iif: int = 0  # indexes; 0 for none
    oif: int = 0
    port_in: int = 0  # the bridge's port that it came by, for iptables on a bridge
    port_out: int = 0
    kind: int = 0  # packet(7): 0 to us, 1 broadcast, 2 multicast, 3 to others, 4 outgoing
    mac: bytes = b""  # the destination's


class Question(NamedTuple):
    """ARP or neighbour discovery at an interface: "who has `target`?", or the answer with its `mac`."""

    node: str
    point: str
    way: str
    time: int
    answer: bool
    target: str  # whose MAC is wanted, or told
    asker: str
    mac: str  # that was told; "" in a question


class Traced(NamedTuple):
    """A rule, or a chain's policy, that decided about a packet: what nf_tables says of itself."""

    node: str
    family: int
    table: str
    chain: str
    handle: int  # of the rule; 0 for a policy
    verdict: str  # "accept", "drop", "continue", "jump"…
    packet: Packet
    seen: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the taps have given."""

    sightings: tuple[Sighting, ...]
    questions: tuple[Question, ...]
    traced: tuple[Traced, ...]
    lost: int


class Taps:
    """The taps of one node.

    taps = Taps(node, {1: "lo", 2: "eth0"}, bridges=False)
    taps.open()
    taps.read()                       # whenever one of `taps.sockets` is readable
    taps.close()
    """

    def __init__(self, node: Node, interfaces: dict[int, str], *, bridges: bool) -> None:
        self.node = node
        self.interfaces = dict(interfaces)
        self.bridges = bridges
        self.lost = 0
        self.sockets: list[socket.socket] = []
        self._raw: list[tuple[int, bytes, int, int, str, bytes]] = []
        self._logged: list[tuple[int, bytes]] = []
        self._tables: Netlink | None = None

    def open(self, *, trace: bool) -> None:
        """Begin to see; MachineError where the kernel has no nf_tables log."""
        self.packets = self.node.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING))
        self.sockets.append(self.packets)
        self.packets.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        widen(self.packets)
        self.packets.setblocking(False)
        try:
            self._hear_hooks(trace=trace)
        except OSError as error:
            raise MachineError(
                f"{self.node.name}: this kernel cannot log packets for a journey: {error.strerror}"
            ) from None

    def close(self) -> None:
        """Take everything away."""
        if self.sockets and self.packets.fileno() >= 0:
            self.lost += struct.unpack("II", self.packets.getsockopt(_PACKET, _STATISTICS, 8))[1]
        for each in self.sockets:
            each.close()
        if self._tables is not None:
            self._tables.socket.close()

    def read(self) -> None:
        """Take what there is, as it is: it is understood when the packets have stopped."""
        for listener in self.sockets:
            try:
                if listener is self.packets:
                    self._read_packets()
                else:
                    self._read_log(listener)
            except BlockingIOError:
                pass
            except OSError as error:  # ENETDOWN comes once from an interface that went down
                self.lost += error.errno == _ENOBUFS

    def _read_packets(self) -> None:
        while True:
            data, ancillary, _, (name, protocol, kind, _, _) = self.packets.recvmsg(_SNAP, 64)
            if protocol in (_IPV4, _IPV6, _ARP):
                seconds, rest = struct.unpack_from("=qq", ancillary[0][2])
                self._raw.append((seconds * 10**9 + rest, data, protocol, kind, name, b""))

    def _read_log(self, listener: socket.socket) -> None:
        while True:
            data = listener.recv(1 << 17)
            self._logged.append((time.time_ns(), data))

    def _hear_hooks(self, *, trace: bool) -> None:
        self._tables = Netlink(self.node, NETFILTER)
        listener = self.node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETFILTER, bind=(0, 0))
        self.sockets.append(listener)
        widen(listener)
        group = _take_group(listener)
        if trace:
            listener.setsockopt(270, 1, _TRACE_GROUP)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
        listener.setblocking(False)
        table = f"nslab-journey-{os.getpid()}-{group}"
        made = [(hook, number, 0, "") for number, hook in enumerate(HOOKS)]
        self._tables.batch(_NFTABLES, _own_table(table, group, _INET, "inet", made, trace=trace))
        if self.bridges:
            # A kernel without one of these shows less: then a place is found, and a cause may not be.
            with suppress(OSError):
                self._tables.batch(_NFTABLES, _own_table(table, group, _BRIDGE, "bridge", made, trace=trace))
        for number, layer in enumerate(("ingress", "egress")):
            devices = [(layer, number, index, name) for index, name in self.interfaces.items()]
            try:
                self._tables.batch(
                    _NFTABLES, _own_table(f"{table}-{layer}", group, _NETDEV, layer, devices, trace=trace)
                )
            except OSError as error:
                if not is_unknown(error):
                    raise

    def understand(self) -> Seen:
        """Return what was seen, in the order of the kernel for the interfaces and, apart, for the hooks."""
        names = {name: index for index, name in self.interfaces.items()}
        sightings: list[Sighting] = []
        questions: list[Question] = []
        for when, data, protocol, kind, name, _ in self._raw:
            way = "out" if kind == 4 else "in"
            if protocol == _ARP:
                if asked := _arp(data[14:]):
                    questions.append(Question(self.node.name, name, way, when, *asked))
                continue
            packet = parse(data[14:])
            if packet is None:
                continue
            if packet.protocol == 58 and packet.kind in (135, 136) and (asked := _discovery(packet, data)):
                questions.append(Question(self.node.name, name, way, when, *asked))
            index = names.get(name, 0)
            sightings.append(
                Sighting(self.node.name, "device", name, way, when, when, packet, index, kind=kind, mac=data[:6])
            )
        traced: list[Traced] = []
        known: dict[bytes, Packet] = {}
        for seen, data in self._logged:
            for each in messages(data):
                if each.type == _ULOG << 8:
                    if logged := self._logged_packet(attributes(each.body, 4), seen):
                        sightings.append(logged)
                elif each.type == _TRACE and (decided := self._decision(attributes(each.body, 4), known, seen)):
                    traced.append(decided)
        return Seen(tuple(sightings), tuple(questions), tuple(traced), self.lost)

    def _logged_packet(self, found: dict[int, bytes], seen: int) -> Sighting | None:
        # An egress hook still has the frame's header before the packet.
        packet = parse(found.get(9, b"")[14 if _is_egress(found) else 0 :])
        layer, _, rest = text(found.get(10)).partition(" ")
        point, _, way = rest.rpartition(" ")
        if packet is None or not way:
            return None
        when = 0
        if stamp := found.get(3):
            seconds, micro = struct.unpack("!QQ", stamp)
            when = seconds * 10**9 + micro * 1000
        places = [int.from_bytes(found.get(number, b""), "big") for number in (4, 5, 6, 7)]
        return Sighting(self.node.name, layer, point, way, when, seen, packet, *places)

    def _decision(self, found: dict[int, bytes], known: dict[bytes, Packet], seen: int) -> Traced | None:
        ident = found.get(6, b"")
        # Only the first message of a packet in a chain carries its headers.
        if 8 in found and (packet := parse(found[8] + found.get(9, b""))):
            known[ident] = packet
        table = text(found.get(1))
        if ident not in known or table.startswith("nslab-journey-"):
            return None
        verdict = ""
        if 5 in found:
            (code,) = struct.unpack("!i", attributes(found[5])[1])
            verdict = _VERDICTS.get(code if code < 0 else code & 0xFF, str(code))
        elif 16 in found:
            verdict = _VERDICTS.get(int.from_bytes(found[16], "big"), "")
        handle = int.from_bytes(found.get(3, b""), "big")
        family = struct.unpack("!I", found[15])[0] if 15 in found else 0
        return Traced(self.node.name, family, table, text(found.get(2)), handle, verdict, known[ident], seen)


def _is_egress(found: dict[int, bytes]) -> bool:
    return text(found.get(10)).startswith("egress ")


_VERDICTS: Final = {0: "drop", 1: "accept", 2: "stolen", 3: "queue", -1: "continue", -2: "break", -3: "jump"} | {
    -4: "goto",
    -5: "return",
}


def _take_group(listener: socket.socket) -> int:
    """Bind the socket to a log group that nobody has, and return its number."""
    for offset in range(64):
        group = 40000 + (os.getpid() + offset * 101) % 20000
        try:
            _configure(listener, group, attribute(1, b"\1"))
        except OSError as error:
            if error.errno == _EBUSY:
                continue
            raise
        _configure(listener, group, attribute(2, struct.pack("!IBx", _SNAP, 2)))
        # Many to a message, sent after 10 ms at the latest: a buffer then holds fifty times as many.
        _configure(listener, group, attribute(3, struct.pack("!I", 1 << 15)))
        _configure(listener, group, attribute(4, struct.pack("!I", 1)))
        _configure(listener, group, attribute(5, struct.pack("!I", 64)))
        return group
    raise OSError(_EBUSY, "no log group is free")


def _configure(listener: socket.socket, group: int, setting: bytes) -> None:
    body = struct.pack("=BBH", socket.AF_UNSPEC, 0, socket.htons(group)) + setting
    listener.settimeout(5)
    listener.send(message(_ULOG << 8 | 1, REQUEST | ACK, 1, body))
    for each in messages(listener.recv(4096)):
        if each.type == 2 and (number := struct.unpack_from("=i", each.body)[0]):
            raise OSError(-number, os.strerror(-number))


def _own_table(
    table: str, group: int, family: int, layer: str, hooks: list[tuple[str, int, int, str]], *, trace: bool
) -> list[tuple[int, int, bytes]]:
    """Return the requests for a table with two chains in each hook, the first and the last to be asked."""
    head = struct.pack("=BBH", family, 0, 0)
    requests = [(_NEW_TABLE, CREATE, head + attribute(1, table) + attribute(2, struct.pack("!I", _OWNER)))]
    for name, number, index, device in hooks:
        for way, priority in (("first", _FIRST), ("last", _LAST)):
            chain = f"{name}-{index}-{way}"
            hook = [attribute(1, struct.pack("!I", number)), attribute(2, struct.pack("!i", priority))]
            hook += [attribute(3, device)] if device else []
            requests.append(
                (
                    _NEW_CHAIN,
                    CREATE,
                    head + attribute(1, table) + attribute(3, chain) + attribute(4, hook) + attribute(7, "filter"),
                )
            )
            steps = [_log(group, f"{layer} {device or name} {way}")]
            steps += _tracing(on=way == "first") if trace else []
            requests.append((_NEW_RULE, CREATE, head + attribute(1, table) + attribute(2, chain) + attribute(4, steps)))
    return requests


def _log(group: int, prefix: str) -> bytes:
    settings = [
        attribute(1, struct.pack("!H", group)),
        attribute(2, prefix),
        attribute(3, struct.pack("!I", _SNAP)),
        attribute(4, struct.pack("!H", 64)),
    ]
    return attribute(1, [attribute(1, "log"), attribute(2, settings)])


def _tracing(*, on: bool) -> list[bytes]:
    value = [attribute(1, bytes([int(on)]))]
    load = [attribute(1, struct.pack("!I", 8)), attribute(2, value)]
    put = [attribute(2, struct.pack("!I", 12)), attribute(3, struct.pack("!I", 8))]
    return [
        attribute(1, [attribute(1, "immediate"), attribute(2, load)]),
        attribute(1, [attribute(1, "meta"), attribute(2, put)]),
    ]


def _arp(data: bytes) -> tuple[bool, str, str, str] | None:
    if len(data) < 28 or data[2:4] != b"\x08\x00":
        return None
    answer = data[7] == 2
    sender, mac, target = socket.inet_ntoa(data[14:18]), data[8:14].hex(":"), socket.inet_ntoa(data[24:28])
    return (True, sender, target, mac) if answer else (False, target, sender, "")


def _discovery(packet: Packet, data: bytes) -> tuple[bool, str, str, str] | None:
    target = data[62:78]  # Ethernet 14, IPv6 40, ICMPv6 8
    if len(target) < 16:
        return None
    asked = socket.inet_ntop(socket.AF_INET6, target)
    if packet.kind == 135:
        return (False, asked, packet.src, "")
    return (True, asked, packet.dst, data[80:86].hex(":") if len(data) >= 86 else data[6:12].hex(":"))


def of_all(seen: Iterator[Seen]) -> Seen:
    """Return what several nodes' taps have given, as one."""
    whole = list(seen)
    return Seen(
        tuple(each for one in whole for each in one.sightings),
        tuple(each for one in whole for each in one.questions),
        tuple(each for one in whole for each in one.traced),
        sum(one.lost for one in whole),
    )
