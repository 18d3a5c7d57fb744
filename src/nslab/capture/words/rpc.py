"""ONC RPC (RFC 5531), the portmapper, and which call a reply belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from struct import error, unpack_from
from typing import Final

from nslab.capture.words.context import MALFORMED, Context
from nslab.capture.words.nfs import NFS2, NFS3, mount_call, mount_reply, nfs_call, nfs_reply
from nslab.capture.words.registry import TCP_GUESSES, UDP_GUESSES, over_tcp, over_udp
from nslab.capture.words.streams import MORE, Stream

CALL, REPLY = 0, 1
VERSION: Final = 2
ACCEPTED, SUCCESS = 0, 0
PORTMAP, NFS, MOUNT = 100000, 100003, 100005
PROGRAMS: Final = {
    100000: "Portmap",
    100001: "RSTAT",
    100003: "NFS",
    100004: "YPSERV",
    100005: "MOUNT",
    100011: "RQUOTA",
    100021: "NLM",
    100024: "STAT",
    100227: "NFSACL",
}
MOUNT_NAMES: Final = ("NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT")
RPCBIND: Final = ("NULL", "SET", "UNSET", "GETADDR", "DUMP", "CALLIT", "GETTIME", "UADDR2TADDR", "TADDR2UADDR")
NLM: Final = (
    "NULL", "TEST", "LOCK", "CANCEL", "UNLOCK", "GRANTED", "TEST_MSG", "LOCK_MSG", "CANCEL_MSG", "UNLOCK_MSG",
    "GRANTED_MSG", "TEST_RES", "LOCK_RES", "CANCEL_RES", "UNLOCK_RES", "GRANTED_RES",
)  # fmt: skip
YP: Final = (
    "NULL", "DOMAIN", "DOMAIN_NONACK", "MATCH", "FIRST", "NEXT", "XFR", "CLEAR", "ALL", "MASTER", "ORDER", "MAPLIST",
)  # fmt: skip
NAMES: Final = {
    (PORTMAP, 2): ("NULL", "SET", "UNSET", "GETPORT", "DUMP", "CALLIT"),
    (PORTMAP, 3): RPCBIND,
    (PORTMAP, 4): (*RPCBIND[:5], "BCAST", *RPCBIND[6:], "GETVERSADDR", "INDIRECT", "GETADDRLIST", "GETSTAT"),
    (NFS, 2): NFS2,
    (NFS, 3): NFS3,
    (NFS, 4): ("NULL", ""),
    (MOUNT, 1): (*MOUNT_NAMES, "EXPORTALL"),
    (MOUNT, 2): (*MOUNT_NAMES, "EXPORTALL", "PATHCONF"),
    (MOUNT, 3): MOUNT_NAMES,
    (100021, 1): NLM,
    (100021, 3): NLM,
    (100021, 4): NLM,
    (100024, 1): ("NULL", "STAT", "MON", "UNMON", "UNMON_ALL", "SIMU_CRASH", "NOTIFY"),
    (100001, 3): ("NULL", "STATS", "HAVEDISK"),
    (100004, 2): YP,
    (100011, 1): ("NULL", "GETQUOTA", "GETACTIVEQUOTA"),
    (100227, 3): ("NULL", "GETACL", "SETACL"),
    (100227, 2): ("NULL", "GETACL", "SETACL"),
}
GETPORT: Final = 3
TRANSPORTS: Final = {6: "TCP", 17: "UDP"}


@dataclass(slots=True)
class Asked:
    """A call that may have its reply still to come."""

    row: int
    words: str
    program: int
    version: int
    procedure: int
    accesses: int


def calls(c: Context) -> dict[tuple[bytes, int, int], Asked]:
    """Return the calls so far, by the client's address and port and their number."""
    return c.state("rpc", dict)


def say(c: Context, protocol: str, words: str) -> None:
    if c.protocol == protocol:
        c.add(words, "  ; ")
    else:
        c.protocol = protocol
        c.write(words)


def message(c: Context, data: bytes, at: int) -> bool | None:
    """Read a call or a reply; False when it is neither of a known program."""
    if len(data) < at + 12:
        return False
    number, kind = unpack_from("!II", data, at)
    if kind == CALL:
        return call(c, data, at, number)
    if kind == REPLY:
        return reply(c, data, at, number)
    return False


def call(c: Context, data: bytes, at: int, number: int) -> bool | None:
    if len(data) < at + 32:
        return False
    version, program, program_version, procedure = unpack_from("!IIII", data, at + 8)
    if version != VERSION or program not in PROGRAMS:
        return False
    body = after_credentials(data, at + 24)
    head = f"V{program_version} {name_of(program, program_version, procedure)}".rstrip() + " Call"
    try:
        words = head + call_words(program, program_version, procedure, data, body)
    except (error, IndexError):
        words = head + MALFORMED
    mask = unpack_from("!I", data, len(data) - 4)[0] if (program, program_version, procedure) == (NFS, 3, 4) else 0
    known, key = calls(c), (c.source_address, c.source_port, number)
    before = known.get(key)
    if before is not None and (before.program, before.procedure) == (program, procedure) and before.row != c.index:
        say(c, PROGRAMS[program], f"[RPC retransmission of #{before.row + 1}]{words}")
        return None
    known[key] = Asked(c.index, words, program, program_version, procedure, mask)
    say(c, PROGRAMS[program], words)
    return None


def reply(c: Context, data: bytes, at: int, number: int) -> bool | None:
    asked = calls(c).get((c.destination_address, c.destination_port, number))
    if asked is None:
        return False
    marked = asked.words.replace(" Call", f" Call (Reply In {c.number})", 1)
    if "(Reply In" not in asked.words:
        c.change(asked.row, c.info_of(asked.row).replace(asked.words, marked, 1))
        asked.words = marked
    program, version, procedure = asked.program, asked.version, asked.procedure
    words = f"V{version} {name_of(program, version, procedure)}".rstrip() + f" Reply (Call In {asked.row + 1})"
    (accepted,) = unpack_from("!I", data, at + 8)
    if accepted == ACCEPTED:
        _, size = unpack_from("!II", data, at + 12)
        body = at + 20 + (size + 3 & ~3)
        (status,) = unpack_from("!I", data, body)
        if status == SUCCESS:
            try:
                words += reply_words(asked, data, body + 4)
            except (error, IndexError):
                words += MALFORMED
    say(c, PROGRAMS[program], words)
    return None


def after_credentials(data: bytes, at: int) -> int:
    """Return where the parameters begin: behind the caller's credentials and their proof."""
    for _ in range(2):
        (size,) = unpack_from("!I", data, at + 4)
        at += 8 + (int(size) + 3 & ~3)
    return at


def name_of(program: int, version: int, procedure: int) -> str:
    names = NAMES.get((program, version), ("NULL",))
    return names[procedure] if procedure < len(names) else f"proc-{procedure}"


def call_words(program: int, version: int, procedure: int, data: bytes, at: int) -> str:
    if program == NFS:
        return nfs_call(version, procedure, data, at)
    if program == MOUNT:
        return mount_call(procedure, data, at)
    if (program, version, procedure) == (PORTMAP, 2, GETPORT) and len(data) >= at + 12:
        asked, asked_version, transport = unpack_from("!III", data, at)
        name = PROGRAMS.get(asked, "Unknown")
        return f" {name}({asked}) V:{asked_version} {TRANSPORTS.get(transport, f'Unknown({transport})')}"
    return ""


def reply_words(asked: Asked, data: bytes, at: int) -> str:
    if asked.program == NFS:
        return nfs_reply(asked.version, asked.procedure, data, at, asked.accesses)
    if asked.program == MOUNT:
        return mount_reply(asked.procedure, data, at)
    if (asked.program, asked.version, asked.procedure) == (PORTMAP, 2, GETPORT) and len(data) >= at + 4:
        (port,) = unpack_from("!I", data, at)
        return f" Port:{port}" if port else " PROGRAM_NOT_AVAILABLE"
    return ""


@over_udp(111, 2049)
def rpc(c: Context, data: bytes, at: int) -> None:
    if message(c, data, at) is False:
        c.protocol = "RPC"
        c.write("Continuation")


def rpc_anywhere(c: Context, data: bytes, at: int) -> bool | None:
    """On other ports: a call of a known program, or the reply to one."""
    kind = data[at + 4 : at + 8]
    if kind == b"\0\0\0\0":
        if data[at + 8 : at + 12] != b"\0\0\0\2":
            return False
    elif kind != b"\0\0\0\1" or "rpc" not in c.dissector.states:
        return False
    return message(c, data, at)


UDP_GUESSES.append(rpc_anywhere)


@over_tcp(111, 2049)
class RpcStream:
    """Records of fragments, each with its length and whether it is the last."""

    @staticmethod
    def recognises(data: bytes) -> bool:
        return (
            len(data) >= 28
            and data[0] & 0x80 != 0
            and data[8:12] == b"\0\0\0\0"
            and data[12:16] == b"\0\0\0\2"
            and int.from_bytes(data[16:20]) in PROGRAMS
        )

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        size = 0
        while True:
            if len(data) - at - size < 4:
                return MORE
            head = int.from_bytes(data[at + size : at + size + 4])
            size += 4 + (head & 0x7FFFFFFF)
            if head >> 31:
                return size

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        record = b""
        while at + 4 <= end:
            size = int.from_bytes(data[at : at + 4]) & 0x7FFFFFFF
            record += data[at + 4 : at + 4 + size]
            at += 4 + size
        if message(c, record, 0) is False:
            c.protocol = "RPC"
            c.write("Continuation")


TCP_GUESSES.append(RpcStream)
