"""SIP (RFC 3261), and the session descriptions in it (RFC 8866): they say where RTP will be."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from nslab.capture.words import media
from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import TCP_GUESSES, UDP_GUESSES, over_tcp, over_udp
from nslab.capture.words.rtp import Codecs, expect
from nslab.capture.words.streams import MORE, NOT_MINE, Stream

PORT: Final = 5060
METHODS: Final = frozenset(
    [
        "ACK",
        "BYE",
        "CANCEL",
        "DO",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "QAUTH",
        "REFER",
        "REGISTER",
        "SPRACK",
        "SUBSCRIBE",
        "UPDATE",
    ]
)
_REQUEST: Final = re.compile(rb"([A-Za-z]+) (\S+) SIP/2\.0\r?\n")
_STATUS: Final = re.compile(rb"SIP/2\.0 (\d{3} [^\r\n]*)\r?\n")
_FIELD: Final = re.compile(
    rb"(?im)^(contact|m|content-type|c|content-length|l|cseq|expires|to|t)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$"
)
_COMPACT: Final = {b"m": b"contact", b"c": b"content-type", b"l": b"content-length", b"t": b"to"}
_END: Final = re.compile(rb"\n\r?\n")
_CONNECTION: Final = re.compile(rb"(?m)^c=IN IP[46] ([0-9A-Fa-f.:]+)")
_MEDIA: Final = re.compile(rb"(?m)^m=\w+ (\d+)[^\r\n]* RTP/")
_CODEC: Final = re.compile(rb"(?m)^a=rtpmap:(\d+) ([^/\s]+)")

Fields = dict[bytes, list[bytes]]


@over_udp(PORT)
def sip(c: Context, data: bytes, at: int) -> bool | None:
    """Read a request or a response."""
    request, status = _REQUEST.match(data, at), _STATUS.match(data, at)
    if request is None and status is None:
        return False
    end = _END.search(data, at)
    head, body = (data[at : end.end()], data[end.end() :]) if end is not None else (data[at:], b"")
    fields: Fields = {}
    for name, value in _FIELD.findall(head):
        fields.setdefault(_COMPACT.get(name.lower(), name.lower()), []).append(value)
    c.protocol = "SIP"
    method = _first(fields, b"cseq").partition(b" ")[2].decode("ascii", "replace")
    if request is not None:
        method = request[1].decode()
        known = "Request" if method in METHODS else "Unknown request"
        c.write(f"{known}: {method} {printable(request[2])}")
        if method == "INVITE" and b";tag=" in _first(fields, b"to"):
            c.append(", in-dialog")
    elif status is not None:
        c.write(f"Status: {printable(status[1].rstrip())}")
        if status[1].startswith(b"200"):
            c.append(f" ({method})")
    if method == "REGISTER" and (request is not None or (status is not None and status[1].startswith(b"200"))):
        c.append(_bindings(fields, is_request=request is not None))
    c.append(" | ")
    if body:
        _describe(c, _first(fields, b"content-type"), body)
    return None


UDP_GUESSES.append(sip)


@over_tcp(PORT)
class SipStream:
    """SIP over TCP: a header, and a body as long as it says."""

    @staticmethod
    def recognises(data: bytes) -> bool:
        return _REQUEST.match(data) is not None or _STATUS.match(data) is not None

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if _REQUEST.match(data, at) is None and _STATUS.match(data, at) is None:
            return NOT_MINE
        end = _END.search(data, at)
        if end is None:
            return MORE
        length = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", data[at : end.end()])
        return end.end() - at + (int(length[1]) if length is not None else 0)

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        sip(c, data[:end], at)


# Before HTTP, which shares its OPTIONS, NOTIFY and SUBSCRIBE.
TCP_GUESSES.insert(0, SipStream)


def _first(fields: Fields, name: bytes) -> bytes:
    return fields.get(name, [b""])[0]


def _bindings(fields: Fields, *, is_request: bool) -> str:
    contacts = [each for line in fields.get(b"contact", []) for each in line.split(b",")]
    if not contacts:
        return "  (fetch bindings)" if is_request else "  (0 bindings)"
    if contacts == [b"*"]:
        return "  (remove all bindings)" if _first(fields, b"expires") == b"0" else "  (fetch bindings)"
    if not is_request:
        return f"  ({_counted(len(contacts))})"
    ends = [b"expires=0" in contact.split(b";") for contact in contacts]
    added = [not end and b";expires=" in contact for end, contact in zip(ends, contacts, strict=True)]
    removals, additions = sum(ends), len(contacts) - sum(ends)
    if _first(fields, b"expires") == b"0":  # it counts for those that have said so themselves, too
        removals, additions = removals + len(contacts) - sum(added), sum(added)
    if not removals:
        return f"  ({_counted(additions)})"
    return f"  (remove {_counted(removals)})" + (f" (add {_counted(additions)})" if additions else "")


def _counted(count: int) -> str:
    return f"{count} binding{'' if count == 1 else 's'}"


def _describe(c: Context, kind: bytes, body: bytes) -> None:
    name = kind.partition(b";")[0].strip().lower()
    if name == b"application/sdp":
        c.protocol += "/SDP"
        _session(c, body)
    elif name.endswith(b"+xml"):
        c.protocol += "/XML"
    elif name != b"application/dtmf-relay":
        media.describe(c, kind, body)


def _session(c: Context, body: bytes) -> None:
    """Expect what a session description offers."""
    whole = _CONNECTION.search(body)
    for part in re.split(rb"(?m)^(?=m=)", body)[1:]:
        where, what = _CONNECTION.search(part) or whole, _MEDIA.match(part)
        if where is None or what is None or not 0 < int(what[1]) < 0xFFFF:
            continue
        try:
            address = ip_address(where[1].decode()).packed
        except ValueError:
            continue
        codecs: Codecs = {int(number): name.decode("ascii", "replace") for number, name in _CODEC.findall(part)}
        expect(c, address, int(what[1]), codecs)
