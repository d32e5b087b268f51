"""Recording a review: who may decide on a version, and what the decision is bound to.

Approver is not registrant nor evaluator, compared by person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from descentd.graph.inputs.acts import Decision, RetractedPart, ReviewInput
from descentd.graph.model import clock
from descentd.graph.model.accounts import person_key
from descentd.graph.model.errors import Forbidden, GateBlocked, InvalidInput, NotFound
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import VERSION, Kind
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import name_one, perform, repeated, signed
from descentd.graph.retractions import find_retractions
from descentd.graph.store.base import Reads
from descentd.queries.governance.evidence import evidence
from descentd.queries.governance.flags import refusing_flags
from descentd.queries.governance.policies import likely_environment, policy_in_force
from descentd.queries.governance.reviews import Quorum, quorum, reviews
from descentd.queries.registry import Registry
from descentd.queries.retractions import retraction_of
from descentd.queries.separation_of_duties import recorded_by

_LASTS: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that was recorded, and the quorum with it."""

    record: Record
    quorum: Quorum
    upto: int


async def review(registry: Registry, given: ReviewInput, person: str) -> Reviewed:
    """Record a decision.

    Raises NotFound and InvalidInput for what is named, Forbidden for a GO of who registered or evaluated the version,
    GateBlocked for a version that is quarantined or decommissioned, and VersionConflict for a key of another act.
    """
    upto = await registry.sequence()
    subject = await name_one(registry.store, given.subject, "subject", VERSION)
    content = given.content() | {"subject": subject.id}
    record = await repeated(registry.store, Kind.REVIEW, person, content)
    if record is None:
        await _check(registry, subject, upto, given, person)
        content |= await _basis(registry, subject.sequence, upto, given)

        async def draft(reads: Reads) -> Sequence[Record]:
            again = await repeated(reads, Kind.REVIEW, person, given.content() | {"subject": subject.id})
            return [again or Record.of(Kind.REVIEW, signed(content, person))]

        [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    states = (await reviews(registry, [subject.sequence], upto))[subject.sequence]
    policy = await policy_in_force(registry.store, given.environment, upto)
    return Reviewed(record, quorum(states, given.environment, policy), upto)


async def _check(registry: Registry, version: Brief, upto: int, given: ReviewInput, person: str) -> None:
    """Raise where a version is not to be reviewed for an environment, or not by this person."""
    await _check_environment(registry, given.environment, upto)
    if given.claimed is not None:
        return  # it counts for nothing, whatever the state of the version
    refusing = await refusing_flags(registry, version.sequence, upto)
    if refusing:
        raise GateBlocked(
            f"{version.ref} is flagged {refusing[0].action} ({refusing[0].reason}): clear the flag before it is "
            "reviewed.",
            "subject",
        )
    if given.decision is Decision.GO:
        await check_approval(registry, version, upto, person)


async def _check_environment(registry: Registry, environment: str, upto: int) -> None:
    if await policy_in_force(registry.store, environment, upto) is not None:
        return
    other = await likely_environment(registry, environment, upto)
    if other is not None:
        raise InvalidInput(
            f"No policy is for {environment}: did you mean {other}? If it is another place, have a policy put into "
            "force for it first.",
            "environment",
        )


async def check_approval(registry: Registry, version: Brief, upto: int, person: str) -> None:
    """Raise GateBlocked where a version cannot be approved any more, and Forbidden where not by this person."""
    retraction = await retraction_of(registry, version, upto)
    if retraction is not None:
        raise GateBlocked(
            f"{retraction.sentence} It cannot be approved: register and review another version.", "subject"
        )
    [entry] = await registry.store.entries([version.sequence])
    if recorded_by(entry, person):
        raise Forbidden(f"{person} registered {version.ref} and cannot approve it: another person has to.", "decision")
    about = (await evidence(registry, [version.sequence], upto))[version.sequence].entries
    evaluations = [one for one in about if one.record.kind is Kind.EVALUATION]
    if any(recorded_by(one, person) for one in evaluations):
        raise Forbidden(f"{person} evaluated {version.ref} and cannot approve it: another person has to.", "decision")
    naming = [one for one in evaluations if person_key(one.record.content.get("evaluator", "")) == person_key(person)]
    lifted = await find_retractions(registry.store, [one.record.id for one in naming], RetractedPart.EVALUATOR)
    for one in naming:
        if one.record.id not in lifted.at(upto):
            raise Forbidden(
                f"{one.recorded_by} named {person} as the evaluator of {version.ref} in {one.record.id}, so that they "
                "cannot approve it: another person has to, or, if that is wrong, an admin lifts it (descent retract "
                "--part evaluator).",
                "decision",
            )


async def _basis(registry: Registry, version: int, upto: int, given: ReviewInput) -> Content:
    """What a decision is bound to: the evidence that it cites, the policy in force, and when it ends.

    What is claimed is bound to nothing but the evidence that is named.
    """
    counted = {entry.record.id for entry in (await evidence(registry, [version], upto))[version].counting(upto)}
    for i, id in enumerate(given.evidence or ()):
        if id not in counted:
            if id not in await registry.store.resolve([id]):
                raise NotFound(f"{id} is not registered: use the id of a item of evidence.", f"evidence[{i}]")
            raise InvalidInput(f"{id} is not evidence about this version that counts: leave it out.", f"evidence[{i}]")
    expires = _expiry(given)
    ends: Content = {"expiresAt": expires} if expires else {}
    if given.claimed is not None:
        cited: Content = {"evidence": sorted(given.evidence)} if given.evidence else {}
        return cited | ends  # who decided elsewhere, earlier, saw neither what is known here now nor this policy
    basis: Content = {"evidence": sorted(given.evidence or counted), "sequence": upto}
    policy = await policy_in_force(registry.store, given.environment, upto)
    if policy is not None:
        basis |= {"policy": policy.id, "policyDigest": policy.digest}
    return basis | ends


def _expiry(given: ReviewInput) -> str | None:
    """When a decision ends: a veto and what is claimed only if it says so, anything else after 90 days.

    What is claimed may have ended already.
    """
    now = clock.now()
    if given.expires_at is not None:
        if instant(given.expires_at) <= now and given.claimed is None:
            raise InvalidInput(f"expiresAt is {given.expires_at}, which has passed: give a later moment.", "expiresAt")
        return given.expires_at
    lasting = given.decision is Decision.NO_GO or given.claimed is not None
    return None if lasting else rfc3339(now + _LASTS // timedelta(microseconds=1))
