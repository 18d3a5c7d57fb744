"""TFTP (RFC 1350) with its options (RFC 2347): the transfer goes on between ports that only the first packet tells."""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_udp

READ, WRITE, DATA, ACKNOWLEDGEMENT, ERROR, OPTIONS = range(1, 7)
ERRORS: Final = (
    "Not defined",
    "File not found",
    "Access violation",
    "Disk full or allocation exceeded",
    "Illegal TFTP Operation",
    "Unknown transfer ID",
    "File already exists",
    "No such user",
    "Option negotiation failed",
)


@dataclass(slots=True)
class Transfer:
    """What was agreed for the transfer of a client's port."""

    block: int = 512  # bytes


Transfers = dict[tuple[bytes, int], Transfer]


@over_udp(69)
def tftp(c: Context, data: bytes, at: int) -> bool | None:
    """Read a packet to or from the server's own port."""
    transfers: Transfers = c.state("tftp", dict)
    key = (c.source_address, c.source_port)
    transfer = transfers.get(key)
    if transfer is None or data[at : at + 2] in {b"\0\1", b"\0\2"}:
        transfer = Transfer()
        transfers[key] = transfer
        c.expect_datagrams(*key, goes_on)
    _packet(c, data, at, transfer)
    return None


def goes_on(c: Context, data: bytes, at: int) -> bool | None:
    """Read a packet of a transfer that has begun, whatever the server's port."""
    transfers: Transfers = c.state("tftp", dict)
    here, there = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    _packet(c, data, at, transfers.get(there) or transfers.get(here) or Transfer())
    return None


def _packet(c: Context, data: bytes, at: int, transfer: Transfer) -> None:
    c.protocol = "TFTP"
    (operation,) = unpack_from("!H", data, at)
    at += 2
    if operation in {READ, WRITE}:
        c.write("Read Request" if operation == READ else "Write Request")
        name, at = _string(data, at)
        kind, at = _string(data, at)
        c.append(f", File: {name}, Transfer type: {kind}")
        _options(c, data, at, None)
    elif operation == OPTIONS:
        c.write("Option Acknowledgement")
        _options(c, data, at, transfer)
    elif operation == DATA:
        c.write("Data Packet")
        last = " (last)" if len(data) + c.missing - at - 2 < transfer.block else ""
        c.append(f", Block: {unpack_from('!H', data, at)[0]}{last}")
    elif operation == ACKNOWLEDGEMENT:
        c.write("Acknowledgement")
        c.append(f", Block: {unpack_from('!H', data, at)[0]}")
    elif operation == ERROR:
        c.write("Error Code")
        (code,) = unpack_from("!H", data, at)
        name = ERRORS[code] if code < len(ERRORS) else f"Unknown ({code})"
        c.append(f", Code: {name}, Message: {_string(data, at + 2)[0]}")
    else:
        c.write(f"Unknown (0x{operation:04x})")


def _options(c: Context, data: bytes, at: int, transfer: Transfer | None) -> None:
    while at < len(data):
        name, at = _string(data, at)
        value, at = _string(data, at)
        c.append(f", {name}={value}")
        if transfer is not None and name.lower() == "blksize" and value.isdigit():
            transfer.block = int(value)


def _string(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    if end < 0:
        raise IndexError
    return printable(data[at:end]), end + 1
