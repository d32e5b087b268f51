"""Findings as sentences that a risk officer understands.

They tell what was found in the past, never what will be: a random walk of real changes shows a trend in a third of all
lineages.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.queries.erosion.findings import Finding, Gain
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.labels import Labels, listed, made_from, number, percent
from descentd.queries.statistics.comparison import Result

GRADUAL: Final = 3
"""More derivations than this that cannot be told apart: it came about gradually."""


def message(finding: Finding, labels: Labels) -> str:
    """One sentence about a finding."""
    rest = (_cause(finding), _left_out(finding, labels))
    match finding.kind:
        case ErosionKind.STEP_REGRESSION:
            return _sentence(_moved(finding, labels), _chance(finding), *rest)
        case ErosionKind.CUMULATIVE_EROSION:
            return _sentence(_moved(finding, labels), _chosen(finding), _chance(finding), *rest)
        case ErosionKind.MONOTONIC_TREND:
            over = f"over {finding.among} measured versions, each against its own ancestors"
            return _sentence(f"{_moved(finding, labels)}, {over}", _chance(finding), *rest)
        case ErosionKind.TRADE_OFF:
            moved = f"{_moved(finding, labels)}, while {_gained(finding.improved, labels)}"
            return _sentence(moved, _chance_of_both(finding), *rest)
        case ErosionKind.PARENT_CONFLICT:
            return _sentence(_disagree(finding, labels), _chance(finding), *rest)
        case ErosionKind.COVERAGE_LOSS:
            return _sentence(_lost(finding, labels), *rest)


def _sentence(*parts: str) -> str:
    text = "; ".join(part for part in parts if part)
    return f"{text}."


def _moved(finding: Finding, labels: Labels) -> str:
    baseline, head = (
        _on(finding.baseline_result, finding.baseline, labels),
        _on(finding.head_result, finding.head, labels),
    )
    return f"{labels.series(finding.series)} {_way(finding.series.metric)} (worse), from {baseline} to {head}"


def _way(metric: MetricDefinition) -> str:
    match metric.direction:
        case MetricDirection.LOWER_IS_BETTER:
            return "has risen"
        case MetricDirection.HIGHER_IS_BETTER:
            return "has fallen"
        case _:
            return f"has moved away from {number(metric.optimum or 0.0)}"


def _gained(gains: Sequence[Gain], labels: Labels) -> str:
    """Gains by metric and slice; one metric that was measured in several ways is told once."""
    by: dict[str, list[Gain]] = {}
    for gain in gains:
        by.setdefault(replace(labels, among=()).series(gain.series), []).append(gain)
    parts = []
    for metric, found in by.items():
        amounts = [-gain.delta for gain in found]
        if len(found) == 1:
            parts.append(f"{labels.series(found[0].series)} improved by {number(amounts[0])}")
        else:
            many = f"{number(min(amounts))} to {number(max(amounts))} in {len(found)} series"
            parts.append(f"{metric} improved by {many}")
    return listed(parts)


def _chosen(finding: Finding) -> str:
    if finding.since is not None and finding.since == finding.baseline:
        return ""
    earlier = f"{finding.among} earlier version{'' if finding.among == 1 else 's'}"
    if finding.p is None:
        return f"the baseline is the median of {earlier} without a known error, the nearest not counted"
    best = f"the baseline is the best of {earlier}, the nearest not counted, which the figures allow for"
    return f"{best} ({finding.without_error} more have no known error)" if finding.without_error else best


def _chance(finding: Finding) -> str:
    if finding.p is None or finding.q is None:
        return _no_error(finding)
    alone = f"chance alone would show as much in {percent(finding.p)} of cases"
    if finding.asked == 1:
        return alone
    return f"{alone}, and with {finding.asked} questions asked the false discovery rate is {percent(finding.q)}"


def _no_error(finding: Finding) -> str:
    needed = "stderr or n" if finding.series.metric.is_rate else "stderr (or n, if the metric is defined with isRate)"
    return (
        "no error is known, so only the tolerance was applied and chance is not ruled out: register the results with "
        f"{needed}"
    )


def _chance_of_both(finding: Finding) -> str:
    if finding.p is None or finding.q is None:
        return _no_error(finding)
    return (
        f"chance alone would show the less sure of the two in {percent(finding.p)} of cases, and the larger of their "
        f"false discovery rates, each among its own kind of questions, is {percent(finding.q)}"
    )


def _cause(finding: Finding) -> str:
    """That the derivation is not known, where it is not."""
    number_of = len(finding.introduced_by)
    if number_of < 2:
        return ""
    if number_of > GRADUAL:
        return f"it came about gradually, or in any of {number_of} derivations that cannot be told apart"
    return f"it cannot be told which of {number_of} derivations brought it in"


def _disagree(finding: Finding, labels: Labels) -> str:
    worse, better = (
        _on(finding.head_result, finding.head, labels),
        _on(finding.baseline_result, finding.baseline, labels),
    )
    return f"the merged lines disagree on {labels.series(finding.series)}: {worse} is worse than {better}"


def _lost(finding: Finding, labels: Labels) -> str:
    before = finding.series
    now = finding.measured_as
    what = (
        f"{labels.series(before)} was measured on {labels.version(finding.baseline)} "
        f"({_value(finding.baseline_result)}, {before.protocol.suite} {before.protocol.version})"
    )
    if finding.head in finding.left_out:
        return f"{what}, and {labels.version(finding.head)} has no result by that protocol that counts"
    if now is None:
        return f"{what} and is no longer measured on {labels.version(finding.head)}"
    if now.protocol[:2] != before.protocol[:2]:
        other = f"by {now.protocol.suite} {now.protocol.version}"
    elif now.parts != before.parts:
        other = f"{made_from(now)} and no longer {made_from(before)}"
    elif now.protocol.data != before.protocol.data:
        other = f"on {labels.data_of(now)} and no longer on {labels.data_of(before)}"
    else:
        both = replace(labels, among=(before, now))
        other = f"by {both.distinction(now)} and no longer by {both.distinction(before)}"
    return f"{what} and on {labels.version(finding.head)} only {other}, which cannot be compared"


def _left_out(finding: Finding, labels: Labels) -> str:
    if not finding.left_out:
        return ""
    return f"left out, because they were evaluated on what they learned from: {labels.versions(finding.left_out)}"


def _on(result: Result | None, version: int, labels: Labels) -> str:
    return f"{_value(result)} on {labels.version(version)}"


def _value(result: Result | None) -> str:
    return "nothing" if result is None else number(result.value)
