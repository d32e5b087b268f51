"""What waits for a decision: versions that are documented and that too few people have said GO for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model import clock
from descentd.graph.model.accounts import person_key
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import REFUSING, versions_reached
from descentd.queries.governance.policies import policy_history
from descentd.queries.governance.profiles import profiles
from descentd.queries.governance.reviews import Quorum, ReviewState, lapsed, quorum, reviews, vetoes
from descentd.queries.production.deployments import Deployment, serving
from descentd.queries.registry import Registry
from descentd.queries.retractions import retracted_entities
from descentd.queries.separation_of_duties import recorded_by

_PROFILES: Final = 500
"""The newest safety profiles whose versions are looked at: what was documented before them waits for nobody."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that waits for a decision for an environment; `mine`: the person who asks may decide, and has not.

    serves: what serves there with it, where anything does, a deployment that is not merely claimed if there is one;
    documented: whether it has a safety profile, without which every gate blocks it; lapsed: why decisions for it do not
    hold any more, a sentence's part each, with the person before it.
    """

    version: Brief
    environment: str
    quorum: Quorum
    mine: bool
    serves: Deployment | None
    documented: bool
    lapsed: Sequence[str]


async def waiting(registry: Registry, person: str | None, upto: int, moment: int | None = None) -> list[Waiting]:
    """What waits as known at a sequence and a moment (now unless given), the newest version first.

    person: who asks, None where their roles let them decide on nothing: then all of it waits for others.

    Of each model the newest version that has a safety profile, and whatever serves or was decided on already. What is
    vetoed, retracted, quarantined or to be taken out of service waits for nobody.
    """
    policies = [one.policy for one in await policy_history(registry, upto, all=False) if one.policy.quorum]
    there_by_place = {
        policy.environment: await _serving(registry, policy.environment, upto, moment) for policy in policies
    }
    decided = await _decided(registry, upto)
    documented = await _documented(registry, upto)
    candidates = {*documented, *decided, *(one for versions in there_by_place.values() for one in versions)}
    candidates -= set((await versions_reached(registry, upto, REFUSING)).tolist())
    candidates -= {one.of.sequence for one in await retracted_entities(registry, upto)}
    if not (policies and candidates):
        return []
    order = sorted(candidates, reverse=True)
    states = await reviews(registry, order, upto, moment)
    entries = {entry.sequence: entry for entry in await registry.store.entries(order)}
    described = await profiles(registry.store, order, upto)
    found = []
    for brief in await registry.store.briefs(order):
        for policy in policies:
            place, own = policy.environment, states[brief.sequence]
            stands = quorum(own, place, policy)
            there = there_by_place[place].get(brief.sequence)
            decided_here = any(one.environment == place and not one.claimed for one in own)
            asked = brief.sequence in documented or there is not None or decided_here
            if asked and not stands.reached and not vetoes(own, place):
                mine = person is not None and _may_decide(entries[brief.sequence], own, place, person)
                profile = described[brief.sequence].current
                found.append(Waiting(brief, place, stands, mine, there, profile is not None, _lapsed(own, place)))
    return found


async def _serving(registry: Registry, environment: str, upto: int, moment: int | None) -> Mapping[int, Deployment]:
    """The versions that serve in an environment, each with a deployment, one that is not claimed where there is one."""
    there = await serving(registry, environment, None, clock.now() if moment is None else moment, upto)
    briefs = await registry.store.resolve({one.version for one in there}) if there else {}
    return {briefs[one.version].sequence: one for one in sorted(there, key=lambda one: not one.claimed)}


def _may_decide(version: Entry, states: Sequence[ReviewState], environment: str, person: str) -> bool:
    """Whether a person did not register a version, and has not decided on it yet."""
    if recorded_by(version, person):
        return False
    key = person_key(person)
    return not any(
        one.void is None and one.environment == environment and person_key(one.person) == key for one in states
    )


def _lapsed(states: Sequence[ReviewState], environment: str) -> list[str]:
    return [f"{one.person}'s {one.decision} no longer holds: {one.void}" for one in lapsed(states, environment)]


async def _documented(registry: Registry, upto: int) -> set[int]:
    """Of each model the newest version among those that have one of the newest safety profiles."""
    newest = (await registry.walk.latest(upto, Kind.SAFETY_PROFILE, _PROFILES)).tolist()
    entries = await registry.store.entries(newest) if newest else []
    subjects = {entry.record.content["subject"] for entry in entries}
    briefs = (await registry.store.resolve(subjects)).values() if subjects else ()
    latest: dict[str, int] = {}
    for brief in briefs:
        name = brief.ref.rpartition("@")[0]
        latest[name] = max(brief.sequence, latest.get(name, 0))
    return set(latest.values())


async def _decided(registry: Registry, upto: int) -> set[int]:
    """The versions that the newest reviews are about, those aside that are claimed of elsewhere."""
    newest = (await registry.walk.latest(upto, Kind.REVIEW, _PROFILES)).tolist()
    entries = await registry.store.entries(newest) if newest else []
    subjects = {entry.record.content["subject"] for entry in entries if "claimed" not in entry.record.content}
    return {brief.sequence for brief in (await registry.store.resolve(subjects)).values()} if subjects else set()
