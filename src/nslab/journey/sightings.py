"""What the taps have seen, made of the bytes that the kernel gave: sightings, questions, decisions of rules."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from nslab.journey.netlink import Attributes, attributes, text
from nslab.journey.packet import Packet, parse

OWN: Final = "nslab-journey-"  # how our own tables' names begin
_ARP: Final = 0x0806
_OUTGOING: Final = 4  # packet(7)
_ETHERNET: Final = 14  # bytes
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8})


Frame = tuple[int, int, int, bytes]  # its time, protocol, kind (packet(7)), bytes


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
    tapped: frozenset[tuple[str, str, str]] = (
        frozenset()
    )  # (node, "ingress" or "egress", interface) with a hook of ours


def of_frame(
    node: str, interface: str, index: int, raw: tuple[int, int, int, bytes]
) -> tuple[Sighting | None, Question | None]:
    """Return what a frame is: a packet, or a question for a MAC address, or both."""
    when, protocol, kind, data = raw
    way = "out" if kind == _OUTGOING else "in"
    for _ in range(2):  # 802.1Q, and 802.1ad around it
        if protocol in VLAN_TAGS:
            protocol, data = int.from_bytes(data[16:18], "big"), data[:12] + data[16:]
    if protocol == _ARP:
        asked = _arp(data[_ETHERNET:])
        return None, Question(node, interface, way, when, *asked) if asked else None
    packet = parse(data[_ETHERNET:])
    if packet is None:
        return None, None
    asked = _discovery(packet, data) if packet.protocol == 58 and packet.kind in (135, 136) else None
    seen = Sighting(node, "device", interface, way, when, when, packet, index, kind=kind, mac=data[:6])
    return seen, Question(node, interface, way, when, *asked) if asked else None


def of_log(node: str, found: Attributes, seen: int) -> Sighting | None:
    """Return what a `log` rule of ours has told."""
    layer, _, rest = text(found.get(10)).partition(" ")
    point, _, way = rest.rpartition(" ")
    # An egress hook still has the frame's header before the packet.
    packet = parse(found.get(9, b"")[_ETHERNET if layer == "egress" else 0 :])
    if packet is None or not way:
        return None
    when = 0
    if stamp := found.get(3):
        seconds, micro = struct.unpack("!QQ", stamp)
        when = seconds * 10**9 + micro * 1000
    iif, oif, port_in, port_out = (int.from_bytes(found.get(number, b""), "big") for number in (4, 5, 6, 7))
    return Sighting(node, layer, point, way, when, seen, packet, iif, oif, port_in, port_out)


class Decisions:
    """The trace of nf_tables: what rules and policies have decided about packets."""

    def __init__(self, node: str) -> None:
        self.node = node
        self._known: dict[bytes, Packet] = {}

    def of_trace(self, body: bytes, seen: int) -> Traced | None:
        """Return what a message of the trace tells; None for one of our own rules."""
        found = attributes(body, 4)
        ident = found.get(6, b"")
        # Only the first message of a packet in a chain carries its headers.
        if 8 in found and (packet := parse(found[8] + found.get(9, b""))):
            self._known[ident] = packet
        table = text(found.get(1))
        if ident not in self._known or table.startswith(OWN):
            return None
        verdict = ""
        if 5 in found:
            (code,) = struct.unpack("!i", attributes(found[5])[1])
            verdict = _VERDICTS.get(code if code < 0 else code & 0xFF, str(code))
        elif 16 in found:
            verdict = _VERDICTS.get(int.from_bytes(found[16], "big"), "")
        handle = int.from_bytes(found.get(3, b""), "big")
        return Traced(self.node, body[0], table, text(found.get(2)), handle, verdict, self._known[ident], seen)


_VERDICTS: Final = {0: "drop", 1: "accept", 2: "stolen", 3: "queue", -1: "continue", -2: "break", -3: "jump"} | {
    -4: "goto",
    -5: "return",
}


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


def of_all(seen: Iterable[Seen]) -> Seen:
    """Return what several nodes' taps have given, as one."""
    whole = list(seen)
    return Seen(
        tuple(each for one in whole for each in one.sightings),
        tuple(each for one in whole for each in one.questions),
        tuple(each for one in whole for each in one.traced),
        sum(one.lost for one in whole),
        frozenset(each for one in whole for each in one.tapped),
    )
