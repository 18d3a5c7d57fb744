"""VNC (RFC 6143): a screen, a keyboard and a mouse far away. A segment is read by its first message."""

from __future__ import annotations

import re
from enum import IntEnum, auto
from struct import pack
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import TCP_GUESSES, TCP_PORTS, over_tcp
from nslab.capture.words.streams import NOT_MINE, Stream
from nslab.capture.words.values import named

_VERSION: Final = re.compile(rb"RFB (\d{3}\.\d{3})\n")
OLD, WITHOUT_RESULT = "003.003", "003.007"
TYPES: Final = {
    0: "Invalid",
    1: "None",
    2: "VNC",
    5: "RA2",
    6: "RA2ne",
    16: "Tight",
    17: "Ultra",
    18: "TLS",
    19: "VeNCrypt",
    30: "Apple Remote Desktop",
}
NONE, CLASSIC = 1, 2
OTHERS: Final = (16, 17, 18, 19, 30)  # what follows is theirs
CLIENT: Final = {
    0: "Client set pixel format",
    2: "Client set encodings",
    3: "Client framebuffer update request",
    4: "Client key event",
    5: "Client pointer event",
    6: "Client cut text",
}
BELL: Final = b"\2"


class Step(IntEnum):
    """What is expected next."""

    SERVER_VERSION = auto()
    CLIENT_VERSION = auto()
    TYPES = auto()
    CHOICE = auto()
    CHALLENGE = auto()
    RESPONSE = auto()
    RESULT = auto()
    SHARE = auto()
    SCREEN = auto()
    MESSAGES = auto()
    UNKNOWN = auto()


FROM_SERVER: Final = (Step.SERVER_VERSION, Step.TYPES, Step.CHALLENGE, Step.RESULT, Step.SCREEN)
PLAIN: Final = {
    Step.CHALLENGE: ("Authentication challenge from server", Step.RESPONSE),
    Step.RESPONSE: ("Authentication response from client", Step.RESULT),
    Step.RESULT: ("Authentication result", Step.SHARE),
    Step.SHARE: ("Share desktop flag", Step.SCREEN),
    Step.SCREEN: ("Server framebuffer parameters", Step.MESSAGES),
}


@over_tcp(5900, 5901)
class Vnc:
    """Versions, a way to prove who one is, the screen; then messages. The server speaks first."""

    def __init__(self) -> None:
        self.step = Step.SERVER_VERSION
        self.version = ""
        self.server = 0  # its port

    @staticmethod
    def recognises(data: bytes) -> bool:
        return _VERSION.fullmatch(data) is not None

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if self.step is Step.SERVER_VERSION:
            return len(data) - at if _VERSION.match(data, at) else NOT_MINE
        is_server = stream.source_port == self.server
        if self.step is Step.UNKNOWN:
            return NOT_MINE
        if self.step is Step.MESSAGES:
            mine = data[at : at + 1] == BELL if is_server else data[at] in CLIENT
            return len(data) - at if mine else NOT_MINE
        # A type that nobody knows leads nowhere: whoever speaks, it is asked for again.
        return len(data) - at if self.step is Step.CHOICE or is_server == (self.step in FROM_SERVER) else NOT_MINE

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, _: int) -> None:
        if (
            self.step is Step.SERVER_VERSION
            and TCP_PORTS.get(min(stream.source_port, stream.destination_port)) is not Vnc
        ):
            # When it is recognised on another port, tshark takes what follows for another connection.
            way = c.connections.get(c.addresses + pack("!HH", c.source_port, c.destination_port))
            if way is not None:
                way.forget()
                way.back.forget()
        c.protocol = "VNC"
        step = self.step
        if step in (Step.SERVER_VERSION, Step.CLIENT_VERSION):
            self._agree(c, stream, data, at)
        elif step is Step.TYPES:
            c.write("Security types supported")
            self.step = Step.CHOICE
            if self.version == OLD:
                self.step = {NONE: Step.SHARE, CLASSIC: Step.CHALLENGE}.get(data[at + 3], Step.UNKNOWN)
        elif step is Step.CHOICE:
            kind = data[at]
            c.write(f"Security type {named(TYPES, kind, 'Unknown')} ({kind}) selected by client")
            self._choose(kind)
        elif step is Step.MESSAGES:
            c.write("Server ring bell on client" if stream.source_port == self.server else CLIENT[data[at]])
        else:
            words, self.step = PLAIN[step]
            c.write(words)

    def _agree(self, c: Context, stream: Stream, data: bytes, at: int) -> None:
        found = _VERSION.match(data, at)
        version = found[1].decode() if found is not None else ""
        if self.step is Step.SERVER_VERSION:
            self.server = stream.source_port
            self.step = Step.CLIENT_VERSION
            c.write(f"Server protocol version: {version}")
        else:
            self.version = version
            self.step = Step.TYPES
            c.write(f"Client protocol version: {version}")

    def _choose(self, kind: int) -> None:
        if kind == NONE:
            self.step = Step.SHARE if self.version <= WITHOUT_RESULT else Step.RESULT
        elif kind == CLASSIC:
            self.step = Step.CHALLENGE
        elif kind in OTHERS:
            self.step = Step.UNKNOWN


TCP_GUESSES.append(Vnc)
