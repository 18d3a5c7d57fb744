"""Proofs about the routing decision of a router, apart from its routes."""

from __future__ import annotations

import errno
from collections.abc import Callable
from ipaddress import ip_address

from nslab.journey.asked import Network
from nslab.journey.packet import ICMP, ICMP6
from nslab.journey.place import At
from nslab.journey.proofs.proof import Proof
from nslab.journey.tables import Interface


def forwarding_off(*, everywhere: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        if at.came_by is None or at.family != 4 or at.way.error != errno.EHOSTUNREACH or at.is_local or at.is_stray:
            return None
        if at.setting(f"net/ipv4/conf/{at.came_by.name}/forwarding") != "0":
            return None
        if (at.setting("net/ipv4/ip_forward") == "0") != everywhere:
            return None
        return Proof({"interface": at.came_by.name})

    return proof


def forwarding_off_6(at: At) -> Proof | None:
    if at.family != 6 or at.is_local or at.came_by is None or at.way.error or at.way.type != "unicast":
        return None
    if at.is_stray:
        return None
    if at.setting("net/ipv6/conf/all/forwarding") != "0" or at.packet.ttl < 1:
        return None
    if at.setting(f"net/ipv6/conf/{at.came_by.name}/force_forwarding") == "1":
        return None
    return Proof()


def martian(at: At) -> Proof | None:
    if at.family != 4 or at.way.error != errno.EINVAL or at.came_by is None:
        return None
    source = ip_address(at.packet.src)
    if source.is_multicast or source.is_loopback or int(source) >> 24 == 0 or at.packet.src == "255.255.255.255":
        return Proof({"address": at.packet.src, "what": f"{source} is no address that a packet may come from"})
    if at.network.owner_of(at.packet.src) and at.setting(f"net/ipv4/conf/{at.came_by.name}/accept_local") == "0":
        return Proof({"address": at.packet.src, "what": f"{source} is an address of {at.node} itself"})
    return None


def martian_destination(at: At) -> Proof | None:
    if at.family != 4 or at.came_by is None or at.came_by.kind == "loopback" or not at.way.error:
        return None
    if not ip_address(at.packet.dst).is_loopback:
        return None
    local = [at.setting(f"net/ipv4/conf/{name}/route_localnet") for name in ("all", at.came_by.name)]
    return Proof({"target": at.packet.dst, "interface": at.came_by.name}) if local == ["0", "0"] else None


def rp_filter(at: At) -> Proof | None:
    if at.family != 4 or at.came_by is None or at.way.error not in (errno.EINVAL, errno.EXDEV):
        return None
    return reverse(at, at.network, at.came_by, at.packet.src, at.packet.dst)


def reverse(at: At, network: Network, came_by: Interface, source: str, target: str) -> Proof | None:
    """Prove that the reverse path filter refuses `source` on `came_by`."""
    values = [network.setting(f"net/ipv4/conf/{name}/rp_filter") for name in ("all", came_by.name)]
    mode = max(int(value or 0) for value in values)
    if not mode or network.owner_of(source) or network.way(target).error:
        return None
    back = network.way(source)
    if not back.error and (mode == 2 or back.index == came_by.index):
        return None
    said = network.name_of(back.index) if not back.error else f"nowhere ({back.text})"
    grown = at.observation.counted(network.name, "TcpExt IPReversePathFilter")
    because: tuple[str, ...] = (
        f"{network.name}: rp_filter is {mode} on {came_by.name}; an answer to {source} would go {said}",
    )
    if grown:
        because += (f"{network.name}: TcpExt IPReversePathFilter +{grown}",)
    names = {"interface": came_by.name, "source": source, "back": said, "at": network.name, "mode": str(mode)}
    strict = [name for name, value in zip(("all", came_by.name), values, strict=True) if int(value or 0)]
    return Proof(names, because, "sysctl " + " ".join(f"net.ipv4.conf.{name}.rp_filter=0" for name in strict))


def ttl(at: At) -> Proof | None:
    if at.is_local or at.packet.ttl > 1 or at.way.error or at.way.type != "unicast":
        return None
    if at.family == 6 and at.setting("net/ipv6/conf/all/forwarding") == "0":
        return None
    counted = at.counted("Ip InHdrErrors") or at.counted("Ip6InHdrErrors")
    if not counted and not _errors_about(at, {(ICMP, 11), (ICMP6, 3)}):
        return None
    return Proof({"ttl": str(at.packet.ttl)}, (f"it came to {at.node} with ttl {at.packet.ttl}",))


def _errors_about(at: At, kinds: set[tuple[int, int]]) -> bool:
    error = at.refused_by_error
    return error is not None and (error.protocol, error.kind) in kinds


def too_big(at: At) -> Proof | None:
    if at.is_local or at.way.error or at.way.type != "unicast" or not at.packet.dont_fragment:
        return None
    out = at.network.interfaces.get(at.way.index)
    limit = at.way.mtu or (out.mtu if out else 0)
    if out is None or at.packet.length <= limit:
        return None
    error = at.refused_by_error
    told = error and (
        (error.protocol, error.kind, error.code) == (ICMP, 3, 4) or (error.protocol, error.kind) == (ICMP6, 2)
    )
    if not told and not at.counted("Ip FragFails") and not at.counted("Ip6InTooBigErrors"):
        return None
    return Proof(
        {"length": str(at.packet.length), "mtu": str(limit), "out": out.name}, remedy=f"ip link set {out.name} mtu 1500"
    )
