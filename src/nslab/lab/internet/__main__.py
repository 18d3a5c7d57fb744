"""The gateway of a lab: `python -m nslab.lab.internet --http FD --dns FD --dns-tcp FD --zone ZONE --owner PIDFD …`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from nslab.lab.internet import mirror, resolver
from nslab.lab.internet.upstream import find_upstream
from nslab.sandbox import kernel

log = logging.getLogger("nslab.lab.internet")


def main() -> None:
    """Serve sockets that were made inside the lab, from the machine's own network, until the owner ends."""
    options = _options()
    kernel.die_with_parent()
    logging.basicConfig(
        filename=options.log,
        level=logging.INFO if options.log else logging.ERROR,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    # Not by leaving the loop: that waits for its threads, and one of them may be looking up a name in a room without
    # internet. Nothing needs to be put away: the cache changes in single steps.
    asyncio.get_running_loop().add_reader(options.owner, os._exit, 0)
    zone = resolver.Zone.read(options.zone)
    udp, tcp, http = (socket.socket(fileno=fd) for fd in (options.dns, options.dns_tcp, options.http))
    async with resolver.serving(zone, udp=udp, tcp=tcp):
        # Clients wait in the listening socket's queue meanwhile.
        upstream = await asyncio.to_thread(find_upstream, zone.archive)
        log.info("packages come from %s", urlsplit(upstream.url).hostname)
        async with mirror.serving(mirror.build_app(upstream, options.cache, hosts=zone.names), http):
            await asyncio.Event().wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m nslab.lab.internet", description=main.__doc__)
    parser.add_argument("--http", type=int, required=True, metavar="FD", help="listening TCP socket of the mirror")
    parser.add_argument("--dns", type=int, required=True, metavar="FD", help="UDP socket of the resolver")
    parser.add_argument("--dns-tcp", type=int, required=True, metavar="FD", help="listening TCP socket of the resolver")
    parser.add_argument("--zone", required=True, help='file or JSON: {"name": "address"}, the archive\'s name first')
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR", help="may be shared by any number of labs")
    parser.add_argument("--owner", type=int, required=True, metavar="PIDFD", help="end when this process ends")
    parser.add_argument("--log", type=Path, metavar="FILE", help="of requests and failures; else errors to stderr")
    return parser.parse_args()


if __name__ == "__main__":
    main()
