"""What a node's kernel is asked by hand, where pyroute2 has no words for it or is slow: one question, one answer."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final, Self

from nslab.sandbox.door import Node, Socket

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")
_NETFILTER: Final = 12  # NETLINK_NETFILTER, which `socket` does not name
_SIOCGSKNS: Final = 0x894C
_REQUEST: Final = 1
_ERROR: Final = 2
_GET_NETCONF, _GET_NSID = 82, 90
_NFT_GET_GENERATION: Final = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_NETCONF_IFINDEX, _NETCONF_FORWARDING = 1, 2
_EVERY_INTERFACE: Final = -1  # NETCONFA_IFINDEX_ALL
_NSID, _NSID_FD = 1, 3
_GENERATION: Final = 1
_PATIENCE: Final = 5.0  # seconds, for an answer that a kernel gives at once


class Questions:
    """A netlink socket of a node's network, and what can be asked over it.

    with Questions(lab["host"]) as kernel:
        kernel.forwards(socket.AF_INET)     # True: net.ipv4.ip_forward is 1
    """

    def __init__(self, node: Node) -> None:
        self._route = _open(node, socket.NETLINK_ROUTE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._route.close()

    def namespace(self) -> int:
        """Return a descriptor of the node's network; the caller closes it.

        Unlike `Node.network`, this needs no /proc, and a container has none yet when the runbook plugs in its cable.
        """
        return fcntl.ioctl(self._route.fileno(), _SIOCGSKNS)

    def forwards(self, family: int) -> bool | None:
        """Return whether the node forwards packets of a family; None when its kernel has not that family."""
        body = struct.pack("=B3xHHi", family, 8, _NETCONF_IFINDEX, _EVERY_INTERFACE)
        answer = _ask(self._route, _GET_NETCONF, body)
        if answer is None:
            return None
        value = dict(_attributes(answer[4:])).get(_NETCONF_FORWARDING)
        return None if value is None else struct.unpack("=i", value)[0] != 0

    def number_of(self, namespace: int) -> int | None:
        """Return the number that links here have for the namespace of a descriptor; None: none of them leads there."""
        answer = _ask(self._route, _GET_NSID, struct.pack("=B3xHHI", 0, 8, _NSID_FD, namespace))
        value = None if answer is None else dict(_attributes(answer[4:])).get(_NSID)
        number = -1 if value is None else struct.unpack("=i", value)[0]
        return number if number >= 0 else None


def has_had_rules(node: Node) -> bool:
    """Return whether nftables, which `iptables` also writes to, has ever been used in the node's network."""
    try:
        asked = _open(node, _NETFILTER)
    except OSError:  # a kernel without netfilter
        return False
    with asked:
        answer = _ask(asked, _NFT_GET_GENERATION, struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
    value = None if answer is None else dict(_attributes(answer[4:])).get(_GENERATION)
    # A new network begins with 1, and every change counts.
    return value is not None and struct.unpack(">I", value)[0] > 1


def identity(namespace: int) -> int:
    """Return what tells a namespace, of which we have a descriptor, from all others."""
    return os.fstat(namespace).st_ino


def _open(node: Node, protocol: int) -> Socket:
    made = node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, protocol)
    made.settimeout(_PATIENCE)
    return made


def _ask(asked: Socket, kind: int, body: bytes) -> bytes | None:
    """Return the body of the answer, or None when the kernel says no."""
    asked.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST, 1, 0) + body)
    answer = asked.recv(1 << 16)
    length, kind, *_ = _HEADER.unpack_from(answer)
    return None if kind == _ERROR else answer[_HEADER.size : length]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind & 0x3FFF, data[at + _ATTRIBUTE.size : at + length]
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)
