"""SMB 1 ([MS-CIFS], [MS-SMB]): commands, paths, and the file identifiers that answers bring."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import Final

from nslab.capture.words.browser import mailslot
from nslab.capture.words.context import Context
from nslab.capture.words.dcerpc import Calls, begins
from nslab.capture.words.nt_status import dos_error, nt_status
from nslab.capture.words.ntlm import ntlm_words
from nslab.capture.words.smb2 import FUNCTIONS
from nslab.capture.words.values import named

_COMMANDS: Final = """
00 Create Directory|01 Delete Directory|02 Open|03 Create|04 Close|05 Flush|06 Delete|07 Rename|08 Query Information|
09 Set Information|0A Read|0B Write|0C Lock Byte Range|0D Unlock Byte Range|0E Create Temp|0F Create New|
10 Check Directory|11 Process Exit|12 Seek|13 Lock And Read|14 Write And Unlock|1A Read Raw|1B Read MPX|1D Write Raw|
1E Write MPX|20 Write Complete|21 Query Server (reserved)|22 Set Information2|23 Query Information2|24 Locking AndX|
25 Trans|26 Trans Secondary|27 IOCTL|28 IOCTL Secondary|29 Copy|2A Move|2B Echo|2C Write And Close|2D Open AndX|
2E Read AndX|2F Write AndX|30 New File Size (reserved)|31 Close And Tree Disconnect|32 Trans2|33 Trans2 Secondary|
34 Find Close2|35 Find Notify Close|70 Tree Connect|71 Tree Disconnect|72 Negotiate Protocol|73 Session Setup AndX|
74 Logoff AndX|75 Tree Connect AndX|80 Query Information Disk|81 Search|82 Find|83 Find Unique|84 Find Close|
A0 NT Trans|A1 NT Trans Secondary|A2 NT Create AndX|A4 NT Cancel|A5 NT Rename|C0 Open Print File|C1 Write Print File|
D0 Send Single Block Message|D8 SMBreadbulk
"""
COMMANDS: Final = {int(entry[:2], 16): entry[3:] for entry in _COMMANDS.replace("\n", "").split("|")}
CHAINED: Final = (0x24, 0x2D, 0x2E, 0x2F, 0x73, 0x74, 0x75, 0xA2)
NO_MORE: Final = 0xFF
HEADER: Final = 32
REPLY, UNICODE, NT_STATUS = 0x80, 0x8000, 0x4000
TRANS2: Final = {
    0x00: "OPEN2",
    0x01: "FIND_FIRST2",
    0x02: "FIND_NEXT2",
    0x03: "QUERY_FS_INFO",
    0x0E: "SESSION_SETUP",
    0x05: "QUERY_PATH_INFO",
    0x06: "SET_PATH_INFO",
    0x07: "QUERY_FILE_INFO",
    0x08: "SET_FILE_INFO",
    0x0D: "CREATE_DIRECTORY",
    0x10: "GET_DFS_REFERRAL",
}
PATH_LEVELS: Final = {
    0x001: "Info Standard",
    0x002: "Info Query EA Size",
    0x003: "Info Query EAs From List",
    0x004: "Info Query All EAs",
    0x006: "Info Is Name Valid",
    0x101: "Query File Basic Info",
    0x102: "Query File Standard Info",
    0x103: "Query File EA Info",
    0x104: "Query File Name Info",
    0x107: "Query File All Info",
    0x108: "Query File Alt Name Info",
    0x109: "Query File Stream Info",
    0x200: "Query File Unix Basic",
    0x201: "Query File Unix Link",
    0x3EC: "Query File Basic Info",
    0x3ED: "Query File Standard Info",
    0x3F8: "Query File Mode Info",
    0x400: "Query File Pipe Local Info",
}
SYSTEM_LEVELS: Final = {
    0x001: "Info Allocation",
    0x002: "Info Volume",
    0x102: "Query FS Volume Info",
    0x103: "Query FS Size Info",
    0x104: "Query FS Device Info",
    0x105: "Query FS Attribute Info",
    0x200: "Unix Query FS Info",
    0x301: "Mac Query FS Info",
    0x3EF: "Query Full FS Size Info",
}
LANMAN: Final = {
    0: "NetShareEnum",
    1: "NetShareGetInfo",
    2: "NetShareSetInfo",
    13: "NetServerGetInfo",
    14: "NetServerSetInfo",
    52: "NetGroupGetUsers",
    63: "NetWkstaGetInfo",
    64: "NetWkstaSetInfo",
    70: "WPrintQGetInfo",
    76: "WPrintJobEnum",
    77: "WPrintJobGetInfo",
    104: "NetServerEnum2",
    132: "NetWkstaUserLogon",
    133: "NetWkstaUserLogoff",
    214: "SamOEMChangePassword",
    215: "NetServerEnum3",
}
IOCTL, NOTIFY = 2, 4
DESCRIPTORS: Final = (3, 6)
NT_TRANS: Final = {
    1: "NT CREATE",
    2: "NT IOCTL",
    3: "NT SET SECURITY DESC",
    4: "NT NOTIFY",
    5: "NT RENAME",
    6: "NT QUERY SECURITY DESC",
    7: "NT GET USER QUOTA",
    8: "NT SET USER QUOTA",
}


class Message:
    """One command of a message: where its words and its data are."""

    __slots__ = ("at", "bytes", "data", "id", "start", "unicode", "words")

    def __init__(self, data: bytes, start: int, at: int) -> None:
        self.data = data
        self.start = start  # of the header
        self.at = at + 1  # of the words
        self.words = data[at]
        flags, self.id = unpack_from("<H18xH", data, start + 10)
        self.unicode = bool(flags & UNICODE)
        self.bytes = at + 3 + 2 * self.words

    def get(self, form: str, place: int) -> int:
        number: int = unpack_from(form, self.data, self.at + place)[0]
        return number

    def text(self, at: int) -> tuple[str, int]:
        """Return the text that begins here, with its zero left out, and where the next one begins."""
        data = self.data
        if not self.unicode:
            end = data.find(b"\0", at)
            end = len(data) if end < 0 else end
            return data[at:end].decode("latin-1"), end + 1
        at += (at - self.start) & 1
        end = at
        while end + 1 < len(data) and data[end : end + 2] != b"\0\0":
            end += 2
        return data[at:end].decode("utf-16-le", "replace"), end + 2


class Smb1:
    """What one connection's requests were about, by message id."""

    def __init__(self) -> None:
        self.opening: dict[int, int] = {}  # row of a request that a file identifier belongs to
        self.about: dict[int, int] = {}  # file identifier of a request
        self.functions: dict[int, str] = {}  # of a transaction
        self.pipes: dict[int, str] = {}
        self.open: set[int] = set()
        self.remote: dict[int, Calls] = {}  # remote calls through a file

    def read(self, c: Context, data: bytes, at: int, end: int) -> None:
        data = data[:end]
        c.protocol = "SMB"
        c.write("")
        command, status, flags, flags2 = unpack_from("<BIBH", data, at + 4)
        data[at + HEADER - 1]
        reply = bool(flags & REPLY)
        if command == NO_MORE:
            c.append("")
        else:
            kind = "Response" if reply else "Request"
            c.append(f"{named(COMMANDS, command, f'Unknown (0x{command:02x})')} {kind}")
        message = Message(data, at, at + HEADER)
        say = (ANSWERS if reply else REQUESTS).get(command)
        wordless = WORDLESS_ANSWERS if reply else WORDLESS
        if say is not None and (message.words or status or command in wordless):
            c.append(say(self, c, message) if not (reply and status) else self.failed(command, message))
        elif command == 0x32 and reply:
            c.append(self.function_answered(message))
        elif command == 0xA1 and reply:
            c.append(", <unknown>")
        self.chain(c, message, command)
        if status:
            error = nt_status(status) if flags2 & NT_STATUS else dos_error(status)
            c.append(f", Error: {error}")

    def chain(self, c: Context, message: Message, command: int) -> None:
        """Go on with the commands that ride on the first."""
        for _ in range(4):
            if command not in CHAINED or message.words < 2:
                return
            command, offset = message.get("<B", 0), message.get("<H", 2)
            if command == NO_MORE or not offset or message.start + offset <= message.at:
                return
            c.append(f"; {named(COMMANDS, command, f'Unknown (0x{command:02x})')}")
            message = Message(message.data, message.start, message.start + offset)
            say = REQUESTS.get(command)
            if say is not None and not message.data[message.start + 9] & REPLY:
                c.append(say(self, c, message))

    def failed(self, command: int, message: Message) -> str:
        self.opening.pop(message.id, None)
        if command == 0xA2:
            return ", FID: 0x0000"
        if command == 0xA0 or (command == 0x32 and message.words):
            return ANSWERS[command](self, NOWHERE, message)
        if command == 0x32:
            return self.function_answered(message)
        if command == 0x73:
            return session_answered(self, NOWHERE, message) if message.words else ""
        return self.known(message)

    def known(self, message: Message) -> str:
        """Name the file that the request of this answer was about, if it is open."""
        file = self.about.pop(message.id, None)
        return f", FID: 0x{file:04x}" if file is not None and file in self.open else ""

    def opened(self, c: Context, message: Message, file: int) -> str:
        """Give the request that has opened a file its identifier."""
        self.open.add(file)
        row = self.opening.pop(message.id, None)
        if row is not None:
            c.change(row, c.info_of(row).replace(" Request, ", f" Request, FID: 0x{file:04x}, ", 1))
        return f", FID: 0x{file:04x}"

    def asked_about(self, message: Message, file: int) -> str:
        self.about[message.id] = file
        return f", FID: 0x{file:04x}"

    def called(self, c: Context, m: Message, at: int, file: int | None) -> bool:
        """Read a remote call that goes through a file, if this is one."""
        if file is None or not begins(m.data, at):
            return False
        self.remote.setdefault(file, Calls()).read(c, m.data, at, len(m.data))
        return True

    def function_answered(self, message: Message) -> str:
        name = self.functions.pop(message.id, None)
        return f", {name}" if name else "<unknown>"


NOWHERE: Final = Context(None)
Say = Callable[[Smb1, Context, Message], str]
REQUESTS: Final[dict[int, Say]] = {}
ANSWERS: Final[dict[int, Say]] = {}
# What has something to say even in a message that has no words.
WORDLESS: Final = (0x00, 0x01, 0x02, 0x03, 0x06, 0x08, 0x0F, 0x10, 0x70, 0xA2)
WORDLESS_ANSWERS: Final = (0x04, 0x05, 0x24, 0x25, 0xA0)


def request(*commands: int) -> Callable[[Say], Say]:
    def enter(say: Say) -> Say:
        REQUESTS.update(dict.fromkeys(commands, say))
        return say

    return enter


def answer(*commands: int) -> Callable[[Say], Say]:
    def enter(say: Say) -> Say:
        ANSWERS.update(dict.fromkeys(commands, say))
        return say

    return enter


@request(0x73)
def session_asked(_: Smb1, __: Context, m: Message) -> str:
    """Log in, with NTLM's messages or with two hashed passwords."""
    if m.words != 13:
        return ntlm_words(m.data, m.bytes)
    at = m.bytes + m.get("<H", 14) + m.get("<H", 16)
    account, at = m.text(at)
    domain, _at = m.text(at)
    return f", User: {domain}\\{account}" if account or domain else ", User: anonymous"


@answer(0x73)
def session_answered(_: Smb1, __: Context, m: Message) -> str:
    return ntlm_words(m.data, m.bytes) if m.words == 4 else ""


@request(0x75)
def tree_asked(_: Smb1, __: Context, m: Message) -> str:
    return f", Path: {m.text(m.bytes + m.get('<H', 6))[0]}" if m.words >= 4 else ""


@request(0x70)
def old_tree_asked(_: Smb1, __: Context, m: Message) -> str:
    return f", Path: {m.text(m.bytes + 1)[0]}" if m.bytes < len(m.data) else ""


@request(0xA2)
def create_asked(smb: Smb1, c: Context, m: Message) -> str:
    if m.words < 24:
        return ""
    smb.opening[m.id] = c.index
    size = m.get("<H", 5)
    name = m.text(m.bytes)[0]
    return f", Path: {name[: size // 2 if m.unicode else size]}"


@answer(0xA2)
def created(smb: Smb1, c: Context, m: Message) -> str:
    return smb.opened(c, m, m.get("<H", 5)) if m.words >= 34 else ""


@request(0x2D)
def open_asked(smb: Smb1, c: Context, m: Message) -> str:
    smb.opening[m.id] = c.index
    return f", Path: {m.text(m.bytes)[0]}"


@answer(0x2D)
def opened(smb: Smb1, c: Context, m: Message) -> str:
    return smb.opened(c, m, m.get("<H", 4))


@request(0x2E)
def read_asked(smb: Smb1, _: Context, m: Message) -> str:
    file, offset, size = m.get("<H", 4), m.get("<I", 6), m.get("<H", 10)
    if m.words >= 12:
        offset |= m.get("<I", 20) << 32
    return f"{smb.asked_about(m, file)}, {size} bytes at offset {offset}"


@answer(0x2E)
def read_answered(smb: Smb1, c: Context, m: Message) -> str:
    file = smb.about.get(m.id)
    if smb.called(c, m, m.start + m.get("<H", 12), file):
        return ""
    return f"{smb.known(m)}, {m.get('<H', 10)} bytes"


@request(0x2F)
def write_asked(smb: Smb1, c: Context, m: Message) -> str:
    file, offset, size = m.get("<H", 4), m.get("<I", 6), m.get("<H", 20) | m.get("<H", 18) << 16
    if m.words >= 14:
        offset |= m.get("<I", 24) << 32
    if smb.called(c, m, m.start + m.get("<H", 22), file):
        smb.asked_about(m, file)
        return ""
    return f"{smb.asked_about(m, file)}, {size} bytes at offset {offset}"


@answer(0x2F)
def write_answered(smb: Smb1, _: Context, m: Message) -> str:
    return f"{smb.known(m)}, {m.get('<H', 4)} bytes"


@request(0x0A, 0x0B)
def old_transfer_asked(smb: Smb1, _: Context, m: Message) -> str:
    return f"{smb.asked_about(m, m.get('<H', 0))}, {m.get('<H', 2)} bytes at offset {m.get('<I', 4)}"


@request(0x04, 0x05, 0x12, 0x22, 0x23)
def file_asked(smb: Smb1, _: Context, m: Message) -> str:
    return smb.asked_about(m, m.get("<H", 0))


@request(0x24)
def lock_asked(smb: Smb1, _: Context, m: Message) -> str:
    return smb.asked_about(m, m.get("<H", 4))


@answer(0x04, 0x05, 0x24)
def file_answered(smb: Smb1, _: Context, m: Message) -> str:
    return smb.known(m)


@request(0x00, 0x01, 0x10)
def directory_asked(_: Smb1, __: Context, m: Message) -> str:
    return f", Directory: {m.text(m.bytes + 1)[0]}" if m.bytes < len(m.data) else ""


@request(0x02, 0x03, 0x06, 0x08, 0x0F)
def path_asked(_: Smb1, __: Context, m: Message) -> str:
    return f", Path: {m.text(m.bytes + 1)[0]}" if m.bytes < len(m.data) else ""


@request(0x81)
def search_asked(_: Smb1, __: Context, m: Message) -> str:
    return f", File: {m.text(m.bytes + 1)[0]}"


@request(0x07)
def rename_asked(_: Smb1, __: Context, m: Message) -> str:
    old, at = m.text(m.bytes + 1)
    return f", Old Name: {old}, New Name: {m.text(at + 1)[0]}"


@request(0x32)
def transaction2_asked(smb: Smb1, _: Context, m: Message) -> str:
    """What is asked stands in the parameters, whose place the words say."""
    if m.words < 15:
        return ""
    function = m.get("<H", 28)
    name = smb.functions[m.id] = TRANS2.get(function, f"<unknown ({function})>")
    at = m.start + m.get("<H", 20)
    data = m.data
    words = {
        0x00: lambda: f", Path: {m.text(at + 28)[0]}",
        0x01: lambda: f", Pattern: {m.text(at + 12)[0]}",
        0x02: lambda: f", Continue: {m.text(at + 12)[0]}",
        0x03: lambda: f", {system_level(unpack_from('<H', data, at)[0])}",
        0x05: lambda: f", {named(PATH_LEVELS, unpack_from('<H', data, at)[0])}, Path: {m.text(at + 6)[0]}",
        0x06: lambda: f", Path: {m.text(at + 6)[0]}",
        0x07: lambda: (
            f"{smb.asked_about(m, unpack_from('<H', data, at)[0])},"
            f" {named(PATH_LEVELS, unpack_from('<H', data, at + 2)[0])}"
        ),
        0x08: lambda: smb.asked_about(m, unpack_from("<H", data, at)[0]),
        0x0D: lambda: f", Dir: {m.text(at + 4)[0]}",
        0x10: lambda: f", File: {m.text(at + 2)[0]}",
    }.get(function)
    return f", {name}{words() if words is not None else ''}"


def system_level(level: int) -> str:
    return named(SYSTEM_LEVELS, level, f"Unknown (0x{level:02x})")


@answer(0x32)
def transaction2_answered(smb: Smb1, _: Context, m: Message) -> str:
    words = smb.known(m) + smb.function_answered(m)
    if not (m.get("<H", 6) or m.get("<H", 12)):
        words += "[transact continuation]"
    return words


@request(0xA0)
def nt_transaction_asked(smb: Smb1, _: Context, m: Message) -> str:
    if m.words < 19:
        return ""
    function, at = m.get("<H", 36), m.start + m.get("<I", 23)
    name = NT_TRANS.get(function)
    smb.functions[m.id] = name or f"<unknown ({function})>"
    words = f", {name or '<unknown>'}"
    if function == IOCTL:
        code = m.get("<I", 38)
        words += f" {FUNCTIONS[code]}" if code in FUNCTIONS else ""
    if function in (IOCTL, NOTIFY):
        return words + smb.asked_about(m, m.get("<H", 42))
    if function in DESCRIPTORS:
        return words + smb.asked_about(m, unpack_from("<H", m.data, at)[0])
    return words


@answer(0xA0)
def nt_transaction_answered(smb: Smb1, _: Context, m: Message) -> str:
    return f"{smb.known(m)}, {smb.functions.pop(m.id, '<unknown>')}"


@request(0x25)
def transaction_asked(smb: Smb1, c: Context, m: Message) -> str:
    """Write to a mailslot or call a named pipe."""
    if m.words < 14:
        return ""
    name = m.text(m.bytes)[0]
    if name.startswith("\\MAILSLOT\\"):
        mailslot(c, m.data, m.start)
    elif name == "\\PIPE\\" and m.words >= 16:
        c.protocol = smb.pipes[m.id] = "SMB Pipe"
        words = {0x26: "TransactNmPipe", 0x53: "WaitNamedPipe"}.get(m.get("<H", 28))
        file = m.get("<H", 30)
        if words == "TransactNmPipe":
            smb.about[m.id] = file
            if smb.called(c, m, m.start + m.get("<H", 24), file):
                return ""
        if words is not None:
            c.write(f"{words} Request")
            return smb.asked_about(m, file) if words == "TransactNmPipe" else ""
    elif name == "\\PIPE\\LANMAN" and m.get("<H", 18):
        (function,) = unpack_from("<H", m.data, m.start + m.get("<H", 20))
        c.protocol = "LANMAN"
        smb.pipes[m.id] = named(LANMAN, function, "Unknown Command (%u)")
        c.write(f"{smb.pipes[m.id]} Request")
    return ""


@answer(0x25)
def transaction_answered(smb: Smb1, c: Context, m: Message) -> str:
    """Answer a call of a named pipe."""
    pipe = smb.pipes.pop(m.id, None)
    if pipe is None or not m.words:
        return ""
    if pipe == "SMB Pipe":
        if smb.called(c, m, m.start + m.get("<H", 14), smb.about.get(m.id)):
            return ""
        c.protocol = pipe
        c.write("TransactNmPipe Response")
        return smb.known(m)
    c.protocol = "LANMAN"
    c.write(f"{pipe} Response")
    return ""
