"""The command line, as a shell and a pair of hands use it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from nslab.cli.runs import copied
from nslab.errors import LabError
from nslab.instruments import Lab

NSLAB = [sys.executable, "-m", "nslab"]
PATIENCE = 60  # seconds: how long a test waits for what shall happen at once


def nslab(*words, **options):
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run([*NSLAB, *words], check=False, **options)


def one_line(stderr):
    """Return the line of a complaint, which shall be the only one."""
    (line,) = stderr.splitlines()
    assert line.startswith("nslab: ")
    return line


@pytest.fixture
def name():
    """Return a name for a lab of the command line's own making."""
    name = f"cli-{os.getpid()}"
    yield name
    with suppress(LabError):  # there is none
        Lab.attach(name).down()


def ended(pid):
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    try:
        return bool(waiting.poll(PATIENCE * 1000))
    finally:
        os.close(descriptor)


# up, ls, down


@pytest.mark.one_id
def test_a_lab_comes_up_is_listed_and_goes_down(name):
    assert nslab("up", name, "--owner", str(os.getpid())).stdout == f"lab {name} is up: internet, outside, host\n"
    (listed,) = [each for each in json.loads(nslab("ls", "--json").stdout) if each["name"] == name]
    assert listed["nodes"] == ["internet", "outside", "host"]
    assert listed["pid"] == Lab.attach(name).pid
    assert listed["rootless"] == (os.geteuid() != 0)
    assert listed["age"] >= 0
    assert name in nslab("ls").stdout
    assert nslab("down", name).returncode == 0
    assert ended(listed["pid"])
    assert name not in nslab("ls").stdout


def test_up_is_content_with_a_lab_that_is_up(shared_lab):
    pid = shared_lab.pid
    assert nslab("up", shared_lab.name).returncode == 0
    assert Lab.attach(shared_lab.name).pid == pid


def test_the_environment_names_the_lab(shared_lab):
    seen = nslab("exec", "host", "--", "hostname", env={**os.environ, "NSLAB_LAB": shared_lab.name})
    assert seen.stdout == "host\n"


def test_a_lab_ends_with_the_process_that_owns_it(name):
    owner = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert nslab("up", name, "--owner", str(owner.pid)).returncode == 0
    init = Lab.attach(name).pid
    owner.kill()
    owner.communicate()
    assert ended(init)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["bogus"], 2, "no command is called 'bogus'"),
        (["up", "--nosuch"], 2, "--nosuch"),
        (["up", "a lab"], 2, "a lab's name has letters"),
        (["up", "x", "--at", "9"], 2, "the sections are 1 to 4"),
        (["up", "x", "--at", "2", "-p", "pings", "many"], 2, "pings must be a whole number"),
        (["up", "x", "-p", "pings", "3"], 2, "-p goes with --at"),
        (["up", "x", "--owner", "999999999"], 2, "there is no process"),
        (["down", "x", "--all"], 2, "not both"),
        (["down", "nosuchlab"], 1, "there is no lab 'nosuchlab'"),
        (["exec", "--lab", "nosuchlab", "host", "--", "true"], 1, "there is no lab 'nosuchlab'"),
        (["exec", "host"], 2, "Missing argument"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_status(words, status, says):
    seen = nslab(*words)
    assert seen.returncode == status
    assert says in one_line(seen.stderr)


def test_a_node_that_is_not_there_is_one_line(shared_lab):
    seen = nslab("exec", "--lab", shared_lab.name, "hots", "--", "true")
    assert (seen.returncode, one_line(seen.stderr)) == (
        1,
        "nslab: hots: no such node; nodes: internet, outside, host",
    )


# exec


@pytest.mark.one_id
def test_input_output_errors_and_exit_status_pass_through(shared_lab):
    seen = nslab("exec", "--lab", shared_lab.name, "host", "--", "sh", "-c", "cat; echo no >&2; exit 7", input="häh")
    assert (seen.stdout, seen.stderr, seen.returncode) == ("häh", "no\n", 7)


def test_bytes_pass_through_as_they_are(shared_lab):
    flood = os.urandom(3_000_000)
    seen = nslab("exec", "--lab", shared_lab.name, "host", "--", "cat", input=flood, text=False)
    assert seen.stdout == flood


def test_what_the_program_leaves_of_its_input_is_still_there(shared_lab, tmp_path):
    lines = tmp_path / "lines"
    lines.write_text("one\ntwo\n")
    script = f'while read -r line; do {" ".join(NSLAB)} exec --lab {shared_lab.name} host -- echo "$line"; done'
    with lines.open() as file:
        seen = subprocess.run(["bash", "-c", script], stdin=file, capture_output=True, text=True, check=True)
    assert seen.stdout == "one\ntwo\n"


def test_options_of_the_program_are_its_own(shared_lab):
    seen = nslab("exec", "--lab", shared_lab.name, "host", "--", "echo", "--help", "-p", "--")
    assert seen.stdout == "--help -p --\n"


@pytest.mark.parametrize(("command", "status"), [("nosuchprogram", 127), ("/etc/passwd", 126)])
def test_what_cannot_be_started_has_a_shells_status(shared_lab, command, status):
    seen = nslab("exec", "--lab", shared_lab.name, "host", "--", command)
    assert seen.returncode == status
    assert command in one_line(seen.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_reaches_the_program(shared_lab, number):
    script = f"trap 'echo got it; exit 9' {number.name[3:]}; echo ready; while :; do sleep 0.1; done"
    with subprocess.Popen(
        [*NSLAB, "exec", "--lab", shared_lab.name, "host", "--", "bash", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        assert running.stdout.read() == "got it\n"
    assert running.returncode == 9


def test_a_program_that_a_signal_ends_has_a_shells_status(shared_lab):
    seen = nslab("exec", "--lab", shared_lab.name, "host", "--", "sh", "-c", "kill -KILL $$")
    assert seen.returncode == 128 + signal.SIGKILL


def test_no_directory_of_the_machine_is_handed_to_a_node(shared_lab, tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        seen = nslab("exec", "--lab", shared_lab.name, "host", "--", "ls", "/proc/self/fd/0/", stdin=directory)
    finally:
        os.close(directory)
    assert seen.returncode != 0


# shell: a terminal


class Terminal:
    """A window with a program in it, and somebody who types and reads."""

    def __init__(self, *words, argv=(), rows=24, columns=80):
        self.pid, self.window = pty.fork()
        if not self.pid:
            os.environ["TERM"] = "xterm"
            command = argv or [*NSLAB, *words]
            os.execvp(command[0], command)
        self.resize(rows, columns)
        self.shown = ""

    def resize(self, rows, columns):
        termios.tcsetwinsize(self.window, (rows, columns))

    def type(self, text):
        os.write(self.window, text.encode())

    def read_until(self, pattern):
        """Return what a pattern has matched, once it is on the screen; what stands before is read."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.shown)):
            assert self._readable(deadline - time.monotonic()), f"{pattern!r} is not in {self.shown!r}"
            data = self._read()
            assert data, f"it ended, and {pattern!r} is not in {self.shown!r}"
            self.shown += data
        self.shown = self.shown[found.end() :]
        return found

    def end(self):
        """Read to the end; return the exit status."""
        while self._readable(PATIENCE) and (data := self._read()):
            self.shown += data
        os.close(self.window)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self):
        try:
            return os.read(self.window, 4096).decode(errors="replace")
        except OSError:  # EIO: nobody writes to it any more
            return ""

    def _readable(self, seconds):
        waiting = select.poll()
        waiting.register(self.window, select.POLLIN)
        return bool(waiting.poll(max(0, seconds) * 1000))


@pytest.fixture
def shell(shared_lab):
    terminal = Terminal("shell", "--lab", shared_lab.name, "host", rows=33, columns=101)
    terminal.read_until(r"[#$] ")
    yield terminal
    with suppress(ProcessLookupError):  # reaped
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.end()


@pytest.mark.one_id
def test_a_shell_is_a_terminal_of_the_node_as_large_as_ours(shell):
    shell.type("tty; stty size; echo $TERM; hostname\n")
    shell.read_until(r"/dev/pts/\d+\r\n33 101\r\nxterm\r\nhost\r\n")
    shell.resize(40, 120)
    shell.type("stty size\n")
    shell.read_until("40 120\r\n")
    shell.type("exit 5\n")
    assert shell.end() == 5


def test_a_shell_has_job_control(shell):
    # A key that is typed while bash hands the terminal over may be lost, in any terminal: `on` says that it has.
    shell.type("sh -c 'echo o''n; exec sleep 1000'\n")
    shell.read_until("on\r\n")
    shell.type("\x1a")
    shell.read_until("Stopped")
    shell.type("bg; jobs\n")
    shell.read_until("Running")
    shell.type("kill %1; wait; sh -c 'echo o''n; exec sleep 1000'\n")
    shell.read_until("on\r\n")
    shell.type("\x03")
    shell.read_until(r"[#$] ")
    shell.type("echo status $?\n")
    shell.read_until("status 130")


def test_a_large_paste_gets_through(shell):
    shell.type("stty -echo; echo rea''dy; head -c 60000 | wc -c\n")
    shell.read_until("ready\r\n")
    for _ in range(600):
        shell.type("x" * 99 + "\n")
    shell.read_until("60000\r\n")


def test_the_terminal_is_as_it_was_when_the_shell_is_told_to_end(shared_lab):
    script = f"stty -a; {' '.join(NSLAB)} shell --lab {shared_lab.name} host; echo ended $?; stty -a"
    terminal = Terminal(argv=["bash", "-c", script])
    before = terminal.read_until(r"(?s)speed.*?echoke.*?\r\n")[0]
    terminal.read_until(r"[#$] ")
    (child,) = Path(f"/proc/{terminal.pid}/task/{terminal.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    terminal.read_until("ended 143")
    assert terminal.read_until(r"(?s)speed.*?echoke.*?\r\n")[0] == before
    assert terminal.end() == 0


def test_a_shell_without_a_terminal_says_what_to_do(shared_lab):
    seen = nslab("shell", "--lab", shared_lab.name, "host", stdin=subprocess.DEVNULL)
    assert seen.returncode == 2
    assert "nslab exec host -- bash" in one_line(seen.stderr)


def test_exec_between_two_terminals_gets_one_of_the_node(shared_lab):
    terminal = Terminal("exec", "--lab", shared_lab.name, "host", "--", "sh", "-c", "tty; exit 3")
    terminal.read_until(r"/dev/pts/\d+")
    assert terminal.end() == 3


def test_a_container_without_devices_has_a_terminal(lab):
    host = lab["host"]
    # The host's own /usr is file system enough; there is no /dev in it, and no /proc.
    host.run("ip netns add box; mkdir -p /box/usr; mount --bind /usr /box/usr; cp -a /bin /lib /lib64 /etc /box/")
    window, programs = host.terminal()
    unshare = ["unshare", "--fork", "--pid", "--net=/run/netns/box", "--mount", "--uts", "--root=/box", "bash"]
    container = host.spawn(unshare, terminal=programs, places=dict.fromkeys((0, 1, 2), programs))
    os.close(programs)
    os.read(window, 1)  # its prompt
    terminal = Terminal("shell", "--lab", lab.name, "box")
    terminal.read_until(r"[#$] ")
    terminal.type("ls /dev; test -t 0 && echo a term''inal; exit 6\n")
    terminal.read_until("a terminal\r\n")
    assert terminal.end() == 6
    container.signal(signal.SIGKILL)
    container.wait()
    os.close(window)


# lab, doctor, kernel


def test_jupyterlab_opens_on_the_notebooks(tmp_path):
    with subprocess.Popen(
        [*NSLAB, "lab", "--no-browser", "--port=0", "--ServerApp.port_retries=0"],
        cwd=tmp_path,
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr
        place = next(line for line in server.stderr if "Serving notebooks from local directory" in line)
        server.kill()
    assert place.rstrip().endswith("/notebooks")


def test_notebooks_of_a_wheel_are_copied_and_then_left_alone(tmp_path):
    (tmp_path / "wheel").mkdir()
    (tmp_path / "wheel/a.ipynb").write_text("new")
    (tmp_path / "wheel/b.ipynb").write_text("new")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.ipynb").write_text("my own")
    copied(tmp_path / "wheel", tmp_path / "mine")
    assert [(tmp_path / "mine" / name).read_text() for name in ("a.ipynb", "b.ipynb")] == ["my own", "new"]


@pytest.mark.one_id
def test_the_doctor_speaks_to_people_and_programs():
    findings = json.loads(nslab("doctor", "--json").stdout)
    assert {"name", "ok", "says", "remedy"} <= findings[0].keys()
    seen = nslab("doctor")
    assert len(seen.stdout.splitlines()) == len(findings)
    assert seen.returncode == (0 if all(each["ok"] or not each["needed"] for each in findings) else 3)


def test_the_kernel_is_installed_for_this_python(tmp_path):
    assert nslab("kernel", "install", "--prefix", str(tmp_path)).returncode == 0
    spec = json.loads((tmp_path / "share/jupyter/kernels/nslab/kernel.json").read_text())
    assert spec["argv"][0] == sys.executable
    assert nslab("kernel", "install", "--user", "--sys-prefix").returncode == 2


def test_a_command_in_a_node_does_not_wait_for_the_libraries_of_a_run(shared_lab):
    heavy = "import sys, nslab.cli.nodes; print([m for m in ('IPython', 'papermill', 'pyroute2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout == "[]\n"
