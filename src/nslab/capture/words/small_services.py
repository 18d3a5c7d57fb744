"""The small services of old: Echo, Daytime, Character Generator, Time (RFC 862, 867, 864, 868), over UDP and TCP."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.segments import Segments
from nslab.capture.words.streams import Stream

ECHO, DAYTIME, CHARGEN, TIME = 7, 13, 19, 37
PROTOCOLS: Final = {ECHO: "ECHO", DAYTIME: "DAYTIME", CHARGEN: "Chargen", TIME: "TIME"}


@over_udp(*PROTOCOLS)
def small_service(c: Context, _: bytes, __: int) -> bool | None:
    """Which one it is, is a matter of the port."""
    is_request = c.destination_port in PROTOCOLS
    port = c.destination_port if is_request else c.source_port
    c.protocol = name = PROTOCOLS[port]
    if port == CHARGEN:
        c.write(name)
    else:
        direction = "Request" if is_request else "Response"
        c.write(direction if port == ECHO else f"{name} {direction}")
    return None


@over_tcp(*PROTOCOLS)
class SmallService(Segments):
    """Each segment has the same words."""

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, __: int) -> None:
        small_service(c, data, at)
