"""A check is worth what it says when the thing is broken: each is seen failing as well as passing."""

from __future__ import annotations

import pickle
import signal
import socket

import pytest

from nslab import check
from nslab.runbook.checks import Check, ChecksFailed


@pytest.fixture
def container(lab):
    """Return a container `box` at 172.17.0.100, plugged in to the host's br0, as sections 1 and 2 do it."""
    host = lab["host"]
    host.run("ip netns add box")
    first = host.spawn("exec unshare --fork --pid --net=/run/netns/box --mount --uts --ipc sleep infinity")
    host.run('until [ -n "$(ip netns pids box)" ]; do :; done', timeout=10)
    host.run(
        """set -e
        ip link add br0 type bridge; ip addr add 172.17.0.1/24 dev br0; ip link set br0 up
        ip link add veth1 type veth peer name eth0 netns box; ip link set veth1 up master br0
        ip -n box addr add 172.17.0.100/24 dev eth0; ip -n box link set eth0 up; ip -n box link set lo up
        ip -n box route add default via 172.17.0.1"""
    )
    yield lab["box"]
    first.signal(signal.SIGKILL)
    first.wait()


def test_a_namespace_is_there_when_it_has_been_made(lab):
    host = lab["host"]
    assert not check.has_namespace(host, "box").passed
    host.run("mkdir -p /run/netns && touch /run/netns/box")
    assert not check.has_namespace(host, "box").passed, "a file of that name is no namespace"
    host.run("rm /run/netns/box; ip netns add box")
    assert check.has_namespace(host, "box").passed


def test_a_file_that_shows_the_hosts_own_network_is_no_new_namespace(lab):
    lab["host"].run("ip netns attach box $$")
    found = check.has_namespace(lab["host"], "box")
    assert (found.passed, found.evidence) == (False, "it is the same namespace")


def test_a_container_runs_until_its_first_process_ends(lab, container):
    assert check.runs(lab, "box").passed
    lab["host"].run('kill -9 $(ip netns pids box); while [ -n "$(ip netns pids box)" ]; do :; done', timeout=10)
    gone = check.runs(lab, "box")
    assert not gone.passed
    assert gone.evidence == "nodes of the lab: internet, outside, host"


def test_the_internet_is_reached_when_the_host_forwards_and_translates(lab, container):
    host = lab["host"]
    assert check.reaches(container, "172.17.0.1").passed
    host.run("iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE")
    assert not check.reaches(container, "8.8.8.8").passed
    unused = check.rule_counts(host, "MASQUERADE")
    assert not unused.passed
    assert unused.evidence.startswith("no packet has matched: -A POSTROUTING")
    host.run("sysctl -w net.ipv4.ip_forward=1")
    assert check.reaches(container, "8.8.8.8").passed
    assert check.rule_counts(host, "MASQUERADE").passed


def test_a_node_without_a_route_says_what_ping_says(lab):
    lab["host"].run("ip route del default")
    assert check.reaches(lab["host"], "8.8.8.8").evidence.endswith("Network is unreachable")


def test_a_rule_that_nobody_has_made_counts_nothing(lab):
    found = check.rule_counts(lab["host"], "DNAT")
    assert (found.passed, found.evidence) == (False, "no such rule in table nat")


def test_a_port_is_listened_on_when_a_server_runs(lab):
    host = lab["host"]
    assert not check.listens(host, 8000).passed
    with host.socket(socket.AF_INET, socket.SOCK_STREAM, bind=("10.0.2.15", 8000), listen=1):
        assert check.listens(host, 8000).passed
        assert not check.listens(host, 800).passed


def test_a_page_is_served_when_it_says_what_it_shall(lab):
    host, outside, url = lab["host"], lab["outside"], "http://10.0.2.15:8000/"
    refused = check.serves(outside, url, "Welcome")
    assert not refused.passed
    assert "port 8000" in refused.evidence
    page = r"HTTP/1.0 200 OK\r\n\r\nWelcome to the box"
    server = host.spawn(f"while printf '{page}' | nc -l -N 8000 >/dev/null; do :; done")
    host.run("until grep -q ':1F40 .* 0A' /proc/net/tcp; do :; done", timeout=10)
    assert check.serves(outside, url, "Welcome").passed
    host.run("until grep -q ':1F40 .* 0A' /proc/net/tcp; do :; done", timeout=10)
    other = check.serves(outside, url, "nginx")
    assert (other.passed, other.evidence) == (False, "the page does not say “nginx”")
    server.signal(signal.SIGKILL, group=True)
    server.wait()


def test_a_command_prints_what_it_shall(lab):
    host = lab["host"]
    assert check.prints(host, "hostname", "host").passed
    other = check.prints(host, "hostname", "mycontainer")
    assert (other.passed, other.evidence) == (False, "expected mycontainer, got host")
    assert not check.prints(host, "echo host; false", "host").passed, "it must also succeed"


def test_a_section_is_done_only_when_all_of_its_checks_have_passed(lab, capsys):
    good, bad = Check("the sky is up", passed=True), Check("the sea is dry", passed=False, hint="wait for low tide")
    with pytest.raises(ChecksFailed, match=r"^1 failed: the sea is dry$"):
        check.section(lab, 1, good, bad)
    shown = capsys.readouterr().out
    assert "✓ the sky is up" in shown, "those that passed are shown as well"
    assert "✗ the sea is dry\n   → wait for low tide" in shown
    assert "done" not in lab.notes()
    check.section(lab, 1, good)
    assert capsys.readouterr().out.endswith("Section 1 is done.\n")
    assert lab.notes()["done"] == 1


def test_a_failed_check_is_one_red_line_and_survives_the_way_out_of_a_worker():
    failed = ChecksFailed([Check("the sea is dry", passed=False)])
    assert failed._render_traceback_() == ["\x1b[31m✗ 1 failed: the sea is dry\x1b[0m"]
    assert pickle.loads(pickle.dumps(failed)).failed == failed.failed


def test_what_a_check_has_seen_cannot_become_a_part_of_the_page():
    html = Check("<b>bold</b>", passed=False, evidence="<script>", hint="a < b")._repr_html_()
    assert "<b>" not in html
    assert "<script>" not in html
    assert "a &lt; b" in html
