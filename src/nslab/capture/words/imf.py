"""Internet messages (RFC 5322), as the protocols of mail carry them."""

from __future__ import annotations

import re
from typing import Final

from nslab.capture.words import media
from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.segments import lines

LONGEST: Final = 1 << 24  # bytes of a mail that are kept until it is whole
_FIELD: Final = re.compile(rb"(?im)^(from|subject|content-type)[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)")
_HEADERS_END: Final = re.compile(rb"\r?\n\r?\n")


def describe(c: Context, mail: bytes) -> None:
    """Say from whom a message is, and what is in it."""
    c.protocol += "/IMF"
    end = _HEADERS_END.search(mail)
    header = mail[: end.start()] if end is not None else mail
    fields = {name.lower(): value for name, value in _FIELD.findall(header)}
    if b"from" not in fields and b"subject" not in fields:
        c.write(", ".join(f"{line}  " for line in lines(mail, 0, len(mail))))
        return
    c.write("")
    for name in (b"from", b"subject"):
        if name in fields:
            c.append(f"{name.decode()}: {printable(fields[name])}, ")
    body = mail[end.end() :] if end is not None else b""
    if b"content-type" in fields:
        media.describe(c, fields[b"content-type"], body)
    elif body:
        c.append("".join(f", {line}  " for line in lines(body, 0, len(body))))
