"""What a message carries, by its media type (the registry at IANA) and its first bytes: `(text/html)`, `(PNG)`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.dns import doh
from nslab.capture.words.printable import printable

JSON: Final = frozenset(
    f"application/{name}" for name in ("json", "json-rpc", "jsonrequest", "problem+json", "senml+json", "sensml+json")
)
XML: Final = frozenset(
    (
        *("text/xml", "application/xml", "image/svg+xml"),
        *(f"application/{name}+xml" for name in ("atom", "auth-policy", "rss", "soap", "mathml", "rdf", "vnd.ogc.se")),
    )
)
SILENT: Final = frozenset(("application/octet-stream", "video/mp2t"))
OTHERS: Final = {  # these have a protocol of their own
    "application/ocsp-request": ("OCSP", "Request"),
    "application/ocsp-response": ("OCSP", "Response"),
    "application/pkix-crl": ("PKIX-CRL", "Certificate Revocation List"),
    "application/timestamp-query": ("PKIXTSP", "Query"),
    "application/timestamp-reply": ("PKIXTSP", "Reply"),
    **{
        f"application/x-git-{service}-pack-{what}": ("Git", "Git Smart Protocol")
        for service in ("upload", "receive")
        for what in ("request", "result", "advertisement")
    },
}
_BOUNDARY: Final = re.compile(rb'boundary\s*=\s*(?:"([^"]*)"|([^\s;]*))', re.IGNORECASE)
_PART_TYPE: Final = re.compile(rb"(?im)^content-type[ \t]*:[ \t]*([^\r\n]*)")
GZIP: Final = 16  # asks zlib for gzip's header
LONGEST: Final = 1 << 20  # bytes that are unpacked: enough to see what it is
PNG: Final = b"\x89PNG\r\n\x1a\n"


def describe(c: Context, kind: bytes | None, body: bytes, coding: bytes = b"") -> None:
    """Say what `body` is, behind what has been said of its message.

    kind, coding: the Content-Type and Content-Encoding, as they are in the header
    """
    if coding and coding != b"identity":
        plain = _decoded(body, coding)
        if plain is None:
            return
        body = plain
    if not body:
        return
    if kind is None:
        _recognise(c, body)
    else:
        _by_type(c, kind, body)


def _by_type(c: Context, kind: bytes, body: bytes) -> None:
    name = printable(kind.partition(b";")[0].strip().partition(b" ")[0]).lower()
    if name in JSON:
        c.protocol += "/JSON"
        c.append(f", JavaScript Object Notation ({name})")
    elif name in XML:
        c.protocol += "/XML"
    elif name.startswith("multipart/"):
        _parts(c, kind, body)
    elif name in OTHERS:
        c.protocol, words = OTHERS[name]
        c.write(words)
    elif name == "application/sdp":
        c.protocol += "/SDP"
    elif name == "application/dns-message":
        doh(c, body, 0)
    elif name not in SILENT and (name.startswith("text/") or not _recognise(c, body)):
        c.append(f" ({name})")


def _recognise(c: Context, body: bytes) -> bool:
    """Say which picture the bytes are, if they are one."""
    if body.startswith(PNG):
        c.append(" (PNG)")
        _check_png(body)
    elif body.startswith((b"GIF87a", b"GIF89a")):
        c.append(f" ({body[:6].decode()})")
    elif body.startswith((b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1")) and body[6:10] in {b"JFIF", b"Exif"}:
        c.append(" (JPEG JFIF image)")
    else:
        return False
    return True


def _check_png(body: bytes) -> None:
    at = len(PNG)
    while at < len(body):
        at += 12 + int.from_bytes(body[at : at + 4], "big")
        if at > len(body):
            raise Malformed


def _parts(c: Context, kind: bytes, body: bytes) -> None:
    found = _BOUNDARY.search(kind)
    if found is None:
        return
    for part in body.split(b"--" + (found[1] or found[2]))[1:-1]:
        header, _, content = part.partition(b"\r\n\r\n")
        of_part = _PART_TYPE.search(header)
        if of_part is not None:
            describe(c, of_part[1], content.removesuffix(b"\r\n"))


def _unpacked(body: bytes, window: int) -> bytes:
    return zlib.decompressobj(window).decompress(body, LONGEST)


def _inflated(body: bytes) -> bytes:
    try:
        return _unpacked(body, zlib.MAX_WBITS)
    except zlib.error:
        return _unpacked(body, -zlib.MAX_WBITS)


def _unzipped(body: bytes) -> bytes:
    return _unpacked(body, zlib.MAX_WBITS | GZIP)


DECODERS: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"gzip": _unzipped,
    b"x-gzip": _unzipped,
    b"deflate": _inflated,
}


def _decoded(body: bytes, coding: bytes) -> bytes | None:
    decode = DECODERS.get(coding.strip().lower())
    if decode is None:
        return None
    try:
        return decode(body)
    except zlib.error:
        return None
