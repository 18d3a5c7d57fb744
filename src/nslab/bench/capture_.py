"""Captures beside tcpdump, scapy and tshark: what is lost, what it costs, and how fast a table is made of it."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from nslab.bench import flood, mixture, rivals
from nslab.bench.rivals import Body, Seen
from nslab.bench.table import Line, Table
from nslab.instruments import Lab
from nslab.sandbox.door import Node

_ROUNDS: Final = 3
_SECONDS: Final = 2.0  # of each flood
_RATES: Final = (10_000, 100_000, 300_000, 0)  # packets a second; 0: flat out
_SCAPY_RATES: Final = (10_000, 100_000)
_BUSY_RATE: Final = 300_000
_TRIES: Final = 100
_RIVALS_TRIES: Final = 10
_PINGS: Final = 5
_MIXED: Final = 100_000  # packets
_LOSSLESS: Final = 0.99
# Of four minutes; on a slow machine there are fewer rounds then, and one at the least.
_FLOODS_UNTIL: Final = 150.0
_PINGS_UNTIL: Final = 190.0


def measure() -> Table:
    """Measure floods, short captures and tables, each beside what others need for the same."""
    begun = time.monotonic()
    with Lab.up(f"bench-{os.getpid()}", owner=os.getpid()) as lab:
        with flood.cable(lab["host"]):
            floods = [*_floods(lab, begun + _FLOODS_UNTIL), *_busy(lab)]
        pings = [*_pings(lab, begun + _PINGS_UNTIL)]
        with tempfile.TemporaryDirectory() as place:
            file = mixture.record(lab, Path(place) / "mixed.pcapng", _MIXED)
            tables = [*mixture.measure(file)]
    return Table(
        f"capture: floods of {flood.SIZE}-byte packets (processor’s time), pings, tables", (*floods, *pings, *tables)
    )


def ours(lab: Lab, point: str, body: Body) -> Seen:
    """Capture at a point while `body` runs, and stop at once.

    The cost is this process's from before the start until after the stop, without what starting the flood takes; of
    tcpdump it is the whole process's. Both have then only written packets down; ours are counted afterwards.
    """
    cap = lab.capture(point)
    before = time.process_time()
    with cap:
        mine = time.thread_time()
        body()
        mine = time.thread_time() - mine
    cost = time.process_time() - before - mine
    return Seen(len(cap), cost)


def _rounds(count: int, end: float) -> Iterator[int]:
    """Count, and stop when it is late: after the first."""
    for number in range(count):
        if number and time.monotonic() > end:
            return
        yield number


def _floods(lab: Lab, end: float) -> Iterator[Line]:
    host = lab["host"]
    ours(lab, "host:lo", lambda: None)  # its modules are loaded with the first one
    for rate in _RATES:
        shares: dict[str, list[float]] = {"nslab": [], "tcpdump": []}
        costs: dict[str, list[float]] = {"nslab": [], "tcpdump": []}
        for _ in _rounds(_ROUNDS, end):
            for name, capturer in (("nslab", _nslab(lab)), ("tcpdump", _tcpdump(host))):
                share, cost = _poured(host, rate, capturer)
                shares[name].append(share)
                costs[name].append(cost)
        yield from _compared(_rate(rate), shares, costs)
        if rate in _SCAPY_RATES:
            share, cost = _poured(host, rate, lambda body: rivals.scapy(host, flood.FAR, body))
            yield Line(f"  scapy AsyncSniffer, {_rate(rate)}", cost, _percent(share))
    if rivals.has_pyshark():
        share, cost = _poured(host, _SCAPY_RATES[0], lambda body: rivals.pyshark(host, flood.FAR, body))
        yield Line(f"  pyshark LiveCapture, {_rate(_SCAPY_RATES[0])}", cost, _percent(share))
    else:
        yield Line("  pyshark LiveCapture", 0.0, "not installed")


def _compared(rate: str, shares: dict[str, list[float]], costs: dict[str, list[float]]) -> Iterator[Line]:
    mine, theirs = min(shares["nslab"]), statistics.median(shares["tcpdump"])
    wanted = theirs >= _LOSSLESS
    cost, other = statistics.median(costs["nslab"]), statistics.median(costs["tcpdump"])
    yield Line(f"nslab, {rate}", cost, _percent(mine), "100 %" if wanted else "", met=mine == 1 or not wanted)
    yield Line("  against tcpdump", cost, f"{cost / other:.2f} ×", "≤ 1.5 ×", met=cost <= 1.5 * other)
    yield Line(f"tcpdump -w, {rate}", other, _percent(theirs))


def _busy(lab: Lab) -> Iterator[Line]:
    """Capture while the main thread runs Python without a pause, as a cell may."""
    host = lab["host"]

    def body() -> int:
        import threading

        sent: list[int] = []
        pouring = threading.Thread(target=lambda: sent.append(flood.pour(host, rate=_BUSY_RATE, seconds=_SECONDS)))
        pouring.start()
        while pouring.is_alive():
            sum(range(100))
        return sent[0]

    share, _ = _poured(host, _BUSY_RATE, _nslab(lab), body=body)
    yield Line(f"nslab, {_rate(_BUSY_RATE)}, while a cell computes", _SECONDS, _percent(share), "100 %", met=share == 1)


def _pings(lab: Lab, end: float) -> Iterator[Line]:
    host = lab["host"]
    expected = 2 * _PINGS

    def ping() -> None:
        host.run(["ping", "-q", "-c", str(_PINGS), "-i", "0.002", "8.8.8.8"])

    ping()  # so that no ARP is among them
    ways: dict[str, tuple[int, Callable[[], Seen]]] = {
        "nslab": (_TRIES, lambda: _pings_seen(lab, ping)),
        "tcpdump -w": (_RIVALS_TRIES, lambda: rivals.tcpdump(host, "eth0", ping, tail=0.0)),
    }
    if shutil.which("dumpcap"):
        ways["dumpcap"] = (_RIVALS_TRIES, lambda: rivals.dumpcap(host, "eth0", ping))
    if shutil.which("tshark"):
        ways["tshark"] = (_RIVALS_TRIES, lambda: rivals.tshark(host, "eth0", ping))
    for name, (tries, way) in ways.items():
        begun = time.perf_counter()
        tried = [way().packets >= expected for _ in _rounds(tries, end)]
        took = (time.perf_counter() - begun) / len(tried)
        whole = sum(tried)
        goal = f"{tries} of {tries}" if name == "nslab" else ""
        said = f"whole: {whole} of {len(tried)}"
        yield Line(f"{name}: start, {_PINGS} pings, stop", took, said, goal, met=whole == tries)


def _pings_seen(lab: Lab, ping: Callable[[], None]) -> Seen:
    with lab.capture("host:eth0", filter="icmp") as cap:
        ping()
    return Seen(len(cap), 0.0)


def _poured(
    host: Node, rate: int, capturer: Callable[[Body], Seen], *, body: Callable[[], int] | None = None
) -> tuple[float, float]:
    """Return the share of a flood that was captured, and the processor's seconds that it took."""
    sent: list[int] = []
    pour = body or (lambda: flood.pour(host, rate=rate, seconds=_SECONDS))
    seen = capturer(lambda: sent.append(pour()))
    return seen.packets / sent[0], seen.cpu


def _nslab(lab: Lab) -> Callable[[Body], Seen]:
    return lambda body: ours(lab, f"host:{flood.FAR}", body)


def _tcpdump(host: Node) -> Callable[[Body], Seen]:
    return lambda body: rivals.tcpdump(host, flood.FAR, body)


def _rate(rate: int) -> str:
    return f"{rate // 1000} k/s" if rate else "flat out"


def _percent(share: float) -> str:
    """Return a share; 100 % is said only of all of it."""
    return "100 %" if share == 1 else f"{min(share * 100, 99.99):.2f} %"
