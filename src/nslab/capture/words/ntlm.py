"""NTLM ([MS-NLMP]): what a log-in says of itself, wherever it is carried."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

SIGNATURE: Final = b"NTLMSSP\0"
UNICODE: Final = 1
NEGOTIATE, CHALLENGE, AUTHENTICATE = 1, 2, 3


def ntlm_words(data: bytes, at: int) -> str:
    """Return `, NTLMSSP_AUTH, User: DOM` with a backslash and the user if there is such a message, else nothing."""
    at = data.find(SIGNATURE, at)
    if at < 0 or len(data) < at + 12:
        return ""
    (kind,) = unpack_from("<I", data, at + 8)
    if kind == NEGOTIATE:
        return ", NTLMSSP_NEGOTIATE"
    if kind == CHALLENGE:
        return ", NTLMSSP_CHALLENGE"
    if kind == AUTHENTICATE:
        (flags,) = unpack_from("<I", data, at + 60)
        domain, user = (_text(data, at, place, flags) for place in (28, 36))
        return f", NTLMSSP_AUTH, User: {domain}\\{user}"
    return ""


def _text(data: bytes, at: int, place: int, flags: int) -> str:
    size, offset = unpack_from("<H2xI", data, at + place)
    raw = data[at + offset : at + offset + size]
    return raw.decode("utf-16-le" if flags & UNICODE else "latin-1", "replace")
