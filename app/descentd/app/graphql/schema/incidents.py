"""Incidents: what went wrong in production."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import After, AsOf, First
from descentd.app.graphql.schema.connections import Connection, records_page
from descentd.app.graphql.schema.deployments import Deployment
from descentd.app.graphql.schema.enums import IncidentStatus, Severity
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.lineage import KindCount, kind_counts
from descentd.app.graphql.schema.records import Record, named
from descentd.app.graphql.schema.scalars import JSON, DateTime, Ref
from descentd.app.graphql.schema.statements import SafetyProfile
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.inputs.acts import IncidentInput, ResolutionInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.queries.production import incidents, record_incident

Reporting: Final[Any] = made(IncidentInput)
Resolving: Final[Any] = made(ResolutionInput)


@strawberry.type(description="Something that went wrong in production.")
class Incident(Record, kind=Kind.INCIDENT):
    """Incident; a record that resolves an incident has the fields of the one that it resolves."""

    @strawberry.field(description="What happened, in one line.")
    @batched
    async def title(self, info: Info) -> str:
        return str((await self._opening(info))["title"])

    @strawberry.field(description="The severity.")
    @batched
    async def severity(self, info: Info) -> Severity:
        return Severity((await self._opening(info))["severity"])

    @strawberry.field(description="A longer description.")
    @batched
    async def description(self, info: Info) -> str | None:
        return (await self._opening(info)).get("description")

    @strawberry.field(description="The reported environment; null if only a version was named.")
    @batched
    async def environment(self, info: Info) -> str | None:
        return (await self._opening(info)).get("environment")

    @strawberry.field(description="The reported endpoint in the environment.")
    @batched
    async def endpoint(self, info: Info) -> str | None:
        return (await self._opening(info)).get("endpoint")

    @strawberry.field(description="The labels of the reporting system.")
    @batched
    async def labels(self, info: Info) -> JSON | None:
        return (await self._opening(info)).get("labels")

    @strawberry.field(description="When it happened.")
    @batched
    async def opened_at(self, info: Info) -> DateTime:
        return DateTime((await self._opening(info))["openedAt"])

    @strawberry.field(description="When it ended; null while it is open.")
    @batched
    async def resolved_at(self, info: Info) -> DateTime | None:
        resolution = await self._resolution(info)
        return None if resolution is None else DateTime(resolution["resolvedAt"])

    @strawberry.field(description="Whether it is open or resolved.")
    @batched
    async def status(self, info: Info) -> IncidentStatus:
        return IncidentStatus.OPEN if await self._resolution(info) is None else IncidentStatus.RESOLVED

    @strawberry.field(description="The version that served then; null if none was found.")
    @batched
    async def version(self, info: Info) -> ModelVersion | None:
        found: ModelVersion | None = await self._part(info, "subject")
        return found

    @strawberry.field(description="The safety profile of the version at that time.")
    @batched
    async def profile(self, info: Info) -> SafetyProfile | None:
        found: SafetyProfile | None = await self._part(info, "profile")
        return found

    @strawberry.field(description="The deployment that it is about.")
    @batched
    async def deployment(self, info: Info) -> Deployment | None:
        found: Deployment | None = await self._part(info, "deployment")
        return found

    @strawberry.field(description="The record that caused it, if somebody named one.")
    @batched
    async def cause(self, info: Info) -> Record | None:
        found: Record | None = await self._part(info, "cause")
        return found

    @strawberry.field(
        description="The number of records of each kind that descend from the cause, or from the version if no cause "
        "is named."
    )
    async def affected(self, info: Info) -> list[KindCount]:
        return kind_counts(await incidents.affected(context(info).registry, await self._opening(info), self.at))

    async def _part(self, info: Info, part: str) -> Any:
        id = (await self._opening(info)).get(part)
        return None if id is None else await named(info, id, self.at)

    async def _opening(self, info: Info) -> Content:
        content = await self._content(info)
        if "supersedes" not in content:
            return content
        opened = await context(info).named.load(content["supersedes"])
        return (await context(info).entries.load(opened.sequence)).record.content

    async def _resolution(self, info: Info) -> Content | None:
        content = await self._content(info)
        if "supersedes" in content:
            return content
        entry = await context(info).resolutions.load((self.sequence, self.at))
        return None if entry is None else entry.record.content


@strawberry.type
class IncidentMutation:
    """Reporting and resolving."""

    @strawberry.mutation(description="Record an incident, also one that cannot be related to a version.")
    async def report_incident(
        self,
        info: Info,
        input: Annotated[Reporting, strawberry.argument(description="The incident: what, where and when.")],
    ) -> Incident:
        done = await record_incident.report(
            context(info).registry, IncidentInput.read(wire(input)), context(info).person
        )
        context(info).answered_at(done.upto)
        return await _incident(info, done.record.id, done.upto)

    @strawberry.mutation(description="Record that an incident is over.")
    async def resolve_incident(
        self,
        info: Info,
        input: Annotated[Resolving, strawberry.argument(description="The incident, and when it was over.")],
    ) -> Incident:
        registry = context(info).registry
        record = await record_incident.resolve(registry, ResolutionInput.read(wire(input)), context(info).person)
        at = await registry.sequence()
        context(info).answered_at(at)
        return await _incident(info, record.content["supersedes"], at)


async def _incident(info: Info, id: str, at: int) -> Incident:
    found: Incident = await named(info, id, at)
    return found


@strawberry.type
class IncidentQuery:
    """Listing incidents."""

    @strawberry.field(description="All incidents, or those whose version or cause is a record.")
    async def incidents(
        self,
        info: Info,
        of: Annotated[
            Ref | None, strawberry.argument(description="The version or the cause; all incidents by default.")
        ] = None,
        first: First = None,
        after: After = None,
        as_of: AsOf = None,
    ) -> Connection[Incident] | None:
        found = await incidents.incidents(context(info).registry, of, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return records_page(found, after)
