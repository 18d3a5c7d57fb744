"""What two programs say to each other, as frames."""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Iterable
from typing import Any

frames: Any = sys.modules["words_frames"]  # conftest has imported it by this name

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
PSH_ACK = 24
_ports = itertools.count(20000)


def says(payload: bytes, port: int, *, client: int | None = None, answers: bool = False) -> bytes:
    """A datagram to a server's port, or its answer."""
    client = next(_ports) if client is None else client
    ends, ports = ((SERVER, CLIENT), (port, client)) if answers else ((CLIENT, SERVER), (client, port))
    made: bytes = frames.ether(frames.ipv4(frames.udp(payload, *ports), 17, *ends))
    return made


def talk(port: int, *said: bytes | tuple[bytes], client: int | None = None) -> list[bytes]:
    """Segments of a connection: the client's bytes, and in a tuple the server's."""
    client = next(_ports) if client is None else client
    numbers = {True: 1, False: 1}
    made = []
    for each in said:
        is_answer = isinstance(each, tuple)
        payload = each[0] if isinstance(each, tuple) else each
        ends, ports = ((SERVER, CLIENT), (port, client)) if is_answer else ((CLIENT, SERVER), (client, port))
        segment = frames.tcp(PSH_ACK, numbers[is_answer], numbers[not is_answer], payload, ports=ports)
        numbers[is_answer] += len(payload)
        made.append(frames.ether(frames.ipv4(segment, 6, *ends)))
    return made


def sized(payload: bytes) -> bytes:
    """Two bytes of length before it."""
    return struct.pack("!H", len(payload)) + payload


def flat(conversations: Iterable[list[bytes]]) -> list[bytes]:
    return [frame for conversation in conversations for frame in conversation]
