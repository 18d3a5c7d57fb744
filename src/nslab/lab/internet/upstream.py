"""Where the packages really come from: the mirror that the machine's own apt uses."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_FIELDS: Final = ("REPO_URI", "ORIGIN", "RELEASE", "COMPONENT")
_FORMAT: Final = "|".join(f"$({field})" for field in _FIELDS)
_TIMEOUT: Final = 20.0  # seconds; apt without its package cache reads every list first, 0.4 s here


@dataclass(frozen=True, slots=True)
class Upstream:
    """A Debian mirror, and how to get there.

    Upstream("http://mirror.example/debian/", proxy="http://proxy.example:3128")
    """

    url: str  # ends with a slash; "dists/…" and "pool/…" follow
    proxy: str | None = None


def find_upstream(archive: str) -> Upstream:
    """Return the mirror of the machine's apt, or the `archive` itself (a host name) where the machine is no Debian."""
    # Without downloaded lists (a fresh container) apt names no target at all, unless it is told to do without them.
    url = debian_main(_apt("apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages")) or debian_main(
        _apt("apt-get", "indextargets", "--no-release-info", "--format", _FORMAT, "Created-By: Packages")
    )
    url = url or f"http://{archive}/debian/"
    settings = _apt("apt-config", "dump", "--format", "%f=%v%n", "Acquire::http", "Acquire::https")
    return Upstream(url, proxy_for(url, dict(line.split("=", 1) for line in settings if "=" in line)))


def debian_main(targets: Iterable[str]) -> str | None:
    """Return the first URI of Debian's main archive among `REPO_URI|ORIGIN|RELEASE|COMPONENT` lines.

    >>> debian_main(["http://mirror.example/debian/|Debian|bookworm|main"])
    'http://mirror.example/debian/'
    """
    for uri, origin, release, component in (line.split("|") for line in targets if line.count("|") == 3):
        where = urlsplit(uri)
        # apt leaves a placeholder as it is where it knows no value: no list has been downloaded yet.
        debian = where.path.rstrip("/").endswith("/debian") if origin == "$(ORIGIN)" else origin == "Debian"
        # bookworm-security, bookworm-updates and buster/updates are other archives, or parts of this one.
        whole = release.isalnum() and component == "main"
        if debian and whole and where.scheme in ("http", "https"):
            return uri.rstrip("/") + "/"
    return None


def proxy_for(url: str, settings: Mapping[str, str]) -> str | None:
    """Return the proxy for `url` as apt chooses it: `no_proxy`, then its settings (the host's first), then `*_proxy`.

    >>> proxy_for("http://mirror.example/debian/", {"Acquire::http::Proxy": "http://proxy.example:3128/"})
    'http://proxy.example:3128/'
    """
    where = urlsplit(url)
    if proxy_bypass(where.hostname or ""):
        return None
    schemes = dict.fromkeys((where.scheme, "http"))  # apt's https method goes by http's settings where it has none
    keys = [f"Acquire::{scheme}::Proxy{host}" for host in (f"::{where.hostname}", "") for scheme in schemes]
    chosen = next((settings[key] for key in keys if settings.get(key)), getproxies().get(where.scheme))
    # "DIRECT" is apt's word for none; its SOCKS proxies are more than the HTTP client here can do.
    return chosen if chosen and urlsplit(chosen).scheme in ("http", "https") else None


def _apt(program: str, *arguments: str) -> list[str]:
    """Return what one of apt's programs prints, or nothing on a machine without it, or with sources it cannot read."""
    if shutil.which(program) is None:
        return []
    completed = subprocess.run(
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    return completed.stdout.splitlines() if completed.returncode == 0 else []
