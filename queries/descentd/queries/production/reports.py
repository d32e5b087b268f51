"""Reports from outside of what serves are compared with the registry.

Something that serves and is unknown, or is not what the registry promoted there, is an incident by itself.
"""

from dataclasses import dataclass

from descentd.graph.inputs.base import DateTime, Input, Name, Value
from descentd.graph.model.errors import GateBlocked, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant
from descentd.graph.model.records import Brief
from descentd.graph.registration.acts import DeploymentInput, EndDeploymentInput, IncidentInput, now
from descentd.queries.production import deploying, incident_reports
from descentd.queries.production.alerts import external_id
from descentd.queries.production.deployments import at_place
from descentd.queries.production.receipts import Taken
from descentd.queries.registry import Registry


class ReportInput(Input):
    """What is said to serve at an endpoint."""

    environment: Name
    """Where it serves."""
    endpoint: Value
    """At which endpoint of the environment."""
    deployed: Value | None = None
    """A ref, or the digest of an artifact; absent where nobody says what."""
    since: DateTime | None = None
    """Since when it serves, or does not; now where not given."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is said to serve at an endpoint; `removed` says that nothing serves there any more."""

    given: ReportInput
    removed: bool = False


async def take_report(registry: Registry, told: Report, person: str, key: str | None) -> Taken:
    """Record a report: a deployment, its end, or an incident. The same `key` again is the same report."""
    given = told.given
    if told.removed:
        return await _removed(registry, given, person, key)
    version = await _version(registry, given)
    if version is None:
        what = given.deployed or "something without an artifact digest"
        return await _mismatch(registry, given, f"Unknown to the registry and serving: {what}", None, person)
    wanted = {
        "subject": version.id,
        "environment": given.environment,
        "endpoint": given.endpoint,
        "since": given.since,
        "idempotencyKey": key,
    }
    try:
        done = await deploying.deploy(registry, DeploymentInput.read(wanted), person, serves=True)
    except GateBlocked as error:
        return await _mismatch(registry, given, f"Serving against the registry: {error.message}", version, person)
    return Taken(done.deployment.entry.record.id)


async def _removed(registry: Registry, given: ReportInput, person: str, key: str | None) -> Taken:
    place = {"environment": given.environment, "endpoint": given.endpoint, "until": given.since}
    ending = EndDeploymentInput.read({**place, "reason": "Reported as removed."})
    try:
        done = await deploying.end(registry, ending, person, key)
    except NotFound:
        return Taken(None)
    return Taken(done.deployment.entry.record.id)


async def _version(registry: Registry, given: ReportInput) -> Brief | None:
    """The version that a report names: of several with one artifact, the one that serves there, else the newest."""
    if given.deployed is None:
        return None
    found = (await registry.store.resolve([given.deployed])).get(given.deployed)
    if found is not None:
        return found if found.kind is Kind.MODEL_VERSION else None
    key = f"artifact:{given.deployed}"
    find_by_keys = (await registry.store.find_by_keys([key])).get(key, ())
    if not find_by_keys:
        return None
    moment = instant(given.since or now())
    there = await at_place(registry.store, given.environment, given.endpoint)
    serving = {one.version for one in there if one.serves_at(moment)}
    briefs = await registry.store.briefs(find_by_keys)
    return next((brief for brief in briefs if brief.id in serving), briefs[-1])


async def _mismatch(registry: Registry, given: ReportInput, title: str, version: Brief | None, person: str) -> Taken:
    """An incident about what serves: about its version, or about none, whatever the registry thinks serves there."""
    # What keeps on serving is reported again and again, and is one incident until it is over.
    parts = ("serving", given.environment, given.endpoint, given.deployed or "", given.since or "")
    told = {
        "title": title,
        "severity": "HIGH",
        "environment": given.environment,
        "endpoint": given.endpoint,
        "labels": {"reported": given.deployed},
        "subject": None if version is None else version.id,
        "at": given.since,
        "externalId": external_id(*parts),
    }
    matched = version is not None
    done = await incident_reports.report(registry, IncidentInput.read(told), person, recurs=True, matched=matched)
    return Taken(done.record.id)
