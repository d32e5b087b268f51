"""What two versions were measured to be, side by side, and whether one is better."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import ALPHA
from descentd.queries.erosion.composites import Slice
from descentd.queries.erosion.results import Comparison, Result, compare
from descentd.queries.erosion.series import Protocol, Series


class Comparability(StrEnum):
    """What became of a metric, within tolerance and error; INCOMPARABLE where that cannot be told."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    SAME = "SAME"
    INCOMPARABLE = "INCOMPARABLE"


@dataclass(frozen=True, slots=True)
class Row:
    """A metric on both sides, None where it was not measured; `delta` is head minus base, as measured.

    `reason` says why it is INCOMPARABLE and is None otherwise; `p` is two-sided, None where no error is known.
    """

    metric: MetricDefinition
    slice: Slice
    base: Result | None
    head: Result | None
    delta: float | None
    p: float | None
    verdict: Comparability
    reason: str | None


_CONTAMINATED: Final = "a version was evaluated on what it, or an ancestor, learned from"
_NO_SIDE: Final = "no value of this metric is good in itself"


def rows(series: Sequence[Series], base: int, head: int, attributes: Collection[str]) -> list[Row]:
    """Every metric and slice that either was measured in, what may be compared first.

    With `attributes`, only slices of these, and disparities over them.
    """
    groups: defaultdict[tuple[str, Slice], list[Series]] = defaultdict(list)
    for one in series:
        if _holds(one, base) or _holds(one, head):
            protocol = one.protocol
            if not attributes or _is_about(protocol, attributes):
                groups[protocol.metric.name, protocol.slice].append(one)
    found = [row for group in groups.values() for row in _rows(group, base, head)]
    return sorted(found, key=lambda row: (row.verdict is Comparability.INCOMPARABLE, row.metric.name, row.slice))


def _holds(series: Series, version: int) -> bool:
    return version in series.results or version in series.left_out


def _is_about(protocol: Protocol, attributes: Collection[str]) -> bool:
    over = protocol.metric.disparity_over
    return over in attributes or any(attribute in attributes for attribute, _ in protocol.slice)


def _rows(group: Sequence[Series], base: int, head: int) -> Iterator[Row]:
    """A row for each protocol that both were measured by; where there is none, one that says why."""
    shared = [one for one in group if _holds(one, base) and _holds(one, head)]
    for one in shared:
        yield _row(one, base, head)
    if not shared:
        before = next((one for one in group if _holds(one, base)), None)
        after = next((one for one in group if _holds(one, head)), None)
        protocol = group[0].protocol
        old = before.results.get(base) if before is not None else None
        new = after.results.get(head) if after is not None else None
        yield Row(
            protocol.metric,
            protocol.slice,
            old,
            new,
            None,
            None,
            Comparability.INCOMPARABLE,
            _why(before, after),
        )


def _row(series: Series, base: int, head: int) -> Row:
    protocol = series.protocol
    metric = protocol.metric
    old, new = series.results.get(base), series.results.get(head)
    if old is None or new is None:
        return Row(metric, protocol.slice, old, new, None, None, Comparability.INCOMPARABLE, _CONTAMINATED)
    delta = float(f"{new.value - old.value:.12g}")
    found = compare(metric, new, old)
    if found is None:
        same = delta == 0
        verdict = Comparability.SAME if same else Comparability.INCOMPARABLE
        return Row(metric, protocol.slice, old, new, delta, None, verdict, None if same else _NO_SIDE)
    return Row(metric, protocol.slice, old, new, delta, found.p, judged(metric, found), None)


def judged(metric: MetricDefinition, found: Comparison) -> Comparability:
    """Whether a comparison is more than tolerance and, where one is known, error; at p ≤ 0.05."""
    if abs(found.delta) <= metric.tolerance or (found.p is not None and found.p > ALPHA):
        return Comparability.SAME
    assert metric.direction is not MetricDirection.NONE
    return Comparability.WORSE if found.delta > 0 else Comparability.BETTER


def _why(before: Series | None, after: Series | None) -> str:
    """Why there is no protocol that both were measured by."""
    if before is None:
        return "only the head was measured"
    if after is None:
        return "only the base was measured"
    old, new = before.protocol, after.protocol
    if old.suite != new.suite:
        return f"measured by other suites, {old.suite} and {new.suite}"
    if old.suite_version != new.suite_version:
        return f"measured by other versions of {old.suite}, {old.suite_version} and {new.suite_version}"
    if old.suite_config != new.suite_config:
        return f"measured by {old.suite} {old.suite_version} with other settings"
    return "measured on other data"
