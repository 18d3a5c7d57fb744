"""Reading a picture again: its texts, and whether all of it is on its card."""

import xml.etree.ElementTree as ET

import pytest

from nslab.draw.svg import width

SVG = "{http://www.w3.org/2000/svg}"


class Read:
    """A picture as a reader finds it; it fails to be read when it is no well-formed XML."""

    def __init__(self, picture):
        self.picture = picture
        self.root = ET.fromstring(picture.svg)
        self.width, self.height = (float(self.root.attrib[side]) for side in ("width", "height"))
        self.texts = [each.text or "" for each in self.root.iter(f"{SVG}text")]

    def has(self, *words):
        """Return whether each of these is written somewhere, perhaps as a part of a line."""
        return all(any(word in text for text in self.texts) for word in words)

    def styles(self, tag):
        return [each.attrib.get("class", "").split() for each in self.root.iter(SVG + tag)]

    def outside(self):
        """Return the texts and boxes that are not wholly on the card."""
        found: list[str] = []
        for each in self.root.iter(f"{SVG}text"):
            if "transform" in each.attrib:
                continue
            style = each.attrib.get("class", "")
            x, y, wide = float(each.attrib["x"]), float(each.attrib["y"]), width(each.text or "", style)
            start = x - wide if "end" in style.split() else x - wide / 2 if "middle" in style.split() else x
            if "cross" not in style and not (start >= 0 and start + wide <= self.width and 0 < y < self.height):
                found.append(str(each.text))
        for each in self.root.iter(f"{SVG}rect"):
            x, y, wide, high = (float(each.attrib[name]) for name in ("x", "y", "width", "height"))
            if not (x >= 0 and y >= 0 and x + wide <= self.width and y + high <= self.height):
                found.append(str(each.attrib))
        return found


@pytest.fixture
def read():
    """Return what reads a picture."""
    return Read
