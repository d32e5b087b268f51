"""Retracting records, and what was retracted of all that a record came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.inputs.acts import RetractedPart, RetractionInput
from descentd.graph.model import clock
from descentd.graph.model.accounts import person_key
from descentd.graph.model.errors import Forbidden, InvalidInput
from descentd.graph.model.kinds import ENTITIES, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction, ReachQuery
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import name_all, perform, repeated, signed
from descentd.graph.registration.cycles import check_cycles
from descentd.graph.retractions import Retractions, find_retractions
from descentd.graph.store.base import Reads
from descentd.queries.prose import kind_name
from descentd.queries.registry import Registry
from descentd.queries.separation_of_duties import STATEMENTS, concerned, recorded_by

NOT_RETRACTED: Final[Mapping[Kind, str]] = {
    Kind.POLICY: "an admin puts another in its place",
    Kind.GATE_DECISION: "it is what the gate said; retract the promotion, or flag the version",
    Kind.DEPLOYMENT: "end the deployment, or report what served instead with the same `since`",
    Kind.POPULATION: "state the population of the partition anew, which supersedes it (populations in a manifest, with "
    "population_documented none where nothing is known)",
    Kind.METRIC_DEFINITION: "results rest on it; define another metric, or retract the results",
}
"""Kinds of record that stand for good, and what to do instead; what is claimed of the time before does not.

Answers about populations and results go by the newest statement and by the definition, whatever is retracted: a
retraction that changed nothing would be taken for one that did.

A review is for its author alone to retract, since a veto stands until its author decides again; one that is claimed is
no veto. Everything else is for every reviewer to retract, and for an evaluator who recorded it.
"""

_REVERSIBLE: Final = frozenset({Kind.REVIEW, Kind.RETRACTION})


@dataclass(frozen=True, slots=True)
class Retracted:
    """A retraction that was recorded; `affected` counts by kind what comes from the subjects or rests on them.

    `warnings` are sentences about other retractions, because of which it changes less than may be expected.
    """

    id: str
    affected: Mapping[Kind, int]
    upto: int
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RetractedEntity:
    """An entity that is retracted; `id` is that of the retraction, the first where several are in force."""

    id: str
    of: Brief
    person: str
    reason: str
    recorded_at: int

    @property
    def sentence(self) -> str:
        """What was retracted, by whom and why."""
        return f"{self.of.ref} was retracted by {self.person}: {self.reason.rstrip('.')}."


async def retract(
    registry: Registry, given: RetractionInput, person: str, *, own: bool = False, admin: bool = False
) -> Retracted:
    """Record a retraction, with `own` only of what the person recorded.

    An `admin` also retracts the reviews of people who hold no valid token any more, and that an evaluation names its
    evaluator. Raises NotFound, InvalidInput, Forbidden for what is not theirs to retract, VersionConflict for an
    idempotencyKey of another act, and Cycle where a disclosure would count again by which something descends from
    itself.
    """
    upto = await registry.sequence()
    named = await name_all(registry.store, given.subjects, "subjects")
    for i, entry in enumerate(await registry.store.entries([subject.sequence for subject in named])):
        if given.part is not None:
            _check_part(entry, given.part, person, admin, f"subjects[{i}]")
        elif (why := await why_not_retracted(registry, entry, person, upto, own=own, admin=admin)) is not None:
            raise Forbidden(f"{named[i].ref} {why}.", f"subjects[{i}]")

    async def draft(reads: Reads) -> Sequence[Record]:
        subjects = await name_all(reads, given.subjects, "subjects")
        content = given.content() | {"subjects": sorted({subject.id for subject in subjects})}
        again = await repeated(reads, Kind.RETRACTION, person, content)
        if again is not None:
            return [again]
        retraction = Record.of(Kind.RETRACTION, signed(content, person))
        await check_cycles(reads, [retraction])
        return [retraction]

    [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    subjects = (await registry.store.resolve(record.content["subjects"])).values()
    reached = await registry.walk.reach(
        ReachQuery([subject.sequence for subject in subjects], Direction.DESCENDANTS, upto, evidence=True, first=1)
    )
    return Retracted(record.id, reached.counts, upto, await _warnings(registry, record, list(subjects), upto))


async def _warnings(registry: Registry, retraction: Record, subjects: Sequence[Brief], upto: int) -> list[str]:
    """What was retracted already, and what another retraction still retracts though one of them is retracted."""
    if "part" in retraction.content:
        return []
    store = registry.store
    entries = await store.entries([subject.sequence for subject in subjects if subject.kind is Kind.RETRACTION])
    behind = (await store.resolve({id for entry in entries for id in entry.record.content["subjects"]})).values()
    asked = [*subjects, *behind]
    retracted = (await find_retractions(store, [one.id for one in asked])).at(upto)
    others = {one.id: retracted[one.id].sequence for one in asked if one.id in retracted}
    by = {entry.sequence: entry for entry in await store.entries(sorted(set(others.values())))}
    found = [(one, _entity(one, by[others[one.id]])) for one in asked if one.id in others]
    return [
        f"{one.ref} is still retracted by {other.person}, {other.id}: if that was a mistake, retract it too."
        if one in behind
        else f"{one.ref} was retracted already by {other.person}, {other.id}: {other.reason}"
        for one, other in found
        if other.id != retraction.id
    ]


def _check_part(subject: Entry, part: RetractedPart, person: str, admin: bool, field: str) -> None:
    """Raise where that an evaluation names a person as evaluator is not for this person to lift."""
    named = subject.record.content.get("evaluator")
    if subject.record.kind is not Kind.EVALUATION or named is None:
        raise InvalidInput(f"Only an evaluation that names an evaluator has the part {part}: name one.", field)
    if not admin:
        raise Forbidden("Lifting that an evaluation names a person as evaluator needs the role admin.", field)
    if person_key(named) == person_key(person):
        raise Forbidden(f"{person} is the person whom it names: another admin has to lift that.", field)


async def _has_left(registry: Registry, person: str) -> bool:
    """Whether a person holds no valid token any more."""
    valid = (one.person for one in await registry.store.accounts.tokens() if one.fault(clock.now()) is None)
    return person_key(person) not in map(person_key, valid)


async def why_not_retracted(
    registry: Registry, entry: Entry, person: str, upto: int, *, own: bool = False, admin: bool = False
) -> str | None:
    """Why a record is not for a person to retract, said of it as `is …`; None where it may be.

    It takes as long as the versions are many that the record concerns.
    """
    left = admin and entry.record.kind is Kind.REVIEW and await _has_left(registry, entry.recorded_by)
    by_kind = None if left else await _review_refusal(registry.store, entry, person) or _refusal(entry, person, own)
    return by_kind or await _separation_refusal(registry, entry, person, upto)


async def _separation_refusal(registry: Registry, entry: Entry, person: str, upto: int) -> str | None:
    """Why somebody's statement is not for whoever registered a version that it concerns to retract."""
    kind = entry.record.kind
    if kind not in STATEMENTS or (recorded_by(entry, person) and kind is not Kind.FLAG):
        return None
    version = await concerned(registry, person, entry, upto)
    return (
        version
        if version is None
        else f"concerns {version.ref}, which {person} registered: ask another reviewer to retract it"
    )


def _refusal(entry: Entry, person: str, own: bool) -> str | None:
    kind = entry.record.kind
    if kind in NOT_RETRACTED and not _is_claimed(entry):
        return f"is a {kind_name(kind)}, which nobody retracts: {NOT_RETRACTED[kind]}"
    if own and not recorded_by(entry, person):
        return "was recorded by somebody else, and retracting it needs the role reviewer: ask with a token that has it"
    return None


async def _review_refusal(reads: Reads, entry: Entry, person: str) -> str | None:
    """Why a review is not for this person to retract, nor a retraction by which one would stand again."""
    waiting = [entry]
    while waiting:
        for one in waiting:
            if one.record.kind is Kind.REVIEW and not _is_claimed(one) and not recorded_by(one, person):
                what = "is" if one is entry else "retracts"
                return (
                    f"{what} a decision of {one.recorded_by}, which only they change, or an admin once they hold no "
                    "valid token: record a decision of your own beside it"
                )
        ids = {id for one in waiting if one.record.kind is Kind.RETRACTION for id in one.record.content["subjects"]}
        behind = (await reads.resolve(ids)).values() if ids else ()
        waiting = await reads.entries([brief.sequence for brief in behind if brief.kind in _REVERSIBLE])
    return None


def _is_claimed(entry: Entry) -> bool:
    return "claimed" in entry.record.content


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
    return RetractedEntity(retraction.record.id, of, content["by"], content["reason"], retraction.recorded_at)


async def retracted_origins(registry: Registry, record: int, upto: int) -> Sequence[RetractedEntity]:
    """What is retracted of all that a record came from; a dataset with each of its partitions."""
    found = await retracted_entities(registry, upto)
    above = (await _above(registry, [record], [one.of for one in found], upto))[record]
    return [one for one in found if one.of.id in above]


@dataclass(frozen=True, slots=True)
class RetractedOrigins:
    """What a version came from, as far as it was ever retracted (by id), and the retractions of that."""

    origins: Mapping[str, Brief]
    retractions: Retractions

    def lost(self, since: int, upto: int) -> list[Brief]:
        """What is retracted as of `upto` and was not as of `since`, in the order of the log."""
        before, now = self.retractions.at(since), self.retractions.at(upto)
        lost = [brief for id, brief in self.origins.items() if id in now and id not in before]
        return sorted(lost, key=lambda brief: brief.sequence)


async def grounds(registry: Registry, versions: Sequence[int], upto: int) -> Mapping[int, RetractedOrigins]:
    """What each version came from, as far as it was ever retracted."""
    retractions = Retractions.of(await registry.all_of(Kind.RETRACTION, upto))
    ids = retractions.by_subject.keys()
    briefs = [brief for brief in (await registry.store.resolve(ids)).values() if brief.kind in ENTITIES] if ids else []
    above = await _above(registry, versions, briefs, upto)
    return {version: RetractedOrigins(above[version], retractions.about(above[version])) for version in versions}


async def _above(
    registry: Registry, records: Sequence[int], entities: Sequence[Brief], upto: int
) -> Mapping[int, Mapping[str, Brief]]:
    """For each record those of `entities` that it came from, by id; a dataset with each of its partitions."""
    if not entities:
        return {record: {} for record in records}
    # A whole dataset starts from all its partitions, though it is no ancestor of what learned from one.
    included = await registry.store.links({one.sequence for one in entities}, {Role.INCLUDES}, inward=False)
    found: dict[int, Mapping[str, Brief]] = {}
    for record in records:
        above = {*await registry.origins(record, upto)}
        above |= {link.source for link in included if link.target in above}
        found[record] = {one.id: one for one in entities if one.sequence in above}
    return found
