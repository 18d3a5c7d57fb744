"""Notebook variables that a cell names as `$name`: they reach it as environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any, Final

_NAMED: Final = re.compile(r"\$(?:\{[#!]?)?([A-Za-z][A-Za-z0-9_]*)")
_ADDRESSES: Final = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_PLAIN: Final = (str, int, float, PurePath, *_ADDRESSES)


def named(text: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return {name: text} of the variables that a cell names and that have a text everybody would expect.

    >>> named("ping -c $pings $target", {"pings": 4, "target": "8.8.8.8", "unused": 1})
    {'pings': '4', 'target': '8.8.8.8'}
    """
    return {
        name: as_text(variables[name])
        for name in dict.fromkeys(_NAMED.findall(text))
        if isinstance(variables.get(name), _PLAIN)
    }


def as_text(value: object) -> str:
    """Return a value as a shell has it: `true` and `false` are its commands.

    >>> as_text(True), as_text(4)
    ('true', '4')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)
