"""Requests and their replies: each says the number of the other."""

from __future__ import annotations

from nslab.capture.words.context import Context
from nslab.capture.words.dissector import Dissector

Key = tuple[int, int, int, int]
UNANSWERED = " (no response found!)"


class Echoes:
    """Requests that wait for their reply."""

    def __init__(self, dissector: Dissector) -> None:
        self.dissector = dissector
        self.waiting: dict[tuple[bytes, Key], tuple[int, str]] = {}  # row, and its words without an answer
        self.missed: list[tuple[int, str]] = []  # asked again with the same numbers: they never get one

    @classmethod
    def of(cls, c: Context, protocol: str) -> Echoes:
        """Return the one of this capture."""
        echoes = c.dissector.states.get(protocol)
        if echoes is None:
            echoes = c.dissector.states[protocol] = cls(c.dissector)
            c.at_the_end(protocol, echoes.unanswered)
        return echoes  # type: ignore[no-any-return]

    def asked(self, c: Context, key: Key) -> None:
        """Keep a request."""
        pair = _pair(c.addresses), key
        before = self.waiting.get(pair)
        if before is not None:
            self.missed.append(before)
        self.waiting[pair] = (c.index, c.info)

    def answered(self, c: Context, key: Key) -> None:
        """Find the request that this is the reply to."""
        request = self.waiting.pop((_pair(c.addresses), key), None)
        if request is not None:
            row, words = request
            self.dissector.change(row, f"{words} (reply in {c.index + 1})")
            c.info += f" (request in {row + 1})"

    def unanswered(self) -> None:
        """Say of all that wait that they do."""
        for row, words in (*self.missed, *self.waiting.values()):
            self.dissector.change(row, words + UNANSWERED)
        self.missed.clear()


def _pair(addresses: bytes) -> bytes:
    """Make them the same for both directions."""
    half = len(addresses) // 2
    one, other = addresses[:half], addresses[half:]
    return addresses if one < other else other + one
