"""Files of packets: read what tcpdump, tshark and we have written, and write what they read."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import nslab
from nslab.capture import pcap, pcapng
from nslab.capture.found import Found
from nslab.capture.packets import Packets
from nslab.capture.recording import Recording
from nslab.errors import UsageError

_GZIP: Final = b"\x1f\x8b"
_MOST: Final = 4 << 30  # bytes that a compressed file may become
_CHUNK: Final = 1 << 20
_WITH_HEADER: Final = 31  # zlib's number for data in gzip's format


def read(path: str | os.PathLike[str]) -> Recording:
    """Return the packets of a .pcap or .pcapng file, compressed by gzip or not.

    >>> nslab.read("x.pcapng").table        # as tshark -n -2 -r x.pcapng prints it
    >>> nslab.read("x.pcapng").frame        # a pandas DataFrame

    A file that is cut off or damaged gives what comes before, and says so. Raises UsageError when it is no capture.
    """
    found = examine(Path(path))
    alarms = [f"{Path(path).name}: {complaint}" for complaint in found.complaints]
    return Recording(found.packets, alarms=alarms, digits=found.digits)


def examine(path: Path) -> Found:
    """Return what is in a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    complaints: list[str] = []
    if data.startswith(_GZIP):
        data, complaints = _unpacked(data)
    found = _read(path, data)
    return Found(found.packets, found.digits, (*complaints, *found.complaints))


def _read(path: Path, data: bytes) -> Found:
    if data[:4] == pcapng.SECTION.to_bytes(4, "little"):
        return pcapng.read(data)
    shape = pcap.shape(data)
    if shape is None:
        what = "is empty" if not data else "is no capture: neither pcap nor pcapng"
        raise UsageError(f"{path}: it {what}")
    return pcap.read(data, shape)


def _unpacked(data: bytes) -> tuple[bytes, list[str]]:
    """Return what compressed data hold, as far as they go."""
    chunks: list[bytes] = []
    size = 0
    member = zlib.decompressobj(_WITH_HEADER)
    try:
        while data and size < _MOST:
            chunks.append(member.decompress(data, _CHUNK))
            size += len(chunks[-1])
            data = member.unconsumed_tail
            if member.eof:
                data = member.unused_data
                member = zlib.decompressobj(_WITH_HEADER)
            elif not data:
                return b"".join(chunks), ["the compressed file is cut off"]
    except zlib.error:
        return b"".join(chunks), ["the compressed file is damaged"]
    return b"".join(chunks), [f"more than {_MOST >> 30} GiB: the rest is left out"] if data else []


def save(
    packets: Packets, path: str | os.PathLike[str], *, filter: str = "", dropped: Mapping[str, int] | None = None
) -> Path:
    """Write packets to a file, .pcapng or .pcap by its name, with .gz behind it compressed; all of it or nothing.

    Raises UsageError for another ending, a place that cannot be written to, or packets that .pcap cannot hold.
    """
    place = Path(path)
    kind, packed = check(place)
    with _replacing(place, packed=packed) as file:
        if kind == ".pcap":
            pcap.write(packets, file)
        else:
            pcapng.write(packets, file, filter=filter, dropped=dropped, program=f"nslab {nslab.__version__}")
    return place


def check(place: Path) -> tuple[str, bool]:
    """Return the format that a file's name asks for, and whether it shall be compressed; UsageError for no such one."""
    name, packed = place.name.lower().removesuffix(".gz"), place.suffix.lower() == ".gz"
    kind = next((kind for kind in (".pcapng", ".pcap") if name.endswith(kind)), None)
    if kind is None:
        raise UsageError(f"{place}: its name shall end in .pcapng or .pcap (or these with .gz)")
    if not place.parent.is_dir():
        raise UsageError(f"{place}: there is no directory {place.parent}")
    return kind, packed


@contextmanager
def _replacing(place: Path, *, packed: bool) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of another when it is whole."""
    try:
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}") from None
    try:
        with ExitStack() as open_:
            file: Any = open_.enter_context(os.fdopen(descriptor, "wb"))
            if packed:  # no time and no name in it: the same packets, the same bytes
                file = open_.enter_context(gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0))
            yield file
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(place)
    except OSError as error:
        with suppress(OSError):
            Path(name).unlink()
        raise UsageError(f"{place}: {error.strerror}") from None
    except BaseException:
        Path(name).unlink()
        raise
