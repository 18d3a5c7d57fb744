"""Messages over TCP: cut out of the segments, in order, whatever their sizes.

A protocol says how long its next message is; the segments that only carry a part of it read
`[TCP segment of a reassembled PDU]`, and the one that completes it has the words of the whole message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from nslab.capture.words.context import Context

MORE: Final = -1  # its length cannot be told before there are more bytes
UNTIL_CLOSE: Final = -2  # it ends where the stream ends (FIN)
NOT_MINE: Final = 0  # the rest of this segment keeps the words of TCP


class Stream:
    """One direction of a TCP connection, as its protocol sees it."""

    __slots__ = ("destination_port", "other", "scanned", "source_port", "state")

    def __init__(self, source_port: int, destination_port: int) -> None:
        self.source_port = source_port
        self.destination_port = destination_port
        self.other: Stream = self
        self.state: object = None  # whatever the protocol wants to remember of this direction
        self.scanned = 0  # how far `size` has looked into the message, for it to go on from; 0 at each new message


@runtime_checkable
class StreamProtocol(Protocol):
    """What reads the messages of a TCP connection: one object per connection, made without arguments.

    `size` and `dissect` are called in the order of the stream, never twice for the same bytes.
    """

    def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
        """Return how many bytes the message at `data[at]` has (it may be more than are there).

        Or MORE, UNTIL_CLOSE, NOT_MINE. `data` ends with what has come so far.
        """

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        """Say what the message `data[at:end]` is, with c.protocol and c.write (or c.add)."""


class Recognised(StreamProtocol, Protocol):
    """One that can also be told from its first bytes, on whichever port: TCP_GUESSES has those."""

    @staticmethod
    def recognises(data: bytes) -> bool:
        """Say if these first bytes of a connection are this protocol's."""
