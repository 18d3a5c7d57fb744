"""The figures of captures: what is compared is what it says it is."""

from __future__ import annotations

import struct

import pytest

import nslab
from nslab.bench import capture_, flood, mixture, rivals


@pytest.fixture
def cable(shared_lab):
    with flood.cable(shared_lab["host"]):
        yield shared_lab


def test_a_flood_is_numbered_and_as_long_as_it_says(cable):
    with cable.capture("host:flood1") as cap:
        sent = flood.pour(cable["host"], rate=20_000, seconds=0.2)
    assert sent > 100
    assert [struct.unpack_from("!I", data, 42)[0] for data in cap.packets_] == list(range(sent))
    assert set(cap.packets_.length.tolist()) == {64}
    assert next(cap.table.rows()).info == "40000 → 9999 Len=22"


def test_tcpdump_and_we_see_the_same_flood(cable):
    sent = []

    def pour():
        sent.append(flood.pour(cable["host"], rate=2000, seconds=0.1))

    ours = capture_.ours(cable, "host:flood1", pour)
    theirs = rivals.tcpdump(cable["host"], "flood1", pour)
    assert [ours.packets, theirs.packets] == sent
    assert ours.cpu > 0 < theirs.cpu


def test_a_mixture_is_made_and_becomes_tables(shared_lab, tmp_path, monkeypatch):
    monkeypatch.setattr(mixture, "_SCAPY_PACKETS", 50)
    for name, value in {"_ROUNDS": 1, "_PINGS": 20, "_QUESTIONS": 20, "_PAGES": 10}.items():
        monkeypatch.setattr(mixture, name, value)
    file = mixture.record(shared_lab, tmp_path / "x.pcapng", 100)
    protocols = set(nslab.read(file).columns["Protocol"])
    assert {"ICMP", "UDP", "TCP"} <= protocols
    lines = list(mixture.measure(file))
    assert all(line.seconds > 0 for line in lines)
    assert any("scapy" in line.what for line in lines)


def test_all_is_said_only_of_all():
    assert (capture_._percent(1.0), capture_._percent(0.999999), capture_._percent(0.5)) == (
        "100 %",
        "99.99 %",
        "50.00 %",
    )
