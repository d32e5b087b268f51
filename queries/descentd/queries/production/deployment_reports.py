"""Webhooks that report what serves, compared with what the registry promoted.

Something that serves and is unknown, or is not what was promoted there, is recorded as an incident.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.inputs.acts import DeploymentInput, EndDeploymentInput, IncidentInput
from descentd.graph.inputs.base import DateTime, Input, Name, Value
from descentd.graph.model.clock import timestamp
from descentd.graph.model.errors import GateBlocked
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant
from descentd.graph.model.records import Brief
from descentd.queries.production import record_deployment, record_incident
from descentd.queries.production.alerts import external_id
from descentd.queries.production.deployments import at_place, promotions
from descentd.queries.production.webhook_receipts import Recorded
from descentd.queries.prose import shortened
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


async def take_report(registry: Registry, told: Report, person: str, key: str | None) -> Recorded:
    """Record a report: a deployment, its end, or an incident. The same `key` again is the same report."""
    given = told.given
    if told.removed:
        place = {"environment": given.environment, "endpoint": given.endpoint, "until": given.since}
        ending = EndDeploymentInput.read({**place, "reason": "Reported as removed."})
        return Recorded((await record_deployment.report_end(registry, ending, person, key)).id)
    candidates = await _versions(registry, given)
    if len(candidates) != 1:
        return await _mismatch(registry, given, _unclear(given, candidates), None, person)
    [version] = candidates
    wanted = {
        "subject": version.id,
        "environment": given.environment,
        "endpoint": given.endpoint,
        "since": given.since,
        "idempotencyKey": key,
    }
    try:
        done = await record_deployment.deploy(registry, DeploymentInput.read(wanted), person, serves=True)
    except GateBlocked as error:
        return await _mismatch(registry, given, f"Serving against the registry: {error.message}", version, person)
    return Recorded(done.deployment.entry.record.id)


async def _versions(registry: Registry, given: ReportInput) -> list[Brief]:
    """The versions that a report may mean: one where it can be told, several where an artifact is that of several.

    Of several with one artifact it is the one that serves at the endpoint, else those that are promoted there.
    """
    if given.deployed is None:
        return []
    found = (await registry.store.resolve([given.deployed])).get(given.deployed)
    if found is not None:
        return [found] if found.kind is Kind.MODEL_VERSION else []
    key = f"artifact:{given.deployed}"
    sequences = (await registry.store.find_by_keys([key])).get(key, ())
    holders = await registry.store.briefs(sequences)
    if len(holders) < 2:
        return holders
    moment = instant(given.since or timestamp())
    there = await at_place(registry.store, given.environment, given.endpoint)
    serving = {one.version for one in there.deployments if one.serves_at(moment)}
    upto = await registry.sequence()
    promoted = await promotions(registry, sequences, given.environment, upto)
    for likely in (
        [brief for brief in holders if brief.id in serving],
        [brief for brief in holders if brief.sequence in promoted],
    ):
        if likely:
            return likely
    return holders


def _unclear(given: ReportInput, candidates: Sequence[Brief]) -> str:
    if not candidates:
        return f"Unknown to the registry and serving: {given.deployed or 'something that the report does not name'}"
    shown = shortened([brief.ref for brief in candidates], 5)
    return f"Serving, but which version is ambiguous: {given.deployed} is an artifact of {shown}"


async def _mismatch(registry: Registry, given: ReportInput, title: str, version: Brief | None, person: str) -> Recorded:
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
    done = await record_incident.report(registry, IncidentInput.read(told), person, recurs=True, matched=matched)
    return Recorded(done.record.id)
