"""QUIC, whose first packets hide behind a key that their header tells."""

from __future__ import annotations

import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HELLO = bytes.fromhex(
    "cc0000000108000102030405060704c1c2c3c4004043481c36c802797140007118a499b5ee828145bc26055b46418980a2dc6b12c148fcefb8bc"
    "9a8d9b94c39d74e68e1e20a25697c4dcc7e423499c41c65d2bdcb978b1831c"
)
ANSWER = bytes.fromhex(
    "cc0000000104c1c2c3c40851525354555657580040490e83681795d9ce25fc3e3b6aaac922017a54e916c6229060455d0757f1cd8073bfcb993b"
    "a3bb3c9f5f67d3b978f42ba947665e3d7fcf42a58901d057cdc012ebf032d895d39bd6c7e3"
)
ACKNOWLEDGEMENT = bytes.fromhex(
    "c50000000108515253545556575804c1c2c3c4001d00c66363224d5ec2b72573ef7160df0a35015bf522eb3bee9672916e79"
)
CLIENT, SERVER = bytes.fromhex("c1c2c3c4"), bytes.fromhex("5152535455565758")


def handshake(called, caller, size=100):
    length = (0x4000 | size).to_bytes(2, "big")
    ids = bytes([len(called)]) + called + bytes([len(caller)]) + caller
    return b"\xe5\0\0\0\1" + ids + length + bytes(range(size))


def test_a_conversation_reads_as_in_tshark(dialogues, as_tshark):
    to_server, to_client = handshake(SERVER, CLIENT), handshake(CLIENT, SERVER)
    payload = bytes(range(60))
    said = [
        (HELLO, False),
        (ANSWER, True),
        (ANSWER + to_client, True),
        (to_client, True),
        (ACKNOWLEDGEMENT, False),
        (to_server, False),
        (to_server + b"\x4a" + SERVER + payload, False),
        (b"\x4a" + SERVER + payload, False),
        (b"\x55" + CLIENT + payload, True),
    ]
    as_tshark([dialogues.says(data, 443, client=50000, answers=answers) for data, answers in said])


CRYPTO = b"\x06\0\x0a" + b"client hello"[:10]
SALTS = {
    1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    0x6B3343CF: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
    0xFF000016: "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
    0xFF00001B: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
    0xFF00001D: "afbfec289993d24c9e9786f19c6111e04390a899",
    0xFF000022: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    0xFACEB001: "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
    0xFACEB002: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
    0x1A2A3A4A: "afbfec289993d24c9e9786f19c6111e04390a899",
    0x51303530: "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45",
    0x54303531: "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d",
}


def expanded(secret, label, size):
    label = b"tls13 " + label
    return hmac.digest(secret, struct.pack("!HB", size, len(label)) + label + b"\0\1", "sha256")[:size]


def initial(version, frames, *, called=SERVER, caller=CLIENT, key=SERVER, number=0, side=b"client in"):
    """An Initial, with its keys made from `key`."""
    is_2 = version == 0x6B3343CF
    label = b"quicv2" if is_2 else b"quic"
    secret = expanded(hmac.digest(bytes.fromhex(SALTS[version]), key, "sha256"), side, 32)
    first = 0xD0 if is_2 else 0xC0
    ids = bytes([len(called)]) + called + bytes([len(caller)]) + caller
    header = bytes([first]) + version.to_bytes(4, "big") + ids + b"\0"
    header += struct.pack("!H", 0x4000 | len(frames) + 17) + bytes([number])
    vector = int.from_bytes(expanded(secret, label + b" iv", 12), "big") ^ number
    sealed = AESGCM(expanded(secret, label + b" key", 16)).encrypt(vector.to_bytes(12, "big"), frames, header)
    cipher = Cipher(algorithms.AES(expanded(secret, label + b" hp", 16)), modes.ECB()).encryptor()
    mask = cipher.update(sealed[3:19])
    return bytes([first ^ mask[0] & 15]) + header[1:-1] + bytes([number ^ mask[1]]) + sealed


def test_all_versions_read_as_in_tshark(dialogues, as_tshark):
    packets = []
    for client, version in enumerate(SALTS, 50100):
        google = version in {0x51303530, 0x54303531}
        hello = b"\x08\0\x40\x40CHLO\2\0\0\0" + bytes(80) if google else CRYPTO + bytes(60)
        ends = {"called": b"server%d" % client, "caller": b"client%d" % client}
        said = [(initial(version, hello, **ends, key=ends["called"], number=3), False)]
        if not google:
            back = {"called": ends["caller"], "caller": ends["called"] + b"!", "key": ends["called"]}
            answer = initial(version, b"\3\0\0\0\0\0\0\0" + CRYPTO, **back, side=b"server in")
            close = b"\x1c\x0a\0\3abc" + bytes(20)
            there = {"called": back["caller"], "caller": ends["caller"], "key": ends["called"]}
            said += [(answer, True), (initial(version, close, **there, number=7), False)]
            again = b"another%d" % client
            said += [(initial(version, CRYPTO, called=again, key=again), False)]
        packets += [dialogues.says(data, 443, client=client, answers=answers) for data, answers in said]
    as_tshark(packets)


def test_a_server_may_want_another_version_or_proof_first(dialogues, as_tshark):
    ids = b"\4" + CLIENT + b"\x08" + SERVER
    said = [
        (initial(0xFF00001D, CRYPTO + bytes(40)), False),
        (b"\x80\0\0\0\0" + ids + b"\0\0\0\1", True),
        (initial(1, CRYPTO + bytes(40)), False),
        (b"\xf0\0\0\0\1\4" + CLIENT + b"\6retryitoken" + bytes(16), True),
        (initial(0xFF00001D, CRYPTO + bytes(40), called=b"retryi", key=b"retryi", number=1), False),
        (b"\x40" + CLIENT + bytes(30), True),
        (b"\x40unknown" + bytes(30), True),
        (bytes(40), True),
        (b"\x40", False),
        (handshake(SERVER, CLIENT) + handshake(b"another1", CLIENT), False),
    ]
    packets = [dialogues.says(data, 4433, client=50200, answers=answers) for data, answers in said]
    packets += [dialogues.says(handshake(b"x1234567", CLIENT)[:size], 4433) for size in range(11, 30)]
    as_tshark(packets)


def test_google_has_spoken_its_own_before(dialogues, as_tshark):
    def public(bits, version=b"", number=b"\1", rest=b""):
        return bytes([bits]) + (b"ABCDEFGH" if bits & 8 else b"") + version + number + rest

    def message(tag):
        return bytes(12) + b"\xa0\1\x64\0" + tag + b"\2\0\0\0" + bytes(92)

    packets = []
    for client, version in enumerate((b"Q024", b"Q033", b"Q035", b"Q039", b"Q043", b"Q999"), 50300):
        said = [
            (public(0x0D, version, rest=message(b"CHLO")), False),
            (public(0x0D, version, rest=message(b"CHLO")[:12] + b"\1" + message(b"CHLO")[12:]), False),
            (public(0x1D, version, b"\1\2", bytes(100)), False),
            (public(0x00, rest=bytes(100)), True),
            (public(0x0C, rest=bytes(range(100))), True),
            (public(0x08, rest=message(b"REJ\0")), True),
            (public(0x20, number=b"\1\2\3\4", rest=bytes(range(60))), False),
            (public(0x30, number=b"\1\2\3\4\5\6", rest=bytes(range(60))), False),
            (public(0x0A, number=b"", rest=b"PRST" + bytes(60)), True),
            (public(0x09, version, b"", b"Q035Q034"), True),
            (public(0x00, rest=b"1"), False),
            (public(0x40, rest=bytes(range(60))), False),
        ]
        packets += [dialogues.says(data, 443, client=client, answers=answers) for data, answers in said]
    long = b"\xc3Q046\x50ABCDEFGH\0\0\0\4"
    said = [(long + message(b"CHLO"), False), (b"\xc3Q046\5ABCDEFGH\0\0\0\5" + bytes(range(40)), True)]
    said += [(b"\x40\x0b" + bytes(range(40)), True), (b"\x43ABCDEFGH\1\2\3\4" + bytes(range(40)), False)]
    packets += [dialogues.says(data, 443, client=50400, answers=answers) for data, answers in said]
    as_tshark(packets)
