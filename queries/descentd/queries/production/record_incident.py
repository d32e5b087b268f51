"""Recording incidents and their resolution: an incident names the version that served then, and its profile then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.inputs.acts import IncidentInput, ResolutionInput
from descentd.graph.model.clock import check_past, timestamp
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import VERSION, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import four_digit_year, instant
from descentd.graph.model.records import Record
from descentd.graph.registration.acts import name_one, perform, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.evidence import evidence
from descentd.queries.production.deployments import Deployment, at_place
from descentd.queries.production.incidents import affected
from descentd.queries.registry import Registry

_INCIDENT: Final = frozenset({Kind.INCIDENT})


@dataclass(frozen=True, slots=True)
class Reported:
    """An incident that was recorded, or was there.

    `affected` counts by kind what else comes from the cause, or else from the version.
    """

    record: Record
    affected: Mapping[Kind, int]
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
    opened = given.at or timestamp()
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
        subject = await name_one(registry.store, given.subject, "subject", VERSION)
    elif served is not None:
        subject = await registry.find(served.version, upto)
    else:
        return {}
    found: Content = {"subject": subject.id}
    if served is not None and served.version == subject.id:
        found["deployment"] = served.entry.record.id
    then = await registry.store.sequence_at(instant(opened))
    counted = (await evidence(registry, [subject.sequence], then))[subject.sequence].counting(then)
    profiles = [entry.record.id for entry in counted if entry.record.kind is Kind.SAFETY_PROFILE]
    return found | ({"profile": profiles[-1]} if profiles else {})


async def _served(registry: Registry, given: IncidentInput, moment: int, upto: int) -> Deployment | None:
    if given.environment is None or given.endpoint is None:
        return None
    there = await at_place(registry.store, given.environment, given.endpoint, upto)
    return next((one for one in there.deployments if one.serves_at(moment)), None)


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
        resolved = given.resolved_at or timestamp()
        if instant(resolved) < instant(entry.record.content["openedAt"]):
            opened = four_digit_year(entry.record.content["openedAt"])
            raise InvalidInput(f"The incident began at {opened}: give a later moment.", "resolvedAt")
        content: Content = {"supersedes": named.id, "reason": given.reason, "resolvedAt": resolved}
        if "subject" in entry.record.content:
            content["about"] = entry.record.content["subject"]
        return [Record.of(Kind.INCIDENT, signed(content, person))]

    [record] = await perform(registry.committer, person, draft)
    return record
