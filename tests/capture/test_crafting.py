"""scapy's packets out of ours, and ours out of scapy's."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.sendrecv import AsyncSniffer, sniff
from scapy.utils import rdpcap, wrpcap

import nslab
from nslab.capture import crafting
from nslab.capture.packets import Packets, Point
from nslab.errors import UsageError

# With addresses: scapy would ask the machine's own network for what is missing.
ETHER, LOOP = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02"), IP(src="127.0.0.1", dst="127.0.0.2")


@pytest.fixture(scope="module")
def pings(shared_lab):
    with shared_lab.capture("host:eth0", filter="icmp") as cap:
        shared_lab["host"].run("ping -q -c3 -i 0.01 8.8.8.8")
    return cap


def test_a_packet_goes_by_its_number_in_the_table(pings, capsys):
    pings[1].show()
    assert "###[ ICMP ]###" in capsys.readouterr().out
    assert pings[2][IP].src == "8.8.8.8"
    assert pings[-1][ICMP].seq == pings[6][ICMP].seq == 3
    for number in (0, 7, -7):
        with pytest.raises(UsageError, match="they are 1 to 6"):
            _ = pings[number]


def test_a_packet_knows_when_where_and_how_long(pings):
    packet = pings[1]
    assert int(packet.time * 10**9) == pings.packets_.time[0]
    assert (packet.wirelen, packet.sniffed_on, len(packet)) == (98, "host:eth0", 98)


def test_packets_are_a_sequence_that_scapy_takes(pings, tmp_path):
    wrpcap(str(tmp_path / "x.pcap"), pings.packets)
    assert [bytes(each) for each in rdpcap(str(tmp_path / "x.pcap"))] == list(pings.packets_)
    assert len(pings.packets[1:3]) == 2
    assert pings.packets[1:3][0] == pings[2]
    assert sum(1 for _ in pings) == 6
    with pytest.raises(IndexError):
        _ = pings.packets[6]


def test_scapy_sniffs_what_was_captured(pings):
    assert len(sniff(opened_socket=pings.socket, count=2)) == 2
    assert len(sniff(opened_socket=pings.socket)) == 6
    assert len(sniff(opened_socket=pings.socket, lfilter=lambda packet: packet[ICMP].type == 8)) == 3


def test_scapy_sniffs_while_the_capture_runs(cable):
    with cable.lab.capture(cable.far) as cap:
        cable.send(cable.frame(1))
        assert len(sniff(opened_socket=cap.socket, count=1, timeout=20)) == 1
        sniffer = AsyncSniffer(opened_socket=cap.socket)
        sniffer.start()
        cable.send(cable.frame(2))
    sniffer.join(20)
    assert len(sniffer.results or []) == 2


def test_a_table_is_made_of_any_packets(pings):
    table = nslab.table(sniff(opened_socket=pings.socket))
    assert [row.info for row in table.rows()] == [row.info for row in pings.table.rows()]
    crafted = [
        IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(id=1, seq=1),
        IP(src="10.0.0.2", dst="10.0.0.1") / ICMP(type=0),
    ]
    first, second = nslab.table(crafted).rows()
    assert (first.source, first.protocol, second.info[:17]) == ("10.0.0.1", "ICMP", "Echo (ping) reply")
    assert len(nslab.table([])) == 0


def test_a_table_shows_a_packet_as_it_is_now_and_not_as_it_came(pings):
    packet = pings[1]
    packet[IP].dst = "9.9.9.9"
    assert next(nslab.table([packet]).rows()).destination == "9.9.9.9"


def test_packets_of_several_kinds_are_one_table():
    table = nslab.table([ETHER / LOOP / UDP(), LOOP / UDP(), Raw(b"\x00")])
    assert len(list(table.rows())) == 3
    with pytest.raises(UsageError, match="a table is made of scapy packets, and this is str"):
        nslab.table(["GET /"])


@pytest.mark.parametrize("link", [1, 101, 113, 9999])
@pytest.mark.parametrize("data", [b"", b"E", b"\xff" * 13, b"\x00" * 60])
def test_any_bytes_are_a_packet(link, data):
    packets = Packets.none(Point("x", link_type=link))
    made = crafting.undissected([Raw(data)])
    packets = Packets(packets.points, *[getattr(made, each) for each in made.__slots__[1:]])
    assert bytes(crafting.dissected(packets, 0))[: len(data)] == data
