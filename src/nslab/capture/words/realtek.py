"""What switches with Realtek's chips say among themselves."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet

REMOTE_CONTROL, ECHO, LOOPS = 1, 2, (3, 0x23)
ANSWER: Final = 0x80
OPERATIONS: Final = {0: "Hello", 1: "Get", 2: "Set"}


@over_ethernet(0x8899)
def realtek(c: Context, data: bytes, at: int) -> None:
    """The first byte says which protocol it is."""
    kind = data[at]
    c.protocol = "Realtek"
    c.write("")
    if kind == REMOTE_CONTROL:
        operation, is_answer = data[at + 1] & ~ANSWER, data[at + 1] & ANSWER
        if operation in OPERATIONS and not (operation and is_answer):
            c.protocol = "RRCP"
            c.write(f"{OPERATIONS[operation]} {'Reply' if is_answer else 'Request'}")
    elif kind == ECHO:
        c.protocol = "REP"
        c.write("Echo Reply")
    elif kind in LOOPS:
        c.protocol = "RLDP"
        c.write("Network Loop Detection")
