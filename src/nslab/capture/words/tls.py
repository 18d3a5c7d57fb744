"""TLS (RFC 8446, 5246) and its older versions: the names of records and of the messages in them."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import TCP_GUESSES, over_tcp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream, StreamProtocol

PORTS: Final = (443, 261, 448, 465, 563, 614, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8883)
VERSIONS: Final = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
SSL_3, TLS_1_3 = 0x0300, 0x0304
DRAFTS: Final = (0x7F, 0xFB)  # first bytes of the drafts of TLS 1.3, and of Facebook's
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA, HEARTBEAT, WITH_ID = range(20, 26)
CLIENT_HELLO, SERVER_HELLO = 1, 2
CONTINUATION: Final = "Continuation Data"
UNKNOWN: Final = "Ignored Unknown Record"
ENCRYPTED: Final = "Encrypted Handshake Message"
# The registry of handshake types at IANA, with those of older versions
MESSAGES: Final = {
    0: "Hello Request",
    1: "Client Hello",
    2: "Server Hello",
    3: "Hello Verify Request",
    4: "New Session Ticket",
    5: "End of Early Data",
    6: "Hello Retry Request",
    8: "Encrypted Extensions",
    11: "Certificate",
    12: "Server Key Exchange",
    13: "Certificate Request",
    14: "Server Hello Done",
    15: "Certificate Verify",
    16: "Client Key Exchange",
    20: "Finished",
    21: "Client Certificate URL",
    22: "Certificate Status",
    23: "Supplemental Data",
    24: "Key Update",
    25: "Compressed Certificate",
    67: "Encrypted Extensions",
}
LEVELS: Final = {1: "Warning", 2: "Fatal"}
ALERTS: Final = {
    0: "Close Notify",
    1: "End of Early Data",
    10: "Unexpected Message",
    20: "Bad Record MAC",
    21: "Decryption Failed",
    22: "Record Overflow",
    30: "Decompression Failure",
    40: "Handshake Failure",
    41: "No Certificate",
    42: "Bad Certificate",
    43: "Unsupported Certificate",
    44: "Certificate Revoked",
    45: "Certificate Expired",
    46: "Certificate Unknown",
    47: "Illegal Parameter",
    48: "Unknown CA",
    49: "Access Denied",
    50: "Decode Error",
    51: "Decrypt Error",
    60: "Export Restriction",
    70: "Protocol Version",
    71: "Insufficient Security",
    80: "Internal Error",
    86: "Inappropriate Fallback",
    90: "User Canceled",
    100: "No Renegotiation",
    109: "Missing Extension",
    110: "Unsupported Extension",
    111: "Certificate Unobtainable",
    112: "Unrecognized Name",
    113: "Bad Certificate Status Response",
    114: "Bad Certificate Hash Value",
    115: "Unknown PSK Identity",
    116: "Certificate Required",
    120: "No application Protocol",
    121: "ECH Required",
}
# The random of a Server Hello that asks for another Client Hello (RFC 8446, 4.1.3)
RETRY: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
SUPPORTED_VERSIONS: Final = 43
LONGEST_RECORD: Final = 16384 + 2048
LONGEST_MESSAGE: Final = 0xFFFF
SURELY_ENCRYPTED: Final = 16  # bytes of a handshake record, when the cipher has changed in an earlier packet
SHORTEST_HELLO: Final = 38
KEPT_ROWS: Final = 1000  # of a connection, until its version is known


class Side:
    """What is known of one direction."""

    __slots__ = ("changed", "end", "fragment")

    def __init__(self) -> None:
        self.end = 0  # of the last record, in the segment that it was in
        self.changed: int | None = None  # the row in which the cipher was changed
        self.fragment = b""  # a handshake message that goes on in the next record


@over_tcp(*PORTS)
class Tls:
    """The records of a connection."""

    def __init__(self) -> None:
        self.version = 0
        self.is_agreed = False  # a Server Hello has said it
        self.rows: list[int] = []  # whose Protocol changes when the version is known
        self.row = -1
        self.after: StreamProtocol | None = None  # who has spoken another language from the start

    @staticmethod
    def recognises(data: bytes) -> bool:
        return (
            len(data) >= 5
            and data[0] in {HANDSHAKE, DATA}
            and data[1] == 3
            and data[2] <= 3
            and 0 < (data[3] << 8 | data[4]) < LONGEST_RECORD
        )

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        left = len(data) - at
        if left < 5:
            return MORE
        if CHANGE_CIPHER_SPEC <= data[at] <= WITH_ID and (self.version or (data[at + 1] == 3 and data[at + 2] <= 4)):
            return 5 + (data[at + 3] << 8 | data[at + 4])
        if self.row < 0 and is_hello_of_ssl2(data, at):
            return 2 + ((data[at] & 0x7F) << 8 | data[at + 1])
        goes_on = isinstance(stream.state, Side) and stream.state.end == at
        if not is_text(data, at) or goes_on:
            return left
        return self._other(stream, data, at) if self.row < 0 else NOT_MINE

    def _other(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        """Leave the connection to whoever knows its first bytes: a browser that was told the wrong port."""
        first = bytes(data[at:])
        for kind in TCP_GUESSES:
            if kind is not Tls and kind.recognises(first):
                self.after = kind()
                return self.after.size(stream, data, at)
        return NOT_MINE

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        if c.index != self.row:
            self.row = c.index
            c.write("")
            if not self.is_agreed and len(self.rows) < KEPT_ROWS:
                self.rows.append(c.index)
        side = stream.state
        if not isinstance(side, Side):
            side = stream.state = Side()
        side.end = end
        kind, version = data[at], data[at + 1] << 8 | data[at + 2]
        if CHANGE_CIPHER_SPEC <= kind <= WITH_ID and 0x0300 <= version <= 0x0304:
            self._known(c, side, data, at, end)
        else:
            self._unknown(c, data, at)

    def _known(self, c: Context, side: Side, data: bytes, at: int, end: int) -> None:
        """Read a record with a header."""
        kind, version = data[at], data[at + 1] << 8 | data[at + 2]
        size = data[at + 3] << 8 | data[at + 4]
        if not size and at + 5 == len(data):
            c.protocol = "SSL"
            if self.version:
                self._name(c, version)
            raise Malformed
        if kind != HANDSHAKE and not self.version:
            self.version = version
            self._name_rows(c)
        self._name(c, version)
        is_cut = at + 5 + size > len(data)
        if is_cut and at + 5 + size > len(data) + c.missing:
            return  # it would go on in the next segment, but cannot be put together
        if kind == DATA:
            c.add("Application Data")
        else:
            self._record(c, side, kind, data[at + 5 : end], size)
        if is_cut:
            c.say_short()

    def _record(self, c: Context, side: Side, kind: int, body: bytes, size: int) -> None:
        if kind == HANDSHAKE:
            self._handshake(c, side, body, size)
        elif kind == CHANGE_CIPHER_SPEC:
            if side.changed is None:
                side.changed = c.index
            c.add("Change Cipher Spec")
        elif kind == ALERT and len(body) == size == 2:
            what = ALERTS.get(body[1], "Unknown")
            c.add(f"Alert (Level: {LEVELS.get(body[0], 'Unknown')}, Description: {what})")
        elif kind == ALERT:
            c.add("Encrypted Alert")
        elif kind == HEARTBEAT:
            plain = body[0] in {1, 2} and 3 + (body[1] << 8 | body[2]) <= len(body)
            c.add(f"Heartbeat {'Request' if body[0] == 1 else 'Response'}" if plain else "Encrypted Heartbeat")

    def _unknown(self, c: Context, data: bytes, at: int) -> None:
        if data[at] & 0x80 and is_hello_of_ssl2(data, at):
            c.protocol = "SSLv2"
            c.add("Client Hello")
            self.rows.clear()
        elif self.version in {SSL_3, TLS_1_3}:
            self._name(c, self.version)
            c.add(CONTINUATION)
        elif self.version:
            self._name(c, self.version)
            if c.missing > 0:
                c.say_short()
            else:
                c.add(UNKNOWN)
        else:
            c.protocol = "SSL"
            c.add(CONTINUATION)

    def _handshake(self, c: Context, side: Side, body: bytes, whole: int) -> None:
        """Name the messages of a record; what cannot be one is encrypted."""
        if (
            side.changed is not None
            and not side.fragment
            and side.changed != c.index
            and self.version != TLS_1_3
            and len(body) >= SURELY_ENCRYPTED
        ):
            c.add(ENCRYPTED)
            return
        at = 0
        was_fragment = bool(side.fragment)
        missing = whole - len(body)  # what the capture has cut off
        body, side.fragment = side.fragment + body, b""
        while at < len(body):
            size = int.from_bytes(body[at + 1 : at + 4], "big") if len(body) - at >= 4 else len(body)
            if size > LONGEST_MESSAGE or (at == 0 and not any(body[:7]) and len(body) > 4):
                if at == 0 and not was_fragment:
                    c.add(ENCRYPTED)
                return
            name = MESSAGES.get(body[at], ENCRYPTED)
            if name == ENCRYPTED and len(body) - at >= SURELY_ENCRYPTED:
                c.add(ENCRYPTED)
                return
            if len(body) + missing - at < 4 + size:
                if at == 0 and not was_fragment:
                    c.add(f"[{name} Fragment]")
                side.fragment = body[at:]
                return
            self._message(c, body[at], name, body[at + 4 : at + 4 + size])
            at += 4 + size

    def _message(self, c: Context, kind: int, name: str, body: bytes) -> None:
        if kind == SERVER_HELLO and len(body) >= 34:
            if body[2:34] == RETRY:
                name = "Hello Retry Request"
            self._agree(c, version_of(body))
        c.add(name)
        if kind in {CLIENT_HELLO, SERVER_HELLO} and len(body) < SHORTEST_HELLO and c.missing <= 0:
            raise Malformed

    def _agree(self, c: Context, version: int) -> None:
        self.version = version
        self.is_agreed = True
        self._name(c, version)
        self._name_rows(c)
        self.rows.clear()

    def _name(self, c: Context, version: int) -> None:
        version = self.version or version
        c.protocol = VERSIONS.get(version) or ("TLSv1.3" if version >> 8 in DRAFTS else "TLSv1.2")

    def _name_rows(self, c: Context) -> None:
        self._name(c, self.version)
        for row in self.rows:
            if row != c.index:
                info = c.info_of(row) if self.version not in {SSL_3, TLS_1_3} else ""
                known = info.removesuffix(CONTINUATION) + UNKNOWN if info.endswith(CONTINUATION) else None
                c.change(row, known, c.protocol)


TCP_GUESSES.append(Tls)


def version_of(hello: bytes) -> int:
    """Return the version that a Server Hello has chosen."""
    at = 35 + hello[34] + 3  # behind the session's number, the cipher suite and the compression
    if len(hello) < at + 2:
        return hello[0] << 8 | hello[1]
    at += 2
    while at + 6 <= len(hello):
        kind, size, value = unpack_from("!HHH", hello, at)
        if kind == SUPPORTED_VERSIONS and size == 2:
            return int(value)
        at += 4 + size
    return hello[0] << 8 | hello[1]


def is_hello_of_ssl2(data: bytes | bytearray, at: int) -> bool:
    """Say if a Client Hello in the form of SSL 2 begins here (RFC 5246, E.2)."""
    return (
        data[at] & 0x80 != 0
        and data[at + 2] == CLIENT_HELLO
        and (data[at + 3] == 3 or data[at + 3 : at + 5] == b"\0\2")
    )


def is_text(data: bytes | bytearray, at: int) -> bool:
    """Say if these five bytes are letters: no record, but another protocol on this port."""
    return all(32 <= byte < 127 for byte in data[at : at + 5])
