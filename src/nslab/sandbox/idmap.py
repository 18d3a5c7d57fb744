"""Which user and group ids of the machine a lab's processes have: a subordinate range, or the caller's one id."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Self

# Above what useradd hands out (100000 …) and inside what systemd keeps for containers (0x80000 … 0x6fffffff), so that
# no user of the machine owns an id of a lab that root started.
_FIRST_FOR_ROOT: Final = 0x60000000
_COUNT: Final = 65536


@dataclass(frozen=True, slots=True)
class Extent:
    """`count` ids, from `inside` in the lab and from `outside` on the machine."""

    inside: int
    outside: int
    count: int

    def __str__(self) -> str:
        """Return the line that /proc/PID/uid_map takes."""
        return f"{self.inside} {self.outside} {self.count}"


@dataclass(frozen=True, slots=True)
class IdMap:
    """The ids of a lab.

    kind     "range": 65536 ids, so chown, setgroups and devpts work; "one": the caller's own id, with chown emulated
    helper   True when the machine's setuid helpers newuidmap and newgidmap must write it
    """

    kind: Literal["range", "one"]
    users: tuple[Extent, ...]
    groups: tuple[Extent, ...]
    helper: bool

    @property
    def key(self) -> str:
        """A short name of the outside ids: files made under one map are owned by nobody under another."""
        return f"{self.kind}-{self.users[-1].outside}"

    def to_json(self) -> dict[str, object]:
        """Return plain data for the wire."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Self:
        """Read what `to_json` wrote."""
        users, groups = (tuple(Extent(**extent) for extent in data[side]) for side in ("users", "groups"))  # type: ignore[attr-defined]
        return cls(data["kind"], users, groups, bool(data["helper"]))  # type: ignore[arg-type]


def choose() -> IdMap:
    """Return the best map that this caller may have.

    Root maps a subordinate range, without any helper. An ordinary user gets the range that /etc/subuid and /etc/subgid
    give, else one id. `NSLAB_IDMAP=one` asks for one id.

    >>> choose().kind in ("range", "one")
    True
    """
    if os.environ.get("NSLAB_IDMAP") != "one":
        if os.geteuid() == 0:
            return _for_root()
        mapped = _subordinate()
        if mapped:
            return mapped
    return _one()


def _for_root() -> IdMap:
    """A range of its own; inside someone's container, where ids are few, the same ids as around it."""
    extents = [[int(word) for word in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    whole = any(inside <= _FIRST_FOR_ROOT < inside + count for inside, _, count in extents)
    if whole:
        extent = (Extent(0, _FIRST_FOR_ROOT, _COUNT),)
    elif extents[0][2] < _COUNT - 1:
        return _one()
    else:
        extent = (Extent(0, 0, min(extents[0][2], _COUNT)),)
    return IdMap("range", extent, extent, helper=False)


def _one() -> IdMap:
    return IdMap("one", (Extent(0, os.geteuid(), 1),), (Extent(0, os.getegid(), 1),), helper=False)


def _subordinate() -> IdMap | None:
    """The caller's range of /etc/subuid; None when there is none, no helper, or helpers may not gain privileges."""
    users = subordinate_range(Path("/etc/subuid"))
    groups = subordinate_range(Path("/etc/subgid"))
    if not (users and groups and has_helpers() and may_gain_privileges()):
        return None
    return IdMap(
        "range",
        (Extent(0, os.geteuid(), 1), Extent(1, *users)),
        (Extent(0, os.getegid(), 1), Extent(1, *groups)),
        helper=True,
    )


def has_helpers() -> bool:
    """True when newuidmap and newgidmap (package uidmap) are installed."""
    return bool(shutil.which("newuidmap") and shutil.which("newgidmap"))


def may_gain_privileges() -> bool:
    """False under no_new_privs (as JupyterHub's disable_user_sudo sets it): setuid helpers have no effect then."""
    return "NoNewPrivs:\t1" not in Path("/proc/self/status").read_text()


def subordinate_range(table: Path) -> tuple[int, int] | None:
    """Return (first id, count) of the caller's line in /etc/subuid or /etc/subgid; None without a useful one.

    >>> subordinate_range(Path("/nonexistent")) is None
    True
    """
    uid = os.geteuid()
    try:
        names = {str(uid), pwd.getpwuid(uid).pw_name}
        lines = table.read_text().splitlines()
    except (OSError, KeyError):
        return None
    for line in lines:
        owner, _, rest = line.strip().partition(":")
        first, _, count = rest.partition(":")
        # Debian's own packages use ids up to 65534 (nobody, nogroup): fewer are of no use.
        if owner in names and first.isdigit() and count.isdigit() and int(count) >= _COUNT - 1:
            return int(first), int(count)
    return None


def write(pid: int, idmap: IdMap) -> None:
    """Give the user namespace of process `pid` its ids; OSError or CalledProcessError when the kernel refuses."""
    sides = (("newuidmap", "uid_map", idmap.users), ("newgidmap", "gid_map", idmap.groups))
    if idmap.helper:
        for tool, _, extents in sides:
            words = [word for extent in extents for word in str(extent).split()]
            subprocess.run([tool, str(pid), *words], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return
    if idmap.kind == "one":
        # Without privilege a gid_map may be written only after setgroups(2) is given up: user_namespaces(7).
        Path(f"/proc/{pid}/setgroups").write_text("deny")
    for _, file, extents in sides:
        Path(f"/proc/{pid}/{file}").write_text("\n".join(map(str, extents)))
