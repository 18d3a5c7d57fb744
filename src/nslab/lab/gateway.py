"""The lab's internet as a service: sockets that are made inside the lab, served by a process outside it."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from nslab.sandbox.door import Node

StartHelper = Callable[[Sequence[str], Sequence[int]], None]


def start(node: Node, help: StartHelper, *, archive: str, mirror: str, resolver: str, cache: Path) -> None:
    """Serve the Debian archive on `mirror`:80 and names on `resolver`:53 of `node`'s network.

    help: starts a program outside the lab that ends with it; cache: where fetched packages are kept.
    """
    zone = {archive: mirror, "dns.google": resolver}
    with ExitStack() as ours:
        http, dns_tcp = (
            ours.enter_context(node.socket(socket.AF_INET, socket.SOCK_STREAM, bind=(address, port), listen=128))
            for address, port in ((mirror, 80), (resolver, 53))
        )
        dns = ours.enter_context(node.socket(socket.AF_INET, socket.SOCK_DGRAM, bind=(resolver, 53)))
        numbers = ["--http", "{0}", "--dns", "{1}", "--dns-tcp", "{2}", "--owner", "{3}"]
        settings = ["--zone", json.dumps(zone), "--cache", str(cache), "--log", str(cache / "log")]
        command = [sys.executable, "-P", "-m", "nslab.lab.internet", *numbers, *settings]
        help(command, [end.fileno() for end in (http, dns, dns_tcp)])
