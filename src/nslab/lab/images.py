"""The root file systems that nodes start from: built once by mmdebstrap, sealed, shared read-only by all labs."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.resources
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from nslab.errors import CommandFailed, LabError, MachineError
from nslab.lab import gateway, places
from nslab.lab.keeping import Kept
from nslab.sandbox import idmap
from nslab.sandbox.door import Node
from nslab.sandbox.rootfs import WORKSHOP

SUITE: Final = "bookworm"
# What the runbook's host has before its first line; tshark and debootstrap it installs itself.
PACKAGES: Final = (
    "bridge-utils",
    "ca-certificates",
    "conntrack",
    "curl",
    "ethtool",
    "iproute2",
    "iptables",
    "iputils-arping",
    "iputils-ping",
    "less",
    "nano",
    "netcat-openbsd",
    "net-tools",
    "nftables",
    "procps",
    "psmisc",
    "tcpdump",
    "traceroute",
)
_APT: Final = """// One id for all, and nobody to drop privileges to.
APT::Sandbox::User "root";
// What is not in the lab's archive is not worth a question.
Acquire::Languages "none";
Acquire::Retries "0";
// The disk of a node is memory, and is gone with the lab.
DPkg::Options { "--force-unsafe-io"; };
"""
# With one id, there is none that the apt of a student's own container could drop its privileges to.
APT_STAYS_ROOT: Final = """cd /etc/apt/apt.conf.d && echo 'APT::Sandbox::User "root";' >90nslab"""
_TIMEOUT: Final = 900.0  # seconds; 20 here, and there are rooms with a slow line
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Image:
    """A root file system on disk, whole and as it was built.

    digest   of the recipe and of the packages in it, the same wherever it was built from the same
    archive  host name of the Debian archive that its apt asks
    seal     of every name, size and time in it
    """

    directory: str  # below the place of all images of this id map
    digest: str
    archive: str
    seal: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what `image.json` says; None without one that can be read."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None


def place(ids: idmap.IdMap) -> Path:
    """Return where the images are whose files belong to the ids of `ids`."""
    return places.cache() / "images" / ids.key


def ensure(ids: idmap.IdMap, *, tell: Tell) -> Image:
    """Return the image, built first if there is none that is whole; `tell` hears what takes time.

    Raises MachineError when a tool is missing, LabError when the building fails.
    """
    directory = place(ids)
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        image = find(ids)
        if image is not None:
            return image
        tell(f"building the Debian image in {directory}, once (half a minute)")
        return _build(ids, directory)


def find(ids: idmap.IdMap) -> Image | None:
    """Return the image when there is one, of today's recipe, and nothing in it has changed since it was sealed."""
    image = Image.read(place(ids) / f"{_recipe()}.json")
    if image is None or seal(place(ids) / image.directory) != image.seal:
        return None
    return image


def remove(ids: idmap.IdMap | None = None) -> None:
    """Remove the images of this user; from inside, because files in them belong to the lab's ids.

    >>> images.remove()  # doctest: +SKIP
    """
    ids = ids or idmap.choose()
    directory = place(ids)
    if directory.is_dir():
        with _locked(directory), _workshop(ids, directory) as kept:
            kept.nodes["init"].run(f"find {WORKSHOP} -mindepth 1 -delete", timeout=60)


def seal(root: Path) -> str:
    """Return a digest over every name, kind, size and time below `root`, where this user may look."""
    digest = hashlib.sha256()
    for line in _entries(str(root), len(str(root))):
        digest.update(line)
    return digest.hexdigest()


def _entries(directory: str, cut: int) -> Iterator[bytes]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except PermissionError:  # a directory of another id of the range: nobody but root of a lab can change it
        return
    except FileNotFoundError:
        yield b"gone"
        return
    for entry in entries:
        status = entry.stat(follow_symlinks=False)
        size = 0 if entry.is_dir(follow_symlinks=False) else status.st_size
        yield f"{entry.path[cut:]}\0{status.st_mode:o}\0{size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape")
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, cut)


def _recipe() -> str:
    """Return a digest of all that decides what comes out of a build, but for the archive's state of the day."""
    text = json.dumps([SUITE, PACKAGES, _APT, _sudo(), 1])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sudo() -> str:
    return (importlib.resources.files("nslab.lab") / "image" / "sudo").read_text()


def _build(ids: idmap.IdMap, directory: Path) -> Image:
    tool = shutil.which("mmdebstrap")
    if tool is None:
        from nslab.lab import doctor

        raise doctor.refusal("mmdebstrap is missing, which builds its Debian")
    archive = archive_host(Path(tool).read_text(errors="replace"))
    name = _recipe()
    with _workshop(ids, directory) as kept:
        node = kept.nodes["init"]
        # On a loopback of its own: the packages then lie in the labs' cache, and debootstrap finds them there.
        gateway.start(node, kept.help, archive=archive, mirror="127.0.0.1", resolver="127.0.0.2", cache=places.mirror())
        packages = _debootstrap(node, tool, archive, name)
    digest = hashlib.sha256((name + packages).encode()).hexdigest()
    image = Image(name, digest, archive, seal(directory / name))
    draft = directory / f"{name}.json.draft"
    draft.write_text(json.dumps(asdict(image)))
    draft.replace(directory / f"{name}.json")
    return image


@contextmanager
def _workshop(ids: idmap.IdMap, directory: Path) -> Iterator[Kept]:
    """Yield a lab without nodes, in which `directory` can be written with the ids of all labs."""
    if os.geteuid() == 0:
        first = ids.users[0].outside
        os.chown(directory, first, first)  # root of the lab has to write here, and is not root outside
    name = f"image-{os.getpid()}"
    with Kept.hold(name, ids, place=directory, images={}, workshop=".", owner=os.getpid()) as kept:
        yield kept


def archive_host(tool: str) -> str:
    """Return the host name of Debian's archive, which mmdebstrap (its text: `tool`) knows as its default.

    >>> archive_host("my $mirror    = 'http://archive.example/debian';")
    'archive.example'
    """
    found = re.search(r"\$mirror\s*=\s*'http://([^/']+)/debian'", tool)
    if found is None:
        raise MachineError("this mmdebstrap names no default archive; nslab knows those of Debian 12 and later")
    return found[1]


def _debootstrap(node: Node, tool: str, archive: str, name: str) -> str:
    """Build the image in the workshop, put it in its place when it is whole; return the list of its packages."""
    draft = f"{WORKSHOP}/incoming"
    node.run(f"rm -rf {draft} {WORKSHOP}/{name} && mkdir {draft}", timeout=60)
    command = [
        tool,
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        SUITE,
        draft,
        f"deb http://{archive}/debian {SUITE} main",
    ]
    environment = {"http_proxy": "http://127.0.0.1", "TMPDIR": "/tmp", "HOME": "/"}
    try:
        node.run(command, env=environment, timeout=_TIMEOUT)
        node.run(["tee", f"{draft}/etc/apt/apt.conf.d/90nslab"], input=_APT)
        node.run(["tee", f"{draft}/usr/bin/sudo"], input=_sudo())
        packages = node.run(["chroot", draft, "dpkg-query", "-W"]).stdout
        node.run(["sh", "-ec", f"chmod 755 {draft}/usr/bin/sudo; sync -f {draft}; mv {draft} {WORKSHOP}/{name}"])
    except CommandFailed as failed:
        raise LabError(f"the Debian image could not be built: {_reason(failed)}") from None
    return packages


def _reason(failed: CommandFailed) -> str:
    """Return the one line of all that apt has said which tells why."""
    said = f"{failed.stdout}\n{failed.stderr}"
    if found := re.search(r"this machine's Debian mirror (cannot be reached|failed)", said):
        return found[0]
    errors = re.findall(r"^E: .*$", said, re.MULTILINE)
    return errors[0] if errors else str(failed)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One builder at a time; the lock goes with its holder, however it ends."""
    with (directory.parent / f"{directory.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
