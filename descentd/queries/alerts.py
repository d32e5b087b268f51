"""What systems outside tell: alerts become incidents, and reports of what serves are compared with the registry.

Something that serves and is unknown, or is not what the registry promoted there, is an incident by itself.
"""

from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from descentd.graph.acts import DeploymentInput, EndDeploymentInput, IncidentInput, ResolutionInput, now
from descentd.graph.errors import GateBlocked, InvalidInput, NotFound
from descentd.graph.inputs import DateTime, Input, Name, Value
from descentd.graph.names import instant
from descentd.graph.records import Brief
from descentd.graph.relations import Kind
from descentd.queries import deployment, incidents
from descentd.queries.registry import Registry
from descentd.queries.serving import at_place


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; `over` says that it is resolved, at `resolved` where that is known."""

    incident: IncidentInput
    over: bool
    resolved: str | None


class _ReportInput(Input):
    environment: Name
    endpoint: Value
    deployed: Value
    since: DateTime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is said to serve at an endpoint: a ref, or the digest of an artifact; None where nobody says what.

    `removed` reports that nothing serves there any more.
    """

    environment: str
    endpoint: str
    deployed: str | None
    since: str | None
    removed: bool = False

    @classmethod
    def read(cls, given: Any, field: str) -> Self:
        """A report from its plain shape; raises InvalidInput."""
        try:
            read = _ReportInput.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(filter(None, [field, *map(str, first["loc"])]))
            raise InvalidInput(f"{first['msg']}: correct the report.", place) from None
        return cls(read.environment, read.endpoint, read.deployed, read.since)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was recorded of what was told: a record, the version that it is about, and how that stands."""

    id: str | None
    kind: Kind | None
    version: str | None
    status: str


async def take(registry: Registry, told: Alert | Report, person: str) -> Outcome:
    """Record what a system outside told; raises InvalidInput and NotFound for what it names."""
    if isinstance(told, Alert):
        return await _alert(registry, told, person)
    return await _report(registry, told, person)


async def _alert(registry: Registry, told: Alert, person: str) -> Outcome:
    reported = await incidents.report(registry, await _matchable(registry, told.incident), person)
    status = incidents.IncidentStatus.OPEN
    if told.over:
        reason = "The system that reported it says that it is over."
        over = {"incident": reported.record.id, "reason": reason}
        opened = reported.record.content["openedAt"]
        # A clock that ran backwards must not keep an incident open.
        ended = max(told.resolved or now(), opened, key=instant)
        await incidents.resolve(registry, ResolutionInput.read({**over, "resolvedAt": ended}), person)
        status = incidents.IncidentStatus.RESOLVED
    version = reported.record.content.get("subject")
    return Outcome(reported.record.id, Kind.INCIDENT, await _ref(registry, version), status)


async def _matchable(registry: Registry, told: IncidentInput) -> IncidentInput:
    """What an alert tells, without a subject that is no version on record: nobody sends a refused alert again.

    The subject stays among the labels; what served at the alert's place is found all the same.
    """
    if told.subject is None:
        return told
    found = (await registry.store.resolve([told.subject])).get(told.subject)
    if found is not None and found.kind is Kind.MODEL_VERSION:
        return told
    labels = told.labels if isinstance(told.labels, dict) else {"labels": told.labels} if told.labels else {}
    place = {"environment": told.environment or "unknown", "endpoint": told.endpoint or "unknown"}
    return told.model_copy(update={**place, "subject": None, "labels": {**labels, "subject": told.subject}})


async def _ref(registry: Registry, id: str | None) -> str | None:
    return None if id is None else (await registry.store.resolve([id]))[id].ref


async def _report(registry: Registry, told: Report, person: str) -> Outcome:
    place = {"environment": told.environment, "endpoint": told.endpoint}
    if told.removed:
        return await _removed(registry, told, place, person)
    version = await _version(registry, told)
    if version is None:
        what = told.deployed or "something without an artifact digest"
        return await _mismatch(registry, told, f"Unknown to the registry and serving: {what}", None, person)
    given = {"subject": version.id, **place, **({"since": told.since} if told.since else {})}
    try:
        done = await deployment.deploy(registry, DeploymentInput.read(given), person)
    except GateBlocked as error:
        return await _mismatch(registry, told, f"Serving against the registry: {error.message}", version, person)
    return Outcome(done.service.entry.record.id, Kind.DEPLOYMENT, version.ref, "SERVING")


async def _removed(registry: Registry, told: Report, place: dict[str, str], person: str) -> Outcome:
    until = {"until": told.since} if told.since else {}
    given = EndDeploymentInput.read({**place, **until, "reason": "Reported as removed."})
    try:
        done = await deployment.end(registry, given, person)
    except NotFound:
        return Outcome(None, None, None, "NOTHING_SERVED")
    return Outcome(done.service.entry.record.id, Kind.DEPLOYMENT, await _ref(registry, done.service.version), "ENDED")


async def _version(registry: Registry, told: Report) -> Brief | None:
    """The version that a report names: of several with one artifact, the one that serves there, else the newest."""
    if told.deployed is None:
        return None
    if not told.deployed.startswith("sha256:"):
        found = (await registry.store.resolve([told.deployed])).get(told.deployed)
        return found if found is not None and found.kind is Kind.MODEL_VERSION else None
    key = f"artifact:{told.deployed}"
    holders = (await registry.store.holders([key])).get(key, ())
    if not holders:
        return (await registry.store.resolve([told.deployed])).get(told.deployed)
    moment = instant(told.since or now())
    there = await at_place(registry.store, told.environment, told.endpoint)
    serving = {one.version for one in there if one.serves_at(moment)}
    briefs = await registry.store.briefs(holders)
    return next((brief for brief in briefs if brief.id in serving), briefs[-1])


async def _mismatch(registry: Registry, told: Report, title: str, version: Brief | None, person: str) -> Outcome:
    given = {
        "title": title,
        "severity": "HIGH",
        "environment": told.environment,
        "endpoint": told.endpoint,
        "labels": {"reported": told.deployed},
        **({"subject": version.id} if version else {}),
        **({"at": told.since} if told.since else {}),
        # What keeps on serving is reported again and again, and is one incident.
        "externalId": f"serving:{told.environment}:{told.endpoint}:{told.deployed}:{told.since}",
    }
    done = await incidents.report(registry, IncidentInput.read(given), person)
    return Outcome(done.record.id, Kind.INCIDENT, version.ref if version else None, incidents.IncidentStatus.OPEN)
