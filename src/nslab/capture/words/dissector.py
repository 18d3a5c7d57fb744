"""The table's words, packet by packet."""

from __future__ import annotations

import gc
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import numpy as np

from nslab.capture.headers import Ints
from nslab.capture.packets import Packets, Point
from nslab.capture.words.context import MALFORMED, Addresses, Context, Malformed, Pairs
from nslab.capture.words.plain import ADDRESSES, AT, HOP_LIMIT, plain
from nslab.capture.words.registry import IP_PROTOCOLS, LINK_TYPES, Dissect
from nslab.capture.words.text import ipv4_text, ipv6_text, mac_text

WINDOW: Final = 4096  # packets whose bytes are copied at once: memory stays far below the capture's own


class Dissector:
    """What tshark -n -2 would print for each packet: Source, Destination, Protocol and Info.

        d = Dissector()
        d.feed(packets)             # as often as packets come
        d.finish()                  # what only the end shows: "(no response found!)"
        d.info[6]                   # of packet number 7
        d.take_changed()            # {0}: rows whose words later packets have changed since last asked

    One row per packet, whatever its bytes are. `apart`: what is seen at one point has nothing to do with what is seen
    at the others. Otherwise, as in tshark, a segment that passes two points is a retransmission at the second, and a
    ping has its reply only at the last. `strict` raises what goes wrong inside a protocol's code, for tests; otherwise
    such a row keeps the words found so far and `[Malformed Packet]`.
    """

    def __init__(self, *, apart: bool = False, strict: bool = False) -> None:
        self.source: list[str] = []
        self.destination: list[str] = []
        self.protocol: list[str] = []
        self.info: list[str] = []
        self.apart = apart
        self.strict = strict
        self.states: dict[str, Any] = {}  # what the protocols remember over the whole capture
        self.endings: dict[str, Callable[[], None]] = {}
        self.ipv4 = Addresses(ipv4_text)
        self.ipv6 = Addresses(ipv6_text)
        self.mac = Addresses(mac_text)
        self.ipv4_pairs = Pairs(self.ipv4)  # of both addresses of a packet
        self.ipv6_pairs = Pairs(self.ipv6)
        self.mac_pairs = Pairs(self.mac)
        self._sides: dict[Point, Dissector] = {}  # if apart: what remembers for one point, with the same rows
        self._changed: set[int] = set()
        self.context = Context(self)
        self.context.mac_pairs, self.context.ipv4_pairs = self.mac_pairs, self.ipv4_pairs

    def __len__(self) -> int:
        return len(self.info)

    def __repr__(self) -> str:
        return f"<Dissector: {len(self)} packets>"

    def feed(self, packets: Packets) -> None:
        """Read the next packets; their numbers follow those of the packets before."""
        links = [LINK_TYPES.get(point.link_type, unknown_link) for point in packets.points]
        contexts = [self._side(point).context if self.apart else self.context for point in packets.points]
        with _uncollected() if len(packets) > WINDOW else nullcontext():
            for first in range(0, len(packets), WINDOW):
                self._read(packets.select(slice(first, first + WINDOW)), links, contexts)

    def finish(self) -> None:
        """Say what only the end shows. Packets may follow all the same."""
        for side in (self, *self._sides.values()):
            for ending in side.endings.values():
                ending()

    def change(self, index: int, info: str | None = None, protocol: str | None = None) -> None:
        """Give an earlier row another Info or Protocol."""
        if info is not None and self.info[index] != info:
            self.info[index] = info
            self._changed.add(index)
        if protocol is not None and self.protocol[index] != protocol:
            self.protocol[index] = protocol
            self._changed.add(index)

    def take_changed(self) -> set[int]:
        """Return the indexes of rows that have changed since last asked."""
        changed = self._changed.copy()
        self._changed.clear()
        return changed

    def _side(self, point: Point) -> Dissector:
        """Return what remembers for this point."""
        side = self._sides.get(point)
        if side is None:
            side = self._sides[point] = Dissector(strict=self.strict)
            side.source, side.destination, side.protocol, side.info = (
                self.source,
                self.destination,
                self.protocol,
                self.info,
            )
            side._changed = self._changed
        return side

    def _read(self, packets: Packets, links: list[Dissect], contexts: list[Context]) -> None:
        """Add the rows of a few thousand packets."""
        protocol, size = plain(packets)
        rows = zip(
            protocol.tolist(),
            _bytes(packets, size),
            packets.time.tolist(),
            packets.length.tolist(),
            np.where(protocol, 0, packets.length - packets.captured).tolist(),
            packets.point.tolist(),
            strict=True,
        )
        say_source, say_destination = self.source.append, self.destination.append
        say_protocol, say_info = self.protocol.append, self.info.append
        for index, (number, data, time, length, missing, point) in enumerate(rows, len(self.info)):
            c = contexts[point]
            c.begin(index, time, length, missing)
            try:
                if number:
                    c.version = 4
                    c.hop_limit = data[HOP_LIMIT]
                    c.addresses = addresses = data[ADDRESSES]
                    c.source, c.destination = c.ipv4_pairs[addresses]
                    IP_PROTOCOLS[number](c, data, AT)
                else:
                    links[point](c, data, 0)
            except (struct.error, IndexError):
                c.say_short()
            except Malformed as malformed:
                c.append(malformed.words)
            except Exception:
                if self.strict:
                    raise
                c.append(MALFORMED)
            say_source(c.source)
            say_destination(c.destination)
            say_protocol(c.protocol)
            say_info(c.info)


def unknown_link(c: Context, data: bytes, at: int) -> None:
    """Name what is not known: its length."""
    c.protocol = "UNKNOWN"
    c.write(f"{len(data) - at} bytes of an unknown link layer")


def _bytes(packets: Packets, size: Ints) -> list[bytes]:
    """Return the first bytes of each packet."""
    start, end = packets.offset, packets.offset + size
    whole: object = packets.data.base
    if not isinstance(whole, bytes) or len(whole) != len(packets.data):  # of a file, they need not be copied
        low, high = int(start.min()), int(end.max())
        if high - low > 4 * int(size.sum()) + 65536:  # few of many: a selection
            return [packets.data[first:last].tobytes() for first, last in zip(start, end, strict=True)]
        whole = packets.data[low:high].tobytes()
        start, end = start - low, end - low
    return [whole[first:last] for first, last in zip(start.tolist(), end.tolist(), strict=True)]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector away: of thousands of new rows none is garbage, and it would look at all of them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
