"""Incidents: what went wrong in production."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First
from descentd.app.graphql.schema.connections import Connection, Edge, page_info
from descentd.app.graphql.schema.deployments import Deployment
from descentd.app.graphql.schema.enums import IncidentStatus, Severity
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.lineage import KindCount, kind_counts
from descentd.app.graphql.schema.records import Record, named, node
from descentd.app.graphql.schema.scalars import JSON, Count, DateTime, Ref
from descentd.app.graphql.schema.statements import SafetyProfile
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.inputs.acts import IncidentInput, ResolutionInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.queries.production import incident_reports, incidents

Reporting: Final[Any] = made(IncidentInput)
Resolving: Final[Any] = made(ResolutionInput)


@strawberry.type(description="Something that went wrong in production.")
class Incident(Record, kind=Kind.INCIDENT):
    """Incident; a record that resolves one tells of the one that it resolves."""

    @strawberry.field(description="What happened, in a line.")
    async def title(self, info: Info) -> str:
        return str((await self._opening(info))["title"])

    @strawberry.field(description="How bad it is.")
    async def severity(self, info: Info) -> Severity:
        return Severity((await self._opening(info))["severity"])

    @strawberry.field(description="What happened, at length.")
    async def description(self, info: Info) -> str | None:
        return (await self._opening(info)).get("description")

    @strawberry.field(description="Where it happened, as reported; null where only a version was named.")
    async def environment(self, info: Info) -> str | None:
        return (await self._opening(info)).get("environment")

    @strawberry.field(description="At which endpoint of the environment, as reported.")
    async def endpoint(self, info: Info) -> str | None:
        return (await self._opening(info)).get("endpoint")

    @strawberry.field(description="What the reporting system tells it apart by.")
    async def labels(self, info: Info) -> JSON | None:
        return (await self._opening(info)).get("labels")

    @strawberry.field(description="When it happened.")
    async def opened_at(self, info: Info) -> DateTime:
        return DateTime((await self._opening(info))["openedAt"])

    @strawberry.field(description="When it was over; null while it is open.")
    async def resolved_at(self, info: Info) -> DateTime | None:
        resolution = await self._resolution(info)
        return None if resolution is None else DateTime(resolution["resolvedAt"])

    @strawberry.field(description="Whether it is over.")
    async def status(self, info: Info) -> IncidentStatus:
        return IncidentStatus.OPEN if await self._resolution(info) is None else IncidentStatus.RESOLVED

    @strawberry.field(description="The version that was serving then; null where none was found.")
    async def version(self, info: Info) -> ModelVersion | None:
        found: ModelVersion | None = await self._part(info, "subject")
        return found

    @strawberry.field(description="The profile of the version as of then.")
    async def profile(self, info: Info) -> SafetyProfile | None:
        found: SafetyProfile | None = await self._part(info, "profile")
        return found

    @strawberry.field(description="The deployment that it happened to.")
    async def deployment(self, info: Info) -> Deployment | None:
        found: Deployment | None = await self._part(info, "deployment")
        return found

    @strawberry.field(description="What caused it, where somebody said so.")
    async def cause(self, info: Info) -> Record | None:
        found: Record | None = await self._part(info, "cause")
        return found

    @strawberry.field(description="How many records of each kind come from the cause, or else from the version.")
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


@strawberry.type(description="An incident that was recorded, with what it was found to be about.")
class IncidentDone:
    """Incident."""

    id: strawberry.ID = strawberry.field(description="The content id of the incident.")
    version: ModelVersion | None = strawberry.field(description="The version; null where none was found.")
    profile: SafetyProfile | None = strawberry.field(description="Its profile as of then.")
    affected: list[KindCount] = strawberry.field(
        description="How many records of each kind come from the cause, or else from the version."
    )


@strawberry.type(description="An incident that is over.")
class ResolutionDone:
    """Resolution."""

    id: strawberry.ID = strawberry.field(description="The content id of the incident.")
    status: IncidentStatus = strawberry.field(description="RESOLVED.")


@strawberry.type
class IncidentMutation:
    """Reporting and resolving."""

    @strawberry.mutation(description="Record that something went wrong; what fits no version is kept too.")
    async def report_incident(
        self, info: Info, input: Annotated[Reporting, strawberry.argument(description="What, where and when.")]
    ) -> IncidentDone:
        done = await incident_reports.report(
            context(info).registry, IncidentInput.read(wire(input)), context(info).person
        )
        context(info).answered_at(done.upto)
        content = done.record.content
        return IncidentDone(
            id=strawberry.ID(done.record.id),
            version=await named(info, content["subject"], done.upto) if "subject" in content else None,
            profile=await named(info, content["profile"], done.upto) if "profile" in content else None,
            affected=kind_counts(done.affected),
        )

    @strawberry.mutation(description="Record that an incident is over.")
    async def resolve_incident(
        self, info: Info, input: Annotated[Resolving, strawberry.argument(description="Which, and how.")]
    ) -> ResolutionDone:
        registry = context(info).registry
        record = await incident_reports.resolve(registry, ResolutionInput.read(wire(input)), context(info).person)
        context(info).answered_at(await registry.sequence())
        return ResolutionDone(id=strawberry.ID(record.content["supersedes"]), status=IncidentStatus.RESOLVED)


@strawberry.type
class IncidentQuery:
    """Listing incidents."""

    @strawberry.field(description="Incidents about a record, as version or as cause, or all; also those without any.")
    async def incidents(
        self,
        info: Info,
        of: Annotated[Ref | None, strawberry.argument(description="The version or cause; all unless given.")] = None,
        first: First = None,
        after: After = None,
        as_of: AsOf = None,
    ) -> Connection[Incident]:
        found = await incidents.incidents(context(info).registry, of, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return Connection(
            total_count=Count(found.total),
            page_info=page_info([cursor for _, cursor in found.items], more=found.more),
            edges=[Edge(cursor=cursor, node=node(brief, found.upto)) for brief, cursor in found.items],
        )
