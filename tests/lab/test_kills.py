"""Killed at any moment: whatever had been started by then, nothing of it is left."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from nslab.lab.lab import Lab

ROUNDS = 12
MAKE = "import sys, nslab; nslab.Lab.up(sys.argv[1]); print('up', flush=True); sys.stdin.read()"


def start_maker(name, mark):
    """Start a program that makes a lab; all that it starts carries `mark` in its environment."""
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, name],
        env=os.environ | {"NSLAB_TEST_MARK": mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def marked(mark):
    """Return the PIDs of the living processes that have been started with `mark` in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


def wait_for_the_end_of(mark):
    """Wait until no process with that mark is left; False when one outlives its time."""
    for _ in range(20):
        pids = [pid for pid in marked(mark) if pid != os.getpid()]
        if not pids:
            return True
        for pid in pids:
            with suppress(ProcessLookupError):
                end = os.pidfd_open(pid)
                select.select([end], [], [], 5)
                os.close(end)
    return False


@pytest.mark.one_id
def test_a_maker_that_is_killed_at_any_moment_leaves_nothing_half_made(shared_lab):
    luck = random.Random(7)
    for round_ in range(ROUNDS):
        mark, name = uuid.uuid4().hex, f"kill-{os.getpid()}-{round_}"
        process = start_maker(name, mark)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=luck.uniform(0.0, 0.9))  # importing takes 0.3 s, making 0.3 s
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if name in Lab.names():  # it was whole by then, and lives
            Lab.attach(name).down()
        assert wait_for_the_end_of(mark), f"round {round_}"
        assert name not in Lab.names()


@pytest.mark.one_id
def test_any_process_of_a_lab_may_be_killed_and_then_nothing_is_left(shared_lab):
    luck = random.Random(11)
    for round_ in range(ROUNDS // 2):
        mark, name = uuid.uuid4().hex, f"part-{os.getpid()}-{round_}"
        process = start_maker(name, mark)
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(luck.choice([pid for pid in marked(mark) if pid != process.pid]), signal.SIGKILL)
        with suppress(Exception):  # a gateway or a node less: the rest is still a lab, and can be ended
            Lab.attach(name).down()
        process.communicate()
        assert wait_for_the_end_of(mark), f"round {round_}"
        assert name not in Lab.names()
