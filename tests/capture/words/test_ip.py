"""IPv4 and IPv6: headers, options, extension headers, fragments; UDP; IGMP."""

from __future__ import annotations

import struct


def test_a_header_that_is_wrong_or_cut_reads_as_in_tshark(frames, as_tshark):
    payload = frames.udp()
    packets = [frames.ether(frames.ipv4(payload, first=first), 0x0800) for first in (0x44, 0x41, 0x4F, 0x55, 0x75)]
    packets += [frames.ether(frames.ipv4(payload, length=n)) for n in (0, 10, 20, 24, 30, 33, 34, 60)]
    for options in ("01010100", "0707040000000000", "83030400", "830b040a0000090a00000800", "890b040a0000090a00000800"):
        packets.append(frames.ether(frames.ipv4(payload, options=bytes.fromhex(options))))
    packets += [frames.ether(frames.ipv4(b"", protocol)) for protocol in range(256) if protocol not in (4, 41)]
    plain, six = frames.ether(frames.ipv4(payload)), frames.ether(frames.ipv6(payload))
    packets += [plain + b"padding", six + b"padding"]
    packets += frames.shortened(plain) + frames.cut(plain) + frames.shortened(six) + frames.cut(six)
    as_tshark(packets)


def test_protocols_that_nobody_reads_are_named(frames, as_tshark):
    nobody = (3, 5, 7, 10, 16, 37, 61, 63, 77, 99, 110, 114, 127, 142, 200, 253, 254, 255)
    packets = [frames.ether(frames.ipv4(b"\xee\xee", protocol)) for protocol in nobody]
    packets += [frames.ether(frames.ipv6(b"\xee\xee", protocol)) for protocol in nobody]
    packets += [frames.ether(frames.ipv4(b"\xee\xee", protocol, fragment=0x2000)) for protocol in range(256)]
    as_tshark(packets)


def test_fragments_are_put_together_in_any_order(frames, as_tshark):
    whole = frames.udp(bytes(40))
    packets = []

    def piece(start, size, more, number, protocol=17):
        fragment = (0x2000 if more else 0) | start // 8
        packets.append(
            frames.ether(frames.ipv4(whole[start : start + size], protocol, identification=number, fragment=fragment))
        )

    orders = (
        [(0, 16, 1), (16, 16, 1), (32, 16, 0)],
        [(32, 16, 0), (0, 16, 1), (16, 16, 1)],
        [(0, 16, 1), (0, 16, 1), (16, 16, 1), (32, 16, 0), (32, 16, 0)],
        [(0, 24, 1), (16, 16, 1), (32, 16, 0)],
        [(0, 16, 1), (32, 16, 0)],
        [(16, 16, 1)],
        [(0, 48, 0)],
        [(0, 4, 1), (8, 40, 0)],
    )
    for number, order in enumerate(orders, 100):
        for start, size, more in order:
            piece(start, size, more, number)
    for protocol in (6, 1, 99):
        piece(0, 16, 1, 200, protocol)
    for _ in range(2):
        for start, size, more in orders[0]:
            piece(start, size, more, 300)
    first = frames.ether(frames.ipv4(whole[:16], identification=400, fragment=0x2000))
    packets += [(first[:44], len(first)), (first[:36], len(first))]
    piece(16, 32, 0, 400)
    as_tshark(packets)


def test_extension_headers_and_fragments_of_ipv6(frames, as_tshark):
    whole = frames.udp(bytes(40))
    option = bytes.fromhex("010400000000")
    other = bytes(15) + b"\x09"

    def extended(kind, header, rest=whole):
        return frames.ether(frames.ipv6(header + rest, kind))

    def piece(start, size, more, number, kind=17):
        header = struct.pack("!BBHI", kind, 0, start | more, number)
        return extended(44, header, whole[start : start + size])

    def routed(kind, left):
        return extended(43, struct.pack("!BBBBI", 17, 2, kind, left, 0) + other)

    packets = [
        extended(0, b"\x11\0" + option),
        extended(60, b"\x11\0" + option),
        extended(0, b"\x3c\0" + option + b"\x11\0" + option),
        extended(0, b"\x3b\0" + option),
        frames.ether(frames.ipv6(b"", 59)),
        extended(0, b"\x11\x09" + option),
        extended(51, b"\x11\x04" + bytes(22)),
        extended(50, bytes.fromhex("0102030400000001")),
        *(routed(kind, left) for kind in (0, 1, 2, 3, 4) for left in (0, 1)),
        piece(0, 16, 1, 7), piece(16, 16, 1, 7), piece(32, 16, 0, 7),
        piece(32, 16, 0, 8), piece(0, 16, 1, 8), piece(16, 16, 1, 8),
        piece(0, 48, 0, 9), piece(16, 16, 1, 10),
    ]  # fmt: skip
    packets += (
        frames.shortened(packets[0], 54)[:8] + frames.cut(packets[0], 54)[:20] + frames.cut(piece(0, 16, 1, 11), 54)
    )
    packets += [
        frames.ether(frames.ipv4(frames.ipv6(frames.udp()), 41)),
        frames.ether(frames.ipv6(frames.ipv4(frames.udp()), 4)),
    ]
    packets += [frames.ether(frames.ipv6(whole, length=n)) for n in (100, 10, 0)]
    as_tshark(packets)


def test_udp_says_what_is_wrong_with_its_length(frames, as_tshark):
    packets = [frames.ether(frames.ipv4(frames.udp(b"hello", length=n))) for n in (0, 3, 7, 8, 9, 12, 13, 14, 2000)]
    packets += [frames.ether(frames.ipv6(frames.udp(b"hello", length=n))) for n in (0, 3, 8, 13, 14)]
    packets += [frames.ether(frames.ipv6(frames.udp()[:6] + b"\0\0hello"))]
    as_tshark(packets)


def test_igmp_names_groups_and_sources(frames, as_tshark):
    group, sources = b"\xe0\1\2\3", [bytes([10, 0, 0, n]) for n in (1, 2, 3)]
    record = [
        b"\x22\0\0\0\0\0\0\1" + struct.pack("!BBH", kind, 0, count) + group + b"".join(sources[:count])
        for kind in range(8)
        for count in range(4)
    ]
    query = b"\x11\x0a\0\0" + group + b"\0\0\0\2" + sources[0] + sources[1]
    packets = [b"\x11\0\0\0" + bytes(4), b"\x11\x0a\0\0" + bytes(4), b"\x11\x0a\0\0" + group, query]
    packets += [bytes([kind, 0, 0, 0]) + group for kind in (0x12, 0x16, 0x17)]
    packets += [query[:n] for n in range(len(query))] + [record[9][:n] for n in range(len(record[9]))]
    as_tshark([frames.ether(frames.ipv4(body, 2, destination="224.0.0.1")) for body in [*packets, *record]])
