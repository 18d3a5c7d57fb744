"""The name that `ps` and `lsns` show for a process of ours."""

from __future__ import annotations

import ctypes
import os
from functools import cache

from nslab.sandbox import kernel


@cache
def _argv() -> tuple[int, int]:
    """Return where the kernel finds the command line of this process, and of its forks: (address, bytes)."""
    with open(f"/proc/{os.getpid()}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: proc(5), fields 48 and 49
    return start, end - start


def prepare() -> None:
    """Find the command line while /proc still shows this process."""
    _argv()


def show(text: str) -> None:
    """Show `text` in the place of the command line; a longer one is cut.

    Lab processes are seen by students in `ps` and `lsns`, where a path into the machine's file system means nothing.
    """
    start, size = _argv()
    shown = text.encode()[: size - 2]
    ctypes.memset(start, 0, size)
    ctypes.memmove(start, shown, len(shown))
    # A last byte other than NUL tells the kernel that the title ends at the first NUL (get_mm_cmdline); else `lsns`
    # shows all those that follow as spaces.
    ctypes.memset(start + size - 1, ord("."), 1)
    kernel.prctl(kernel.PR_SET_NAME, text.replace("nslab: ", "nslab-").encode()[:15])
