"""A journey: what it shows, that it never guesses, and that it leaves the lab as it was."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from nslab.errors import LabError
from nslab.journey.journey import Journey, tell
from nslab.journey.observe import observe

PING = "ping -c1 -W0.2 8.8.8.8"  # shall fail, and not wait for long
GOOD = "ping -c1 -W3 8.8.8.8"


def points(journey, way):
    return [f"{hop.node} {hop.point}" for hop in journey.findings.hops if hop.way == way]


def test_a_ping_to_the_internet_is_followed_out_and_back(world):
    journey = world.journey("mycontainer", GOOD)
    assert journey.delivered
    assert journey.where is None
    assert journey.why is None
    assert points(journey, "out") == [
        "mycontainer OUTPUT",
        "mycontainer POSTROUTING",
        "mycontainer eth0 ▶",
        "host veth1 ◀",
        "host PREROUTING",
        "host br0 ◀",
        "host FORWARD",
        "host POSTROUTING",
        "host eth0 ▶",
        "internet host ◀",
        "internet PREROUTING",
        "internet net0 ◀",
        "internet INPUT",
    ]
    assert points(journey, "back")[-3:] == ["mycontainer eth0 ◀", "mycontainer PREROUTING", "mycontainer INPUT"]


def test_a_rewrite_names_the_rule_that_did_it(world):
    journey = world.journey("mycontainer", GOOD)
    rewrites = {(hop.node, hop.point, hop.way): hop.rewrites for hop in journey.findings.hops}
    (source,) = rewrites["host", "POSTROUTING", "out"]
    assert (source.field, source.before, source.after) == ("src", "172.17.0.100", "10.0.2.15")
    assert source.by == "-A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE"
    (undone,) = rewrites["host", "PREROUTING", "back"]
    assert (undone.after, undone.by) == ("172.17.0.100", "connection tracking (undo NAT)")
    (ttl,) = rewrites["host", "FORWARD", "out"]
    assert (ttl.field, ttl.before, ttl.after) == ("ttl", "64", "63")


def test_the_opening_of_a_tcp_connection_is_followed_through_dnat(world):
    journey = world.journey("outside", "curl -s -m 0.3 http://10.0.2.15:8080/; true")
    assert journey.delivered, journey.table()
    assert journey.findings.packet.startswith("TCP SYN 10.0.2.3:")
    changed = [rewrite for hop in journey.findings.hops for rewrite in hop.rewrites if rewrite.field == "dport"]
    assert (changed[0].before, changed[0].after) == ("8080", "80")
    assert changed[0].by.endswith("-j DNAT --to-destination 172.17.0.100:80")
    assert any("more packets of this conversation" in note for note in journey.findings.notes)


def test_a_name_is_asked_for_first_and_told_of_as_a_note(world):
    archive = world["host"].run("grep -rho '//[^/ ]*' /etc/apt/sources.list* | head -n 1").stdout.strip()
    journey = world.journey("mycontainer", f"curl -s -m 3 -o /dev/null http:{archive}/debian/; true")
    assert archive
    assert journey.delivered, journey.table()
    assert journey.findings.packet.startswith("TCP SYN")
    assert any("UDP" in note and "answered" in note for note in journey.findings.notes)


def test_fragments_are_one_packet(world):
    journey = world.journey("mycontainer", "ping -c1 -W3 -s 3000 8.8.8.8")
    assert journey.delivered, journey.table()
    assert "it was sent in 3 fragments; the first of them is followed" in journey.findings.notes


def test_what_the_device_segments_is_recognised(world):
    journey = world.journey("other", "head -c 300000 /dev/zero | nc -N -w 3 172.17.0.100 80", timeout=10)
    assert journey.delivered, journey.table()
    assert any("larger than a wire takes (GSO)" in note for note in journey.findings.notes)


def test_what_is_sent_to_oneself_goes_over_the_loopback(world):
    journey = world.journey("mycontainer", "ping -c1 -W3 172.17.0.100")
    assert journey.delivered
    assert points(journey, "out")[1:4] == ["mycontainer POSTROUTING", "mycontainer lo ▶", "mycontainer lo ◀"]


def test_what_stays_on_a_bridge_is_followed_too(world):
    journey = world.journey("mycontainer", "ping -6 -c1 -W3 fd00::101")
    assert journey.delivered
    assert "host veth2 ▶" in points(journey, "out")


def test_every_form_of_a_journey_says_the_same(world):
    journey = world.journey("mycontainer", "ping -c1 -W0.2 172.17.0.99")
    told = journey.to_json()
    assert told["where"]["node"] == "mycontainer"
    assert told["why"]["code"] == "nobody-answers-arp"
    assert [hop["point"] for hop in told["hops"]] == list(journey.hops["point"])
    assert {"node", "point", "src", "dst", "ttl", "rewrites"} <= set(told["hops"][0])
    for text in (repr(journey), journey._repr_html_(), str(journey.why), journey.why._repr_html_()):
        assert told["why"]["message"] in text
    assert told["why"]["message"] not in journey.table(), "where and why can be guessed first"
    assert told["why"]["message"] in journey.ladder()._repr_html_()


def test_the_command_line_tells_it_as_a_table_and_as_json(world):
    words = [sys.executable, "-m", "nslab", "journey", "--lab", world.name, "mycontainer"]
    told = subprocess.run([*words, "--json", "--", *GOOD.split()], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout)["delivered"] is True
    told = subprocess.run([*words, "--", *GOOD.split()], capture_output=True, text=True, check=True)
    assert "✓ delivered and answered" in told.stdout


def state(world):
    """Return all that a journey could have left behind, node by node."""
    script = r"""
        nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
        iptables-legacy-save 2>/dev/null | sed 's/\[.*\]//; /^#/d'
        wc -l </proc/net/packet; wc -l </proc/net/netlink
        ip -details link | sed 's/_timer *[0-9.]*//g'; sysctl -a 2>/dev/null | grep ^net | grep -v nf_conntrack_count
    """
    return {node: world[node].run(script).stdout.splitlines() for node in world.nodes()}


def test_the_lab_is_left_as_it_was(world):
    before = state(world)
    world.journey("mycontainer", "ping -c1 -W3 172.17.0.101")
    assert state(world) == before


def test_a_network_without_connection_tracking_stays_without(shared_lab):
    shared_lab.journey("outside", "ping -c1 -W0.2 8.8.8.8")
    assert shared_lab["outside"].run("cat /proc/net/nf_conntrack").stdout == ""


def test_counters_count_the_packet_itself_and_nothing_else(world):
    read = "iptables -t nat -L POSTROUTING -v -x -n | awk '/MASQ/ { print $1 }'"
    before = int(world["host"].run(read).stdout)
    world.journey("mycontainer", GOOD)
    assert int(world["host"].run(read).stdout) == before + 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_journey_that_is_interrupted(world, number):
    before = state(world)
    words = [sys.executable, "-m", "nslab", "journey", "--lab", world.name, "mycontainer", "--", "ping", "8.8.4.4"]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    world["host"].run("until grep -q 8.8.4.4 /proc/net/nf_conntrack; do :; done", timeout=20)
    assert "nslab-journey" in world["host"].run("nft list ruleset").stdout
    running.send_signal(number)
    running.wait(20)
    world["host"].run("while nft list ruleset | grep -q nslab-journey; do :; done", timeout=20)
    world["host"].run("pkill -x ping; conntrack -F 2>/dev/null; true")
    deadline = time.monotonic() + 10
    while state(world) != before:
        assert time.monotonic() < deadline


def test_a_command_that_takes_too_long_is_ended(world):
    with pytest.raises(LabError, match=r"still running after 0\.2 s"):
        world.journey("mycontainer", "sleep 60", timeout=0.2)
    assert "nslab-journey" not in world["host"].run("nft list ruleset").stdout


def test_a_command_that_sends_nothing_is_no_riddle(world):
    journey = world.journey("mycontainer", "echo 8.8.8.8")
    assert (journey.where.node, journey.why.code) == ("mycontainer", "unknown")
    assert not journey.delivered


def test_when_observations_were_lost_there_is_no_verdict(world):
    observation = observe(world, "mycontainer", "ping -c1 -W0.2 172.17.0.99")
    findings = tell(replace(observation, seen=replace(observation.seen, lost=3)))
    assert (findings.where, findings.why, findings.delivered) == (None, None, False)
    assert "no verdict: 3 observations were lost" in repr(Journey(findings))


UNKNOWN = {
    "a host that answers no ARP": (
        "host",
        "sysctl -q net.ipv4.conf.br0.arp_ignore=8; ip -n mycontainer neigh flush all",
        "sysctl -q net.ipv4.conf.br0.arp_ignore=0",
        "mycontainer",
        PING,
    ),
    "ports that are isolated from each other": (
        "host",
        "bridge link set dev veth1 isolated on; bridge link set dev veth2 isolated on",
        "bridge link set dev veth1 isolated off; bridge link set dev veth2 isolated off",
        "host",
        "ping -c1 -W0.2 172.17.0.101",
    ),
    "a policy of IPsec that lets nothing pass": (
        "host",
        "ip xfrm policy add dir fwd action block",
        "ip xfrm policy flush",
        "host",
        PING,
    ),
    "a policy of IPsec that lets nothing in": (
        "internet",
        "ip xfrm policy add dir in action block",
        "ip xfrm policy flush",
        "internet",
        PING,
    ),
}


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_fault_that_is_not_known_is_found_where_it_is_and_not_guessed(world, fault):
    at, breaks, mends, where, command = UNKNOWN[fault]
    world["mycontainer"].run(
        "ip neigh flush nud failed nud incomplete; ping -q -c1 -w3 8.8.8.8; ping -q -c1 -w3 172.17.0.101"
    )
    world[at].run(breaks)
    try:
        journey = world.journey("mycontainer", command)
    finally:
        world[at].run(mends)
    assert (journey.where.node, journey.why.code, journey.why.message) == (where, "unknown", "cause not known")
    assert journey.why.evidence


@pytest.fixture
def beyond(world):
    """Return the lab with a network on the bridge that is nobody's node: it has no process."""
    world["host"].run("""
        ip netns add ghost
        ip link add vghost type veth peer name eth0 netns ghost
        ip link set vghost master br0 up
        ip -n ghost addr add 172.17.0.55/24 dev eth0
        ip -n ghost link set eth0 up
    """)
    yield world
    world["host"].run("ip link del vghost; ip netns del ghost")


def test_an_answer_from_outside_the_nodes_is_an_answer(beyond):
    journey = beyond.journey("mycontainer", "ping -c1 -W3 172.17.0.55")
    assert journey.delivered, journey.table()
    assert points(journey, "out")[-1] == "host vghost ▶"
    assert points(journey, "back")[0] == "host vghost ◀"


@pytest.fixture
def routers(world):
    """Return the lab with one more router: other is it, between br0 and a network of its own with 192.168.7.9."""
    world["other"].run("""
        ip link add side type veth peer name far
        ip netns add far
        ip link set far netns far
        ip addr add 192.168.7.1/24 dev side
        ip link set side up
        ip -n far addr add 192.168.7.9/24 dev far
        ip -n far link set far up
        ip -n far route add default via 192.168.7.1
        sysctl -q net.ipv4.ip_forward=1
    """)
    world["host"].run("ip route add 192.168.7.0/24 via 172.17.0.101")
    yield world
    world["host"].run("ip route del 192.168.7.0/24")
    world["other"].run("sysctl -q net.ipv4.ip_forward=0; ip link del side; ip netns del far")


def test_several_routers_are_in_order(routers):
    journey = routers.journey("mycontainer", "ping -c1 -W3 192.168.7.9")
    assert journey.delivered, journey.table()
    out = points(journey, "out")
    assert out.index("host FORWARD") < out.index("host br0 ▶") < out.index("other FORWARD") < out.index("other side ▶")


def test_a_packet_that_comes_through_a_node_twice_is_in_order(routers):
    routers["mycontainer"].run("ip route add 8.8.4.4 via 172.17.0.101")
    journey = routers.journey("mycontainer", "ping -c1 -W0.2 8.8.4.4")
    routers["mycontainer"].run("ip route del 8.8.4.4")
    nodes = list(dict.fromkeys(hop.node + str(hop.ttl) for hop in journey.findings.hops if hop.way == "out"))
    assert nodes == ["mycontainer64", "host64", "other64", "other63", "host63", "host62", "internet62"]
    # The bridge had asked iptables before: there, NAT was decided for good, and the rule that fits was not asked again.
    assert (journey.where.node, journey.why.code) == ("internet", "unknown")


def test_a_router_with_a_wrong_gateway_is_named(routers):
    routers["host"].run("ip route replace 192.168.7.0/24 via 172.17.0.200")
    journey = routers.journey("mycontainer", "ping -c1 -W0.2 192.168.7.9")
    assert (journey.where.node, journey.why.code) == ("host", "wrong-gateway"), journey.table()


@pytest.fixture
def noise(world):
    """Send 500 other packets a second, out of the same container and out of another."""
    started = [
        world[node].spawn(["ping", "-q", "-i", "0.008", "-p", "6e6f697365", target])
        for node, target in (("mycontainer", "8.8.8.8"), ("mycontainer", "10.0.2.2"), ("other", "8.8.4.4"))
    ]
    yield
    for each in started:
        each.signal(signal.SIGKILL)
        each.wait()


@pytest.mark.parametrize(
    ("breaks", "mends", "code"),
    [
        ("true", "true", None),
        ("sysctl -q net.ipv4.ip_forward=0", "sysctl -q net.ipv4.ip_forward=1", "forwarding-off"),
        ("iptables -A FORWARD -s 172.17.0.100 -j DROP", "iptables -F FORWARD", "dropped-by-rule"),
        ("ip link set veth1 down", "ip link set veth1 up", "no-carrier"),
    ],
)
def test_other_packets_change_no_verdict(world, noise, breaks, mends, code):
    world["host"].run(breaks)
    try:
        journey = world.journey("mycontainer", PING if code else GOOD)
    finally:
        world["host"].run(mends)
    assert journey.lost == 0
    assert (journey.why.code if journey.why else None) == code, journey.table()
    assert journey.delivered == (code is None)


def test_two_journeys_at_once_do_not_disturb_each_other(world):
    words = [sys.executable, "-m", "nslab", "journey", "--lab", world.name]
    running = [
        subprocess.Popen([*words, node, "--json", "--", *GOOD.split()], stdout=subprocess.PIPE, text=True)
        for node in ("mycontainer", "other")
    ]
    for each in running:
        told = json.loads(each.communicate(timeout=20)[0])
        assert told["delivered"], told
