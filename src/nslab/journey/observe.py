"""Observe: run a command in a node while every interface and every hook of the lab is tapped."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from nslab.errors import LabError
from nslab.journey import sightings
from nslab.journey.asked import Network, outputs
from nslab.journey.sightings import Seen
from nslab.journey.taps import Taps
from nslab.lab.lab import Lab
from nslab.sandbox.door import Command, Node, Process

_SAVERS: Final = ("iptables-legacy-save", "ip6tables-legacy-save")
_AFTERWARDS: Final = 0.03  # seconds in which what is still on its way arrives, and the kernel hands out its logs
_TOOLS: Final = "internet"  # the node that has nft, iptables-save and nsenter, whatever a student's container has
_FILES: Final = [
    f"/proc/net/{name}"
    for name in ("snmp", "netstat", "snmp6", "nf_conntrack", "stat/nf_conntrack", "ip_tables_names", "ip6_tables_names")
]


@dataclass(frozen=True, slots=True)
class Counters:
    """What a network counts, at one moment."""

    protocols: Mapping[str, int]  # "Ip InAddrErrors", "Ip6InNoRoutes"
    connections: tuple[str, ...]  # the lines of /proc/net/nf_conntrack
    tracking: Mapping[str, int]  # "drop", "early_drop"…
    legacy: Mapping[tuple[str, int, str], tuple[str, int]]  # (table, place in it, rule): (chain, packets)


@dataclass(frozen=True, slots=True)
class Observation:
    """All that was seen while a command ran."""

    node: str
    command: Command
    said: str
    returncode: int
    began: int  # ns since 1970
    ended: int  # then the command had ended
    seen: Seen
    before: Mapping[str, Counters]
    after: Mapping[str, Counters]
    networks: Mapping[str, Network]

    def counted(self, node: str, name: str) -> int:
        """Return by how much a counter has grown."""
        return self.after[node].protocols.get(name, 0) - self.before[node].protocols.get(name, 0)


def observe(
    lab: Lab,
    node: str | Node,
    command: Command,
    *,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
) -> Observation:
    """Run `command` in `node` of `lab` and return what was seen of its packets; LabError when it takes too long."""
    source = lab[node] if isinstance(node, str) else node
    nodes = _nodes(lab) | {source.name: source}
    networks = {name: Network(each, nodes[_TOOLS]) for name, each in nodes.items()}
    before = _count(networks)
    # Each close waits for the kernel to have no reader left: side by side, and while the counters are read, they wait
    # once. The pool's end waits for the last of them.
    with ThreadPoolExecutor(len(networks), thread_name_prefix="nslab: taps") as workers:
        with _tapped(networks, workers) as tapped:
            began = time.time_ns()
            returncode, said = _run(source, command, tapped, timeout, env)
            ended = time.time_ns() - int(_AFTERWARDS * 1e9)
        after = _count(networks)
    # Asked for only now: what was asked before the packet went may have changed with it.
    afterwards = {name: Network(each, nodes[_TOOLS]) for name, each in nodes.items()}
    seen = sightings.of_all(each.understand() for each in tapped)
    return Observation(source.name, command, said, returncode, began, ended, seen, before, after, afterwards)


def _nodes(lab: Lab) -> dict[str, Node]:
    """Return all nodes; one that ends meanwhile is none."""
    found = {}
    for name in lab.nodes():
        with suppress(LabError):
            found[name] = lab[name]
    return found


@contextmanager
def _tapped(networks: Mapping[str, Network], workers: ThreadPoolExecutor) -> Iterator[list[Taps]]:
    """Open the taps in all nodes; whatever happens, an interrupt included, their closing begins at the end."""
    opened: list[Taps] = []
    try:
        for network in networks.values():
            interfaces = network.interfaces
            bridges = any(each.kind == "bridge" for each in interfaces.values())
            each = Taps(network.node, {index: one.name for index, one in interfaces.items()}, bridges=bridges)
            opened.append(each)
            each.open(trace=True)
        yield opened
    finally:
        for each in opened:
            workers.submit(each.close)


def _run(
    node: Node, command: Command, tapped: list[Taps], timeout: float | None, env: Mapping[str, str] | None
) -> tuple[int, str]:
    with ExitStack() as ours:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        ours.callback(os.close, reader)
        try:
            process = node.spawn(command, places={1: writer, 2: writer}, env=env)
        finally:
            os.close(writer)
        output = bytearray()
        try:
            in_time = _watch(process, reader, output, tapped, timeout)
        except BaseException:
            process.signal(signal.SIGKILL, group=True)
            process.leave()
            raise
        if not in_time:
            process.signal(signal.SIGKILL, group=True)
            process.wait()
            raise LabError(
                f"{node.name}: the command of a journey was still running after {timeout:g} s, and was ended"
            )
        return process.wait(), output.decode(errors="replace")


def _watch(process: Process, reader: int, output: bytearray, tapped: list[Taps], timeout: float | None) -> bool:
    """Read the taps and the program's output until it has ended and a moment has passed; False when it takes longer."""
    deadline = None if timeout is None else time.monotonic() + timeout
    ending: float | None = None
    waiting = select.poll()
    owners = {one.fileno(): each for each in tapped for one in each.sockets}
    done = process.fileno()
    for descriptor in (*owners, reader, done):
        waiting.register(descriptor, select.POLLIN)
    while True:
        until = ending if ending is not None else deadline
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            if ending is None:
                return False
            for each in tapped:  # on a busy machine the moment passes while nothing was read
                each.read()
            return True
        for descriptor, _ in waiting.poll(None if left is None else max(1, left * 1000)):
            if descriptor == done:
                waiting.unregister(done)
                ending = time.monotonic() + _AFTERWARDS
            elif descriptor == reader:
                chunk = os.read(reader, 1 << 16)
                output += chunk
                if not chunk:
                    waiting.unregister(reader)
            else:
                owners[descriptor].read()


def _count(networks: Mapping[str, Network]) -> dict[str, Counters]:
    texts = outputs(list(networks.values()), ["cat", *_FILES])
    return {name: _counters(networks[name], text) for name, text in zip(networks, texts, strict=True)}


def _counters(network: Network, text: str) -> Counters:
    """Read all of the files, one after the other: each kind of line is like no other's."""
    protocols: dict[str, int] = {}
    connections: list[str] = []
    tracking: list[str] = []
    legacy: list[str] = []
    names: list[str] = []
    for line in filter(None, text.splitlines()):
        words = line.split()
        if words[0].endswith(":"):  # the names, and on the next line the values
            if words[1].lstrip("-").isdecimal():
                protocols |= dict(
                    zip((f"{words[0][:-1]} {name}" for name in names[1:]), map(int, words[1:]), strict=False)
                )
            names = words
        elif words[0].startswith(("ipv4", "ipv6")):
            connections.append(line)
        elif words[0] == "entries" or tracking:
            (tracking if len(words) > 2 else legacy).append(line)
        elif len(words) == 2:
            protocols[words[0]] = int(words[1])
        else:
            legacy.append(line)
    rules = "".join(network.tool([program, "-c"]) for program in _SAVERS) if legacy else ""
    return Counters(protocols, tuple(connections), _tracking(tracking), _legacy(rules))


def _tracking(lines: list[str]) -> dict[str, int]:
    """Add up the columns of /proc/net/stat/nf_conntrack, one line per processor, in hexadecimal."""
    if len(lines) < 2:
        return {}
    rows = [[int(word, 16) for word in line.split()] for line in lines[1:]]
    # The first column is the number of entries, the same on every line.
    return {
        name: rows[0][column] if column == 0 else sum(row[column] for row in rows)
        for column, name in enumerate(lines[0].split())
    }


def _legacy(text: str) -> dict[tuple[str, int, str], tuple[str, int]]:
    table, found = "", {}
    for place, line in enumerate(text.splitlines()):
        words = line.split()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and len(words) == 3 and words[1] != "-":
            found[table, place, f"-P {words[0][1:]} {words[1]}"] = (words[0][1:], _packets(words[2]))
        elif line.startswith("[") and len(words) > 2:
            found[table, place, " ".join(words[1:])] = (words[2], _packets(words[0]))
    return found


def _packets(counter: str) -> int:
    return int(counter[1:].partition(":")[0])
