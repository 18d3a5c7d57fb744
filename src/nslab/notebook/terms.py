"""The language of the filter box: words, and `field:value`; all of them must fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

_TERM: Final = re.compile(r'([-!]?)(?:([A-Za-z]+)\s*(>=|<=|==|:|=|>|<)\s*)?(?:"([^"]*)"?|(\S+))')
_FIELDS: Final = {
    "no": "no",
    "number": "no",
    "time": "time",
    "length": "length",
    "len": "length",
    "point": "point",
    "source": "source",
    "src": "source",
    "destination": "destination",
    "dst": "destination",
    "addr": "address",
    "address": "address",
    "host": "address",
    "ip": "address",
    "proto": "protocol",
    "protocol": "protocol",
    "info": "info",
}
NUMBERS: Final = frozenset({"no", "time", "length"})
_ADDRESSES: Final = frozenset({"source", "destination", "address"})


class Misread(ValueError):
    """A term that cannot be understood; one line for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the filter box.

    field     "" when it may be in any column
    low, high of numbers, both included
    """

    text: str
    field: str = ""
    negated: bool = False
    low: float = float("-inf")
    high: float = float("inf")

    def fits(self) -> Callable[[str], bool]:
        """Return what tells whether a text of a column fits; an address or a network is compared as such."""
        text = self.text.casefold()
        if self.field in _ADDRESSES:
            return _fits_address(text)
        return lambda value: text in value.casefold()


def read(text: str) -> list[Term]:
    """Return the terms of a filter; Misread when a number is none.

    >>> [term.field for term in read('icmp source:10.0.2.15 length:>100 -info:"reply in"')]
    ['', 'source', 'length', 'info']
    """
    terms = []
    for sign, name, operator, quoted, plain in _TERM.findall(text):
        value = quoted or plain
        field = _FIELDS.get(name.casefold(), "") if name else ""
        if name and not field:  # an address has colons, and a flag an equal sign: Seq=1
            value = f"{name}{operator}{value}"
        negated = sign == "-"
        if sign == "!":
            negated = True
        if field in NUMBERS:
            terms.append(_number(field, operator, value, negated=negated))
        else:
            terms.append(Term(value, field, negated))
    return terms


def _number(field: str, operator: str, value: str, *, negated: bool) -> Term:
    inner = re.match(r"(>=|<=|>|<)", value)
    if operator == ":" and inner:
        operator, value = inner[1], value[len(inner[1]) :]
    low, dash, high = value.partition("-")
    try:
        first = float(low)
        last = float(high) if dash else first
    except ValueError:
        raise Misread(f"{field} is a number: {field}:100, {field}:>100 or {field}:100-200; not {value}") from None
    a_little = 1e-9
    low_end, high_end = {
        ">": (first + a_little, float("inf")),
        ">=": (first, float("inf")),
        "<": (float("-inf"), first - a_little),
        "<=": (float("-inf"), first),
    }.get(operator, (first, last))
    return Term(value, field, negated, low_end, high_end)


def _fits_address(text: str) -> Callable[[str], bool]:
    try:
        network = ip_network(text, strict=False) if "/" in text else ip_network(ip_address(text))
    except ValueError:
        return lambda value: text in value.casefold()  # a MAC address, or only begun

    def fits(value: str) -> bool:
        try:
            return ip_address(value) in network
        except ValueError:
            return False

    return fits
