"""`nslab sniff` and `nslab table`, as a shell uses them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

import nslab
from nslab.cli import main

NSLAB = [sys.executable, "-m", "nslab"]
PATIENCE = 60  # seconds: how long a test waits for what shall happen at once


@contextmanager
def sniffing(lab, *words):
    """Run `nslab sniff` and yield it when it listens; kill it if a test has not ended it."""
    command = [*NSLAB, "sniff", "--lab", lab.name, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sniff:
        try:
            assert sniff.stderr is not None
            assert sniff.stderr.readline().startswith("nslab: listening at ")
            yield sniff
        finally:
            sniff.kill()


def ping(lab, count):
    lab["host"].run(["ping", "-q", "-c", str(count), "-i", "0.01", "8.8.8.8"])


@pytest.mark.one_id
def test_packets_are_shown_as_they_come_and_written_at_the_end(shared_lab, tmp_path):
    place = tmp_path / "x.pcapng"
    with sniffing(shared_lab, "host:eth0", "internet:net0", "-f", "icmp", "-w", place) as sniff:
        ping(shared_lab, 1)
        first = sniff.stdout.readline()
        assert "Echo (ping) request" in first
        assert " host:eth0     " in first
        ping(shared_lab, 1)
        sniff.send_signal(signal.SIGINT)
        out, err = sniff.communicate(timeout=PATIENCE)
    assert (sniff.returncode, err) == (0, "")
    read = nslab.read(place)
    assert len(read) == 8
    assert [str(point) for point in read.points] == ["host:eth0", "internet:net0"]
    assert [first, *out.splitlines(keepends=True)][-1].startswith("    8 ")


def test_it_ends_after_as_many_packets_as_were_asked_for(shared_lab, tmp_path):
    place = tmp_path / "x.pcap"
    with sniffing(shared_lab, "host:eth0", "-f", "icmp", "-c", "3", "-w", place) as sniff:
        ping(shared_lab, 3)
        out, _ = sniff.communicate(timeout=PATIENCE)
    assert (sniff.returncode, len(out.splitlines()), len(nslab.read(place))) == (0, 3, 3)


def test_a_termination_is_an_end_as_well(shared_lab, tmp_path):
    place = tmp_path / "x.pcapng"
    with sniffing(shared_lab, "host:eth0", "-f", "udp", "-w", place) as sniff:
        sniff.terminate()
        _, err = sniff.communicate(timeout=PATIENCE)
    assert sniff.returncode == 0
    assert err.startswith("nslab: no packets · host:eth0: up")
    assert len(nslab.read(place)) == 0


def test_nobody_reads_on(shared_lab, tmp_path):
    place = tmp_path / "x.pcapng"
    with sniffing(shared_lab, "host:eth0", "-f", "icmp", "-w", place) as sniff:
        sniff.stdout.close()
        ping(shared_lab, 1)
        assert sniff.wait(PATIENCE) in {1, 141}
        assert sniff.stderr.read() == ""
    assert len(nslab.read(place)) >= 1


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["host:eth0", "-f", "icmp fro"], 2, "filter: syntax error at 'fro': icmp ▸fro"),
        (["eth0"], 2, "eth0: a point is NODE:INTERFACE, as in host:br0"),
        (["nosuch:eth0"], 1, "nosuch: no such node; nodes: internet, outside, host"),
        (["host:eth0", "-w", "x.txt"], 2, "x.txt: its name shall end in .pcapng or .pcap"),
        (["host:eth0", "-w", "/nowhere/x.pcap"], 2, "/nowhere/x.pcap: there is no directory /nowhere"),
        ([], 2, "Missing argument 'POINT…'"),
    ],
)
def test_a_mistake_is_one_line_before_anything_begins(shared_lab, words, status, says):
    seen = subprocess.run(
        [*NSLAB, "sniff", "--lab", shared_lab.name, *words], capture_output=True, text=True, check=False
    )
    assert (seen.returncode, seen.stdout) == (status, "")
    assert seen.stderr.startswith(f"nslab: {says}")
    assert seen.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def file(shared_lab, tmp_path_factory):
    with shared_lab.capture("host:eth0", "host:lo") as cap:
        shared_lab["host"].run("ping -q -c2 -i 0.01 8.8.8.8; ping -q -c1 127.0.0.1; getent hosts dns.google")
    return cap.save(tmp_path_factory.mktemp("table") / "x.pcapng")


@pytest.fixture
def table(capsys):
    def table(*words):
        with pytest.raises(SystemExit) as ended:
            main(["table", *map(str, words)])
        return ended.value.code, *capsys.readouterr()

    return table


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_a_file_is_printed_as_tshark_prints_it(file, table):
    said = subprocess.run(["tshark", "-n", "-2", "-r", file], capture_output=True, text=True, check=True).stdout
    status, out, err = table(file)
    assert (status, err) == (0, "")
    assert [line.rstrip() for line in out.splitlines()] == [line.rstrip() for line in said.splitlines()]


def test_a_file_is_data_for_other_programs(file, table):
    header, *rows = csv.reader(io.StringIO(table(file, "--format", "csv")[1]))
    assert header == ["No.", "Time", "Point", "Source", "Destination", "Protocol", "Length", "Info"]
    objects = json.loads(table(file, "--format", "json")[1])
    assert [[str(each[name]) for name in header if name != "Time"] for each in objects] == [
        [cell for name, cell in zip(header, row, strict=True) if name != "Time"] for row in rows
    ]


def test_the_rest_of_a_table_is_nobody_s(file):
    seen = subprocess.run(
        f"{sys.executable} -m nslab table {file} | head -n 1", shell=True, capture_output=True, text=True, check=True
    )
    assert seen.stdout.startswith("    1 0.000000000 ")
    assert (seen.stdout.count("\n"), seen.stderr) == (1, "")


def test_a_damaged_file_is_printed_as_far_as_it_goes(file, table, tmp_path):
    (tmp_path / "cut.pcapng").write_bytes(file.read_bytes()[:-150])
    status, out, err = table(tmp_path / "cut.pcapng")
    assert (status, len(out.splitlines()) > 0) == (1, True)
    assert err.startswith("nslab: cut.pcapng: the file ends in a block, after packet ")
    assert table("/etc/passwd") == (2, "", "nslab: /etc/passwd: it is no capture: neither pcap nor pcapng\n")
    assert table("/nowhere")[0] == 2
