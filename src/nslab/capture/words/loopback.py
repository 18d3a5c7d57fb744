"""Frames that test a link: Ethernet's configuration testing protocol (LOOP) and wake-on-LAN."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES, over_ethernet

REPLY, FORWARD = 1, 2
FORWARD_SIZE: Final = 8  # of a function that hands the frame on: number and address
SYNCHRONISATION: Final = b"\xff" * 6


@over_ethernet(0x9000)
def loop(c: Context, data: bytes, at: int) -> None:
    """The skip count points behind the functions that are done with; numbers are little-endian."""
    c.protocol = "LOOP"
    c.write("")
    skipped = int.from_bytes(data[at : at + 2], "little")
    place = 0
    function = int.from_bytes(data[at + 2 : at + 4], "little")
    while place < skipped and function == FORWARD:
        place += FORWARD_SIZE
        function = int.from_bytes(data[at + 2 + place : at + 4 + place], "little")
    if place != skipped:
        c.write("No valid function found")
        return
    c.write({REPLY: "Reply", FORWARD: "Forward Data"}.get(function, f"Unknown function ({function})"))


@over_ethernet(0x0842)
def wake_on_lan(c: Context, data: bytes, at: int) -> None:
    if magic_packet(c, data, at) is False:
        c.protocol = "0x0842"
        c.write("Wake on LAN")


def magic_packet(c: Context, data: bytes, at: int) -> bool | None:
    """Six times 255, sixteen times the address of who shall wake, and perhaps a password."""
    if data[at : at + 6] != SYNCHRONISATION:
        return False
    target = data[at + 6 : at + 12]
    if data[at + 6 : at + 102] != target * 16 or len(target) < 6:
        return False
    c.protocol = "WOL"
    c.write(f"MagicPacket for {c.dissector.mac[target]}")
    password = data[at + 102 :]
    if len(password) == 6:
        c.append(f", password {password.hex(':')}")
    elif len(password) == 4:
        c.append(f", password {'.'.join(map(str, password))}")
    return None


UDP_GUESSES.append(magic_packet)
