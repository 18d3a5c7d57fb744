"""A capture of mixed traffic, made in a lab, and how fast it becomes a table: ours, tshark's and scapy's."""

from __future__ import annotations

import io
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import nslab
from nslab.bench.table import Line
from nslab.instruments import Lab
from nslab.lab.topology import RESOLVER
from nslab.sandbox.door import Node

_ROUNDS: Final = 4  # the first loads modules
_SCAPY_PACKETS: Final = 3000
_PINGS, _QUESTIONS, _PAGES = 1000, 400, 200  # at a time
_MOST_TIMES: Final = 100
_SERVER: Final = ("10.0.2.3", 8080)  # in "outside"
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2500\r\n\r\n" + b"<p>hello" * 312 + b"</p>"
)
_PATIENCE: Final = 10.0  # seconds
_FIELDS: Final = (
    "frame.number",
    "frame.time_relative",
    "_ws.col.Source",
    "_ws.col.Destination",
    "_ws.col.Protocol",
    "frame.len",
    "_ws.col.Info",
)
# How much memory a program has had at most, above what its libraries take.
_MEMORY: Final = """
import re, sys
import nslab, pandas, nslab.capture.files
def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
base = most()
frame = nslab.read(sys.argv[1]).frame
print(most() - base, len(frame))
"""


def record(lab: Lab, place: Path, packets: int) -> Path:
    """Write a file of pings, questions of names and web pages: a bit more than so many packets."""
    host, outside = lab["host"], lab["outside"]
    with outside.socket(socket.AF_INET, socket.SOCK_STREAM, bind=_SERVER, listen=64) as server:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        with lab.capture("host:eth0", ring_mb=64) as cap:
            for _ in range(_MOST_TIMES):
                if len(cap) >= packets:
                    break
                host.run(f"ping -q -f -c {_PINGS} {RESOLVER}")
                _ask(host, _QUESTIONS)
                for _ in range(_PAGES):
                    _fetch(host)
                cap.wait(packets, 0.05)
        server.shutdown(socket.SHUT_RDWR)
    return cap.save(place)


def measure(file: Path) -> Iterator[Line]:
    """Make tables of a file."""
    count = len(nslab.read(file))
    ways: dict[str, Callable[[], object]] = {
        "with": lambda: nslab.read(file).frame,
        "without": lambda: nslab.read(file).columns,
        "scapy": lambda: _scapy(file),
    }
    if shutil.which("tshark"):
        ways["tshark"] = lambda: _tshark(file)
    took = _quickest(ways)
    took["scapy"] *= count / _SCAPY_PACKETS
    goals = {"with": (40, 5), "without": (100, 12)}
    for name in goals:
        rate = f"{count / took[name] / 1000:.0f} k/s"
        yield Line(f"{count // 1000} k packets into a frame, {name} Info", took[name], rate)
    others = {"scapy": "scapy’s dissection and summary into one", "tshark": "tshark -2 -T fields into one"}
    for number, (other, what) in enumerate(others.items()):
        if other in took:
            yield Line(what, took[other], f"{count / took[other] / 1000:.1f} k/s")
            for name, goal in goals.items():
                yield _against(f"  against it, {name} Info", took[name], took[other], goal[number])
    grown, limit = _memory(file), 2 * file.stat().st_size / 2**20 + 100
    yield Line(
        "memory of the frame with Info", took["with"], f"{grown:.0f} MiB", f"≤ {limit:.0f} MiB", met=grown <= limit
    )


def _against(what: str, ours: float, theirs: float, goal: int) -> Line:
    ratio = theirs / ours
    return Line(what, ours, f"{ratio:.1f} ×", f"≥ {goal} ×", met=ratio >= goal)


def _quickest(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least seconds of each, in turns: what else the machine does meets all of them."""
    took = dict.fromkeys(ways, float("inf"))
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            begun = time.perf_counter()
            said = way()
            # scapy says itself what it has taken, without its start.
            took[name] = min(took[name], said if isinstance(said, float) else time.perf_counter() - begun)
    return took


def _tshark(file: Path) -> object:
    import pandas as pd

    words = [word for field in _FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-2", "-r", str(file), "-T", "fields", *words]
    done = subprocess.run(command, capture_output=True, check=True)
    return pd.read_csv(io.BytesIO(done.stdout), sep="\t", names=list(_FIELDS), quoting=3)


def _scapy(file: Path) -> float:
    """Return what scapy takes for the first packets, read by itself, each with its summary, into a frame."""
    import pandas as pd
    import scapy.layers.all  # noqa: F401 - without them it takes nothing apart
    from scapy.utils import rdpcap

    _ = rdpcap(str(file), 1)[0].summary()  # its modules are loaded with the first one
    begun = time.perf_counter()
    rows = [(float(packet.time), packet.wirelen, packet.summary()) for packet in rdpcap(str(file), _SCAPY_PACKETS)]
    pd.DataFrame(rows)
    return time.perf_counter() - begun


def _memory(file: Path) -> float:
    done = subprocess.run([sys.executable, "-c", _MEMORY, str(file)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0]) / 1024


def _serve(server: socket.socket) -> None:
    while True:
        try:
            taken, _ = server.accept()
        except OSError:  # that was all
            return
        with taken:
            taken.recv(4096)
            taken.sendall(_ANSWER)


def _fetch(node: Node) -> None:
    with node.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(_PATIENCE)
        client.connect(_SERVER)
        client.sendall(b"GET /index.html HTTP/1.1\r\nHost: www\r\n\r\n")
        while client.recv(65536):
            pass


def _ask(node: Node, questions: int) -> None:
    with node.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_PATIENCE)
        for number in range(questions):
            name = b"\x03deb\x06debian\x03org\0"
            client.sendto(struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1", (RESOLVER, 53))
            client.recv(4096)
