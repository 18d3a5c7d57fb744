"""XMPP (RFC 6120): stanzas of XML in a stream."""

from __future__ import annotations

import re
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream, StreamProtocol
from nslab.capture.words.tls import Tls

_TAG: Final = re.compile(rb"<(/?)([\w:.-]+)((?:[^>'\"]|'[^']*'|\"[^\"]*\")*?)(/?)>")
_ATTRIBUTE: Final = re.compile(rb"([\w:.-]+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")")
ADDRESSED: Final = frozenset(("iq", "message", "presence", "stream"))
BARE: Final = frozenset(("auth", "challenge", "response", "success", "starttls", "proceed"))
NAMED: Final = BARE | {"features", "failure"} | ADDRESSED


@over_tcp(5222)
class Xmpp:
    """What comes goes together until it ends with the end of a tag."""

    def __init__(self) -> None:
        self.proceeds = False  # to TLS
        self.after: StreamProtocol | None = None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if self.proceeds:
            self.after = Tls()
            return self.after.size(stream, data, at)
        end = len(data)
        if end - at == 1 and data[at] == 0x20:
            return 1
        while end > at and data[end - 1] in b"\r\n\t ":
            end -= 1
        return len(data) - at if data[end - 1] == 0x3E and end > at else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        text = data[at:end]
        if text == b" ":
            c.protocol = "XMPP"
            c.write("Whitespace Keepalive")
            return
        c.protocol = "XMPP/XML"
        c.write("UNKNOWN PACKET ")
        depth = 0
        for tag in _TAG.finditer(text):
            name = tag[2].decode("ascii", "replace")
            if tag[1]:
                depth -= 1
                if depth < 0:
                    c.write("STREAM END" if name == "stream:stream" else "UNKNOWN PACKET ")
                    depth = 0
                continue
            if depth == 0:
                c.write(self._stanza(name, tag[3]))
            elif depth == 1 and c.info.startswith("IQ(") and name == "query":
                self._query(c, tag[3])
            depth += not tag[4] and name != "stream:stream"

    def _stanza(self, name: str, attributes: bytes) -> str:
        """Return the words of a stanza without what is in it."""
        name = name.removeprefix("stream:")
        if name not in NAMED:
            return "UNKNOWN PACKET "
        self.proceeds = self.proceeds or name == "proceed"
        if name in BARE:
            return name.upper()
        values = _values(attributes)
        kind = f"({values.get('type', '')})" if name == "iq" else ""
        to = f"> {values['to']} " if name in ADDRESSED and "to" in values else ""
        return f"{name.upper()}{kind} {to}"

    @staticmethod
    def _query(c: Context, attributes: bytes) -> None:
        head, _, to = c.info.partition(") ")
        c.write(f"{head}) QUERY({_values(attributes).get('xmlns', '')}) {to}")


def _values(attributes: bytes) -> dict[str, str]:
    return {printable(m[1]): printable(m[2] or m[3] or b"") for m in _ATTRIBUTE.finditer(attributes)}
