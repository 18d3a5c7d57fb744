"""What a device tells its neighbour on the link: LLDP (IEEE 802.1AB) and Cisco's CDP, VTP, DTP, UDLD, PAgP."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import SNAP, over_ethernet
from nslab.capture.words.text import ipv4_text, ipv6_text
from nslab.capture.words.values import read_to_its_end, text_field

CISCO: Final = 0x00000C
IPV4, IPV6 = 1, 2
CHASSIS, PORT, TTL, SYSTEM_NAME, SYSTEM_DESCRIPTION = 1, 2, 3, 5, 6
# Kinds of identifiers, by subtype, as the table abbreviates them; then which of them are no text.
CHASSIS_KINDS: Final = ("Rs", "CC", "IA", "PC", "MA", "NA", "IN", "LA")
PORT_KINDS: Final = ("Rs", "IA", "PC", "MA", "NA", "IN", "AC", "LA")


@over_ethernet(0x88CC)
def lldp(c: Context, data: bytes, at: int) -> None:
    """Chassis, port and time to live come first, in this order; names after them."""
    c.protocol = "LLDP"
    c.write("")
    for kind, name, kinds in ((CHASSIS, "Chassis ID", CHASSIS_KINDS), (PORT, "Port ID", PORT_KINDS)):
        (head,) = unpack_from("!H", data, at)
        size = head & 511
        if head >> 9 != kind or size < 2:
            c.write(f"Invalid {name} TLV")
            return
        if kind == CHASSIS and len(data) < at + 2 + size and c.missing <= 0:
            c.append("[Malformed Packet: length of contained item exceeds length of containing item]")
            return
        word = identifier(c, kinds[data[at + 2]] if data[at + 2] < len(kinds) else "Rs", data[at + 3 : at + 2 + size])
        if len(data) < at + 2 + size:
            raise Malformed
        if word is None:
            c.write(f"Invalid {name} TLV")
            return
        c.append(f"{word} ")
        at += 2 + size
    (head,) = unpack_from("!H", data, at)
    if head >> 9 != TTL or head & 511 != 2:
        c.write("Invalid Time-to-Live TLV")
        return
    c.append(f"{unpack_from('!H', data, at + 2)[0]} ")
    names(c, data, at + 4)


def identifier(c: Context, kind: str, value: bytes) -> str | None:
    """Return one identifier, or None when its size is wrong."""
    if kind == "Rs":
        return "Rs/Reserved"
    if kind == "MA":
        return f"MA/{c.dissector.mac[value]}" if len(value) == 6 else None
    if kind == "NA":
        return f"NA/{network_address(value[0], value[1:])}"
    return f"{kind}/{value.hex() if kind == 'PC' else text_field(value)}"


def network_address(family: int, address: bytes) -> str:
    """Write an address of one of IANA's address families."""
    if family == IPV4 and len(address) == 4:
        return ipv4_text(address)
    if family == IPV6 and len(address) == 16:
        return ipv6_text(address)
    return address.hex()


def names(c: Context, data: bytes, at: int) -> None:
    """Append the system's name and description."""
    while at + 2 <= len(data):
        (head,) = unpack_from("!H", data, at)
        kind, size = head >> 9, head & 511
        if not kind:
            return
        if len(data) < at + 2 + size:
            raise Malformed
        if kind in (SYSTEM_NAME, SYSTEM_DESCRIPTION):
            word = text_field(data[at + 2 : at + 2 + size])
            c.append(f"SysN={word} " if kind == SYSTEM_NAME else f"SysD={word} ")
        at += 2 + size


@read_to_its_end
def cdp(c: Context, data: bytes, at: int) -> None:
    """Cisco Discovery Protocol: who this is and by which port it speaks."""
    c.protocol = "CDP"
    c.write("")
    at += 4
    while at + 4 <= len(data):
        kind, size = unpack_from("!HH", data, at)
        if size < 4:
            return
        if len(data) < at + size and kind in (1, 3):
            c.say_short()
            return
        if kind == 1:
            c.append(f"Device ID: {text_field(data[at + 4 : at + size])}  ")
        elif kind == 3:
            c.append(f"Port ID: {text_field(data[at + 4 : at + size])}  ")
        at += size


def dtp(c: Context, _data: bytes, _at: int) -> None:
    """Dynamic Trunking Protocol."""
    c.protocol = "DTP"
    c.write("Dynamic Trunk Protocol")


@read_to_its_end
def udld(c: Context, data: bytes, at: int) -> None:
    """UniDirectional Link Detection (RFC 5171)."""
    c.protocol = "UDLD"
    c.write("")
    at += 4
    while at + 4 <= len(data):
        kind, size = unpack_from("!HH", data, at)
        if size < 4:
            return
        if len(data) < at + size:
            c.say_short()
            return
        if kind == 1:
            c.append(f"Device ID: {text_field(data[at + 4 : at + size])}  ")
        elif kind == 2:
            c.append(f"Port ID: {text_field(data[at + 4 : at + size])}  ")
        at += size


@read_to_its_end
def pagp(c: Context, data: bytes, at: int) -> None:
    """Port Aggregation Protocol: an Info or a Flush message."""
    c.protocol = "PAGP"
    c.write("")
    mac = c.dissector.mac
    if data[at] == 1:
        c.write(f"Info PDU; Flags 0x{data[at + 2]:x}; ")
        local, partner = unpack_from("!6s22x6s", data, at + 4)
        c.append(f"Local DevID: {mac[local]}, Partner DevID: {mac[partner]}")
    elif data[at] == 2:
        local, partner, transaction = unpack_from("!6s6sI", data, at + 4)
        c.write(
            f"Flush PDU; Local DevID: {mac[local]}, Partner DevID: {mac[partner]}; Transaction ID: 0x{transaction:x}"
        )


@read_to_its_end
def vtp(c: Context, data: bytes, at: int) -> None:
    """VLAN Trunking Protocol."""
    c.protocol = "VTP"
    code = data[at + 1]
    words = {1: "Summary Advertisement", 2: "Subset Advertisement", 3: "Advertisement Request", 4: "Join"}
    c.write(words.get(code, "Unrecognized VTP message"))
    if code in (1, 2):
        (revision,) = unpack_from("!I", data, at + 36)
        c.append(f", Revision: {revision}, {'Followers' if code == 1 else 'Seq'}: {data[at + 2]}")


SNAP.update(
    {
        (CISCO, 0x2000): cdp,
        (CISCO, 0x2003): vtp,
        (CISCO, 0x2004): dtp,
        (CISCO, 0x0111): udld,
        (CISCO, 0x0104): pagp,
    }
)
