"""The containers that students make with `unshare`: find them among a node's processes, and join one."""

from __future__ import annotations

import os
from typing import Any, Final

from nslab.sandbox import kernel

_NETNS_NAMES: Final = "/run/netns"
_JOINED: Final = {
    "mnt": kernel.CLONE_NEWNS,
    "uts": kernel.CLONE_NEWUTS,
    "ipc": kernel.CLONE_NEWIPC,
    "net": kernel.CLONE_NEWNET,
    "pid": kernel.CLONE_NEWPID,
    "cgroup": kernel.CLONE_NEWCGROUP,
}


def find() -> list[dict[str, Any]]:
    """Return a {name, pid} for each PID namespace below ours whose first process has started its own program.

    The name is that of its network namespace (`ip netns add NAME`); None without one.
    """
    names = _netns_names()
    ours = os.readlink("/proc/self/ns/pid")
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if _is_container_init(int(entry), ours):
                found.append({"name": names.get(_namespace(int(entry), "net")), "pid": int(entry)})
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile
    return sorted(found, key=lambda container: container["pid"])


def join(pid: int) -> None:
    """Enter all namespaces and the root directory of process `pid`; children are born in its PID namespace."""
    root = os.open(f"/proc/{pid}/root", os.O_PATH)
    flags = 0
    if os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user"):
        flags |= kernel.CLONE_NEWUSER
    for name, flag in _JOINED.items():
        if os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
            flags |= flag
    process = os.pidfd_open(pid)
    if flags:
        kernel.setns(process, flags)
    # `unshare --root` is a chroot: entering the mount namespace alone would show the host's files.
    os.fchdir(root)
    os.chroot(".")
    os.chdir("/")
    os.close(root)
    os.close(process)


def _is_container_init(pid: int, ours: str) -> bool:
    """True for PID 1 of a PID namespace directly below ours that has exec'd what its maker asked for."""
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    inside = status["NSpid"].split()
    # NSpid ends with the number in the innermost namespace, and starts with ours: proc(5).
    if len(inside) != 2 or inside[1] != "1" or os.readlink(f"/proc/{pid}/ns/pid") == ours:
        return False
    # Between its fork and its exec, `unshare` has not changed its root yet.
    parent = status["PPid"]
    return parent == "0" or os.readlink(f"/proc/{pid}/exe") != os.readlink(f"/proc/{parent}/exe")


def _netns_names() -> dict[int, str]:
    """Return {inode: name} of the network namespaces that `ip netns` knows."""
    try:
        names = sorted(os.listdir(_NETNS_NAMES))
    except FileNotFoundError:
        return {}
    return {os.stat(f"{_NETNS_NAMES}/{name}").st_ino: name for name in names}


def _namespace(pid: int, kind: str) -> int:
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
