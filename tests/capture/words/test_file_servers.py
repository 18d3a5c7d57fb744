"""NetBIOS, the browser, SMB 1 to 3, remote procedure calls and NFS."""

from __future__ import annotations

import struct
from uuid import UUID

HERE, THERE = "10.0.0.1", "10.0.0.2"
MAPPER = "e1af8308-5d1f-11c9-91a4-08002b14a0fa"


def encoded(name, kind=0x20):
    letters = (name.ljust(15) if name != b"*" else name.ljust(15, b"\0")) + bytes([kind])
    return b"\x20" + bytes(65 + half for byte in letters for half in (byte >> 4, byte & 15)) + b"\0"


def names_are_asked_for_registered_and_announced(frames):
    def over_udp(port, payload):
        return frames.ether(frames.ipv4(frames.udp(payload, port, port)))

    def names(flags, *questions, answer=b""):
        body = b"".join(name + struct.pack("!HH", kind, 1) for name, kind in questions)
        return over_udp(137, struct.pack("!HHHHHH", 7, flags, len(questions), bool(answer), 0, 0) + body + answer)

    def record(kind, value):
        return encoded(b"HOST") + struct.pack("!HHIH", kind, 1, 300, len(value)) + value

    packets = [names(0x0110, (encoded(b"NAME", kind), 32)) for kind in (0, 3, 0x1B, 0x20, 0x99)]
    packets += [names(code << 11, (encoded(b"HOST"), 32)) for code in (0, 5, 6, 7, 8, 9, 15)]
    packets += [names(0xAD00 | code, answer=record(32, b"\0\0\x0a\0\0\1")) for code in range(8)]
    packets += [names(0, (encoded(b"*", 0), 33)), names(0x8400, answer=record(33, b"\1" + bytes(60))), names(0x0110)]
    packets += [names(0x0110, (encoded(b"\1\2__MSBROWSE__\2", 1), 32)), names(0x0110, (b"\5ABCDE\0", 32))]

    def posted(name, text):
        place = 32 + 1 + 34 + 2 + len(name) + 1
        words = struct.pack(
            "<HHHHBBHIHHHHHBBHHH", 0, len(text), 0, 0, 0, 0, 0, 9, 0, 0, 0, len(text), place, 3, 0, 1, 1, 2
        )
        smb = (
            b"\xffSMB\x25"
            + bytes(27)
            + b"\x11"
            + words
            + struct.pack("<H", len(name) + 1 + len(text))
            + name
            + b"\0"
            + text
        )
        return over_udp(138, b"\x11\2\0\7\x0a\0\0\1\0\x8a\0\0\0\0" + encoded(b"HOST") + encoded(b"GROUP", 0x1E) + smb)

    announced = (
        bytes.fromhex("00c0d40100")
        + b"HOST".ljust(16, b"\0")
        + b"\x0a\0\xff\xff\xff\xff"
        + bytes.fromhex("0f0155aa")
        + b"\0"
    )
    packets += [posted(b"\\MAILSLOT\\BROWSE", bytes([code]) + announced) for code in (1, 12, 15, 99)]
    packets += [
        posted(b"\\MAILSLOT\\BROWSE", bytes([code]) + b"\0HOST\0" + bytes(20)) for code in (2, 8, 9, 10, 11, 13, 14)
    ]
    packets += [
        posted(b"\\MAILSLOT\\NET\\NETLOGON", bytes([code]) + b"\0HOST\0" + bytes(20)) for code in (0, 7, 9, 18, 19)
    ]
    packets += [
        over_udp(138, bytes([kind]) + b"\2\0\7\x0a\0\0\1\0\x8a" + encoded(b"X"))
        for kind in (0x13, 0x14, 0x15, 0x16, 0x99)
    ]
    return packets


def framed(message):
    return struct.pack("!I", len(message)) + message


def smb1(command, number, words=b"", data=b"", *, answer=False, status=0, flags=0xC001):
    head = struct.pack("<4sBIBH12xHHHH", b"\xffSMB", command, status, 0x98 if answer else 0x18, flags, 1, 2, 3, number)
    return framed(head + bytes([len(words) // 2]) + words + struct.pack("<H", len(data)) + data)


def wide(text):
    return b"\0" + text.encode("utf-16-le") + b"\0\0"


def files_are_opened_read_and_closed_in_the_first_smb(frames):
    talk = frames.Talk(139)
    talk.says(struct.pack("!I", 0x81000044) + encoded(b"SERVER") + encoded(b"CLIENT", 0)).answers(b"\x82\0\0\0").says(
        b"\x85\0\0\0"
    )
    alone = struct.pack("<BBH", 0xFF, 0, 0)
    hashes = alone + struct.pack("<HHHIHHII", 0xFFFF, 2, 1, 0, 24, 24, 0, 0xD4)
    talk.says(smb1(0x73, 1, hashes, bytes(48) + wide("user") + b"DOM".decode().encode("utf-16-le") + bytes(6)))
    talk.says(smb1(0x75, 2, alone + b"\0\0\1\0", wide("\\\\SERVER\\IPC$") + b"?????\0"))
    name = wide("\\dir\\a.txt")[:-2]
    create = alone + struct.pack("<BHIIIQIIIIIB", 0, len(name) - 1, 0x16, 0, 0x2019F, 0, 0, 3, 1, 0x40, 2, 0)
    talk.says(smb1(0xA2, 3, create, name)).answers(
        smb1(0xA2, 3, alone + struct.pack("<BH", 0, 0x4001) + bytes(61), answer=True)
    )
    talk.says(smb1(0x2E, 4, alone + struct.pack("<HIHHIHI", 0x4001, 0, 1024, 1024, 0, 0, 0)))
    talk.answers(smb1(0x2E, 4, alone + struct.pack("<HHHHH10x", 0, 0, 0, 10, 60), bytes(11), answer=True))
    talk.says(smb1(0x2F, 5, alone + struct.pack("<HIIHHHHHI", 0x4001, 4096, 0, 0, 0, 0, 20, 64, 0), bytes(21)))
    talk.answers(smb1(0x2F, 5, alone + struct.pack("<HHI", 20, 0, 0), answer=True))
    talk.says(smb1(0x04, 6, struct.pack("<HI", 0x4001, 0))).answers(smb1(0x04, 6, answer=True))
    parameters = struct.pack("<HI", 0x107, 0) + "\\a".encode("utf-16-le") + b"\0\0"
    words = struct.pack(
        "<HHHHBBHIHHHHHBBH", len(parameters), 0, 10, 99, 0, 0, 0, 0, 0, len(parameters), 68, 0, 0, 1, 0, 5
    )
    talk.says(smb1(0x32, 7, words, b"\0\0\0" + parameters)).answers(smb1(0x32, 7, answer=True, status=0xC0000034))
    talk.says(smb1(0xA2, 8, create, name)).answers(smb1(0xA2, 8, answer=True, status=0xC0000022))
    commands = (0x00, 0x02, 0x06, 0x09, 0x10, 0x24, 0x2B, 0x2D, 0x34, 0x70, 0x71, 0x72, 0x74, 0x80, 0xA0, 0xA4, 0x60)
    for number, command in enumerate(commands, 20):
        talk.says(smb1(command, number)).answers(smb1(command, number, answer=True))
        talk.answers(smb1(command, number, answer=True, status=0x00050001, flags=1))
    return talk.frames


def smb2(command, number, body=b"", *, answer=False, status=0, following=0):
    head = struct.pack("<4sHHIHHIIQIIQ", b"\xfeSMB", 64, 1, status, command, 1, int(answer), following, number, 0, 1, 1)
    return head + bytes(16) + body


def files_are_opened_read_and_closed_in_smb_2(frames):
    file = struct.pack("<QQ", 1, 5)
    failed = struct.pack("<HHIB", 9, 0, 0, 0)

    def create(number, name):
        text = name.encode("utf-16-le")
        fields = (57, 0, 0, 2, 0, 0, 0x120089, 0, 7, 1, 0, 120, len(text), 0, 0)
        return smb2(5, number, struct.pack("<HBBIQQIIIIIHHII", *fields) + (text or b"\0"))

    created = struct.pack("<HBBI32xQQII", 89, 0, 0, 1, 0, 0, 0x80, 0) + file + bytes(8)
    tree = "\\\\10.0.0.2\\share".encode("utf-16-le")
    login = b"NTLMSSP\0" + struct.pack("<II", 1, 0xE2088297) + bytes(24)
    called = struct.pack("<IIIIIIII", 120, 4, 0, 0, 0, 9, 1, 0)
    steps = [
        (smb2(1, 1, struct.pack("<HBBIIHHQ", 25, 0, 1, 1, 0, 88, len(login), 0) + login), False),
        (smb2(1, 1, failed, answer=True, status=0xC000006D), True),
        (smb2(3, 2, struct.pack("<HHHH", 9, 0, 72, len(tree)) + tree), False),
        (create(3, "dir\\a.txt"), False),
        (smb2(5, 3, created, answer=True), True),
        (smb2(16, 4, struct.pack("<HBBIHHIII", 41, 1, 18, 4096, 104, 0, 0, 0, 0) + file + b"\0"), False),
        (smb2(8, 5, struct.pack("<HBBIQ", 49, 80, 0, 100, 0) + file + bytes(17)), False),
        (smb2(9, 6, struct.pack("<HHIQ", 49, 112, 50, 4096) + file + bytes(66)), False),
        (smb2(14, 7, struct.pack("<HBBI", 33, 37, 0, 0) + file + struct.pack("<HHI", 96, 2, 65536) + b"*\0"), False),
        (smb2(11, 8, struct.pack("<HHI", 57, 0, 0x11C017) + b"\xff" * 16 + called + b"abcd"), False),
        (smb2(6, 9, struct.pack("<HHI", 24, 0, 0) + file), False),
        (smb2(6, 9, struct.pack("<HHI", 60, 0, 0) + bytes(52), answer=True), True),
        (smb2(8, 10, struct.pack("<HBBIQ", 49, 80, 0, 100, 0) + file + bytes(17)), False),
        (b"\xfdSMB" + bytes(32) + struct.pack("<IHHQ", 40, 0, 1, 5) + bytes(40), False),
    ]  # fmt: skip
    steps += [(smb2(command, 20, failed, answer=True, status=0xC0000022), True) for command in range(20)]
    steps += [
        (smb2(6, 20, failed, answer=True, status=status), True)
        for status in (0x103, 0x80000006, 0xC0000034, 0xC0000128, 0x12345678)
    ]
    one = create(30, "b.txt")
    one += bytes(-len(one) % 8)
    two = smb2(6, 31, struct.pack("<HHI", 24, 0, 0) + b"\xff" * 16)
    steps += [(one[:20] + struct.pack("<I", len(one)) + one[24:] + two, False)]
    talk = frames.Talk(445)
    for message, answered in steps:
        (talk.answers if answered else talk.says)(framed(message))
    talk.says(framed(create(40, "c" * 900)), cut=700).says(framed(create(41, "d")) + framed(create(42, "e")))
    return talk.frames


def a_remote_call_and_its_reply_point_to_each_other(frames):
    def counted(text):
        return struct.pack("!I", len(text)) + text + bytes(-len(text) % 4)

    def call(number, what, body=b""):
        return struct.pack("!IIIIII16x", number, 0, 2, *what) + body

    def reply(number, body=b""):
        return struct.pack("!III12x", number, 1, 0) + body

    packets = []
    numbers = iter(range(100, 1000))

    def talk(port, what, body=b"", answer=b""):
        number = next(numbers)
        asked = frames.udp(call(number, what, body), 900, port)
        packets.append(frames.ether(frames.ipv4(asked)))
        answered = frames.udp(reply(number, answer), port, 900)
        packets.append(frames.ether(frames.ipv4(answered, source=THERE, destination=HERE)))

    for version in (2, 3, 4):
        for procedure in (0, 1, 2, 4, 9):
            talk(111, (100000, version, procedure))
    talk(111, (100000, 2, 3), struct.pack("!IIII", 100003, 3, 17, 0), struct.pack("!I", 2049))
    for procedure in range(6):
        talk(20048, (100005, 3, procedure), counted(b"/exp"), struct.pack("!I", 13))
    file, name, attributes = (
        counted(b"\1\2\3\4\5\6\7\x08"),
        counted(b"file"),
        struct.pack("!IIIII64x", 1, 0o644, 1, 0, 0),
    )
    bodies = {
        3: file + name,
        4: file + struct.pack("!I", 31),
        6: file + struct.pack("!QI", 0, 4096),
        7: file + struct.pack("!QII", 0, 4, 2) + name,
        8: file + name + bytes(28),
        9: file + name + bytes(24),
        10: file + name + bytes(24) + name,
        11: file + name + struct.pack("!I24x", 7),
        12: file + name,
        13: file + name,
        14: file + name + file + name,
        15: file + file + name,
    }
    for procedure in range(22):
        body = bodies.get(procedure, file + bytes(40))
        talk(2049, (100003, 3, procedure), body, bytes(4) + (attributes if procedure == 1 else bytes(120)))
        talk(2049, (100003, 3, procedure), body, struct.pack("!I20x", (1, 2, 13, 70)[procedure % 4]))
    for procedure in range(18):
        talk(2049, (100003, 2, procedure), bytes(32) + counted(b"name") + bytes(40), struct.pack("!I", 2))
    again = frames.ether(frames.ipv4(frames.udp(call(7, (100000, 2, 4)), 901, 111)))
    packets += [again, again, frames.ether(frames.ipv4(frames.udp(b"\0\0\0\1", 901, 111)))]
    return packets


def interfaces_are_agreed_on_and_called(frames):
    mapper, unknown = (UUID(text).bytes_le for text in (MAPPER, "deadbeef-0000-1111-2222-333344445555"))
    syntax = UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<I", 2)

    def message(kind, body, flags=3, number=1):
        return struct.pack("<BBBBIHHI", 5, 0, kind, flags, 16, 16 + len(body), 0, number) + body

    def bind(number, version, kind=11):
        item = struct.pack("<HBx", 0, 1) + number + struct.pack("<I", version) + syntax
        return message(kind, struct.pack("<HHIBxH", 5840, 5840, 0, 1, 0) + item)

    answer = struct.pack("<HHIH", 5840, 5840, 1, 4) + b"135\0\0\0\1\0\0\0" + bytes(4) + syntax
    talk = frames.Talk(49152, client=41001).says(bind(unknown, 1)).answers(message(12, answer))
    call, reply = struct.pack("<IHH", 24, 0, 5) + bytes(24), struct.pack("<IHBx", 24, 0, 0) + bytes(24)
    talk.says(message(0, call)).answers(message(2, reply)).answers(message(3, reply[:8] + struct.pack("<I4x", 5)))
    for flags in (0, 1, 2):
        talk.says(message(0, struct.pack("<IHH", 24, 1, 5) + bytes(24), flags))
    talk.says(message(16, bytes(8))).says(message(18, b"")).says(message(19, b"")).says(bind(unknown, 1, 14), cut=40)

    def floor(left, right):
        return struct.pack("<H", len(left)) + left + struct.pack("<H", len(right)) + right

    directory = UUID("e3514235-4b06-11d1-ab04-00c04fc2dcd2").bytes_le
    tower = (
        struct.pack("<H", 3)
        + floor(b"\x0d" + directory + b"\4\0", b"\0\0")
        + floor(b"\x0d" + syntax[:16] + b"\2\0", b"\0\0")
    )
    tower += floor(b"\x0b", b"\0\0")
    asked = (
        struct.pack("<I16xIII", 1, 2, len(tower), len(tower)) + tower + bytes(-len(tower) % 4) + bytes(20) + b"\4\0\0\0"
    )
    found = struct.pack("<20xIIIII", 1, 4, 0, 1, 3) + struct.pack("<II", len(tower), len(tower)) + tower
    found += bytes(-len(tower) % 4) + bytes(4)
    ends = frames.Talk(135, client=41002).says(bind(mapper, 3)).answers(message(12, answer))
    ends.says(message(0, struct.pack("<IHH", 24, 0, 3) + asked)).answers(message(2, reply[:8] + found))
    return talk.frames + ends.frames


def test_what_file_servers_say_reads_as_in_tshark(frames, as_tshark):
    packets = [
        *names_are_asked_for_registered_and_announced(frames),
        *files_are_opened_read_and_closed_in_the_first_smb(frames),
        *files_are_opened_read_and_closed_in_smb_2(frames),
        *a_remote_call_and_its_reply_point_to_each_other(frames),
        *interfaces_are_agreed_on_and_called(frames),
    ]
    as_tshark(packets)
