"""Incidents: what went wrong in production, linked to what was serving then and to its profile as of then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import IncidentInput, ResolutionInput, check_past, name_one, now, perform, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.evidence import counting, evidence
from descentd.queries.pages import page
from descentd.queries.production.deployments import Deployment, at_place
from descentd.queries.registry import Registry

_VERSION: Final = frozenset({Kind.MODEL_VERSION})
_INCIDENT: Final = frozenset({Kind.INCIDENT})


class IncidentStatus(StrEnum):
    """Whether an incident is over."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class Reported:
    """An incident that was recorded, or was there.

    `affected` counts by kind what else comes from the cause, or else from the version.
    """

    record: Record
    affected: Mapping[Kind, int]
    upto: int


@dataclass(frozen=True, slots=True)
class Incidents:
    """A page of incidents in log order, with the cursor of each."""

    items: Sequence[tuple[Brief, str]]
    total: int
    more: bool
    upto: int


async def report(
    registry: Registry, given: IncidentInput, person: str, *, recurs: bool = False, matched: bool = True
) -> Reported:
    """Record an incident; the same externalId again is the same incident.

    With `recurs` that holds until it is over: then it is another. What fits no version is kept too, and so is what
    is not to be `matched` with what served then. Raises NotFound and InvalidInput for what is named, and InvalidInput
    for a moment that is still to come.
    """
    check_past(given.at, "at")
    opened = given.at or now()
    upto = await registry.sequence()
    content: Content = {k: v for k, v in given.content().items() if k != "at"} | {"openedAt": opened}
    if matched:
        content |= await _matched(registry, given, opened, upto)
    if given.cause is not None:
        content |= {"cause": (await name_one(registry.store, given.cause, "cause")).id}

    async def draft(reads: Reads) -> Sequence[Record]:
        known = await _known(reads, given.external_id)
        if known is None or (recurs and await _resolution(reads, known.sequence) is not None):
            return [Record.of(Kind.INCIDENT, signed(content, person))]
        return [known.record]

    [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    return Reported(record, await affected(registry, record.content, upto), upto)


async def _matched(registry: Registry, given: IncidentInput, opened: str, upto: int) -> Content:
    """The version that an incident is about, its deployment, and its profile as of then, as far as there are any."""
    served = await _served(registry, given, instant(opened), upto)
    if given.subject is not None:
        subject = await name_one(registry.store, given.subject, "subject", _VERSION)
    elif served is not None:
        subject = await registry.find(served.version, upto)
    else:
        return {}
    found: Content = {"subject": subject.id}
    if served is not None and served.version == subject.id:
        found["deployment"] = served.entry.record.id
    then = await registry.store.sequence_at(instant(opened))
    counted = counting((await evidence(registry, [subject.sequence], then))[subject.sequence], then)
    profiles = [entry.record.id for entry in counted if entry.record.kind is Kind.SAFETY_PROFILE]
    return found | ({"profile": profiles[-1]} if profiles else {})


async def _served(registry: Registry, given: IncidentInput, moment: int, upto: int) -> Deployment | None:
    if given.environment is None or given.endpoint is None:
        return None
    there = await at_place(registry.store, given.environment, given.endpoint, upto)
    return next((one for one in there if one.serves_at(moment)), None)


async def _known(reads: Reads, external_id: str | None) -> Entry | None:
    """The newest incident that goes by an id elsewhere."""
    if external_id is None:
        return None
    key = f"external:{external_id}"
    held = (await reads.find_by_keys([key])).get(key)
    return (await reads.entries(held[-1:]))[0] if held else None


async def _resolution(reads: Reads, incident: int) -> Record | None:
    links = await reads.links([incident], {Role.SUPERSEDES}, inward=True)
    return (await reads.entries([links[0].source]))[0].record if links else None


async def affected(registry: Registry, incident: Content, upto: int) -> Mapping[Kind, int]:
    """How many records of each kind come from the cause that an incident names, or else from its version."""
    origin = incident.get("cause", incident.get("subject"))
    if origin is None:
        return {}
    brief = await registry.find(origin, upto)
    return (await registry.walk.reach([brief.sequence], Direction.DESCENDANTS, upto, first=1)).counts


async def resolve(registry: Registry, given: ResolutionInput, person: str) -> Record:
    """Record that an incident is over; one that is over already stays as it was resolved first.

    Raises NotFound, and InvalidInput where it would have been over before it began, or is still to be.
    """
    check_past(given.resolved_at, "resolvedAt")

    async def draft(reads: Reads) -> Sequence[Record]:
        named = await name_one(reads, given.incident, "incident", _INCIDENT)
        [entry] = await reads.entries([named.sequence])
        if "supersedes" in entry.record.content:
            return [entry.record]
        if (before := await _resolution(reads, named.sequence)) is not None:
            return [before]
        resolved = given.resolved_at or now()
        if instant(resolved) < instant(entry.record.content["openedAt"]):
            raise InvalidInput(
                f"The incident began at {entry.record.content['openedAt']}: give a later moment.", "resolvedAt"
            )
        content: Content = {"supersedes": named.id, "reason": given.reason, "resolvedAt": resolved}
        if "subject" in entry.record.content:
            content["about"] = entry.record.content["subject"]
        return [Record.of(Kind.INCIDENT, signed(content, person))]

    [record] = await perform(registry.committer, person, draft)
    return record


async def incidents(
    registry: Registry, of: str | None, first: int | None, after: str | None, as_of: str | None = None
) -> Incidents:
    """A page of incidents about a record, whether as version or as cause, or of all; raises NotFound."""
    asked = page(first, after, await registry.sequence(as_of), ["incidents", of, as_of])
    opened = await registry.store.find_by_prefix("incident:opened")
    if of is not None:
        record = await registry.find(of, asked.upto)
        links = await registry.store.links([record.sequence], {Role.AFFECTS, Role.ABOUT}, inward=True)
        opened = np.intersect1d(opened, np.array([link.source for link in links], dtype=np.int64))
    opened = opened[opened <= asked.upto]
    rest = opened[np.searchsorted(opened, asked.after[0], "right") :] if asked.after else opened
    briefs = await registry.store.briefs(rest[: asked.first].tolist())
    items = [(brief, asked.cursor(brief.sequence)) for brief in briefs]
    return Incidents(items, len(opened), len(rest) > asked.first, asked.upto)


async def resolutions(registry: Registry, sequences: Sequence[int], upto: int) -> Mapping[int, Entry]:
    """The resolution of each of these incidents that has one."""
    links = await registry.store.links(sequences, {Role.SUPERSEDES}, inward=True)
    ended = {link.source: link.target for link in links if link.source <= upto}
    return {ended[entry.sequence]: entry for entry in await registry.store.entries(sorted(ended))}


async def open_incidents(registry: Registry, version: int, upto: int) -> list[Entry]:
    """The incidents about a version that are not over, in log order."""
    links = await registry.store.links([version], {Role.AFFECTS}, inward=True)
    entries = await registry.store.entries([link.source for link in links if link.source <= upto])
    opened = [entry for entry in entries if entry.record.kind is Kind.INCIDENT]
    over = await resolutions(registry, [entry.sequence for entry in opened], upto)
    return [entry for entry in opened if entry.sequence not in over]
