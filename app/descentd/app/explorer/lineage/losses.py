"""The losses of what is drawn: by which derivations the safety of its versions got worse, as far as can be told."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from descentd.queries.erosion.questions import EROSION
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.evaluation.composites import Slice
from descentd.queries.overview.version_status import VersionStatus
from descentd.queries.prose import of_slice

Derivation = tuple[int, int]
MeasuredBy = tuple[str, Slice]
"""A metric and a slice."""


class Loss(NamedTuple):
    """That a version got worse in a metric and slice by one of `among`, derivations that cannot be told apart."""

    version: int
    series: MeasuredBy
    among: frozenset[Derivation]


@dataclass(frozen=True, slots=True)
class Blame:
    """What some derivations are blamed for: by metric and slice the versions that got worse; sure: by these alone.

    marked: whether it is marked in the drawing.
    """

    versions: Mapping[MeasuredBy, tuple[int, ...]]
    sure: bool
    marked: bool


class Losses:
    """The losses of the versions that are drawn, by derivation (parent, child).

    Each version is judged by what was measured until then, so that versions of one line may date one loss differently.
    Where the record in the middle got worse itself in what is shown, its loss alone is marked. A gradual loss is dated
    to no derivation.
    """

    def __init__(self, statuses: Mapping[int, VersionStatus], middle: int) -> None:
        self._middle = middle
        self._by: defaultdict[Derivation, list[Loss]] = defaultdict(list)
        self._own = set[MeasuredBy]()
        """In what the record in the middle got worse."""
        for version, status in statuses.items():
            for finding in status.worse.findings if status.worse is not None else ():
                if finding.kind in EROSION:
                    self._add(version, finding)

    def _add(self, version: int, finding: FindingSummary) -> None:
        if version == self._middle:
            self._own.add(series_of(finding))
        among = () if finding.gradual else [(span.ancestor, span.descendant) for span in finding.spans]
        loss = Loss(version, series_of(finding), frozenset(among))
        for derivation in among:
            self._by[derivation].append(loss)

    def blame(self, derivations: Iterable[Derivation], shown: MeasuredBy | None) -> list[Blame]:
        """What derivations are blamed for in the metric and slice that is shown, in any where that is None.

        What is marked comes first, and of that what is sure: that all derivations that may have done it are among them.
        """
        drawn = set(derivations)
        found = [loss for one in drawn for loss in self._by.get(one, ()) if shown is None or loss.series == shown]
        sure = {(loss.version, loss.series) for loss in found if loss.among <= drawn}
        own = shown in self._own
        versions: defaultdict[tuple[bool, bool], defaultdict[MeasuredBy, set[int]]]
        versions = defaultdict(lambda: defaultdict(set))
        for version, series, _ in found:
            marked = not own or version == self._middle
            versions[marked, (version, series) in sure][series].add(version)
        return [_blame(versions[of], *of) for of in sorted(versions, reverse=True)]


def _blame(versions: Mapping[MeasuredBy, set[int]], marked: bool, sure: bool) -> Blame:
    return Blame({series: tuple(sorted(of)) for series, of in sorted(versions.items())}, sure, marked)


def series_of(finding: FindingSummary) -> MeasuredBy:
    """The metric and slice that a finding is about."""
    return finding.metric, finding.slice


def series_name(series: MeasuredBy) -> str:
    """A metric and slice in words, as findings have them: `pct_stereotype for bias_type gender`."""
    metric, slice = series
    return metric + of_slice(dict(slice))
