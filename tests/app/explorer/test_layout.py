"""Drawings: what must hold of every one, by random graphs, and what some must look like."""

from collections.abc import Callable
from itertools import combinations, pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.explorer.layout.crossings import crossings, order_rows
from descentd.app.explorer.layout.drawing import Box, Flow, draw
from descentd.app.explorer.layout.layers import assign_layers
from descentd.app.explorer.layout.proper import proper_graph
from tests.support import shapes

Graph = tuple[list[tuple[float, float]], list[tuple[int, int]]]


@st.composite
def graphs(draw_from: st.DrawFn, *, acyclic: bool = True) -> Graph:
    """Sizes, and ways that may be given twice; from lower to higher numbers after a shuffle where they are acyclic."""
    count = draw_from(st.integers(1, 40))
    node = st.integers(0, count - 1)
    pairs = draw_from(st.lists(st.tuples(node, node).filter(lambda way: way[0] != way[1]), max_size=80))
    numbers = draw_from(st.permutations(range(count)))
    ways = [(numbers[min(way)], numbers[max(way)]) if acyclic else way for way in pairs]
    side = st.integers(20, 260).map(float)
    return draw_from(st.lists(st.tuples(side, side), min_size=count, max_size=count)), ways


flows = st.sampled_from(Flow)


def overlap(one: Box, other: Box) -> bool:
    apart = 0.01
    return (
        one.x + one.width > other.x + apart
        and other.x + other.width > one.x + apart
        and one.y + one.height > other.y + apart
        and other.y + other.height > one.y + apart
    )


@given(graphs(), flows)
def test_each_node_is_in_a_layer_below_what_it_came_from(graph: Graph, flow: Flow) -> None:
    sizes, ways = graph
    drawing = draw(sizes, ways, flow)
    for parent, child in ways:
        assert drawing.layers[parent] < drawing.layers[child]
        above, below = drawing.boxes[parent], drawing.boxes[child]
        if flow is Flow.RIGHT:
            assert above.x + above.width < below.x
        else:
            assert above.y + above.height < below.y


@given(graphs(acyclic=False), flows)
def test_no_boxes_overlap_and_all_lie_within_the_drawing(graph: Graph, flow: Flow) -> None:
    drawing = draw(*graph, flow)
    frames = [frame.box for frame in drawing.frames]
    framed = {node for frame in drawing.frames for node in frame.members}
    outer = [*frames, *(box for node, box in enumerate(drawing.boxes) if node not in framed)]
    assert not [pair for pair in combinations(outer, 2) if overlap(*pair)]
    for frame in drawing.frames:
        inner = [drawing.boxes[node] for node in frame.members]
        assert not [pair for pair in combinations(inner, 2) if overlap(*pair)]
        assert all(_within(box, frame.box) for box in inner)
    assert all(_within(box, Box(0, 0, drawing.width, drawing.height)) for box in drawing.boxes)


def _within(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width + 0.01
        and inner.y + inner.height <= outer.y + outer.height + 0.01
    )


@given(graphs(acyclic=False), flows)
def test_the_same_graph_is_drawn_the_same_way(graph: Graph, flow: Flow) -> None:
    assert draw(*graph, flow) == draw(*graph, flow)


@given(graphs(acyclic=False), flows)
def test_each_way_has_a_line_from_its_parent_to_its_child(graph: Graph, flow: Flow) -> None:
    sizes, ways = graph
    drawing = draw(sizes, ways, flow)
    around = dict(enumerate(drawing.boxes))
    for frame in drawing.frames:
        around |= dict.fromkeys(frame.members, frame.box)
    for (parent, child), number in zip(ways, drawing.line_of, strict=True):
        line = drawing.lines[number]
        assert _on_side(line[0], around[parent])
        assert _on_side(line[-1], around[child])


def _on_side(point: tuple[float, float], box: Box) -> bool:
    x, y = point
    across = box.x - 0.01 <= x <= box.x + box.width + 0.01
    along = box.y - 0.01 <= y <= box.y + box.height + 0.01
    return across and along


@given(graphs(acyclic=False))
def test_lines_never_pass_through_a_box_within_its_layer(graph: Graph) -> None:
    drawing = draw(*graph, Flow.DOWN)
    framed = {node for frame in drawing.frames for node in frame.members}
    boxes = [box for node, box in enumerate(drawing.boxes) if node not in framed]
    boxes += [frame.box for frame in drawing.frames]
    for line in drawing.lines:
        for (x, top), (other, bottom) in list(pairwise(line))[1:-1:2]:
            assert x == other
            for box in boxes:
                beside = x <= box.x or x >= box.x + box.width
                assert beside or max(top, bottom) <= box.y or min(top, bottom) >= box.y + box.height


@given(graphs(acyclic=False))
def test_layers_turn_no_way_of_an_acyclic_graph_and_few_of_another(graph: Graph) -> None:
    sizes, ways = graph
    distinct = list(dict.fromkeys(ways))
    layering = assign_layers(len(sizes), distinct, 10)
    made: nx.DiGraph[int] = nx.DiGraph(distinct)
    if nx.is_directed_acyclic_graph(made):
        assert not layering.turned
    for place, (parent, child) in enumerate(distinct):
        assert (layering.layers[parent] > layering.layers[child]) == (place in layering.turned)
    widths = [layering.layers.count(layer) for layer in set(layering.layers)]
    assert max(widths) <= 10
    assert set(layering.layers) == set(range(len(widths)))


@given(graphs())
def test_crossings_are_counted_as_pairs_of_steps_that_change_sides(graph: Graph) -> None:
    sizes, ways = graph
    distinct = list(dict.fromkeys(ways))
    proper = proper_graph(len(sizes), distinct, assign_layers(len(sizes), distinct, 8))
    rows = order_rows(proper)
    place = {node: number for row in rows for number, node in enumerate(row)}
    counted = 0
    for row in rows:
        steps = [(place[node], place[child]) for node in row for child in proper.down[node]]
        counted += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(steps, 2))
    assert crossings(rows, proper.down) == counted
    assert sorted(node for row in rows for node in row) == list(range(len(proper.up)))


def test_a_tree_has_no_crossing() -> None:
    ways = [((child - 1) // 3, child) for child in range(1, 200)]
    assert draw([(100.0, 40.0)] * 200, ways, alone=range(200)).crossings == 0


def test_a_long_way_is_straight_where_nothing_is_in_its_way() -> None:
    ways = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    drawing = draw([(100.0, 40.0)] * 5, ways, Flow.DOWN)
    bends = {x for x, _ in drawing.lines[drawing.line_of[4]][1:-1]}
    assert len(bends) == 1


def test_siblings_of_which_nothing_came_stand_in_a_frame_and_what_is_to_stand_alone_does() -> None:
    ways = [(0, child) for child in range(1, 5_001)]
    drawing = draw([(100.0, 40.0)] * 5_001, ways, alone=[7])
    [frame] = drawing.frames
    assert frame.members == tuple(child for child in range(1, 5_001) if child != 7)
    assert len({drawing.line_of[child - 1] for child in frame.members}) == 1
    assert drawing.width < 12_000
    assert drawing.height < 12_000


def test_what_no_line_leads_to_is_drawn_too() -> None:
    assert draw([], []).boxes == []
    [box] = draw([(120.0, 60.0)], []).boxes
    assert (box.width, box.height) == (120.0, 60.0)
    assert len({(box.x, box.y) for box in draw([(50.0, 20.0)] * 4, [(0, 1)]).boxes}) == 4


@pytest.mark.parametrize("shape", [shapes.hub, shapes.chain])
def test_a_large_lineage_is_drawn_whole(shape: Callable[[int], list[tuple[int, int]]]) -> None:
    ways = shape(10_000)
    drawing = draw([(130.0, 48.0)] * 10_000, ways)
    assert len(drawing.boxes) == 10_000
    assert all(drawing.layers[parent] < drawing.layers[child] for parent, child in ways)
