"""PTP (IEEE 1588): clocks that tell each other the time."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet, over_udp
from nslab.capture.words.values import named

MESSAGES: Final = {
    0: "Sync Message",
    1: "Delay_Req Message",
    2: "Peer_Delay_Req Message",
    3: "Peer_Delay_Resp Message",
    8: "Follow_Up Message",
    9: "Delay_Resp Message",
    10: "Peer_Delay_Resp_Follow_Up Message",
    11: "Announce Message",
    12: "Signalling Message",
    13: "Management Message",
}
SIZES: Final = {0: 44, 1: 44, 2: 54, 3: 54, 8: 44, 9: 54, 10: 54, 11: 64, 12: 44, 13: 48}


@over_ethernet(0x88F7)
@over_udp(319, 320)
def ptp(c: Context, data: bytes, at: int) -> bool | None:
    version = data[at + 1] & 15
    if version not in (0, 1, 2):
        return False
    c.protocol = "PTPv2"
    kind = data[at]
    c.write(named(MESSAGES, kind & 15, "Unknown PTP Message (%u)"))
    if len(data) < at + SIZES.get(kind & 15, 0):
        c.say_short()
    return None
