"""The rules of erosion before the second edition, as far as decisions that were made by them are evaluated again.

A gate sees the verdict, and of each finding its kind, series, p and q. Nothing else of a finding is computed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from descentd.graph.metrics import MetricDirection
from descentd.queries.erosion.coverage import coverage_losses
from descentd.queries.erosion.findings import Assessment, ChangeSince, ErosionVerdict, Finding
from descentd.queries.erosion.questions import ErosionKind, Question, conflicts, cumulative, steps
from descentd.queries.evaluation.editions import FIRST
from descentd.queries.evaluation.series import AncestrySeries, Series, SeriesKey
from descentd.queries.lineage.ancestry import Ancestry, Parents
from descentd.queries.statistics.comparison import Comparison
from descentd.queries.statistics.kendall import kendall
from descentd.queries.statistics.multiplicity import false_discovery_rates

ALPHA = 0.05
LONG = 5
ERODING = (ErosionKind.STEP_REGRESSION, ErosionKind.CUMULATIVE_EROSION, ErosionKind.MONOTONIC_TREND)

Asked = tuple[Question, float | None]


def assess_by_first_edition(head: int, parents: Parents, series: Sequence[Series]) -> Assessment:
    """Assess a version as the first edition did: at a false discovery rate of 5 %, from all of its ancestry."""
    whole = Ancestry(head, parents)
    kept = {version for one in series for part in (one.results, one.left_out, one.retracted) for version in part}
    ancestry = whole.contracted(kept)
    views = [AncestrySeries(one, ancestry) for one in series]
    asked = [question for view in views for question in _questions(view, ancestry)]
    rates = iter(false_discovery_rates([one.found.p for one in asked if one.found.p is not None]))
    with_q = [(one, None if one.found.p is None else next(rates)) for one in asked]
    found = _once(sorted((one for one in with_q if _is_finding(one)), key=_gravity))
    findings = [_finding(one) for one in found]
    findings += _trade_offs(findings, views)
    findings += sorted(coverage_losses(views, ancestry, bridges=False), key=lambda lost: lost.series.order)
    tested = sum(q is not None for _, q in with_q)
    return Assessment(head, _verdict(with_q, found, views, whole), tuple(findings), tested, None, ())


def _questions(view: AncestrySeries, ancestry: Ancestry) -> Iterator[Question]:
    if view.is_tested:
        yield from conflicts(view, ancestry)
        if view.testable:
            yield from steps(view)
            yield from cumulative(view, None, FIRST)
            yield from _trend(view)


def _trend(view: AncestrySeries) -> Iterator[Question]:
    """By Kendall's test of the order alone."""
    points = view.points
    if max(points.depths.values()) < LONG:
        return
    starts = points.earliest
    comparisons = view.against(view.head, starts)
    start = int(np.argmin(comparisons.deltas))
    tested = kendall(points.order, view.estimates.badness)
    found = Comparison(comparisons.comparison(start).delta, tested.z, tested.p, None)
    yield Question(ErosionKind.MONOTONIC_TREND, view, starts[start], view.head, found, len(points.versions))


def _is_finding(asked: Asked) -> bool:
    question, q = asked
    return question.got_worse and question.beyond_tolerance and (q is None or q <= ALPHA)


def _gravity(asked: Asked) -> tuple[object, ...]:
    question, q = asked
    kinds = [*ERODING, ErosionKind.PARENT_CONFLICT]
    order = (question.kind not in ERODING, q is None, q or 0.0, kinds.index(question.kind))
    return *order, question.view.key.order, question.view.points.place[question.baseline]


def _once(found: Sequence[Asked]) -> list[Asked]:
    """Of a series' cumulative erosions the first."""
    seen: set[int] = set()
    kept = []
    for question, q in found:
        if question.kind is ErosionKind.CUMULATIVE_EROSION:
            if id(question.view) in seen:
                continue
            seen.add(id(question.view))
        kept.append((question, q))
    return kept


def _finding(asked: Asked) -> Finding:
    question, q = asked
    results, found = question.view.series.results, question.found
    ends = results[question.baseline], results[question.head]
    return Finding(
        question.kind, question.view.key, question.baseline, question.head, *ends, found.delta, found.z, found.p, q
    )


def _verdict(
    asked: Sequence[Asked], found: Sequence[Asked], views: Sequence[AncestrySeries], whole: Ancestry
) -> ErosionVerdict:
    if any(question.kind in ERODING for question, _ in found):
        return ErosionVerdict.ERODED
    if any(_is_improvement(one) for one in asked):
        return ErosionVerdict.IMPROVED
    if len(whole.versions) == 1 or any(view.testable and view.metric.is_safety for view in views):
        return ErosionVerdict.STABLE
    return ErosionVerdict.UNKNOWN


def _is_improvement(asked: Asked) -> bool:
    question, q = asked
    better = question.kind in ERODING and not question.got_worse
    return better and -question.found.delta > question.view.metric.tolerance and q is not None and q <= ALPHA


def _trade_offs(eroded: Sequence[Finding], views: Sequence[AncestrySeries]) -> Iterator[Finding]:
    """With a gain since the same baseline, whatever derivation brought it."""
    losses: dict[tuple[SeriesKey, int], Finding] = {}
    for finding in eroded:
        if finding.kind in ERODING:
            losses.setdefault((finding.series, finding.baseline), finding)
    gains = _gains({baseline for _, baseline in losses}, views)
    for finding in losses.values():
        if found := gains.get(finding.baseline):
            best = min(found, key=lambda gain: (gain.q is None, gain.q or 0.0))
            p = None if finding.p is None or best.p is None else max(finding.p, best.p)
            q = None if finding.q is None or best.q is None else max(finding.q, best.q)
            yield replace(finding, kind=ErosionKind.TRADE_OFF, p=p, q=q, improved=tuple(found))


def _gains(baselines: set[int], views: Sequence[AncestrySeries]) -> dict[int, list[ChangeSince]]:
    compared: list[tuple[int, AncestrySeries, Comparison]] = []
    for view in views:
        if view.metric.is_safety or view.metric.direction is MetricDirection.NONE or not view.head_measured:
            continue
        measured = [version for version in view.points.versions if version in baselines]
        if measured:
            comparisons = view.against(view.head, measured)
            compared += [(version, view, comparisons.comparison(place)) for place, version in enumerate(measured)]
    rates = iter(false_discovery_rates([found.p for _, _, found in compared if found.p is not None]))
    gains: dict[int, list[ChangeSince]] = {}
    for baseline, view, found in compared:
        q = None if found.p is None else next(rates)
        improved = found.z is None or (found.z < 0 and q is not None and q <= ALPHA)
        if improved and -found.delta > view.metric.tolerance:
            gains.setdefault(baseline, []).append(ChangeSince(view.key, baseline, found.delta, found.p, q))
    for found_gains in gains.values():
        found_gains.sort(key=lambda gain: (gain.q is None, gain.q or 0.0, gain.series.order))
    return gains
