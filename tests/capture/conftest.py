"""A cable inside the lab's host, on which nothing is heard but what a test sends."""

from __future__ import annotations

import socket
import struct
from types import SimpleNamespace

import pytest


def frame(number: int = 0, size: int = 64, *, tag: int | None = None) -> bytes:
    """Return an Ethernet frame with a UDP packet that carries a number."""
    payload = struct.pack("!I", number).ljust(size - 42, b"x")
    udp = struct.pack("!HHHH", 40000, 9999, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x0a\x09\0\1", b"\x0a\x09\0\2")
    total = sum(struct.unpack("!10H", head))
    checksum = ~(total + (total >> 16)) & 0xFFFF
    ip = head[:10] + struct.pack("!H", checksum) + head[12:]
    vlan = b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    return bytes.fromhex("020000000002020000000001") + vlan + b"\x08\x00" + ip + udp


def numbers(packets) -> list[int]:
    """Return the numbers that frames of `frame` carry."""
    return [struct.unpack_from("!I", data, 42)[0] for data in packets]


@pytest.fixture(scope="session")
def cable(shared_lab):
    """Return a pair of interfaces of the host, cap0 and cap1, and what sends frames into the first."""
    host = shared_lab["host"]
    host.run(
        "ip link add cap0 type veth peer name cap1 && "
        "for each in cap0 cap1; do echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; ip link set $each up; done"
    )
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind(("cap0", 0))
        yield SimpleNamespace(
            lab=shared_lab, host=host, send=out.send, frame=frame, numbers=numbers, near="host:cap0", far="host:cap1"
        )
    host.run("ip link del cap0")
