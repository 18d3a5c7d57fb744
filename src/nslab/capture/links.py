"""The interfaces of a node as its kernel tells of them: those that are there, and every change from then on.

By hand and not by pyroute2: these few fields are read beside the packets, by a thread that must not wait, and to import
pyroute2 takes longer than a whole capture.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nslab.sandbox.door import Node

_GROUP_LINK: Final = 1  # RTMGRP_LINK
_NEW_LINK, _DEL_LINK, _GET_LINK = 16, 17, 18
_ERROR, _DONE = 2, 3
_REQUEST_DUMP: Final = 0x301
_NAME, _STATISTICS = 3, 23  # IFLA_IFNAME, IFLA_STATS64
_UP: Final = 1  # IFF_UP
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK: Final = struct.Struct("=BxHiII")  # family, hardware type, index, flags, change
_ATTRIBUTE: Final = struct.Struct("=HH")
_PATIENCE: Final = 5.0  # seconds, for an answer that a kernel gives at once


@dataclass(frozen=True, slots=True)
class Link:
    """An interface at one moment. hardware: its ARPHRD type; passed: packets that went through it, both ways."""

    name: str
    index: int
    up: bool
    hardware: int
    passed: int


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an interface: `before` is None when it appeared, `after` when it went."""

    before: Link | None
    after: Link | None


class Links:
    """The interfaces of a node's network, by index, kept up to date by `changes`.

    links = Links(lab["host"])
    links.named("br0")          # Link(name='br0', index=3, up=True, …) or None
    for change in links.changes(): …        # what has happened since; `fileno` is readable when something has
    """

    def __init__(self, node: Node) -> None:
        self._socket = node.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, _GROUP_LINK))
        self._socket.settimeout(0)
        self.known: dict[int, Link] = {}
        for _ in self._ask():
            pass

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def named(self, name: str) -> Link | None:
        """Return the interface of this name."""
        return next((link for link in self.known.values() if link.name == name), None)

    def changes(self) -> Iterator[Change]:
        """Yield what has changed since it was last asked for, in order."""
        while True:
            try:
                message = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # More happened than its buffer holds: what is missing is found by asking.
                yield from self._ask()
                return
            yield from self._read(message)

    def refresh(self) -> list[Change]:
        """Ask for all interfaces, so that their counters are new; return what had changed."""
        return list(self._ask())

    def _ask(self) -> Iterator[Change]:
        request = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        self._socket.send(_HEADER.pack(_HEADER.size + _LINK.size, _GET_LINK, _REQUEST_DUMP, 1, 0) + request)
        before = set(self.known)
        seen: set[int] = set()
        self._socket.settimeout(_PATIENCE)
        try:
            done = False
            while not done:
                message = self._socket.recv(1 << 16)
                done = any(kind in {_DONE, _ERROR} for kind, _ in messages(message))
                seen |= {_LINK.unpack_from(body)[2] for kind, body in messages(message) if kind == _NEW_LINK}
                yield from self._read(message)
        finally:
            self._socket.settimeout(0)
        for index in before - seen:
            if index in self.known:
                yield Change(self.known.pop(index), None)

    def _read(self, message: bytes) -> Iterator[Change]:
        for kind, body in messages(message):
            # A bridge tells of its ports in messages of its own family: a port that leaves it is not deleted.
            if kind not in {_NEW_LINK, _DEL_LINK} or body[0] != socket.AF_UNSPEC:
                continue
            link = _link(body)
            before = self.known.pop(link.index, None)
            if kind == _NEW_LINK:
                self.known[link.index] = link
                yield Change(before, link)
            elif before is not None:
                yield Change(before, None)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body of each netlink message in what was received."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += max(_HEADER.size, (length + 3) & ~3)


def _link(body: bytes) -> Link:
    _, hardware, index, flags, _ = _LINK.unpack_from(body)
    name, passed = "", 0
    at = _LINK.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        value = body[at + _ATTRIBUTE.size : at + length]
        if kind == _NAME:
            name = value.rstrip(b"\0").decode(errors="replace")
        elif kind == _STATISTICS:
            passed = sum(struct.unpack_from("=QQ", value))  # rx_packets, tx_packets
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)
    return Link(name, index, bool(flags & _UP), hardware, passed)
