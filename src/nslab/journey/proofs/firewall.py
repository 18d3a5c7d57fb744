"""Proofs about firewalls: which rule, or which policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final

from nslab.journey.asked import Network
from nslab.journey.packet import ICMP, ICMP6, TCP, UDP
from nslab.journey.place import At, legacy_grown
from nslab.journey.proofs.proof import Proof
from nslab.journey.rules import Words
from nslab.journey.sightings import Sighting
from nslab.journey.taps import HOOKS


def tracked_full(at: At) -> Proof | None:
    before, after = (each[at.node].tracking for each in (at.observation.before, at.observation.after))
    dropped = sum(after.get(name, 0) - before.get(name, 0) for name in ("drop", "early_drop"))
    limit, count = (at.setting(f"net/netfilter/nf_conntrack_{name}") for name in ("max", "count"))
    if at.point not in ("PREROUTING", "OUTPUT") or not dropped or not limit or not count or int(count) < int(limit):
        return None
    if any(each.verdict == "drop" for each in at.traced(at.leg.last)):
        return None
    return Proof({"limit": limit}, (f"{at.node}: {count} connections of {limit}; dropped +{dropped}",))


_ENDING: Final = re.compile(r" -j (DROP|REJECT|NFQUEUE|QUEUE|SYNPROXY|TARPIT|TPROXY|STEAL)\b")
_SIMPLE: Final = frozenset({"-A", "-P", "-s", "-d", "-i", "-o", "-p", "-m", "-j"})
_READ: Final = _SIMPLE | {"--dport", "--sport", "--comment", "--reject-with"}


def _is_vague(rule: str) -> bool:
    """Whether a rule has conditions that are not read here."""
    return not {word for word in rule.split() if word.startswith("-")} <= _READ


def _others_died(at: At) -> bool:
    """Whether other packets have not left this hook either: a rule may have counted them."""
    ways: dict[str, set[tuple[object, ...]]] = {"first": set(), "last": set()}
    for each in at.observation.seen.sightings:
        if (each.node, each.layer, each.point) == (at.node, "inet", at.point):
            ways[each.way].add(each.packet.key)
    return bool(ways["first"] - ways["last"] - {at.packet.key})


def _decisive(at: At) -> Words | None:
    """Return the rule or policy that has dropped it, when exactly one can have."""
    for each in at.traced(at.leg.last):
        if each.verdict == "drop":
            return at.rules().words(each)
    if any(each.verdict in ("queue", "stolen") for each in at.traced(at.leg.last)):
        return None
    return _decisive_legacy(at)


def _decisive_legacy(at: At) -> Words | None:
    """Return the only rule or policy of iptables-legacy that has counted it, and ends what it counts."""
    tables = ("raw", "mangle", "filter", "security")
    grown = [
        rule
        for table in tables
        for rule in legacy_grown(at.observation, at.node, table)
        if rule.endswith(" DROP") or _ENDING.search(rule)
    ]
    program = "ip6tables-legacy" if at.family == 6 else "iptables-legacy"
    # A policy counts for its own hook only; a rule of a student's own chain may be asked from any.
    grown = [rule for rule in grown if rule.split()[1] == at.point or rule.split()[1] not in HOOKS]
    grown = [rule for rule in grown if not contradicts(rule, at.leg.last, at.network)]
    if len(grown) != 1:
        return None
    (rule,) = grown
    if not rule.endswith(" DROP") and not re.search(r" -j (DROP|REJECT)\b", rule):
        return None  # a queue: what became of it there is not known
    if at.point != "FORWARD" and _is_vague(rule) and _others_died(at):
        return None
    if rule.startswith("-P "):
        return Words(rule, f"{program} -P {at.point} ACCEPT", is_policy=True)
    return Words(rule, f"{program} -D {rule.removeprefix('-A ')}")


# A condition of iptables, `! -s 10.0.0.0/8`, or of nft, `ip saddr != 10.0.0.0/8`: its name, and the values it may have.
_CONDITION: Final = re.compile(
    r"(?P<not>! )?(?<!\S)(?P<name>-s|-d|-i|-o|-p|--dport|--sport|saddr|daddr|iifname|oifname|dport|sport)"
    r"(?P<differs> !=)? \"?(?P<value>[\w.:/+-]+)"
)
_SAME: Final = {"saddr": "-s", "daddr": "-d", "iifname": "-i", "oifname": "-o", "dport": "--dport", "sport": "--sport"}


def contradicts(rule: str, seen: Sighting, network: Network) -> bool:
    """Whether a rule, by its plainest conditions, cannot have matched a packet."""
    packet = seen.packet
    protocol = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "ipv6-icmp"}.get(packet.protocol, "")
    facts = {"-p": protocol, "-i": network.name_of(seen.iif), "-o": network.name_of(seen.oif)}
    facts |= {"--dport": str(packet.dport), "--sport": str(packet.sport), "-s": packet.src, "-d": packet.dst}
    for each in _CONDITION.finditer(rule):
        name, value = _SAME.get(each["name"], each["name"]), each["value"]
        fact = facts[name]
        if not fact or value.endswith("+") or (name.endswith("port") and not value.isdecimal()):
            continue  # not known, or more than this reads
        holds = _is_in(fact, value) if name in ("-s", "-d") else fact == value
        if holds == bool(each["not"] or each["differs"]):
            return True
    return False


def _is_in(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network, strict=False)
    except ValueError:  # a range, a set: more than this reads
        return True


def rule(*, reject: bool, policy: bool, bridged: bool) -> Callable[[At], Proof | None]:
    def proof(at: At) -> Proof | None:
        last = at.leg.last
        if (last.layer == "inet" and bool(last.port_in and last.port_out)) != bridged:
            return None
        words = _decisive(at)
        if words is None or words.is_policy != policy or (not policy and not bridged and words.rejects != reject):
            return None
        hook = at.point if last.layer == "inet" else f"the {last.layer} hook"
        return Proof({"rule": words.text, "hook": hook}, remedy="" if bridged else words.remedy)

    return proof


def any_rule(at: At) -> Proof | None:
    words = _decisive(at)
    return Proof({"rule": words.text}, remedy=words.remedy) if words else None


def legacy_nat(at: At, node: str, kind: str) -> list[str]:
    after = at.observation.after[node].legacy
    return [rule for (table, _, rule) in after if table == "nat" and Words(rule, "").rewrites == kind]
