"""UDP."""

from __future__ import annotations

from struct import unpack_from

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES, UDP_PORTS, over_ip


@over_ip(17)
def udp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "UDP"
    source, destination, length = unpack_from("!HHH", data, at)
    c.source_port, c.destination_port = source, destination
    c.write(f"{source} → {destination} Len={length - 8}")
    end = at + length
    if end < len(data):
        data = data[:end]
    low, high = (source, destination) if source <= destination else (destination, source)
    for port in (low, high):
        dissect = UDP_PORTS.get(port)
        if dissect is not None and dissect(c, data, at + 8) is not False:
            return
    for guess in UDP_GUESSES:
        if guess(c, data, at + 8) is not False:
            return
