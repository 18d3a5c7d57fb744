"""QUIC, whose first packets hide behind a key that their header tells."""

from __future__ import annotations

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
