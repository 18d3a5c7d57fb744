"""DCE/RPC over connections (C706, [MS-RPCE]): how two programs agree on interfaces, and what they call in them."""

from __future__ import annotations

from struct import unpack_from
from typing import Final
from uuid import UUID

from nslab.capture.words.context import Context
from nslab.capture.words.registry import TCP_GUESSES, over_tcp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream
from nslab.capture.words.values import named

HEADER: Final = 16
REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_ANSWER = 0, 2, 3, 11, 12, 13, 14, 15
TYPES: Final = {
    0: "Request",
    2: "Response",
    3: "Fault",
    11: "Bind",
    12: "Bind_ack",
    13: "Bind_nak",
    14: "Alter_context",
    15: "Alter_context_resp",
    16: "AUTH3",
    17: "Shutdown",
    18: "Co_cancel",
    19: "Orphaned",
}
FRAGMENTS: Final = ("Mid", "1st", "Last", "Single")
INTERFACES: Final = {
    "e1af8308-5d1f-11c9-91a4-08002b14a0fa": "EPMv4",
    "4b324fc8-1670-01d3-1278-5a47bf6ee188": "SRVSVC",
    "12345778-1234-abcd-ef00-0123456789ab": "LSARPC",
    "12345778-1234-abcd-ef00-0123456789ac": "SAMR",
    "12345678-1234-abcd-ef00-01234567cffb": "RPC_NETLOGON",
    "6bffd098-a112-3610-9833-46c3f87e345a": "WKSSVC",
    "367abb81-9844-35f1-ad32-98f038001003": "SVCCTL",
    "338cd001-2244-31f1-aaaa-900038001003": "WINREG",
    "e3514235-4b06-11d1-ab04-00c04fc2dcd2": "DRSUAPI",
    "12345678-1234-abcd-ef00-0123456789ab": "SPOOLSS",
    "1ff70682-0a51-30e8-076d-740be8cee98b": "ATSVC",
    "000001a0-0000-0000-c000-000000000046": "ISystemActivator",
    "99fcfec4-5260-101b-bbcb-00aa0021347a": "IOXIDResolver",
    "3919286a-b10c-11d0-9ba8-00c04fd92ef5": "DSSETUP",
    "4fc742e0-4a10-11cf-8273-00aa004ae673": "NETDFS",
    "82273fdc-e32a-18c3-3f78-827929dc23ea": "EVENTLOG",
    "afa8bd80-7d8a-11c9-bef4-08002b102989": "MGMT",
    "00000131-0000-0000-c000-000000000046": "IRemUnknown",
    "00000143-0000-0000-c000-000000000046": "IRemUnknown2",
    "86d35949-83c9-4044-b424-db363231fd0c": "TaskSchedulerService",
    "6bffd098-a112-3610-9833-012892020162": "RPC_BROWSER",
}
SYNTAXES: Final = {
    "8a885d04-1ceb-11c9-9fe8-08002b104860": "32bit NDR",
    "71710533-beba-4937-8319-b5dbef9ccc36": "64bit NDR",
}
RESULTS: Final = {0: "Acceptance", 1: "User rejection", 2: "Provider rejection", 3: "Negotiate ACK"}
REJECTIONS: Final = {4: "Protocol version not supported"}
FAULTS: Final = {0x1C010002: "nca_op_rng_error", 5: "nca_s_fault_access_denied"}
MAPPER: Final = "EPMv4"
MAP: Final = 3
MAPPER_CALLS: Final = {
    0: "Insert",
    1: "Delete",
    2: "Lookup",
    3: "Map",
    4: "LookupHandleFree",
    5: "InqObject",
    6: "MgmtDelete",
}


def identifier(data: bytes, at: int) -> str:
    """Return the universally unique identifier that lies here."""
    data[at + 15]
    return str(UUID(bytes_le=data[at : at + 16]))


def interface(data: bytes, at: int) -> str:
    number = identifier(data, at)
    return INTERFACES.get(number, number)


class Calls:
    """What one connection has agreed on: interfaces by their context, and which of them a call is about."""

    def __init__(self) -> None:
        self.contexts: dict[int, tuple[str, int]] = {}
        self.calls: dict[int, int] = {}  # operation by the call's number

    def read(self, c: Context, data: bytes, at: int, end: int) -> None:
        """Read one message."""
        data = data[:end]
        kind, flags, number = unpack_from("<2xBB8xI", data, at)
        c.protocol = "DCERPC"
        words = f"{named(TYPES, kind, 'Unknown')}: call_id: {number}, Fragment: {FRAGMENTS[flags & 3]}"
        c.write(words)
        body = at + HEADER
        if c.missing > 0 and at + int(unpack_from("<H", data, at + 8)[0]) > len(data):
            c.say_short()
            return
        if kind in (BIND, ALTER):
            c.append(self._offered(data, body))
        elif kind in (BIND_ACK, ALTER_ANSWER):
            c.append(self._accepted(data, body))
        elif kind == BIND_NAK:
            c.append(f" reason: {named(REJECTIONS, unpack_from('<H', data, body)[0])}")
        elif kind == REQUEST:
            context, operation = unpack_from("<HH", data, body + 4)
            self.calls[number] = operation
            c.append(f", opnum: {operation}, Ctx: {context}")
            self._about(c, context, operation, "request", whole=flags & 3 == 3)
            if c.protocol == "EPM" and operation == MAP:
                c.append(towers_asked(data, body + 8))
        elif kind in (RESPONSE, FAULT):
            (context,) = unpack_from("<H", data, body + 4)
            c.append(f", Ctx: {context}")
            if kind == FAULT:
                status = unpack_from("<I", data, body + 8)[0]
                c.append(f", status: {FAULTS.get(status, f'Unknown (0x{status:08x})')}")
            else:
                operation = self.calls.get(number, -1)
                self._about(c, context, operation, "response", whole=flags & 3 == 3)
                if c.protocol == "EPM" and operation == MAP:
                    c.append(towers_answered(data, body + 8))

    def _about(self, c: Context, context: int, operation: int, what: str, *, whole: bool) -> None:
        """Name the interface of a call, and the call itself where it is known."""
        known = self.contexts.get(context)
        if known is None or not whole:
            return
        name, version = known
        if name == MAPPER and operation >= 0:
            c.protocol = "EPM"
            c.write(f"{named(MAPPER_CALLS, operation, 'Unknown operation %u')} {what}")
        else:
            c.append(f" {name} V{version}")

    def _offered(self, data: bytes, at: int) -> str:
        count = data[at + 8]
        at += 12
        items = []
        for _ in range(count):
            context, syntaxes = unpack_from("<HB", data, at)
            name = interface(data, at + 4)
            major, minor = unpack_from("<HH", data, at + 20)
            self.contexts[context] = (name, major)
            at += 24
            for _ in range(syntaxes):
                syntax = identifier(data, at)
                items.append(f"{name} V{major}.{minor} ({SYNTAXES.get(syntax, syntax)})")
                at += 20
        return f", {count} context items: {', '.join(items)}"

    def _accepted(self, data: bytes, at: int) -> str:
        sends, receives, size = unpack_from("<HH4xH", data, at)
        at += 10 + size
        at += -(10 + size) % 4  # the address before it is filled up
        count = data[at]
        at += 4
        results = [named(RESULTS, unpack_from("<H", data, at + 24 * n)[0]) for n in range(count)]
        return f", max_xmit: {sends} max_recv: {receives}, {count} results: {', '.join(results)}"


def tower(data: bytes, at: int) -> str:
    """Return the words of a protocol tower: the interface and the transfer syntax on its first two floors."""
    words = ""
    at += 2
    for _ in range(2):
        (size,) = unpack_from("<H", data, at)
        number = identifier(data, at + 3)
        name = INTERFACES.get(number) or SYNTAXES.get(number)
        words += f", {name}" if name else ""
        at += 2 + size
        at += 2 + int(unpack_from("<H", data, at)[0])
    return words


def towers_asked(data: bytes, at: int) -> str:
    """Behind the object, which may be missing, is one tower."""
    at += 20 if unpack_from("<I", data, at)[0] else 4
    return tower(data, at + 12) if unpack_from("<I", data, at)[0] else ""


def towers_answered(data: bytes, at: int) -> str:
    """Behind a handle is an array of pointers to towers."""
    words = ""
    (count,) = unpack_from("<I", data, at + 32)
    place = at + 36 + 4 * count
    for _ in range(count):
        (size,) = unpack_from("<I", data, place)
        words += tower(data, place + 8)
        place += 8 + size
        place += (at - place) % 4
    return words


def begins(data: bytes | bytearray, at: int) -> bool:
    """Say if a message may begin here, in the byte order of Intel's machines."""
    return (
        len(data) - at >= HEADER
        and data[at] == 5
        and data[at + 1] <= 1
        and data[at + 2] in TYPES
        and data[at + 4] == 0x10
        and not data[at + 5]
        and int.from_bytes(data[at + 8 : at + 10], "little") >= HEADER
    )


@over_tcp(135)
class DcerpcStream:
    def __init__(self) -> None:
        self.calls = Calls()

    @staticmethod
    def recognises(data: bytes) -> bool:
        return begins(data, 0)

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER:
            return MORE if data[at] == 5 else NOT_MINE
        return int.from_bytes(data[at + 8 : at + 10], "little") if begins(data, at) else NOT_MINE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        self.calls.read(c, data, at, end)


TCP_GUESSES.append(DcerpcStream)
