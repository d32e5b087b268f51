"""The derivations that introduced a finding."""

from dataclasses import dataclass
from itertools import compress

import numpy as np

from descentd.queries.erosion.findings import Span
from descentd.queries.erosion.questions import ErosionKind, Question
from descentd.queries.evaluation.series import AncestrySeries
from descentd.queries.lineage.ancestry import Points
from descentd.queries.statistics.change_points import change_points
from descentd.queries.statistics.normal import Floats


@dataclass(frozen=True, slots=True)
class Blame:
    """The derivations that a finding is blamed on; where `gradual`, the whole span, and no derivation is accused."""

    spans: tuple[Span, ...] = ()
    gradual: bool = False


class Introductions:
    """Of one answer: several findings of a series share them."""

    def __init__(self) -> None:
        self._found: dict[tuple[AncestrySeries, bool], Blame] = {}

    def of(self, question: Question) -> Blame:
        """The derivation of a step; for what came about over several, those that cannot be told from the likeliest.

        Nothing for merged lines that disagree: the difference is older than the merge.
        """
        match question.kind:
            case ErosionKind.STEP_REGRESSION:
                return _step(question)
            case ErosionKind.CUMULATIVE_EROSION | ErosionKind.MONOTONIC_TREND:
                key = question.view, question.found.p is not None
                if key not in self._found:
                    self._found[key] = _changes(*key)
                return self._found[key]
            case _:
                return Blame()


def _step(question: Question) -> Blame:
    """A step against a nearest ancestor is that derivation, unless something measured lies in between.

    A merge of a version and of that version's own ancestor has such a step: then the change may have come in before.
    """
    view, whole = question.view, Span(question.baseline, question.head)
    above = view.points.order.above(view.points.place[view.head])
    within = [
        version
        for place, version in enumerate(view.points.versions)
        if version in (question.baseline, view.head)
        or (above[place] and view.points.order.above(place)[view.points.place[question.baseline]])
    ]
    if len(within) == 2:
        return Blame((whole,))
    found = _changes(view, question.found.p is not None, view.points.among(within))
    return found if found.spans else Blame((whole,))


def _changes(view: AncestrySeries, tested: bool, points: Points | None = None) -> Blame:
    """The spans in which a change may have come in among some points: those that can tell, which have errors."""
    estimates = view.estimates
    level = estimates.level(np.full(len(view.results), estimates.few.any()))
    chosen = view.points if points is None else points
    known = ~np.isnan(level.errors)
    if not tested or not known[view.points.place[view.head]]:
        return _blame(chosen, _of(view, chosen, level.badness), None)
    measured = set(compress(view.points.versions, known.tolist()))
    points = chosen.among(version for version in chosen.versions if version in measured)
    return _blame(points, _of(view, points, level.badness), _of(view, points, level.errors))


def _of(view: AncestrySeries, points: Points, values: Floats) -> Floats:
    return np.asarray(values[view.places(points.versions)])


def _blame(points: Points, badness: Floats, errors: Floats | None) -> Blame:
    depths = np.array([points.depths[version] for version in points.versions], np.float64)
    found = change_points(points.order, depths, badness, errors)
    bad = dict(zip(points.versions, badness.tolist(), strict=True))
    if found.gradual:
        start = min(points.earliest, key=lambda version: (bad[version], points.place[version]))
        return Blame((Span(start, points.head),), gradual=True)
    spans = [span for place in found.places for span in _spans(points, points.versions[place])]
    # A parent that was itself no better than what came of it did not become worse in that derivation.
    accused = [span for span in spans if bad[span.ancestor] < bad[span.descendant]]
    return Blame(tuple(dict.fromkeys(accused or spans)))


def _spans(points: Points, version: int) -> list[Span]:
    """The ways to a version from its nearest measured ancestors; of one without any, its ways on."""
    if nearest := points.nearest(version):
        return [Span(ancestor, version) for ancestor in nearest]
    return [Span(version, other) for other in points.versions if version in points.nearest(other)]
