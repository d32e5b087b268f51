"""Findings and verdicts as sentences that a risk officer understands.

They tell what was found in the past, never what will be: a random walk of real changes shows a trend in a third of all
lineages.
"""

from collections.abc import Callable, Sequence
from typing import Final

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding, Gain
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.results import Result
from descentd.queries.erosion.series import Protocol

Name = Callable[[int], str]
"""The ref of a version."""

NAMED: Final = 3
"""Of a long list of versions, so many are named."""


def message(finding: Finding, name: Name) -> str:
    """One sentence about a finding."""
    match finding.kind:
        case ErosionKind.STEP_REGRESSION:
            return _sentence(_moved(finding, name), _chance(finding), _left_out(finding, name))
        case ErosionKind.CUMULATIVE_EROSION:
            return _sentence(_moved(finding, name), _chosen(finding), _chance(finding), _left_out(finding, name))
        case ErosionKind.MONOTONIC_TREND:
            over = f"over {finding.among} measured versions, each against its own ancestors"
            return _sentence(f"{_moved(finding, name)}, {over}", _chance(finding), _left_out(finding, name))
        case ErosionKind.TRADE_OFF:
            return _sentence(
                f"{_moved(finding, name)}, while {_gained(finding.improved)}",
                _chance(finding),
                _left_out(finding, name),
            )
        case ErosionKind.PARENT_CONFLICT:
            return _sentence(_disagree(finding, name), _chance(finding), _left_out(finding, name))
        case ErosionKind.COVERAGE_LOSS:
            return _sentence(_lost(finding, name), _left_out(finding, name))


def summary(assessment: Assessment) -> str:
    """One sentence about the verdict."""
    asked = f"{assessment.asked} {'question was' if assessment.asked == 1 else 'questions were'} asked"
    match assessment.verdict:
        case ErosionVerdict.ERODED:
            return f"Safety got worse along the ancestry ({asked})."
        case ErosionVerdict.IMPROVED:
            return f"Nothing got worse along the ancestry and something improved ({asked})."
        case ErosionVerdict.UNKNOWN:
            return "Nothing was measured on this version that can be compared with one of its ancestors."
        case ErosionVerdict.STABLE if assessment.detectable:
            least = [f"{_number(one.change)} in {_metric(one.protocol)}" for one in assessment.detectable[:NAMED]]
            more = len(assessment.detectable) - NAMED
            seen = _listed([*least, f"so on in {more} more"] if more > 0 else least)
            return f"Nothing got worse along the ancestry; a step of {seen} would usually have been seen ({asked})."
        case ErosionVerdict.STABLE:
            return f"Nothing got worse along the ancestry beyond the tolerances ({asked})."


def _sentence(*parts: str) -> str:
    text = "; ".join(part for part in parts if part)
    return f"{text}."


def _metric(protocol: Protocol) -> str:
    terms = ", ".join(f"{attribute} {value}" for attribute, value in protocol.slice)
    return f"{protocol.metric.name} for {terms}" if terms else protocol.metric.name


def _moved(finding: Finding, name: Name) -> str:
    return (
        f"{_metric(finding.protocol)} {_way(finding.protocol.metric)} (worse), from {_value(finding.baseline_result)} "
        f"on {name(finding.baseline)} to {_value(finding.head_result)} on {name(finding.head)}"
    )


def _way(metric: MetricDefinition) -> str:
    match metric.direction:
        case MetricDirection.LOWER_IS_BETTER:
            return "has risen"
        case MetricDirection.HIGHER_IS_BETTER:
            return "has fallen"
        case _:
            return f"has moved away from {_number(metric.optimum or 0.0)}"


def _gained(gains: Sequence[Gain]) -> str:
    """Gains by metric and slice; one metric may have been measured in several ways."""
    amounts: dict[str, list[float]] = {}
    for gain in gains:
        amounts.setdefault(_metric(gain.protocol), []).append(-gain.delta)
    parts = []
    for metric, by in amounts.items():
        many = f"{_number(min(by))} to {_number(max(by))} in {len(by)} series"
        parts.append(f"{metric} improved by {_number(by[0]) if len(by) == 1 else many}")
    return _listed(parts)


def _chosen(finding: Finding) -> str:
    if finding.since is not None and finding.since == finding.baseline:
        return ""
    plural = "" if finding.among == 1 else "s"
    if finding.p is None:
        return f"the baseline is the median of {finding.among} earlier version{plural} without a known error"
    best = f"the baseline is the best of {finding.among} earlier version{plural}, which the figures allow for"
    return f"{best} ({finding.without_error} more have no known error)" if finding.without_error else best


def _chance(finding: Finding) -> str:
    if finding.p is None or finding.q is None:
        return "no error is known, so only the tolerance was applied and chance is not ruled out"
    questions = "the one question" if finding.asked == 1 else f"the {finding.asked} questions"
    return (
        f"chance alone would show as much in {_share(finding.p)} of cases, or {_share(finding.q)} after allowing for "
        f"{questions} asked"
    )


def _disagree(finding: Finding, name: Name) -> str:
    return (
        f"the merged lines disagree on {_metric(finding.protocol)}: {_value(finding.head_result)} on "
        f"{name(finding.head)} is worse than {_value(finding.baseline_result)} on {name(finding.baseline)}"
    )


def _lost(finding: Finding, name: Name) -> str:
    before = finding.protocol
    now = finding.measured_as
    what = (
        f"{_metric(before)} was measured on {name(finding.baseline)} ({_value(finding.baseline_result)}, "
        f"{before.suite} {before.suite_version})"
    )
    if finding.head in finding.left_out:
        return f"{what}, and {name(finding.head)} has no result by that protocol that counts"
    if now is None:
        return f"{what} and is no longer measured on {name(finding.head)}"
    if (now.suite, now.suite_version) != (before.suite, before.suite_version):
        return f"{what} and on {name(finding.head)} only by {now.suite} {now.suite_version}, which cannot be compared"
    other = "data" if now.data != before.data else "settings of the suite"
    return f"{what} and on {name(finding.head)} only with other {other}, which cannot be compared"


def _left_out(finding: Finding, name: Name) -> str:
    if not finding.left_out:
        return ""
    return f"left out, because they were evaluated on what they learned from: {_some(finding.left_out, name)}"


def _some(versions: Sequence[int], name: Name) -> str:
    named = [name(version) for version in versions[:NAMED]]
    more = len(versions) - NAMED
    return _listed([*named, f"{more} more"] if more > 0 else named)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _value(result: Result | None) -> str:
    return "nothing" if result is None else _number(result.value)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _share(p: float) -> str:
    return "less than 0.01 %" if p < 1e-4 else f"{100 * p:.2g} %"
