"""HTTP/1.x, what it carries, WebSocket."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

import pytest

OK = b"HTTP/1.1 200 OK\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"


def chunk(kind, data):
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


PIXEL = chunk(b"IHDR", struct.pack("!IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
PNG = b"\x89PNG\r\n\x1a\n" + PIXEL + chunk(b"IEND", b"")
GIF = b"GIF89a" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(20) + b"\xff\xd9"


def response(body=b"", kind=None, more=b"", status=OK):
    kind = b"" if kind is None else b"Content-Type: " + kind.encode() + b"\r\n"
    return status + kind + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_methods_read_as_in_tshark(dialogues, as_tshark):
    methods = "GET POST HEAD OPTIONS CONNECT PATCH PROPFIND M-SEARCH BASELINE-CONTROL NOTIFY FOO get PRI LINK PURGE"
    lines = [f"{method} /x HTTP/1.1".encode() for method in methods.split()]
    lines += [
        b"GET /x HTTP/0.9",
        b"GET /x FOO",
        b"GET  /x  HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\xff\x01\t\\ HTTP/1.1",
    ]
    requests = [line + b"\r\nHost: a\r\n\r\n" for line in lines]
    requests += [
        b"GET /x\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
        b"hello\r\n",
        bytes(range(99)),
    ]
    as_tshark(dialogues.flat(dialogues.talk(80, request) for request in requests))


def test_what_a_message_carries_is_named_as_in_tshark(dialogues, as_tshark):
    types = (
        *(
            "text/html",
            "text/plain; charset=utf-8",
            "Text/CSS",
            "text/xml",
            "application/xml",
            "image/svg+xml",
            "foo/bar",
        ),
        *(
            "application/json",
            "application/problem+json",
            "application/ld+json",
            "application/javascript",
            "text/html, x",
        ),
        *(
            "application/x-www-form-urlencoded",
            "application/octet-stream",
            "application/pdf",
            "video/mp4",
            "audio/mpeg",
        ),
        *(
            "application/soap+xml",
            "application/xhtml+xml",
            "video/mp2t",
            "application/sdp",
            "message/http",
            "nonsense",
            "",
        ),
    )
    answers = [response(b"<a/>", kind) for kind in types]
    for kind in ("image/png", "image/gif", "image/jpeg", "application/octet-stream", "foo/bar", None):
        answers += [response(body, kind) for body in (PNG, GIF, JPEG, b"no picture")]
    coded = {
        b"gzip": gzip.compress(b"hello"),
        b"deflate": zlib.compress(b"hello"),
        b"identity": b"hello",
        b"br": b"hello",
    }
    answers += [response(body, "text/html", b"Content-Encoding: %s\r\n" % name) for name, body in coded.items()]
    answers += [response(b"no gzip", "text/html", b"Content-Encoding: gzip\r\n")]
    part = b"--x\r\nContent-Type: %s\r\n\r\n%s\r\n"
    parts = part % (b"text/plain", b"hi") + part % (b"image/png", PNG) + b"--x--\r\n"
    answers += [response(parts, 'multipart/mixed; boundary="x"')]
    as_tshark(dialogues.flat(dialogues.talk(80, (answer,)) for answer in answers))


def test_a_message_ends_where_its_header_says(dialogues, as_tshark):
    chunked = OK + b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    head, get = b"HEAD /x HTTP/1.1\r\n\r\n", b"GET /y HTTP/1.1\r\n\r\n"
    html = response(b"hello", "text/html")
    headless = html.removesuffix(b"hello")
    as_tshark(
        dialogues.flat(
            [
                dialogues.talk(80, (html[:12],), (html[12:40],), (html[40:-1],), (b"o",), (b"extra",)),
                dialogues.talk(80, (chunked + b"5\r\nhello\r\n",), (b"3;a=b\r\nabc\r\n",), (b"0\r\n\r\n",)),
                dialogues.talk(80, (chunked + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n" + html,), (chunked + b"0\r\n\r\n",)),
                dialogues.talk(80, (html * 2 + response(b"{}", "application/json"),)),
                dialogues.talk(80, head, (headless,), get, (html,), head + get, (headless + html,)),
                dialogues.talk(80, get[:8], get[8:], get * 3),
                dialogues.talk(
                    80, b"POST /x HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n", b"bo", b"dy" + get
                ),
                *(
                    dialogues.talk(80, (response(b"hello", status=b"HTTP/1.1 %d X\r\n" % status)[:-5],), (html,))
                    for status in (100, 204, 304)
                ),
                dialogues.talk(80, get, (OK + b"Content-Type: text/html\r\n\r\nhello",), (b"more",)),
                dialogues.talk(80, get, (b"no header",), (html,)),
            ]
        )
    )


@pytest.mark.parametrize("port", [8000, 50080])
def test_http_is_known_on_any_port(dialogues, as_tshark, port):
    get = b"GET /x HTTP/1.1\r\n\r\n"
    as_tshark(
        dialogues.flat(
            [
                dialogues.talk(port, get, (response(b"hi", "text/html")[:-1],), (b"i",), get),
                dialogues.talk(port, get[:9], get[9:]),
                dialogues.talk(port, b"text", get),
                dialogues.talk(port, (response(b"hi", "text/html"),)),
                dialogues.talk(port, b"FOO / HTTP/1.1\r\n\r\n"),
            ]
        )
    )


def test_a_connection_can_be_handed_over(dialogues, as_tshark):
    frames = [
        b"\x81\x02hi", b"\x82\x02\1\2", b"\x89\x00", b"\x8a\x00", b"\x88\x02\x03\xe8", b"\x01\x02hi", b"\x80\x02hi",
        b"\x81\x02hi\x82\x01a", b"\x83\x02hi", b"\x81\x7e\x01\x00" + b"x" * 256, b"\x81\x05he", b"llo",
    ]  # fmt: skip
    asks = b"GET /c HTTP/1.1\r\n" + UPGRADE + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
    agrees = b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE + b"Sec-WebSocket-Accept: x\r\n\r\n"
    connect = b"CONNECT a:%d HTTP/1.1\r\nHost: a\r\n\r\n"
    connected = (b"HTTP/1.1 200 Connection established\r\n\r\n",)
    alert = bytes.fromhex("1503010002022a")
    as_tshark(
        dialogues.flat(
            [
                dialogues.talk(80, asks, (agrees,), b"\x82\x81\0\0\0\0x", *((frame,) for frame in frames)),
                dialogues.talk(8080, connect % 443, connected, (alert,)),
                dialogues.talk(8080, connect % 7777, connected, b"hello", (b"\1\2\3",)),
            ]
        )
    )


def test_what_comes_before_the_first_request_may_go_on_with_a_message(dialogues, as_tshark):
    asked, answered = b"GET / HTTP/1.1\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n"
    conversations: list[list[Any]] = [
        [b"abcdefgh"] * 3 + [b"xyz\nabc", b"more"],
        [b"PING 1\n", (b"PONG 1\n",), (b"DATA abc",), (b"defg",)],
        [b"a\x80\x81" * 5, b"\x90\x91" * 5],
        [b"\x80abc", b"abc", b"\x80\n"],
        [b"abc\rxx", b"abc"],
        [b"abc", (b"abc",), asked, (answered,)],
        [b"abc\n", (b"abc\n",), asked, (answered,), (b"zzz",)],
    ]
    as_tshark(dialogues.flat(dialogues.talk(port, *said) for port in (80, 8080, 9999) for said in conversations))
