"""What the devices of one link tell each other: spanning tree, LLDP, CDP, LACP, 802.1X, IS-IS."""

from __future__ import annotations

import struct

HERE = bytes.fromhex("020000000005")
CISCO = bytes.fromhex("01000ccccccc")
BRIDGES = bytes.fromhex("0180c2000000")


def logical(destination, payload):
    """IEEE 802.3: the type is a length, and short frames are filled."""
    return (destination + HERE + struct.pack("!H", len(payload)) + payload).ljust(60, b"\0")


def ether(destination, kind, payload):
    return (destination + HERE + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def bpdu(flags=0, version=0, kind=0, *, bridge=0x8001, cost=4, port=0x8001, more=b""):
    head = struct.pack("!HBBBH", 0, version, kind, flags, bridge) + bytes.fromhex("001122334455")
    rest = struct.pack("!IH6sHHHHH", cost, 0x8001, bytes.fromhex("001122334466"), port, 0, 0x1400, 0x200, 0xF00)
    return head + rest + more


def bridges_say_which_of_them_is_the_root():
    tree = b"\x42\x42\x03"
    bodies = [bpdu(flags) for flags in (0, 1, 0x80, 0x3C)]
    bodies += [bpdu(flags, 2, 2, more=b"\0") for flags in (0, 1, 0x0E, 0x3D, 0x7C)]
    bodies += [bpdu(flags, version, 2, more=bytes(80)) for version in (3, 4) for flags in (0, 0x7D)]
    bodies += [bpdu(bridge=0xF064, cost=200_000, port=0), bpdu(bridge=16, cost=0), b"\0\0\0\x80", b"\0\0\0\x05", b"\0"]
    bodies += [bpdu()[:size] for size in (10, 26, 27, 30, 34)]
    packets = [logical(BRIDGES, tree + body) for body in bodies]
    per_vlan = bytes.fromhex("aaaa0300000c010b")
    packets += [logical(CISCO[:5] + b"\xcd", per_vlan + body) for body in bodies]
    return packets


def values(*pairs):
    return b"".join(struct.pack("!HH", kind, len(text) + 4) + text for kind, text in pairs)


def neighbours_introduce_themselves():
    def lldp(*pairs):
        body = b"".join(struct.pack("!H", kind << 9 | len(text)) + text for kind, text in pairs)
        return ether(bytes.fromhex("0180c200000e"), 0x88CC, body + b"\0\0")

    start = ((1, b"\x04" + HERE), (2, b"\x05eth0"), (3, b"\0x"))
    packets = [
        lldp(*start),
        lldp(*start, (4, b"port"), (5, b"switch"), (6, b"it \xc3\xa9"), (127, b"\0\x80\xc2\1\0\1")),
    ]
    packets += [lldp((1, bytes([n]) + b"abcdef"), (2, bytes([n]) + b"ghijkl"), (3, b"\0x")) for n in range(9)]
    packets += [lldp((1, b"\5\1\x0a\0\0\1"), (2, b"\4\2" + bytes(15) + b"\1"), (3, b"\0\0"), (5, b"a\1b"))]
    packets += [lldp((2, b"\7x"), (1, b"\7y")), lldp((1, b"\7x")), lldp((1, b"\7x"), (2, b"\7y"))]

    def cisco(number, body):
        return logical(CISCO, b"\xaa\xaa\x03\0\0\x0c" + struct.pack("!H", number) + body)

    for pairs in (((1, b"Router"), (3, b"Eth0")), ((3, b"Eth0"), (1, b"R\0x")), ((6, b"x"),), ((1, b""), (3, b"p\1"))):
        packets.append(cisco(0x2000, b"\2\xb4\xff\xff" + values(*pairs)))
    packets += [cisco(0x0111, b"\x21\2\0\0" + values((2, b"Gi1"), (1, b"abcd"))), cisco(0x2004, b"\1" + bytes(20))]
    packets += [cisco(0x2003, bytes([1, code, 1, 6]) + bytes(100)) for code in range(1, 6)]
    packets += [cisco(0x0104, bytes([kind, 0]) + bytes(50)) for kind in (1, 2)]
    return packets


def links_are_bundled_tested_paused_and_opened():
    def bundled(one, two):
        end = bytes.fromhex("8000") + HERE + bytes.fromhex("000d8000000d")
        return b"\1\1" + b"\1\x14" + end + bytes([one, 0, 0, 0, 2, 0x14]) + end + bytes([two]) + bytes(71)

    slow = bytes.fromhex("0180c2000002")
    bodies = [bundled(one, two) for one, two in ((0x3D, 0x3D), (0x47, 0), (0xFF, 0x80))]
    bodies += [
        bundled(1, 1)[:20].ljust(46, b"\0"),
        b"\2\1\1\x10" + bytes(110),
        b"\2\1\2\x10" + bytes(110),
        b"\4" + bytes(50),
    ]
    bodies += [b"\3\0\x50" + bytes([code]) + bytes(42) for code in range(7)]
    packets = [ether(slow, 0x8809, body) for body in bodies]
    packets += [ether(slow, 0x8808, struct.pack("!HH", op, 0xFFFF)) for op in (1, 2, 3, 4, 5, 6, 0x101, 7)]
    packets += [ether(HERE, 0x9000, bytes.fromhex(body)) for body in ("0000010000", "00000200aabb", "000003", "0a00")]
    packets += [ether(HERE, 0x0842, b"\xff" * 6 + HERE * 16 + word) for word in (b"", b"passwd", b"pass")]
    packets += [ether(HERE, 0x88F7, bytes([kind, 2]) + bytes(70)) for kind in range(16)]
    return packets


def a_station_logs_in_to_its_port():
    def eapol(kind, body=b""):
        return ether(bytes.fromhex("0180c2000003"), 0x888E, bytes([2, kind]) + struct.pack("!H", len(body)) + body)

    def key(bits, more=b"", kind=2):
        return eapol(3, struct.pack("!BHHQ", kind, bits, 16, 1) + bytes(80) + struct.pack("!H", len(more)) + more)

    packets = [eapol(kind) for kind in (1, 2, 4, 6, 8, 9)]
    packets += [eapol(0, struct.pack("!BBH", code, 1, 4)) for code in range(8)]
    odd = (46, 47, 49, 51)  # methods with words of their own
    methods = [method for method in (*range(57), 254, 255) if method not in odd]
    packets += [eapol(0, struct.pack("!BBHB8x", 1 + method % 2, 1, 13, method)) for method in methods]
    packets += [key(bits) for bits in (0x8A, 0x10A, 0x30A, 0x1382, 0x302)] + [
        key(0x10A, b"\x30\x14" + bytes(20)),
        key(0x13CA, bytes(56)),
    ]
    return packets


def routers_of_another_network_layer_are_named():
    system = bytes.fromhex("192168000001")

    def isis(kind, body):
        head = bytes([8 + len(body), 1, 0, kind, 1, 0, 0])
        return logical(BRIDGES[:5] + b"\x14", bytes.fromhex("fefe0383") + head + body)

    packets = [isis(kind, b"\1" + system + struct.pack("!HHB7x", 30, 27, 64)) for kind in (15, 16)]
    packets += [
        isis(kind, struct.pack("!HH6sHI", 27, life, system, 0, 5) + b"\xab\xcd\3")
        for kind in (18, 20)
        for life in (0, 1200)
    ]
    packets += [isis(kind, b"\0\x21" + system + b"\0" + bytes(8) + b"\xff" * 8) for kind in (24, 25)]
    packets += [isis(kind, b"\0\x11" + system + b"\0") for kind in (26, 27)] + [isis(9, bytes(20))]
    packets += [logical(HERE, bytes.fromhex("fefe0382") + bytes([14, 1, 0, kind]) + bytes(22)) for kind in (2, 4)]
    return packets


def test_what_devices_of_one_link_tell_each_other_reads_as_in_tshark(as_tshark):
    packets = [
        *bridges_say_which_of_them_is_the_root(),
        *neighbours_introduce_themselves(),
        *links_are_bundled_tested_paused_and_opened(),
        *a_station_logs_in_to_its_port(),
        *routers_of_another_network_layer_are_named(),
    ]
    as_tshark(packets)
