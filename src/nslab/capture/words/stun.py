"""STUN (RFC 8489), TURN (RFC 8656) and STUN as it was first (RFC 3489)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES, over_udp
from nslab.capture.words.text import ipv4_text, ipv6_text
from nslab.capture.words.values import named, read_to_its_end

COOKIE: Final = b"\x21\x12\xa4\x42"
HEADER: Final = 20
CHANNEL_HEADER: Final = 4
METHODS: Final = {
    1: "Binding",
    2: "SharedSecret",
    3: "Allocate",
    4: "Refresh",
    6: "Send",
    7: "Data",
    8: "CreatePermission",
    9: "Channel-Bind",
    10: "Connect",
    11: "ConnectionBind",
    12: "ConnectionAttempt",
    128: "GooglePing",
}
CLASSES: Final = ("Request", "Indication", "Success Response", "Error Response")
CLASSIC: Final = {  # by RFC 3489 and the draft of TURN of its time
    0x0001: "Binding Request",
    0x0101: "Binding Response",
    0x0111: "Binding Error Response",
    0x0002: "Shared Secret Request",
    0x0102: "Shared Secret Response",
    0x0003: "Allocate Request",
    0x0103: "Allocate Response",
    0x0113: "Allocate Error Response",
    0x0004: "Send Request",
    0x0104: "Send Response",
    0x0114: "Send Error Response",
    0x0115: "Data Indication",
    0x0006: "Set Active Destination Request",
    0x0106: "Set Active Destination Response",
    0x0116: "Set Active Destination Error Response",
}
HIGHEST_METHOD: Final = 0xFF
ESCAPES: Final = {ord(sign): f"\\{letter}" for sign, letter in zip("\a\b\f\n\r\t\v", "abfnrtv", strict=True)}
MULTIPLEXED: Final = 0xFF10  # of Microsoft's TURN
ADDRESSES: Final = {
    0x0001: "MAPPED-ADDRESS",
    0x8023: "ALTERNATE-SERVER",
    0x802B: "RESPONSE-ORIGIN",
    0x802C: "OTHER-ADDRESS",
}
XOR_ADDRESSES: Final = {
    0x0012: "XOR-PEER-ADDRESS",
    0x0016: "XOR-RELAYED-ADDRESS",
    0x0020: "XOR-MAPPED-ADDRESS",
    0x8020: "XOR-MAPPED-ADDRESS",  # before it had its number
    0x0027: "XOR-RESPONSE-TARGET",
}
DESCRIBED: Final = frozenset((*ADDRESSES, *XOR_ADDRESSES, 6, 8, 9, 12, 13, 15, 16, 19, 20, 21, 25, 0x8022, 0x8028))
USER, ERROR, CHANNEL, LIFETIME, BANDWIDTH, REALM, NONCE, TRANSPORT = 6, 9, 12, 13, 16, 20, 21, 25
ERRORS: Final = {
    300: "Try Alternate",
    400: "Bad Request",
    401: "Unauthenticated",
    403: "Forbidden",
    405: "Mobility Forbidden",
    420: "Unknown Attribute",
    430: "Stale Credentials (legacy)",
    431: "Integrity Check Failure (legacy)",
    437: "Allocation Mismatch",
    438: "Stale Nonce",
    440: "Address Family not Supported",
    441: "Wrong Credentials",
    442: "Unsupported Transport Protocol",
    443: "Peer Address Family Mismatch",
    446: "Connection Already Exists",
    486: "Allocation Quota Reached",
    487: "Role Conflict",
    500: "Server Error",
    508: "Insufficient Port Capacity",
    600: "Global Failure",
}
TRANSPORTS: Final = {6: "TCP", 17: "UDP"}


def stun_anywhere(c: Context, data: bytes, at: int) -> bool | None:
    """STUN, in either form, or data in one of TURN's channels: known by type and length, whatever the port."""
    if len(data) < at + CHANNEL_HEADER:
        return False
    kind, length = unpack_from("!HH", data, at)
    size = len(data) + max(0, c.missing) - at
    if kind & 0xC000 == 0x4000 and length == size - CHANNEL_HEADER:
        return channel(c, is_known=ends(c) in talkers(c))
    if kind & 0xC000 or length != size - HEADER or len(data) < at + HEADER:
        return False
    if data[at + 4 : at + 8] == COOKIE:
        if split(kind)[0] > HIGHEST_METHOD:
            return False
        talkers(c).add(ends(c))
        message(c, data, at, kind)
    elif kind not in CLASSIC or c.missing > 0:
        return False
    else:
        c.protocol = "CLASSIC-STUN"
        c.write(f"Message: {CLASSIC[kind]}")
    return None


UDP_GUESSES.append(stun_anywhere)


@over_udp(3478, 3479)
@read_to_its_end
def stun(c: Context, data: bytes, at: int) -> bool | None:
    """On its own ports channels need no message before them; there are also Microsoft's."""
    if len(data) >= at + CHANNEL_HEADER:
        kind, length = unpack_from("!HH", data, at)
        if length == len(data) + max(0, c.missing) - at - CHANNEL_HEADER and (
            kind & 0xC000 == 0x4000 or kind == MULTIPLEXED
        ):
            return channel(c, is_known=True)
    return stun_anywhere(c, data, at)


def channel(c: Context, *, is_known: bool) -> bool:
    """Data in a channel, if these two are known to have one."""
    if not is_known:
        return False
    c.protocol = "STUN"
    c.write("ChannelData TURN Message")
    return True


def talkers(c: Context) -> set[frozenset[tuple[bytes, int]]]:
    return c.state("stun", set)


def ends(c: Context) -> frozenset[tuple[bytes, int]]:
    return frozenset(((c.source_address, c.source_port), (c.destination_address, c.destination_port)))


def split(kind: int) -> tuple[int, int]:
    """Return method and class, whose bits are mingled."""
    return (kind & 0xF) | (kind >> 1 & 0x70) | (kind >> 2 & 0xF80), (kind >> 4 & 1) | (kind >> 7 & 2)


def message(c: Context, data: bytes, at: int, kind: int) -> None:
    c.protocol = "STUN"
    method, group = split(kind)
    c.write(f"{named(METHODS, method, 'Unknown')} {CLASSES[group]}")
    start, at = at, at + HEADER
    while at < len(data):
        attribute, size = unpack_from("!HH", data, at)
        at += 4
        if at + (size + 3 & ~3) > len(data):
            if attribute not in DESCRIBED:
                data[at + size - 1]  # one that nobody knows is read to its end
            return
        words = described(data, start, at, attribute, size)
        if words:
            c.append(f" {words}")
        at += (size + 3) & ~3


def described(data: bytes, start: int, at: int, attribute: int, size: int) -> str:  # noqa: PLR0911 - one each
    """Return the words of an attribute, if it has any."""
    value = data[at : at + size]
    if attribute in ADDRESSES:
        address = address_text(value, b"")
        return f"{ADDRESSES[attribute]}: {address}" if address else ""
    if attribute in XOR_ADDRESSES:
        address = address_text(value, data[start + 4 : start + 20])
        return f"{XOR_ADDRESSES[attribute]}: {address}" if address else ""
    if attribute == USER:
        return f"user: {_text(value)}"
    if attribute == REALM:
        return f"realm: {_text(value)}"
    if attribute == NONCE:
        return "with nonce"
    if attribute == ERROR and size >= 4:
        code = value[2] * 100 + value[3]
        reason = f" {value[4:].decode('utf-8', 'replace')}" if size > 4 else ""
        return f"error-code: {code} ({ERRORS.get(code, '*Unknown error code*')}){reason}"
    if attribute == CHANNEL and size >= 4:
        return f"ChannelNumber=0x{int.from_bytes(value[:2]):x}"
    if attribute in (LIFETIME, BANDWIDTH) and size >= 4:
        return f"{'lifetime' if attribute == LIFETIME else 'bandwidth'}: {int.from_bytes(value[:4])}"
    if attribute == TRANSPORT and size:
        return named(TRANSPORTS, value[0], f"Unknown (0x{value[0]:8x})")
    return ""


def _text(value: bytes) -> str:
    """Return a text as it is, up to its first NUL; the signs that end lines and pages are written."""
    return value.partition(b"\0")[0].decode("utf-8", "replace").translate(ESCAPES)


def address_text(value: bytes, key: bytes) -> str:
    """Return `192.0.2.1:5000`, after it has been unmasked."""
    if len(value) < 8:
        return ""
    family, port, address = value[1], int.from_bytes(value[2:4]), value[4:]
    if key:
        port ^= int.from_bytes(key[:2])
        address = bytes(a ^ b for a, b in zip(address, key, strict=False))
    if family == 1 and len(value) >= 8:
        return f"{ipv4_text(address[:4])}:{port}"
    if family == 2 and len(value) >= 20:
        return f"{ipv6_text(address[:16])}:{port}"
    return ""
