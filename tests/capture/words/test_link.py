"""Ethernet, 802.2, VLAN tags, ARP."""

from __future__ import annotations

import struct

NOBODY = bytes(6)
EVERYBODY = b"\xff" * 6


def test_every_kind_of_arp_reads_as_in_tshark(frames, as_tshark):
    here, there = frames.HERE_MAC, frames.THERE_MAC
    one, two = frames.HERE, frames.THERE
    packets = [frames.arp(opcode, here, one, there, two) for opcode in range(30)]
    packets += [
        frames.arp(opcode, here, source, target_mac, target)
        for opcode in (1, 2)
        for source, target_mac, target in (
            (one, NOBODY, one),
            (one, there, one),
            (one, EVERYBODY, one),
            ("0.0.0.0", NOBODY, one),
            ("0.0.0.0", EVERYBODY, one),
            ("0.0.0.0", NOBODY, "0.0.0.0"),
            (one, NOBODY, two),
        )
    ]
    packets += [
        frames.arp(1, b"\0\x01" + here, one, bytes(8), two, sizes=(8, 4)),
        frames.arp(1, one, two, sizes=(0, 4)),
    ]
    request = frames.arp(1, here, one, NOBODY, two)
    packets += frames.shortened(request) + frames.cut(request)
    as_tshark(packets)


def test_an_address_that_two_stations_use_is_said_to_be_in_use_twice(frames, as_tshark):
    first, second, third = (bytes.fromhex(f"0200000000{n:02x}") for n in (1, 2, 3))
    packets = []
    for net in range(4):
        at = [f"10.0.{net}.{n}" for n in range(10)]
        packets += [
            frames.arp(1, first, at[1], NOBODY, at[9]),
            frames.arp(2, second, at[2], first, at[1]),
            frames.arp(1, third, at[1], NOBODY, at[2]),
            frames.arp(2, third, at[1], NOBODY if net % 2 else EVERYBODY, at[6]),
            frames.arp(2, third, at[1], second, at[6]),
            frames.arp(2, third, at[1], first, at[6]),
            frames.arp(1, second, at[1], NOBODY, at[1]),
            frames.arp(2, second, at[1], third, at[1]),
            frames.arp(1, first, at[1], NOBODY, at[9]),
        ]
    as_tshark(packets)


def test_lengths_tags_and_access_points_are_named(frames, as_tshark):
    packet = frames.ipv4(frames.udp())
    packets = [
        frames.ether(bytes(44), kind)
        for kind in (0x88B5, 0x88B6, 0x1234, 0x0000, 0x05DC, 0x05DD, 0x05FF, 0x9200, 0x0842)
    ]
    for tag in (0x8100, 0x88A8, 0x9100):
        packets += [
            frames.tagged(packet, 0x6123, 0x0800, tag),
            frames.tagged(struct.pack("!HH", 0xF005, 0x0800) + packet, 0x2123, 0x8100, tag),
            frames.tagged(bytes(30), 0x3123, 0x1234, tag),
        ]
    twice = frames.tagged(struct.pack("!HH", 0xF005, 0x0800) + packet, 0x2123, 0x8100)
    packets += frames.shortened(twice)[:10] + frames.cut(twice)[:10]
    for access in (0x00, 0x60, 0x61):
        for control in (b"\x03", b"\x7f", b"\xe3", b"\xaf", b"\x63", b"\x00\x01", b"\x01\x05", b"\x05\x01"):
            body = bytes([access, access ^ 2]) + control + bytes(12)
            packets.append(frames.ether(body, len(body)))
    snap = bytes.fromhex("aaaa03000000") + b"\x08\x00" + packet
    packets += [frames.ether(snap, len(snap)), *frames.shortened(frames.ether(snap[:8], 60))]
    packets += [frames.ether(snap, len(snap)) + b"padding", *frames.shortened(frames.ether(packet), 0)[:14]]
    as_tshark(packets)


def test_what_was_there_before_ip_reads_as_in_tshark(frames, as_tshark):
    def llc(payload, sap=b"\xe0\xe0\x03"):
        body = sap + payload
        return b"\xff" * 6 + frames.HERE_MAC + struct.pack("!H", len(body)) + body

    def ipx(kind, socket, data):
        ends = (
            bytes(4) + b"\xff" * 6 + struct.pack("!H", socket) + bytes(4) + frames.HERE_MAC + struct.pack("!H", socket)
        )
        return struct.pack("!HHBB", 0xFFFF, 30 + len(data), 0, kind) + ends + data

    name = b"NAME".ljust(15) + b"\x1e"
    packets = [ipx(1, 0x453, struct.pack("!HIHH", kind, 5, 1, 2)) for kind in (1, 2)]
    packets += [ipx(4, 0x452, struct.pack("!HH", kind, 4)) for kind in (1, 3)]
    packets += [ipx(20, 0x455, bytes(32) + bytes([0, kind]) + name) for kind in (*range(1, 11), 12)]
    packets += [ipx(20, 0x553, bytes(32) + bytes([kind, 1, 1, 0]) + name * 2) for kind in (*range(0xF1, 0xF6), 0xFD)]
    packets += [ipx(4, 0x456, bytes(20)), ipx(2, 2, b"hello"), ipx(3, 1, bytes(40))]
    netbios = [
        struct.pack("<HHBBHHH", 44 if kind < 0x10 else 14, 0xEFFF, kind, 0, 0, 1, 2)
        + (name * 2 if kind < 0x10 else b"ab")
        for kind in range(0x20)
    ]
    as_tshark(
        [llc(packet) for packet in packets]
        + [llc(packets[0], b""), frames.ether(packets[1], 0x8137)]
        + [llc(frame, sap) for frame in netbios for sap in (b"\xf0\xf0\x03", b"\xf0\xf0\0\1")]
    )


def test_a_trunk_of_cisco_s_carries_frames(frames, as_tshark):
    inner = frames.ether(frames.ipv4(frames.icmp(0)))
    header = bytes.fromhex("01000c000000") + frames.HERE_MAC + struct.pack("!H", 12 + len(inner) + 4)
    as_tshark([header + bytes.fromhex("aaaa0300000c000300000000") + inner + bytes(4)])
