"""Addresses as text."""

from __future__ import annotations

import socket


def ipv4_text(address: bytes) -> str:
    """Return `10.0.0.1`."""
    return socket.inet_ntop(socket.AF_INET, address)


def ipv6_text(address: bytes) -> str:
    """Return `fe80::1`, as RFC 5952 says."""
    return socket.inet_ntop(socket.AF_INET6, address)


def mac_text(address: bytes) -> str:
    """Return `02:00:00:00:00:01`."""
    return address.hex(":")
