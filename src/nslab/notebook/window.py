"""A second terminal of a node, as the runbook's: a program that stays in its foreground outlives the cell."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nslab.notebook.foreground import Foreground
from nslab.notebook.shell import ENVIRONMENT, Ending, Feedable, interrupts, make_plain, read, wait
from nslab.sandbox.door import Node, Process

_SILENCE: Final = 0.3  # seconds after its last words, then the program waits for its user
_LOOK: Final = 0.02


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of a window: how its program ended, or None, and the containers that it has made."""

    ending: Ending | None
    containers: tuple[str, ...] = ()


def run(
    node: Node,
    text: str,
    output: Feedable,
    *,
    terminals: Node,
    variables: Mapping[str, str],
    cwd: str,
    timeout: float | None = None,
) -> Opened:
    """Run a cell's text in a new terminal of the node; return when it waits for its user or has ended.

    It waits when a container is there that was not before, or when it has written something and then nothing for a
    while. The terminal is then left to the node `terminals`, which lives as long as the lab.
    """
    before = {each["pid"] for each in terminals.containers()}
    window, programs = terminals.terminal()
    try:
        make_plain(programs)
        places = dict.fromkeys((0, 1, 2), programs)
        process = node.spawn(text, places=places, terminal=programs, env=ENVIRONMENT | dict(variables), cwd=cwd)
        os.close(programs)
        os.set_blocking(window, False)
        with interrupts() as wake:
            opened = _follow(process, window, wake, output, terminals=terminals, before=before, timeout=timeout)
        if opened.ending is None:
            os.set_blocking(window, True)
            terminals.hold(window)
            process.leave()
        return opened
    finally:
        os.close(window)


def _follow(
    process: Process,
    window: int,
    wake: int,
    output: Feedable,
    *,
    terminals: Node,
    before: set[int],
    timeout: float | None,
) -> Opened:
    due = None if timeout is None else time.monotonic() + timeout
    spoken = born = 0.0
    stopped = ""
    foreground: Foreground | None = None
    while True:
        ready = wait([window, process.fileno(), wake], time.monotonic() + _LOOK)
        now = time.monotonic()
        if data := read(window):
            output.feed("stdout", data)
            spoken = now
        if process.fileno() in ready:
            break
        if wake in ready or (due is not None and now >= due) or foreground:
            harder = bool(wake in ready and os.eventfd_read(wake) and foreground)
            stopped = stopped or ("interrupted" if wake in ready else "timeout")
            foreground = foreground or Foreground(window, shell=0)
            foreground.push(harder=harder)
            continue
        made = [each for each in terminals.containers() if each["pid"] not in before]
        # `unshare --net=FILE` first starts the container and then puts its network's name on FILE.
        born = born or (now if made else 0.0)
        if made and (all(each["name"] for each in made) or now - born >= _SILENCE):
            return Opened(None, tuple(each["name"] or f"PID {each['pid']}" for each in made))
        if spoken and now - spoken >= _SILENCE:
            return Opened(None)
    while data := read(window):
        output.feed("stdout", data)
    if foreground is not None:
        foreground.sweep()
    status = process.wait()
    return Opened(Ending(status if status >= 0 else 128 - status, stopped=stopped))
