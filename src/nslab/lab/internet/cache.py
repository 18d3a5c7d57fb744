"""The files of the archive that were fetched before, shared by all labs of a user."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

_ATTRIBUTE: Final = "user.nslab.validators"


@dataclass(frozen=True, slots=True)
class Validators:
    """What upstream calls this version of a file; sent back to ask whether there is a newer one."""

    etag: str | None = None
    modified: str | None = None  # an HTTP date

    @property
    def timestamp(self) -> int:
        """`modified` in seconds since the epoch; now, where upstream said nothing that can be read."""
        try:
            return int(parsedate_to_datetime(self.modified or "").timestamp())
        except (ValueError, OverflowError):
            return int(time.time())


class Cache:
    """A directory of whole files; any number of gateways may use it at once.

        draft = cache.draft()
        draft.write(b"…")
        draft.keep("pool/main/h/hello/hello_2.10-3_amd64.deb", Validators())
        draft.close()
        cache.find("pool/main/h/hello/hello_2.10-3_amd64.deb")      # its path

    debian/     the files, each under its name in the archive and a "#"
    incoming/   files on their way; each locked by its writer, so what a killed gateway leaves is known and swept
    """

    def __init__(self, root: Path) -> None:
        self._files = root / "debian"
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def path(self, name: str) -> Path:
        """Return where the archive's file `name` is kept.

        The "#" (no name of the archive has one) lets `dists` and `dists/stable` both be files, and keeps aiohttp from
        sending a `Packages.gz` that lies beside `Packages` to a client that says it can unpack it.
        """
        return self._files / f"{name}#"

    def find(self, name: str) -> Path | None:
        """Return the path of `name`, or None when it is not here."""
        path = self.path(name)
        return path if os.path.isfile(path) else None  # noqa: PTH113 - Path.is_file() raises for a name that is too long

    def validators(self, name: str) -> Validators:
        """Return what upstream called the copy of `name`: nothing, if there is none or the file system cannot tell."""
        # In an attribute of the file, because body and validators must change in one step: an old body with a newer
        # ETag would pass for up to date until the next change.
        try:
            return Validators(**json.loads(os.getxattr(self.path(name), _ATTRIBUTE)))
        except OSError:
            return Validators()

    def draft(self) -> Draft:
        """Return a new file that is not in the cache yet."""
        self._incoming.mkdir(parents=True, exist_ok=True)  # somebody may empty the cache while a lab runs
        fd, path = tempfile.mkstemp(dir=self._incoming)
        return Draft(self, fd, Path(path))

    def _sweep(self) -> None:
        for path in self._incoming.iterdir():
            with suppress(OSError), path.open("rb") as file:  # BlockingIOError: its writer lives
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


class Draft:
    """A file on its way into the cache; nothing of it stays unless it is kept."""

    def __init__(self, cache: Cache, fd: int, path: Path) -> None:
        self._cache = cache
        self._fd = fd
        self._path = path
        self.kept = False
        fcntl.flock(fd, fcntl.LOCK_EX)

    def write(self, data: bytes) -> None:
        """Append `data`."""
        while data:
            data = data[os.write(self._fd, data) :]

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`, also after the file was kept."""
        return os.pread(self._fd, size, offset)

    def keep(self, name: str, validators: Validators) -> None:
        """Make this the cache's file `name`, in one step; OSError, and no change, where that fails."""
        with suppress(OSError):  # a file system without attributes: then upstream is asked for the whole file each time
            os.setxattr(self._fd, _ATTRIBUTE, json.dumps(asdict(validators)).encode())
        os.utime(self._fd, (validators.timestamp, validators.timestamp))
        os.fsync(self._fd)  # a name that outlives a power cut must not name an empty file: it would be served for ever
        target = self._cache.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)
        self.kept = True

    def close(self) -> None:
        """Forget the file, unless it was kept."""
        os.close(self._fd)
        if not self.kept:
            self._path.unlink(missing_ok=True)
