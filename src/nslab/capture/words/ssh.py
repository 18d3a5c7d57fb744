"""SSH (RFC 4253): the names of messages, until what follows is encrypted."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

PORTS: Final = (22, 29418)
KEX_INIT, NEW_KEYS = 20, 21
LONGEST: Final = 1 << 20  # a packet; RFC 4253, 6.1 asks for 35000
# The registry of message numbers at IANA
MESSAGES: Final = {
    1: "Disconnect",
    2: "Ignore",
    3: "Unimplemented",
    4: "Debug",
    5: "Service Request",
    6: "Service Accept",
    20: "Key Exchange Init",
    21: "New Keys",
    50: "User Authentication Request",
    51: "User Authentication Failure",
    52: "User Authentication Success",
    53: "User Authentication Banner",
    60: "Public Key algorithm accepted",
    80: "Global Request",
    81: "Request Success",
    82: "Request Failure",
    90: "Channel Open",
    91: "Channel Open Confirmation",
    92: "Channel Open Failure",
    93: "Window Adjust",
    94: "Channel Data",
    95: "Channel Extended Data",
    96: "Channel EOF",
    97: "Channel Close",
    98: "Channel Request",
    99: "Channel Success",
    100: "Channel Failure",
}
# The numbers from 30 mean what the method of key exchange says (RFC 4253, 4419, 5656)
PLAIN: Final = {30: "Diffie-Hellman Key Exchange Init", 31: "Diffie-Hellman Key Exchange Reply"}
ELLIPTIC: Final = {number: f"Elliptic Curve {name}" for number, name in PLAIN.items()}
GROUPS: Final = {
    30: "Diffie-Hellman Group Exchange Request (Old)",
    31: "Diffie-Hellman Group Exchange Group",
    32: "Diffie-Hellman Group Exchange Init",
    33: "Diffie-Hellman Group Exchange Reply",
    34: "Diffie-Hellman Group Exchange Request",
}
LISTS: Final = 10  # in a Key Exchange Init
KEX, CIPHER_UP, CIPHER_DOWN = 0, 2, 3  # where they are among the lists of a Key Exchange Init
SILENT: Final = frozenset(  # tshark could decrypt these, so it says nothing about what it cannot
    {"chacha20-poly1305@openssh.com"}
    | {f"aes{bits}-{mode}" for bits in (128, 192, 256) for mode in ("ctr", "cbc")}
    | {f"aes{bits}-gcm{of}" for bits in (128, 256) for of in ("", "@openssh.com")}
)


class Side:
    """What is known of one direction."""

    __slots__ = ("has_begun", "is_encrypted", "lists", "was_cut")

    def __init__(self) -> None:
        self.has_begun = False  # with its line that says the version
        self.is_encrypted = False
        self.lists: list[list[str]] = []  # of its Key Exchange Init
        self.was_cut = False  # the message at hand has begun in an earlier segment


@over_tcp(*PORTS)
class Ssh:
    """The packets of a connection."""

    def __init__(self) -> None:
        self.version = ""  # that the client has said: "1" or "2"
        self.rows: list[int] = []  # whose Protocol changes when it is known
        self.row = -1
        self.has_words = False  # in this row
        self.names = PLAIN
        self.ciphers: tuple[str, str] | None = None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        side = stream.state
        if not isinstance(side, Side):
            side = stream.state = Side()
        left = len(data) - at
        if not side.has_begun and data[at : at + 4] == b"SSH-":
            end = data.find(b"\n", at)
            return MORE if end < 0 else end + 1 - at
        if not side.has_begun or side.is_encrypted or not self.version:
            return left
        if left < 4:
            return MORE
        size = 4 + int.from_bytes(data[at : at + 4], "big")
        if not 4 < size <= LONGEST:
            return left
        side.was_cut |= size > left
        return size

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        side = stream.state
        if not isinstance(side, Side):
            return
        is_client = c.destination_port in PORTS
        if self.row != c.index:
            self._begin(c, is_client=is_client)
        if not side.has_begun and data[at : at + 4] == b"SSH-":
            side.has_begun = True
            line = data[at:end].rstrip(b"\r\n")
            self._say(c, f"Protocol ({printable(line)})")
            if is_client:
                self._know(c, "1" if line.startswith(b"SSH-1.") else "2")
        elif not side.has_begun or side.is_encrypted or not self.version:
            self._encrypted(c, stream, end - at, is_client=is_client)
        else:
            self._packet(c, stream, side, data[at:end])
            if side.was_cut:
                # What follows in the segment is read on its own.
                side.was_cut, self.row = False, -1

    def _begin(self, c: Context, *, is_client: bool) -> None:
        had_words = self.row == -1 and self.has_words and c.protocol.startswith("SSH")
        self.row = c.index
        if not had_words:
            c.write("")
            self.has_words = c.fence > 0
            if not self.version:
                self.rows.append(c.index)
        c.protocol = f"SSHv{self.version}" if self.version else "SSH"
        prefix = "Client: " if is_client else "Server: "
        c.info = prefix + c.info
        c.fence += len(prefix)

    def _say(self, c: Context, words: str) -> None:
        c.append(f", {words}" if self.has_words else words)
        self.has_words = True

    def _know(self, c: Context, version: str) -> None:
        self.version = version
        c.protocol = f"SSHv{version}"
        for row in self.rows:
            if row != c.index:
                c.change(row, protocol=c.protocol)
        self.rows.clear()

    def _encrypted(self, c: Context, stream: Stream, size: int, *, is_client: bool) -> None:
        if self.ciphers is None:
            self.ciphers = self._negotiated(stream)
        up, down = self.ciphers or ("", "")
        if self.names is GROUPS or (up if is_client else down) not in SILENT:
            self._say(c, f"Encrypted packet (len={size})")
        if size < 4:
            c.info = c.info.removeprefix("Client: ").removeprefix("Server: ")
            raise Malformed

    def _negotiated(self, stream: Stream) -> tuple[str, str] | None:
        client, server = sides(stream)
        if client is None or server is None:
            return None
        return chosen(client, server, CIPHER_UP), chosen(client, server, CIPHER_DOWN)

    def _packet(self, c: Context, stream: Stream, side: Side, packet: bytes) -> None:
        number = packet[5]
        name = self.names.get(number) if 30 <= number < 50 else MESSAGES.get(number)
        self._say(c, name or f"Unknown ({number})")
        if number == KEX_INIT:
            side.lists = name_lists(packet, 22)
            client, server = sides(stream)
            if client is not None and server is not None:
                self.names = _messages_of(chosen(client, server, KEX))
        elif number == NEW_KEYS:
            side.is_encrypted = True


def sides(stream: Stream) -> tuple[Side | None, Side | None]:
    """Return the client's side and the server's, as far as their Key Exchange Init has been seen."""
    one, other = (
        state if isinstance(state, Side) and state.lists else None for state in (stream.state, stream.other.state)
    )
    return (one, other) if stream.destination_port in PORTS else (other, one)


def chosen(client: Side, server: Side, which: int) -> str:
    """Return the first of the client's algorithms that the server has too (RFC 4253, 7.1)."""
    if min(len(client.lists), len(server.lists)) <= which:
        return ""
    theirs = set(server.lists[which])
    return next((name for name in client.lists[which] if name in theirs), "")


def name_lists(data: bytes, at: int) -> list[list[str]]:
    """Return the lists of names in a Key Exchange Init, behind its cookie."""
    lists: list[list[str]] = []
    while at + 4 <= len(data) and len(lists) < LISTS:
        size = int.from_bytes(data[at : at + 4], "big")
        lists.append(data[at + 4 : at + 4 + size].decode("ascii", "replace").split(","))
        at += 4 + size
    return lists


def _messages_of(method: str) -> dict[int, str]:
    if method.startswith("diffie-hellman-group-exchange"):
        return GROUPS
    return ELLIPTIC if method.startswith(("curve", "ecdh-")) else PLAIN
