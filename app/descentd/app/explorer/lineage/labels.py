"""What is written beside lines: where it touches no node, no arrow head, no other text, and not its own line."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import inf
from typing import Final, NamedTuple

from descentd.app.explorer.layout.drawing import Box, Flow
from descentd.app.explorer.layout.routes import Point
from descentd.app.explorer.lineage.parts import MARKER, Label, Line
from descentd.app.explorer.lineage.text import width_of

_SIZE: Final = 12.5
_ASCENT: Final = 10.5
_HEIGHT: Final = 14.0
"""Of a text of this size, from the tips of its letters to their feet."""
_GAP: Final = 7.0
"""Between a text and the middle of its line: what is half as wide as a line and an arrow head may be, and some air."""
_FARTHEST: Final = 30.0
"""How much farther from where it belongs a text may stand than where its line is straight."""
_HEAD: Final = 11.0
_SAMPLES: Final = 6
"""Straight pieces that a curve is taken for."""
_ALONG: Final = (0.54, 0.38, 0.7, 0.26, 0.82)
_EARLY: Final = (0.36, 0.5, 0.64, 0.26, 0.78)
"""Where on a curve a text may stand, the best place first: lines to one child are apart late, those of data early."""
_FEW: Final = 3
"""How many places on a line are tried where a drawing is dense."""
_AIR: Final = 3.0
"""Between a text and the lines of others."""
_CELL: Final = 192.0
"""The side of the squares by which what is near is looked up."""


class _Wanted(NamedTuple):
    """A text that is to stand beside a line: in these words, or else in fewer.

    above: above it if it can, and on other lines rather than nowhere; last: after all others; few: at few places.
    """

    line: int
    style: str
    texts: Sequence[str]
    bold: bool
    above: bool
    last: bool
    few: bool


def labels_of(lines: Sequence[Line], nodes: Sequence[Box], flow: Flow, *, dense: bool) -> list[tuple[Label, ...]]:
    """By line, what is written beside it; what finds no place is left out, and said by the line itself and the table.

    How the metric changed is placed first, and stands on other lines rather than nowhere. What is said of data comes
    last. Where it is `dense` that is left out, and for the other relations few places are tried.
    """
    traces = [_trace(line.points, flow) for line in lines]
    taken, passed = _Crowd(), _Crowd()
    for box in nodes:
        taken.add(_widened(box))
    for number, points in enumerate(traces):
        taken.add(_head(points, flow))
        for start, end in pairwise(points):
            passed.add(_around(start, end), number)
    found: list[list[Label]] = [[] for _ in lines]
    for wanted in sorted(_wanted(lines, dense), key=lambda one: (not one.above, one.last)):
        text, place = _place(wanted, lines[wanted.line], traces[wanted.line], taken, passed, flow)
        if place is not None:
            taken.add(place)
            side, x = _anchor(place, traces[wanted.line])
            found[wanted.line].append(Label(text, wanted.style + side, round(x, 1), round(place.y + _ASCENT, 1), place))
    return list(map(tuple, found))


def _wanted(lines: Sequence[Line], dense: bool) -> Iterator[_Wanted]:
    for number, line in enumerate(lines):
        of_data = "of-data" in line.style
        if line.shift:
            bold = "worse" in line.style or "better" in line.style
            yield _Wanted(number, f"shift {line.style}", [line.shift], bold, above=True, last=False, few=False)
        if not (dense and of_data):
            first, others = line.relation.partition(", ")[::2]
            texts = [line.relation, *([f"{first} …"] if others else [])]
            yield _Wanted(number, "relation", texts, bold=False, above=False, last=of_data, few=dense)


def _place(
    wanted: _Wanted, line: Line, points: Sequence[Point], taken: "_Crowd", passed: "_Crowd", flow: Flow
) -> tuple[str, Box | None]:
    """The first place where a text stands free, else for a shift the first that only lines pass."""
    at = list(_places(line.points, flow, _EARLY if wanted.last else _ALONG))[: _FEW if wanted.few else None]
    for text in wanted.texts:
        behind, width = None, width_of(text, _SIZE, wanted.bold)
        for row, place in product(range(1 if wanted.few else 2), at):
            for box in _beside(place, points, width, row, above=wanted.above):
                if box.x < 0 or box.y < 0 or taken.holds(box):
                    continue
                if not passed.holds(_aired(box), wanted.line):
                    return text, box
                behind = behind or box
        if wanted.above:
            return text, behind
    return "", None


def _places(points: Sequence[float], flow: Flow, along: Sequence[float]) -> Iterator[Point]:
    """Where on a line a text may stand: on its last curve, else on the others and on what is straight between them."""
    stops = list(zip(points[::2], points[1::2], strict=True))
    yield from (_on_curve(stops[-2], stops[-1], part, flow) for part in along)
    for start, end in reversed(list(pairwise(stops))[:-1]):
        yield _on_curve(start, end, 0.5, flow)  # the middle of what is straight, too


def _beside(at: Point, points: Sequence[Point], width: float, row: int, *, above: bool) -> Iterator[Box]:
    """Boxes of a text at each side of a line, which they do not touch: `above` or below it, and then at its sides.

    row: how many other texts there is room for in between.
    """
    x, y = at
    left, top, gap = x - width / 2, y - _HEIGHT / 2, _GAP + row * _HEIGHT
    high, low = _reach(points, left, left + width, 0)
    upper, lower = Box(left, high - gap - _HEIGHT, width, _HEIGHT), Box(left, low + gap, width, _HEIGHT)
    over, under = (upper, y - high), (lower, low - y)
    sides = [over, under] if above else [under, over]
    yield from (box for box, away in sides[:1] if away <= _GAP)
    if not row:
        near, far = _reach(points, top, top + _HEIGHT, 1)
        beyond = [
            (Box(far + _GAP, top, width, _HEIGHT), far - x),
            (Box(near - _GAP - width, top, width, _HEIGHT), x - near),
        ]
        yield from (box for box, away in beyond if away <= _FARTHEST)
    yield from (box for box, away in sides if away <= _FARTHEST)


def _anchor(box: Box, points: Sequence[Point]) -> tuple[str, float]:
    """From where a text is written: from the side of the line that it is beside, from its middle above and below."""
    near, far = _reach(points, box.y, box.y + _HEIGHT, 1)
    if box.x >= far:
        return " after", box.x
    return (" before", box.x + box.width) if box.x + box.width <= near else ("", box.x + box.width / 2)


def _reach(points: Sequence[Point], low: float, high: float, axis: int) -> tuple[float, float]:
    """From where to where a line reaches across an axis, between two places on it."""
    least, most, other = inf, -inf, 1 - axis
    for start, end in pairwise(points):
        a, b = (start, end) if start[axis] <= end[axis] else (end, start)
        if b[axis] < low or a[axis] > high:
            continue
        first, last, length = a[other], b[other], b[axis] - a[axis]
        if length:
            rise, begin = (last - first) / length, a[axis]
            if b[axis] > high:
                last = first + rise * (high - begin)
            if begin < low:
                first += rise * (low - begin)
        if first > last:
            first, last = last, first
        least = min(least, first)
        most = max(most, last)
    return least, most


def _trace(points: Sequence[float], flow: Flow) -> list[Point]:
    """A line as straight pieces."""
    stops = list(zip(points[::2], points[1::2], strict=True))
    found = [stops[0]]
    for number, (start, end) in enumerate(pairwise(stops)):
        bent = number % 2 == 0 and start[0] != end[0] and start[1] != end[1]
        parts = range(1, _SAMPLES) if bent else ()
        found += [_on_curve(start, end, part / _SAMPLES, flow) for part in parts]
        found.append(end)
    return found


def _on_curve(start: Point, end: Point, part: float, flow: Flow) -> Point:
    """A point of a curve between layers, which leaves and arrives along the flow."""
    along, across = 1.5 * part * (1 - part) + part**3, part * part * (3 - 2 * part)
    right, down = (along, across) if flow is Flow.RIGHT else (across, along)
    return start[0] + (end[0] - start[0]) * right, start[1] + (end[1] - start[1]) * down


def _head(points: Sequence[Point], flow: Flow) -> Box:
    """Where the arrow head of a line is, whichever way it points."""
    x, y = points[-1]
    half = _HEAD / 2
    return (
        Box(x - _HEAD, y - half, 2 * _HEAD, _HEAD) if flow is Flow.RIGHT else Box(x - half, y - _HEAD, _HEAD, 2 * _HEAD)
    )


def _widened(node: Box) -> Box:
    """A node with what is behind it and the markers at its edges."""
    return Box(node.x - 4, node.y - 2, node.width + 10, node.height + MARKER / 2 + 4)


def _aired(box: Box) -> Box:
    return Box(box.x - _AIR, box.y - _AIR, box.width + 2 * _AIR, box.height + 2 * _AIR)


def _around(start: Point, end: Point) -> Box:
    return Box(min(start[0], end[0]), min(start[1], end[1]), abs(start[0] - end[0]), abs(start[1] - end[1]))


class _Crowd:
    """Boxes by where they are, each of somebody."""

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[int, int], list[tuple[Box, int]]] = defaultdict(list)

    def add(self, box: Box, of: int = -1) -> None:
        for cell in _cells(box):
            self._cells[cell].append((box, of))

    def holds(self, box: Box, but: int = -2) -> bool:
        """Whether something overlaps a box, of somebody else than `but`."""
        x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
        for cell in _cells(box):
            for one, of in self._cells.get(cell, ()):
                if of != but and x < one.x + one.width and one.x < right and y < one.y + one.height and one.y < bottom:
                    return True
        return False


def _cells(box: Box) -> list[tuple[int, int]]:
    left, right = int(box.x // _CELL), int((box.x + box.width) // _CELL)
    top, bottom = int(box.y // _CELL), int((box.y + box.height) // _CELL)
    if left == right and top == bottom:
        return [(left, top)]
    return [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]
