"""The dissector as its users see it: rows as they come, rows that change, any bytes at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nslab.capture.files import examine
from nslab.capture.packets import Point
from nslab.capture.words import Dissector
from nslab.capture.words.registry import IP_PROTOCOLS


def conversation(frames):
    ping = frames.ether(frames.ipv4(frames.echo(8, 1), 1))
    pong = frames.ether(frames.ipv4(frames.echo(0, 1), 1, frames.THERE, frames.HERE))
    first, last = (
        frames.ether(frames.ipv4(bytes(16), identification=5, fragment=fragment)) for fragment in (0x2000, 2)
    )
    return [ping, first, *frames.conversation(80, ("A", 1, 1, 24, b"GET / HTTP/1.1\r\n\r\n")), last, pong, ping]


def test_rows_are_the_same_however_the_packets_come(frames, mutants):
    made = mutants.packets([(data, len(data)) for data in conversation(frames)])
    once, bit_by_bit = Dissector(strict=True), Dissector(strict=True)
    once.feed(made)
    once.finish()
    for index in range(len(made)):
        bit_by_bit.feed(made.select([index]))
        assert len(bit_by_bit) == index + 1
    bit_by_bit.finish()
    assert once.info == bit_by_bit.info
    assert [once.source, once.destination, once.protocol] == [
        bit_by_bit.source,
        bit_by_bit.destination,
        bit_by_bit.protocol,
    ]


def test_a_row_that_changes_later_is_told(frames, mutants):
    made = mutants.packets([(data, len(data)) for data in conversation(frames)])
    words = Dissector(strict=True)
    words.feed(made.select(slice(0, 6)))
    assert words.info[0].endswith("ttl=64")
    assert words.take_changed() == set()
    words.feed(made.select(slice(6, None)))
    assert words.take_changed() == {0, 1}
    assert words.info[0].endswith("(reply in 8)")
    assert words.info[1].endswith("[Reassembled in #7]")
    words.finish()
    words.finish()
    assert words.take_changed() == {8}
    assert words.info[8].endswith("ttl=64 (no response found!)")
    words.feed(made.select([7]))  # it was only late
    assert words.info[8].endswith("ttl=64 (reply in 10)")


def test_a_selection_of_packets_reads_like_the_packets_alone(frames, mutants):
    made = mutants.packets([(data, len(data)) for data in conversation(frames)] + [(bytes(60000), 60000)] * 5)
    words = Dissector(strict=True)
    words.feed(made.select([0, 7, 12]))
    assert [info.partition("ttl=")[2] for info in words.info[:2]] == ["64 (reply in 2)", "64 (request in 1)"]
    assert len(words) == 3


def test_points_that_are_read_apart_do_not_take_each_others_replies(frames, mutants):
    ping = frames.ether(frames.ipv4(frames.echo(8, 1), 1))
    pong = frames.ether(frames.ipv4(frames.echo(0, 1), 1, frames.THERE, frames.HERE))
    made = mutants.packets([(data, len(data)) for data in (ping, ping, pong, pong)])
    seen = replace(made, points=(Point("br0"), Point("eth0")), point=np.array([0, 1, 1, 0], np.uint16))
    together, apart = Dissector(strict=True), Dissector(apart=True, strict=True)
    for words in (together, apart):
        words.feed(seen.select(slice(0, 2)))
        words.feed(seen.select(slice(2, 4)))
        words.finish()
    assert ["no response" in info for info in together.info] == [True, False, False, False]
    assert [info.partition(" (")[2].partition("ttl=64 (")[2] for info in apart.info] == [
        "reply in 4)",
        "reply in 3)",
        "request in 2)",
        "request in 1)",
    ]
    assert apart.take_changed() == {0, 1}


def test_an_unknown_link_is_named_by_its_length(mutants):
    words = Dissector(strict=True)
    words.feed(mutants.packets([(bytes(20), 20)], link_type=9999))
    assert words.info == ["20 bytes of an unknown link layer"]


def test_an_error_inside_costs_no_row(frames, mutants, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setitem(IP_PROTOCOLS, 253, broken)
    words = Dissector()
    words.feed(mutants.packets([(frames.ether(frames.ipv4(b"abc", 253)), 37)] * 2))
    assert words.info == ["[Malformed Packet]"] * 2


def test_any_bytes_at_all_give_one_row_each(frames, mutants, pcap):
    seeds = [
        *conversation(frames),
        frames.arp(1, frames.HERE_MAC, frames.HERE, bytes(6), frames.THERE),
        frames.ether(frames.ipv6(frames.udp())),
        frames.ether(frames.ipv6(b"\x11\0\1\4\0\0\0\0" + frames.udp(), 0)),
        frames.ether(frames.ipv6(b"\x87" + bytes(23) + b"\1\1" + frames.HERE_MAC, 58)),
        frames.tagged(frames.ipv4(frames.udp()), 5, 0x0800),
        *frames.conversation(53, ("A", 1, 1, 24, b"\0\x1f\0\7\1\0\0\1" + bytes(25))),
        *(frames.ether(frames.ipv4(frames.udp(bytes(60), 40000, port))) for port in (53, 67, 69, 123, 161, 514, 5353)),
        *(frames.conversation(port, ("A", 1, 1, 24, bytes(60)))[-1] for port in (21, 22, 23, 25, 80, 443, 1883)),
    ]
    packets = list(mutants.mutants(seeds, 5000))
    words = Dissector(strict=True)
    words.feed(mutants.packets(packets))
    words.finish()
    assert len(words) == len(packets)
    assert all(isinstance(text, str) for text in (*words.source, *words.protocol, *words.info))
    assert len(examine(Path(pcap(packets))).packets) == len(packets)
