"""The runbook's lab without debootstrap, in its good state: two containers on br0, NAT, 8080 published, IPv6 too."""

import os
import time

import pytest

from nslab.instruments import Lab

HOST = """
ip link add br0 address 02:00:00:00:00:01 type bridge
ip link set br0 addrgenmode none
ip addr add 172.17.0.1/24 dev br0
ip -6 addr add fd00::1/64 dev br0 nodad
ip link set br0 up
ip link add veth1 type veth peer name eth0 netns mycontainer
ip link add veth2 type veth peer name eth0 netns other
for cable in veth1 veth2; do ip link set $cable master br0; ip link set $cable up; done
ip -6 addr add fd01::15/64 dev eth0 nodad
ip -6 route add default via fd01::2
sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.bridge.bridge-nf-call-iptables=1
iptables -t nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE
iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80
"""
INTERNET = """
ip -6 addr add fd01::2/64 dev net0 nodad
ip -6 addr add 2001:db8::8/128 dev lo nodad
ip -6 route add fd00::/64 via fd01::15
ip addr add 172.18.0.8/32 dev lo
"""


def make_container(lab, name):
    """Make a container without a root file system of its own, and return when it is a node."""
    host = lab["host"]
    host.run(f"ip netns add {name}")
    host.spawn(f"exec unshare --fork --pid --net=/run/netns/{name} --mount --uts --ipc sleep infinity").leave()
    deadline = time.monotonic() + 20
    while name not in lab.nodes():
        assert time.monotonic() < deadline
    return lab[name]


def set_up_container(node, number):
    node.run(f"""
        ip link set lo up
        ip addr add 172.17.0.{number}/24 dev eth0
        ip link set eth0 addrgenmode none
        ip -6 addr add fd00::{number}/64 dev eth0 nodad
        ip link set eth0 up
        ip route add default via 172.17.0.1
        ip -6 route add default via fd00::1
    """)


def listen(node, *words):
    """Start a program that listens, and return when it does."""
    node.spawn(["nc", "-lk", *words]).leave()
    port = int(words[-1])
    files = "/proc/net/udp /proc/net/udp6" if "-u" in words else "/proc/net/tcp /proc/net/tcp6"
    node.run(f"until grep -q ':{port:04X} ' {files}; do :; done", timeout=10)


@pytest.fixture(scope="session")
def world():
    """Return a lab in its good state; what a test breaks in it, it mends."""
    made = Lab.up(f"journey-{os.getpid()}", owner=os.getpid())
    containers = [make_container(made, "mycontainer"), make_container(made, "other")]
    made["host"].run(HOST)
    made["internet"].run(INTERNET)
    for node, number in zip(containers, (100, 101), strict=True):
        set_up_container(node, number)
    listen(containers[0], "80")
    # Every neighbour is known, so that a fault shows itself where it is.
    containers[0].run("ping -c1 -W2 8.8.8.8; ping -c1 -W2 172.17.0.101; ping -6 -c1 -w5 -i0.1 2001:db8::8")
    yield made
    made.down()
