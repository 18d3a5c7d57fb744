"""Where nslab keeps what it may lose: the cache directory of its user."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Return the cache directory, made if need be (XDG Base Directory Specification).

    >>> cache().name
    'nslab'
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    place = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "nslab"
    place.mkdir(parents=True, exist_ok=True)
    return place


def mirror() -> Path:
    """Return where the files of the Debian archive are kept, for all labs."""
    place = cache() / "mirror"
    place.mkdir(exist_ok=True)
    return place
