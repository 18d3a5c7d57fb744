"""Databases, directories, machines: MySQL, PostgreSQL, TDS, memcached, LDAP, Kerberos, Modbus, CoAP."""

from __future__ import annotations

import struct


def mysql(number, body):
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def mysql_talk(frames):
    greeting = (
        b"\x0a8.0.36\0"
        + bytes(4)
        + b"A" * 8
        + b"\0"
        + bytes.fromhex("ffffff0200ffdf15")
        + bytes(10)
        + b"B" * 12
        + b"\0caching_sha2_password\0"
    )
    login = struct.pack("<IIB23x", 0x3FA68D, 1 << 24, 33) + b"root\0\1xdb\0mysql_native_password\0"
    ok, end, column = bytes.fromhex("00000002000000"), b"\xfe\0\0\2\0", b"\3def\0\0\0\1\x31\0\x0c\x3f" + bytes(10)
    talk = (
        frames.Talk(3306, client=41001)
        .answers(mysql(0, greeting))
        .says(mysql(1, login))
        .answers(mysql(2, b"\1\3") + mysql(3, ok))
    )
    for command in (0, 1, 2, 3, 5, 6, 7, 8, 10, 13, 14, 15, 31):
        talk.says(mysql(0, bytes([command]) + b"x")).answers(mysql(1, ok))
    query, table = mysql(0, b"\3select 1"), mysql(1, b"\1") + mysql(2, column) + mysql(3, end)
    talk.says(query).answers(table + mysql(4, b"\1\x31") + mysql(5, end)).says(query).answers(
        mysql(1, b"\xff\x7a\4#42S02no")
    )
    talk.says(query).answers(table).answers(mysql(4, b"\1\x31")).answers(mysql(5, end)).says(query).answers(
        mysql(1, ok) * 2
    )
    talk.says(mysql(0, b"\3" + b"x" * 900), cut=400).answers(
        table + mysql(4, b"\xfa" + b"y" * 250) * 4 + mysql(8, end), cut=400
    )
    return talk.frames


def postgresql_talk(frames):
    def message(letter, body=b""):
        return letter + struct.pack("!I", 4 + len(body)) + body

    start = b"user\0bob\0database\0d\0\0"
    talk = frames.Talk(5432, client=41002).says(struct.pack("!II", 8, 80877103)).answers(b"N")
    talk.says(struct.pack("!II", 8 + len(start), 196608) + start).answers(message(b"R", bytes(4)) + message(b"Z", b"I"))
    talk.says(message(b"Q", b"select 1;\0")).answers(
        message(b"T", bytes(2)) + message(b"D", bytes(2)) + message(b"C", b"SELECT\0")
    )
    talk.says(message(b"P", b"\0select\0\0\0") + message(b"S")).answers(
        message(b"1") + message(b"Z", b"I"), cut=4
    ).says(message(b"X"))
    return talk.frames


def other_servers(frames):
    tds = frames.Talk(1433, client=41003)
    for kind in (0, 1, 5, 6, 7, 8, 14, 17, 19):
        tds.says(struct.pack("!BBHHBB", kind, 1, 16, 0, 1, 0) + bytes(8))
    tds.says(struct.pack("!BBHHBB", 1, 0, 16, 0, 1, 0) + bytes(8)).answers(
        struct.pack("!BBHHBB", 4, 1, 21, 0, 1, 0) + b"\xfd" + bytes(12)
    )
    cache = (
        frames.Talk(11211, client=41004).says(b"set key 0 0 5\r\nhello\r\n").answers(b"STORED\r\n").says(b"get key\r\n")
    )
    cache.answers(b"VALUE key 0 5\r\nhello\r\nEND\r\n").says(b"bogus\r\n").answers(b"ERROR\r\n").says(b"quit\r\n")
    cache.says(struct.pack("!BBHBBHIIQ", 0x80, 0, 3, 0, 0, 0, 3, 0, 0) + b"key").answers(b"\x81\1" + bytes(22))
    modbus = frames.Talk(502, client=41005)
    for function in (1, 2, 3, 4, 5, 6, 7, 9, 11, 17, 90, 100):
        modbus.says(struct.pack("!HHHBBHH", function, 0, 6, 17, function, 0, 2))
        modbus.answers(struct.pack("!HHHBBB", function, 0, 3, 17, function | 0x80, 2))
    modbus.says(struct.pack("!HHHBBHH", 70, 0, 6, 1, 8, 0, 0x1234)).says(
        struct.pack("!HHHBBBBB", 71, 0, 5, 1, 43, 14, 1, 0)
    )
    controller = frames.Talk(102, client=41008)
    controller.says(bytes.fromhex("0300000b06e00000000100")).answers(bytes.fromhex("0300000b06d00001000200"))
    for kind in (1, 2, 3):
        for function in (4, 5, 0x29, 0xF0, 0x99):
            head = struct.pack("!BBHHHH", 0x32, kind, 0, 1, 8, 0) + bytes(2 * (kind > 1)) + bytes([function]) + bytes(7)
            controller.says(struct.pack("!BBH", 3, 0, 7 + len(head)) + b"\2\xf0\x80" + head)
    return tds.frames + cache.frames + modbus.frames + controller.frames


def element(tag, *parts):
    body = b"".join(parts)
    return bytes([tag, len(body)] if len(body) < 128 else [tag, 0x82, len(body) >> 8, len(body) & 255]) + body


def directory_talk(frames):
    def message(number, operation):
        return element(0x30, element(2, bytes([number])), operation)

    def result(tag, code=0, text=b"", *more):
        return element(tag, element(10, bytes([code])), element(4), element(4, text), *more)

    def bind(name, *how):
        return element(0x60, element(2, b"\3"), element(4, name), element(*how))

    def search(base, scope):
        limits = element(10, b"\0") + element(2, b"\0") * 2 + element(1, b"\0")
        return element(
            0x63, element(4, base), element(10, bytes([scope])), limits, element(0x87, b"objectClass"), element(0x30)
        )

    entry = element(0x64, element(4, b"cn=a,dc=x"), element(0x30))
    talk = (
        frames.Talk(389, client=41006)
        .says(message(1, bind(b"cn=admin", 0x80, b"pw")))
        .answers(message(1, result(0x61)))
    )
    talk.says(message(2, bind(b"", 0xA3, element(4, b"DIGEST-MD5")))).answers(message(2, result(0x61, 49, b"bad")))
    for scope in range(4):
        talk.says(message(3 + scope, search(b"dc=x" if scope else b"", scope)))
        talk.answers(message(3 + scope, entry) * scope + message(3 + scope, result(0x65, 4 * (scope == 3))))
    for tag, answer in ((0x66, 0x67), (0x68, 0x69), (0x6C, 0x6D), (0x6E, 0x6F)):
        talk.says(message(9, element(tag, element(4, b"cn=a"), element(0x30)))).answers(message(9, result(answer, 68)))
    talk.says(message(10, element(0x4A, b"cn=a"))).says(message(11, element(0x50, b"\5"))).says(
        message(12, element(0x42))
    )
    talk.says(message(13, element(0x77, element(0x80, b"1.3.6.1.4.1.4203.1.11.3")))).answers(
        message(13, result(0x78, 2, b"no"))
    )
    return talk.frames


def tickets(frames):
    def error(code):
        start = element(0xA0, element(2, b"\5")), element(0xA1, element(2, b"\x1e"))
        when = element(0xA4, element(0x18, b"20200101000000Z")), element(0xA5, element(2, b"\5"))
        who = element(0xA1, element(0x30, element(0x1B, b"krbtgt")))
        server = element(0xA9, element(0x1B, b"X")), element(0xAA, element(0x30, element(0xA0, element(2, b"\2")), who))
        fields = (*start, *when, element(0xA6, element(2, bytes([code]))), *server)
        return element(0x7E, element(0x30, *fields))

    packets = [frames.ether(frames.ipv4(frames.udp(error(code), 88, 50001))) for code in range(77)]
    talk = frames.Talk(88, client=41007)
    talk.says(struct.pack("!I", len(error(6))) + error(6)).answers(struct.pack("!I", len(error(25))) + error(25), cut=9)
    return packets + talk.frames


def things(frames):
    def coap(kind, code, number=7, *, token=b"", options=b"", payload=b""):
        head = bytes([0x40 | kind << 4 | len(token), code]) + struct.pack("!H", number)
        message = head + token + options + (b"\xff" + payload if payload else b"")
        return frames.ether(frames.ipv4(frames.udp(message, 5683, 5683)))

    codes = (0, 1, 2, 3, 4, 5, 6, 7, 0x41, 0x44, 0x45, 0x5F, 0x80, 0x84, 0x8F, 0xA0, 0xA5, 0x20)
    path = b"\xb7sensors\4temp"
    packets = [coap(0, code) for code in codes] + [
        coap(kind, 1, 8 + kind, token=b"\xab\xcd", options=path) for kind in range(4)
    ]
    packets += [
        coap(0, 1, 8, token=b"\xab\xcd", options=path),
        coap(0, 1, 9, options=b"\x34host\x81a\x43x=1\1y"),
        coap(2, 0x45, 10, token=b"\1", options=b"\xc0", payload=b"hello"),
    ]
    packets += [
        coap(2, 0x45, 11, options=b"\xd1\x0a" + block, payload=b"x" * 20) for block in (b"\6", b"\x0e", b"\x1e")
    ]
    return packets


def test_what_servers_of_data_say_reads_as_in_tshark(frames, as_tshark):
    packets = [
        *mysql_talk(frames),
        *postgresql_talk(frames),
        *other_servers(frames),
        *directory_talk(frames),
        *tickets(frames),
        *things(frames),
    ]
    as_tshark(packets)
