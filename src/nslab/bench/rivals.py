"""Others that capture, to be measured beside us: tcpdump in the node, and what this machine has of the rest."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nslab.bench.exec_ import pid_outside
from nslab.errors import LabError
from nslab.sandbox import idmap
from nslab.sandbox.door import Node

_TAIL: Final = 1.2  # seconds until libpcap has handed out its last block: a tcpdump that is ended at once loses it
_PATIENCE: Final = 30.0  # seconds
_SCAPY: Final = """
import json, logging, socket, sys, threading, time, types
logging.getLogger("scapy").setLevel(40)
from scapy.config import conf
from scapy.sendrecv import AsyncSniffer
import scapy.arch.linux as linux, scapy.layers.all
# Its own socket and its own way to read, but of the node's network: it knows no other than its process's.
handed = socket.socket(fileno=int(sys.argv[2]))
linux.socket = types.SimpleNamespace(**{**vars(socket), "socket": lambda *_: handed})
linux.network_name = str
conf.sniff_promisc = False
ready = threading.Event()
sniffer = AsyncSniffer(opened_socket=conf.L2listen(iface=sys.argv[1]), started_callback=ready.set)
sniffer.start()
ready.wait()
before = time.process_time()
print("ready", flush=True)
sys.stdin.readline()
count = len(sniffer.stop())
print(json.dumps([count, time.process_time() - before]))
"""
_PYSHARK: Final = """
import json, os, sys, threading, time
import pyshark
capture = pyshark.LiveCapture(interface=sys.argv[1], tshark_path=sys.argv[2])
count = 0
def read():
    global count
    for _ in capture.sniff_continuously():
        count += 1
threading.Thread(target=read, daemon=True).start()
time.sleep(4)
print("ready", flush=True)
sys.stdin.readline()
time.sleep(1)
print(json.dumps([count, time.process_time()]), flush=True)
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a capturer has: packets, and the processor's seconds that they took; nan where they are not its own."""

    packets: int
    cpu: float


Body = Callable[[], object]


def tcpdump(node: Node, interface: str, body: Body, *, tail: float = _TAIL) -> Seen:
    """Have tcpdump write to a file while `body` runs, and give it `tail` seconds more."""
    ends = os.pipe2(os.O_CLOEXEC)
    words = ["tcpdump", "-n", "-i", interface, "-w", "/tmp/rival.pcap", "-Z", "root"]
    process = node.spawn(words, places={2: ends[1]})
    os.close(ends[1])
    with os.fdopen(ends[0]) as said:
        _await(said.readline, "listening on")
        body()
        time.sleep(tail)
        cpu = int(node.run(["cat", f"/proc/{process.pid}/schedstat"]).stdout.split()[0]) / 1e9
        process.signal(signal.SIGINT)
        process.wait(_PATIENCE)
        captured = re.search(r"(\d+) packets? captured", said.read())
    return Seen(int(captured[1]) if captured else 0, cpu)


def scapy(node: Node, interface: str, body: Body) -> Seen:
    """Have scapy's AsyncSniffer listen, from its `started_callback` on."""
    with node.socket(socket.AF_PACKET, socket.SOCK_RAW) as handed:
        return _python([_SCAPY, interface, str(handed.fileno())], body, handed.fileno())


def pyshark(node: Node, interface: str, body: Body) -> Seen:
    """Have pyshark's LiveCapture listen, with a tshark of the node's network; it has no sign for having begun."""
    with tempfile.TemporaryDirectory() as place:
        wrapper = Path(place) / "tshark"
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(_enter(node))} {shutil.which("tshark")} "$@"\n')
        wrapper.chmod(0o755)
        return _python([_PYSHARK, interface, str(wrapper)], body)


def has_pyshark() -> bool:
    """Return whether it is here: nslab does not ask for it."""
    return find_spec("pyshark") is not None and shutil.which("tshark") is not None


def dumpcap(node: Node, interface: str, body: Body) -> Seen:
    """Have dumpcap write to a file; it is ended as soon as `body` is."""
    return _wireshark(node, ["dumpcap", "-q", "-i", interface, "-w", "-"], "File: ", body)


def tshark(node: Node, interface: str, body: Body) -> Seen:
    """Have tshark print packets; it is ended as soon as `body` is."""
    return _wireshark(node, ["tshark", "-n", "-l", "-i", interface], "Capture started", body)


def _wireshark(node: Node, words: list[str], ready: str, body: Body) -> Seen:
    command = [*_enter(node), *words]
    # Its user's settings are not to be read from inside, and it complains of each.
    settings = {**os.environ, "HOME": "/nonexistent"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings) as running:
        assert running.stderr is not None  # noqa: S101 - for mypy
        error = running.stderr
        _await(lambda: error.readline().decode(errors="replace"), ready)
        body()
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=_PATIENCE)
    if words[0] == "tshark":
        return Seen(out.count(b"Echo (ping)"), float("nan"))
    from nslab.capture import pcapng

    return Seen(len(pcapng.read(out).packets), float("nan"))


def _python(words: list[str], body: Body, *descriptors: int) -> Seen:
    command = [sys.executable, "-c", *words]
    with subprocess.Popen(
        command,
        text=True,
        pass_fds=descriptors,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout is not None  # noqa: S101 - for mypy
        _await(running.stdout.readline, "ready")
        body()
        out, _ = running.communicate("\n", timeout=4 * _PATIENCE)
    return Seen(*json.loads(out.splitlines()[-1]))


def _enter(node: Node) -> list[str]:
    """Return what runs a program of this machine in a node's network."""
    as_i_am = ["--preserve-credentials"] if idmap.choose().kind == "one" else []
    return ["nsenter", "-t", str(pid_outside(node)), "--user", "--net", *as_i_am]


def _await(line: Callable[[], str], sign: str) -> None:
    for _ in range(100):
        said = line()
        if sign in said:
            return
        if not said:
            break
    raise LabError(f"it did not say “{sign}”, so it cannot be measured")
