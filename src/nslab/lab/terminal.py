"""Run a program in a node as if it ran here: our descriptors or our terminal, our signals, its exit status."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import stat
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any, Final

from nslab.lab.lab import Lab
from nslab.lab.topology import Topology
from nslab.sandbox.door import Process

_CHUNK: Final = 1 << 16
_LAST_WORDS: Final = 64  # chunks that are still read when a program has ended; a background job may write for ever
_TO_ALL: Final = (signal.SIGINT, signal.SIGQUIT)  # a keyboard's go to all that the command line has started
_TO_ONE: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
_TO_US: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)  # in front of a terminal in raw mode
Handler = Callable[[int, FrameType | None], None]


class Ended(BaseException):
    """A signal has told us to leave the terminal that we stand in front of."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def status(returncode: int) -> int:
    """Return an exit status as a shell has it.

    >>> status(-15)
    143
    """
    return returncode if returncode >= 0 else 128 - returncode


def run(lab: Lab, name: str, command: Sequence[str]) -> int:
    """Run a program in a node on our stdin, stdout and stderr; return its exit status as a shell has it.

    Between two terminals it gets one of the node. CommandFailed when it cannot be started.
    """
    if os.isatty(0) and os.isatty(1):
        return run_in_terminal(lab, name, command)
    node = lab[name]
    with ExitStack() as ours:
        places, typed, shown = _places(ours)
        with _held(*_TO_ALL, *_TO_ONE, signal.SIGTSTP):
            process = node.spawn(command, places=places)
            ours.enter_context(_handled(_relays(process)))
        for number in [*([0] if typed else []), *shown.values()]:
            os.close(places[number])  # the program has it
        return status(_carry(process, typed, shown))


def run_in_terminal(lab: Lab, name: str, command: Sequence[str]) -> int:
    """Run a program in a terminal of a node, shown in ours; return its exit status as a shell has it."""
    node = lab[name]
    # A container may have no /dev/pts. The host has, and a terminal's descriptors are good anywhere.
    window, programs = (node if name in Topology().nodes else lab["host"]).terminal()
    with ExitStack() as ours:
        ours.callback(os.close, window)  # last: for what runs in there, it is the hangup
        follow: Handler = lambda *_: _take_our_size(window)  # noqa: E731
        ours.enter_context(_handled(dict.fromkeys(_TO_US, _leave) | {signal.SIGWINCH: follow}))
        _take_our_size(window)
        try:
            env = {"TERM": os.environ.get("TERM") or "dumb"}
            process = node.spawn(command, terminal=programs, places=dict.fromkeys((0, 1, 2), programs), env=env)
        finally:
            os.close(programs)
        ours.enter_context(_raw())
        try:
            return status(_carry(process, (0, window), {window: 1}))
        except Ended as ended:
            return 128 + ended.number


def _places(ours: ExitStack) -> tuple[dict[int, int], tuple[int, int] | None, dict[int, int]]:
    """Return {0, 1, 2: what the program gets}, and what we carry between: (0, its stdin), {its stdout: 1}.

    A file or a pipe is handed over as it is. A terminal is not, for the program could type into it, nor a directory,
    for it could leave its root file system there.
    """
    places: dict[int, int] = {}
    typed: tuple[int, int] | None = None
    shown: dict[int, int] = {}
    for number in (0, 1, 2):
        try:
            mode = os.fstat(number).st_mode
        except OSError:  # closed: the program gets /dev/null
            continue
        if not os.isatty(number) and not stat.S_ISDIR(mode):
            places[number] = number
            continue
        reader, writer = os.pipe2(os.O_CLOEXEC)
        places[number], kept = (reader, writer) if number == 0 else (writer, reader)
        ours.callback(_close, kept)
        if number == 0:
            typed = 0, kept
        else:
            shown[kept] = number
    return places, typed, shown


def _carry(process: Process, typed: tuple[int, int] | None, shown: Mapping[int, int]) -> int:
    """Carry what is typed to a program, and what it writes to us, until it ends; return its exit status.

    typed: (from, to); shown: {from: to}. What a background job of it writes later is not waited for.
    """
    ending = process.fileno()
    shown = dict(shown)
    pending = b""
    if typed:
        os.set_blocking(typed[1], False)
    while ending not in (ready := _poll(_interest(ending, typed, shown, pending=bool(pending)))):
        for source in list(shown):
            if ready.get(source, 0) & ~select.POLLOUT and not _copy(source, shown[source]):
                del shown[source]
        if typed and typed[1 if pending else 0] in ready:
            pending, more = _type(typed, pending)
            typed = typed if more else None
    for source, target in shown.items():
        os.set_blocking(source, False)
        for _ in range(_LAST_WORDS):
            if not _copy(source, target):
                break
    return process.wait()


def _interest(ending: int, typed: tuple[int, int] | None, shown: Mapping[int, int], *, pending: bool) -> dict[int, int]:
    """Return what to wait for: something to read only when there is room for it, or a paste could block both ways."""
    interest = {ending: select.POLLIN} | dict.fromkeys(shown, select.POLLIN)
    if typed and pending:
        interest[typed[1]] = interest.get(typed[1], 0) | select.POLLOUT
    elif typed:
        interest[typed[0]] = select.POLLIN
    return interest


def _poll(interest: Mapping[int, int]) -> dict[int, int]:
    waiting = select.poll()
    for descriptor, events in interest.items():
        waiting.register(descriptor, events)
    return dict(waiting.poll())


def _copy(source: int, target: int) -> bool:
    """Copy what is there to read; False when there is nothing (more)."""
    try:
        data = os.read(source, _CHUNK)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno != errno.EIO:  # the last program on a terminal has closed it
            raise
        return False
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]
    return bool(data)


def _type(typed: tuple[int, int], pending: bytes) -> tuple[bytes, bool]:
    """Read something, or write on what was read; return what is left to write, and whether there can be more."""
    source, target = typed
    if not pending:
        try:
            pending = os.read(source, _CHUNK)
        except OSError:  # a directory, or a terminal that is gone
            pending = b""
        if not pending and target != source:
            _close_stdin(target)
            return b"", False
        return pending, True
    try:
        return pending[os.write(target, pending) :], True
    except BlockingIOError:
        return pending, True
    except OSError:  # nobody reads it any more
        return b"", False


def _close_stdin(target: int) -> None:
    """Tell the program that nothing more is typed; a window stays open, for it shows what the program says."""
    if not os.isatty(target):
        _close(target)


def _close(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)


def _relays(process: Process) -> dict[signal.Signals, Handler]:
    """Return handlers that pass signals on to a program."""

    def to_all(number: int, _: FrameType | None) -> None:
        process.signal(number, group=True)

    def to_one(number: int, _: FrameType | None) -> None:
        process.signal(number)

    def pause(_: int, __: FrameType | None) -> None:
        # Its group has no job control in the node: a SIGTSTP would do nothing there.
        process.signal(signal.SIGSTOP, group=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        process.signal(signal.SIGCONT, group=True)

    return dict.fromkeys(_TO_ALL, to_all) | dict.fromkeys(_TO_ONE, to_one) | {signal.SIGTSTP: pause}


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    before: dict[signal.Signals, Any] = {number: signal.signal(number, each) for number, each in handlers.items()}
    try:
        yield
    finally:
        for number, each in before.items():
            signal.signal(number, each)


@contextmanager
def _held(*numbers: signal.Signals) -> Iterator[None]:
    """Keep signals waiting."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave(number: int, _: FrameType | None) -> None:
    raise Ended(number)


@contextmanager
def _raw() -> Iterator[None]:
    """Have our terminal pass on every key, and put it back as it was."""
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _take_our_size(window: int) -> None:
    """Make a terminal as large as ours; its programs hear of it (SIGWINCH)."""
    with suppress(OSError):
        fcntl.ioctl(window, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
