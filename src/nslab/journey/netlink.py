"""Netlink as the kernel speaks it: requests, dumps and attributes, over sockets of the nodes.

Plain sockets and no event loop: a journey asks many small questions, also from a notebook's cell, which runs in a loop.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

from nslab.sandbox.door import Node

ROUTE: Final = 0  # NETLINK_…
NETFILTER: Final = 12
REQUEST: Final = 0x1
ACK: Final = 0x4
DUMP: Final = 0x300
CREATE: Final = 0x400
NESTED: Final = 0x8000
_ERROR, _DONE = 2, 3
_TYPE: Final = 0x3FFF  # an attribute's number without its two flags
_WAIT: Final = 5.0  # seconds for an answer that the kernel gives at once
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 8 << 20

Attributes = dict[int, bytes]


class Message(NamedTuple):
    """One message: its type, its number, and what follows the header."""

    type: int
    number: int
    body: bytes


class Netlink:
    """A netlink socket of a node; answers to requests only, no event may come on it.

    with Netlink(node, socket.NETLINK_ROUTE) as route:
        route.dump(RTM_GETLINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0))
    """

    def __init__(self, node: Node, protocol: int) -> None:
        self.socket = node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, protocol, bind=(0, 0))
        self.socket.settimeout(_WAIT)
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.socket.close()

    def ask(self, type: int, body: bytes, *, flags: int = 0) -> list[Message]:
        """Return the answers to one request; OSError with the kernel's own number."""
        self._number += 1
        self.socket.send(message(type, REQUEST | ACK | flags, self._number, body))
        return list(self._answers({self._number}))

    def dump(self, type: int, body: bytes) -> list[bytes]:
        """Return the bodies of all that there is of a kind."""
        self._number += 1
        self.socket.send(message(type, REQUEST | DUMP, self._number, body))
        return [each.body for each in self._answers({self._number})]

    def batch(self, subsystem: int, requests: list[tuple[int, int, bytes]]) -> None:
        """Have a list of (type, flags, body) done, all of it or nothing: nf_tables."""
        around = struct.pack("=BBH", socket.AF_UNSPEC, 0, socket.htons(subsystem))
        first = self._number + 1
        parts = [message(0x10, REQUEST, first, around)]
        for offset, (kind, flags, body) in enumerate(requests, 1):
            parts.append(message(kind, REQUEST | flags | (ACK if offset == len(requests) else 0), first + offset, body))
        self._number = first + len(requests) + 1
        parts.append(message(0x11, REQUEST, self._number, around))
        self.socket.send(b"".join(parts))
        list(self._answers({first + len(requests)}))

    def _answers(self, wanted: set[int]) -> Iterator[Message]:
        while True:
            for each in messages(self.socket.recv(1 << 17)):
                if each.type == _ERROR:
                    (number,) = struct.unpack_from("=i", each.body)
                    if number:
                        raise OSError(-number, os.strerror(-number))
                    if each.number in wanted:
                        return
                elif each.number not in wanted:
                    continue
                elif each.type == _DONE:
                    return
                else:
                    yield each


def message(type: int, flags: int, number: int, body: bytes) -> bytes:
    """Return a message with its header, padded."""
    return struct.pack("=IHHII", 16 + len(body), type, flags, number, 0) + body + bytes(-len(body) % 4)


def messages(data: bytes) -> Iterator[Message]:
    """Yield the messages in what a socket has given."""
    at = 0
    while at + 16 <= len(data):
        length, kind, _, number, _ = struct.unpack_from("=IHHII", data, at)
        if length < 16:
            return
        yield Message(kind, number, data[at + 16 : at + length])
        at += (length + 3) & ~3


def attribute(number: int, value: bytes | str | list[bytes]) -> bytes:
    """Return an attribute; a list is a nest of attributes, a string ends with a zero."""
    if isinstance(value, list):
        number, value = number | NESTED, b"".join(value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def attributes(data: bytes, at: int = 0) -> Attributes:
    """Return the attributes from a place on; of two with one number, the last."""
    return dict(_each(data, at))


def several(data: bytes, at: int = 0) -> list[tuple[int, bytes]]:
    """Return the attributes with their order, where a number may come again."""
    return list(_each(data, at))


def _each(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    end = len(data)
    while at + 4 <= end:
        length, number = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield number & _TYPE, data[at + 4 : at + length]
        at += (length + 3) & ~3


def text(value: bytes | None) -> str:
    """Return a string attribute's text."""
    return (value or b"").rstrip(b"\0").decode(errors="replace")


def widen(listener: socket.socket) -> None:
    """Give a socket that observes as much room as this user may have."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:  # only the machine's root may go beyond rmem_max
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def is_unknown(error: OSError) -> bool:
    """Whether the kernel says that it has no such thing, rather than that it refuses."""
    return error.errno in (errno.EOPNOTSUPP, errno.ENOENT, errno.EINVAL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
