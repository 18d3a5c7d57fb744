"""What routers tell each other: OSPF, EIGRP, RIP, VRRP, HSRP, PIM, RSVP, BFD, BGP."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

HOSTS = ("10.0.0.1", "10.0.0.2")


def routers_greet_and_update_each_other(frames):
    def over_ip(number, payload, destination=HOSTS[1]):
        return frames.ether(frames.ipv4(payload, number, destination=destination))

    def over_udp(port, payload, destination=HOSTS[1]):
        return frames.ether(frames.ipv4(frames.udp(payload, port, port), destination=destination))

    def ospf(kind, size):
        return struct.pack("!BBH4s4x12x", 2, kind, 24 + size, b"\x0a\0\0\1") + bytes(size)

    packets = [
        over_ip(89, ospf(kind, size))
        for kind, size in ((1, 20), (1, 24), (2, 8), (2, 8), (3, 12), (4, 4), (6, 20), (0, 9))
    ]
    packets += [over_ip(89, ospf(kind, 3)) for kind in (1, 2, 3)] + [
        over_ip(89, ospf(1, 20)[:size]) for size in (1, 2, 10)
    ]
    for kind, size in ((1, 20), (2, 12), (3, 12), (4, 4), (5, 20), (6, 8)):
        payload = struct.pack("!BBH12x", 3, kind, 16 + size) + bytes(size)
        packets.append(frames.ether(frames.ipv6(payload, 89)))
    codes = [code for code in range(14) if code != 6]
    packets += [over_ip(88, struct.pack("!BBHIIIHH", 2, code, 0, 0, 0, ack, 0, 9)) for code in codes for ack in (0, 5)]
    entry = struct.pack("!HH4s4s4xI", 2, 0, b"\x0a\0\0\0", b"\xff\0\0\0", 1)
    packets += [over_udp(520, bytes([command, version, 0, 0]) + entry) for command in range(8) for version in (1, 2)]
    packets += [over_udp(521, bytes([command, 1, 0, 0]) + bytes(20)) for command in range(4)]
    packets += [
        over_ip(112, bytes([version << 4 | 1, 1, 100, count, 0, 1]) + bytes(14))
        for version, count in ((2, 1), (3, 3), (2, 9))
    ]
    packets += [
        over_udp(1985, bytes([0, code, state]) + bytes(17), "224.0.0.2")
        for code in range(3)
        for state in (0, 1, 2, 3, 4, 8, 16)
    ]
    packets += [
        over_udp(1985, bytes([1, 40, 2, code, state]) + bytes(37), "224.0.0.102")
        for code in range(4)
        for state in range(8)
    ]
    packets += [over_ip(103, bytes([0x20 | kind, 0, 0, 0]) + bytes(40)) for kind in range(16)]
    packets += [over_ip(103, b"\x21\0\0\0" + bytes(4) + frames.ipv4(frames.udp(), source="192.168.0.1"))]
    session = struct.pack("!HBB4sBBH", 12, 1, 1, IPv4Address(HOSTS[1]).packed, 17, 0, 80)
    tunnel = struct.pack("!HBB4sHHI", 16, 1, 7, IPv4Address(HOSTS[1]).packed, 0, 10, 0x0A000001)
    for kind in (1, 2, 3, 4, 5, 6, 7, 8, 13, 15, 20):
        for body in (session, tunnel + struct.pack("!HBB4sHH", 12, 10 if kind == 2 else 11, 7, b"\x0a\0\0\1", 0, 1)):
            packets.append(over_ip(46, struct.pack("!BBHBxH", 0x10, kind, 0, 64, 8 + len(body)) + body))
    packets += [
        over_udp(3784, struct.pack("!BBBB20x", 0x20 | reason, state << 6 | 8, 3, 24))
        for state in range(4)
        for reason in range(10)
    ]
    return packets


def routes_are_exchanged_over_a_connection_however_it_is_cut(frames):
    def message(kind, body=b""):
        return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

    opening, alive = message(1, bytes.fromhex("04fde800b40a00000100")), message(4)
    update = message(2, bytes.fromhex("00000014400101004002004003040a00000180040400000000180a0a0a"))
    talk = (
        frames.Talk(179)
        .says(opening)
        .answers(opening)
        .says(alive)
        .answers(alive)
        .says(update * 3)
        .answers(update + alive)
    )
    talk.answers(message(2, bytes(4))).says(message(5, b"\0\1\0\1")).answers(message(3, b"\6\2")).says(
        message(6)
    ).answers(message(9))
    talk.answers(update, cut=10).says((update + alive) * 3, cut=70).says(message(2)).answers(b"garbage")
    return talk.frames


def labels_and_log_ins(frames):
    def ldp(*kinds):
        body = b"".join(struct.pack("!HHI", kind, 8, 1) + bytes(4) for kind in kinds)
        return struct.pack("!HH6s", 1, 6 + len(body), b"\x0a\0\0\1") + body

    talk = frames.Talk(646, client=41001)
    for kind in (1, 0x100, 0x201, 0x300, 0x400, 0x402, 0x999):
        talk.says(ldp(kind)).answers(ldp(0x201, kind))
    talk.says(ldp(0x201) + ldp(0x400)).answers(ldp(0x400, 0x400, 0x400), cut=20)
    terminal = frames.Talk(49, client=41002)
    for kind in (1, 2, 3, 4):
        terminal.says(struct.pack("!BBBBII", 0xC0, kind, 1, 0, 7, 5) + b"12345")
        terminal.answers(struct.pack("!BBBBII", 0xC0, kind, 2, 0, 7, 5) + b"12345")
    tunnel = frames.Talk(1723, client=41003)
    for kind in (1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15, 17):
        tunnel.says(struct.pack("!HHIHH", 212, 1, 0x1A2B3C4D, kind, 0) + bytes(200))
    heard = [
        (17500, b'{"a": 1}'),
        (5351, b"\0\0"),
        (5351, b"\0\2\0\0\x12\x34\x12\x34\0\0\x0e\x10"),
        (2055, struct.pack("!HH20x", 5, 2) + bytes(96)),
        (623, bytes.fromhex("0600ff06000011be80000000")),
    ]
    datagrams = [frames.ether(frames.ipv4(frames.udp(body, port, port))) for port, body in heard]
    return talk.frames + terminal.frames + tunnel.frames + datagrams


def test_what_routers_tell_each_other_reads_as_in_tshark(frames, as_tshark):
    packets = [
        *routers_greet_and_update_each_other(frames),
        *routes_are_exchanged_over_a_connection_however_it_is_cut(frames),
        *labels_and_log_ins(frames),
    ]
    as_tshark(packets)
