"""NetBIOS sessions (RFC 1002) and, on port 445, SMB right over TCP."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.netbios import read_name
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.smb1 import Smb1
from nslab.capture.words.smb2 import Smb2
from nslab.capture.words.streams import MORE, Stream
from nslab.capture.words.values import named

MESSAGE, REQUEST, POSITIVE, NEGATIVE, RETARGET, KEEP_ALIVE = 0x00, 0x81, 0x82, 0x83, 0x84, 0x85
TYPES: Final = {
    MESSAGE: "Session message",
    REQUEST: "Session request",
    POSITIVE: "Positive session response",
    NEGATIVE: "Negative session response",
    RETARGET: "Retarget session response",
    KEEP_ALIVE: "Session keep-alive",
}
REASONS: Final = {
    0x80: "Not listening on called name",
    0x81: "Not listening for calling name",
    0x82: "Called name not present",
    0x83: "Called name present, but insufficient resources",
    0x8F: "Unspecified error",
}
CONTINUATION: Final = "NBSS Continuation Message"


@over_tcp(139, 445)
class SessionStream:
    """Four bytes, the length among them, before each message."""

    def __init__(self) -> None:
        self.smb1 = Smb1()
        self.smb2 = Smb2()

    @staticmethod
    def recognises(data: bytes) -> bool:
        return data[4:8] in (b"\xffSMB", b"\xfeSMB")

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at] not in TYPES:
            return len(data) - at
        if len(data) - at < 4:
            return MORE
        mask = 0xFFFFFF if 445 in (stream.source_port, stream.destination_port) else 0x1FFFF
        return 4 + (int.from_bytes(data[at + 1 : at + 4]) & mask)

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        kind = data[at]
        begin = data[at + 4 : at + 8]
        if kind == MESSAGE and begin[1:] == b"SMB":
            if begin[0] == 0xFF:
                self.smb1.read(c, data, at + 4, end)
                if c.missing > 0 and 4 + int.from_bytes(data[at + 1 : at + 4]) > end - at and not c.info.endswith("]"):
                    c.say_short()
                return
            if begin[0] in (0xFC, 0xFD, 0xFE):
                self.smb2.read(c, data, at + 4, end)
                return
        c.protocol = "NBSS"
        c.write(named(TYPES, kind, CONTINUATION))
        if kind == REQUEST:
            called, at = read_name(data[:end], at + 4, at + 4)
            calling, at = read_name(data[:end], at, at)
            c.append(f", to {called} from {calling}")
        elif kind == NEGATIVE:
            c.append(f", {named(REASONS, data[at + 4])}")
