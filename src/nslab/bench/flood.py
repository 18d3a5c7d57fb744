"""A flood of small packets, sent by a child process through a packet socket of a node: numbered, and as fast as asked.

python -m nslab.bench.flood DESCRIPTOR RATE SECONDS       prints how many it has sent; a rate of 0 is flat out
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from nslab.sandbox.door import Node

NEAR, FAR = "flood0", "flood1"  # a cable inside the node: what goes in at one end comes out at the other
SIZE: Final = 64  # bytes of a frame

_BATCH: Final = 64
_PATIENCE: Final = 20.0  # seconds
_NUMBER: Final = slice(42, 46)  # where a frame carries its number
_NAP: Final = 50e-6  # seconds, while nothing is due
_ADDRESSES: Final = bytes.fromhex("0200000000020200000000010800")
# UDP from 10.9.0.1 port 40000 to 10.9.0.2 port 9999, to a MAC address that is nobody's: nobody answers.
_HEADERS: Final = bytes.fromhex("4500003200000000401166a60a0900010a0900029c40270f001e0000")
_SOL_PACKET, _QDISC_BYPASS = 263, 20


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Message(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint32),
    )


@contextmanager
def cable(node: Node) -> Iterator[None]:
    """Lay a cable inside a node, on which nothing is heard but the flood."""
    quiet = "echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; ip link set $each up"
    node.run(f"ip link add {NEAR} type veth peer name {FAR} && for each in {NEAR} {FAR}; do {quiet}; done")
    try:
        yield
    finally:
        node.run(f"ip link del {NEAR}")


def pour(node: Node, *, rate: int, seconds: float) -> int:
    """Send packets into the cable, `rate` a second or 0 for flat out; return how many."""
    with node.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((NEAR, 0))
        words = [sys.executable, "-m", "nslab.bench.flood", str(out.fileno()), str(rate), str(seconds)]
        limit = seconds + _PATIENCE
        done = subprocess.run(words, pass_fds=[out.fileno()], capture_output=True, text=True, check=True, timeout=limit)
    return int(done.stdout)


def main() -> None:
    """Send, and print how many."""
    descriptor, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the listener has the other processors
    with socket.socket(fileno=descriptor) as out:
        if rate == 0:
            out.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        print(_send(out, rate, seconds))


def _send(out: socket.socket, rate: int, seconds: float) -> int:
    frames = np.zeros((_BATCH, SIZE), np.uint8)
    frames[:, : len(_ADDRESSES + _HEADERS)] = np.frombuffer(_ADDRESSES + _HEADERS, np.uint8)
    numbers = frames[:, _NUMBER].view(">u4")
    vectors = (_Vector * _BATCH)(*(_Vector(row.ctypes.data, SIZE) for row in frames))
    messages = (_Message * _BATCH)(*(_Message(vectors=ctypes.pointer(vector), vector_count=1) for vector in vectors))
    libc = ctypes.CDLL(None, use_errno=True)
    sent = 0
    begun = time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        due = min(_BATCH, int(elapsed * rate) - sent) if rate else _BATCH
        if due <= 0:
            time.sleep(_NAP)
            continue
        numbers[:, 0] = np.arange(sent, sent + _BATCH)
        done = libc.sendmmsg(out.fileno(), messages, due, 0)
        if done < 0 and ctypes.get_errno() not in {errno.ENOBUFS, errno.EAGAIN}:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        sent += max(0, done)
    return sent


if __name__ == "__main__":
    main()
