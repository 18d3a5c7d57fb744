"""The table of packets in a real browser: JupyterLab and headless Chromium, as a student has them."""

import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
import websocket

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "docmanager-extension/plugin": {"autosave": False},
}
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-allow-origins=*",
    "--remote-debugging-port=0",
    "--window-size=1300,1100",
]


NOTEBOOK = "[...jupyterapp.shell.widgets('main')][0]"
SESSION = f"{NOTEBOOK}?.context?.sessionContext"


def one(selector):
    return f"document.querySelector({json.dumps(selector)})"


def count(selector):
    return f"document.querySelectorAll({json.dumps(selector)}).length"


def until(find, what, patience=60.0):
    """Return the first true answer."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = find()
        if answer:
            return answer
    raise AssertionError(f"not in {patience:g} s: {what}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def with_us(signal_name):
    """Return what has a program ended with this process, whatever that ends of."""
    return ["setpriv", "--pdeathsig", signal_name, "--"]


def end(process):
    """End a process and all that it has started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)


class Jupyterlab:
    """JupyterLab's server, with all that it writes in one folder."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        for name, values in SETTINGS.items():
            path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        self.port = free_port()
        places = {f"JUPYTER_{each}_DIR": str(folder / each.lower()) for each in ("CONFIG", "DATA", "RUNTIME")}
        places |= {"IPYTHONDIR": str(folder / "ipython")}
        command = [
            *with_us("TERM"),
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--expose-app-in-browser",
        ]
        command += [f"--port={self.port}", "--ServerApp.port_retries=0", "--ip=127.0.0.1", "--IdentityProvider.token="]
        command += [f"--ServerApp.root_dir={self.notebooks}", f"--LabApp.user_settings_dir={folder / 'settings'}"]
        command += [f"--ServerApp.jpserver_extensions={name}=False" for name in ("jupyter_lsp", "notebook_shim")]
        command += [f"--LabApp.workspaces_dir={folder / 'workspaces'}", "--ServerApp.disable_check_xsrf=True"]
        self.log = (folder / "server.log").open("wb")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, env={**os.environ, **places, **environment}, process_group=0
        )

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "server.log").read_text())
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status") as answer:
            return answer.status == 200
        return False

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/doc/tree/{name}"

    def write(self, name, *cells):
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata.kernelspec = {"name": "nslab", "display_name": "nslab", "language": "python"}
        nbformat.write(made, self.notebooks / name)
        return self.notebooks / name

    def read(self, name):
        return nbformat.read(self.notebooks / name, as_version=4)

    def end_kernels(self):
        at = f"http://127.0.0.1:{self.port}/api/sessions"
        for each in json.load(urllib.request.urlopen(at)):
            urllib.request.urlopen(urllib.request.Request(f"{at}/{each['id']}", method="DELETE"))

    def close(self):
        with suppress(OSError):
            self.end_kernels()
        end(self.process)
        self.log.close()


class Browser:
    """Headless Chromium, driven over its debugging protocol."""

    def __init__(self, folder):
        self._numbers = itertools.count(1)
        self.process = subprocess.Popen(
            [*with_us("KILL"), "chromium", *CHROMIUM, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
            process_group=0,
        )
        port = until(lambda: self._port(folder), "Chromium is up", 90)
        pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        page = next(each for each in pages if each["type"] == "page")
        self._socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=60, max_size=None)
        self.command("Page.enable")

    def _port(self, folder):
        with suppress(OSError, IndexError):
            return (folder / "DevToolsActivePort").read_text().splitlines()[0]
        assert self.process.poll() is None, "Chromium has ended"
        return None

    def command(self, method, **values):
        number = self._send(method, **values)
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("method") == "Page.javascriptDialogOpening":  # "Leave site?": the notebook has changed
                self._send("Page.handleJavaScriptDialog", accept=True)
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _send(self, method, **values):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": values}))
        return number

    def run(self, script):
        """Return the value of an expression in the page."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script, patience=60.0):
        """Return the expression's value as soon as it is true."""
        looking = f"""new Promise((done) => {{
            const end = performance.now() + 1000;
            const look = () => {{
                let found = null;
                try {{ found = ({script}); }} catch {{ }}
                if (found || performance.now() > end) done(found instanceof Node || found);
                else setTimeout(look, 20);
            }};
            look();
        }})"""
        try:
            return until(lambda: self._try(looking), script, patience)  # a page that is left takes its promises along
        except AssertionError:
            self.picture(Path(tempfile.gettempdir()) / f"nslab-browser-{os.getuid()}.png")
            raise

    def _try(self, script):
        with suppress(AssertionError):
            return self.run(script)
        return None

    def open(self, url):
        self.command("Page.navigate", url=url)
        self.wait("window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')")
        self.wait("!document.querySelector('#jupyterlab-splash')")

    def idle(self):
        self.wait(f"{SESSION}?.session?.kernel?.status === 'idle'")

    def lab(self, command):
        """Run one of JupyterLab's own commands."""
        self.run(f"void jupyterapp.commands.execute({json.dumps(command)})")

    def click(self, selector):
        x, y = self.wait(
            f"(() => {{ const b = {one(selector)}.getBoundingClientRect();"
            "return b.width && [b.x + Math.min(40, b.width / 2), b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key, code=0):
        for kind in ("rawKeyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def type(self, text):
        self.command("Input.insertText", text=text)

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        with suppress(OSError, websocket.WebSocketException):
            self._socket.close()
        end(self.process)


@pytest.fixture(scope="module")
def jupyterlab(shared_lab, tmp_path_factory):
    """Return JupyterLab in the shared lab."""
    made = Jupyterlab(tmp_path_factory.mktemp("jupyterlab"), NSLAB_LAB=shared_lab.name)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser(jupyterlab, tmp_path_factory):
    """Return a browser; it starts while the server does."""
    made = Browser(tmp_path_factory.mktemp("chromium"))
    try:
        until(jupyterlab.answers, "JupyterLab answers", 90)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def live(jupyterlab, browser):
    """Return a notebook in the browser whose cells have just been started."""
    jupyterlab.write("live.ipynb", *CELLS)
    browser.open(jupyterlab.url("live.ipynb"))
    browser.idle()
    browser.lab("notebook:run-all-cells")
    return browser


CELLS = [
    "%sniff start host:eth0",
    "%%host\nuntil test -e /tmp/seen-in-the-browser; do ping -c 1 -W 1 10.0.2.2; sleep 0.2; done >/dev/null",
    "%sniff stop",
    "%%sniff host:eth0 -f icmp\nping -c 2 -i 0.2 10.0.2.2",
]
# Cells that are out of sight are not in the page.
CELL = [f'.jp-Cell[data-windowed-list-index="{index}"]' for index in range(4)]
FIRST, LAST = f"{CELL[0]} .nslab-table", f"{CELL[3]} .nslab-table"
ROWS = ".nslab-row:not([hidden])"
STATUS = ".nslab-status"
RUNS = one(f"{CELL[1]} .jp-InputPrompt") + ".textContent"


def test_rows_arrive_while_a_ping_runs_and_a_click_opens_the_layers(live, shared_lab):
    live.wait(f"{count(f'{FIRST} {ROWS}')} >= 4")
    live.wait(f"{one(f'{FIRST} .nslab-rows')}.textContent.includes('(reply in ')")
    assert "*" in live.run(RUNS)
    live.click(f"{FIRST} .nslab-row:nth-child(1)")
    live.wait(f"{one(f'{FIRST} .nslab-layers')}.textContent.includes('Ethernet')")
    assert "*" in live.run(RUNS)
    assert live.run(f"{one(f'{FIRST} .nslab-hex')}.textContent").startswith("0000")
    shared_lab["host"].run("touch /tmp/seen-in-the-browser")
    live.wait(f"{one(LAST)} && !{one(f'{LAST}.nslab-running')}")
    live.idle()
    shared_lab["host"].run("rm /tmp/seen-in-the-browser")


def test_a_field_marks_its_bytes(live):
    live.wait(f"{count(f'{LAST} {ROWS}')} == 4")
    live.click(f"{LAST} .nslab-row:nth-child(2)")
    live.wait(f"{count(f'{LAST} .nslab-field')} > 10")
    live.click(f"{LAST} .nslab-field")  # Ethernet's first: six bytes, as hex and as a character each
    live.wait(f"{count(f'{LAST} .nslab-marked')} == 12")


def test_the_keyboard_goes_from_row_to_row_and_opens_and_shuts(live):
    live.run(f"{one(f'{LAST} .nslab-grid')}.focus()")
    live.press("Home", 36)
    live.press("ArrowDown", 40)
    chosen = f"{one(f'{LAST} [aria-selected=true] .nslab-cell')}?.textContent"
    live.wait(f"{chosen} === '2'")
    live.press("Escape", 27)
    live.wait(f"{one(f'{LAST} .nslab-details')}.hidden")
    live.press("Enter", 13)
    live.wait(f"!{one(f'{LAST} .nslab-details')}.hidden")
    live.press("d", 68)
    live.press("d", 68)  # which deletes a cell, had JupyterLab seen it
    assert live.run(f"{NOTEBOOK}.content.model.cells.length") == len(CELLS)


def test_words_in_the_box_filter_and_a_head_sorts(live):
    live.click(f"{LAST} .nslab-filter")
    live.type("request source:10.0.2.15")
    live.wait(f"{one(f'{LAST} {STATUS}')}.textContent === '2 of 4 packets'")
    live.press("Escape", 27)
    live.wait(f"{one(f'{LAST} {STATUS}')}.textContent === '4 packets'")
    rows = f"[...document.querySelectorAll({json.dumps(f'{LAST} {ROWS}')})]"
    numbers = f"{rows}.map((row) => row.firstChild.textContent).join()"
    live.click(f"{LAST} .nslab-head > div:nth-child(1) button")
    live.click(f"{LAST} .nslab-head > div:nth-child(1) button")
    live.wait(f"{numbers} === '4,3,2,1'")


def test_the_notebook_is_saved_with_plain_tables_and_reopened_with_them(live, jupyterlab):
    live.run("jupyterapp.commands.execute('docmanager:save').then(() => true)")
    saved = shown_in(jupyterlab.read("live.ipynb"))
    assert all(set(data) == {"text/html", "text/plain"} for data in saved)
    assert "(reply in " in saved[-1]["text/html"]
    assert "widgets" not in jupyterlab.read("live.ipynb").metadata
    live.open(jupyterlab.url("live.ipynb"))
    live.wait(f"{count(f'{LAST} {ROWS}')} == 4")  # the kernel lives, and so does the table
    jupyterlab.end_kernels()
    live.open(jupyterlab.url("live.ipynb"))
    live.idle()
    assert "(reply in " in live.wait(f"{one(f'{CELL[3]} .jp-OutputArea table')}.textContent")
    assert live.run(count(".nslab-table")) == 0
    assert "rror displaying widget" not in live.run("document.body.textContent")


def shown_in(notebook):
    """Return what a notebook shows beside text."""
    return [output.data for cell in notebook.cells for output in cell.outputs if output.output_type == "display_data"]
