"""`nslab run`: small notebooks of our own, in real labs, and the report of what came of them."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest

from nslab.errors import UsageError
from nslab.instruments import Lab
from nslab.runbook import run

NSLAB = [sys.executable, "-m", "nslab"]
PATIENCE = 60
PARAMETERS = "#parameters\ncount = 3\nwho: str = 'me'"
ATTACH = "import os, nslab\nlab = nslab.Lab.attach(os.environ['NSLAB_LAB'])"


def written(path, *cells, kernel="nslab"):
    """Write a notebook: `# …` is prose, `#parameters` a cell of that tag, all else code."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    )
    for text in cells:
        if text.startswith("# "):
            notebook.cells.append(nbformat.v4.new_markdown_cell(text))
        else:
            tags = ["parameters"] if text.startswith("#parameters") else []
            notebook.cells.append(nbformat.v4.new_code_cell(text, metadata={"tags": tags}))
    nbformat.write(notebook, path)
    return str(path)


def nslab(*words, **options):
    return subprocess.run([*NSLAB, *words], check=False, capture_output=True, text=True, timeout=200, **options)


def manifest(place):
    return json.loads((place / "manifest.json").read_text())


def outputs(path):
    notebook = nbformat.read(path, as_version=4)
    return "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", ()))


# The report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return what a run of two notebooks printed, and the directory of its report."""
    folder = tmp_path_factory.mktemp("notebooks {of} mine")
    written(
        folder / "a.ipynb",
        "# The first\n\nwith $x^2$ and a widget",
        PARAMETERS,
        ATTACH + "\nprint(count, who, lab.name)",
        "%%host\nmkdir -p ~/captures; echo packets > ~/captures/a.pcapng; echo x > ~/captures/notes; touch ~/mark",
        "import ipywidgets; ipywidgets.IntSlider()",
    )
    written(
        folder / "b.ipynb",
        "%load_ext nslab",
        "%%host\nls ~/mark",
        ATTACH + "\nfrom nslab import check\ncheck.require(check.reaches(lab['host'], '10.0.2.2'))",
        kernel="python3",
    )
    place = folder / "report"
    return nslab("run", str(folder), "-p", "count", "5", "--report", str(place)), place


@pytest.mark.one_id
def test_notebooks_run_in_order_in_one_lab(report):
    seen, place = report
    assert (seen.returncode, seen.stderr) == (0, "")
    assert re.fullmatch(
        rf"a.ipynb: passed, .* s\nb.ipynb: passed, .* s\n{re.escape(str(place))}/index.html\n", seen.stdout
    )
    (name,) = re.findall(r"^5 me (run-\d+)$", outputs(place / "a.ipynb"), re.MULTILINE)
    assert "/root/mark" in outputs(place / "b.ipynb")
    assert name not in Lab.names()


def test_the_manifest_says_what_ran_on_what(report):
    _, place = report
    told = manifest(place)
    assert told["passed"] is True
    assert told["kernel"] == os.uname().release
    assert told["image"]
    assert {"papermill", "pyroute2"} <= told["packages"].keys()
    assert told["parameters"] == {"count": 5, "who": "me"}
    assert [each["status"] for each in told["sections"]] == ["passed", "passed"]
    assert [each["title"] for each in told["sections"]] == ["The first", "b"]
    ((check,),) = [each["checks"] for each in told["sections"] if each["checks"]]
    assert (check["description"], check["passed"]) == ("host reaches 10.0.2.2", True)


def test_the_captures_are_in_the_report(report):
    _, place = report
    assert manifest(place)["captures"] == ["captures/a.pcapng"]
    assert [path.name for path in (place / "captures").iterdir()] == ["a.pcapng"]
    assert (place / "captures/a.pcapng").read_text() == "packets\n"


def test_every_page_opens_offline(report):
    _, place = report
    pages = sorted(place.glob("*.html"))
    assert [page.name for page in pages] == ["a.html", "b.html", "index.html"]
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)\s*=\s*[\"']?([^\"' >]*)", text)
        loaded += re.findall(r"url\(\s*[\"']?([^)\"']*)|\bimport\b[^;<]*?[\"']([^\"']+)[\"']", text)
        assert not [each for each in loaded if "://" in str(each)]
    index = (place / "index.html").read_text()
    assert 'href="a.html"' in index
    assert 'href="captures/a.pcapng"' in index
    assert "host reaches 10.0.2.2" in index


def test_shell_cells_are_coloured_as_shell(report):
    _, place = report
    assert re.search(r'<span class="nb">echo</span>', (place / "a.html").read_text())


# A run that fails


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%host\necho so far\nfalse", r"cell 2: ✗ host: exit 1 · line 2: false"),
        ("1 / 0", r"cell 2: ZeroDivisionError: division by zero"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"cell 2: its kernel died"),
        ("%nosuchmagic", r"cell 2: .+"),
    ],
)
def test_a_run_stops_at_the_first_failing_cell_and_says_which(tmp_path, cell, says):
    written(tmp_path / "a.ipynb", "# Prose", "print('ran')", cell, "print('not reached')")
    written(tmp_path / "b.ipynb", "print('nor this')")
    place = tmp_path / "report"
    seen = nslab("run", str(tmp_path), "--report", str(place))
    assert seen.returncode == 1
    assert re.fullmatch(rf"nslab: a.ipynb: {says}\n", seen.stderr)
    assert "ran" in outputs(place / "a.ipynb")
    assert "not reached" not in outputs(place / "a.ipynb")
    told = manifest(place)
    assert told["passed"] is False
    assert [each["status"] for each in told["sections"]] == ["failed"]
    assert "failed" in (place / "index.html").read_text()


def test_a_check_that_is_only_shown_fails_the_run_too(tmp_path):
    cells = (
        ATTACH,
        "from nslab import check\ntry:\n    check.require(check.listens(lab['host'], 7))\nexcept Exception: ...",
    )
    seen = nslab("run", written(tmp_path / "a.ipynb", *cells), "--report", str(tmp_path / "report"))
    assert (seen.returncode, seen.stderr) == (1, "nslab: 1 failed: host listens on port 7\n")
    assert manifest(tmp_path / "report")["passed"] is False


def test_a_kernel_that_is_not_there_is_named(tmp_path):
    notebook = written(tmp_path / "a.ipynb", "1", kernel="nosuch")
    seen = nslab("run", notebook, "--report", str(tmp_path / "report"))
    assert seen.returncode == 1
    assert seen.stderr == "nslab: a.ipynb: no kernel is called 'nosuch': nslab kernel install\n"


# Parameters, before anything starts


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("cuont", "4")], "no parameter is called 'cuont'; did you mean count?"),
        ([("count", "many")], "count must be a whole number, not 'many'"),
    ],
)
def test_a_notebooks_own_parameters_are_checked(tmp_path, pairs, says):
    notebook = written(tmp_path / "a.ipynb", PARAMETERS)
    with pytest.raises(UsageError) as refused:
        run.plan([notebook], pairs)
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (["pingz", "4"], "no parameter is called 'pingz'; did you mean pings?"),
        (["pings", "lots"], "pings must be a whole number, not 'lots'"),
        (["subnet", "10.9.0.0/24"], "address 172.17.0.100 is not in subnet 10.9.0.0/24"),
    ],
)
def test_a_wrong_parameter_of_the_runbook_is_one_line_and_starts_nothing(tmp_path, pairs, says):
    seen = nslab("run", "-p", *pairs, "--report", str(tmp_path / "report"))
    assert (seen.returncode, seen.stdout, seen.stderr) == (2, "", f"nslab: {says}\n")
    assert not (tmp_path / "report").exists()


def test_only_the_notebooks_that_declare_a_parameter_get_it(tmp_path):
    first = written(tmp_path / "a.ipynb", PARAMETERS)
    second = written(tmp_path / "b.ipynb", "1")
    assert [task.given for task in run.plan([first, second], [("count", "4")])] == [{"count": 4}, {}]


def test_a_notebook_that_is_none_is_one_line(tmp_path):
    (tmp_path / "a.ipynb").write_text("{")
    for name in ("a.ipynb", "b.ipynb"):
        seen = nslab("run", str(tmp_path / name))
        assert seen.returncode == 2
        assert len(seen.stderr.splitlines()) == 1


# A run that is ended


def marked(mark):
    """Return the processes whose environment holds a mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
    return found


def nothing_is_left(mark):
    """Wait until no process with that mark is left."""
    deadline = time.monotonic() + PATIENCE
    while left := marked(mark):
        waiting = select.poll()
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(left[0])
            waiting.register(descriptor, select.POLLIN)
            over = waiting.poll(max(0, deadline - time.monotonic()) * 1000)
            os.close(descriptor)
            if not over:
                return False
    return True


@pytest.fixture
def running(tmp_path):
    """Return a run that is in the middle of a cell, and the mark of all its processes."""
    mark = f"NSLAB_MARK={uuid.uuid4()}"
    told = tmp_path / "told"
    os.mkfifo(told)
    notebook = written(
        tmp_path / "a.ipynb", "import os", f"open({str(told)!r}, 'w').write('here')", "%%host\nsleep 1000 & sleep 1000"
    )
    environment = {**os.environ, **dict([mark.split("=")])}
    process = subprocess.Popen(
        [*NSLAB, "run", notebook, "--report", str(tmp_path / "report")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert told.read_text() == "here"
    yield process, mark
    process.kill()
    process.communicate()


@pytest.mark.one_id
def test_nothing_is_left_of_a_run_that_was_killed(running):
    process, mark = running
    assert len(marked(mark)) > 1
    process.kill()
    process.communicate()
    assert nothing_is_left(mark)
    assert f"run-{process.pid}" not in Lab.names()


def test_nothing_is_left_of_a_run_that_was_killed_before_its_kernel_was_up(tmp_path):
    mark = f"NSLAB_MARK={uuid.uuid4()}"
    process = subprocess.Popen(
        [*NSLAB, "run", written(tmp_path / "a.ipynb", "1"), "--report", str(tmp_path / "report")],
        env={**os.environ, **dict([mark.split("=")])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "report").exists() or not _children(process.pid):
        assert process.poll() is None
    process.kill()
    process.wait()
    assert nothing_is_left(mark)


def _children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_says_so_and_leaves_nothing(running, tmp_path, number):
    process, mark = running
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (128 + number, "nslab: stopped\n")
    assert stdout.endswith("/report/index.html\n")
    assert manifest(tmp_path / "report")["sections"][0]["status"] == "stopped"
    assert nothing_is_left(mark)
