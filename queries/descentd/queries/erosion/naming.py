"""How sentences about erosion call versions and data, by a fixed number of look-ups."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from descentd.graph.model.records import Brief
from descentd.queries.evaluation.labels import Names
from descentd.queries.evaluation.series import Protocol
from descentd.queries.registry import Registry
from descentd.queries.retractions import retracted_ids


@dataclass(frozen=True, slots=True)
class Naming:
    """refs of versions; called: the same, marked where the version was retracted; data: records by id."""

    refs: Mapping[int, str]
    called: Mapping[int, str]
    data: Mapping[str, Brief]

    def names(self, protocols: Collection[Protocol]) -> Names:
        """For sentences of an answer about these series."""
        return Names(self.called.__getitem__, lambda one: self.data[one].ref, protocols)


async def naming(registry: Registry, versions: Collection[int], protocols: Collection[Protocol], upto: int) -> Naming:
    """Look up what versions and the data of series are called as known at a sequence."""
    briefs = await registry.store.briefs(sorted(set(versions)))
    gone = await retracted_ids(registry.store, [brief.id for brief in briefs], upto)
    data = await registry.store.resolve({one.data for one in protocols if one.data is not None})
    return Naming(
        {brief.sequence: brief.ref for brief in briefs},
        {brief.sequence: f"{brief.ref} (retracted)" if brief.id in gone else brief.ref for brief in briefs},
        data,
    )
