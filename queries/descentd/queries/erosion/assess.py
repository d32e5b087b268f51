"""What got worse along a version's ancestry: every question asked, once, under one false discovery rate.

The rules and their simulated rates are in docs/erosion.md.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.errors import InvalidInput
from descentd.queries.erosion.coverage import coverage_losses
from descentd.queries.erosion.findings import Assessment, Detectable, ErosionVerdict, Finding, Gain
from descentd.queries.erosion.introductions import Introductions
from descentd.queries.erosion.questions import EROSION, ErosionKind, Question, questions
from descentd.queries.erosion.trade_offs import trade_offs
from descentd.queries.evaluation.series import AncestrySeries, ExcludedResults, Series
from descentd.queries.lineage.ancestry import Ancestry, Parents
from descentd.queries.statistics.multiplicity import false_discovery_rates

ALPHA: Final = 0.05
POWER: Final = 2.8
"""Standard errors of a difference that are found in four cases of five at 5 %, two-sided: 1.96 + 0.84."""

Asked = tuple[Question, float | None]
"""A question and its q; None where no error is known."""


def assess(
    head: int, parents: Parents, series: Sequence[Series], *, alpha: float = ALPHA, since: int | None = None
) -> Assessment:
    """Assess a version by the results in its ancestry.

    parents: of the head and of each of its ancestors; series: every one with results in the ancestry, of whatever
    metric, with retracted and contaminated results taken out. With `since`, only that version and its descendants
    count. Raises InvalidInput where `since` is none of the ancestors or alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise InvalidInput(f"alpha is {alpha}: give a share between 0 and 1, such as 0.05.", "alpha")
    whole = Ancestry(head, parents)
    within = whole if since is None else whole.since(since)
    kept = {
        version for one in series for versions in (one.results, one.left_out, one.retracted) for version in versions
    }
    ancestry = within.contracted(kept)
    views = [AncestrySeries(one, ancestry) for one in series]
    asked = _with_q([question for view in views for question in questions(view, ancestry, since)])
    found = _once(sorted((one for one in asked if _is_finding(one, alpha)), key=_gravity))
    tested = sum(q is not None for _, q in asked)
    introductions = Introductions()
    findings = [_finding(question, q, introductions, tested, since) for question, q in found]
    findings += trade_offs(findings, views, alpha)
    findings += sorted(coverage_losses(views, ancestry), key=lambda lost: lost.series.order)
    bad = [q for question, q in asked if q is not None and question.kind in EROSION and question.got_worse]
    return Assessment(
        head,
        _verdict(asked, found, views, whole, alpha),
        tuple(findings),
        tested,
        min(bad, default=1.0) if tested else None,
        tuple(_detectable(asked)),
        tuple(_improved(asked, alpha)),
        _measured(views),
        tuple(ExcludedResults(v.key, v.left_out, v.retracted) for v in views if v.left_out or v.retracted),
        len(whole.versions) == 1,
        since,
        any(since in view.points.place for view in views if view.metric.is_safety),
        tuple(view.key for view in views if view.results or view.left_out or view.retracted),
    )


def registry_rates(p: Sequence[float | None]) -> list[float | None]:
    """The q of each version over the whole registry, from the `p` of its assessment; None where that has none.

    Each version's own findings are kept to alpha for itself alone: of what a whole registry lists at that, half is
    false. Ranked by this the top is not.
    """
    rates = iter(false_discovery_rates([one for one in p if one is not None]))
    return [None if one is None else next(rates) for one in p]


def _with_q(asked: Sequence[Question]) -> list[Asked]:
    rates = iter(false_discovery_rates([one.found.p for one in asked if one.found.p is not None]))
    return [(one, None if one.found.p is None else next(rates)) for one in asked]


def _is_finding(asked: Asked, alpha: float) -> bool:
    question, q = asked
    return question.got_worse and question.beyond_tolerance and (q is None or q <= alpha)


def _gravity(asked: Asked) -> tuple[object, ...]:
    """What erodes first, then by q; without q last."""
    question, q = asked
    order = (question.kind not in EROSION, q is None, q or 0.0, list(ErosionKind).index(question.kind))
    return *order, question.view.key.order, question.view.points.place[question.baseline]


def _once(found: Sequence[Asked]) -> list[Asked]:
    """Of a series' cumulative erosions the first: with an error and, where there are others, without."""
    seen: set[int] = set()
    kept = []
    for question, q in found:
        if question.kind is ErosionKind.CUMULATIVE_EROSION:
            if id(question.view) in seen:
                continue
            seen.add(id(question.view))
        kept.append((question, q))
    return kept


def _finding(
    question: Question, q: float | None, introductions: Introductions, asked: int, since: int | None
) -> Finding:
    results, found = question.view.series.results, question.found
    return Finding(
        question.kind,
        question.view.key,
        question.baseline,
        question.head,
        results[question.baseline],
        results[question.head],
        found.delta,
        found.z,
        found.p,
        q,
        introduced_by=introductions.of(question),
        among=question.among,
        without_error=question.without_error,
        since=since,
        asked=asked,
        left_out=question.view.left_out,
    )


def _verdict(
    asked: Sequence[Asked], found: Sequence[Asked], views: Sequence[AncestrySeries], whole: Ancestry, alpha: float
) -> ErosionVerdict:
    if any(question.kind in EROSION for question, _ in found):
        return ErosionVerdict.ERODED
    if any(_is_improvement(one, alpha) for one in asked):
        return ErosionVerdict.IMPROVED
    if len(whole.versions) == 1 or any(view.testable and view.metric.is_safety for view in views):
        return ErosionVerdict.STABLE
    return ErosionVerdict.UNKNOWN


def _is_improvement(asked: Asked, alpha: float) -> bool:
    question, q = asked
    better = (
        question.kind in EROSION and not question.got_worse and -question.found.delta > question.view.metric.tolerance
    )
    return better and q is not None and q <= alpha


def _improved(asked: Sequence[Asked], alpha: float) -> Iterator[Gain]:
    """Of each series the surest improvement; the surest first."""
    better: dict[int, Gain] = {}
    for question, q in sorted((one for one in asked if _is_improvement(one, alpha)), key=lambda one: one[1] or 0.0):
        found = question.found
        better.setdefault(id(question.view), Gain(question.view.key, question.baseline, found.delta, found.p, q))
    yield from better.values()


def _measured(views: Sequence[AncestrySeries]) -> tuple[MetricDefinition, ...]:
    return tuple({view.metric.name: view.metric for view in views if view.head_measured}.values())


def _detectable(asked: Sequence[Asked]) -> list[Detectable]:
    """For each series by the step that could be seen least well."""
    widest: dict[int, tuple[AncestrySeries, float]] = {}
    for question, _ in asked:
        if question.kind is ErosionKind.STEP_REGRESSION and question.found.error is not None:
            view, error = question.view, question.found.error
            widest[id(view)] = view, max(error, widest.get(id(view), (view, 0.0))[1])
    return [Detectable(view.key, POWER * error) for view, error in widest.values()]
