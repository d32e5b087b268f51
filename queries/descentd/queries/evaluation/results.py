"""What was measured: the results of many versions at once, and which of them is the newest."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.model.kinds import Role
from descentd.queries.evaluation.definitions import Metrics, definitions
from descentd.queries.evaluation.parsing import Evaluation, Parsed, Series
from descentd.queries.registry import Registry
from descentd.queries.retractions import retracted_ids
from descentd.queries.statistics.comparison import Result


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

    def newest(self, version: int) -> Mapping[Series, Found]:
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
    found = await registry.cache(Parsed).read(registry.store, sorted(about), metrics)
    evaluations: defaultdict[int, list[Evaluation]] = defaultdict(list)
    for evaluation in found:
        evaluations[about[evaluation.sequence]].append(evaluation)
    return Measured(metrics, evaluations, await retracted_ids(registry.store, [each.id for each in found], upto))


async def newest_results(registry: Registry, version: int, upto: int) -> Mapping[Series, Found]:
    """What one version was last measured to be, in each series."""
    return (await measured(registry, [version], upto)).newest(version)
