"""What expressions see of how a version stands: flags, reviews, incidents, what serves, and its ancestry."""

from collections.abc import Sequence
from typing import Any

from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import ActiveFlag, active_flags, reaching
from descentd.queries.governance.gate.context import Case, Sighting
from descentd.queries.governance.policies import Policy
from descentd.queries.governance.probes import origins, weaknesses
from descentd.queries.governance.reviews import ReviewState, quorum, reviews, vetoes
from descentd.queries.production.deployments import serving
from descentd.queries.production.incidents import open_incidents
from descentd.queries.retractions import retracted_ids
from descentd.queries.withdrawals import withdrawn_origins


async def reviews_of(case: Case) -> Sequence[ReviewState]:
    """All reviews of the version, as they stand."""
    version = case.version.sequence
    return (await reviews(case.registry, [version], case.upto, case.moment, case.edition))[version]


async def review(case: Case, policy: Policy | None) -> Sighting:
    """How many people said GO and NO_GO for the environment, and whether the quorum is reached."""
    held = await reviews_of(case)
    reached = quorum(held, case.environment, policy)
    value = {
        "go": len(reached.people),
        "no_go": len({one.who for one in vetoes(held, case.environment)}),
        "quorum_reached": reached.reached,
    }
    here = (one for one in held if one.void is None and one.environment == case.environment)
    return Sighting(value, tuple(one.entry.record.id for one in here))


async def flags(case: Case) -> Sighting:
    """The flags that stand on the version, or reach it."""
    found = await reaching(case.registry, case.version.sequence, case.upto)
    return Sighting([_flag(one) for one in found], tuple(one.id for one in found))


def _flag(one: ActiveFlag) -> dict[str, Any]:
    return {"id": one.id, "action": one.action.value, "reason": one.reason}


async def incidents(case: Case) -> Sighting:
    """The incidents about the version that are not over."""
    found = await open_incidents(case.registry, case.version.sequence, case.upto)
    ids = [entry.record.id for entry in found]
    gone = await retracted_ids(case.registry.store, ids, case.upto) if ids else frozenset()
    return _weighed([entry for entry in found if entry.record.id not in gone])


def _weighed(entries: Sequence[Entry]) -> Sighting:
    value = [
        {
            "id": entry.record.id,
            "severity": entry.record.content["severity"].lower(),
            "title": entry.record.content["title"],
        }
        for entry in entries
    ]
    return Sighting(value, tuple(entry.record.id for entry in entries))


async def ancestry(case: Case) -> Sighting:
    """What stands on whatever the version came from: flags that it was not cleared of, weaknesses, retractions."""
    value: dict[str, Any] = {}
    evidence: list[str] = []
    if "flags" in case.mentioned.fields:
        found = await _flags_above(case)
        value["flags"] = [_flag(one) for one in found]
        evidence += [one.id for one in found]
    if "vulnerabilities" in case.mentioned.fields:
        documented = await weaknesses(case.registry, case.version.sequence, case.upto)
        seen = _weighed([one for one in documented if one.record.content["subject"] != case.version.id])
        value["vulnerabilities"] = seen.value
        evidence += seen.evidence
    if "retracted" in case.mentioned.fields:
        gone = await withdrawn_origins(case.registry, case.version.sequence, case.upto)
        value["retracted"] = [{"id": one.of.id, "ref": one.of.ref, "reason": one.reason} for one in gone]
        evidence += dict.fromkeys(one.id for one in gone)
    return Sighting(value, tuple(evidence))


async def _flags_above(case: Case) -> list[ActiveFlag]:
    """A flag that propagates and does not reach the version was cleared on the way; one that does not stays above."""
    standing = await active_flags(case.registry, case.upto)
    if not standing:
        return []
    above = {*await origins(case.registry, case.version.sequence, case.upto)}
    reached = {one.id for one in await reaching(case.registry, case.version.sequence, case.upto)}
    return [one for one in standing if not one.origins.isdisjoint(above) and (one.id in reached or not one.propagates)]


async def serving_there(case: Case) -> Sequence[Brief]:
    """The versions that serve in the environment."""
    there = await serving(case.registry, case.environment, None, case.moment, case.upto)
    found = await case.registry.store.resolve({one.version for one in there}) if there else {}
    return sorted(found.values(), key=lambda brief: brief.sequence)
