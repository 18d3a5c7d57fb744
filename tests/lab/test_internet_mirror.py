"""The lab's Debian mirror, on real sockets: a server on the loopback interface stands in for the machine's mirror."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import random
import shutil
import socket
import time
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import test_utils, web

from nslab.lab.internet.mirror import build_app
from nslab.lab.internet.upstream import Upstream

RELEASE = "dists/stable/InRelease"
PACKAGE = "pool/main/h/hello/hello_1.0+1.deb"
BYTES = random.Random(2).randbytes(700_000)
DATE = formatdate(1e9, usegmt=True)


def bounded(test):
    """Run a test of coroutines; nothing in it takes long."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


class Archive:
    """The machine's mirror: files by name, what was asked, and ways to behave badly."""

    def __init__(self):
        self.files = {RELEASE: (b"release 1", '"1"'), PACKAGE: (BYTES, None), "dists/stable/": (b"<html>", None)}
        self.asked = []
        self.status = []
        self.sent = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.short = False
        self.html = False
        self.chunked = False

    async def serve(self, request):
        name = request.match_info["name"]
        self.asked.append(name)
        response = await self._answer(request, name)
        self.status.append(response.status)
        return response

    async def _answer(self, request, name):
        if name == "dists/stable":
            raise web.HTTPFound("/mirror/dists/stable/")
        if name.startswith("moved/"):
            raise web.HTTPFound(f"/mirror/{name.removeprefix('moved/')}")
        if name not in self.files:
            raise web.HTTPNotFound
        body, etag = self.files[name]
        validator = request.headers.get("If-None-Match" if etag else "If-Modified-Since")
        if validator and validator in (etag, DATE):
            return web.Response(status=304)
        response = web.StreamResponse(headers={"Via": "mirror.example", "Last-Modified": DATE})
        response.headers.update({"ETag": etag} if etag else {})
        response.content_type = "text/html" if self.html else "application/x-debian"
        if self.chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(body)
        await response.prepare(request)
        half = len(body) // 2
        await response.write(body[:half])
        self.sent.set()
        await self.go_on.wait()
        if self.short:
            request.transport.abort()
        else:
            await response.write(body[half:])
        return response


class World:
    def __init__(self, archive, upstream, mirror, client):
        self.archive, self.upstream, self.mirror, self.client = archive, upstream, mirror, client

    async def get(self, name, method="GET", **headers):
        url = self.mirror.make_url(f"/debian/{name}")
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        async with self.client.request(method, url, headers={"Host": "archive.example"} | headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def raw(self, target, host="archive.example"):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.mirror.port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        reply = await reader.read()
        writer.close()
        return int(reply.split()[1]), reply.partition(b"\r\n\r\n")[2]


@asynccontextmanager
async def world(cache, **options):
    archive = Archive()
    app = web.Application()
    app.router.add_get("/mirror/{name:.*}", archive.serve)
    async with test_utils.TestServer(app) as upstream:
        url = str(upstream.make_url("/mirror/"))
        mirror = test_utils.TestServer(build_app(Upstream(url), cache, hosts=["archive.example"], **options))
        async with mirror, aiohttp.ClientSession(auto_decompress=False) as client:
            yield World(archive, upstream, mirror, client)


def kept(cache):
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


@bounded
async def test_a_package_is_fetched_once_and_kept(tmp_path):
    async with world(tmp_path) as lab:
        for _ in range(2):
            status, body, headers = await lab.get(PACKAGE)
            assert (status, body == BYTES) == (200, True)
            assert headers["Last-Modified"] == DATE
            assert "Via" not in headers
        assert lab.archive.asked == [PACKAGE]
        assert kept(tmp_path) == [f"debian/{PACKAGE}#"]


@bounded
async def test_a_part_of_a_package_can_be_asked_for_before_and_after_it_is_here(tmp_path):
    async with world(tmp_path) as lab:
        for _ in range(2):
            status, body, headers = await lab.get(PACKAGE, Range="bytes=699990-")
            assert (status, body, headers["Content-Range"]) == (206, BYTES[-10:], "bytes 699990-699999/700000")
        assert (await lab.get(PACKAGE, Range="bytes=700000-"))[0] == 416
        assert lab.archive.asked == [PACKAGE]


@bounded
async def test_the_first_bytes_come_before_the_last_are_there_and_one_fetch_serves_all(tmp_path):
    async with world(tmp_path) as lab:
        lab.archive.go_on.clear()
        url, headers = lab.mirror.make_url(f"/debian/{PACKAGE}"), {"Host": "archive.example"}
        async with lab.client.get(url, headers=headers) as one, lab.client.get(url, headers=headers) as two:
            assert await one.content.readexactly(65536) == await two.content.readexactly(65536) == BYTES[:65536]
            assert kept(tmp_path / "debian") == []
            lab.archive.go_on.set()
            assert await one.read() == await two.read() == BYTES[65536:]
        assert lab.archive.asked == [PACKAGE]


@bounded
async def test_a_fetch_goes_on_when_its_client_leaves(tmp_path):
    async with world(tmp_path) as lab:
        lab.archive.go_on.clear()
        url, headers = lab.mirror.make_url(f"/debian/{PACKAGE}"), {"Host": "archive.example"}
        async with lab.client.get(url, headers=headers) as gone:
            await gone.content.readany()
            gone.close()
        lab.archive.go_on.set()
        assert (await lab.get(PACKAGE))[1] == BYTES
        assert lab.archive.asked == [PACKAGE]


@bounded
async def test_head_says_what_get_would(tmp_path):
    async with world(tmp_path) as lab:
        for _ in range(2):
            status, body, headers = await lab.get(PACKAGE, method="HEAD")
            assert (status, body, headers["Content-Length"]) == (200, b"", "700000")
            await lab.get(PACKAGE)


@bounded
async def test_a_release_is_asked_for_each_time(tmp_path):
    async with world(tmp_path) as lab:
        assert (await lab.get(RELEASE))[1] == b"release 1"
        assert (await lab.get(RELEASE))[1] == b"release 1"
        lab.archive.files[RELEASE] = (b"release 2", '"2"')
        assert (await lab.get(RELEASE))[1] == b"release 2"
        assert lab.archive.status == [200, 304, 200]


@bounded
async def test_a_date_does_where_there_is_no_etag(tmp_path):
    async with world(tmp_path) as lab:
        lab.archive.files[RELEASE] = (b"release 1", None)
        for _ in range(2):
            assert (await lab.get(RELEASE))[1] == b"release 1"
        assert lab.archive.status == [200, 304]


@bounded
async def test_a_cache_on_a_file_system_without_attributes_only_fetches_more(tmp_path, monkeypatch):
    def setxattr(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "setxattr", setxattr)
    async with world(tmp_path) as lab:
        for _ in range(2):
            assert (await lab.get(RELEASE))[1] == b"release 1"
        assert lab.archive.status == [200, 200]


@bounded
async def test_a_client_that_has_the_release_is_told_so(tmp_path):
    async with world(tmp_path) as lab:
        for _ in range(2):
            status, body, _ = await lab.get(RELEASE, If_Modified_Since=DATE)
            assert (status, body) == (304, b"")
        assert (await lab.get(RELEASE, If_Modified_Since=formatdate(1e9 - 1, usegmt=True)))[0] == 200


@bounded
async def test_a_second_class_needs_no_internet(tmp_path):
    async with world(tmp_path) as lab:
        await lab.get(RELEASE)
        await lab.get(PACKAGE)
    async with world(tmp_path) as lab:
        await lab.upstream.close()
        assert (await lab.get(RELEASE))[1] == b"release 1"
        assert (await lab.get(PACKAGE))[1] == BYTES
        status, body, _ = await lab.get("dists/stable/Release")
        assert (status, body.count(b"\n")) == (404, 1)
        assert str(lab.upstream.port).encode() not in body


@bounded
async def test_an_upstream_that_was_down_is_left_alone_for_a_while(tmp_path):
    async with world(tmp_path, patience=0.05) as lab:
        await lab.get(RELEASE)
        silent = socket.create_server(("127.0.0.1", 0))  # it never accepts
        app = build_app(Upstream(f"http://127.0.0.1:{silent.getsockname()[1]}/"), tmp_path, patience=0.05)
        async with test_utils.TestServer(app) as lab.mirror:
            assert (await lab.get(RELEASE))[1] == b"release 1"  # after `patience`
            begin = time.monotonic()
            assert (await lab.get(RELEASE))[1] == b"release 1"
            assert (await lab.get("dists/stable/Release"))[0] == 404  # it would have waited longer: no copy is here
            assert time.monotonic() - begin < 5
        silent.close()


@bounded
async def test_an_upstream_that_is_back_is_asked_again(tmp_path):
    async with world(tmp_path, pause=0) as lab:
        port = lab.upstream.port
        await lab.get(RELEASE)
        await lab.upstream.close()
        assert (await lab.get(PACKAGE))[0] == 503
        again = web.Application()
        again.router.add_get("/mirror/{name:.*}", lab.archive.serve)
        async with test_utils.TestServer(again, port=port):
            assert (await lab.get(PACKAGE))[0] == 200


@bounded
@pytest.mark.parametrize("chunked", [False, True])
async def test_half_a_file_is_neither_kept_nor_passed_off_as_whole(tmp_path, chunked):
    async with world(tmp_path) as lab:
        lab.archive.short, lab.archive.chunked = True, chunked
        with pytest.raises(aiohttp.ClientError):
            await lab.get(PACKAGE)
        assert (await lab.get(PACKAGE, Range="bytes=0-9"))[0] == 503
        assert kept(tmp_path) == []
        lab.archive.short = False
        assert (await lab.get(PACKAGE))[1] == BYTES


@bounded
async def test_what_upstream_does_not_have_is_missing_unless_it_is_here(tmp_path):
    async with world(tmp_path) as lab:
        assert (await lab.get("pool/none.deb"))[0] == 404
        assert (await lab.get("dists/stable"))[0] == 404  # redirected to a listing
        await lab.get(RELEASE)
        del lab.archive.files[RELEASE]
        assert (await lab.get(RELEASE))[1] == b"release 1"


@bounded
async def test_a_log_in_page_is_not_taken_for_a_package(tmp_path):
    async with world(tmp_path) as lab:
        lab.archive.html = True
        assert (await lab.get(PACKAGE))[0] == 503
        assert kept(tmp_path) == []


@bounded
async def test_a_redirect_stays_outside_the_lab(tmp_path):
    async with world(tmp_path) as lab:
        lab.archive.files["moved/dists/stable/InRelease"] = (b"", None)
        status, body, headers = await lab.get("moved/dists/stable/InRelease")
        assert (status, body) == (200, b"release 1")
        assert str(lab.upstream.port) not in str(headers)


@bounded
async def test_only_the_archive_is_here(tmp_path):
    async with world(tmp_path) as lab:
        assert await lab.raw(f"http://archive.example/debian/{RELEASE}") == (200, b"release 1")
        assert await lab.raw(f"/debian/{RELEASE}", host="ARCHIVE.example:80") == (200, b"release 1")
        nothing = 404, b"nslab: Not Found\n"
        assert await lab.raw(f"http://other.example/debian/{RELEASE}") == nothing
        assert await lab.raw(f"/debian/{RELEASE}", host="10.0.2.2") == nothing
        assert await lab.raw("/debian/../etc/passwd") == nothing
        assert await lab.raw(f"/debian/{'a' * 300}") == nothing
        assert await lab.raw("/") == nothing
        assert (await lab.get(RELEASE, method="POST"))[:2] == nothing


@bounded
async def test_two_labs_share_a_cache_while_both_fill_it(tmp_path):
    async with world(tmp_path) as one, world(tmp_path) as two:
        one.archive.go_on.clear()
        first = asyncio.create_task(one.get(PACKAGE))
        await one.archive.sent.wait()
        assert (await two.get(PACKAGE))[1] == BYTES
        one.archive.go_on.set()
        assert (await first)[1] == (await one.get(PACKAGE))[1] == BYTES
        assert kept(tmp_path) == [f"debian/{PACKAGE}#"]


@bounded
async def test_a_cache_that_was_emptied_fills_again(tmp_path):
    async with world(tmp_path) as lab:
        await lab.get(PACKAGE)
        for directory in ("debian", "incoming"):
            shutil.rmtree(tmp_path / directory)
        assert (await lab.get(PACKAGE))[1] == BYTES
        assert kept(tmp_path) == [f"debian/{PACKAGE}#"]
