"""STUN, in both its forms, and what Microsoft has made of it."""

from __future__ import annotations

import struct

COOKIE = b"\x21\x12\xa4\x42"
MICROSOFT = b"\0\x0f\0\4\x72\xc6\x4b\xc6"


def stun(kind, attributes=b"", cookie=COOKIE):
    return struct.pack("!HH", kind, len(attributes)) + cookie + bytes(12) + attributes


def attribute(kind, value, size=None):
    return struct.pack("!HH", kind, len(value) if size is None else size) + value


def test_messages_are_known_on_any_port_by_type_and_length(dialogues, as_tshark):
    kinds = (0, 1, 2, 3, 4, 6, 0x101, 0x111, 0x112, 0x113, 0x115, 0x116, 0x200, 0x300, 0x3FF, 0x801, 0x1001, 0x4001)
    data = [stun(kind, cookie=cookie) for kind in kinds for cookie in (COOKIE, b"abcd")]
    data += [b"NO", b"\0\1\0\0", stun(1)[:19], stun(1) + b"x"]
    data += [b"\x40\0\0\4abcd", b"\x7f\xff\0\4abcd", b"\x80\0\0\4abcd", b"\x40\0\0\4abcdxx", b"\xff\x10\0\4abcd"]
    as_tshark([dialogues.says(each, port) for port in (3478, 9999) for each in data])


def test_attributes_read_as_in_tshark(dialogues, as_tshark):
    user = attribute(6, b"abcd")
    bodies = [
        *(user + b"X" * left for left in range(4)),
        attribute(6, b"abcd", 20),
        attribute(6, b"abcde"),
        attribute(6, b"abcde\0\0\0", 5),
        attribute(6, b"\1\2\x08\t\r\n\x7fz\x1b\xc3\xa9\0"),
        attribute(0x2057, b"abcd", 100),
        attribute(0x8020, b"\0\1\x30\x30abcd"),
        MICROSOFT + attribute(0x2057, b"abcd", 100),
        MICROSOFT + attribute(6, b"abcde") + attribute(20, b"realm123"),
    ]
    as_tshark([dialogues.says(stun(1, body), 3478) for body in bodies])


def test_it_is_seen_between_the_packets_of_others(dialogues, as_tshark):
    others = [dialogues.says(bytes(range(128, 160)), 9999, client=30000) for _ in range(50)]
    as_tshark([*others, dialogues.says(stun(1), 9999, client=30000)])
