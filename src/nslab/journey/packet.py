"""What of a packet stays the same on its way, and what changes: a parser that takes 2 µs and never raises."""

from __future__ import annotations

import socket
import struct
from typing import Final, NamedTuple

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
_EXTENSIONS: Final = frozenset({0, 43, 60})  # hop-by-hop, routing, destination options
_FRAGMENT: Final = 44
_KEPT: Final = 24  # bytes of payload: ping's time stamp is in the first 16
SYN, RST, ACK = 0x02, 0x04, 0x10

_NAMES: Final = {
    (ICMP, 0): "echo reply",
    (ICMP, 3): "unreachable",
    (ICMP, 5): "redirect",
    (ICMP, 8): "echo request",
    (ICMP, 11): "time exceeded",
    (ICMP6, 1): "unreachable",
    (ICMP6, 2): "packet too big",
    (ICMP6, 3): "time exceeded",
    (ICMP6, 128): "echo request",
    (ICMP6, 129): "echo reply",
    (ICMP6, 135): "neighbour solicitation",
    (ICMP6, 136): "neighbour advertisement",
}
_FLAGS: Final = ((SYN, "SYN"), (RST, "RST"), (0x01, "FIN"), (ACK, "ACK"))
ERRORS: Final = {ICMP: (3, 11), ICMP6: (1, 2, 3)}


class Packet(NamedTuple):
    """An IP packet; `sport` is an ICMP message's identifier too, `kind` its type or TCP's flags."""

    family: int  # 4 or 6
    protocol: int
    source: bytes
    destination: bytes
    ttl: int
    ident: int  # IPv4: its identification; IPv6: its flow label
    length: int  # bytes, IP header included
    dont_fragment: bool
    offset: int  # of a fragment, in bytes
    more: bool  # fragments follow
    sport: int = 0
    dport: int = 0
    kind: int = 0
    code: int = 0
    seq: int = 0
    ack: int = 0
    data: bytes = b""
    inner: Packet | None = None  # what an ICMP error is about

    @property
    def key(self) -> tuple[object, ...]:
        """What no router and no NAT changes; the ports, ICMP's identifier, the ttl and the checksums may be."""
        return (self.family, self.protocol, self.ident, self.kind, self.code, self.seq, self.ack, self.data)

    @property
    def flow(self) -> tuple[object, ...]:
        """Which conversation it belongs to, seen where it was sent."""
        return (self.family, self.protocol, self.source, self.destination, self.sport, self.dport)

    @property
    def src(self) -> str:
        return address(self.source)

    @property
    def dst(self) -> str:
        return address(self.destination)

    @property
    def sender(self) -> str:
        """The source with its port, as a person writes it."""
        return self._with_port(self.src, self.sport)

    @property
    def receiver(self) -> str:
        return self._with_port(self.dst, self.dport)

    @property
    def name(self) -> str:
        """What it is, in words: "ICMP echo request", "TCP SYN"."""
        if self.protocol == TCP:
            return "TCP " + " ".join(name for flag, name in _FLAGS if self.kind & flag)
        if self.protocol == UDP:
            return "UDP"
        if self.protocol in (ICMP, ICMP6):
            kind = _NAMES.get((self.protocol, self.kind), f"type {self.kind}")
            return f"{'ICMP' if self.protocol == ICMP else 'ICMPv6'} {kind}"
        return f"IP protocol {self.protocol}"

    @property
    def is_error(self) -> bool:
        return self.kind in ERRORS.get(self.protocol, ())

    def _with_port(self, host: str, port: int) -> str:
        if self.protocol not in (TCP, UDP) or self.offset:
            return host
        return f"{host}:{port}" if self.family == 4 else f"[{host}]:{port}"


def address(raw: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def parse(data: bytes) -> Packet | None:
    """Return the packet that begins with an IP header; None for what is none."""
    try:
        version = data[0] >> 4
        if version == 4:
            return _ipv4(data)
        return _ipv6(data) if version == 6 else None
    except (struct.error, IndexError):
        return None


def _ipv4(data: bytes) -> Packet:
    first, _, length, ident, fragment, ttl, protocol, _, source, destination = struct.unpack_from("!BBHHHBBH4s4s", data)
    offset, start = (fragment & 0x1FFF) * 8, (first & 15) * 4
    whole, more = bool(fragment & 0x4000), bool(fragment & 0x2000)
    rest = _transport(protocol, data[start : max(length, start)], offset)
    return Packet(4, protocol, source, destination, ttl, ident, length, whole, offset, more, *rest)


def _ipv6(data: bytes) -> Packet:
    first, payload, protocol, ttl, source, destination = struct.unpack_from("!IHBB16s16s", data)
    at, offset, more, whole = 40, 0, False, True  # no router may fragment it
    for _ in range(8):
        if protocol in _EXTENSIONS:
            protocol, size = data[at], data[at + 1]
            at += 8 * (size + 1)
        elif protocol == _FRAGMENT:
            protocol, place = struct.unpack_from("!BxH", data, at)
            offset, more, at = place & 0xFFF8, bool(place & 1), at + 8
    rest = _transport(protocol, data[at : max(payload + 40, at)], offset)
    length, label = payload + 40, first & 0xFFFFF
    return Packet(6, protocol, source, destination, ttl, label, length, whole, offset, more, *rest)


_Transport = tuple[int, int, int, int, int, int, bytes, "Packet | None"]


def _transport(protocol: int, data: bytes, offset: int) -> _Transport:
    """Return sport, dport, kind, code, seq, ack, data, inner."""
    if offset or len(data) < 8:
        return (0, 0, 0, 0, 0, 0, data[:_KEPT], None)
    if protocol == TCP:
        sport, dport, seq, ack, size, flags = struct.unpack_from("!HHIIBB", data)
        start = (size >> 4) * 4
        return (sport, dport, flags & 0x17, 0, seq, ack, data[start : start + _KEPT], None)
    if protocol == UDP:
        sport, dport = struct.unpack_from("!HH", data)
        return (sport, dport, 0, 0, 0, 0, data[8 : 8 + _KEPT], None)
    if protocol in (ICMP, ICMP6):
        kind, code, ident, seq = struct.unpack_from("!BBxxHH", data)
        if kind in ERRORS[protocol]:
            return (0, 0, kind, code, seq, 0, b"", parse(data[8:]))
        return (ident, 0, kind, code, seq, 0, data[8 : 8 + _KEPT], None)
    return (0, 0, 0, 0, 0, 0, data[:_KEPT], None)
