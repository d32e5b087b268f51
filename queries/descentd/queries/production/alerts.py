"""Alerts of monitoring systems, recorded as incidents, also if no version is found: a refused alert would be lost."""

import hashlib
from dataclasses import dataclass
from typing import Final

from descentd.graph.inputs.acts import IncidentInput, ResolutionInput
from descentd.graph.model.accounts import person_key
from descentd.graph.model.clock import timestamp
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant
from descentd.queries.governance.policies import likely_environment
from descentd.queries.production import record_incident
from descentd.queries.production.webhook_receipts import Recorded
from descentd.queries.registry import Registry

_LONGEST: Final = 1000
"""Characters of an externalId."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; `over` says that it is resolved, at `resolved` where that is known."""

    incident: IncidentInput
    over: bool
    resolved: str | None


def external_id(*parts: str) -> str:
    """An id of an incident elsewhere, out of what tells it apart there."""
    whole = ":".join(parts)
    return whole if len(whole) <= _LONGEST else f"{parts[0]}:{hashlib.sha256(whole.encode()).hexdigest()}"


async def take_alert(registry: Registry, told: Alert, person: str, key: str | None) -> Recorded:
    """Record an alert. One without an id of its own goes by `key`: the same one again is the same incident.

    An alert that is over ends the incident only where the same sender (`person`) opened it: others may know an id.
    """
    given, note = await _known_alone(registry, told.incident)
    if given.external_id is None:
        given = given.model_copy(update={"external_id": key})
    reported = await record_incident.report(registry, given, person)
    note = await _astray(registry, reported.record.content) if note is None else note
    opened_by = str(reported.record.content["by"])
    if told.over and person_key(opened_by) != person_key(person):
        refused = f"The incident was reported by {opened_by}, and a resolved alert of another sender does not close it."
        note = refused if note is None else f"{note} {refused}"
    elif told.over:
        reason = "The system that reported it says that it is over."
        # A clock that ran backwards must not keep an incident open.
        ended = max(told.resolved or timestamp(), reported.record.content["openedAt"], key=instant)
        over = {"incident": reported.record.id, "reason": reason, "resolvedAt": ended}
        await record_incident.resolve(registry, ResolutionInput.read(over), person)
    return Recorded(reported.record.id, note)


async def _astray(registry: Registry, incident: Content) -> str | None:
    """What to say of an incident without a version at an environment that was likely meant to be another."""
    if "subject" in incident or "environment" not in incident:
        return None
    environment = incident["environment"]
    other = await likely_environment(registry, environment, await registry.sequence())
    said = f"No policy is for {environment}, and no version was found there: did you mean {other}?"
    return None if other is None else said


async def _known_alone(registry: Registry, told: IncidentInput) -> tuple[IncidentInput, str | None]:
    """What an alert tells, without a subject that is no version on record, and without a cause that is not on record.

    They stay among the labels, which a note says; what served at the alert's place is found all the same.
    """
    found = await registry.store.resolve([ref for ref in (told.subject, told.cause) if ref is not None])
    unknown: dict[str, str] = {}
    if told.subject is not None and (told.subject not in found or found[told.subject].kind is not Kind.MODEL_VERSION):
        unknown["subject"] = told.subject
    if told.cause is not None and told.cause not in found:
        unknown["cause"] = told.cause
    if not unknown:
        return told, None
    labels = told.labels if isinstance(told.labels, dict) else {"labels": told.labels} if told.labels else {}
    place = {"environment": told.environment or "unknown", "endpoint": told.endpoint or "unknown"}
    changed = {**(place if "subject" in unknown else {}), **dict.fromkeys(unknown), "labels": {**labels, **unknown}}
    wanted = {"subject": "no model version on record", "cause": "not on record"}
    said = "; ".join(f"the {part} {repr(given)[:120]} is {wanted[part]}" for part, given in unknown.items())
    return told.model_copy(update=changed), f"{said[0].upper()}{said[1:]}: kept among the labels."
