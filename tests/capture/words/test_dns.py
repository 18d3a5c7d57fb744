"""DNS, multicast DNS, LLMNR."""

from __future__ import annotations

import struct

OWNER = b"\3own\2er\0"
ADDRESS = b"\1\2\3\4"
MUST_BE_WHOLE = {24, 27, 42, 55, 249, 250, 65281}  # tshark reads the fields of these records


def header(flags, *counts):
    counts = (*counts, 0, 0, 0, 0)[:4]
    return struct.pack("!HHHHHH", 0x1234, flags, *counts)


def record(kind, data, *, name=OWNER, group=1):
    return name + struct.pack("!HHIH", kind, group, 60, len(data)) + data


def question(kind=1, name=OWNER, group=1):
    return name + struct.pack("!HH", kind, group)


def test_every_type_of_record_reads_as_in_tshark(dialogues, as_tshark):
    contents = {
        1: ADDRESS, 13: b"\3a c\2de", 16: b"\3abc\2de", 28: bytes(range(16)), 33: b"\0\1\0\2\0\3\1x\0",
        35: b"\0\1\0\2\1u\3E2U\2!!\1x\0", 38: b"\x40" + bytes(range(8)) + b"\1x\0", 41: b"",
        46: bytes(18) + b"\1s\0" + bytes(20),
        47: b"\1x\1y\0\0\1\x40", 64: b"\0\1\1x\1y\0\0\1\0\3\2h2", 65: b"\0\1\0", 99: b"\2ab",
    }  # fmt: skip
    known = [*range(110), *range(249, 258), 32768, 32769, 65281, 65282, 65422, 65535]
    packets = []
    for kind in known:
        data = contents.get(kind, bytes([0, 1, 1, 98, 0]) + bytes(7))
        if kind not in MUST_BE_WHOLE:
            packets.append(
                dialogues.says(header(0x8180, 0, 2) + record(kind, data) + record(1, ADDRESS), 53, answers=True)
            )
        packets.append(dialogues.says(header(0x8180, 0, 2) + record(kind, b"") + record(1, ADDRESS), 53, answers=True))
        packets.append(dialogues.says(header(0x0100, 1) + question(kind), 53))
    as_tshark(packets)


def test_operations_and_errors_read_as_in_tshark(dialogues, as_tshark):
    packets = [
        dialogues.says(header(flags, 1) + question(), 53)
        for code in range(16)
        for flags in (code << 11, 0x8000 | code << 11, 0x8180 | code)
    ]
    as_tshark(packets)


def test_names_that_are_hard_to_write_read_as_in_tshark(dialogues, as_tshark):
    names = (
        *(b"\4a.b\\\0", b"\3a\0b\0", b"\3a\xc3\xa9\0", b"\3a\xff\xfe\0", b"\3a b\0", b"\3\x01\x7f\n\0", b"\xc0\x0c"),
        *(
            b"\xc0\xff",
            b"\x80ab\0",
            b"\x3f" + b"a" * 63 + b"\0",
            (b"\x3f" + b"a" * 63) * 5 + b"\0",
            b"\x3f" + b"a" * 20,
        ),
        *(b"\1a" * 200 + b"\0", b"\0"),
    )
    packets = []
    for name in names:
        packets.append(dialogues.says(header(0x0100, 1) + question(name=name), 53))
        answer = header(0x8180, 0, 2) + record(5, name) + record(1, ADDRESS)
        packets.append(dialogues.says(answer, 53, answers=True))
    as_tshark(packets)


def test_multicast_names_show_who_shall_answer_and_what_is_forgotten(dialogues, as_tshark):
    messages = [
        header(0, 2) + question(group=0x8001) + question(28),
        header(0x8400, 0, 2) + record(1, ADDRESS, group=0x8001) + record(12, b"\1x\0"),
        header(0x8403),
        header(0, 1, 1, 1) + question() + record(12, b"\1x\0") + record(33, bytes(5) + b"\7\1y\0", group=0x8001),
        header(0x8400, 0, 0, 0, 1) + b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0),
    ]
    as_tshark([dialogues.says(message, port, client=port) for port in (5353, 5355) for message in messages])


def test_over_tcp_messages_may_come_in_pieces(dialogues, as_tshark):
    ask = dialogues.sized(header(0x0100, 1) + question(15))
    as_tshark(dialogues.talk(53, ask, ask + ask, ask[:2], ask[2:], ask[:1], ask[1:], b"\0\3abc", ask))


def test_what_is_surely_a_query_is_known_on_any_port(dialogues, as_tshark):
    messages = [
        *(header(flags, 1) + question() for flags in (0, 0x0100, 0x0120, 0x0300, 0x0900, 0x2800)),
        header(0x0100, 2) + question() * 2,
        header(0x8183, 1) + question(),
        header(0x0100, 1, 1) + question() + record(1, ADDRESS),
        bytes(40),
        bytes(range(40)),
    ]
    as_tshark([dialogues.says(message, 5400) for message in messages])


def test_a_message_that_ends_early_is_malformed_or_cut(dialogues, frames, as_tshark):
    whole = dialogues.says(
        header(0x8180, 1, 2) + question() + record(5, b"\1x\xc0\x0c") + record(1, ADDRESS), 53, answers=True
    )
    as_tshark(frames.shortened(whole, 42) + frames.cut(whole, 42), least=0.9)
