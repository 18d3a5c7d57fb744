"""Claims about a lab that can be run: passed or not, the evidence, a hint. In public: `nslab.check`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

# mypy and readers see what `from nslab import check` gives: this module under its public name.
import nslab.runbook.checks as check  # noqa: PLW0406
from nslab.capture.recording import Recording
from nslab.errors import LabError
from nslab.instruments import Lab
from nslab.sandbox.door import Node

MIME: Final = "application/vnd.nslab.check+json"
__all__ = [
    "Check",
    "ChecksFailed",
    "check",
    "has_namespace",
    "listens",
    "prints",
    "reaches",
    "require",
    "rule_counts",
    "runs",
    "section",
    "serves",
    "shows",
]

_LISTEN: Final = "0A"  # TCP_LISTEN in /proc/net/tcp


@dataclass(frozen=True, slots=True, repr=False)
class Check:
    """A claim about the lab and what came out: it shows itself as one line, the same on every run.

    >>> Check("mycontainer reaches 8.8.8.8", passed=True, evidence="it answered")
    ✓ mycontainer reaches 8.8.8.8 · it answered
    """

    description: str
    passed: bool
    evidence: str = ""
    hint: str = ""

    def __repr__(self) -> str:
        line = " · ".join(part for part in (f"{self._mark} {self.description}", self.evidence) if part)
        return line if self.passed or not self.hint else f"{line}\n   → {self.hint}"

    def _repr_html_(self) -> str:
        evidence = f" <small>· {escape(self.evidence)}</small>" if self.evidence else ""
        hint = "" if self.passed or not self.hint else f"<br><em>→ {escape(self.hint)}</em>"
        return f"<div>{self._mark} {escape(self.description)}{evidence}{hint}</div>"

    @property
    def _mark(self) -> str:
        return "✓" if self.passed else "✗"


class ChecksFailed(LabError):
    """One or more checks did not pass; `failed` holds them."""

    def __init__(self, failed: Sequence[Check]) -> None:
        self.failed = tuple(failed)
        super().__init__(f"{len(failed)} failed: {'; '.join(check.description for check in failed)}")

    def __reduce__(self) -> tuple[type[ChecksFailed], tuple[tuple[Check, ...]]]:
        return type(self), (self.failed,)


def require(*checks: Check) -> None:
    """Show all checks; raise ChecksFailed if one of them did not pass.

    >>> require(check.reaches(lab["mycontainer"], "8.8.8.8"))
    """
    _show(checks)
    if failed := [each for each in checks if not each.passed]:
        raise ChecksFailed(failed)


def _show(checks: Sequence[Check]) -> None:
    lines = "\n".join(map(repr, checks))
    if not InteractiveShell.initialized():  # a script: `display` would print the whole bundle
        print(lines)
        return
    bundle: dict[str, Any] = {
        "text/plain": lines,
        "text/html": "".join(each._repr_html_() for each in checks),
        MIME: [asdict(each) for each in checks],
    }
    display(bundle, raw=True)  # type: ignore[no-untyped-call]


def section(lab: Lab, number: int, *checks: Check) -> None:
    """Require the checks and note in the lab that section `number` is done, so that the next one can start from there.

    >>> check.section(lab, 3, check.reaches(lab["mycontainer"], "8.8.8.8"))
    """
    require(*checks)
    lab.note("done", number)
    print(f"Section {number} is done.")


def reaches(node: Node, address: str) -> Check:
    """`address` answers a ping from `node` within 3 seconds.

    >>> check.reaches(lab["mycontainer"], "8.8.8.8")
    """
    # With -w, -c counts the answers: the first one ends it.
    ping = node.run(["ping", "-n", "-q", "-c", "1", "-i", "0.2", "-w", "3", address], check=False)
    answered = ping.returncode == 0
    complaint = (ping.stderr.strip().splitlines() or ["no answer in 3 seconds"])[-1]
    return Check(
        f"{node.name} reaches {address}",
        answered,
        "it answered" if answered else complaint,
        f"follow the packet: tshark on each interface between {node.name} and {address}, then the way back",
    )


def shows(capture: Recording, *texts: str) -> Check:
    """A capture shows these texts in the column Info, one after the other; other packets may come between.

    >>> check.shows(cap, "[SYN]", "[RST, ACK]")
    """
    info = iter(capture.table.words.info)
    missing = next((text for text in texts if not any(text in words for words in info)), None)
    return Check(
        f"{', '.join(map(str, capture.points))} shows {', then '.join(texts)}",
        missing is None,
        "" if missing is None else f"no {missing} among its {len(capture)} packets, or not in this order",
        "look at the table: the packet before it is where it went another way",
    )


def rule_counts(node: Node, rule: str, *, table: str = "nat") -> Check:
    """A rule of `node`'s iptables with the text `rule` in it has counted at least one packet.

    >>> check.rule_counts(lab["host"], "MASQUERADE")
    """
    saved = node.run(["iptables-save", "-c", "-t", table], check=False)
    # [3:252] -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE
    counted = re.findall(r"^\[(\d+):\d+\] (-A .*)$", saved.stdout, re.MULTILINE)
    rules = [(int(packets), text) for packets, text in counted if rule in text]
    matched = [text for packets, text in rules if packets]
    if matched:
        evidence = f"it has counted packets: {matched[0]}"
    elif rules:
        evidence = f"no packet has matched: {rules[0][1]}"
    else:
        evidence = saved.stderr.strip() or f"no such rule in table {table}"
    hint = f"the first packet of a connection goes through table {table}: iptables -t {table} -vnL shows the counters"
    return Check(f"{node.name}'s {rule} rule is at work", bool(matched), evidence, hint)


def serves(node: Node, url: str, contains: str) -> Check:
    """`url`, fetched from `node` within 5 seconds, has the text `contains` in it.

    >>> check.serves(lab["outside"], "http://10.0.2.15:8080/", "Welcome to nginx!")
    """
    page = node.run(["curl", "--silent", "--show-error", "--fail", "--max-time", "5", url], check=False)
    passed = page.returncode == 0 and contains in page.stdout
    if passed:
        evidence = f"“{contains}”"
    elif page.returncode:
        evidence = page.stderr.strip()
    else:
        evidence = f"the page does not say “{contains}”"
    return Check(
        f"{node.name} gets the page at {url}",
        passed,
        evidence,
        "does a server listen (container: ss -ltn), and does the port lead to it (host: iptables -t nat -vnL)?",
    )


def listens(node: Node, port: int) -> Check:
    """A process in `node` listens on TCP `port`, on any of its addresses.

    >>> check.listens(lab["mycontainer"], 80)
    """
    # sl  local_address rem_address   st …        "00000000:0050" is 0.0.0.0:80
    rows = [line.split() for line in node.run("cat /proc/net/tcp /proc/net/tcp6", check=False).stdout.splitlines()]
    sockets = [row for row in rows if len(row) > 3 and row[3] == _LISTEN]
    passed = any(int(row[1].rpartition(":")[2], 16) == port for row in sockets)
    return Check(
        f"{node.name} listens on port {port}",
        passed,
        "" if passed else "nothing listens there",
        "start the server, and look with ss -ltnp which port it took",
    )


def has_namespace(node: Node, name: str) -> Check:
    """`node` has a network namespace called `name`, other than its own.

    >>> check.has_namespace(lab["host"], "mycontainer")
    """
    looked = node.run(["stat", "-L", "-c", "%d %i", "/proc/self/ns/net", f"/run/netns/{name}"], check=False)
    own, *other = looked.stdout.split("\n")[:2]
    # A plain file of that name lies on another device than namespaces do.
    is_namespace = bool(other) and other[0].split()[:1] == own.split()[:1]
    passed = is_namespace and other[0] != own
    if passed:
        evidence = f"/run/netns/{name}"
    elif is_namespace:
        evidence = "it is the same namespace"
    else:
        evidence = looked.stderr.strip() or f"/run/netns/{name} is a plain file"
    return Check(f"{node.name} has the network namespace {name}", passed, evidence, f"ip netns add {name}")


def runs(lab: Lab, name: str) -> Check:
    """A container called `name` is alive: a process with a PID and a network namespace of its own.

    >>> check.runs(lab, "mycontainer")
    """
    nodes = lab.nodes()
    passed = name in nodes
    return Check(
        f"the container {name} is alive",
        passed,
        "" if passed else f"nodes of the lab: {', '.join(nodes)}",
        "its first process is the shell that unshare started; when that ends, the container ends",
    )


def prints(node: Node, command: str, contains: str) -> Check:
    """`command`, run in `node`, succeeds and prints the text `contains`.

    >>> check.prints(lab["mycontainer"], "hostname", "mycontainer")
    """
    done = node.run(command, check=False, timeout=30)
    passed = done.returncode == 0 and contains in done.stdout
    said = (done.stdout + done.stderr).strip().splitlines() or ["nothing"]
    return Check(
        f"{node.name}: {command}",
        passed,
        contains if passed else f"expected {contains}, got {said[-1]}",
        f"run {shlex.quote(command)} in {node.name} yourself",
    )
