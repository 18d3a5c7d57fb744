"""Building the lab's network: bridge, cables, addresses, routes, over netlink sockets of the nodes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Final

from pyroute2 import AsyncIPRoute, NetlinkError

from nslab.lab.topology import RESOLVER, ROUTER, SEGMENT, Link, Topology
from nslab.sandbox.door import Node

# Private networks are nobody's on the internet; every other address is somebody who answers.
_PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def wire_up(topology: Topology, nodes: Mapping[str, Node]) -> None:
    """Give the nodes their links, addresses, routes and settings; OSError when their kernel refuses one."""
    for name, settings in topology.sysctls.items():
        script = "".join(f"echo {value} >/proc/sys/{key};" for key, value in settings.items())
        nodes[name].run(["sh", "-c", script])
    # A loop and a thread of its own: a notebook's cell runs inside a loop already, where no other can be run.
    with ThreadPoolExecutor(1) as worker:
        try:
            worker.submit(lambda: asyncio.run(_build(topology, nodes))).result()
        except NetlinkError as error:
            raise OSError(error.code, str(error)) from None


async def _build(topology: Topology, nodes: Mapping[str, Node]) -> None:
    async with _netlink(nodes["internet"]) as internet:
        await _make_segment(internet, topology)
        for link in topology.links:
            await _plug_in(internet, link, nodes[link.node])
        await _answer_for_everybody(internet)
    for link in topology.links:
        async with _netlink(nodes[link.node]) as node:
            await _set_up_eth0(node, link)


async def _make_segment(internet: Any, topology: Topology) -> None:
    await internet.link("add", ifname=SEGMENT, kind="bridge", address=topology.router_mac)
    index = (await internet.link_lookup(ifname=SEGMENT))[0]
    await internet.addr("add", index=index, address=ROUTER, prefixlen=24)
    await internet.link("set", index=index, state="up")


async def _plug_in(internet: Any, link: Link, node: Node) -> None:
    with ExitStack() as ours:
        namespace = node.network()
        ours.callback(os.close, namespace)
        peer = {"ifname": "eth0", "net_ns_fd": namespace, "address": link.mac}
        await internet.link("add", ifname=link.node, kind="veth", peer=peer)
    index = (await internet.link_lookup(ifname=link.node))[0]
    segment = (await internet.link_lookup(ifname=SEGMENT))[0]
    await internet.link("set", index=index, master=segment, state="up")


async def _answer_for_everybody(internet: Any) -> None:
    """Let the internet answer under every public address (AnyIP), and drop what is sent to a private one."""
    loopback = (await internet.link_lookup(ifname="lo"))[0]
    await internet.addr("add", index=loopback, address=RESOLVER, prefixlen=32)
    await internet.route("add", dst="0.0.0.0/0", oif=loopback, type="local", scope="host")
    for network in _PRIVATE:
        await internet.route("add", dst=network, type="blackhole")


async def _set_up_eth0(node: Any, link: Link) -> None:
    index = (await node.link_lookup(ifname="eth0"))[0]
    address, _, prefix = link.address.partition("/")
    await node.addr("add", index=index, address=address, prefixlen=int(prefix))
    await node.link("set", index=index, state="up")
    await node.route("add", dst="default", gateway=ROUTER)


@asynccontextmanager
async def _netlink(node: Node) -> Any:
    # SOCK_DGRAM: asyncio refuses a raw socket, and netlink makes no difference (netlink(7)).
    async with AsyncIPRoute(
        use_socket=node.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, socket.NETLINK_ROUTE)
    ) as open_:
        yield open_
