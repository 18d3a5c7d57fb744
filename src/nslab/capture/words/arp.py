"""ARP and its relatives: RARP, InARP, DRARP (RFC 826, 903, 1931, 2390, 5227)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final, NamedTuple

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import over_ethernet

REQUEST: Final = 1
REPLY: Final = 2
NOBODY: Final = bytes(6)
EVERYBODY: Final = b"\xff" * 6
NO_ADDRESS: Final = bytes(4)
PROTOCOLS: Final = {
    3: "RARP",
    4: "RARP",
    5: "DRARP",
    6: "DRARP",
    7: "DRARP",
    8: "Inverse ARP",
    9: "Inverse ARP",
    **dict.fromkeys(range(11, 23), "MARS"),
    23: "MAPOS",
}
MARS: Final = {
    11: "request",
    12: "MULTI request",
    13: "MSERV request",
    14: "JOIN request",
    15: "LEAVE",
    16: "NAK",
    17: "UNSERV request",
    18: "SJOIN request",
    19: "SLEAVE",
    20: "grouplist request",
    21: "grouplist reply",
    22: "redirect map",
}
WORDS: Final = {
    0: "Reserved opcode 0",
    1: "Who has {tpa}? Tell {spa}",
    2: "{spa} is at {sha}",
    3: "Who is {tha}? Tell {sha}",
    4: "{tha} is at {tpa}",
    5: "Who is {tha}? Tell {sha}",
    6: "{tha} is at {tpa}",
    7: "DRARP Error",
    8: "Who is {tha}? Tell {sha}",
    9: "{sha} is at {spa}",
    10: "ARP NAK",
    **{opcode: f"MARS {what} from {{sha}} at {{spa}}" for opcode, what in MARS.items()},
    23: "MAPOS UNARP request from {sha} at {spa}",
    24: "Experimental 1 ( opcode 24 )",
    25: "Experimental 2 ( opcode 25 )",
}


class Claim(NamedTuple):
    """Who says it, and of whom: hardware and protocol addresses."""

    sha: bytes
    spa: bytes
    tha: bytes
    tpa: bytes


@over_ethernet(0x0806, 0x8035)
def arp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "ARP"
    c.write("")
    hardware, protocol, hardware_size, protocol_size, opcode = unpack_from("!HHBBH", data, at)
    sizes = (hardware_size, protocol_size, hardware_size, protocol_size)
    end = at + 8 + sum(sizes)
    if end > len(data) + c.missing:
        raise Malformed
    if end > len(data):
        c.say_short()
        return
    c.protocol = PROTOCOLS.get(opcode, "ARP")
    at += 8
    addresses = []
    for size in sizes:
        addresses.append(data[at : at + size])
        at += size
    if hardware == 1 and protocol == 0x0800 and sizes[:2] == (6, 4):
        ethernet_arp(c, opcode, Claim(*addresses))
        return
    sha, spa, tha, tpa = (
        address_text(c, address, plain=protocol == 0x0800 if index % 2 else hardware in (1, 6))
        for index, address in enumerate(addresses)
    )
    words = WORDS.get(opcode, f"Unknown ARP opcode 0x{opcode:04x}")
    c.write(words.format(sha=sha, spa=spa, tha=tha, tpa=tpa))


def address_text(c: Context, address: bytes, *, plain: bool) -> str:
    """Write an address of any size."""
    if not address:
        return "<No address>"
    if plain and len(address) == 4:
        return str(c.dissector.ipv4[address])
    if plain and len(address) == 6:
        return str(c.dissector.mac[address])
    return address.hex()


def ethernet_arp(c: Context, opcode: int, claim: Claim) -> None:
    """IPv4 over Ethernet, where nslab's labs are at home."""
    ipv4, mac = c.dissector.ipv4, c.dissector.mac
    sha, spa, tha, tpa = claim
    if opcode in (REQUEST, REPLY):
        c.write(question_or_answer(c, opcode, claim))
        used_twice = duplicate(c, opcode, claim)
        if used_twice:
            c.append(f" (duplicate use of {ipv4[used_twice]} detected!)")
        return
    words = WORDS.get(opcode, f"Unknown ARP opcode 0x{opcode:04x}")
    c.write(words.format(sha=mac[sha], spa=ipv4[spa], tha=mac[tha], tpa=ipv4[tpa]))


def question_or_answer(c: Context, opcode: int, claim: Claim) -> str:
    ipv4, mac = c.dissector.ipv4, c.dissector.mac
    sha, spa, tha, tpa = claim
    if spa == tpa:
        if opcode == REQUEST and tha == NOBODY:
            return f"ARP Announcement for {ipv4[tpa]}"
        return f"Gratuitous ARP for {ipv4[tpa]} ({'Request' if opcode == REQUEST else 'Reply'})"
    if opcode == REPLY:
        return f"{ipv4[spa]} is at {mac[sha]}"
    if spa == NO_ADDRESS and tha == NOBODY:
        return f"Who has {ipv4[tpa]}? (ARP Probe)"
    return f"Who has {ipv4[tpa]}? Tell {ipv4[spa]}"


def duplicate(c: Context, opcode: int, claim: Claim) -> bytes:
    """Return the address that another station has been seen with: the target's before the sender's."""
    owners: dict[bytes, bytes] = c.state("arp", dict)
    found = b""
    sha, spa, tha, tpa = claim
    claims = [(spa, sha), (tpa, tha)] if opcode == REPLY and spa != tpa else [(spa, sha)]
    for address, owner in claims:
        if owner not in (NOBODY, EVERYBODY) and address != NO_ADDRESS:
            found = address if owners.setdefault(address, owner) != owner else b""
    return found
