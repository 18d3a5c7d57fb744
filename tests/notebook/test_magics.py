"""The magics, in an IPython of this process: what a cell may say, and how a mistake looks."""

import pytest

from nslab.instruments import Lab
from nslab.notebook.failures import CellFailed


@pytest.mark.one_id
def test_a_cell_runs_in_its_node(notebook):
    assert notebook.run("%%host\nhostname") == "host\n"
    assert notebook.run("%%node outside\nhostname") == "outside\n"


@pytest.mark.one_id
def test_a_window_stays_open_and_its_container_takes_cells(notebook, container):
    assert notebook.run("%%container\nhostname inside; hostname; export A=1") == "inside\n"
    assert notebook.run("%%container c1\necho $A; ip -br link | cut -d' ' -f1") == "1\nlo\n"
    assert notebook.run("%%host\nhostname") == "host\n"


def test_a_window_says_that_it_stays(notebook, shared_lab):
    assert notebook.run("%%host --window\necho hello; exec sleep 1006") == "hello\nThe window stays open.\n"
    assert shared_lab["host"].run("pkill -f 'sleep 100[6]'").returncode == 0


def test_a_window_whose_program_ends_is_a_cell(notebook):
    assert notebook.run("%%host --window\necho hello") == "hello\n"
    assert notebook.refuses("%%host --window\nexit 3", CellFailed) == "host: exit 3"


def test_a_window_opens_where_the_shell_is(notebook):
    notebook.run("%%host\ncd /usr")
    assert notebook.run("x = 5\n") == ""
    assert notebook.run("%%host --window\npwd; echo $x") == "/usr\n5\n"


def test_the_container_of_the_variable_name_is_meant(notebook, container):
    notebook.variables["name"] = "c1"
    assert notebook.run("%%container\necho here") == "here\n"
    notebook.variables["name"] = "another"
    assert notebook.run("%%container\necho here") == "here\n"


def test_a_container_is_named_by_its_pid(notebook, container, shared_lab):
    (found,) = shared_lab["host"].containers()
    notebook.run(f"%container mine --pid {found['pid']}")
    assert notebook.run("%%container mine\nreadlink /proc/self/ns/net") == notebook.run(
        "%%container c1\nreadlink /proc/self/ns/net"
    )
    assert "the host has no process 99999" in notebook.refuses("%container other --pid 99999")


def test_a_container_that_was_made_again_gets_a_new_shell(notebook, container, shared_lab, end_containers):
    notebook.run("%%container c1\ncd /usr")
    end_containers(shared_lab["host"])
    assert "c1: no such node" in notebook.refuses("%%container c1\npwd")
    notebook.run("%%host --window\nunshare --fork --pid --net=/run/netns/c1 --mount --uts --ipc --root=/ bash")
    assert notebook.run("%%container c1\npwd") == "/\n"


def test_what_no_lab_may_do_is_explained(notebook):
    said = notebook.refuses("%%host\nsudo date -s 12:00", CellFailed)
    assert said == "host: exit 1 · sudo date -s 12:00 · the clock is the whole machine's"


@pytest.mark.one_id
def test_a_failing_cell_is_one_red_line(notebook):
    told = notebook.refuses("%%host\ntrue\n# why\nip link del br7\necho no", CellFailed)
    assert told == "host: exit 1 · line 3: ip link del br7"
    assert notebook.refuses("%%host\nip link del br7", CellFailed) == "host: exit 1 · ip link del br7"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%host --exepct 3\nls", "%%host: no option is called --exepct; did you mean --expect?"),
        ("%%host ls\nls", "%%host: ls is one word too many; commands go on the lines below"),
        ("%%host --expect x\nls", "%%host: --expect: an exit status is 0 to 255, or any; not x (%%host? tells more)"),
        ("%%host --timeout\nls", "%%host: --timeout: expected one argument (%%host? tells more)"),
        ("%%host --timeout no\nls", "%%host: --timeout: a time is a number of seconds, not no (%%host? tells more)"),
        ("%%host --out 1x\nls", "%%host: --out: 1x will not do as the name of a variable (%%host? tells more)"),
        ("%%host 'open\nls", "%%host: No closing quotation: 'open"),
        ("%%node\nls", "%%node: which one? internet, outside, host: %%node NAME"),
        ("%%node hots\nls", "hots: no such node; nodes: internet, outside, host"),
        ("%%container host\nls", "%%container: host is a node of the lab and no container: %%node host"),
        (
            "%%container\nls",
            "the lab has no container with a name: a %%host --window cell with `unshare … bash` makes one",
        ),
        ("%container c1 --pid x", "%container: --pid: a PID is a number, not x (%container? tells more)"),
        ("%lab upp", "%lab: upp is none of up, attach, down (%lab? tells more)"),
        ("%lab down --at 3", "%lab: --at goes with up: %lab up --at N"),
        ("%lab up a b", "%lab: b is one word too many"),
        ("%lab up --at x", "%lab: --at: invalid int value: 'x' (%lab? tells more)"),
        ("%%host\necho 'open", "host: not run · line 1: unexpected EOF while looking for matching `''"),
    ],
)
def test_a_mistake_is_one_red_line_and_never_a_usage_error(notebook, cell, said):
    assert notebook.refuses(cell) == said


@pytest.mark.parametrize("cell", ["%%host", "%%host\n", "%%host\n\n", "%%host --timeout 3\n"])
def test_an_empty_cell_does_nothing(notebook, cell):
    assert notebook.run(cell) == ""


def test_without_a_lab_one_is_told_how_to_get_it(empty):
    assert empty.refuses("%%host\nls") == "there is no lab 'there-is-none': %lab up"
    assert empty.refuses("%lab") == "there is no lab 'there-is-none': %lab up"
    assert empty.refuses("%lab down") == "there is no lab 'there-is-none'"


def test_expect_wants_a_failure(notebook):
    assert "cannot access" in notebook.run("%%host --expect 2\nls /nosuch")
    assert "cannot access" in notebook.run("%%host --expect any\nls /nosuch")
    assert notebook.refuses("%%host --expect 2\ntrue", CellFailed) == "host: exit 0, expected 2"
    assert notebook.refuses("%%host --expect any\ntrue", CellFailed) == "host: exit 0, expected any other than 0"


def test_a_timeout_ends_a_cell_and_says_so(notebook):
    told = notebook.refuses("%%host --timeout 0.2\nsleep 60", CellFailed)
    assert told == "host: still running after 0.2 s, so it was ended · sleep 60"
    assert notebook.run("%%host --timeout 0.2 --expect any\nsleep 60") == ""


def test_out_puts_the_output_into_a_variable(notebook):
    assert notebook.run("%%host --out seen\nseq 1 3000; echo err >&2") == ""
    assert notebook.variables["seen"].splitlines() == [*map(str, range(1, 3001)), "err"]
    notebook.run("%%host --out seen --split\necho out; echo err >&2")
    assert (notebook.variables["seen"], notebook.streams.err) == ("out\n", "err\n")


def test_out_is_set_when_the_cell_fails_too(notebook):
    notebook.refuses("%%host --out seen\necho before; false", CellFailed)
    assert notebook.variables["seen"] == "before\n"


def test_split_shows_errors_on_their_own_stream(notebook):
    notebook.run("%%host --split\necho out; echo err >&2")
    assert tuple(notebook.streams) == ("out\n", "err\n")


def test_a_notebook_variable_reaches_the_cell(notebook):
    notebook.run("from ipaddress import ip_address\npings, address = 4, ip_address('172.17.0.100')")
    assert notebook.run('%%host\necho "-c $pings ${address}"') == "-c 4 172.17.0.100\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 3", "host: exit 3 · the shell has ended; the next cell gets a new one"),
        ("exec false", "host: exit 1 · the shell has ended; the next cell gets a new one"),
        ("kill -9 $$", "host: the shell was killed by SIGKILL; the next cell gets a new one"),
    ],
)
def test_a_cell_that_ends_its_shell_says_so_and_the_next_one_works(notebook, text, said):
    assert notebook.refuses(f"%%host\n{text}", CellFailed) == said
    assert notebook.run("%%host\necho alive") == "alive\n"


def test_exit_0_is_no_failure(notebook):
    assert notebook.run("%%host\nexit") == "host: the shell has ended; the next cell gets a new one\n"


def test_node_names_complete(notebook, container):
    assert notebook.completes("%%container ") == ["c1"]
    assert notebook.completes("%%node o") == ["outside"]
    assert set(notebook.completes("%%node ")) == {"internet", "outside", "host", "c1"}


@pytest.mark.parametrize("magic", ["host", "container", "node", "lab"])
def test_help_has_an_example(notebook, magic):
    found = notebook.shell.find_cell_magic(magic) or notebook.shell.find_line_magic(magic)
    assert f"%{magic}" in found.__doc__
    if magic != "lab":
        assert "--expect N" in found.__doc__


def test_the_lab_is_a_variable_and_a_line(notebook, shared_lab):
    assert notebook.run("%lab") == f"The lab {shared_lab.name} is up: internet, outside, host\n"
    assert notebook.variables["lab"] is shared_lab


@pytest.mark.one_id
def test_a_lab_that_was_replaced_is_forgotten(empty, monkeypatch):
    name = f"magics-{Lab.names.__module__.count('.')}-{id(empty) % 9999}"
    monkeypatch.setenv("NSLAB_LAB", name)
    assert empty.run("%lab up") == f"The lab {name} is up: internet, outside, host\n"
    first = empty.variables["lab"]
    empty.run("%%host\ncd /usr")
    assert empty.run("%lab up").startswith(f"The lab {name} is up")
    assert empty.run("%lab down") == f"The lab {name} is gone.\n"
    assert "lab" not in empty.variables
    assert "there is no lab" in empty.refuses("%%host\npwd")
    empty.run("%lab up")
    assert empty.variables["lab"] is not first
    assert empty.run("%%host\npwd") == "/\n"
    Lab.attach(name).down()  # by somebody else, and a new one is made
    with Lab.up(name):
        assert empty.run("%%host\npwd; hostname") == "/\nhost\n"
    assert "there is no lab" in empty.refuses("%%host\npwd")
