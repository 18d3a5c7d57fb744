"""SMB 2 and 3 ([MS-SMB2]): commands and answers, and which file a handle stands for."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.dcerpc import Calls, begins
from nslab.capture.words.nt_status import nt_status
from nslab.capture.words.ntlm import ntlm_words

COMMANDS: Final = (
    "Negotiate Protocol",
    "Session Setup",
    "Session Logoff",
    "Tree Connect",
    "Tree Disconnect",
    "Create",
    "Close",
    "Flush",
    "Read",
    "Write",
    "Lock",
    "Ioctl",
    "Cancel",
    "KeepAlive",
    "Find",
    "Notify",
    "GetInfo",
    "SetInfo",
    "Break",
)
SESSION_SETUP, TREE_CONNECT, CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, IOCTL = 1, 3, 5, 6, 7, 8, 9, 10, 11
FIND, NOTIFY, GET_INFO, SET_INFO, BREAK = 14, 15, 16, 17, 18
RESPONSE: Final = 1
HEADER: Final = 64
PENDING, MORE_PROCESSING = 0x103, 0xC0000016
CLASSES: Final = {1: "FILE_INFO", 2: "FS_INFO", 3: "SEC_INFO", 4: "QUOTA_INFO"}
LEVELS: Final = {
    (1, 4): "SMB2_FILE_BASIC_INFO",
    (1, 5): "SMB2_FILE_STANDARD_INFO",
    (1, 6): "SMB2_FILE_INTERNAL_INFO",
    (1, 7): "SMB2_FILE_EA_INFO",
    (1, 8): "SMB2_FILE_ACCESS_INFO",
    (1, 10): "SMB2_FILE_RENAME_INFO",
    (1, 13): "SMB2_FILE_DISPOSITION_INFO",
    (1, 14): "SMB2_FILE_POSITION_INFO",
    (1, 18): "SMB2_FILE_ALL_INFO",
    (1, 19): "SMB2_FILE_ALLOCATION_INFO",
    (1, 20): "SMB2_FILE_ENDOFFILE_INFO",
    (1, 22): "SMB2_FILE_STREAM_INFO",
    (1, 34): "SMB2_FILE_NETWORK_OPEN_INFO",
    (1, 35): "SMB2_FILE_ATTRIBUTE_TAG_INFO",
    (2, 1): "FileFsVolumeInformation",
    (2, 3): "FileFsSizeInformation",
    (2, 4): "FileFsDeviceInformation",
    (2, 5): "FileFsAttributeInformation",
    (2, 6): "FileFsControlInformation",
    (2, 7): "FileFsFullSizeInformation",
    (2, 8): "FileFsObjectIdInformation",
    (2, 9): "FileFsDriverPathInformation",
    (2, 10): "FileFsVolumeFlagsInformation",
    (2, 11): "FileFsSectorSizeInformation",
}
FIND_LEVELS: Final = {
    1: "SMB2_FIND_DIRECTORY_INFO",
    2: "SMB2_FIND_FULL_DIRECTORY_INFO",
    3: "SMB2_FIND_BOTH_DIRECTORY_INFO",
    12: "SMB2_FIND_NAME_INFO",
    37: "SMB2_FIND_ID_BOTH_DIRECTORY_INFO",
    38: "SMB2_FIND_ID_FULL_DIRECTORY_INFO",
}
FUNCTIONS: Final = {
    0x00060194: "FSCTL_DFS_GET_REFERRALS",
    0x000601B0: "FSCTL_DFS_GET_REFERRALS_EX",
    0x000900A4: "FSCTL_SET_REPARSE_POINT",
    0x000900A8: "FSCTL_GET_REPARSE_POINT",
    0x000900C0: "FSCTL_CREATE_OR_GET_OBJECT_ID",
    0x000900C4: "FSCTL_SET_SPARSE",
    0x0009009C: "FSCTL_GET_OBJECT_ID",
    0x000980C8: "FSCTL_SET_ZERO_DATA",
    0x00098208: "FSCTL_FILE_LEVEL_TRIM",
    0x00110018: "FSCTL_PIPE_WAIT",
    0x0011400C: "FSCTL_PIPE_PEEK",
    0x0011C017: "FSCTL_PIPE_TRANSCEIVE",
    0x00140078: "FSCTL_SRV_REQUEST_RESUME_KEY",
    0x001401FC: "FSCTL_QUERY_NETWORK_INTERFACE_INFO",
    0x00140204: "FSCTL_VALIDATE_NEGOTIATE_INFO",
    0x00144064: "FSCTL_SRV_ENUMERATE_SNAPSHOTS",
    0x001440F2: "FSCTL_SRV_COPYCHUNK",
    0x001441BB: "FSCTL_SRV_READ_HASH",
}
TRANSCEIVE: Final = 0x0011C017
DFS_REFERRALS: Final = 0x00060194
OPLOCK, LEASE, LEASE_NOTIFICATION = 24, 36, 44  # sizes of a break's structure, which tell what it is about
BREAKS: Final = {OPLOCK: "Oplock", LEASE: "Lease", LEASE_NOTIFICATION: "Lease"}
BREAK_REQUESTS: Final = {OPLOCK: "Oplock Break Acknowledgment", LEASE: "Lease Break Acknowledgment"}
NOBODY: Final = 2**64 - 1  # message id of what the server says unasked


class Smb2:
    """What one connection's handles stand for."""

    def __init__(self) -> None:
        self.files: dict[bytes, str] = {}
        self.creating: dict[int, str] = {}  # by message id
        self.closing: dict[int, bytes] = {}
        self.reading: dict[int, bytes] = {}
        self.pipes: dict[bytes, Calls] = {}  # remote calls through a file

    def read(self, c: Context, data: bytes, at: int, end: int) -> None:
        """Read one message, which may be a chain of several."""
        c.protocol = "SMB2"
        if data[at] == 0xFD:
            c.write("Encrypted SMB3")
            return
        if data[at] == 0xFC:
            c.write("Comp. SMB3 (unknown)")
            return
        c.write("")
        while True:
            (following,) = unpack_from("<I", data, at + 20)
            last = not following or at + following >= end
            self._one(c, data[: end if last else at + following], at)
            if last:
                return
            c.append(";")
            at += following

    def _one(self, c: Context, data: bytes, at: int) -> None:
        status, command, flags, message = unpack_from("<8xIH2xI4xQ", data, at)
        data[at + HEADER - 1]
        name = COMMANDS[command] if command < len(COMMANDS) else f"unknown-0x{command:02x}"
        body = at + HEADER
        if flags & RESPONSE:
            self._response(c, data, body, (name, command, status, message))
            return
        if command == BREAK:
            c.append(BREAK_REQUESTS.get(data[body], "Break Request"))
        else:
            c.append(f"{name} Request")
        ask = REQUESTS.get(command)
        if ask is not None:
            c.append(ask(self, data, body, message))
        if command == READ:
            self.reading[message] = data[body + 16 : body + 32]
        elif command == WRITE:
            place, size = unpack_from("<HI", data, body + 2)
            self._called(c, data, at + place, size, data[body + 16 : body + 32])
        elif command == IOCTL and unpack_from("<I", data, body + 4)[0] == TRANSCEIVE:
            place, size = unpack_from("<II", data, body + 24)
            self._called(c, data, at + place, size, data[body + 8 : body + 24])

    def _response(self, c: Context, data: bytes, at: int, what: tuple[str, int, int, int]) -> None:
        name, command, status, message = what
        if command == BREAK and data[at] in BREAKS:
            c.append(self._break(data, at, message))
            return
        c.append(f"{name} Response")
        if status:
            c.append(f", Error: {nt_status(status)}")
            if command == SESSION_SETUP and status == MORE_PROCESSING:
                c.append(ntlm_words(data, at))
            if status != PENDING:
                self.creating.pop(message, None)
            return
        answer = ANSWERS.get(command)
        if answer is not None:
            answer(self, c, data, at, message)

    def logged_in(self, c: Context, data: bytes, at: int, _message: int) -> None:
        c.append(ntlm_words(data, at))

    def created(self, c: Context, data: bytes, at: int, message: int) -> None:
        handle = data[at + 64 : at + 80]
        known = self.creating.pop(message, None)
        if known is not None:
            self.files.setdefault(handle, known)
        c.append(self._file(handle))

    def was_read(self, c: Context, data: bytes, at: int, message: int) -> None:
        place, size = unpack_from("<BxI", data, at + 2)
        self._called(c, data, at - HEADER + place, size, self.reading.pop(message, b""))

    def controlled(self, c: Context, data: bytes, at: int, _message: int) -> None:
        if unpack_from("<I", data, at + 4)[0] == TRANSCEIVE:
            place, size = unpack_from("<II", data, at + 32)
            self._called(c, data, at - HEADER + place, size, data[at + 8 : at + 24])

    def closed(self, _c: Context, _data: bytes, _at: int, message: int) -> None:
        self.files.pop(self.closing.pop(message, b""), None)

    def _called(self, c: Context, data: bytes, at: int, size: int, handle: bytes) -> None:
        """Read a remote call that goes through a file."""
        if begins(data, at) and at + size <= len(data):
            self.pipes.setdefault(handle, Calls()).read(c, data, at, at + size)

    def _break(self, data: bytes, at: int, message: int) -> str:
        kind = BREAKS[data[at]]
        if kind == "Lease":
            return f"Lease Break {'Response' if data[at] == LEASE else 'Notification'}"
        what = "Notification" if message == NOBODY else "Response"
        return f"Oplock Break {what}{self._file(data[at + 8 : at + 24])}"

    def _file(self, handle: bytes) -> str:
        known = self.files.get(handle)
        return f" File: {known}" if known is not None else ""

    def session_setup(self, data: bytes, at: int, _message: int) -> str:
        return ntlm_words(data, at)

    def tree_connect(self, data: bytes, at: int, _message: int) -> str:
        return f" Tree: {_text(data, at, *unpack_from('<HH', data, at + 4))}"

    def create(self, data: bytes, at: int, message: int) -> str:
        name = self.creating[message] = _text(data, at, *unpack_from("<HH", data, at + 44))
        return f" File: {name}"

    def close(self, data: bytes, at: int, message: int) -> str:
        handle = self.closing[message] = data[at + 8 : at + 24]
        return self._file(handle)

    def with_handle(self, data: bytes, at: int, _message: int) -> str:
        return self._file(data[at + 8 : at + 24])

    def transfer(self, data: bytes, at: int, _message: int) -> str:
        size, offset = unpack_from("<IQ", data, at + 4)
        return f" Len:{size} Off:{offset}{self._file(data[at + 16 : at + 32])}"

    def ioctl(self, data: bytes, at: int, _message: int) -> str:
        (code,) = unpack_from("<I", data, at + 4)
        words = f" {FUNCTIONS[code]}" if code in FUNCTIONS else ""
        if code == DFS_REFERRALS:
            offset, size = unpack_from("<II", data, at + 24)
            start = at - HEADER + offset
            name = data[start + 2 : start + size].decode("utf-16-le", "replace").partition("\0")[0]
            words += f", File: {name}"
        return words + self._file(data[at + 8 : at + 24])

    def find(self, data: bytes, at: int, _message: int) -> str:
        level = data[at + 2]
        pattern = _text(data, at, *unpack_from("<HH", data, at + 24))
        known = FIND_LEVELS.get(level, f"(Level:0x{level:02x})")
        return f"{self._file(data[at + 8 : at + 24])} {known} Pattern: {pattern}"

    def get_info(self, data: bytes, at: int, _message: int) -> str:
        return f"{_level(data, at)}{self._file(data[at + 24 : at + 40])}"

    def set_info(self, data: bytes, at: int, _message: int) -> str:
        return f"{_level(data, at)}{self._file(data[at + 16 : at + 32])}"

    def acknowledge_break(self, data: bytes, at: int, _message: int) -> str:
        return self._file(data[at + 8 : at + 24]) if data[at] == OPLOCK else ""


Answer = Callable[[Smb2, Context, bytes, int, int], None]
ANSWERS: Final[dict[int, Answer]] = {
    SESSION_SETUP: Smb2.logged_in,
    CREATE: Smb2.created,
    READ: Smb2.was_read,
    IOCTL: Smb2.controlled,
    CLOSE: Smb2.closed,
}
Ask = Callable[[Smb2, bytes, int, int], str]
REQUESTS: Final[dict[int, Ask]] = {
    SESSION_SETUP: Smb2.session_setup,
    TREE_CONNECT: Smb2.tree_connect,
    CREATE: Smb2.create,
    CLOSE: Smb2.close,
    FLUSH: Smb2.with_handle,
    READ: Smb2.transfer,
    WRITE: Smb2.transfer,
    LOCK: Smb2.with_handle,
    IOCTL: Smb2.ioctl,
    FIND: Smb2.find,
    NOTIFY: Smb2.with_handle,
    GET_INFO: Smb2.get_info,
    SET_INFO: Smb2.set_info,
    BREAK: Smb2.acknowledge_break,
}


def _text(data: bytes, at: int, offset: int, size: int) -> str:
    """Return UTF-16 that lies at an offset from the header."""
    start = at - HEADER + offset
    return data[start : start + size].decode("utf-16-le", "replace") if size else ""


def _level(data: bytes, at: int) -> str:
    kind, level = data[at + 2], data[at + 3]
    words = LEVELS.get((kind, level), f"(Level:0x{level:02x})")
    return f" {CLASSES.get(kind, f'(Class:0x{kind:02x})')}/{words}"
