"""A ring of blocks that the kernel fills with packets (TPACKET_V3): it begins exactly, and it ends exactly.

What was sent before `freeze` has been counted by the kernel, and all that it counted is handed out: when `complete` is
true, nothing is missing but `dropped`, and that is known.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

from nslab.capture.filters import NOTHING, Program

BLOCK: Final = 1 << 17  # bytes, twice the largest frame without BIG TCP; the kernel searches long for larger pieces

_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 1, 5, 6, 10, 23
_V3, _PROMISCUOUS = 2, 1
_ATTACH_FILTER: Final = 26
_ALL: Final = 3  # ETH_P_ALL
_UNUSED: Final = 0x88B5  # an EtherType for local experiments: nobody's
_FRAME: Final = 2048
RETIRE: Final = 80  # ms after which the kernel hands out a block that is not full
_TO_READ: Final = 1  # TP_STATUS_USER
_TIME_OVER: Final = 32  # TP_STATUS_BLK_TMO: it was not full
_MOST: Final = 2_500_000  # bytes that come in a millisecond at the most: 20 Gbit/s
_STATUS, _PACKETS, _BYTES = 2, 3, 5  # places in a block's header, in words of 32 bits
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Ring:
    """A packet socket with its ring; it hears nothing before `listen`.

    ring = Ring(lab["host"].socket(socket.AF_PACKET, socket.SOCK_RAW, 0), size=32 << 20)
    ring.admit(program)                 # before the first packet
    ring.listen(index)                  # when this returns, the kernel's tap is in place
    for block in ring.take(): …         # a memoryview each, given back with the next
    ring.freeze()                       # from here on nothing more comes in
    """

    def __init__(self, opened: socket.socket, *, size: int) -> None:
        self._socket = opened
        self._blocks = max(4, size // BLOCK)
        self._next = 0
        self._hooked = False
        self._counted = 0
        self.handed_out = 0  # packets
        self.nap = 0.0  # ms for which it may be left alone after the last `take`, so that several blocks fill
        self.dropped = 0
        try:
            opened.setsockopt(_SOL_PACKET, _VERSION, _V3)
            shape = (BLOCK, self._blocks, _FRAME, BLOCK // _FRAME * self._blocks, RETIRE, 0, 0)
            opened.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("7I", *shape))
            self._memory = mmap.mmap(opened.fileno(), BLOCK * self._blocks)
        except OSError:
            opened.close()
            raise
        self._bytes = memoryview(self._memory)
        self._words = self._bytes.cast("I")

    def fileno(self) -> int:
        return self._socket.fileno()

    def inode(self) -> int:
        """Return the number that the kernel's own list of packet sockets has it under."""
        return os.fstat(self._socket.fileno()).st_ino

    def admit(self, program: Program) -> None:
        """Let only those packets in that the filter returns a length for; a change of filters leaves no gap."""
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code))
        )

    def listen(self, index: int = 0) -> None:
        """Tap an interface, or without one all that the node has and will have. OSError when there is none."""
        if self._hooked:
            # Another protocol first: a socket whose interface is gone is not hooked again by binding it as it was.
            self._bind(_UNUSED, 0)
        self._bind(_ALL, index)
        self._hooked = True

    def ignore_outgoing(self) -> None:
        """Hear only what comes in: on `lo` all that goes out comes in again, and would be seen twice."""
        self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)

    def overhear(self, index: int) -> None:
        """Have the interface take in what is addressed to others: a bridge shows what it forwards only then."""
        membership = struct.pack("iHH8s", index, _PROMISCUOUS, 0, b"")
        self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)

    def take(self) -> Iterator[memoryview]:
        """Yield each block that the kernel has filled."""
        words = BLOCK // 4
        self.nap = 0.0
        while (status := self._words[self._next * words + _STATUS]) & _TO_READ:
            header = self._next * words
            if not status & _TIME_OVER:  # full before its time: more will come soon
                self.nap = BLOCK * self._blocks / _MOST
            self.handed_out += self._words[header + _PACKETS]
            yield self._bytes[header * 4 : header * 4 + self._words[header + _BYTES]]
            self._words[header + _STATUS] = 0
            self._next = (self._next + 1) % self._blocks

    def take_open(self) -> Iterator[memoryview]:
        """After `freeze`: yield the block that the kernel has begun and nobody adds to, if that is all that is missing.

        The kernel would hand it out when its time is over, and counts the packets in its header all along.
        """
        header = self._next * (BLOCK // 4)
        packets = self._words[header + _PACKETS]
        if packets and self.handed_out + packets == self._counted - self.dropped:
            self.handed_out += packets
            yield self._bytes[header * 4 : header * 4 + self._words[header + _BYTES]]

    def freeze(self) -> None:
        """Let nothing more in; returns when no processor is still writing."""
        self.admit(NOTHING)
        # Protocol 0 would keep the old one; a new one unhooks the tap and waits for those that are in it.
        self._bind(_UNUSED, 0)

    def count(self) -> None:
        """Ask the kernel how many packets it has counted and dropped: it forgets them with the asking."""
        counted, dropped, _ = struct.unpack("3I", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        self._counted += counted
        self.dropped += dropped

    @property
    def complete(self) -> bool:
        """Whether all that the kernel has counted and not dropped has been handed out."""
        return self.handed_out == self._counted - self.dropped

    def _bind(self, protocol: int, index: int) -> None:
        # By hand: Python's bind knows interfaces only by their names, and "all of them" has none.
        address = struct.pack("HHiHBB8s", socket.AF_PACKET, socket.htons(protocol), index, 0, 0, 0, b"")
        if _libc.bind(self._socket.fileno(), address, len(address)):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def error(self) -> int:
        """Return what the kernel has to say, ENETDOWN for an interface that went down, and have it said only once."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def close(self) -> None:
        """Give everything back to the kernel."""
        self._words.release()
        self._bytes.release()
        self._memory.close()
        self._socket.close()
