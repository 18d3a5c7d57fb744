"""The lasting shell of a node: what stays, what ends, and how one is told."""

import os
import signal
import threading

import pytest

from nslab.notebook.output import Output
from nslab.notebook.shell import Shell


class Told:
    """A shell and what it has written; `on` maps a text to what is done when that has been written."""

    def __init__(self, shell):
        self.shell = shell
        self.pieces = []

    def run(self, text, *, on=None, **options):
        self.pieces = []
        waiting = dict(on or {})

        def write(stream, piece):
            self.pieces.append((stream, piece))
            for awaited in [each for each in waiting if each in self.text()]:
                waiting.pop(awaited)()

        output = Output(write, colour=options.get("colour", False))
        try:
            return self.shell.run(text, output, **options)
        finally:
            output.close()

    def text(self, stream=None):
        return "".join(piece for name, piece in self.pieces if stream in (None, name))

    def says(self, text, **options):
        ending = self.run(text, **options)
        assert ending.status == 0, (text, ending, self.text())
        return self.text().strip()


@pytest.fixture
def shell(shared_lab):
    """Return a new shell of the host."""
    made = Shell(shared_lab["host"], terminals=shared_lab["host"])
    yield Told(made)
    made.close()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.one_id
def test_directory_variables_functions_and_aliases_live_on(shell):
    shell.run("cd /etc; export A=1; b=2; f() { echo f$A$b; }; alias q='echo q'")
    assert shell.says("pwd; f; q; echo $A").split() == ["/etc", "f12", "q", "1"]


def test_the_last_status_is_there_in_the_next_cell(shell):
    assert shell.run("(exit 7)").status == 7
    assert shell.says("echo $?") == "7"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("echo a\nfalse\necho b", 2, "a"),
        ("echo a; false; echo b", 1, "a"),
        ("f() {\n false\n echo in\n}\n\nf\necho b", 6, ""),
        ("for i in 1 2; do\n echo $i\n false\ndone", 3, "1"),
        ("(false; echo in)\necho b", 1, ""),
        ("true | false\necho b", 1, ""),
        ("eval 'false; echo in'\necho b", 1, ""),
        ("x=$(exit 1)\necho b", 1, ""),
        ("true &&\n false\necho b", 2, ""),
    ],
)
def test_a_failing_command_ends_the_cell_and_its_line_is_known(shell, text, line, said):
    ending = shell.run(text)
    assert (ending.status, ending.line, ending.lost) == (1, line, False)
    assert shell.text().strip() == said
    assert shell.says("echo alive") == "alive"


@pytest.mark.parametrize(
    "text",
    [
        "if false; then :; fi",
        "f() { false; echo in; }; if f; then :; fi",
        "false || true",
        "false && true",
        "! true",
        "while false; do :; done",
        "false | true",
        "x=$(false; echo in)",
        "set +e; false",
    ],
)
def test_what_is_asked_and_not_wanted_does_not_end_the_cell(shell, text):
    assert shell.says(f"{text}\necho on").endswith("on")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('echo ran\necho "open', "line 2: unexpected EOF"),
        ("echo ran\ncat <<EOF\nhello", "line 2: the here-document has no end (a line with `EOF' alone)"),
        ("echo ran\nif true; then", "in the middle of a command"),
        ("echo ran\necho a)", "line 2: syntax error near unexpected token `)'"),
        ("echo ran\n}\necho b", "in the middle of a command"),
        ("echo ran \\", "in the middle of a command"),
    ],
)
@pytest.mark.one_id
def test_a_cell_that_is_not_whole_runs_not_at_all(shell, text, said):
    ending = shell.run(text)
    assert said in ending.complaint
    assert "ran" not in shell.text()
    assert shell.says("echo alive") == "alive"


@pytest.mark.parametrize("text", ["", "# a comment", "cat <<EOF >/dev/null\nhello\nEOF", "\n\n"])
def test_a_cell_may_have_no_command(shell, text):
    assert shell.run(text).status == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [("exit 3", 3), ("exec false", 1), ("kill -9 $$", 137), ("set -u; echo $none", 1), ("echo ${none?}", 1)],
)
def test_after_the_shell_has_ended_the_next_cell_goes_on_where_it_was(shell, text, status):
    shell.run("cd /usr; export A=1; f() { echo f$A; }; alias q='echo q'")
    ending = shell.run(text)
    assert (ending.status, ending.lost) == (status, True)
    assert shell.says("pwd; f; q").split() == ["/usr", "f1", "q"]


def test_exit_takes_along_what_its_own_cell_had_done(shell):
    shell.run("cd /usr; export A=7; exit 4")
    assert shell.says("echo $PWD $A") == "/usr 7"


@pytest.mark.one_id
def test_an_interrupt_ends_the_foreground_and_what_it_started_and_nothing_else(shell):
    shell.run("sleep 1001 &")
    text = "sh -c 'sleep 1002 & sleep 1003 & echo go; wait'\necho not reached"
    ending = shell.run(text, on={"go": interrupt})
    assert (ending.stopped, ending.lost) == ("interrupted", False)
    assert "not reached" not in shell.text()
    assert shell.says("pgrep -a sleep | grep -o '100[1-9]'") == "1001"
    assert shell.says("kill %1; echo alive") == "alive"


@pytest.mark.parametrize(
    "text",
    [
        "echo go; while :; do :; done",
        "while echo go; do sleep 0.1; done",
        "f() { echo go; sleep 60; echo no; }; f",
        "trap '' INT; echo go; sleep 60",
        "for i in 1 2 3; do (trap 'exit 0' INT; echo go; sleep 60 & wait); done",
    ],
)
def test_an_interrupt_ends_the_whole_cell(shell, text):
    ending = shell.run(text + "\necho not reached", on={"go": interrupt})
    assert ending.stopped == "interrupted"
    assert "not reached" not in shell.text()
    assert shell.says("trap - INT; echo alive") == "alive"


def test_lines_are_counted_from_the_cell_after_an_interrupt_too(shell):
    shell.run("while echo go; do sleep 60; done", on={"go": interrupt})
    assert shell.run("true\nfalse").line == 2


def test_a_timeout_ends_it_even_when_it_will_not(shell):
    ending = shell.run("(trap '' INT QUIT; sleep 60)", timeout=0.1)
    assert ending.stopped == "timeout"
    assert shell.says("echo alive") == "alive"


def test_a_background_job_lives_on_and_the_cell_ends(shell):
    shell.run("sleep 1004 &")
    assert "sleep 1004" in shell.says("jobs")
    assert shell.says("kill %1; wait; echo done").endswith("done")


def test_what_a_background_job_writes_is_shown_with_the_next_cell(shell, tmp_path):
    shell.run("mkfifo /tmp/late; { read x < /tmp/late; echo late; : > /tmp/late; } &")
    shell.run("echo > /tmp/late; read x < /tmp/late || true; rm /tmp/late")
    first = shell.text()
    shell.run("echo next")
    assert "late" in first + shell.text()
    assert shell.text().endswith("next\n")


def test_a_background_job_that_writes_a_lot_is_not_held_up(shell):
    shell.run("mkfifo /tmp/flood; { seq 1 300000; : > /tmp/flood; } &")
    node = shell.shell.node
    node.run("cat /tmp/flood; rm /tmp/flood", timeout=60)  # it has got there, though nobody runs a cell


@pytest.mark.one_id
def test_output_streams_line_by_line(shell):
    answered = threading.Event()

    def answer():
        shell.shell.node.run("echo > /tmp/go")
        answered.set()

    shell.run("mkfifo /tmp/go; echo first; read x < /tmp/go; echo second; rm /tmp/go", on={"first": answer})
    assert answered.is_set()
    assert shell.text() == "first\nsecond\n"


def test_the_order_of_output_and_errors_is_kept(shell):
    assert shell.says("for i in 1 2 3; do echo out$i; echo err$i >&2; done").split() == [
        word for i in "123" for word in (f"out{i}", f"err{i}")
    ]


def test_split_keeps_errors_apart(shell):
    shell.run("echo out; echo err >&2", split=True)
    assert (shell.text("stdout"), shell.text("stderr")) == ("out\n", "err\n")
    shell.run("echo err >&2")
    assert shell.text("stderr") == ""


def test_programs_have_a_terminal_and_nothing_to_read(shell):
    assert shell.says("test -t 1 && echo terminal; cat; stty size < /dev/tty; tty | grep -c dev || true") == (
        "terminal\n50 160\n0"
    )


def test_children_get_no_descriptors_of_ours(shell):
    assert set(shell.says("ls /proc/self/fd").split()) <= {"0", "1", "2", "3", "252"}


def test_colours_are_off_unless_asked(shell):
    text = "printf '\\033[31mred\\033[0m\\n'; echo $TERM"
    assert shell.says(text) == "red\ndumb"
    assert shell.says(text, colour=True) == "\x1b[31mred\x1b[0m\nxterm-256color"
    assert shell.says(text) == "red\ndumb"


def test_variables_are_exported_as_they_are(shell):
    value = 'it\'s $HOME\n"two" lines'
    assert shell.says('printenv V; echo "$V"', variables={"V": value}) == f"{value}\n{value}"


def test_no_output_is_lost(shell):
    for number in range(200):
        shell.run(f"echo {number}; /bin/echo e{number} >&2")
        assert shell.text() == f"{number}\ne{number}\n"


def test_a_hundred_megabytes_come_through_and_the_next_cell_works(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shell.run("yes 'one line of a flood, and more of it' | head -c 100000000").status == 0
    assert "lines left out, all of it in" in shell.text()
    assert sum(path.stat().st_size for path in tmp_path.rglob("cell-*")) == 100_000_000
    assert shell.says("echo alive") == "alive"


def test_a_long_cell_is_read_whole(shell):
    assert shell.says(f"echo '{'y' * 60000}' | wc -c") == "60001"


def test_a_closed_shell_leaves_only_its_background_jobs(shared_lab):
    made = Shell(shared_lab["host"], terminals=shared_lab["host"])
    # A job that was just forked is still called bash.
    pid = int(Told(made).says("echo $$; sleep 1005 & until grep -q ^sleep /proc/$!/cmdline; do :; done").split()[0])
    made.close()
    seen = shared_lab["host"].run(f"test -e /proc/{pid}; echo $?; pkill -f 'sleep 100[5]'; echo $?", check=False)
    assert seen.stdout.split() == ["1", "0"]  # the shell is gone, the background job was there


def test_a_shell_of_a_container_without_devices_works(shared_lab):
    host = shared_lab["host"]
    script = """
        mkdir -p /tmp/bare && mount -t tmpfs bare /tmp/bare && cd /tmp/bare && mkdir usr proc
        mount --rbind /usr usr && ln -s usr/bin usr/lib usr/lib64 usr/sbin . && ip netns add bare
        exec unshare --fork --pid --net=/run/netns/bare --mount --uts --ipc --root=/tmp/bare sleep 1000
    """
    process = host.spawn(script)
    try:
        while not any(each["name"] == "bare" for each in host.containers()):
            assert process.poll() is None
        made = Shell(shared_lab["bare"], terminals=host)
        told = Told(made)
        assert told.says("cd /usr; pwd; test -t 1 && echo terminal").split() == ["/usr", "terminal"]
        assert told.run("echo go; sleep 60", on={"go": interrupt}).stopped == "interrupted"
        made.close()
    finally:
        process.signal(signal.SIGKILL, group=True)
        process.wait(timeout=10)
        host.run("pkill -9 -f 'sleep 100[0]'; ip netns del bare; umount -R /tmp/bare", check=False)
