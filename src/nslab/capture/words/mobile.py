"""GTP (3GPP TS 29.060, 29.274, 29.281): what carries a mobile telephone's packets, and arranges it."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.ethernet import next_type
from nslab.capture.words.registry import over_udp
from nslab.capture.words.values import read_to_its_end

USER_DATA: Final = 255
OPTIONS, EXTENDED = 7, 4  # flags: any of three words more; an extension header
MESSAGES: Final = {
    1: "Echo request",
    2: "Echo response",
    3: "Version not supported",
    4: "Node alive request",
    5: "Node alive response",
    6: "Redirection request",
    7: "Redirection response",
    16: "Create PDP context request",
    17: "Create PDP context response",
    18: "Update PDP context request",
    19: "Update PDP context response",
    20: "Delete PDP context request",
    21: "Delete PDP context response",
    22: "Initiate PDP Context Activation Request",
    23: "Initiate PDP Context Activation Response",
    24: "Delete AA PDP Context Request",
    25: "Delete AA PDP Context Response",
    26: "Error indication",
    27: "PDU notification request",
    28: "PDU notification response",
    29: "PDU notification reject request",
    30: "PDU notification reject response",
    31: "Supported extension header notification",
    32: "Send routing information for GPRS request",
    33: "Send routing information for GPRS response",
    34: "Failure report request",
    35: "Failure report response",
    36: "Note MS GPRS present request",
    37: "Note MS GPRS present response",
    254: "End Marker",
}
MESSAGES_2: Final = {
    0: "Reserved",
    1: "Echo Request",
    2: "Echo Response",
    3: "Version Not Supported Indication",
    4: "Node Alive Request",
    5: "Node Alive Response",
    32: "Create Session Request",
    33: "Create Session Response",
    34: "Modify Bearer Request",
    35: "Modify Bearer Response",
    36: "Delete Session Request",
    37: "Delete Session Response",
    38: "Change Notification Request",
    39: "Change Notification Response",
    40: "Remote UE Report Notification",
    41: "Remote UE Report Acknowledge",
    64: "Modify Bearer Command",
    65: "Modify Bearer Failure Indication",
    66: "Delete Bearer Command",
    67: "Delete Bearer Failure Indication",
    95: "Create Bearer Request",
    96: "Create Bearer Response",
    97: "Update Bearer Request",
    98: "Update Bearer Response",
    99: "Delete Bearer Request",
    100: "Delete Bearer Response",
    101: "Delete PDN Connection Set Request",
    102: "Delete PDN Connection Set Response",
    128: "Identification Request",
    129: "Identification Response",
    130: "Context Request",
    131: "Context Response",
    132: "Context Acknowledge",
    133: "Forward Relocation Request",
    135: "Forward Relocation Complete Notification",
    136: "Forward Relocation Complete Acknowledge",
    152: "RAN Information Relay",
    153: "Alert MME Notification",
    160: "Create Forwarding Tunnel Request",
    166: "Create Indirect Data Forwarding Tunnel Request",
    167: "Create Indirect Data Forwarding Tunnel Response",
    168: "Delete Indirect Data Forwarding Tunnel Request",
    169: "Delete Indirect Data Forwarding Tunnel Response",
    170: "Release Access Bearers Request",
    171: "Release Access Bearers Response",
    176: "Downlink Data Notification",
    177: "Downlink Data Notification Acknowledgement",
    179: "PGW Restart Notification",
    200: "Update PDN Connection Set Request",
    201: "Update PDN Connection Set Response",
    211: "Modify Access Bearers Request",
    212: "Modify Access Bearers Response",
    231: "MBMS Session Start Request",
}
PFCP_MESSAGES: Final = {
    1: "Heartbeat Request",
    2: "Heartbeat Response",
    3: "PFD Management Request",
    4: "PFD Management Response",
    5: "Association Setup Request",
    6: "Association Setup Response",
    7: "Association Update Request",
    8: "Association Update Response",
    9: "Association Release Request",
    10: "Association Release Response",
    11: "Version Not Supported Response",
    12: "Node Report Request",
    13: "Node Report Response",
    14: "Session Set Deletion Request",
    15: "Session Set Deletion Response",
    50: "Session Establishment Request",
    51: "Session Establishment Response",
    52: "Session Modification Request",
    53: "Session Modification Response",
    54: "Session Deletion Request",
    55: "Session Deletion Response",
    56: "Session Report Request",
    57: "Session Report Response",
}


@over_udp(2123, 2152, 3386)
@read_to_its_end
def gtp(c: Context, data: bytes, at: int) -> bool | None:
    flags, kind = data[at], data[at + 1] if at + 1 < len(data) else 0
    version = flags >> 5
    name = (MESSAGES_2 if version == 2 else MESSAGES).get(kind)
    if len(data) < at + 8 or version > 2 or (name is None and kind != USER_DATA):
        return False
    c.protocol = "GTPv2" if version == 2 else "GTP"
    c.write(name or "")
    if kind == USER_DATA and version == 1:
        user_data(c, data, at, flags)
    return None


def user_data(c: Context, data: bytes, at: int, flags: int) -> None:
    """A packet of the user; behind the header there may be others, each naming the next."""
    at += 8
    if flags & OPTIONS:
        following = data[at + 3] if flags & EXTENDED else 0
        at += 4
        while following:
            size = data[at] * 4
            if not size:
                return
            following = data[at + size - 1]
            at += size
    version = data[at] >> 4
    if version in (4, 6):
        next_type(c, data, at, 0x0800 if version == 4 else 0x86DD)
        c.protocol = f"GTP <{c.protocol}>"


@over_udp(8805)
def pfcp(c: Context, data: bytes, at: int) -> bool | None:
    """Between the two planes of a gateway (3GPP TS 29.244)."""
    name = PFCP_MESSAGES.get(data[at + 1]) if len(data) >= at + 8 else None
    if data[at] >> 5 != 1 or name is None:
        return False
    c.protocol = "PFCP"
    c.write(f"PFCP {name}")
    return None
