"""The protocols of services: mail, files, time, logs, management, telephones."""

from __future__ import annotations

import struct
from typing import Any

MAIL = b"From: a@b\r\nSubject: hi there\r\nTo: c@d\r\n\r\nline one\r\nline two\r\n"


def test_mail_reads_as_in_tshark(dialogues, as_tshark):
    smtp = (
        *((b"220 x\r\n",), b"EHLO a\r\n", (b"250-x\r\n250-PIPELINING\r\n250 OK\r\n",)),
        *(
            b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n",
            (b"250 ok\r\n250 ok\r\n354 go\r\n",),
            MAIL[:40],
            MAIL[40:] + b".\r\n",
        ),
        *(
            (b"250 queued\r\n",),
            b"AUTH LOGIN\r\n",
            (b"334 VXNlcm5hbWU6\r\n",),
            b"dXNlcg==\r\n",
            (b"334 UGFzc3dvcmQ6\r\n",),
        ),
        *(b"cGFzcw==\r\n", (b"235 ok\r\n",), b"QU", b"IT\r\n", (b"221 bye\r\n",)),
    )
    pop = (
        *((b"+OK hi\r\n",), b"USER a\r\nPASS b\r\n", (b"+OK\r\n+OK\r\n",), b"RETR 1\r\n", (b"+OK 70 octets\r\n",)),
        *(
            (MAIL[:40],),
            (MAIL[40:] + b"123456\r\n.\r\n",),
            b"AUTH PLAIN\r\n",
            (b"+ \r\n",),
            b"xxx\r\n",
            (b"-ERR no\r\n",),
        ),
    )
    imap = (
        *(
            (b"* OK hi\r\n",),
            b"a2 FETCH 1 BODY[]\r\n",
            (b"* 1 FETCH (BODY[] {%d}\r\n" % len(MAIL) + MAIL + b")\r\na2 OK\r\n",),
        ),
        *(b"a3 IDLE\r\n", (b"+ idling\r\n",), (b"* 2 EXISTS\r\n",), b"DONE\r\n", (b"* X\r\na3 OK\r\n",)),
    )
    starttls = b"STARTTLS\r\n", (b"220 go\r\n",), bytes.fromhex("1503010002022a")
    talks = [
        dialogues.talk(25, *smtp),
        dialogues.talk(110, *pop),
        dialogues.talk(143, *imap),
        dialogues.talk(25, *starttls),
    ]
    as_tshark(dialogues.flat(talks))


def test_transfers_read_as_in_tshark(dialogues, as_tshark):
    ask, data = b"\0\1f.bin\0octet\0", b"\0\3\0\1"
    tftp = [dialogues.says(struct.pack("!H", code) + b"file\0octet\0", 69) for code in range(8)]
    tftp += [dialogues.says(struct.pack("!HH", 5, error) + b"oops\0", 69) for error in range(10)]
    tftp += [dialogues.says(each, 69) for each in (b"\0", b"\0\1file", b"\0\1", b"\0\4", data + bytes(512))]
    for client, more in ((50001, b""), (50002, b"blksize\x00100\0")):
        tftp += [
            dialogues.says(ask + more, 69, client=client),
            dialogues.says(data + bytes(100), 60000 + client % 10, client=client, answers=True),
            dialogues.says(b"\0\4\0\1", 60000 + client % 10, client=client),
        ]
    passive = (b"227 Entering Passive Mode (10,0,0,2,200,1).\r\n",)
    extended = (b"229 Entering Extended Passive Mode (|||51202|)\r\n",)
    ftp = dialogues.talk(
        21,
        (b"220-a\r\n220 b\r\n",),
        b"USER a\r\n",
        (b"331 p\r\n",),
        b"PASV\r\n",
        passive,
        b"LIST\r\n",
        b"EPSV\r\n",
        extended,
        b"RETR x\r\n",
    )
    ftp += [*dialogues.talk(51201, (bytes(100),), (bytes(9),)), *dialogues.talk(51202, (bytes(100),))]
    as_tshark(tftp + ftp)


def test_what_a_network_asks_and_tells_reads_as_in_tshark(dialogues, as_tshark):
    packets = [
        dialogues.says(bytes([version << 3 | mode]) + bytes(47), 123) for version in range(8) for mode in range(8)
    ]
    packets += [dialogues.says(bytes([0x23]) + bytes(10), 123)]
    logs = [b"<%d>Jan  1 00:00:00 host prog: text" % priority for priority in (*range(0, 200, 7), 999)]
    logs += [b"no priority", b"<abc>x", b"<13>line1\nline2\ttab", b"<13>\xc3\xa9\xff", b"<>x", b"<1", b"<13>abc\0\n"]
    packets += [dialogues.says(log, 514) for log in logs]
    packets += [dialogues.says(struct.pack("!BBH", code, 7, 20) + bytes(16), 1812) for code in range(60)]
    twice = struct.pack("!BBH", 1, 9, 20) + bytes(16)
    packets += [
        dialogues.says(twice, 1812, client=1000),
        dialogues.says(twice, 1812, client=1000),
        dialogues.says(twice[:4], 1812),
    ]
    packets += [
        dialogues.says(b"hello", port, answers=answers) for port in (7, 9, 13, 17, 19, 37) for answers in (False, True)
    ]
    one = bytes.fromhex("300b06072b06010201010005 00")
    for operation in (0xA0, 0xA1, 0xA2, 0xA3, 0xA5, 0xA6, 0xA7, 0xA8):
        body = bytes.fromhex("020101020100020100") + bytes([0x30, len(one)]) + one
        pdu = b"\2\1\1\4\6public" + bytes([operation, len(body)]) + body
        packets.append(dialogues.says(bytes([0x30, len(pdu)]) + pdu, 161))
    as_tshark(packets)


def test_mqtt_and_redis_read_as_in_tshark(dialogues, as_tshark):
    connect = b"\x10\x0d\0\4MQTT\4\2\0\x3c\0\1x"
    publish = b"\x30\x05\0\3a/bh", b"\x32\x08\0\3a/b\0\7h"
    subscribe = b"\x82\x0b\0\1\0\3a/b\0\0\1c\1"
    mqtt = dialogues.talk(
        1883,
        connect,
        (b"\x20\2\0\0",),
        publish[0] + publish[1],
        (b"\x40\2\0\7",),
        subscribe[:5],
        subscribe[5:],
        (b"\x90\3\0\1\0",),
        b"\xc0\0",
        (b"\xd0\0",),
        b"\xe0\0",
    )
    redis = dialogues.talk(
        6379,
        b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n",
        (b"+OK\r\n",),
        b"*2\r\n$3\r\nget\r\n$1\r\na\r\n",
        (b"$1\r\n1\r\n",),
        (b":5\r\n",),
    )
    as_tshark(mqtt + redis)


def test_a_call_reads_as_in_tshark(dialogues, as_tshark):
    fields = (
        b"Via: SIP/2.0/UDP 10.0.0.1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@y>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n"
        b"Contact: <sip:a@x>\r\n"
    )
    session = (
        b"v=0\r\nc=IN IP4 %s\r\nm=audio %d RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\n"
    )

    def sip(line, method=b"INVITE", body=b""):
        kind = b"Content-Type: application/sdp\r\n" if body else b""
        return line + b"\r\n" + fields % (method, method) + kind + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def says(message, answers=False):
        return dialogues.says(message, 5060, client=5060, answers=answers)

    def rtp(kind, body=bytes(160)):
        return dialogues.says(struct.pack("!BBHII", 0x80, kind, 7, 160, 0x1234) + body, 5000, client=4000)

    packets = [
        says(sip(b"INVITE sip:b@y SIP/2.0", body=session % (b"10.0.0.1", 4000))),
        says(sip(b"SIP/2.0 180 Ringing"), answers=True),
        says(sip(b"SIP/2.0 200 OK", body=session % (b"10.0.0.2", 5000)), answers=True),
        *(rtp(kind) for kind in (0, 8, 13, 18, 33, 96, 0x80)),
        *(rtp(101, bytes([event, 0x8A, 0, 160])) for event in range(18)),
        dialogues.says(
            struct.pack("!BBHI", 0x80, 200, 6, 1) + bytes(20) + b"\x81\xca\0\2" + bytes(8), 5001, client=4001
        ),
        *(
            says(sip(method + b" sip:r@y SIP/2.0", method))
            for method in b"BYE REGISTER OPTIONS SUBSCRIBE MESSAGE FOO".split()
        ),
        says(sip(b"SIP/2.0 486 Busy Here"), answers=True),
        says(b"\r\n\r\n"),
    ]
    as_tshark(packets)


def test_a_telephone_that_registers_reads_as_in_tshark(dialogues, as_tshark):
    here, gone = b"Contact: <sip:a@b>", b"Contact: <sip:a@c>;expires=0"
    asked: tuple[Any, ...] = (
        *([here], [gone], [here, here], [gone, here], [gone, gone], [here + b";expires=5"], [b"Contact: *"]),
        *([here + b", <sip:x@y>"], []),
    )
    as_tshark(
        dialogues.says(
            b"\r\n".join((b"REGISTER sip:a SIP/2.0", b"Call-ID: 1", b"CSeq: 1 REGISTER", *lines, *ends, b"\r\n")), 5060
        )
        for lines in asked
        for ends in ((), (b"Expires: 0",), (b"Expires: 9",))
    )
