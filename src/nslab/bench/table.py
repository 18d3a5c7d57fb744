"""What was measured, as a table: one line for each way, its median, and the goal where there is one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One way of doing it.

    seconds  the median
    shown    that, in words: a ratio, a difference
    goal     what was promised, and `met` whether it was kept; empty where nothing was
    """

    what: str
    seconds: float
    shown: str = ""
    goal: str = ""
    met: bool = True

    def __str__(self) -> str:
        mark = ("✓" if self.met else "✗") if self.goal else ""
        return f"  {self.what:<44} {milliseconds(self.seconds)}  {self.shown:<22} {self.goal:<22} {mark}".rstrip()


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured in one run, under its title."""

    title: str
    lines: tuple[Line, ...]

    @property
    def met(self) -> bool:
        """Whether every goal was met."""
        return all(line.met for line in self.lines)

    def __str__(self) -> str:
        return "\n".join([self.title, *map(str, self.lines)])


def milliseconds(seconds: float) -> str:
    """Return a time with three digits that mean something.

    >>> milliseconds(0.00123), milliseconds(2.5)
    ('    1.23 ms', '    2500 ms')
    """
    value = seconds * 1000
    return f"{value:8.2f} ms" if value < 100 else f"{value:8.0f} ms"


def medians(ways: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Do each thing once per round and return the median of each: what else the machine does disturbs all alike."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():  # a first time that does not count
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(way))
    return {name: statistics.median(times) for name, times in taken.items()}


def seconds(what: Callable[[], object]) -> float:
    """Return how long something takes, once."""
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun
