"""What a journey came to, in words: for the bar below its ladder, and for who cannot see it."""

from __future__ import annotations

from typing import Final

from nslab.journey.model import Findings, Why

_MOST_EVIDENCE: Final = 6
Lines = list[tuple[str, str]]  # text, and how it is written


def in_lines(findings: Findings) -> tuple[str, Lines]:
    """Return "good", "bad" or "none" (no verdict), and what is said, line by line."""
    if findings.lost:
        lost = f"No verdict: {findings.lost} observations were lost"
        return "none", [(lost, "strong warn"), *_notes(findings)]
    if findings.delivered:
        return "good", [(f"✓ {_delivered(findings)}", "strong good"), *_notes(findings)]
    lines: Lines = [(f"✗ {_where(findings)}", "strong bad")]
    if findings.why is None:
        return "bad", [*lines, ("cause not known", ""), *_notes(findings)]
    lines.append((findings.why.message, "strong"))
    lines += [(f"· {each}", "small dim") for each in findings.why.evidence[:_MOST_EVIDENCE]]
    if findings.why.remedy:
        lines.append((f"→ {_remedy(findings.why)}", "mono"))
    return "bad", [*lines, *_notes(findings)]


def in_a_sentence(findings: Findings) -> str:
    """Return the verdict as the alternative text of the picture."""
    packet = (
        f"{findings.packet} from {findings.node}" if findings.packet else f"{findings.command!r} in {findings.node}"
    )
    if findings.lost:
        return f"Journey of {packet}: no verdict, as {findings.lost} observations were lost."
    if findings.delivered:
        return f"Journey of {packet}: {_delivered(findings)}."
    why = f": {findings.why.message}" if findings.why else ": cause not known"
    remedy = f"; remedy {_remedy(findings.why)}" if findings.why and findings.why.remedy else ""
    return f"Journey of {packet}: {_where(findings)}{why}{remedy}."


def _remedy(why: Why) -> str:
    return f"in {why.remedy_node}: {why.remedy}" if why.remedy_node else why.remedy


def _delivered(findings: Findings) -> str:
    return "delivered and answered" if any(hop.way == "back" for hop in findings.hops) else "delivered"


def _where(findings: Findings) -> str:
    if findings.where is None:
        return "no packet was sent" if not findings.hops else "not delivered"
    return f"stopped in {findings.where.node}: {findings.where.stage}"


def _notes(findings: Findings) -> Lines:
    return [(each, "small dim") for each in findings.notes]
