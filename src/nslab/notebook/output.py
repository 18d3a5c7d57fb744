"""A cell's output: shown as it comes, shortened when it is too long, and then kept whole in a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from nslab.lab import places
from nslab.notebook.screen import Screen, shown

Write = Callable[[str, str], None]  # (stream, text)
_FILES_KEPT: Final = 10
_TAIL: Final = 1 << 16  # bytes
_BINARY: Final = 1 << 10  # characters that are shown of an output that is no text


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of an output is shown: so many lines and characters from its start, so many lines from its end."""

    lines: int = 1000
    characters: int = 1 << 18
    last_lines: int = 100
    file: int = 1 << 27  # bytes


class Output:
    r"""What a cell writes, on its way to the reader.

    output = Output(write)                # write("stdout", "text")
    output.feed("stdout", b"64 bytes from 8.8.8.8\n")
    output.close()

    Past its limits, only its end is still shown, with a line that says how much is left out and where all of it is.
    """

    def __init__(self, write: Write, *, colour: bool = False, limits: Limits | None = None) -> None:
        self._write = write
        self._limits = limits or Limits()
        self._screens = {stream: Screen(colour=colour) for stream in ("stdout", "stderr")}
        self._colour = colour
        self._raw: list[bytes] = []
        self._lines = self._characters = 0
        self._file: BinaryIO | None = None
        self._stored = self._left_out = 0
        self._tail = b""

    def feed(self, stream: str, data: bytes) -> None:
        """Take what was read from one of the streams."""
        if self._file is not None:
            self._store(data)
            self._keep_tail(data)
            return
        self._raw.append(data)
        self._show(stream, self._screens[stream].feed(data))

    def drop_begun(self) -> None:
        """Forget a line that was only begun: the prompt of a program that waits."""
        for screen in self._screens.values():
            screen.drop_begun()

    def close(self) -> None:
        """Show what is still held back."""
        for stream, screen in self._screens.items():
            if self._file is None:
                self._show(stream, screen.feed(b"", final=True))
        if self._file is not None:
            self._show_tail(self._file)
            self._file.close()

    def _show(self, stream: str, text: str) -> None:
        room = self._limits.characters - self._characters
        if len(text) > _BINARY and text.count("\ufffd") > len(text) // 10:
            room = min(room, _BINARY)  # nobody reads that
        lines = text.count("\n")
        if len(text) <= room and self._lines + lines <= self._limits.lines:
            self._lines += lines
            self._characters += len(text)
            if text:
                self._write(stream, text)
            return
        first = "".join(text[:room].splitlines(keepends=True)[: self._limits.lines - self._lines])
        self._write(stream, first if first.endswith("\n") or not first else f"{first}\n")
        self._file = _new_file()
        for data in self._raw:
            self._store(data)
        self._raw.clear()
        self._keep_tail(text[len(first) :].encode())

    def _store(self, data: bytes) -> None:
        room = self._limits.file - self._stored
        if room > 0 and self._file is not None:
            self._stored += self._file.write(data[:room])

    def _keep_tail(self, data: bytes) -> None:
        self._left_out += data.count(b"\n")
        self._tail = (self._tail + data)[-_TAIL:]

    def _show_tail(self, file: BinaryIO) -> None:
        text = self._tail.decode(errors="replace")
        most = _BINARY if text.count("\ufffd") > len(text) // 10 else len(text)
        text = text[-most:] if self._colour else shown(text)[-most:]
        lines = text.splitlines(keepends=True)[-self._limits.last_lines :]
        whole = "all of it" if self._stored < self._limits.file else f"its first {self._stored >> 20} MB"
        left_out = self._left_out - len(lines)
        what = f"{left_out} lines" if left_out > 0 else "the middle"
        self._write("stdout", f"… {what} left out, {whole} in {file.name}\n")
        self._write("stdout", "".join(line[:1000] for line in lines))


def _new_file() -> BinaryIO:
    """Open a file in the cache; the oldest of those that are there go."""
    place = places.cache() / "output"
    place.mkdir(exist_ok=True)
    known = sorted(place.glob("cell-*.txt"), key=lambda path: path.stat().st_mtime)
    for path in known[: max(0, len(known) - _FILES_KEPT + 1)]:
        path.unlink(missing_ok=True)
    number, name = tempfile.mkstemp(prefix="cell-", suffix=".txt", dir=place)
    os.close(number)
    return Path(name).open("wb")
