"""Files of packets: ours as tshark reads them, others' as we read them, and damaged ones."""

from __future__ import annotations

import gzip
import random
import shutil
import struct
import subprocess

import numpy as np
import pytest

import nslab
from nslab.capture import files, pcapng
from nslab.capture.packets import Direction, Packets, Point
from nslab.errors import UsageError

ARP = bytes.fromhex("ffffffffffff02000000000108060001080006040001020000000001010203040000000000000a000001")
SECOND = 1_000_000_000
POINTS = (Point("eth0", "host"), Point("br0", "host"))


def packets(*rows, points=POINTS):
    """Return packets of (bytes, ns, point, direction)."""
    data, times, places, directions = zip(*rows, strict=True)
    sizes = np.array([len(each) for each in data], np.int32)
    return Packets(
        points,
        np.frombuffer(b"".join(data), np.uint8),
        np.cumsum(sizes, dtype=np.int64) - sizes,
        sizes,
        sizes + 7,
        np.array(times, np.int64),
        np.array(places, np.uint16),
        np.array(directions, np.uint8),
    )


SOME = packets(
    (ARP, 1_700_000_000 * SECOND + 123_456_789, 0, Direction.OUT),
    (ARP + b"x", 1_700_000_001 * SECOND, 1, Direction.BROADCAST),
    (ARP + b"xy", 1_700_000_000 * SECOND, 1, Direction.TO_OTHERS),
    (b"", 1_700_000_002 * SECOND, 0, Direction.MULTICAST),
    (ARP + b"xyz", 1_700_000_003 * SECOND, 0, Direction.TO_US),
)


def same(one, other):
    assert list(one) == list(other)
    for column in ("captured", "length", "time"):
        assert (getattr(one, column) == getattr(other, column)).all(), column


@pytest.mark.parametrize("name", ["x.pcapng", "x.pcapng.gz"])
def test_a_capture_is_read_as_it_was_saved(tmp_path, name):
    files.save(SOME, tmp_path / name)
    read = nslab.read(tmp_path / name)
    same(read.packets_, SOME)
    assert read.points == SOME.points
    assert (read.packets_.direction == SOME.direction).all()
    assert (read.packets_.point == SOME.point).all()
    assert read.alarms == ()


@pytest.mark.parametrize("name", ["x.pcap", "x.PCAP.gz"])
def test_the_older_format_keeps_bytes_and_times(tmp_path, name):
    files.save(SOME, tmp_path / name)
    same(nslab.read(tmp_path / name).packets_, SOME)


@pytest.mark.skipif(not shutil.which("capinfos"), reason="capinfos is not installed")
def test_wireshark_reads_names_filter_and_losses_without_a_complaint(tmp_path):
    place = files.save(SOME, tmp_path / "x.pcapng", filter="arp", dropped={"host:eth0": 3})
    seen = subprocess.run(["capinfos", "-M", place], capture_output=True, text=True, check=True)
    for line in ("Name = host:eth0", "Name = host:br0", "Filter string = arp", "Time precision = nanoseconds (9)"):
        assert line in seen.stdout
    fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.time_epoch", "frame.len"]
    words = [word for field in fields for word in ("-e", field)]
    rows = subprocess.run(["tshark", "-r", place, "-T", "fields", *words], capture_output=True, text=True, check=True)
    assert rows.stdout.splitlines()[0].split("\t") == ["host:eth0", "0x00000002", "1700000000.123456789", "49"]
    assert "damaged" not in seen.stderr + rows.stderr


def test_a_file_appears_when_it_is_whole(tmp_path):
    place = tmp_path / "x.pcapng"
    place.write_text("before")
    broken = SOME.select(slice(None))
    object.__setattr__(broken, "time", [None] * 5)
    with pytest.raises(AttributeError):
        files.save(broken, place)
    assert place.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["x.pcapng"]


def test_a_name_and_a_place_that_will_not_do_are_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"x\.txt: its name shall end in \.pcapng or \.pcap"):
        files.save(SOME, tmp_path / "x.txt")
    with pytest.raises(UsageError, match="there is no directory"):
        files.save(SOME, tmp_path / "nowhere" / "x.pcap")
    mixed = packets((ARP, 0, 0, 255), (ARP, 0, 1, 255), points=(Point("eth0"), Point("tun0", link_type=101)))
    with pytest.raises(UsageError, match=r"save them as \.pcapng"):
        files.save(mixed, tmp_path / "x.pcap")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_capture_is_one_line(tmp_path):
    for name, data, says in [("a", b"", "it is empty"), ("b", b"hello", "neither pcap nor pcapng")]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=says):
            nslab.read(tmp_path / name)
    with pytest.raises(UsageError, match="No such file"):
        nslab.read(tmp_path / "c")
    with pytest.raises(UsageError, match="Is a directory"):
        nslab.read(tmp_path)


def old(order, magic, *records, version=(2, 4), link=1, extra=b""):
    """Return a .pcap file of (seconds, fraction, first length, second length, bytes)."""
    head = struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, 65535, link)
    return head + b"".join(struct.pack(f"{order}IIII", *each[:4]) + extra + each[4] for each in records)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("file", "time"),
    [
        ({"magic": 0xA1B2C3D4}, 5_000_007_000),
        ({"magic": 0xA1B23C4D}, 5_000_000_007),
        ({"magic": 0xA1B2CD34, "extra": bytes(8)}, 5_000_007_000),
    ],
)
def test_every_writer_of_the_older_format_is_understood(tmp_path, order, file, time):
    data = old(order, file["magic"], (5, 7, 42, 60, ARP), (6, 0, 42, 42, ARP), extra=file.get("extra", b""))
    (tmp_path / "x").write_bytes(data)
    read = nslab.read(tmp_path / "x").packets_
    assert list(read) == [ARP, ARP]
    assert (read.time[0], read.length.tolist()) == (time, [60, 42])


def test_very_old_files_have_their_lengths_the_other_way_round(tmp_path):
    (tmp_path / "x").write_bytes(old("<", 0xA1B2C3D4, (5, 7, 60, 42, ARP), version=(2, 2)))
    read = nslab.read(tmp_path / "x").packets_
    assert (read.captured.tolist(), read.length.tolist()) == ([42], [60])


def test_raw_ip_has_one_number_under_all_its_names(tmp_path):
    for link in (101, 12, 14):
        (tmp_path / "x").write_bytes(old("<", 0xA1B2C3D4, (0, 0, 1, 1, b"E"), link=link))
        assert nslab.read(tmp_path / "x").points[0].link_type == 101


def test_the_table_has_as_many_digits_as_the_file(tmp_path):
    record = (5, 7, 42, 42, ARP)
    for magic, time in [(0xA1B2C3D4, "0.000000"), (0xA1B23C4D, "0.000000000")]:
        (tmp_path / "x").write_bytes(old("<", magic, record))
        assert next(nslab.read(tmp_path / "x").table.rows()).time == time


def section(order, *blocks):
    return block(order, pcapng.SECTION, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)) + b"".join(blocks)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)


def interface(order, link=1, snaplen=0, resolution=None, name=b""):
    options = b"" if resolution is None else struct.pack(f"{order}HHB3x", 9, 1, resolution)
    if name:
        options += struct.pack(f"{order}HH", 2, len(name)) + name + bytes(-len(name) % 4)
    return block(order, 1, struct.pack(f"{order}HHI", link, 0, snaplen) + options)


def enhanced(order, number, stamp, data=ARP):
    fields = (number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(order, 6, struct.pack(f"{order}IIIII", *fields) + data)


def test_sections_of_both_byte_orders_have_their_own_interfaces(tmp_path):
    (tmp_path / "x").write_bytes(
        section("<", interface("<", resolution=3, name=b"en0"), enhanced("<", 0, 1500))
        + section(">", interface(">"), interface(">", 101, name=b"box:tun0"), enhanced(">", 1, 2_000_001, b"E"))
    )
    read = nslab.read(tmp_path / "x")
    assert [str(point) for point in read.points] == ["en0", "1", "box:tun0"]
    assert read.points[2] == Point("tun0", "box", 101)
    assert read.packets_.time.tolist() == [1_500_000_000, 2_000_001_000]
    assert read.packets_.point.tolist() == [0, 2]


def test_simple_and_obsolete_packet_blocks_are_read(tmp_path):
    simple = block("<", 3, struct.pack("<I", 60) + ARP)
    obsolete = block("<", 2, struct.pack("<HHIIII", 0, 0, 0, 9, 42, 42) + ARP)
    unknown = block("<", 0x7777, b"whatever")
    (tmp_path / "x").write_bytes(section("<", interface("<", snaplen=42), unknown, obsolete, simple))
    read = nslab.read(tmp_path / "x").packets_
    assert list(read) == [ARP, ARP]
    assert read.length.tolist() == [42, 60]


def test_a_packet_of_no_interface_is_left_out_and_told_of(tmp_path):
    (tmp_path / "x").write_bytes(section("<", interface("<"), enhanced("<", 7, 0), enhanced("<", 0, 0)))
    read = nslab.read(tmp_path / "x")
    assert (len(read), read.alarms) == (1, ("x: 1 packets left out: longer than their blocks, or of no interface",))


@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng"])
def test_a_file_that_is_cut_off_gives_what_comes_before(tmp_path, name):
    whole = files.save(SOME, tmp_path / name).read_bytes()
    counts = set()
    for end in [*range(24, len(whole), 3), len(whole)]:
        (tmp_path / "cut").write_bytes(whole[:end])
        read = nslab.read(tmp_path / "cut")
        counts.add(len(read))
        assert list(read.packets_) == list(SOME)[: len(read)]
    assert counts == {0, 1, 2, 3, 4, 5}
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    assert "the file ends in" in nslab.read(tmp_path / "cut").alarms[0]


def test_a_compressed_file_that_is_cut_off_gives_what_comes_before(tmp_path):
    plain = files.save(SOME, tmp_path / "x.pcap").read_bytes()
    (tmp_path / "x.gz").write_bytes(gzip.compress(plain, 0)[:-20])
    read = nslab.read(tmp_path / "x.gz")
    assert len(read) > 0
    assert "the compressed file is cut off" in read.alarms[0]


def test_no_bytes_at_all_are_too_much_for_a_reader(tmp_path):
    random_ = random.Random(7)
    wholes = [files.save(SOME, tmp_path / name).read_bytes() for name in ("x.pcap", "x.pcapng")]
    for trial in range(600):
        data = bytearray(wholes[trial % 2])
        for _ in range(random_.randint(1, 8)):
            data[random_.randrange(len(data))] = random_.choice((0, 1, 2, 0x7F, 0x80, 0xFF, random_.randrange(256)))
        (tmp_path / "hostile").write_bytes(data)
        try:
            read = nslab.read(tmp_path / "hostile")
        except UsageError:
            continue
        assert len(list(read.packets_)) == len(read)
        list(read.table.lines())
