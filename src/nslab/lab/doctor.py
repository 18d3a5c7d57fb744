"""What this machine lacks for a lab, each thing with its remedy: not read from its settings but tried."""

from __future__ import annotations

import errno
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from nslab.errors import MachineError
from nslab.lab import images, places
from nslab.sandbox import idmap

_OLDEST_KERNEL: Final = (5, 12)  # mount_setattr(2); an overlay in a user namespace came with 5.11
_SECONDS: Final = 10.0  # for a trial that takes 0.1
_CONTAINER: Final = "in Docker: docker run --privileged; or run nslab on a machine that is no container"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a lab wants of the machine.

    >>> Finding("mmdebstrap", ok=False, says="not installed", remedy="sudo apt install mmdebstrap")
    ✗ mmdebstrap: not installed → sudo apt install mmdebstrap

    needed: False where a lab does without it.
    """

    name: str
    ok: bool
    says: str
    remedy: str = ""
    needed: bool = True

    @property
    def line(self) -> str:
        """The finding and its remedy, without a mark."""
        return f"{self.name}: {self.says}" + (f" → {self.remedy}" if self.remedy else "")

    def __repr__(self) -> str:
        return f"{'✓' if self.ok else '✗' if self.needed else '·'} {self.line}"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"


@dataclass(frozen=True, slots=True)
class _Answer:
    """How a step of the trial ended; `number` is None when it went well."""

    number: int | None
    text: str


_Trial = dict[str, _Answer]


def examine() -> list[Finding]:
    """Return what a lab wants of this machine, and whether it is there; what a failed step left untried is left out."""
    ids = idmap.choose()
    trial = _try()
    return [
        _kernel(),
        *_user_namespaces(trial),
        *_ids(ids, trial),
        *_namespaces(trial),
        *(finding for step in _FEATURES for finding in _feature(step, trial)),
        *_kernel_file_systems(trial),
        _builder(ids),
        *_bridge_netfilter(),
    ]


def refusal(said: str) -> MachineError:
    """Return the error for a lab that could not start: the first thing that is missing, else what the kernel said."""
    missing = next((finding for finding in examine() if finding.needed and not finding.ok), None)
    return MachineError(f"this machine cannot start a lab: {missing.line if missing else said}")


def _try() -> _Trial:
    """Run the trial where images lie: their file system has to be one that an overlay can stand on."""
    command = [sys.executable, "-P", "-m", "nslab.lab.trial"]
    try:
        done = subprocess.run(command, cwd=places.cache(), capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        return _read(late.stdout or b"")
    return _read(done.stdout)


def _read(output: bytes) -> _Trial:
    return {name: _Answer(number, text) for name, number, text in map(json.loads, output.splitlines())}


def _kernel() -> Finding:
    release = os.uname().release
    version = tuple(int(part) for part in re.findall(r"\d+", release)[:2])
    wanted = ".".join(map(str, _OLDEST_KERNEL))
    if version < _OLDEST_KERNEL:
        return Finding("kernel", ok=False, says=f"{release} is older than {wanted}", remedy="a newer kernel")
    return Finding("kernel", ok=True, says=f"{release} on {os.uname().machine}")


def _user_namespaces(trial: _Trial) -> Iterator[Finding]:
    name = "user namespaces"
    answer = trial.get("user")
    if answer is None and "ids" not in trial:
        yield Finding(name, ok=False, says="the trial did not start", remedy=f"{sys.executable} -m nslab.lab.trial")
    elif answer is None or answer.number is None:  # None: it was made, and then left without ids
        yield Finding(name, ok=True, says="can be made")
    elif _setting("user/max_user_namespaces") == "0":
        yield _off(name, "user.max_user_namespaces", "0", "65536")
    elif _setting("kernel/unprivileged_userns_clone") == "0":
        yield _off(name, "kernel.unprivileged_userns_clone", "0", "1")
    elif _apparmor_restricts():
        yield _apparmor(name)
    elif answer.number in {errno.EINVAL, errno.ENOSYS}:
        yield Finding(name, ok=False, says="this kernel has none", remedy="a kernel with CONFIG_USER_NS")
    elif answer.number == errno.ENOSPC:
        says = "all that user.max_user_namespaces allows are in use, or they are nested too deeply"
        yield Finding(name, ok=False, says=says, remedy="sudo sysctl user.max_user_namespaces=65536")
    elif _in_chroot():
        yield Finding(name, ok=False, says="none in a chroot", remedy="enter it with pivot_root (systemd-nspawn does)")
    else:
        yield Finding(name, ok=False, says=f"not allowed here ({os.strerror(answer.number)})", remedy=_CONTAINER)


def _ids(ids: idmap.IdMap, trial: _Trial) -> Iterator[Finding]:
    answer = trial.get("ids")
    if answer is None:
        return
    if answer.number is not None and _apparmor_restricts():
        yield _apparmor("ids")
    elif answer.number is not None:
        remedy = "sudo apt install --reinstall uidmap; or, with one id: export NSLAB_IDMAP=one"
        yield Finding("ids", ok=False, says=f"the map was refused ({answer.text})", remedy=remedy)
    elif ids.kind == "range":
        yield Finding("ids", ok=True, says=f"a range of {ids.users[-1].count}, from {ids.users[-1].outside}")
    else:
        why, remedy = _why_one_id()
        yield Finding("ids", ok=False, says=f"{why}: one id is used, chown is emulated", remedy=remedy, needed=False)


def _why_one_id() -> tuple[str, str]:
    if os.environ.get("NSLAB_IDMAP") == "one":
        return "NSLAB_IDMAP=one", "unset NSLAB_IDMAP"
    if not idmap.has_helpers():
        return "no newuidmap", "sudo apt install uidmap"
    if not idmap.may_gain_privileges():
        return "newuidmap may not gain privileges here (no_new_privs)", "start it outside of that service or container"
    if os.geteuid() == 0:
        return "root of a container with few ids", "give that container 65536 of them"
    free = _free_range()
    remedy = f"sudo usermod --add-subuids {free} --add-subgids {free} {getpass.getuser()}"
    return "no range of 65536 in /etc/subuid and /etc/subgid", remedy


def _free_range() -> str:
    """Return 65536 ids that nobody has, as usermod takes them."""
    tables = [Path(f"/etc/{table}") for table in ("subuid", "subgid")]
    lines = [line for table in tables if table.exists() for line in table.read_text().splitlines()]
    ends = [int(found[1]) + int(found[2]) for line in lines if (found := re.fullmatch(r".*:(\d+):(\d+)", line))]
    first = max([100000, *ends])
    return f"{first}-{first + 65535}"


def _namespaces(trial: _Trial) -> Iterator[Finding]:
    answer = trial.get("namespaces")
    if answer is None:
        return
    name = "namespaces"
    if answer.number is None:
        yield Finding(name, ok=True, says="mount, pid, net, uts, ipc, cgroup, time")
        return
    kinds = ("cgroup", "ipc", "mnt", "net", "pid", "time", "uts")
    empty = next((kind for kind in kinds if _setting(f"user/max_{kind}_namespaces") == "0"), None)
    if empty:
        yield _off(name, f"user.max_{empty}_namespaces", "0", "65536")
    elif _apparmor_restricts():
        yield _apparmor(name)
    elif answer.number == errno.EINVAL:
        yield Finding(name, ok=False, says="this kernel lacks one kind", remedy="a kernel with CONFIG_TIME_NS (5.6)")
    else:
        yield Finding(name, ok=False, says=f"not allowed here ({os.strerror(answer.number)})", remedy=_CONTAINER)


def _kernel_file_systems(trial: _Trial) -> Iterator[Finding]:
    """/proc and /sys: the kernel shows a new one only to those who see the old one whole (mount_too_revealing)."""
    for step, place in (("proc", "/proc"), ("sysfs", "/sys")):
        answer = trial.get(step)
        if answer is None:
            continue
        masks = [] if answer.number is None else _mounts_below(place)
        if answer.number is None:
            yield Finding(place, ok=True, says="can be mounted anew")
        elif masks:
            remedy = f"sudo umount {' '.join(masks)}; {_CONTAINER}"
            yield Finding(place, ok=False, says="part of it is masked", remedy=remedy)
        elif _is_read_only(place):
            remedy = f"sudo mount -o remount,bind,rw {place}; {_CONTAINER}"
            yield Finding(place, ok=False, says="read-only", remedy=remedy)
        else:
            yield Finding(place, ok=False, says=f"cannot be mounted anew ({answer.text})", remedy=_CONTAINER)


# {step of the trial: (name, what it is for, remedy)}
_FEATURES: Final = {
    "overlay": ("overlay", "node's files over an image", "sudo modprobe overlay, and XDG_CACHE_HOME on a local disk"),
    "veth": ("veth", "cables", "sudo modprobe veth"),
    "bridge": ("bridge", "switches", "sudo modprobe bridge"),
    "nat": ("nat", "iptables and nft", "sudo modprobe -a nft_chain_nat nft_compat nf_conntrack"),
    "seccomp": ("seccomp", "devices, chown", "a kernel with CONFIG_SECCOMP_FILTER, and no other supervisor around it"),
}


def _feature(step: str, trial: _Trial) -> Iterator[Finding]:
    answer = trial.get(step)
    name, purpose, remedy = _FEATURES[step]
    if answer is None:
        return
    if answer.number is None:
        yield Finding(name, ok=True, says=purpose)
    else:
        yield Finding(name, ok=False, says=f"refused by this kernel ({answer.text})", remedy=remedy)


def _builder(ids: idmap.IdMap) -> Finding:
    """What builds the image is needed until it is there."""
    built = images.find(ids) is not None
    if shutil.which("mmdebstrap"):
        return Finding("mmdebstrap", ok=True, says="installed" + (", image built" if built else ""))
    says = "not installed, " + ("but the image is built" if built else "and it builds the lab's Debian")
    return Finding("mmdebstrap", ok=False, says=says, remedy="sudo apt install mmdebstrap", needed=not built)


def _bridge_netfilter() -> Iterator[Finding]:
    """A note: the setting is each network namespace's own and starts as 1 wherever br_netfilter is loaded."""
    name = "bridge-nf-call-iptables"
    if _setting("net/bridge/bridge-nf-call-iptables") is None:
        says = "br_netfilter is not loaded: in a lab, iptables never sees what stays on a bridge"
        yield Finding(name, ok=True, says=says, needed=False)
    else:
        says = "br_netfilter is loaded: in a lab, what stays on a bridge goes through FORWARD too"
        remedy = f"to have it not so: %%host sysctl net.bridge.{name}=0"
        yield Finding(name, ok=True, says=says, remedy=remedy, needed=False)


def _off(name: str, key: str, value: str, better: str) -> Finding:
    return Finding(name, ok=False, says=f"off ({key} is {value})", remedy=f"sudo sysctl {key}={better}")


def _apparmor_restricts() -> bool:
    return os.geteuid() != 0 and _setting("kernel/apparmor_restrict_unprivileged_userns") == "1"


def _apparmor(name: str) -> Finding:
    key = "kernel.apparmor_restrict_unprivileged_userns"
    return Finding(name, ok=False, says=f"AppArmor takes their rights away ({key} is 1)", remedy=f"sudo sysctl {key}=0")


def _setting(key: str) -> str | None:
    """Return a setting of the kernel; None where it has none of that name."""
    try:
        return (Path("/proc/sys") / key).read_text().strip()
    except OSError:
        return None


def _mounts() -> Iterator[tuple[str, list[str]]]:
    """Yield (place, options) of each mount that this process sees: proc(5), mountinfo."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        yield fields[4], fields[5].split(",")


def _mounts_below(place: str) -> list[str]:
    """Return what hides a part of `place`; mounts on directories that are always empty do no harm."""
    harmless = ("/sys/kernel/", "/sys/fs/", "/proc/sys/fs/")
    return [at for at, _ in _mounts() if at.startswith(f"{place}/") and not at.startswith(harmless)]


def _is_read_only(place: str) -> bool:
    return any(at == place and "ro" in options for at, options in _mounts())


def _in_chroot() -> bool:
    """Whether the root directory is another than the first process has, as far as that may be seen."""
    if not any(at == "/" for at, _ in _mounts()):
        return True
    try:
        return not os.path.samestat(os.stat("/proc/1/root/"), os.stat("/"))  # noqa: PTH116 - not where the link leads
    except OSError:
        return False
