"""NTP (RFC 5905)."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_udp

MODES: Final = (
    "reserved",
    "symmetric active",
    "symmetric passive",
    "client",
    "server",
    "broadcast",
    "control",
    "private",
)
CONTROL, PRIVATE = 6, 7
VERSIONS: Final = range(1, 5)
SIZE: Final = 48
# Requests of ntpd's own mode 7, by their numbers
REQUESTS: Final = {
    0: "PEER_LIST",
    1: "PEER_LIST_SUM",
    2: "PEER_INFO",
    3: "PEER_STATS",
    4: "SYS_INFO",
    5: "SYS_STATS",
    6: "IO_STATS",
    7: "MEM_STATS",
    8: "LOOP_INFO",
    9: "TIMER_STATS",
    16: "GET_RESTRICT",
    20: "MON_GETLIST",
    42: "MON_GETLIST_1",
}


@over_udp(123)
def ntp(c: Context, data: bytes, at: int) -> bool | None:
    """Version and mode are in the first byte."""
    first = data[at]
    version, mode = first >> 3 & 7, first & 7
    c.protocol = "NTP"
    c.write(f"{f'NTP Version {version}' if version in VERSIONS else 'reserved'}, {MODES[mode]}")
    if mode == PRIVATE:
        name = REQUESTS.get(data[at + 3], f"Unknown ({data[at + 3]})")
        c.append(f", {'Response' if first & 0x80 else 'Request'}, {name}")
    elif mode != CONTROL:
        data[at + SIZE - 1]  # it is all there
    return None
