"""LDAP (RFC 4511) and its form over UDP."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import unpack_from
from typing import Final

from nslab.capture.words.ber import element, elements, whole_size
from nslab.capture.words.context import Context
from nslab.capture.words.ntlm import ntlm_words
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.streams import MORE, NOT_MINE, Stream, StreamProtocol
from nslab.capture.words.tls import Tls
from nslab.capture.words.values import read_to_its_end

SEQUENCE, OCTETS = 0x30, 0x04
BIND, BIND_ANSWER, UNBIND, SEARCH, ENTRY, DONE, REFERENCE = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x73
DELETE, ABANDON, EXTENDED, EXTENDED_ANSWER, INTERMEDIATE = 0x4A, 0x50, 0x77, 0x78, 0x79
ABOUT_AN_ENTRY: Final = {
    0x64: "searchResEntry",
    0x66: "modifyRequest",
    0x68: "addRequest",
    0x6C: "modDNRequest",
    0x6E: "compareRequest",
}
ANSWERS: Final = {
    0x61: "bindResponse",
    0x65: "searchResDone",
    0x67: "modifyResponse",
    0x69: "addResponse",
    0x6B: "delResponse",
    0x6D: "modDNResponse",
    0x6F: "compareResponse",
}
SCOPES: Final = {0: "baseObject", 1: "singleLevel", 2: "wholeSubtree"}
SIMPLE, SASL = 0x80, 0xA3
REQUEST_NAME, ANSWER_NAME = 0x80, 0x8A
KERBEROS_TOKEN: Final = b"\5\4"
SEALED: Final = 2
KERBEROS_SEAL: Final = 60  # bytes of a sealed token that are no payload
NTLM_SIGNATURE: Final = 16
START_TLS: Final = b"1.3.6.1.4.1.1466.20037"
RESULTS: Final = {
    0: "success",
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded",
    4: "sizeLimitExceeded",
    5: "compareFalse",
    6: "compareTrue",
    7: "authMethodNotSupported",
    8: "strongAuthRequired",
    10: "referral",
    11: "adminLimitExceeded",
    12: "unavailableCriticalExtension",
    13: "confidentialityRequired",
    14: "saslBindInProgress",
    16: "noSuchAttribute",
    17: "undefinedAttributeType",
    18: "inappropriateMatching",
    19: "constraintViolation",
    20: "attributeOrValueExists",
    21: "invalidAttributeSyntax",
    32: "noSuchObject",
    33: "aliasProblem",
    34: "invalidDNSyntax",
    36: "aliasDereferencingProblem",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    54: "loopDetect",
    64: "namingViolation",
    65: "objectClassViolation",
    66: "notAllowedOnNonLeaf",
    67: "notAllowedOnRDN",
    68: "entryAlreadyExists",
    69: "objectClassModsProhibited",
    71: "affectsMultipleDSAs",
    80: "other",
}
MARK: Final = " [results]"  # stands for how many there are until the end shows it


@dataclass(slots=True)
class Results:
    """How many entries a conversation has brought, and the rows that say so."""

    count: int = 0
    rows: list[int] = field(default_factory=list)


def show_results(c: Context, all_results: list[Results]) -> None:
    for results in all_results:
        words = f" [{results.count} result{'' if results.count == 1 else 's'}]"
        for row in results.rows:
            c.change(row, c.info_of(row).replace(MARK, words))
        # Told once: should more come, the rows that are there keep what they say.
        results.rows.clear()


def new_results(c: Context) -> Results:
    all_results = c.state("ldap results", list[Results])
    c.at_the_end("ldap", lambda: show_results(c, all_results))
    results = Results()
    all_results.append(results)
    return results


def text(data: bytes, at: int, end: int) -> str:
    return printable(data[at:end])


def name(data: bytes, at: int, end: int) -> str:
    return text(data, at, end) or "<ROOT>"


def operation(c: Context, data: bytes, at: int, results: Results) -> str:
    """Return the words of one message."""
    _, at, end = element(data, at)
    _, begin, stop = element(data, at)
    number = int.from_bytes(data[begin:stop])
    tag, at, end = element(data, stop)
    if tag in ANSWERS:
        more = ntlm_words(data[:end], at) if tag == BIND_ANSWER else counted(c, results) if tag == DONE else ""
        return f"{ANSWERS[tag]}({number}) {result(data, at)}{more}"
    if tag == BIND:
        return f"bindRequest({number}) {bind(data, at, end)}"
    if tag == SEARCH:
        (_, one, two), (_, scope, _) = first_two(data, at)
        kind = SCOPES.get(data[scope], f"Unknown scope({data[scope]})")
        return f'searchRequest({number}) "{name(data, one, two)}" {kind} '
    if tag in ABOUT_AN_ENTRY:
        results.count += tag == ENTRY
        _, one, two = element(data, at)
        return f'{ABOUT_AN_ENTRY[tag]}({number}) "{name(data, one, two)}" '
    words = {
        EXTENDED: lambda: f"extendedReq({number}) {extension(data[slice(*element(data, at)[1:])])} ",
        DELETE: lambda: f'delRequest({number}) "{name(data, at, end)}" ',
        UNBIND: lambda: f"unbindRequest({number}) ",
        ABANDON: lambda: f"abandonRequest({int.from_bytes(data[at:end])}) ",
        REFERENCE: lambda: f"searchResRef({number}) ",
        EXTENDED_ANSWER: lambda: f"extendedResp({number}) {extended_result(data, at, end)}",
    }.get(tag)
    return words() if words is not None else ""


def first_two(data: bytes, at: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    first = element(data, at)
    return first, element(data, first[2])


def bind(data: bytes, at: int, end: int) -> str:
    _, _, at = element(data, at)  # the version
    _, one, two = element(data, at)
    tag, at, end = element(data, two)
    words = f'"{name(data, one, two)}" '
    if tag == SIMPLE:
        return f"{words}simple "
    if tag == SASL:
        return f"{words}{ntlm_words(data[:end], at)}sasl "
    return words


def result(data: bytes, at: int) -> str:
    _, code, at = element(data, at)
    _, _, at = element(data, at)
    _, one, two = element(data, at)
    words = RESULTS.get(data[code], f"Unknown result({data[code]})")
    message = text(data, one, two)
    return f"{words} ({message}) " if message else f"{words} "


def counted(c: Context, results: Results) -> str:
    results.rows.append(c.index)
    return f"{MARK} "


def extended_result(data: bytes, at: int, end: int) -> str:
    _, _, place = element(data, at)
    _, _, place = element(data, place)
    _, one, two = element(data, place)
    message = text(data, one, two)
    words = f"({message}) " if message else ""
    for tag, begin, stop in elements(data, two, end):
        if tag == ANSWER_NAME:
            words += f"{extension(data[begin:stop])} "
    return words


def extension(number: bytes) -> str:
    """Name an extension by its number, which is text here."""
    if number == START_TLS:
        return "LDAP_START_TLS_OID"
    return printable(b"iso" + number[1:] if number.startswith(b"1.") else number)


def wrapped(c: Context, data: bytes, at: int, results: Results) -> str:
    """Read a token of Kerberos (RFC 4121) or of NTLM, signed or sealed."""
    size = len(data) - at
    if data[at : at + 2] != KERBEROS_TOKEN:
        return f"SASL GSS-API Privacy: payload ({size - NTLM_SIGNATURE} bytes)"
    flags, extra, rotated = unpack_from("!BxHH", data, at + 2)
    if flags & SEALED:
        return f"SASL GSS-API Privacy: payload ({size - KERBEROS_SEAL - extra} bytes)"
    begin, end = (at + 16 + extra, len(data)) if rotated else (at + 16, len(data) - extra)
    words = "SASL GSS-API Integrity: "
    while begin < end:
        words += operation(c, data, begin, results)
        begin = element(data, begin)[2]
    return words


@over_tcp(389, 3268)
class LdapStream:
    """One element of ASN.1 after another, until TLS is started."""

    def __init__(self) -> None:
        self.results: Results | None = None
        self.after: StreamProtocol | None = None

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if not data[at]:  # what a log-in has agreed to wrap: four bytes of length
            return 4 + int.from_bytes(data[at : at + 4]) if len(data) - at >= 4 else MORE
        if data[at] != SEQUENCE:
            return NOT_MINE
        size = whole_size(data, at)
        return MORE if size is None else size

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        if self.results is None:
            self.results = new_results(c)
        if data[at]:
            words = operation(c, data[:end], at, self.results)
        else:
            words = wrapped(c, data[:end], at + 4, self.results)
        if c.protocol == "LDAP":
            c.add(words, " | ")
        else:
            c.protocol = "LDAP"
            c.write(words)
        if words.startswith("extendedResp(") and "LDAP_START_TLS_OID" in words:
            self.after = Tls()


@over_udp(389)
@read_to_its_end
def cldap(c: Context, data: bytes, at: int) -> bool | None:
    """Connectionless: a datagram may hold several messages."""
    if data[at] != SEQUENCE:
        return False
    c.protocol = "CLDAP"
    c.write("")
    pair = frozenset(((c.source_address, c.source_port), (c.destination_address, c.destination_port)))
    conversations: dict[object, Results] = c.state("cldap", dict)
    results = conversations.get(pair)
    if results is None:
        results = conversations[pair] = new_results(c)
    while at < len(data):
        c.append(operation(c, data, at, results))
        at = element(data, at)[2]
    return None
