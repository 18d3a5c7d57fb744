"""The machine's mirror, asked over HTTP."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

import aiohttp
import yarl

from nslab.lab.internet.cache import Validators
from nslab.lab.internet.upstream import Upstream

CONNECT: Final = 5.0  # seconds, name look-up included
STALL: Final = 30.0  # seconds without a byte
log = logging.getLogger(__name__)


class Unreachable(Exception):
    """Upstream did not answer."""


class Source:
    """An upstream, left alone for a while after it could not be reached: nobody in a room without internet waits twice.

    source = Source(upstream, session, pause=30.0)
    async with source.get("dists/bookworm/InRelease", Validators(etag='"5f-3"'), patience=5.0) as answer:
        answer.status     # 304
    """

    def __init__(self, upstream: Upstream, session: aiohttp.ClientSession, *, pause: float) -> None:
        self._upstream = upstream
        self._session = session
        self._pause = pause
        self._down_until = 0.0

    @property
    def is_down(self) -> bool:
        """Whether upstream could not be reached less than `pause` seconds ago."""
        return time.monotonic() < self._down_until

    @asynccontextmanager
    async def get(self, name: str, known: Validators, *, patience: float) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for a file unless it is still the `known` one; Unreachable if no answer begins within `patience` s."""
        if self.is_down:
            raise Unreachable(f"{name}: upstream was down a moment ago")
        # Quoted as apt does it: behind some mirrors stands a store that takes a bare "+" for a space.
        url = yarl.URL(self._upstream.url + quote(name), encoded=True)
        asked = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
        try:
            async with asyncio.timeout(patience):
                answer = await self._session.get(
                    url, headers={key: value for key, value in asked.items() if value}, proxy=self._upstream.proxy
                )
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            if isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
                self._down_until = time.monotonic() + self._pause
            log.warning("%s: %s: %s", name, type(error).__name__, error)
            raise Unreachable(f"{name}: {error}") from error
        async with answer:
            yield answer


def client() -> aiohttp.ClientSession:
    """Return a session that takes bodies as they are and waits no longer than `CONNECT` and `STALL`."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "nslab", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT, sock_read=STALL),
    )
