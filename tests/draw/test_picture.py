"""A picture in a notebook, in a file, in a terminal."""

import base64
import re
from html import unescape

import pytest
from IPython.core.formatters import DisplayFormatter

from nslab.draw.picture import Picture
from nslab.draw.svg import Box, Drawing, clip, width, wrap

PICTURE = Picture('<svg xmlns="http://www.w3.org/2000/svg"/>', 'Lab "x": a < b.', "lab x")


def test_a_notebook_shows_an_image_that_needs_no_trust_with_words_for_who_cannot_see_it():
    bundle, _ = DisplayFormatter().format(PICTURE)
    assert set(bundle) == {"text/html", "text/plain"}  # image/svg+xml is not shown in a notebook that is not trusted
    found = re.fullmatch(
        r'<img src="data:image/svg\+xml;base64,(.*?)" alt="(.*?)" style="max-width: 100%">', bundle["text/html"]
    )
    assert found is not None
    assert base64.b64decode(found[1]).decode() == PICTURE.svg
    assert unescape(found[2]) == PICTURE.alt
    assert bundle["text/plain"] == "lab x"


def test_a_picture_without_lines_says_its_sentence():
    assert repr(Picture("<svg/>", "A sentence.")) == "A sentence."


def test_a_picture_is_saved_as_it_is(tmp_path):
    assert PICTURE.save(tmp_path / "x.svg").read_text() == PICTURE.svg
    assert PICTURE.save(str(tmp_path / "y.svg")) == tmp_path / "y.svg"


def test_a_picture_needs_nothing_from_elsewhere_and_knows_light_and_dark():
    svg = Drawing().svg(10, 10, alt="nothing")
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"<script|@import|url\(|href|@font-face", svg)
    assert svg.replace("http://www.w3.org/2000/svg", "").count("http") == 0


@pytest.mark.parametrize("style", ["", "mono", "small strong", "tiny mono"])
def test_what_is_cut_or_wrapped_fits(style):
    text = "MASQUERADE from 2001:db8:1234:5678:9abc:def0:1234:5678/64 leaving by any but br0 " * 3
    assert width(clip(text, 100, style), style) <= 100
    assert clip(text, 100, style).endswith("…")
    assert all(width(line, style) <= 100 for line in wrap(text, 100, style))
    assert "".join(wrap(text, 100, style)).replace(" ", "") == text.replace(" ", "")
    assert len(wrap(text, 100, style, lines=2)) == 2
    assert wrap("", 100, style) == [""]


def test_boxes_that_only_touch_do_not_overlap():
    assert not Box(0, 0, 10, 10).overlaps(Box(10, 0, 10, 10))
    assert Box(0, 0, 10, 10).overlaps(Box(9, 9, 10, 10))
