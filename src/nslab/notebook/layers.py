"""A packet's layers and their fields, as scapy reads them, and the bytes that each of them is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

_MOST_LAYERS: Final = 32
_LONGEST: Final = 400  # characters of a value


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its bytes are packet[start:end], none when that is not known."""

    name: str
    value: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer and its fields."""

    title: str
    start: int
    end: int
    fields: tuple[Field, ...]


def layers(packet: Any) -> list[Layer]:
    """Return the layers of a packet of scapy's; it takes about a millisecond.

    >>> from scapy.layers.l2 import Ether
    >>> [(layer.title, layer.start, layer.end) for layer in layers(Ether(bytes(14)))]
    [('Ethernet', 0, 14)]
    """
    found: list[Layer] = []
    at = 0
    while packet.name != "NoPayload" and len(found) < _MOST_LAYERS:
        header = packet.raw_packet_cache or b""
        found.append(Layer(str(packet.name), at, at + len(header), _fields(packet, header, at)))
        at += len(header)
        packet = packet.payload
    return found


def _fields(packet: Any, header: bytes, start: int) -> tuple[Field, ...]:
    """Read the header field by field once more: so it is known which bytes each has taken."""
    made: list[Field] = []
    rest: Any = header
    known = True
    for each in packet.fields_desc:
        try:
            if each.name not in packet.fields and hasattr(each, "_evalcond") and not each._evalcond(packet):  # noqa: SLF001
                continue
            before = _bits(rest)
            if known:
                rest, _ = each.getfield(packet, rest)
            after = _bits(rest)
            value = packet.getfieldval(each.name)
            shown = _shown(each, packet, value)
        except Exception:  # noqa: BLE001 - as above: a field that cannot be read again has no bytes to point at
            known = False
            before = after = 0
            shown = str(packet.fields.get(each.name, ""))
        whole = 8 * len(header)
        first, last = (whole - before) // 8, (whole - after + 7) // 8
        place = (start + first, start + last) if known and after < before else (0, 0)
        made.append(Field(each.name, shown[:_LONGEST], *place))
    return tuple(made)


def _bits(rest: Any) -> int:
    """Return how many bits are left: within a byte, scapy hands on (bytes, bits that are read already)."""
    return 8 * len(rest[0]) - rest[1] if isinstance(rest, tuple) else 8 * len(rest)


def _shown(field: Any, packet: Any, value: Any) -> str:
    if value is None:
        return "none"
    text = str(field.i2repr(packet, value))
    if type(value) is not int or text.startswith("0x"):
        return text or "none"
    if text != str(value):
        # Numbers of protocols are known by heart in decimal, EtherTypes are not.
        return f"{text} (0x{value:x})" if type(field).__name__.startswith("X") else f"{text} ({value})"
    return f"{text} (0x{value:x})" if value > 9 else text
