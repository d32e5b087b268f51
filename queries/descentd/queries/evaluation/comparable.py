"""Comparable results: all results along the ancestry of versions, in series, without those that do not count."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from descentd.queries.evaluation.contamination import Contamination, contamination
from descentd.queries.evaluation.definitions import Metrics
from descentd.queries.evaluation.editions import CURRENT, SECOND, THIRD
from descentd.queries.evaluation.evaluations import Measured, measured
from descentd.queries.evaluation.parsing import EvaluationCache
from descentd.queries.evaluation.series import Series, SeriesKey
from descentd.queries.lineage.ancestry import Parents, parents_of
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.pairs import with_pairs_of_others


@dataclass(frozen=True, slots=True)
class Comparable:
    """`parents` of the versions asked about and of all their ancestors; `series` in an order for readers."""

    parents: Parents
    series: Sequence[Series]
    metrics: Metrics


async def comparable(registry: Registry, heads: Sequence[int], upto: int, edition: int = CURRENT) -> Comparable:
    """The results of some versions and of all their ancestors, by a fixed number of look-ups.

    Retracted results are out, and so are contaminated ones; the series hold the versions that they were of.
    """
    parents = await parents_of(registry, heads, upto, disclosed=edition > SECOND)
    found = await measured(registry, sorted(parents), upto, edition)
    learned = await learned_from(registry, heads, found.data, upto)
    return Comparable(parents, in_series(found, learned, parents), found.metrics)


async def learned_from(
    registry: Registry, heads: Sequence[int], ids: Collection[str], upto: int
) -> Mapping[str, AbstractSet[int]]:
    """By the id of data that versions were evaluated on, which versions of the ancestry of `heads` learned from it."""
    data = await registry.cache(EvaluationCache).sequences(registry.store, ids)
    touched: Contamination = await contamination(registry, heads, set(data.values()), upto)
    return {id: touched.reached[each] for id, each in data.items() if each in touched.reached}


def in_series(found: Measured, learned: Mapping[str, AbstractSet[int]], versions: Collection[int]) -> list[Series]:
    """The results of versions in series, several of a version pooled; in the spelling of the earliest version."""
    results: defaultdict[SeriesKey, dict[int, Result]] = defaultdict(dict)
    left_out: defaultdict[SeriesKey, set[int]] = defaultdict(set)
    withdrawn: defaultdict[SeriesKey, set[int]] = defaultdict(set)
    for version in sorted(versions):
        for evaluations in found.by_protocol(version):
            pooled = found.pooled(evaluations)
            if version in learned.get(evaluations[0].protocol.data or "", ()):
                for key in pooled:
                    left_out[key].add(version)
            else:
                for key, result in pooled.items():
                    results[key][version] = result
        for evaluation in found.withdrawn(version):
            for key in evaluation.results:
                if version not in results.get(key, ()) and version not in left_out.get(key, ()):
                    withdrawn[key].add(version)
    made = [
        Series(
            key,
            with_pairs_of_others(results.get(key, {})) if found.edition > THIRD else results.get(key, {}),
            frozenset(left_out.get(key, ())),
            frozenset(withdrawn.get(key, ())),
        )
        for key in {**results, **left_out, **withdrawn}
    ]
    return sorted(made, key=lambda series: series.key.order)
