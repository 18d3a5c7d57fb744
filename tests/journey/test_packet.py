"""The parser: what NAT leaves alone, and bytes of all kinds."""

import random

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Raw

from nslab.journey import packet as packets


def parse(data):
    packet = packets.parse(data)
    assert packet is not None
    return packet


def test_a_packet_has_the_same_key_before_and_after_nat():
    ping = parse(bytes(IP(src="172.17.0.100", dst="8.8.8.8", ttl=64, id=7) / ICMP(id=1, seq=1) / Raw(b"when")))
    after = parse(bytes(IP(src="10.0.2.15", dst="8.8.8.8", ttl=63, id=7) / ICMP(id=99, seq=1) / Raw(b"when")))
    assert ping.key == after.key
    assert parse(bytes(IP(id=7) / ICMP(id=1, seq=2) / Raw(b"when"))).key != ping.key


def test_a_segment_and_a_datagram_are_told_apart_by_more_than_their_ports():
    segment = parse(bytes(IP() / TCP(sport=1, dport=2, seq=5, ack=9, flags="SA")))
    assert (segment.name, segment.seq, segment.ack) == ("TCP SYN ACK", 5, 9)
    assert (segment.sender, segment.receiver) == ("127.0.0.1:1", "127.0.0.1:2")
    assert parse(bytes(IP() / UDP(sport=1, dport=2) / Raw(b"a"))).key != parse(bytes(IP() / UDP() / Raw(b"b"))).key


def test_an_error_tells_which_packet_it_is_about():
    error = parse(bytes(IP(src="172.17.0.1") / ICMP(type=11, code=0) / IPerror(id=7, src="172.17.0.100") / ICMP(seq=3)))
    assert error.is_error
    assert error.inner is not None
    assert (error.inner.ident, error.inner.src) == (7, "172.17.0.100")


def test_ipv6_is_read_behind_its_extension_headers():
    plain = IPv6(src="fd00::1", dst="fd00::2", fl=5) / IPv6ExtHdrHopByHop() / ICMPv6EchoRequest(seq=4)
    assert (parse(bytes(plain)).name, parse(bytes(plain)).seq) == ("ICMPv6 echo request", 4)
    piece = parse(bytes(IPv6() / IPv6ExtHdrFragment(offset=2, m=1, nh=17) / Raw(b"x" * 16)))
    assert (piece.offset, piece.more, piece.protocol) == (16, True, 17)


def test_whatever_the_bytes_are_nothing_is_raised():
    chance = random.Random(1)
    for size in range(120):
        data = bytearray(chance.randbytes(size))
        for version in (0x45, 0x60, 0x4F):
            data[:1] = bytes([version])
            packets.parse(bytes(data))
    assert packets.parse(b"") is None
