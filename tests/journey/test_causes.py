"""Every cause, by doing it for real: where it stopped, and why."""

import json
from dataclasses import dataclass

import pytest

PING = "ping -c1 -W0.2 8.8.8.8"
PING6 = "ping -6 -c1 -W0.2 2001:db8::8"
CURL = "curl -s -m 0.5 -o /dev/null http://10.0.2.15:8080/"
STP = """
ip link set br0 type bridge stp_state 1
ip link set veth1 nomaster
ip link set veth1 master br0
"""
NO_STP = """
ip link set br0 type bridge stp_state 0
ip link set veth1 nomaster
ip link set veth1 master br0
"""
TWICE = """
ip -n other addr add 172.17.0.100/24 dev eth0
mac=$(ip -n other -br link show eth0 | awk '{ print $3 }')
ip neigh replace 172.17.0.100 lladdr $mac dev br0 nud reachable
"""


TRIES = 12  # of a third of a second each


@dataclass(frozen=True)
class Fault:
    """What is broken, in `at`, and how it is mended; what is run then, and where and why it stops."""

    says: str
    at: str
    breaks: str
    mends: str
    where: str
    code: str
    node: str = "mycontainer"
    command: str = PING
    stage: str = ""
    remedy: str = ""


RUNBOOK = [
    Fault(
        "forwarding is off",
        "host",
        "sysctl -q net.ipv4.ip_forward=0",
        "sysctl -q net.ipv4.ip_forward=1",
        "host",
        "forwarding-off",
        stage="the routing decision",
        remedy="sysctl net.ipv4.ip_forward=1",
    ),
    Fault(
        "no MASQUERADE",
        "host",
        "iptables -t nat -F POSTROUTING; conntrack -F 2>/dev/null || true",
        "iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
        "internet",
        "no-masquerade",
        stage="after delivery",
        remedy="iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
    ),
    Fault(
        "no DNAT",
        "host",
        "iptables -t nat -F PREROUTING",
        "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
        "host",
        "no-dnat",
        node="outside",
        command=CURL,
        stage="after delivery",
        remedy="iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
    ),
    Fault(
        "no default route",
        "mycontainer",
        "ip route del default",
        "ip route add default via 172.17.0.1",
        "mycontainer",
        "no-route",
        remedy="ip route add default via 172.17.0.1",
    ),
    Fault(
        "veth1 is not in the bridge",
        "host",
        "ip link set veth1 nomaster",
        "ip link set veth1 master br0",
        "host",
        "bridge-port-missing",
        remedy="ip link set veth1 master br0",
    ),
    Fault(
        "no cable is in the bridge, which has borrowed its MAC address from one",
        "host",
        "ip link set br0 address $(ip -br link show veth1 | awk '{ print $3 }'); ip -n mycontainer neigh flush all;"
        "ip netns exec mycontainer ping -q -c1 -w3 172.17.0.1;"
        "ip link set veth2 nomaster; ip link set veth1 nomaster",
        "ip link set veth1 master br0; ip link set veth2 master br0; ip link set br0 address 02:00:00:00:00:01;"
        "ip -n mycontainer neigh flush all",
        "host",
        "bridge-port-missing",
        remedy="ip link set veth1 master br0",
    ),
    Fault(
        "br0 is down",
        "host",
        "ip link set br0 down",
        "ip link set br0 up; ip -6 addr add fd00::1/64 dev br0 nodad",
        "host",
        "bridge-down",
        stage="bridge port veth1",
        remedy="ip link set br0 up",
    ),
    Fault(
        "br0 is down, and the container has forgotten its MAC address",
        "host",
        "ip link set br0 down; ip -n mycontainer neigh flush all",
        "ip link set br0 up; ip -6 addr add fd00::1/64 dev br0 nodad",
        "mycontainer",
        "bridge-down",
        stage="MAC address",
        remedy="ip link set br0 up",
    ),
]

LINKS = [
    Fault(
        "a bridge port does not forward",
        "host",
        STP,
        NO_STP,
        "host",
        "port-not-forwarding",
    ),
    Fault(
        "a bridge port does not forward, and the MAC address is not known",
        "host",
        STP + "ip -n mycontainer neigh flush all",
        NO_STP,
        "mycontainer",
        "port-not-forwarding",
    ),
    Fault(
        "eth0 of the container is down",
        "mycontainer",
        "ip link set eth0 down",
        "ip link set eth0 up; ip route add default via 172.17.0.1; ip -6 addr add fd00::100/64 dev eth0 nodad;"
        "ip -6 route add default via fd00::1",
        "mycontainer",
        "link-down",
        remedy="ip link set eth0 up",
    ),
    Fault(
        "the interface of this very network is down",
        "mycontainer",
        "ip link add d0 type veth peer name d1; ip addr add 10.9.9.1/24 dev d0; ip route del default",
        "ip link del d0; ip route add default via 172.17.0.1",
        "mycontainer",
        "link-down",
        command="ping -c1 -W0.2 10.9.9.9",
        remedy="ip link set d0 up",
    ),
    Fault(
        "every port of the bridge is down",
        "host",
        "ip link set veth1 down; ip link set veth2 down; until ip link show br0 | grep -q NO-CARRIER; do :; done",
        "ip link set veth1 up; ip link set veth2 up",
        "host",
        "bridge-ports-down",
        node="outside",
        command=CURL,
    ),
    Fault(
        "the other end of the cable is down",
        "host",
        "ip link set veth1 down",
        "ip link set veth1 up",
        "mycontainer",
        "no-carrier",
        remedy="ip link set veth1 up",
    ),
    Fault(
        "br0 has no address, and nobody remembers it",
        "host",
        "ip addr del 172.17.0.1/24 dev br0; ip -n mycontainer neigh flush all",
        "ip addr add 172.17.0.1/24 dev br0",
        "mycontainer",
        "bridge-without-address",
        remedy="ip addr add 172.17.0.1/24 dev br0",
    ),
    Fault(
        "br0 has no address any more",
        "host",
        "ip addr del 172.17.0.1/24 dev br0",
        "ip addr add 172.17.0.1/24 dev br0",
        "internet",
        "bridge-without-address",
        remedy="ip addr add 172.17.0.1/24 dev br0",
    ),
    Fault(
        "the container has no interface",
        "host",
        "ip -n mycontainer link set eth0 netns 1 name away",
        "ip link set away netns mycontainer name eth0; ip -n mycontainer link set eth0 addrgenmode none;"
        "ip -n mycontainer addr add 172.17.0.100/24 dev eth0;"
        "ip -n mycontainer link set eth0 up; ip -n mycontainer route add default via 172.17.0.1;"
        "ip -n mycontainer addr add fd00::100/64 dev eth0 nodad; ip -n mycontainer -6 route add default via fd00::1",
        "mycontainer",
        "no-interface",
    ),
    Fault(
        "the container has no address",
        "mycontainer",
        "ip -4 addr flush dev eth0",
        "ip addr add 172.17.0.100/24 dev eth0; ip route add default via 172.17.0.1",
        "mycontainer",
        "no-address",
    ),
    Fault(
        "a MAC address is wrong",
        "mycontainer",
        "ip neigh replace 172.17.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
        "ip neigh del 172.17.0.1 dev eth0",
        "host",
        "wrong-mac",
    ),
    Fault(
        "the bridge does not know a MAC address",
        "host",
        "bridge link set dev veth1 learning off flood off; bridge link set dev veth2 flood off;"
        "ip link set br0 type bridge fdb_flush",
        "bridge link set dev veth1 learning on flood on; bridge link set dev veth2 flood on",
        "host",
        "unknown-mac",
    ),
    Fault(
        "an address is there twice, and the answer goes to the wrong one",
        "host",
        TWICE,
        "ip -n other addr del 172.17.0.100/24 dev eth0; ip neigh del 172.17.0.100 dev br0",
        "other",
        "duplicate-address",
    ),
    Fault(
        "an address is there twice, and the request goes to the wrong one",
        "host",
        TWICE,
        "ip -n other addr del 172.17.0.100/24 dev eth0; ip neigh del 172.17.0.100 dev br0",
        "other",
        "duplicate-address",
        node="outside",
        command=CURL,
    ),
]

ROUTES = [
    Fault(
        "the gateway is a wrong one",
        "mycontainer",
        "ip route replace default via 172.17.0.254",
        "ip route replace default via 172.17.0.1",
        "mycontainer",
        "wrong-gateway",
        remedy="ip route replace default via 172.17.0.1",
    ),
    Fault(
        "the mask of the container is too wide",
        "mycontainer",
        "ip addr del 172.17.0.100/24 dev eth0; ip addr add 172.17.0.100/12 dev eth0;"
        "ip route add default via 172.17.0.1",
        "ip addr del 172.17.0.100/12 dev eth0; ip addr add 172.17.0.100/24 dev eth0;"
        "ip route add default via 172.17.0.1",
        "mycontainer",
        "wrong-netmask",
        command="ping -c1 -W0.2 172.18.0.8",
    ),
    Fault(
        "the mask of the bridge is too narrow",
        "host",
        "ip addr del 172.17.0.1/24 dev br0; ip addr add 172.17.0.1/26 dev br0",
        "ip addr del 172.17.0.1/26 dev br0; ip addr add 172.17.0.1/24 dev br0",
        "internet",
        "wrong-netmask",
    ),
    Fault(
        "policy routing sends the answer away",
        "host",
        "ip rule add to 172.17.0.0/24 iif eth0 lookup 77 pref 100; ip route add default via 10.0.2.2 table 77",
        "ip rule del pref 100; ip route flush table 77",
        "internet",
        "answer-astray",
        remedy="ip rule del pref 100",
    ),
    Fault(
        "nobody has the address",
        "mycontainer",
        "true",
        "true",
        "mycontainer",
        "nobody-answers-arp",
        command="ping -c1 -W0.2 172.17.0.99",
    ),
    Fault(
        "an interface does not forward",
        "host",
        "sysctl -q net.ipv4.conf.br0.forwarding=0",
        "sysctl -q net.ipv4.conf.br0.forwarding=1",
        "host",
        "forwarding-off-interface",
        remedy="sysctl net.ipv4.conf.br0.forwarding=1",
    ),
    Fault(
        "the router has no route",
        "host",
        "ip route del default",
        "ip route add default via 10.0.2.2",
        "host",
        "no-route",
        remedy="ip route add default via 10.0.2.2",
    ),
    *(
        Fault(
            f"a {kind} route of the router",
            "host",
            f"ip route add {kind} 8.8.8.0/24",
            f"ip route del {kind} 8.8.8.0/24",
            "host",
            f"{kind}-route",
            remedy=f"ip route del {kind} 8.8.8.0/24",
        )
        for kind in ("blackhole", "unreachable", "prohibit")
    ),
    *(
        Fault(
            f"a {kind} route of the container",
            "mycontainer",
            f"ip route add {kind} 8.8.8.8",
            f"ip route del {kind} 8.8.8.8",
            "mycontainer",
            f"{kind}-route",
        )
        for kind in ("blackhole", "unreachable", "prohibit")
    ),
    Fault(
        "policy routing refuses",
        "host",
        "ip rule add from 172.17.0.0/24 prohibit pref 100",
        "ip rule del pref 100",
        "host",
        "policy-routing",
        remedy="ip rule del pref 100",
    ),
    Fault(
        "policy routing asks a table that refuses",
        "host",
        "ip rule add iif br0 lookup 77 pref 100; ip route add unreachable default table 77",
        "ip rule del pref 100; ip route flush table 77",
        "host",
        "policy-routing",
    ),
    Fault(
        "the reverse path filter refuses",
        "host",
        "sysctl -q net.ipv4.conf.br0.rp_filter=1; ip -n mycontainer addr add 192.168.99.5/32 dev eth0",
        "sysctl -q net.ipv4.conf.br0.rp_filter=0; ip -n mycontainer addr del 192.168.99.5/32 dev eth0",
        "host",
        "rp-filter",
        command="ping -c1 -W0.2 -I 192.168.99.5 8.8.8.8",
        remedy="sysctl net.ipv4.conf.br0.rp_filter=0",
    ),
    Fault(
        "the reverse path filter refuses even the question for the MAC address",
        "host",
        "sysctl -q net.ipv4.conf.br0.rp_filter=1; ip -n mycontainer addr add 192.168.99.5/32 dev eth0;"
        "ip -n mycontainer neigh flush all",
        "sysctl -q net.ipv4.conf.br0.rp_filter=0; ip -n mycontainer addr del 192.168.99.5/32 dev eth0",
        "mycontainer",
        "rp-filter",
        command="ping -c1 -W0.2 -I 192.168.99.5 8.8.8.8",
    ),
    Fault(
        "a source that cannot be",
        "mycontainer",
        "ip addr add 10.0.2.15/32 dev eth0",
        "ip addr del 10.0.2.15/32 dev eth0",
        "host",
        "martian-source",
        command="ping -c1 -W0.2 -I 10.0.2.15 8.8.8.8",
    ),
    Fault(
        "a destination that is not routed",
        "host",
        "iptables -t nat -I PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 127.0.0.1:80",
        "iptables -t nat -D PREROUTING 1",
        "host",
        "martian-destination",
        node="outside",
        command=CURL,
    ),
    Fault(
        "the ttl is used up",
        "host",
        "true",
        "true",
        "host",
        "ttl-exceeded",
        command="ping -c1 -W0.2 -t1 8.8.8.8",
    ),
    Fault(
        "the packet is too big for a wire",
        "host",
        "ip link set eth0 mtu 1400",
        "ip link set eth0 mtu 1500",
        "host",
        "fragmentation-needed",
        command="ping -c1 -W0.2 -M do -s 1450 8.8.8.8",
    ),
    Fault(
        "the destination has no way back",
        "host",
        "ip -n other route del default; ip -n mycontainer addr add 192.168.99.5/32 dev eth0",
        "ip -n other route add default via 172.17.0.1; ip -n mycontainer addr del 192.168.99.5/32 dev eth0",
        "other",
        "no-route-back",
        command="ping -c1 -W0.2 -I 192.168.99.5 172.17.0.101",
    ),
]

FIREWALLS = [
    Fault(
        "FORWARD has the policy DROP",
        "host",
        "iptables -P FORWARD DROP",
        "iptables -P FORWARD ACCEPT",
        "host",
        "dropped-by-policy",
        stage="FORWARD",
        remedy="iptables -P FORWARD ACCEPT",
    ),
    Fault(
        "a rule in FORWARD drops",
        "host",
        "iptables -A FORWARD -p udp -j DROP; iptables -A FORWARD -s 172.17.0.100 -j DROP",
        "iptables -F FORWARD",
        "host",
        "dropped-by-rule",
        stage="FORWARD",
        remedy="iptables -D FORWARD -s 172.17.0.100/32 -j DROP",
    ),
    Fault(
        "a rule in FORWARD rejects",
        "host",
        "iptables -A FORWARD -s 172.17.0.100 -j REJECT",
        "iptables -F FORWARD",
        "host",
        "rejected-by-rule",
        stage="FORWARD",
    ),
    Fault(
        "a rule in FORWARD rejects TCP with a reset",
        "host",
        "iptables -A FORWARD -p tcp -j REJECT --reject-with tcp-reset",
        "iptables -F FORWARD",
        "host",
        "rejected-by-rule",
        node="outside",
        command=CURL,
        stage="FORWARD",
    ),
    Fault(
        "a rule of iptables-legacy in FORWARD drops",
        "host",
        "iptables-legacy -A FORWARD -s 172.17.0.100 -j DROP",
        "iptables-legacy -F FORWARD",
        "host",
        "dropped-by-rule",
        stage="FORWARD",
        remedy="iptables-legacy -D FORWARD -s 172.17.0.100/32 -j DROP",
    ),
    Fault(
        "FORWARD of iptables-legacy has the policy DROP",
        "host",
        "iptables-legacy -P FORWARD DROP",
        "iptables-legacy -P FORWARD ACCEPT",
        "host",
        "dropped-by-policy",
        stage="FORWARD",
        remedy="iptables-legacy -P FORWARD ACCEPT",
    ),
    Fault(
        "a rule of nft drops",
        "host",
        "nft 'table ip t { chain c { type filter hook forward priority 10; ip saddr 172.17.0.100 drop; }; }'",
        "nft delete table ip t",
        "host",
        "dropped-by-rule",
        stage="FORWARD",
        remedy="nft delete rule ip t c handle",
    ),
    Fault(
        "a chain of nft has the policy drop",
        "host",
        "nft 'table inet t { chain c { type filter hook prerouting priority 10; policy drop;"
        "ip saddr 8.8.8.8 accept; }; }'",
        "nft delete table inet t",
        "host",
        "dropped-by-policy",
        stage="PREROUTING",
        remedy="nft chain inet t c",
    ),
    Fault(
        "a rule in INPUT drops",
        "internet",
        "iptables -A INPUT -p icmp -j DROP",
        "iptables -F INPUT",
        "internet",
        "dropped-by-rule",
        stage="INPUT",
    ),
    Fault(
        "a rule in OUTPUT drops",
        "mycontainer",
        "iptables -A OUTPUT -d 8.8.8.8 -j DROP",
        "iptables -F OUTPUT",
        "mycontainer",
        "dropped-by-rule",
        stage="OUTPUT",
    ),
    Fault(
        "the answer is dropped on its way back",
        "host",
        "iptables -A FORWARD -s 8.8.8.8 -j DROP",
        "iptables -F FORWARD",
        "host",
        "dropped-by-rule",
        stage="FORWARD",
    ),
    Fault(
        "a bridge asks iptables",
        "host",
        "iptables -P FORWARD DROP",
        "iptables -P FORWARD ACCEPT",
        "host",
        "bridge-nf-call-iptables",
        command="ping -c1 -W0.2 172.17.0.101",
        remedy="sysctl net.bridge.bridge-nf-call-iptables=0",
    ),
    Fault(
        "a rule of the bridge's own drops",
        "host",
        "nft 'table bridge t { chain c { type filter hook forward priority 0; ip daddr 172.17.0.101 drop; }; }'",
        "nft delete table bridge t",
        "host",
        "dropped-by-bridge-rule",
        command="ping -c1 -W0.2 172.17.0.101",
    ),
    Fault(
        "an ingress hook drops",
        "host",
        "nft 'table netdev t { chain c { type filter hook ingress device veth1 priority 0;ip protocol icmp drop; }; }'",
        "nft delete table netdev t",
        "host",
        "dropped-at-ingress",
    ),
    Fault(
        "an egress hook drops",
        "mycontainer",
        "nft 'table netdev t { chain c { type filter hook egress device eth0 priority 0; ip protocol icmp drop; }; }'",
        "nft delete table netdev t",
        "mycontainer",
        "dropped-at-egress",
    ),
    Fault(
        "traffic control drops what comes in",
        "host",
        "tc qdisc add dev veth1 clsact; tc filter add dev veth1 ingress bpf da bytecode '1,6 0 0 2'",
        "tc qdisc del dev veth1 clsact",
        "host",
        "tc-drop",
    ),
    Fault(
        "traffic control drops what goes out",
        "mycontainer",
        "tc qdisc add dev eth0 clsact; tc filter add dev eth0 egress bpf da bytecode '1,6 0 0 2'",
        "tc qdisc del dev eth0 clsact",
        "mycontainer",
        "tc-drop",
    ),
    Fault(
        "a queue drops",
        "mycontainer",
        "tc qdisc add dev eth0 root tbf rate 8kbit burst 60 limit 60",
        "tc qdisc del dev eth0 root",
        "mycontainer",
        "tc-drop",
    ),
]

NAT = [
    Fault(
        "MASQUERADE matches nothing",
        "host",
        "iptables -t nat -F POSTROUTING; iptables -t nat -A POSTROUTING -s 172.17.0.0/24 -o eth9 -j MASQUERADE",
        "iptables -t nat -F POSTROUTING; iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
        "internet",
        "masquerade-matched-nothing",
    ),
    Fault(
        "a masquerade of nft matches nothing",
        "host",
        "iptables -t nat -F POSTROUTING;"
        "nft 'table ip n { chain c { type nat hook postrouting priority 100; oifname \"eth9\" masquerade; }; }'",
        "nft delete table ip n; iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
        "internet",
        "masquerade-matched-nothing",
    ),
    Fault(
        "the connection was known before the rule",
        "host",
        "iptables -t nat -F POSTROUTING; ip netns exec mycontainer ping -c1 -W0.1 -e 4242 8.8.8.8;"
        "iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
        "conntrack -F 2>/dev/null || true",
        "internet",
        "stale-conntrack",
        command="ping -c1 -W0.2 -e 4242 8.8.8.8",
    ),
    Fault(
        "the answer goes past the router that has rewritten the question",
        "host",
        "sysctl -q net.bridge.bridge-nf-call-iptables=0",
        "sysctl -q net.bridge.bridge-nf-call-iptables=1",
        "other",
        "answer-past-the-router",
        node="other",
        command=CURL,
    ),
    Fault(
        "DNAT to a wrong address",
        "host",
        "iptables -t nat -I PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.199:80",
        "iptables -t nat -D PREROUTING 1",
        "host",
        "dnat-wrong-address",
        node="outside",
        command=CURL,
    ),
    Fault(
        "DNAT to a wrong port",
        "host",
        "iptables -t nat -I PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:81",
        "iptables -t nat -D PREROUTING 1",
        "mycontainer",
        "dnat-wrong-port",
        node="outside",
        command=CURL,
    ),
    Fault(
        "DNAT matches nothing",
        "host",
        "iptables -t nat -F PREROUTING;"
        "iptables -t nat -A PREROUTING -i br0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
        "iptables -t nat -F PREROUTING;"
        "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
        "host",
        "dnat-matched-nothing",
        node="outside",
        command=CURL,
    ),
]

DELIVERED = [
    Fault(
        "nothing listens",
        "other",
        "true",
        "true",
        "other",
        "nothing-listens",
        command="curl -s -m 0.5 http://172.17.0.101:80/",
    ),
    Fault(
        "nothing listens for UDP",
        "other",
        "true",
        "true",
        "other",
        "nothing-listens",
        command="echo hello | nc -u -w1 -q0 172.17.0.101 5353",
    ),
    Fault(
        "it listens on the loopback only",
        "other",
        "timeout 5 nc -l 127.0.0.1 81 & until grep -q ':0051 ' /proc/net/tcp; do :; done",
        "true",
        "other",
        "listens-on-loopback",
        command="curl -s -m 0.5 http://172.17.0.101:81/",
    ),
    Fault(
        "it listens on another address",
        "other",
        "ip addr add 172.17.0.102/24 dev eth0;"
        "timeout 5 nc -l 172.17.0.101 83 & until grep -q ':0053 ' /proc/net/tcp; do :; done",
        "ip addr del 172.17.0.102/24 dev eth0",
        "other",
        "listens-elsewhere",
        command="curl -s -m 0.5 http://172.17.0.102:83/",
    ),
    Fault(
        "pings are not answered",
        "internet",
        "sysctl -q net.ipv4.icmp_echo_ignore_all=1",
        "sysctl -q net.ipv4.icmp_echo_ignore_all=0",
        "internet",
        "echo-ignored",
    ),
]

IPV6 = [
    Fault(
        "IPv6 is not forwarded",
        "host",
        "sysctl -q net.ipv6.conf.all.forwarding=0",
        "sysctl -q net.ipv6.conf.all.forwarding=1",
        "host",
        "forwarding-off-ipv6",
        command=PING6,
    ),
    Fault(
        "nobody has the IPv6 address",
        "mycontainer",
        "true",
        "true",
        "mycontainer",
        "nobody-answers-nd",
        command="ping -6 -c1 -W0.2 fd00::99",
    ),
    Fault(
        "no IPv6 route",
        "mycontainer",
        "ip -6 route del default",
        "ip -6 route add default via fd00::1",
        "mycontainer",
        "no-route",
        command=PING6,
        remedy="ip -6 route add default via fd00::1",
    ),
    Fault(
        "the router has no IPv6 route",
        "host",
        "ip -6 route del default",
        "ip -6 route add default via fd01::2",
        "host",
        "no-route",
        command=PING6,
    ),
    Fault(
        "an IPv6 blackhole",
        "host",
        "ip -6 route add blackhole 2001:db8::8",
        "ip -6 route del blackhole 2001:db8::8",
        "host",
        "blackhole-route",
        command=PING6,
    ),
    Fault(
        "the hop limit is used up",
        "host",
        "true",
        "true",
        "host",
        "ttl-exceeded",
        command="ping -6 -c1 -W0.2 -t1 2001:db8::8",
    ),
    Fault(
        "a rule of ip6tables drops",
        "host",
        "ip6tables -A FORWARD -p icmpv6 -j DROP",
        "ip6tables -F FORWARD",
        "host",
        "dropped-by-rule",
        command=PING6,
    ),
    Fault(
        "duplicate address detection has not finished",
        "mycontainer",
        "ping -6 -q -c1 -w3 2001:db8::8; ip -6 addr del fd00::100/64 dev eth0; ip -6 addr add fd00::100/64 dev eth0;"
        "ip -6 route replace default via fd00::1",
        "ip -6 addr del fd00::100/64 dev eth0; ip -6 addr add fd00::100/64 dev eth0 nodad;"
        "ip -6 route replace default via fd00::1",
        "host",
        "dad-not-finished",
        command=PING6,
    ),
]

IPV6 += [
    Fault(
        "duplicate address detection has found somebody",
        "other",
        "ping -6 -q -c1 -w3 2001:db8::8; ip -6 addr del fd00::101/64 dev eth0; ip -6 addr add fd00::100/64 dev eth0;"
        "ip -6 route replace default via fd00::1;"
        "until ip -6 addr show dev eth0 | grep -q dadfailed; do :; done",
        "ip -6 addr del fd00::100/64 dev eth0; ip -6 addr add fd00::101/64 dev eth0 nodad;"
        "ip -6 route replace default via fd00::1",
        "host",
        "dad-failed",
        node="other",
        command=PING6,
    ),
    Fault(
        "the only IPv6 address is one of the cable",
        "mycontainer",
        "ip -6 addr del fd00::100/64 dev eth0; ip -6 addr add fe80::100/64 dev eth0 nodad;"
        "ip -6 route replace default via fd00::1 dev eth0 onlink",
        "ip -6 addr del fe80::100/64 dev eth0; ip -6 addr add fd00::100/64 dev eth0 nodad;"
        "ip -6 route replace default via fd00::1",
        "host",
        "narrow-source",
        command=PING6,
    ),
]

SEVERAL = [
    Fault(
        "forwarding off before a firewall",
        "host",
        "sysctl -q net.ipv4.ip_forward=0; iptables -P FORWARD DROP",
        "sysctl -q net.ipv4.ip_forward=1; iptables -P FORWARD ACCEPT",
        "host",
        "forwarding-off",
    ),
    Fault(
        "a cable before forwarding",
        "host",
        "ip link set veth1 down; sysctl -q net.ipv4.ip_forward=0",
        "ip link set veth1 up; sysctl -q net.ipv4.ip_forward=1",
        "mycontainer",
        "no-carrier",
    ),
    Fault(
        "a firewall before the missing MASQUERADE",
        "host",
        "iptables -t nat -F POSTROUTING; iptables -P FORWARD DROP",
        "iptables -P FORWARD ACCEPT; iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
        "host",
        "dropped-by-policy",
    ),
    Fault(
        "no DNAT, and nobody would listen behind it",
        "host",
        "iptables -t nat -F PREROUTING; iptables -P FORWARD DROP",
        "iptables -P FORWARD ACCEPT;"
        "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
        "host",
        "no-dnat",
        node="outside",
        command=CURL,
    ),
]


def judge(world, fault):
    journey = world.journey(fault.node, fault.command, timeout=10)
    assert journey.lost == 0
    assert (journey.where.node, journey.why.code) == (fault.where, fault.code), journey.table()
    assert fault.stage in journey.where.stage, journey.table()
    assert fault.remedy in journey.why.remedy
    assert journey.why.evidence
    assert not journey.delivered
    json.dumps(journey.to_json())
    if journey.why.remedy:
        cure(world, fault, journey)


def cure(world, fault, journey):
    """Type the remedy where it says: the cause that was named is gone, whatever else there may be."""
    remedy = world[journey.why.remedy_node].run(journey.why.remedy, check=False)
    assert remedy.returncode == 0, (journey.why.remedy_node, journey.why.remedy, remedy.stderr)
    for _ in range(TRIES):  # a bridge, a neighbour and an address take their time
        again = world.journey(fault.node, fault.command, timeout=10)
        if again.delivered or (again.where, again.why.code) != (journey.where, journey.why.code):
            return
    pytest.fail(f"{journey.why.remedy}: still {again!r}")


@pytest.fixture
def broken(world, request):
    fault = request.param
    node = world[fault.at]
    # Every neighbour is known, so that a fault shows itself where it is.
    world["mycontainer"].run("ip neigh flush nud failed nud incomplete; ping -q -c1 -w3 8.8.8.8; true")
    node.run(fault.breaks)
    yield fault
    node.run(fault.mends, check=False)  # what the remedy has mended already, it complains of


def named(faults):
    return pytest.mark.parametrize("broken", faults, ids=[each.says for each in faults], indirect=True)


@named(RUNBOOK)
def test_a_fault_of_the_runbook_is_found_where_it_is_and_named(world, broken):
    judge(world, broken)


@named([*LINKS, *ROUTES])
def test_a_fault_of_a_link_or_a_route_is_found_where_it_is_and_named(world, broken):
    judge(world, broken)


@named([*FIREWALLS, *NAT])
def test_a_fault_of_a_firewall_or_of_nat_is_found_where_it_is_and_named(world, broken):
    judge(world, broken)


@named([*DELIVERED, *IPV6])
def test_a_fault_of_a_program_or_of_ipv6_is_found_where_it_is_and_named(world, broken):
    judge(world, broken)


@named(SEVERAL)
def test_of_two_faults_the_first_that_stops_the_packet_is_named(world, broken):
    judge(world, broken)
