"""The kernel's ring: where it begins, where it ends, what it tells of."""

from __future__ import annotations

import select
import socket

import numpy as np
import pytest

from nslab.capture import blocks
from nslab.capture.ring import BLOCK, Ring

EVERYTHING = ((6, 0, 0, 262144),)


@pytest.fixture
def ring(cable):
    ring = Ring(cable.host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), size=4 * BLOCK)
    ring.admit(EVERYTHING)
    yield ring
    ring.close()


@pytest.fixture
def index(cable):
    return int(cable.host.run("cat /sys/class/net/cap1/ifindex").stdout)


def drained(ring):
    """Return the frames that are in a frozen ring, and the directions in which they went."""
    found, directions = [], []
    waiting = select.poll()
    waiting.register(ring, select.POLLIN)
    for _ in range(1000):
        waiting.poll(10)
        for block in ring.take():
            copy = np.frombuffer(bytes(block), np.uint8).copy()
            frames = blocks.read(copy, ethernet=True)
            found += [copy[at : at + size].tobytes() for at, size in zip(frames.offset, frames.captured, strict=True)]
            directions += frames.direction.tolist()
        ring.count()
        if ring.complete:
            return found, directions
    raise AssertionError("the kernel has counted more than it hands out")


@pytest.mark.one_id
def test_it_hears_what_is_sent_between_its_start_and_its_end_and_nothing_else(ring, index, cable):
    cable.send(cable.frame(1))
    ring.listen(index)
    for number in range(2, 12):
        cable.send(cable.frame(number))
    ring.freeze()
    cable.send(cable.frame(12))
    cable.send(cable.frame(13)[:12] + b"\x88\xb5" + bytes(50))  # what the frozen socket is bound to
    frames, directions = drained(ring)
    assert cable.numbers(frames) == list(range(2, 12))
    assert frames[0] == cable.frame(2)
    assert directions == [3] * 10  # to somebody else's address
    assert ring.dropped == 0


def test_what_did_not_fit_is_counted(ring, index, cable):
    ring.listen(index)
    sent = 4 * BLOCK // 1600 + 500
    for number in range(sent):
        cable.send(cable.frame(number, 1500))
    ring.freeze()
    frames, _ = drained(ring)
    assert ring.dropped > 0
    assert len(frames) + ring.dropped == sent
    assert cable.numbers(frames) == list(range(len(frames)))


def test_a_tag_is_put_back_into_its_place(ring, index, cable):
    ring.listen(index)
    sent = [cable.frame(1), cable.frame(2, tag=100), cable.frame(3, 200, tag=0)]
    for each in sent:
        cable.send(each)
    ring.freeze()
    assert drained(ring)[0] == sent


def test_packets_of_all_sizes_are_found_in_a_block(ring, index, cable):
    ring.listen(index)
    sent = [cable.frame(number, 46 + number * 7 % 1400) for number in range(300)]
    for each in sent:
        cable.send(each)
    ring.freeze()
    assert drained(ring)[0] == sent


def test_a_ring_of_all_interfaces_hears_them_all(ring, cable):
    ring.listen()
    cable.send(cable.frame(7))
    ring.freeze()
    assert cable.numbers(drained(ring)[0]) == [7, 7]  # out of one end, into the other


def test_a_block_without_packets_is_none():
    assert len(blocks.read(np.zeros(64, np.uint8), ethernet=True).offset) == 0
