"""The lab: make one, find one, reach its nodes, end it."""

from __future__ import annotations

import os
import re
import time
import weakref
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import Any, Final, Self

from nslab.errors import LabError, UsageError
from nslab.lab import gateway, images, places
from nslab.lab.keeping import Kept
from nslab.lab.topology import ENVIRONMENT, IMAGE, RESOLVER, ROUTER, Topology, node_spec
from nslab.sandbox import idmap, keeper
from nslab.sandbox.door import Node

DEFAULT: Final = "runbook"
IDLE: Final = 4 * 3600.0  # seconds
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


def _leave(kept: Kept, containers: dict[int, Node]) -> None:
    for node in containers.values():
        node.close()
    kept.close()


def _silent(_: str) -> None:
    pass


class Lab:
    """A disposable world of namespaces, held by one process.

        lab = nslab.Lab.up("runbook")                          # internet, outside, host
        lab["host"].run("ip link add br0 type bridge")
        lab["mycontainer"].run("ping -c1 8.8.8.8").returncode  # 0
        lab.down()                                             # or kill -9: the kernel takes everything back

        user namespace ── init                 PID 1, its network is "internet"
                           ├── internet
                           ├── outside         a client on the host's network
                           └── host            a Debian of its own
                                └── mycontainer    made by the student

    Raises LabError, one line for the student: what could not start, and what to do.
    """

    def __init__(self, kept: Kept) -> None:
        self.name = kept.name
        self._kept = kept
        self._containers: dict[int, Node] = {}
        # A lab that is only forgotten is left all the same.
        self._leave = weakref.finalize(self, _leave, kept, self._containers)

    @classmethod
    def up(
        cls,
        name: str = DEFAULT,
        *,
        owner: int | None = None,
        idle: float | None = IDLE,
        tell: Callable[[str], None] = _silent,
    ) -> Self:
        """Make a lab and return when it is whole.

        owner  PID of a process that the lab ends with, `os.getpid()` for this one; else it outlives its maker and ends
               with `down`, with its user's login, or when nobody has used it for a while
        idle   that while, in seconds; None: never
        tell   hears what takes long: the building of the image, once

        >>> Lab.up("exercise", owner=os.getpid()).down()

        Raises LabError when there is one of that name, UsageError for a name that will not do, MachineError (with the
        remedy) when this machine cannot.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"a lab's name has letters, digits, - _ . and at most 32 of them: {name!r}")
        # pyroute2 takes most of a second to import, and only the making of a lab wants it.
        from nslab.lab import wiring

        if idle is not None and idle <= 0:
            raise UsageError(f"a lab cannot be idle for {idle:g} seconds: more than 0, or none to let it live on")
        ids = idmap.choose()
        image = images.ensure(ids, tell=tell)
        directories = {IMAGE: image.directory}
        with Kept.hold(name, ids, place=images.place(ids), images=directories, owner=owner, idle=idle) as kept:
            topology = Topology()
            for node in topology.nodes:
                kept.add(kept.nodes["init"].start(node_spec(node)))
            wiring.wire_up(topology, kept.nodes)
            gateway.start(
                kept.nodes["internet"],
                kept.help,
                archive=image.archive,
                mirror=ROUTER,
                resolver=RESOLVER,
                cache=places.mirror(),
            )
            kept.note("image", image.digest)
            kept.publish()
        return cls(kept)

    @classmethod
    def attach(cls, name: str = DEFAULT) -> Self:
        """Return a lab that is up; LabError when there is none of that name."""
        return cls(Kept.find(name))

    @staticmethod
    def names() -> list[str]:
        """Return the names of this user's labs."""
        return keeper.names()

    def down(self) -> None:
        """End the lab; nothing of it is left when this returns."""
        self._kept.down()
        self._leave()

    def close(self) -> None:
        """Leave the lab; it lives on."""
        self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.down()

    def __getitem__(self, name: str) -> Node:
        """Return a node; a container goes by the name of its network namespace. LabError when there is none."""
        if name in self._kept.nodes and name != "init":
            return self._kept.nodes[name]
        for container in self._kept.nodes["host"].containers():
            if container["name"] == name:
                return self.container(name, container["pid"])
        raise LabError(f"{name}: no such node; nodes: {', '.join(self.nodes())}")

    def container(self, name: str, pid: int) -> Node:
        """Return the container whose first process is `pid`, as the host counts, under a name of one's choice."""
        known = self._containers.get(pid)
        if known is not None and _is_alive(known):
            return known
        node = self._kept.nodes["host"].attach(name, pid, environment=ENVIRONMENT)
        if self._kept.facts["ids"] == "one":
            node.run(["sh", "-c", images.APT_STAYS_ROOT], check=False)
        self._containers[pid] = node
        return node

    def nodes(self) -> list[str]:
        """Return the names of all nodes, the containers that students have made among them."""
        fixed = [name for name in self._kept.nodes if name != "init"]
        made = [each["name"] for each in self._kept.nodes["host"].containers() if each["name"]]
        return [*fixed, *sorted(set(made) - set(fixed))]

    def note(self, key: str, value: Any) -> None:
        """Have the lab remember something, plain data, for whoever attaches to it."""
        self._kept.note(key, value)

    def notes(self) -> dict[str, Any]:
        """Return all that was noted."""
        self._kept.refresh()
        notes: dict[str, Any] = self._kept.facts["notes"]
        return notes

    @property
    def pid(self) -> int:
        """The PID of its init, as the machine counts: kill it, and the lab is gone."""
        pid: int = self._kept.facts["pid"]
        return pid

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return float(time.time() - self._kept.facts["started"])

    @property
    def rootless(self) -> bool:
        """Whether an ordinary user has made it."""
        return os.geteuid() != 0

    def __repr__(self) -> str:
        try:
            return f"<lab {self.name}: {', '.join(self.nodes())}>"
        except LabError:
            return f"<lab {self.name}: gone>"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"


def _is_alive(node: Node) -> bool:
    try:
        os.close(node.network())
    except LabError:
        return False
    except OSError:
        pass  # /proc is not mounted in it yet; but it has answered
    return True
