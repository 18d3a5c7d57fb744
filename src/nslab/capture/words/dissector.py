"""The table's words, packet by packet."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from nslab.capture.packets import Packets
from nslab.capture.words.context import MALFORMED, Addresses, Context, Malformed
from nslab.capture.words.registry import LINK_TYPES
from nslab.capture.words.text import ipv4_text, ipv6_text, mac_text

WINDOW: Final = 4096  # packets whose bytes are copied at once: memory stays far below the capture's own


class Dissector:
    """What tshark -n -2 would print for each packet: Source, Destination, Protocol and Info.

        d = Dissector()
        d.feed(packets)             # as often as packets come
        d.finish()                  # what only the end shows: "(no response found!)"
        d.info[6]                   # of packet number 7
        d.take_changed()            # {0}: rows whose words later packets have changed since last asked

    One row per packet, whatever its bytes are. `strict` raises what goes wrong inside a protocol's code, for tests;
    otherwise such a row keeps the words found so far and `[Malformed Packet]`.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.source: list[str] = []
        self.destination: list[str] = []
        self.protocol: list[str] = []
        self.info: list[str] = []
        self.strict = strict
        self.states: dict[str, Any] = {}  # what the protocols remember over the whole capture
        self.endings: dict[str, Callable[[], None]] = {}
        self.ipv4 = Addresses(ipv4_text)
        self.ipv6 = Addresses(ipv6_text)
        self.mac = Addresses(mac_text)
        self._changed: set[int] = set()
        self._context = Context(self)

    def __len__(self) -> int:
        return len(self.info)

    def __repr__(self) -> str:
        return f"<Dissector: {len(self)} packets>"

    def feed(self, packets: Packets) -> None:
        """Read the next packets; their numbers follow those of the packets before."""
        links = [LINK_TYPES.get(point.link_type, unknown_link) for point in packets.points]
        for data, time, length, point in _each(packets):
            self._read(links[point] if point < len(links) else unknown_link, data, time, length)

    def finish(self) -> None:
        """Say what only the end shows. Packets may follow all the same."""
        for ending in self.endings.values():
            ending()

    def change(self, index: int, info: str | None = None, protocol: str | None = None) -> None:
        """Give an earlier row another Info or Protocol."""
        for column, text in ((self.info, info), (self.protocol, protocol)):
            if text is not None and column[index] != text:
                column[index] = text
                self._changed.add(index)

    def take_changed(self) -> set[int]:
        """Return the indexes of rows that have changed since last asked."""
        changed, self._changed = self._changed, set()
        return changed

    def _read(self, link: Any, data: bytes, time: int, length: int) -> None:
        c = self._context
        c.begin(len(self.info), time, length, length - len(data))
        try:
            link(c, data, 0)
        except (struct.error, IndexError):
            c.say_short()
        except Malformed as malformed:
            c.append(malformed.words)
        except Exception:
            if self.strict:
                raise
            c.append(MALFORMED)
        self.source.append(c.source)
        self.destination.append(c.destination)
        self.protocol.append(c.protocol)
        self.info.append(c.info)


def unknown_link(c: Context, data: bytes, at: int) -> None:
    """Name what is not known: its length."""
    c.protocol = "UNKNOWN"
    c.write(f"{len(data) - at} bytes of an unknown link layer")


def _each(packets: Packets) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield bytes, time, length and point of each packet."""
    for first in range(0, len(packets), WINDOW):
        window = slice(first, first + WINDOW)
        offset, captured = packets.offset[window], packets.captured[window]
        ends = offset + captured
        low, high = int(offset.min()), int(ends.max())
        if high - low > 4 * int(captured.sum()) + 65536:  # few of many: a selection
            whole = np.concatenate([packets.data[s:e] for s, e in zip(offset, ends, strict=True)]).tobytes()
            ends = np.cumsum(captured, dtype=np.int64)
            offset, low = ends - captured, 0
        else:
            whole = packets.data[low:high].tobytes()
        yield from (
            (whole[start:end], time, length, point)
            for start, end, time, length, point in zip(
                (offset - low).tolist(),
                (ends - low).tolist(),
                packets.time[window].tolist(),
                packets.length[window].tolist(),
                packets.point[window].tolist(),
                strict=True,
            )
        )
