"""How a metric moved on each of some derivations, and what it was measured to be on both sides."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from descentd.graph.cache import Cache
from descentd.graph.metrics import MetricDefinition
from descentd.queries.evaluation.comparable import Gathered, learned_from
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.evaluations import measured
from descentd.queries.evaluation.series import Series, SeriesKey
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Comparison, Result
from descentd.queries.statistics.pairs import compare

CHANCE: Final = 0.05
"""p below which chance does not explain a shift of one derivation, looked at by itself."""
ROOM: Final = 20_000
"""Versions and derivations of which the shifts that were asked for last are kept: some ten megabytes."""
MOST: Final = 2_000
"""Versions whose results are read; of more nothing is."""


class Outcome(StrEnum):
    """What a shift means. CHANGED: of a metric of which no value is good in itself."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    SAME = "SAME"
    CHANGED = "CHANGED"


@dataclass(frozen=True, slots=True)
class Shift:
    """A metric before and after a derivation, in one series. `found` is None where no value is good in itself."""

    series: SeriesKey
    before: Result
    after: Result
    found: Comparison | None

    @property
    def delta(self) -> float:
        """By how much the value changed."""
        return self.after.value - self.before.value

    @property
    def outcome(self) -> Outcome:
        """Better or worse where it is more than the tolerance and more than chance explains."""
        if self.found is None:
            return Outcome.CHANGED if self.delta else Outcome.SAME
        tolerance = self.series.metric.tolerance
        if abs(self.found.delta) <= tolerance or (self.found.p is not None and self.found.p >= CHANCE):
            return Outcome.SAME
        return Outcome.WORSE if self.found.delta > 0 else Outcome.BETTER


@dataclass(frozen=True, slots=True)
class Shifts:
    """The shifts of one metric, by (parent, child), and each version's value in the series that most were measured in.

    metric: None where nothing was measured; metrics: all that there are to choose from; slices: those of the metric;
    series: those that the shifts are in, in order of how many versions were measured in them.
    """

    metric: MetricDefinition | None = None
    slice: Slice = ()
    metrics: Sequence[MetricDefinition] = ()
    slices: Sequence[Slice] = ()
    series: Sequence[SeriesKey] = ()
    by_derivation: Mapping[tuple[int, int], Shift] = field(default_factory=dict)
    values: Mapping[int, Result] = field(default_factory=dict)
    too_many: bool = False


@dataclass(frozen=True, slots=True)
class ShiftQuery:
    """How a metric moved on derivations (parent, child) between some versions, in a slice, as of a sequence.

    metric: None for the first of `likely`, metrics with a slice, that was measured in the slice asked for, else the
    safety metric that most were measured by. slice: None for that of the likely metric, else for everybody.
    """

    versions: frozenset[int]
    derivations: frozenset[tuple[int, int]]
    metric: str | None
    slice: Slice | None
    upto: int
    likely: tuple[tuple[str, Slice], ...] = ()

    @property
    def weight(self) -> int:
        """How much it takes to keep its answer, in versions and derivations; a slice is any text."""
        texts = sum(len(attribute) + len(value) for attribute, value in self.slice or ())
        return 1 + len(self.versions) + len(self.derivations) + texts // 100


class ShiftCache(Cache[Shifts]):
    """Shifts as they were asked for last: the same as of a sequence, however else a drawing is changed."""

    def __init__(self) -> None:
        super().__init__(ROOM)


async def shifts(registry: Registry, query: ShiftQuery) -> Shifts:
    """The answer; raises UnknownMetric for a name that is neither defined nor in the catalogue."""
    if len(query.versions) > MOST:
        return Shifts(too_many=True)
    cache = registry.cache(ShiftCache)
    kept = cache.get(query)
    if kept is None:
        kept = await _find(registry, query)
        cache.keep(query, kept, query.weight)
    return kept


async def _find(registry: Registry, query: ShiftQuery) -> Shifts:
    found = await measured(registry, sorted(query.versions), query.upto)
    named = None if query.metric is None else found.metrics.find(query.metric, "metric")
    gathered = Gathered(found, {}, query.versions)
    definitions = {key.metric.name: key.metric for key in gathered.results}
    if named is not None:
        chosen, slice = named, query.slice or ()
    elif likely := _likely(gathered.results, query):
        chosen, slice = likely
    else:
        return Shifts()
    shown = gathered.series(key for key in gathered.results if key.metric.name == chosen.name)
    of_metric = await _untaught(registry, shown, query.upto)
    asked = sorted((one for one in of_metric if one.key.slice == slice), key=lambda one: -len(one.results))
    return Shifts(
        chosen,
        slice,
        sorted(definitions.values(), key=lambda one: (not one.is_safety, one.name)),
        list(dict.fromkeys(one.key.slice for one in of_metric)),
        [one.key for one in asked],
        _moved(asked, query.derivations),
        {version: result for one in reversed(asked) for version, result in one.results.items()},
    )


def _likely(
    results: Mapping[SeriesKey, Mapping[int, Result]], query: ShiftQuery
) -> tuple[MetricDefinition, Slice] | None:
    """What is shown where no metric is named; None where nothing was measured."""
    measured = {(key.metric.name, key.slice): key.metric for key in results}
    for name, own in query.likely:
        slice = own if query.slice is None else query.slice
        if (name, slice) in measured:
            return measured[name, slice], slice
    counts: dict[str, int] = {}
    for key, of_versions in results.items():
        counts[key.metric.name] = max(counts.get(key.metric.name, 0), len(of_versions))
    ranked = sorted(measured.values(), key=lambda one: (not one.is_safety, -counts[one.name], one.name))
    return (ranked[0], query.slice or ()) if ranked else None


async def _untaught(registry: Registry, series: Sequence[Series], upto: int) -> list[Series]:
    """The series that hold results of versions that did not learn from the data they were measured on, without others.

    Only the data of these series is looked at, and only the versions that have a result on data: which those are that
    learned from it costs more than all else of a drawing.
    """
    measured_on: defaultdict[str, set[int]] = defaultdict(set)
    for one in series:
        if one.key.protocol.data is not None:
            measured_on[one.key.protocol.data].update(one.results)
    versions = sorted(set().union(*measured_on.values()))
    learned = await learned_from(registry, versions, measured_on.keys(), upto)
    left = []
    for one in series:
        taught = learned.get(one.key.protocol.data or "", frozenset())
        if taught.isdisjoint(one.results):
            left.append(one)
        elif results := {version: result for version, result in one.results.items() if version not in taught}:
            left.append(replace(one, results=results))
    return left


def _moved(series: Sequence[Series], derivations: Collection[tuple[int, int]]) -> dict[tuple[int, int], Shift]:
    held: defaultdict[int, list[Series]] = defaultdict(list)
    for one in series:
        for version in one.results:
            held[version].append(one)
    found: dict[tuple[int, int], Shift] = {}
    for parent, child in derivations:
        both = next((one for one in held.get(parent, ()) if child in one.results), None)
        if both is not None:
            before, after = both.results[parent], both.results[child]
            comparison = compare(both.key.metric, after, before, after.pair_with(parent))
            found[parent, child] = Shift(both.key, before, after, comparison)
    return found
