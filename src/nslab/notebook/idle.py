"""Terminals between cells: a background job goes on writing, and must neither block nor be lost."""

from __future__ import annotations

import os
import select
import threading
from typing import Final

_MOST: Final = 1 << 18  # bytes kept for the next cell; the oldest go


class Idle:
    """Reads the terminals that no cell is reading; one thread for all of them, and it never prints.

    idle.watch(terminal)
    idle.take(terminal)     # what was written to it since; from now on the caller reads
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: dict[int, bytearray] = {}
        self._ended: set[int] = set()
        self._poll = select.epoll()
        self._thread: threading.Thread | None = None

    def watch(self, terminal: int) -> None:
        """Begin to read a terminal; it must be non-blocking."""
        with self._lock:
            self._written[terminal] = bytearray()
            self._poll.register(terminal, select.EPOLLIN)
            if self._thread is None:
                self._thread = threading.Thread(target=self._read_all, daemon=True, name="nslab: idle terminals")
                self._thread.start()

    def take(self, terminal: int) -> bytes:
        """Stop reading it and return what was read."""
        with self._lock:
            if terminal not in self._written:
                return b""
            if terminal in self._ended:
                self._ended.discard(terminal)
            else:
                self._poll.unregister(terminal)
            return bytes(self._written.pop(terminal))

    def _read_all(self) -> None:
        while True:
            for terminal, _ in self._poll.poll():
                with self._lock:
                    if terminal in self._written:  # else a cell has taken it meanwhile
                        self._read(terminal)

    def _read(self, terminal: int) -> None:
        try:
            data = os.read(terminal, 1 << 16)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the other end any more
            data = b""
        if not data:
            self._poll.unregister(terminal)
            self._ended.add(terminal)
            return
        written = self._written[terminal]
        written += data
        del written[:-_MOST]


IDLE: Final = Idle()
