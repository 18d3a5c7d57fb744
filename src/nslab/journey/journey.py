"""A journey: one packet, followed through every interface and hook of a lab, and where and why it stopped."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any, Final

from nslab.errors import UsageError
from nslab.journey import correlate, explain, hops, place
from nslab.journey.model import Findings, Hop, Where, Why
from nslab.journey.observe import Observation, observe
from nslab.lab.lab import Lab
from nslab.sandbox.door import Command, Node

if TYPE_CHECKING:
    import pandas as pd

_HEAD: Final = ("", "node", "where", "from → to", "ttl", "rewritten")


class Journey:
    """One packet of a command, and what became of it.

        journey = lab.journey("mycontainer", "ping -c1 8.8.8.8")
        journey.hops             # a DataFrame: node, point, src, dst, ttl, way, time, rewrites
        journey.where            # Where("host", "the routing decision"); None when it was delivered and answered
        journey.why              # Why("forwarding-off", message, evidence, remedy); code "unknown": nothing is proved
        journey.table()          # the hops as text, without a verdict; print(journey) has both
        journey.delivered, journey.lost, journey.said

    When observations were lost, there is no verdict: `where` and `why` are None, and `lost` says how many.
    """

    def __init__(
        self, findings: Findings, said: str = "", returncode: int = 0, *, draw: Callable[..., Any] | None = None
    ) -> None:
        self.findings = findings
        self.said = said  # what the command wrote
        self.returncode = returncode  # how it ended
        self._draw = draw  # pictures are made a floor above

    @property
    def delivered(self) -> bool:
        """Whether the packet arrived, and so did its answer."""
        return self.findings.delivered

    @property
    def lost(self) -> int:
        """How many observations were dropped."""
        return self.findings.lost

    @property
    def where(self) -> Where | None:
        """Where it stopped."""
        return self.findings.where

    @property
    def why(self) -> Why | None:
        """Which cause is proved."""
        return self.findings.why

    @property
    def hops(self) -> pd.DataFrame:
        """The hops, one per row; `way` is "out" or "back", `time` in ns since the first, `rewrites` in words."""
        import pandas as pd

        rows = [
            (each.node, each.point, each.source, each.destination, each.ttl, each.way, each.time, _rewrites(each))
            for each in self.findings.hops
        ]
        return pd.DataFrame(rows, columns=["node", "point", "src", "dst", "ttl", "way", "time", "rewrites"])

    def table(self) -> str:
        """Return the packet and its hops as text, without the verdict, which can be guessed first."""
        found = self.findings
        lines = [self._title()]
        for way, title in (("out", "out"), ("back", "back")):
            hops = [each for each in found.hops if each.way == way]
            if hops:
                lines += [f"── {title}", *_aligned(hops)]
        return "\n".join(lines)

    def hops_html(self) -> str:
        """Return the hops alone, as a table of HTML."""
        rows = "".join(_row(number, each) for number, each in enumerate(self.findings.hops, 1))
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in _HEAD)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        return f"<p>{escape(self._title())}</p>{table}"

    def ladder(self) -> Any:
        """Return the picture of it: the places as columns, the packet's way down the page, a cross where it stopped."""
        if self._draw is None:
            raise UsageError("this journey has no picture: nslab.draw.ladder.draw(journey.findings) makes one")
        return self._draw(self.findings, text=repr(self))

    def __repr__(self) -> str:
        return "\n".join([self.table(), *self._verdict()])

    def _repr_html_(self) -> str:
        verdict, *evidence = self._verdict()
        items = "".join(f"<li>{escape(line.strip().removeprefix('· '))}</li>" for line in evidence)
        return f"<div>{self.hops_html()}<p><b>{escape(verdict)}</b></p><ul>{items}</ul></div>"

    def _title(self) -> str:
        found = self.findings
        return f"{found.packet or 'no packet was sent'} ({found.node}: {found.command})"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, as `nslab journey --json` prints it."""
        found = self.findings
        return {
            "node": found.node,
            "command": found.command,
            "packet": found.packet,
            "delivered": found.delivered,
            "where": {"node": found.where.node, "stage": found.where.stage} if found.where else None,
            "why": _why(found.why) if found.why else None,
            "hops": [_hop(each) for each in found.hops],
            "lost": found.lost,
            "notes": list(found.notes),
        }

    def _verdict(self) -> list[str]:
        found = self.findings
        notes = [f"  · {note}" for note in found.notes]
        if found.lost:
            return [f"? no verdict: {found.lost} observations were lost, and a missing hop proves nothing", *notes]
        if found.where is None or found.why is None:
            return ["✓ delivered and answered" if _has_answer(found) else "✓ delivered", *notes]
        return [*f"✗ {found.where}: {found.why}".splitlines(), *notes]


def follow(
    lab: Lab,
    node: str | Node,
    command: Command,
    *,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    draw: Callable[..., Any] | None = None,
) -> Journey:
    """Run `command` in `node` and follow its packet; LabError when it takes longer than `timeout` seconds."""
    observation = observe(lab, node, command, timeout=timeout, env=env)
    found = tell(observation)
    # As the shell has read it: a picture in a report says where the packet was sent.
    found = replace(found, command=Template(found.command.strip()).safe_substitute(env or {}))
    return Journey(found, observation.said, observation.returncode, draw=draw)


def tell(observation: Observation) -> Findings:
    """Return what an observation says of one packet of the command."""
    words = observation.command if isinstance(observation.command, str) else shlex.join(observation.command)
    trips = correlate.Correlation(observation).trips()
    trip = correlate.choose(trips)
    lost = observation.seen.lost
    at = place.place(observation, trip)
    findings = Findings(observation.node, words, "", lost=lost)
    if trip is not None:
        packet = trip.packet
        name = f"{packet.name} {packet.sender} → {packet.receiver}"
        rows = hops.rows(observation, trip, at)
        notes = tuple(explain.notes(trip, trips))
        findings = replace(findings, packet=name, hops=rows, notes=notes, delivered=at is None and not lost)
    if at is None or lost:
        return findings
    return replace(findings, where=place.where(at), why=explain.why(at))


def _has_answer(found: Findings) -> bool:
    return any(each.way == "back" for each in found.hops)


def _rewrites(hop: Hop) -> str:
    """Say what was rewritten, and once by whom."""
    changed: dict[str, list[str]] = {}
    for each in hop.rewrites:
        changed.setdefault(each.by, []).append(f"{each.field} {each.before} → {each.after}")
    return "; ".join(f"{', '.join(changes)}{f' by {by}' if by else ''}" for by, changes in changed.items())


def _cells(number: int, hop: Hop) -> tuple[str, ...]:
    return (str(number), hop.node, hop.point, f"{hop.source} → {hop.destination}", str(hop.ttl), _rewrites(hop))


def _aligned(hops: list[Hop]) -> list[str]:
    rows = [_cells(number, each) for number, each in enumerate(hops, 1)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for number, node, point, addresses, ttl, rewritten in rows:
        places = f"{number:>{widths[0]}}  {node:{widths[1]}}  {point:{widths[2]}}  {addresses:{widths[3]}}"
        lines.append(f"{places}  ttl {ttl:3}  {rewritten}".rstrip())
    return lines


def _row(number: int, hop: Hop) -> str:
    return (
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in _cells(number, hop)) + "</tr>"
    )


def _why(why: Why) -> dict[str, Any]:
    return {
        "code": why.code,
        "message": why.message,
        "evidence": list(why.evidence),
        "remedy": why.remedy,
        "remedy_node": why.remedy_node,
    }


def _hop(hop: Hop) -> dict[str, Any]:
    rewrites = [
        {"field": each.field, "before": each.before, "after": each.after, "by": each.by} for each in hop.rewrites
    ]
    return {
        "node": hop.node,
        "point": hop.point,
        "src": hop.source,
        "dst": hop.destination,
        "ttl": hop.ttl,
        "way": hop.way,
        "rewrites": rewrites,
    }
