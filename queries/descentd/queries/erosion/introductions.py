"""Which derivations brought a finding in."""

from itertools import compress

import numpy as np

from descentd.queries.erosion.findings import Span
from descentd.queries.erosion.questions import ErosionKind, Question
from descentd.queries.evaluation.series import AncestrySeries
from descentd.queries.lineage.ancestry import Points
from descentd.queries.statistics.change_points import introductions


class Introductions:
    """Of one answer: several findings of a series share them."""

    def __init__(self) -> None:
        self._found: dict[tuple[AncestrySeries, bool], tuple[Span, ...]] = {}

    def of(self, question: Question) -> tuple[Span, ...]:
        """The derivation of a step; for what came about over several, those that cannot be told from the likeliest.

        Nothing for merged lines that disagree: the difference is older than the merge.
        """
        match question.kind:
            case ErosionKind.STEP_REGRESSION:
                return (Span(question.baseline, question.head),)
            case ErosionKind.CUMULATIVE_EROSION | ErosionKind.MONOTONIC_TREND:
                key = question.view, question.found.p is not None
                if key not in self._found:
                    self._found[key] = _changes(*key)
                return self._found[key]
            case _:
                return ()


def _changes(view: AncestrySeries, tested: bool) -> tuple[Span, ...]:
    points, changed = _changed(view, tested)
    return tuple(dict.fromkeys(span for place in changed for span in _spans(points, points.versions[place])))


def _changed(view: AncestrySeries, tested: bool) -> tuple[Points, list[int]]:
    """The versions that may have brought the change, among the points that can tell: those with known errors."""
    estimates = view.estimates
    level = estimates.level(np.full(len(view.results), estimates.few.any()))
    known = ~np.isnan(level.errors)
    if not tested or not known[view.points.place[view.head]]:
        return view.points, introductions(view.points.order, level.badness, None)
    points = view.points.among(compress(view.points.versions, known.tolist()))
    return points, introductions(points.order, level.badness[known], level.errors[known])


def _spans(points: Points, version: int) -> list[Span]:
    """The ways to a version from its nearest measured ancestors; of one without any, its ways on."""
    if nearest := points.nearest(version):
        return [Span(ancestor, version) for ancestor in nearest]
    return [Span(version, other) for other in points.versions if version in points.nearest(other)]
