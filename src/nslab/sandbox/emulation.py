"""What the kernel keeps for real root and a runbook needs all the same: device nodes, devtmpfs, and, for one id, chown.

A seccomp filter hands `mount` and `mknod` to a supervisor, which looks at the arguments and does the equivalent thing
that a user namespace may do; everything else goes on in the kernel. With one id, calls that change owners report
success and do nothing, as dpkg needs it. Kernel 5.5 (SECCOMP_USER_NOTIF_FLAG_CONTINUE).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable
from typing import Final

from nslab.sandbox import kernel, wire
from nslab.sandbox.rootfs import DEVICES, fill_dev

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_NOTIFY: Final = 0x7FC00000
_LOAD, _IF_EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06

_RECEIVE: Final = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV
_SEND: Final = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND
_CONTINUE: Final = 1

_FDCWD: Final = 0xFFFFFF9C

Trees = dict[str, int]


def filter_program(*, one_id: bool, devices: bool = True) -> bytes:
    """Return the filter as classic BPF.

    >>> len(filter_program(one_id=False)) % 8
    0
    """
    calls = kernel.calls()
    load_number = (_LOAD, 0, 0, 0)
    program = [(_LOAD, 0, 0, 4), (_IF_EQUAL, 1, 0, calls.audit), (_RETURN, 0, 0, _ALLOW), load_number]
    program += [(_IF_EQUAL, 0, 1, calls.mount), (_RETURN, 0, 0, _NOTIFY)]
    # The new mount API would pass the filter by; libmount falls back to mount(2) when it is not there.
    program += [(_IF_EQUAL, 0, 1, calls.fsopen), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for number, mode_argument in ((calls.mknod, 1), (calls.mknodat, 2)):
        if devices and number is not None:
            program += [
                (_IF_EQUAL, 0, 5, number),
                (_LOAD, 0, 0, 16 + 8 * mode_argument),
                (_AND, 0, 0, 0o170000),  # S_IFMT
                (_IF_EQUAL, 0, 1, stat.S_IFCHR),
                (_RETURN, 0, 0, _NOTIFY),
                (_RETURN, 0, 0, _ALLOW),
            ]
    for number in calls.ownership if one_id else ():
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO)]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in program)


def start(*, one_id: bool, devices: bool) -> None:
    """Start the supervisor, then put the filter on the calling process and on all that it will start.

    The supervisor carries no filter itself: it would wait for its own answer. devices: False where mknod shall fail,
    for a program that unlinks what it has made, which a bind mount does not let it.
    """
    ours, theirs = wire.pair()
    if os.fork() == 0:
        try:
            kernel.die_with_parent()
            kernel.prctl(kernel.PR_SET_NAME, b"nslab-devices")
            theirs.close()
            _, (listener,) = wire.receive(ours)
            ours.close()
            _supervise(listener, one_id=one_id)
        finally:
            os._exit(1)
    ours.close()
    listener = kernel.seccomp_listen(filter_program(one_id=one_id, devices=devices))
    wire.send(theirs, {}, [listener])
    os.close(listener)
    theirs.close()


def _supervise(listener: int, *, one_id: bool) -> None:
    """Answer every notification until the last filtered process is gone."""
    while True:
        notification = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, notification)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # the caller was killed meanwhile
                continue
            return
        identity, pid, _, number, _, _, *arguments = struct.unpack("QIIiIQ6Q", notification)
        try:
            done = _emulate(pid, number, arguments, one_id=one_id)
            result, flags = 0, 0 if done else _CONTINUE
        except OSError as error:
            result, flags = -(error.errno or errno.EPERM), 0
        try:
            fcntl.ioctl(listener, _SEND, struct.pack("QqiI", identity, 0, result, flags))
        except OSError:
            pass  # the caller was killed meanwhile


def _emulate(pid: int, number: int, arguments: list[int], *, one_id: bool) -> bool:
    """Do what the kernel would refuse; False when the kernel should go on by itself."""
    calls = kernel.calls()
    if number == calls.mount:
        _, target, fstype, flags, data = arguments[:5]
        kind = _string(pid, fstype) if fstype else b""
        if kind == b"devtmpfs":
            return _mount_devtmpfs(pid, _string(pid, target))
        if kind == b"devpts" and one_id and data:
            return _mount_devpts(pid, _string(pid, target), flags, _string(pid, data))
        return False
    if number == calls.mknod:
        path, _, device = arguments[:3]
        directory = _FDCWD
    else:
        directory, path, _, device = arguments[:4]
    return _make_device(pid, directory & 0xFFFFFFFF, _string(pid, path), device & 0xFFFFFFFF)


def _mount_devtmpfs(pid: int, target: bytes) -> bool:
    """A tmpfs with the machine's harmless devices in it looks like a devtmpfs."""

    def act(trees: Trees) -> None:
        kernel.mount("dev", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NOEXEC, "mode=755")
        os.chdir(target)
        for name, tree in trees.items():
            _put(tree, name.encode())
        fill_dev(".")

    return _in_place_of(pid, act, tuple(DEVICES.values()))


def _mount_devpts(pid: int, target: bytes, flags: int, data: bytes) -> bool:
    """With one id there is no group 5 (tty): mount without the option instead of failing with EINVAL."""
    options = ",".join(o for o in data.decode().split(",") if not o.startswith(("gid=", "uid=")))

    def act(_: Trees) -> None:
        kernel.mount("devpts", target, "devpts", flags, options)

    return _in_place_of(pid, act, ())


def _make_device(pid: int, directory: int, path: bytes, device: int) -> bool:
    """A bind mount of the machine's own node stands in for a made one; False for devices that a lab has no use for."""
    name = DEVICES.get((os.major(device), os.minor(device)))
    if name is None:
        return False

    def act(trees: Trees) -> None:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        _put(trees[name], path)

    return _in_place_of(pid, act, (name,), directory=directory)


def _put(tree: int, path: bytes) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o666))
    except FileExistsError:
        pass
    kernel.move_mount(tree, path)


def _in_place_of(pid: int, act: Callable[[Trees], None], devices: tuple[str, ...], *, directory: int = _FDCWD) -> bool:
    """Run `act` in a child that has the caller's mount namespace, root and working directory."""
    trees = {name: kernel.open_tree(f"/dev/{name}") for name in devices}
    here = "cwd" if directory == _FDCWD else f"fd/{directory}"
    root = os.open(f"/proc/{pid}/root", os.O_PATH)
    cwd = os.open(f"/proc/{pid}/{here}", os.O_PATH)
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    child = os.fork()
    if child == 0:
        try:
            kernel.setns(namespace, kernel.CLONE_NEWNS)
            os.fchdir(root)
            os.chroot(".")
            os.fchdir(cwd)
            act(trees)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or errno.EIO)
        finally:
            os._exit(errno.EIO)
    for descriptor in (root, cwd, namespace, *trees.values()):
        os.close(descriptor)
    number = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if number:
        raise OSError(number, os.strerror(number))
    return True


def _string(pid: int, address: int) -> bytes:
    """Read a C string of another process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        # One read may fail at the end of a mapping although the string ends before it: read up to a page's end.
        data = memory.read(4096 - address % 4096)
        if b"\0" not in data:
            data += memory.read(4096)
    return data.split(b"\0")[0]
