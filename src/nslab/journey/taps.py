"""Taps in a node's network: every interface, every hook, and the trace of its rules; nothing of them stays.

Interfaces are seen by one packet socket. Hooks are seen by tables of our own, with a `log` rule first and last in each:
what entered a hook and did not leave it was stopped by a rule in it. The tables belong to their socket
(NFT_TABLE_F_OWNER): when that closes, whatever the reason, the kernel takes them away.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from typing import Final

from nslab.errors import MachineError
from nslab.journey import own_tables
from nslab.journey.netlink import (
    ACK,
    NETFILTER,
    REQUEST,
    Netlink,
    attribute,
    attributes,
    is_unknown,
    message,
    messages,
    widen,
)
from nslab.journey.sightings import OWN, VLAN_TAGS, Decisions, Frame, Seen, of_frame, of_log
from nslab.sandbox.door import Node

HOOKS: Final = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_NFTABLES, _ULOG = 10, 4  # NFNL_SUBSYS_…
_LOGGED, _CONFIGURE, _TRACE = _ULOG << 8, _ULOG << 8 | 1, _NFTABLES << 8 | 17
_TRACE_GROUP: Final = 9  # NFNLGRP_NFTRACE
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_EVERYTHING: Final = 3  # ETH_P_ALL
_TIMESTAMPNS: Final = 35
_SOL_PACKET, _STATISTICS = 263, 6
_IP_OR_ARP: Final = frozenset({0x0800, 0x86DD, 0x0806, *VLAN_TAGS})
_AT_ONCE: Final = 1 << 14  # messages, then the other sockets have their turn
_MOST: Final = 1 << 19  # messages that are kept: a command may run for an hour
_ENOBUFS, _EBUSY, _EPERM = 105, 16, 1


class Taps:
    """The taps of one node.

    taps = Taps(node, {1: "lo", 2: "eth0"}, bridges=False)
    taps.open()
    taps.read()                       # whenever one of `taps.sockets` is readable
    taps.close()
    """

    def __init__(self, node: Node, interfaces: dict[int, str], *, bridges: bool) -> None:
        self.node = node
        self.interfaces = dict(interfaces)
        self.bridges = bridges
        self.lost = 0
        self.sockets: list[socket.socket] = []
        self._frames: list[tuple[str, Frame]] = []
        self._logged: list[tuple[int, bytes]] = []
        self._tables: Netlink | None = None
        self._tapped: set[tuple[str, str, str]] = set()

    def open(self, *, trace: bool) -> None:
        """Begin to see; MachineError where the kernel has no nf_tables log."""
        self.packets = self.node.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING))
        self.sockets.append(self.packets)
        self.packets.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        widen(self.packets)
        self.packets.settimeout(0)
        try:
            self._hear_hooks(trace=trace)
        except OSError as error:
            raise MachineError(
                f"{self.node.name}: a journey wants nf_tables with log and owners (Linux 5.12): {error.strerror}"
            ) from None

    def close(self) -> None:
        """Take everything away."""
        if self.sockets and self.packets.fileno() >= 0:
            self.lost += struct.unpack("II", self.packets.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1]
        for each in self.sockets:
            each.close()
        if self._tables is not None:
            self._tables.socket.close()

    def read(self) -> None:
        """Take what there is, as it is: it is understood when the packets have stopped."""
        for listener in self.sockets:
            try:
                if listener is self.packets:
                    self._read_packets()
                else:
                    self._read_log(listener)
            except BlockingIOError:
                pass
            except OSError as error:  # ENETDOWN comes once from an interface that went down
                self.lost += error.errno == _ENOBUFS

    def _read_packets(self) -> None:
        for _ in range(_AT_ONCE):
            data, ancillary, _, (name, protocol, kind, _, _) = self.packets.recvmsg(own_tables.SNAP, 64)
            if protocol in _IP_OR_ARP:
                seconds, rest = struct.unpack_from("=qq", ancillary[0][2])
                if len(self._frames) < _MOST:
                    self._frames.append((name, (seconds * 10**9 + rest, protocol, kind, data)))
                else:
                    self.lost += 1

    def _read_log(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            data = listener.recv(1 << 17)
            if len(self._logged) < _MOST:
                self._logged.append((time.time_ns(), data))
            else:
                self.lost += 1

    def _hear_hooks(self, *, trace: bool) -> None:
        self._tables = Netlink(self.node, NETFILTER)
        listener = self.node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETFILTER, bind=(0, 0))
        self.sockets.append(listener)
        widen(listener)
        group = _take_group(listener)
        if trace:
            listener.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _TRACE_GROUP)
        listener.settimeout(0)
        table = f"{OWN}{os.getpid()}-{group}"
        made = [(hook, number, 0, "") for number, hook in enumerate(HOOKS)]
        self._tables.batch(_NFTABLES, own_tables.requests(table, group, own_tables.INET, "inet", made, trace=trace))
        if self.bridges:
            # A kernel without one of these shows less: then a place is found, and a cause may not be.
            with suppress(OSError):
                self._tables.batch(
                    _NFTABLES, own_tables.requests(table, group, own_tables.BRIDGE, "bridge", made, trace=trace)
                )
        for number, layer in enumerate(("ingress", "egress")):
            devices = [(layer, number, index, name) for index, name in self.interfaces.items()]
            try:
                self._tables.batch(
                    _NFTABLES,
                    own_tables.requests(f"{table}-{layer}", group, own_tables.NETDEV, layer, devices, trace=trace),
                )
            except OSError as error:
                if not is_unknown(error):
                    raise
            else:
                self._tapped |= {(self.node.name, layer, name) for name in self.interfaces.values()}

    def understand(self) -> Seen:
        """Return what was seen, in the order of the kernel for the interfaces and, apart, for the hooks."""
        name, indexes = self.node.name, {name: index for index, name in self.interfaces.items()}
        frames = [of_frame(name, point, indexes.get(point, 0), raw) for point, raw in self._frames]
        sightings = [seen for seen, _ in frames if seen]
        traced, decisions = [], Decisions(name)
        for when, data in self._logged:
            for each in messages(data):
                if each.type == _LOGGED and (seen := of_log(name, attributes(each.body, 4), when)):
                    sightings.append(seen)
                elif each.type == _TRACE and (decided := decisions.of_trace(each.body, when)):
                    traced.append(decided)
        asked = tuple(question for _, question in frames if question)
        return Seen(tuple(sightings), asked, tuple(traced), self.lost, frozenset(self._tapped))


def _take_group(listener: socket.socket) -> int:
    """Bind the socket to a log group that nobody has, and return its number."""
    for offset in range(64):
        group = 40000 + (os.getpid() + offset * 101) % 20000
        try:
            _configure(listener, group, attribute(1, b"\1"))
        except OSError as error:
            if error.errno in (_EBUSY, _EPERM):  # EPERM: it is another socket's
                continue
            raise
        _configure(listener, group, attribute(2, struct.pack("!IBx", own_tables.SNAP, 2)))
        # Many to a message, sent after 10 ms at the latest: a buffer then holds fifty times as many.
        _configure(listener, group, attribute(3, struct.pack("!I", 1 << 15)))
        _configure(listener, group, attribute(4, struct.pack("!I", 1)))
        _configure(listener, group, attribute(5, struct.pack("!I", 64)))
        return group
    raise OSError(_EBUSY, "no log group is free")


def _configure(listener: socket.socket, group: int, setting: bytes) -> None:
    body = struct.pack("=BBH", socket.AF_UNSPEC, 0, socket.htons(group)) + setting
    listener.settimeout(5)
    listener.send(message(_CONFIGURE, REQUEST | ACK, 1, body))
    for each in messages(listener.recv(4096)):
        if each.type == 2 and (number := struct.unpack_from("=i", each.body)[0]):
            raise OSError(-number, os.strerror(-number))
