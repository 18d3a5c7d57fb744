"""Hearing of what changes in a lab, as its kernels tell it: no question is asked while nothing happens."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from nslab.errors import LabError
from nslab.lab.state import Nodes
from nslab.sandbox.door import Node, Socket

_NETFILTER: Final = 12  # NETLINK_NETFILTER, which `socket` does not name
# RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE, and RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF.
_ROUTE_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400 | 1 << 23 | 1 << 24
_RULE_GROUPS: Final = 1 << 6  # NFNLGRP_NFTABLES
_LOOK: Final = 2.0  # seconds between two looks for new nodes: a namespace that is born tells nobody


class Watch:
    """Waits for changes of a lab: links, addresses, routes, forwarding, rules of nftables, nodes that come and go.

        with Watch(lab) as changes:
            lab["host"].run("ip link set br0 down")
            changes.wait(5)         # True

    A socket keeps the network that it is of, so it is closed as soon as the node's first process has ended.
    """

    def __init__(self, lab: Nodes) -> None:
        self._lab = lab
        self._poll = select.poll()
        self._ears: dict[str, _Ears] = {}
        self._bell, self._ring = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._bell, select.POLLIN)
        self._look_for_nodes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Return True when something has changed; False after `timeout` seconds, or when it was stopped."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _LOOK if deadline is None else max(0.0, min(_LOOK, deadline - time.monotonic()))
            ready = {descriptor for descriptor, _ in self._poll.poll(left * 1000)}
            if self._bell in ready:  # and nobody takes it from there: so it is for whoever waits later
                return False
            if self._hear(ready) or self._look_for_nodes():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def stop(self) -> None:
        """Have `wait` return, in whatever thread it waits, and every later one at once."""
        with suppress(OSError):
            os.write(self._ring, b"!")

    def close(self) -> None:
        """Let go of all nodes; nobody may wait any more."""
        for name in list(self._ears):
            self._forget(name)
        for end in (self._bell, self._ring):
            with suppress(OSError):
                os.close(end)
        self._bell = self._ring = -1

    def _hear(self, ready: set[int]) -> bool:
        changed = False
        for name, ears in list(self._ears.items()):
            if ears.life.fileno() in ready:  # nobody sends there: its other end is closed
                self._forget(name)
                changed = True
            for each in ears.sockets:
                if each.fileno() in ready:
                    _drain(each)
                    changed = True
        return changed

    def _look_for_nodes(self) -> bool:
        try:
            there = self._lab.nodes()
        except (LabError, OSError):
            there = []
        before = set(self._ears)
        for name in before - set(there):
            self._forget(name)
        for name in there:
            if name not in self._ears:
                # One that has ended meanwhile is not there the next time.
                with suppress(LabError, OSError):
                    self._listen(name, self._lab[name])
        return before != set(self._ears)

    def _listen(self, name: str, node: Node) -> None:
        ears = _Ears(node)
        self._ears[name] = ears
        self._poll.register(ears.life, 0)  # POLLHUP is told of without being asked for
        for each in ears.sockets:
            self._poll.register(each, select.POLLIN)

    def _forget(self, name: str) -> None:
        ears = self._ears.pop(name)
        for each in (ears.life, *ears.sockets):
            self._poll.unregister(each)
            each.close()


class _Ears:
    """What is listened to in one node."""

    def __init__(self, node: Node) -> None:
        self.life = node.control.dup()  # the node may be closed by whoever holds it
        self.sockets: list[Socket] = []
        for protocol, groups in ((socket.NETLINK_ROUTE, _ROUTE_GROUPS), (_NETFILTER, _RULE_GROUPS)):
            with suppress(OSError):  # a kernel without netfilter
                made = node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, protocol, bind=(0, groups))
                made.settimeout(0)
                self.sockets.append(made)


def _drain(heard: Socket) -> None:
    """Take all that has come: what it was is asked for anew."""
    for _ in range(10_000):
        try:
            heard.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: more than its buffer holds
            continue
