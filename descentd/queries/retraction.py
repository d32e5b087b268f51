"""Retracting records, and which ones are retracted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.acts import RetractionInput, name_all, perform, repeated, signed
from descentd.graph.errors import Forbidden
from descentd.graph.reach import Direction
from descentd.graph.records import Brief, Record
from descentd.graph.relations import Kind
from descentd.graph.store.base import Reads
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Retracted:
    """A retraction that was recorded; `affected` counts by kind what comes from the subjects or rests on them."""

    id: str
    affected: Mapping[Kind, int]
    upto: int


async def retract(registry: Registry, given: RetractionInput, person: str, *, own: bool = False) -> Retracted:
    """Record a retraction, with `own` only of what the person recorded.

    Raises NotFound, Forbidden, and VersionConflict for an idempotencyKey of another act.
    """

    async def draft(reads: Reads) -> Sequence[Record]:
        subjects = await name_all(reads, given.subjects, "subjects")
        if own:
            await _check_own(reads, subjects, person)
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


async def _check_own(reads: Reads, subjects: Sequence[Brief], person: str) -> None:
    for i, entry in enumerate(await reads.entries([subject.sequence for subject in subjects])):
        if entry.recorded_by != person:
            raise Forbidden(
                f"{subjects[i].ref} was recorded by somebody else, and retracting it needs the role reviewer: ask with "
                "a token that has it.",
                f"subjects[{i}]",
            )


async def retracted(reads: Reads, ids: Collection[str], upto: int) -> frozenset[str]:
    """Those of these ids that were retracted at or before a sequence."""
    held = await reads.holders([f"retracted:{id}" for id in ids]) if ids else {}
    return frozenset(key.removeprefix("retracted:") for key, by in held.items() if by[0] <= upto)
