"""What a reader may change in the runbook, checked as a whole before anything starts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final, get_type_hints

from nslab.errors import UsageError

OUTER: Final = IPv4Network(
    "10.0.2.0/24"
)  # the network in front of the host: 10.0.2.2 routes, .3 is outside, .15 the host
ROUTER: Final = IPv4Address("10.0.2.2")
RESOLVER: Final = IPv4Address("8.8.8.8")
_KINDS: Final = {str: "text", int: "a whole number"}
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LINK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NODES: Final = ("internet", "outside", "host")
_LINKS: Final = (
    "eth0",
    "veth1",
    "lo",
    "any",
    "all",
    "default",
)  # of the runbook, of tshark, of /proc/sys/net/ipv4/conf


@dataclass(frozen=True, slots=True)
class Parameters:
    """The runbook's parameters; what is wrong with them is said all at once, a line each.

    >>> Parameters(subnet="10.1.0.0/16", address="10.1.2.3").gateway
    '10.1.0.1'

    Raises UsageError.
    """

    name: str = "mycontainer"
    bridge: str = "br0"
    subnet: str = "172.17.0.0/24"
    address: str = "172.17.0.100"
    target: str = "8.8.8.8"
    host_port: int = 8080
    container_port: int = 80
    pings: int = 4

    def __post_init__(self) -> None:
        _refuse(_wrong_types(asdict(self)) or _mistakes(self))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Parameters:
        """Return them from names and values; what is not named keeps its default.

        >>> Parameters.of({"pings": 2}).pings
        2
        """
        _refuse(_unknown(values))
        return cls(**values)

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> Parameters:
        """Return them from the command line's `-p NAME VALUE`; the last of two wins.

        >>> Parameters.parse([("pings", "2")]).pings
        2
        """
        given = dict(pairs)
        types = get_type_hints(cls)
        wrong = [*_unknown(given), *(_no_number(name, text) for name, text in given.items() if _bad(types, name, text))]
        _refuse(wrong)
        return cls(**{name: types[name](text) for name, text in given.items()})

    @classmethod
    def in_namespace(cls, variables: Mapping[str, Any]) -> Parameters:
        """Return what a notebook has them set to, among all its other variables.

        >>> Parameters.in_namespace({"pings": 2, "something": None}).pings
        2
        """
        return cls(**{name: variables[name] for name in NAMES if name in variables})

    @property
    def gateway(self) -> str:
        """The bridge's own address, the first of the subnet."""
        return str(IPv4Network(self.subnet)[1])

    @property
    def prefix(self) -> int:
        """The length of the subnet's prefix: 24."""
        return IPv4Network(self.subnet).prefixlen

    def as_dict(self) -> dict[str, str | int]:
        """Return {name: value}, in the order of the notebooks."""
        return asdict(self)


NAMES: Final = tuple(field.name for field in fields(Parameters))


def _refuse(mistakes: Iterable[str]) -> None:
    if lines := list(mistakes):
        raise UsageError("\n".join(lines))


def _unknown(values: Mapping[str, Any]) -> Iterator[str]:
    for name in values:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(NAMES)}"
            yield f"no parameter is called {name!r}; {hint}"


def _bad(types: Mapping[str, Any], name: str, text: str) -> bool:
    # isdecimal() alone would take "²" and "٤"; int() alone would take " 4" and "1_000".
    return types.get(name) is int and not re.fullmatch(r"[0-9]{1,9}", text)


def _no_number(name: str, value: object) -> str:
    return f"{name} must be a whole number, not {value!r}"


def _wrong_types(values: Mapping[str, Any]) -> list[str]:
    types = get_type_hints(Parameters)
    return [
        f"{name} must be {_KINDS[types[name]]}, not {value!r}"
        for name, value in values.items()
        if type(value) is not types[name]  # True is an int, and no number of pings
    ]


def _mistakes(p: Parameters) -> Iterator[str]:
    yield from _name(p.name)
    yield from _bridge(p.bridge)
    yield from _addresses(p)
    for name, port in (("host_port", p.host_port), ("container_port", p.container_port)):
        if not 1 <= port <= 65535:
            yield f"{name} must be a port, 1 to 65535, not {port}"
    if not 1 <= p.pings <= 100:
        yield f"pings must be 1 to 100, not {p.pings}"


def _name(name: str) -> Iterator[str]:
    if not _HOSTNAME.fullmatch(name):
        yield f"name must do as a host name (letters, digits and inner hyphens, at most 63), not {name!r}"
    elif name in _NODES:
        yield f"name: {name} is a node of the lab already"


def _bridge(bridge: str) -> Iterator[str]:
    if not _LINK.fullmatch(bridge):
        yield f"bridge must do as the name of an interface (letters, digits, - _ .), not {bridge!r}"
    elif len(bridge) > 15:
        yield f"bridge must have at most 15 characters, as every interface: {bridge!r} has {len(bridge)}"
    elif bridge in _LINKS:
        yield f"bridge: {bridge} is taken"


def _addresses(p: Parameters) -> Iterator[str]:
    subnet, address, target = _network(p.subnet), _ipv4(p.address), _ipv4(p.target)
    if subnet is None:
        yield f"subnet must be an IPv4 network such as 172.17.0.0/24, not {p.subnet!r}"
    if address is None:
        yield f"address must be an IPv4 address, not {p.address!r}"
    if target is None:
        yield f"target must be an IPv4 address, not {p.target!r}"
    if subnet is not None:
        yield from _subnet(subnet)
    if subnet is not None and address is not None:
        yield from _address(address, subnet)
    if target is not None:
        yield from _target(target, subnet)


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None


def _ipv4(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def _subnet(subnet: IPv4Network) -> Iterator[str]:
    if not 8 <= subnet.prefixlen <= 30:
        yield f"subnet must have a prefix of 8 to 30 bits, to hold a bridge and a container: {subnet}"
    elif subnet.overlaps(OUTER):
        yield f"subnet {subnet} overlaps {OUTER}, the network in front of the host"
    elif RESOLVER in subnet:
        yield f"subnet {subnet} holds {RESOLVER}, where the lab's resolver is"
    elif not _is_unicast(subnet[0]) or not _is_unicast(subnet[-1]):
        yield f"subnet {subnet} is not for hosts (loopback, link-local, multicast or reserved)"


def _address(address: IPv4Address, subnet: IPv4Network) -> Iterator[str]:
    if address not in subnet:
        yield f"address {address} is not in subnet {subnet}"
    elif subnet.prefixlen <= 30 and address == subnet[1]:
        yield f"address {address} is the bridge's own, the first of {subnet}"
    elif address in (subnet[0], subnet[-1]):
        yield f"address {address} is the network's or the broadcast address of {subnet}"


def _target(target: IPv4Address, subnet: IPv4Network | None) -> Iterator[str]:
    if subnet is not None and target in subnet:
        yield f"target {target} is in the container's own subnet {subnet}: nothing would be routed"
    elif target in OUTER and target != ROUTER:
        yield f"target {target} is in {OUTER}, the host's own network: take {ROUTER} or one behind it"
    elif not _is_unicast(target):
        yield f"target {target} is not the address of one host"


def _is_unicast(address: IPv4Address) -> bool:
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address in IPv4Network("0.0.0.0/8")
    )
