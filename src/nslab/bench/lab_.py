"""A lab's coming and going, with the image in the cache."""

from __future__ import annotations

import os
import statistics
import time
from typing import Final

from nslab.bench.table import Line, Table
from nslab.instruments import Lab

_ROUNDS: Final = 9
_UP, _DOWN = 0.5, 0.3  # seconds


def measure() -> Table:
    """Bring labs up and down, one after the other."""
    name = f"bench-{os.getpid()}"
    Lab.up(name, owner=os.getpid(), tell=print).down()
    ups, downs = [], []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        lab = Lab.up(name, owner=os.getpid())
        whole = time.perf_counter()
        lab.down()
        ups.append(whole - begun)
        downs.append(time.perf_counter() - whole)
    up, down = statistics.median(ups), statistics.median(downs)
    return Table(
        f"lab: image in the cache, p50 of {_ROUNDS}",
        (
            Line("Lab.up, whole when it returns", up, "", f"≤ {_UP * 1000:.0f} ms", up <= _UP),
            Line("Lab.down, nothing left when it returns", down, "", f"≤ {_DOWN * 1000:.0f} ms", down <= _DOWN),
        ),
    )
