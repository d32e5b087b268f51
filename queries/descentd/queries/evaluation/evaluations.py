"""Evaluations: pages of those of one version, the results of many versions at once, and the newest result."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.model.kinds import VERSION, Role
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.graph.store.base import Reads
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.definitions import Metrics, definitions
from descentd.queries.evaluation.editions import CURRENT, FIRST
from descentd.queries.evaluation.parsing import Evaluation, EvaluationCache
from descentd.queries.evaluation.series import EvaluationProtocol, SeriesKey
from descentd.queries.pages import Listed, page
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.pooling import poolable


async def evaluations(
    registry: Registry, ref: str, first: int | None, after: str | None, as_of: str | None
) -> Listed[Brief]:
    """The evaluations of a version, retracted ones included; raises NotFound and InvalidInput."""
    asked = page(first, after, await registry.sequence(as_of, [ref]), ["evaluations", ref, as_of])
    of = await registry.find(ref, asked.upto, VERSION)
    links = await registry.store.links([of.sequence], {Role.EVALUATES}, inward=True)
    sequences = sorted(link.source for link in links if link.source <= asked.upto)
    rest = [sequence for sequence in sequences if asked.after is None or sequence > asked.after[0]]
    shown = await registry.store.briefs(rest[: asked.first])
    items = [(brief, asked.cursor(brief.sequence)) for brief in shown]
    return Listed(items, len(rest) > asked.first, asked.upto, len(sequences))


@dataclass(frozen=True, slots=True)
class Found:
    """A version's result in a series, several pooled, and the evaluations that count for it, the newest last."""

    result: Result
    evaluations: Sequence[Evaluation]

    @property
    def evaluation(self) -> Evaluation:
        """The newest of them."""
        return self.evaluations[-1]


ResultPlace = tuple[str, str, Slice]
"""Where a reported result is: the id of its evaluation, the metric's name and the slice."""


@dataclass(frozen=True, slots=True)
class ResultUse:
    """What a reported result that counts comes to: `value` together with so many `others` of its version."""

    value: float
    others: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The evaluations of versions (by sequence), each version's in log order; ids of those that were retracted."""

    metrics: Metrics
    evaluations: Mapping[int, Sequence[Evaluation]]
    retracted: frozenset[str]
    cache: EvaluationCache
    edition: int = CURRENT

    @property
    def data(self) -> set[str]:
        """The ids of all data that was evaluated on."""
        used = {each.protocol.data for evaluations in self.evaluations.values() for each in evaluations}
        return {id for id in used if id is not None}

    def counted(self, version: int) -> list[Evaluation]:
        """A version's evaluations that were not retracted, the newest last.

        Newest by `evaluatedAt`, where it was not given by when it was recorded; ties by log.
        """
        counted = [each for each in self.evaluations.get(version, ()) if each.id not in self.retracted]
        return sorted(counted, key=lambda each: (each.moment, each.sequence))

    def withdrawn(self, version: int) -> list[Evaluation]:
        """A version's evaluations that were retracted."""
        return [each for each in self.evaluations.get(version, ()) if each.id in self.retracted]

    def by_protocol(self, version: int) -> list[list[Evaluation]]:
        """A version's evaluations that were not retracted, those of one protocol together, the newest last."""
        if self.edition == FIRST:  # each by itself, so that the newest stands
            return [[evaluation] for evaluation in self.counted(version)]
        counted = self.counted(version)
        if len(counted) < 2:
            return [counted] if counted else []
        groups: dict[EvaluationProtocol, list[Evaluation]] = {}
        for evaluation in counted:
            groups.setdefault(evaluation.protocol.folded, []).append(evaluation)
        return list(groups.values())

    def pooled(self, evaluations: Sequence[Evaluation]) -> Mapping[SeriesKey, Result]:
        """What some evaluations of one version by one protocol come to, the newest last."""
        return self.cache.pooled(evaluations, self.metrics)

    async def same_data(self, reads: Reads, ids: Collection[str]) -> Mapping[str, str]:
        """By the id of data, that under which its results are compared: of the first with the same digest."""
        return {id: id for id in ids} if self.edition == FIRST else await self.cache.same_data(reads, ids)

    def results(self, version: int) -> Mapping[SeriesKey, Found]:
        """A version's result in each series, several pooled."""
        found: dict[SeriesKey, Found] = {}
        for evaluations in self.by_protocol(version):
            for key, result in self.pooled(evaluations).items():
                runs = [one for one in evaluations if key in one.results]
                counted = [runs[place] for place in poolable(key.metric, [one.results[key] for one in runs])]
                found[key] = Found(result, counted if runs else evaluations)
        return found

    def uses(self, version: int) -> Mapping[ResultPlace, ResultUse]:
        """The reported results of a version that count, alone or pooled; those of retracted evaluations do not."""
        found: dict[ResultPlace, ResultUse] = {}
        for evaluations in self.by_protocol(version):
            pooled = self.pooled(evaluations)
            reported: defaultdict[SeriesKey, list[tuple[Evaluation, SeriesKey]]] = defaultdict(list)
            for evaluation in evaluations:
                for key in list(evaluation.results)[: evaluation.reported]:
                    reported[key].append((evaluation, key))
            for key, runs in reported.items():
                results = [evaluation.results[own] for evaluation, own in runs]
                counted = [runs[place] for place in poolable(key.metric, results)]
                for evaluation, own in counted:
                    place = evaluation.id, own.metric.name, own.slice
                    found[place] = ResultUse(pooled[key].value, len(counted) - 1)
        return found


async def measured(registry: Registry, versions: Sequence[int], upto: int, edition: int = CURRENT) -> Measured:
    """All evaluations of some versions as known at a sequence, by a fixed number of look-ups."""
    metrics = await definitions(registry, upto)
    if edition == FIRST:
        metrics = metrics.first_edition
    links = await registry.store.links(versions, {Role.EVALUATES}, inward=True)
    about = {link.source: link.target for link in links if link.source <= upto}
    cache = registry.cache(EvaluationCache)
    found = await cache.read(registry.store, sorted(about), metrics, edition)
    evaluations: defaultdict[int, list[Evaluation]] = defaultdict(list)
    for evaluation in found:
        evaluations[about[evaluation.sequence]].append(evaluation)
    gone = await retracted_ids(registry.store, [each.id for each in found], upto)
    return Measured(metrics, evaluations, gone, cache, edition)


async def results_of(registry: Registry, version: int, upto: int, edition: int = CURRENT) -> Mapping[SeriesKey, Found]:
    """The result of one version in each series."""
    return (await measured(registry, [version], upto, edition)).results(version)
