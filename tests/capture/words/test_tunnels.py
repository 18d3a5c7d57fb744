"""Packets inside packets: GRE, EtherIP, AH and ESP, VXLAN, Geneve, GTP, Teredo, L2TP; WireGuard, OpenVPN, IKE; SCTP."""

from __future__ import annotations

import struct


def what_is_inside_a_tunnel_is_read(frames):
    inner = frames.ipv4(frames.udp(), source="192.168.0.1", destination="192.168.0.2")
    inner6 = frames.ipv6(frames.udp())
    wire = frames.ether(inner)

    def over_ip(number, payload):
        return frames.ether(frames.ipv4(payload, number))

    def over_udp(port, payload, source=40003):
        return frames.ether(frames.ipv4(frames.udp(payload, source, port)))

    def gre(flags, kind, body=b""):
        return over_ip(47, struct.pack("!HH", flags, kind) + body)

    key, both = b"\0\0\0\5", b"\0\0\0\5\0\0\0\1"
    packets = [gre(0, 0x0800, inner), gre(0x2000, 0x0800, key + inner), gre(0x3000, 0x86DD, both + inner6), gre(0, 0)]
    packets += [
        gre(0, 0x6558, wire),
        gre(0, 0x88BE, wire),
        gre(0x1000, 0x88BE, key + b"\x10\1" + bytes(6) + wire),
        gre(0, 0x1234, inner),
    ]
    packets += [
        gre(0x3001, 0x880B, both + b"\xff\3\0\x21" + inner),
        gre(0x2081, 0x880B, both),
        gre(0, 0x8847, b"\0\1\1\x40" + inner),
    ]
    packets += [
        over_ip(4, inner),
        over_ip(41, inner6),
        over_ip(97, b"\x30\0" + wire),
        over_ip(137, b"\0\1\1\x40" + inner),
    ]
    head = struct.pack("!BBHII12x", 17, 4, 0, 1, 1)
    packets += [
        over_ip(51, head + frames.udp()),
        over_ip(51, b"\4" + head[1:] + inner),
        over_ip(51, b"\x3b" + head[1:]),
    ]
    packets += [over_ip(50, both + bytes(40)), over_ip(50, key), over_ip(108, b"\x11\0\0\3abc")]
    packets += [
        over_udp(4789, b"\x08\0\0\0\0\0\1\0" + wire),
        over_udp(4789, b"\x08\0\0\0"),
        over_udp(4790, b"\x0c\0\0\1\0\0\1\0" + inner),
    ]
    for kind, body in ((0x6558, wire), (0x0800, inner), (0x86DD, inner6), (0x1234, inner)):
        packets += [
            over_udp(6081, struct.pack("!BBHI", size, 0, kind, 256) + bytes(4 * size) + body) for size in (0, 2)
        ]
    packets += [over_udp(2152, struct.pack("!BBHI", 0x30, 255, len(body), 1) + body) for body in (inner, inner6)]
    packets += [over_udp(2152, b"\x34\xff" + struct.pack("!HI", len(inner) + 8, 1) + b"\0\0\0\x85\1\x10\x09\0" + inner)]
    packets += [over_udp(2123, struct.pack("!BBHI4x", 0x32, kind, 4, 1)) for kind in range(40)]
    packets += [
        over_udp(2123, struct.pack("!BBHII", 0x48, kind, 8, 1, 256))
        for kind in (1, 2, 3, 32, 33, 34, 36, 95, 97, 99, 170, 176)
    ]
    packets += [
        over_udp(3544, inner6),
        over_udp(3544, bytes(8) + inner6),
        over_udp(3544, b"\0\1\0\0" + bytes(9) + inner6),
    ]
    packets += [
        over_udp(1701, struct.pack("!HHHHHHHHHH", 0xC802, 20, 1, 2, 3, 4, 0x8008, 0, 0, kind)) for kind in range(29)
    ]
    packets += [
        over_udp(1701, struct.pack("!HHHHHH", 0xC802, 12, 1, 2, 3, 4)),
        over_udp(1701, b"\0\2\0\1\0\1\xff\3\0\x21" + inner),
    ]
    packets += [over_udp(1701, b"\0\2\0\1\0\1\xff\3\xc0\x21\1\1\0\4")]
    return packets


def what_hides_its_content_says_at_least_what_it_is(frames):
    def over_udp(port, payload, source=40004):
        return frames.ether(frames.ipv4(frames.udp(payload, source, port)))

    def ike(exchange, version=0x20, flags=8, message=1):
        return bytes(range(16)) + bytes([0, version, exchange, flags]) + struct.pack("!II", message, 28)

    packets = [over_udp(500, ike(exchange, 0x10)) for exchange in (0, 1, 2, 3, 4, 5, 6, 7, 32, 33)]
    packets += [
        over_udp(500, ike(exchange, flags=flags))
        for exchange in (33, 34, 35, 36, 37, 38)
        for flags in (0, 8, 0x20, 0x28)
    ]
    packets += [
        over_udp(500, ike(34)[:20]),
        over_udp(4500, bytes(4) + ike(35)),
        over_udp(4500, b"\xff"),
        over_udp(4500, b"\xff\xff"),
    ]
    packets += [over_udp(4500, b"\0\0\xab\xcd\0\0\0\1" + bytes(30))]
    for port, source in ((51820, 51820), (40010, 40011)):
        for kind, size in ((1, 148), (2, 92), (4, 32), (4, 80), (3, 64), (1, 100), (9, 40)):
            packets.append(over_udp(port, bytes([kind, 0, 0, 0]) + struct.pack("<II", 7, 8) + bytes(size - 12), source))
    packets += [
        over_udp(1194, bytes([code << 3]) + bytes(8) + b"\0" + bytes(24), 1194) for code in (0, 1, 2, 3, 5, 6, 7, 8, 9)
    ]

    def stun(kind, body=b"", cookie=0x2112A442):
        return struct.pack("!HHI", kind, len(body), cookie) + bytes(range(12)) + body

    kinds = (1, 0x101, 0x111, 0x11, 3, 0x103, 0x113, 4, 0x104, 0x16, 0x17, 8, 0x108, 9, 0x109)
    packets += [over_udp(3478, stun(kind)) for kind in kinds] + [
        over_udp(40020, stun(1)),
        over_udp(40020, stun(1)[:-1]),
    ]
    masked, plain = b"\0\1\xa1\x47\xe1\x12\xa6\x43", b"\0\1\x80\0\x0a\0\0\1"
    for kind, value in (
        (0x20, masked),
        (0x16, masked),
        (0x12, masked),
        (1, plain),
        (6, b"a:b\0"),
        (9, b"\0\0\4\1No.."),
        (13, b"\0\0\2\x58"),
        (20, b"here"),
        (21, b"once"),
        (25, b"\x11\0\0\0"),
    ):
        packets.append(over_udp(3478, stun(0x101, struct.pack("!HH", kind, len(value)) + value)))
    packets += [over_udp(3478, stun(1, b"", 0)), over_udp(3478, b"\x40\0\0\4data")]
    return packets


def an_association_is_opened_used_and_closed(frames):
    def sctp(*chunks, back=False):
        ports = (80, 32836) if back else (32836, 80)
        ends = (frames.THERE, frames.HERE) if back else (frames.HERE, frames.THERE)
        return frames.ether(frames.ipv4(struct.pack("!HHII", *ports, 7, 0) + b"".join(chunks), 132, *ends))

    def chunk(kind, body=b"", flags=0):
        return struct.pack("!BBH", kind, flags, 4 + len(body)) + body + bytes(-len(body) % 4)

    def data(number, flags=3):
        return chunk(0, struct.pack("!IHHI", number, 0, 0, 0) + b"hello", flags)

    def sack(number, *gaps):
        return chunk(
            3, struct.pack("!IIHH", number, 65536, len(gaps), 0) + b"".join(struct.pack("!HH", *gap) for gap in gaps)
        )

    start = struct.pack("!IIHHI", 1, 65536, 10, 10, 100)
    packets = [
        sctp(chunk(1, start)),
        sctp(chunk(2, start), back=True),
        sctp(chunk(10, bytes(8))),
        sctp(chunk(11), back=True),
    ]
    packets += [
        sctp(data(100)),
        sctp(sack(100), back=True),
        sctp(data(101), data(102)),
        sctp(sack(101, (2, 3)), back=True),
    ]
    packets += [
        sctp(data(105, 2)),
        sctp(data(106, 0)),
        sctp(data(107, 1)),
        sctp(data(105, 2)),
        sctp(chunk(10, bytes(8)), data(108)),
    ]
    packets += [sctp(chunk(kind, bytes(4))) for kind in (7, 8, 14, 0x84, 99)] + [sctp()]
    return packets


def test_tunnels_read_as_in_tshark_by_what_is_inside_or_by_their_own_words(frames, as_tshark):
    packets = [
        *what_is_inside_a_tunnel_is_read(frames),
        *what_hides_its_content_says_at_least_what_it_is(frames),
        *an_association_is_opened_used_and_closed(frames),
    ]
    as_tshark(packets)
