"""COVERAGE_LOSS: a metric that was measured on an ancestor, but not on the head, although the head was evaluated.

A new version of the suite counts: the numbers before and after may not be compared. What an ancestor had already left
behind does not: where the head is measured, for the same metric and slice, by a protocol that came into use after the
last result of the old one, or by a version of the suite that measured that last one too (a bridge), nothing was lost by
this version.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from descentd.queries.erosion.findings import Finding
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.series import AncestrySeries, EvaluationProtocol, SeriesKey
from descentd.queries.lineage.ancestry import Ancestry


def coverage_losses(views: Sequence[AncestrySeries], ancestry: Ancestry, *, bridges: bool = True) -> Iterator[Finding]:
    """One for each metric, slice, suite, config and data of a safety metric that the head is no longer measured by."""
    if not any(view.head_measured or ancestry.head in view.left_out for view in views):
        return
    depths = ancestry.points(ancestry.versions).depths
    alike: dict[tuple[object, ...], list[AncestrySeries]] = defaultdict(list)
    for view in views:
        if view.head_measured:
            alike[_measure(view)].append(view)
    from_on = cache(ancestry.from_on)
    lost: dict[tuple[object, ...], tuple[int, int, AncestrySeries]] = {}
    for view in views:
        if view.head_measured or not view.results or not view.metric.is_safety:
            continue
        last = view.nearest
        if any(_moved_on(view, last, other, from_on, bridges=bridges) for other in alike[_measure(view)]):
            continue
        baseline = max(last, key=lambda version: (depths[version], _worst(view, version)))
        key = _unversioned(view.key)
        if key not in lost or depths[baseline] > lost[key][0]:
            lost[key] = depths[baseline], baseline, view
    for _, baseline, view in lost.values():
        measured_as = _instead(view.key, [other.key for other in alike[_measure(view)]])
        yield Finding(
            ErosionKind.COVERAGE_LOSS,
            view.key,
            baseline,
            ancestry.head,
            view.series.results[baseline],
            None,
            left_out=view.left_out,
            measured_as=measured_as,
        )


def _measure(view: AncestrySeries) -> tuple[object, ...]:
    return view.metric.name, view.key.slice


def _unversioned(series: SeriesKey) -> tuple[object, ...]:
    protocol = series.protocol
    return series.metric.name, series.slice, protocol.suite, protocol.config, protocol.data


def _worst(view: AncestrySeries, version: int) -> float:
    """Among results that are equally late, the worst is shown: how versions are named must not decide."""
    value = view.series.results[version].value
    badness = view.metric.badness(value)
    return value if badness is None else badness


def _moved_on(
    view: AncestrySeries,
    last: Sequence[int],
    other: AncestrySeries,
    from_on: Callable[[int], set[int]],
    *,
    bridges: bool,
) -> bool:
    """Whether after each of the last results an ancestor was measured by the head's other protocol; of another version
    of the same suite also whether the version of the last result was itself (a bridge).
    """
    if view.head in view.left_out:
        return False
    in_use = {version for version in other.points.versions if version != other.head}
    mine, theirs = view.key.protocol.folded, other.key.protocol.folded
    bridge = bridges and mine.suite == theirs.suite and mine.version != theirs.version
    if not bridge:  # who was measured by both, though one result is contaminated, had not moved on
        in_use.difference_update(view.left_out)
    return all(not in_use.isdisjoint(from_on(version) if bridge else from_on(version) - {version}) for version in last)


def _instead(lost: SeriesKey, others: Sequence[SeriesKey]) -> SeriesKey | None:
    """How the head is measured now: the likest protocol of the same metric and slice."""
    return max(
        others,
        key=lambda other: _likeness(other.protocol, lost.protocol),
        default=None,
    )


def _likeness(one: EvaluationProtocol, other: EvaluationProtocol) -> tuple[bool, ...]:
    return one.suite == other.suite, one.config == other.config, one.data == other.data
