"""Machines and what they are told: telecontrol, controllers, brokers, switches, screens."""

from __future__ import annotations

import struct


def unit(body):
    return struct.pack("!BBH", 3, 0, 4 + len(body)) + body


def connecting(said=b"", code=0xE0):
    return unit(bytes([6 + len(said), code, 0, 0, 0x12, 0x34, 0]) + said)


def carried(body):
    return unit(b"\x02\xf0\x80" + body)


def test_a_remote_desktop_reads_as_in_tshark(dialogues, as_tshark):
    wants = struct.pack("<BBHI", 1, 0, 8, 3)
    refusals = [(connecting(struct.pack("<BBHI", 3, 0, 8, n), 0xD0),) for n in range(8)]
    talks = [
        dialogues.talk(3389, connecting(b"Cookie: mstshash=bob\r\n" + wants), *refusals),
        dialogues.talk(3389, connecting(wants), (connecting(code=0xD0),), b"\x16\3\1\0\5hello", (b"\3\0\0\x20\2",)),
        dialogues.talk(3389, *(carried(bytes.fromhex(said)) for said in ("0401000100", "28", "38000303eb", "2180"))),
        dialogues.talk(102, unit(b"\6\x80\0\0\x12\x34\0"), unit(b"\5\x70\0\0\x12\x34"), unit(b"\5\x90\0\0\x12\x34")),
    ]
    as_tshark(dialogues.flat(talks), least=0.95)


def s7(kind, parameters, data=b"", error=b""):
    header = struct.pack("!BBHHHH", 0x32, kind, 0, 1, len(parameters), len(data))
    return carried(header + error + parameters + data)


def test_what_a_controller_is_asked_reads_as_in_tshark(dialogues, as_tshark):
    jobs = [s7(1, bytes([code]) + bytes(7) + b"\x09_0A00001P") for code in range(0x1A, 0x1E)]
    services = [
        s7(1, b"\x28\0\0\0\0\0\0\xfd\0" + bytes([len(said)]) + said + bytes([len(name)]) + name)
        for said, name in ((b"", b"P_PROGRAM"), (b"C ", b"P_PROGRAM"), (b"\1\x000A00001P", b"_INSE"))
    ]
    ask = b"\0\1\x12\4\x11\x43"
    blocks = [s7(7, ask + b"\2\1", b"\xff\x09\0\2" + b"0" + bytes([kind])) for kind in b"8ABCDEF"]
    blocks += [s7(7, ask + b"\3\1", b"\xff\x09\0\x08" + b"0" + bytes([kind]) + b"00012A") for kind in b"8ABCDEF"]
    errors = [(s7(3, b"\4\1", error=b"\x85\0"),), (s7(2, b"", error=b"\x81\4"),)]
    as_tshark(dialogues.talk(102, *jobs, *services, *blocks, *errors))


def checked(block):
    """DNP3's checksum behind it."""
    total = 0
    for byte in block:
        total ^= byte
        for _ in range(8):
            total = total >> 1 ^ (0xA6BC if total & 1 else 0)
    return block + struct.pack("<H", total ^ 0xFFFF)


def dnp3(said, transport=0xC0, control=0xC4, to=1):
    payload = b"" if said is None else bytes([transport]) + said
    header = struct.pack("<BBBBHH", 5, 0x64, 5 + len(payload), control, to, 2)
    return checked(header) + b"".join(checked(payload[i : i + 16]) for i in range(0, len(payload), 16))


def test_telecontrol_reads_as_in_tshark(dialogues, as_tshark):
    links = [dnp3(None, control=code) for code in (0x40, 0x49, 0x80, 0x8B)]
    codes = (0, *range(11, 20), 22, 23, 24, *range(28, 34), 34)
    asks = [dnp3(bytes([0xC0, code])) for code in codes]
    reads = [dnp3(b"\xc0\1" + objects) for objects in (b"\x3c\2\6\x3c\3\6\x3c\1\6", b"\x1e\0\6\1\0\6", b"\1\2\0\0\5")]
    long = b"\xc0\x81\0\0\x1e\1\0\0\x3c" + bytes(305)
    parts = [(dnp3(long[:249], 0x40),), (dnp3(long[249:], 0x81),), (dnp3(long[:100], 0x45, to=9),)]
    talks = [
        dialogues.talk(20000, *links, *asks, *reads, (dnp3(b"\xc0\x81\0\0"),), *parts),
        dialogues.talk(20000, dnp3(b"\xc0\0")[:1], dnp3(b"\xc0\0")[1:], b"junkjunk"),
        [dialogues.says(dnp3(b"\xc0\1\x3c\1\6"), 20000)],
    ]
    as_tshark(dialogues.flat(talks))


def iec104(control, body=b""):
    return bytes([0x68, 4 + len(body)]) + control + body


def service(kind=1, count=1, cause=3, addresses=(7,), size=1):
    objects = b"".join(struct.pack("<I", address)[:3] + bytes(size) for address in addresses)
    return iec104(struct.pack("<HH", 2, 4), struct.pack("<BBBBH", kind, count, cause, 0, 5) + objects)


def test_telecontrol_over_tcp_reads_as_in_tshark(dialogues, as_tshark):
    short = [iec104(bytes([code, 0, 0, 0])) for code in (1, 7, 0x0B, 0x13, 0x23, 0x43, 0x83, 0x0F)]
    kinds = [service(kind, size=16) for kind in (*range(1, 128, 3), 70, 100, 200)]
    causes = [service(cause=cause) for cause in (*range(1, 48), 0x43, 0x83, 0xC3)]
    several = [service(count=3, addresses=(5, 6, 7)), service(count=0x83, addresses=(5,), size=3)]
    talks = [
        dialogues.talk(2404, *short, *kinds, *causes, *several, (short[1],), short[1] * 2, several[0] + short[0]),
        dialogues.talk(2404, b"\x68\x04", b"\1\0\6\0", b"\0\0" + short[1]),
    ]
    as_tshark(dialogues.flat(talks))


def amqp(kind, body, channel=1):
    return struct.pack("!BHI", kind, channel, len(body)) + body + b"\xce"


def test_a_broker_reads_as_in_tshark(dialogues, as_tshark):
    numbers = {10: (*range(10, 13), 20, 30, 31, 40, 41, 50, 51), 20: (10, 11, 20, 40), 40: (10, 20, 30, 40), 30: (10,)}
    numbers |= {50: (10, 11, 20, 30, 40, 50), 60: (10, 20, 30, 40, 50, 60, 70, 71, 72, 80, 90, 100, 120), 85: (10,)}
    methods = [amqp(1, struct.pack("!HH", group, n) + bytes(64)) for group, every in numbers.items() for n in every]
    publish = amqp(1, struct.pack("!HHH", 60, 40, 0) + b"\2ex\3key\0")
    content = [
        publish + amqp(2, struct.pack("!HHQH", 60, 0, 5, 0x8000) + bytes([len(kind)]) + kind) + amqp(3, b'{"a":1}')
        for kind in (b"text/plain", b"application/json", b"application/octet-stream", b"application/x-python")
    ]
    talks = [
        dialogues.talk(5672, b"AMQP\0\0\x09\1", *methods, *content, amqp(8, b"", 0)),
        dialogues.talk(5672, publish[:5], publish[5:], publish * 2),
    ]
    as_tshark(dialogues.flat(talks))


def openflow(kind, body=b"", version=1):
    return struct.pack("!BBHI", version, kind, 8 + len(body), 7) + body


def test_a_switch_and_its_controller_read_as_in_tshark(frames, dialogues, as_tshark):
    first = [openflow(kind, bytes(64)) for kind in range(24) if kind not in {10, 13, 14}]
    parts = [openflow(18, struct.pack("!H", part) + bytes(60), 4) for part in (0, *range(3, 12), 13, 20, 0xFFFF)]
    inner = frames.ether(frames.ipv4(frames.udp(), 17, "192.0.2.1", "192.0.2.2"))
    asked = openflow(10, struct.pack("!IHHBB", 5, len(inner), 1, 0, 0) + inner)
    sent, kept = (
        openflow(13, struct.pack("!IHHHHHH", buffer, 1, 8, 0, 8, 0xFFFB, 0) + inner) for buffer in (0xFFFFFFFF, 5)
    )
    as_tshark(
        dialogues.talk(6653, *first, *parts, openflow(0), asked, sent, kept, asked + openflow(2), openflow(0)[:4])
    )


def test_a_screen_far_away_reads_as_in_tshark(dialogues, as_tshark):
    screen = (struct.pack("!HH16sI4s", 640, 480, bytes(16), 4, b"desk"),)
    new, old = b"RFB 003.008\n", b"RFB 003.003\n"
    messages = (bytes(20), b"\2\0\0\1" + bytes(4), b"\3" + bytes(9), b"\4\1" + bytes(6), b"\5" + bytes(5), (b"\2",))
    talks = [
        dialogues.talk(5900, (new,), new, (b"\1\1",), b"\1", (bytes(4),), b"\1", screen, *messages),
        dialogues.talk(5900, (new,), new, (b"\1\2",), b"\2", (bytes(16),), bytes(16), (bytes(4),), b"\1", screen),
        dialogues.talk(6900, (old,), old, (b"\0\0\0\2",), (bytes(16),), bytes(16), (bytes(4),), b"\1", screen),
        dialogues.talk(6900, (b"RFB 004.001\n",), b"RFB 004.001\n", (b"\1\x0d",), b"\x0d", bytes(9), (bytes(9),)),
    ]
    as_tshark(dialogues.flat(talks))


def test_small_protocols_read_as_in_tshark(frames, dialogues, as_tshark):
    def cql(kind, version=4):
        return struct.pack("!BBHBI", version, 0, 0, kind, 0)

    def smpp(command, status=0):
        return struct.pack("!IIII", 16, command, status, 1)

    talks = [
        dialogues.talk(9042, *(cql(kind) for kind in (5, 14, 15, 17)), (cql(2, 0x84),), cql(5)[:4], cql(5)[4:]),
        dialogues.talk(2775, smpp(0x15), *((smpp(0x80000004, n),) for n in (1, 8, 0x58, 0x999)), smpp(6) * 2),
        dialogues.talk(9418, b"000babc\n123", (b"0008abc\n0000",), (b"0008NAK\nPACK raw",), b"0001"),
        dialogues.talk(43, b"example.com\r\n", (b"abc\r\n",)),
        [frames.ether(struct.pack("!BBHBBI", 0x10, 0, 1, 2, kind, 7) + bytes(32), 0x88A2) for kind in (1, 2)],
        [frames.ether(bytes([first, second]) + bytes(44), 0x8899) for first in (0, 1, 2, 3, 0x23) for second in (0, 1)],
    ]
    as_tshark(dialogues.flat(talks))


def test_announcements_read_as_in_tshark(dialogues, as_tshark):
    def hexed(*parts):
        return bytes.fromhex("".join(parts))

    home = "0a0000010a000002"
    datagrams = [
        (496, hexed("110100b500000000", "0a00000102010004e0000000")),
        (496, hexed("1202000000000000", "0a00000102010004e0000000" * 2)),
        (9875, hexed("200012340a000001") + b"v=0\r\n"),
        (9875, hexed("240012340a000001") + b"o=- 1 1 IN IP4 10.0.0.1"),
        (434, hexed("01000708", home, "0a000003") + bytes(8)),
        (434, hexed("03830708", home) + bytes(8)),
        (5678, bytes(8)),
        (6696, hexed("2a020016", "0406000000000000", "0506000000000000", "00", "1102", "0000", "00", "0b00")),
        (698, hexed("00140001", "01860010", "0a000001", "01000001", "00000003")),
        (3503, hexed("0001000001") + bytes(27)),
        (1700, hexed("2b050014") + bytes(16)),
    ]
    messages = [struct.pack("!BH", kind, 3) for kind in range(9)]
    talks = [dialogues.talk(639, *messages, b"\4"), dialogues.talk(1863, b"VER 1 MSNP8\r\nPNG\r\n", (b"USR",))]
    as_tshark([dialogues.says(payload, port) for port, payload in datagrams] + dialogues.flat(talks))


def test_logging_in_and_paying_read_as_in_tshark(dialogues, as_tshark):
    def diameter(command, application=0, flags=0x80):
        pairs = struct.pack("!II4s", 263, 0x4000000C, b"abcd") * 3
        return struct.pack("!IIIII", 0x01000038, flags << 24 | command, application, 0x2EA4930, 0xABC) + pairs

    def bitcoin(command):
        return b"\xf9\xbe\xb4\xd9" + command.ljust(12, b"\0") + struct.pack("<I", 0) + b"abcd"

    commands = [diameter(command) for command in (257, 258, 265, 268, 271, 272, 280, 300, 306, 316, 324, 99)]
    others = [diameter(272, application) for application in (*range(1, 7), 16777216, 16777251, 0xFFFFFFFF)]
    ends = [diameter(257, 0, 0), diameter(272, 4, 0xD0), diameter(272, 4, 0xF0), commands[0] * 2, commands[0][:50]]
    talks = [
        dialogues.talk(3868, *commands, *others, *ends),
        dialogues.talk(8333, bitcoin(b"verack"), bitcoin(b"getaddr") + bitcoin(b"nothing"), bitcoin(b"mempool")[:10]),
    ]
    as_tshark(dialogues.flat(talks))


def test_dccp_reads_as_in_tshark(frames, as_tshark):
    def packet(kind, number, acknowledged=None, rest=b"", *, back=False):
        body = b"\0" + number.to_bytes(6)
        body += b"" if acknowledged is None else b"\0\0" + acknowledged.to_bytes(6)
        ports, ends = ((2, 1), ("10.0.0.2", "10.0.0.1")) if back else ((1, 2), ("10.0.0.1", "10.0.0.2"))
        header = struct.pack("!HHBBHB", *ports, (9 + len(body + rest)) // 4, 0, 0, kind << 1 | 1)
        return frames.ether(frames.ipv4(header + body + rest, 33, *ends))

    opened = [packet(0, 1000, None, bytes(4)), packet(1, 5000, 1000, bytes(4), back=True), packet(3, 1001, 5000)]
    data = [packet(4, 1002, 5001), packet(2, 1003), packet(8, 1004, 5001), packet(9, 5001, 1004, back=True)]
    closed = [packet(5, 5002, 1003, back=True), packet(6, 1005, 5002)]
    resets = [packet(7, 5003 + code, 1005, bytes((code, 0, 0, 0)), back=True) for code in range(14)]
    as_tshark([*opened, *data, *closed, *resets, packet(0, 2000, None, b"abcd")])


def test_sessions_with_controllers_read_as_in_tshark(dialogues, as_tshark):
    def message(command, said=b"\0\0\0\0"):
        return struct.pack("<HHII8xI", command, len(said), 5, 0, 0) + said

    every = [message(command) for command in (0, 4, 0x63, 0x64, 0x65, 0x66)]
    asked = dialogues.says(message(0x63, b""), 44818)
    answered = dialogues.says(message(0x63, b"\0\0"), 44818, answers=True)
    as_tshark([*dialogues.talk(44818, *every, *((each,) for each in every), every[0][:9]), asked, answered])


def test_machines_of_a_building_find_each_other_as_in_tshark(dialogues, as_tshark):
    def link(function, said):
        return struct.pack("!BBH", 0x81, function, 4 + len(said)) + said

    here = bytes.fromhex("1000c40200007b2201e09100210f")
    carried = [b"\1\0\x10\x08", bytes.fromhex("0120ffff00ff1008"), b"\1\0" + here, bytes.fromhex("0120ffff00ff") + here]
    every = [link(function, said) for function in (0x0A, 0x0B) for said in carried]
    every += [link(function, bytes(2)) for function in (0, 1, 2, 3, 5, 6, 7)]
    every.append(link(4, bytes.fromhex("0a000001bac00120ffff00ff1008")))
    as_tshark([dialogues.says(each, 47808) for each in every])
