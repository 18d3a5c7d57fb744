"""A capture: it listens at points of a lab from its start to its stop, and misses nothing that it does not tell."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import cache
from types import TracebackType
from typing import Final, Protocol, Self

from nslab.capture import account, filters, points
from nslab.capture.filters import WHOLE, Program
from nslab.capture.links import Links
from nslab.capture.packets import Packets
from nslab.capture.reader import Reader
from nslab.capture.recording import Recording
from nslab.capture.store import Store
from nslab.capture.taps import Event, Tap
from nslab.errors import LabError, UsageError
from nslab.sandbox.door import Node

RING: Final = 32  # MiB for each point: room for 230,000 small packets while Python does something else
MOST: Final = 1 << 30  # bytes that a capture keeps
_KNOWS_FILTERS: Final = "internet"  # the node that has tcpdump, whatever students do to the others


class Nodes(Protocol):
    """A lab, as far as a capture is concerned."""

    def __getitem__(self, name: str) -> Node: ...


class Capture(Recording):
    """The packets at one or more points of a lab, live and exact.

        with lab.capture("host:br0", "host:eth0", filter="icmp") as cap:
            lab["mycontainer"].run("ping -c1 8.8.8.8")
        cap                     # the table, in a notebook
        cap.frame               # a pandas DataFrame
        cap[7].show()           # packet number 7, as scapy takes it apart
        cap.lost, cap.exact     # 0, True
        cap.save("x.pcapng")

    It has begun when `start` returns; what was sent before `stop` is in it.
    """

    def __init__(
        self,
        lab: Nodes,
        *words: str,
        filter: str = "",
        snaplen: int = WHOLE,
        ring_mb: int = RING,
        max_bytes: int = MOST,
    ) -> None:
        if not 0 < snaplen <= WHOLE:
            raise UsageError(f"snaplen is 1 to {WHOLE} bytes, not {snaplen}")
        if not 1 <= ring_mb <= 1024:
            raise UsageError(f"ring_mb is 1 to 1024 MiB for each point, not {ring_mb}")
        if max_bytes < 1:
            raise UsageError(f"max_bytes is 1 or more, not {max_bytes}")
        named = points.parse_all(words)
        super().__init__(Packets.none(*named))
        self._filter = filter
        self.snaplen = snaplen
        self._named = named
        self._lab = lab
        self._ring = ring_mb << 20
        self._limit = max_bytes
        self._reader: Reader | None = None

    def start(self) -> Self:
        """Begin: when this returns, the kernel's taps are in place. LabError for a node that there is not."""
        if self._reader is not None:
            raise UsageError("this capture has been started before; make another one")
        nodes = [self._lab[point.node] for point in self._named]
        with ExitStack() as undone:
            self._reader = self._made_of(nodes, undone)
            undone.pop_all()
        # The thread knows only the reader: a capture that is forgotten ends with this.
        weakref.finalize(self, self._reader.leave)
        self._reader.start()
        return self

    def _made_of(self, nodes: Sequence[Node], undone: ExitStack) -> Reader:
        """Tap all points; what has been opened is closed with `undone`."""
        program = self._programs()
        watched: dict[Node, Links] = {}
        taps: list[Tap] = []
        for point, node in zip(self._named, nodes, strict=True):
            try:
                if node not in watched:
                    watched[node] = undone.enter_context(closing(Links(node)))
                taps.append(Tap(point, node, watched[node], program, size=self._ring))
            except OSError as error:
                raise LabError(f"{point}: it cannot be listened to: {error.strerror}") from None
            undone.enter_context(closing(taps[-1].ring))
        return Reader(taps, watched, Store(taps, limit=self._limit))

    def stop(self) -> Self:
        """End: what was sent before this is in it. A second time it does nothing."""
        if self._reader is not None:
            self._reader.stop()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it has been started, and has not ended."""
        return self._reader is not None and not self._reader.ended.is_set()

    @property
    def packets_(self) -> Packets:
        """The packets so far as arrays: bytes, times in ns, lengths, points, directions."""
        return self._kept if self._reader is None else self._reader.store.packets()

    def since(self, number: int) -> Packets:
        """Return the packets that came after the first `number`, in their order, which never changes."""
        return self._kept if self._reader is None else self._reader.store.packets(number)

    def __len__(self) -> int:
        return 0 if self._reader is None else len(self._reader.store)

    def wait(self, number: int, seconds: float) -> bool:
        """Wait for more packets than `number`, or for the end; return whether it came to that."""
        reader = self._reader
        if reader is None:
            return False
        with reader.arrived:
            return reader.arrived.wait_for(lambda: len(reader.store) > number or reader.ended.is_set(), seconds)

    @property
    def filter(self) -> str:
        """What is let in, in tcpdump's language; empty: everything."""
        return self._filter

    @property
    def lost(self) -> int:
        """Packets that the kernel had to drop because the ring was full."""
        return sum(self.lost_at.values())

    @property
    def lost_at(self) -> dict[str, int]:
        """The same for each point."""
        taps = [] if self._reader is None else self._reader.taps
        return {str(tap.point): tap.ring.dropped for tap in taps}

    @property
    def exact(self) -> bool:
        """Whether all that the kernel has counted, and not dropped, is in it; known when it has ended."""
        return self._reader is not None and self._reader.exact

    @property
    def events(self) -> list[Event]:
        """What happened while it ran: interfaces that came, went down, were deleted."""
        if self._reader is None:
            return []
        of_taps = [event for tap in self._reader.taps for event in tap.events]
        return sorted([*of_taps, *self._reader.events], key=lambda event: event.time)

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is said in red: that packets are missing, or that there are none."""
        return () if self._reader is None else tuple(account.alarms(self._reader, self._filter))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said below the table: what happened at its points, and whether it still runs."""
        return () if self._reader is None else tuple(account.remarks(self._reader, self.events))

    def _programs(self) -> Callable[[int], Program]:
        """Return what gives the filter for a link type; UsageError for a wrong one."""
        knower, expression, snaplen = self._lab[_KNOWS_FILTERS], self._filter, self.snaplen

        # It knows nothing of the capture, which its taps would keep alive.
        @cache
        def program(link_type: int) -> Program:
            return filters.compile(expression, knower, link_type=link_type, snaplen=snaplen)

        return program
