"""What a lab is made of: its nodes, their links and addresses, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nslab.sandbox.rootfs import NodeSpec

ROUTER: Final = "10.0.2.2"
RESOLVER: Final = "8.8.8.8"
IMAGE: Final = "debian"
SEGMENT: Final = "net0"  # the bridge that is the host's network, in `internet`

ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    # debootstrap, told that it runs in a container, bind-mounts the devices where it cannot make them.
    "container": "lxc",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A cable from the segment's bridge to a node's eth0."""

    node: str
    address: str  # with its prefix length
    mac: str  # fixed: a notebook's output shall be the same on every run


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes that a lab has from the start, in the order of their making, and how they are wired.

        internet      net0 10.0.2.2/24, the router; 8.8.8.8, the resolver; every public address answers
         ├── outside  eth0 10.0.2.3/24, a client on the host's network
         └── host     eth0 10.0.2.15/24

    sysctls: what a node starts with whatever the machine has: a new network namespace takes its IPv4 settings from the
    machine's own (devconf_inherit_init_net), where Docker or a VPN may have turned forwarding on.
    """

    nodes: tuple[str, ...] = ("internet", "outside", "host")
    links: tuple[Link, ...] = (
        Link("outside", "10.0.2.3/24", "02:00:0a:00:02:03"),
        Link("host", "10.0.2.15/24", "02:00:0a:00:02:0f"),
    )
    router_mac: str = "02:00:0a:00:02:02"
    sysctls: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "internet": _ipv4(forwarding=True),
            "outside": _ipv4(forwarding=False),
            "host": _ipv4(forwarding=False),
        }
    )


def _ipv4(*, forwarding: bool) -> dict[str, str]:
    settings = {f"net/ipv4/conf/{which}/rp_filter": "0" for which in ("all", "default")}
    # First: writing ip_forward resets other settings of the namespace to their defaults (ip-sysctl).
    return {"net/ipv4/ip_forward": str(int(forwarding))} | settings


def node_spec(name: str) -> NodeSpec:
    """Return what the lab's node `name` starts with."""
    hosts = f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n"
    files = {"/etc/hostname": f"{name}\n", "/etc/hosts": hosts, "/etc/resolv.conf": f"nameserver {RESOLVER}\n"}
    return NodeSpec(name, IMAGE, own_network=name != "internet", files=files, environment=ENVIRONMENT)
