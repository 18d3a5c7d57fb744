"""The first process of a lab: PID 1 in namespaces of its own, whose network is the lab's internet."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - nothing can be imported once a node has left the machine's root file system
import linecache  # noqa: F401
import os
import resource  # noqa: F401
import socket
import traceback  # noqa: F401
import warnings  # noqa: F401
from typing import Final, NoReturn

from nslab.sandbox import emulation, idmap, kernel, rootfs, title, wire
from nslab.sandbox.forkserver import ForkServer

NAMESPACES: Final = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWCGROUP
    | kernel.CLONE_NEWTIME  # else `nsenter -a` fails in a user namespace: EPERM on ns/time
)
# Of an ordinary user's PATH, Debian leaves out what root needs.
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def start(ids: idmap.IdMap, control: int, watch: int, images: dict[str, str], workshop: str | None) -> int:
    """Fork the lab's first processes; return the PID of the outer one, which ends when the lab has ended.

    control    the socket that requests come on, and the news that it is ready, or why not
    watch      the reading end of a pipe that closes with the keeper
    images     {name: directory}, as seen from the working directory
    workshop   directory, likewise, that shall be writable in the lab
    """
    ready, go = wire.pair()
    pid = os.fork()
    if pid == 0:
        try:
            kernel.die_with_parent()
            _close_all_but(go.fileno(), control, watch)
            _become_init(ids, go.detach(), control, watch, images=images, workshop=workshop)
        except Exception as error:  # noqa: BLE001 - the keeper tells it
            _tell(control, {"error": str(error), "errno": getattr(error, "errno", None)})
        finally:
            os._exit(1)
    go.close()
    with ready:
        wire.receive(ready)
        try:
            idmap.write(pid, ids)
        except Exception:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            raise
        wire.send(ready, {})
    return pid


def _become_init(
    ids: idmap.IdMap, go: int, control: int, watch: int, *, images: dict[str, str], workshop: str | None
) -> NoReturn:
    """Enter the namespaces; only a child is born in the new PID namespace."""
    title.prepare()
    take_ids(ids, go)
    kernel.unshare(NAMESPACES)
    pid = os.fork()
    if pid:
        kernel.prctl(kernel.PR_SET_NAME, b"nslab-shim")
        os.close(watch)
        _tell(control, {"pid": pid})  # as the machine counts
        os.close(control)
        os.waitpid(pid, 0)
        os._exit(0)
    kernel.die_with_parent()
    title.show("nslab: init")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    _mount_images(images, workshop)
    for kind, directory in (("proc", "/proc"), ("sysfs", "/sys")):
        kernel.mount(kind, directory, kind, kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.sethostname("internet")
    rootfs.bring_loopback_up()
    emulation.start(one_id=ids.kind == "one", devices=workshop is None)
    _tell(control, {"ready": True})
    os.chdir("/")
    ForkServer(_socket(control), environment=_ENVIRONMENT, watch=watch).serve()


def take_ids(ids: idmap.IdMap, go: int) -> None:
    """Enter a user namespace and become its root once the keeper has written the map."""
    with _socket(go) as keeper:
        kernel.unshare(kernel.CLONE_NEWUSER)
        wire.send(keeper, {})
        if wire.receive(keeper)[0] is None:
            os._exit(1)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if ids.kind == "range":
        os.setgroups([])
    # The ids have changed, so the kernel has forgotten PR_SET_PDEATHSIG (prctl(2)), and
    # has made this process undumpable, and so its children's /proc/PID/ns unreadable.
    kernel.die_with_parent()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def _mount_images(images: dict[str, str], workshop: str | None) -> None:
    """Put the images, read-only, where nodes look for them: on a /run that only this lab sees."""
    # By paths from the working directory: root of the lab may not get there from the top (/root is 0700).
    trees = {f"{rootfs.IMAGES}/{name}": kernel.open_tree(directory) for name, directory in images.items()}
    for tree in trees.values():
        kernel.make_read_only(tree)
    if workshop is not None:
        trees[rootfs.WORKSHOP] = kernel.open_tree(workshop)
    kernel.mount("tmpfs", "/run", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    os.makedirs(rootfs.SCRATCH)
    for place, tree in trees.items():
        os.makedirs(place)
        kernel.move_mount(tree, place)
        os.close(tree)


def _close_all_but(*kept: int) -> None:
    """Let go of the keeper's descriptors: its address would outlive it."""
    first = 3
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, 1 << 16)


def _tell(control: int, message: wire.Message) -> None:
    with _socket(os.dup(control)) as end:
        wire.send(end, message)


def _socket(descriptor: int) -> socket.socket:
    return socket.socket(fileno=descriptor)
