"""The caller's side of a keeper: have one hold a lab, find those that there are, come in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from nslab.errors import LabError, MachineError
from nslab.sandbox import idmap, keeper, wire
from nslab.sandbox.door import Node
from nslab.sandbox.keeper import Settings


class Kept:
    """An open door to the keeper of a lab.

    kept = Kept.find("runbook")
    kept.nodes["host"]                  # {name: Node}
    kept.facts["notes"]                 # with pid, started and ids: as they were at the last `refresh`
    """

    def __init__(self, name: str, door: socket.socket) -> None:
        self.name = name
        self.nodes: dict[str, Node] = {}
        self.facts: dict[str, Any] = {}
        self._door = door
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def hold(
        cls,
        name: str,
        ids: idmap.IdMap,
        *,
        place: Path,
        images: dict[str, str],
        workshop: str | None = None,
        owner: int | None = None,
        idle: float | None = None,
    ) -> Iterator[Self]:
        """Have a new keeper hold a lab; if it is not published in this context, it ends with it.

        owner: PID of a process that the lab shall end with; idle: seconds, see `Settings`. Raises LabError when a lab
        of that name is there, MachineError when the kernel refuses.
        """
        login = _login_directory() if owner is None else None
        settings = Settings(name, str(place), images, ids, workshop=workshop, login=login, idle=idle)
        kept = cls(name, _start(settings, owner))
        try:
            kept.refresh()
            yield kept
        except OSError as error:  # half-way: a mount, a link or a rule that this kernel refuses
            kept.close()
            raise _refusal(str(error)) from None
        except BaseException:
            kept.close()
            raise
        if not kept.facts.get("published"):
            kept.down()

    @classmethod
    def find(cls, name: str) -> Self:
        """Come in to a lab that is there; LabError when there is none of that name."""
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            door.connect(keeper.address(name))
        except ConnectionRefusedError:
            door.close()
            others = ", ".join(keeper.names())
            raise LabError(
                f"there is no lab {name!r}{f' (there is: {others})' if others else ''}: nslab up {name}"
            ) from None
        # An abstract address is first come, first served, for everybody on the machine.
        if keeper.peer(door)[1] != os.geteuid():
            door.close()
            raise LabError(f"the lab {name!r} is another user's program")
        wire.grow(door)
        kept = cls(name, door)
        try:
            kept.refresh()
        except LabError:  # it is ending
            kept.close()
            raise
        return kept

    def close(self) -> None:
        """Leave; the lab lives on if it was published."""
        for node in self.nodes.values():
            node.close()
        self._door.close()

    def refresh(self) -> None:
        """Read anew what the keeper knows."""
        self.facts, controls = self.ask({"op": "open"})
        for node, control in zip(self.facts["nodes"], controls, strict=True):
            end = socket.socket(fileno=control)
            if node["name"] in self.nodes:
                end.close()
            else:
                self.nodes[node["name"]] = Node(node["name"], end, pid=node["pid"])

    def add(self, node: Node) -> None:
        """Give the keeper a node that was just started, for all who come in."""
        self.nodes[node.name] = node
        self.ask({"op": "add", "name": node.name, "pid": node.pid}, [node.control.fileno()])

    def note(self, key: str, value: Any) -> None:
        """Have the keeper remember something about the lab, plain data."""
        self.ask({"op": "note", "key": key, "value": value})

    def help(self, command: Sequence[str], descriptors: Sequence[int]) -> None:
        """Have the keeper start a program outside the lab; `{N}` is the Nth descriptor, the last the keeper's pidfd."""
        self.ask({"op": "help", "argv": list(command)}, descriptors)

    def publish(self) -> None:
        """Let others in; from now on the lab outlives its maker."""
        self.ask({"op": "publish"})
        self.facts["published"] = True

    def down(self) -> None:
        """End the lab; return when nothing of it is left."""
        with self._lock:
            try:
                wire.send(self._door, {"op": "down"})
                wire.receive(self._door)
            except OSError:  # it is gone already
                pass
        self.close()

    def ask(self, request: wire.Message, descriptors: Sequence[int] = ()) -> tuple[wire.Message, list[int]]:
        """Send a request and return the answer; LabError when the lab is gone."""
        with self._lock:
            try:
                wire.send(self._door, request, descriptors)
                answer, received = wire.receive(self._door)
            except OSError:
                answer, received = None, []
        if answer is None:
            raise LabError(f"the lab {self.name!r} is gone: nslab up {self.name}")
        if "error" in answer:
            raise LabError(f"the lab {self.name!r}: {answer['error']}")
        return answer, received


def _start(settings: Settings, owner: int | None) -> socket.socket:
    """Start a keeper and return our end of its first door, once the lab's init is ready."""
    with ExitStack() as given:
        ours, theirs = wire.pair()
        given.enter_context(theirs)
        numbers = {"boot": theirs.fileno()}
        if owner is not None:
            numbers["owner"] = os.pidfd_open(owner)
            given.callback(os.close, numbers["owner"])
        complaints = given.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nslab.sandbox.keeper", settings.to_json(**numbers)],
            pass_fds=numbers.values(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,  # else the notebook's interrupt would reach it
        )
        theirs.close()
        # Whenever it ends: a lab may end long before the notebook that made it.
        threading.Thread(target=process.wait, daemon=True, name=f"keeper of {settings.name}").start()
        answer, _ = wire.receive(ours)
        if answer is None:
            ours.close()
            complaints.seek(0)
            raise RuntimeError(f"the keeper failed:\n{complaints.read().decode(errors='replace')}")
    if "error" in answer:
        ours.close()
        if answer.get("taken"):
            raise LabError(f"there is a lab {settings.name!r} already: nslab down {settings.name}")
        raise _refusal(answer["error"])
    return ours


def _refusal(said: str) -> MachineError:
    """Return the doctor's word for it; the doctor knows the images, and they are built in a lab that is held here."""
    from nslab.lab import doctor

    return doctor.refusal(said)


def _login_directory() -> str | None:
    """Return the directory that systemd-logind takes away when its user has logged out everywhere."""
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    try:
        return place if place.startswith("/") and Path(place).stat().st_uid == os.geteuid() else None
    except OSError:
        return None
