"""WireGuard and OpenVPN: the little that they say openly."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES, over_tcp, over_udp
from nslab.capture.words.streams import MORE, Stream
from nslab.capture.words.tls import Tls
from nslab.capture.words.values import read_to_its_end

INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
SIZES: Final = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
SMALLEST: Final = 32  # of a data message: header and authentication tag
OPENVPN: Final = {
    1: "P_CONTROL_HARD_RESET_CLIENT_V1",
    2: "P_CONTROL_HARD_RESET_SERVER_V1",
    3: "P_CONTROL_SOFT_RESET_V1",
    4: "P_CONTROL_V1",
    5: "P_ACK_V1",
    6: "P_DATA_V1",
    7: "P_CONTROL_HARD_RESET_CLIENT_V2",
    8: "P_CONTROL_HARD_RESET_SERVER_V2",
    9: "P_DATA_V2",
    10: "P_CONTROL_HARD_RESET_CLIENT_V3",
    11: "P_CONTROL_WKC_V1",
}
OPENVPN_PORT: Final = 1194
CONTROL, ACKNOWLEDGEMENT = 4, 5
PAYLOADS: Final = (6, 9)
SESSION: Final = 8  # bytes of its number
SIGNATURES: Final = (0, 28, 24)  # with SHA-1 or MD5, a number and the time


def talkers(c: Context) -> set[frozenset[tuple[bytes, int]]]:
    return c.state("wireguard", set)


def pair(c: Context) -> frozenset[tuple[bytes, int]]:
    return frozenset(((c.source_address, c.source_port), (c.destination_address, c.destination_port)))


@over_udp(51820)
@read_to_its_end
def wireguard(c: Context, data: bytes, at: int) -> bool | None:
    """A message's size tells that it is one."""
    kind, size = data[at], len(data) - at + max(0, c.missing)
    if kind == DATA:
        if size < SMALLEST:
            return False
        receiver, counter = unpack_from("<IQ", data, at + 4)
        c.protocol = "WireGuard"
        if size == SMALLEST:
            c.write(f"Keepalive, receiver=0x{receiver:08X}, counter={counter}")
        else:
            c.write(f"Transport Data, receiver=0x{receiver:08X}, counter={counter}, datalen={size - SMALLEST}")
        return None
    if SIZES.get(kind) != size:
        return False
    one, two = unpack_from("<II", data, at + 4)
    c.protocol = "WireGuard"
    if kind == INITIATION:
        c.write(f"Handshake Initiation, sender=0x{one:08X}")
    elif kind == RESPONSE:
        c.write(f"Handshake Response, sender=0x{one:08X}, receiver=0x{two:08X}")
    else:
        c.write(f"Cookie Reply, receiver=0x{one:08X}")
    return None


def wireguard_anywhere(c: Context, data: bytes, at: int) -> bool | None:
    """On other ports: a handshake is known by its size and its zeros, data by the handshake before it."""
    if data[at + 1 : at + 4] != b"\0\0\0" or not INITIATION <= data[at] <= DATA:
        return False
    known = talkers(c)
    if data[at] == DATA and pair(c) not in known:
        return False
    if wireguard(c, data, at) is False:
        return False
    known.add(pair(c))
    return None


UDP_GUESSES.append(wireguard_anywhere)


@over_udp(OPENVPN_PORT)
@read_to_its_end
def openvpn(c: Context, data: bytes, at: int) -> None:
    c.protocol = "OpenVPN"
    kind = data[at] >> 3
    c.write(f"MessageType: {OPENVPN.get(kind, 'Unknown Messagetype')}")
    if kind not in PAYLOADS:
        data[at + 1 + SESSION + (0 if kind == ACKNOWLEDGEMENT else 4)]  # so much each of them has
    if kind == CONTROL:
        _inside(c, data, at + 1 + SESSION)


def _inside(c: Context, data: bytes, at: int) -> None:
    """Read the records of TLS in a control message; whether it is signed, only the first of them tells."""
    known: dict[frozenset[tuple[bytes, int]], tuple[int, Tls]] = c.state("openvpn", dict)
    ends = pair(c)
    signed, tls = known.get(ends, (-1, None))
    for size in SIGNATURES if tls is None else (signed,):
        start = _behind_acknowledgements(data, at + size)
        if start and tls is None and Tls.recognises(data[start : start + 5]):
            tls = Tls()
            known[ends] = size, tls
        if start and tls is not None:
            stream, end = Stream(c.source_port, c.destination_port), len(data)
            while start < end:
                length = tls.size(stream, data, start)
                if length <= 0:
                    return
                tls.dissect(c, stream, data, start, min(start + length, end))
                start += length
            return


def _behind_acknowledgements(data: bytes, at: int) -> int:
    """Return where the payload of a control message begins; 0: it has none."""
    if at >= len(data):
        return 0
    count = data[at]
    at += 1 + (4 * count + SESSION if count else 0) + 4
    return at if at < len(data) else 0


@over_tcp(OPENVPN_PORT)
class OpenVpnStream:
    """OpenVPN over TCP: two bytes of length before each message."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        return 2 + (data[at] << 8 | data[at + 1]) if len(data) - at >= 2 else MORE

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "OpenVPN"
        c.write("")
        openvpn(c, data[:end], at + 2)
