"""Compare our words with tshark's, row by row.

python tests/capture/words/compare.py FILE.pcap [-n ROWS] [-q]
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nslab.capture.files import examine
from nslab.capture.words import Dissector

FIELDS = ("frame.number", "_ws.col.Source", "_ws.col.Destination", "_ws.col.Protocol", "frame.len", "_ws.col.Info")


def tshark(path: str | Path) -> list[tuple[str, ...]]:
    """Return the columns that tshark prints."""
    fields = [argument for field in FIELDS for argument in ("-e", field)]
    command = ["tshark", "-n", "-2", "-r", str(path), "-T", "fields", *fields]
    # Columns with a line end in them come escaped; a byte that is no UTF-8 does not.
    printed = subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="replace")
    return [tuple(f.rstrip() for f in line.split("\t")) for line in printed.split("\n") if line]


def ours(path: str | Path) -> list[tuple[str, ...]]:
    """Return the columns that nslab prints."""
    packets = examine(Path(path)).packets
    words = Dissector(strict=True)
    words.feed(packets)
    words.finish()
    rows = zip(words.source, words.destination, words.protocol, packets.length.tolist(), words.info, strict=True)
    return [(str(number), *(str(f).rstrip() for f in row)) for number, row in enumerate(rows, 1)]


@dataclass
class Comparison:
    """How many rows there are and how many are equal, by tshark's Protocol."""

    rows: Counter[str]
    equal: Counter[str]
    different: list[tuple[tuple[str, ...], tuple[str, ...]]]  # ours, tshark's

    @property
    def share(self) -> float:
        return self.equal.total() / max(1, self.rows.total())

    def __str__(self) -> str:
        lines = [
            f"{protocol:12} {self.equal[protocol]:7}/{count:<7} {self.equal[protocol] / count:8.2%}"
            for protocol, count in self.rows.most_common()
        ]
        return "\n".join([*lines, f"{'all':12} {self.equal.total():7}/{self.rows.total():<7} {self.share:8.2%}"])


def compare(*paths: str | Path) -> Comparison:
    """Compare all rows of these files."""
    comparison = Comparison(Counter(), Counter(), [])
    for path in paths:
        for mine, theirs in zip(ours(path), tshark(path), strict=True):
            comparison.rows[theirs[3]] += 1
            comparison.equal[theirs[3]] += mine == theirs
            if mine != theirs:
                comparison.different.append((mine, theirs))
    return comparison


def main(arguments: list[str]) -> int:
    shown = int(arguments[arguments.index("-n") + 1]) if "-n" in arguments else 20
    paths = [a for a in arguments if Path(a).is_file()]
    comparison = compare(*paths)
    if "-q" not in arguments:
        for mine, theirs in comparison.different[:shown]:
            print("ours  ", *mine, sep=" | ")
            print("tshark", *theirs, sep=" | ")
    print(comparison)
    return int(comparison.share < 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
