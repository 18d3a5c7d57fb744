"""`%topology` in a real kernel: the picture below a cell, and what becomes of it while cells run."""

import os
import re
import time
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from nslab.instruments import Lab


@pytest.fixture(scope="module")
def lab():
    """Return a lab of this file."""
    made = Lab.up(f"topology-{os.getpid()}", owner=os.getpid())
    yield made
    if made.name in Lab.names():
        made.down()


class Notebook:
    """Runs cells in a kernel; whether somebody looks on is what a front end says with each of them."""

    def __init__(self, client):
        self.client = client

    def start(self, cell, *, looked_on=True):
        content = {"code": cell, "silent": False, "store_history": True, "allow_stdin": looked_on}
        request = self.client.session.msg("execute_request", content, metadata={"cellId": "one"})
        self.client.shell_channel.send(request)

    def message(self):
        return self.client.get_iopub_msg(timeout=60)

    def rest(self):
        """Return the outputs until the cell is over."""
        found = [self.message()]
        while found[-1]["content"].get("execution_state") != "idle":
            found.append(self.message())
        return found

    def run(self, cell, *, looked_on=True):
        self.start(cell, looked_on=looked_on)
        outputs = self.rest()
        assert not errors(outputs)
        return outputs

    def fails(self, cell):
        self.start(cell)
        (said,) = errors(self.rest())
        return said


@pytest.fixture(scope="module")
def notebook(lab):
    """Return a notebook of that lab."""
    manager, client = start_new_kernel(kernel_name="nslab", env={**os.environ, "NSLAB_LAB": lab.name})
    yield Notebook(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def errors(messages):
    return [each["content"]["evalue"] for each in messages if each["msg_type"] == "error"]


def shown(messages, kind="display_data"):
    """Return the (display_id, alternative text) of each picture that was shown or put right."""
    return [
        (
            each["content"]["transient"].get("display_id"),
            re.findall('alt="(.*?)"', each["content"]["data"]["text/html"])[0],
        )
        for each in messages
        if each["msg_type"] == kind
    ]


def test_where_nobody_looks_on_the_picture_is_as_the_cell_found_it(notebook, lab):
    ((display_id, alt),) = shown(notebook.run("%topology", looked_on=False))
    assert display_id is None
    assert alt == lab.draw().alt
    messages = notebook.run("%%host\nip link add t0 type bridge; ip link del t0", looked_on=False)
    assert shown(messages, "update_display_data") == []


def test_a_picture_follows_what_the_cells_change(notebook):
    ((display_id, before),) = shown(notebook.run("%topology"))
    assert "t1" not in before
    *_, (same, after) = shown(notebook.run("%%host\nip link add t1 type bridge"), "update_display_data")
    assert same == display_id
    assert "t1 down" in after
    assert shown(notebook.run("%%host\ntrue"), "update_display_data") == []  # nothing has changed


def test_a_picture_follows_while_a_cell_still_runs(notebook, lab):
    notebook.run("%topology")
    notebook.start("%%host\nip link add t2 type bridge\nuntil [ -e /tmp/go ]; do sleep 0.05; done\necho over")
    seen: list[dict[str, Any]] = []
    while not shown(seen, "update_display_data"):
        seen.append(notebook.message())
    assert not any(each["msg_type"] in {"stream", "error"} for each in seen)
    assert "t2 down" in shown(seen, "update_display_data")[0][1]
    lab["host"].run("touch /tmp/go")
    notebook.rest()


def test_only_the_newest_picture_is_live(notebook):
    ((first, _),) = shown(notebook.run("%topology"))
    ((second, _),) = shown(notebook.run("%topology"))
    changed = {each for each, _ in shown(notebook.run("%%host\nip link add t3 type bridge"), "update_display_data")}
    assert changed == {second} != {first}


def test_the_saved_words_are_those_of_the_last_picture(notebook, lab):
    notebook.run("%topology")
    messages = notebook.run("%%host\nip link add t4 type bridge")
    last = [each for each in messages if each["msg_type"] == "update_display_data"][-1]
    assert last["content"]["data"]["text/plain"] == repr(lab.draw())


def test_topology_takes_no_words(notebook):
    assert notebook.fails("%topology nonsense").startswith("%topology: ")


def test_the_last_picture_of_a_lab_that_is_gone_stays(notebook, lab):
    notebook.run("%topology")
    started = time.monotonic()
    notebook.run("%lab down")
    assert lab.name not in Lab.names()
    assert shown(notebook.run("1 + 1"), "update_display_data") == []
    assert time.monotonic() - started < 60
    assert "there is no lab" in notebook.fails("%topology")
