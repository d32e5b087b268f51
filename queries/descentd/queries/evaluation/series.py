"""Series: results that may be compared, and what of them lies in one ancestry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.queries.evaluation.composites import Slice
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Comparisons, Estimates, Places, Result


class EvaluationProtocol(NamedTuple):
    """How something was measured: the suite, its version, its config as canonical JSON ("" for none), and the data.

    `data` is the content id of a dataset or partition, None where none was given.
    """

    suite: str
    version: str
    config: str = ""
    data: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SeriesKey:
    """What two results must have in common to be comparable: metric, protocol and slice.

    `slice` holds attributes and values in order, empty for all people or items. `parts` are the metrics or groups that
    a composite was made from, empty where it was made from all.
    """

    metric: MetricDefinition
    protocol: EvaluationProtocol
    slice: Slice = ()
    parts: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # One answer looks up tens of thousands of keys, so the hash is computed once and without the whole definition.
        object.__setattr__(self, "_hash", hash((self.metric.name, self.protocol, self.slice, self.parts)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, SeriesKey):
            return NotImplemented
        mine = self.metric, self.protocol, self.slice, self.parts
        return mine == (other.metric, other.protocol, other.slice, other.parts)

    @property
    def order(self) -> tuple[str, Slice, str, str, str, str, tuple[str, ...]]:
        """Orders series for readers: by metric, slice, suite, version, config, data and parts."""
        suite = self.protocol.suite, self.protocol.version, self.protocol.config
        return self.metric.name, self.slice, *suite, self.protocol.data or "", self.parts


@dataclass(frozen=True, slots=True)
class Series:
    """The newest result of each version under one key.

    left_out: versions whose result does not count because they, or an ancestor, learned from what they were evaluated
    on; retracted: those whose only results were retracted. None of them is among the results.
    """

    key: SeriesKey
    results: Mapping[int, Result]
    left_out: frozenset[int] = field(default_factory=frozenset)
    retracted: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class ExcludedResults:
    """Versions of an ancestry with results in a series that do not count.

    contaminated: they, or an ancestor, learned from what they were evaluated on; retracted: there are no others.
    """

    series: SeriesKey
    contaminated: tuple[int, ...]
    retracted: tuple[int, ...]


class AncestrySeries:
    """A series as seen from a head: its measured ancestors, and itself where it was measured."""

    def __init__(self, series: Series, ancestry: Ancestry) -> None:
        self.series = series
        self.key = series.key
        self.metric = series.key.metric
        self.head = ancestry.head
        self.points = ancestry.points(series.results)
        self.results = [series.results[version] for version in self.points.versions]
        self.left_out = tuple(version for version in ancestry.versions if version in series.left_out)
        self.retracted = tuple(version for version in ancestry.versions if version in series.retracted)

    @property
    def head_measured(self) -> bool:
        """Whether the head has a result that counts."""
        return self.head in self.points.place

    @property
    def testable(self) -> bool:
        """Whether the head can be compared with an ancestor."""
        return self.head_measured and len(self.results) > 1 and self.metric.direction is not MetricDirection.NONE

    @cached_property
    def nearest(self) -> list[int]:
        """The head's nearest measured ancestors."""
        return self.points.nearest(self.head)

    @cached_property
    def estimates(self) -> Estimates:
        """The results in the order of the points; not where the direction is NONE."""
        return Estimates(self.metric, self.results)

    def places(self, versions: list[int]) -> Places:
        """The places of these versions among the points."""
        return np.array([self.points.place[version] for version in versions], np.intp)

    def against(self, version: int, others: list[int]) -> Comparisons:
        """Compare one point with others."""
        return self.estimates.against(self.points.place[version], self.places(others))
