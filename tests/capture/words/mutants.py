"""Packets that nobody has sent: real ones with bytes changed, cut, inserted, repeated. The same ones for the same seed.

python tests/capture/words/mutants.py COUNT FILE.pcap …     read so many, one row each, and say how long it took
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from nslab.capture.files import examine
from nslab.capture.packets import Packets, Point
from nslab.capture.words import Dissector

BATCH = 20_000
INTERESTING = (0, 1, 4, 5, 6, 7, 8, 0x11, 0x3A, 0x2C, 0x45, 0x7F, 0x80, 0xFE, 0xFF)


def mutants(seeds: Sequence[bytes], count: int, seed: int = 1) -> Iterator[tuple[bytes, int]]:
    """Yield packets and how long they say they were on the wire."""
    chance = random.Random(seed)
    for _ in range(count):
        packet = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4, 8))):
            change(packet, chance)
        length = len(packet)
        if chance.random() < 0.1 and length:
            del packet[chance.randrange(length) :]
        yield bytes(packet), length if chance.random() < 0.7 else len(packet)


def change(packet: bytearray, chance: random.Random) -> None:
    """Change a packet; its headers, most of the time."""
    if not packet:
        return
    size = len(packet)
    at = chance.randrange(min(size, 80) if chance.random() < 0.7 else size)
    kind = chance.randrange(8)
    if kind < 3:
        packet[at] = chance.choice(INTERESTING)
    elif kind == 3:
        packet[at] ^= 1 << chance.randrange(8)
    elif kind == 4:
        packet[at] = chance.randrange(256)
    elif kind == 5:
        del packet[at : at + chance.randrange(1, 9)]
    elif kind == 6:
        packet[at:at] = chance.randbytes(chance.randrange(1, 9))
    else:
        packet += packet[at : at + chance.randrange(1, 64)]


def packets(frames: Sequence[tuple[bytes, int]], link_type: int = 1) -> Packets:
    """Make Packets of bytes and lengths, a millisecond apart."""
    captured = np.array([len(data) for data, _ in frames], np.int32)
    count = len(frames)
    return Packets(
        (Point("made", link_type=link_type),),
        np.frombuffer(b"".join(data for data, _ in frames), np.uint8),
        np.cumsum(captured, dtype=np.int64) - captured,
        captured,
        np.array([max(length, len(data)) for data, length in frames], np.int32),
        np.arange(count, dtype=np.int64) * 1_000_000 + 10**18,
        np.zeros(count, np.uint16),
        np.full(count, 255, np.uint8),
    )


def main(arguments: list[str]) -> int:
    count, files = int(arguments[0]), arguments[1:]
    seeds = [data for file in files for data in examine(Path(file)).packets]
    stream = mutants(seeds, count)
    words = Dissector(strict=True)
    took = 0.0
    while batch := list(islice(stream, BATCH)):
        made = packets(batch)
        before, start = len(words), time.process_time()
        words.feed(made)
        took += time.process_time() - start
        assert len(words) == before + len(batch)
    words.finish()
    print(f"{len(words)} mutants of {len(seeds)} packets, one row each, no exception: {took:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
