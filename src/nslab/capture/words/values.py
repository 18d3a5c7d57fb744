"""Values as tshark writes them: text from the wire, numbers with names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAMED: Final = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 92: "\\\\"}
ESCAPES: Final = {n: NAMED.get(n, f"\\{n:03o}") for n in (*range(32), 92, 127)}


def printable(text: bytes) -> str:
    """Return UTF-8 text with what cannot be printed as C would write it, a tab as a backslash and t."""
    return text.decode("utf-8", "replace").translate(ESCAPES)


def text_field(text: bytes) -> str:
    """Return text up to its first NUL."""
    return printable(text.split(b"\0", 1)[0])


def named(names: Mapping[int, str], value: int, otherwise: str = "Unknown (%u)") -> str:
    """Return the value's name, or `otherwise` with the value in the place of %u (decimal) or %x (hexadecimal)."""
    name = names.get(value)
    return name if name is not None else otherwise.replace("%u", str(value)).replace("%x", f"{value:x}")
