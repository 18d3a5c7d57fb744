"""What runs in the foreground of a terminal: end it, and what it has started, and nothing else."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_TIOCSIG: Final = 0x40045436  # the kernel's name for a key that was pressed; not in `termios`
_PATIENCE: Final = 2.0  # seconds for each of ^C and ^\
_REPEAT: Final = 0.5


class Foreground:
    r"""Ends a command as a person at the terminal would: ^C, then ^\, then SIGKILL.

    ending = Foreground(window, shell=group)
    ending.push()           # again and again, until the command line is done
    ending.sweep()          # what it had started and left behind

    shell: the process group of the shell itself; a loop of builtins runs in it. It is killed last, its children never.
    """

    def __init__(self, window: int, *, shell: int) -> None:
        self._window = window
        self._shell = shell
        self._began = time.monotonic()
        self._front = self._shell
        self._since = self._pressed = 0.0
        self._family: dict[int, int] = {}  # pid: pidfd

    def push(self, *, harder: bool = False) -> None:
        """Do what is due: a new command of the same cell gets its own ^C. harder: the person has asked again."""
        now = time.monotonic()
        if harder:
            self._began -= _PATIENCE
        group = group_of(self._window)
        if group != self._front:
            self._front, self._since, self._pressed = group, now, 0.0
        if group and group != self._shell:
            self._remember(group)
        passed = now - self._began
        # The shell comes to the front when a command of it was killed: it needs a moment to report.
        if passed >= 2 * _PATIENCE and (group != self._shell or now - self._since >= _PATIENCE / 2):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        elif now - self._pressed >= _REPEAT:
            self._pressed = now
            # As a signal and not as a character: a program may have taken the terminal's keys for itself.
            key = signal.SIGQUIT if _PATIENCE <= passed < 2 * _PATIENCE else signal.SIGINT
            with suppress(OSError):
                fcntl.ioctl(self._window, _TIOCSIG, key)
                if self._shell and group != self._shell:
                    # A command that takes ^C as its regular end (ping) would have the shell go on to the next one.
                    os.kill(self._shell, signal.SIGINT)

    def sweep(self) -> None:
        """Kill what the ended commands had started."""
        for process in self._family.values():
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        self._family.clear()

    def _remember(self, group: int) -> None:
        for pid in family(group):
            if pid not in self._family:
                with suppress(ProcessLookupError):
                    self._family[pid] = os.pidfd_open(pid)


def group_of(window: int) -> int:
    """Return the terminal's foreground process group, as this process counts; 0 without one."""
    try:
        (group,) = struct.unpack("i", fcntl.ioctl(window, termios.TIOCGPGRP, b"\0" * 4))
    except OSError:
        return 0
    return int(group)


def family(group: int) -> list[int]:
    """Return the members of a process group and all their descendants, as this process counts."""
    parents: dict[int, int] = {}
    members = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, ValueError):
            # pid (name, which may hold anything) state ppid pgrp …
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            if int(fields[2]) == group:
                members.add(int(entry.name))
    found = set(members)
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return sorted(found)
