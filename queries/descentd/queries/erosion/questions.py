"""The tests of a head in one series: each step, the sum of the steps, the trend, and the agreement of parents."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from descentd.queries.evaluation.editions import CURRENT, FOURTH
from descentd.queries.evaluation.series import AncestrySeries
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Comparison, Comparisons
from descentd.queries.statistics.dunnett import best_of
from descentd.queries.statistics.kendall import kendall
from descentd.queries.statistics.pairs import many_of

LONG: Final = 5
"""Measured versions in a line below which no trend is asked for."""


class ErosionKind(StrEnum):
    """The kinds of finding."""

    STEP_REGRESSION = "STEP_REGRESSION"
    CUMULATIVE_EROSION = "CUMULATIVE_EROSION"
    MONOTONIC_TREND = "MONOTONIC_TREND"
    LASTING_EROSION = "LASTING_EROSION"
    TRADE_OFF = "TRADE_OFF"
    COVERAGE_LOSS = "COVERAGE_LOSS"
    PARENT_CONFLICT = "PARENT_CONFLICT"


EROSION: Final = (
    ErosionKind.STEP_REGRESSION,
    ErosionKind.CUMULATIVE_EROSION,
    ErosionKind.MONOTONIC_TREND,
    ErosionKind.LASTING_EROSION,
)
"""The kinds that make a version ERODED."""


@dataclass(frozen=True, slots=True)
class Question:
    """A comparison with its p. `head` is the worse parent line in a PARENT_CONFLICT, else the head itself.

    among: how many versions the baseline was chosen from, or for a trend how many it rests on; without_error: how many
    more there were of which no error is known.
    """

    kind: ErosionKind
    view: AncestrySeries
    baseline: int
    head: int
    found: Comparison
    among: int = 1
    without_error: int = 0

    @property
    def got_worse(self) -> bool:
        """Whether z > 0, or where no error is known delta > 0."""
        return (self.found.delta if self.found.z is None else self.found.z) > 0

    @property
    def got_better(self) -> bool:
        """Whether z < 0, or where no error is known delta < 0."""
        return (self.found.delta if self.found.z is None else self.found.z) < 0

    @property
    def beyond_tolerance(self) -> bool:
        """Whether the difference is more than the metric's tolerance."""
        return self.found.delta > self.view.metric.tolerance


def questions(view: AncestrySeries, ancestry: Ancestry, since: int | None, edition: int = CURRENT) -> list[Question]:
    """Everything that is asked about a safety series."""
    if not view.is_tested:
        return []
    asked = list(conflicts(view, ancestry))
    if view.testable:
        asked += [*steps(view), *cumulative(view, since, edition), *trend(view)]
    return asked


def steps(view: AncestrySeries) -> Iterator[Question]:
    """The head against each nearest measured ancestor."""
    comparisons = view.against(view.head, view.nearest)
    for place, ancestor in enumerate(view.nearest):
        yield Question(ErosionKind.STEP_REGRESSION, view, ancestor, view.head, comparisons.comparison(place))


def cumulative(view: AncestrySeries, since: int | None, edition: int = CURRENT) -> Iterator[Question]:
    """The head against `since` where that was measured, otherwise against the best of all but the nearest."""
    kind, head = ErosionKind.CUMULATIVE_EROSION, view.head
    if since in view.points.place:
        yield Question(kind, view, since, head, view.against(head, [since]).comparison(0))
        return
    near = {head, *view.nearest}
    others = [version for version in view.points.versions if version not in near]
    comparisons = view.against(head, others)
    known = ~np.isnan(comparisons.z)
    if known.any():
        yield _best_of(view, others, comparisons, edition)
    if not known.all():
        yield _median(view, others, comparisons)


def _best_of(view: AncestrySeries, others: list[int], comparisons: Comparisons, edition: int) -> Question:
    known = np.flatnonzero(~np.isnan(comparisons.z))
    best = int(np.nanargmax(comparisons.z))
    alone = comparisons.comparison(best)
    z = float(comparisons.z[best])
    if comparisons.special:
        p = _surest_of(comparisons, known)
    else:
        errors = comparisons.own[known], comparisons.others[known], comparisons.errors[known]
        chance = best_of(z, *errors, at_centres=edition <= FOURTH)
        p = min(1.0, 2 * chance)
    found = replace(alone, z=z, p=p)
    unknown = len(others) - len(known)
    return Question(ErosionKind.CUMULATIVE_EROSION, view, others[best], view.head, found, len(known), unknown)


def _surest_of(comparisons: Comparisons, known: np.ndarray[tuple[int], np.dtype[np.intp]]) -> float:
    """Dunnett's distribution does not hold where some are compared by items or groups: 1 − (1 − p_min)^k does."""
    worse = [one.p for place in known.tolist() if (one := comparisons.comparison(place)).z is not None and one.z > 0]
    return many_of(min((p for p in worse if p is not None), default=1.0), len(known))


def _median(view: AncestrySeries, others: list[int], comparisons: Comparisons) -> Question:
    """Against the median (the worse of two) where no error is known: of many, the best is better by luck alone."""
    unknown = np.flatnonzero(np.isnan(comparisons.z))
    by_delta = unknown[np.argsort(comparisons.deltas[unknown], kind="stable")]
    middle = int(by_delta[(len(by_delta) - 1) // 2])
    found = comparisons.comparison(middle)
    return Question(ErosionKind.CUMULATIVE_EROSION, view, others[middle], view.head, found, len(unknown))


def trend(view: AncestrySeries) -> Iterator[Question]:
    """Whether descendants tend to be worse than their ancestors, and the head worse than where the longest line begins.

    Versions of one lineage answer the same items, so that their errors are a random walk, in which an order alone tells
    nothing: p is the larger of Kendall's and of the two end points' (of several beginnings, the largest). Not asked
    where an end point has no error.
    """
    points = view.points
    if view.grouped or max(points.depths.values()) < LONG:
        return
    starts = points.earliest
    comparisons = view.against(view.head, starts)
    if np.isnan(comparisons.z).any():
        return
    # The beginning that says least against the head: of several, the largest p.
    place = int(np.argmax(comparisons.z)) if (comparisons.z < 0).all() else int(np.argmin(comparisons.z))
    ends = comparisons.comparison(place)
    assert ends.z is not None
    assert ends.p is not None
    tested = kendall(points.order, view.estimates.badness)
    agree = ends.z * tested.s > 0 and ((comparisons.z > 0).all() or (comparisons.z < 0).all())
    found = replace(ends, p=max(tested.p, ends.p) if agree else 1.0)
    yield Question(ErosionKind.MONOTONIC_TREND, view, starts[place], view.head, found, len(points.versions))


def conflicts(view: AncestrySeries, ancestry: Ancestry) -> Iterator[Question]:
    """Whether the lines of a merge's parents disagree: the pair that differs most, corrected for choosing it."""
    disagreements: list[tuple[int, int, Comparison]] = []
    met: set[int] = set()
    for version, others in _incomparable(view, ancestry):
        comparisons = view.against(version, others)
        apart = np.abs(comparisons.deltas if np.isnan(comparisons.z).all() else comparisons.z)
        most = int(np.nanargmax(apart))
        disagreements.append((version, others[most], comparisons.comparison(most)))
        met |= {version, *others}
    if not disagreements:
        return
    worse, better, most_apart = max(disagreements, key=_apart)
    if most_apart.delta < 0:
        worse, better = better, worse
    chosen_from = len(met) * (len(met) - 1) // 2
    p = None if most_apart.p is None else many_of(most_apart.p, chosen_from)
    z = None if most_apart.z is None else abs(most_apart.z)
    found = replace(most_apart, delta=abs(most_apart.delta), z=z, p=p)
    yield Question(ErosionKind.PARENT_CONFLICT, view, better, worse, found, len(met))


def _apart(disagreement: tuple[int, int, Comparison]) -> tuple[bool, float]:
    _, _, found = disagreement
    return found.z is not None, abs(found.delta if found.z is None else found.z)


def _incomparable(view: AncestrySeries, ancestry: Ancestry) -> Iterator[tuple[int, list[int]]]:
    """Each nearest ancestor with the earlier ones that came by another parent and that it does not descend from."""
    points, lines = view.points, dict[int, int]()
    for number, parent in enumerate(ancestry.parents[ancestry.head]):
        for version in [parent] if parent in points.place else points.nearest(parent):
            lines[version] = lines.get(version, 0) | 1 << number
    near = sorted(lines, key=points.place.__getitem__)
    for number, version in enumerate(near):
        above = points.order.above(points.place[version])
        others = [
            other
            for other in near[:number]
            if (lines[version] | lines[other]).bit_count() > 1 and not above[points.place[other]]
        ]
        if others:
            yield version, others
