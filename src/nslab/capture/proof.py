"""The kernel's own list of packet sockets: whether a tap is in place, as it says and not as we believe.

A packet of our own, sent to see whether it is heard, would be one more on somebody's wire; this list is none.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final

from nslab.capture.links import messages
from nslab.sandbox.door import Node

_DIAGNOSIS: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_REQUEST_DUMP: Final = 0x301
_DONE: Final = {2, 3}  # NLMSG_ERROR, NLMSG_DONE
_SHOW_INFO, _INFO = 1, 0  # PACKET_SHOW_INFO, PACKET_DIAG_INFO
_RUNNING: Final = 1  # PDI_RUNNING
_HEAD: Final = 16  # bytes of packet_diag_msg before its attributes
_PATIENCE: Final = 2.0  # seconds


def in_place(node: Node) -> frozenset[int]:
    """Return the inodes of the packet sockets whose taps are hooked in and whose interface is up, in a node's network.

    Empty where the kernel has no such list (CONFIG_PACKET_DIAG).
    """
    body = struct.pack("=BBHIIII", socket.AF_PACKET, 0, 0, 0, _SHOW_INFO, 0xFFFFFFFF, 0xFFFFFFFF)
    try:
        with node.socket(socket.AF_NETLINK, socket.SOCK_RAW, _DIAGNOSIS) as asked:
            asked.settimeout(_PATIENCE)
            asked.send(struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + body)
            return frozenset(_running(asked))
    except OSError:
        return frozenset()


def _running(asked: socket.socket) -> Iterator[int]:
    while True:
        for kind, body in messages(asked.recv(1 << 16)):
            if kind in _DONE:
                return
            (inode,) = struct.unpack_from("=I", body, 4)
            if _flags(body) & _RUNNING:
                yield inode


def _flags(body: bytes) -> int:
    at = _HEAD
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if kind == _INFO:
            flags: int = struct.unpack_from("=6I", body, at + 4)[5]
            return flags
        at += max(4, length + 3 & ~3)
    return 0
