"""DNS (RFC 1035), over UDP and TCP; multicast DNS (RFC 6762) and LLMNR (RFC 4795)."""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET6, inet_ntop
from struct import Struct
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import UDP_GUESSES, over_tcp, over_udp
from nslab.capture.words.streams import MORE, Stream

OPCODES: Final = {
    0: "Standard query",
    1: "Inverse query",
    2: "Server status request",
    4: "Zone change notification",
    5: "Dynamic update",
    6: "DNS Stateful operations (DSO)",
}
CODES: Final = (
    "",
    "Format error",
    "Server failure",
    "No such name",
    "Not implemented",
    "Refused",
    "Name exists",
    "RRset exists",
    "RRset does not exist",
    "Not authoritative",
    "Name out of zone",
    "DSO-Type not implemented",
)
# The registry of resource record types at IANA; the last ones are private.
FIRST_TYPES: Final = (
    "Unused A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR "
    "SIG KEY PX GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK OPT APL DS SSHFP IPSECKEY "
    "RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA"
)
TYPES: Final = dict(enumerate(FIRST_TYPES.split(" "))) | {
    55: "HIP", 57: "RKEY", 58: "TALINK", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD",
    64: "SVCB", 65: "HTTPS", 99: "SPF", 100: "UINFO", 101: "UID", 102: "GID", 103: "UNSPEC", 104: "NID", 105: "L32",
    106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILA",
    254: "MAILB", 255: "ANY", 256: "URI", 257: "CAA", 32768: "TA", 32769: "DLV", 65281: "WINS", 65282: "WINS-R",
    65422: "XPF",
}  # fmt: skip
LONGEST: Final = 255
BIT_STRING: Final = 0x41  # a label that was given up (RFC 6891, 5)
SHORTEST, FEW = 13, 20
_SHORT: Final = Struct("!H").unpack_from
_SHORTS2: Final = Struct("!HH").unpack_from
_SHORTS3: Final = Struct("!HHH").unpack_from
_HEADER: Final = Struct("!HHHHHH").unpack_from
_COUNTS: Final = Struct("!HHHH").unpack_from
_RECORD: Final = Struct("!HHIH").unpack_from

Names = dict[int, str]  # of this message, by the offset that a pointer has


@over_udp(53)
def dns(c: Context, data: bytes, at: int) -> bool | None:
    """Read a message that is alone in its packet."""
    c.protocol = "DNS"
    _message(c, data, at, multicast=False)
    return None


@over_udp(5353)
def mdns(c: Context, data: bytes, at: int) -> bool | None:
    """Multicast DNS: the highest bit of a class has a meaning of its own."""
    c.protocol = "MDNS"
    _message(c, data, at, multicast=True)
    return None


@over_udp(5355)
def llmnr(c: Context, data: bytes, at: int) -> bool | None:
    """Link-local multicast name resolution."""
    c.protocol = "LLMNR"
    _message(c, data, at, multicast=False)
    return None


def looks_like_dns(c: Context, data: bytes, at: int) -> bool | None:
    """Read a message on any port, when its numbers are those of a plain query or of a response."""
    if len(data) - at < SHORTEST:
        return False
    _, flags, questions, answers, authorities, more = _HEADER(data, at)
    is_response, opcode = flags >> 15, flags >> 11 & 15
    if opcode or questions > 1 or max(answers, authorities, more) > FEW:
        return False
    if not is_response and (questions != 1 or answers or authorities):
        return False
    if not questions + answers + authorities + more:
        return False
    return dns(c, data, at)


UDP_GUESSES.append(looks_like_dns)


def doh(c: Context, data: bytes, at: int) -> None:
    """A message that HTTP carries (RFC 8484)."""
    c.protocol = "DoH"
    _message(c, data, at, multicast=False)


@over_tcp(53, 5353)
class DnsStream:
    """DNS over TCP (RFC 1035, 4.2.2): two bytes of length before each message."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        return 2 + (data[at] << 8 | data[at + 1]) if len(data) - at >= 2 else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        dns(c, data[:end], at + 2)


def _message(c: Context, data: bytes, at: int, *, multicast: bool) -> None:
    c.write("")
    identity, flags = _SHORTS2(data, at)
    words = [_opening(flags, identity)]
    names: Names = {}
    try:
        questions, answers, authorities, more = _COUNTS(data, at + 4)
        origin, at = at, at + 12
        for _ in range(questions):
            name, at = read_name(data, at, origin, names)
            kind, group = _SHORTS2(data, at)
            at += 4
            words.append(f" {TYPES.get(kind) or f'Unknown ({kind})'} {name}")
            if multicast:
                words.append(', "QU" question' if group & 0x8000 else ', "QM" question')
        for _ in range(answers + authorities + more):
            at = _record(data, at, origin, names, words, multicast=multicast)
    finally:
        c.write("".join(words))


def _opening(flags: int, identity: int) -> str:
    """Return `Standard query response 0x1234 No such name`."""
    opcode = flags >> 11 & 15
    kind = OPCODES.get(opcode) or f"Unknown operation ({opcode})"
    if not flags & 0x8000:
        return f"{kind} 0x{identity:04x}"
    code = flags & 15
    error = (CODES[code] if code < len(CODES) else f"Unknown error ({code})") if code else ""
    return f"{kind} response 0x{identity:04x}{error and ' ' + error}"


def _record(data: bytes, at: int, origin: int, names: Names, words: list[str], *, multicast: bool) -> int:
    """Read a resource record, add its words and return where it ends."""
    # Most owners are a pointer to a name that has been read.
    known = names.get((data[at] & 0x3F) << 8 | data[at + 1]) if data[at] >= 0xC0 else None
    owner, at = read_name(data, at, origin, names) if known is None else (known, at + 2)
    kind, group, _, size = _RECORD(data, at)
    at += 10
    words.append(f" {TYPES.get(kind) or f'Unknown ({kind})'}")
    if multicast and group & 0x8000 and kind != OPT:
        words.append(", cache flush")
    if size:
        if kind == A:
            words.append(f" {data[at]}.{data[at + 1]}.{data[at + 2]}.{data[at + 3]}")
        elif (read := CONTENTS.get(kind)) is not None:
            words.append(" " + read(data, at, size, origin, names))
        elif kind in OWNER_SHOWN:
            words.append(f" {owner}")
        elif (check := CHECKED.get(kind)) is not None:
            check(data, at, at + size)
        elif at + size > len(data):
            raise IndexError
    end: int = at + size
    return end


def read_name(data: bytes, at: int, origin: int, names: Names) -> tuple[str, int]:
    """Return a name and where it ends; pointers in it count from `origin`."""
    labels: list[str] = []
    starts: list[int] = []
    end = size = jumps = 0
    while length := data[at]:
        if length < 0x40:
            starts.append(at - origin)
            at += 1
            label = data[at : at + length]
            if len(label) < length:
                raise IndexError
            size += length + 1
            labels.append(printable(label))
            at += length
        elif length >= 0xC0:
            target = (length & 0x3F) << 8 | data[at + 1]
            end = end or at + 2
            known = names.get(target)
            if known is not None:
                labels.append(known)
                break
            jumps += 1
            if jumps > len(data):
                return "<Name contains a pointer that loops>", end
            at = origin + target
        elif length < 0x80 and length != BIT_STRING:
            return "<Unknown extended label>", end or at + 1
        else:
            raise Malformed
        if size > LONGEST:
            return "<Name too long>", end or _name_end(data, at)
    name = ".".join(labels) or "<Root>"
    if starts:
        names[starts[0]] = name
    return name, end or at + 1


def _name_end(data: bytes, at: int) -> int:
    while length := data[at]:
        if length >= 0xC0:
            return at + 2
        at += length + 1
    return at + 1


def _string(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    if end > len(data):
        raise IndexError
    return printable(data[at + 1 : end]), end


def _name(data: bytes, at: int, _size: int, origin: int, names: Names) -> str:
    return read_name(data, at, origin, names)[0]


def _preferred(data: bytes, at: int, _size: int, origin: int, names: Names) -> str:
    return f"{_SHORT(data, at)[0]} {read_name(data, at + 2, origin, names)[0]}"


def _service(data: bytes, at: int, _size: int, origin: int, names: Names) -> str:
    priority, weight, port = _SHORTS3(data, at)
    return f"{priority} {weight} {port} {read_name(data, at + 6, origin, names)[0]}"


def _ipv6(data: bytes, at: int, _size: int, _origin: int, _names: Names) -> str:
    address = data[at : at + 16]
    if len(address) < 16:
        raise IndexError
    return inet_ntop(AF_INET6, address)


def _ipv4(data: bytes, at: int, _size: int, _origin: int, _names: Names) -> str:
    return f"{data[at]}.{data[at + 1]}.{data[at + 2]}.{data[at + 3]}"


def _machine(data: bytes, at: int, _size: int, _origin: int, _names: Names) -> str:
    processor, at = _string(data, at)
    return f"{processor} {_string(data, at)[0]}"


def _authority(data: bytes, at: int, _size: int, _origin: int, _names: Names) -> str:
    order, preference = _SHORTS2(data, at)
    return f"{order} {preference} {_string(data, at + 4)[0]}"


def _part_of_ipv6(data: bytes, at: int, _size: int, origin: int, names: Names) -> str:
    """A6 (RFC 2874): the length of a prefix, the rest of the address, and where the prefix is to be found."""
    prefix = data[at]
    kept = 16 - prefix // 8
    suffix = data[at + 1 : at + 1 + kept].rjust(16, b"\0")
    name = read_name(data, at + 1 + kept, origin, names)[0] if prefix else ""
    return f"{prefix} {inet_ntop(AF_INET6, suffix)} {name}"


def _strings(data: bytes, at: int, end: int) -> None:
    while at < end:
        _, at = _string(data, at)


def _options(data: bytes, at: int, end: int) -> None:
    while at < end:
        _, size = _SHORTS2(data, at)
        at += 4 + size
        if at > len(data):
            raise IndexError


A: Final = 1
OPT: Final = 41
Read = Callable[[bytes, int, int, int, Names], str]
CONTENTS: Final[dict[int, Read]] = {
    **dict.fromkeys((2, 5, 6, 12, 30, 39, 47), _name),  # NS CNAME SOA PTR NXT DNAME NSEC
    **dict.fromkeys((15, 36), _preferred),  # MX KX
    11: _ipv4,  # WKS
    13: _machine,
    28: _ipv6,
    33: _service,
    35: _authority,
    38: _part_of_ipv6,
}
# MD MF MB MG MR NULL MINFO RP AFSDB X25 ISDN RT NSAP NSAP-PTR PX GPOS APL DHCID NSEC3PARAM TLSA HIP WINS-R
OWNER_SHOWN: Final = frozenset({65282, 3, 4, 7, 8, 9, 10, 14, 17, 18, 19, 20, 21, 22, 23, 26, 27, 42, 49, 51, 52, 55})
CHECKED: Final[dict[int, Callable[[bytes, int, int], None]]] = {16: _strings, 99: _strings, 41: _options}
