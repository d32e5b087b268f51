"""Which way each line takes from the edge of one box to the edge of another."""

from collections.abc import Sequence
from typing import Final, NamedTuple

Point = tuple[float, float]
Points = tuple[Point, ...]
"""Where a line begins, then two for each layer that it passes, then where it ends. Between two layers it is a curve
that leaves and arrives along the flow, within a layer it is straight."""

SPREAD: Final = 0.6
"""The part of a box's side on which lines begin and end."""
STEP: Final = 12.0
"""Between the beginnings of two lines, at most."""


class Stop(NamedTuple):
    """What a line passes: where its middle is across the layers, and where it begins and ends along them."""

    across: float
    start: float
    end: float
    extent: float = 0.0


def spread(stops: Sequence[Stop], ends: Sequence[tuple[int, int]]) -> list[float]:
    """Where lines touch the side of their boxes; `ends` are (box, the stop that the line comes from or goes to next).

    Lines of one box that go on to the same stop touch it in the same place.
    """
    of: dict[int, list[int]] = {}
    for box, beside in ends:
        of.setdefault(box, []).append(beside)
    places: dict[tuple[int, int], float] = {}
    for box, others in of.items():
        across, _, _, extent = stops[box]
        if len(others) == 1:
            places[box, others[0]] = across
            continue
        distinct = sorted(set(others), key=lambda other: (stops[other].across, other))
        step = min(STEP, extent * SPREAD / len(distinct))
        first = across - step * (len(distinct) - 1) / 2
        for place, other in enumerate(distinct):
            places[box, other] = round(first + place * step, 2)
    return [places[end] for end in ends]


def route(stops: Sequence[Stop], trail: Sequence[int], first: float, last: float, *, right: bool) -> Points:
    """The points of a line through the stops of a trail: two for each step between layers, to be joined by curves.

    first, last: where it touches the first and the last of them. What it passes in between, it passes straight. Along
    the layers is x where time runs to the `right`, else y.
    """
    start, end = stops[trail[0]].end, stops[trail[-1]].start
    if len(trail) == 2:
        return ((start, first), (end, last)) if right else ((first, start), (last, end))
    points = [(start, first) if right else (first, start)]
    for bend in trail[1:-1]:
        across, before, after, _ = stops[bend]
        points += [(before, across), (after, across)] if right else [(across, before), (across, after)]
    points.append((end, last) if right else (last, end))
    return tuple(points)
