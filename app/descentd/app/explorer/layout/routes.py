"""Which way each line takes from the edge of one box to the edge of another."""

from collections import defaultdict
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
    of: defaultdict[int, set[int]] = defaultdict(set)
    for box, beside in ends:
        of[box].add(beside)
    places: dict[tuple[int, int], float] = {}
    for box, others in of.items():
        if len(others) == 1:
            continue
        across, _, _, extent = stops[box]
        distinct = sorted([(stops[other].across, other) for other in others])
        step = min(STEP, extent * SPREAD / len(distinct))
        first = across - step * (len(distinct) - 1) / 2
        for place, (_, other) in enumerate(distinct):
            places[box, other] = round(first + place * step, 2)
    return [places[end] if end in places else stops[end[0]].across for end in ends]


def route(
    stops: Sequence[Stop],
    trails: Sequence[Sequence[int]],
    first: Sequence[float],
    last: Sequence[float],
    *,
    right: bool,
) -> list[Points]:
    """The points of lines, each through the stops of a trail: two for each step between layers, to be joined by curves.

    first, last: where each touches the first and the last of them. What it passes in between, it passes straight. Along
    the layers is x where time runs to the `right`, else y.
    """
    starts = [stop.end for stop in stops]
    ends = [stop.start for stop in stops]
    lines: list[Points] = []
    for trail, leaving, arriving in zip(trails, first, last, strict=True):
        start, end = starts[trail[0]], ends[trail[-1]]
        if len(trail) > 2:
            lines.append(_through(stops, trail, (leaving, start), (arriving, end), right=right))
        elif right:
            lines.append(((start, leaving), (end, arriving)))
        else:
            lines.append(((leaving, start), (arriving, end)))
    return lines


def _through(stops: Sequence[Stop], trail: Sequence[int], first: Point, last: Point, *, right: bool) -> Points:
    """The points of a line with bends; first, last: across the layers and along them."""
    points = [first[::-1] if right else first]
    for bend in trail[1:-1]:
        across, before, after, _ = stops[bend]
        points += [(before, across), (after, across)] if right else [(across, before), (across, after)]
    points.append(last[::-1] if right else last)
    return tuple(points)
