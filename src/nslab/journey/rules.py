"""The words of firewall rules: which rule it was that decided, as its author typed it, and how to take it away."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from nslab.journey.asked import Network
from nslab.journey.netlink import NETFILTER, Netlink, attributes, text
from nslab.journey.sightings import Traced

_GET_RULE: Final = 10 << 8 | 7
_FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_SAVERS: Final = {2: "iptables-nft-save", 10: "ip6tables-nft-save"}
_PROGRAMS: Final = {2: "iptables", 10: "ip6tables"}
Chain = tuple[int, str, str]  # family, table, chain


@dataclass(frozen=True, slots=True)
class Words:
    """A rule or a policy in its author's words, and the command that takes it away."""

    text: str
    remedy: str
    is_policy: bool = False

    @property
    def rejects(self) -> bool:
        return bool(re.search(r"\breject\b", self.text, re.IGNORECASE))

    @property
    def rewrites(self) -> str:
        """What it changes: "source", "destination", or nothing."""
        if re.search(r"\b(masquerade|snat)\b", self.text, re.IGNORECASE):
            return "source"
        return "destination" if re.search(r"\b(dnat|redirect)\b", self.text, re.IGNORECASE) else ""


class Rules:
    """The nf_tables rules of a network, those that iptables-nft made among them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._lists: dict[Chain, str] = {}

    def words(self, traced: Traced) -> Words:
        """Return the words of the rule, or of the policy, that decided."""
        chain = (traced.family, traced.table, traced.chain)
        if not traced.handle:
            return self._policy(chain, traced.verdict)
        saved = self.saved.get(chain, [])
        handles = self._handles.get(chain, [])
        if len(saved) == len(handles) and traced.handle in handles:
            program = _PROGRAMS[traced.family]
            line = saved[handles.index(traced.handle)]
            table = "" if traced.table == "filter" else f"-t {traced.table} "
            return Words(line, f"{program} {table}-D {line.removeprefix('-A ')}")
        family = _FAMILIES.get(traced.family, str(traced.family))
        place = f"{family} {traced.table} {traced.chain}"
        return Words(self._line(chain, traced.handle), f"nft delete rule {place} handle {traced.handle}")

    def nat(self, kind: str) -> list[str]:
        """Return all rules that rewrite a "source" or a "destination", in their authors' words."""
        found = [line for lines in self.saved.values() for line in lines]
        if self._has_others:
            tool = self.network.tool(["nft", "list", "ruleset"])
            found += [
                line.strip() for line in tool.splitlines() if not line.strip().startswith(("table", "chain", "type"))
            ]
        mine = [line for line in found if Words(line, "").rewrites == kind]
        # What iptables-nft made is listed by both: its own words are the ones that were typed.
        if self._has_others and self.saved:
            mine = [line for line in mine if line.startswith("-A ") or not self._is_saved(line)]
        return mine

    def _is_saved(self, line: str) -> bool:
        return " counter packets " in line

    @cached_property
    def saved(self) -> dict[Chain, list[str]]:
        """Return the rules of iptables-nft, in order."""
        found: dict[Chain, list[str]] = {}
        for family, program in _SAVERS.items():
            if not any(chain[0] == family for chain in self._handles):
                continue
            table = ""
            for line in self.network.tool([program]).splitlines():
                if line.startswith("*"):
                    table = line[1:]
                elif line.startswith("-A "):
                    found.setdefault((family, table, line.split()[1]), []).append(line)
        return found

    @cached_property
    def _has_others(self) -> bool:
        return any(chain not in self.saved for chain in self._handles)

    @cached_property
    def _handles(self) -> dict[Chain, list[int]]:
        """Return the numbers of the rules in each chain, in order."""
        with Netlink(self.network.node, NETFILTER) as asked:
            bodies = asked.dump(_GET_RULE, struct.pack("=BBH", 0, 0, 0))
        found: dict[Chain, list[int]] = {}
        for body in bodies:
            values = attributes(body, 4)
            chain = (body[0], text(values.get(1)), text(values.get(2)))
            found.setdefault(chain, []).append(int.from_bytes(values.get(3, b""), "big"))
        return found

    def _line(self, chain: Chain, handle: int) -> str:
        for line in self._list(chain).splitlines():
            rule, mark, number = line.strip().rpartition(" # handle ")
            if mark and number == str(handle):
                return re.sub(r"counter packets \d+ bytes \d+", "counter", rule)
        return f"rule {handle} of {chain[1]} {chain[2]}"

    def _policy(self, chain: Chain, verdict: str) -> Words:
        family, table, name = chain
        if family in _PROGRAMS and table in ("filter", "nat", "mangle", "raw", "security") and name.isupper():
            where = "" if table == "filter" else f"-t {table} "
            return Words(f"-P {name} {verdict.upper()}", f"{_PROGRAMS[family]} {where}-P {name} ACCEPT", is_policy=True)
        place = f"{_FAMILIES.get(family, str(family))} {table} {name}"
        return Words(f"chain {place} policy {verdict}", f"nft chain {place} '{{ policy accept ; }}'", is_policy=True)

    def _list(self, chain: Chain) -> str:
        if chain not in self._lists:
            family = _FAMILIES.get(chain[0], str(chain[0]))
            self._lists[chain] = self.network.tool(["nft", "-a", "list", "chain", family, chain[1], chain[2]])
        return self._lists[chain]
