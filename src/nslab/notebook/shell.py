"""A node's lasting shell: cell after cell runs in one bash, as a terminal's lines do."""

from __future__ import annotations

import os
import select
import shlex
import signal
import termios
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Protocol

from nslab.errors import LabError
from nslab.notebook.failures import unreadable
from nslab.notebook.foreground import Foreground, group_of
from nslab.notebook.idle import IDLE
from nslab.sandbox.door import Node, Process

_ROWS, _COLUMNS = 50, 160
_CHUNK: Final = 1 << 16
_FIELDS: Final = 5  # of a report: complaint, status, the line that failed, the line of our script, directory
_TICK: Final = 0.05  # seconds between two looks at a command that is being ended
_MOST_PENDING: Final = 1 << 20  # bytes: more than a terminal holds
_KEPT: Final = 1 << 20  # bytes of saved states, then the older ones go
_PREPARATION: Final = (files("nslab.notebook") / "shell.sh").read_bytes()
_CELLS: Final = (files("nslab.notebook") / "cell.sh").read_bytes()
_FIRST: Final = b"IFS= read -r -d '' -u 250 __nslab_text; eval \"$__nslab_text\"; "
_TERM: Final = {
    False: "export TERM=dumb NO_COLOR=1",
    True: "export TERM=xterm-256color; unset NO_COLOR",
}
ENVIRONMENT: Final = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "SYSTEMD_PAGER": "", "GIT_PAGER": "cat"}


class Feedable(Protocol):
    """Whoever wants a cell's output."""

    def feed(self, stream: str, data: bytes) -> None:
        """Take what was read from stdout or stderr."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a cell ended.

    line       that failed, 1 for the cell's first
    complaint  of bash, when it could not read the cell; nothing has run then
    stopped    "interrupted" or "timeout"
    lost       the shell has ended with it, and the next cell gets a new one
    """

    status: int
    line: int | None = None
    complaint: str = ""
    stopped: str = ""
    lost: bool = False


class Shell:
    """One bash of a node, with a terminal of its own.

        shell = Shell(lab["host"], terminals=lab["host"])
        shell.run("cd /etc; ls", output).status
        shell.run("pwd", output)                # /etc

    A cell ends when its command line does, not when a background job of it closes the terminal. A command that fails
    ends the cell, under the conditions of `set -e`, but not the shell. Where the shell itself ends (`exit`, `exec`),
    the next cell gets a new one in the same directory, with the same exported variables, functions and aliases.

    terminals: the node whose terminals are used: a container just made has no /dev/pts.
    """

    def __init__(self, node: Node, *, terminals: Node) -> None:
        self.node = node
        self.cwd = "/"
        self._terminals = terminals
        self._state = b""
        self._colour = False
        self._lock = threading.Lock()
        self._process: Process
        self._start()

    def alive(self) -> bool:
        """Whether its bash is there."""
        return self._process.poll() is None

    def run(
        self,
        text: str,
        output: Feedable,
        *,
        variables: dict[str, str] | None = None,
        split: bool = False,
        colour: bool = False,
        timeout: float | None = None,
    ) -> Ending:
        """Run a cell to its end; its output goes to `output` as it comes.

        variables are exported first. split: standard error comes as a stream of its own. timeout: in seconds, then it
        is ended as by an interrupt, which is what KeyboardInterrupt does, too. LabError when the node is gone.
        """
        with self._lock, interrupts() as wake:
            if not self.alive():
                self._restart()
            output.feed("stdout", IDLE.take(self._window))
            try:
                self._send(text, self._before(variables or {}, colour=colour), split=split)
                ending = self._follow(output, wake, timeout)
            finally:
                if self.alive():
                    IDLE.watch(self._window)
            return ending

    def close(self) -> None:
        """End it as a terminal whose window is closed: its foreground gets SIGHUP."""
        IDLE.take(self._window)
        for descriptor in self._ours:
            os.close(descriptor)
        self._ours.clear()
        _see_end(self._process)

    def _start(self) -> None:
        """Start bash on a new terminal, and have it learn what the last one knew."""
        self._window, programs = self._terminals.terminal()
        make_plain(programs)
        commands, self._commands = os.pipe()
        texts, self._texts = os.pipe()
        self._answers, answers = os.pipe()
        self._errors, errors = os.pipe()
        nothing = os.open("/dev/null", os.O_RDWR)
        self._saved = os.memfd_create("state")
        self._ours = [self._window, self._commands, self._texts, self._answers, self._errors, self._saved]
        places = {0: commands, 1: programs, 2: programs, 247: errors, 248: programs, 249: nothing}
        places |= {250: texts, 251: answers, 252: self._saved}
        try:
            argv = ["bash", "--noprofile", "--norc", "-s"]
            self._process = self.node.spawn(argv, places=places, terminal=programs, env=ENVIRONMENT)
        except BaseException:
            for descriptor in self._ours:
                os.close(descriptor)
            self._ours.clear()
            raise
        finally:
            for descriptor in (commands, texts, answers, errors, nothing, programs):
                os.close(descriptor)
        for descriptor in (self._window, self._answers, self._errors):
            os.set_blocking(descriptor, False)
        self._lines, self._first = 2, 1  # of its script: how many it has got, and where it is
        self._tell(self._commands, _FIRST + _CELLS + _CELLS)
        self._tell(self._texts, _PREPARATION + self._state + b"\0")
        if not self._ready():
            self.close()
            raise LabError(f"{self.node.name}: bash does not start (exit {self._process.wait()})")
        self._group = group_of(self._window)

    def _restart(self) -> None:
        """Replace a bash that has ended."""
        if self._ours:  # else the last try to replace it has failed
            self._state = self._last_state()
        self._colour = False
        self.close()
        self._start()

    def _ready(self) -> bool:
        report = b""
        while report.count(b"\0") < _FIELDS:
            ready = wait([self._answers, self._process.fileno()], None)
            if self._answers in ready:
                report += os.read(self._answers, _CHUNK)
            elif ready:
                return False
        self.cwd = report.split(b"\0")[4].decode(errors="replace")
        return True

    def _last_state(self) -> bytes:
        """Return the last whole state that the shell has saved."""
        size = os.fstat(self._saved).st_size
        states = os.pread(self._saved, size, 0).split(b"\0")
        return states[-2] if len(states) > 1 else self._state

    def _forget_old_states(self) -> None:
        if os.fstat(self._saved).st_size > _KEPT:
            state = self._last_state() + b"\0"
            os.ftruncate(self._saved, 0)
            os.lseek(self._saved, 0, os.SEEK_SET)  # the shell writes on at the same offset
            os.write(self._saved, state)

    def _before(self, variables: dict[str, str], *, colour: bool) -> str:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        if colour != self._colour:
            self._colour = colour
            lines.append(_TERM[colour])
        return "\n".join(lines)

    def _send(self, text: str, before: str, *, split: bool) -> None:
        for part in (before, "247" if split else "248", text):
            # A NUL ends a text; bash would drop it, with a warning.
            self._tell(self._texts, part.replace("\0", "").encode(errors="surrogateescape") + b"\0")

    def _tell(self, descriptor: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BrokenPipeError:  # it has ended, and `_follow` will see that
            pass

    def _follow(self, output: Feedable, wake: int, timeout: float | None) -> Ending:
        """Pass the output on until the shell reports or has ended."""
        due = None if timeout is None else time.monotonic() + timeout
        report, stopped, gone = b"", "", False
        foreground: Foreground | None = None
        sources = [self._window, self._errors, self._answers, self._process.fileno(), wake]
        while report.count(b"\0") < _FIELDS and not gone:
            ready = wait(sources, due if foreground is None else time.monotonic() + _TICK)
            self._pass_on(output, ready)
            gone = self._process.fileno() in ready
            if self._answers in ready or gone:
                report += read(self._answers)
            elif foreground is not None:
                foreground.push(harder=wake in ready)
            elif not ready or wake in ready:
                stopped = "interrupted" if ready else "timeout"
                foreground = Foreground(self._window, shell=self._group)
                foreground.push()
            if wake in ready:
                os.eventfd_read(wake)
        if foreground is not None:
            foreground.sweep()
        self._drain(output)
        return self._ending(report, stopped)

    def _pass_on(self, output: Feedable, ready: set[int]) -> None:
        for descriptor, stream in ((self._window, "stdout"), (self._errors, "stderr")):
            if descriptor in ready:
                output.feed(stream, read(descriptor))

    def _drain(self, output: Feedable) -> None:
        """Pass on what was written before the end; a background job may go on for ever."""
        for descriptor, stream in ((self._window, "stdout"), (self._errors, "stderr")):
            for _ in range(_MOST_PENDING // _CHUNK):
                if not (data := read(descriptor)):
                    break
                output.feed(stream, data)

    def _ending(self, report: bytes, stopped: str) -> Ending:
        if report.count(b"\0") < _FIELDS:
            code = self._process.wait()
            return Ending(code if code >= 0 else 128 - code, stopped=stopped, lost=True)
        complaint, status, line, first, self.cwd = report.decode(errors="replace").split("\0")[:_FIELDS]
        if line == "?":
            ending = Ending(int(status), complaint=unreadable(complaint, self._first), stopped=stopped)
        else:
            ending = Ending(int(status), line=int(line) - self._first + 1 if line else None, stopped=stopped)
        self._first = int(first)
        if self._first == self._lines:  # it has come to the last line of its script
            self._tell(self._commands, _CELLS)
            self._lines += 1
        self._forget_old_states()
        return ending


def _see_end(process: Process) -> None:
    """Wait for a bash whose terminal is gone; one that will not go is killed."""
    try:
        process.wait(timeout=1)
    except TimeoutError:
        process.signal(signal.SIGKILL)
        process.wait()


def wait(descriptors: Iterable[int], due: float | None) -> set[int]:
    """Return those that have something to read; none when it is past `due`."""
    waiting = select.poll()
    for descriptor in descriptors:
        waiting.register(descriptor, select.POLLIN)
    return {
        descriptor for descriptor, _ in waiting.poll(None if due is None else max(0, due - time.monotonic()) * 1000)
    }


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except OSError:  # nothing there now, or (EIO) nobody at the other end of the terminal
        return b""


def make_plain(terminal: int) -> None:
    """Have a terminal pass on what is written as it is, and not repeat what is typed."""
    settings: list[Any] = termios.tcgetattr(terminal)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHOCTL)
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
    termios.tcsetwinsize(terminal, (_ROWS, _COLUMNS))


@contextmanager
def interrupts() -> Iterator[int]:
    """Yield a descriptor that is readable when the person has interrupted the cell.

    KeyboardInterrupt would come between any two lines, and lose what was just read.
    """
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    ours = threading.current_thread() is threading.main_thread()
    try:
        old = signal.signal(signal.SIGINT, lambda *_: os.eventfd_write(wake, 1)) if ours else None
        try:
            yield wake
        finally:
            if ours:
                signal.signal(signal.SIGINT, old)
    finally:
        os.close(wake)
