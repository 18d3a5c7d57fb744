"""`true` in a node, against the same program beside the lab and against nsenter."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from nslab.bench.table import Line, Table, medians
from nslab.errors import MachineError
from nslab.instruments import Lab
from nslab.sandbox import idmap
from nslab.sandbox.door import Node

_ROUNDS: Final = 500
_TRUE: Final = "/bin/true"


def measure() -> Table:
    """Start the program in turns: by hand, through the node's door, through nsenter."""
    nsenter = shutil.which("nsenter")
    if nsenter is None:
        raise MachineError("nsenter is missing, which Node.run is compared with: sudo apt install util-linux")
    with Lab.up(f"bench-{os.getpid()}", owner=os.getpid()) as lab:
        host = lab["host"]
        # With one id there are no groups to set, and nsenter has to be told so.
        as_i_am = ["--preserve-credentials"] if idmap.choose().kind == "one" else []
        enter = [nsenter, "-t", str(pid_outside(host)), "-a", *as_i_am, _TRUE]
        ways = {
            "spawn": lambda: os.waitpid(os.posix_spawn(_TRUE, [_TRUE], os.environ), 0),
            "run": lambda: host.run([_TRUE]),
            "nsenter": lambda: subprocess.run(enter, capture_output=True, text=True, check=True),
        }
        took = medians(ways, rounds=_ROUNDS)
    spawn, run, entered = took["spawn"], took["run"], took["nsenter"]
    return Table(
        f"exec: `true`, p50 of {_ROUNDS} in turns",
        (
            Line("os.posix_spawn + waitpid, beside the lab", spawn, "1.00 ×"),
            Line('Node.run, in "host", output captured', run, f"{run / spawn:.2f} ×", "≤ 1.6 ×", run <= 1.6 * spawn),
            Line("  against nsenter", run, f"{run / entered:.2f} of it", "< 0.5 of it", run < entered / 2),
            Line("nsenter -t PID -a, output captured", entered, f"{entered / spawn:.2f} ×"),
        ),
    )


def pid_outside(node: Node) -> int:
    """Return the PID of a node's first process as this machine counts; LookupError when it cannot be seen from here."""
    namespace = node.run(["readlink", "/proc/self/ns/pid"]).stdout.strip()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "ns/pid").readlink()) == namespace and _is_first(process):
                return int(process.name)
        except OSError:  # it has ended, or is somebody else's
            continue
    raise LookupError(f"{node.name}: its first process cannot be seen from here")


def _is_first(process: Path) -> bool:
    """True for PID 1 of its namespace."""
    (numbers,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("NSpid:"))
    return numbers.split()[-1] == "1"
