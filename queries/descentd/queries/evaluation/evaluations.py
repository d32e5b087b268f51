"""Evaluations: those of one version page by page, the results of many at once, and which one is the newest."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.evaluation.definitions import Metrics, definitions
from descentd.queries.evaluation.parsing import Evaluation, EvaluationCache
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.pages import page
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Result

VERSION = frozenset({Kind.MODEL_VERSION})


@dataclass(frozen=True, slots=True)
class Evaluations:
    """A page of evaluations in log order, with the cursor of each."""

    items: Sequence[tuple[Brief, str]]
    total: int
    more: bool
    upto: int


async def evaluations(
    registry: Registry, ref: str, first: int | None, after: str | None, as_of: str | None
) -> Evaluations:
    """The evaluations of a version, retracted ones included; raises NotFound and InvalidInput."""
    asked = page(first, after, await registry.sequence(as_of), ["evaluations", ref, as_of])
    of = await registry.find(ref, asked.upto, VERSION)
    links = await registry.store.links([of.sequence], {Role.EVALUATES}, inward=True)
    sequences = sorted(link.source for link in links if link.source <= asked.upto)
    rest = [sequence for sequence in sequences if asked.after is None or sequence > asked.after[0]]
    shown = await registry.store.briefs(rest[: asked.first])
    items = [(brief, asked.cursor(brief.sequence)) for brief in shown]
    return Evaluations(items, len(sequences), len(rest) > asked.first, asked.upto)


@dataclass(frozen=True, slots=True)
class Found:
    """A result and the evaluation that holds it."""

    result: Result
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Measured:
    """The evaluations of versions (by sequence), each version's in log order; ids of those that were retracted."""

    metrics: Metrics
    evaluations: Mapping[int, Sequence[Evaluation]]
    retracted: frozenset[str]

    def counted(self, version: int) -> list[Evaluation]:
        """A version's evaluations that were not retracted, the newest last.

        Newest by `evaluatedAt`, where it was not given by when it was recorded; ties by log.
        """
        counted = [each for each in self.evaluations.get(version, ()) if each.id not in self.retracted]
        return sorted(counted, key=lambda each: (each.moment, each.sequence))

    def withdrawn(self, version: int) -> list[Evaluation]:
        """A version's evaluations that were retracted."""
        return [each for each in self.evaluations.get(version, ()) if each.id in self.retracted]

    def newest(self, version: int) -> Mapping[SeriesKey, Found]:
        """A version's newest result in each series."""
        return {
            series: Found(result, evaluation)
            for evaluation in self.counted(version)
            for series, result in evaluation.results.items()
        }


async def measured(registry: Registry, versions: Sequence[int], upto: int) -> Measured:
    """All evaluations of some versions as known at a sequence, by a fixed number of look-ups."""
    metrics = await definitions(registry, upto)
    links = await registry.store.links(versions, {Role.EVALUATES}, inward=True)
    about = {link.source: link.target for link in links if link.source <= upto}
    found = await registry.cache(EvaluationCache).read(registry.store, sorted(about), metrics)
    evaluations: defaultdict[int, list[Evaluation]] = defaultdict(list)
    for evaluation in found:
        evaluations[about[evaluation.sequence]].append(evaluation)
    return Measured(metrics, evaluations, await retracted_ids(registry.store, [each.id for each in found], upto))


async def newest_results(registry: Registry, version: int, upto: int) -> Mapping[SeriesKey, Found]:
    """What one version was last measured to be, in each series."""
    return (await measured(registry, [version], upto)).newest(version)
