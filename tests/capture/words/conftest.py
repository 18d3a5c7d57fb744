"""What the tests of the words share: frames, and tshark to compare the rows with."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path

import pytest


def beside(name):
    """Import a module of this directory: there is no package that it could be imported from."""
    spec = importlib.util.spec_from_file_location(f"words_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def compare():
    return beside("compare")


@pytest.fixture(scope="session")
def frames():
    return beside("frames")


@pytest.fixture(scope="session")
def dialogues(frames):
    return beside("dialogues")


@pytest.fixture(scope="session")
def mutants():
    return beside("mutants")


@pytest.fixture(scope="session")
def pcap(tmp_path_factory):
    """Return what writes frames to a file: bytes, or (bytes, length on the wire), a hundredth of a second apart."""

    def write(packets, link_type=1):
        path = tmp_path_factory.mktemp("words") / "made.pcap"
        with path.open("wb") as out:
            out.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type))
            for number, packet in enumerate(packets):
                data, length = packet if isinstance(packet, tuple) else (packet, len(packet))
                seconds, hundredths = divmod(number, 100)
                out.write(struct.pack("<IIII", 10**9 + seconds, hundredths * 10**7, len(data), length) + data)
        return path

    return write


@pytest.fixture(scope="session")
def as_tshark(compare, pcap):
    """Return what checks that all rows of these frames are as tshark prints them, or all but a few."""

    def check(packets, *, least=1.0, link_type=1):
        found = compare.compare(pcap(packets, link_type))
        print(found)
        shown = "\n".join(f"ours   {mine}\ntshark {theirs}" for mine, theirs in found.different[:10])
        assert found.share >= least, f"{found.share:.2%}\n{shown}"

    return check
