"""Where each part of a lab stands in its picture: containers on the left, the host, the internet on the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nslab.draw import words
from nslab.draw.svg import Box, width, wrap
from nslab.lab.state import Interface, LabState, NodeState

MARGIN: Final = 16.0
PADDING: Final = 12.0
LINE: Final = 15.0  # from one line of text to the next
HEAD: Final = 44.0  # of a node: its name, and whether it forwards
_BETWEEN_NODES: Final = 16.0
_BETWEEN_UNITS: Final = 8.0
_BETWEEN_LANES: Final = 28.0
_GAP: Final = 64.0  # between columns, where the cables are
_BULGE: Final = 36.0  # room for the cables between two nodes of one column
_NARROWEST: Final = 132.0
_WIDEST: Final = 236.0  # of an interface; what is longer is cut
_ROUTE, _RULE = 160.0, 220.0  # of these, at most, unless there is room
_MOST_UNITS: Final = 24  # of a node
_MOST_NOTES: Final = 8
_COLUMNS_LEFT: Final = 2  # of containers; a longer chain stands below one another
_NOWHERE: Final = Box(0, 0, 0, 0)
_INTERNET: Final = ("internet", "outside")


@dataclass(slots=True)
class Unit:
    """An interface, with its ports in it when it is a bridge, a bond or a VRF."""

    interface: Interface
    lines: tuple[words.Line, ...]
    ports: list[Unit]
    goes_left: bool = False
    goes_right: bool = False
    box: Box = _NOWHERE

    def size(self) -> tuple[float, float]:
        """Return how wide and high it has to be."""
        wide = max((line.width for line in self.lines), default=0) + 2 * 8
        high = len(self.lines) * LINE + 8
        for port in self.ports:
            port_wide, port_high = port.size()
            wide = max(wide, port_wide + 2 * 8)
            high += port_high + 6
        return min(max(wide, _NARROWEST), _WIDEST), high + (2 if self.ports else 0)

    def place(self, box: Box) -> None:
        """Give it and its ports their places."""
        self.box = box
        y = box.y + len(self.lines) * LINE + 8
        for port in self.ports:
            _, high = port.size()
            port.place(Box(box.x + 8, y, box.width - 16, high))
            y += high + 6

    def all(self) -> Iterable[Unit]:
        """Yield it and its ports, and theirs."""
        yield self
        for port in self.ports:
            yield from port.all()


@dataclass(slots=True)
class Note:
    """Lines below the interfaces: the routes, or one rule that rewrites addresses."""

    lines: tuple[str, ...]
    style: str  # "route", "missing", "rule"
    box: Box = _NOWHERE

    @property
    def height(self) -> float:
        return len(self.lines) * LINE + (8 if self.style == "rule" else 2)


@dataclass(slots=True)
class NodeBox:
    """A node, and all that stands in it."""

    node: NodeState
    column: int
    units: list[Unit]
    more: int  # interfaces that had no room
    notes: list[Note] = field(default_factory=list)
    box: Box = _NOWHERE

    def lanes(self) -> tuple[list[Unit], list[Unit], list[Unit]]:
        """Return what stands across the node, on its left side and on its right side."""
        across = [unit for unit in self.units if unit.goes_left and unit.goes_right]
        right = [unit for unit in self.units if unit.goes_right and not unit.goes_left]
        left = [unit for unit in self.units if not unit.goes_right]
        if self.column != 0 or not left or not right:
            return [*across, *left, *right], [], []
        return across, left, right

    def inner_width(self) -> float:
        across, left, right = (max((unit.size()[0] for unit in lane), default=0) for lane in self.lanes())
        heading = min(width(self.node.name, "big strong") + 90, _WIDEST)
        return max(across, left + (_BETWEEN_LANES + right if right else 0), heading, self._note_width())

    def _note_width(self) -> float:
        """Return what the notes would like: most routes and rules then have one or two lines."""
        routes = max((width(text, "small mono") for text, _ in words.routes(self.node)), default=0)
        rules = max((width(words.rule(rule), "small mono") + 12 for rule in self.node.rules), default=0)
        return max(min(routes, _ROUTE), min(rules, _RULE))

    def place(self, x: float, y: float, wide: float) -> None:
        """Give it and all in it their places, from its upper left corner; its height follows from what it holds."""
        inner = wide - 2 * PADDING
        across, left, right = self.lanes()
        at = _stack(across, x + PADDING, y + HEAD, inner)
        half = max((unit.size()[0] for unit in right), default=0)
        bottoms = [
            _stack(left, x + PADDING, at, inner - half - _BETWEEN_LANES),
            _stack(right, x + wide - PADDING - half, at, half),
        ]
        at = max(bottoms) + (LINE if self.more or not self.units else 0)
        self.notes = list(_notes(self.node, inner))
        for note in self.notes:
            note.box = Box(x + PADDING, at, inner, note.height)
            at += note.height + (4 if note.style == "rule" else 0)
        self.box = Box(x, y, wide, at + PADDING - 4 - y)

    def find(self, interface: str) -> Unit | None:
        """Return where an interface is drawn."""
        return next((each for unit in self.units for each in unit.all() if each.interface.name == interface), None)


@dataclass(frozen=True, slots=True)
class Cable:
    """A cable between two interfaces that are drawn."""

    start: tuple[NodeBox, Unit]
    end: tuple[NodeBox, Unit]

    @property
    def works(self) -> bool:
        return self.start[1].interface.works and self.end[1].interface.works


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture, in pixels."""

    nodes: tuple[NodeBox, ...]
    cables: tuple[Cable, ...]
    width: float
    height: float


def lay_out(state: LabState) -> Layout:
    """Return where everything stands; the same for the same state."""
    columns = _columns(state)
    order = {name: at for at, name in enumerate(sorted(columns, key=lambda name: (columns[name], _rank(name))))}
    boxes = [_node_box(node, columns, order) for node in sorted(state.nodes, key=lambda node: order[node.name])]
    cables = tuple(_cables(boxes))
    wide, high = _place(boxes, cables)
    return Layout(tuple(boxes), cables, wide, high)


def _rank(name: str) -> tuple[int, str]:
    return (_INTERNET.index(name), "") if name in _INTERNET else (len(_INTERNET), name)


def _columns(state: LabState) -> dict[str, int]:
    """Return the column of each node: the internet's is 1, the host's 0, a container's -1, one behind it -2."""
    columns = {node.name: 1 if node.name in _INTERNET else -1 for node in state.nodes}
    if "host" not in columns:
        return columns
    columns["host"] = 0
    there = {node.name: {i.peer.node for i in node.interfaces if i.peer and i.peer.node} for node in state.nodes}
    near = {name for name in there if columns[name] == -1 and ("host" in there[name] or not there[name])}
    for distance in range(2, _COLUMNS_LEFT + 1):
        behind = {name for name in there if columns[name] == -1 and name not in near and there[name] & near}
        columns |= dict.fromkeys(behind, -distance)
    return columns


def _node_box(node: NodeState, columns: Mapping[str, int], order: Mapping[str, int]) -> NodeBox:
    shown = [each for each in node.interfaces if words.is_shown(each)]
    masters = {each.name for each in shown}
    column = columns[node.name]
    roots = [_unit(each, shown, node, columns) for each in shown if each.master not in masters]
    for unit in roots:
        _sort_ports(unit, order)
    roots.sort(key=lambda unit: _first(unit, order))
    more = sum(1 for unit in roots[_MOST_UNITS:] for _ in unit.all())
    return NodeBox(node, column, roots[:_MOST_UNITS], more)


def _unit(interface: Interface, shown: list[Interface], node: NodeState, columns: Mapping[str, int]) -> Unit:
    ports = [_unit(each, shown, node, columns) for each in shown if each.master == interface.name != each.name]
    here = columns[node.name]
    peer = interface.peer
    there = columns.get(peer.node, here) if peer is not None else here
    unit = Unit(interface, tuple(words.lines(interface, most=_WIDEST - 16)), ports)
    unit.goes_left = there < here or any(port.goes_left for port in ports)
    unit.goes_right = there > here or any(port.goes_right for port in ports)
    return unit


def _first(unit: Unit, order: Mapping[str, int]) -> int:
    """Return the place of the first node that it leads to, so that cables do not cross."""
    last = len(order)
    return min(order.get(each.interface.peer.node, last) if each.interface.peer else last for each in unit.all())


def _sort_ports(unit: Unit, order: Mapping[str, int]) -> None:
    for port in unit.ports:
        _sort_ports(port, order)
    unit.ports.sort(key=lambda port: _first(port, order))
    del unit.ports[_MOST_UNITS:]


def _notes(node: NodeState, inner: float) -> Iterable[Note]:
    routes = words.routes(node)
    for text, style in [*routes[:_MOST_NOTES], *_rest(len(routes) - _MOST_NOTES, "routes")]:
        yield Note(tuple(wrap(text, inner, "small mono", lines=3)), style)
    rules = [words.rule(each) for each in node.rules]
    for text, style in [*((rule, "rule") for rule in rules[:_MOST_NOTES]), *_rest(len(rules) - _MOST_NOTES, "rules")]:
        yield Note(tuple(wrap(text, inner - 12, "small mono", lines=4)), style)


def _rest(count: int, what: str) -> list[tuple[str, str]]:
    return [(f"… and {count} more {what}", "route")] if count > 0 else []


def _stack(units: list[Unit], x: float, y: float, wide: float) -> float:
    for unit in units:
        _, high = unit.size()
        unit.place(Box(x, y, wide, high))
        y += high + _BETWEEN_UNITS
    return y


def _cables(boxes: list[NodeBox]) -> Iterable[Cable]:
    by_name = {box.node.name: box for box in boxes}
    seen: set[tuple[str, str]] = set()
    for box in boxes:
        for unit in (each for root in box.units for each in root.all()):
            peer = unit.interface.peer
            other = by_name.get(peer.node) if peer is not None else None
            end = other.find(peer.interface) if other is not None and peer is not None else None
            if other is None or end is None or (box.node.name, unit.interface.name) in seen:
                continue
            seen.add((other.node.name, end.interface.name))
            yield Cable((box, unit), (other, end))


def _place(boxes: list[NodeBox], cables: tuple[Cable, ...]) -> tuple[float, float]:
    """Give all nodes their places, and return the size of the whole."""
    columns = sorted({box.column for box in boxes})
    inside = {box.column for box in boxes for cable in cables if _is_within(cable) and cable.start[0] is box}
    wide = {column: max(b.inner_width() for b in boxes if b.column == column) + 2 * PADDING for column in columns}
    heights: dict[int, float] = {}
    x = MARGIN
    for column in columns:
        x += _BULGE if column in inside and column < 0 else 0
        y = MARGIN
        for box in (each for each in boxes if each.column == column):
            box.place(x, y, wide[column])
            y = box.box.bottom + _BETWEEN_NODES
        heights[column] = y - _BETWEEN_NODES
        x += wide[column] + (_BULGE if column in inside and column >= 0 else 0)
        x += _gap(column, cables) if column != columns[-1] else 0
    high = max(heights.values(), default=MARGIN)
    for box in boxes:
        box.place(box.box.x, box.box.y + (high - heights[box.column]) / 2, wide[box.column])
    return x + MARGIN, high + MARGIN


def _is_within(cable: Cable) -> bool:
    """Return whether a cable is between two nodes of one column."""
    (start, _), (end, _) = cable.start, cable.end
    return start.column == end.column and start is not end


def _gap(column: int, cables: tuple[Cable, ...]) -> float:
    crossing = [cable for cable in cables if column in {cable.start[0].column, cable.end[0].column}]
    return _GAP + min(4 * len(crossing), 48)
