"""Filters in tcpdump's language, as a program that the kernel runs on every packet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nslab.capture.packets import ETHERNET
from nslab.errors import UsageError
from nslab.sandbox.door import Node

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand (struct sock_filter)
Program = tuple[Instruction, ...]

WHOLE: Final = 262_144  # bytes: libpcap's own limit, more than any frame has
NOTHING: Final[Program] = ((0x06, 0, 0, 0),)

_RETURN, _LOAD, _IF_EQUAL, _JUMP = 0x06, 0x20, 0x15, 0x05
_INTERFACE: Final = 0xFFFFF008  # SKF_AD_OFF + SKF_AD_IFINDEX
_MOST_JUMPED: Final = 200  # a jump is of at most 255 instructions
_PATIENCE: Final = 20.0  # seconds; a name in a filter is looked up
_WORD: Final = re.compile(r"[\w.:/-]+|[<>=!&|]+|\S")
# What can make a right expression of the beginning of one.
_ENDINGS: Final = ("", " 1", " icmp", "=1", " 1=1", " 1.1.1.1", " host 1", " 02:00:00:00:00:01", " 1-2")
_CLOSING: Final = {"(": ")", "[": "]"}
_SAID_BY: Final = re.compile(
    r"^tcpdump(\.\w+)?: |^can't parse filter expression: |^syntax error in filter expression: "
)


def compile(expression: str, node: Node, *, link_type: int = ETHERNET, snaplen: int = WHOLE) -> Program:  # noqa: A001
    """Return the program for an expression; `node` has tcpdump, which knows how the kernel keeps VLAN tags.

    >>> compile("", node)
    ((6, 0, 0, 262144),)

    Raises UsageError, with the place of the fault.
    """
    if not expression.strip():
        return ((_RETURN, 0, 0, snaplen),)
    done = node.run(_tcpdump(link_type, snaplen, expression), check=False, timeout=_PATIENCE)
    if done.returncode:
        raise UsageError(f"filter: {_complaint(expression, done.stderr, node, link_type)}")
    return tuple(_instruction(line) for line in done.stdout.splitlines()[1:])


def only(index: int, program: Program) -> Program:
    """Return a program that takes what `program` takes, of one interface."""
    return (*_load(), (_IF_EQUAL, 1, 0, index), *NOTHING, *program)


def but(indexes: Iterable[int], program: Program) -> Program:
    """Return a program that takes what `program` takes, of all interfaces but some."""
    refused = sorted(indexes)[:_MOST_JUMPED]
    tests = [(_IF_EQUAL, len(refused) - position, 0, index) for position, index in enumerate(refused)]
    return (*_load(), *tests, (_JUMP, 0, 0, 1), *NOTHING, *program)


def _load() -> Program:
    return ((_LOAD, 0, 0, _INTERFACE),)


def _tcpdump(link_type: int, snaplen: int, expression: str) -> list[str]:
    # Against a live Ethernet device libpcap also looks for the tag where the kernel keeps it; the others have none.
    device = ["-i", "lo"] if link_type == ETHERNET else ["-y", "RAW"]
    return ["tcpdump", *device, "-s", str(snaplen), "-ddd", "--", expression]


def _instruction(line: str) -> Instruction:
    code, true, false, operand = map(int, line.split())
    return code, true, false, operand


def _complaint(expression: str, stderr: str, node: Node, link_type: int) -> str:
    """Return what is wrong with an expression; libpcap tells everything but where its grammar was left."""
    said = next((line for line in reversed(stderr.splitlines()) if line.startswith("tcpdump")), stderr.strip())
    while (shorter := _SAID_BY.sub("", said)) != said:
        said = shorter
    if "syntax error" not in said:
        return f"{said}: {expression}"
    words = list(_WORD.finditer(expression))
    good = _sound(expression, [word.end() for word in words], node, link_type)
    if good == len(words):
        return f"syntax error, something is missing at the end: {expression}"
    start, end = words[good].span()
    return f"syntax error at {expression[start:end]!r}: {expression[:start]}▸{expression[start:]}"


def _sound(expression: str, ends: list[int], node: Node, link_type: int) -> int:
    """Return how many of the first words can be the beginning of a right expression."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        if _can_go_on(expression[: ends[middle - 1]], node, link_type):
            low = middle
        else:
            high = middle - 1
    return low


def _can_go_on(beginning: str, node: Node, link_type: int) -> bool:
    opened = ""
    for character in beginning:
        if character in "([":
            opened = _CLOSING[character] + opened
        elif opened.startswith(character):
            opened = opened[1:]
    closings = {opened, opened.replace("]", "]=1", 1), f"{opened}=1"}
    tries = [f"{beginning}{ending}{closing}" for ending in _ENDINGS for closing in sorted(closings)]
    # Without a device: quicker, and the grammar is the same.
    link = "EN10MB" if link_type == ETHERNET else "RAW"
    script = (
        f'for each; do case $(tcpdump -y {link} -ddd -- "$each" 2>&1) in *"syntax error"*) ;; *) exit 0;; esac; done'
    )
    return node.run(["sh", "-c", f"{script}; exit 1", "sh", *tries], timeout=_PATIENCE, check=False).returncode == 0
