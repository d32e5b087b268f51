"""A layered drawing of a lineage: from sizes and ways to places and lines.

The four steps of Sugiyama, Tagawa and Toda 1981: layers, bends in long ways, the order within layers, coordinates.
"""

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple

import numpy as np

from descentd.app.explorer.layout.coordinates import coordinates
from descentd.app.explorer.layout.crossings import COUNTED, crossings, order_rows
from descentd.app.explorer.layout.grids import Grid, Size, find_grids
from descentd.app.explorer.layout.layers import Way, assign_layers
from descentd.app.explorer.layout.proper import ProperGraph, proper_graph
from descentd.app.explorer.layout.routes import Points, Stop, route, spread

WIDEST: Final = 1.6
"""Nodes of a layer at most, in units of the root of their number: a drawing is about as high as it is wide."""
LEAST_WIDE: Final = 10


class Flow(StrEnum):
    """Which way time runs."""

    RIGHT = "right"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Spacing:
    """Room in pixels: between neighbours of a layer, between layers (for what is written on lines), at the edge.

    beside: at both sides of lines that run down, for what is written beside them.
    """

    across: float = 22.0
    along: float = 124.0
    margin: float = 16.0
    beside: float = 48.0


class Box(NamedTuple):
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A grid of nodes: the frame around them, and who they are."""

    box: Box
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """boxes: by node; lines: each once; line_of: by way, which of them stands for it (of ways into a frame, one each).

    layers: by node, what is in one frame in one layer; crossings: of lines between layers, None where there are so many
    lines that they are not counted.
    """

    boxes: list[Box]
    lines: list[Points]
    line_of: list[int]
    frames: list[Frame]
    layers: list[int]
    crossings: int | None
    width: float
    height: float


def draw(
    sizes: Sequence[Size],
    ways: Sequence[Way],
    flow: Flow = Flow.RIGHT,
    *,
    alone: Collection[int] = (),
    spacing: Spacing | None = None,
) -> Drawing:
    """Draw nodes of these sizes (width, height) with ways (parent, child), parents first in the direction of `flow`.

    alone: nodes that are in no frame. The same is drawn the same way every time.
    """
    with _collecting_later():
        return _draw(sizes, ways, flow, alone, spacing or Spacing())


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Look for garbage afterwards: nearly all that a drawing makes stays, and to look through it takes a third more."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _draw(sizes: Sequence[Size], ways: Sequence[Way], flow: Flow, alone: Collection[int], room: Spacing) -> Drawing:
    grids = find_grids(sizes, ways, alone)
    place_of, units = _units(len(sizes), grids)
    unit_sizes = [one.size if isinstance(one, Grid) else sizes[one] for one in units]
    unit_ways = [(place_of[parent], place_of[child]) for parent, child in ways]
    numbers: dict[Way, int] = {}
    for way in unit_ways:
        if way[0] != way[1] and way not in numbers:
            numbers[way] = len(numbers)
    distinct = list(numbers)
    widest = max(LEAST_WIDE, round(WIDEST * len(units) ** 0.5))
    layering = assign_layers(len(units), distinct, widest)
    graph = proper_graph(len(units), distinct, layering)
    rows = order_rows(graph)
    side = 1 if flow is Flow.RIGHT else 0
    across = coordinates(graph, rows, [size[side] for size in unit_sizes], room.across)
    edge = room.margin if flow is Flow.RIGHT else room.beside
    stops, length = _stops(graph, rows, across, unit_sizes, side, room, edge)
    lines = _lines(graph, stops, layering.turned, flow)
    unit_boxes = _boxes(stops, unit_sizes, flow)
    boxes, frames = _unpacked(len(sizes), units, unit_boxes)
    breadth = max((stop.across + stop.extent / 2 for stop in stops), default=0.0) + edge
    return Drawing(
        boxes,
        lines,
        [numbers.get(way, -1) for way in unit_ways],
        frames,
        [layering.layers[unit] for unit in place_of],
        crossings(rows, graph.down) if len(graph.up) <= COUNTED else None,
        length if flow is Flow.RIGHT else breadth,
        breadth if flow is Flow.RIGHT else length,
    )


def _units(count: int, grids: Sequence[Grid]) -> tuple[list[int], list[int | Grid]]:
    """What is placed: nodes by themselves, and grids; and by node which of these it is or is in."""
    of = [-1] * count
    units: list[int | Grid] = []
    first = {grid.members[0]: grid for grid in grids}
    inside = {node for grid in grids for node in grid.members}
    for node in range(count):
        if node in first:
            for member in first[node].members:
                of[member] = len(units)
            units.append(first[node])
        elif node not in inside:
            of[node] = len(units)
            units.append(node)
    return of, units


def _stops(
    graph: ProperGraph,
    rows: list[list[int]],
    across: Sequence[float],
    sizes: Sequence[Size],
    side: int,
    room: Spacing,
    edge: float,
) -> tuple[list[Stop], float]:
    """Where nodes and bends are, from `edge` on across, and how long the drawing is."""
    if not rows:
        return [], 2 * room.margin
    size = len(graph.up)
    extents, lengths = np.zeros(size), np.zeros(size)
    extents[: graph.count] = [one[side] for one in sizes]
    lengths[: graph.count] = [one[1 - side] for one in sizes]
    layer = np.empty(size, np.intp)
    layer[np.fromiter(chain.from_iterable(rows), np.intp, size)] = np.repeat(np.arange(len(rows)), list(map(len, rows)))
    longest = np.zeros(len(rows))
    np.maximum.at(longest, layer, lengths)
    starts = room.margin + np.concatenate(([0.0], np.cumsum(longest + room.along)))
    # A bend takes the whole length of its layer, a node stands in the middle of it.
    taken = np.where(np.arange(size) < graph.count, lengths, longest[layer])
    begin = starts[layer] + (longest[layer] - taken) / 2
    places = np.array(across)
    at = np.round(places - (places - extents / 2).min() + edge, 2)
    stops = list(map(Stop, at.tolist(), begin.tolist(), (begin + taken).tolist(), extents.tolist()))
    return stops, float(starts[-1]) - room.along + room.margin


def _lines(graph: ProperGraph, stops: Sequence[Stop], against: Collection[int], flow: Flow) -> list[Points]:
    trails = graph.trails
    leaving = spread(stops, [(trail[0], trail[1]) for trail in trails])
    arriving = spread(stops, [(trail[-1], trail[-2]) for trail in trails])
    lines = route(stops, trails, leaving, arriving, right=flow is Flow.RIGHT)
    for place in against:
        lines[place] = lines[place][::-1]
    return lines


def _boxes(stops: Sequence[Stop], sizes: Sequence[Size], flow: Flow) -> list[Box]:
    if not sizes:
        return []
    places = np.array(stops[: len(sizes)])
    across = np.round(places[:, 0] - places[:, 3] / 2, 2).tolist()
    along = np.round(places[:, 1], 2).tolist()
    widths, heights = zip(*sizes, strict=True)
    x, y = (along, across) if flow is Flow.RIGHT else (across, along)
    return list(map(Box, x, y, widths, heights))


def _unpacked(count: int, units: Sequence[int | Grid], unit_boxes: Sequence[Box]) -> tuple[list[Box], list[Frame]]:
    boxes = [Box(0, 0, 0, 0)] * count
    frames = []
    for unit, box in zip(units, unit_boxes, strict=True):
        if isinstance(unit, int):
            boxes[unit] = box
            continue
        frames.append(Frame(box, unit.members))
        for node, (x, y) in zip(unit.members, unit.corners(box.x, box.y), strict=True):
            boxes[node] = Box(x, y, *unit.cell)
    return boxes, frames
