"""What root of a lab may not do, because there is one of it in a whole machine: why, and what to do instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the kernel refuses in every lab.

    pattern  of the command, as a regular expression that is searched for in the line that failed
    why      one line: what it would have changed, and what to do instead
    """

    pattern: str
    why: str


REFUSALS: Final = (
    Refusal(r"\bdmesg\b", "the kernel's log is the whole machine's; see packets with tshark, rules with iptables -vnL"),
    Refusal(r"\b(modprobe|insmod|rmmod)\b", "modules are the whole machine's; the kernel loads what a lab needs"),
    Refusal(r"\b(date\s+(-s|--set)|hwclock|timedatectl)\b", "the clock is the whole machine's"),
    Refusal(r"\bsysctl\b.*\bkernel[./]", "kernel.* is the whole machine's; a lab has net.* of its own"),
    Refusal(r">\s*/proc/sys/kernel/", "kernel.* is the whole machine's; a lab has net.* of its own"),
    Refusal(r"\b(reboot|poweroff|shutdown|halt)\b", "a lab has nothing to switch off: nslab down ends it"),
    Refusal(r"\b(systemctl|service\s+\S+\s+\S+|journalctl)\b", "no systemd runs in a lab: start services by hand"),
    Refusal(r"\blosetup\b|\bmount\b.*-o\s*\S*loop", "loop devices are the whole machine's; mount a tmpfs instead"),
    Refusal(r"\b(swapon|swapoff)\b", "swap is the whole machine's"),
    Refusal(r"\bmkdir\s+(-p\s+)?/sys/fs/cgroup/", "control groups are the whole machine's; read /proc/self/cgroup"),
    Refusal(r"\bmknod\b", "only null, zero, full, random, urandom and tty can be made in a lab"),
    Refusal(r"ping_group_range", "it takes only groups that the lab has: 0 0"),
)


def explain(command: str) -> str:
    """Return why the kernel refuses a command in every lab; nothing where it is no such command.

    >>> explain("sudo date -s 12:00")
    "the clock is the whole machine's"
    """
    return next((refusal.why for refusal in REFUSALS if re.search(refusal.pattern, command)), "")
