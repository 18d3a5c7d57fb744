"""A journey in the runbook's lab, against the same command without one; and how busy the lab may be."""

from __future__ import annotations

import os
import time
from typing import Final

from nslab.bench.table import Line, Table, medians
from nslab.instruments import Lab
from nslab.sandbox.door import Node

_ROUNDS: Final = 15
_MOST: Final = 0.3  # seconds on top of the command
_PING: Final = ["ping", "-c1", "-W1", "8.8.8.8"]
_HOST: Final = """
ip link add br0 type bridge
ip addr add 172.17.0.1/24 dev br0
ip link set br0 up
ip link add veth1 type veth peer name eth0 netns mycontainer
ip link set veth1 up
ip link set veth1 master br0
sysctl -q net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE
"""
_CONTAINER: Final = """
ip addr add 172.17.0.100/24 dev eth0
ip link set eth0 up
ip link set lo up
ip route add default via 172.17.0.1
"""


def measure() -> Table:
    """Ping the internet from a container, in turns with and without a journey, and once more in a noisy lab."""
    with Lab.up(f"bench-{os.getpid()}", owner=os.getpid()) as lab:
        container = _container(lab)
        took = medians(
            {
                "ping": lambda: container.run(_PING),
                "journey": lambda: lab.journey("mycontainer", _PING),
            },
            rounds=_ROUNDS,
        )
        lost, same = _under_noise(lab, container)
    on_top = took["journey"] - took["ping"]
    return Table(
        f"journey: `ping -c1 8.8.8.8` in the runbook's container, p50 of {_ROUNDS} in turns",
        (
            Line("Node.run", took["ping"]),
            Line("Lab.journey", took["journey"]),
            Line("  on top of the command", on_top, "", f"≤ {_MOST * 1000:.0f} ms", on_top <= _MOST),
            Line(
                "  with 500 other packets/s",
                took["journey"],
                f"{same} of {_ROUNDS} verdicts the same, {lost} observations lost",
                "all",
                same == _ROUNDS,
            ),
        ),
    )


def _container(lab: Lab) -> Node:
    host = lab["host"]
    host.run("ip netns add mycontainer")
    host.spawn("exec unshare --fork --pid --net=/run/netns/mycontainer --mount --uts --ipc sleep infinity").leave()
    deadline = time.monotonic() + 10
    while "mycontainer" not in lab.nodes() and time.monotonic() < deadline:
        pass
    host.run(_HOST)
    lab["mycontainer"].run(_CONTAINER)
    return lab["mycontainer"]


def _under_noise(lab: Lab, container: Node) -> tuple[int, int]:
    """Return how many observations were lost, and how many verdicts were right, beside 500 packets a second."""
    others = [container.spawn(["ping", "-q", "-i", "0.008", target]) for target in ("8.8.8.8", "8.8.4.4")]
    journeys = [lab.journey("mycontainer", _PING) for _ in range(_ROUNDS)]
    for each in others:
        each.signal(9)
        each.wait()
    return sum(each.lost for each in journeys), sum(each.delivered for each in journeys)
