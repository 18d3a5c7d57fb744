"""The lab as it is now: what its kernels tell, after each of the runbook's commands and after some of its mistakes."""

import os
import threading

import pytest

from nslab.instruments import Lab
from nslab.lab import state
from nslab.lab.nat import NatRule
from nslab.lab.state import Address, End
from nslab.lab.watch import Watch


def add_container(lab, name):
    """Make a container as the runbook does, with the host's root, and return it."""
    lab["host"].run(f"ip netns add {name}")
    lab["host"].spawn(
        f"exec unshare --fork --pid --net=/run/netns/{name} --mount --uts --ipc --root=/ sleep infinity"
    ).leave()
    while name not in lab.nodes():
        pass
    return lab[name]


def end_container(lab, name):
    """End a container, and let its network go."""
    (pid,) = (each["pid"] for each in lab["host"].containers() if each["name"] == name)
    lab["host"].run(f"kill -9 {pid}")
    while name in lab.nodes():
        pass
    # unshare --net=FILE has put its own namespace on top of the file.
    lab["host"].run(f"for _ in 1 2 3; do ip netns del {name} && exit; done; exit 1")


@pytest.fixture(scope="module")
def lab():
    """Return a lab of this file, with a container; each test puts back what it changes."""
    made = Lab.up(f"state-{os.getpid()}", owner=os.getpid())
    container = add_container(made, "c1")
    made["host"].run("""
        ip link add br0 type bridge
        ip addr add 172.17.0.1/24 dev br0
        ip link set dev br0 up
        ip link add veth1 type veth peer name eth0 netns c1
        ip link set dev veth1 up
        ip link set dev veth1 master br0
    """)
    container.run("""
        ip addr add 172.17.0.100/24 dev eth0
        ip link set dev eth0 up
        ip link set lo up
        ip route add default via 172.17.0.1
    """)
    yield made
    made.down()


def addresses(interface):
    return [each.address for each in interface.addresses if each.scope == "global"]


@pytest.mark.one_id
def test_every_node_is_there_and_containers_are_marked(lab):
    nodes = state.read(lab).nodes
    assert [(node.name, node.container) for node in nodes] == [
        ("internet", False),
        ("outside", False),
        ("host", False),
        ("c1", True),
    ]


@pytest.mark.one_id
def test_a_cable_is_known_by_both_of_its_ends(lab):
    seen = state.read(lab)
    assert seen["host"]["veth1"].peer == End("c1", "eth0")
    assert seen["c1"]["eth0"].peer == End("host", "veth1")
    assert seen["host"]["eth0"].peer == End("internet", "host")
    assert seen["outside"]["eth0"].peer == End("internet", "outside")


def test_a_bridge_has_its_ports_and_addresses(lab):
    host = state.read(lab)["host"]
    assert host["br0"].kind == "bridge"
    assert addresses(host["br0"]) == ["172.17.0.1/24"]
    assert host["veth1"].master == "br0"


def test_routes_are_told_with_their_gateway_and_what_came_by_itself_is_marked(lab):
    routes = [route for route in state.read(lab)["c1"].routes if route.family == 4]
    assert [(each.destination, each.gateway, each.interface, each.by_kernel) for each in routes] == [
        ("default", "172.17.0.1", "eth0", False),
        ("172.17.0.0/24", "", "eth0", True),
    ]
    assert {route.kind for route in state.read(lab)["internet"].routes} >= {"local", "blackhole"}


def test_a_link_that_is_down_is_down_and_its_other_end_has_no_carrier(lab):
    lab["host"].run("ip link set veth1 down")
    seen = state.read(lab)
    lab["host"].run("ip link set veth1 up")
    assert (seen["host"]["veth1"].up, seen["c1"]["eth0"].up) == (False, True)
    assert not seen["c1"]["eth0"].carrier
    assert state.read(lab)["c1"]["eth0"].works


def test_forwarding_is_told_of_each_node(lab):
    lab["host"].run("sysctl net.ipv4.ip_forward=1")
    on = state.read(lab)["host"].forwards
    lab["host"].run("sysctl net.ipv4.ip_forward=0")
    assert (on, state.read(lab)["host"].forwards) == (True, False)


@pytest.mark.parametrize("tool", ["iptables-nft", "iptables-legacy"])
def test_the_rules_of_iptables_are_told_with_what_they_ask_for(lab, tool):
    masquerade = "POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE"
    published = "PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80"
    host = lab["host"]
    host.run(f"{tool} -t nat -A {masquerade}; {tool} -t nat -A {published}; {tool} -A FORWARD -j ACCEPT")
    rules = state.read(lab)["host"].rules
    host.run(f"{tool} -t nat -D {masquerade}; {tool} -t nat -D {published}; {tool} -D FORWARD -j ACCEPT")
    assert sorted(rules, key=lambda rule: rule.action) == [
        NatRule(
            "DNAT",
            "PREROUTING",
            "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
            protocol="tcp",
            port="8080",
            to="172.17.0.100:80",
        ),
        NatRule("MASQUERADE", "POSTROUTING", f"-A {masquerade}", source="172.17.0.0/24", leaves_by="!br0"),
    ]
    assert state.read(lab)["host"].rules == ()


def test_the_rules_of_nft_are_told_too(lab):
    host = lab["host"]
    host.run("""
        nft add table inet mine
        nft 'add chain inet mine post { type nat hook postrouting priority 100; }'
        nft 'add chain inet mine pre { type nat hook prerouting priority -100; }'
        nft add rule inet mine post ip saddr 172.17.0.0/24 oifname != br0 counter masquerade
        nft add rule inet mine pre tcp dport '{ 8080, 8081 }' dnat ip to 172.17.0.100:80
        nft add rule inet mine pre udp dport 53 redirect to :5353
    """)
    rules = state.read(lab)["host"].rules
    host.run("nft delete table inet mine")
    told = {(each.action, each.source, each.leaves_by, each.protocol, each.port, each.to) for each in rules}
    assert told == {
        ("MASQUERADE", "172.17.0.0/24", "!br0", "", "", ""),
        ("DNAT", "", "", "tcp", "8080,8081", "172.17.0.100:80"),
        ("REDIRECT", "", "", "udp", "53", ":5353"),
    }


def test_tunnels_copies_of_an_interface_and_ipv6_are_told(lab):
    host = lab["host"]
    host.run("""
        ip link add vx type vxlan id 7 remote 10.0.2.3 dstport 4789 dev eth0
        ip link add link eth0 name mv type macvlan
        ip -6 addr add 2001:db8::1/64 dev br0 nodad
    """)
    seen = state.read(lab)["host"]
    host.run("ip link del vx; ip link del mv; ip -6 addr del 2001:db8::1/64 dev br0")
    tunnel, copy = seen["vx"], seen["mv"]
    assert (copy.kind, copy.parent, copy.peer) == ("macvlan", "eth0", None)
    assert (tunnel.kind, tunnel.remote, tunnel.parent) == ("vxlan", "10.0.2.3", "eth0")
    assert Address("2001:db8::1/64") in seen["br0"].addresses


def test_a_cable_into_a_namespace_that_is_no_node_has_an_end_without_a_name(lab):
    host = lab["host"]
    host.run("ip netns add spare; ip link add stray type veth peer name eth0 netns spare; ip netns add spare2")
    stray = state.read(lab)["host"]["stray"]
    host.run("ip netns del spare; ip netns del spare2")
    assert stray.peer == End("", "")


def test_a_container_that_ends_is_not_there_any_more(lab):
    add_container(lab, "brief")
    with Watch(lab) as changes:
        end_container(lab, "brief")
        assert changes.wait(20)
    assert "brief" not in [node.name for node in state.read(lab).nodes]


@pytest.mark.one_id
@pytest.mark.parametrize(
    ("node", "change", "back"),
    [
        ("host", "ip link set veth1 down", "ip link set veth1 up"),
        ("c1", "ip addr add 10.9.9.9/32 dev lo", "ip addr del 10.9.9.9/32 dev lo"),
        ("host", "ip route add 10.9.0.0/16 via 10.0.2.2", "ip route del 10.9.0.0/16"),
        ("host", "sysctl net.ipv4.ip_forward=1", "sysctl net.ipv4.ip_forward=0"),
        ("host", "nft add table ip mine", "nft delete table ip mine"),
    ],
)
def test_a_change_is_heard(lab, node, change, back):
    with Watch(lab) as changes:
        while changes.wait(0.05):  # what the test before has left behind
            pass
        lab[node].run(change)
        assert changes.wait(20)
    lab[node].run(back)


def test_a_new_container_is_heard_of(lab):
    with Watch(lab) as changes:
        add_container(lab, "born")
        assert changes.wait(20)
    end_container(lab, "born")


def test_who_waits_can_be_told_to_stop(lab):
    with Watch(lab) as changes:
        waiting = threading.Thread(target=changes.wait)
        waiting.start()
        changes.stop()
        waiting.join(20)
        assert not waiting.is_alive()
        assert not changes.wait()


@pytest.mark.one_id
def test_a_container_that_has_not_mounted_its_proc_is_there_with_its_cable(lab):
    host = lab["host"]
    host.run("""
        mkdir /bare && cd /bare && mkdir bin lib lib64 usr proc
        for each in bin lib lib64 usr; do mount --rbind /$each $each; done
        ip netns add bare
    """)
    host.spawn(
        "exec unshare --fork --pid --net=/run/netns/bare --mount --uts --ipc --root=/bare sleep infinity"
    ).leave()
    while "bare" not in lab.nodes():
        pass
    host.run("ip link add v7 type veth peer name eth0 netns bare")
    assert lab["bare"].run("ls /proc").stdout == ""
    seen = state.read(lab)
    end_container(lab, "bare")
    assert seen["bare"]["eth0"].peer == End("host", "v7")
    assert seen["host"]["v7"].peer == End("bare", "eth0")
