"""The variables about the state of a version: flags, reviews, incidents, deployments, and the same of its ancestry."""

from collections.abc import Sequence
from typing import Any

from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import ActiveFlag, active_flags, flags_reaching
from descentd.queries.governance.gate.context import GateContext, Observation
from descentd.queries.governance.policies import Policy
from descentd.queries.governance.probes import weaknesses
from descentd.queries.governance.reviews import ReviewState, quorum, reviews, vetoes
from descentd.queries.production.deployments import serving
from descentd.queries.production.incidents import open_incidents
from descentd.queries.retractions import retracted_origins


async def reviews_of(context: GateContext) -> Sequence[ReviewState]:
    """All reviews of the version, as they stand."""
    version = context.version.sequence
    found = await reviews(
        context.registry, [version], context.upto, context.moment, context.edition, proposed=context.proposed
    )
    return found[version]


async def review(context: GateContext, policy: Policy | None) -> Observation:
    """How many people said GO and NO_GO for the environment, and whether the quorum is reached."""
    states = await reviews_of(context)
    reached = quorum(states, context.environment, policy)
    value: dict[str, Any] = {
        "go": len(reached.people),
        "no_go": len({one.who for one in vetoes(states, context.environment)}),
        "quorum_reached": reached.reached,
    }
    here = [one for one in states if one.void is None and one.environment == context.environment]
    value["decisions"] = [
        {"by": one.person, "decision": one.decision.value, "age_days": context.age_days(one.entry.recorded_at)}
        for one in here
    ]
    return Observation(value, tuple(one.entry.record.id for one in here))


async def flags(context: GateContext) -> Observation:
    """The flags that stand on the version, or reach it."""
    found = await flags_reaching(context.registry, context.version.sequence, context.upto)
    return Observation([_flag(one) for one in found], tuple(one.id for one in found))


def _flag(one: ActiveFlag) -> dict[str, Any]:
    return {"id": one.id, "action": one.action.value, "reason": one.reason}


async def incidents(context: GateContext) -> Observation:
    """The incidents about the version that are not over."""
    return _weighed(await open_incidents(context.registry, context.version.sequence, context.upto))


def _weighed(entries: Sequence[Entry]) -> Observation:
    value = [
        {
            "id": entry.record.id,
            "severity": entry.record.content["severity"].lower(),
            "title": entry.record.content["title"],
        }
        for entry in entries
    ]
    return Observation(value, tuple(entry.record.id for entry in entries))


async def ancestry(context: GateContext) -> Observation:
    """What stands on whatever the version came from: flags that it was not cleared of, weaknesses, retractions."""
    value: dict[str, Any] = {}
    evidence: list[str] = []
    if "flags" in context.references.fields:
        found = await _flags_above(context)
        value["flags"] = [_flag(one) for one in found]
        evidence += [one.id for one in found]
    if "vulnerabilities" in context.references.fields:
        documented = await weaknesses(context.registry, context.version.sequence, context.upto)
        seen = _weighed([one for one in documented if one.record.content["subject"] != context.version.id])
        value["vulnerabilities"] = seen.value
        evidence += seen.evidence
    if "retracted" in context.references.fields:
        gone = await retracted_origins(context.registry, context.version.sequence, context.upto)
        value["retracted"] = [{"id": one.of.id, "ref": one.of.ref, "reason": one.reason} for one in gone]
        evidence += dict.fromkeys(one.id for one in gone)
    if "reviews" in context.references.fields:
        reviewed = await _reviews_above(context)
        value["reviews"] = [
            {"ref": ref, "environment": one.environment, "decision": one.decision.value, "by": one.person}
            for ref, one in reviewed
        ]
        evidence += [one.entry.record.id for _, one in reviewed]
    return Observation(value, tuple(evidence))


async def _reviews_above(context: GateContext) -> list[tuple[str, ReviewState]]:
    """The reviews of the versions that the version came from, as far as they count, with the ref of each version."""
    registry, version = context.registry, context.version.sequence
    above = await registry.walk.members([version], Direction.ANCESTORS, context.upto, Kind.MODEL_VERSION)
    found = await reviews(registry, above.tolist(), context.upto, context.moment, context.edition)
    reviewed = [one for one, states in found.items() if states]
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(sorted(reviewed))}
    return [(refs[one], state) for one in sorted(reviewed) for state in found[one] if state.void is None]


async def _flags_above(context: GateContext) -> list[ActiveFlag]:
    """A flag that propagates and does not reach the version was cleared on the way; one that does not stays above."""
    standing = await active_flags(context.registry, context.upto)
    if not standing:
        return []
    above = {*await context.registry.origins(context.version.sequence, context.upto)}
    reached = {one.id for one in await flags_reaching(context.registry, context.version.sequence, context.upto)}
    return [one for one in standing if not one.origins.isdisjoint(above) and (one.id in reached or not one.propagates)]


async def serving_there(context: GateContext) -> Sequence[Brief]:
    """The versions that serve in the environment."""
    there = await serving(context.registry, context.environment, None, context.moment, context.upto)
    found = await context.registry.store.resolve({one.version for one in there}) if there else {}
    return sorted(found.values(), key=lambda brief: brief.sequence)
