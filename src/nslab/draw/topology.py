"""A lab as a picture: nodes as boxes, interfaces with addresses, bridges with their ports, cables, routes, rules."""

from __future__ import annotations

from typing import Final

from nslab.draw import words
from nslab.draw.layout import HEAD, LINE, PADDING, Cable, Layout, NodeBox, Note, Unit, lay_out
from nslab.draw.picture import Picture
from nslab.draw.svg import Drawing, Point, clip, width
from nslab.lab.state import LabState

_BULGE: Final = 30.0


def draw(state: LabState) -> Picture:
    """Return the picture of a lab; the same state has the same picture.

    >>> draw(state.read(lab)).save("lab.svg")
    """
    layout = lay_out(state)
    alt = words.in_a_sentence(state)
    return Picture(_svg(layout, alt), alt, words.in_lines(state))


def _svg(layout: Layout, alt: str) -> str:
    drawing = Drawing()
    for node in layout.nodes:
        _draw_node(drawing, node)
        for unit in node.units:
            _draw_unit(drawing, unit)
    for cable in layout.cables:
        _draw_cable(drawing, cable)
        _draw_plugs(drawing, cable)
    return drawing.svg(layout.width, layout.height, alt=alt)


def _draw_node(drawing: Drawing, placed: NodeBox) -> None:
    node, box = placed.node, placed.box
    drawing.box(box, "node container" if node.container else "node", radius=8, title=node.name)
    tag = "container" if node.container else ""
    room = box.width - 2 * PADDING - (width(tag, "small") + 8 if tag else 0)
    drawing.text(box.x + PADDING, box.y + 21, clip(node.name, room, "big strong"), "big strong")
    if tag:
        drawing.text(box.right - PADDING, box.y + 21, tag, "small dim end")
    if node.forwards is not None:
        word, style = ("forwarding on", "good strong") if node.forwards else ("forwarding off", "dim")
        drawing.text(box.x + PADDING, box.y + 36, word, f"small {style}")
    if not placed.units:
        drawing.text(box.x + PADDING, box.y + HEAD + 9, "no interface", "small warn")
    if placed.more:
        bottom = placed.notes[0].box.y if placed.notes else box.bottom - PADDING
        drawing.text(box.x + PADDING, bottom - 4, f"… and {placed.more} more interfaces", "small dim")
    for note in placed.notes:
        _draw_note(drawing, note)


def _draw_note(drawing: Drawing, note: Note) -> None:
    inset = 0.0
    if note.style == "rule":
        drawing.box(note.box, "rule", radius=4)
        inset = 6.0
    style = {"missing": "small mono warn", "rule": "small mono"}.get(note.style, "small mono dim")
    for at, line in enumerate(note.lines):
        drawing.text(note.box.x + inset, note.box.y + 12 + at * LINE + inset / 3, line, style)


def _draw_unit(drawing: Drawing, unit: Unit) -> None:
    box, interface = unit.box, unit.interface
    look = "bridge" if unit.ports or interface.kind == "bridge" else "chip"
    state = "" if interface.works else " idle" if interface.up else " off"
    drawing.box(box, look + state, radius=5, title=f"{interface.name} ({interface.kind})")
    for at, line in enumerate(unit.lines):
        y = box.y + 16 + at * LINE
        drawing.text(box.x + 8, y, line.left, line.style)
        if line.right:
            drawing.text(box.right - 8, y, line.right, f"small end {line.right_style}")
    for port in unit.ports:
        _draw_unit(drawing, port)


def _plugs(cable: Cable) -> tuple[Point, Point, float]:
    """Return where a cable begins and ends, and how far it swings out between two interfaces above one another."""
    (start_node, start), (end_node, end) = cable.start, cable.end
    left, right = (start, end) if start.box.x <= end.box.x else (end, start)
    if start_node.column != end_node.column or (start_node is end_node and left.box.right < right.box.x):
        return (left.box.right, left.box.middle), (right.box.x, right.box.middle), 0
    if start_node is end_node:
        return (start.box.x, start.box.middle), (end.box.x, end.box.middle), -PADDING * 1.4
    if start_node.column < 0:
        return (start.box.x, start.box.middle), (end.box.x, end.box.middle), -_BULGE - PADDING
    return (start.box.right, start.box.middle), (end.box.right, end.box.middle), _BULGE + PADDING


def _draw_cable(drawing: Drawing, cable: Cable) -> None:
    (x1, y1), (x2, y2), swing = _plugs(cable)
    bend = swing or max((x2 - x1) / 2, 12)
    middle = [(x1 + bend, y1), (x2 + (swing or -bend), y2)]
    drawing.curve([(x1, y1), *middle, (x2, y2)], "" if cable.works else "broken")
    if not cable.works:
        x = (x1 + 3 * middle[0][0] + 3 * middle[1][0] + x2) / 8
        drawing.text(x, (y1 + y2) / 2 + 7, "✗", "cross")


def _draw_plugs(drawing: Drawing, cable: Cable) -> None:
    for x, y in _plugs(cable)[:2]:
        drawing.dot(x, y, 3.5, "" if cable.works else "broken")
