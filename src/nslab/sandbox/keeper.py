"""What holds a lab, outside it and without a privilege: `python -m nslab.sandbox.keeper SETTINGS`.

It starts the lab's init, hands the nodes' control sockets to every program of its user that asks, and ends the lab:
when told to, when its owner or its owner's login ends, or when nobody has used it for a while. It has no file that
could stay behind: its address is an abstract Unix socket, its hold on the lab a pipe.
"""

from __future__ import annotations

import errno
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from nslab.sandbox import idmap, init, kernel, wire

_WAKE: Final = 2.0  # seconds between two looks at what tells nobody that it has changed
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid


@dataclass(frozen=True, slots=True)
class Settings:
    """How a lab is held.

    place     the directory that `images` and `workshop` are below
    images    {name: directory}
    workshop  directory that shall be writable in the lab, where an image is built
    login     directory that is gone when its user has logged out; None on a machine without such a thing
    idle      seconds without a user after which the lab ends; None: never
    boot      descriptor of the maker's socket; the lab ends with it unless it was published before
    owner     descriptor of a process (pidfd) that the lab shall end with; None: it outlives its maker
    """

    name: str
    place: str
    images: dict[str, str]
    ids: idmap.IdMap
    workshop: str | None = None
    login: str | None = None
    idle: float | None = None
    boot: int = -1
    owner: int | None = None

    def to_json(self, **descriptors: int) -> str:
        """Return what `from_json` reads, with the numbers of the descriptors that go with it."""
        return json.dumps(asdict(replace(self, **descriptors)))  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        return cls(**data | {"ids": idmap.IdMap.from_json(data["ids"])})


def address(name: str) -> str:
    r"""Return the abstract address of the caller's lab `name`.

    >>> address("runbook").startswith("\0nslab/")
    True
    """
    return f"\0nslab/{os.geteuid()}/{name}"


def names() -> list[str]:
    """Return the names of the caller's labs."""
    # Num RefCount Protocol Flags Type St Inode Path; an abstract address is shown with a leading @
    pattern = re.compile(
        rf"\S+: \S+ \S+ 00010000 .* @nslab/{os.geteuid()}/(\S+)$", re.MULTILINE
    )  # SO_ACCEPTCON: listens
    return sorted(set(pattern.findall(Path("/proc/net/unix").read_text())))


def peer(end: socket.socket) -> tuple[int, int]:
    """Return (pid, uid) of the process at the other end."""
    pid, uid, _ = _CREDENTIALS.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


class Keeper:
    """Holds one lab and answers its users until it ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.time()
        self.last_used = time.monotonic()
        self.published = False
        self.notes: dict[str, Any] = {}
        self.nodes: dict[str, tuple[socket.socket, int]] = {}  # {name: (control, pid)}
        self.helpers: list[subprocess.Popen[bytes]] = []
        self.users: dict[int, socket.socket] = {}
        self.poll = select.poll()
        self.operations: dict[str, Callable[[socket.socket, wire.Message, list[int]], None]] = {
            "open": self.open,
            "add": self.add_node,
            "note": self.note,
            "help": self.start_helper,
            "publish": self.publish,
        }

    def start(self) -> None:
        """Take the lab's name and start its init."""
        # SEQPACKET on an abstract address: it is gone with its last descriptor, and so with this process.
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(address(self.settings.name))
        watch, self.hold = os.pipe2(os.O_CLOEXEC)
        control, theirs = wire.pair()
        settings = self.settings
        os.chdir(settings.place)
        self.shim = init.start(settings.ids, theirs.fileno(), watch, settings.images, settings.workshop)
        os.chdir("/")
        theirs.close()
        os.close(watch)
        self.pid = _pid_when_ready(control)
        self.nodes["init"] = control, self.pid
        self.ended = os.pidfd_open(self.shim)

    def serve(self) -> None:
        """Answer until the lab ends."""
        self.poll.register(self.ended, select.POLLIN)
        if self.settings.owner is not None:
            self.poll.register(self.settings.owner, select.POLLIN)
        while not self.is_over():
            for descriptor, _ in self.poll.poll(_WAKE * 1000):
                if descriptor == self.listener.fileno():
                    self.welcome()
                elif descriptor in self.users:
                    if not self.answer(self.users[descriptor]):
                        return
                else:  # the owner or the lab has ended
                    return

    def end(self) -> None:
        """End the lab; return when its last process is gone."""
        os.close(self.hold)  # its init exits, and the kernel ends everything that it holds
        for helper in self.helpers:
            helper.kill()
        if not _readable(self.ended, seconds=2):
            os.kill(self.shim, signal.SIGKILL)
        os.waitpid(self.shim, 0)
        for helper in self.helpers:
            helper.wait()
        # Before the users' ends: whoever has waited for this end may take the name.
        self.listener.close()

    def is_over(self) -> bool:
        """Whether the user has logged out, or nobody has used the lab for as long as was said."""
        if self.settings.login and not os.path.isdir(self.settings.login):
            return True
        if self.users:
            self.last_used = time.monotonic()
        idle = self.settings.idle
        return idle is not None and time.monotonic() - self.last_used >= idle

    def welcome(self) -> None:
        """Let a program of this user in; any other finds the door shut."""
        end, _ = self.listener.accept()
        if peer(end)[1] != os.geteuid():
            end.close()
            return
        self.user(end)

    def user(self, end: socket.socket) -> None:
        """Listen to one more program."""
        wire.grow(end)
        self.users[end.fileno()] = end
        self.poll.register(end, select.POLLIN)

    def answer(self, end: socket.socket) -> bool:
        """Answer one request, or see the program off; False when the lab shall end."""
        message, descriptors = wire.receive(end)
        if message is None:
            self.poll.unregister(end)
            del self.users[end.fileno()]
            end.close()
            return self.published  # else its maker left before it was whole: nobody can know what is in it
        if message["op"] == "down":
            return False
        try:
            self.operations[message["op"]](end, message, descriptors)
        except Exception as error:  # noqa: BLE001 - the asker gets it
            wire.send(end, {"error": str(error)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def publish(self, end: socket.socket, _: wire.Message, __: list[int]) -> None:
        """Let others in: the lab is whole."""
        self.published = True
        self.listener.listen()
        self.poll.register(self.listener, select.POLLIN)
        wire.send(end, {})

    def open(self, end: socket.socket, _: wire.Message, __: list[int]) -> None:
        """Hand out the control sockets of all nodes, the init's first."""
        nodes = [{"name": name, "pid": pid} for name, (_, pid) in self.nodes.items()]
        ids = self.settings.ids
        facts = {"pid": self.pid, "started": self.started, "ids": ids.kind, "notes": self.notes}
        controls = [control.fileno() for control, _ in self.nodes.values()]
        wire.send(end, {"name": self.settings.name, "nodes": nodes, **facts}, controls)

    def add_node(self, end: socket.socket, message: wire.Message, descriptors: list[int]) -> None:
        """Remember a node that the maker has started, for all others."""
        self.nodes[message["name"]] = socket.socket(fileno=descriptors.pop()), message["pid"]
        wire.send(end, {})

    def note(self, end: socket.socket, message: wire.Message, _: list[int]) -> None:
        """Remember something about the lab."""
        self.notes[message["key"]] = message["value"]
        wire.send(end, {})

    def start_helper(self, end: socket.socket, message: wire.Message, descriptors: list[int]) -> None:
        """Start a program outside the lab that serves it; `{N}` in its words is the number of the Nth descriptor."""
        numbers = [*descriptors, os.pidfd_open(os.getpid())]
        argv = [re.sub(r"^\{(\d+)\}$", lambda found: str(numbers[int(found[1])]), word) for word in message["argv"]]
        helper = subprocess.Popen(argv, pass_fds=numbers, cwd="/", stdin=subprocess.DEVNULL)
        os.close(numbers[-1])
        self.helpers.append(helper)
        wire.send(end, {})


def _pid_when_ready(control: socket.socket) -> int:
    """Return the PID of the lab's init once it is ready to serve; OSError as the kernel said it."""
    answer: wire.Message = {}
    while not answer.keys() >= {"pid", "ready"}:  # of two processes, in either order
        message, _ = wire.receive(control)
        if message is None:
            raise OSError(0, "the lab's first process ended at once")
        if "error" in message:
            raise OSError(message["errno"] or 0, message["error"])
        answer |= message
    return int(answer["pid"])


def _readable(descriptor: int, *, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def main() -> None:
    """Hold one lab."""
    keeper = Keeper(Settings.from_json(sys.argv[1]))
    kernel.prctl(kernel.PR_SET_NAME, b"nslab-keeper")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal's: the lab outlives it
    boot = socket.socket(fileno=keeper.settings.boot)
    try:
        keeper.start()
    except (OSError, subprocess.CalledProcessError) as error:
        stderr = getattr(error, "stderr", b"").decode(errors="replace").strip()
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        wire.send(boot, {"error": stderr or str(error), "taken": taken})
        raise SystemExit(1) from None
    try:
        wire.send(boot, {"pid": keeper.pid})
        keeper.user(boot)
        keeper.serve()
    finally:
        keeper.end()


if __name__ == "__main__":
    main()
