"""Values as tshark writes them: text from the wire, numbers with names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import Dissect


def text_field(text: bytes) -> str:
    """Return text up to its first NUL."""
    return printable(text.split(b"\0", 1)[0])


def named(names: Mapping[int, str], value: int, otherwise: str = "Unknown (%u)") -> str:
    """Return the value's name, or `otherwise` with the value in the place of %u (decimal) or %x (hexadecimal)."""
    name = names.get(value)
    return name if name is not None else otherwise.replace("%u", str(value)).replace("%x", f"{value:x}")


def say_message(c: Context, protocol: str, words: str, between: str = ", ") -> None:
    """Say what one message of a segment is, behind those of this protocol that came in it before."""
    if c.protocol == protocol:
        c.add(words, between)
    else:
        c.protocol = protocol
        c.write(words)


def read_to_its_end(dissect: Dissect) -> Dissect:
    """Decorate what reads a layer whole: where the capture has cut that, its words say so, whatever they need of it."""

    @wraps(dissect)
    def read(c: Context, data: bytes, at: int, /) -> bool | None:
        mine = dissect(c, data, at)
        if mine is not False and c.missing > 0 and not c.info.endswith("]"):
            c.say_short()
        return mine

    return read
