"""What is known of the packet that is being read, and the words for its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from nslab.capture.words.tcp_analysis import Way

MALFORMED: Final = "[Malformed Packet]"
CUT_SHORT: Final = "[Packet size limited during capture]"

CONTAINED: Final = "[Malformed Packet: length of contained item exceeds length of containing item]"
UNREASSEMBLED: Final = "[BoundErrorUnreassembled Packet]"

T = TypeVar("T")


class Malformed(Exception):
    """The layer contradicts itself; what has been said of it so far stays, with [Malformed Packet] behind it.

    `Malformed("[Malformed Packet: why]")` says it in other words.
    """

    def __init__(self, words: str = MALFORMED) -> None:
        super().__init__(words)
        self.words = words


class Addresses(dict[bytes, str]):
    """The text of an address by its bytes, written once."""

    def __init__(self, write: Callable[[bytes], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, address: bytes) -> str:
        text = self[address] = self._write(address)
        return text


class Pairs(dict[bytes, tuple[str, str]]):
    """The texts of two addresses that stand one behind the other."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__()
        self._addresses = addresses

    def __missing__(self, pair: bytes) -> tuple[str, str]:
        half = len(pair) // 2
        texts = self[pair] = (self._addresses[pair[:half]], self._addresses[pair[half:]])
        return texts


class Context:
    """The packet at hand. One object serves all packets of a dissector in turn: keep no reference to it.

    source, destination, protocol, info     the row so far; a layer overwrites what the one below has said
    fence                                   so many characters of `info` are not overwritten any more
    missing                                 bytes of this layer that there were and that the capture did not keep
    """

    __slots__ = (
        "addresses",
        "connections",
        "destination",
        "destination_port",
        "dissector",
        "fence",
        "fragmented",
        "hop_limit",
        "index",
        "info",
        "ipv4_pairs",
        "length",
        "mac_pairs",
        "missing",
        "protocol",
        "source",
        "source_port",
        "time",
        "version",
        "vlan",
    )

    def __init__(self, dissector: Any) -> None:
        self.dissector = dissector
        self.connections: dict[bytes, Way] = {}  # TCP's, by addresses and ports
        self.mac_pairs: Pairs  # both addresses of most packets: the dissector puts its own here
        self.ipv4_pairs: Pairs
        self.index = 0  # of the row
        self.time = 0  # ns
        self.length = 0  # of the frame, as it was on the wire
        self.source = ""
        self.destination = ""
        self.protocol = ""
        self.info = ""
        self.fence = 0
        self.missing = 0
        self.vlan = 0  # number of the innermost tag
        self.version = 0  # 4 or 6 when there is an IP layer, and then:
        self.addresses = b""  # the source's and the destination's, one behind the other
        self.hop_limit = 0
        self.fragmented = False
        self.source_port = 0
        self.destination_port = 0

    @property
    def number(self) -> int:
        """Of the packet, as the user counts."""
        return self.index + 1

    @property
    def source_address(self) -> bytes:
        """Of the innermost IP header: four bytes or sixteen."""
        return self.addresses[: len(self.addresses) // 2]

    @property
    def destination_address(self) -> bytes:
        return self.addresses[len(self.addresses) // 2 :]

    def begin(self, index: int, time: int, length: int, missing: int) -> None:
        """Start with the next packet."""
        self.index = index
        self.time = time
        self.length = length
        self.missing = missing
        self.source = self.destination = self.protocol = self.info = ""
        self.fence = self.version = self.vlan = 0
        self.fragmented = False

    def write(self, text: str) -> None:
        """Set the Info, up to the fence."""
        self.info = self.info[: self.fence] + text if self.fence else text

    def append(self, text: str) -> None:
        """Continue the Info."""
        self.info += text

    def add(self, text: str, between: str = ", ") -> None:
        """Continue the Info with one more item of a list."""
        self.info = f"{self.info}{between}{text}" if self.info else text

    def fence_in(self) -> None:
        """Keep what Info says now: `write` of what follows in this packet goes behind it."""
        self.fence = len(self.info)

    def state(self, key: str, make: Callable[[], T]) -> T:
        """Return what a protocol remembers over the whole capture, made at its first use."""
        states: dict[str, T] = self.dissector.states
        found = states.get(key)
        if found is None:
            found = states[key] = make()
        return found

    def at_the_end(self, key: str, act: Callable[[], None]) -> None:
        """Have `act` called at each `finish`; the same key once."""
        self.dissector.endings[key] = act

    def change(self, index: int, info: str | None = None, protocol: str | None = None) -> None:
        """Give an earlier row another Info or Protocol."""
        self.dissector.change(index, info, protocol)

    def expect(self, address: bytes, port: int, protocol: Any) -> None:
        """Have `protocol`, a StreamProtocol, read the next connection to this port."""
        expected: dict[tuple[bytes, int], Any] = self.state("expected", dict)
        expected[address, port] = protocol

    def expect_datagrams(self, address: bytes, port: int, dissect: Any) -> None:
        """Have `dissect` read all datagrams to and from this port from now on, whatever the other one is."""
        expected: dict[tuple[bytes, int], Any] = self.state("expected datagrams", dict)
        expected[address, port] = dissect

    def info_of(self, index: int) -> str:
        """Return the Info of an earlier row."""
        info: str = self.dissector.info[index]
        return info

    def say_short(self) -> None:
        """Say that bytes which the layer needs are not there, and whose fault it is."""
        self.info += CUT_SHORT if self.missing > 0 else UNREASSEMBLED if self.fragmented else MALFORMED
