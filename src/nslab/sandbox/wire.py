"""Messages between processes of one machine: a SOCK_SEQPACKET record each, with file descriptors beside it."""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

_MOST_BYTES = 1 << 20
_MOST_DESCRIPTORS = 64


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected ends.

    >>> left, right = pair()
    >>> send(left, {"op": "hello"})
    >>> receive(right)
    ({'op': 'hello'}, [])
    """
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        grow(end)
    return ends


def grow(end: socket.socket) -> None:
    """Give a socket room for the longest message (a long environment does not fit into the default 208 KiB)."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _MOST_BYTES)


def send(end: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message; the other side gets copies of the descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([json.dumps(message).encode()], rights)


def receive(end: socket.socket) -> tuple[Message | None, list[int]]:
    """Return the next message and its descriptors; None when the other side is gone."""
    size = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        # Its length first: a buffer for the longest one costs more than all the rest of this.
        length = end.recv_into(bytearray(1), 1, socket.MSG_PEEK | socket.MSG_TRUNC)
        data, ancillary, flags, _ = end.recvmsg(length, size, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None, []
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    if not data or flags & socket.MSG_TRUNC:
        for descriptor in descriptors:
            os.close(descriptor)
        return None, []
    return json.loads(data), list(descriptors)


def answer(descriptor: int, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message over a reply socket that came as a descriptor, and close it; a reader who left is no error."""
    # Told what it is, Python does not ask the kernel in four calls.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=descriptor) as end:
        try:
            send(end, message, descriptors)
        except OSError:
            pass
