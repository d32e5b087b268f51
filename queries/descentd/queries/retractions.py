"""Retracting records, and what was retracted of all that a record came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.accounts import person_key
from descentd.graph.model.errors import Forbidden
from descentd.graph.model.kinds import ENTITIES, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction, ReachQuery
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import name_all, perform, repeated, signed
from descentd.graph.retractions import Retractions, find_retractions
from descentd.graph.store.base import Reads
from descentd.queries.prose import kind_name
from descentd.queries.registry import Registry

NOT_RETRACTED: Final[Mapping[Kind, str]] = {
    Kind.POLICY: "an admin lays down another in the folder of policies",
    Kind.GATE_DECISION: "it is what the gate said; retract the promotion, or flag the version",
    Kind.DEPLOYMENT: "end the deployment",
    Kind.RETRACTION: "register anew what was retracted",
}
"""Kinds of record that stand for good, and what to do instead."""

ONLY_BY_AUTHOR: Final = frozenset({Kind.REVIEW})
"""Kinds of record that only who made them retracts: a veto stands until its author decides again.

What is in neither is for every reviewer to retract, and for an evaluator who recorded it.
"""


@dataclass(frozen=True, slots=True)
class Retracted:
    """A retraction that was recorded; `affected` counts by kind what comes from the subjects or rests on them."""

    id: str
    affected: Mapping[Kind, int]
    upto: int


@dataclass(frozen=True, slots=True)
class RetractedEntity:
    """An entity that is retracted; `id` is that of the retraction, the first where several are in force."""

    id: str
    of: Brief
    person: str
    reason: str

    @property
    def sentence(self) -> str:
        """What was retracted, by whom and why."""
        return f"{self.of.ref} was retracted by {self.person}: {self.reason.rstrip('.')}."


async def retract(registry: Registry, given: RetractionInput, person: str, *, own: bool = False) -> Retracted:
    """Record a retraction, with `own` only of what the person recorded.

    Raises NotFound, Forbidden for what is not theirs to retract, and VersionConflict for an idempotencyKey of another
    act.
    """

    async def draft(reads: Reads) -> Sequence[Record]:
        subjects = await name_all(reads, given.subjects, "subjects")
        await _check(reads, subjects, person, own)
        content = given.content() | {"subjects": sorted({subject.id for subject in subjects})}
        again = await repeated(reads, Kind.RETRACTION, person, content)
        return [again or Record.of(Kind.RETRACTION, signed(content, person))]

    [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    subjects = (await registry.store.resolve(record.content["subjects"])).values()
    reached = await registry.walk.reach(
        ReachQuery([subject.sequence for subject in subjects], Direction.DESCENDANTS, upto, evidence=True, first=1)
    )
    return Retracted(record.id, reached.counts, upto)


async def _check(reads: Reads, subjects: Sequence[Brief], person: str, own: bool) -> None:
    """Raise Forbidden where one of the subjects is not for this person to retract."""
    for i, entry in enumerate(await reads.entries([subject.sequence for subject in subjects])):
        refusal = _refusal(subjects[i], entry, person, own)
        if refusal is not None:
            raise Forbidden(f"{subjects[i].ref} {refusal}.", f"subjects[{i}]")


def _refusal(subject: Brief, entry: Entry, person: str, own: bool) -> str | None:
    if subject.kind in NOT_RETRACTED:
        what = kind_name(subject.kind)
        return f"is a {what}, which nobody retracts: {NOT_RETRACTED[subject.kind]}"
    if person_key(entry.recorded_by) == person_key(person):
        return None
    if subject.kind in ONLY_BY_AUTHOR:
        return f"is what {entry.recorded_by} decided, and only they retract it: decide yourself beside it"
    if own:
        return "was recorded by somebody else, and retracting it needs the role reviewer: ask with a token that has it"
    return None


async def retracted_entities(registry: Registry, upto: int) -> list[RetractedEntity]:
    """Every entity that is retracted as of a sequence, in the order of the retractions."""
    entries = await registry.all_of(Kind.RETRACTION, upto)
    if not entries:
        return []
    retracted = Retractions.of(entries).at(upto)
    by_id = {entry.record.id: entry for entry in entries}
    subjects = await registry.store.resolve(retracted.keys())
    found = [
        _entity(subjects[id], by_id[retraction.id])
        for id, retraction in sorted(retracted.items(), key=lambda item: (item[1].sequence, item[0]))
    ]
    return [one for one in found if one.of.kind in ENTITIES]


async def retraction_of(registry: Registry, record: Brief, upto: int) -> RetractedEntity | None:
    """The retraction of a record, where one is in force as of a sequence."""
    retracted = (await find_retractions(registry.store, [record.id])).at(upto)
    if record.id not in retracted:
        return None
    [entry] = await registry.store.entries([retracted[record.id].sequence])
    return _entity(record, entry)


def _entity(of: Brief, retraction: Entry) -> RetractedEntity:
    content = retraction.record.content
    return RetractedEntity(retraction.record.id, of, content["by"], content["reason"])


async def retracted_origins(registry: Registry, record: int, upto: int) -> Sequence[RetractedEntity]:
    """What is retracted of all that a record came from; a dataset with each of its partitions."""
    found = await retracted_entities(registry, upto)
    if not found:
        return ()
    above = {*await registry.origins(record, upto)}
    # A whole dataset starts from all its partitions, though it is no ancestor of what learned from one.
    included = await registry.store.links({one.of.sequence for one in found}, {Role.INCLUDES}, inward=False)
    above |= {link.source for link in included if link.target in above}
    return [one for one in found if one.of.sequence in above]
