"""Series: results that may be compared, and what of them lies in one ancestry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from descentd.graph.metrics import MetricDefinition, MetricDirection, MetricScale
from descentd.graph.model.identity import parse
from descentd.queries.evaluation.composites import Slice
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Comparison, Comparisons, Estimates, Level, Places, Result
from descentd.queries.statistics.pairs import special


class EvaluationProtocol(NamedTuple):
    """How something was measured: the suite, its version, its config as canonical JSON ("" for none), and the data.

    `data` is the content id of a dataset or partition, None where none was given; of partitions with one digest it is
    that of the first.
    """

    suite: str
    version: str
    config: str = ""
    data: str | None = None

    @property
    def settings(self) -> Any:
        """The config as JSON; an empty object for none."""
        return parse(self.config.encode()) if self.config else {}

    @property
    def folded(self) -> "EvaluationProtocol":
        """The same without regard to case, for comparing."""
        return EvaluationProtocol(self.suite.casefold(), self.version.casefold(), self.config, self.data)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesKey:
    """What two results must have in common to be comparable: metric, protocol and slice, whatever their case.

    `slice` holds attributes and values in order, empty for all people or items. `parts` are the metrics or groups that
    a composite was made from, empty where it was made from all.
    """

    metric: MetricDefinition
    protocol: EvaluationProtocol
    slice: Slice = ()
    parts: tuple[str, ...] = ()
    _identity: tuple[object, ...] = field(init=False, repr=False)
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # One answer looks up tens of thousands of keys, so what they are compared by is computed once.
        metric = self.metric
        meaning = metric.name.casefold(), metric.direction, metric.optimum, metric.scale, metric.is_rate
        slice = tuple((attribute.casefold(), value.casefold()) for attribute, value in self.slice)
        identity = meaning, self.protocol.folded, slice, self.parts
        object.__setattr__(self, "_identity", identity)
        object.__setattr__(self, "_hash", hash(identity))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._identity == other._identity if isinstance(other, SeriesKey) else NotImplemented

    def resembles(self, other: "SeriesKey") -> bool:
        """Whether it is the same but for the data."""
        protocol = other.protocol._replace(data=self.protocol.data)
        return self == SeriesKey(other.metric, protocol, other.slice, other.parts)

    @property
    def order(self) -> tuple[str, Slice, str, str, str, str, tuple[str, ...]]:
        """Orders series for readers: by metric, slice, suite, version, config, data and parts."""
        suite = self.protocol.suite, self.protocol.version, self.protocol.config
        return self.metric.name, self.slice, *suite, self.protocol.data or "", self.parts


@dataclass(frozen=True, slots=True)
class Series:
    """The result of each version under one key, several of a version pooled.

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
    """A series as seen from a head: its measured ancestors, and itself where it was measured.

    `points` are the measured versions whose values can be compared: of a ratio, those above 0. `undefined` are others.
    """

    def __init__(self, series: Series, ancestry: Ancestry) -> None:
        self.series = series
        self.key = series.key
        self.metric = series.key.metric
        self.head = ancestry.head
        self.points = ancestry.points(self._comparable())
        self.results = [series.results[version] for version in self.points.versions]
        self.undefined = tuple(
            version for version in ancestry.versions if version in series.results and version not in self.points.place
        )
        self.left_out = tuple(version for version in ancestry.versions if version in series.left_out)
        self.retracted = tuple(version for version in ancestry.versions if version in series.retracted)

    def _comparable(self) -> Iterable[int]:
        results = self.series.results
        if self.metric.scale is not MetricScale.LOG:
            return results
        return [version for version, result in results.items() if result.value > 0]

    @property
    def head_measured(self) -> bool:
        """Whether the head has a result that counts."""
        return self.head in self.series.results

    @property
    def testable(self) -> bool:
        """Whether the head can be compared with an ancestor."""
        return (
            self.head in self.points.place
            and len(self.results) > 1
            and self.metric.direction is not MetricDirection.NONE
        )

    @property
    def is_tested(self) -> bool:
        """Whether it is about safety, and some values are better than others."""
        return self.metric.is_safety and self.metric.direction is not MetricDirection.NONE

    @cached_property
    def grouped(self) -> bool:
        """Whether it is a range over groups whose values are known: compared group by group, and asked for no trend."""
        return any(result.groups for result in self.results)

    @cached_property
    def clustered(self) -> bool:
        """Whether the error of any result is over clusters of items, so that the items are known to come in such."""
        return any(result.clusters is not None for result in self.results)

    @cached_property
    def nearest(self) -> list[int]:
        """The head's nearest measured ancestors."""
        return self.points.nearest(self.head)

    @cached_property
    def estimates(self) -> Estimates:
        """The results in the order of the points; not where the direction is NONE."""
        return Estimates(self.metric, self.results)

    @cached_property
    def level(self) -> Level:
        """Badness and error of each point by itself, in the order of the points."""
        return self.estimates.level(self.estimates.few)

    def places(self, versions: list[int]) -> Places:
        """The places of these versions among the points."""
        return np.array([self.points.place[version] for version in versions], np.intp)

    def against(self, version: int, others: list[int]) -> Comparisons:
        """Compare one point with others: by the items or groups that they share where those are known."""
        plain = self.estimates.against(self.points.place[version], self.places(others))
        own = self.series.results[version]
        if not own.pairs and not own.groups:
            return plain
        found: dict[int, Comparison] = {}
        for place, other in enumerate(others):
            base, pair = self.series.results[other], own.pair_with(other)
            if (better := special(self.metric, own, base, pair, plain.comparison(place))) is not None:
                found[place] = better
        return plain.with_special(found)
