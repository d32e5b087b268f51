"""Retracting records, and which ones are retracted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.acts import RetractionInput, name_all, perform, repeated, signed
from descentd.graph.reach import Direction
from descentd.graph.records import Record
from descentd.graph.relations import Kind
from descentd.graph.store.base import Reads
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Retracted:
    """A retraction that was recorded; `affected` counts by kind what comes from the subjects or rests on them."""

    id: str
    affected: Mapping[Kind, int]
    upto: int


async def retract(registry: Registry, given: RetractionInput, person: str) -> Retracted:
    """Record a retraction; raises NotFound, and VersionConflict for an idempotencyKey of another act."""

    async def draft(reads: Reads) -> Sequence[Record]:
        subjects = await name_all(reads, given.subjects, "subjects")
        content = given.content() | {"subjects": sorted({subject.id for subject in subjects})}
        again = await repeated(reads, Kind.RETRACTION, person, content)
        return [again or Record.of(Kind.RETRACTION, signed(content, person))]

    [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    subjects = (await registry.store.resolve(record.content["subjects"])).values()
    reached = await registry.walk.reach(
        [subject.sequence for subject in subjects], Direction.DESCENDANTS, upto, evidence=True, first=1
    )
    return Retracted(record.id, reached.counts, upto)


async def retracted(reads: Reads, ids: Collection[str], upto: int) -> frozenset[str]:
    """Those of these ids that were retracted at or before a sequence."""
    held = await reads.holders([f"retracted:{id}" for id in ids]) if ids else {}
    return frozenset(key.removeprefix("retracted:") for key, by in held.items() if by[0] <= upto)
