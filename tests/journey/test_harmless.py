"""What looks like a cause, and is none, is not blamed; what hides behind another thing is found."""

import pytest

PING = "ping -c1 -W0.2 8.8.8.8"
PING6 = "ping -6 -c1 -W0.2 2001:db8::8"
XMAC = "$(ip -n other -br link show eth0 | awk '{ print $3 }')"

# says: node, command, what is done in the host and undone, code
FAULTS = {
    "a rule for another protocol is not why nothing is forwarded": (
        "mycontainer",
        PING,
        "ip rule add ipproto tcp prohibit pref 100; sysctl -q net.ipv4.ip_forward=0",
        "ip rule del pref 100; sysctl -q net.ipv4.ip_forward=1",
        "forwarding-off",
    ),
    "a rule that says not is not read as if it did not": (
        "mycontainer",
        PING,
        "ip rule add not from 172.17.0.0/24 prohibit pref 100; sysctl -q net.ipv4.ip_forward=0",
        "ip rule del pref 100; sysctl -q net.ipv4.ip_forward=1",
        "forwarding-off",
    ),
    "a rule for a port is the reason": (
        "mycontainer",
        "nc -z -w1 8.8.8.8 53",
        "ip rule add ipproto tcp dport 53 prohibit pref 100",
        "ip rule del pref 100",
        "policy-routing",
    ),
    "an address that two have is not why nothing listens": (
        "outside",
        "curl -s -m 0.5 http://10.0.2.15:8080/",
        """ip -n other addr add 172.17.0.100/32 dev eth0
        mac=$(ip -n mycontainer -br link show eth0 | awk '{ print $3 }')
        ip neigh replace 172.17.0.100 lladdr $mac dev br0 nud permanent
        iptables -t nat -I PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:8888""",
        """ip -n other addr del 172.17.0.100/32 dev eth0
        ip neigh del 172.17.0.100 dev br0
        iptables -t nat -D PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:8888""",
        "dnat-wrong-port",
    ),
    "who gets what was for somebody else is not to forward it": (
        "mycontainer",
        "ping -c1 -W0.2 172.17.0.101",
        f"""ip -n mycontainer neigh replace 172.17.0.101 lladdr {XMAC} dev eth0 nud permanent
        ip -n other addr del 172.17.0.101/24 dev eth0""",
        """ip -n mycontainer neigh del 172.17.0.101 dev eth0
        ip -n other addr add 172.17.0.101/24 dev eth0
        ip -n other route add default via 172.17.0.1""",
        "unknown",
    ),
    "a gateway with another container's MAC address is a wrong one": (
        "mycontainer",
        PING,
        f"ip -n mycontainer neigh replace 172.17.0.1 lladdr {XMAC} dev eth0 nud permanent",
        "ip -n mycontainer neigh del 172.17.0.1 dev eth0",
        "wrong-mac",
    ),
    "what is sent elsewhere because its bridge is down is lost for that": (
        "outside",
        "curl -s -m 0.3 http://10.0.2.15:8080/",
        "ip link set br0 down",
        "ip link set br0 up; ip -6 addr add fd00::1/64 dev br0 nodad",
        "link-down",
    ),
    "an answer that goes past the router is not taken": (
        "other",
        "nc -z -w1 10.0.2.15 8080",
        "sysctl -q net.bridge.bridge-nf-call-iptables=0",
        "sysctl -q net.bridge.bridge-nf-call-iptables=1",
        "answer-past-the-router",
    ),
    "a neighbour that is none does not answer": (
        "mycontainer",
        PING,
        "ip -n mycontainer route replace 8.8.8.8 dev eth0",
        "ip -n mycontainer route del 8.8.8.8 dev eth0; ip -n mycontainer neigh flush all",
        "nobody-answers-arp",
    ),
    "a port that only learns takes nothing": (
        "mycontainer",
        PING,
        "bridge link set dev veth1 state 2",
        "bridge link set dev veth1 state 3",
        "port-not-forwarding",
    ),
    "a port that does not forward sends nothing": (
        "mycontainer",
        "ping -c1 -W0.2 172.17.0.101",
        "ip netns exec mycontainer ping -q -c1 -w3 172.17.0.101; bridge link set dev veth2 state 1",
        "bridge link set dev veth2 state 3",
        "port-not-forwarding",
    ),
    "a port that does not forward sends no question": (
        "mycontainer",
        "ping -c1 -W0.2 172.17.0.101",
        "bridge link set dev veth2 state 1; ip -n mycontainer neigh flush all",
        "bridge link set dev veth2 state 3; ip -n mycontainer neigh flush all",
        "port-not-forwarding",
    ),
    "the rules of another hook are not asked": (
        "mycontainer",
        PING,
        """iptables-legacy -A INPUT -p icmp -j DROP; iptables-legacy -A FORWARD -p icmp -j DROP
        (ip netns exec other ping -c 40 -i 0.01 172.17.0.1 >/dev/null 2>&1 &)""",
        "iptables-legacy -F INPUT; iptables-legacy -F FORWARD",
        "dropped-by-rule",
    ),
}


@pytest.mark.parametrize("says", FAULTS)
def test_what_only_looks_like_a_cause_is_not_named(world, says):
    node, command, do, undo, code = FAULTS[says]
    host = world["host"]
    world["mycontainer"].run("ip neigh flush nud failed nud incomplete; ping -q -c1 -w3 8.8.8.8", check=False)
    host.run(do)
    try:
        journey = world.journey(node, command)
    finally:
        host.run(undo, check=False)
        host.run("conntrack -F 2>/dev/null", check=False)
    assert journey.why is not None, journey.table()
    assert journey.why.code == code, journey.table()


def test_without_a_way_back_ipv6_is_not_said_to_lack_nat(world):
    internet = world["internet"]
    internet.run("ip -6 route del fd00::/64")
    try:
        journey = world.journey("mycontainer", PING6)
    finally:
        internet.run("ip -6 route add fd00::/64 via fd01::15")
    assert journey.why.code == "no-route-back", journey.table()


def test_what_a_node_sends_anyway_was_not_sent_by_the_command(world):
    node = world["mycontainer"]
    noise = node.spawn("while :; do echo noise > /dev/udp/172.17.0.101/9; read -t 0.002 < <(:); done 2>/dev/null")
    try:
        journey = world.journey("mycontainer", "sleep 0.1")
    finally:
        noise.signal(9, group=True)
        noise.wait()
    assert journey.where.stage == "the program, before a packet was sent", journey.table()
    assert journey.why.code == "unknown"
