"""Results that may be compared, and what of them lies in one ancestry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from descentd.graph.metrics import MetricDefinition, MetricDirection
from descentd.queries.evaluation.composites import Slice
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Contrasts, Estimates, Places, Result


@dataclass(frozen=True, slots=True)
class Protocol:
    """What has to be the same for two results to be comparable.

    suite_config is canonical JSON, "" for none; data is the id of what was evaluated on, None for results without;
    parts are the metrics or groups that a composite was made from, () where it was made from all.
    """

    metric: MetricDefinition
    suite: str
    suite_version: str
    suite_config: str = ""
    data: str | None = None
    slice: Slice = ()
    parts: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, Slice, str, str, str, str, tuple[str, ...]]:
        """What tells it from others, in an order for readers."""
        suite = self.suite, self.suite_version, self.suite_config
        return self.metric.name, self.slice, *suite, self.data or "", self.parts


@dataclass(frozen=True, slots=True)
class Series:
    """The newest result of each version under one protocol.

    left_out: versions whose result does not count because they, or an ancestor, learned from what they were evaluated
    on; retracted: those whose only results were retracted. None of them is among the results.
    """

    protocol: Protocol
    results: Mapping[int, Result]
    left_out: frozenset[int] = field(default_factory=frozenset)
    retracted: frozenset[int] = field(default_factory=frozenset)


class View:
    """A series as seen from a head: its measured ancestors, and itself where it was measured."""

    def __init__(self, series: Series, ancestry: Ancestry) -> None:
        self.series = series
        self.metric = series.protocol.metric
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
        """Where these points are in the order."""
        return np.array([self.points.place[version] for version in versions], np.intp)

    def against(self, version: int, others: list[int]) -> Contrasts:
        """Compare one point with others."""
        return self.estimates.against(self.points.place[version], self.places(others))
