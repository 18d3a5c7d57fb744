"""The picture of a lab: what is in it, that nothing stands on anything else, and that no lab is too odd for it."""

import itertools
import os

import pytest

from nslab.draw import topology
from nslab.draw.layout import lay_out
from nslab.instruments import Lab
from nslab.lab import state
from nslab.lab.nat import NatRule
from nslab.lab.state import Address, End, Interface, LabState, NodeState, Route

VETH = "ip link add veth1 type veth peer name eth0 netns mycontainer"
MASQUERADE = NatRule("MASQUERADE", "POSTROUTING", "…", source="172.17.0.0/24", leaves_by="!br0")
PUBLISHED = NatRule("DNAT", "PREROUTING", "…", protocol="tcp", port="8080", to="172.17.0.100:80")


def interface(name, *addresses, kind="veth", to="", **options):
    """Return an interface; to: the other end of its cable, as `node:interface`."""
    peer = End(*to.split(":")) if to else None
    return Interface(name, kind, addresses=tuple(map(Address, addresses)), peer=peer, **options)


def container(name, *interfaces, gateway="172.17.0.1"):
    return NodeState(name, container=True, interfaces=interfaces, routes=(Route("default", gateway),), forwards=False)


def lab(*in_host, containers=(), rules=(), routes=()):
    """Return a lab whose host has more than its eth0."""
    segment = [interface("net0", "10.0.2.2/24", kind="bridge")]
    segment += [interface(name, master="net0", to=f"{name}:eth0") for name in ("outside", "host")]
    internet = NodeState("internet", container=False, interfaces=tuple(segment), forwards=True)
    outside = NodeState(
        "outside", container=False, interfaces=(interface("eth0", "10.0.2.3/24", to="internet:outside"),)
    )
    eth0 = interface("eth0", "10.0.2.15/24", to="internet:host")
    to_internet = Route("default", "10.0.2.2", "eth0")
    host = NodeState("host", False, (eth0, *in_host), (to_internet, *routes), tuple(rules), forwards=False)
    return LabState("lab", (internet, outside, host, *containers))


def bridge_with(count):
    """Return a lab with as many containers on one bridge."""
    ports = [interface(f"veth{n}", master="br0", to=f"c{n:02}:eth0") for n in range(count)]
    made = [
        container(f"c{n:02}", interface("eth0", f"172.17.0.{100 + n}/24", to=f"host:veth{n}")) for n in range(count)
    ]
    return lab(interface("br0", "172.17.0.1/24", kind="bridge"), *ports, containers=made)


LONG = "a-container-with-a-very-long-name-" * 4
ODD = {
    "no containers": lab(),
    "one container": bridge_with(1),
    "ten containers": bridge_with(10),
    "forty containers": bridge_with(40),
    "no nodes": LabState("empty"),
    "no host": LabState("headless", (container("c1", interface("eth0", to="host:veth1")),)),
    "a node without interfaces": lab(containers=[NodeState("bare", container=True)]),
    "long names": lab(
        interface("veth-to-the-one", to=f"{LONG}:eth0"),
        interface("br0", "2001:db8:1234:5678:9abc:def0:1234:5678/64", kind="bridge"),
        containers=[container(LONG, interface("eth0", to="host:veth-to-the-one"))],
    ),
    "characters that XML has no room for": lab(
        interface('<&">', kind="dummy"), interface("\x01\x7f", kind="dummy"), containers=[container("名前\n<br>")]
    ),
    "interfaces in plenty": lab(*(interface(f"dummy{n}", f"10.{n}.0.1/24", kind="dummy") for n in range(200))),
    "bridges in bridges": lab(
        interface("br0", kind="bridge"),
        interface("br1", kind="bridge", master="br0"),
        interface("bond0", kind="bond", master="br1"),
        interface("d0", kind="dummy", master="bond0", up=False),
        interface("a", master="br1", to="host:b"),
        interface("b", to="host:a"),
    ),
    "a circle of masters": lab(interface("x", kind="bridge", master="y"), interface("y", kind="bridge", master="x")),
    "eth0 in the bridge": LabState(
        "bridged",
        tuple(
            NodeState(
                node.name,
                node.container,
                tuple(
                    interface("eth0", master="br0", to="internet:host") if each.name == "eth0" else each
                    for each in node.interfaces
                )
                if node.name == "host"
                else node.interfaces,
            )
            for node in bridge_with(2).nodes
        ),
    ),
    "VLANs and tunnels": lab(
        interface("eth0.10", "10.1.0.1/24", kind="vlan", vlan=10, parent="eth0"),
        interface("vx", kind="vxlan", parent="eth0", remote="10.0.2.3"),
        interface("wg0", kind="wireguard"),
        interface("tunl0", kind="ipip", up=False),
        interface("stray", to=":"),
    ),
    "containers behind containers": lab(
        interface("v0", to="router:eth0"),
        containers=[
            container("behind", interface("eth0", to="router:eth1"), interface("e1", to="beside:e1")),
            container("beside", interface("e1", to="behind:e1")),
            container("router", interface("eth0", to="host:v0"), interface("eth1", to="behind:eth0")),
        ],
    ),
    "rules and routes in plenty": lab(
        rules=[MASQUERADE, PUBLISHED] * 20,
        routes=[Route(f"10.{n}.0.0/16", "10.0.2.9", "eth0") for n in range(40)],
    ),
}


@pytest.fixture(scope="module")
def runbook():
    """Return the runbook's lab at the start of its section 2: there is a container, and no network in it."""
    made = Lab.up(f"picture-{os.getpid()}", owner=os.getpid())
    host = made["host"]
    host.run("ip netns add mycontainer")
    unshare = "exec unshare --fork --pid --net=/run/netns/mycontainer --mount --uts --ipc --root=/ sleep infinity"
    host.spawn(unshare).leave()
    while "mycontainer" not in made.nodes():
        pass
    yield made
    made.down()


def test_the_picture_follows_the_runbook_command_by_command(runbook, read):
    host, inside = runbook["host"], runbook["mycontainer"]
    shown = read(runbook.draw())
    assert shown.has("mycontainer", "container", "host", "internet", "outside", "10.0.2.15/24", "forwarding off")
    assert shown.has("no interface") is False  # lo is there, and down
    assert shown.has("✗ down")
    steps = [
        (host, "ip link add br0 type bridge", ["br0", "bridge", "✗ down"]),
        (host, "ip addr add 172.17.0.1/24 dev br0", ["172.17.0.1/24"]),
        (host, "ip link set dev br0 up", ["br0"]),
        (host, VETH, ["veth1", "no default route"]),
        (host, "ip link set dev veth1 up; ip link set dev veth1 master br0", ["no carrier"]),
        (inside, "ip addr add 172.17.0.100/24 dev eth0; ip link set dev eth0 up", ["172.17.0.100/24"]),
        (inside, "ip link set lo up; ip route add default via 172.17.0.1", ["default via 172.17.0.1"]),
        (host, "sysctl net.ipv4.ip_forward=1", ["forwarding on"]),
        (
            host,
            "iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE",
            ["MASQUERADE", "172.17.0.0/24"],
        ),
        (
            host,
            "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80",
            ["DNAT tcp 8080 → 172.17.0.100:80"],
        ),
    ]
    before = shown.picture
    for node, command, words in steps:
        node.run(command)
        shown = read(runbook.draw())
        assert shown.has(*words), command
        assert shown.picture.svg != before.svg, command
        assert shown.outside() == []
        before = shown.picture
    assert not shown.has("✗ down")
    assert not shown.has("no carrier")
    assert runbook.draw() == before
    assert "mycontainer (eth0 172.17.0.100/24 up)" in before.alt
    assert "Cables:" in before.alt
    assert "host:veth1 to mycontainer:eth0" in before.alt
    assert "DNAT tcp 8080 → 172.17.0.100:80" in before.alt


def test_a_lab_of_its_own_addresses_has_no_mac_in_its_picture(shared_lab):
    # They are made at random: two runs would have two pictures.
    macs = [each.mac for node in state.read(shared_lab).nodes for each in node.interfaces if each.kind == "veth"]
    assert not any(mac in shared_lab.draw().svg for mac in macs)


@pytest.mark.parametrize("name", ODD)
def test_every_lab_has_a_picture_in_which_nothing_stands_on_anything_else(name, read):
    shown = read(topology.draw(ODD[name]))
    layout = lay_out(ODD[name])
    assert shown.outside() == []
    boxes = [node.box for node in layout.nodes]
    for node in layout.nodes:
        across, left, right = node.lanes()
        inside = [unit.box for unit in [*across, *left, *right]] + [note.box for note in node.notes]
        assert all(node.box.x < box.x and box.right < node.box.right for box in inside)
        assert all(node.box.y < box.y and box.bottom < node.box.bottom for box in inside)
        assert not any(a.overlaps(b) for a, b in itertools.combinations(inside, 2))
        for unit in (each for root in node.units for each in root.all()):
            assert not any(a.box.overlaps(b.box) for a, b in itertools.combinations(unit.ports, 2))
            assert all(unit.box.y < port.box.y and port.box.bottom < unit.box.bottom for port in unit.ports)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("name", ODD)
def test_the_same_lab_has_the_same_picture(name):
    assert topology.draw(ODD[name]) == topology.draw(ODD[name])


def test_a_container_stands_left_of_the_host_and_the_internet_right_of_it():
    placed = {node.node.name: node.box for node in lay_out(bridge_with(2)).nodes}
    assert placed["c00"].right < placed["host"].x
    assert placed["c01"].right < placed["host"].x
    assert placed["host"].right < placed["internet"].x
    assert placed["host"].right < placed["outside"].x


def test_a_lab_like_the_runbooks_fits_a_notebook():
    assert lay_out(bridge_with(1)).width < 950


def test_a_link_that_is_down_is_shown_by_a_word_a_cross_and_a_broken_line(read):
    port = interface("veth0", master="br0", to="c1:eth0", up=False)
    inside = container("c1", interface("eth0", to="host:veth0", carrier=False))
    shown = read(topology.draw(lab(interface("br0", kind="bridge"), port, containers=[inside])))
    assert shown.has("✗ down", "no carrier", "✗")
    assert ["broken"] in shown.styles("path")
    assert any("off" in style for style in shown.styles("rect"))
    assert not any("broken" in style for style in read(topology.draw(bridge_with(1))).styles("path"))


def test_cables_of_a_bridge_do_not_cross():
    placed = lay_out(bridge_with(10))
    ends = sorted(
        (cable.start[1].box.y, cable.end[1].box.y)
        for cable in placed.cables
        if {cable.start[0].column, cable.end[0].column} == {0, -1}
    )
    assert len(ends) == 10
    assert [end for _, end in ends] == sorted(end for _, end in ends)


def test_what_has_no_room_is_counted(read):
    shown = read(topology.draw(ODD["interfaces in plenty"]))
    assert shown.has("… and 177 more interfaces")
    assert read(topology.draw(ODD["rules and routes in plenty"])).has("… and 32 more rules", "… and 33 more routes")


def test_devices_that_nobody_made_are_not_shown(read):
    assert not read(topology.draw(ODD["VLANs and tunnels"])).has("tunl0")
    assert read(topology.draw(ODD["VLANs and tunnels"])).has("VLAN 10 on eth0", "vxlan on eth0 to 10.0.2.3")


def test_the_words_of_a_terminal_say_the_same(shared_lab):
    lines = repr(shared_lab.draw()).splitlines()
    assert lines[0] == f"lab {shared_lab.name}"
    assert "outside: forwarding off" in lines
    assert "  eth0  10.0.2.3/24  up  ═ internet:outside" in lines
