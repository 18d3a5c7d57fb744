"""HTTP/1.x (RFC 9112), and what may follow it in the same connection: a tunnel, WebSocket; SSDP over UDP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nslab.capture.words import media, websocket
from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import TCP_GUESSES, TCP_PORTS, over_tcp, over_udp
from nslab.capture.words.streams import MORE, NOT_MINE, UNTIL_CLOSE, Stream, StreamProtocol

METHODS: Final = frozenset(
    # RFC 9110 and 5789, WebDAV and its extensions (RFC 4918, 3253, 5323), UPnP's eventing, Microsoft's RPC
    b"GET POST PUT DELETE HEAD OPTIONS TRACE CONNECT PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT"
    b" NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH SEARCH BMOVE BCOPY BDELETE BPROPFIND BPROPPATCH POLL VERSION-CONTROL"
    b" CHECKOUT CHECKIN UNCHECKOUT MKWORKSPACE UPDATE LABEL MERGE BASELINE-CONTROL MKACTIVITY RPC_CONNECT RPC_IN_DATA"
    b" RPC_OUT_DATA CCM_POST".split()
)
PORTS: Final = (80, 3128, 3132, 5985, 8080, 8088, 11371, 1900, 2869, 2710)
BODILESS: Final = frozenset((204, 304))
_HEADERS_END: Final = re.compile(rb"\n\r?\n")
_FIELD: Final = re.compile(
    rb"(?im)\n(content-(?:length|type|encoding)|transfer-encoding|upgrade)[ \t]*:[ \t]*([^\r\n]*)\r?$"
)
_FIRST_LINE: Final = re.compile(rb"([A-Z_-]+) [^\r\n]*? ?HTTP/\d\.\d\r?\n|HTTP/\d\.\d \d\d\d[ \r\n]")
_STATUS: Final = re.compile(rb"(?:HTTP/\S*|ICY)[ \t]+(\d\d\d)")
_CHUNK: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]+)[^\r\n]*\r?\n")
_REMARKS: Final = re.compile(r"(\[TCP [^]]*\] )*")
MOST_STRANGE: Final = 1000
LONGEST_BACK: Final = 3  # "\n\r\n" may have begun so far before what is new


@dataclass(slots=True)
class Message:
    """What the header says of the message that begins a stream's unread bytes."""

    line: bytes
    size: int = MORE  # of the header; then
    body: int = 0  # its size; or MORE (in chunks), UNTIL_CLOSE
    is_http: bool = True
    status: int = 0  # 0: a request
    method: bytes = b""
    fields: dict[bytes, bytes] | None = None

    def field(self, name: bytes) -> bytes | None:
        return self.fields.get(name) if self.fields else None


@over_tcp(*PORTS)
class Http:
    """A connection's requests and responses."""

    def __init__(self) -> None:
        self.known = False  # that it is HTTP at all
        self.strange: list[int] = []  # rows before that was known
        self.method = b""  # of the last request
        self.target = b""
        self.after: StreamProtocol | None = None  # what the connection has been handed over to
        self.is_tunnel = False

    @staticmethod
    def recognises(data: bytes) -> bool:
        found = _FIRST_LINE.match(data)
        return found is not None and (found[1] is None or found[1] in METHODS)

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if self.is_tunnel:
            return NOT_MINE
        if not stream.scanned:
            stream.state = None  # a new message, whatever became of the last one
        message = stream.state
        if not isinstance(message, Message):
            read = self._header(stream, data, at)
            if not isinstance(read, Message):
                return read
            stream.state = message = read
            stream.scanned = message.size
        if message.body == MORE:
            return self._chunks(stream, data, at)
        return UNTIL_CLOSE if message.body == UNTIL_CLOSE else message.size + message.body

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        message = stream.state
        stream.state = None
        if not self.known:
            if len(self.strange) < MOST_STRANGE:
                self.strange.append(c.index)
            return
        if self.strange:
            self._name_strange(c)
        c.protocol = "HTTP"
        if not isinstance(message, Message):
            # The capture has cut it off before its header ends.
            self._cut(c, data, at)
            return
        if not message.is_http:
            self._cut(c, data, at)
            return
        c.write(f"{printable(message.line)} ")
        try:
            if message.body and end > at + message.size:
                body = data[at + message.size : end]
                _describe(c, message, _joined(body) if message.body == MORE else body)
        finally:
            c.fence_in()
        self._go_on(message)

    def _name_strange(self, c: Context) -> None:
        """Say of what came before the first line of this connection that it goes on with a message not seen."""
        for row in self.strange:
            remarks = _REMARKS.match(c.info_of(row))
            c.change(row, f"{remarks[0] if remarks else ''}Continuation", "HTTP")
        self.strange.clear()

    def _cut(self, c: Context, data: bytes, at: int) -> None:
        if is_first_line(data, at):
            line = data[at:].partition(b"\n")[0].rstrip(b"\r")
            c.write(f"{printable(line)} " if b"\n" in data[at:] else "")
        else:
            c.write("Continuation")
            if not (c.missing > 0 and is_printable(data[at])):
                return
        c.say_short()

    def _header(self, stream: Stream, data: bytes | bytearray, at: int) -> Message | int:
        start = at
        while data[start : start + 2] == b"\r\n":
            start += 2
        is_http = is_first_line(data, start)
        if not is_http:
            return self._other(stream, data, at)
        self.known = True
        found = _HEADERS_END.search(data, max(start, at + stream.scanned - LONGEST_BACK))
        if found is None:
            stream.scanned = len(data) - at
            return MORE
        head = bytes(data[start : found.end()])
        line = head.partition(b"\n")[0].rstrip(b"\r")
        message = Message(line, found.end() - at)
        self._read_fields(message, head)
        return message

    def _other(self, stream: Stream, data: bytes | bytearray, at: int) -> Message | int:
        """Take what is no message, when it is no text or has a line, as what goes on with one that was not seen."""
        seen = at + stream.scanned
        if is_printable(data[at]) and data.find(b"\n", seen) < 0 and data.find(b"\r", seen) < 0:
            stream.scanned = len(data) - at
            return MORE
        return Message(b"", len(data) - at, is_http=False)

    def _read_fields(self, message: Message, head: bytes) -> None:
        message.fields = _fields(head)
        if message.line.startswith((b"HTTP", b"ICY")):
            status = _STATUS.match(message.line)
            message.status = int(status[1]) if status is not None else 1000
        else:
            message.method, _, target = message.line.partition(b" ")
            self.method, self.target = message.method, target.partition(b" ")[0]
        message.body = self._body_size(message)

    def _body_size(self, message: Message) -> int:
        status = message.status
        if status in BODILESS or 100 <= status < 200 or (status and self.method == b"HEAD"):
            return 0
        if status and self.method == b"CONNECT" and 200 <= status < 300:
            return 0
        if (message.field(b"transfer-encoding") or b"").lower() == b"chunked":
            return MORE
        length = message.field(b"content-length")
        if length is not None and length.isdigit():
            return int(length)
        return UNTIL_CLOSE if status else 0

    def _chunks(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        """Return the size of a message in chunks; `scanned` stands at the next chunk that has not been seen whole."""
        chunk_at = at + stream.scanned
        while (found := _CHUNK.match(data, chunk_at)) is not None:
            size = int(found[1], 16)
            if size == 0:
                trailer = _HEADERS_END.search(data, found.end() - 1)
                if trailer is None:
                    return MORE
                return trailer.end() - at
            chunk_at = found.end() + size + 2
            if chunk_at > len(data):
                return chunk_at - at + 1  # at the least
            stream.scanned = chunk_at - at
        if len(data) - chunk_at > LONGEST_BACK and not data[chunk_at : chunk_at + 1].isalnum():
            return len(data) - at  # no chunk at all
        return MORE

    def _go_on(self, message: Message) -> None:
        """Hand the connection over when this response says so."""
        if self.method == b"CONNECT" and 200 <= message.status < 300:
            self.is_tunnel = True
            port = self.target.rpartition(b":")[2]
            kind = TCP_PORTS.get(int(port)) if port.isdigit() else None
            if kind is not None and kind is not Http:
                self.after = kind()
        elif message.status == 101:
            self.is_tunnel = True
            if (message.field(b"upgrade") or b"").lower() == b"websocket":
                self.after = websocket.WebSocket()


TCP_GUESSES.append(Http)


@over_udp(1900)
def ssdp(c: Context, data: bytes, at: int) -> bool | None:
    """The search of UPnP: HTTP's header in a datagram."""
    if not is_first_line(data, at):
        return False
    c.protocol = "SSDP"
    line, end, _ = data[at:].partition(b"\n")
    if not end:
        c.write("Continuation")
        return None
    c.write(printable(line.rstrip(b"\r")) + " ")
    header = _HEADERS_END.search(data, at)
    if header is not None and header.end() < len(data):
        kind = _fields(data[at : header.end()].lower()).get(b"content-type")
        media.describe(c, kind, data[header.end() :])
    return None


def is_first_line(data: bytes | bytearray, at: int) -> bool:
    """Say if a request or a response begins at `data[at]`."""
    return data.startswith((b"HTTP", b"ICY "), at) or bytes(data[at : at + 24]).partition(b" ")[0] in METHODS


def _fields(head: bytes) -> dict[bytes, bytes]:
    """Return those fields of a header that matter here."""
    return {name.lower(): value.rstrip(b" \t") for name, value in _FIELD.findall(head)}


def is_printable(byte: int) -> bool:
    """Say if a byte is a letter, a digit, a sign or a space."""
    return 32 <= byte < 127


def _describe(c: Context, message: Message, body: bytes) -> None:
    coding = message.field(b"transfer-encoding")
    if coding is not None and coding.lower() not in {b"chunked", b"identity"}:
        return
    media.describe(c, message.field(b"content-type"), body, message.field(b"content-encoding") or b"")


def _joined(data: bytes) -> bytes:
    """Return the content of chunks."""
    at, parts = 0, []
    while (found := _CHUNK.match(data, at)) is not None and (size := int(found[1], 16)):
        parts.append(data[found.end() : found.end() + size])
        at = found.end() + size + 2
    return b"".join(parts)
