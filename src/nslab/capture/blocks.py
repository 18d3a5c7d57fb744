"""What a block of the kernel's ring holds: where each packet lies, when it came, and which way it went."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

# struct tpacket3_hdr, and the sockaddr_ll behind it (packet(7), linux/if_packet.h).
_NEXT, _SECONDS, _NANOSECONDS, _CAPTURED, _LENGTH, _STATUS, _OFFSETS, _TAG, _TPID = 0, 1, 2, 3, 4, 5, 6, 8, 9
_INDEX, _KIND = 13, 14
_HAS_TAG, _HAS_TPID = 0x10, 0x40  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID
_COUNT, _FIRST = 3, 4  # of a block's header
_ADDRESSES: Final = 12  # bytes of an Ethernet header before the place of a tag


@dataclass(frozen=True, slots=True)
class Frames:
    """The packets of a block; one entry each, offsets counted from the start of the block."""

    offset: NDArray[np.int64]
    captured: NDArray[np.int32]
    length: NDArray[np.int32]
    time: NDArray[np.int64]
    direction: NDArray[np.uint8]
    interface: NDArray[np.int32]  # its index in the node's network

    @classmethod
    def none(cls) -> Frames:
        """Return no packets."""
        whole, half = np.zeros(0, np.int64), np.zeros(0, np.int32)
        return cls(whole, half, half, whole, np.zeros(0, np.uint8), half)

    def select(self, which: NDArray[np.bool_]) -> Frames:
        """Return some of them."""
        return Frames(
            self.offset[which],
            self.captured[which],
            self.length[which],
            self.time[which],
            self.direction[which],
            self.interface[which],
        )


def read(block: Bytes, *, ethernet: bool) -> Frames:
    """Return what a block holds; a VLAN tag, which the kernel keeps beside the packet, is put back into its place."""
    words = block[: len(block) & ~3].view(np.uint32)
    at = _headers(words) >> 2
    offsets = words[at + _OFFSETS]  # of the link's header in its lower half, of IP's in the upper
    offset = (at << 2) + (offsets & 0xFFFF if ethernet else offsets >> 16).astype(np.int64)
    captured = words[at + _CAPTURED].astype(np.int32)
    length = words[at + _LENGTH].astype(np.int32)
    tagged = np.flatnonzero(words[at + _STATUS] & _HAS_TAG)
    if ethernet and len(tagged):
        for packet in tagged.tolist():
            _put_back_tag(block, int(offset[packet]), words[at[packet] : at[packet] + _TPID + 1])
        offset[tagged] -= 4
        captured[tagged] += 4
        length[tagged] += 4
    return Frames(
        offset,
        captured,
        length,
        words[at + _SECONDS].astype(np.int64) * 1_000_000_000 + words[at + _NANOSECONDS],
        (words[at + _KIND] >> 16 & 0xFF).astype(np.uint8),
        words[at + _INDEX].astype(np.int32),
    )


def _headers(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return where each packet's header begins; each names the distance to the next."""
    count, first = int(words[_COUNT]), int(words[_FIRST])
    if not count:
        return np.zeros(0, np.int64)
    # A flood is of one size: one look at all the places where the headers must then be.
    step = int(words[first >> 2])
    even = first + step * np.arange(count, dtype=np.int64)
    if count > 1 and int(even[-1]) >> 2 < len(words) and (words[even[:-1] >> 2] == step).all():
        return even
    found = []
    distances = words.data
    at = first
    for _ in range(count):
        found.append(at)
        at += distances[at >> 2]
    return np.array(found, np.int64)


def _put_back_tag(block: Bytes, at: int, header: NDArray[np.uint32]) -> None:
    # The kernel leaves at least 14 bytes before an Ethernet frame (TPACKET_ALIGN), of which the tag takes four.
    tpid = int(header[_TPID]) & 0xFFFF if int(header[_STATUS]) & _HAS_TPID else 0x8100
    block[at - 4 : at - 4 + _ADDRESSES] = block[at : at + _ADDRESSES].copy()
    tag = struct.pack("!HH", tpid, int(header[_TAG]) & 0xFFFF)
    block[at + _ADDRESSES - 4 : at + _ADDRESSES] = np.frombuffer(tag, np.uint8)
