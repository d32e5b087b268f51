"""Comparable results: all results along the ancestry of versions, in series, without those that do not count."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from descentd.queries.evaluation.contamination import Contamination, contamination
from descentd.queries.evaluation.definitions import Metrics
from descentd.queries.evaluation.editions import CURRENT, SECOND, THIRD
from descentd.queries.evaluation.evaluations import Measured, measured
from descentd.queries.evaluation.parsing import EvaluationCache
from descentd.queries.evaluation.series import Series, SeriesKey
from descentd.queries.lineage.ancestry import Parents
from descentd.queries.lineage.parents import ContractedParents, contracted_parents
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.pairs import with_pairs_of_others


@dataclass(frozen=True, slots=True)
class Comparable:
    """`lineage` of the versions asked about and of their ancestors; `series` in an order for readers."""

    lineage: ContractedParents
    series: Sequence[Series]
    metrics: Metrics

    @property
    def parents(self) -> Parents:
        """The parents of the versions and of those ancestors that were measured, or where the ancestry forks."""
        return self.lineage.parents


async def comparable(
    registry: Registry, heads: Sequence[int], upto: int, edition: int = CURRENT, *, kept: Collection[int] = ()
) -> Comparable:
    """The results of some versions and of all their ancestors, by a fixed number of look-ups.

    Retracted results are out, and so are contaminated ones; the series hold the versions that they were of. Those of
    `kept` that are ancestors are in the lineage whether or not they were measured.
    """
    lineage = await contracted_parents(registry, heads, upto, kept=kept, disclosed=edition > SECOND)
    found = await measured(registry, sorted(lineage.parents), upto, edition)
    learned = await learned_from(registry, heads, found.data, upto)
    return Comparable(lineage, in_series(found, learned, lineage.parents), found.metrics)


async def learned_from(
    registry: Registry, heads: Sequence[int], ids: Collection[str], upto: int
) -> Mapping[str, AbstractSet[int]]:
    """By the id of data that versions were evaluated on, which versions of the ancestry of `heads` learned from it."""
    data = await registry.cache(EvaluationCache).sequences(registry.store, ids)
    touched: Contamination = await contamination(registry, heads, set(data.values()), upto)
    return {id: touched.reached[each] for id, each in data.items() if each in touched.reached}


def in_series(found: Measured, learned: Mapping[str, AbstractSet[int]], versions: Collection[int]) -> list[Series]:
    """The results of versions in series, several of a version pooled; in the spelling of the earliest version."""
    return Gathered(found, learned, versions).series()


class Gathered:
    """The results of versions by series, several of a version pooled; keys in the spelling of the earliest version."""

    def __init__(self, found: Measured, learned: Mapping[str, AbstractSet[int]], versions: Collection[int]) -> None:
        self._paired = found.edition > THIRD
        self.results: defaultdict[SeriesKey, dict[int, Result]] = defaultdict(dict)
        self._left_out: defaultdict[SeriesKey, set[int]] = defaultdict(set)
        self._withdrawn: defaultdict[SeriesKey, set[int]] = defaultdict(set)
        for version in sorted(versions):
            for evaluations in found.by_protocol(version):
                pooled = found.pooled(evaluations)
                if version in learned.get(evaluations[0].protocol.data or "", ()):
                    for key in pooled:
                        self._left_out[key].add(version)
                else:
                    for key, result in pooled.items():
                        self.results[key][version] = result
            for evaluation in found.withdrawn(version):
                for key in evaluation.results:
                    if version not in self.results.get(key, ()) and version not in self._left_out.get(key, ()):
                        self._withdrawn[key].add(version)

    def series(self, keys: Iterable[SeriesKey] | None = None) -> list[Series]:
        """Those with these keys, all unless given, in an order for readers."""
        chosen = {**self.results, **self._left_out, **self._withdrawn} if keys is None else keys
        return sorted(map(self._made, chosen), key=lambda series: series.key.order)

    def _made(self, key: SeriesKey) -> Series:
        results = self.results.get(key, {})
        return Series(
            key,
            with_pairs_of_others(results) if self._paired else results,
            frozenset(self._left_out.get(key, ())),
            frozenset(self._withdrawn.get(key, ())),
        )
