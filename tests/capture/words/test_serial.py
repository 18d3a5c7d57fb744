"""PPP and its control protocols, PPPoE, MPLS, and captures of links without Ethernet."""

from __future__ import annotations

import struct

HERE = bytes.fromhex("020000000005")
CONTROLS = (0xC021, 0x8021, 0x8057, 0x80FD, 0x8281, 0x8031)


def control(protocol, code, body=bytes(8)):
    return struct.pack("!HBBH", protocol, code, 1, 4 + len(body)) + body


def test_a_session_is_found_opened_and_used(frames, as_tshark):
    def discovery(code, *pairs):
        body = b"".join(struct.pack("!HH", kind, len(text)) + text for kind, text in pairs)
        return frames.ether(struct.pack("!BBHH", 0x11, code, 7, len(body)) + body, 0x8863)

    def session(body):
        return frames.ether(struct.pack("!BBHH", 0x11, 0, 7, len(body)) + body, 0x8864)

    codes = (0, 7, 9, 0x0A, 0x0B, 0x0C, 0x19, 0x65, 0xA7, 0xD3, 0xD4, 0x55)
    packets = [discovery(code, (0x101, b""), (0x102, b"AC1"), (0x103, b"abcd")) for code in codes]
    options = b"\1\4\5\xd4\3\4\xc0\x23"
    packets += [session(control(protocol, code, options)) for protocol in CONTROLS for code in range(1, 8)]
    packets += [session(control(0xC021, code)) for code in (0, *range(8, 16))]
    packets += [session(control(0xC023, code, b"\4user\4pass" if code == 1 else b"\5hello")) for code in range(5)]
    packets += [session(control(0xC223, code, b"\4\1\2\3\4name" if code < 3 else b"Welcome")) for code in range(6)]
    packet, packet6 = frames.ipv4(frames.udp()), frames.ipv6(frames.udp())
    packets += [session(b"\x21" + packet), session(b"\0\x21" + packet), session(b"\0\x57" + packet6)]
    unread = (0x80FB, 0x8053, 0xC025, 0x8029, 0x802B, 0x803F, 0x4021, 0x1234, 0xC229)
    packets += [session(struct.pack("!H", number) + bytes(20)) for number in unread]

    vendors = bytes.fromhex("000c29112233"), bytes.fromhex("005056445566")
    wire = frames.ether(packet, None, *vendors)

    def labelled(*labels):
        last = len(labels) - 1
        return b"".join(struct.pack("!I", n << 12 | (i == last) << 8 | 64) for i, n in enumerate(labels))

    for payload in (packet, packet6, wire, bytes(4) + wire, b"\x50" + bytes(20), b""):
        packets += [frames.ether(labelled(*labels) + payload, 0x8847) for labels in ((16,), (16, 17), (0,), (3, 16))]
    as_tshark(packets)


def test_captures_of_any_link_say_who_sent(frames, as_tshark):
    packet, packet6 = frames.ipv4(frames.udp()), frames.ipv6(frames.udp())
    tree = b"\x42\x42\3" + bytes(35)

    def cooked(kind, number, payload, size=6):
        return struct.pack("!HHH8sH", kind, 1, size, HERE + b"\0\0", number) + payload

    packets = [cooked(kind, 0x0800, packet) for kind in range(6)]
    packets += [cooked(kind, 0x1234, packet) for kind in range(6)]
    packets += [
        cooked(0, 0x86DD, packet6),
        cooked(1, 0x0806, frames.arp(1, HERE, "10.0.0.1", bytes(6), "10.0.0.2")[14:]),
    ]
    packets += [cooked(0, 4, tree), cooked(0, 0x1234, b"", 8), cooked(0, 0x1234, b"", 4), cooked(0, 0, b"abc")]
    as_tshark(packets, link_type=113)


def test_captures_without_addresses_read_what_is_inside(frames, as_tshark):
    packet, packet6 = frames.ipv4(frames.udp()), frames.ipv6(frames.udp())
    packets = [b"\xff\3\0\x21" + packet, b"\0\x21" + packet, b"\x21" + packet, b"\xff\3\0\x57" + packet6]
    packets += [b"\xff\3" + control(0xC021, code) for code in range(1, 12)]
    packets += [
        b"\x0f\0\x08\0" + packet,
        b"\x8f\0\x80\x35" + struct.pack("!IIIH", 2, 5, 6, 0xFFFF),
        b"\x0f\0\x86\xdd" + packet6,
    ]
    packets += [b"\x8f\0\x80\x35" + struct.pack("!I4s4sH", kind, b"\x0a\0\0\1", b"\xff\0\0\0", 0) for kind in (0, 1, 3)]
    as_tshark(packets, link_type=50)


def test_wireless_frames_are_named_and_their_data_read(frames, as_tshark):
    one, two, three = (bytes.fromhex(f"0200000000{n:02x}") for n in (1, 2, 3))
    name = b"\0\4test\1\1\x82"
    elements = {
        0: b"\1\0\x0a\0",
        2: b"\1\0\x0a\0" + bytes(6),
        4: b"",
        5: bytes(8) + b"\x64\0\1\0",
        8: bytes(8) + b"\x64\0\1\0",
    }

    def frame(kind, subtype, body, bits=0):
        head = bytes([subtype << 4 | kind << 2, bits, 0, 0]) + one + two + three + b"\x30\x12"
        return bytes.fromhex("0000080000000000") + head + body

    packets = [frame(0, subtype, fixed + name) for subtype, fixed in elements.items()]
    packets += [
        frame(0, subtype, body) for subtype, body in ((9, b""), (10, b"\7\0"), (12, b"\7\0"), (8, bytes(12) + b"\0\0"))
    ]
    packets += [frame(0, 8, bytes(12) + element) for element in (b"\0\3a\xffb", b"\0\2\0\0")]
    data = b"\xaa\xaa\3\0\0\0\x08\0" + frames.ipv4(frames.udp())
    packets += [frame(2, 0, data, bits) for bits in (0, 1, 2, 8, 9, 0x11)] + [frame(2, 8, b"\0\0" + data, 1)]
    packets += [frame(2, subtype, b"\0\0" * (subtype > 7), 1) for subtype in (4, 5, 6, 7, 12, 14, 15)]
    packets += [frame(2, 0, bytes(40), 0x41), frame(2, 0, data, 4)]
    for subtype, size in ((8, 20), (9, 30), (10, 16), (11, 16), (12, 10), (13, 10), (14, 16)):
        head = bytes([subtype << 4 | 4, 0, 0, 0]) + one + two + b"\5\0" + bytes(12)
        packets.append(bytes.fromhex("0000080000000000") + head[:size])
    as_tshark(packets, link_type=127)
