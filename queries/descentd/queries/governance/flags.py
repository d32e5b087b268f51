"""Flags: warnings on records that reach their descendants, computed by lineage when a question is asked.

A CLEAR on a flagged subject ends the flag there; on a descendant it exempts that one and what lies only below it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from descentd.graph.index.arrays import is_in, sorted_unique
from descentd.graph.inputs.acts import FlagAction, FlagInput
from descentd.graph.model.errors import Forbidden, InvalidInput, NotFound
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction, ReachQuery, Sequences
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import name_all, perform, repeated, signed
from descentd.graph.retractions import retracted_ids
from descentd.graph.store.base import Reads
from descentd.queries.lineage.stated_edges import twins_of
from descentd.queries.registry import Registry
from descentd.queries.separation_of_duties import registered_among

REFUSING: Final = frozenset({FlagAction.QUARANTINE, FlagAction.DECOMMISSION})
"""Flags that refuse promotion, deployment and review; a REVIEW flag only shows."""


@dataclass(frozen=True, slots=True)
class ActiveFlag:
    """A flag that is in force.

    `origins` are the subjects that it still stands on; `exempt` those records that were cleared of it, which it neither
    reaches nor passes.
    """

    sequence: int
    id: str
    action: FlagAction
    reason: str
    person: str
    recorded_at: int
    propagates: bool
    origins: frozenset[int]
    exempt: frozenset[int]


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag that was recorded; `affected` counts by kind what it reaches beside its subjects."""

    record: Record
    affected: Mapping[Kind, int]
    upto: int


async def active_flags(registry: Registry, upto: int) -> list[ActiveFlag]:
    """Every flag that stands on something as known at a sequence, oldest first."""
    entries = await registry.all_of(Kind.FLAG, upto)
    withdrawn = await retracted_ids(registry.store, [entry.record.id for entry in entries], upto)
    entries = [entry for entry in entries if entry.record.id not in withdrawn]
    subjects = {id for entry in entries for id in entry.record.content["subjects"]}
    known = {id: brief.sequence for id, brief in (await registry.store.resolve(subjects)).items()} if subjects else {}
    cleared: defaultdict[str, set[int]] = defaultdict(set)
    for entry in entries:
        for flag in entry.record.content.get("clears", ()):
            cleared[flag] |= {known[id] for id in entry.record.content["subjects"]}
    standing = (_standing(entry, known, frozenset(cleared[entry.record.id])) for entry in entries)
    return [flag for flag in standing if flag.action is not FlagAction.CLEAR and flag.origins]


def _standing(entry: Entry, known: Mapping[str, int], exempt: frozenset[int]) -> ActiveFlag:
    content = entry.record.content
    return ActiveFlag(
        entry.sequence,
        entry.record.id,
        FlagAction(content["action"]),
        content["reason"],
        content["by"],
        entry.recorded_at,
        bool(content.get("propagate")),
        frozenset(known[id] for id in content["subjects"]) - exempt,
        exempt,
    )


async def flags_reaching(registry: Registry, record: int, upto: int) -> list[ActiveFlag]:
    """The flags that reach a record, or stand on it, oldest first."""
    flags = await active_flags(registry, upto)
    if not flags:
        return []
    same = (await twins_of(registry, [record], upto)).get(record, ())  # from which a walk from it begins, too
    above = {record, *same, *await registry.origins(record, upto)}
    # A whole dataset as a cause starts from all its partitions, though it is no ancestor of what trained on one.
    causes = {origin for flag in flags for origin in flag.origins}
    included = await registry.store.links(causes, {Role.INCLUDES}, inward=False)
    above |= {link.source for link in included if link.target in above}
    return [flag for flag in flags if await _reaches(registry, flag, record, above, upto)]


async def refusing_flags(registry: Registry, record: int, upto: int) -> list[ActiveFlag]:
    """Those of them because of which it is not promoted, deployed or reviewed."""
    return [flag for flag in await flags_reaching(registry, record, upto) if flag.action in REFUSING]


async def _reaches(registry: Registry, flag: ActiveFlag, record: int, above: set[int], upto: int) -> bool:
    """Whether a flag reaches a record, given that and all that it came from."""
    if record in flag.origins:
        return True
    if not flag.propagates or record in flag.exempt or flag.origins.isdisjoint(above):
        return False
    # Only where a cleared record lies on the way is there a question whether all ways pass it.
    if flag.exempt.isdisjoint(above):
        return True
    [brief] = await registry.store.briefs([record])
    return record in await _below(registry, [flag], upto, brief.kind)


async def versions_reached(registry: Registry, upto: int, actions: Collection[FlagAction]) -> Sequences:
    """All versions that a flag with one of these actions reaches or stands on, ascending."""
    flags = [flag for flag in await active_flags(registry, upto) if flag.action in actions]
    return await _reached(registry, flags, upto, Kind.MODEL_VERSION)


async def gravest(registry: Registry, records: Collection[Brief], upto: int) -> Mapping[int, FlagAction]:
    """Of some records those that flags reach or stand on, by sequence, each with the gravest of what these demand.

    All records of a kind are walked to together, by as many look-ups as there are demands and flags with exemptions.
    """
    flags = await active_flags(registry, upto) if records else []
    by_kind: defaultdict[Kind, list[int]] = defaultdict(list)
    for record in records:
        by_kind[record.kind].append(record.sequence)
    found: dict[int, FlagAction] = {}
    for action in FlagAction:  # the graver ones come later
        if of_it := [flag for flag in flags if flag.action is action]:
            for kind, sequences in by_kind.items():
                wanted = np.array(sequences, dtype=np.int64)
                reached = await _reached(registry, of_it, upto, kind)
                found |= dict.fromkeys(wanted[is_in(wanted, reached)].tolist(), action)
    return found


async def _reached(registry: Registry, flags: Sequence[ActiveFlag], upto: int, kind: Kind) -> Sequences:
    """All records of a kind that one of these flags reaches or stands on, ascending."""
    plain = [flag for flag in flags if flag.propagates and not flag.exempt]
    groups = [plain, *([flag] for flag in flags if flag.propagates and flag.exempt)]
    reached = [await _below(registry, group, upto, kind) for group in groups if group]
    causes = sorted({origin for flag in flags for origin in flag.origins})
    briefs = await registry.store.briefs(causes) if causes else []
    own = np.array([brief.sequence for brief in briefs if brief.kind is kind], dtype=np.int64)
    return sorted_unique(np.concatenate([own, *reached]))


async def _below(registry: Registry, flags: Sequence[ActiveFlag], upto: int, kind: Kind) -> Sequences:
    """The records of a kind that propagating flags with the same exemptions reach below their origins."""
    causes, exempt = sorted({origin for flag in flags for origin in flag.origins}), flags[0].exempt
    below = await registry.walk.members(causes, Direction.DESCENDANTS, upto, kind, avoiding=exempt)
    if kind is not Kind.PARTITION:
        return below
    # A walk does not come to where it begins: at the partitions of a dataset, and whatever holds the same data.
    included = await registry.store.links(causes, {Role.INCLUDES}, inward=False)
    begun = {*causes, *(one.target for one in included)}
    twins = await twins_of(registry, begun, upto)
    same = [{one, *twins.get(one, ())} for one in begun]
    reached = {partition for held in same if exempt.isdisjoint(held) for partition in held}
    return np.concatenate([below, np.array(sorted(reached.difference(causes)), np.int64)])


async def flag(registry: Registry, given: FlagInput, person: str) -> Flagged:
    """Record a flag, or the end of flags.

    Raises NotFound, InvalidInput for a CLEAR that clears nothing, Forbidden for one by whoever registered what it would
    clear, and VersionConflict for an idempotencyKey of another act.
    """
    await registry.sequence()  # so that what others have recorded until now is found, whatever is kept
    content = await _content(registry.store, given)
    record = await repeated(registry.store, Kind.FLAG, person, content)
    if record is None:
        clears: Content = {}
        if given.action is FlagAction.CLEAR:
            subjects = await registry.find_all(given.subjects, await registry.sequence(), "subjects")
            own = await own_among_cleared(registry, [one.sequence for one in subjects], person)
            if own is not None:
                raise Forbidden(
                    f"{person} registered {own.ref} and cannot clear flags that reach it: ask another reviewer.",
                    "subjects",
                )
            clears = {"clears": await _cleared(registry, given)}

        async def draft(reads: Reads) -> Sequence[Record]:
            again = await repeated(reads, Kind.FLAG, person, content)
            return [again or Record.of(Kind.FLAG, signed(content | clears, person))]

        [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    return Flagged(record, await _affected(registry, record, upto), upto)


async def own_among_cleared(registry: Registry, subjects: Collection[int], person: str) -> Brief | None:
    """A version that a person registered and that flags of these subjects reach, so that the person clears none there.

    It takes as long as the versions are many that come from them, where a flag goes on to those.
    """
    upto = await registry.sequence()
    flags = [one for subject in subjects for one in await flags_reaching(registry, subject, upto)]
    below = any(one.propagates for one in flags)
    return await registered_among(registry, person, subjects, upto, descendants=below)


async def _content(reads: Reads, given: FlagInput) -> Content:
    subjects = await name_all(reads, given.subjects, "subjects")
    return given.content() | {"subjects": sorted({subject.id for subject in subjects})}


async def _cleared(registry: Registry, given: FlagInput) -> list[str]:
    """The ids of the flags that a CLEAR ends: those given, or all that reach its subjects."""
    upto = await registry.sequence()
    subjects = await registry.find_all(given.subjects, upto, "subjects")
    reaching_any: dict[str, Brief] = {}
    for subject in subjects:
        for standing in await flags_reaching(registry, subject.sequence, upto):
            reaching_any.setdefault(standing.id, subject)
    for i, id in enumerate(given.clears or ()):
        if id not in reaching_any:
            known = await registry.store.resolve([id])
            if id not in known:
                raise NotFound.of(id, f"clears[{i}]", "use the id of a flag")
            raise InvalidInput(f"{id} is not a flag that reaches these subjects: leave it out.", f"clears[{i}]")
    clears = given.clears or reaching_any
    if not clears:
        raise InvalidInput("No flag reaches these subjects, so there is nothing to clear.", "subjects")
    return sorted(clears)


async def _affected(registry: Registry, record: Record, upto: int) -> Mapping[Kind, int]:
    if not record.content.get("propagate") and record.content["action"] != FlagAction.CLEAR:
        return {}
    subjects = (await registry.store.resolve(record.content["subjects"])).values()
    reached = await registry.walk.reach(
        ReachQuery([subject.sequence for subject in subjects], Direction.DESCENDANTS, upto, first=1)
    )
    return reached.counts
