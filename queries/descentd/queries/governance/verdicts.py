"""The verdict on a version, from reviews and flags: approved, rejected, flagged, or not reviewed yet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from descentd.graph.index.arrays import is_in, sorted_unique
from descentd.graph.inputs.acts import Decision, FlagAction
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Sequences
from descentd.queries.governance.flags import ActiveFlag, flags_reaching, versions_reached
from descentd.queries.governance.policies import Policy, policies_in_force
from descentd.queries.governance.reviews import (
    Quorum,
    ReviewState,
    lapsed,
    quorum,
    reviews,
    veto_sentence,
    vetoes,
)
from descentd.queries.prose import conjunction, ended
from descentd.queries.registry import Registry
from descentd.queries.retractions import RetractedEntity, retracted_entities, retracted_origins, retraction_of

_ALL: Final = frozenset(FlagAction)


class VerdictStatus(StrEnum):
    """The status of a version by its reviews and flags."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    UNREVIEWED = "UNREVIEWED"
    FLAGGED = "FLAGGED"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for a verdict: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of a version, and the reasons for it."""

    status: VerdictStatus
    reasons: Sequence[Reason]


async def verdict(registry: Registry, version: int, upto: int, moment: int | None = None) -> Verdict:
    """Where a version stands over all environments, as known at a sequence and a moment (now unless given)."""
    flags = await flags_reaching(registry, version, upto)
    states = (await reviews(registry, [version], upto, moment))[version]
    in_force = await policies_in_force(registry.store, {one.environment for one in states}, upto)
    [brief] = await registry.store.briefs([version])
    gone = await retraction_of(registry, brief, upto)
    above = await retracted_origins(registry, version, upto)
    return _verdict(flags, gone, above, *_decided(states, in_force))


def _verdict(
    flags: Sequence[ActiveFlag],
    gone: RetractedEntity | None,
    above: Sequence[RetractedEntity],
    status: VerdictStatus,
    reviewed: Sequence[Reason],
) -> Verdict:
    reasons = [Reason(f"FLAG_{flag.action}", f"Flagged {flag.action.lower()}: {ended(flag.reason)}") for flag in flags]
    if gone is not None:
        status = VerdictStatus.REJECTED
        reasons.append(Reason("RETRACTED", gone.sentence))
    reasons += [
        Reason("RESTS_ON_RETRACTED", f"It rests on what is not relied on any more: {one.sentence}") for one in above
    ]
    return Verdict(VerdictStatus.FLAGGED if flags else status, [*reasons, *reviewed])


def _decided(states: Sequence[ReviewState], in_force: Mapping[str, Policy]) -> tuple[VerdictStatus, list[Reason]]:
    """What the reviews alone say."""
    environments = sorted({one.environment for one in states})
    standing = {place: quorum(states, place, in_force.get(place)) for place in environments}
    refused = vetoes(states, None)
    reasons = [Reason("NO_GO", veto_sentence(one, states, in_force.get(one.environment))) for one in refused]
    environments = [place for place in environments if not vetoes(states, place)]
    reached = [place for place in environments if standing[place].reached and standing[place].people]
    reasons += [
        Reason("APPROVED", f"Approved for {place} by {conjunction(standing[place].people)}.") for place in reached
    ]
    reasons += [_unmet(place, standing[place]) for place in environments if place not in reached]
    reasons += [
        Reason("REOPENED", f"{one.person}'s GO for {one.environment} no longer holds: {one.void}.")
        for one in lapsed(states)
        if one.decision is Decision.GO
    ]
    reasons += [
        Reason("CLAIMED", f"{one.decision} for {one.environment}: {one.void}; {one.person} recorded that.")
        for one in states
        if one.claimed and one.void
    ]
    if refused:
        return VerdictStatus.REJECTED, reasons
    if reached:
        return VerdictStatus.APPROVED, reasons
    return VerdictStatus.UNREVIEWED, reasons or [Reason("NO_REVIEW", "Nobody has reviewed this version.")]


def _unmet(place: str, standing: Quorum) -> Reason:
    if standing.needed == 0:
        return Reason("NO_QUORUM", f"No GO is needed for {place}, and nobody's holds.")
    return Reason("QUORUM_UNMET", f"{standing.sentence} for {place}.")


async def verdict_statuses(
    registry: Registry, versions: Sequence[int], retracted: Collection[int], upto: int, moment: int | None = None
) -> Mapping[int, VerdictStatus]:
    """Where each of some versions stands, by a fixed number of look-ups; `retracted`: which of them are retracted."""
    flagged = set((await versions_reached(registry, upto, _ALL)).tolist())
    states = {version: found for version, found in (await reviews(registry, versions, upto, moment)).items() if found}
    environments = {one.environment for found in states.values() for one in found}
    in_force = await policies_in_force(registry.store, environments, upto)
    decided = {version: _decided(found, in_force)[0] for version, found in states.items()}
    standing = {version: decided.get(version, VerdictStatus.UNREVIEWED) for version in versions}
    standing |= dict.fromkeys(retracted, VerdictStatus.REJECTED)
    return standing | {version: VerdictStatus.FLAGGED for version in versions if version in flagged}


async def in_status(
    registry: Registry, wanted: frozenset[VerdictStatus], upto: int, moment: int | None = None
) -> Sequences:
    """All versions that stand so at a sequence and a moment (now unless given), ascending."""
    everything = await registry.walk.everything(upto, Kind.MODEL_VERSION)
    flagged = await versions_reached(registry, upto, _ALL)
    decided = await _reviewed(registry, upto, moment)
    environments = {one.environment for states in decided.values() for one in states}
    in_force = await policies_in_force(registry.store, environments, upto)
    by_status: dict[VerdictStatus, list[int]] = {status: [] for status in VerdictStatus}
    for version, states in decided.items():
        by_status[_decided(states, in_force)[0]].append(version)
    gone = [one.of for one in await retracted_entities(registry, upto)]
    retracted = [brief.sequence for brief in gone if brief.kind is Kind.MODEL_VERSION]
    refused = sorted_unique(np.concatenate((_array(by_status[VerdictStatus.REJECTED]), _array(retracted))))
    sets = {
        VerdictStatus.FLAGGED: flagged,
        VerdictStatus.APPROVED: _without(_array(by_status[VerdictStatus.APPROVED]), np.concatenate((refused, flagged))),
        VerdictStatus.REJECTED: _without(refused, flagged),
    }
    sets[VerdictStatus.UNREVIEWED] = _without(everything, np.concatenate(list(sets.values())))
    return sorted_unique(np.concatenate([sets[status] for status in wanted] or [_array([])]))


async def _reviewed(registry: Registry, upto: int, moment: int | None) -> Mapping[int, list[ReviewState]]:
    """The reviews of all versions that have any."""
    found = await registry.walk.everything(upto, Kind.REVIEW)
    subjects = {entry.record.content["subject"] for entry in await registry.store.entries(found.tolist())}
    if not subjects:
        return {}
    versions = sorted(brief.sequence for brief in (await registry.store.resolve(subjects)).values())
    return await reviews(registry, versions, upto, moment)


def _without(versions: Sequences, others: Sequences) -> Sequences:
    return versions[~is_in(versions, others)]


def _array(sequences: Sequence[int]) -> Sequences:
    return np.array(sorted(sequences), dtype=np.int64)
