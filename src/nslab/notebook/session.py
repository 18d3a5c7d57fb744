"""What a notebook holds while it runs: its lab, and a shell for each node that it has used."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import Any, Final

from nslab.errors import LabError
from nslab.instruments import Lab
from nslab.lab import lab as labs
from nslab.notebook.failures import Refused
from nslab.notebook.shell import Ending, Feedable, Shell
from nslab.sandbox.door import Node

FIXED: Final = ("internet", "outside", "host")


def default_name() -> str:
    """Return the name of the lab that is meant when none is named."""
    return os.environ.get("NSLAB_LAB") or labs.DEFAULT


class Session:
    """The lab of a notebook and the shells in it.

        session = Session(variables)
        session.run("host", "ip link", output)

    The lab is the variable `lab`, or the one that is up under the default name. Shells of a lab that was replaced, and
    of a container that was made again, are forgotten.
    """

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables
        self._lab: Lab | None = None
        self._shells: dict[str, tuple[int, Shell]] = {}  # by node, with the PID that it had
        self._named: dict[str, int] = {}  # containers that were told by their PID
        atexit.register(self.forget)

    def lab(self) -> Lab:
        """Return the lab; Refused when there is none."""
        held = self.variables.get("lab")
        if not isinstance(held, Lab):
            held = _attach(default_name())
        self.take(held)
        return held

    def take(self, lab: Lab) -> None:
        """From now on, this is the notebook's lab: the variable `lab`."""
        if lab is not self._lab:
            self.forget()
        self._lab = self.variables["lab"] = lab

    def forget(self) -> None:
        """Close all shells, as windows that are closed; what they run in the background lives on."""
        for _, shell in self._shells.values():
            shell.close()
        self._shells.clear()
        self._named.clear()
        self._lab = None

    def drop(self) -> None:
        """Have no lab any more."""
        self.forget()
        self.variables.pop("lab", None)

    def run(self, name: str, text: str, output: Feedable, **options: Any) -> Ending:
        """Run a cell in a node's shell, see `Shell.run`."""
        ending: Ending = self._with_lab(lambda: self._shell(name).run(text, output, **options))
        if ending.lost:
            self._see_to_it()
        return ending

    def node(self, name: str) -> Node:
        """Return a node of the lab."""
        found: Node = self._with_lab(lambda: self._find(name))
        return found

    def __getitem__(self, name: str) -> Node:
        """Return a node as a lab does: also a container that was told by its PID."""
        return self.node(name)

    def directory(self, name: str) -> str:
        """Return where a node's shell is, / when it has none."""
        return self._shells[name][1].cwd if name in self._shells else "/"

    def name_container(self, name: str, pid: int) -> None:
        """Call the container whose first process is `pid`, as the host counts, by a name of one's choice."""
        if name in FIXED:
            raise Refused(f"{name} is a node of the lab already")
        self._with_lab(lambda: self._join(name, pid))
        self._named[name] = pid

    @property
    def named(self) -> dict[str, int]:
        """The containers that were told by their PID."""
        return dict(self._named)

    def containers(self) -> list[str]:
        """Return the names of the containers that there are."""
        fixed = {*FIXED, *self._named}
        return [*self._named, *(name for name in self._with_lab(self.lab().nodes) if name not in fixed)]

    def nodes(self) -> list[str]:
        """Return the names of all nodes."""
        return [*FIXED, *self.containers()]

    def default_container(self) -> str:
        """Return the container that is meant: that of the variable `name`, else the only one."""
        there = self.containers()
        meant = self.variables.get("name")
        if meant in there:
            return str(meant)
        if len(there) == 1:
            return there[0]
        if there:
            raise Refused(f"which container? {', '.join(there)}: %%container NAME")
        raise Refused(f"the lab has no container with a name{self._nameless()}")

    def _nameless(self) -> str:
        pids = [str(each["pid"]) for each in self.lab()["host"].containers() if not each["name"]]
        if pids:
            return f"; there is one without: %container NAME --pid {pids[0]}"
        return ": a %%host --window cell with `unshare … bash` makes one"

    def _find(self, name: str) -> Node:
        lab = self.lab()
        if name not in self._named:
            return lab[name]
        try:
            return self._join(name, self._named[name])
        except LabError:
            del self._named[name]
            raise

    def _join(self, name: str, pid: int) -> Node:
        try:
            node = self.lab().container(name, pid)
        except OSError as error:
            raise LabError(
                f"{name}: the host has no process {pid} that could be joined ({os.strerror(error.errno or 0)})"
            ) from None
        node.name = name
        return node

    def _shell(self, name: str) -> Shell:
        pid = self._pid(name)
        known = self._shells.get(name)
        if known is not None and known[0] == pid and known[1].alive():
            return known[1]
        if known is not None and name not in FIXED and known[0] != pid:
            self._shells.pop(name)[1].close()
            known = None
        if known is not None:
            return known[1]  # it starts a new bash, and tells it what the last one knew
        shell = Shell(self._find(name), terminals=self.lab()["host"] if name not in FIXED else self.lab()[name])
        self._shells[name] = pid, shell
        return shell

    def _pid(self, name: str) -> int:
        """Return what tells a container from the one that had its name before."""
        lab = self.lab()
        if name in FIXED:
            return 0
        if name in self._named:
            return self._named[name]
        for each in lab["host"].containers():
            if each["name"] == name:
                return int(each["pid"])
        raise Refused(f"{name}: no such node; nodes: {', '.join(self.nodes())}")

    def _with_lab(self, action: Callable[[], Any]) -> Any:
        """Do it; where the lab has gone and there is a new one of its name, do it there."""
        lab = self.lab()
        try:
            return action()
        except LabError:
            if _is_up(lab):
                raise
        self.drop()
        self.take(_attach(lab.name))
        return action()

    def _see_to_it(self) -> None:
        """A shell has ended: if the lab has, too, say so."""
        if self._lab is not None and not _is_up(self._lab):
            name = self._lab.name
            self.drop()
            raise Refused(f"the lab {name!r} is gone: %lab up")


def _attach(name: str) -> Lab:
    if name not in Lab.names():
        raise Refused(f"there is no lab {name!r}: %lab up")
    return Lab.attach(name)


def _is_up(lab: Lab) -> bool:
    try:
        lab.notes()
    except LabError:
        return False
    return True
