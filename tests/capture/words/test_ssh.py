"""SSH."""

from __future__ import annotations

import struct

VERSION = b"SSH-2.0-x\r\n"
SECRET = bytes(range(50, 114))


def text(content):
    return struct.pack("!I", len(content)) + content


def packet(number, body=b""):
    padding = 16 - (6 + len(body)) % 8
    return struct.pack("!IBB", 2 + len(body) + padding, padding, number) + body + bytes(padding)


def offer(method, cipher=b"aes128-ctr", mac=b"hmac-sha2-256"):
    lists = (method, b"ssh-rsa", cipher, cipher, mac, mac, b"none", b"none", b"", b"")
    return packet(20, bytes(16) + b"".join(map(text, lists)) + bytes(5))


def connection(dialogues, method=b"curve25519-sha256", cipher=b"aes128-ctr"):
    reply = packet(31, text(bytes(20)) + text(bytes(32)) + text(bytes(20)))
    if b"exchange" in method:
        asks, reply = packet(34, bytes(12)), packet(33, text(bytes(20)) + text(bytes(32)) + text(bytes(20)))
    else:
        asks = packet(30, text(bytes(32)))
    start = (VERSION,), VERSION, offer(method, cipher), (offer(method, cipher),), asks
    return dialogues.talk(22, *start, (reply + packet(21) + SECRET,), packet(21), SECRET, (SECRET[:40],))


def test_what_is_said_depends_on_what_was_negotiated(dialogues, as_tshark):
    ciphers = b"aes128-ctr aes256-cbc 3des-cbc arcfour none chacha20-poly1305@openssh.com xyz".split()
    methods = (
        b"curve25519-sha256 ecdh-sha2-nistp256 diffie-hellman-group14-sha256 sntrup761x25519-sha512@openssh.com xyz"
        b" diffie-hellman-group-exchange-sha256"
    ).split()
    talks = [connection(dialogues, cipher=cipher) for cipher in ciphers]
    talks += [connection(dialogues, method) for method in methods]
    as_tshark(dialogues.flat(talks))


def test_messages_in_clear_read_as_in_tshark(dialogues, as_tshark):
    numbers = [*range(31), *range(50, 70), *range(80, 103), 192]
    talks = [dialogues.talk(22, (VERSION,), VERSION, packet(number, bytes(100))) for number in numbers]
    talks += [
        dialogues.talk(22, SECRET, (SECRET,)),
        dialogues.talk(22, VERSION + offer(b"a"), (VERSION + offer(b"a"),)),
        dialogues.talk(22, (VERSION,), (SECRET,), b"hello\r\n"),
        dialogues.talk(22, (b"SSH-1.99-foo bar\n",), VERSION, packet(2, bytes(3)) + packet(4, bytes(9))),
        dialogues.talk(
            22,
            (VERSION,),
            VERSION,
            offer(b"a")[:30],
            offer(b"a")[30:] + packet(2),
            (offer(b"a")[:3],),
            (offer(b"a")[3:],),
        ),
        dialogues.talk(50022, (VERSION,), VERSION, offer(b"a")),
        dialogues.talk(22, b"abc"),
    ]
    as_tshark(dialogues.flat(talks))
