"""The gateway of a lab: its process, where it finds the packages, what it lets through, what it leaves."""

from __future__ import annotations

import functools
import http.client
import http.server
import json
import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import dns.message
import dns.query
import pytest

import nslab
from nslab.lab.internet.cache import Cache
from nslab.lab.internet.mirror import archive_name
from nslab.lab.internet.upstream import Upstream, find_upstream, proxy_for

ZONE = {"archive.example": "10.0.2.2", "dns.google": "8.8.8.8"}
PACKAGE = "pool/main/h/hello/hello_1.0+1.deb"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes apt say what it is given: its targets, the same without lists, its settings."""

    def set_up(targets="", without_lists="", settings=""):
        (tmp_path / "apt-get").write_text(
            f'#!/bin/sh\ncase "$*" in *--no-release-info*) echo "{without_lists}";; *) echo "{targets}";; esac\n'
        )
        (tmp_path / "apt-config").write_text(f'#!/bin/sh\necho "{settings}"\n')
        for program in ("apt-get", "apt-config"):
            (tmp_path / program).chmod(0o755)

    for variable in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return set_up


def test_packages_come_from_the_machines_mirror(machine):
    machine(
        targets="http://other.example/debian/|Other|bookworm|main\n"
        "http://safe.example/debian-security/|Debian|bookworm-security|main\n"
        "http://mirror.example/debian/|Debian|bookworm-updates|main\n"
        "file:/srv/debian/|Debian|bookworm|main\n"
        "http://mirror.example/deb/|Debian|bookworm|main",
        settings="Acquire::http::Proxy=http://proxy.example:3128",
    )
    assert find_upstream("archive.example") == Upstream("http://mirror.example/deb/", "http://proxy.example:3128")


def test_a_machine_that_never_updated_its_lists_has_a_mirror_too(machine):
    machine(
        without_lists="http://other.example/apt/|\\$(ORIGIN)|bookworm|main\n"
        "https://mirror.example/debian|\\$(ORIGIN)|bookworm|main"
    )
    assert find_upstream("archive.example").url == "https://mirror.example/debian/"


def test_a_machine_that_is_no_debian_asks_the_archive_itself(machine):
    assert find_upstream("archive.example") == Upstream("http://archive.example/debian/")  # no apt at all
    machine(targets="http://mirror.example/ubuntu/|Ubuntu|noble|main")
    assert find_upstream("archive.example") == Upstream("http://archive.example/debian/")


@pytest.mark.parametrize(
    ("settings", "environment", "proxy"),
    [
        ({}, {}, None),
        ({}, {"http_proxy": "http://env.example:1"}, "http://env.example:1"),
        (
            {"Acquire::http::Proxy": "http://apt.example:1"},
            {"http_proxy": "http://env.example:1"},
            "http://apt.example:1",
        ),
        ({"Acquire::http::Proxy": "http://apt.example:1", "Acquire::http::Proxy::mirror.example": "DIRECT"}, {}, None),
        ({"Acquire::http::Proxy": "http://apt.example:1"}, {"no_proxy": "mirror.example"}, None),
        ({"Acquire::http::Proxy": "socks5h://apt.example:1"}, {}, None),
    ],
)
def test_the_proxy_is_the_one_that_apt_would_take(machine, monkeypatch, settings, environment, proxy):
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert proxy_for("http://mirror.example/debian/", settings) == proxy


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/debian/pool/a_1%2b2~rc.deb", "pool/a_1+2~rc.deb"),
        ("/debian//pool/./a", "pool/a"),
        ("/debian", None),
        ("/debian/", None),
        ("/debian/dists/", None),
        ("/debian/../etc/passwd", None),
        ("/debian/pool/../../x", None),
        ("/debian/%2e%2e/x", None),
        ("/debian/pool%2f..%2f..%2fx", None),
        ("/debian/%252e%252e/x", None),
        ("/debian/a%00b", None),
        ("/debian/a%5cb", None),
        ("/debian/a%ff", None),
        ("/debian/a#", None),
        ("/ubuntu/pool/a", None),
    ],
)
def test_a_path_stays_under_debian(path, name):
    assert archive_name(path) == name


def test_what_a_killed_gateway_leaves_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    draft = Cache(tmp_path).draft()
    draft.write(b"half")
    incoming = tmp_path / "incoming"
    (incoming / "left").write_bytes(b"half")
    Cache(tmp_path)
    assert len(list(incoming.iterdir())) == 1
    draft.close()
    assert list(incoming.iterdir()) == []


class Gateway:
    """`python -m nslab.lab.internet` on sockets of ours, as its parent would start it."""

    def __init__(self, tmp_path, owner):
        self.http, self.tcp = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.owner = os.pidfd_open(owner)
        self.fds = [self.http.fileno(), self.udp.fileno(), self.tcp.fileno(), self.owner]
        names = "--http", "--dns", "--dns-tcp", "--owner"
        numbers = [word for name, fd in zip(names, self.fds, strict=True) for word in (name, str(fd))]
        rest = ["--zone", json.dumps(ZONE), "--cache", str(tmp_path / "cache"), "--log", str(tmp_path / "log")]
        self.command = [sys.executable, "-m", "nslab.lab.internet", *numbers, *rest]
        self.environment = os.environ | {"PYTHONPATH": str(Path(nslab.__file__).parents[1])}

    def address(self, name):
        query = dns.message.make_query(name, "A")
        reply = dns.query.udp(query, "127.0.0.1", port=self.udp.getsockname()[1], timeout=20)
        return [str(record) for answer in reply.answer for record in answer]

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.http.getsockname()[1], timeout=20)
        with closing(connection):
            connection.request("GET", path, headers={"Host": "archive.example"})
            return connection.getresponse().read()

    def close(self):
        for made in (self.http, self.udp, self.tcp):
            made.close()
        os.close(self.owner)


@pytest.fixture
def archive(tmp_path):
    """Return the URL of a mirror of one package, served by this process."""
    package = tmp_path / "archive" / "debian" / PACKAGE
    package.parent.mkdir(parents=True)
    package.write_bytes(b"package")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "archive")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/debian/"
        server.shutdown()
        thread.join()


def test_the_gateway_serves_and_ends_with_its_owner(tmp_path, machine, archive):
    machine(targets=f"{archive}|Debian|stable|main")
    with (
        subprocess.Popen(["/bin/sleep", "60"]) as owner,
        closing(Gateway(tmp_path, owner.pid)) as gateway,
        subprocess.Popen(gateway.command, pass_fds=gateway.fds, env=gateway.environment) as process,
    ):
        assert gateway.address("archive.example") == ["10.0.2.2"]
        assert gateway.get(f"/debian/{PACKAGE}") == b"package"
        owner.kill()
        assert process.wait(10) == 0
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [Path(PACKAGE).name + "#"]
    assert PACKAGE in (tmp_path / "log").read_text()


def test_the_gateway_ends_with_the_one_who_started_it(tmp_path, machine):
    with closing(Gateway(tmp_path, os.getpid())) as gateway:
        start = f"subprocess.Popen({gateway.command!r}, pass_fds={gateway.fds!r})"
        command = [sys.executable, "-c", f"import subprocess; print({start}.pid, flush=True); input()"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, pass_fds=gateway.fds, env=gateway.environment, stdin=pipe, stdout=pipe
        ) as starter:
            assert starter.stdout is not None
            pidfd = os.pidfd_open(int(starter.stdout.readline()))
            assert gateway.address("dns.google") == ["8.8.8.8"]  # so it runs, and the kernel knows what it wants
            starter.kill()
        assert select.select([pidfd], [], [], 10)[0] == [pidfd]
        os.close(pidfd)
