"""Captures of a lab: exact, whatever becomes of the interfaces."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nslab.capture.packets import Direction
from nslab.errors import LabError, UsageError

PATIENCE = 20  # seconds: how long a test waits for what shall happen at once


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def said(cap):
    return [str(event) for event in cap.events]


@pytest.mark.one_id
def test_what_the_body_causes_is_in_it_and_nothing_else(cable):
    for first in range(0, 100, 10):
        cable.send(cable.frame(first))
        with cable.lab.capture(cable.far) as cap:
            for number in range(first + 1, first + 9):
                cable.send(cable.frame(number))
        cable.send(cable.frame(first + 9))
        assert cable.numbers(cap.packets_) == list(range(first + 1, first + 9))
        assert (cap.lost, cap.exact, cap.running) == (0, True, False)


@pytest.mark.one_id
def test_pings_are_there_at_every_point_in_the_order_of_time(shared_lab):
    with shared_lab.capture("host:eth0", "internet:net0", filter="icmp") as cap:
        shared_lab["host"].run("ping -q -c5 -i 0.01 8.8.8.8")
    packets = cap.packets_
    assert len(cap) == 20
    assert (np.diff(packets.time) >= 0).all()
    assert np.bincount(packets.point).tolist() == [10, 10]
    assert cap.table.columns == ("No.", "Time", "Point", "Source", "Destination", "Protocol", "Length", "Info")
    assert [row.point for row in cap.table.rows(slice(0, 4))] == ["host:eth0", *["internet:net0"] * 2, "host:eth0"]
    at_host = packets.direction[packets.point == 0].tolist()
    assert at_host == [Direction.OUT, Direction.TO_US] * 5
    assert "(reply in 3)" in cap.table.words.info[1]


def test_a_packet_on_the_loopback_is_there_once(shared_lab):
    with shared_lab.capture("host:lo", filter="icmp") as cap:
        shared_lab["host"].run("ping -q -c3 -i 0.01 127.0.0.1")
    assert len(cap) == 6


def test_a_bridge_shows_what_it_forwards(cable):
    cable.host.run(
        "ip link add capbr type bridge && ip link set capbr up && ip link add cap2 type veth peer name cap3 && "
        "ip link set cap1 master capbr && ip link set cap2 master capbr && ip link set cap2 up && ip link set cap3 up"
    )
    try:
        with cable.lab.capture("host:capbr", "host:cap3", filter="udp") as cap:
            cable.send(cable.frame(5))
        assert [str(cap.points[point]) for point in cap.packets_.point] == ["host:capbr", "host:cap3"]
        assert "promiscuity 0" in cable.host.run("ip -d link show capbr").stdout
    finally:
        cable.host.run("ip link del capbr; ip link del cap2")


def test_a_filter_is_tcpdump_s_and_finds_tags(cable):
    with cable.lab.capture(cable.far, filter="vlan 100 and udp") as cap:
        for number, tag in enumerate((None, 100, 200, 100)):
            cable.send(cable.frame(number, tag=tag))
    assert [data[:18] for data in cap.packets_] == [cable.frame(tag=100)[:18]] * 2


def test_packets_are_cut_to_the_snaplen(cable):
    with cable.lab.capture(cable.far, snaplen=60) as cap:
        cable.send(cable.frame(1, 500))
    assert (cap.packets_.captured.tolist(), cap.packets_.length.tolist()) == ([60], [500])


def test_a_packet_larger_than_the_mtu_is_whole(shared_lab):
    host = shared_lab["host"]
    with shared_lab.capture("host:lo", filter="tcp port 7777") as cap:
        listening = host.socket(socket.AF_INET, socket.SOCK_STREAM, bind=("127.0.0.1", 7777), listen=1)
        sender = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        sender.connect(("127.0.0.1", 7777))
        taken, _ = listening.accept()
        sending = threading.Thread(target=lambda: (sender.sendall(bytes(200_000)), sender.close()))
        sending.start()
        received = 0
        while chunk := taken.recv(1 << 20):
            received += len(chunk)
        sending.join()
        taken.close()
        listening.close()
    assert received == 200_000
    assert cap.packets_.length.max() > 20_000
    assert (cap.packets_.captured == cap.packets_.length).all()


# Interfaces that come and go


@pytest.fixture
def coming(cable):
    """Return what makes an interface cap5 (again), and takes it away at the end."""

    def coming():
        cable.host.run(
            "ip link add cap5 type veth peer name cap6 && ip link set cap6 up && "
            "echo 1 >/proc/sys/net/ipv6/conf/cap5/disable_ipv6 && ip link set cap5 up"
        )

    yield coming
    cable.host.run("ip link del cap5", check=False)


def sent_by_cap5(cable, number):
    with cable.host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind(("cap5", 0))
        out.send(cable.frame(number))


def test_an_interface_is_waited_for_and_heard_from_its_first_packet(cable, coming):
    with cable.lab.capture("host:cap5", filter="udp") as cap:
        cable.send(cable.frame(99))  # somebody else's
        coming()
        sent_by_cap5(cable, 1)
        wait_for(lambda: len(cap) == 1)
        sent_by_cap5(cable, 2)
    assert cable.numbers(cap.packets_) == [1, 2]
    assert said(cap) == ["host:cap5 is not there yet", "host:cap5 appeared", "host:cap5 went up"]
    assert (cap.exact, cap.alarms) == (True, ())


def test_a_capture_goes_on_at_an_interface_that_is_made_again(cable, coming):
    coming()
    with cable.lab.capture("host:cap5", filter="udp") as cap:
        sent_by_cap5(cable, 1)
        cable.host.run("ip link del cap5")
        wait_for(lambda: "host:cap5 is gone" in said(cap))
        cable.send(cable.frame(99))
        coming()
        sent_by_cap5(cable, 2)
    assert cable.numbers(cap.packets_) == [1, 2]
    assert cap.exact
    assert any(remark.endswith("s · host:cap5 is gone") for remark in cap.remarks)


def test_a_capture_goes_on_when_an_interface_comes_up_again(cable, coming):
    coming()
    with cable.lab.capture("host:cap5", filter="udp") as cap:
        cable.host.run("ip link set cap5 down")
        wait_for(lambda: said(cap) == ["host:cap5 went down"])
        before = time.process_time()
        cable.host.run("sleep 0.2")
        assert time.process_time() - before < 0.1  # it does not spin
        cable.host.run("ip link set cap5 up")
        sent_by_cap5(cable, 1)
    assert cable.numbers(cap.packets_) == [1]
    assert said(cap) == ["host:cap5 went down", "host:cap5 went up"]


def test_an_interface_that_is_down_is_told_of(cable, coming):
    coming()
    cable.host.run("ip link set cap5 down")
    with cable.lab.capture("host:cap5") as cap:
        pass
    assert said(cap) == ["host:cap5 is down"]
    assert cap.alarms == ("no packets · host:cap5: down",)


def test_an_interface_that_never_was_is_told_of(cable):
    with cable.lab.capture("host:veth77", cable.far) as cap:
        pass
    assert cap.alarms[0] == "host:veth77: there never was such an interface; host has cap0, cap1, eth0, lo"


def test_an_empty_capture_says_where_it_listened_and_what_passed(cable):
    with cable.lab.capture(cable.far, filter="icmp") as cap:
        cable.send(cable.frame(1))
    (alarm,) = cap.alarms
    assert alarm == (
        "no packets · host:cap1: up, 1 packet passed and the filter “icmp” let none in; "
        "the kernel had its tap in place at start and at stop"
    )
    assert alarm in repr(cap)
    assert "color" in cap._repr_html_()


def test_an_unknown_node_and_a_wrong_filter_are_one_line(shared_lab):
    with pytest.raises(LabError, match=r"^nosuch: no such node; nodes: internet, outside, host"):
        shared_lab.capture("nosuch:eth0").start()
    with pytest.raises(UsageError, match="syntax error at 'fro'"):
        shared_lab.capture("host:eth0", filter="icmp fro").start()
    with pytest.raises(UsageError, match="snaplen"):
        shared_lab.capture("host:eth0", snaplen=0)
    with pytest.raises(UsageError, match="ring_mb"):
        shared_lab.capture("host:eth0", ring_mb=0)


# While it runs, and how it ends


def test_it_can_be_read_while_it_runs(cable):
    cap = cable.lab.capture(cable.far).start()
    try:
        assert (len(cap), cap.running, cap.exact) == (0, True, False)
        cable.send(cable.frame(1))
        assert cap.wait(0, PATIENCE)
        cable.send(cable.frame(2))
        assert cap.wait(1, PATIENCE)
        assert cable.numbers(cap.since(1)) == [2]
        assert len(cap.frame) == len(cap.snapshot()) == 2
        assert cap.remarks == ("listening at host:cap1",)
    finally:
        cap.stop()
    assert cap.stop() is cap
    assert not cap.wait(2, 0.0) or not cap.running
    with pytest.raises(UsageError, match="started before"):
        cap.start()


def test_what_is_lost_is_said_in_red(cable):
    cap = cable.lab.capture(cable.far, ring_mb=1).start()
    with cap._reader.arrived:  # the reader cannot go on while we have it
        for number in range(6000):
            cable.send(cable.frame(number, 1500))
    cap.stop()
    assert cap.lost > 0
    assert len(cap) + cap.lost == 6000
    assert cap.lost_at == {"host:cap1": cap.lost}
    assert cap.alarms == (f"host:cap1: {cap.lost} packets lost: the ring was full (a larger ring_mb holds more)",)


def test_a_capture_that_is_full_ends_and_says_so(cable):
    cap = cable.lab.capture(cable.far, max_bytes=100_000).start()
    for number in range(200):
        cable.send(cable.frame(number, 1500))
        cap.wait(number, 0.02)
    wait_for(lambda: not cap.running)
    cap.stop()
    assert 0 < len(cap) < 200
    assert cable.numbers(cap.packets_) == list(range(len(cap)))
    assert "has filled the" in cap.alarms[0]


def test_an_interrupt_ends_it(cable):
    with suppress(KeyboardInterrupt), cable.lab.capture(cable.far) as cap:
        cable.send(cable.frame(1))
        raise KeyboardInterrupt
    assert (len(cap), cap.running) == (1, False)


def test_a_capture_that_is_forgotten_ends(cable):
    cap = cable.lab.capture(cable.far).start()
    thread = cap._reader._thread
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    del cap
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(list(Path("/proc/self/fd").iterdir())) < descriptors


def test_a_child_of_the_process_leaves_it_alone(cable):
    with cable.lab.capture(cable.far) as cap:
        child = os.fork()
        if child == 0:
            cap.stop()
            os._exit(0)
        os.waitpid(child, 0)
        cable.send(cable.frame(1))
    assert len(cap) == 1


def test_what_was_captured_outlives_the_lab(lab):
    cap = lab.capture("host:eth0", "internet:net0", filter="icmp").start()
    lab["host"].run("ping -q -c1 8.8.8.8")
    lab.down()
    wait_for(lambda: not cap.running)
    assert len(cap) == 4
    assert said(cap)[-1] in {"host has ended", "internet has ended"}
    cap.stop()
    assert len(cap.frame) == 4


def test_two_labs_are_captured_side_by_side(shared_lab, lab):
    with shared_lab.capture("host:eth0", filter="icmp") as one, lab.capture("host:eth0", filter="icmp") as other:
        lab["host"].run("ping -q -c1 8.8.8.8")
    assert (len(one), len(other)) == (0, 2)


def test_a_container_is_listened_to_as_any_node(lab):
    host = lab["host"]
    host.run("mkdir -p /run/netns && touch /run/netns/box")
    made = host.spawn(["unshare", "--fork", "--pid", "--mount", "--net=/run/netns/box", "sleep", "1000"])
    wait_for(lambda: "box" in lab.nodes())
    host.run("ip link add v0 type veth peer name eth0 netns box && ip link set v0 up && ip addr add 10.7.0.1/24 dev v0")
    lab["box"].run("ip link set eth0 up && ip addr add 10.7.0.2/24 dev eth0")
    with lab.capture("box:eth0", "host:v0", filter="icmp") as cap:
        host.run("ping -q -c1 10.7.0.2")
    assert len(cap) == 4
    made.leave()
