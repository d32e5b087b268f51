"""A series along a line of first parents: its points, slope and trend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

import numpy as np

from descentd.graph.metrics import MetricDirection
from descentd.queries.evaluation.series import Series
from descentd.queries.lineage.ancestry import Ancestry, Parents
from descentd.queries.statistics.comparison import Comparison, Estimates, Result
from descentd.queries.statistics.kendall import kendall, theil_sen
from descentd.queries.statistics.pairs import compare
from descentd.queries.statistics.partial_order import Order


@dataclass(frozen=True, slots=True)
class Point:
    """A measured version of the line; `distance` in derivations from where the line begins.

    badness: larger is worse; None where no value is good in itself.
    """

    version: int
    distance: int
    result: Result
    badness: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """A series along first parents, root first. With fewer than two points, or no badness, there is no trend.

    slope: Theil and Sen's, in badness per derivation; p: Mann and Kendall's, two-sided; change: the last point against
    the first.
    """

    points: tuple[Point, ...]
    slope: float | None
    p: float | None
    change: Comparison | None


def lines(
    head: int,
    parents: Parents,
    series: Sequence[Series],
    *,
    since: int | None = None,
    passed: Mapping[int, int] = MappingProxyType({}),
) -> list[Line]:
    """One line for each series; raises InvalidInput where `since` is none of the ancestors.

    passed: by version, how many more there are between it and its first parent.
    """
    line = first_parents(head, parents, since)
    steps = [0, *(1 + passed.get(version, 0) for version in line[1:])]
    distances = dict(zip(line, accumulate(steps), strict=False))
    return [_line(one, distances) for one in series]


def first_parents(head: int, parents: Parents, since: int | None) -> list[int]:
    """The line of a version, root first; raises InvalidInput where `since` is none of the ancestors."""
    ancestry = Ancestry(head, parents)
    line = ancestry.line()
    if since is None:
        return line
    within = ancestry.since(since).parents
    return [version for version in line if version in within]


def _line(series: Series, distances: dict[int, int]) -> Line:
    metric, results = series.key.metric, series.results
    points = tuple(
        Point(version, distance, results[version], metric.badness(results[version].value))
        for version, distance in distances.items()
        if version in results
    )
    if len(points) < 2 or metric.direction is MetricDirection.NONE:
        return Line(points, None, None, None)
    badness = Estimates(metric, [point.result for point in points]).badness
    derivations = np.array([point.distance for point in points], np.float64)
    first, last = points[0], points[-1]
    return Line(
        points,
        theil_sen(derivations, badness),
        kendall(Order.chain(len(points)), badness).p,
        compare(metric, last.result, first.result, last.result.pair_with(first.version)),
    )
