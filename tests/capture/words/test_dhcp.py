"""DHCP, BOOTP, DHCPv6."""

from __future__ import annotations

import struct

CLIENT = bytes.fromhex("02000a00020f")
COOKIE = b"\x63\x82\x53\x63"


def bootp(operation=1, options=b"\x35\1\1\xff", *, kind=1, size=6, cookie=COOKIE):
    header = struct.pack("!BBBBIHH", operation, kind, size, 0, 0xABC123, 0, 0)
    return header + bytes(16) + CLIENT.ljust(16, b"\0") + bytes(192) + cookie + options


def option(number, data):
    return struct.pack("!HH", number, len(data)) + data


def test_all_messages_of_dhcp_read_as_in_tshark(dialogues, as_tshark):
    packets = [dialogues.says(bootp(options=bytes([53, 1, kind, 255])), 67, client=68) for kind in (*range(22), 255)]
    others = (
        *(
            bootp(2, b"\x35\1\5\xff"),
            bootp(options=b"\x0c\4host\0\0\x35\1\3\xff"),
            bootp(options=b"\x35\1\1\x35\1\3\xff"),
        ),
        *(bootp(options=b"\x35\1\1\x37\x20\1\2"), bootp()[:100], bootp()[:20], bootp()[:3], b"hello", bootp()[:240]),
        *(bootp(operation, b"\xff") for operation in (1, 2, 3)),
        *(bootp(1, b"\xff", size=0), bootp(1, b"\xff", kind=6), bootp(1, b"\xff", kind=32, size=20)),
        bootp(1, b"", cookie=bytes(4)),
    )
    packets += [dialogues.says(message, 67, client=68) for message in others]
    packets += [dialogues.says(bootp(), 4011, client=4011)]
    as_tshark(packets)


def test_all_messages_of_dhcpv6_read_as_in_tshark(dialogues, as_tshark):
    identity = option(1, bytes.fromhex("00030001020000000001"))
    first, second = (option(5, bytes(15) + bytes([number]) + bytes(8)) for number in (1, 2))
    transaction = b"\0\xab\xcd"
    solicit = b"\1" + transaction + identity
    messages = [bytes([kind]) + transaction + identity for kind in range(21)]
    messages += [
        b"\2" + transaction + identity + option(3, bytes(12) + first + second),
        b"\2" + transaction + option(4, bytes(4) + first) + identity,
        b"\7" + transaction + identity + option(3, bytes(12) + option(13, b"\0\2none")),
        bytes([12, 0]) + bytes.fromhex("20010db8") + bytes(28) + option(9, solicit),
        bytes([12, 1]) + bytes(32) + option(9, bytes([12, 0]) + bytes(32) + option(9, solicit)),
        b"\1\2",
        b"\1" + transaction + b"\0\1\0\x20ab",
        b"\1" + transaction + option(1, bytes(130)),
    ]
    as_tshark([dialogues.says(message, 547, client=546) for message in messages])
