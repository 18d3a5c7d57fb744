"""A lab: what is in it, who can use it, what nobody can reach from it, and how it ends."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nslab.errors import LabError, UsageError
from nslab.lab.lab import Lab

MAKE = """
import os, sys, nslab
lab = nslab.Lab.up(sys.argv[1], owner=os.getpid() if sys.argv[2] == "owned" else None)
print(lab.pid, flush=True)
sys.stdin.read()
"""
HALF = """
import signal, nslab
from nslab.lab import wiring
wiring.wire_up = lambda *_: (print("half-way", flush=True), signal.pause())
nslab.Lab.up({name!r})
"""


class Traces:
    """All processes of a lab, to be waited for; taken while it lives."""

    def __init__(self, *roots):
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(status.parent.name)] = int(fields[1])
        self.pids = set(roots)
        while more := {pid for pid, parent in parents.items() if parent in self.pids} - self.pids:
            self.pids |= more
        self.ends = [os.pidfd_open(pid) for pid in sorted(self.pids)]

    def are_gone(self):
        """Wait until the last of them has ended."""
        gone = [end for end in self.ends if select.select([end], [], [], 10)[0]]
        for end in self.ends:
            os.close(end)
        return len(gone) == len(self.pids)


def keeper_of(lab):
    """Return the PID of a lab's keeper: two generations above its init."""
    shim = parent_of(lab.pid)
    return parent_of(shim)


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def machine():
    """Return what a lab must not change: the machine's mounts, links, rules of forwarding, and names of labs."""
    return (
        Path("/proc/self/mountinfo").read_text(),
        sorted(path.name for path in Path("/sys/class/net").iterdir()),
        Path("/proc/sys/net/ipv4/ip_forward").read_text(),
    )


def named(suffix):
    return f"{suffix}-{os.getpid()}"


@pytest.fixture
def before():
    return machine()


@pytest.fixture
def maker():
    """Return a function that has another process make a lab, and gives that process and the lab."""
    made = []

    def make(name, *, owned, environment=None):
        process = subprocess.Popen(
            [sys.executable, "-c", MAKE, name, "owned" if owned else "free"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        assert process.stdout is not None
        assert process.stdout.readline()
        made.append((process, name))
        return process, Lab.attach(name)

    yield make
    for process, name in made:
        process.kill()
        process.communicate()
        if name in Lab.names():
            Lab.attach(name).down()


@pytest.mark.one_id
def test_a_lab_has_its_nodes_and_they_reach_each_other(shared_lab):
    assert shared_lab.nodes()[:3] == ["internet", "outside", "host"]
    for node, address in (("host", "10.0.2.2"), ("host", "8.8.8.8"), ("outside", "10.0.2.15"), ("outside", "1.1.1.1")):
        assert shared_lab[node].run(["ping", "-c1", "-w5", address]).returncode == 0
    assert shared_lab["host"].run("cat /sys/class/net/eth0/address").stdout == "02:00:0a:00:02:0f\n"
    assert repr(shared_lab).startswith(f"<lab {shared_lab.name}: internet, outside, host")


def test_nobody_answers_under_a_private_address(shared_lab):
    assert shared_lab["host"].run(["ping", "-c1", "-W1", "172.17.0.100"], check=False).returncode == 1


def test_a_host_starts_without_forwarding_whatever_the_machine_does(shared_lab):
    assert shared_lab["host"].run("cat /proc/sys/net/ipv4/ip_forward").stdout == "0\n"
    assert shared_lab["internet"].run("cat /proc/sys/net/ipv4/ip_forward").stdout == "1\n"


@pytest.mark.one_id
def test_names_and_packages_come_from_the_labs_internet(shared_lab):
    host = shared_lab["host"]
    assert "8.8.8.8" in host.run("getent hosts dns.google").stdout
    assert host.run("getent hosts nowhere.example", check=False).returncode == 2
    host.run("apt-get -q update", timeout=120)
    host.run("apt-get -q install -y hello", timeout=120)
    assert host.run("hello").stdout == "Hello, world!\n"
    host.run("apt-get -q purge -y hello")


def test_the_second_class_needs_no_internet(shared_lab, monkeypatch):
    shared_lab["host"].run("apt-get -q update && apt-get -q install -y hello", timeout=120)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with Lab.up(named("offline"), owner=os.getpid()) as lab:
        lab["host"].run("apt-get -q update && apt-get -q install -y hello", timeout=120)
        assert lab["host"].run("hello").returncode == 0


@pytest.mark.one_id
def test_nothing_in_a_lab_reaches_the_machine(shared_lab, tmp_path):
    abstract = f"\0nslab-test-{os.getpid()}"
    with (
        socket.create_server(("0.0.0.0", 0)) as service,
        socket.socket(socket.AF_UNIX) as hidden,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        hidden.bind(abstract)
        hidden.listen()
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address this machine has
        port = service.getsockname()[1]
        for node in ("internet", "outside", "host"):
            for address in ("127.0.0.1", probe.getsockname()[0]):
                knock = f"timeout 2 bash -c 'echo >/dev/tcp/{address}/{port}'"
                assert shared_lab[node].run(knock, check=False).returncode != 0
            assert shared_lab[node].run("cat /proc/net/unix").stdout.count("nslab") == 0
            assert shared_lab[node].run(["ls", str(tmp_path)], check=False).returncode == 2


def test_what_is_destroyed_in_a_node_is_whole_in_the_next_lab(lab):
    lab["host"].run("rm -rf /usr /etc /bin 2>/dev/null; true")
    with pytest.raises(LabError):
        lab["host"].run("ls")
    assert lab["outside"].run("ls /usr/bin/env").returncode == 0
    lab.down()
    with Lab.up(lab.name, owner=os.getpid()) as again:
        assert again["host"].run("ls /usr/bin/env").returncode == 0


def test_two_labs_with_the_same_addresses_do_not_meet(lab, shared_lab):
    lab["host"].run("ip link add br0 type bridge && ip addr add 172.31.0.1/24 dev br0 && ip link set br0 up")
    lab["host"].run("iptables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 22")
    assert shared_lab["host"].run("ip link show br0", check=False).returncode == 1
    assert "8080" not in shared_lab["host"].run("iptables-save").stdout
    for each in (lab, shared_lab):
        assert each["outside"].run("ping -c1 -w5 10.0.2.15").returncode == 0


def test_a_lab_can_be_found_by_name_and_remembers_what_is_noted(lab):
    assert lab.name in Lab.names()
    Lab.attach(lab.name).note("done", 2)
    assert lab.notes()["done"] == 2
    other = Lab.attach(lab.name)
    assert (other.pid, other.nodes()) == (lab.pid, lab.nodes())
    other.close()
    assert lab["host"].run("true").returncode == 0


def test_a_lab_needs_a_name_of_its_own(lab):
    with pytest.raises(LabError, match=f"there is a lab '{lab.name}' already"):
        Lab.up(lab.name, owner=os.getpid())
    for name in ("", "a b", "../x", "-x", "x" * 33):
        with pytest.raises(UsageError, match="a lab's name"):
            Lab.up(name)
    with pytest.raises(UsageError, match="cannot be idle for -5 seconds"):
        Lab.up(named("negative"), idle=-5)
    with pytest.raises(LabError, match=r"there is no lab 'nowhere' .*: nslab up nowhere$"):
        Lab.attach("nowhere")


def test_a_node_that_is_not_there_is_one_line(shared_lab):
    with pytest.raises(LabError, match=r"^mycontainer: no such node; nodes: internet, outside, host"):
        shared_lab["mycontainer"]
    with pytest.raises(LabError, match="init"):
        shared_lab["init"]


@pytest.mark.one_id
def test_down_leaves_nothing(before):
    lab = Lab.up(named("down"), owner=os.getpid())
    lab["host"].run("mkdir /x; mount -t tmpfs x /x; ip netns add n1; setsid sleep 600 >/dev/null 2>&1 </dev/null &")
    traces = Traces(keeper_of(lab))
    lab.down()
    assert traces.are_gone()
    assert lab.name not in Lab.names()
    assert machine() == before
    with pytest.raises(LabError, match="is gone"):
        lab["host"].run("true")
    assert repr(lab) == f"<lab {lab.name}: gone>"


@pytest.mark.one_id
def test_a_lab_outlives_its_maker(maker):
    process, lab = maker(named("outlives"), owned=False)
    process.kill()
    process.wait()
    assert lab["host"].run("echo here").stdout == "here\n"


@pytest.mark.one_id
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_lab_with_an_owner_ends_with_it(maker, before, end):
    process, lab = maker(named("owned"), owned=True)
    traces = Traces(keeper_of(lab))
    process.send_signal(end)
    process.wait()
    assert traces.are_gone()
    assert lab.name not in Lab.names()
    assert machine() == before


@pytest.mark.one_id
@pytest.mark.parametrize("victim", ["keeper", "init", "shim"])
def test_nothing_is_left_when_a_part_of_the_lab_is_killed(maker, before, victim):
    _, lab = maker(named(victim), owned=False)
    lab["host"].run("trap '' TERM HUP INT; setsid sleep 600 >/dev/null 2>&1 </dev/null &")
    traces = Traces(keeper_of(lab))
    pids = {"keeper": keeper_of(lab), "init": lab.pid, "shim": parent_of(lab.pid)}
    os.kill(pids[victim], signal.SIGKILL)
    assert traces.are_gone()
    assert lab.name not in Lab.names()
    assert machine() == before


def test_a_lab_that_is_not_whole_ends_with_its_maker(before):
    script = HALF.format(name=named("half"))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        traces = Traces(process.pid)
        assert len(traces.pids) > 5
        process.kill()
    assert traces.are_gone()
    assert machine() == before


def test_a_lab_ends_when_its_user_logs_out(maker, tmp_path):
    (tmp_path / "run").mkdir()
    _, lab = maker(named("login"), owned=False, environment={"XDG_RUNTIME_DIR": str(tmp_path / "run")})
    traces = Traces(keeper_of(lab))
    (tmp_path / "run").rmdir()  # as systemd-logind does it
    assert traces.are_gone()


def test_a_lab_that_nobody_uses_ends_after_a_while():
    lab = Lab.up(named("idle"), idle=0.5)
    traces = Traces(keeper_of(lab))
    assert not select.select(traces.ends, [], [], 3)[0]  # it is in use
    lab.close()
    assert traces.are_gone()


def test_an_interrupt_of_the_notebook_does_not_reach_the_lab(lab):
    for pid in (keeper_of(lab), lab.pid):
        assert os.getsid(pid) != os.getsid(0)


def test_lab_processes_show_their_names(shared_lab):
    listing = shared_lab["host"].run("ps -o args= 1").stdout
    assert re.fullmatch(r"nslab: host\s*", listing)
