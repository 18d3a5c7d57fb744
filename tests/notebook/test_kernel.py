"""Shell cells in real kernels: what a front end, nbval and papermill see."""

import os
import sys
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from nslab.instruments import Lab


class Kernel:
    """A kernel; a cell answers with {name of the output: text}."""

    def __init__(self, name, lab):
        self.manager, self.client = start_new_kernel(kernel_name=name, env={**os.environ, "NSLAB_LAB": lab.name})

    def run(self, code, *, on=None):
        seen: dict[str, Any] = {}
        waiting = dict(on or {})

        def hear(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                seen[content["name"]] = seen.get(content["name"], "") + content["text"]
            elif message["msg_type"] == "error":
                seen["error"] = f"{content['ename']}: {content['evalue']}"
                seen["traceback"] = content["traceback"]
            for awaited in [each for each in waiting if each in seen.get("stdout", "")]:
                waiting.pop(awaited)()

        reply = self.client.execute_interactive(code, output_hook=hear, timeout=60)
        assert (reply["content"]["status"] == "error") == ("error" in seen)
        return seen

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(shared_lab):
    """Return the teaching kernel, in the shared lab."""
    made = Kernel("nslab", shared_lab)
    yield made
    made.stop()


@pytest.mark.one_id
def test_the_teaching_kernel_runs_shell_cells(kernel):
    assert kernel.run("%%host\nhostname") == {"stdout": "host\n"}


def test_any_python_kernel_does_after_load_ext(shared_lab):
    plain = Kernel("python3", shared_lab)
    try:
        plain.run("%load_ext nslab")
        assert plain.run("%%host\nhostname") == {"stdout": "host\n"}
    finally:
        plain.stop()


def test_a_failing_cell_is_a_real_error_output_of_one_line(kernel):
    seen = kernel.run("%%host\ntrue\nfalse")
    assert seen["error"] == "CellFailed: host: exit 1 · line 2: false"
    assert seen["traceback"] == ["\x1b[31m✗ host: exit 1 · line 2: false\x1b[0m"]


@pytest.mark.parametrize("cell", ["%%host --exepct 1\nls", "%%node nowhere\nls", "%lab upp", "%container x"])
def test_a_mistake_is_a_real_error_output(kernel, cell):
    seen = kernel.run(cell)
    assert seen["error"].startswith("Refused: ")
    assert "stderr" not in seen


def test_an_interrupt_of_the_kernel_ends_the_cell_and_the_next_one_works(kernel):
    seen = kernel.run("%%host\necho go\nsleep 600\necho no", on={"go": kernel.manager.interrupt_kernel})
    assert (seen["stdout"], seen["error"]) == ("go\n", "CellFailed: host: interrupted")
    assert kernel.run("%%host\necho alive") == {"stdout": "alive\n"}
    assert (
        "KeyboardInterrupt"
        in kernel.run("print('go')\nimport time\ntime.sleep(600)", on={"go": kernel.manager.interrupt_kernel})["error"]
    )


def test_papermill_parameters_reach_a_cell(kernel):
    kernel.run("pings = 3")
    assert kernel.run("%%host\necho $pings") == {"stdout": "3\n"}


def test_errors_have_their_own_stream_when_split(kernel):
    assert kernel.run("%%host --split\necho out; echo err >&2") == {"stdout": "out\n", "stderr": "err\n"}


def test_a_kernel_leaves_no_shell_behind_and_the_lab_lives(shared_lab):
    made = Kernel("nslab", shared_lab)
    shell = made.run("%%host\necho $$")["stdout"].strip()
    made.manager.shutdown_kernel()
    made.client.stop_channels()
    assert shared_lab["host"].run(f"until ! test -e /proc/{shell}; do :; done; hostname", timeout=30).stdout == "host\n"


def test_a_window_outlives_its_kernel(shared_lab):
    made = Kernel("nslab", shared_lab)
    assert made.run("%%host --window\necho open; exec sleep 1007")["stdout"] == "open\nThe window stays open.\n"
    made.stop()
    assert shared_lab["host"].run("pkill -f 'sleep 100[7]'").returncode == 0


def test_the_lab_of_a_kernel_ends_with_its_owner(shared_lab):
    name = f"kernel-{os.getpid()}"
    made = Kernel("nslab", shared_lab)
    try:
        made.run(f"import os; os.environ['NSLAB_OWNER'] = '{os.getpid()}'")
        assert made.run(f"%lab up {name}") == {"stdout": f"The lab {name} is up: internet, outside, host\n"}
        assert made.run("%%host\ncd /usr; pwd") == {"stdout": "/usr\n"}
        assert made.run("%lab down") == {"stdout": f"The lab {name} is gone.\n"}
        assert name not in Lab.names()
    finally:
        made.stop()


def test_the_kernel_is_this_python(kernel):
    assert kernel.run("import sys; print(sys.prefix)")["stdout"].strip() == sys.prefix
