"""ISO's transport over TCP (RFC 1006, ISO 8073); in it, the S7 protocol of Siemens' controllers, and remote desktops.

A remote desktop (MS-RDPBCGR) agrees on TLS in the first two units, and what follows is no transport unit any more.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream
from nslab.capture.words.values import named

DESKTOP: Final = 3389  # a port
HEADER: Final = 4
VERSION: Final = 3
DATA: Final = 0xF0
CONNECTING: Final = {0xE0: "CR", 0xD0: "CC", 0x80: "DR"}
REQUEST: Final = 0xE0
SILENT: Final = (7,)  # an error unit, by the upper half of its code
LAST: Final = 0x80
CONNECTING_HEADER: Final = 7
COOKIE: Final = b"Cookie: "
NEGOTIATION: Final = {1: "Request", 2: "Response", 3: "Failure"}
FAILED: Final = 3
NEGOTIATION_SIZE: Final = 8
FAILURES: Final = {
    1: "TLS required by server",
    2: "TLS not allowed by server",
    3: "TLS certificate not on server",
    4: "Inconsistent flags",
    5: "Server requires Enhanced RDP Security with CredSSP",
    6: "Server requires Enhanced RDP Security with TLS and certificate-based client authentication",
}
# T.125's units in its packed encoding: a number in the upper six bits.
UNITS: Final = {
    1: "erectDomainRequest",
    8: "disconnectProviderUltimatum",
    10: "attachUserRequest",
    11: "attachUserConfirm",
    14: "channelJoinRequest",
    15: "channelJoinConfirm",
}
JOINING: Final = (14, 15)
S7: Final = 0x32
KINDS: Final = {1: "Job     ", 2: "Ack     ", 3: "Ack_Data", 7: "Userdata"}
JOB, ACK, ACK_DATA, USER_DATA = 1, 2, 3, 7
WAYS: Final = {0: "Push", 4: "Request", 8: "Response"}
GROUPS: Final = {
    1: "Programmer commands",
    2: "Cyclic services",
    3: "Block functions",
    4: "CPU functions",
    5: "Security",
    6: "PBC BSEND/BRECV",
    7: "Time functions",
}
SERVICES: Final = {
    (1, 1): "Block status",
    (1, 2): "Variable status",
    (1, 3): "Output ISTACK",
    (2, 1): "Cyclic transfer",
    (3, 1): "List blocks",
    (3, 2): "List blocks of type",
    (3, 3): "Get block info",
    (4, 1): "Read SZL",
    (4, 2): "Message service",
    (4, 3): "Diagnostic message",
    (5, 1): "PLC password",
    (7, 1): "Read clock",
    (7, 2): "Set clock",
    (7, 3): "Read clock (following)",
}
WITHOUT_SERVICES: Final = 6
STATE_LIST: Final = (4, 1)
BLOCKS_OF_TYPE, BLOCK_INFO, ASKED = (3, 2), (3, 3), 4
BLOCKS: Final = {
    b"08": "OB",
    b"0A": "DB",
    b"0B": "SDB",
    b"0C": "FC",
    b"0D": "SFC",
    b"0E": "FB",
    b"0F": "SFB",
}
ON_BLOCKS: Final = (0x1A, 0x1B, 0x1C, 0x1D)
BLOCK_NAME: Final = slice(10, 17)  # of the parameters: kind and number
SERVICE, SERVICE_HEADER = 0x28, 10
WITH_BLOCKS: Final = ("_INSE", "_DELE")
GOOD: Final = 0xFF
FUNCTIONS: Final = {
    0x04: "Read Var",
    0x05: "Write Var",
    0x1A: "Request download",
    0x1B: "Download block",
    0x1C: "Download ended",
    0x1D: "Start upload",
    0x1E: "Upload",
    0x1F: "End upload",
    0x28: "PI-Service",
    0x29: "PLC Stop",
    0xF0: "Setup communication",
}


@over_tcp(102, DESKTOP)
class IsoStream:
    """Version, length; then a transport unit."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if data[at] != VERSION:
            return len(data) - at
        if len(data) - at < HEADER:
            return MORE
        return max(HEADER, int.from_bytes(data[at + 2 : at + 4]))

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "TPKT"
        if data[at] != VERSION:
            c.write("Continuation")
            return
        c.write("")
        transport(c, data[:end], at + HEADER)


def transport(c: Context, data: bytes, at: int) -> None:
    size, code = unpack_from("!BB", data, at)
    if code in CONNECTING:
        destination, source = unpack_from("!HH", data, at + 2)
        c.protocol = "COTP"
        c.write(f"{CONNECTING[code]} TPDU src-ref: 0x{source:04x} dst-ref: 0x{destination:04x}")
        desktop(c, data[: at + 1 + size], at + CONNECTING_HEADER, is_request=code == REQUEST)
    elif code == DATA:
        number = data[at + 2]
        at += 1 + size
        c.protocol = "COTP"
        if not number & LAST:
            c.write(f"DT TPDU ({number}) [COTP fragment, {len(data) - at} bytes]")
            return
        c.write(f"DT TPDU ({number & 0x7F}) EOT")
        if data[at : at + 1] == bytes((S7,)) and len(data) >= at + 10:
            s7(c, data, at)
        elif DESKTOP in (c.source_port, c.destination_port):
            multipoint(c, data, at)
    elif code >> 4 not in SILENT:
        c.write(f"Unknown TPDU type (0x{code >> 4:x})")


def desktop(c: Context, data: bytes, at: int, *, is_request: bool) -> None:
    """What a remote desktop's client and server offer each other, behind the header of a unit that connects."""
    said = []
    if is_request and data.startswith(COOKIE, at):
        end = data.find(b"\r\n", at)
        if end < 0:
            return
        said.append(printable(data[at:end]))
        at = end + 2
    kind = data[at] if len(data) - at >= NEGOTIATION_SIZE else 0
    if kind in NEGOTIATION and data[at + 2 : at + 4] == b"\x08\0" and is_request == (kind == 1):
        said.append(f"Negotiate {NEGOTIATION[kind]}")
        if kind == FAILED:
            (code,) = unpack_from("<I", data, at + 4)
            said.append(f"failureCode {FAILURES.get(code) or f'Unknown (0x{code:08x})'}")
    if said:
        c.protocol = "RDP"
        c.write(", ".join(said))


def multipoint(c: Context, data: bytes, at: int) -> None:
    """T.125: who joins which channel."""
    number = data[at] >> 2
    if number not in UNITS:
        return
    c.protocol = "T.125"
    c.write(UNITS[number])
    if number in JOINING:
        (channel,) = unpack_from("!H", data, at + (3 if number == JOINING[0] else 4))
        c.append(f" {channel}")


def s7(c: Context, data: bytes, at: int) -> None:
    kind, _, _, parameters, _ = unpack_from("!xBHHHH", data, at)
    c.protocol = "S7COMM"
    c.write(f"ROSCTR:[{named(KINDS, kind, 'Unknown: 0x%x')}]")
    is_answer = kind in (ACK, ACK_DATA)
    error = int.from_bytes(data[at + 10 : at + 12]) if is_answer else 0
    at += 12 if is_answer else 10
    if parameters and kind == USER_DATA:
        error = user_data(c, data, at, at + parameters)
    elif parameters and kind in (JOB, ACK_DATA):
        function = data[at]
        c.append(f" Function:[{named(FUNCTIONS, function, f'Unknown function: 0x{function:02x}')}]")
        if kind == JOB:
            c.append(subject(function, data[at : at + parameters]))
    if error:
        c.append(f" -> Errorcode:[0x{error:04x}]")


def subject(function: int, parameters: bytes) -> str:
    """Say which block a job is about, or which service of the controller is to be started."""
    if function in ON_BLOCKS and len(parameters) >= BLOCK_NAME.stop:
        name = parameters[BLOCK_NAME]
        return f" -> Block:[{block(name[:2])}{digits(name[2:7])}]"
    if function != SERVICE or len(parameters) < SERVICE_HEADER:
        return ""
    end = SERVICE_HEADER + int.from_bytes(parameters[8:SERVICE_HEADER])
    argument = parameters[SERVICE_HEADER:end]
    service = printable(parameters[end + 1 : end + 1 + parameters[end]]) if len(parameters) > end else ""
    if service in WITH_BLOCKS and len(argument) == 10 and argument[0] == 1:
        return f" -> {service}({block(argument[2:4])}{digits(argument[4:9])})"
    if service in WITH_BLOCKS and argument:
        return f" -> {service}()"
    quoted = f'"{printable(argument)}"' if argument else ""
    return f" -> {service}({quoted})"


def block(kind: bytes) -> str:
    return BLOCKS.get(kind, "Unknown")


def digits(number: bytes) -> str:
    return str(int(number)) if number.isdigit() else ""


def user_data(c: Context, data: bytes, at: int, end: int) -> int:
    """Say what programmers and panels ask a controller for; return the error that it answers."""
    way, group, service = data[at + 5] >> 4, data[at + 5] & 15, data[at + 6]
    c.append(
        f" Function:[{named(WAYS, way, 'Unknown')}] -> [{named(GROUPS, group, f'Unknown function: 0x{group:02x}')}]"
    )
    if group == WITHOUT_SERVICES:
        return 0
    c.append(f" -> [{SERVICES.get((group, service), f'Unknown subfunc: 0x{service:02x}')}]")
    is_good = len(data) > end and data[end] == GOOD
    if (group, service) == STATE_LIST and len(data) >= end + 8 and is_good:
        number, index = unpack_from("!HH", data, end + 4)
        c.append(f" ID=0x{number:04x} Index=0x{index:04x}")
    elif (group, service) == BLOCKS_OF_TYPE and way == ASKED and is_good:
        c.append(f" Type:[{block(data[end + 4 : end + 6])}]")
    elif (group, service) == BLOCK_INFO and way == ASKED and is_good:
        c.append(f" -> Block:[{block(data[end + 4 : end + 6])} {digits(data[end + 6 : end + 11])}]")
    return int.from_bytes(data[at + 10 : at + 12]) if end >= at + 12 else 0
