"""TCP: numbers, options, and what is remarkable about a segment."""

from __future__ import annotations

import random
import struct
from typing import Any


def test_options_stand_in_the_order_in_which_they_are_in_the_packet(frames, as_tshark):
    options = [
        "020405b4010303070402080a0000000100000002", "020405b4020405b5", "020405b400020405b5", "03030f", "0303ff",
        "050a0000000100000005", "051200000001000000050000000700000009", "0502", "2202", "220a3132333435363738",
        "fe04f989", "fe08f98961626364", "fd04f989", "fe040102", "1312" + "78" * 16, "1d10" + "78" * 14, "1c048005",
        "080affffffffffffffff", "080bffffffffffffffff31", "020601020304", "020401", "080a0102", "4020", "02", "0200",
    ]  # fmt: skip
    packets = []
    for port, option in enumerate(options, 43000):
        padded = bytes.fromhex(option)
        padded += bytes(-len(padded) % 4)
        for bits, client in ((frames.SYN, port), (frames.ACK, port + 1000)):
            segment = frames.tcp(bits, 100, ports=(client, 7777), options=padded)
            packets.append(frames.ether(frames.ipv4(segment, 6)))
    whole = frames.ether(frames.ipv4(frames.tcp(frames.SYN, 100, options=bytes.fromhex(options[0])), 6))
    packets += [*frames.cut(whole, 34), *frames.shortened(whole, 34)[:16]]
    as_tshark(packets)


def test_flags_urgent_pointer_and_a_header_that_lies(frames, as_tshark):
    packets = []
    for bits in range(0, 4096, 7):
        segment = frames.tcp(bits, 100, 50, b"abc", ports=(44000 + bits, 7777), urgent=9)
        packets.append(frames.ether(frames.ipv4(segment, 6)))
    for offset in range(16):
        segment = bytearray(frames.tcp(frames.ACK, 100, 50, bytes(10), ports=(49000 + offset, 7777)))
        segment[12] = offset << 4
        packets.append(frames.ether(frames.ipv4(bytes(segment), 6)))
    as_tshark(packets, least=0.99)


def test_windows_are_scaled_when_both_sides_have_offered_it(frames, as_tshark):
    scaled, plain = bytes.fromhex("020405b401030302"), bytes.fromhex("020405b4")
    packets = []
    port = 42000
    for ours in (scaled, plain):
        for theirs in (scaled, plain):
            for order in ("sar", "ar", "sr", "asr"):
                port += 1
                steps = {
                    "s": (frames.SYN, 0, 0, ours, True),
                    "a": (frames.SYN | frames.ACK, 5000, 1, theirs, False),
                }
                for step in order:
                    if step in steps:
                        bits, seq, ack, options, there = steps[step]
                        ports = (port, 7777) if there else (7777, port)
                        ends = (frames.HERE, frames.THERE) if there else (frames.THERE, frames.HERE)
                        segment = frames.tcp(bits, seq, ack, options=options, ports=ports)
                        packets.append(frames.ether(frames.ipv4(segment, 6, *ends)))
                    else:
                        data = frames.tcp(frames.ACK, 1, 5001, b"AAA", ports=(port, 7777), window=40)
                        back = frames.tcp(frames.ACK, 5001, 4, b"", ports=(7777, port), window=50)
                        packets.append(frames.ether(frames.ipv4(data, 6)))
                        packets.append(frames.ether(frames.ipv4(back, 6, frames.THERE, frames.HERE)))
    as_tshark(packets)


def test_loss_repetition_and_waiting_read_as_in_tshark(frames, as_tshark):
    ack, psh, fin = frames.ACK, frames.PSH | frames.ACK, frames.FIN | frames.ACK
    stories: list[list[Any]] = [
        # a segment is lost, three duplicate ACKs, fast retransmission
        [("A", 1, 1, psh, 100), ("B", 1, 101, ack, 0), ("A", 201, 1, psh, 100)]
        + [("B", 1, 101, ack, 0)] * 3
        + [("A", 101, 1, psh, 100), ("B", 1, 301, ack, 0)],
        # … retransmission after a time-out, a spurious one, an overtaken one
        [("A", 1, 1, psh, 100), ("A", 1, 1, psh, 100), ("B", 1, 101, ack, 0), ("A", 1, 1, psh, 100)],
        [("A", 1, 1, psh, 100), ("A", 201, 1, psh, 100), ("A", 101, 1, psh, 50), ("A", 151, 1, psh, 50)],
        # the window closes, is probed, and opens
        [
            ("B", 1, 1, ack, 0, 0),
            ("A", 1, 1, psh, 1),
            ("B", 1, 1, ack, 0, 0),
            ("B", 1, 1, ack, 0, 500),
            ("A", 1, 1, psh, 500),
        ],
        # keep-alives, acknowledgments of what nobody has sent
        [("A", 1, 1, psh, 10), ("B", 1, 11, ack, 0), ("A", 10, 1, ack, 0), ("B", 1, 11, ack, 0), ("A", 10, 1, ack, 1)],
        [("A", 1, 50, ack, 0), ("A", 1, 60, ack, 0), ("B", 101, 1, psh, 10), ("A", 1, 111, ack, 0)],
        # ends: half closed, closed, reset
        [
            ("A", 1, 1, fin, 0),
            ("B", 1, 2, psh, 10),
            ("A", 2, 11, ack, 0),
            ("B", 11, 2, fin, 0),
        ],
        [("A", 1, 1, psh, 10), ("B", 1, 11, frames.RST | ack, 0), ("A", 11, 1, frames.RST, 0)],
        # simultaneous open, a repeated SYN
        [("A", 0, 0, frames.SYN, 0), ("B", 0, 0, frames.SYN, 0), ("A", 0, 0, frames.SYN, 0)],
    ]
    packets = []
    for client, story in enumerate(stories, 50000):
        packets += frames.conversation(7777, *story, client=client)
    packets += frames.conversation(7777, client=50000)[:1]
    again = frames.tcp(frames.SYN, 99999, ports=(50000, 7777))
    as_tshark([*packets, frames.ether(frames.ipv4(again, 6))])


def test_random_segments_get_the_same_remarks(frames, as_tshark):
    chance = random.Random(3)
    packets = []
    for client in range(20000, 20040):
        seq, acked = {"A": 1, "B": 1}, {"A": 1, "B": 1}
        steps = []
        for _ in range(40):
            side = chance.choice("AB")
            other = "B" if side == "A" else "A"
            size = chance.choice((0, 0, 1, 10, 100))
            at, ack, window = seq[side], seq[other], chance.choice((1000,) * 8 + (0, 100, 2000))
            kind = chance.random()
            if kind < 0.1:
                at -= chance.choice((1, 10, 100))
            elif kind < 0.15:
                at += 10
            elif kind < 0.25:
                ack = acked[side]
            elif kind < 0.3:
                ack += chance.choice((-10, 10))
            bits = frames.ACK | (frames.PSH if size else 0) | (chance.random() < 0.03) * frames.FIN
            steps.append((side, at, ack, bits, size, window))
            seq[side] = max(seq[side], at + size + (bits & 1))
            acked[side] = ack
        packets += frames.conversation(7777, *steps, client=client)
    as_tshark(packets)


def test_messages_are_read_when_their_last_segment_comes(frames, as_tshark):
    message = struct.pack("!H", 31) + bytes.fromhex("0007010000010000000000000961626364656667683103636f6d0000010001")
    stream = message * 4
    size = len(message)
    orders = [
        [(0, size), (size, 2 * size)],
        [(0, 2 * size), (2 * size, 3 * size)],
        [(0, 10), (10, 20), (20, size), (size, 2 * size)],
        [(0, 10), (10, size + 10), (size + 10, 2 * size)],
        [(0, 1), (1, size)],
        [(0, 10), (20, size), (10, 20), (size, 2 * size)],
        [(0, 10), (15, 20), (10, 15), (20, size)],
        [(size, 2 * size), (0, size), (2 * size, 3 * size)],
        [(0, 10), (0, 10), (10, size), (10, size), (size, 2 * size)],
        [(0, 10), (5, size), (size, 2 * size)],
        [(0, 10), (20, size), (size, 2 * size)],
        [(0, size + 10), (2 * size, 3 * size), (size + 10, 2 * size), (3 * size, 4 * size)],
        [(0, 10), (10, 3 * size + 5), (3 * size + 5, 4 * size)],
    ]
    packets = []
    for client, order in enumerate(orders, 30000):
        steps = [("A", 1 + start, 1, frames.PSH | frames.ACK, stream[start:end]) for start, end in order]
        packets += frames.conversation(53, *steps, client=client)
    as_tshark(packets)


def test_what_comes_late_is_read_as_its_mark_says(frames, as_tshark):
    def record(size):
        return b"\x17\3\3" + struct.pack("!H", size) + bytes(range(128, 228)) * (size // 100)

    stream = record(4900) + record(2900) + record(400)
    orders: list[list[Any]] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
        [0, 2, 3, 4, 5, 6, 7, 8],
        [0, 1, 2, 3, 5, 6, 7, 8],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4],
        [0, 1, 2, 0, 1, 2, 3, 4, 5],
        [0, 1, 2, 4, "acks", 3, 5, 6, 7, 8],
        [0, 1, 2, 3, 4, 5, 6, 7, "acks", 7, 8],
    ]
    packets = []
    for client, order in enumerate(orders, 31000):
        steps = []
        for each in order:
            if each == "acks":
                least = 3001 if 3 in order[order.index("acks") :] else 7001
                steps += [("B", 1, least, frames.ACK, b"")] * 4
            else:
                steps.append(("A", 1 + 1000 * each, 1, frames.ACK, stream[1000 * each : 1000 * each + 1000]))
        packets += frames.conversation(443, *steps, client=client)
    as_tshark(packets)


def test_numbers_before_an_answer_count_from_its_own(frames, as_tshark):
    ack, push, syn = frames.ACK, frames.PSH | frames.ACK, frames.SYN | frames.ACK
    middle = [("A", 11, 21, push, 5), ("B", 21, 16, push, 7), ("B", 4021, 16, syn, 0), ("B", 4022, 16, push, 7)]
    begun = [("B", 50000, 1, syn, 0), ("B", 50001, 1, ack, 3)]
    packets = frames.conversation(7777, *middle, client=32000)[3:]
    as_tshark(packets + frames.conversation(7777, *begun, client=32001))


def test_numbers_begin_anew_where_vnc_is_recognised(frames, as_tshark):
    said = [("B", b"RFB 003.008\n"), ("A", b"RFB 003.008\n"), ("B", b"\1\1"), ("A", b"\1"), ("B", b""), ("A", b"")]
    packets = []
    for port in (5900, 6900):
        numbers, steps = {"A": 1, "B": 1}, []
        for side, payload in said:
            steps.append((side, numbers[side], numbers["AB".replace(side, "")], frames.PSH | frames.ACK, payload))
            numbers[side] += len(payload)
        packets += frames.conversation(port, *steps, client=33000)
    as_tshark(packets)
