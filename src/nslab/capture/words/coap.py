"""CoAP (RFC 7252)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_udp
from nslab.capture.words.values import read_to_its_end

TYPES: Final = ("CON", "NON", "ACK", "RST")
CODES: Final = {
    0x00: "Empty Message",
    0x01: "GET",
    0x02: "POST",
    0x03: "PUT",
    0x04: "DELETE",
    0x05: "FETCH",
    0x06: "PATCH",
    0x07: "iPATCH",
    0x41: "2.01 Created",
    0x42: "2.02 Deleted",
    0x43: "2.03 Valid",
    0x44: "2.04 Changed",
    0x45: "2.05 Content",
    0x5F: "2.31 Continue",
    0x80: "4.00 Bad Request",
    0x81: "4.01 Unauthorized",
    0x82: "4.02 Bad Option",
    0x83: "4.03 Forbidden",
    0x84: "4.04 Not Found",
    0x85: "4.05 Method Not Allowed",
    0x86: "4.06 Not Acceptable",
    0x8C: "4.12 Precondition Failed",
    0x8D: "4.13 Request Entity Too Large",
    0x8F: "4.15 Unsupported Content-Format",
    0xA0: "5.00 Internal Server Error",
    0xA1: "5.01 Not Implemented",
    0xA2: "5.02 Bad Gateway",
    0xA3: "5.03 Service Unavailable",
    0xA4: "5.04 Gateway Timeout",
    0xA5: "5.05 Proxying Not Supported",
    0xE1: "7.01 CSM",
}
HOST, PORT, PATH, FORMAT, QUERY, BLOCK2, BLOCK1 = 3, 7, 11, 12, 15, 23, 27
MEDIA: Final = {
    0: ("CoAP", " (text/plain)"),
    41: ("CoAP/XML", ""),
    50: ("CoAP/JSON", ", JavaScript Object Notation (application/json)"),
    110: ("CoAP/JSON", ", JavaScript Object Notation (application/senml+json)"),
}
LAST_METHOD: Final = 31  # codes up to this one ask, those above answer
PAYLOAD: Final = 0xFF


@over_udp(5683)
@read_to_its_end
def coap(c: Context, data: bytes, at: int) -> None:
    c.protocol = "CoAP"
    c.write("")
    first, code, number = unpack_from("!BBH", data, at)
    token = data[at + 4 : at + 4 + (first & 15)]
    c.write(f"{TYPES[first >> 4 & 3]}, MID:{number}, {CODES.get(code, f'Unknown {code}')}")
    options, at = read_options(data, at + 4 + (first & 15))
    if at < len(data):
        kind = int.from_bytes(options[FORMAT][0]) if FORMAT in options else -1
        protocol, words = MEDIA.get(kind, ("CoAP", ""))
        c.protocol = protocol
        c.append(words)
    if token:
        c.append(f", TKN:{token.hex(' ')}")
    for block in (BLOCK2, BLOCK1):
        if options.get(block):
            value = int.from_bytes(options[block][0])
            c.append(f", {'' if value & 8 else 'End of '}Block #{value >> 4}")
    uri = address(options)
    if token and code:
        uri = conversation(c, token, number, uri, asks=code <= LAST_METHOD, repeatable=not first & 0x20)
    if uri:
        c.append(f", {uri}" if not uri.startswith("\0") else f", {uri[1:]} [Retransmission]")


def conversation(c: Context, token: bytes, number: int, uri: str, *, asks: bool, repeatable: bool) -> str:
    """Remember what was asked under this token; return it for the answer."""
    asked: dict[tuple[frozenset[bytes], bytes], tuple[set[int], str]] = c.state("coap", dict)
    key = (frozenset((c.source_address, c.destination_address)), token)
    numbers, before = asked.get(key, (set(), ""))
    if not asks:
        return uri or before
    again = repeatable and number in numbers
    numbers.add(number)
    asked[key] = (numbers, uri)
    return f"\0{uri}" if again else uri


def read_options(data: bytes, at: int) -> tuple[dict[int, list[bytes]], int]:
    """Return the options' values by their number, and where the payload begins."""
    options: dict[int, list[bytes]] = {}
    number = 0
    while at < len(data):
        if data[at] == PAYLOAD:
            return options, at + 1
        delta, size = data[at] >> 4, data[at] & 15
        at += 1
        delta, at = extended(data, at, delta)
        size, at = extended(data, at, size)
        number += delta
        if at + size > len(data):
            raise Malformed
        options.setdefault(number, []).append(data[at : at + size])
        at += size
    return options, at


def extended(data: bytes, at: int, value: int) -> tuple[int, int]:
    """Return a number that may go on in the next one or two bytes."""
    if value < 13:
        return value, at
    if value == 13:
        return 13 + data[at], at + 1
    if value == 14:
        return 269 + int(unpack_from("!H", data, at)[0]), at + 2
    raise Malformed


def address(options: dict[int, list[bytes]]) -> str:
    """Return `coap://host:1/a/b?c&d`, as far as the options say."""
    text = "".join(f"/{printable(part)}" for part in options.get(PATH, []))
    if options.get(QUERY):
        text += "?" + "&".join(printable(part) for part in options[QUERY])
    if options.get(PORT):
        text = f":{int.from_bytes(options[PORT][0])}{text}"
    if options.get(HOST):
        text = f"coap://{printable(options[HOST][0])}{text}"
    return text
