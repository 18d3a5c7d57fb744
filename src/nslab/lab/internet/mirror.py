"""The lab's Debian mirror: the machine's own mirror under the archive's name, and a cache between them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from nslab.lab.internet.cache import Cache
from nslab.lab.internet.fetch import Cut, Fetch, Outcome
from nslab.lab.internet.source import Source, client
from nslab.lab.internet.upstream import Upstream

PATIENCE: Final = 5.0  # seconds until a file that is here is served without having asked upstream
PAUSE: Final = 30.0  # seconds that an upstream which could not be reached is left alone

_PART: Final = re.compile(r"[A-Za-z0-9+._~:@=-]+")  # what every name in Debian's archive is made of
_HEADERS: Final = {"Content-Type": "application/octet-stream", "Server": "nslab"}
_NEEDS_WHOLE: Final = ("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
_ACCESS: Final = '%a "%r" %s %b %Tfs'

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def archive_name(raw_path: str) -> str | None:
    """Return the archive's name of a request path, or None for a path that is not strictly under /debian/.

    >>> archive_name("/debian//pool/./main/h/hello/hello_2.10%2b1.deb")
    'pool/main/h/hello/hello_2.10+1.deb'
    """
    parts = [part for part in unquote(raw_path).split("/") if part not in ("", ".")]
    plain = all(_PART.fullmatch(part) and part != ".." for part in parts)
    if not plain or len(parts) < 2 or parts[0] != "debian" or raw_path.endswith("/"):
        return None
    return "/".join(parts[1:])


def is_immutable(name: str) -> bool:
    """Say whether the archive never changes what it has under this name."""
    return name.startswith("pool/") or "/by-hash/" in name


class Mirror:
    """Answers requests for files of the archive from the cache, from upstream, or both.

    A file that cannot change is fetched once; of any other, upstream is asked each time for a newer one, and the copy
    serves when nobody answers.
    """

    def __init__(self, source: Source, cache: Cache, hosts: Collection[str] | None, *, patience: float) -> None:
        self._source = source
        self._cache = cache
        self._hosts = hosts
        self._patience = patience
        self._fetches: dict[str, tuple[Fetch, asyncio.Task[None]]] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer GET and HEAD."""
        name = archive_name(request.rel_url.raw_path)
        if name is None or not self._is_ours(request):
            return _no()
        if self._cache.find(name) and (is_immutable(name) or self._source.is_down):
            return self._file(name)
        return await self._fetched(name, request)

    async def _fetched(self, name: str, request: web.Request) -> web.StreamResponse:
        with self._fetch(name).joined() as fetch:
            whole = any(header in request.headers for header in _NEEDS_WHOLE)
            outcome = await (fetch.end() if whole else fetch.answer())
            if outcome is Outcome.ARRIVING:
                return await _stream(fetch, request)
        if outcome is Outcome.KEPT:
            return self._file(name)
        if outcome is Outcome.MISSING:
            return _no()
        if self._source.is_down:
            # Not 503: apt would ask three times more, 7 s for each file that this room cannot have.
            return _no("not in the lab's cache, and this machine's Debian mirror cannot be reached")
        return _no("this machine's Debian mirror failed", status=503)

    def _is_ours(self, request: web.Request) -> bool:
        # Without the header aiohttp would look up this machine's own name, and wait for it.
        if "Host" not in request.headers:
            return False
        return self._hosts is None or request.host.partition(":")[0].rstrip(".").lower() in self._hosts

    def _file(self, name: str) -> web.FileResponse:
        return web.FileResponse(self._cache.path(name), headers=_HEADERS)

    def _fetch(self, name: str) -> Fetch:
        """Return the fetch of `name` that is under way, or a new one, which goes on when its client leaves."""
        if name not in self._fetches:
            fetch = Fetch(name, self._source, self._cache, patience=self._patience)
            self._fetches[name] = fetch, asyncio.create_task(self._run(fetch))
        return self._fetches[name][0]

    async def _run(self, fetch: Fetch) -> None:
        try:
            await fetch.run()
        finally:
            del self._fetches[fetch.name]


_MIRROR: Final = web.AppKey("mirror", Mirror)


async def _stream(fetch: Fetch, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS | {"Accept-Ranges": "bytes"})
    response.content_length = fetch.length
    if fetch.validators.modified:
        response.last_modified = fetch.validators.timestamp
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async for chunk in fetch.chunks():
            await response.write(chunk)
        await response.write_eof()
    except Cut:
        if request.transport is not None:
            request.transport.abort()  # the status is sent; an early end is the only way left to say no
    except ConnectionError:
        pass  # the client left
    return response


def _no(reason: str = "Not Found", *, status: int = 404) -> web.Response:
    """Say no in one line: apt shows the reason, curl the body."""
    return web.Response(status=status, reason=reason, text=f"nslab: {reason}\n", headers={"Server": "nslab"})


@web.middleware
async def _plain_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer another path and another method as another host is answered."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return _no()


def build_app(
    upstream: Upstream,
    cache: Path,
    *,
    hosts: Collection[str] | None = None,
    patience: float = PATIENCE,
    pause: float = PAUSE,
) -> web.Application:
    """Return the mirror as an application.

    hosts: the names it answers to (None: any); patience, pause: seconds, see PATIENCE and PAUSE.

        app = build_app(find_upstream("archive.example"), Path("cache"), hosts=["archive.example"])
    """
    kept = Cache(cache)

    async def mirror(app: web.Application) -> AsyncIterator[None]:
        async with client() as session:
            app[_MIRROR] = Mirror(Source(upstream, session, pause=pause), kept, hosts, patience=patience)
            yield

    async def serve(request: web.Request) -> web.StreamResponse:
        return await request.app[_MIRROR].serve(request)

    app = web.Application(middlewares=[_plain_errors])
    app.router.add_get("/debian/{name:.+}", serve)
    app.cleanup_ctx.append(mirror)
    return app


@asynccontextmanager
async def serving(app: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on a listening socket."""
    runner = web.AppRunner(app, access_log_format=_ACCESS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
