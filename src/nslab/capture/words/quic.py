"""QUIC (RFC 9000, 9001): what can be seen without keys; the first packets hide behind one that their header tells."""

from __future__ import annotations

import hashlib
import hmac
from struct import pack
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.gquic import NAMES, behind_acknowledgement
from nslab.capture.words.registry import UDP_GUESSES

V2: Final = 0x6B3343CF  # RFC 9369
DRAFT: Final = 0xFF000000
Q050, T050, T051 = 0x51303530, 0x54303530, 0x54303531
# By the drafts that have them first (draft-ietf-quic-tls, 5.2), and by RFC 9001
SALT_21: Final = bytes.fromhex("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a")
SALT_23: Final = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
SALT_29: Final = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
SALT_1: Final = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
SALTS: Final = {
    1: SALT_1,
    V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    Q050: bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"),
    T050: bytes.fromhex("7ff579e5acd072915580304c43a2367c60488310"),
    T051: bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"),
    0xFACEB001: SALT_21,
    0xFACEB002: SALT_23,
    0xFACEB00E: SALT_23,
}
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)
KINDS: Final = ("Initial", "0-RTT", "Handshake", "Retry")
LONGEST_ID: Final = 20
GOOGLE: Final = frozenset((Q050, T050, T051))
GOOGLE_CRYPTO: Final = 8
MOST_IDS: Final = 8  # that are kept of one end
SHORTEST: Final = 13
SURE: Final = 8  # bytes of an identifier that is enough to know a connection by, whatever the ports
TAG: Final = 16
FRAMES: Final = {1: "PING", 2: "ACK", 3: "ACK_ECN", 6: "CRYPTO", 0x1C: "CC", 0x1D: "CC"}

End = tuple[bytes, int]


class Connection:
    """What is known of two ports that speak QUIC."""

    __slots__ = ("client", "ids", "original", "version")

    def __init__(self, client: End, original: bytes, version: int) -> None:
        self.client = client
        self.version = version  # the first that was spoken: the keys are made for it
        self.original: bytes | None = original  # the identifier that the keys of the first packets come from
        self.ids: dict[End, list[bytes]] = {}  # by which each end wants to be called, the newest first

    def call(self, end: End, name: bytes) -> None:
        """Remember what an end is called."""
        names = self.ids.setdefault(end, [])
        if name in names:
            names.remove(name)
        names.insert(0, name)
        del names[MOST_IDS:]


class Connections:
    """All connections, by their two ends and by what a server is called."""

    def __init__(self) -> None:
        self.by_ends: dict[tuple[End, ...], Connection] = {}
        self.by_name: dict[bytes, Connection] = {}

    def moved(self, data: bytes, at: int) -> Connection | None:
        """Return the connection whose identifier a short header has that comes from another port."""
        if not self.by_name or data[at] & 0xC0 != 0x40:
            return None
        rest = data[at + 1 : at + 1 + LONGEST_ID]
        sizes = {len(name) for name in self.by_name}
        return next((self.by_name[rest[:size]] for size in sizes if rest[:size] in self.by_name), None)


def is_version(version: int) -> bool:
    """Say if it is one that tshark knows: RFC 9000 and 9369, the drafts, others' own, and those that are kept free."""
    return version in SALTS or DRAFT + 11 <= version <= DRAFT + 0xFF or version & 0x0F0F0F0F == 0x0A0A0A0A


def salt_of(version: int) -> bytes:
    salt = SALTS.get(version)
    if salt is not None:
        return salt
    if version & 0x0F0F0F0F == 0x0A0A0A0A:
        return SALT_29
    draft = version - DRAFT
    return SALT_21 if draft < 23 else SALT_23 if draft < 29 else SALT_29 if draft < 33 else SALT_1


def quic(c: Context, data: bytes, at: int) -> bool | None:
    """Read the packets of a datagram; the last one has the words."""
    connections = c.state("quic", Connections)
    here, there = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    key = tuple(sorted((here, there)))
    connection = connections.by_ends.get(key)
    if connection is None:
        connection = connections.moved(data, at)
        if connection is None:
            if not _is_first(data, at):
                return False
            version = int.from_bytes(data[at + 1 : at + 5], "big")
            connection = Connection(here, data[at + 6 : at + 6 + data[at + 5]], version)
        else:
            connection.ids[there] = [name for names in connection.ids.values() for name in names]
        connections.by_ends[key] = connection
    c.protocol = "QUIC"
    first = b""
    while at < len(data):
        if not data[at] & 0x80:
            name = next((n for n in connection.ids.get(there, ()) if data.startswith(n, at + 1)), b"")
            if not first or (name == first and data[at] & 0x40):
                c.write("Protected Payload (KP0)" + (f", DCID={name.hex()}" if name else ""))
            break
        called = data[at + 6 : at + 6 + data[at + 5]]
        if first and called != first:
            break
        first = called
        at = _long(c, connections, connection, data, at)
    return None


UDP_GUESSES.append(quic)


def _is_first(data: bytes, at: int) -> bool:
    """Say if a packet with a long header, of a known version, begins here."""
    if len(data) - at < SHORTEST or not data[at] & 0x80 or not is_version(int.from_bytes(data[at + 1 : at + 5], "big")):
        return False
    size = data[at + 5]
    return size <= LONGEST_ID and at + 6 + size < len(data) and data[at + 6 + size] <= LONGEST_ID


def _long(c: Context, connections: Connections, connection: Connection, data: bytes, at: int) -> int:
    """Read a packet with a long header and return where it ends."""
    here, there = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    start, kind = at, data[at] >> 4 & 3
    version = int.from_bytes(data[at + 1 : at + 5], "big")
    if version == V2:
        kind = (kind - 1) & 3  # RFC 9369, 3.2
    called, at = _sized(data, at + 5)
    caller, at = _sized(data, at)
    words = [KINDS[kind] if version else "Version Negotiation"]
    words += [f"{name}={value.hex()}" for name, value in (("DCID", called), ("SCID", caller)) if value]
    if not version or kind == RETRY:
        c.write(", ".join(words))
        if version:
            connection.original = None  # the next packet of the client says another one
            connection.call(here, caller)
        return len(data)
    if kind == INITIAL:
        if here == connection.client and connection.original is None:
            connection.original = called
        elif called != connection.original and called not in connection.ids.get(there, ()):
            # another connection of the same ports
            connection.client, connection.original, connection.version = here, called, version
        size, at = _number(data, at)
        at += size
    _learn(connections, connection, here, there, called=called, caller=caller)
    size, at = _number(data, at)
    data[at - 1]  # the length is all there
    c.write(", ".join(words))
    end = at + size
    if kind == INITIAL and (end >= len(data) or not data[end] & 0xC0):
        _open(c, connection, data[start:end], at - start)
    if end > len(data) and c.missing > 0:
        c.say_short()
    return end


def _learn(
    connections: Connections, connection: Connection, here: End, there: End, *, called: bytes, caller: bytes
) -> None:
    """Remember what the ends are called; the server has only the client's word for it until it has answered."""
    if here == connection.client:
        if there not in connection.ids:
            connection.call(there, called)
    else:
        if connection.ids.get(here) == [connection.original]:
            del connection.ids[here]
        if len(caller) >= SURE:
            connections.by_name[caller] = connection
    connection.call(here, caller)


def _open(c: Context, connection: Connection, packet: bytes, at: int) -> None:
    """Say what an Initial has in it, whose keys anyone can make (RFC 9001, 5.2)."""
    version = connection.version
    first = hmac.digest(salt_of(version), connection.original or b"", hashlib.sha256)
    is_client = (c.source_address, c.source_port) == connection.client
    secret = _expanded(first, b"client in" if is_client else b"server in", 32)
    opened = _opened(secret, packet, at, b"quicv2" if version == V2 else b"quic")
    if opened is None:
        return
    number, frames = opened
    c.append(f", PKN: {number}")
    if version in GOOGLE:
        _say_google(c, frames, is_tls=version != Q050)
        return
    for name in _names(frames):
        c.append(f", {name}")


def _say_google(c: Context, frames: bytes, *, is_tls: bool) -> None:
    """Name a CRYPTO frame as Google numbered it before the standard; nothing else in these packets has a name."""
    at = 0
    if frames[0] & 0xC0 == 0x40:
        at = behind_acknowledgement(frames, at, 50)
    if at < len(frames) and frames[at] == GOOGLE_CRYPTO:
        offset, at = _number(frames, at + 1)
        _, at = _number(frames, at)
        if is_tls:
            c.append(", CRYPTO")
        else:
            c.write(NAMES.get(frames[at : at + 4], "Unknown"))
            if offset and frames[at : at + 4] not in NAMES:
                raise Malformed


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 1 + data[at]
    data[end - 1]  # it is all there
    return data[at + 1 : end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one, two, four or eight bytes (RFC 9000, 16) and where it ends."""
    size = 1 << (data[at] >> 6)
    value = int.from_bytes(data[at : at + size], "big") & (1 << 8 * size - 2) - 1
    return value, at + size


def _opened(secret: bytes, packet: bytes, at: int, label: bytes) -> tuple[int, bytes] | None:
    """Return the number of a packet, which is at `packet[at]`, and its frames (RFC 9001, 5); None: another key."""
    sample = packet[at + 4 : at + 20]
    if len(sample) < TAG:
        return None
    mask = _aes(_expanded(secret, label + b" hp", 16), sample)
    first = packet[0] ^ (mask[0] & 0xF)
    size = 1 + (first & 3)
    number = bytes(a ^ b for a, b in zip(packet[at : at + size], mask[1:], strict=False))
    vector = int.from_bytes(_expanded(secret, label + b" iv", 12), "big") ^ int.from_bytes(number, "big")
    key = AESGCM(_expanded(secret, label + b" key", 16))
    header = bytes((first,)) + packet[1:at] + number
    try:
        frames = key.decrypt(vector.to_bytes(12, "big"), packet[at + size :], header)
    except (InvalidTag, ValueError):
        return None
    return int.from_bytes(number, "big"), frames


def _aes(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data)  # noqa: S305 - as RFC 9001, 5.4.3, says


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
        elif kind in {0x1C, 0x1D}:
            for _ in range(1 + (kind == 0x1C)):
                _, at = _number(frames, at)
            size, at = _number(frames, at)
            at += size
    return names


def _behind_acknowledgement(frames: bytes, at: int, *, counts: bool) -> int:
    _, at = _number(frames, at)
    _, at = _number(frames, at)
    ranges, at = _number(frames, at)
    for _ in range(min(2 * ranges + 1 + 3 * counts, len(frames))):
        _, at = _number(frames, at)
    return at
