"""The table, as text, CSV, JSON, HTML and a frame; and its columns by numpy."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

import nslab
from nslab.capture import columns, crafting
from nslab.capture.recording import Recording
from nslab.capture.table import seconds

A, B = "02:00:00:00:00:01", "02:00:00:00:00:02"
PING = "id=0x0007, seq=1/256, ttl=64"
PACKETS = [
    Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.1", pdst="10.0.0.2"),
    Ether(src=A, dst=B) / IP(src="172.17.0.100", dst="8.8.8.8") / ICMP(id=7, seq=1) / Raw(b"x" * 56),
    Ether(src=B, dst=A) / IP(src="8.8.8.8", dst="172.17.0.100") / ICMP(type=0, id=7, seq=1) / Raw(b"x" * 56),
    Ether(src=A, dst=B)
    / Dot1Q(vlan=5)
    / IPv6(src="2001:db8::1", dst="2001:db8::2")
    / UDP(sport=1, dport=2)
    / Raw(b"a"),
]


@pytest.fixture
def recording():
    for packet, time in zip(PACKETS, (1000.0, 1000.5, 1000.75, 123456.0), strict=True):
        packet.time = time
    return Recording(crafting.undissected(PACKETS))


def test_a_line_is_tshark_s(recording):
    assert str(recording.table).splitlines()[:3] == [
        f"    1 0.000000000 {A} → ff:ff:ff:ff:ff:ff ARP 42 Who has 10.0.0.2? Tell 10.0.0.1",
        f"    2 0.500000000 172.17.0.100 → 8.8.8.8      ICMP 98 Echo (ping) request  {PING} (reply in 3)",
        f"    3 0.750000000      8.8.8.8 → 172.17.0.100 ICMP 98 Echo (ping) reply    {PING} (request in 2)",
    ]


@pytest.mark.parametrize(("points", "said"), [(("host:br0", "host:eth0"), 0), (("br0", "eth0"), 1)])
def test_what_passes_two_points_of_a_lab_is_no_retransmission(points, said):
    segment = Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(flags="PA", seq=1) / Raw(b"hello")
    seen = [segment.copy() for _ in points]
    for packet, point in zip(seen, points, strict=True):
        packet.sniffed_on = point
    assert str(Recording(crafting.undissected(seen)).table).count("Retransmission") == said


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_all_lines_are_tshark_s(recording, tmp_path):
    place = recording.save(tmp_path / "x.pcapng")
    said = subprocess.run(["tshark", "-n", "-2", "-r", place], capture_output=True, text=True, check=True).stdout
    assert [line.rstrip() for line in nslab.read(place).table.lines()] == [line.rstrip() for line in said.splitlines()]


def test_csv_and_json_hold_the_same_as_the_text(recording):
    rows = [[str(value) for value in row.values()] for row in recording.table.rows()]
    header, *lines = csv.reader(io.StringIO("\n".join(recording.table.csv())))
    assert header == ["No.", "Time", "Source", "Destination", "Protocol", "Length", "Info"]
    assert lines == rows
    objects = json.loads("\n".join(recording.table.json()))
    assert [list(each) for each in objects] == [header] * 4
    assert [[each["No."], each["Length"], each["Info"]] for each in objects] == [
        [int(row[0]), int(row[5]), row[6]] for row in rows
    ]
    assert objects[1]["Time"] == 0.5


def test_the_frame_has_numbers_where_they_are_numbers(recording):
    frame = recording.frame
    assert list(frame) == ["No.", "Time", "Source", "Destination", "Protocol", "Length", "Info"]
    assert frame["Time"].tolist() == [0.0, 0.5, 0.75, 122456.0]
    assert frame["Length"].sum() == 42 + 98 + 98 + 67
    assert frame[frame["Protocol"] == "ICMP"]["No."].tolist() == [2, 3]


def test_an_empty_recording_is_a_table_too():
    empty = nslab.table([])
    assert (len(empty), repr(empty), list(empty.csv())) == (0, "no packets", [",".join(empty.columns)])
    assert json.loads("\n".join(empty.json())) == []
    assert len(empty.frame) == 0
    assert "<table" not in empty._repr_html_()


def test_a_long_table_shows_its_beginning_and_its_end():
    table = nslab.table(PACKETS * 100)
    shown = repr(table).splitlines()
    assert len(shown) == 201
    assert "… 200 more …" in shown[100]
    html = table._repr_html_()
    assert html.count("<tr>") == 1 + 200 + 1
    assert html == nslab.table(PACKETS * 100)._repr_html_()


def test_html_is_static_and_nothing_in_a_packet_can_change_it():
    alarms = ["<b>lost</b>"]
    html = Recording(crafting.undissected(PACKETS), alarms=alarms)._repr_html_()
    assert "<script" not in html
    assert re.search(r'<div style="color:[^"]*">&lt;b&gt;lost&lt;/b&gt;</div>', html)


@pytest.mark.parametrize(
    ("time", "digits", "shown"),
    [(0, 9, "0.000000000"), (1_500_000_000, 6, "1.500000"), (-500_000, 6, "-0.000500"), (1_999_999_999, 0, "1")],
)
def test_a_time_is_cut_and_not_rounded(time, digits, shown):
    assert seconds(time, digits) == shown


def test_columns_by_numpy_are_those_of_the_table(recording):
    fast, slow = recording.columns, recording.frame
    assert list(fast) == ["No.", "Time", "Source", "Destination", "Protocol", "Length"]
    for column in fast:
        assert fast[column].tolist() == slow[column].tolist()


def test_columns_name_the_innermost_header_they_can_see():
    frame, v4 = Ether(src=A, dst=B), IP(src="10.0.0.1", dst="10.0.0.2")
    v6 = IPv6(src="fe80::1", dst="fe80::2")
    packets = [
        frame / Dot1Q() / Dot1Q() / v4 / TCP(),
        frame / v6 / IPv6ExtHdrHopByHop() / TCP(),
        frame / v6 / IPv6ExtHdrFragment(offset=5, nh=17) / Raw(b"x" * 20),
        frame / v6 / IPv6ExtHdrFragment(offset=0, nh=17) / UDP(),
        frame / IP(src="10.0.0.1", dst="10.0.0.2", frag=9, proto=17) / Raw(b"x" * 20),
        frame / IP(src="10.0.0.1", dst="10.0.0.2", proto=89),
        Ether(src=A, dst=B, type=0x88CC) / Raw(b"x" * 9),
        Ether(src=A, dst=B, type=0x9999) / Raw(b"x" * 9),
        Raw(b"\x00" * 9),
    ]
    found = columns.frame(crafting.undissected(packets))
    assert found["Protocol"].tolist() == [
        "TCP", "TCP", "IPv6", "UDP", "IPv4", "IPv4", "LLDP", "0x9999", "UNKNOWN",
    ]  # fmt: skip


def test_columns_of_any_bytes_are_one_row_each():
    random = np.random.default_rng(5)
    hostile: list[Packet] = [Ether(bytes(random.integers(0, 256, size, np.uint8))) for size in range(14, 90)]
    hostile += [Raw(bytes(PACKETS[3])[:size]) for size in range(67)]
    packets = crafting.undissected(hostile)
    assert len(columns.frame(packets)) == len(hostile)
    assert len(columns.frame(packets.select(slice(0, 0)))) == 0
