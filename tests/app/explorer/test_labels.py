"""What is written beside the lines of a drawing: it covers nothing, whatever the drawing is."""

import re
from collections.abc import Iterator
from itertools import chain, combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from descentd.app.explorer.layout.drawing import Box, Drawing, Flow, draw
from descentd.app.explorer.lineage.labels import labels_of
from descentd.app.explorer.lineage.lines import curve
from descentd.app.explorer.lineage.parts import Line
from descentd.app.explorer.lineage.text import width_of
from tests.app.explorer.test_layout import Graph, flows, graphs, overlap

Point = tuple[float, float]
SHIFT, RELATION, OTHERS = "▼ −0.0123", "trained further, merged", "trained further …"
SHORT = "merged"


def lines_of(drawing: Drawing, flow: Flow, data: set[int], relation: str = RELATION) -> list[Line]:
    return [
        Line(
            0,
            0,
            curve(points, flow),
            "of-data" if number in data else "worse",
            "" if number in data else SHIFT,
            relation,
            "",
            tuple(value for point in points for value in point),
        )
        for number, points in enumerate(drawing.lines)
    ]


def along(path: str) -> Iterator[Point]:
    """Points of a path, near each other, from what SVG makes of it."""
    here: list[Point] = []
    for command, numbers in re.findall(r"([MCL])([^MCL]+)", path):
        values = [float(one) for one in numbers.split()]
        stops = [*here, *zip(values[::2], values[1::2], strict=True)]
        for part in (i / 40 for i in range(41)):
            yield point_of(stops if command != "M" else stops[-1:], part)
        here = stops[-1:]


def point_of(stops: list[Point], part: float) -> Point:
    """A point of a Bézier curve, by De Casteljau's construction."""
    while len(stops) > 1:
        pairs = pairwise(stops)
        stops = [(x + (to_x - x) * part, y + (to_y - y) * part) for (x, y), (to_x, to_y) in pairs]
    return stops[0]


def passes(line: Line, box: Box) -> bool:
    right, bottom = box.x + box.width, box.y + box.height
    return any(box.x < x < right and box.y < y < bottom for x, y in along(line.path))


@given(graphs(), flows, st.sets(st.integers(0, 40)), st.booleans())
def test_a_label_covers_no_node_no_other_label_and_not_its_own_line(
    graph: Graph, flow: Flow, data: set[int], dense: bool
) -> None:
    drawing = draw(*graph, flow)
    lines = lines_of(drawing, flow, data)
    written = labels_of(lines, drawing.boxes, flow, dense=dense)
    assert len(written) == len(lines)
    labels = list(chain.from_iterable(written))
    assert not any(overlap(one.box, other.box) for one, other in combinations(labels, 2))
    assert not any(overlap(label.box, node) for label in labels for node in drawing.boxes)
    assert all(label.box.x >= 0 and label.box.y >= 0 for label in labels)
    for line, own in zip(lines, written, strict=True):
        assert not any(passes(line, label.box) for label in own)
        assert {label.text for label in own} <= ({SHIFT, RELATION, OTHERS} if line.shift else {RELATION, OTHERS})


@given(graphs(), flows)
def test_no_line_passes_a_relation_that_is_written_beside_another_one(graph: Graph, flow: Flow) -> None:
    drawing = draw(*graph, flow)
    lines = lines_of(drawing, flow, set())
    for number, own in enumerate(labels_of(lines, drawing.boxes, flow, dense=False)):
        for label in own:
            if label.text != SHIFT:
                assert not any(passes(one, label.box) for other, one in enumerate(lines) if other != number)


@given(st.integers(2, 12), flows, st.booleans())
def test_everything_is_written_beside_a_chain_above_and_below_its_lines(number: int, flow: Flow, dense: bool) -> None:
    drawing = draw([(150.0, 69.0)] * number, [(i, i + 1) for i in range(number - 1)], flow)
    lines = lines_of(drawing, flow, set(), SHORT)
    for line, own in zip(lines, labels_of(lines, drawing.boxes, flow, dense=dense), strict=True):
        [shift, relation] = own
        assert (shift.text, relation.text) == (SHIFT, SHORT)
        assert shift.box.width == width_of(SHIFT, 12.5, True)
        middle = line.points[1]
        assert flow is not Flow.RIGHT or shift.box.y + shift.box.height < middle < relation.box.y


def test_relations_of_data_are_left_out_of_a_dense_drawing_and_shifts_are_not() -> None:
    drawing = draw([(150.0, 69.0)] * 3, [(0, 1), (1, 2)], Flow.RIGHT)
    lines = lines_of(drawing, Flow.RIGHT, {0}, SHORT)
    said = [[label.text for label in own] for own in labels_of(lines, drawing.boxes, Flow.RIGHT, dense=True)]
    assert said == [[], [SHIFT, SHORT]]
