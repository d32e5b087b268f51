"""The metrics of two versions side by side, and whether one version is better."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import ALPHA
from descentd.queries.erosion.certainty import detectable_change, is_shown
from descentd.queries.erosion.messages import amount
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.labels import Labels, made_from
from descentd.queries.evaluation.series import Series, SeriesKey
from descentd.queries.prose import conjunction
from descentd.queries.statistics.comparison import Comparison, Result
from descentd.queries.statistics.multiplicity import false_discovery_rates
from descentd.queries.statistics.pairs import compare


class Comparability(StrEnum):
    """Whether a metric is better, worse or the same, within tolerance and error; INCOMPARABLE if that is not known."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    SAME = "SAME"
    INCOMPARABLE = "INCOMPARABLE"


@dataclass(frozen=True, slots=True)
class Row:
    """A metric on both sides, None where it was not measured; `delta` is head minus base, as measured.

    before, after: the series of either side, None where it was not measured at all; one and the same where both may be
    compared. contaminated: those of base and head whose result does not count because of what they learned from.
    `p` is two-sided, None where no error is known. worse: the change in badness, None where it cannot be told;
    detectable: the change that would usually have been seen, None where no error is known. `q` is the false discovery
    rate over all rows that were tested. paired: compared by the items that both answered. not_worse: whether the head
    was shown not to be worse than the base by more than the tolerance. `reason` says why it is INCOMPARABLE, or SAME
    though the change is more than the tolerance.
    """

    metric: MetricDefinition
    slice: Slice
    before: SeriesKey | None
    after: SeriesKey | None
    base: Result | None
    head: Result | None
    delta: float | None
    p: float | None
    verdict: Comparability
    reason: str | None = None
    contaminated: tuple[int, ...] = ()
    retracted: tuple[int, ...] = ()
    worse: float | None = None
    detectable: float | None = None
    q: float | None = None
    paired: bool = False
    not_worse: bool = False

    @property
    def series(self) -> SeriesKey | None:
        """The series where both sides were measured by one, or one side alone was."""
        if self.before is None or self.after is None:
            return self.before or self.after
        return self.before if self.before == self.after else None

    @property
    def gravity(self) -> tuple[bool, float, float]:
        """Orders rows by what matters most: safety first, then how many tolerances the change is, then how sure."""
        change, tolerance = abs(self.worse or 0.0), self.metric.tolerance
        many = change / tolerance if tolerance else math.inf * change if change else 0.0
        return not self.metric.is_safety, -many, 1.0 if self.p is None else self.p


_NO_SIDE: Final = "no value of this metric is good in itself"
_NO_LOGARITHM: Final = "it is a ratio and judged on its logarithm, which a value of 0 or less does not have"


def rows(
    series: Sequence[Series], base: int, head: int, attributes: Collection[str], labels: Labels | None = None
) -> list[Row]:
    """Every metric and slice that either was measured in, what may be compared first.

    With `attributes`, only slices of these, and disparities over them. `labels` are for the reasons.
    """
    groups: defaultdict[tuple[str, Slice], list[Series]] = defaultdict(list)
    for one in series:
        if _holds(one, base) or _holds(one, head):
            key = one.key
            if not attributes or _is_about(key, attributes):
                groups[key.metric.name, key.slice].append(one)
    called = labels or Labels(str, str)
    found = _with_q([row for group in groups.values() for row in _rows(group, base, head, called)])
    return sorted(found, key=lambda row: (row.verdict is Comparability.INCOMPARABLE, row.metric.name, row.slice))


def _with_q(found: Sequence[Row]) -> list[Row]:
    """Each row with its false discovery rate over all that were tested."""
    rates = iter(false_discovery_rates([row.p for row in found if row.p is not None]))
    return [row if row.p is None else replace(row, q=next(rates)) for row in found]


def _holds(series: Series, version: int) -> bool:
    return version in series.results or version in series.left_out or version in series.retracted


def _is_about(key: SeriesKey, attributes: Collection[str]) -> bool:
    over = key.metric.disparity_over
    return over in attributes or any(attribute in attributes for attribute, _ in key.slice)


def _rows(group: Sequence[Series], base: int, head: int, labels: Labels) -> Iterator[Row]:
    """A row for each protocol that both were measured by; where there is none, one that says why."""
    shared = [one for one in group if _holds(one, base) and _holds(one, head)]
    for one in shared:
        yield _row(one, base, head, labels)
    if not shared:
        before = next((one for one in group if _holds(one, base)), None)
        after = next((one for one in group if _holds(one, head)), None)
        yield _apart(before, after, base, head, labels)


def _apart(before: Series | None, after: Series | None, base: int, head: int, labels: Labels) -> Row:
    """What no protocol was common to."""
    sides = [(one, version) for one, version in ((before, base), (after, head)) if one is not None]
    key = sides[0][0].key
    reasons = [_why(before, after, labels), *(_out(one, (version,), labels) for one, version in sides)]
    return Row(
        key.metric,
        key.slice,
        None if before is None else before.key,
        None if after is None else after.key,
        None if before is None else before.results.get(base),
        None if after is None else after.results.get(head),
        None,
        None,
        Comparability.INCOMPARABLE,
        "; ".join(reason for reason in reasons if reason),
        tuple(version for one, version in sides if version in one.left_out),
        tuple(version for one, version in sides if version in one.retracted),
    )


def _out(series: Series, versions: Sequence[int], labels: Labels) -> str:
    """Why results of these versions in a series do not count; nothing where they do."""
    data = series.key.protocol.data
    on = "" if data is None else f", {labels.data(data)}"
    learned = [labels.version(version) for version in dict.fromkeys(versions) if version in series.left_out]
    gone = [labels.version(version) for version in dict.fromkeys(versions) if version in series.retracted]
    parts = []
    if learned:
        what = (
            "what it, or an ancestor, learned from" if len(learned) == 1 else "what they, or an ancestor, learned from"
        )
        parts.append(f"{conjunction(learned)} {'was' if len(learned) == 1 else 'were'} evaluated on {what}{on}")
    if gone:
        parts.append(f"the result of {conjunction(gone)} was retracted")
    return "; ".join(parts)


def _row(series: Series, base: int, head: int, labels: Labels) -> Row:
    key = series.key
    metric = key.metric
    old, new = series.results.get(base), series.results.get(head)
    row = Row(metric, key.slice, key, key, old, new, None, None, Comparability.INCOMPARABLE, _NO_SIDE)
    if old is None or new is None:
        both = tuple(dict.fromkeys((base, head)))
        contaminated = tuple(version for version in both if version in series.left_out)
        gone = tuple(version for version in both if version in series.retracted)
        return replace(row, reason=_out(series, both, labels), contaminated=contaminated, retracted=gone)
    row = replace(row, delta=float(f"{new.value - old.value:.12g}"))
    found = compare(metric, new, old, new.pair_with(base))
    if found is None:
        return row if metric.direction is MetricDirection.NONE else replace(row, reason=_NO_LOGARITHM)
    verdict = judged(metric, found)
    least = None if found.error is None else detectable_change(found.error, metric.tolerance, ALPHA, 1)
    reason = None
    if verdict is Comparability.SAME and abs(found.delta) > metric.tolerance and least is not None:
        reason = (
            f"more than the tolerance of {amount(metric, metric.tolerance)}, but chance is not ruled out: a change of "
            f"less than {amount(metric, least)} would usually not have been seen"
        )
    return replace(
        row,
        p=found.p,
        verdict=verdict,
        reason=reason,
        worse=found.delta,
        detectable=least,
        paired=found.paired,
        not_worse=is_shown(found, metric.tolerance),
    )


def judged(metric: MetricDefinition, found: Comparison) -> Comparability:
    """Whether a comparison is more than tolerance and, where one is known, error; at p ≤ 0.05."""
    if abs(found.delta) <= metric.tolerance or (found.p is not None and found.p > ALPHA):
        return Comparability.SAME
    assert metric.direction is not MetricDirection.NONE
    return Comparability.WORSE if found.delta > 0 else Comparability.BETTER


def _why(before: Series | None, after: Series | None, labels: Labels) -> str:
    """Why there is no protocol that both were measured by."""
    if before is None:
        return "only the head was measured"
    if after is None:
        return "only the base was measured"
    old, new = before.key, after.key
    if old.protocol.suite != new.protocol.suite:
        return f"measured by other suites, {old.protocol.suite} and {new.protocol.suite}"
    if old.protocol.version != new.protocol.version:
        return f"measured by other versions of {old.protocol.suite}, {old.protocol.version} and {new.protocol.version}"
    if old.parts != new.parts:
        return f"made from other parts, {made_from(old)} and {made_from(new)}"
    both = replace(labels, among=(old, new))
    if old.protocol.config != new.protocol.config:
        return f"measured with other settings, {both.distinction(old)} and {both.distinction(new)}"
    return f"measured on other data, {labels.data_of(old)} and {labels.data_of(new)}"
