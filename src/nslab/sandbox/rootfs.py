"""The root file system of a node: an overlay on a shared image, with /dev, /proc, /sys and /run of its own."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from nslab.sandbox import kernel

IMAGES: Final = "/run/nslab/images"
SCRATCH: Final = "/run/nslab/scratch"
WORKSHOP: Final = "/run/nslab/workshop"  # where an image is built

# What a container runtime gives: no disk, no memory, no console. By (major, minor).
DEVICES: Final = {(1, 3): "null", (1, 5): "zero", (1, 7): "full", (1, 8): "random", (1, 9): "urandom", (5, 0): "tty"}

_LINKS: Final = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}

_QUIET: Final = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What a new node starts with.

    image        name of the image that its root file system is an overlay on
    own_network  False: it shares the network namespace of the lab's init
    files        {path: text} written into its root file system
    environment  of every command in it
    """

    name: str
    image: str
    own_network: bool = True
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the wire."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**data)


def enter_own_root(spec: NodeSpec) -> None:
    """As PID 1 of a new node: build its root file system and pivot into it."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.sethostname(spec.name)
    root = _mount_overlay(spec.image)
    _mount_kernel_file_systems(root)
    _mount_dev(f"{root}/dev")
    for path, text in spec.files.items():
        with open(root + path, "w") as file:
            file.write(text)
    os.chdir(root)
    # Both arguments the same: the old root lies under the new one and is detached at once (pivot_root(2), NOTES).
    kernel.pivot_root(".", ".")
    kernel.umount(".", kernel.MNT_DETACH)
    os.chdir("/")


def _mount_overlay(image: str) -> str:
    """Mount the image with a fresh upper layer on a tmpfs that only this node sees."""
    kernel.mount("tmpfs", SCRATCH, "tmpfs", 0, "mode=755")
    for directory in ("upper", "work", "root"):
        os.mkdir(f"{SCRATCH}/{directory}")
    # userxattr: without it renaming a merged directory fails with EIO in a user namespace (trusted.* xattrs).
    layers = f"userxattr,lowerdir={IMAGES}/{image},upperdir={SCRATCH}/upper,workdir={SCRATCH}/work"
    kernel.mount("overlay", f"{SCRATCH}/root", "overlay", 0, layers)
    return f"{SCRATCH}/root"


def _mount_kernel_file_systems(root: str) -> None:
    kernel.mount("proc", f"{root}/proc", "proc", _QUIET)
    kernel.mount("sysfs", f"{root}/sys", "sysfs", _QUIET)
    try:
        kernel.mount("cgroup2", f"{root}/sys/fs/cgroup", "cgroup2", _QUIET)
    except OSError:
        pass  # a machine with cgroup v1 only: nothing in the runbook needs it
    kernel.mount("tmpfs", f"{root}/run", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    # `ip netns exec` takes /sys away and mounts a new sysfs, and `unshare --mount-proc` a new proc: in a user namespace
    # the kernel allows that only while another, fully visible one is mounted (mount_too_revealing in fs/namespace.c).
    for kind in ("proc", "sysfs"):
        os.makedirs(f"{root}/run/.nslab/{kind}")
        kernel.mount(kind, f"{root}/run/.nslab/{kind}", kind, _QUIET)
    os.chmod(f"{root}/run/.nslab", 0o700)
    os.makedirs(f"{root}/run/lock", exist_ok=True)


def _mount_dev(dev: str) -> None:
    # A sticky, world-writable /dev makes open(O_CREAT) on a device of an unmapped owner fail with EACCES
    # (fs.protected_regular): 755, not 1777.
    kernel.mount("tmpfs", dev, "tmpfs", kernel.MS_NOSUID, "mode=755,size=1m")
    for name in DEVICES.values():
        os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        kernel.mount(f"/dev/{name}", f"{dev}/{name}", None, kernel.MS_BIND)
    fill_dev(dev)
    kernel.mount("tmpfs", f"{dev}/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    _mount_devpts(f"{dev}/pts")


def _mount_devpts(pts: str) -> None:
    options = "newinstance,ptmxmode=0666,mode=620"
    try:
        kernel.mount("devpts", pts, "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, f"{options},gid=5")
    except OSError:  # one id: there is no group 5 (tty)
        kernel.mount("devpts", pts, "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, options)


def fill_dev(dev: str) -> None:
    """Make the directories and links that every /dev has."""
    for name in ("pts", "shm"):
        os.mkdir(f"{dev}/{name}")
    for name, target in _LINKS.items():
        os.symlink(target, f"{dev}/{name}")


def bring_loopback_up() -> None:
    """Set lo up, as every machine has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        set_flags, up_running = 0x8914, 0x1 | 0x40  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
        fcntl.ioctl(control, set_flags, struct.pack("16sh14x", b"lo", up_running))
