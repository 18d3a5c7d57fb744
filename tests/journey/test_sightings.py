"""Sightings, made of the bytes that the kernel gives."""

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether

from nslab.journey.sightings import of_frame


def seen(frame, protocol, kind=0):
    return of_frame("host", "eth0", 2, (1, protocol, kind, bytes(frame)))


@pytest.mark.parametrize(
    ("tags", "protocol"),
    [
        (Ether(), 0x0800),
        (Ether() / Dot1Q(vlan=10), 0x8100),
        (Ether() / Dot1AD(vlan=20) / Dot1Q(vlan=10), 0x88A8),
    ],
)
def test_a_packet_is_the_same_with_and_without_vlan_tags(tags, protocol):
    sighting, question = seen(tags / IP(src="10.0.0.1", dst="10.0.0.2", id=7) / ICMP(seq=3), protocol)
    assert question is None
    assert (sighting.packet.src, sighting.packet.ident, sighting.packet.seq) == ("10.0.0.1", 7, 3)


def test_arp_is_a_question_or_an_answer():
    asked = ARP(op="who-has", psrc="10.0.0.1", pdst="10.0.0.2")
    _, question = seen(Ether() / asked, 0x0806, kind=1)
    assert (question.answer, question.target, question.asker, question.way) == (False, "10.0.0.2", "10.0.0.1", "in")
    told = ARP(op="is-at", hwsrc="02:00:00:00:00:02", psrc="10.0.0.2", pdst="10.0.0.1")
    _, question = seen(Ether() / told, 0x0806, kind=4)
    assert (question.answer, question.target, question.mac, question.way) == (
        True,
        "10.0.0.2",
        "02:00:00:00:00:02",
        "out",
    )


def test_what_is_neither_is_nothing():
    assert seen(Ether(), 0x0800) == (None, None)
    assert seen(Ether(), 0x8100) == (None, None)
