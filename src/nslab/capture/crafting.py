"""To and from scapy, with which people look into packets and make them: it takes one apart when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, overload

import numpy as np

from nslab.capture.packets import ETHERNET, Direction, Packets, Point
from nslab.capture.points import RAW
from nslab.errors import UsageError

_SECOND: Final = 1_000_000_000  # ns
_LOOK: Final = 0.05  # seconds


class ScapyPackets(Sequence[Any]):
    """Packets as scapy's: each is taken apart when it is looked at. `wrpcap` and PacketList take it as it is.

    cap.packets[0].summary()
    cap.packets[-3:]
    """

    def __init__(self, packets: Packets) -> None:
        self._packets = packets

    def __len__(self) -> int:
        return len(self._packets)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> ScapyPackets: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return ScapyPackets(self._packets.select(index))
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} packets, counted from 0")
        return dissected(self._packets, index)

    def __repr__(self) -> str:
        return f"<{len(self)} packets for scapy>"


def dissected(packets: Packets, index: int) -> Any:
    """Return one packet as scapy's, with `.time`, `.wirelen` and `.sniffed_on`."""
    from scapy.packet import Raw
    from scapy.utils import EDecimal

    data = packets[index]
    point = packets.points[packets.point[index]]
    try:
        packet = _first_layer(point.link_type, data)(data)
    except Exception:  # noqa: BLE001 - any bytes may be in a packet, and scapy expects some order in its first layer
        packet = Raw(data)
    packet.time = EDecimal(int(packets.time[index])) / _SECOND
    packet.wirelen = int(packets.length[index])
    packet.sniffed_on = str(point) or None
    return packet


def undissected(source: Iterable[Any]) -> Packets:
    """Return scapy's packets as ours. Their bytes are built: what scapy calls `original` is stale after an edit."""
    from scapy.packet import Packet

    chosen = list(source)
    for packet in chosen:
        if not isinstance(packet, Packet):
            raise UsageError(f"a table is made of scapy packets, and this is {type(packet).__name__}")
    points: dict[Point, int] = {}
    built = [_built(packet) for packet in chosen]
    places = [points.setdefault(_point(packet), len(points)) for packet in chosen]
    captured = np.array([len(data) for data in built], np.int32)
    wire = [_length(packet, data) for packet, data in zip(chosen, built, strict=True)]
    return Packets(
        tuple(points) or (Point(""),),
        np.frombuffer(b"".join(built), np.uint8),
        np.cumsum(captured, dtype=np.int64) - captured,
        captured,
        np.array(wire, np.int32),
        np.array([int(packet.time * _SECOND) for packet in chosen], np.int64),
        np.array(places, np.uint16),
        np.full(len(chosen), Direction.UNKNOWN, np.uint8),
    )


def _built(packet: Any) -> bytes:
    try:
        return bytes(packet)
    except Exception:  # noqa: BLE001 - a field may hold anything
        return packet.original or b""


def _length(packet: Any, data: bytes) -> int:
    as_it_came = packet.wirelen is not None and len(packet.original or b"") == len(data)
    return max(int(packet.wirelen), len(data)) if as_it_came else len(data)


def _point(packet: Any) -> Point:
    from scapy.config import conf

    node, colon, interface = str(packet.sniffed_on or "").partition(":")
    kind = int(conf.l2types.layer2num.get(type(packet), RAW))
    if type(packet).__name__ in {"IP", "IPv6"}:
        kind = RAW
    return Point(interface, node, kind) if colon else Point(node, link_type=kind)


@cache
def _layers() -> dict[int, Any]:
    # All of them: with only some imported, a packet stays "Raw" at the first that is missing.
    import scapy.layers.all  # noqa: F401
    from scapy.config import conf

    return dict(conf.l2types.num2layer)


def _first_layer(link_type: int, data: bytes) -> Callable[[bytes], Any]:
    layers = _layers()
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.packet import Raw

    if link_type == RAW:
        first: Callable[[bytes], Any] = {4: IP, 6: IPv6}.get(data[0] >> 4 if data else 0, Raw)
        return first
    if link_type == ETHERNET and len(data) < 14:
        return Raw
    chosen: Callable[[bytes], Any] = layers.get(link_type, Raw)
    return chosen


def opened_socket(since: Callable[[int], Packets], wait: Callable[[int, float], bool]) -> Any:
    """Return a socket that scapy's `sniff(opened_socket=…)` reads: first what there is, then what comes.

    since(n)          the packets after the first n
    wait(n, seconds)  waits for more than n, or for the end; whether it came to that
    """
    from scapy.supersocket import SuperSocket

    class CaptureSocket(SuperSocket):
        desc = "a capture of nslab"
        nonblocking_socket = True

        def __init__(self) -> None:
            self.taken = 0
            self.ahead = Packets.none(Point(""))
            self.closed = False

        def recv(self, x: int = 0, **_: Any) -> Any:  # noqa: ARG002 - scapy's signature
            if not len(self.ahead):
                self.ahead = since(self.taken)
            if not len(self.ahead):
                raise EOFError
            packet = dissected(self.ahead, 0)
            self.ahead = self.ahead.select(slice(1, None))
            self.taken += 1
            return packet

        def send(self, x: Any) -> int:  # noqa: ARG002 - scapy's signature
            raise UsageError("a capture only listens; scapy sends by a socket of its own")

        def close(self) -> None:
            self.closed = True

        def is_ready(self, seconds: float) -> bool:
            return bool(len(self.ahead)) or wait(self.taken, seconds)

        @staticmethod
        def select(sockets: list[Any], remain: float | None = None) -> list[Any]:
            # Never for long: between two looks scapy sees whether it shall stop.
            patience = _LOOK if remain is None else max(0.0, min(_LOOK, remain))
            return [each for each in sockets if not isinstance(each, CaptureSocket) or each.is_ready(patience)]

    return CaptureSocket()
