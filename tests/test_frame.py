"""The frame around the code: what is declared, locked and installed, and the kernel that comes with it."""

import ast
import importlib.metadata
import json
import os
import pickle
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nslab
from nslab.errors import CommandFailed, LabError, MachineError, NslabError, UsageError

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src/nslab").rglob("*.py"))
FLOORS = [
    "errors",
    "sandbox",
    "lab",
    "capture",
    "journey",
    "draw",
    "instruments",
    "runbook",
    "notebook",
    "bench",
    "cli",
]


def declared(*, dev: bool) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"]["dev"] if dev else [])
    return [Requirement(line) for line in wanted]


def imports(source: Path) -> set[str]:
    """Return every module that a source file names in an import, wherever in it, as `package.module`."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_environment_yml_holds_the_same_as_pyproject():
    lines = re.findall(r"^  - ([\w.-]+.*[^:])$", (ROOT / "environment.yml").read_text(), re.MULTILINE)
    conda = {
        (canonicalize_name(r.name), r.specifier)
        for r in map(Requirement, lines)
        if r.name not in {"pip", "python", "conda-forge"}
    }
    assert conda == {(canonicalize_name(r.name), r.specifier) for r in declared(dev=True)}


def test_the_lock_holds_every_dependency_in_a_version_that_will_do():
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    locked = dict(pins)
    for requirement in declared(dev=True):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_the_lock_has_hashes_and_no_addresses():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.fullmatch(r"\S+==\S+( ; [^\\]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n)?)+", entry), entry


def test_what_the_code_imports_is_declared():
    known = importlib.metadata.packages_distributions()
    wanted = {canonicalize_name(requirement.name) for requirement in declared(dev=False)}
    for source in SOURCES:
        for module in {name.partition(".")[0] for name in imports(source)} - sys.stdlib_module_names - {"nslab"}:
            assert wanted & {canonicalize_name(name) for name in known.get(module, [])}, f"{source} imports {module}"


def test_a_floor_imports_only_what_stands_below_it():
    for source in SOURCES:
        floor = source.relative_to(ROOT / "src/nslab").parts[0].removesuffix(".py")
        if floor not in FLOORS:  # the two doors, __init__ and __main__
            continue
        for name in imports(source):
            package, _, rest = name.partition(".")
            if package == "nslab" and rest and not rest.startswith("__"):
                assert FLOORS.index(rest.partition(".")[0]) <= FLOORS.index(floor), f"{source} imports {name}"


def test_the_sandbox_needs_nothing_but_the_standard_library():
    for source in SOURCES:
        if "sandbox" in source.parts:
            assert {name.partition(".")[0] for name in imports(source)} <= sys.stdlib_module_names | {"nslab"}, source


def test_importing_nslab_is_cheap():
    heavy = "import sys, nslab; print([m for m in ('IPython', 'pandas', 'pyroute2', 'scapy') if m in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'nslab' has no attribute 'Journy'"):
        _ = nslab.Journy


def test_the_version_is_the_one_that_is_installed():
    assert nslab.__version__ == importlib.metadata.version("nslab")


def test_every_error_has_its_exit_status():
    assert [kind.exit_status for kind in (NslabError, LabError, UsageError, MachineError, CommandFailed)] == [
        1,
        1,
        2,
        3,
        1,
    ]


def test_a_failed_command_is_one_line():
    failed = CommandFailed(
        "host", "ip route add default via 10.9.9.9", 2, stderr="Error: Nexthop has invalid gateway.\n"
    )
    assert str(failed) == "host: exit 2 · ip route add default via 10.9.9.9 · Error: Nexthop has invalid gateway."
    assert str(CommandFailed("host", ["sleep", "9"], -9)) == "host: killed by SIGKILL · sleep 9"
    assert "\n" not in str(CommandFailed("host", "a\nb", 1, stderr="c\nd\n"))


def test_an_error_is_one_red_line_in_a_notebook():
    assert LabError("no lab")._render_traceback_() == ["\x1b[31m✗ no lab\x1b[0m"]


def test_an_error_survives_pickling():
    failed = pickle.loads(pickle.dumps(CommandFailed("host", ["false"], 1, "out", "err")))
    assert (str(failed), failed.node, failed.command, failed.returncode) == (
        "host: exit 1 · false · err",
        "host",
        "false",
        1,
    )
    assert str(pickle.loads(pickle.dumps(MachineError("no user namespaces")))) == "no user namespaces"


def test_a_wheel_brings_the_notebooks_and_the_kernel(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "nslab/py.typed" in names
    assert any(name.endswith(".data/data/share/jupyter/kernels/nslab/kernel.json") for name in names)
    assert {f"nslab/runbook/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= names


def test_the_changelog_and_the_code_speak_of_the_same_version():
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == nslab.__version__


def test_the_kernel_is_there_after_pip_install():
    installed = json.loads(
        (Path(KernelSpecManager().get_kernel_spec("nslab").resource_dir) / "kernel.json").read_text()
    )
    assert installed == json.loads((ROOT / "src/nslab/notebook/kernelspec/kernel.json").read_text())


@pytest.mark.one_id
def test_the_kernel_comes_up_with_the_shell_cells():
    manager, client = start_new_kernel(kernel_name="nslab")
    try:
        reply = client.execute_interactive("assert get_ipython().find_cell_magic('host')", timeout=60)
        assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_kernel_whose_extension_does_not_load_does_not_start(tmp_path):
    (tmp_path / "nslab.py").write_text("import no_such_module\n")
    with pytest.raises(RuntimeError, match="Kernel died"):
        start_new_kernel(
            kernel_name="nslab", env={**os.environ, "PYTHONPATH": str(tmp_path)}, stderr=subprocess.DEVNULL
        )
