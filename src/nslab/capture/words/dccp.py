"""DCCP (RFC 4340)."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.values import named

TYPES: Final = (
    *("Request", "Response", "Data", "Ack", "DataAck", "CloseReq", "Close", "Reset", "Sync", "SyncAck", "Listen"),
)
REQUEST, RESPONSE, DATA, RESET, LISTEN = 0, 1, 2, 7, 10
WITH_SERVICE: Final = (REQUEST, RESPONSE, LISTEN)
WITHOUT_ACK: Final = (REQUEST, DATA, LISTEN)
CODES: Final = dict(
    enumerate(
        (
            *("Unspecified", "Closed", "Aborted", "No Connection", "Packet Error", "Option Error", "Mandatory Error"),
            *("Connection Refused", "Bad Service Code", "Too Busy", "Bad Init Cookie", "Aggression Penalty"),
            "Reserved",
        )
    )
)
EXTENDED: Final = 1
UINT48: Final = (1 << 48) - 1


@over_ip(33)
def dccp(c: Context, data: bytes, at: int) -> None:
    """Numbers are shown from the first one of each direction."""
    c.protocol = "DCCP"
    source, destination = unpack_from("!HH", data, at)
    c.write(f"{source} → {destination}")
    kind, extended = data[at + 8] >> 1 & 15, data[at + 8] & EXTENDED
    size = 6 if extended else 3
    place = at + 16 - size if extended else at + 9
    number = int.from_bytes(data[place : place + size])
    data[place + size - 1]  # it is asked for
    if kind >= len(TYPES):
        c.append(" [Reserved]")
    else:
        c.append(f" [{TYPES[kind]}]")
    first: dict[bytes, int] = c.state("dccp", dict)
    here = first.setdefault(c.addresses + data[at : at + 4], number)
    c.append(f" Seq={number - here & UINT48}")
    place += size
    if kind not in WITHOUT_ACK and kind < len(TYPES):
        place += 8 - size if extended else 1
        there = c.destination_address + c.source_address + data[at + 2 : at + 4] + data[at : at + 2]
        data[place + size - 1]
        c.append(f" (Ack={int.from_bytes(data[place : place + size]) - first.get(there, 0) & UINT48})")
        place += size
    if kind in WITH_SERVICE:
        (service,) = unpack_from("!I", data, place)
        c.append(f" (service={'not specified' if not service else f'Unknown ({service})'})")
    elif kind == RESET:
        code = data[place]
        c.append(f" (code={named(CODES, code, 'Unknown')})")
