"""QUIC (RFC 9000, 9001): what can be seen without keys; the first packets hide behind one that their header tells."""

from __future__ import annotations

import hashlib
import hmac
from struct import pack
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES

SALTS: Final = {
    1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    **dict.fromkeys(
        range(0xFF00001D, 0xFF000021), bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
    ),  # drafts 29 to 32
    **dict.fromkeys(range(0xFF000021, 0xFF000023), bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")),
}
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)
KINDS: Final = ("Initial", "0-RTT", "Handshake", "Retry")
LONGEST_ID: Final = 20
SHORTEST: Final = 21  # a packet with a short header that is not empty
TAG: Final = 16
FRAMES: Final = {1: "PING", 2: "ACK", 3: "ACK", 6: "CRYPTO", 0x1C: "CC", 0x1D: "CC"}

End = tuple[bytes, int]


class Connection:
    """What is known of two ports that speak QUIC."""

    __slots__ = ("client", "ids", "original")

    def __init__(self, client: End, original: bytes) -> None:
        self.client = client
        self.original = original  # the identifier that the keys of the first packets come from
        self.ids: dict[End, bytes] = {}  # by which each end wants to be called


Connections = dict[tuple[End, ...], Connection]


def quic(c: Context, data: bytes, at: int) -> bool | None:
    """Read the packets of a datagram; the last one has the words."""
    connections: Connections = c.state("quic", dict)
    here, there = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    key = tuple(sorted((here, there)))
    connection = connections.get(key)
    if connection is None:
        if not _is_first(data, at):
            return False
        size = data[at + 5]
        connection = connections[key] = Connection(here, data[at + 6 : at + 6 + size])
    elif data[at] & 0x40 == 0:
        return False
    c.protocol = "QUIC"
    while at < len(data):
        if not data[at] & 0x80:
            called = connection.ids.get(there, b"")
            c.write("Protected Payload (KP0)" + (f", DCID={called.hex()}" if called else ""))
            break
        at = _long(c, connection, data, at, here)
    return None


UDP_GUESSES.append(quic)


def _is_first(data: bytes, at: int) -> bool:
    """Say if an Initial of a known version begins here."""
    if (
        len(data) - at < SHORTEST
        or data[at] & 0xF0 != 0xC0
        or int.from_bytes(data[at + 1 : at + 5], "big") not in SALTS
    ):
        return False
    size = data[at + 5]
    return size <= LONGEST_ID and at + 6 + size < len(data) and data[at + 6 + size] <= LONGEST_ID


def _long(c: Context, connection: Connection, data: bytes, at: int, here: End) -> int:
    """Read a packet with a long header and return where it ends."""
    start, kind = at, data[at] >> 4 & 3
    version = int.from_bytes(data[at + 1 : at + 5], "big")
    called, at = _sized(data, at + 5)
    caller, at = _sized(data, at)
    words = [KINDS[kind]]
    words += [f"{name}={value.hex()}" for name, value in (("DCID", called), ("SCID", caller)) if value]
    c.write(", ".join(words))
    if kind == RETRY:
        connection.original = b""  # the next packet of the client says another one
        connection.ids[here] = caller
        return len(data)
    if kind == INITIAL:
        if here == connection.client and not connection.original:
            connection.original = called
        size, at = _number(data, at)
        at += size
    connection.ids[here] = caller
    size, at = _number(data, at)
    end = at + size
    if kind == INITIAL and end >= len(data):
        first = hmac.digest(SALTS.get(version, SALTS[1]), connection.original, hashlib.sha256)
        secret = _expanded(first, b"client in" if here == connection.client else b"server in", 32)
        number, frames = _opened(secret, data[start:end], at - start)
        c.append(f", PKN: {number}")
        for name in _names(frames):
            c.append(f", {name}")
    if end > len(data):
        c.say_short()
    return end


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one, two, four or eight bytes (RFC 9000, 16) and where it ends."""
    size = 1 << (data[at] >> 6)
    value = int.from_bytes(data[at : at + size], "big") & (1 << 8 * size - 2) - 1
    return value, at + size


def _opened(secret: bytes, packet: bytes, at: int) -> tuple[int, bytes]:
    """Return the number of a packet, which is at `packet[at]`, and its frames (RFC 9001, 5)."""
    mask = _aes(_expanded(secret, b"quic hp", 16), modes.ECB(), packet[at + 4 : at + 20])  # noqa: S305
    size = 1 + ((packet[0] ^ mask[0]) & 3)
    number = int.from_bytes(bytes(a ^ b for a, b in zip(packet[at : at + size], mask[1:], strict=False)), "big")
    vector = int.from_bytes(_expanded(secret, b"quic iv", 12), "big") ^ number
    # AES-GCM without looking at its tag: the key stream begins with the counter 2 (NIST SP 800-38D, 7.1).
    counter = modes.CTR(vector.to_bytes(12, "big") + bytes((0, 0, 0, 2)))
    return number, _aes(_expanded(secret, b"quic key", 16), counter, packet[at + size : -TAG])


def _aes(key: bytes, mode: modes.ECB | modes.CTR, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), mode).encryptor().update(data)


def _expanded(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446, 7.1), for one block."""
    label = b"tls13 " + label
    return hmac.digest(secret, pack("!HB", size, len(label)) + label + b"\0\1", hashlib.sha256)[:size]


def _names(frames: bytes) -> list[str]:
    """Name the frames of an Initial; what cannot be in it ends the list."""
    names, at = [], 0
    while at < len(frames):
        kind = frames[at]
        if kind == 0:
            names.append("PADDING")
            at = len(frames) - len(frames[at:].lstrip(b"\0"))
            continue
        if kind not in FRAMES:
            break
        names.append(FRAMES[kind])
        at += 1
        if kind in {2, 3}:
            at = _behind_acknowledgement(frames, at, counts=kind == 3)
        elif kind == 6:
            _, at = _number(frames, at)
            size, at = _number(frames, at)
            at += size
        elif kind != 1:
            break
    return names


def _behind_acknowledgement(frames: bytes, at: int, *, counts: bool) -> int:
    _, at = _number(frames, at)
    _, at = _number(frames, at)
    ranges, at = _number(frames, at)
    for _ in range(min(2 * ranges + 1 + 3 * counts, len(frames))):
        _, at = _number(frames, at)
    return at
