"""UDP."""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import UDP_GUESSES, UDP_PORTS, over_ip

HEADER: Final = Struct("!HHHH")
PATIENCE: Final = 32  # datagrams of a flow that are shown to those who might recognise them
COOKIE: Final = b"\x21\x12\xa4\x42"  # of STUN, which comes between the packets of other protocols
FEWEST: Final = 4  # of a packet that is cut: whoever might know it asks for as many


@over_ip(17)
def udp(c: Context, data: bytes, at: int) -> None:
    if len(data) >= at + 8:
        source, destination, length, checksum = HEADER.unpack_from(data, at)
        if at + length == len(data) + c.missing and length > 8 and (checksum or c.version == 4):  # as nearly all
            c.protocol = "UDP"
            c.source_port, c.destination_port = source, destination
            c.write(f"{source} → {destination} Len={length - 8}")
            data[at + 8]  # one byte at least is asked for
            payload(c, data, at + 8)
            return
    unusual(c, data, at)


def unusual(c: Context, data: bytes, at: int) -> None:
    """Say what is wrong with a header, field by field as they are there."""
    source, destination = unpack_from("!HH", data, at)
    c.protocol = "UDP"
    c.source_port, c.destination_port = source, destination
    c.write(f"{source} → {destination}")
    (length,) = unpack_from("!H", data, at + 4)
    end = at + length
    if length < 8 and not (length == 0 and c.version == 6):
        c.append(f" [BAD UDP LENGTH {length} < 8]")
        return
    is_jumbogram = not length
    if is_jumbogram:  # RFC 2675, 4
        length = len(data) + c.missing - at
        end = at + length
    if end > len(data) + c.missing and not c.fragmented:
        c.append(f" [BAD UDP LENGTH {length} > IP PAYLOAD LENGTH]")
    c.append(f" Len={length - 8}{' [Jumbogram]' if is_jumbogram else ''}")
    (checksum,) = unpack_from("!H", data, at + 6)
    if c.version == 6 and not checksum:
        c.append(" [ILLEGAL CHECKSUM (0)]")
    if end < len(data) + c.missing:
        c.missing = max(0, end - len(data))
        data = data[:end]
    if length > 8:
        data[at + 8]  # one byte at least is asked for
        payload(c, data, at + 8)


def payload(c: Context, data: bytes, at: int) -> None:
    """Hand on to what reads the lower port, or the higher one, or recognises it."""
    source, destination = c.source_port, c.destination_port
    expected = c.dissector.states.get("expected datagrams")
    if expected:
        agreed = expected.get((c.destination_address, destination)) or expected.get((c.source_address, source))
        if agreed is not None and agreed(c, data, at) is not False:
            return
    low, high = (source, destination) if source <= destination else (destination, source)
    dissect = UDP_PORTS.get(low)
    if dissect is not None and dissect(c, data, at) is not False:
        return
    dissect = UDP_PORTS.get(high)
    if dissect is not None and dissect(c, data, at) is not False:
        return
    guessed(c, data, at)


def guessed(c: Context, data: bytes, at: int) -> None:
    """Ask who recognises it; not for ever, where nobody has so far."""
    refused: dict[bytes, int] = c.state("udp refused", dict)
    flow = c.addresses + data[at - 8 : at - 4]
    count = refused.get(flow, 0)
    if count < PATIENCE or data[at + 4 : at + 8] == COOKIE:
        for guess in UDP_GUESSES:
            if guess(c, data, at) is not False:
                return
        refused[flow] = count + 1
    if c.missing and len(data) < at + FEWEST:
        c.say_short()
