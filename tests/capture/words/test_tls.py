"""TLS and DTLS."""

from __future__ import annotations

import struct

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
HANDSHAKE, DATA, ALERT = 22, 23, 21
CHANGE = bytes.fromhex("140303000101")
FOREIGN = bytes(range(200, 220))


def record(kind, body, version=0x0303):
    return struct.pack("!BHH", kind, version, len(body)) + body


def message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(number, body):
    return struct.pack("!HH", number, len(body)) + body


def client_hello(version=0x0303, extensions=b""):
    tail = struct.pack("!H", len(extensions)) + extensions if extensions else b""
    return message(1, struct.pack("!H", version) + bytes(range(32)) + b"\0\0\2\x13\x01\1\0" + tail)


def server_hello(version=0x0303, extensions=b"", random=bytes(range(32))):
    tail = struct.pack("!H", len(extensions)) + extensions if extensions else b""
    return message(2, struct.pack("!H", version) + random + b"\0\x13\x01\0" + tail)


NEW_CLIENT = record(HANDSHAKE, client_hello(extensions=extension(43, b"\4\3\4\3\3")), 0x0301)
NEW_SERVER = server_hello(extensions=extension(43, b"\3\4"))
ANSWERED = (record(HANDSHAKE, server_hello()),)
APPLICATION = record(DATA, bytes(40))
CERTIFICATE, SERVER_KEY, DONE, CLIENT_KEY = (
    message(11, bytes(3)),
    message(12, bytes(10)),
    message(14, b""),
    message(16, bytes(10)),
)
ENCRYPTED = record(HANDSHAKE, bytes(range(100, 140)))


def test_records_and_messages_read_as_in_tshark(dialogues, as_tshark):
    said = [record(HANDSHAKE, message(kind, bytes(50))) for kind in (*range(40), 67, 100, 255)]
    said += [
        record(ALERT, bytes([level, what])) for level, what in ((0, 40), (1, 0), (3, 1), *((2, n) for n in range(130)))
    ]
    said += [record(kind, bytes(40)) for kind in (19, 20, 24, 26)] + [record(24, b"\1\0\3abc" + bytes(16))]
    as_tshark(dialogues.flat(dialogues.talk(443, (each,)) for each in said))


def test_the_version_that_is_agreed_on_later_stands_in_earlier_rows_too(dialogues, as_tshark):
    talks = [
        dialogues.talk(443, record(HANDSHAKE, client_hello(v), min(v, 0x0303))) for v in (0x300, 0x301, 0x303, 0x304)
    ]
    for version in (0x0300, 0x0301, 0x0302, 0x0303):
        answer = record(HANDSHAKE, server_hello(version), version) + record(HANDSHAKE, CERTIFICATE + DONE, version)
        talks.append(dialogues.talk(443, record(HANDSHAKE, client_hello(), 0x0301), (answer,)))
    new_answer = (record(HANDSHAKE, NEW_SERVER) + CHANGE + APPLICATION,)
    retry = server_hello(extensions=extension(43, b"\3\4"), random=RETRY)
    talks += [
        dialogues.talk(443, NEW_CLIENT),
        dialogues.talk(443, NEW_CLIENT, (record(ALERT, b"\2\x46"),)),
        dialogues.talk(443, NEW_CLIENT, new_answer, CHANGE + APPLICATION, record(ALERT, bytes(19)), (FOREIGN,)),
        dialogues.talk(443, NEW_CLIENT, (record(HANDSHAKE, retry) + CHANGE,), CHANGE + NEW_CLIENT, new_answer),
        dialogues.talk(443, record(DATA, bytes(30), 0x0301), (record(DATA, bytes(30)),)),
        dialogues.talk(443, record(HANDSHAKE, CERTIFICATE), (record(HANDSHAKE, server_hello(0x0302), 0x0302),)),
    ]
    as_tshark(dialogues.flat(talks))


def test_a_whole_conversation_reads_as_in_tshark(dialogues, as_tshark):
    talk = dialogues.talk(
        443,
        record(HANDSHAKE, client_hello(), 0x0301),
        (record(HANDSHAKE, server_hello() + CERTIFICATE) + record(HANDSHAKE, SERVER_KEY + DONE),),
        record(HANDSHAKE, CLIENT_KEY) + CHANGE + ENCRYPTED,
        (CHANGE + ENCRYPTED,),
        APPLICATION + APPLICATION,
        (record(HANDSHAKE, message(20, bytes(12))),),
        (record(ALERT, bytes(26)),),
        (FOREIGN,),
    )
    as_tshark(talk)


def test_records_and_messages_may_come_in_pieces(dialogues, as_tshark):
    big, hello = message(11, bytes(3000)), record(HANDSHAKE, client_hello())
    long = record(DATA, bytes(400))
    talks = [
        dialogues.talk(443, hello[:20], hello[20:]),
        dialogues.talk(443, long[:3], long[3:] + long[:100], long[100:]),
        dialogues.talk(
            443,
            ANSWERED,
            (record(HANDSHAKE, big[:1000]),),
            (record(HANDSHAKE, big[1000:2000]),),
            (record(HANDSHAKE, big[2000:] + DONE),),
        ),
        dialogues.talk(443, (record(HANDSHAKE, server_hello() + big[:1000]) + record(HANDSHAKE, big[1000:] + DONE),)),
        *(
            dialogues.talk(443, (before + record(HANDSHAKE, body),), (record(HANDSHAKE, body),), (APPLICATION,))
            for before in (b"", CHANGE, ANSWERED[0] + CHANGE)
            for body in (
                bytes(40),
                message(20, bytes(12)),
                b"\1\0\xff\xff" + bytes(36),
                b"\x63\0\x0f\xff" + bytes(20),
                b"\1\2",
                b"\xff" * 40,
            )
        ),
    ]
    as_tshark(dialogues.flat(talks))


def test_tls_is_known_on_any_port_and_other_bytes_are_not_taken_for_it(dialogues, as_tshark):
    first = (
        *(APPLICATION, record(HANDSHAKE, client_hello(), 0x0301), ENCRYPTED, CHANGE, record(ALERT, b"\2\x28"), FOREIGN),
        *(b"hello world", bytes(12), record(DATA, bytes(20000)), record(DATA, bytes(40), 0x0305), APPLICATION[:3]),
        APPLICATION + b"hello",
    )
    as_tshark(
        dialogues.flat(
            dialogues.talk(port, each, FOREIGN[:4])
            for port in (443, 50001)
            for each in first
            if each != FOREIGN or port == 443
        ),
        least=0.95,
    )


def test_dtls_reads_as_in_tshark(dialogues, as_tshark):
    def datagram(kind, body, version=0xFEFD, epoch=0):
        return struct.pack("!BHHHIH", kind, version, epoch, 0, 1, len(body)) + body

    def part(kind, whole, number, start=0, size=None):
        size = len(whole) if size is None else size
        piece = whole[start : start + size]
        numbers = [
            len(whole).to_bytes(3, "big"),
            struct.pack("!H", number),
            start.to_bytes(3, "big"),
            len(piece).to_bytes(3, "big"),
        ]
        return bytes([kind]) + b"".join(numbers) + piece

    hello, answer, certificate = client_hello(0xFEFD)[4:], server_hello(0xFEFD)[4:], bytes(300)
    hello = hello[:35] + b"\0" + hello[35:]  # and no cookie
    client = 20999
    said = [
        (datagram(HANDSHAKE, part(1, hello, 0), 0xFEFF), False),
        (datagram(HANDSHAKE, part(2, answer, 1)) + datagram(HANDSHAKE, part(11, certificate, 2, 0, 100)), True),
        (datagram(HANDSHAKE, part(11, certificate, 2, 100, 200)) + datagram(HANDSHAKE, part(14, b"", 3)), True),
        (datagram(20, b"\1") + datagram(HANDSHAKE, bytes(range(60)), epoch=1), False),
        (datagram(DATA, bytes(40), epoch=1), False),
        (datagram(ALERT, bytes(20), epoch=1), True),
    ]
    as_tshark([dialogues.says(data, 4437, client=client, answers=answers) for data, answers in said])


def test_the_version_of_dtls_is_what_a_record_or_an_answer_has_said(dialogues, as_tshark):
    def record(kind, version, body, epoch=0):
        return struct.pack("!BHHHIH", kind, version, epoch, 0, 0, len(body)) + body

    def handshake(kind, body):
        size = len(body).to_bytes(3, "big")
        return bytes([kind]) + size + bytes(5) + size + body

    def hello(version):
        return handshake(1, struct.pack("!H", version) + bytes(34) + b"\0\2\xc0\x2b\1\0")

    def answer(kind, version):
        return handshake(kind, struct.pack("!H", version) + (b"\4abcd" if kind == 3 else bytes(33) + b"\xc0\x2b\0"))

    asked = record(22, 0xFEFF, hello(0xFEFD))
    packets = []
    for client, said in enumerate(
        [
            [asked],
            [asked, record(22, 0xFEFF, answer(3, 0xFEFF)), asked, record(22, 0xFEFD, answer(2, 0xFEFD))],
            [asked, record(20, 0xFEFD, b"\1")],
            [asked, record(21, 0xFEFF, b"\2\x28")],
            [record(22, 0x100, hello(0x100)), record(22, 0x100, answer(2, 0x100)), record(23, 0x100, bytes(30), 1)],
            [record(23, 0xFEFD, bytes(40), 1)],
        ],
        41000,
    ):
        packets += [
            dialogues.says(data, 4433, client=client, answers=number % 2 > 0) for number, data in enumerate(said)
        ]
    packets += [dialogues.says(b"\1\0\0\0" + record(23, 0xFEFF, bytes(40), 1), 5246)]
    as_tshark(packets)


def test_an_empty_record_is_malformed_at_the_end_only(dialogues, as_tshark):
    empty, full = b"\x17\3\1\0\0", b"\x17\3\1\0\4abcd"
    said = [empty, b"\x16\3\1\0\0", b"\x14\3\1\0\0", full + empty, empty + full]
    packets = dialogues.flat(dialogues.talk(443, each) for each in said)
    as_tshark([*packets, *dialogues.talk(9999, empty), *dialogues.talk(443, full, (empty,))])


def test_what_came_before_a_lost_answer_is_named_by_what_follows(dialogues, frames, as_tshark):
    hello = b"\x16\3\1\0\x2d\1\0\0\x29\3\3" + bytes(34) + b"\0\2\xc0\x2b\1\0"
    secret = bytes(range(128, 168))
    asked, _lost, *rest = dialogues.talk(443, hello, (bytes(1000),), (secret,), b"\x14\3\3\0\1\1", (secret,))
    draft = b"\x16\3\3\0\x34\2\0\0\x30\3\3" + bytes(33) + b"\x13\1\0\0\x08\0\x2b\0\2\xfb\x1a\0\0"
    as_tshark([asked, *rest, *dialogues.talk(443, hello, (draft[:-2] + b"\0\0",), (b"\x17\3\3\0\4abcd",))])


def test_openvpn_carries_tls(dialogues, as_tshark):
    hello = b"\x16\3\1\0\x2d\1\0\0\x29\3\3" + bytes(34) + b"\0\2\xc0\x2b\1\0"
    session = b"SESSION1"
    messages = [
        b"\x38" + session + bytes(5),
        b"\x20" + session + b"\0\0\0\0\1" + hello,
        b"\x28" + session + b"\1\0\0\0\1" + session,
        b"\x30" + bytes(40),
        b"\x48" + bytes(40),
    ]
    over_tcp = dialogues.talk(1194, *(dialogues.sized(message) for message in messages))
    stream = b"".join(dialogues.sized(message) for message in messages[3:])
    pieces = dialogues.talk(1194, stream[:20], stream[20:])
    as_tshark([*over_tcp, *pieces, *(dialogues.says(m, 1194, client=40999) for m in [*messages, b"\x38"])])
