"""What a lab will ask of the kernel, tried for real in a child that is gone at once: `python -m nslab.lab.trial`.

It prints a line of JSON for each step, [name, number of the error or null, its text], and stops where the next step
needs the one that failed. Raw netlink: pyroute2 takes longer to import than all the steps together.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nslab.sandbox import emulation, idmap, init, kernel, wire

_SCRATCH: Final = "/run"
_QUIET: Final = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
_ROUTE, _NETFILTER = 0, 12  # netlink(7)
_REQUEST, _ACK, _CREATE = 0x1, 0x4, 0x400
_NEW_LINK, _ERROR = 16, 2
_BATCH_BEGIN, _BATCH_END, _NEW_TABLE, _NEW_CHAIN = 0x10, 0x11, 0xA00, 0xA03  # linux/netfilter/nf_tables.h


def main() -> None:
    """Try what `init.start` and `rootfs.enter_own_root` do, from a directory that an image could lie in."""
    ids = idmap.choose()
    theirs, ours = wire.pair()
    child = os.fork()
    if child == 0:
        ours.close()
        _in_child(ids, theirs)
    theirs.close()
    if wire.receive(ours)[0] is not None and _step("ids", lambda: idmap.write(child, ids)):
        wire.send(ours, {})
    ours.close()
    os.waitpid(child, 0)


def _in_child(ids: idmap.IdMap, keeper: socket.socket) -> None:
    try:
        kernel.die_with_parent()
        if _step("user", lambda: init.take_ids(ids, keeper.detach())) and _step("namespaces", _enter):
            if os.fork() == 0:
                _in_lab(ids)
            os.wait()
    finally:
        os._exit(0)


def _enter() -> None:
    kernel.unshare(init.NAMESPACES)


def _in_lab(ids: idmap.IdMap) -> None:
    """Only a child is born in the new PID namespace: /proc is its own."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    _step("proc", lambda: kernel.mount("proc", "/proc", "proc", _QUIET))
    _step("sysfs", lambda: kernel.mount("sysfs", "/sys", "sysfs", _QUIET))
    _step("overlay", _mount_overlay)
    _step("veth", lambda: _make_link("veth"))
    _step("bridge", lambda: _make_link("bridge"))
    _step("nat", _make_nat_chain)
    # Last: whoever makes a device after this waits for an answer that nobody gives.
    _step("seccomp", lambda: kernel.seccomp_listen(emulation.filter_program(one_id=ids.kind == "one")))
    os._exit(0)


def _step(name: str, what: Callable[[], object]) -> bool:
    """Do something and print how it went."""
    number, text = None, ""
    try:
        what()
    except OSError as error:
        number, text = error.errno or errno.EIO, str(error.strerror or error)
    except subprocess.CalledProcessError as error:
        number, text = errno.EPERM, error.stderr.decode(errors="replace").strip()
    os.write(sys.stdout.fileno(), (json.dumps([name, number, text]) + "\n").encode())
    return number is None


def _mount_overlay() -> None:
    """An overlay over this directory, as a node's root is one over an image."""
    tree = kernel.open_tree(".")
    kernel.make_read_only(tree)
    kernel.mount("tmpfs", _SCRATCH, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    lower, upper, work, root = (f"{_SCRATCH}/{name}" for name in ("lower", "upper", "work", "root"))
    for directory in (lower, upper, work, root):
        Path(directory).mkdir()
    kernel.move_mount(tree, lower)
    kernel.mount("overlay", root, "overlay", 0, f"userxattr,lowerdir={lower},upperdir={upper},workdir={work}")


def _make_link(kind: str) -> None:
    name = _attribute(3, f"{kind}7\0".encode())  # IFLA_IFNAME
    info = _attribute(18, _attribute(1, kind.encode()))  # IFLA_LINKINFO, IFLA_INFO_KIND
    _ask(_ROUTE, (_NEW_LINK, _ACK | _CREATE, bytes(16) + name + info))


def _make_nat_chain() -> None:
    """As `nft add chain ip trial out { type nat hook postrouting priority 100 ; }` would."""
    batch = struct.pack("!BBH", socket.AF_UNSPEC, 0, _NEW_TABLE >> 8)
    family = struct.pack("!BBH", socket.AF_INET, 0, 0)
    hook = _attribute(1, struct.pack("!I", 4)) + _attribute(2, struct.pack("!I", 100))  # postrouting, priority
    chain = _attribute(1, b"trial\0") + _attribute(3, b"out\0") + _attribute(4, hook) + _attribute(7, b"nat\0")
    _ask(
        _NETFILTER,
        (_BATCH_BEGIN, 0, batch),
        (_NEW_TABLE, _ACK | _CREATE, family + _attribute(1, b"trial\0")),
        (_NEW_CHAIN, _ACK | _CREATE, family + chain),
        (_BATCH_END, 0, batch),
    )


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _ask(protocol: int, *messages: tuple[int, int, bytes]) -> None:
    """Send (type, flags, body) messages in one datagram; OSError when one of them is refused."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as end:
        end.settimeout(5)
        end.send(
            b"".join(
                struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, number, 0) + body
                for number, (kind, flags, body) in enumerate(messages)
            )
        )
        for _ in [flags for _, flags, _ in messages if flags & _ACK]:
            _, kind, _, _, _, number = struct.unpack_from("=IHHIIi", end.recv(4096))
            if kind == _ERROR and number:
                raise OSError(-number, os.strerror(-number))


if __name__ == "__main__":
    main()
