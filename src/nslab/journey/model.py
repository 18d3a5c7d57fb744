"""What a journey is made of, as plain data: hops, rewrites, where it stopped and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One part of the packet that was changed at a hop, and by whom."""

    field: str  # "src", "dst", "sport", "dport", "ttl", "mac"…
    before: str
    after: str
    by: str  # the rule's text, or "connection tracking (undo NAT)"


@dataclass(frozen=True, slots=True)
class Hop:
    """One sighting of the packet: at an interface (`eth0 ▶`) or a hook (`FORWARD`)."""

    node: str
    point: str  # "eth0 ▶" left by it, "br0 ◀" came in by it, or a hook: "PREROUTING"
    source: str  # "172.17.0.100" or "172.17.0.100:43210"
    destination: str
    ttl: int
    way: str = "out"  # "out": the packet itself; "back": its answer
    time: int = 0  # ns since the first sighting
    rewrites: tuple[Rewrite, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """Where the packet stopped."""

    node: str
    stage: str  # in words: "the routing decision", "FORWARD", "the wire between host:veth1 and mycontainer:eth0"

    def __str__(self) -> str:
        return f"{self.node}, {self.stage}"

    def _repr_html_(self) -> str:
        return f"<div>✗ {escape(str(self))}</div>"


@dataclass(frozen=True, slots=True)
class Why:
    """The cause that was proved, or code "unknown" with the raw evidence."""

    code: str  # "forwarding-off"
    message: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""  # a command, ready to be typed in `remedy_node`
    remedy_node: str = ""
    link: str = ""  # where the kernel's behaviour is described

    def __str__(self) -> str:
        """Say it in lines: the message, the evidence, the remedy."""
        place = f"in {self.remedy_node}: " if self.remedy_node else ""
        remedy = [f"  → {place}{self.remedy}"] if self.remedy else []
        return "\n".join([self.message, *(f"  · {each}" for each in self.evidence), *remedy])

    def _repr_html_(self) -> str:
        message, *more = str(self).splitlines()
        return f"<div><b>{escape(message)}</b>{''.join(f'<br>{escape(line.strip())}' for line in more)}</div>"


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known about one packet's way: what `Journey` shows and the ladder draws."""

    node: str
    command: str
    packet: str  # "ICMP echo request 172.17.0.100 → 8.8.8.8"; "" when none was sent
    hops: tuple[Hop, ...] = ()
    delivered: bool = False
    where: Where | None = None
    why: Why | None = None
    lost: int = 0  # observations that were dropped: then there is no verdict
    notes: tuple[str, ...] = field(default=())  # "and 5 more packets of this connection"
