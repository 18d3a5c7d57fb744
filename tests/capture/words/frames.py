"""Frames made by hand, from the inside out: `ether(ipv4(udp(b"hello")))`."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

HERE, THERE = "10.0.0.1", "10.0.0.2"
HERE6, THERE6 = "fe80::1", "fe80::2"
HERE_MAC, THERE_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
VERSIONS = {4: 0x0800, 6: 0x86DD}


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ether(payload: bytes, kind: int | None = None, source: bytes = HERE_MAC, destination: bytes = THERE_MAC) -> bytes:
    """Ethernet; IP says itself which version it is."""
    kind = VERSIONS[payload[0] >> 4] if kind is None else kind
    return destination + source + struct.pack("!H", kind) + payload


def tagged(payload: bytes, number: int, kind: int, tag: int = 0x8100) -> bytes:
    return HERE_MAC + THERE_MAC + struct.pack("!HHH", tag, number, kind) + payload


def arp(opcode: int, *claim: str | bytes, hardware: int = 1, sizes: tuple[int, int] = (6, 4)) -> bytes:
    """ARP: `claim` is the sender's MAC and address, and the target's."""
    addresses = [IPv4Address(part).packed if isinstance(part, str) else part for part in claim]
    return ether(struct.pack("!HHBBH", hardware, 0x0800, *sizes, opcode) + b"".join(addresses), 0x0806)


def ipv4(
    payload: bytes,
    protocol: int = 17,
    source: str = HERE,
    destination: str = THERE,
    *,
    identification: int = 1,
    fragment: int = 0,
    ttl: int = 64,
    options: bytes = b"",
    length: int | None = None,
    first: int | None = None,
) -> bytes:
    size = 20 + len(options)
    total = size + len(payload) if length is None else length
    first = 0x40 | size // 4 if first is None else first
    addresses = IPv4Address(source).packed + IPv4Address(destination).packed
    header = struct.pack("!BBHHHBBH", first, 0, total, identification, fragment, ttl, protocol, 0) + addresses
    return header + options + payload


def ipv6(
    payload: bytes, protocol: int = 17, source: str = HERE6, destination: str = THERE6, *, length: int | None = None
) -> bytes:
    size = len(payload) if length is None else length
    addresses = IPv6Address(source).packed + IPv6Address(destination).packed
    return struct.pack("!IHBB", 6 << 28, size, protocol, 64) + addresses + payload


def udp(payload: bytes = b"hello", source: int = 40001, destination: int = 40002, length: int | None = None) -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(payload) if length is None else length, 1) + payload


def icmp(kind: int, code: int = 0, rest: bytes = bytes(4)) -> bytes:
    body = struct.pack("!BBH", kind, code, 0) + rest
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def echo(kind: int, sequence: int, identifier: int = 7, data: bytes = b"01234567") -> bytes:
    return icmp(kind, 0, struct.pack("!HH", identifier, sequence) + data)


def tcp(
    bits: int,
    seq: int,
    ack: int = 0,
    payload: bytes = b"",
    *,
    ports: tuple[int, int] = (40001, 7777),
    window: int = 1000,
    options: bytes = b"",
    urgent: int = 0,
) -> bytes:
    offset = (20 + len(options)) // 4 << 12
    return struct.pack("!HHIIHHHH", *ports, seq, ack, offset | bits, window, 0, urgent) + options + payload


Step = tuple[str, int, int, int, int | bytes] | tuple[str, int, int, int, int | bytes, int]


def conversation(port: int, *steps: Step, client: int = 40001) -> list[bytes]:
    """Frames of one TCP connection, handshake first; a step is (side, seq, ack, bits, payload or its size[, window]).

    Side "A" is the client. Numbers begin with 1, as they are shown.
    """
    handshake: list[Step] = [("A", 0, 0, SYN, 0), ("B", 0, 1, SYN | ACK, 0), ("A", 1, 1, ACK, 0)]
    made = []
    for step in [*handshake, *steps]:
        side, seq, ack, bits, what = step[:5]
        bases = (1000, 5000) if side == "A" else (5000, 1000)
        segment = tcp(
            bits,
            (seq + bases[0]) % (1 << 32),
            (ack + bases[1]) % (1 << 32) if bits & ACK else 0,
            b"A" * what if isinstance(what, int) else what,
            ports=(client, port) if side == "A" else (port, client),
            window=step[5] if len(step) > 5 else 1000,
        )
        ends = (HERE, THERE) if side == "A" else (THERE, HERE)
        made.append(ether(ipv4(segment, 6, *ends)))
    return made


def cut(frame: bytes, first: int = 14) -> list[tuple[bytes, int]]:
    """A frame as captures with shorter and shorter limits would have it."""
    return [(frame[:size], len(frame)) for size in range(first, len(frame))]


def shortened(frame: bytes, first: int = 14) -> list[bytes]:
    """Frames that end early."""
    return [frame[:size] for size in range(first, len(frame))]


class Talk:
    """One TCP connection, from its handshake on: `Talk(80).says(b"GET …").answers(b"…").frames`."""

    def __init__(self, port: int, client: int = 40001) -> None:
        self.ports = (client, port)
        self.sent, self.answered = 1001, 5001
        self.frames = conversation(port, client=client)

    def says(self, payload: bytes, cut: int = 100_000) -> Talk:
        """The client sends this, in pieces of at most `cut` bytes."""
        for at in range(0, len(payload), cut):
            piece = payload[at : at + cut]
            segment = tcp(PSH | ACK, self.sent, self.answered, piece, ports=self.ports)
            self.frames.append(ether(ipv4(segment, 6, HERE, THERE)))
            self.sent += len(piece)
        return self

    def answers(self, payload: bytes, cut: int = 100_000) -> Talk:
        """The server sends this."""
        for at in range(0, len(payload), cut):
            piece = payload[at : at + cut]
            segment = tcp(PSH | ACK, self.answered, self.sent, piece, ports=self.ports[::-1])
            self.frames.append(ether(ipv4(segment, 6, THERE, HERE)))
            self.answered += len(piece)
        return self
