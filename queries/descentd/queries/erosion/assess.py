"""The assessment of a version: all tests along its ancestry, under one false discovery rate.

The rules and their simulated rates are in docs/erosion.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.errors import InvalidInput
from descentd.queries.erosion.certainty import crossings, detectable, not_worse
from descentd.queries.erosion.coverage import coverage_losses
from descentd.queries.erosion.findings import Assessment, ChangeSince, ErosionVerdict, Finding
from descentd.queries.erosion.introductions import Introductions
from descentd.queries.erosion.lasting_erosion import lasting_erosions
from descentd.queries.erosion.questions import EROSION, ErosionKind, Question, questions
from descentd.queries.erosion.trade_offs import trade_offs
from descentd.queries.evaluation.editions import CURRENT
from descentd.queries.evaluation.series import AncestrySeries, ExcludedResults, Series
from descentd.queries.lineage.ancestry import Ancestry, Parents
from descentd.queries.statistics.multiplicity import false_discovery_rates

ALPHA: Final = 0.05

Asked = tuple[Question, float | None]
"""A question and its q; None where no error is known."""


def assess(
    head: int,
    parents: Parents,
    series: Sequence[Series],
    *,
    alpha: float = ALPHA,
    since: int | None = None,
    edition: int = CURRENT,
) -> Assessment:
    """Assess a version by the results in its ancestry.

    parents: of the head and of each of its ancestors; series: every one with results in the ancestry, of whatever
    metric, with retracted and contaminated results taken out. With `since`, only that version and its descendants
    count. Raises InvalidInput where `since` is none of the ancestors or alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise InvalidInput(f"Expected a share between 0 and 1, such as 0.05, got {alpha}.", "alpha")
    whole = Ancestry(head, parents)
    within = whole if since is None else whole.since(since)
    kept = {
        version for one in series for versions in (one.results, one.left_out, one.retracted) for version in versions
    }
    ancestry = within.contracted(kept)
    views = [AncestrySeries(one, ancestry) for one in series]
    asked = [question for view in views for question in questions(view, ancestry, since, edition)]
    worse, better = _with_q(asked, worse=True), _with_q(asked, worse=False)
    found = _once(one for one in worse if _is_finding(one, alpha))
    tested = sum(question.found.p is not None for question in asked)
    introductions = Introductions()
    lasting = list(lasting_erosions(views, whole.line(), since, edition))
    findings = [*(_finding(one, introductions, tested, since) for one in found), *lasting]
    findings.sort(key=lambda one: (*_gravity(one), one.series.order, ancestry.places[one.baseline]))
    findings = [replace(one, asked=tested) for one in trade_offs(findings, views, alpha)]
    lost = sorted(coverage_losses(views, ancestry), key=lambda one: one.series.order)
    return Assessment(
        head,
        _verdict(findings, asked, better, views, whole, alpha),
        (*findings, *lost),
        asked=tested,
        p=_p(asked, lasting),
        detectable=tuple(detectable(asked, tested, alpha)),
        improved=tuple(_improved(better, alpha)),
        lost=tuple(_lost(asked, alpha)),
        not_worse=tuple(sorted(not_worse(views, lost, since), key=lambda one: one.series.order)),
        crossings=tuple(crossings(views, alpha)),
        undefined=tuple((view.key, view.undefined) for view in views if view.undefined),
        measured=_measured(views),
        left_out=tuple(ExcludedResults(v.key, v.left_out, v.retracted) for v in views if v.left_out or v.retracted),
        alone=len(whole.versions) == 1,
        since=since,
        since_measured=any(since in view.points.place for view in views if view.metric.is_safety),
        series=tuple(view.key for view in views if view.series.results or view.left_out or view.retracted),
    )


def registry_rates(p: Sequence[float | None]) -> list[float | None]:
    """The q of each version over the whole registry, from the `p` of its assessment; None where that has none.

    Each version's own findings are kept to alpha for itself alone: of what a whole registry lists at that, half is
    false. Ranked by this the top is not.
    """
    rates = iter(false_discovery_rates([one for one in p if one is not None]))
    return [None if one is None else next(rates) for one in p]


def _with_q(asked: Sequence[Question], *, worse: bool) -> list[Asked]:
    """Every question with its q among all of them: of changes for the worse, or of those for the better.

    A change the other way enters with p = 1: it was asked for, but it cannot vouch for the rest.
    """
    entered = [_entered(one, one.got_worse if worse else one.got_better) for one in asked]
    rates = iter(false_discovery_rates([p for p in entered if p is not None]))
    return [(one, None if p is None else next(rates)) for one, p in zip(asked, entered, strict=True)]


def _entered(question: Question, way: bool) -> float | None:
    return question.found.p if way or question.found.p is None else 1.0


def _is_finding(asked: Asked, alpha: float) -> bool:
    question, q = asked
    return question.beyond_tolerance and (q is None or q <= alpha)  # where it did not get worse, q is 1


def _gravity(finding: Finding) -> tuple[object, ...]:
    """What erodes first, then by q, or 1/e; what has neither last."""
    q = finding.q if finding.e is None else 1 / finding.e
    return not finding.erodes, q is None, q, list(ErosionKind).index(finding.kind)


def _once(found: Iterable[Asked]) -> list[Asked]:
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


def _finding(asked: Asked, introductions: Introductions, tested: int, since: int | None) -> Finding:
    question, q = asked
    results, found = question.view.series.results, question.found
    blame = introductions.of(question)
    ends = results[question.baseline], results[question.head]
    return Finding(
        question.kind,
        question.view.key,
        question.baseline,
        question.head,
        *ends,
        found.delta,
        found.z,
        found.p,
        q,
        introduced_by=blame.spans,
        gradual=blame.gradual,
        among=question.among,
        without_error=question.without_error,
        since=since,
        asked=tested,
        left_out=question.view.left_out,
        paired=found.paired,
        naive=question.view.clustered and not found.paired and any(one.clusters is None for one in ends),
    )


def _p(asked: Sequence[Question], lasting: Sequence[Finding]) -> float | None:
    """Of "nothing got worse": the smallest q of what erodes (Simes 1986); lasting evidence enters as 1/e, below 1."""
    entered = [(one.kind, p) for one in asked if (p := _entered(one, one.got_worse)) is not None]
    entered += [(one.kind, 1 / one.e) for one in lasting if one.e]
    if not entered:
        return None
    rates = false_discovery_rates([p for _, p in entered])
    return min((q for (kind, _), q in zip(entered, rates, strict=True) if kind in EROSION), default=1.0)


def _verdict(
    findings: Sequence[Finding],
    asked: Sequence[Question],
    better: Sequence[Asked],
    views: Sequence[AncestrySeries],
    whole: Ancestry,
    alpha: float,
) -> ErosionVerdict:
    if any(finding.erodes for finding in findings):
        return ErosionVerdict.ERODED
    if any(_is_improvement(one, alpha) for one in better) and not list(_lost(asked, alpha)):
        return ErosionVerdict.IMPROVED
    if len(whole.versions) == 1 or any(view.testable and view.metric.is_safety for view in views):
        return ErosionVerdict.STABLE
    return ErosionVerdict.UNKNOWN


def _is_improvement(asked: Asked, alpha: float) -> bool:
    question, q = asked
    # Where it did not get better, q is 1; and parents that conflict differ by more than 0.
    return q is not None and q <= alpha and -question.found.delta > question.view.metric.tolerance


def _improved(better: Sequence[Asked], alpha: float) -> Iterator[ChangeSince]:
    """Of each series the surest improvement; the surest first."""
    best: dict[int, ChangeSince] = {}
    for question, q in sorted((one for one in better if _is_improvement(one, alpha)), key=lambda one: one[1] or 0.0):
        found = question.found
        best.setdefault(id(question.view), ChangeSince(question.view.key, question.baseline, found.delta, found.p, q))
    yield from best.values()


def _lost(asked: Sequence[Question], alpha: float) -> Iterator[ChangeSince]:
    """Of each series the surest loss of more than the tolerance at p ≤ alpha, before any correction."""
    worst: dict[int, ChangeSince] = {}
    suspects = [
        one
        for one in asked
        if one.kind in EROSION and one.got_worse and one.beyond_tolerance and (one.found.p or 0.0) <= alpha
    ]
    for one in sorted(suspects, key=lambda one: one.found.p or 0.0):
        worst.setdefault(id(one.view), ChangeSince(one.view.key, one.baseline, one.found.delta, one.found.p, None))
    yield from worst.values()


def _measured(views: Sequence[AncestrySeries]) -> tuple[MetricDefinition, ...]:
    return tuple({view.metric.name: view.metric for view in views if view.head_measured}.values())
