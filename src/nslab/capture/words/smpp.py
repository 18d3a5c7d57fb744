"""SMPP: short messages between a centre and its clients."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import TCP_GUESSES, over_tcp
from nslab.capture.words.streams import NOT_MINE, Stream
from nslab.capture.words.values import say_message

HEADER: Final = 16
LONGEST: Final = 0x10000
ANSWER: Final = 0x80000000
COMMANDS: Final = {
    1: "Bind_receiver",
    2: "Bind_transmitter",
    3: "Query_sm",
    4: "Submit_sm",
    5: "Deliver_sm",
    6: "Unbind",
    7: "Replace_sm",
    8: "Cancel_sm",
    9: "Bind_transceiver",
    0x0B: "Outbind",
    0x15: "Enquire_link",
    0x21: "Submit_multi",
    0x102: "Alert_notification",
    0x103: "Data_sm",
}
NACK: Final = 0x80000000
ONE_WAY: Final = (0x0B, 0x102)
STATES: Final = {
    0x00: "Ok",
    0x01: "Message length is invalid",
    0x02: "Command length is invalid",
    0x03: "Invalid command ID",
    0x04: "Incorrect BIND status for given command",
    0x08: "System error",
    0x0A: "Invalid source address",
    0x0B: "Invalid destination address",
    0x0D: "Bind failed",
    0x0E: "Invalid password",
    0x14: "Message queue full",
    0x45: "submit_sm or submit_multi failed",
    0x58: "Throttling error (ESME exceeded allowed message limits)",
    0xFF: "Unknown error",
}


def _named(command: int) -> bool:
    return command == NACK or (command & ~ANSWER in COMMANDS and not (command & ANSWER and command & 0xFFF in ONE_WAY))


@over_tcp(2775)
class Smpp:
    """Length, command, status, number."""

    @staticmethod
    def recognises(data: bytes) -> bool:
        if len(data) < HEADER:
            return False
        size, command, status = unpack_from("!III", data)
        known = _named(command) and (status in STATES if command & ANSWER else not status)
        return known and HEADER <= size <= len(data)

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < HEADER:
            return NOT_MINE
        size, command = unpack_from("!II", data, at)
        return size if HEADER <= size < LONGEST and _named(command) else NOT_MINE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        command, status = unpack_from("!4xII", data, at)
        if command & ANSWER:
            name = "Generic_nack" if command == NACK else f"{COMMANDS[command & ~ANSWER]} - resp"
            say_message(c, "SMPP", f'{name}: "{STATES.get(status, "[Reserved]")}"')
        else:
            say_message(c, "SMPP", COMMANDS[command])


TCP_GUESSES.append(Smpp)
