"""TCP: the words of a segment."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.reassembly import Reader, connect, deliver
from nslab.capture.words.registry import over_ip

NAMES: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
FLAGS: Final = [", ".join(n for bit, n in enumerate(NAMES) if flags >> bit & 1) or "<None>" for flags in range(512)]


class Way:
    """One direction of a connection."""

    __slots__ = ("base", "reader")

    def __init__(self, base: int, reader: Reader | None) -> None:
        self.base = base
        self.reader = reader


@over_ip(6)
def tcp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "TCP"
    source, destination, seq, ack, bits, window = unpack_from("!HHIIHH", data, at)
    c.source_port, c.destination_port = source, destination
    there, back = ways(c, seq, ack, bits)
    seq, ack = (seq - there.base) & 0xFFFFFFFF, (ack - back.base) & 0xFFFFFFFF
    start = at + (bits >> 12) * 4
    length = len(data) - start
    shown = f" Ack={ack}" if bits & 16 else ""
    c.write(f"{source} → {destination} [{FLAGS[bits & 511]}] Seq={seq}{shown} Win={window} Len={length}")
    if length > 0 and there.reader is not None:
        deliver(c, there.reader, data, start, seq)


def ways(c: Context, seq: int, ack: int, bits: int) -> tuple[Way, Way]:
    """Return this direction of the connection and the other one."""
    connections: dict[tuple[bytes, int, bytes, int], tuple[Way, Way]] = c.state("tcp", dict)
    here, there = (c.source_address, c.source_port), (c.destination_address, c.destination_port)
    found = connections.get((*here, *there))
    if found is None:
        one, other = connect(c.source_port, c.destination_port)
        found = (Way(seq if bits & 2 else seq - 1, one), Way(ack - 1, other))
        connections[(*here, *there)] = found
        connections[(*there, *here)] = found[::-1]
    return found
