"""Deploying and ending deployments, and how what serves complies with policy and documentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.errors import GateBlocked, InvalidInput, NotFound
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import (
    DeploymentInput,
    EndDeploymentInput,
    name_one,
    now,
    perform,
    repeated,
    signed,
)
from descentd.graph.store.base import Reads
from descentd.queries.governance.flags import REFUSING, reaching
from descentd.queries.governance.gate.decide import Gate, ask
from descentd.queries.governance.gate.promotion import blocked
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.governance.profiles import profiles
from descentd.queries.production.deployments import Deployment, at_place, promotion
from descentd.queries.registry import Registry
from descentd.queries.withdrawals import withdrawal

_VERSION: Final = frozenset({Kind.MODEL_VERSION})


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that was recorded, or was there."""

    deployment: Deployment
    upto: int


async def deploy(registry: Registry, given: DeploymentInput, person: str, *, serves: bool = False) -> Deployed:
    """Record that a version serves; what serves there already is that deployment.

    The gate is asked about what begins to serve, and not where it `serves` already, whatever the registry says. Raises
    NotFound and InvalidInput for what is named, GateBlocked for a version that is not promoted there, is flagged, or
    that the gate would not let in now, and VersionConflict for an idempotencyKey of another act.
    """
    upto = await registry.sequence()
    subject = await name_one(registry.store, given.subject, "subject", _VERSION)
    content = given.content() | {"subject": subject.id}
    record = await repeated(registry.store, Kind.DEPLOYMENT, person, content)
    if record is None:
        promoted = await _promoted(registry, subject, given, upto)
        if not serves and await _there(registry.store, given, subject.id) is None:
            asked = await ask(registry, subject, given.environment, upto)
            if asked.outcome is not GateOutcome.PASSED:
                raise blocked(asked, field="subject")

        async def draft(reads: Reads) -> Sequence[Record]:
            again = await repeated(reads, Kind.DEPLOYMENT, person, content) or await _there(reads, given, subject.id)
            whole: Content = {"since": now()} | content | {"promotion": promoted.record.id}
            return [again or Record.of(Kind.DEPLOYMENT, signed(whole, person))]

        [record] = await perform(registry.committer, person, draft)
    return await _deployed(registry, record.id, given.environment, given.endpoint)


async def _deployed(registry: Registry, id: str, environment: str, endpoint: str) -> Deployed:
    upto = await registry.sequence()
    there = await at_place(registry.store, environment, endpoint, upto)
    return Deployed(next(one for one in there if one.entry.record.id == id), upto)


async def _there(reads: Reads, given: DeploymentInput, version: str) -> Record | None:
    """The deployment by which the version serves at the endpoint already."""
    moment = instant(given.since or now())
    there = await at_place(reads, given.environment, given.endpoint)
    return next((one.entry.record for one in there if one.serves_at(moment) and one.version == version), None)


async def _promoted(registry: Registry, subject: Brief, given: DeploymentInput, upto: int) -> Entry:
    """The promotion that lets a version be deployed; raises where nothing does."""
    [entry] = await registry.store.entries([subject.sequence])
    held = {artifact["digest"] for artifact in entry.record.content.get("artifacts", ())}
    if given.artifact_digest is not None and given.artifact_digest not in held:
        raise InvalidInput(
            f"{given.artifact_digest} is no artifact of {subject.ref}: deploy the file that was registered.",
            "artifactDigest",
        )
    for flag in await reaching(registry, subject.sequence, upto):
        if flag.action in REFUSING:
            raise GateBlocked(f"{subject.ref} is flagged {flag.action}: {flag.reason}", "subject")
    gone = await withdrawal(registry, subject, upto)
    if gone is not None:
        raise GateBlocked(f"{gone.sentence} It is not let into {given.environment}: deploy another version.", "subject")
    promoted = await promotion(registry, subject.sequence, given.environment, upto)
    if promoted is None:
        raise GateBlocked(
            f"{subject.ref} is not promoted to {given.environment}: promote it first, which asks the gate.", "subject"
        )
    return promoted


async def end(registry: Registry, given: EndDeploymentInput, person: str, key: str | None = None) -> Deployed:
    """Record that what serves at an endpoint ends; raises NotFound where nothing serves there then.

    The same `key` of the same person again is the same end; raises VersionConflict for that of another act.
    """
    until = given.until or now()
    told = given.content() | ({} if key is None else {"idempotencyKey": key})

    async def draft(reads: Reads) -> Sequence[Record]:
        if (again := await repeated(reads, Kind.DEPLOYMENT, person, told)) is not None:
            return [again]
        there = await at_place(reads, given.environment, given.endpoint)
        ending = next((one for one in there if one.serves_at(instant(until)) and one.ended is None), None)
        if ending is None:
            raise NotFound(
                f"At {until} nothing without an end serves at {given.endpoint} in {given.environment}: check both.",
                "endpoint",
            )
        content = told | {"until": until, "supersedes": ending.entry.record.id, "about": ending.version}
        return [Record.of(Kind.DEPLOYMENT, signed(content, person))]

    [record] = await perform(registry.committer, person, draft)
    return await _deployed(registry, record.content["supersedes"], given.environment, given.endpoint)


@dataclass(frozen=True, slots=True)
class Then:
    """A moment (microseconds since 1970) and the last record that was there."""

    moment: int
    upto: int


async def gate_then(registry: Registry, deployment: Deployment, then: Then) -> Gate | None:
    """What the gate of its environment said of a version; None while it was not registered."""
    version = await registry.find(deployment.version, await registry.sequence())
    if version.sequence > then.upto:
        return None
    return await ask(registry, version, deployment.place[0], then.upto, then.moment)


async def profile_current(registry: Registry, deployment: Deployment, then: Then) -> bool:
    """Whether a version had a profile, and none superseded it after the promotion that let it serve."""
    content = deployment.entry.record.content
    found = await registry.store.resolve([content["promotion"], deployment.version])
    version, promoted = found[deployment.version].sequence, found[content["promotion"]].sequence
    current = (await profiles(registry.store, [version], then.upto))[version].current
    return current is not None and current.sequence <= promoted
