"""The certainty of an answer: the changes that would have been detected, and series shown not to be worse."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from descentd.graph.metrics import MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.findings import Detectable, Finding, NotWorse, OptimumCrossing
from descentd.queries.erosion.questions import ErosionKind, Question
from descentd.queries.evaluation.series import AncestrySeries
from descentd.queries.statistics.comparison import Comparison, side
from descentd.queries.statistics.normal import quantile

POWER: Final = 0.84
"""The z above which a normal variable lies in one case of five: what is added for a power of 80 %."""
SHOWN: Final = -1.645
"""The one-sided 5 % point of the test that a version is not worse by more than the tolerance."""


def detectable_change(error: float, tolerance: float, alpha: float, asked: int) -> float:
    """The change that would have been found in four cases of five, asked among so many questions.

    max(tolerance + 0.84·d, (z at 1 − alpha/(2m) + 0.84)·d) with d the standard error of the difference.
    """
    return max(tolerance + POWER * error, (quantile(1 - alpha / (2 * asked)) + POWER) * error)


def detectable(asked: Sequence[Question], tests: int, alpha: float) -> Iterator[Detectable]:
    """For each series by the step that could be seen least well; ranges over groups have no such figure."""
    widest: dict[int, Question] = {}
    for question in asked:
        if question.kind is not ErosionKind.STEP_REGRESSION or question.found.error is None or question.view.grouped:
            continue
        known = widest.get(id(question.view))
        if known is None or question.found.error > (known.found.error or 0.0):
            widest[id(question.view)] = question
    for question in widest.values():
        view, error = question.view, question.found.error
        assert error is not None
        change = detectable_change(error, view.metric.tolerance, alpha, tests)
        base = view.metric.badness(view.series.results[question.baseline].value) or 0.0
        yield Detectable(view.key, change, base + change <= worst(view.metric))


def worst(metric: MetricDefinition) -> float:
    """The largest badness that a metric can have; infinite where it has no bound."""
    least, most = metric.range
    log = metric.scale is MetricScale.LOG
    low, high = ((math.log(end) if end > 0 else -math.inf) for end in (least, most)) if log else (least, most)
    match metric.direction:
        case MetricDirection.LOWER_IS_BETTER:
            return high
        case MetricDirection.HIGHER_IS_BETTER:
            return -low
        case _:
            optimum = metric.optimum or 0.0
            middle = math.log(optimum) if log else optimum
            return max(high - middle, middle - low)


def not_worse(views: Sequence[AncestrySeries], lost: Sequence[Finding], since: int | None) -> Iterator[NotWorse]:
    """Of each safety series of the head, and of each that the head lost, whether it was shown not to be worse."""
    for view in views:
        if view.is_tested and view.head_measured:
            reason = _not_shown(view, since)
            yield NotWorse(view.key, reason is None, reason)
    for finding in lost:
        yield NotWorse(finding.series, shown=False, reason="it was not measured on this version")


def _not_shown(view: AncestrySeries, since: int | None) -> str | None:
    """Why it was not shown; None where it was, against every nearest evaluated ancestor or `since`."""
    tolerance = view.metric.tolerance
    if view.head not in view.points.place:
        return "the logarithm of its value is not defined"
    against = [since] if since is not None and since in view.points.place else view.nearest
    if not against:
        return "no ancestor was measured in the same way"
    if tolerance <= 0:
        return "the metric has no tolerance"
    comparisons = view.against(view.head, against)
    for place in range(len(against)):
        found = comparisons.comparison(place)
        if found.z is None or found.error is None:
            return "no error is known"
        if not is_shown(found, tolerance):
            return "a change of more than the tolerance is not excluded"
    return None


def is_shown(found: Comparison, tolerance: float) -> bool:
    """Whether (δ − tolerance)/d < −1.645: a change for the worse of more than the tolerance is excluded at 5 %."""
    if found.error is None or tolerance <= 0:
        return False
    return (found.delta - tolerance) / found.error < SHOWN


def crossings(views: Sequence[AncestrySeries], alpha: float) -> Iterator[OptimumCrossing]:
    """TARGET metrics of the head that are beyond chance on the other side of the optimum than a nearest ancestor.

    Of other directions all values are on no side.
    """
    for view in views:
        metric = view.metric
        if not view.is_tested or not view.testable:
            continue
        after = view.series.results[view.head]
        for ancestor in view.nearest:
            before = view.series.results[ancestor]
            if side(metric, before.value) * side(metric, after.value) < 0 and all(
                _is_off(metric, view, version, alpha) for version in (ancestor, view.head)
            ):
                yield OptimumCrossing(view.key, ancestor, before.value, after.value)
                break


def _is_off(metric: MetricDefinition, view: AncestrySeries, version: int, alpha: float) -> bool:
    """Whether a result is away from the optimum by more than its tolerance and its error."""
    place = view.points.place[version]
    badness, error = float(view.level.badness[place]), float(view.level.errors[place])
    if badness <= metric.tolerance:
        return False
    return math.isnan(error) or badness / error > quantile(1 - alpha / 2)
