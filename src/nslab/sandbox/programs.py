"""Start a program as a session leader, for a server that must not be held up: without a copy of its page tables."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import termios
from typing import Final

_TO_DEFAULT: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGPIPE,
    signal.SIGCHLD,
    signal.SIGQUIT,
)
Moves = dict[int, int]  # {descriptor in the program: descriptor of ours}


def find(program: str, path: str) -> str:
    """Look a program up in `path`, a node's PATH: posix_spawnp would use the server's.

    >>> find("sh", "/usr/bin:/bin")
    '/usr/bin/sh'

    Raises FileNotFoundError.
    """
    if "/" in program:
        return program
    for directory in path.split(":"):
        candidate = f"{directory}/{program}"
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise FileNotFoundError(errno.ENOENT, "command not found", program)


def start(program: str, argv: list[str], environment: dict[str, str], moves: Moves) -> int:
    """Start a program and return its PID; glibc's posix_spawn is clone(CLONE_VM | CLONE_VFORK)."""
    # A descriptor that came in at the number of another's place would be overwritten before it is moved.
    copies = {place: _above(descriptor, max(moves)) for place, descriptor in moves.items() if descriptor <= max(moves)}
    try:
        actions = [(os.POSIX_SPAWN_DUP2, copies.get(place, descriptor), place) for place, descriptor in moves.items()]
        return os.posix_spawn(
            program,
            argv,
            environment,
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=_TO_DEFAULT,
        )
    finally:
        for copy in copies.values():
            os.close(copy)


def start_on_terminal(
    program: str, argv: list[str], environment: dict[str, str], moves: Moves, *, terminal: int
) -> int:
    """Start a program whose controlling terminal is `terminal`.

    posix_spawn can take a terminal only by its name, and in a container that has no /dev/pts yet it has none.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        forget_parent()
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        moves = {place: _above(descriptor, max(moves)) for place, descriptor in moves.items()}
        for place, descriptor in moves.items():
            os.dup2(descriptor, place)
        os.execve(program, argv, environment)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def forget_parent() -> None:
    """In a forked child: give back what belongs to the server."""
    signal.set_wakeup_fd(-1)
    for number in _TO_DEFAULT:
        signal.signal(number, signal.SIG_DFL)


def _above(descriptor: int, number: int) -> int:
    """Return a copy of `descriptor` with a number above `number`."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, number + 1)
