"""A journey as a ladder: where the packet was seen as columns, its way down the page, a cross where it died."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from nslab.draw import verdict
from nslab.draw.picture import Picture
from nslab.draw.svg import Box, Drawing, clip, width, wrap
from nslab.journey.model import Findings, Hop, Rewrite

_MARGIN: Final = 16.0
_WIDE: Final = 76.0  # of a column whose name is written straight
_NARROW: Final = 46.0  # of one whose name is written aslant
_STRAIGHT: Final = 14  # columns that have room for that at a notebook's width
_ROW: Final = 17.0
_LINE: Final = 14.0
_ASLANT: Final = 40.0
_NOTEBOOK: Final = 900.0  # pixels
_LEAST: Final = 620.0  # pixels, for the words
_MOST_COLUMNS: Final = 40
_MOST_ROWS: Final = 120
_LABEL: Final = 330.0  # of a rewrite, at most
# The same place on the way back: what a packet passes as it comes, its answer passes as it leaves.
_MIRRORED: Final = {
    "PREROUTING": "POSTROUTING",
    "POSTROUTING": "PREROUTING",
    "INPUT": "OUTPUT",
    "OUTPUT": "INPUT",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A place where packets were seen; its name on the way back where that is another one."""

    node: str
    name: str
    back: str = ""

    @property
    def names(self) -> list[str]:
        return [self.name] + ([self.back] if self.back not in {"", self.name} else [])


@dataclass(frozen=True, slots=True)
class Rung:
    """A hop, and the column that it stands in."""

    hop: Hop
    column: int


def draw(findings: Findings, *, text: str = "") -> Picture:
    """Return the ladder of a journey; `text` is what a terminal shows instead, else its verdict.

    >>> draw(findings).save("ladder.svg")
    """
    alt = verdict.in_a_sentence(findings)
    columns, rungs = arrange(findings.hops)
    return Picture(_Ladder(findings, columns, rungs).svg(alt), alt, text)


def arrange(hops: Sequence[Hop]) -> tuple[list[Column], list[Rung]]:
    """Return the columns from the sender on, and the hops in time, out and back, each with its column."""
    hops = hops[:_MOST_ROWS]
    out = [hop for hop in hops if hop.way != "back"]
    back = [hop for hop in hops if hop.way == "back"]
    there = [(hop.node, _name(hop)) for hop in out]
    home = [(hop.node, _MIRRORED.get(_name(hop), _name(hop))) for hop in reversed(back)]
    if len(there) + len(home) > _MOST_COLUMNS:  # a loop: the same places again and again
        return _folded(out, back)
    columns: list[Column] = []
    places: list[int] = [0] * (len(out) + len(back))
    for what, a, b, c, d in SequenceMatcher(None, there, home, autojunk=False).get_opcodes():
        for at in range(a, b):
            answer = back[-1 - (c + at - a)] if what == "equal" else None
            columns.append(Column(out[at].node, _name(out[at]), _name(answer) if answer else ""))
            places[at] = len(columns) - 1
            if answer:
                places[-1 - (c + at - a)] = len(columns) - 1
        for at in range(c, d) if what != "equal" else ():
            columns.append(Column(back[-1 - at].node, _name(back[-1 - at])))
            places[-1 - at] = len(columns) - 1
    # A list that is filled from both ends: the answers' places are those of `back`, whose last is the last.
    return columns, [Rung(hop, place) for hop, place in zip([*out, *back], places, strict=True)]


def _folded(out: list[Hop], back: list[Hop]) -> tuple[list[Column], list[Rung]]:
    keys = list(dict.fromkeys((hop.node, _name(hop)) for hop in [*out, *back]))[:_MOST_COLUMNS]
    places = {key: at for at, key in enumerate(keys)}
    rungs = [Rung(hop, places[hop.node, _name(hop)]) for hop in [*out, *back] if (hop.node, _name(hop)) in places]
    return [Column(*key) for key in keys], rungs


def _name(hop: Hop) -> str:
    return hop.point.rstrip(" ◀▶")


class _Ladder:
    """The drawing while it is made: `y` goes down the page."""

    def __init__(self, findings: Findings, columns: list[Column], rungs: list[Rung]) -> None:
        self.findings = findings
        self.columns = columns
        self.rungs = rungs
        self.slanted = len(columns) > _STRAIGHT
        aside = 2 * _MARGIN + (_ASLANT if self.slanted else 0)  # the last name leans to the right
        self.step = max(_NARROW, (_NOTEBOOK - aside) / len(columns)) if self.slanted else _WIDE
        self.width = max(_LEAST, len(columns) * self.step + aside)
        self.lines = Drawing()
        self.front = Drawing()
        self.y = _MARGIN

    def svg(self, alt: str) -> str:
        """Return the whole picture."""
        self._heading()
        self._head()
        start = self.y
        self._rungs()
        drawing = Drawing()
        for at in range(len(self.columns)):
            drawing.line((self.x(at), start), (self.x(at), self.y), "lifeline")
        self._verdict()
        drawing.add(self.lines)
        drawing.add(self.front)
        return drawing.svg(self.width, self.y + _MARGIN, alt=alt)

    def x(self, column: int) -> float:
        """Return the middle of a column."""
        return _MARGIN + (column + 0.5) * self.step

    def _heading(self) -> None:
        room = self.width - 2 * _MARGIN
        line = f"{self.findings.node} $ {self.findings.command}"
        self.front.text(_MARGIN, self.y + 12, clip(line, room, "mono strong"), "mono strong")
        self.y += 18
        if self.findings.packet:
            self.front.text(_MARGIN, self.y + 11, clip(self.findings.packet, room, "small"), "small dim")
            self.y += 16
        self.y += 4

    def _head(self) -> None:
        """Name the columns, with the node above those that are in it."""
        if not self.columns:
            return
        longest = max(width(part, "tiny") for column in self.columns for part in column.names)
        high = longest * 0.87 + 14 if self.slanted else 6.0 + 12 * max(len(each.names) for each in self.columns)
        for first, last in self._groups():
            node = self.columns[first].node
            box = Box(_MARGIN + first * self.step + 1, self.y, (last - first + 1) * self.step - 2, 20)
            self.front.box(box, "node", radius=4, title=node)
            name = clip(node, box.width - 6, "strong")
            self.front.text(box.x + box.width / 2, self.y + 14, name, "strong middle")
        self.y += 24
        for at, column in enumerate(self.columns):
            self._name_column(at, column, high)
        self.y += high + 4

    def _name_column(self, at: int, column: Column, high: float) -> None:
        names = column.names
        for line, (name, style) in enumerate(zip(names, ("tiny", "tiny dim"), strict=False)):
            if self.slanted:
                self.front.slanted(self.x(at) + 4 + line * 14 - (len(names) - 1) * 7, self.y + high - 4, name, style)
                continue
            text = clip(name, self.step + 2, "tiny")
            self.front.text(self.x(at), self.y + high - 4 - (len(names) - 1 - line) * 12, text, f"{style} middle")

    def _groups(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last column of each node in a row."""
        first = 0
        for at in range(1, len(self.columns) + 1):
            if at == len(self.columns) or self.columns[at].node != self.columns[first].node:
                yield first, at - 1
                first = at

    def _rungs(self) -> None:
        """Draw the way, leg by leg, with the cross where it ended."""
        legs = [[rung for rung in self.rungs if (rung.hop.way == "back") == back] for back in (False, True)]
        dead = self._dead_leg([leg[-1].hop if leg else None for leg in legs])
        for at, leg in enumerate(legs):
            before: Rung | None = None
            last_y = 0.0
            if leg:
                self._leg(leg[0])
            for rung in leg:
                self.y += _ROW
                style = "back" if rung.hop.way == "back" else "out"
                x = self.x(rung.column)
                if before is not None:
                    self.lines.arrow((self.x(before.column), last_y), (x, self.y), style)
                self.front.dot(x, self.y, 4, style)
                last_y = self.y
                self._say(rung, before)
                before = rung
            if at == dead:
                self._death(leg[-1] if leg else None)
        self.y += 12

    def _dead_leg(self, ends: list[Hop | None]) -> int | None:
        """Return which leg ended in the death: not an ICMP error's or a reset's, which tells of it and arrives."""
        findings = self.findings
        if findings.delivered or findings.where is None or findings.lost:
            return None
        out, back = ends
        if back is not None and (back.node == findings.where.node or out is None or out.node != findings.where.node):
            return 1
        return 0

    def _leg(self, rung: Rung) -> None:
        back = rung.hop.way == "back"
        self.y += 18
        text = f"{'← back' if back else '→ out'}: {_addresses(rung.hop)}"
        wide = width(text, "small strong")
        x = min(max(self.x(rung.column) - wide / 2, _MARGIN), self.width - _MARGIN - wide)
        self.front.box(Box(x - 4, self.y - 11, wide + 8, 15), "plain", radius=3)
        self.front.text(x, self.y, text, f"small strong {'back' if back else 'out'}")
        self.y += 1

    def _say(self, rung: Rung, before: Rung | None) -> None:
        """Say what was changed at a hop: the addresses in a label with who did it, the ttl beside the dot."""
        if before is not None and rung.hop.ttl != before.hop.ttl:
            self._beside(rung, f"ttl {before.hop.ttl} → {rung.hop.ttl}")
        changed = [each for each in rung.hop.rewrites if each.field != "ttl"]
        for by in dict.fromkeys(each.by for each in changed):
            self._label(rung, [each for each in changed if each.by == by], by)

    def _beside(self, rung: Rung, text: str) -> None:
        # Above the dot, on the side that the way does not come from.
        x = self.x(rung.column)
        if rung.hop.way == "back" or x + 6 + width(text, "tiny") > self.width - _MARGIN:
            self.front.text(x - 6, self.y - 5, text, "tiny dim end")
        else:
            self.front.text(x + 6, self.y - 5, text, "tiny dim")

    def _label(self, rung: Rung, changed: list[Rewrite], by: str) -> None:
        what = ", ".join(f"{each.field} {each.before} → {each.after}" for each in changed)
        lines = wrap(f"✎ {what}", _LABEL, "small strong", lines=2)
        whose = wrap(f"by {shorten(by)}", _LABEL, "tiny mono", lines=2) if by else []
        wide = max(*(width(line, "small strong") for line in lines), *(width(line, "tiny mono") for line in whose), 60)
        # On the side that the way does not go on to.
        side = 6 if rung.hop.way == "back" else -wide - 16 - 6
        x = min(max(self.x(rung.column) + side, _MARGIN), self.width - _MARGIN - wide - 16)
        box = Box(x, self.y + 8, wide + 16, (len(lines) + len(whose)) * _LINE + 7)
        self.front.box(box, "label", radius=4, title=by)
        for at, line in enumerate(lines):
            self.front.text(box.x + 8, box.y + 14 + at * _LINE, line, "small strong")
        for at, line in enumerate(whose, len(lines)):
            self.front.text(box.x + 8, box.y + 14 + at * _LINE, line, "tiny mono")
        self.y = box.bottom

    def _death(self, last: Rung | None) -> None:
        """Draw the cross under the last sighting, with where and why beside it."""
        findings = self.findings
        x = self.x(last.column) if last else _MARGIN + 14
        if last:
            self.lines.line((x, self.y), (x, self.y + 14), "back" if last.hop.way == "back" else "out")
        self.y += 26
        self.front.text(x, self.y + 4, "✗", "cross")
        words = [(f"{findings.where.node}: {findings.where.stage}", "strong bad")] if findings.where else []
        words += [(findings.why.message, "small")] if findings.why else []
        room = min(380.0, self.width - 2 * _MARGIN)
        lines = [(line, style) for text, style in words for line in wrap(text, room, style, lines=4)]
        wide = max(width(line, style) for line, style in lines)
        on_left = x + 18 + wide > self.width - _MARGIN and x - 18 - wide > _MARGIN
        left = x - 18 - wide if on_left else min(x + 18, self.width - _MARGIN - wide)
        if left < x + 18 and not on_left:  # no room on either side: below it
            self.y += 18
        self.front.box(Box(left - 6, self.y - 14, wide + 12, len(lines) * 15 + 8), "plain", radius=4)
        for line, style in lines:
            self.front.text(left, self.y, line, style)
            self.y += 15
        self.y += 4

    def _verdict(self) -> None:
        style, lines = verdict.in_lines(self.findings)
        room = self.width - 2 * _MARGIN - 24
        told = [(part, look) for line, look in lines for part in wrap(line, room, look, lines=3)]
        box = Box(_MARGIN, self.y + 6, self.width - 2 * _MARGIN, len(told) * 16 + 12)
        self.front.box(box, f"verdict-{style}")
        for at, (line, look) in enumerate(told):
            self.front.text(box.x + 12, box.y + 18 + at * 16, line, look)
        self.y = box.bottom


def shorten(rule: str) -> str:
    """Return a rule's text without what says nothing: `-A`, `-j`, and modules that repeat the protocol.

    >>> shorten("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80")
    'PREROUTING -p tcp --dport 8080 DNAT --to-destination 172.17.0.100:80'
    """
    words = rule.split()
    kept: list[str] = []
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        if word in {"-A", "-j"} or (word == "-m" and words[at + 1 : at + 2] in (["tcp"], ["udp"])):
            continue
        if before == "-m" and word in {"tcp", "udp"}:
            continue
        kept.append(word)
    return " ".join(kept)


def _addresses(hop: Hop) -> str:
    return f"{hop.source} → {hop.destination}  ttl {hop.ttl}"
