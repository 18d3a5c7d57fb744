"""RSVP (RFC 2205, 3209): which reservation, for which session."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ip
from nslab.capture.words.values import named, read_to_its_end

TYPES: Final = {
    1: "PATH Message",
    2: "RESV Message",
    3: "PATH ERROR Message",
    4: "RESV ERROR Message",
    5: "PATH TEAR Message",
    6: "RESV TEAR Message",
    7: "CONFIRM Message",
    12: "BUNDLE Message",
    13: "ACK Message",
    15: "SREFRESH Message",
    20: "HELLO Message",
}
SESSION, FILTER, SENDER = 1, 10, 11
IPV4, TUNNEL_IPV4 = 1, 7


@over_ip(46)
@read_to_its_end
def rsvp(c: Context, data: bytes, at: int) -> None:
    c.protocol = "RSVP"
    c.write("")
    kind, length = unpack_from("!xB4xH", data, at)
    c.write(f"{named(TYPES, kind)}. ")
    end = min(len(data), at + length)
    at += 8
    while at + 4 <= end:
        size, number, form = unpack_from("!HBB", data, at)
        if size < 4:
            return
        words = described(c, data, at + 4, number, form)
        if words:
            c.append(f"{words}. ")
        at += size


def described(c: Context, data: bytes, at: int, number: int, form: int) -> str:
    """Return the words of an object, if it has any."""
    ipv4 = c.dissector.ipv4
    if number == SESSION and form == IPV4:
        destination, protocol, port = unpack_from("!4sBxH", data, at)
        return f"SESSION: IPv4, Destination {ipv4[destination]}, Protocol {protocol}, Port {port}"
    if number == SESSION and form == TUNNEL_IPV4:
        destination, call, tunnel, extended = unpack_from("!4sHHI", data, at)
        return (
            f"SESSION: IPv4-LSP, Destination {ipv4[destination]}, Short Call ID {call},"
            f" Tunnel ID {tunnel}, Ext ID {extended:x}"
        )
    if number in (SENDER, FILTER) and form == TUNNEL_IPV4:
        what = "SENDER TEMPLATE" if number == SENDER else "FILTERSPEC"
        source, call, path = unpack_from("!4sHH", data, at)
        return f"{what}: IPv4-LSP, Tunnel Source: {ipv4[source]}, Short Call ID: {call}, LSP ID: {path}"
    return ""
