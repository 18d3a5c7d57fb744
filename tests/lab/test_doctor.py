"""The doctor names what is missing, with the remedy; each fault is caused for real, in namespaces of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from nslab.errors import MachineError
from nslab.lab import doctor
from nslab.lab.doctor import Finding

EXAMINE = """
import json, dataclasses
from nslab.lab import doctor
print(json.dumps([dataclasses.asdict(finding) for finding in doctor.examine()]))
"""
UP = """
import os
from nslab.errors import MachineError
from nslab.lab.lab import Lab
try:
    Lab.up("ill", owner=os.getpid())
except MachineError as error:
    print(error)
"""


def ill(fault: str, program: str, *, cache=None) -> str:
    """Run a Python program in a user namespace of its own, after the shell command `fault`; return what it printed."""
    environment = os.environ | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", f'{fault}\nexec "$@"', "sh"]
    done = subprocess.run(
        [*shell, sys.executable, "-P", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def missing(fault: str, *, cache) -> dict[str, Finding]:
    findings = [Finding(**each) for each in json.loads(ill(fault, EXAMINE, cache=cache))]
    return {finding.name: finding for finding in findings if finding.needed and not finding.ok}


@pytest.mark.one_id
def test_a_machine_that_can_has_no_needed_thing_missing(shared_lab):
    findings = doctor.examine()
    assert [finding for finding in findings if finding.needed and not finding.ok] == []
    assert {"kernel", "user namespaces", "namespaces", "overlay", "veth", "bridge", "nat", "/proc", "/sys"} <= {
        finding.name for finding in findings
    }


@pytest.mark.one_id
@pytest.mark.parametrize(
    ("key", "name"),
    [("max_user_namespaces", "user namespaces"), ("max_net_namespaces", "namespaces")],
)
def test_a_limit_of_no_namespaces_is_named_with_the_sysctl_that_lifts_it(key, name, tmp_path):
    found = missing(f"echo 0 >/proc/sys/user/{key}", cache=tmp_path)[name]
    assert found.says == f"off (user.{key} is 0)"
    assert found.remedy == f"sudo sysctl user.{key}=65536"


@pytest.mark.one_id
def test_a_masked_proc_is_named(tmp_path):
    assert "masked" in missing("mount -t tmpfs none /proc/fs", cache=tmp_path)["/proc"].says


@pytest.mark.one_id
def test_a_read_only_sys_is_named(tmp_path):
    found = missing("mount --rbind /sys /sys; mount -o remount,bind,ro /sys", cache=tmp_path)["/sys"]
    assert "--privileged" in found.remedy


@pytest.mark.one_id
def test_a_missing_mmdebstrap_is_named_until_the_image_is_there(tmp_path, monkeypatch):
    found = missing("PATH=/nowhere", cache=tmp_path)["mmdebstrap"]
    assert found.remedy == "sudo apt install mmdebstrap"
    monkeypatch.setenv("PATH", "/nowhere")
    assert not next(finding for finding in doctor.examine() if finding.name == "mmdebstrap").ok


@pytest.mark.one_id
def test_one_id_is_told_and_is_no_obstacle(monkeypatch):
    monkeypatch.setenv("NSLAB_IDMAP", "one")
    ids = next(finding for finding in doctor.examine() if finding.name == "ids")
    assert (ids.ok, ids.needed) == (False, False)
    assert "one id is used" in ids.says


@pytest.mark.one_id
def test_a_restriction_of_apparmor_is_named(monkeypatch):
    settings = {"kernel/apparmor_restrict_unprivileged_userns": "1"}
    monkeypatch.setattr(doctor, "_setting", settings.get)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    denied = doctor._Answer(1, "Operation not permitted")
    (found,) = doctor._namespaces({"namespaces": denied})
    assert found.remedy == "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"


@pytest.mark.one_id
@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("echo 0 >/proc/sys/user/max_user_namespaces", "user namespaces: off (user.max_user_namespaces is 0) → sudo"),
        ("PATH=/nowhere", "mmdebstrap: not installed, and it builds the lab's Debian → sudo apt install mmdebstrap"),
        ("mount -t tmpfs none /proc/fs", "/proc: part of it is masked → sudo umount /proc/fs"),
    ],
)
def test_up_says_in_one_line_what_the_machine_lacks(fault, line, tmp_path):
    said = ill(fault, UP, cache=tmp_path)
    assert said.startswith(f"this machine cannot start a lab: {line}")
    assert said.count("\n") == 1


@pytest.mark.one_id
def test_what_the_doctor_does_not_know_is_said_as_the_kernel_said_it(monkeypatch):
    monkeypatch.setattr(doctor, "examine", list)
    assert "mount overlay: no" in str(doctor.refusal("mount overlay: no"))
    assert isinstance(doctor.refusal("no"), MachineError)


def test_a_finding_shows_itself():
    finding = Finding("a <b>", ok=False, says="gone", remedy="fetch it")
    assert repr(finding) == "✗ a <b>: gone → fetch it"
    assert "a &lt;b&gt;" in finding._repr_html_()
