"""What a terminal shows in the end."""

import pytest

from nslab.notebook.screen import Screen, shown


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("\x1b[1;31mred\x1b[0m and \x1b]0;a title\x07plain", "red and plain"),
        ("10%\r50%\r100%", "100%"),
        ("a longer line\rshort", "shortger line"),
        ("a longer line\r\x1b[Kshort", "short"),
        ("ab\b\bcd", "cd"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("before\x1b7\x1b[50;1HProgress: [ 20%]\x1b8 after", "before after"),
        ("a\tb\x00\x07c", "a\tbc"),
    ],
)
def test_colours_and_progress_lines_are_off(written, seen):
    assert shown(written) == seen


def test_utf8_split_across_reads_is_intact():
    screen = Screen()
    data = "né – 名 🐧\n".encode()
    assert "".join(screen.feed(data[at : at + 1]) for at in range(len(data))) == "né – 名 🐧\n"


def test_an_escape_split_across_reads_is_left_out():
    screen = Screen()
    assert screen.feed(b"\x1b[3") + screen.feed(b"1mred\x1b[0m\n") == "red\n"


def test_a_line_comes_when_it_is_whole_and_the_rest_at_the_end():
    screen = Screen()
    assert screen.feed(b"one\ntw") == "one\n"
    assert screen.feed(b"o") == ""
    assert screen.feed(b"", final=True) == "two"


def test_with_colour_everything_passes_at_once():
    assert Screen(colour=True).feed(b"\x1b[31mred\x1b[0m 10%\r") == "\x1b[31mred\x1b[0m 10%\r"


def test_a_line_without_an_end_is_not_held_back_for_ever():
    assert Screen().feed(b"x" * (1 << 17))
