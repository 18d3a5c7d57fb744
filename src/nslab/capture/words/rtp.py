"""RTP and RTCP (RFC 3550, 3551), on the ports that a session description has agreed on."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context

HEADER: Final = 12
STATIC: Final = {
    0: "ITU-T G.711 PCMU",
    1: "USA Federal Standard FS-1016",
    2: "ITU-T G.721",
    3: "GSM 06.10",
    4: "ITU-T G.723",
    5: "DVI4 8000 samples/s",
    6: "DVI4 16000 samples/s",
    7: "Experimental linear predictive encoding from Xerox PARC",
    8: "ITU-T G.711 PCMA",
    9: "ITU-T G.722",
    10: "16-bit uncompressed audio, stereo",
    11: "16-bit uncompressed audio, monaural",
    12: "Qualcomm Code Excited Linear Predictive coding",
    13: "Comfort noise",
    14: "MPEG-I/II Audio",
    15: "ITU-T G.728",
    16: "DVI4 11025 samples/s",
    17: "DVI4 22050 samples/s",
    18: "ITU-T G.729",
    19: "Comfort noise (old)",
    25: "Sun CellB video encoding",
    26: "JPEG-compressed video",
    28: "'nv' program",
    31: "ITU-T H.261",
    32: "MPEG-I/II Video",
    33: "MPEG-II transport streams",
    34: "ITU-T H.263",
    **dict.fromkeys(range(72, 77), "Reserved for RTCP conflict avoidance"),
}
DYNAMIC: Final = 96
EVENT: Final = "telephone-event"
EVENT_TYPES: Final = {100: EVENT, 101: EVENT}  # by custom, when nothing else is said
DIGITS: Final = "Zero One Two Three Four Five Six Seven Eight Nine"
EVENTS: Final = (
    *(f"DTMF {name} {digit}" for digit, name in enumerate(DIGITS.split(" "))),
    *("DTMF Star *", "DTMF Pound #", "DTMF A", "DTMF B", "DTMF C", "DTMF D", "Flash"),
)
REPORTS: Final = {
    192: "Full Intra-frame Request (H.261)",
    193: "Negative Acknowledgement (H.261)",
    194: "SMPTE time-code mapping",
    195: "Extended inter-arrival jitter report",
    200: "Sender Report",
    201: "Receiver Report",
    202: "Source description",
    203: "Goodbye",
    204: "Application specific",
    205: "Generic RTP Feedback",
    206: "Payload-specific Feedback",
    207: "Extended report (RFC 3611)",
    209: "Receiver Summary Information",
    210: "Port Mapping",
}
FEEDBACK: Final = {1: "PLI", 2: "SLI", 3: "RPSI", 4: "FIR", 15: "ALFB"}

Codecs = dict[int, str]  # payload type: name


def expect(c: Context, address: bytes, port: int, codecs: Codecs) -> None:
    """Have RTP read at this port, and RTCP at the next one."""
    agreed: dict[tuple[bytes, int], Codecs] = c.state("rtp", dict)
    agreed[address, port] = codecs
    c.expect_datagrams(address, port, rtp)
    c.expect_datagrams(address, port + 1, rtcp)


def rtp(c: Context, data: bytes, at: int) -> bool | None:
    """Say which codec, and where in its stream."""
    if len(data) - at < HEADER or data[at] >> 6 != 2:
        return False
    marked, number = divmod(data[at + 1], 128)
    sequence, time, source = unpack_from("!HII", data, at + 2)
    agreed: dict[tuple[bytes, int], Codecs] = c.state("rtp", dict)
    codecs = agreed.get((c.destination_address, c.destination_port)) or {}
    codec = codecs.get(number) or EVENT_TYPES.get(number, "")
    if codec == EVENT:
        _event(c, data, at + HEADER + 4 * (data[at] & 15))
        return None
    c.protocol = "OPUS" if codec == "opus" else "RTP"
    name = STATIC.get(number) or codec or (f"DynamicRTP-Type-{number}" if number >= DYNAMIC else "Unassigned")
    mark = ", Mark" if marked else ""
    c.write(f"PT={name}, SSRC=0x{source:X}, Seq={sequence}, Time={time}{mark} ")
    return None


def _event(c: Context, data: bytes, at: int) -> None:
    c.protocol = "RTP EVENT"
    c.write("Payload type=RTP Event, ")
    number, flags = data[at], data[at + 1]
    c.append(EVENTS[number] if number < len(EVENTS) else f"Unknown ({number})")
    if flags & 0x80:
        c.append(" (end)")


def rtcp(c: Context, data: bytes, at: int) -> bool | None:
    """Name the reports of a compound packet."""
    if len(data) - at < 4 or data[at] >> 6 != 2:
        return False
    c.protocol = "RTCP"
    c.write("")
    while at + 4 <= len(data):
        kind, (size,) = data[at + 1], unpack_from("!H", data, at + 2)
        c.append(f"{REPORTS.get(kind, 'Unknown')}   ")
        if kind == 204:
            c.append(f"subtype={data[at] & 31}")
        elif kind == 206:
            c.append(f"{FEEDBACK.get(data[at] & 31, 'Unknown')}  ")
        at += 4 + 4 * size
    if at > len(data):
        raise IndexError
    return None
