"""NFS, versions 2 and 3 (RFC 1094, 1813), and MOUNT: what a call is about and what came of it."""

from __future__ import annotations

from struct import unpack_from
from typing import Final
from zlib import crc32

from nslab.capture.words.printable import printable

NULL: Final = 0
NFS3: Final = (
    "NULL", "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK",
    "MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO", "PATHCONF", "COMMIT",
)  # fmt: skip
NFS2: Final = (
    "NULL", "GETATTR", "SETATTR", "ROOT", "LOOKUP", "READLINK", "READ", "WRITECACHE", "WRITE", "CREATE", "REMOVE",
    "RENAME", "LINK", "SYMLINK", "MKDIR", "RMDIR", "READDIR", "STATFS",
)  # fmt: skip
ERRORS: Final = {
    1: "PERM",
    2: "NOENT",
    5: "IO",
    6: "NXIO",
    13: "ACCES",
    17: "EXIST",
    18: "XDEV",
    19: "NODEV",
    20: "NOTDIR",
    21: "ISDIR",
    22: "INVAL",
    27: "FBIG",
    28: "NOSPC",
    30: "ROFS",
    31: "MLINK",
    63: "NAMETOOLONG",
    66: "NOTEMPTY",
    69: "DQUOT",
    70: "STALE",
    71: "REMOTE",
    10001: "BADHANDLE",
    10002: "NOT_SYNC",
    10003: "BAD_COOKIE",
    10004: "NOTSUPP",
    10005: "TOOSMALL",
    10006: "SERVERFAULT",
    10007: "BADTYPE",
    10008: "JUKEBOX",
}
KINDS: Final = {
    1: "Regular File",
    2: "Directory",
    3: "Block Special Device",
    4: "Character Special Device",
    5: "Symbolic Link",
    6: "Socket",
    7: "Named Pipe",
}
STABLE: Final = {0: "UNSTABLE", 1: "DATA_SYNC", 2: "FILE_SYNC"}
CREATE_MODES: Final = {0: "UNCHECKED", 1: "GUARDED", 2: "EXCLUSIVE"}
ACCESSES: Final = ((1, "RD"), (2, "LU"), (4, "MD"), (8, "XT"), (16, "DL"), (32, "XE"))
ATTRIBUTES: Final = 84  # bytes of a file's attributes in version 3
MOUNT_ERRORS: Final = {1: "PERM", 2: "NOENT", 5: "IO", 13: "ACCESS", 20: "NOTDIR", 22: "INVAL", 63: "NAMETOOLONG"}


def text(data: bytes, at: int) -> tuple[str, int]:
    """Return a counted text and where what follows it begins."""
    (size,) = unpack_from("!I", data, at)
    name = printable(data[at + 4 : at + 4 + size]) if size else "<EMPTY>"
    return name, at + 4 + (int(size) + 3 & ~3)


def handle(data: bytes, at: int, version: int = 3) -> tuple[str, int]:
    """Return a file handle's check sum, by which tables name it, and where what follows it begins."""
    if version == 2:
        data[at + 31]
        return f"0x{crc32(data[at : at + 32]):08x}", at + 32
    (size,) = unpack_from("!I", data, at)
    return f"0x{crc32(data[at + 4 : at + 4 + size]):08x}", at + 4 + (int(size) + 3 & ~3)


def accesses(mask: int) -> str:
    return " ".join(name for bit, name in ACCESSES if mask & bit)


def nfs_call(version: int, procedure: int, data: bytes, at: int) -> str:
    """Return the words behind `V3 LOOKUP Call`."""
    if version == 2:
        return nfs2_call(procedure, data, at)
    if version != 3 or procedure == NULL or procedure >= len(NFS3):
        return ""
    file, at = handle(data, at)
    name = NFS3[procedure]
    if name in ("LOOKUP", "REMOVE", "RMDIR", "MKDIR"):
        return f", DH: {file}/{text(data, at)[0]}"
    if name in CALLS:
        return f", {CALLS[name](file, data, at)}"
    return f", FH: {file}"


def _access(file: str, data: bytes, at: int) -> str:
    return f"FH: {file}, [Check: {accesses(unpack_from('!I', data, at)[0])}]"


def _read(file: str, data: bytes, at: int) -> str:
    offset, size = unpack_from("!QI", data, at)
    return f"FH: {file} Offset: {offset} Len: {size}"


def _write(file: str, data: bytes, at: int) -> str:
    offset, size, stable = unpack_from("!QII", data, at)
    return f"FH: {file} Offset: {offset} Len: {size} {STABLE.get(stable, 'Unknown')}"


def _create(file: str, data: bytes, at: int) -> str:
    name, at = text(data, at)
    mode = unpack_from("!I", data, at)[0]
    return f"DH: {file}/{name} Mode: {CREATE_MODES.get(mode, 'Unknown')}"


def _symlink(file: str, data: bytes, at: int) -> str:
    name, at = text(data, at)
    return f"From DH: {file}/{name} To {text(data, set_attributes(data, at))[0]}"


def _mknod(file: str, data: bytes, at: int) -> str:
    name, at = text(data, at)
    return f"FH: {file}/{name} {KINDS.get(unpack_from('!I', data, at)[0], 'Unknown')}"


def _rename(file: str, data: bytes, at: int) -> str:
    name, at = text(data, at)
    target, at = handle(data, at)
    return f"From DH: {file}/{name} To DH: {target}/{text(data, at)[0]}"


def _link(file: str, data: bytes, at: int) -> str:
    target, at = handle(data, at)
    return f"From DH: {file} To DH: {target}/{text(data, at)[0]}"


CALLS: Final = {
    "ACCESS": _access,
    "READ": _read,
    "WRITE": _write,
    "CREATE": _create,
    "SYMLINK": _symlink,
    "MKNOD": _mknod,
    "RENAME": _rename,
    "LINK": _link,
}


def set_attributes(data: bytes, at: int) -> int:
    """Return where the attributes that are to be set end: each is preceded by whether it is there."""
    for size in (4, 4, 4, 8):
        at += 4 + (size if unpack_from("!I", data, at)[0] else 0)
    for _ in range(2):  # times: 2 means that the client gives one
        at += 4 + (8 if unpack_from("!I", data, at)[0] == 2 else 0)
    return at


def nfs2_call(procedure: int, data: bytes, at: int) -> str:
    name = NFS2[procedure] if procedure < len(NFS2) else "NULL"
    if name in ("NULL", "ROOT", "WRITECACHE"):
        return ""
    file, at = handle(data, at, 2)
    if name in ("LOOKUP", "CREATE", "REMOVE", "MKDIR", "RMDIR"):
        return f", DH: {file}/{text(data, at)[0]}"
    if name in ("READ", "WRITE"):
        one, two, three = unpack_from("!III", data, at)
        names = ("Offset", "Count") if name == "READ" else ("BeginOffset", "Offset")
        return f", FH: {file} {names[0]}: {one} {names[1]}: {two} TotalCount: {three}"
    if name in ("RENAME", "LINK", "SYMLINK"):
        return f", {nfs2_two_names(name, file, data, at)}"
    return f", FH: {file}"


def nfs2_two_names(name: str, file: str, data: bytes, at: int) -> str:
    old = ""
    if name != "LINK":
        old, at = text(data, at)
        old = f"/{old}"
    if name == "SYMLINK":
        return f"From DH: {file}{old} To {text(data, at)[0]}"
    target, at = handle(data, at, 2)
    return f"From DH: {file}{old} To DH: {target}/{text(data, at)[0]}"


def optional_attributes(data: bytes, at: int) -> int:
    return at + 4 + (ATTRIBUTES if unpack_from("!I", data, at)[0] else 0)


def nfs_reply(version: int, procedure: int, data: bytes, at: int, asked: int) -> str:
    """Return the words behind `V3 LOOKUP Reply (Call In 5)`; `asked` are the accesses that the call was about."""
    names = NFS2 if version == 2 else NFS3
    if version not in (2, 3) or procedure >= len(names) or names[procedure] in ("NULL", "ROOT", "WRITECACHE"):
        return ""
    (status,) = unpack_from("!I", data, at)
    at += 4
    if status:
        name = ERRORS.get(status)
        return f" Error: NFS{version}ERR_{name}" if name else f" Error: Unknown error: {status}"
    if version == 2:
        return nfs2_reply(names[procedure], data, at)
    reply = REPLIES.get(names[procedure])
    return reply(data, at, asked) if reply is not None else ""


def _attributes(data: bytes, at: int, _: int = 0) -> str:
    kind, mode, _links, user, group = unpack_from("!IIIII", data, at)
    return f"  {KINDS.get(kind, 'Unknown')} mode: {mode & 0o7777:04o} uid: {user} gid: {group}"


def _found(data: bytes, at: int, _: int) -> str:
    return f", FH: {handle(data, at)[0]}"


def _made(data: bytes, at: int, _: int) -> str:
    return f", FH: {handle(data, at + 4)[0]}" if unpack_from("!I", data, at)[0] else ""


def _accessible(data: bytes, at: int, asked: int) -> str:
    granted = unpack_from("!I", data, optional_attributes(data, at))[0]
    denied, allowed = accesses(asked & ~granted), accesses(asked & granted)
    words = f", [Access Denied: {denied}]" if denied else ""
    return words + (f", [Allowed: {allowed}]" if allowed else "")


def _linked(data: bytes, at: int, _: int) -> str:
    return f" Path: {text(data, optional_attributes(data, at))[0]}"


def _was_read(data: bytes, at: int, _: int) -> str:
    return f" Len: {unpack_from('!I', data, optional_attributes(data, at))[0]}"


def _was_written(data: bytes, at: int, _: int) -> str:
    at += 4 + (24 if unpack_from("!I", data, at)[0] else 0)
    size, stable = unpack_from("!II", data, optional_attributes(data, at))
    return f" Len: {size} {STABLE.get(stable, 'Unknown')}"


REPLIES: Final = {
    "GETATTR": _attributes,
    "LOOKUP": _found,
    "ACCESS": _accessible,
    "READLINK": _linked,
    "READ": _was_read,
    "WRITE": _was_written,
    "CREATE": _made,
    "MKDIR": _made,
    "SYMLINK": _made,
    "MKNOD": _made,
}


def nfs2_reply(name: str, data: bytes, at: int) -> str:
    if name in ("LOOKUP", "CREATE", "MKDIR"):
        return f", FH: {handle(data, at, 2)[0]}"
    if name == "READLINK":
        return f" Path: {text(data, at)[0]}"
    return ""


def mount_call(procedure: int, data: bytes, at: int) -> str:
    return f" {text(data, at)[0]}" if procedure in (1, 3) else ""


def mount_reply(procedure: int, data: bytes, at: int) -> str:
    if procedure != 1:
        return ""
    (status,) = unpack_from("!I", data, at)
    return f" Error:ERR_{MOUNT_ERRORS.get(status, status)}" if status else ""
