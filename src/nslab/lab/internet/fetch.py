"""One file on its way from upstream into the cache."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, Self

import aiohttp

from nslab.lab.internet.cache import Cache, Draft, Validators
from nslab.lab.internet.source import STALL, Source, Unreachable

CHUNK: Final = 1 << 16
log = logging.getLogger(__name__)


class Outcome(Enum):
    """What came of a fetch, as soon as that is known."""

    ARRIVING = "upstream is sending the file"
    KEPT = "the copy in the cache is the file"
    MISSING = "there is no such file"
    FAILED = "upstream cannot be reached"


class Cut(Exception):
    """The rest of the file did not come."""


class Fetch:
    """A file that is being fetched once, for everyone who asks for it meanwhile.

    with fetch.joined():                            # its bytes stay readable as long as somebody is in
        if await fetch.answer() is Outcome.ARRIVING:
            async for chunk in fetch.chunks(): ...  # while they come; the last one when the file is in the cache
    """

    def __init__(self, name: str, source: Source, cache: Cache, *, patience: float) -> None:
        self.name = name
        self.length: int | None = None  # unknown until it is here, if upstream sends it in chunks
        self.validators = Validators()
        self._source = source
        self._cache = cache
        self._patience = patience
        self._outcome: Outcome | None = None
        self._draft: Draft | None = None
        self._readable = 0
        self._news = asyncio.Event()
        self._guests = 0

    @contextmanager
    def joined(self) -> Iterator[Self]:
        """Take part; the last one to leave closes the file."""
        self._guests += 1
        try:
            yield self
        finally:
            self._guests -= 1
            if self._guests == 0 and self._draft is not None:
                self._draft.close()

    async def run(self) -> None:
        """Fetch; whoever joined is told. An upstream that fails is no error here: the outcome says it."""
        with self.joined():
            here = self._cache.find(self.name) is not None
            known = self._cache.validators(self.name) if here else Validators()
            patience = self._patience if here else STALL  # with a copy at hand there is no need to wait
            try:
                async with self._source.get(self.name, known, patience=patience) as answer:
                    await self._take(answer, here=here)
            except Unreachable:
                self._outcome = Outcome.KEPT if here else Outcome.FAILED
            except (aiohttp.ClientError, OSError) as error:  # cut off, stalled, or the disk is full
                log.warning("%s: %s: %s", self.name, type(error).__name__, error)
                self._outcome = Outcome.KEPT if here else Outcome.FAILED
            finally:
                if self._is_open:
                    self._outcome = Outcome.FAILED
                self._tell()

    async def _take(self, answer: aiohttp.ClientResponse, *, here: bool) -> None:
        found = _verdict(answer, self.name)
        if found is not Outcome.ARRIVING:
            self._outcome = Outcome.KEPT if here else found
            return
        self.length = answer.content_length
        self.validators = Validators(answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
        self._draft = draft = self._cache.draft()
        self._outcome = Outcome.ARRIVING
        self._tell()
        written = 0
        async for chunk in answer.content.iter_chunked(CHUNK):
            self._show(written)
            draft.write(chunk)
            written += len(chunk)
        if self.length not in (None, written):
            raise aiohttp.ClientPayloadError(f"{written} bytes of {self.length}")
        await asyncio.to_thread(draft.keep, self.name, self.validators)
        self._outcome = Outcome.KEPT
        self._show(written)  # only now: a client that has the last byte finds the file in the cache

    @property
    def _is_open(self) -> bool:
        return self._outcome in (None, Outcome.ARRIVING)

    def _show(self, readable: int) -> None:
        self._readable = readable
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def answer(self) -> Outcome:
        """Wait until upstream has answered."""
        while self._outcome is None:
            await self._news.wait()
        return self._outcome

    async def end(self) -> Outcome:
        """Wait until the whole file is in the cache, or is known not to come."""
        while self._is_open:
            await self._news.wait()
        return await self.answer()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes while they come; Cut if they stop coming."""
        offset = 0
        while self._draft is not None and (offset < self._readable or self._is_open):
            if offset == self._readable:
                await self._news.wait()
                continue
            chunk = self._draft.read(offset, min(CHUNK, self._readable - offset))
            offset += len(chunk)
            yield chunk
        if self._draft is None or not self._draft.kept:
            raise Cut(self.name)


def _verdict(answer: aiohttp.ClientResponse, name: str) -> Outcome:
    if answer.status in (304, 404, 410):
        return Outcome.KEPT if answer.status == 304 else Outcome.MISSING
    if answer.status != 200:
        return Outcome.FAILED
    if answer.url.path.endswith("/"):  # redirected to a directory's listing
        return Outcome.MISSING
    # A page instead of a file is the log-in of the café's network.
    page = answer.content_type == "text/html" and not name.endswith(".html")
    # Neither a length nor chunks: nobody could tell the end of the file from the end of the connection.
    endless = answer.content_length is None and "Transfer-Encoding" not in answer.headers
    return Outcome.FAILED if page or endless else Outcome.ARRIVING
