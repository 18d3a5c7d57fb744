"""Output that is too long is shortened, says so, and is kept whole."""

import re
from pathlib import Path

import pytest

from nslab.notebook.output import Limits, Output


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return the pieces that were shown."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return []


def show(written, *pieces, **options):
    output = Output(lambda stream, text: written.append((stream, text)), **options)
    for piece in pieces:
        output.feed("stdout", piece)
    output.close()
    return "".join(text for _, text in written)


def kept(text):
    found = re.search(r"all of it in (\S+)", text)
    assert found
    return Path(found[1]).read_bytes()


def test_a_short_output_is_shown_as_it_is(written, tmp_path):
    assert show(written, b"one\ntw", b"o") == "one\ntwo"
    assert not list(tmp_path.rglob("cell-*"))


def test_a_long_output_keeps_its_start_and_its_end_and_is_whole_in_a_file(written):
    lines = [b"%d\n" % number for number in range(5000)]
    text = show(written, *lines, limits=Limits(lines=10, last_lines=5))
    assert text.splitlines()[:10] == [str(number) for number in range(10)]
    assert text.splitlines()[-5:] == [str(number) for number in range(4995, 5000)]
    assert "… 4985 lines left out, all of it in " in text
    assert kept(text) == b"".join(lines)


def test_a_flood_in_one_line_is_shortened_too(written):
    text = show(written, *[b"x" * 65536] * 16)
    assert len(text) < 400_000
    assert kept(text) == b"x" * 65536 * 16


def test_a_binary_flood_is_shown_only_a_little_of(written):
    text = show(written, bytes(range(128, 256)) * 4096)
    assert len(text) < 5000
    assert len(kept(text)) == 128 * 4096


def test_what_is_kept_has_a_limit_and_says_so(written):
    text = show(written, *[b"x" * 65536 + b"\n"] * 64, limits=Limits(lines=1, file=1 << 20))
    assert "its first 1 MB in " in text


def test_only_the_newest_files_are_kept(written, tmp_path):
    for _ in range(15):
        show(written, b"a\nb\n", limits=Limits(lines=1))
    assert len(list(tmp_path.rglob("cell-*"))) == 10


def test_the_streams_stay_apart(written):
    output = Output(lambda stream, text: written.append((stream, text)))
    output.feed("stdout", b"out\n")
    output.feed("stderr", b"err\n")
    output.close()
    assert written == [("stdout", "out\n"), ("stderr", "err\n")]
