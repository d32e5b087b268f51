"""Findings as sentences that a risk officer understands, each true of the numbers in it.

They say what was found in the past, never what will be: a random walk of real changes shows a trend in a third of all
lineages.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from descentd.graph.metrics import MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.findings import ChangeSince, Finding, surest
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.labels import Labels, made_from, number, percent
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.prose import apart, conjunction
from descentd.queries.statistics.comparison import Result, side


def message(finding: Finding, labels: Labels) -> str:
    """One sentence about a finding."""
    rest = (_cause(finding, labels), _meanwhile(finding, labels), _naive(finding), _left_out(finding, labels))
    match finding.kind:
        case ErosionKind.STEP_REGRESSION:
            return _sentence(_moved(finding, labels), _chance(finding), *rest)
        case ErosionKind.CUMULATIVE_EROSION:
            return _sentence(_moved(finding, labels), _chosen(finding), _chance(finding), *rest)
        case ErosionKind.MONOTONIC_TREND:
            over = f"over {finding.among} measured versions that tend to be worse than their ancestors"
            return _sentence(f"{_moved(finding, labels)}, {over}", _chance(finding), *rest)
        case ErosionKind.LASTING_EROSION:
            return _sentence(_lasted(finding, labels), _evidence(finding, labels), *rest)
        case ErosionKind.TRADE_OFF if finding.lasting is not None:
            lasted = f"{_lasted(finding, labels)}, while {gained(finding.improved, labels)}"
            return _sentence(lasted, _evidence(finding, labels), _chance_of_gain(finding), *rest)
        case ErosionKind.TRADE_OFF:
            moved = f"{_moved(finding, labels)}, while {gained(finding.improved, labels)}"
            return _sentence(moved, _chance_of_both(finding), *rest)
        case ErosionKind.PARENT_CONFLICT:
            return _sentence(_disagree(finding, labels), _chance(finding), *rest)
        case ErosionKind.COVERAGE_LOSS:
            return _sentence(_lost(finding, labels), *rest)


def amount(metric: MetricDefinition, change: float) -> str:
    """A change of badness: of a ratio as a factor, otherwise in the metric's unit."""
    if metric.scale is MetricScale.LOG:
        return f"a factor of {number(math.exp(change))}"
    return number(change)


def gained(gains: Sequence[ChangeSince], labels: Labels) -> str:
    """Gains by metric and slice; one metric that was measured in several ways is named once."""
    by: dict[str, list[ChangeSince]] = {}
    for gain in gains:
        by.setdefault(replace(labels, among=()).series(gain.series), []).append(gain)
    parts = []
    for metric, found in by.items():
        amounts = [amount(gain.series.metric, -gain.delta) for gain in sorted(found, key=lambda gain: -gain.delta)]
        if len(found) == 1:
            parts.append(f"{labels.series(found[0].series)} improved by {amounts[0]}")
        elif amounts[0] == amounts[-1]:
            parts.append(f"{metric} improved by {amounts[0]} in each of {len(found)} series")
        else:
            parts.append(f"{metric} improved by {amounts[0]} to {amounts[-1]} in {len(found)} series")
    return conjunction(parts)


def _sentence(*parts: str) -> str:
    text = "; ".join(part for part in parts if part)
    return f"{text}."


def _moved(finding: Finding, labels: Labels) -> str:
    before, after = _apart(finding.baseline_result, finding.head_result)
    baseline = f"{before} on {labels.version(finding.baseline)}"
    head = f"{after} on {labels.version(finding.head)}"
    return f"{labels.series(finding.series)}{_paired(finding)} {_way(finding)}, from {baseline} to {head}"


def _paired(finding: Finding) -> str:
    return ", compared by the items that both answered," if finding.paired else ""


def _way(finding: Finding) -> str:
    metric = finding.series.metric
    factor = ""
    if metric.scale is MetricScale.LOG and finding.delta is not None:
        factor = f" by {amount(metric, finding.delta)}"
    match metric.direction:
        case MetricDirection.LOWER_IS_BETTER:
            return f"has risen{factor} (worse)"
        case MetricDirection.HIGHER_IS_BETTER:
            return f"has fallen{factor} (worse)"
        case _:
            optimum = number(metric.optimum or 0.0)
            if _crossed(finding):
                return f"has moved to the other side of {optimum} and farther away from it{factor} (worse)"
            return f"has moved away from {optimum}{factor} (worse)"


def _crossed(finding: Finding) -> bool:
    ends = finding.baseline_result, finding.head_result
    sides = [side(finding.series.metric, end.value) for end in ends if end is not None]
    return len(sides) == 2 and sides[0] * sides[1] < 0


def _chosen(finding: Finding) -> str:
    if finding.since is not None and finding.since == finding.baseline:
        return ""
    if finding.p is None:
        if finding.among == 1:
            return "the baseline is the one version before the nearest, and has no known error"
        return f"the baseline is the median of {finding.among} versions before the nearest without a known error"
    if finding.among == 1:
        best = "the baseline is the one version before the nearest"
    else:
        best = f"the baseline is the best of {finding.among} versions before the nearest, which the figures allow for"
    return f"{best} ({finding.without_error} more have no known error)" if finding.without_error else best


def _chance(finding: Finding) -> str:
    if finding.p is None or finding.q is None:
        return _no_error(finding.series.metric)
    alone = f"chance alone would show as much in {percent(finding.p)} of cases"
    if finding.asked == 1:
        return f"{alone} (1 question was asked)"
    return f"{alone}, and with {finding.asked} questions asked the false discovery rate is {percent(finding.q)}"


def _no_error(metric: MetricDefinition, of: str = "") -> str:
    if metric.disparity_of is not None:
        return f"no error is known of every group{of}, so only the tolerance was applied and chance is not ruled out"
    needed = "stderr or n" if metric.is_rate else "stderr (or n, if the metric is defined with isRate)"
    return (
        f"no error is known{of}, so only the tolerance was applied and chance is not ruled out: register the results "
        f"with {needed}"
    )


def _chance_of_both(finding: Finding) -> str:
    if finding.z is None:
        neither = all(gain.p is None for gain in finding.improved)
        return _no_error(finding.series.metric, "" if neither else " of the loss")
    if finding.p is None or finding.q is None:
        return _no_error(surest(finding.improved).series.metric, " of the gain")
    questions = "1 question was" if finding.asked == 1 else f"{finding.asked} questions were"
    return (
        f"chance alone would show the less sure of the two in {percent(finding.p)} of cases, and the larger of their "
        f"false discovery rates, each among its own kind of questions, is {percent(finding.q)} ({questions} asked "
        "about safety)"
    )


def _chance_of_gain(finding: Finding) -> str:
    """Of what was gained beside a lasting loss, whose own evidence is no p."""
    gain = surest(finding.improved)
    if gain.p is None:
        return _no_error(gain.series.metric, " of the gain")
    which = "gain" if len(finding.improved) == 1 else "surest of the gains"
    return f"chance alone would show the {which} in {percent(gain.p)} of cases"


def _lasted(finding: Finding, labels: Labels) -> str:
    assert finding.lasting is not None
    assert finding.delta is not None
    evidence = finding.lasting
    earlier = "that of the version" if evidence.count == 1 else f"those of the {evidence.count} versions"
    return (
        f"{labels.series(finding.series)} became worse and stayed so: when the evidence first sufficed, the results "
        f"from {labels.version(evidence.start)} on were worse by {amount(finding.series.metric, finding.delta)} on "
        f"average than {earlier} before it{_dated(finding, labels)}"
    )


def _dated(finding: Finding, labels: Labels) -> str:
    """Where a lasting loss is dated to, where that is elsewhere than the first evidence compared at."""
    if not _is_redated(finding):
        return ""
    [span] = finding.introduced_by
    return (
        f", and over all results until now the change is clearest between {labels.version(span.ancestor)} and "
        f"{labels.version(span.descendant)}"
    )


def _is_redated(finding: Finding) -> bool:
    if finding.lasting is None or finding.gradual or len(finding.introduced_by) != 1:
        return False
    return finding.introduced_by[0].descendant != finding.lasting.start


def _evidence(finding: Finding, labels: Labels) -> str:
    assert finding.lasting is not None
    return (
        f"the evidence (e {number(finding.e or 0.0)}) holds however often it is asked for, and stands until a later "
        f"version repairs it, which the latest result, of {labels.version(finding.lasting.latest)}, does not"
    )


def _cause(finding: Finding, labels: Labels) -> str:
    """Which derivation is named, and that it is not known where it is not."""
    spans = finding.introduced_by
    if finding.gradual:
        return (
            "a slope explains it as well as any one step, so it came gradually, or in more than one step, and no "
            "single derivation is named"
        )
    if len(spans) > 1:
        return f"the results cannot tell which of {len(spans)} derivations brought it in"
    if not spans or (spans[0].ancestor, spans[0].descendant) == (finding.baseline, finding.head):
        return ""
    if _is_redated(finding):
        return ""
    return (
        f"the derivation that brought it in is {labels.version(spans[0].ancestor)} → "
        f"{labels.version(spans[0].descendant)}"
    )


def _meanwhile(finding: Finding, labels: Labels) -> str:
    if not finding.improved or finding.kind is ErosionKind.TRADE_OFF:
        return ""
    what = "the derivation that is" if len(finding.introduced_by) == 1 else "the derivations that are"
    return f"meanwhile {gained(finding.improved, labels)}, but not by {what} named here"


def _naive(finding: Finding) -> str:
    if not finding.naive:
        return ""
    return (
        "one of the errors is naive: other results of the series say that the items come in clusters, and it "
        "takes them for independent"
    )


def _disagree(finding: Finding, labels: Labels) -> str:
    better, worse = _apart(finding.baseline_result, finding.head_result)
    series = labels.series(finding.series)
    return (
        f"the merged lines{_paired(finding)} disagree on {series}: {worse} on {labels.version(finding.head)} is "
        f"worse than {better} on {labels.version(finding.baseline)}"
    )


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
    other = _otherwise(before, now, labels)
    return f"{what} and on {labels.version(finding.head)} only {other}, which cannot be compared"


def _otherwise(before: SeriesKey, now: SeriesKey, labels: Labels) -> str:
    """How the head was measured instead."""
    if now.protocol.folded[:2] != before.protocol.folded[:2]:
        return f"by {now.protocol.suite} {now.protocol.version}"
    if now.parts != before.parts:
        return f"{made_from(now)} and no longer {made_from(before)}"
    if now.protocol.data != before.protocol.data:
        return f"on {labels.data_of(now)} and no longer on {labels.data_of(before)}"
    both = replace(labels, among=(before, now))
    only = " (the seed is the only difference)" if differ_by_seed(before, now) else ""
    return f"by {both.distinction(now)} and no longer by {both.distinction(before)}{only}"


def differ_by_seed(one: SeriesKey, other: SeriesKey) -> bool:
    """Whether two series differ in nothing but the seed of the suite's settings."""
    settings = [one.protocol.settings, other.protocol.settings]
    if one.protocol.config == other.protocol.config or not all(isinstance(each, dict) for each in settings):
        return False
    first, second = ({name: value for name, value in each.items() if name != "seed"} for each in settings)
    return first == second and one.protocol._replace(config="") == other.protocol._replace(config="")


def _left_out(finding: Finding, labels: Labels) -> str:
    if not finding.left_out:
        return ""
    return f"left out, because they were evaluated on what they learned from: {labels.versions(finding.left_out)}"


def _apart(one: Result | None, other: Result | None) -> tuple[str, str]:
    """Two values, of which it can be seen whether they differ."""
    if one is None or other is None:
        return _value(one), _value(other)
    first, second = apart(one.value, other.value)
    return first, second


def _value(result: Result | None) -> str:
    return "nothing" if result is None else number(result.value)
