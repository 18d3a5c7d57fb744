"""Programs, sockets and terminals of a node, through its one door."""

from __future__ import annotations

import os
import select
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from nslab.errors import CommandFailed, LabError


@pytest.fixture
def host(shared_lab):
    return shared_lab["host"]


def read_until_end(window):
    """Return all that is written to a terminal until its last program has ended (EIO)."""
    text = b""
    while select.select([window], [], [], 20)[0]:
        try:
            text += os.read(window, 4096)
        except OSError:
            break
    return text.decode()


@pytest.mark.one_id
def test_a_command_gives_its_output_and_status(host):
    done = host.run("echo out; echo err >&2; exit 3", check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)
    assert host.run(["printf", "%s", "a b"]).stdout == "a b"


def test_a_command_has_what_it_is_given(host):
    done = host.run('cat; echo "$X $PWD"', input="in\n", env={"X": "1"}, cwd="/usr")
    assert done.stdout == "in\n1 /usr\n"
    assert host.run(["wc", "-c"], input=b"x" * 3_000_000).stdout == "3000000\n"
    assert host.run("seq 300000").stdout.endswith("299999\n300000\n")


def test_a_failing_command_is_one_line(host):
    with pytest.raises(CommandFailed, match=r'^host: exit 1 · ip link del br7 · Cannot find device "br7"$'):
        host.run("ip link del br7")
    with pytest.raises(CommandFailed, match=r"^host: killed by SIGKILL"):
        host.run("kill -9 $$")
    for start in (host.run, host.spawn):
        with pytest.raises(
            CommandFailed, match=r"^host: exit 127 · no-such-program · no-such-program: command not found"
        ):
            start(["no-such-program"])
    with pytest.raises(CommandFailed, match="exit 126"):
        host.run(["/etc/passwd"])


def test_a_command_that_is_too_long_is_one_line(host):
    with pytest.raises(LabError, match="too long"):
        host.run(["true", "x" * 5_000_000])
    assert host.run(["true"]).returncode == 0


def test_a_command_ends_when_its_program_does_and_not_its_background_job(host):
    done = host.run("sleep 60 & echo $!")
    assert host.run(f"kill {done.stdout}").returncode == 0


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(host):
    with pytest.raises(LabError, match=r"still running after 0\.3 s"):
        host.run("sleep 61 & sleep 61", timeout=0.3)
    assert host.run("pgrep -fx 'sleep 61'", check=False).returncode == 1


def test_a_program_can_be_waited_for_and_signalled(host):
    process = host.spawn(["sleep", "62"])
    assert process.poll() is None
    with pytest.raises(TimeoutError):
        process.wait(0.01)
    process.signal(signal.SIGTERM)
    assert process.wait(10) == process.returncode == -signal.SIGTERM
    process.signal(signal.SIGTERM)  # it has ended: no error


def test_a_node_lives_on_when_the_one_who_started_a_program_was_interrupted(host):
    for _ in range(5):  # one of them is told the program's number after it has left
        reply = host._request({"op": "spawn", "argv": ["true"], "env": {}, "cwd": None, "wants_pid": True}, places={})
        reply.close()
    assert host.run("echo here").stdout == "here\n"


def test_many_threads_may_ask_at_once(host):
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda number: host.run(["echo", str(number)]).stdout, range(100))
    assert list(answers) == [f"{number}\n" for number in range(100)]


def test_a_socket_is_of_the_node_whoever_holds_it(shared_lab):
    with shared_lab["host"].socket(socket.AF_INET, socket.SOCK_STREAM, bind=("10.0.2.15", 8099), listen=1) as listening:
        listening.settimeout(10)
        caller = shared_lab["outside"].spawn(["bash", "-c", "echo hello >/dev/tcp/10.0.2.15/8099"])
        connection, (address, _) = listening.accept()
        with connection:
            assert (connection.recv(10), address) == (b"hello\n", "10.0.2.3")
        assert caller.wait(10) == 0
    with pytest.raises(OSError, match="assign"):
        shared_lab["host"].socket(socket.AF_INET, socket.SOCK_STREAM, bind=("192.0.2.1", 1))


@pytest.mark.one_id
def test_a_program_has_a_terminal_of_its_own(host):
    window, programs = host.terminal()
    script = "tty; ps -o stat= -p $$; echo to-the-terminal >/dev/tty"
    process = host.spawn(["bash", "-c", script], places=dict.fromkeys((0, 1, 2), programs), terminal=programs)
    os.close(programs)
    seen = read_until_end(window)
    os.close(window)
    assert process.wait(10) == 0
    assert "/dev/pts/" in seen
    assert "Ss+" in seen  # a session leader, in the foreground of its terminal
    assert "to-the-terminal" in seen


def test_what_runs_in_a_held_window_outlives_who_opened_it(host):
    window, programs = host.terminal()
    places = dict.fromkeys((0, 1, 2), programs)
    process = host.spawn(["bash", "-c", "yes | head -c 300000; exec cat"], places=places, terminal=programs)
    os.close(programs)
    host.hold(window)
    os.close(window)
    with pytest.raises(TimeoutError):
        process.wait(0.2)  # neither hung up nor stuck for want of a reader
    assert host.run(["cat", f"/proc/{process.pid}/comm"]).stdout in ("bash\n", "cat\n")
    process.signal(signal.SIGKILL, group=True)
    assert process.wait(10) == -signal.SIGKILL


@pytest.fixture
def window(host):
    """A window of the host in which a container called box runs, as a student makes it."""
    host.run("ip netns add box")
    window, programs = host.terminal()
    unshare = "unshare --fork --pid --net=/run/netns/box --mount --uts --cgroup --ipc --root=/ bash"
    places = dict.fromkeys((0, 1, 2), programs)
    process = host.spawn(["bash", "-c", unshare], places=places, terminal=programs)
    os.close(programs)
    while "#" not in os.read(window, 4096).decode():  # its prompt
        pass
    yield window
    os.close(window)
    process.wait(20)
    # `unshare --net=FILE` has mounted its own new namespace over the one that `ip netns add` made: unshare(1).
    host.run("umount /run/netns/box; ip netns del box")


def run_until_it_is_gone(node):
    while True:
        node.run("true")


@pytest.mark.one_id
def test_a_container_that_a_student_has_made_is_a_node(shared_lab, window):
    assert "box" in shared_lab.nodes()
    box = shared_lab["box"]
    box.run("hostname box")
    assert box.run("hostname; ls -A /sys/class/net | wc -l; readlink /proc/self/ns/uts").returncode == 0
    assert shared_lab["host"].run("hostname").stdout == "host\n"
    assert shared_lab["box"] is box
    assert box.run("ip -br link | cut -d' ' -f1").stdout == "lo\n"
    os.write(window, b"exit\n")
    os.read(window, 4096)
    with pytest.raises(LabError, match="box"):
        run_until_it_is_gone(box)
    assert "box" not in shared_lab.nodes()
