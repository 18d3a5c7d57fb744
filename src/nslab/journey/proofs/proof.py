"""What a proof gives."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proof:
    """What has proved a cause: names for its words, the evidence, and the remedy where it is a special one.

    place: the node that the remedy is for, where it is neither the one called `at` in the words nor the one it died in
    """

    names: dict[str, str] = field(default_factory=dict)
    because: tuple[str, ...] = ()
    remedy: str = ""
    place: str = ""
