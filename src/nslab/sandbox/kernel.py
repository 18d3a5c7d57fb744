"""The kernel's calls that Python has no function for, as functions that raise OSError."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from typing import Any, Final

CLONE_NEWTIME: Final = 0x00000080
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15

AT_FDCWD: Final = -100
OPEN_TREE_CLONE: Final = 1
MOVE_MOUNT_F_EMPTY_PATH: Final = 4
AT_EMPTY_PATH: Final = 0x1000
MOUNT_ATTR_RDONLY: Final = 0x1

SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 1 << 3


@dataclass(frozen=True, slots=True)
class Calls:
    """System call numbers of one architecture (AUDIT_ARCH and asm/unistd.h); None where it has no such call."""

    audit: int
    pivot_root: int
    mount: int
    mknod: int | None
    mknodat: int
    seccomp: int
    fsopen: int
    open_tree: int
    move_mount: int
    mount_setattr: int
    ownership: tuple[int, ...]  # chown fchown lchown fchownat, setgroups, set*uid, set*gid, setfs*id


_CALLS: Final = {
    "x86_64": Calls(
        audit=0xC000003E,
        pivot_root=155,
        mount=165,
        mknod=133,
        mknodat=259,
        seccomp=317,
        fsopen=430,
        open_tree=428,
        move_mount=429,
        mount_setattr=442,
        ownership=(92, 93, 94, 260, 116, 105, 106, 113, 114, 117, 119, 122, 123),
    ),
    "aarch64": Calls(
        audit=0xC00000B7,
        pivot_root=41,
        mount=40,
        mknod=None,
        mknodat=33,
        seccomp=277,
        fsopen=430,
        open_tree=428,
        move_mount=429,
        mount_setattr=442,
        ownership=(54, 55, 159, 143, 144, 145, 146, 147, 149, 151, 152),
    ),
}

libc = ctypes.CDLL(None, use_errno=True)


def calls() -> Calls:
    """Return this machine's system call numbers; OSError on an architecture that nobody has tried."""
    try:
        return _CALLS[platform.machine()]
    except KeyError:
        raise OSError(38, f"nslab knows x86_64 and aarch64, not {platform.machine()}") from None


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _bytes(path: str | bytes | None) -> bytes | None:
    return os.fsencode(path) if isinstance(path, str) else path


def unshare(flags: int) -> None:
    """Move the calling process into new namespaces."""
    _checked(libc.unshare(flags), f"unshare({flags:#x})")


def setns(fd: int, flags: int) -> None:
    """Enter the namespaces that a namespace file or a pidfd stands for."""
    _checked(libc.setns(fd, flags), f"setns({flags:#x})")


def prctl(option: int, argument: Any) -> None:
    """Change something about the calling process itself."""
    _checked(libc.prctl(option, argument, 0, 0, 0), f"prctl({option})")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent's *thread* ends: only for children of one-threaded parents."""
    prctl(PR_SET_PDEATHSIG, 9)


def sethostname(name: str) -> None:
    """Set the host name of this UTS namespace."""
    _checked(libc.sethostname(name.encode(), len(name.encode())), f"sethostname({name})")


def mount(source: str, target: str | bytes, fstype: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Mount as mount(2) does; `target` may be relative."""
    result = libc.mount(_bytes(source), _bytes(target), _bytes(fstype), ctypes.c_ulong(flags), _bytes(data))
    _checked(result, f"mount {fstype or source} on {os.fsdecode(target)}")


def umount(target: str, flags: int = 0) -> None:
    """Unmount."""
    _checked(libc.umount2(_bytes(target), flags), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root of this mount namespace and put the old one at `old`."""
    _checked(libc.syscall(calls().pivot_root, _bytes(new), _bytes(old)), "pivot_root")


def open_tree(path: str) -> int:
    """Return a file descriptor of a detached copy of the mount at `path` (kernel 5.2)."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC
    return _checked(libc.syscall(calls().open_tree, AT_FDCWD, _bytes(path), flags), f"open_tree {path}")


def move_mount(tree: int, target: str | bytes) -> None:
    """Attach a detached mount at `target`."""
    result = libc.syscall(calls().move_mount, tree, b"", AT_FDCWD, _bytes(target), MOVE_MOUNT_F_EMPTY_PATH)
    _checked(result, f"move_mount on {os.fsdecode(target)}")


def make_read_only(tree: int) -> None:
    """Make a detached mount read-only (kernel 5.12)."""
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = libc.syscall(calls().mount_setattr, tree, b"", AT_EMPTY_PATH, attributes, len(attributes))
    _checked(result, "mount_setattr")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def seccomp_listen(program: bytes) -> int:
    """Install a classic BPF filter on this process and all that it starts; return its notification descriptor.

    No PR_SET_NO_NEW_PRIVS is needed (and file capabilities go on working) because the caller has CAP_SYS_ADMIN in
    its own user namespace: seccomp(2).
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    block = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER
    return _checked(
        libc.syscall(calls().seccomp, SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(block)), "seccomp(NEW_LISTENER)"
    )
