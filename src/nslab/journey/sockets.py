"""Who listens in a network: TCP's and UDP's sockets, as the kernel lists them."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from nslab.journey.asked import Network
from nslab.journey.packet import TCP

_FILES: Final = {TCP: ("tcp", "tcp6"), 17: ("udp", "udp6")}
_LISTENS: Final = {TCP: "0A", 17: "07"}


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that waits for packets."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def is_open(self) -> bool:
        """Whether it is reached by more than the node itself."""
        return not ip_address(self.address).is_loopback

    def takes(self, address: str, port: int) -> bool:
        """Whether a packet to that place would be its."""
        if port != self.port:
            return False
        # :: takes IPv4 too, unless a program has asked it not to, which no file tells.
        return self.address in (address, "::") or (self.address == "0.0.0.0" and ":" not in address)


def listeners(network: Network, protocol: int) -> list[Listener]:
    """Return the sockets that wait, without those that are somebody's connection."""
    found = []
    for name in _FILES.get(protocol, ()):
        for line in network.tool(["cat", f"/proc/net/{name}"]).splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENS[protocol]:
                address, _, port = words[1].partition(":")
                found.append(Listener(_address(address), int(port, 16)))
    return found


def _address(text: str) -> str:
    """Read an address as /proc/net/tcp has it: words of the processor's own byte order, in hexadecimal."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    mapped = IPv6Address(raw).ipv4_mapped
    return str(mapped or IPv6Address(raw))
