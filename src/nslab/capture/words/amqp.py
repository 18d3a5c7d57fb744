"""AMQP 0-9-1: frames of methods, headers and bodies."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words import media
from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

GREETING: Final = b"AMQP"
GREETING_SIZE: Final = 8
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
CONTENT_TYPE: Final = 0x8000
SHOWN_TYPES: Final = (b"text/", b"image/", b"application/json", b"application/xml")  # others are just data
CLASSES: Final[dict[int, tuple[str, dict[int, str]]]] = {
    10: (
        "Connection",
        {10: "Start", 11: "Start-Ok", 20: "Secure", 21: "Secure-Ok", 30: "Tune", 31: "Tune-Ok", 40: "Open"}
        | {41: "Open-Ok", 42: "Redirect", 50: "Close", 51: "Close-Ok"},
    ),
    20: ("Channel", {10: "Open", 11: "Open-Ok", 20: "Flow", 21: "Flow-Ok", 40: "Close", 41: "Close-Ok"}),
    30: ("Access", {10: "Request", 11: "Request-Ok"}),
    40: (
        "Exchange",
        {10: "Declare", 11: "Declare-Ok", 20: "Delete", 21: "Delete-Ok", 30: "Bind", 31: "Bind-Ok", 40: "Unbind"},
    ),
    50: (
        "Queue",
        {10: "Declare", 11: "Declare-Ok", 20: "Bind", 21: "Bind-Ok", 30: "Purge", 31: "Purge-Ok", 40: "Delete"}
        | {41: "Delete-Ok", 50: "Unbind", 51: "Unbind-Ok"},
    ),
    60: (
        "Basic",
        {10: "Qos", 11: "Qos-Ok", 20: "Consume", 21: "Consume-Ok", 30: "Cancel", 31: "Cancel-Ok", 40: "Publish"}
        | {50: "Return", 60: "Deliver", 70: "Get", 71: "Get-Ok", 72: "Get-Empty", 80: "Ack", 90: "Reject"}
        | {100: "Recover-Async", 110: "Recover", 111: "Recover-Ok", 120: "Nack"},
    ),
    85: ("Confirm", {10: "Select", 11: "Select-Ok"}),
    90: ("Tx", {10: "Select", 11: "Select-Ok", 20: "Commit", 21: "Commit-Ok", 30: "Rollback", 31: "Rollback-Ok"}),
}
# What is shown of a method's arguments: how many bytes are before it, a name or "" for a string that is not shown.
SHOWN: Final[dict[tuple[int, int], tuple[tuple[int, str], ...]]] = {
    (10, 40): ((0, "vhost"),),
    (10, 50): ((2, "reply"),),
    (20, 40): ((2, "reply"),),
    (40, 10): ((2, "x"),),
    (40, 20): ((2, "x"),),
    (40, 30): ((2, "dx"), (0, "sx"), (0, "bk")),
    (40, 40): ((2, "dx"), (0, "sx"), (0, "bk")),
    (50, 10): ((2, "q"),),
    (50, 11): ((0, "q"),),
    (50, 20): ((2, "q"), (0, "x"), (0, "bk")),
    (50, 30): ((2, "q"),),
    (50, 40): ((2, "q"),),
    (50, 50): ((2, "q"), (0, "x"), (0, "rk")),
    (60, 20): ((2, "q"),),
    (60, 40): ((2, "x"), (0, "rk")),
    (60, 60): ((0, ""), (9, "x"), (0, "rk")),
    (60, 70): ((2, "q"),),
    (60, 71): ((9, "x"), (0, "rk")),
}


@over_tcp(5672)
class Amqp:
    """Type, channel, length; one byte behind it."""

    def __init__(self) -> None:
        self.kind: dict[tuple[int, int], bytes] = {}  # of the content under way, by the sender's port and the channel
        self.row = -1

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < GREETING_SIZE:
            return MORE
        if data.startswith(GREETING, at):
            return GREETING_SIZE
        return 8 + int.from_bytes(data[at + 3 : at + 7])

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        if self.row != c.index:
            self.row = c.index
            c.write("")
        c.protocol = "AMQP"
        if data.startswith(GREETING, at):
            c.append(f"Protocol-Header {'-'.join(str(n) for n in data[at + 5 : end])} ")
            return
        kind, channel = unpack_from("!BH", data, at)
        at += 7
        if kind == METHOD:
            _method(c, data, at)
        elif kind == HEADER:
            c.append("Content-Header ")
            content = b""
            if unpack_from("!H", data, at + 12)[0] & CONTENT_TYPE:
                content = _short(data, at + 14)
                c.append(f"type={printable(content)} ")
            self.kind[stream.source_port, channel] = content
        elif kind == BODY:
            c.append("Content-Body ")
            content = self.kind.get((stream.source_port, channel), b"")
            if content.startswith(SHOWN_TYPES):
                media.describe(c, content, data[at : end - 1])
        elif kind == HEARTBEAT:
            c.append("Heartbeat ")


def _short(data: bytes, at: int) -> bytes:
    text = data[at + 1 : at + 1 + data[at]]
    if len(text) < data[at]:
        raise IndexError
    return text


def _method(c: Context, data: bytes, at: int) -> None:
    group, method = unpack_from("!HH", data, at)
    if group not in CLASSES:
        return
    name, methods = CLASSES[group]
    c.append(f"{name}.{methods.get(method) or f'Unknown ({method})'} ")
    at += 4
    for skipped, argument in SHOWN.get((group, method), ()):
        at += skipped
        text = _short(data, at)
        at += 1 + len(text)
        if argument:
            c.append(f"{argument}={printable(text)} ")
